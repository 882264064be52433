//! `password`: a person's token for a name and a password, for tests (issuer page §2.9).

use std::sync::Arc;

use super::{Request, check_groups, check_user, narrow};
use crate::audience::Step;
use crate::auth::same;
use crate::errors::Refusal;
use crate::issue::{self, Made, RefreshPlan, Ticket};
use crate::keys::SigningKey;
use crate::store::clients::grants;
use crate::store::{Holder, Login, Terms};

/// Gives a person's token.
pub fn grant(request: &Request<'_>, key: &SigningKey) -> Result<Made, Refusal> {
    let Request {
        issuer,
        client,
        form,
        now,
        ..
    } = request;
    let text = |name: &str| match form.get(name) {
        None if issuer.rules.strict() => Err(Refusal::missing(name)),
        sent => Ok(sent.unwrap_or_default()),
    };
    let (name, password) = (text("username")?, text("password")?);
    let user = issuer
        .people
        .by_name(name)
        .filter(|user| same(&user.password, password));
    let user = user.ok_or_else(|| Refusal::bad("invalid_grant", "Bad credentials"))?;
    check_user(issuer, &user, *now, true)?;
    let asked = request.scopes();
    check_groups(issuer, &user, &asked)?;
    let narrowed = narrow(issuer, client, &user, asked)?;
    let target = request.target();
    let audience = target.wish(Step::First, &issuer.rules).map(str::to_owned);
    let terms = Terms {
        client: Arc::clone(&client.id),
        person: true,
        grant: grants::PASSWORD,
        scope: narrowed.request.join(" ").into(),
        audience: audience.clone().map(Into::into),
        resource: resource(request),
    };
    let holder = Holder {
        login: Some(Login {
            at: *now,
            ..Login::default()
        }),
        ..Holder::new(issuer.tokens.wordings.share(terms), Arc::clone(&user.uuid))
    };
    let ticket = first_ticket(
        request,
        &user,
        holder,
        narrowed.claim,
        audience,
        grants::PASSWORD,
        None,
    );
    issue::make(issuer, &ticket, key)
}

/// The resource that binds later requests, where the version knows it.
pub(super) fn resource(request: &Request<'_>) -> Option<Box<str>> {
    let resource = request
        .target()
        .resource
        .filter(|r| !r.is_empty() && !request.issuer.rules.then());
    resource.map(Into::into)
}

/// The ticket of a first request with a person: refresh token for `offline_access`, ID token for `openid`.
pub(super) fn first_ticket<'a>(
    request: &'a Request<'_>,
    user: &'a crate::store::User,
    holder: Holder,
    claim: Vec<String>,
    audience: Option<String>,
    grant: &'static str,
    parent: Option<String>,
) -> Ticket<'a> {
    let refresh = holder.has_scope("offline_access") && request.client.may(grants::REFRESH_TOKEN);
    Ticket {
        client: request.client,
        user: Some(user),
        id_token: holder.has_scope("openid"),
        holder: Arc::new(holder),
        scopes: claim,
        audience,
        grant,
        refresh: if refresh {
            RefreshPlan::New
        } else {
            RefreshPlan::None
        },
        parent,
    }
}

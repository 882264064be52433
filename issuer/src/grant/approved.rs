//! The end of the code and the device grant, which both redeem what a person approved in a browser.

use std::sync::Arc;

use super::password::first_ticket;
use super::{Request, check_aup, check_user, narrow, target_refusal};
use crate::audience::Step;
use crate::errors::Refusal;
use crate::issue::{self, Made};
use crate::keys::SigningKey;
use crate::store::{Holder, Login, Terms, User};

/// What a person approved.
pub(super) struct Approved {
    /// Who.
    pub(super) user: Arc<str>,
    /// The login.
    pub(super) login: Login,
    /// Audience text of the first request.
    pub(super) audience: Option<String>,
    /// Resource text of the first request.
    pub(super) resource: Option<String>,
}

/// Makes the tokens. `scopes` gives what was approved, once person and audience are in order.
pub(super) fn redeem(
    request: &Request<'_>,
    step: Step,
    grant: &'static str,
    approved: Approved,
    scopes: impl FnOnce(&User) -> Result<Vec<String>, Refusal>,
    key: &SigningKey,
) -> Result<Made, Refusal> {
    let Request {
        issuer,
        client,
        now,
        ..
    } = request;
    let user = issuer
        .people
        .by_uuid(&approved.user)
        .ok_or_else(|| Refusal::bad("invalid_grant", "The user does not exist."))?;
    if issuer.rules.strict() {
        check_user(issuer, &user, *now, false)?;
    } else {
        check_aup(issuer, &user, *now)?;
    }
    let audience = request
        .target()
        .bound(
            step,
            approved.resource.as_deref(),
            approved.audience.as_deref(),
            &issuer.rules,
        )
        .map_err(|fault| target_refusal(&fault))?;
    let narrowed = narrow(issuer, client, &user, scopes(&user)?)?;
    let terms = Terms {
        client: Arc::clone(&client.id),
        person: true,
        grant,
        scope: narrowed.request.join(" ").into(),
        audience: audience.clone().map(Into::into),
        resource: approved.resource.map(Into::into),
    };
    let holder = Holder {
        login: Some(approved.login),
        ..Holder::new(issuer.tokens.wordings.share(terms), Arc::clone(&user.uuid))
    };
    let ticket = first_ticket(
        request,
        &user,
        holder,
        narrowed.claim,
        audience,
        grant,
        None,
    );
    issue::make(issuer, &ticket, key)
}

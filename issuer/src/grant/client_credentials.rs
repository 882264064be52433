//! `client_credentials`: a client's own token, no person, no refresh token (issuer page §2.4).

use std::sync::Arc;

use super::{Request, without_reserved};
use crate::audience::Step;
use crate::errors::Refusal;
use crate::issue::{self, Made, RefreshPlan, Ticket};
use crate::keys::SigningKey;
use crate::quirks::Quirk;
use crate::store::clients::grants;
use crate::store::{Holder, Terms};

/// Gives the client its token.
pub fn grant(request: &Request<'_>, key: &SigningKey) -> Result<Made, Refusal> {
    let Request {
        issuer,
        client,
        now: _,
        ..
    } = request;
    if client.is_public() && !issuer.has(Quirk::Q03) {
        return Err(Refusal::bad(
            "unauthorized_client",
            "A public client cannot use client_credentials.",
        ));
    }
    let target = request.target();
    let audience = target.wish(Step::First, &issuer.rules).map(str::to_owned);
    let scopes = request.scopes();
    let scopes = if client.literal {
        scopes
    } else {
        without_reserved(scopes)
    };
    let terms = Terms {
        client: Arc::clone(&client.id),
        grant: grants::CLIENT_CREDENTIALS,
        scope: scopes.join(" ").into(),
        audience: audience.clone().map(Into::into),
        ..Terms::default()
    };
    let terms = issuer.tokens.wordings.share(terms);
    let holder = Holder::new(terms, Arc::clone(&client.id));
    let ticket = Ticket {
        client,
        user: None,
        holder: Arc::new(holder),
        scopes,
        audience,
        grant: grants::CLIENT_CREDENTIALS,
        refresh: RefreshPlan::None,
        id_token: false,
        parent: None,
    };
    issue::make(issuer, &ticket, key)
}

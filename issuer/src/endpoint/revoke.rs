//! `/revoke` (RFC 7009; issuer page §2.10).

use axum::extract::State;
use axum::response::Response;

use super::{Here, Request, failed_inside, read};
use crate::answer::Caching;
use crate::auth::{Means, authenticate};
use crate::errors::{Refusal, Shape};
use crate::issue::{refresh_id, refresh_text};
use crate::issuer::Issuer;
use crate::quirks::Quirk;
use crate::store::Client;

/// Revokes a token.
pub async fn serve(State(issuer): Here, request: Request) -> Response {
    match answer(&issuer, request).await {
        Ok(Means::Form | Means::Public) if issuer.has(Quirk::Q51) => {
            let response = issuer
                .answers
                .redirect(302, &issuer.url(""), Caching::Never);
            if issuer.rules.then() {
                issuer.answers.early(response)
            } else {
                response
            }
        }
        Ok(_) => issuer.answers.bare(200, Caching::Never),
        Err(refusal) => issuer.refuse(&refusal, Caching::Never),
    }
}

async fn answer(issuer: &Issuer, request: Request) -> Result<Means, Refusal> {
    if issuer.rules.strict() && request.method() != http::Method::POST {
        return Err(Refusal::method("POST"));
    }
    let (parts, form) = read(request).await?;
    let form = form.settle(&issuer.rules)?;
    let caller = authenticate(issuer, &parts.headers, &form).map_err(|refusal| {
        if refusal.shape == Shape::Form {
            failed_inside(issuer)
        } else {
            refusal
        }
    })?;
    let Some(text) = form.get("token") else {
        return Err(if issuer.rules.strict() {
            Refusal::missing("token")
        } else {
            Refusal::empty(400)
        });
    };
    match (revoke(issuer, &caller.client, text), caller.means) {
        (Err(refusal), Means::Form | Means::Public) if issuer.has(Quirk::Q51) => {
            let _ = refusal;
            Ok(caller.means)
        }
        (outcome, means) => outcome.map(|()| means),
    }
}

fn revoke(issuer: &Issuer, client: &Client, text: &str) -> Result<(), Refusal> {
    let foreign = || {
        if issuer.has(Quirk::Q38) {
            Err(Refusal::empty(403))
        } else {
            Ok(())
        }
    };
    let now = issuer.now();
    if let Some(record) = issuer.tokens.access(text, now) {
        if record.holder.client != client.id {
            return foreign();
        }
        issuer.tokens.revoke_access(text);
        let jti = uuid::Uuid::from_u128(record.jti).to_string();
        issuer.actor.state(
            "issuer.token",
            &jti,
            "live",
            "revoked",
            "the client revoked it",
        );
        return Ok(());
    }
    let found =
        refresh_id(text).and_then(|jti| issuer.tokens.refresh(jti).map(|record| (jti, record)));
    if let Some((jti, record)) =
        found.filter(|(jti, record)| refresh_text(*jti, record.exp) == text)
    {
        if record.holder.client != client.id {
            return foreign();
        }
        // In June 2021 the access tokens lived on.
        issuer.tokens.revoke_refresh(jti, !issuer.rules.then());
        let id = uuid::Uuid::from_u128(jti).to_string();
        issuer.actor.state(
            "issuer.token",
            &id,
            "live",
            "revoked",
            "the client revoked it",
        );
    }
    Ok(())
}

//! What the admin listener shows: people, groups, clients, keys, tokens and where they came from. No secrets, no tokens.

use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::{Value, json};

use super::{Outcome, answer, not_found};
use crate::endpoint::{Here, Request};
use crate::errors::Refusal;
use crate::issuer::Issuer;
use crate::store::people::Group;
use crate::store::{Client, Holder, User};

pub(super) fn user(user: &User) -> Value {
    json!({
        "username": &*user.username, "uuid": &*user.uuid, "active": user.active, "admin": user.admin,
        "groups": user.memberships.all.iter().map(|g| &**g).collect::<Vec<_>>(), "aup_signed_at": user.aup_signature.map(|s| s.at), "oidc_ids": user.oidc_ids,
    })
}

pub(super) fn group(group: &Group) -> Value {
    json!({ "name": &*group.name, "optional": group.optional, "uuid": &*group.uuid })
}

pub(super) fn client(client: &Client) -> Value {
    json!({
        "client_id": &*client.id, "client_name": client.name, "token_endpoint_auth_method": client.method,
        "grant_types": client.grants, "scope": client.scopes, "redirect_uris": client.redirect_uris,
        "access_token_validity_seconds": client.access, "refresh_token_validity_seconds": client.refresh,
        "reuse_refresh_token": client.reuse, "active": client.active,
    })
}

pub(super) async fn keys(issuer: &Issuer) -> Outcome {
    crate::endpoint::keys::tick(issuer).await;
    let all = issuer.keys.with(|ring| {
        let entry = |entry: &crate::keys::Entry| {
            json!({
                "kid": entry.key.kid(), "alg": entry.key.algorithm().name(), "state": entry.state.name(),
                "active_from": entry.active_from, "retired_from": entry.retired_from, "removed_from": entry.removed_from,
            })
        };
        ring.entries().iter().map(entry).collect::<Value>()
    });
    Ok((
        200,
        all.await
            .map_err(|why| Refusal::new(500, "server_error", why))?,
    ))
}

fn token(jti: u128, exp: i64, holder: &Holder) -> Value {
    json!({
        "jti": uuid::Uuid::from_u128(jti).to_string(), "client_id": &*holder.client, "sub": &*holder.sub,
        "grant": crate::store::clients::grants::short(holder.grant), "scope": &*holder.scope,
        "audience": holder.audience.as_deref(), "act": crate::claims::actors(holder.act()),
        "parent": holder.parent().map(|jti| uuid::Uuid::from_u128(jti).to_string()), "exp": exp,
    })
}

/// `GET /tokens`: how many there are, and the first hundred live access tokens.
pub(super) async fn tokens(State(issuer): Here, _request: Request) -> Response {
    let now = issuer.now();
    let (access, refresh) = issuer.tokens.count();
    let first = issuer.tokens.first_to_end(100, now);
    let list: Vec<Value> = first
        .iter()
        .map(|r| token(r.jti, r.exp, &r.holder))
        .collect();
    answer(
        &issuer,
        Ok((
            200,
            json!({ "access": access, "refresh": refresh, "tokens": list }),
        )),
    )
}

/// `GET /lineage/{jti}`: an access token and the tokens it came from, the newest first.
pub(super) async fn lineage(
    State(issuer): Here,
    Path(jti): Path<String>,
    _request: Request,
) -> Response {
    let mut line = Vec::new();
    let mut next = uuid::Uuid::try_parse(&jti).ok().map(|id| id.as_u128());
    while let Some(id) = next {
        let Some(record) = issuer.tokens.access_by_jti(id) else {
            break;
        };
        line.push(token(record.jti, record.exp, &record.holder));
        next = record.holder.parent();
        if line.len() > 64 {
            break;
        }
    }
    let outcome = if line.is_empty() {
        Err(not_found("live token"))
    } else {
        Ok((200, Value::Array(line)))
    };
    answer(&issuer, outcome)
}

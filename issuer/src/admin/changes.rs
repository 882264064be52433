//! Changing people, groups, clients, policies and tokens.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Outcome, answer, body, no_method, not_found, shown};
use crate::config::{
    AupConfig, ClientConfig, ExchangePolicyConfig, GroupConfig, OidcId, ScopePolicyConfig,
    UserConfig,
};
use crate::endpoint::{Here, Request};
use crate::errors::Refusal;
use crate::exchange::ExchangePolicies;
use crate::issuer::secret;
use crate::policies::ScopePolicies;
use crate::quirks::Quirk;
use crate::store::{Aup, Client, read, write};

/// `GET /users`, `POST /users` with a user as the configuration has it.
pub(super) async fn users(State(issuer): Here, request: Request) -> Response {
    let outcome = match *request.method() {
        Method::GET => Ok((
            200,
            issuer
                .people
                .all()
                .iter()
                .map(|user| shown::user(user))
                .collect(),
        )),
        Method::POST => body::<UserConfig>(request).await.map(|config| {
            let user = issuer
                .people
                .add(&config, issuer.now(), || issuer.actor.uuid().to_string());
            issuer.actor.state(
                "issuer.user",
                &user.username,
                "",
                "there",
                "by the administrator",
            );
            (201, shown::user(&user))
        }),
        _ => no_method(),
    };
    answer(&issuer, outcome)
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct UserChange {
    active: Option<bool>,
    admin: Option<bool>,
    password: Option<String>,
    groups: Option<Vec<String>>,
    aup_signed: Option<bool>,
    oidc_ids: Option<Vec<OidcId>>,
}

/// `GET`, `PATCH` (active, admin, password, groups, aup_signed, oidc_ids) and `DELETE` of one person, by login name.
pub(super) async fn user(
    State(issuer): Here,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let Some(user) = issuer.people.by_name(&name) else {
        return answer(&issuer, Err(not_found("user")));
    };
    let outcome = match *request.method() {
        Method::GET => Ok((200, shown::user(&user))),
        Method::DELETE => {
            issuer.people.remove(&user.uuid);
            let ended = issuer.tokens.revoke_where(|holder| holder.sub == user.uuid);
            issuer.actor.state(
                "issuer.user",
                &name,
                "there",
                "gone",
                "by the administrator",
            );
            Ok((
                200,
                json!({ "access_tokens_ended": ended.0, "refresh_tokens_ended": ended.1 }),
            ))
        }
        Method::PATCH => body::<UserChange>(request).await.map(|change| {
            let now = issuer.now();
            if change.aup_signed == Some(true) {
                issuer.sign_aup(&user.uuid, now);
            }
            let changed = issuer.people.change(&user.uuid, |user| {
                user.active = change.active.unwrap_or(user.active);
                user.admin = change.admin.unwrap_or(user.admin);
                if let Some(password) = change.password {
                    user.password = password;
                }
                if change.aup_signed == Some(false) {
                    user.aup_signature = None;
                }
                if let Some(ids) = change.oidc_ids {
                    user.oidc_ids = ids;
                }
                if let Some(groups) = change.groups {
                    user.memberships.all = groups
                        .iter()
                        .map(|g| crate::store::people::full_name(g).into())
                        .collect();
                }
                user.updated_at = now;
            });
            let to = if changed.as_ref().is_some_and(|user| user.active) {
                "active"
            } else {
                "suspended"
            };
            issuer
                .actor
                .state("issuer.user", &name, "", to, "by the administrator");
            (200, changed.as_deref().map_or(Value::Null, shown::user))
        }),
        _ => no_method(),
    };
    answer(&issuer, outcome)
}

/// `GET /groups`, `POST /groups` with a group as the configuration has it.
pub(super) async fn groups(State(issuer): Here, request: Request) -> Response {
    let outcome = match *request.method() {
        Method::GET => Ok((
            200,
            issuer.people.groups().iter().map(shown::group).collect(),
        )),
        Method::POST => body::<GroupConfig>(request).await.and_then(|config| {
            let group = issuer
                .people
                .add_group(&config, || issuer.actor.uuid().to_string());
            let group = group
                .ok_or_else(|| Refusal::new(409, "conflict", "There is a group of that name."))?;
            Ok((201, shown::group(&group)))
        }),
        Method::DELETE => body::<GroupConfig>(request).await.and_then(|config| {
            let name = crate::store::people::full_name(&config.name);
            let found = issuer
                .people
                .groups()
                .into_iter()
                .find(|g| *g.name == *name);
            let group = found.ok_or_else(|| not_found("group"))?;
            issuer.people.remove_group(&group.uuid);
            Ok((200, json!({})))
        }),
        _ => no_method(),
    };
    answer(&issuer, outcome)
}

/// `GET /clients`, `POST /clients` with a client as the configuration has it. In IAM a client made this way rotates
/// its refresh tokens unless told otherwise.
pub(super) async fn clients(State(issuer): Here, request: Request) -> Response {
    let outcome = match *request.method() {
        Method::GET => Ok((
            200,
            issuer
                .clients
                .all()
                .iter()
                .map(|client| shown::client(client))
                .collect(),
        )),
        Method::POST => new_client(&issuer, request).await,
        _ => no_method(),
    };
    answer(&issuer, outcome)
}

async fn new_client(issuer: &crate::Issuer, request: Request) -> Outcome {
    let mut given: Value = body(request).await?;
    if issuer.has(Quirk::Q18)
        && let Some(members) = given.as_object_mut()
    {
        members.entry("reuse_refresh_token").or_insert(false.into());
        members
            .entry("clear_access_tokens_on_refresh")
            .or_insert(false.into());
    }
    let config: ClientConfig = serde_json::from_value(given)
        .map_err(|why| Refusal::bad("invalid_request", why.to_string()))?;
    let client = Client::new(&config, &issuer.config.lifetimes, &issuer.catalogue, || {
        secret(&issuer.actor)
    });
    let client = issuer.clients.put(client);
    issuer.actor.state(
        "issuer.client",
        &client.id,
        "",
        "there",
        "by the administrator",
    );
    let mut body = shown::client(&client);
    body["client_secret"] = client.secret.clone().into();
    Ok((201, body))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ClientChange {
    active: Option<bool>,
    scope: Option<Vec<String>>,
    grant_types: Option<Vec<String>>,
    access_token_validity_seconds: Option<i64>,
    reuse_refresh_token: Option<bool>,
    new_secret: bool,
}

/// `GET`, `PATCH` and `DELETE` of one client.
pub(super) async fn client(
    State(issuer): Here,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let Some(client) = issuer.clients.get(&id) else {
        return answer(&issuer, Err(not_found("client")));
    };
    let outcome = match *request.method() {
        Method::GET => Ok((200, shown::client(&client))),
        Method::DELETE => {
            issuer.clients.remove(&id);
            let ended = issuer.tokens.revoke_where(|holder| *holder.client == *id);
            issuer.actor.state(
                "issuer.client",
                &id,
                "there",
                "gone",
                "by the administrator",
            );
            Ok((
                200,
                json!({ "access_tokens_ended": ended.0, "refresh_tokens_ended": ended.1 }),
            ))
        }
        Method::PATCH => body::<ClientChange>(request).await.map(|change| {
            let mut client = Client::clone(&client);
            client.active = change.active.unwrap_or(client.active);
            client.access = change
                .access_token_validity_seconds
                .unwrap_or(client.access);
            client.reuse = change.reuse_refresh_token.unwrap_or(client.reuse);
            if let Some(grants) = change.grant_types {
                client.grants = grants
                    .iter()
                    .map(|g| crate::store::clients::grants::full(g).to_owned())
                    .collect();
            }
            if let Some(scope) = change.scope {
                client.set_scopes(scope, &issuer.catalogue);
            }
            if change.new_secret {
                client.secret = Some(secret(&issuer.actor));
            }
            let client = issuer.clients.put(client);
            let to = if client.active { "active" } else { "suspended" };
            issuer
                .actor
                .state("issuer.client", &id, "", to, "by the administrator");
            let mut body = shown::client(&client);
            if change.new_secret {
                body["client_secret"] = client.secret.clone().into();
            }
            (200, body)
        }),
        _ => no_method(),
    };
    answer(&issuer, outcome)
}

/// `GET /aup`; `PUT /aup` with a policy as the configuration has it: other rules must be signed again, another
/// validity lets signatures be; `DELETE /aup`.
pub(super) async fn aup(State(issuer): Here, request: Request) -> Response {
    let shown = |aup: &Aup| {
        json!({ "text": aup.config.text, "url": aup.config.url, "validity_days": aup.config.validity_days,
                "edition": aup.edition, "changed_at": aup.changed_at })
    };
    let current = |issuer: &crate::Issuer| {
        let book = read(&issuer.aup);
        book.current().map(shown).ok_or_else(|| not_found("policy"))
    };
    let outcome = match *request.method() {
        Method::GET => current(&issuer).map(|shown| (200, shown)),
        Method::PUT => body::<AupConfig>(request).await.and_then(|config| {
            let old = read(&issuer.aup).current().map(|aup| aup.config.clone());
            let renew = old.is_none_or(|old| crate::endpoint::aup::other_rules(&old, &config));
            crate::endpoint::aup::put(&issuer, config, renew);
            current(&issuer).map(|shown| (200, shown))
        }),
        Method::DELETE => {
            issuer.clear_aup();
            Ok((200, json!({})))
        }
        _ => no_method(),
    };
    answer(&issuer, outcome)
}

fn readable(unreadable: Option<String>) -> Result<(), Refusal> {
    match unreadable {
        Some(why) => Err(Refusal::bad("invalid_request", why)),
        None => Ok(()),
    }
}

/// `GET /policies/scope`, `PUT /policies/scope` with the whole list.
pub(super) async fn scope_policies(State(issuer): Here, request: Request) -> Response {
    let outcome = match *request.method() {
        Method::GET => Ok((200, json!(read(&issuer.policy_texts).scope))),
        Method::PUT => body::<Vec<ScopePolicyConfig>>(request)
            .await
            .and_then(|all| {
                readable(crate::policies::unreadable(&all, &issuer.rules))?;
                *write(&issuer.scope_policies) = Arc::new(ScopePolicies::new(&all, &issuer.rules));
                issuer.actor.note(format!(
                    "the administrator puts {} scope policies in force",
                    all.len()
                ));
                let mut texts = write(&issuer.policy_texts);
                texts.scope = all;
                texts.number_scope();
                Ok((200, json!({})))
            }),
        _ => no_method(),
    };
    answer(&issuer, outcome)
}

/// `GET /policies/exchange`, `PUT /policies/exchange` with the whole list.
pub(super) async fn exchange_policies(State(issuer): Here, request: Request) -> Response {
    let outcome = match *request.method() {
        Method::GET => Ok((200, json!(read(&issuer.policy_texts).exchange))),
        Method::PUT => body::<Vec<ExchangePolicyConfig>>(request)
            .await
            .and_then(|all| {
                readable(crate::exchange::unreadable(&all, &issuer.rules))?;
                *write(&issuer.exchange_policies) =
                    Arc::new(ExchangePolicies::new(&all, &issuer.rules));
                issuer.actor.note(format!(
                    "the administrator puts {} exchange policies in force",
                    all.len()
                ));
                let mut texts = write(&issuer.policy_texts);
                texts.exchange_ids = (1..=all.len() as u64).map(|n| n + texts.last_id).collect();
                texts.last_id += all.len() as u64;
                texts.exchange = all;
                Ok((200, json!({})))
            }),
        _ => no_method(),
    };
    answer(&issuer, outcome)
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Revoke {
    client_id: Option<String>,
    user: Option<String>,
    jti: Option<String>,
}

/// `POST /tokens/revoke` with `client_id`, `user` or `jti`: ends every token that fits all that is said.
pub(super) async fn revoke(State(issuer): Here, request: Request) -> Response {
    if *request.method() != Method::POST {
        return answer(&issuer, no_method());
    }
    let outcome = body::<Revoke>(request).await.and_then(|which| {
        if which.client_id.is_none() && which.user.is_none() && which.jti.is_none() {
            return Err(Refusal::bad("invalid_request", "Say client_id, user or jti."));
        }
        if let Some(jti) = which.jti.as_deref() {
            let jti = uuid::Uuid::try_parse(jti).map_err(|_| not_found("token"))?.as_u128();
            let access = issuer.tokens.revoke_access_by_jti(jti);
            let refresh = issuer.tokens.revoke_refresh(jti, true).is_some();
            return Ok((200, json!({ "access_tokens_ended": u8::from(access), "refresh_tokens_ended": u8::from(refresh) })));
        }
        let user = match which.user.as_deref() {
            Some(name) => Some(issuer.people.by_name(name).ok_or_else(|| not_found("user"))?),
            None => None,
        };
        let ended = issuer.tokens.revoke_where(|holder| {
            which.client_id.as_deref().is_none_or(|id| *holder.client == *id)
                && user.as_ref().is_none_or(|user| holder.sub == user.uuid)
        });
        Ok((200, json!({ "access_tokens_ended": ended.0, "refresh_tokens_ended": ended.1 })))
    });
    answer(&issuer, outcome)
}

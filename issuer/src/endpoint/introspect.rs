//! `/introspect` (RFC 7662; issuer page §2.10).

use axum::extract::State;
use axum::response::Response;
use carnet_profile::jose::Token;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Here, Request, failed_inside, read};
use crate::answer::Caching;
use crate::auth::{Means, authenticate, authenticate_basic};
use crate::config::TokenProfile;
use crate::errors::{Refusal, Shape};
use crate::issue::{refresh_id, refresh_text};
use crate::issuer::Issuer;
use crate::membership;
use crate::order;
use crate::quirks::Quirk;
use crate::scopes::{Match, allowed};
use crate::store::{Client, Holder};

/// Answers about a token.
pub async fn serve(State(issuer): Here, request: Request) -> Response {
    match answer(&issuer, request).await {
        Ok(body) => issuer.answers.json(200, &body, Caching::Never),
        Err(refusal) => issuer.refuse(&refusal, Caching::Never),
    }
}

async fn answer(issuer: &Issuer, request: Request) -> Result<Value, Refusal> {
    if issuer.rules.strict() && request.method() != http::Method::POST {
        return Err(Refusal::method("POST"));
    }
    let (parts, form) = read(request).await?;
    let form = form.settle(&issuer.rules)?;
    let client = if issuer.rules.strict() {
        let caller = authenticate(issuer, &parts.headers, &form)?;
        if caller.means == Means::Public {
            // RFC 7662 §2.1: or anybody could look tokens up.
            let text = "A public client proves nothing, and cannot introspect.";
            return Err(Refusal::new(401, "invalid_client", text).dressed(Shape::Basic));
        }
        caller.client
    } else {
        authenticate_basic(issuer, &parts.headers)?
    };
    if !client.introspect {
        return Err(Refusal::empty(403));
    }
    let Some(text) = form.get("token") else {
        return Err(if issuer.rules.strict() {
            Refusal::missing("token")
        } else {
            Refusal::empty(400)
        });
    };
    let now = issuer.now();
    if let Some(record) = issuer.tokens.access(text, now) {
        let wlcg = profile_of(issuer, &record.holder) == TokenProfile::Wlcg;
        if !record.holder.person && wlcg && issuer.has(Quirk::Q50) {
            return Err(failed_inside(issuer));
        }
        let claims = Token::parse(text)
            .ok()
            .map(|token| Value::Object(token.claims.members().clone()));
        return Ok(active(
            issuer,
            &client,
            &record.holder,
            &claims.unwrap_or_default(),
            record.exp,
        ));
    }
    let refresh =
        refresh_id(text).and_then(|jti| issuer.tokens.refresh(jti).map(|record| (jti, record)));
    match refresh {
        Some((jti, record))
            if refresh_text(jti, record.exp) == text && record.exp.is_none_or(|exp| exp > now) =>
        {
            Ok(active_refresh(issuer, &client, &record.holder, record.exp))
        }
        _ => Ok(json!({ "active": false })),
    }
}

fn active(issuer: &Issuer, asking: &Client, holder: &Holder, claims: &Value, exp: i64) -> Value {
    let text = |name: &str| claims.get(name).cloned();
    if issuer.rules.strict() {
        let mut body = Map::new();
        body.insert("active".into(), true.into());
        for name in ["scope", "client_id"] {
            if let Some(value) = text(name) {
                body.insert(name.into(), value);
            }
        }
        if let Some(user) = issuer.people.by_uuid(&holder.sub).filter(|_| holder.person) {
            body.insert("username".into(), user.username.to_string().into());
        }
        body.insert("token_type".into(), "Bearer".into());
        for name in [
            "exp",
            "iat",
            "nbf",
            "sub",
            "aud",
            "iss",
            "jti",
            "act",
            "wlcg.ver",
            "wlcg.groups",
        ] {
            if let Some(value) = text(name) {
                body.insert(name.into(), value);
            }
        }
        return Value::Object(body);
    }
    let scope = claims
        .get("scope")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let scopeless = profile_of(issuer, holder) == TokenProfile::Iam;
    let scope = if scopeless { &holder.scope } else { scope };
    let scope = shown(issuer, asking, scope);
    let mut body = head(issuer, holder, scope, Some(exp));
    body.insert("token_type".into(), "Bearer".into());
    let iss = if issuer.has(Quirk::Q36) {
        issuer.iss_with_slash()
    } else {
        issuer.iss.to_string()
    };
    body.insert("iss".into(), iss.into());
    match text("aud") {
        Some(Value::Array(all)) if issuer.has(Quirk::Q37) => {
            let joined = all
                .iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join(" ");
            body.insert("aud".into(), joined.into());
        }
        Some(aud) => {
            body.insert("aud".into(), aud);
        }
        None => {}
    }
    if scopeless {
        iam_members(issuer, holder, &mut body);
    }
    if let Some(groups) = text("wlcg.groups") {
        body.insert("wlcg.groups".into(), groups);
    }
    Value::Object(body)
}

fn profile_of(issuer: &Issuer, holder: &Holder) -> TokenProfile {
    let client = issuer.clients.get(&holder.client);
    client
        .and_then(|client| client.profile)
        .unwrap_or(issuer.config.token_profile)
}

/// What the `iam` profile adds: all groups without their slash, and who it is, by scope.
fn iam_members(issuer: &Issuer, holder: &Holder, body: &mut Map<String, Value>) {
    let Some(user) = issuer.people.by_uuid(&holder.sub).filter(|_| holder.person) else {
        return;
    };
    if holder.has_scope("profile") {
        let groups = membership::by_group(issuer, &user);
        body.insert("groups".into(), groups.into());
        body.insert("name".into(), user.name.clone().into());
        body.insert(
            "preferred_username".into(),
            user.username.to_string().into(),
        );
        body.insert(
            "organisation_name".into(),
            issuer.config.organisation.clone().into(),
        );
    }
    if holder.has_scope("email") {
        body.insert("email".into(), user.email.clone().into());
    }
}

fn active_refresh(issuer: &Issuer, asking: &Client, holder: &Holder, exp: Option<i64>) -> Value {
    if issuer.rules.strict() {
        let mut body =
            json!({ "active": true, "scope": &*holder.scope, "client_id": &*holder.client });
        if let Some(user) = issuer.people.by_uuid(&holder.sub).filter(|_| holder.person) {
            body["username"] = user.username.to_string().into();
        }
        if let Some(exp) = exp {
            body["exp"] = exp.into();
        }
        body["sub"] = holder.sub.to_string().into();
        body["iss"] = issuer.iss.to_string().into();
        return body;
    }
    let scope = if issuer.has(Quirk::Q35) && issuer.has(Quirk::Q06) {
        shared(asking, &holder.scopes())
    } else {
        shown(issuer, asking, &holder.scope)
    };
    Value::Object(head(issuer, holder, scope, exp))
}

/// A refresh token's scopes in IAM: those that the asking client has by the same text, in the order of its own table.
fn shared(asking: &Client, carried: &[String]) -> String {
    let mut own = order::hashed(asking.scopes.clone(), 16);
    own.retain(|scope| carried.contains(scope));
    own.join(" ")
}

/// The members that both kinds have: active, scope, expires_at, exp, sub, user_id, client_id.
fn head(issuer: &Issuer, holder: &Holder, scope: String, exp: Option<i64>) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("active".into(), true.into());
    body.insert("scope".into(), scope.into());
    if let Some(exp) = exp {
        body.insert("expires_at".into(), moment(exp).into());
        body.insert("exp".into(), exp.into());
    }
    body.insert("sub".into(), holder.sub.to_string().into());
    if let Some(user) = issuer.people.by_uuid(&holder.sub).filter(|_| holder.person) {
        body.insert("user_id".into(), user.username.to_string().into());
    }
    body.insert("client_id".into(), holder.client.to_string().into());
    body
}

/// The scopes that the asking client may see, in the order of a fresh table.
fn shown(issuer: &Issuer, asking: &Client, scope: &str) -> String {
    let mut items: Vec<&str> = scope.split(' ').filter(|s| !s.is_empty()).collect();
    if issuer.has(Quirk::Q35) {
        items.retain(|s| allowed(&asking.matchers, s) == Match::Yes);
    }
    if issuer.has(Quirk::Q06) {
        items = order::hashed(items, 16);
    }
    items.join(" ")
}

/// `2026-01-01T10:00:00+0000`.
fn moment(seconds: i64) -> String {
    let at = Timestamp::from_second(seconds).unwrap_or_default();
    at.to_string().replace('Z', "+0000")
}

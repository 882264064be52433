//! The part of IAM's administration interface that clients and tests use: exchange policies, scope policies and clients
//! (issuer page §2.10). Needs an administrator's session or token.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use carnet_stage::body::read_limited;
use http::{HeaderMap, Method};
use serde_json::{Map, Value, json};

use super::browser::Browser;
use super::registration;
use super::userinfo::bearer;
use super::{Here, Request};
use crate::answer::Caching;
use crate::config::{ClientMatch, ExchangePolicyConfig, ExchangeScopeConfig, Level, PolicyEnd};
use crate::errors::{Refusal, Shape};
use crate::exchange::ExchangePolicies;
use crate::form::{Form, LIMIT};
use crate::issuer::Issuer;
use crate::store::{Client, User, read, write};

/// Lets administrators through; everybody else gets IAM's answer.
pub(crate) fn admin(issuer: &Issuer, headers: &HeaderMap) -> Result<Arc<User>, Refusal> {
    let user = caller(issuer, headers)?;
    user.filter(|user| user.admin)
        .ok_or_else(|| Refusal::new(403, "access_denied", "Access is denied").dressed(Shape::Plain))
}

/// Who asks: a session, or a person's token; `None` is a client's token.
pub(crate) fn caller(issuer: &Issuer, headers: &HeaderMap) -> Result<Option<Arc<User>>, Refusal> {
    if let Some(user) = Browser::of(issuer, headers).user(issuer) {
        return Ok(Some(user));
    }
    let (record, _) = bearer(issuer, headers, &Form::default())?;
    Ok(issuer
        .people
        .by_uuid(&record.holder.sub)
        .filter(|_| record.holder.person))
}

pub(crate) async fn body(request: Request) -> Option<Value> {
    let bytes = read_limited(request.into_body(), LIMIT).await.ok()?;
    serde_json::from_slice(&bytes).ok()
}

pub(crate) fn problem(issuer: &Issuer, status: u16, text: &str) -> Response {
    issuer.answers.plain_json(status, &json!({ "error": text }))
}

/// `/iam/api/exchange/policies`.
pub async fn exchange_policies(State(issuer): Here, request: Request) -> Response {
    if let Err(refusal) = admin(&issuer, request.headers()) {
        return issuer.refuse(&refusal, Caching::Never);
    }
    match *request.method() {
        Method::GET => {
            let texts = read(&issuer.policy_texts);
            let all = texts
                .exchange
                .iter()
                .zip(&texts.exchange_ids)
                .map(|(policy, id)| shown_policy(policy, *id));
            issuer.answers.plain_json(200, &all.collect::<Value>())
        }
        Method::POST => match body(request).await.and_then(|value| policy(&value)) {
            Some(policy) => {
                let mut texts = write(&issuer.policy_texts);
                texts.last_id += 1;
                let id = texts.last_id;
                texts.exchange.push(policy);
                texts.exchange_ids.push(id);
                *write(&issuer.exchange_policies) =
                    Arc::new(ExchangePolicies::new(&texts.exchange, &issuer.rules));
                issuer
                    .actor
                    .note(format!("an administrator adds exchange policy {id}"));
                issuer.answers.bare(201, Caching::Never)
            }
            None => problem(
                &issuer,
                400,
                "Invalid token exchange policy: could not parse the policy JSON representation",
            ),
        },
        _ => issuer.refuse(&Refusal::method("GET,POST"), Caching::Never),
    }
}

/// `DELETE /iam/api/exchange/policies/{id}`.
pub async fn exchange_policy(
    State(issuer): Here,
    Path(id): Path<u64>,
    request: Request,
) -> Response {
    if let Err(refusal) = admin(&issuer, request.headers()) {
        return issuer.refuse(&refusal, Caching::Never);
    }
    if *request.method() != Method::DELETE {
        return issuer.refuse(&Refusal::method("DELETE"), Caching::Never);
    }
    let mut texts = write(&issuer.policy_texts);
    let Some(at) = texts.exchange_ids.iter().position(|known| *known == id) else {
        return problem(
            &issuer,
            404,
            &format!("Token exchange policy not found for id: {id}"),
        );
    };
    texts.exchange.remove(at);
    texts.exchange_ids.remove(at);
    *write(&issuer.exchange_policies) =
        Arc::new(ExchangePolicies::new(&texts.exchange, &issuer.rules));
    issuer
        .actor
        .note(format!("an administrator deletes exchange policy {id}"));
    issuer.answers.bare(204, Caching::Never)
}

/// A policy in IAM's JSON.
fn policy(value: &Value) -> Option<ExchangePolicyConfig> {
    let end = |name: &str| -> Option<PolicyEnd> {
        let end = value.get(name)?;
        let kind: ClientMatch = serde_json::from_value(end.get("type")?.clone()).ok()?;
        Some(PolicyEnd {
            kind,
            param: end
                .get("matchParam")
                .and_then(Value::as_str)
                .map(str::to_owned),
        })
    };
    let scope = |one: &Value| -> Option<ExchangeScopeConfig> {
        Some(ExchangeScopeConfig {
            rule: serde_json::from_value(one.get("rule")?.clone()).ok()?,
            matching: serde_json::from_value(one.get("type")?.clone()).ok()?,
            param: one.get("matchParam")?.as_str()?.to_owned(),
        })
    };
    let scopes = value
        .get("scopePolicies")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    Some(ExchangePolicyConfig {
        rule: serde_json::from_value(value.get("rule")?.clone()).ok()?,
        origin: end("originClient")?,
        destination: end("destinationClient")?,
        scope_policies: scopes.iter().map(scope).collect::<Option<_>>()?,
        description: value
            .get("description")
            .and_then(Value::as_str)
            .map(str::to_owned),
    })
}

fn shown_policy(policy: &ExchangePolicyConfig, id: u64) -> Value {
    let end = |end: &PolicyEnd| {
        let mut shown = Map::new();
        shown.insert("type".into(), json!(end.kind));
        if let Some(param) = end.param.as_ref().filter(|_| end.kind != ClientMatch::Any) {
            shown.insert("matchParam".into(), param.clone().into());
        }
        Value::Object(shown)
    };
    let scope = |s: &ExchangeScopeConfig| json!({ "rule": s.rule, "type": s.matching, "matchParam": s.param });
    let mut shown = json!({
        "id": id, "description": policy.description, "rule": policy.rule,
        "originClient": end(&policy.origin), "destinationClient": end(&policy.destination),
    });
    if !policy.scope_policies.is_empty() {
        shown["scopePolicies"] = policy.scope_policies.iter().map(scope).collect();
    }
    shown
}

/// `GET /iam/scope_policies`.
pub async fn scope_policies(State(issuer): Here, request: Request) -> Response {
    if let Err(refusal) = admin(&issuer, request.headers()) {
        return issuer.refuse(&refusal, Caching::Never);
    }
    if *request.method() != Method::GET {
        return issuer.refuse(&Refusal::method("GET"), Caching::Never);
    }
    let texts = read(&issuer.policy_texts);
    let shown = texts.scope.iter().enumerate().map(|(index, policy)| {
        let named = |level: Level, name: &Option<String>| if policy.level == level { json!(name) } else { Value::Null };
        json!({
            "id": index + 1, "description": policy.description, "rule": policy.rule, "matchingPolicy": policy.matching,
            "account": named(Level::Account, &policy.account), "group": named(Level::Group, &policy.group),
            "scopes": if policy.scopes.is_empty() { Value::Null } else { json!(policy.scopes) },
        })
    });
    issuer.answers.plain_json(200, &shown.collect::<Value>())
}

/// `/iam/api/clients`: an administrator lists clients or makes one, with any grant and any scope.
pub async fn clients(State(issuer): Here, request: Request) -> Response {
    if let Err(refusal) = admin(&issuer, request.headers()) {
        return issuer.refuse(&refusal, Caching::Never);
    }
    match *request.method() {
        Method::GET => {
            let all = issuer.clients.all();
            let shown: Vec<Value> = all
                .iter()
                .take(10)
                .map(|client| registration::administered(&issuer, client))
                .collect();
            let page = json!({ "totalResults": all.len(), "itemsPerPage": shown.len(), "startIndex": 1, "Resources": shown });
            issuer.answers.plain_json(200, &page)
        }
        Method::POST => registration::administer(&issuer, request).await,
        _ => issuer.refuse(&Refusal::method("GET,POST"), Caching::Never),
    }
}

/// `PATCH /iam/api/clients/{id}/enable` and `/disable`.
pub async fn switch_client(
    State(issuer): Here,
    Path((id, to)): Path<(String, String)>,
    request: Request,
) -> Response {
    if let Err(refusal) = admin(&issuer, request.headers()) {
        return issuer.refuse(&refusal, Caching::Never);
    }
    let (Some(client), true) = (
        issuer.clients.get(&id),
        matches!(to.as_str(), "enable" | "disable"),
    ) else {
        return problem(&issuer, 404, &format!("Client not found: {id}"));
    };
    if *request.method() != Method::PATCH {
        return issuer.refuse(&Refusal::method("PATCH"), Caching::Never);
    }
    let mut client = Client::clone(&client);
    client.active = to == "enable";
    issuer.actor.state(
        "issuer.client",
        &id,
        "",
        if client.active { "active" } else { "suspended" },
        "by an administrator",
    );
    issuer.clients.put(client);
    issuer.answers.bare(200, Caching::Never)
}

//! Exchange policies and scope policies where IAM has them, read and written by administrators (issuer page §2.10).

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use http::Method;
use serde_json::{Map, Value, json};

use super::api::{admin, body, problem};
use super::scim::moment;
use super::{Here, Request};
use crate::answer::Caching;
use crate::config::{
    ClientMatch, ExchangePolicyConfig, ExchangeScopeConfig, Level, Matching, PolicyEnd,
    ScopePolicyConfig, Verb,
};
use crate::errors::Refusal;
use crate::exchange::ExchangePolicies;
use crate::issuer::Issuer;
use crate::policies::{self, ScopePolicies};
use crate::store::{read, write};

/// `/iam/api/exchange/policies`.
pub async fn exchange_policies(State(issuer): Here, request: Request) -> Response {
    if let Err(refusal) = admin(&issuer, request.method(), request.headers()) {
        return issuer.refuse(&refusal, Caching::Never);
    }
    match *request.method() {
        Method::GET => {
            let texts = read(&issuer.policy_texts);
            let all = texts
                .exchange
                .iter()
                .zip(&texts.exchange_ids)
                .map(|(policy, id)| shown_policy(&issuer, policy, *id));
            issuer.answers.plain_json(200, &all.collect::<Value>())
        }
        Method::POST => match body(request).await.and_then(|value| policy(&value)) {
            Some(policy) => {
                let one = std::slice::from_ref(&policy);
                if let Some(why) = crate::exchange::unreadable(one, &issuer.rules) {
                    let text = format!("Invalid token exchange policy: {why}");
                    return problem(&issuer, 400, &text);
                }
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
    if let Err(refusal) = admin(&issuer, request.method(), request.headers()) {
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
    let scopes = match value.get("scopePolicies") {
        None | Some(Value::Null) => &[][..],
        Some(all) => all.as_array()?,
    };
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

fn shown_policy(issuer: &Issuer, policy: &ExchangePolicyConfig, id: u64) -> Value {
    let end = |end: &PolicyEnd| {
        let mut shown = Map::new();
        shown.insert("type".into(), json!(end.kind));
        if let Some(param) = end.param.as_ref().filter(|_| end.kind != ClientMatch::Any) {
            shown.insert("matchParam".into(), param.clone().into());
        }
        Value::Object(shown)
    };
    let scope = |s: &ExchangeScopeConfig| json!({ "rule": s.rule, "type": s.matching, "matchParam": s.param });
    let at = moment(issuer.started);
    let mut shown = json!({
        "id": id, "description": policy.description, "creationTime": at, "lastUpdateTime": at, "rule": policy.rule,
        "originClient": end(&policy.origin), "destinationClient": end(&policy.destination),
    });
    if !policy.scope_policies.is_empty() {
        shown["scopePolicies"] = policy.scope_policies.iter().map(scope).collect();
    }
    shown
}

/// `/iam/scope_policies`: the list; POST adds one.
pub async fn scope_policies(State(issuer): Here, request: Request) -> Response {
    if let Err(refusal) = admin(&issuer, request.method(), request.headers()) {
        return issuer.refuse(&refusal, Caching::Never);
    }
    match *request.method() {
        Method::GET => {
            let texts = read(&issuer.policy_texts);
            let all = texts.scope.iter().zip(&texts.scope_ids);
            let shown = all.map(|(policy, id)| shown_scope_policy(&issuer, policy, *id));
            issuer.answers.plain_json(200, &shown.collect::<Value>())
        }
        Method::POST => match scope_policy_of(&issuer, body(request).await.as_ref()) {
            Ok(policy) => {
                let mut texts = write(&issuer.policy_texts);
                if let Some(at) = texts.scope.iter().position(|one| same(one, &policy)) {
                    let id = texts.scope_ids.get(at).copied().unwrap_or_default();
                    return problem(
                        &issuer,
                        400,
                        &format!("Duplicate policy error: equivalent policies [{id}]"),
                    );
                }
                let id = texts.add_scope(policy);
                put_scope_policies(&issuer, &texts.scope);
                issuer
                    .actor
                    .note(format!("an administrator adds scope policy {id}"));
                issuer.answers.bare(201, Caching::Never)
            }
            Err(why) => problem(&issuer, 400, &why),
        },
        _ => issuer.refuse(&Refusal::method("GET,POST"), Caching::Never),
    }
}

/// `/iam/scope_policies/{id}`: GET, PUT and DELETE of one.
pub async fn scope_policy(State(issuer): Here, Path(id): Path<u64>, request: Request) -> Response {
    if let Err(refusal) = admin(&issuer, request.method(), request.headers()) {
        return issuer.refuse(&refusal, Caching::Never);
    }
    let method = request.method().clone();
    if ![Method::GET, Method::PUT, Method::DELETE].contains(&method) {
        return issuer.refuse(&Refusal::method("GET,PUT,DELETE"), Caching::Never);
    }
    let value = if method == Method::PUT {
        body(request).await
    } else {
        None
    };
    let mut texts = write(&issuer.policy_texts);
    let Some(at) = texts.scope_ids.iter().position(|known| *known == id) else {
        return problem(&issuer, 404, &format!("No scope policy found for id: {id}"));
    };
    match method {
        Method::PUT => match scope_policy_of(&issuer, value.as_ref()) {
            Ok(policy) => texts.scope[at] = policy,
            Err(why) => return problem(&issuer, 400, &why),
        },
        Method::DELETE => {
            texts.scope.remove(at);
            texts.scope_ids.remove(at);
        }
        _ => {
            let shown = texts
                .scope
                .get(at)
                .map(|policy| shown_scope_policy(&issuer, policy, id));
            return issuer.answers.plain_json(200, &shown.unwrap_or_default());
        }
    }
    put_scope_policies(&issuer, &texts.scope);
    issuer
        .actor
        .note(format!("an administrator changes scope policy {id}"));
    issuer.answers.bare(204, Caching::Never)
}

fn put_scope_policies(issuer: &Issuer, all: &[ScopePolicyConfig]) {
    *write(&issuer.scope_policies) = Arc::new(ScopePolicies::new(all, &issuer.rules));
}

/// Lets the policies of a person or a group follow another name.
pub(crate) fn follow(issuer: &Issuer, level: Level, old: &str, new: &str) {
    let mut texts = write(&issuer.policy_texts);
    let mut changed = false;
    for policy in texts
        .scope
        .iter_mut()
        .filter(|policy| policy.level == level)
    {
        let name = if level == Level::Group {
            &mut policy.group
        } else {
            &mut policy.account
        };
        let Some(whom) = name.as_deref() else {
            continue;
        };
        let rest = match level {
            Level::Group => crate::store::people::full_name(whom)
                .strip_prefix(old)
                .map(str::to_owned),
            _ => (whom == old).then(String::new),
        };
        if let Some(rest) = rest.filter(|rest| rest.is_empty() || rest.starts_with('/')) {
            *name = Some(format!("{new}{rest}"));
            changed = true;
        }
    }
    if changed {
        put_scope_policies(issuer, &texts.scope);
    }
}

/// Whether two policies say the same; descriptions do not count.
fn same(one: &ScopePolicyConfig, other: &ScopePolicyConfig) -> bool {
    let what = |policy: &ScopePolicyConfig| {
        let mut scopes = policy.scopes.clone();
        scopes.sort();
        (
            policy.level,
            policy.account.clone(),
            policy.group.clone(),
            policy.rule,
            policy.matching,
            scopes,
        )
    };
    what(one) == what(other)
}

/// In IAM's JSON; people and groups by uuid, name and place.
fn shown_scope_policy(issuer: &Issuer, policy: &ScopePolicyConfig, id: u64) -> Value {
    let account = policy
        .account
        .as_deref()
        .filter(|_| policy.level == Level::Account);
    let account = account.map(|name| {
        let user = issuer.people.by_name(name);
        let uuid = user.map_or_else(String::new, |user| user.uuid.to_string());
        json!({ "uuid": uuid, "username": name, "location": issuer.url(&format!("scim/Users/{uuid}")) })
    });
    let group = policy
        .group
        .as_deref()
        .filter(|_| policy.level == Level::Group);
    let group = group.map(|name| {
        let full = crate::store::people::full_name(name);
        let found = issuer.people.groups().into_iter().find(|g| *g.name == *full);
        let uuid = found.map_or_else(String::new, |group| group.uuid.to_string());
        json!({ "uuid": uuid, "name": full.trim_start_matches('/'), "location": issuer.url(&format!("scim/Groups/{uuid}")) })
    });
    let at = moment(issuer.started);
    json!({
        "id": id, "description": policy.description, "creationTime": at, "lastUpdateTime": at,
        "rule": policy.rule, "matchingPolicy": policy.matching, "account": account, "group": group,
        "scopes": if policy.scopes.is_empty() { Value::Null } else { json!(policy.scopes) },
    })
}

/// From IAM's JSON.
fn scope_policy_of(issuer: &Issuer, value: Option<&Value>) -> Result<ScopePolicyConfig, String> {
    let unreadable =
        || "Invalid scope policy: could not parse the policy JSON representation".to_owned();
    let value = value
        .filter(|value| value.is_object())
        .ok_or_else(unreadable)?;
    let rule: Verb = value
        .get("rule")
        .and_then(|rule| serde_json::from_value(rule.clone()).ok())
        .ok_or("Invalid scope policy: rule must be PERMIT or DENY")?;
    let matching: Matching = match value.get("matchingPolicy") {
        None | Some(Value::Null) => Matching::Eq,
        Some(matching) => serde_json::from_value(matching.clone())
            .map_err(|_| "Invalid scope policy: matchingPolicy must be EQ, REGEXP or PATH")?,
    };
    let uuid = |name: &str| {
        let of = value.get(name).filter(|of| !of.is_null())?;
        Some(of.get("uuid").and_then(Value::as_str).unwrap_or_default())
    };
    let account = match uuid("account") {
        None => None,
        Some(uuid) => {
            let user = issuer.people.by_uuid(uuid);
            Some(
                user.ok_or_else(|| format!("No account found for UUID: {uuid}"))?
                    .username
                    .to_string(),
            )
        }
    };
    let group = match uuid("group") {
        None => None,
        Some(uuid) => {
            let found = issuer
                .people
                .groups()
                .into_iter()
                .find(|group| *group.uuid == *uuid);
            Some(
                found
                    .ok_or_else(|| format!("No group found for UUID: {uuid}"))?
                    .name
                    .to_string(),
            )
        }
    };
    let level = match (&account, &group) {
        (Some(_), Some(_)) => {
            return Err(
                "Invalid scope policy: it is for an account or for a group, not both".into(),
            );
        }
        (Some(_), None) => Level::Account,
        (None, Some(_)) => Level::Group,
        (None, None) => Level::Default,
    };
    let scopes = match value.get("scopes") {
        None | Some(Value::Null) => Vec::new(),
        Some(scopes) => serde_json::from_value(scopes.clone()).map_err(|_| unreadable())?,
    };
    let description = value
        .get("description")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let policy = ScopePolicyConfig {
        level,
        account,
        group,
        rule,
        matching,
        scopes,
        description,
    };
    match policies::unreadable(std::slice::from_ref(&policy), &issuer.rules) {
        Some(why) => Err(format!("Invalid scope policy: {why}")),
        None => Ok(policy),
    }
}

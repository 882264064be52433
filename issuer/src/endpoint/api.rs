//! The part of IAM's administration interface that is about clients (issuer page §2.10), and who may use any part of it:
//! an administrator's session, or a token with the scope.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use carnet_stage::body::read_limited;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use super::browser::Browser;
use super::registration;
use super::userinfo::bearer;
use super::{Here, Request};
use crate::answer::Caching;
use crate::errors::Refusal;
use crate::form::{Form, LIMIT};
use crate::issuer::Issuer;
use crate::store::{Client, User};

/// Lets administrators through: their sessions, and tokens with `iam:admin.read` or, for changes, `iam:admin.write`.
/// Everybody else gets IAM's answer.
pub(crate) fn admin(issuer: &Issuer, method: &Method, headers: &HeaderMap) -> Result<(), Refusal> {
    let refused = || Refusal::new(403, "access_denied", "Access is denied");
    if !headers.contains_key(AUTHORIZATION)
        && let Some(user) = Browser::of(issuer, headers).user(issuer)
    {
        return if user.admin { Ok(()) } else { Err(refused()) };
    }
    let (_, token) = bearer(issuer, headers, &Form::default())?;
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let scope = if reads {
        "iam:admin.read"
    } else {
        "iam:admin.write"
    };
    if super::scim::has_scope(&token, scope) {
        Ok(())
    } else {
        Err(refused())
    }
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

/// `/iam/api/clients`: an administrator lists clients or makes one, with any grant and any scope.
pub async fn clients(State(issuer): Here, request: Request) -> Response {
    if let Err(refusal) = admin(&issuer, request.method(), request.headers()) {
        return issuer.refuse(&refusal, Caching::Never);
    }
    match *request.method() {
        Method::GET => {
            let query = Form::read(request.uri().query(), request.headers(), &[]);
            let number = |name: &str| query.get(name).and_then(|v| v.parse::<usize>().ok());
            let start = number("startIndex").unwrap_or(1).max(1);
            let all = issuer.clients.all();
            let shown: Vec<Value> = all
                .iter()
                .skip(start - 1)
                .take(number("count").unwrap_or(10).min(100))
                .map(|client| registration::administered(&issuer, client))
                .collect();
            let page = json!({ "totalResults": all.len(), "itemsPerPage": shown.len(), "startIndex": start, "Resources": shown });
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
    if let Err(refusal) = admin(&issuer, request.method(), request.headers()) {
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

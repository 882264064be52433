//! SCIM over people and groups (RFC 7644; issuer page §2.10): what synchronisation tools read, and what administrators
//! and tools with `scim:write` change, as IAM has it.

mod filter;
pub mod groups;
mod shown;
pub mod users;

use std::sync::Arc;

use axum::response::Response;
use carnet_stage::body::read_limited;
use http::request::Parts;
use http::{HeaderValue, Method, header::CONTENT_TYPE};
use serde_json::{Value, json};

use super::Request;
use super::browser::Browser;
use super::userinfo::bearer;
use crate::answer::{Caching, header};
use crate::errors::Refusal;
use crate::form::{Form, LIMIT};
use crate::issuer::Issuer;
use crate::store::{AccessRecord, User};

use filter::Filter;
pub(crate) use shown::moment;

/// IAM's own part of a person.
const USER: &str = "urn:indigo-dc:scim:schemas:IndigoUser";
/// IAM's own part of a group.
const GROUP: &str = "urn:indigo-dc:scim:schemas:IndigoGroup";
const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
const KIND: &str = "application/scim+json;charset=UTF-8";

/// A refusal in SCIM's own form (RFC 7644 §3.12): status and text.
type Fault = (u16, String);

/// What a request came to: a status, and a body if there is one.
type Outcome = Result<(u16, Option<Value>), Fault>;

fn fault<T>(status: u16, text: impl Into<String>) -> Result<T, Fault> {
    Err((status, text.into()))
}

/// A request that may be answered.
struct Asked {
    method: Method,
    form: Form,
    /// The JSON of a body.
    body: Value,
    /// The token; none: a session.
    record: Option<AccessRecord>,
    /// Whose session.
    session: Option<Arc<User>>,
}

/// Who is let through, beside tokens with the scope for reading or writing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Also {
    /// Administrators, by their sessions (as in IAM).
    Administrators,
    /// Everybody, by session or token, for what is their own.
    Oneself,
}

/// Lets a request through.
async fn admit(
    issuer: &Issuer,
    request: Request,
    methods: &'static str,
    also: Also,
) -> Result<Asked, Response> {
    let (parts, body) = request.into_parts();
    let method = parts.method.clone();
    let bytes = read_limited(body, LIMIT).await;
    let form = Form::read(parts.uri.query(), &parts.headers, &[]);
    let session = Browser::of(issuer, &parts.headers).user(issuer);
    let token = match session {
        Some(_) if !has_token(&parts) => None,
        _ => match bearer(issuer, &parts.headers, &form) {
            Ok(found) => Some(found),
            Err(refusal) => return Err(issuer.refuse(&refusal, Caching::Never)),
        },
    };
    let reads = matches!(method, Method::GET | Method::HEAD);
    let known = if reads { "GET" } else { method.as_str() };
    if !methods.split(',').any(|one| one == known) {
        return Err(issuer.refuse(&Refusal::method(methods), Caching::Never));
    }
    let scope = if reads { "scim:read" } else { "scim:write" };
    let oneself = also == Also::Oneself;
    let may = match &token {
        // A token that was not given for it changes nobody, whatever IAM lets it do to its own person.
        Some((record, text)) => {
            let own = oneself && record.holder.person && (reads || !issuer.rules.strict());
            own || has_scope(text, scope)
        }
        None => session.as_ref().is_some_and(|user| user.admin || oneself),
    };
    if !may {
        return Err(forbidden(issuer, scope));
    }
    let writes = matches!(method, Method::POST | Method::PUT | Method::PATCH);
    let kind = header(&parts.headers, &CONTENT_TYPE).unwrap_or_default();
    if writes
        && !kind.starts_with("application/scim+json")
        && !(issuer.rules.strict() && kind.starts_with("application/json"))
    {
        return Err(issuer.refuse(&Refusal::empty(415), Caching::Never));
    }
    let body = match serde_json::from_slice(&bytes.unwrap_or_default()) {
        Ok(body) => body,
        Err(_) if !writes => Value::Null,
        Err(why) => {
            return Err(refused(
                issuer,
                400,
                &format!("The body is not JSON: {why}"),
            ));
        }
    };
    Ok(Asked {
        method,
        form,
        body,
        session: session.filter(|_| token.is_none()),
        record: token.map(|(record, _)| record),
    })
}

fn has_token(parts: &Parts) -> bool {
    parts.headers.contains_key(http::header::AUTHORIZATION)
}

/// Turns an outcome into an answer.
fn answer(issuer: &Issuer, outcome: Outcome) -> Response {
    match outcome {
        Ok((status, Some(body))) => {
            let mut response = issuer.answers.json(status, &body, Caching::Never);
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(KIND));
            response
        }
        Ok((status, None)) => issuer.answers.bare(status, Caching::Never),
        Err((status, detail)) => refused(issuer, status, &detail),
    }
}

fn refused(issuer: &Issuer, status: u16, detail: &str) -> Response {
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:Error"];
    let body = json!({ "status": status.to_string(), "detail": detail, "schemas": schemas });
    let mut response = issuer.answers.json(status, &body, Caching::Never);
    let kind = if issuer.rules.today() {
        "application/json"
    } else {
        KIND
    };
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// One operation: `add`, `remove` or `replace`; where; with what.
type Operation<'b> = (String, Option<&'b str>, &'b Value);

/// The operations of a PATCH (RFC 7644 §3.5.2): what to do, where, with what.
fn operations(body: &Value) -> Result<Vec<Operation<'_>>, Fault> {
    let all = body
        .get("operations")
        .or(body.get("Operations"))
        .and_then(Value::as_array);
    let Some(all) = all.filter(|all| !all.is_empty()) else {
        return fault(400, "Invalid Scim Patch Request: there are no operations");
    };
    let one = |operation| {
        let text = |name: &str| Value::get(operation, name).and_then(Value::as_str);
        let op = text("op").unwrap_or_default().to_ascii_lowercase();
        if !["add", "remove", "replace"].contains(&op.as_str()) {
            return fault(
                400,
                format!(
                    "Invalid Scim Patch Request: op must be add, remove or replace, not '{op}'"
                ),
            );
        }
        Ok((
            op,
            text("path"),
            operation.get("value").unwrap_or(&Value::Null),
        ))
    };
    all.iter().map(one).collect()
}

pub(crate) fn has_scope(token: &str, scope: &str) -> bool {
    let Ok(token) = carnet_profile::jose::Token::parse(token) else {
        return false;
    };
    token
        .claims
        .text("scope")
        .is_some_and(|all| all.split(' ').any(|s| s == scope))
}

fn forbidden(issuer: &Issuer, scope: &str) -> Response {
    if issuer.rules.today() {
        let refusal = Refusal::new(403, "access_denied", "Access is denied");
        return issuer.refuse(&refusal, Caching::Never);
    }
    // RFC 6750 §3.1, and IAM 1.7.
    let text = "Insufficient scope for this resource";
    let body = json!({ "error": "insufficient_scope", "error_description": text, "scope": scope });
    let mut response = issuer.answers.json(403, &body, Caching::NoStore);
    let challenge = format!(
        r#"Bearer error="insufficient_scope", error_description="{text}", scope="{scope}""#
    );
    if let Ok(value) = HeaderValue::from_str(&challenge) {
        response
            .headers_mut()
            .insert(http::header::WWW_AUTHENTICATE, value);
    }
    response
}

/// A page of a list. A negative start counts as 1, `count=0` gives the total only; `filter` is for a strict issuer.
fn list<T>(issuer: &Issuer, form: &Form, all: &[T], shown: impl Fn(&T) -> Value) -> Outcome {
    let fitting: Vec<Value> = match form.get("filter").filter(|_| issuer.rules.strict()) {
        None => return Ok((200, Some(page(form, all, shown)))),
        Some(text) => {
            let Some(filter) = Filter::parse(text) else {
                return fault(
                    400,
                    "The filter cannot be read: it must be one comparison, for example userName eq \"ann\"",
                );
            };
            let all = all.iter().map(shown);
            all.filter(|resource| filter.fits(resource)).collect()
        }
    };
    Ok((200, Some(page(form, &fitting, Value::clone))))
}

fn page<T>(form: &Form, all: &[T], shown: impl Fn(&T) -> Value) -> Value {
    let number = |name: &str| form.get(name).and_then(|v| v.parse::<i64>().ok());
    let count = number("count").unwrap_or(100).clamp(0, 100) as usize;
    let start = number("startIndex").unwrap_or(1).max(1) as usize;
    let page: Vec<Value> = all.iter().skip(start - 1).take(count).map(shown).collect();
    if count == 0 {
        return json!({ "totalResults": all.len(), "schemas": [LIST], "Resources": [] });
    }
    json!({
        "totalResults": all.len(), "itemsPerPage": page.len(), "startIndex": start, "schemas": [LIST], "Resources": page
    })
}

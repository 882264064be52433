//! `POST /devicecode` (RFC 8628 §3.1; issuer page §2.8).

use axum::extract::State;
use axum::response::Response;
use http::Method;
use rand::Rng as _;

use super::token::unauthorized_grant;
use super::{Here, Request, failed_inside, read_within};
use crate::answer::Caching;
use crate::auth::authenticate;
use crate::errors::{Refusal, Shape};
use crate::grant::{check_scopes, parse_scope, target, target_refusal};
use crate::issuer::Issuer;
use crate::quirks::Quirk;
use crate::scopes::{Match, allowed};
use crate::store::clients::grants::DEVICE_CODE;
use crate::store::{Client, DeviceRequest, DeviceState};

/// Longest form: it is kept until somebody approves it, and anybody may send one.
const LIMIT: usize = 8 << 10;

/// Begins a device request.
pub async fn serve(State(issuer): Here, request: Request) -> Response {
    match answer(&issuer, request).await {
        Ok(body) => issuer.answers.json_text(200, body, Caching::Never),
        Err(refusal) if refusal.error == "invalid_scope" && !issuer.rules.strict() => {
            // This controller writes its own error: another JSON library, another content type.
            let text = serde_json::Value::String(refusal.description)
                .to_string()
                .replace('\'', "\\u0027");
            let body = format!(r#"{{"error":"invalid_scope","error_description":{text}}}"#);
            issuer
                .answers
                .json_text(refusal.status, body, Caching::Never)
        }
        Err(refusal) => {
            let caching = if refusal.shape == Shape::OAuth && refusal.status == 401 {
                Caching::NoStore
            } else {
                Caching::Never
            };
            issuer.refuse(&refusal, caching)
        }
    }
}

async fn answer(issuer: &Issuer, request: Request) -> Result<String, Refusal> {
    if request.method() != Method::POST {
        return Err(Refusal::method("POST"));
    }
    let (parts, form) = read_within(request, LIMIT).await?;
    let form = form.settle(&issuer.rules)?;
    let strict = issuer.rules.strict();
    let client = if issuer.has(Quirk::Q28) {
        let Some(id) = form.get("client_id") else {
            return Err(Refusal::empty(400));
        };
        issuer.clients.get(id).ok_or_else(|| {
            if issuer.rules.then() {
                Refusal::new(
                    401,
                    "invalid_client",
                    format!("Client with id {id} was not found"),
                )
            } else {
                Refusal::empty(404)
            }
        })?
    } else {
        authenticate(issuer, &parts.headers, &form)?.client
    };
    if !client.may(DEVICE_CODE) {
        let refusal = unauthorized_grant(issuer, DEVICE_CODE);
        let text = format!("Unauthorized grant type: {DEVICE_CODE}");
        return Err(if strict {
            refusal
        } else {
            Refusal {
                description: text,
                ..refusal
            }
        });
    }
    let scopes = parse_scope(issuer, &client, form.get("scope"));
    if let Some(scopes) = &scopes {
        may_ask(issuer, &client, scopes)?;
    }
    let asked = target(&form);
    if strict {
        asked
            .check_resource(&issuer.rules)
            .map_err(|fault| target_refusal(&fault))?;
    }
    let resource = asked
        .resource
        .filter(|r| !r.is_empty() && !issuer.rules.then())
        .map(str::to_owned);
    let audience = asked
        .wish(crate::audience::Step::First, &issuer.rules)
        .filter(|_| !issuer.has(Quirk::Q44))
        .map(str::to_owned);
    let (user_code, device_code) = (user_code(issuer), issuer.actor.uuid().to_string());
    let request = DeviceRequest {
        client: client.id.clone(),
        user_code: user_code.clone(),
        scopes,
        resource,
        audience,
        state: DeviceState::Pending,
        exp: issuer.now() + client.device,
        polled: None,
        interval: 5,
    };
    issuer.actor.state(
        "issuer.device",
        &user_code,
        "",
        "pending",
        &format!("client {} asks", client.id),
    );
    issuer.pending.put_device(device_code.clone(), request);
    Ok(body(issuer, &user_code, &device_code, client.device))
}

fn may_ask(issuer: &Issuer, client: &Client, scopes: &[String]) -> Result<(), Refusal> {
    if issuer.rules.strict() || client.literal {
        return check_scopes(issuer, client, scopes);
    }
    if issuer.rules.then() {
        let relative = scopes
            .iter()
            .any(|s| allowed(&client.matchers, s) == Match::Relative);
        return if relative {
            Err(failed_inside(issuer))
        } else {
            Ok(())
        };
    }
    for scope in scopes {
        match allowed(&client.matchers, scope) {
            Match::Yes => {}
            Match::Relative => return Err(failed_inside(issuer)),
            Match::No => {
                let text = format!(
                    "One or more requested scope is not allowed for client '{}'",
                    client.id
                );
                return Err(Refusal::bad("invalid_scope", text));
            }
        }
    }
    Ok(())
}

/// Six characters: letters and digits, in IAM 1.12 also `-` and `_`; strict leaves out what looks alike.
fn user_code(issuer: &Issuer) -> String {
    let alphabet: &[u8] = if issuer.rules.strict() {
        b"BCDFGHJKLMNPQRSTVWXZ"
    } else if issuer.rules.then() {
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    } else {
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
    };
    let length = if issuer.rules.strict() { 8 } else { 6 };
    issuer.actor.random(|random| {
        (0..length)
            .map(|_| alphabet[random.random_range(0..alphabet.len())] as char)
            .collect()
    })
}

fn body(issuer: &Issuer, user_code: &str, device_code: &str, expires_in: i64) -> String {
    let root = if issuer.has(Quirk::Q30) {
        issuer.iss.to_string()
    } else {
        format!("{}/", issuer.base)
    };
    let escaped = |text: &str| serde_json::Value::String(text.to_owned()).to_string();
    let uri = escaped(&format!("{root}device"));
    let complete = escaped(&format!("{root}device?user_code={user_code}"));
    // IAM's JSON library writes the equals sign as an escape.
    let complete = if issuer.rules.strict() {
        complete
    } else {
        complete.replace('=', "\\u003d")
    };
    let interval = if issuer.has(Quirk::Q29) {
        ""
    } else {
        ",\"interval\":5"
    };
    format!(
        r#"{{"user_code":"{user_code}","device_code":"{device_code}","verification_uri_complete":{complete},"verification_uri":{uri},"expires_in":{expires_in}{interval}}}"#
    )
}

//! `POST /token` (RFC 6749 §3.2; order of checks: issuer page §2.0).

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use carnet_stage::Body;
use http::Method;
use http::header::ACCEPT;
use http::request::Parts;

use super::{Here, Request, failed_inside, form};
use crate::answer::{Caching, header};
use crate::audience::Step;
use crate::auth::authenticate;
use crate::errors::{Refusal, Shape};
use crate::form::{Form, LIMIT};
use crate::grant::{
    self, check_scopes, client_credentials, code, device, exchange, password, refresh,
    target_refusal,
};
use crate::issue::Made;
use crate::issuer::Issuer;
use crate::quirks::Quirk;
use crate::store::clients::grants::{
    AUTHORIZATION_CODE, CLIENT_CREDENTIALS, DEVICE_CODE, PASSWORD, REFRESH_TOKEN, TOKEN_EXCHANGE,
};

/// Answers a token request.
///
/// What is under way stays small, and what few requests need is put aside: most of what this issuer does comes through here.
pub fn serve(State(issuer): Here, request: Request) -> impl Future<Output = Response> {
    let (parts, body) = request.into_parts();
    respond(issuer, Box::new(parts), body)
}

async fn respond(issuer: Arc<Issuer>, parts: Box<Parts>, body: Body) -> Response {
    let accepts_json = accepts_json(header(&parts.headers, &ACCEPT));
    match answer(&issuer, &parts, body).await {
        Ok(_) if !accepts_json && issuer.rules.then() && issuer.has(Quirk::Q41) => {
            issuer.refuse(&Refusal::method("GET"), Caching::NoStore)
        }
        Ok(made) => issuer.answers.json_text(200, made.body, Caching::NoStore),
        Err(refusal) => {
            let refusal =
                if !accepts_json && issuer.has(Quirk::Q41) && refusal.shape == Shape::OAuth {
                    Refusal::method("GET")
                } else {
                    refusal
                };
            issuer.refuse(&refusal, Caching::NoStore)
        }
    }
}

fn accepts_json(accept: Option<&str>) -> bool {
    accept.is_none_or(|accept| {
        accept
            .split(',')
            .map(|one| one.split(';').next().unwrap_or_default().trim())
            .any(|kind| {
                matches!(kind, "" | "*/*" | "application/*" | "application/json")
                    || kind.ends_with("+json")
            })
    })
}

async fn answer(issuer: &Issuer, parts: &Parts, body: Body) -> Result<Made, Refusal> {
    if parts.method != Method::POST {
        return Err(Box::pin(wrong_method(issuer, parts, body)).await);
    }
    let form = form(parts, body, LIMIT).await?.settle(&issuer.rules)?;
    if issuer.has(Quirk::Q49)
        && form
            .pairs()
            .iter()
            .any(|(_, value)| value.chars().count() > 2048)
    {
        return Err(Refusal::new(
            500,
            "server_error",
            "could not execute statement",
        ));
    }
    let caller = authenticate(issuer, &parts.headers, &form)?;
    let client = caller.client;
    if form
        .filled("client_id")
        .is_some_and(|named| named != &*client.id)
    {
        let text = "Given client ID does not match authenticated client";
        let shape = if issuer.rules.strict() {
            Shape::Basic
        } else {
            Shape::OAuth
        };
        return Err(Refusal::new(401, "invalid_client", text).dressed(shape));
    }
    if !client.active && !issuer.rules.then() {
        return Err(Refusal::new(
            401,
            "invalid_client",
            format!("Client is suspended: {}", client.id),
        ));
    }
    let grant = grant_type(issuer, &form)?;
    let asked = grant::parse_scope(issuer, &client, form.get("scope"));
    let request = grant::Request {
        issuer,
        client: &client,
        form: &form,
        asked,
        now: issuer.now(),
    };
    if request.asked.is_none() && grant == TOKEN_EXCHANGE && issuer.rules.today() {
        let text = "The scope parameter is required for a token exchange request!";
        return Err(Refusal::bad("invalid_request", text));
    }
    if issuer.config.require_scope
        && issuer.rules.strict()
        && request.asked.is_none()
        && asks_scopes(grant)
    {
        return Err(Refusal::missing("scope"));
    }
    decide(request, grant).await
}

fn asks_scopes(grant: &str) -> bool {
    matches!(grant, CLIENT_CREDENTIALS | PASSWORD | TOKEN_EXCHANGE)
}

fn grant_type<'a>(issuer: &Issuer, form: &'a Form) -> Result<&'a str, Refusal> {
    match form.get("grant_type") {
        None if issuer.has(Quirk::Q34) => Err(Refusal::internal()),
        None => Err(Refusal::bad("invalid_request", "Missing grant type")),
        Some(grant) => Ok(grant),
    }
}

async fn decide(request: grant::Request<'_>, grant: &str) -> Result<Made, Refusal> {
    let (issuer, rules) = (request.issuer, &request.issuer.rules);
    // IAM 1.12 looks the refresh token up, and IAM 1.12 and strict bind the audience, before they look at scopes.
    let mut presented = None;
    if grant == REFRESH_TOKEN && rules.today() {
        presented = Some(refresh::look_up(&request)?);
    }
    request
        .target()
        .check_resource(rules)
        .map_err(|fault| target_refusal(&fault))?;
    bind_early(&request, grant, presented.as_ref())?;
    if let Some(asked) = &request.asked {
        check_scopes(issuer, request.client, asked)?;
    }
    if grant.is_empty() {
        return Err(Refusal::bad("invalid_request", "Missing grant type"));
    }
    if grant == "implicit" && !rules.strict() {
        return Err(Refusal::bad(
            "invalid_grant",
            "Implicit grant type not supported from token endpoint",
        ));
    }
    let known = [
        CLIENT_CREDENTIALS,
        PASSWORD,
        TOKEN_EXCHANGE,
        REFRESH_TOKEN,
        AUTHORIZATION_CODE,
        DEVICE_CODE,
    ];
    let Some(grant) = known.into_iter().find(|name| *name == grant) else {
        let text = "Unsupported grant type";
        let text = if rules.then() {
            format!("{text}: {grant}")
        } else {
            text.to_owned()
        };
        // Grants that IAM knows and Carnet does not play: no client of ours is registered for them.
        let other = [
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "urn:ietf:params:oauth:grant_type:redelegate",
        ];
        if !rules.strict() && other.contains(&grant) {
            return Err(unauthorized_grant(issuer, grant));
        }
        return Err(Refusal::bad("unsupported_grant_type", text));
    };
    if !request.client.may(grant) {
        return Err(unauthorized_grant(issuer, grant));
    }
    let key = issuer.signer().await?;
    match grant {
        CLIENT_CREDENTIALS => client_credentials::grant(&request, &key),
        PASSWORD => password::grant(&request, &key),
        TOKEN_EXCHANGE => exchange::grant(&request, &key),
        AUTHORIZATION_CODE => code::grant(&request, &key),
        DEVICE_CODE => device::grant(&request, &key),
        _ => {
            let presented = match presented {
                Some(presented) => presented,
                None => refresh::look_up(&request)?,
            };
            Box::pin(refresh::grant(&request, &key, presented)).await
        }
    }
}

/// IAM 1.12 binds the audience to the first request before it looks at scopes and grant.
fn bind_early(
    request: &grant::Request<'_>,
    grant: &str,
    presented: Option<&refresh::Presented>,
) -> Result<(), Refusal> {
    let issuer = request.issuer;
    if !issuer.rules.today() {
        return Ok(());
    }
    let (step, granted) = match grant {
        REFRESH_TOKEN => (Step::Refresh, presented.map(refresh::Presented::granted)),
        DEVICE_CODE => {
            let device = issuer
                .pending
                .device(request.form.get("device_code").unwrap_or_default());
            (Step::Device, device.map(|d| (d.resource, d.audience)))
        }
        AUTHORIZATION_CODE => {
            let code = issuer
                .pending
                .code(request.form.get("code").unwrap_or_default());
            (
                Step::Code,
                code.map(|c| (c.approval.resource, c.approval.audience)),
            )
        }
        _ => return Ok(()),
    };
    let Some((resource, audience)) = granted else {
        return Ok(());
    };
    let bound = request.target().bound(
        step,
        resource.as_deref(),
        audience.as_deref(),
        &issuer.rules,
    );
    bound.map(|_| ()).map_err(|fault| target_refusal(&fault))
}

/// A grant that the client is not registered for.
pub fn unauthorized_grant(issuer: &Issuer, grant: &str) -> Refusal {
    if issuer.rules.strict() {
        let text = format!(
            "The client is not registered for {}.",
            crate::store::clients::grants::short(grant)
        );
        return Refusal::bad("unauthorized_client", text);
    }
    let text = "Unauthorized grant type";
    let text = if issuer.rules.then() {
        format!("{text}: {grant}")
    } else {
        text.to_owned()
    };
    Refusal::new(401, "invalid_client", text)
}

/// Anything but POST (issuer page §2.9).
async fn wrong_method(issuer: &Issuer, parts: &Parts, body: Body) -> Refusal {
    let method = &parts.method;
    if issuer.rules.strict() {
        return Refusal::new(405, "invalid_request", "Use POST.").dressed(Shape::AllowJson("POST"));
    }
    if method != Method::GET && (method != Method::HEAD || issuer.rules.then()) {
        return Refusal::method("GET,POST");
    }
    let Ok(form) = form(parts, body, LIMIT).await else {
        return failed_inside(issuer);
    };
    let in_query =
        form.get("client_id").is_some() && !parts.headers.contains_key(http::header::AUTHORIZATION);
    if in_query && issuer.rules.today() {
        return Refusal::page(500, "Internal Server Error");
    }
    match authenticate(issuer, &parts.headers, &form) {
        Err(refusal) if !in_query => refusal,
        _ => Refusal::new(
            405,
            "method_not_allowed",
            "Request method 'GET' not supported",
        )
        .dressed(Shape::AllowJson("")),
    }
}

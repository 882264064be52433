//! What the servlet container and the framework around IAM answer by themselves: `TRACE` and `OPTIONS`, path parameters,
//! the error page and the health check (seen in the recorded dialogues). A strict issuer has nothing of it.

use axum::response::Response;
use carnet_stage::Body;
use http::header::{ALLOW, CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Method, Uri};

use super::Request;
use crate::answer::Caching;
use crate::errors::Refusal;
use crate::issuer::Issuer;
use crate::routes;

/// The methods that the framework of June 2021 names at every path.
pub const ALL_THEN: HeaderValue =
    HeaderValue::from_static("GET, HEAD, POST, PUT, DELETE, TRACE, OPTIONS, PATCH");

/// Answers what never comes to IAM itself; what does gets the path that IAM sees.
pub fn before(issuer: &Issuer, request: &mut Request) -> Option<Response> {
    if issuer.rules.strict() {
        return None;
    }
    if request.method() == Method::TRACE {
        return Some(traced(issuer));
    }
    if request.uri().path().contains(';') {
        if !issuer.rules.then() {
            // The firewall of later versions takes every semicolon for an attack.
            return Some(exception(issuer));
        }
        drop_parameters(request);
    }
    let path = request.uri().path();
    if request.method() == Method::OPTIONS
        && let Some(methods) = methods_at(issuer, path)
    {
        let mut response = issuer.answers.bare(200, Caching::Never);
        response.headers_mut().insert(ALLOW, methods);
        if issuer.rules.today() {
            let patch = HeaderName::from_static("accept-patch");
            response
                .headers_mut()
                .insert(patch, HeaderValue::from_static(""));
        }
        return Some(response);
    }
    match (path, issuer.rules.then()) {
        ("/error", _) => Some(exception(issuer)),
        ("/actuator/health", false) => {
            let parts = r#"{"status":"UP","components":{"db":{"status":"UP"},"diskSpace":{"status":"UP"},"ping":{"status":"UP"}}}"#;
            Some(healthy(issuer, parts))
        }
        ("/health", true) => Some(healthy(issuer, r#"{"status":"UP"}"#)),
        _ => None,
    }
}

/// The container refuses `TRACE` before anything else sees it.
fn traced(issuer: &Issuer) -> Response {
    let mut response = issuer
        .answers
        .early(issuer.answers.bare(405, Caching::Unsaid));
    let headers = response.headers_mut();
    headers.insert(
        ALLOW,
        HeaderValue::from_static("HEAD, DELETE, POST, GET, OPTIONS, PUT"),
    );
    if issuer.rules.today() {
        let kind = HeaderValue::from_static("text/html;charset=utf-8");
        headers.insert(CONTENT_TYPE, kind);
        *response.body_mut() = Body::from(
            "<!doctype html><html lang=\"en\"><head><title>HTTP Status 405 – Method Not Allowed</title></head>\
             <body><h1>HTTP Status 405 – Method Not Allowed</h1></body></html>",
        );
    }
    response
}

/// What the framework says of a path that is open to everybody.
fn methods_at(issuer: &Issuer, path: &str) -> Option<HeaderValue> {
    let open = [
        routes::TOKEN,
        routes::JWK,
        routes::DEVICE_CODE,
        routes::OPENID_CONFIGURATION,
    ];
    if !open.contains(&path) {
        return None;
    }
    Some(match path {
        _ if issuer.rules.then() => ALL_THEN,
        routes::TOKEN => HeaderValue::from_static("GET,HEAD,POST,OPTIONS"),
        routes::DEVICE_CODE => HeaderValue::from_static("POST,OPTIONS"),
        _ => HeaderValue::from_static("GET,HEAD,OPTIONS"),
    })
}

fn exception(issuer: &Issuer) -> Response {
    let refusal = Refusal::page(500, "Internal Server Error");
    issuer.refuse(&refusal, Caching::Unsaid)
}

fn healthy(issuer: &Issuer, text: &'static str) -> Response {
    let mut response = issuer
        .answers
        .json_text(200, text.to_owned(), Caching::Never);
    if issuer.rules.today() {
        let kind = HeaderValue::from_static("application/vnd.spring-boot.actuator.v3+json");
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    response
}

/// Takes out of the path what stands between a semicolon and the next slash.
fn drop_parameters(request: &mut Request) {
    let uri = request.uri();
    let pieces = uri.path().split('/');
    let plain: Vec<&str> = pieces
        .map(|piece| piece.split(';').next().unwrap_or_default())
        .collect();
    let plain = plain.join("/");
    let whole = match uri.query() {
        Some(query) => format!("{plain}?{query}"),
        None => plain,
    };
    let mut parts = uri.clone().into_parts();
    if let Ok(path) = whole.parse() {
        parts.path_and_query = Some(path);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
}

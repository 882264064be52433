//! Cross-origin requests (Fetch standard; issuer page §2.10): which paths allow them, and the answer to a preflight.

use std::sync::Arc;

use axum::response::Response;
use carnet_stage::{Answering, Body, Handler};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ALLOW,
    ORIGIN,
};
use http::{HeaderValue, Method};

use super::Request;
use super::container::ALL_THEN;
use crate::answer::Caching;
use crate::errors::Refusal;
use crate::issuer::Issuer;
use crate::routes;

/// Answers preflights, and lets every origin read the answers of the open paths. What no other origin asks goes on as it is.
pub fn before(issuer: &Arc<Issuer>, request: Request, next: &Handler) -> Answering {
    if !issuer.rules.then() && !request.headers().contains_key(ORIGIN) {
        return next.call(request);
    }
    Box::pin(layer(Arc::clone(issuer), request, next.clone()))
}

async fn layer(issuer: Arc<Issuer>, request: Request, next: Handler) -> Response {
    let (method, path) = (request.method(), request.uri().path());
    // June 2021's filter let everybody read, asked or not.
    let unasked = issuer.rules.then() && *method != Method::TRACE && is_read_by_all(path);
    let foreign = request.headers().contains_key(ORIGIN);
    let open = foreign && is_open(&issuer, path);
    let asked = request.headers().get(ACCESS_CONTROL_REQUEST_HEADERS);
    let asks = request
        .headers()
        .contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    if foreign && *method == Method::OPTIONS && asks {
        return if issuer.rules.then() {
            preflight_then(&issuer, path, open)
        } else {
            preflight(&issuer, asked, open)
        };
    }
    let mut response = next.call(request).await;
    if open || unasked {
        response
            .headers_mut()
            .insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    response
}

fn preflight(issuer: &Issuer, asked: Option<&HeaderValue>, open: bool) -> Response {
    let status = if open { 200 } else { 403 };
    let mut response = issuer.answers.bare(status, Caching::Never);
    if !open && issuer.rules.today() {
        *response.body_mut() = Body::from("Invalid CORS request");
    }
    if open {
        let headers = response.headers_mut();
        let methods = HeaderValue::from_static("HEAD,GET,POST,PUT,DELETE,PATCH,OPTIONS");
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("1800"));
        if let Some(asked) = asked {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
        }
    }
    response
}

/// A preflight in June 2021: two filters that each say their own, the framework's list of methods, and a login asked for
/// before anything is refused.
fn preflight_then(issuer: &Issuer, path: &str, open: bool) -> Response {
    let inner = ["/introspect", "/scim/", "/iam/"];
    let mut response = if inner.into_iter().any(|start| path.starts_with(start)) {
        let text = "Full authentication is required to access this resource";
        issuer.refuse(&Refusal::unauthorized(text), Caching::Never)
    } else {
        let caching = if path == routes::OPENID_CONFIGURATION {
            Caching::Unsaid
        } else {
            Caching::Never
        };
        let mut response = issuer.answers.bare(if open { 200 } else { 403 }, caching);
        response.headers_mut().insert(ALLOW, ALL_THEN);
        if !open {
            *response.body_mut() = Body::from("Invalid CORS request");
        }
        response
    };
    if is_read_by_all(path) {
        let headers = response.headers_mut();
        let mut put = |name, value| headers.insert(name, HeaderValue::from_static(value));
        put(ACCESS_CONTROL_ALLOW_ORIGIN, "*");
        put(ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, DELETE");
        put(
            ACCESS_CONTROL_ALLOW_HEADERS,
            "X-Requested-With,Origin,Content-Type, Accept, Authorization",
        );
    }
    response
}

/// Paths whose answers June 2021 marks readable by every origin.
fn is_read_by_all(path: &str) -> bool {
    let path = path.strip_prefix('/').unwrap_or(path);
    let first = path.trim_start_matches('/').split('/').next();
    matches!(
        first,
        Some("token" | "introspect" | "revoke" | "userinfo" | "register" | "scim" | "iam")
    ) && path != "token/"
}

fn is_open(issuer: &Issuer, path: &str) -> bool {
    if issuer.rules.then() {
        return [routes::TOKEN, routes::REVOKE, routes::USERINFO].contains(&path);
    }
    let open = [
        routes::TOKEN,
        routes::INTROSPECT,
        routes::REVOKE,
        routes::USERINFO,
        routes::JWK,
        routes::DEVICE_CODE,
        routes::OPENID_CONFIGURATION,
    ];
    open.contains(&path) || path.starts_with("/iam/api/") || path.starts_with("/scim/")
}

//! `GET /.well-known/webfinger` (RFC 7033; issuer page §2.10): which issuer a person belongs to.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderValue, header::CONTENT_TYPE};
use serde_json::json;

use super::{Here, Request, read};
use crate::answer::Caching;
use crate::errors::Refusal;

/// Answers with the subject and one link.
pub async fn serve(State(issuer): Here, request: Request) -> Response {
    let form = match read(request).await {
        Ok((_, form)) => form,
        Err(refusal) => return issuer.refuse(&refusal, Caching::Never),
    };
    let Some(resource) = form.filled("resource") else {
        return issuer.refuse(&Refusal::page(404, "Not Found"), Caching::Never);
    };
    let rel = "http://openid.net/specs/connect/1.0/issuer";
    let body =
        json!({ "subject": resource, "links": [{ "rel": rel, "href": issuer.iss_with_slash() }] });
    let mut response = issuer.answers.json(200, &body, Caching::Unsaid);
    let kind = HeaderValue::from_static("application/jrd+json;charset=UTF-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

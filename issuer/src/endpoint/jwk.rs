//! `GET /jwk`: the key set (RFC 7517; issuer page §2.10).

use axum::extract::State;
use axum::response::Response;
use http::Method;

use super::{Here, Request, keys};
use crate::answer::Caching;
use crate::errors::Refusal;

/// Answers with the key set, once there is a key.
pub async fn serve(State(issuer): Here, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return issuer.refuse(&Refusal::method("GET"), Caching::Never);
    }
    let accept = crate::answer::header(request.headers(), &http::header::ACCEPT).unwrap_or("*/*");
    if !issuer.rules.strict() && !accept.contains("*/*") && !accept.contains("json") {
        return issuer.refuse(&Refusal::empty(406), Caching::Never);
    }
    keys::tick(&issuer).await;
    match issuer
        .keys
        .with(|ring| ring.jwks(issuer.rules.strict()))
        .await
    {
        Ok(set) => {
            let mut response = issuer.answers.json(200, &set, Caching::Keys);
            if !issuer.rules.then() {
                let kind = http::HeaderValue::from_static("application/json");
                response
                    .headers_mut()
                    .insert(http::header::CONTENT_TYPE, kind);
            }
            response
        }
        Err(_) => issuer.refuse(&Refusal::internal(), Caching::Never),
    }
}

//! The endpoints: each parses, calls a core, and answers.

pub mod api;
pub mod aup;
pub mod authorize;
pub mod browser;
pub mod container;
pub mod cors;
pub mod device;
pub mod devicecode;
pub mod discovery;
pub mod institute;
pub mod introspect;
pub mod jwk;
pub mod keys;
pub mod login;
pub mod policies;
pub mod registration;
pub mod revoke;
pub mod scim;
pub mod token;
pub mod userinfo;
pub mod webfinger;

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use carnet_stage::Body;
use carnet_stage::body::read_limited;
use http::request::Parts;

use crate::answer::Caching;
use crate::errors::{Refusal, Shape};
use crate::form::{Form, LIMIT};
use crate::issuer::Issuer;
use crate::quirks::Quirk;

/// The shared issuer, as axum hands it over.
pub type Here = State<Arc<Issuer>>;

/// A request with its body.
pub type Request = http::Request<Body>;

/// Reads a request's parameters. A body that is too long or breaks off is the client's fault.
pub async fn read(request: Request) -> Result<(Parts, Form), Refusal> {
    read_within(request, LIMIT).await
}

/// The same with a limit of its own, for what is kept although nobody known has sent it.
pub async fn read_within(request: Request, limit: usize) -> Result<(Parts, Form), Refusal> {
    let (parts, body) = request.into_parts();
    let form = form(&parts, body, limit).await?;
    Ok((parts, form))
}

/// The parameters of a request whose head and body are apart.
pub async fn form(parts: &Parts, body: Body, limit: usize) -> Result<Form, Refusal> {
    let body = read_limited(body, limit).await.map_err(|why| match why {
        carnet_stage::body::BodyError::TooLong { .. } => {
            Refusal::new(413, "invalid_request", "The body is too long.")
        }
        carnet_stage::body::BodyError::Broken(_) => {
            Refusal::bad("invalid_request", "The body broke off.")
        }
    })?;
    Ok(Form::read(parts.uri.query(), &parts.headers, &body))
}

/// A POST that failed inside: 405 in IAM, 500 otherwise.
pub fn failed_inside(issuer: &Issuer) -> Refusal {
    if issuer.has(Quirk::Q41) {
        Refusal::method("GET")
    } else {
        Refusal::internal()
    }
}

/// Whether somebody with a session or a good token asks.
fn known_caller(issuer: &Issuer, request: &Request) -> bool {
    let headers = request.headers();
    browser::Browser::of(issuer, headers).user(issuer).is_some()
        || userinfo::bearer(issuer, headers, &Form::default()).is_ok()
}

/// Paths that nobody serves.
pub async fn unknown(State(issuer): Here, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    // Servlet containers take `//token` for `/token`.
    if !issuer.rules.strict() && path.replace("//", "/") == crate::routes::TOKEN {
        return token::serve(State(issuer), request).await;
    }
    let refusal = if path == "/token/" && !issuer.rules.strict() {
        let text =
            "There is no client authentication. Try adding an appropriate authentication filter.";
        let refusal = Refusal::new(401, "unauthorized", text);
        return issuer
            .answers
            .unguarded(issuer.refuse(&refusal, Caching::NoStore));
    } else if path == "/register" && issuer.rules.today() && *request.method() == http::Method::POST
    {
        let mut response = issuer.answers.bare(405, Caching::Unsaid);
        let allow = http::HeaderValue::from_static("GET");
        response.headers_mut().insert(http::header::ALLOW, allow);
        return response;
    } else if path.starts_with("/iam/api")
        && !issuer.rules.strict()
        && !known_caller(&issuer, &request)
    {
        Refusal::unauthorized("Full authentication is required to access this resource")
    } else if issuer.rules.strict()
        && crate::answer::header(request.headers(), &http::header::ACCEPT)
            .is_some_and(|a| a.contains("json"))
    {
        Refusal::new(404, "not_found", "Nothing is served at this path.").dressed(Shape::Plain)
    } else {
        Refusal::page(404, "Not Found")
    };
    // IAM's filters see what is under `/iam` and `/scim`, and nothing else of what is not there.
    let seen = path.starts_with("/iam/") || path.starts_with("/scim/");
    let caching = if seen {
        Caching::Never
    } else {
        Caching::Unsaid
    };
    issuer.refuse(&refusal, caching)
}

//! The REST interface: what each path does, over the book (FTS page §1).

pub(crate) mod about;
pub(crate) mod bans;
pub(crate) mod jobs;
pub(crate) mod list;
pub(crate) mod orders;
pub(crate) mod settings;

use std::collections::HashMap;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use carnet_stage::body::{BodyError, read_limited};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;

use crate::auth::{User, not_enough};
use crate::config::Profile;
use crate::errors::Refused;
use crate::service::Service;

/// A JSON answer.
pub(crate) fn json(status: StatusCode, value: &Value) -> Response {
    let mut response = (status, value.to_string()).into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

/// 200 with JSON.
pub(crate) fn ok(value: &Value) -> Response {
    json(StatusCode::OK, value)
}

/// The caller of a request; anonymous callers pass. `telling`: the judgement goes into the journal.
pub(crate) async fn caller(
    service: &Service,
    headers: &HeaderMap,
    telling: bool,
) -> Result<User, Refused> {
    service
        .door()
        .enter(service.actor(), service.issuers(), headers, telling)
        .await
}

/// The caller of a request that needs a name.
pub(crate) async fn named(
    service: &Service,
    headers: &HeaderMap,
    telling: bool,
) -> Result<User, Refused> {
    let user = caller(service, headers, telling).await?;
    if user.bearer.is_some() {
        Ok(user)
    } else {
        Err(not_enough())
    }
}

/// The same for what is about a single job: 3.13 stumbles over an anonymous caller there.
pub(crate) async fn named_for_job(
    service: &Service,
    headers: &HeaderMap,
    telling: bool,
) -> Result<User, Refused> {
    let user = caller(service, headers, telling).await?;
    match (&user.bearer, service.config().profile) {
        (Some(_), _) => Ok(user),
        (None, Profile::V3_14) => Err(not_enough()),
        (None, Profile::V3_13) => Err(Refused::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The server encountered an internal error and was unable to complete your request. Either the server is \
             overloaded or there is an error in the application.",
        )),
    }
}

/// A request body as JSON; a form becomes an object of strings.
pub(crate) async fn input(
    service: &Service,
    headers: &HeaderMap,
    put: bool,
    body: Body,
) -> Result<Value, Refused> {
    let limit = service.config().max_body;
    let bytes = read_limited(body, limit)
        .await
        .map_err(|error| match error {
            BodyError::TooLong { limit } => Refused::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("The data value transmitted exceeds the capacity limit of {limit} bytes."),
            ),
            BodyError::Broken(why) => Refused::bad(why),
        })?;
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let value = if put || kind.starts_with("application/json") {
        serde_json::from_slice(&bytes).map_err(|_| Refused::bad("Badly formatted JSON request"))?
    } else if kind.starts_with("application/x-www-form-urlencoded") {
        let pairs = form_urlencoded::parse(&bytes);
        Value::Object(
            pairs
                .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
                .collect(),
        )
    } else {
        return Err(Refused::bad(
            "Expecting application/json or application/x-www-form-urlencoded",
        ));
    };
    if value.is_object() {
        Ok(value)
    } else {
        Err(Refused::bad("Expecting a dictionary"))
    }
}

/// The parameters of a query; of several with one name, the first.
pub(crate) fn query(text: Option<&str>) -> HashMap<String, String> {
    let mut found = HashMap::new();
    for (name, value) in form_urlencoded::parse(text.unwrap_or_default().as_bytes()) {
        found
            .entry(name.into_owned())
            .or_insert_with(|| value.into_owned());
    }
    found
}

/// What only a certificate opens; FTS takes none here.
pub(crate) async fn needs_certificate() -> Refused {
    Refused::forbidden("Certificate required")
}

/// A path that is not in the table.
pub(crate) async fn unknown() -> Refused {
    Refused::not_found(
        "The requested URL was not found on the server. If you entered the URL manually please check your spelling and \
         try again.",
    )
}

/// A path in the table with a method that it does not have.
pub(crate) async fn not_allowed() -> Refused {
    Refused::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "The method is not allowed for the requested URL.",
    )
}

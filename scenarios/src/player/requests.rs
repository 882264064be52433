//! Requests: what a step sends over the wire, and the answer in short.

use bytes::Bytes;
use carnet_stage::{Actor, Body, body};
use http::{HeaderName, HeaderValue, Method, Request};
use http_body_util::BodyExt as _;

/// Longest answer a step reads whole.
const LIMIT: usize = 4 << 20;

/// An answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

impl Answer {
    /// The body as JSON; `null` when it is none.
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// Sends one request as `actor` and reads the answer. Headers are sent as given, right or wrong.
pub(super) async fn send(
    actor: &Actor,
    method: &str,
    url: &str,
    headers: &[(String, String)],
    content: Body,
) -> Result<Answer, String> {
    let request = prepare(method, url, headers, content)?;
    let answer = actor
        .client()
        .send(request)
        .await
        .map_err(|error| error.to_string())?;
    let status = answer.status().as_u16();
    let body = body::read_limited(answer.into_body(), LIMIT)
        .await
        .map_err(|error| error.to_string())?;
    Ok(Answer { status, body })
}

/// Sends one request and reads the answer to its end without keeping it.
pub(super) async fn drain(
    actor: &Actor,
    method: &str,
    url: &str,
    headers: &[(String, String)],
) -> Result<(), String> {
    let request = prepare(method, url, headers, Body::empty())?;
    let answer = actor
        .client()
        .send(request)
        .await
        .map_err(|error| error.to_string())?;
    let mut body = answer.into_body();
    while let Some(frame) = body.frame().await {
        frame.map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn prepare(
    method: &str,
    url: &str,
    headers: &[(String, String)],
    content: Body,
) -> Result<Request<Body>, String> {
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|_| format!("`{method}` is not an HTTP method"))?;
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("`{name}` is not a header's name"))?;
        let value = HeaderValue::from_str(value)
            .map_err(|_| format!("the value of {name} has a letter no header may have"))?;
        request = request.header(name, value);
    }
    request
        .body(content)
        .map_err(|error| format!("`{url}`: {error}"))
}

/// A form body, with its header.
pub(super) fn form<'a>(
    fields: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> (Body, (String, String)) {
    let text = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    (
        Body::from(text),
        (
            "content-type".to_owned(),
            "application/x-www-form-urlencoded".to_owned(),
        ),
    )
}

/// The value of an `Authorization: Basic` header for `name:password`.
pub(super) fn basic(credentials: &str) -> String {
    use base64::Engine as _;
    format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(credentials)
    )
}

//! Sending a request and reading a small answer.

use bytes::Bytes;
use carnet_stage::{Actor, Body, Client, body};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::Value;

use crate::error::UserError;

/// Longest answer that is read whole.
const LONGEST_ANSWER: usize = 8 << 20;

/// An answer that was read whole.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null when it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Sends a request with the actor's client and reads the answer.
pub(crate) async fn ask(actor: &Actor, request: Request<Body>) -> Result<Answer, UserError> {
    ask_with(actor.client(), request).await
}

/// Sends a request with a given client and reads the answer.
pub(crate) async fn ask_with(client: &Client, request: Request<Body>) -> Result<Answer, UserError> {
    let who = request.uri().host().unwrap_or_default().to_owned();
    let answer = client.send(request).await?;
    let (head, body) = answer.into_parts();
    let body = body::read_limited(body, LONGEST_ANSWER)
        .await
        .map_err(|e| UserError::Senseless {
            who,
            why: e.to_string(),
        })?;
    Ok(Answer {
        status: head.status,
        headers: head.headers,
        body,
    })
}

/// A request without a body.
pub(crate) fn get(url: &str) -> Result<Request<Body>, UserError> {
    request(Method::GET, url, &[(ACCEPT.as_str(), "*/*")], Body::empty())
}

/// A form that is posted.
pub(crate) fn post_form<K: AsRef<str>, V: AsRef<str>>(
    url: &str,
    pairs: &[(K, V)],
) -> Result<Request<Body>, UserError> {
    let headers = [
        (CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded"),
        (ACCEPT.as_str(), "*/*"),
    ];
    request(Method::POST, url, &headers, Body::from(encode(pairs)))
}

/// Pairs as a form or a query writes them.
pub(crate) fn encode<K: AsRef<str>, V: AsRef<str>>(pairs: &[(K, V)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

/// Any request; what cannot be one is the caller's mistake and said so.
pub(crate) fn request(
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    body: Body,
) -> Result<Request<Body>, UserError> {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request
        .body(body)
        .map_err(|e| UserError::Unreachable(format!("'{url}' cannot be asked: {e}")))
}

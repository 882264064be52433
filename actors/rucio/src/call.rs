//! One request to the REST interface, taken apart: path segments, query, headers, body, who asks.

use std::collections::HashMap;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use serde_json::{Map, Value};

use crate::errors::RucioError;
use crate::server::Rucio;

/// One request.
pub(crate) struct Call {
    /// The server.
    pub(crate) rucio: Rucio,
    /// The method.
    pub(crate) method: Method,
    /// Decoded path segments, without empty ones at the end.
    pub(crate) path: Vec<String>,
    /// Decoded query parameters; the last of a name wins.
    pub(crate) query: HashMap<String, String>,
    /// The query as it was sent.
    pub(crate) raw_query: String,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) body: Bytes,
    /// The account that asks; empty where nobody need log in.
    pub(crate) account: String,
}

impl Call {
    /// Takes a request apart.
    pub(crate) fn new(
        rucio: Rucio,
        method: Method,
        uri: &Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> Self {
        let raw_query = uri.query().unwrap_or_default().to_owned();
        let query = form_urlencoded::parse(raw_query.as_bytes())
            .into_owned()
            .collect();
        Self {
            rucio,
            method,
            path: segments(uri.path()),
            query,
            raw_query,
            headers,
            body,
            account: String::new(),
        }
    }

    /// A header as text; missing and unreadable are the same.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as a JSON object. Clients send no content type; an empty body is an empty object.
    pub(crate) fn object(&self) -> Result<Map<String, Value>, RucioError> {
        if self.body.is_empty() {
            return Ok(Map::new());
        }
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(object)) => Ok(object),
            Ok(_) => Err(RucioError::type_error("body must be a json dictionary")),
            Err(_) => Err(RucioError::value_error(
                "cannot decode json parameter dictionary",
            )),
        }
    }

    /// Whether a query parameter says true.
    pub(crate) fn asks(&self, name: &str) -> bool {
        self.query
            .get(name)
            .is_some_and(|v| crate::account::is_true(v))
    }
}

/// Segments of a path, each decoded as `quote_plus` encodes them; slashes inside a segment stay (rucio page §1.1).
fn segments(path: &str) -> Vec<String> {
    let mut segments: Vec<String> = path.split('/').skip(1).map(decode).collect();
    while segments.last().is_some_and(String::is_empty) {
        segments.pop();
    }
    segments
}

fn decode(segment: &str) -> String {
    let spaced = segment.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced)
        .decode_utf8_lossy()
        .into_owned()
}

/// Reads members of a JSON object with Rucio's complaints.
pub(crate) trait Members {
    /// A text that must be there.
    fn text(&self, key: &str) -> Result<&str, RucioError>;
    /// A text that may be missing or null.
    fn maybe_text(&self, key: &str) -> Option<&str>;
    /// A boolean; missing, null and anything else is the default.
    fn flag(&self, key: &str, default: bool) -> bool;
    /// A whole number that may be missing or null.
    fn number(&self, key: &str) -> Option<i64>;
    /// A list; missing and null are empty.
    fn list(&self, key: &str) -> &[Value];
}

impl Members for Map<String, Value> {
    fn text(&self, key: &str) -> Result<&str, RucioError> {
        self.maybe_text(key)
            .ok_or_else(|| RucioError::key_error(format!("'{key}' not defined")))
    }

    fn maybe_text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    fn flag(&self, key: &str, default: bool) -> bool {
        self.get(key).and_then(Value::as_bool).unwrap_or(default)
    }

    fn number(&self, key: &str) -> Option<i64> {
        self.get(key)?.as_i64()
    }

    fn list(&self, key: &str) -> &[Value] {
        self.get(key)
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_decoded_by_segment() {
        for (path, want) in [
            ("/rules/", vec!["rules"]),
            (
                "/dids/ddmlab/a%2Fb+c/meta",
                vec!["dids", "ddmlab", "a/b c", "meta"],
            ),
            ("/dids/s//abs/dids", vec!["dids", "s", "", "abs", "dids"]),
            ("/", vec![]),
        ] {
            assert_eq!(segments(path), want, "{path}");
        }
    }
}

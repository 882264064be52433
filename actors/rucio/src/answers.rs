//! The shapes of Rucio's answers: one JSON value, a stream of lines, plain `Created` (rucio page §1.1).

use axum::body::Body;
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use jiff::Timestamp;
use serde_json::Value;

/// A time as Rucio writes it: `Sat, 21 Nov 2026 23:35:49 UTC`.
pub(crate) fn date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S UTC").to_string()
}

/// A time as the account page writes it: `2026-11-21T23:32:32`.
pub(crate) fn short_date(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// One JSON value. Clients compare the content type byte for byte, so it has no parameter.
pub(crate) fn json(value: &Value) -> Response {
    answer(StatusCode::OK, "application/json", value.to_string())
}

/// One JSON value that is text already.
pub(crate) fn json_text(text: String) -> Response {
    answer(StatusCode::OK, "application/json", text)
}

/// A list: one JSON value a line; an empty list is an empty body.
pub(crate) fn stream(rows: impl IntoIterator<Item = Value>) -> Response {
    stream_of(stream_text(rows))
}

/// The lines of a list.
pub(crate) fn stream_text(rows: impl IntoIterator<Item = Value>) -> String {
    let mut text = String::new();
    for row in rows {
        text.push_str(&row.to_string());
        text.push('\n');
    }
    text
}

/// A list that is text already.
pub(crate) fn stream_of(text: String) -> Response {
    answer(StatusCode::OK, "application/x-json-stream", text)
}

/// `201 Created` with the text `Created`.
pub(crate) fn created() -> Response {
    html(StatusCode::CREATED, "Created")
}

/// `200 OK` with nothing in it.
pub(crate) fn empty() -> Response {
    html(StatusCode::OK, "")
}

/// A text under the content type that Rucio's framework gives to everything else.
pub(crate) fn html(status: StatusCode, text: impl Into<String>) -> Response {
    answer(status, "text/html; charset=utf-8", text.into())
}

/// A metalink document.
pub(crate) fn metalink(document: String) -> Response {
    answer(StatusCode::OK, "application/metalink4+xml", document)
}

/// The page for a URL that does not exist.
pub(crate) fn not_found() -> Response {
    html(
        StatusCode::NOT_FOUND,
        "<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n<p>The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.</p>\n",
    )
}

/// The page for a method that a URL does not know.
pub(crate) fn method_not_allowed() -> Response {
    html(
        StatusCode::METHOD_NOT_ALLOWED,
        "<!doctype html>\n<html lang=en>\n<title>405 Method Not Allowed</title>\n<h1>Method Not Allowed</h1>\n<p>The method is not allowed for the requested URL.</p>\n",
    )
}

fn answer(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_rucios() {
        let at = Timestamp::from_second(1_795_304_149).expect("a time");
        assert_eq!(date(at), "Sat, 21 Nov 2026 23:35:49 UTC");
        assert_eq!(short_date(at), "2026-11-21T23:35:49");
    }
}

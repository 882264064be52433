//! Answers in the shapes of this storage element: short plain text, always with a length (storage page §1.0).

use axum::body::Body;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};

/// An answer.
pub(crate) type Answer = Response<Body>;

/// A status as a number the caller knows to be right; anything else is a 500.
pub(crate) fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// No content.
pub(crate) fn empty(code: u16) -> Answer {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status(code);
    answer
}

/// What a line of plain text says, for dialects that say it in their own words.
#[derive(Clone, Debug)]
pub(crate) struct Line(pub(crate) String);

/// One line of plain text, or no content.
pub(crate) fn text(code: u16, line: &str) -> Answer {
    let line = line.trim_end_matches('\n');
    if line.is_empty() {
        return empty(code);
    }
    let mut told = typed(code, "text/plain; charset=utf-8", format!("{line}\n"));
    told.extensions_mut().insert(Line(line.to_owned()));
    told
}

/// A body of some type.
pub(crate) fn typed(code: u16, kind: &'static str, body: impl Into<Body>) -> Answer {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status(code);
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

/// Sets a header whose value may not be one; then it is left out.
pub(crate) fn set(answer: &mut Answer, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
}

/// `Sat, 21 Nov 2026 10:00:00 GMT`, from milliseconds.
pub(crate) fn http_date(millis: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Reads an HTTP date; seconds since the epoch.
pub(crate) fn parse_http_date(text: &str) -> Option<i64> {
    let parsed = jiff::fmt::rfc2822::parse(text.trim()).ok()?;
    Some(parsed.timestamp().as_second())
}

/// `2026-11-21T10:00:00Z`, from milliseconds.
pub(crate) fn iso_date(millis: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_http_and_webdav_want_them() {
        let millis = 1_795_255_200_123;
        assert_eq!(http_date(millis), "Sat, 21 Nov 2026 10:00:00 GMT");
        assert_eq!(iso_date(millis), "2026-11-21T10:00:00Z");
        assert_eq!(
            parse_http_date("Sat, 21 Nov 2026 10:00:00 GMT"),
            Some(1_795_255_200)
        );
        assert_eq!(parse_http_date("yesterday"), None);
    }
}

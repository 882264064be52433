//! Conditional requests (RFC 9110 §13), in the order of §13.2.2.

use http::HeaderMap;

use crate::answer::parse_http_date;

/// What a condition says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Go on.
    Met,
    /// 304, for GET and HEAD.
    NotModified,
    /// 412.
    Failed,
}

impl Verdict {
    /// The same where conditions count; elsewhere they are always met.
    pub(crate) fn counted(self, count: bool) -> Self {
        if count { self } else { Self::Met }
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A list, which may stand on several lines (RFC 9110 §5.3).
fn list(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(name).iter();
    let lines: Vec<&str> = lines.filter_map(|value| value.to_str().ok()).collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

fn lists(field: &str, etag: Option<&str>, weak: bool) -> bool {
    match etag {
        None => false,
        Some(etag) => field.split(',').map(str::trim).any(|member| {
            member == "*" || member == etag || (weak && member.strip_prefix("W/") == Some(etag))
        }),
    }
}

/// Judges the conditions of a request. `etag` and `modified` (milliseconds) are those of the target, none
/// when there is nothing.
pub(crate) fn judge(
    headers: &HeaderMap,
    etag: Option<&str>,
    modified: Option<i64>,
    reading: bool,
) -> Verdict {
    let seconds = modified.map(|millis| millis.div_euclid(1000));
    if let Some(field) = list(headers, "if-match") {
        if !lists(&field, etag, false) {
            return Verdict::Failed;
        }
    } else if let Some(since) = text(headers, "if-unmodified-since").and_then(parse_http_date)
        && seconds.is_some_and(|modified| modified > since)
    {
        return Verdict::Failed;
    }
    if let Some(field) = list(headers, "if-none-match") {
        if lists(&field, etag, true) {
            return if reading {
                Verdict::NotModified
            } else {
                Verdict::Failed
            };
        }
    } else if let Some(since) = text(headers, "if-modified-since").and_then(parse_http_date)
        && reading
        && seconds.is_some_and(|modified| modified <= since)
    {
        return Verdict::NotModified;
    }
    Verdict::Met
}

/// Whether `Range` counts, given `If-Range`.
pub(crate) fn range_counts(headers: &HeaderMap, etag: &str, modified: i64) -> bool {
    match text(headers, "if-range") {
        None => true,
        Some(field) if field.starts_with('"') => field == etag,
        Some(field) => parse_http_date(field) == Some(modified.div_euclid(1000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    #[test]
    fn conditions_in_their_order() {
        let date = "Sat, 21 Nov 2026 10:00:00 GMT";
        let at = Some(1_795_255_200_500);
        for (fields, etag, reading, wanted) in [
            (vec![], Some("\"1\""), true, Verdict::Met),
            (
                vec![("if-none-match", "\"1\"")],
                Some("\"1\""),
                true,
                Verdict::NotModified,
            ),
            (
                vec![("if-none-match", "W/\"1\"")],
                Some("\"1\""),
                true,
                Verdict::NotModified,
            ),
            (
                vec![("if-none-match", "\"2\", \"1\"")],
                Some("\"1\""),
                false,
                Verdict::Failed,
            ),
            (
                vec![("if-none-match", "\"2\""), ("if-none-match", "\"1\"")],
                Some("\"1\""),
                true,
                Verdict::NotModified,
            ),
            (
                vec![("if-match", "\"2\""), ("if-match", "\"1\"")],
                Some("\"1\""),
                true,
                Verdict::Met,
            ),
            (vec![("if-none-match", "*")], None, false, Verdict::Met),
            (
                vec![("if-none-match", "*")],
                Some("\"1\""),
                false,
                Verdict::Failed,
            ),
            (
                vec![("if-match", "\"2\"")],
                Some("\"1\""),
                true,
                Verdict::Failed,
            ),
            (vec![("if-match", "*")], None, true, Verdict::Failed),
            (
                vec![("if-modified-since", date)],
                Some("\"1\""),
                true,
                Verdict::NotModified,
            ),
            (
                vec![("if-modified-since", date)],
                Some("\"1\""),
                false,
                Verdict::Met,
            ),
            (
                vec![("if-unmodified-since", "Fri, 20 Nov 2026 10:00:00 GMT")],
                Some("\"1\""),
                true,
                Verdict::Failed,
            ),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in &fields {
                headers.append(
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                );
            }
            assert_eq!(judge(&headers, etag, at, reading), wanted, "{fields:?}");
        }
    }
}

//! Small readings of a recorded exchange that several views need.

use crate::words;
use carnet_stage::{BodyRecord, Exchange, Issued};
use serde_json::Value;

/// The path of an absolute URL, without query; the text itself when it is no absolute URL.
pub(crate) fn path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let from = if rest.len() == url.len() {
        0
    } else {
        rest.find('/').unwrap_or(rest.len())
    };
    let path = rest[from..].split(['?', '#']).next().unwrap_or_default();
    if path.is_empty() { "/" } else { path }
}

/// Path and query of an absolute URL.
pub(crate) fn target(url: &str) -> &str {
    match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => url,
    }
}

/// Host and port of an absolute URL.
pub(crate) fn authority(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    rest.split(['/', '?', '#'])
        .next()
        .filter(|authority| !authority.is_empty())
}

/// The parameters of the request: its form body, or else its query.
pub(crate) fn form(exchange: &Exchange) -> Vec<(String, String)> {
    let query = exchange.url.split_once('?').map(|(_, query)| query);
    let body = exchange
        .request_body
        .text
        .as_deref()
        .filter(|body| !body.trim_start().starts_with(['{', '[']));
    let text = body
        .filter(|body| !body.is_empty())
        .or(query)
        .unwrap_or_default();
    form_urlencoded::parse(text.as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

/// The body as JSON, when it is JSON.
pub(crate) fn json(body: &BodyRecord) -> Option<Value> {
    let text = body.text.as_deref()?.trim_start();
    if text.starts_with(['{', '[']) {
        serde_json::from_str(text).ok()
    } else {
        None
    }
}

/// A number or UUID by its first eight digits; any other name as it is.
pub(crate) fn short_id(id: &str) -> String {
    let is_number = id.len() >= 16
        && id
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if is_number {
        format!("{}…", &id[..8])
    } else {
        id.to_owned()
    }
}

/// A path whose numbers and UUIDs are shortened.
pub(crate) fn short_path(url: &str) -> String {
    path(url)
        .split('/')
        .map(short_id)
        .collect::<Vec<_>>()
        .join("/")
}

/// What a token is good for: `for https://fts.example, scope fts:submit-transfer, groups /wlcg`.
pub(crate) fn rights(token: &Issued) -> String {
    let audience = (!token.aud.is_empty()).then(|| format!("for {}", words::list(&token.aud)));
    let scope = (!token.scope.is_empty()).then(|| format!("scope {}", token.scope));
    let groups = token.groups.as_ref().filter(|groups| !groups.is_empty());
    let groups = groups.map(|groups| format!("groups {}", groups.join(" ")));
    let parts: Vec<String> = audience.into_iter().chain(scope).chain(groups).collect();
    if parts.is_empty() && token.kind == "refresh" {
        "for fresh access tokens".to_owned()
    } else if parts.is_empty() {
        "good for nothing in particular".to_owned()
    } else {
        parts.join(", ")
    }
}

/// Scope items of a scope text.
pub(crate) fn items(scope: &str) -> Vec<String> {
    scope.split_ascii_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart_without_being_judged() {
        for (url, wanted_path, wanted_target) in [
            ("https://iam.example/token", "/token", "/token"),
            ("https://iam.example", "/", "/"),
            ("https://iam.example?a=b", "/", "/"),
            ("https://iam.example:9443/a/b?c=d#e", "/a/b", "/a/b?c=d#e"),
            ("/just/a/path?x", "/just/a/path", "/just/a/path?x"),
            ("", "/", ""),
        ] {
            assert_eq!(
                (path(url), target(url)),
                (wanted_path, wanted_target),
                "{url}"
            );
        }
        assert_eq!(
            authority("https://iam.example:9443/token"),
            Some("iam.example:9443")
        );
        assert_eq!(authority("nonsense"), None);
        let job = "https://fts.example/jobs/0d6a1c4e-2c3a-11ef-8f0b-0242ac110002/files";
        assert_eq!(short_path(job), "/jobs/0d6a1c4e…/files");
        assert_eq!(short_id("/example/file"), "/example/file");
    }
}

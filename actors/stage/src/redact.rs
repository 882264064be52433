//! Keeps tokens and secrets out of what is recorded: tokens become `eyJ…<jti>`, secrets become `…`.

use std::borrow::Cow;
use std::cell::RefCell;
use std::hash::{BuildHasher as _, RandomState};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::event::{Event, Exchange, TokenUse};
use crate::strings;

/// Form and JSON members, and query parameters, whose values are secrets.
const SECRET_MEMBERS: &[&str] = &[
    "password",
    "client_secret",
    "code",
    "code_verifier",
    "device_code",
    "refresh_token",
    "access_token",
    "id_token",
    "subject_token",
    "actor_token",
    "client_assertion",
    "registration_access_token",
    "macaroon",
    "token",
    "authz",
    "rootMacaroon",
    "uriWithMacaroon",
    "secret",
    "secretkey",
    "private_key",
    "session",
];

/// Headers whose whole value is a secret.
const SECRET_HEADERS: &[&str] = &[
    "x-rucio-auth-token",
    "x-rucio-password",
    "cookie",
    "set-cookie",
    "x-carnet-admin",
    "proxy-authorization",
];

/// The `jti` of a JWT without looking at its signature; `None` when it is no JWT or has none.
pub fn jti_of(token: &str) -> Option<String> {
    let payload = token.split('.').nth(1)?;
    let json = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice::<Named>(&json).ok()?.jti
}

/// The one claim that names a token; the others are passed over.
#[derive(serde::Deserialize)]
struct Named {
    #[serde(default, deserialize_with = "text_or_none")]
    jti: Option<String>,
}

fn text_or_none<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let value = <serde_json::Value as serde::Deserialize>::deserialize(from)?;
    Ok(value.as_str().map(str::to_owned))
}

/// A short name for a token that has no `jti`: `#` and eight hex digits.
pub fn digest_of(token: &str) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in token.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("#{:08x}", (hash >> 32) ^ (hash & 0xffff_ffff))
}

/// Names found lately by this thread: one token stands in several headers and in several requests, and taking
/// it apart each time costs as much as the rest of its record. Keyed hashes, no tokens.
const LATELY: usize = 8;

thread_local! {
    static NAMES: (RandomState, RefCell<Vec<(u64, String)>>) = (RandomState::new(), RefCell::default());
}

fn name_of(token: &str) -> String {
    NAMES.with(|(state, names)| {
        let key = state.hash_one(token);
        let mut names = names.borrow_mut();
        if let Some((_, name)) = names.iter().find(|(known, _)| *known == key) {
            return name.clone();
        }
        let name = jti_of(token).unwrap_or_else(|| digest_of(token));
        if names.len() >= LATELY {
            names.remove(0);
        }
        names.push((key, name.clone()));
        name
    })
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// Where the next JWT of `text` stands, as a byte range: `eyJ`, base64url characters, at least one dot.
fn next_token(text: &str, from: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut start = from;
    // Few other words have a J, and one letter is found faster than three.
    while let Some(found) = text.get(start..).and_then(|rest| rest.find('J')) {
        let letter = start + found;
        let begin = match letter.checked_sub(2) {
            Some(begin) if begin >= from && bytes[begin..].starts_with(b"ey") => begin,
            _ => {
                start = letter + 1;
                continue;
            }
        };
        let fresh = begin == 0 || !is_token_byte(bytes[begin - 1]);
        let end = begin
            + bytes[begin..]
                .iter()
                .take_while(|byte| is_token_byte(**byte))
                .count();
        if fresh && text[begin..end].contains('.') {
            return Some((begin, end));
        }
        start = end.max(begin + 3);
    }
    None
}

/// `text` with every JWT replaced by `eyJ…<jti>`.
pub fn redact_text(text: &str) -> Cow<'_, str> {
    let Some((mut begin, mut end)) = next_token(text, 0) else {
        return Cow::Borrowed(text);
    };
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    loop {
        out.push_str(&text[done..begin]);
        out.push_str("eyJ…");
        out.push_str(&name_of(&text[begin..end]));
        done = end;
        match next_token(text, done) {
            Some(next) => (begin, end) = next,
            None => break,
        }
    }
    out.push_str(&text[done..]);
    Cow::Owned(out)
}

/// Takes tokens and secrets out of a record's event.
pub(crate) fn redact_event(event: &mut Event) {
    match event {
        Event::Exchange(exchange) => redact_exchange(exchange),
        Event::Note(note) => redact_string(&mut note.text),
        Event::State(change) => redact_string(&mut change.why),
        Event::Fault(fault) => redact_string(&mut fault.did),
        Event::Expect(expect) => {
            if let Some(why) = &mut expect.why {
                redact_string(why);
            }
        }
        Event::Judged(judged) => {
            for check in &mut judged.checks {
                if let Cow::Owned(redacted) = redact_text(&check.saw) {
                    check.saw = Cow::Owned(redacted);
                }
            }
        }
        Event::Step(_) | Event::Issued(_) => {}
    }
}

fn redact_string(text: &mut String) {
    if let Cow::Owned(redacted) = redact_text(text) {
        *text = redacted;
    }
}

fn redact_exchange(exchange: &mut Exchange) {
    redact_url(&mut exchange.url);
    for (name, value) in exchange
        .request_headers
        .iter_mut()
        .chain(&mut exchange.response_headers)
    {
        redact_header(name, value);
    }
    for body in [&mut exchange.request_body, &mut exchange.response_body] {
        if let Some(text) = &mut body.text {
            redact_body(text);
        }
    }
    if let Some(failure) = &mut exchange.failure {
        redact_string(failure);
    }
}

fn redact_url(url: &mut String) {
    if let Some(at) = url.find('?') {
        let query = redact_form(&url[at + 1..]);
        url.truncate(at + 1);
        url.push_str(&query);
    }
}

fn redact_header(name: &str, value: &mut String) {
    if name.eq_ignore_ascii_case("location") {
        redact_url(value);
        return;
    }
    if let Cow::Owned(redacted) = redact_text(value) {
        *value = redacted;
        return;
    }
    let lower = name.to_ascii_lowercase();
    if SECRET_HEADERS.contains(&lower.as_str()) {
        let keep = if lower.ends_with("cookie") {
            value.split('=').next().unwrap_or_default()
        } else {
            ""
        };
        *value = if keep.is_empty() {
            "…".to_owned()
        } else {
            format!("{keep}=…")
        };
    } else if lower.ends_with("authorization") {
        *value = redact_authorization(value);
    }
}

fn redact_authorization(value: &str) -> String {
    let Some((scheme, credentials)) = value.split_once(' ') else {
        return "…".to_owned();
    };
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = STANDARD
            .decode(credentials.trim())
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        if let Some((user, _)) = decoded.as_deref().and_then(|text| text.split_once(':')) {
            return format!("{scheme} <{user}:…>");
        }
    }
    format!("{scheme} …")
}

fn redact_body(text: &mut String) {
    let trimmed = text.trim_start();
    if trimmed.starts_with('{') || trimmed.starts_with('[') {
        if let Some(values) = strings::values(text) {
            if let Some(redacted) = redact_values(text, &values) {
                *text = redacted;
            }
            return;
        }
        if let Ok(mut value) = serde_json::from_str::<serde_json::Value>(text) {
            if redact_json(&mut value) {
                *text = value.to_string();
            }
            return;
        }
    } else if text.contains('=') && !text.contains('<') && !text.contains('\n') {
        *text = redact_form(text);
        return;
    }
    redact_string(text);
}

/// The JSON text with tokens and secrets taken out of its strings; `None` when there were none.
fn redact_values(text: &str, values: &[strings::Value<'_>]) -> Option<String> {
    let mut out = String::new();
    let mut done = 0;
    for (name, contents) in values {
        let secret = SECRET_MEMBERS.contains(name) && !contents.is_empty();
        let value = match redact_text(&text[contents.clone()]) {
            Cow::Borrowed(_) if secret => Cow::Borrowed("…"),
            Cow::Borrowed(_) => continue,
            redacted @ Cow::Owned(_) => redacted,
        };
        out.push_str(&text[done..contents.start]);
        out.push_str(&value);
        done = contents.end;
    }
    (done > 0).then(|| out + &text[done..])
}

/// Whether anything was taken out.
fn redact_json(value: &mut serde_json::Value) -> bool {
    match value {
        serde_json::Value::String(text) => match redact_text(text) {
            Cow::Owned(redacted) => {
                *text = redacted;
                true
            }
            Cow::Borrowed(_) => false,
        },
        serde_json::Value::Array(items) => items
            .iter_mut()
            .fold(false, |any, item| redact_json(item) | any),
        serde_json::Value::Object(members) => {
            members.iter_mut().fold(false, |any, (name, member)| {
                let changed = redact_json(member);
                if !changed && member.is_string() && SECRET_MEMBERS.contains(&name.as_str()) {
                    *member = "…".into();
                    return true;
                }
                changed | any
            })
        }
        _ => false,
    }
}

fn redact_form(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (i, pair) in text.split('&').enumerate() {
        if i > 0 {
            out.push('&');
        }
        let redacted = redact_text(pair);
        match (pair.split_once('='), &redacted) {
            (Some((name, value)), Cow::Borrowed(_))
                if !value.is_empty() && SECRET_MEMBERS.contains(&name) =>
            {
                out.push_str(name);
                out.push_str("=…");
            }
            _ => out.push_str(&redacted),
        }
    }
    out
}

/// Every JWT in an exchange, with the header or member it stands in. Call before redaction.
pub(crate) fn tokens_of(exchange: &Exchange) -> Vec<TokenUse> {
    let mut found: Vec<TokenUse> = Vec::new();
    let mut add = |place: &str, text: &str| {
        let mut from = 0;
        while let Some((begin, end)) = next_token(text, from) {
            let token = TokenUse {
                place: place.to_owned(),
                jti: name_of(&text[begin..end]),
            };
            if !found.contains(&token) {
                found.push(token);
            }
            from = end;
        }
    };
    for (name, value) in &exchange.request_headers {
        add(name, value);
    }
    if let Some((_, query)) = exchange.url.split_once('?') {
        for pair in query.split('&') {
            add(pair.split('=').next().unwrap_or_default(), pair);
        }
    }
    for body in [&exchange.request_body, &exchange.response_body] {
        let Some(text) = &body.text else { continue };
        if text.trim_start().starts_with(['{', '[']) {
            if let Some(values) = strings::values(text) {
                for (name, contents) in values {
                    add(name, &text[contents]);
                }
            } else if let Ok(value) = serde_json::from_str::<serde_json::Value>(text) {
                walk(&value, "", &mut add);
            }
        } else {
            for pair in text.split('&') {
                add(pair.split('=').next().unwrap_or_default(), pair);
            }
        }
    }
    for (name, value) in &exchange.response_headers {
        add(name, value);
    }
    found
}

fn walk(value: &serde_json::Value, name: &str, add: &mut impl FnMut(&str, &str)) {
    match value {
        serde_json::Value::String(text) => add(name, text),
        serde_json::Value::Array(items) => items.iter().for_each(|item| walk(item, name, add)),
        serde_json::Value::Object(members) => members
            .iter()
            .for_each(|(name, member)| walk(member, name, add)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "eyJhbGciOiJub25lIn0.eyJqdGkiOiI0MiJ9.sig-nature_";

    #[test]
    fn nothing_secret_stays() {
        let cases = [
            (format!("Bearer {TOKEN}"), "Bearer eyJ…42"),
            (format!("a {TOKEN}, b {TOKEN}"), "a eyJ…42, b eyJ…42"),
            ("eyJust a word".to_owned(), "eyJust a word"),
        ];
        for (text, wanted) in cases {
            assert_eq!(redact_text(&text), wanted);
        }
        let headers = [
            ("Authorization", "Basic cnVjaW86c2VjcmV0", "Basic <rucio:…>"),
            ("TransferHeaderAuthorization", "Bearer opaque", "Bearer …"),
            ("Set-Cookie", "JSESSIONID=abc; Path=/", "JSESSIONID=…"),
            (
                "Location",
                "https://c.example/cb?code=abc&state=s",
                "https://c.example/cb?code=…&state=s",
            ),
            ("Accept", "*/*", "*/*"),
        ];
        for (name, value, wanted) in headers {
            let mut value = value.to_owned();
            redact_header(name, &mut value);
            assert_eq!(value, wanted, "{name}");
        }
        let bodies = [
            (
                "grant_type=password&password=x&scope=openid".to_owned(),
                "grant_type=password&password=…&scope=openid",
            ),
            (
                format!("subject_token={TOKEN}&a=b"),
                "subject_token=eyJ…42&a=b",
            ),
            (
                format!(r#"{{"access_token":"{TOKEN}","n":1}}"#),
                r#"{"access_token":"eyJ…42","n":1}"#,
            ),
            (
                r#"{"client_secret": "s", "n": 1}"#.to_owned(),
                r#"{"client_secret": "…", "n": 1}"#,
            ),
            (
                r#"{"plain": "s",  "n": 1}"#.to_owned(),
                r#"{"plain": "s",  "n": 1}"#,
            ),
        ];
        for (mut body, wanted) in bodies {
            redact_body(&mut body);
            assert_eq!(body, wanted);
        }
    }
}

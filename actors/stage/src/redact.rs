//! Keeps tokens and secrets out of what is recorded: tokens become `eyJ…<jti>`, secrets become `…`.

use std::borrow::Cow;
use std::cell::RefCell;
use std::hash::{BuildHasher as _, RandomState};
use std::ops::Range;

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
    named(token, || jti_of(token).unwrap_or_else(|| digest_of(token)))
}

/// Whoever has made a token knows its name, and tells it before the token is seen.
pub(crate) fn remember(token: &str, jti: &str) {
    let _name = named(token, || jti.to_owned());
}

fn named(token: &str, name: impl FnOnce() -> String) -> String {
    NAMES.with(|(state, names)| {
        let key = state.hash_one(token);
        let mut names = names.borrow_mut();
        if let Some((_, name)) = names.iter().find(|(known, _)| *known == key) {
            return name.clone();
        }
        let name = name();
        if names.len() >= LATELY {
            names.remove(0);
        }
        names.push((key, name.clone()));
        name
    })
}

fn is_token_byte(byte: u8) -> bool {
    TOKEN_BYTES[usize::from(byte)]
}

const TOKEN_BYTES: [bool; 256] = {
    let mut bytes = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let one = byte as u8;
        bytes[byte] = one.is_ascii_alphanumeric() || matches!(one, b'-' | b'_' | b'.');
        byte += 1;
    }
    bytes
};

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
    match named_tokens(text, |_| {}) {
        Some(redacted) => Cow::Owned(redacted),
        None => Cow::Borrowed(text),
    }
}

/// `text` with every JWT replaced, and its name told; `None` when there is none.
fn named_tokens(text: &str, mut told: impl FnMut(String)) -> Option<String> {
    let (mut begin, mut end) = next_token(text, 0)?;
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    loop {
        let name = name_of(&text[begin..end]);
        out.push_str(&text[done..begin]);
        out.push_str("eyJ…");
        out.push_str(&name);
        told(name);
        done = end;
        match next_token(text, done) {
            Some(next) => (begin, end) = next,
            None => break,
        }
    }
    out.push_str(&text[done..]);
    Some(out)
}

/// Takes tokens and secrets out of a record's event, and notes which tokens an exchange carried. With `reveal` everything
/// stays, and the tokens are noted all the same.
pub(crate) fn redact_event(event: &mut Event, reveal: bool) {
    match event {
        Event::Exchange(exchange) => redact_exchange(exchange, reveal),
        _ if reveal => {}
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

fn redact_exchange(exchange: &mut Exchange, reveal: bool) {
    let mut seen = Seen(std::mem::take(&mut exchange.tokens));
    let put = |text: &mut String, redacted: Option<String>| {
        if let Some(redacted) = redacted.filter(|_| !reveal) {
            *text = redacted;
        }
    };
    for (name, value) in &mut exchange.request_headers {
        let redacted = seen.header(name, value);
        put(value, redacted);
    }
    let redacted = seen.url(None, &exchange.url);
    put(&mut exchange.url, redacted);
    for body in [&mut exchange.request_body, &mut exchange.response_body] {
        if let Some(text) = &mut body.text {
            let redacted = seen.body(text);
            put(text, redacted);
        }
    }
    for (name, value) in &mut exchange.response_headers {
        let redacted = seen.header(name, value);
        put(value, redacted);
    }
    exchange.tokens = seen.0;
    if let Some(failure) = exchange.failure.as_mut().filter(|_| !reveal) {
        redact_string(failure);
    }
}

/// Where a token stands that stands in no header and no member.
const BODY: &str = "body";

/// The tokens of an exchange, each with the header or member it stands in. Every look at a part of the exchange gives that
/// part without its tokens and secrets, or `None` when it has none.
struct Seen(Vec<TokenUse>);

impl Seen {
    fn text(&mut self, place: &str, text: &str) -> Option<String> {
        named_tokens(text, |jti| {
            // A token may stand in a name, too.
            let place = redact_text(place).into_owned();
            let token = TokenUse { place, jti };
            if !self.0.contains(&token) {
                self.0.push(token);
            }
        })
    }

    /// The value of a member, which may be a secret whatever it looks like.
    fn member(&mut self, place: &str, name: &str, value: &str) -> Option<String> {
        self.text(place, value).or_else(|| {
            let secret = !value.is_empty() && SECRET_MEMBERS.contains(&name);
            secret.then(|| "…".to_owned())
        })
    }

    fn header(&mut self, name: &str, value: &str) -> Option<String> {
        if name.eq_ignore_ascii_case("location") {
            return self.url(Some(name), value);
        }
        if let Some(redacted) = self.text(name, value) {
            return Some(redacted);
        }
        let ends = |with: &str| {
            let from = name.len().checked_sub(with.len());
            from.and_then(|from| name.get(from..))
                .is_some_and(|end| end.eq_ignore_ascii_case(with))
        };
        if SECRET_HEADERS
            .iter()
            .any(|secret| secret.eq_ignore_ascii_case(name))
        {
            let keep = if ends("cookie") {
                value.split('=').next().unwrap_or_default()
            } else {
                ""
            };
            Some(if keep.is_empty() {
                "…".to_owned()
            } else {
                format!("{keep}=…")
            })
        } else if ends("authorization") {
            Some(redact_authorization(value))
        } else {
            None
        }
    }

    /// The query is a form; in a header its tokens stand in the header.
    fn url(&mut self, header: Option<&str>, url: &str) -> Option<String> {
        match url.split_once('?') {
            None => self.text(header.unwrap_or("url"), url),
            Some((before, query)) => {
                let path = self.text(header.unwrap_or("url"), before);
                let query = match self.form(header, query) {
                    Some(query) => Cow::Owned(query),
                    None if path.is_none() => return None,
                    None => Cow::Borrowed(query),
                };
                Some(format!("{}?{query}", path.as_deref().unwrap_or(before)))
            }
        }
    }

    fn form(&mut self, place: Option<&str>, text: &str) -> Option<String> {
        let mut pieces = Pieces::of(text);
        let mut at = 0;
        for pair in text.split('&') {
            match pair.split_once('=') {
                Some((name, value)) => {
                    let redacted = self.text(place.unwrap_or(name), name);
                    pieces.put(at..at + name.len(), redacted);
                    let redacted = self.member(place.unwrap_or(name), name, value);
                    pieces.put(at + name.len() + 1..at + pair.len(), redacted);
                }
                None => pieces.put(at..at + pair.len(), self.text(place.unwrap_or(BODY), pair)),
            }
            at += pair.len() + 1;
        }
        pieces.whole()
    }

    fn body(&mut self, text: &str) -> Option<String> {
        if text.trim_start().starts_with(['{', '[']) {
            if let Some(values) = strings::values(text) {
                return self.values(text, &values);
            }
            if let Ok(mut value) = serde_json::from_str::<serde_json::Value>(text) {
                return self.json("", &mut value).then(|| value.to_string());
            }
        } else if text.contains('=') && !text.contains(['<', '\n']) {
            return self.form(None, text);
        }
        self.text(BODY, text)
    }

    fn values(&mut self, text: &str, values: &[strings::Value<'_>]) -> Option<String> {
        let mut pieces = Pieces::of(text);
        let mut done = 0;
        for (name, contents) in values {
            let redacted = self.text(BODY, &text[done..contents.start]);
            pieces.put(done..contents.start, redacted);
            let redacted = self.member(name, name, &text[contents.clone()]);
            pieces.put(contents.clone(), redacted);
            done = contents.end;
        }
        pieces.put(done..text.len(), self.text(BODY, &text[done..]));
        pieces.whole()
    }

    /// Whether anything was taken out of a document; `name`: the member that it is.
    fn json(&mut self, name: &str, value: &mut serde_json::Value) -> bool {
        match value {
            serde_json::Value::String(text) => match self.member(name, name, text) {
                Some(redacted) => {
                    *text = redacted;
                    true
                }
                None => false,
            },
            serde_json::Value::Array(items) => items
                .iter_mut()
                .fold(false, |any, item| self.json(name, item) | any),
            serde_json::Value::Object(members) => {
                let named = |(name, mut member): (String, serde_json::Value)| {
                    let inside = self.json(&name, &mut member);
                    let name = self.text(BODY, &name).ok_or(name);
                    let any = inside | name.is_ok();
                    (any, name.unwrap_or_else(|name| name), member)
                };
                let told: Vec<_> = std::mem::take(members).into_iter().map(named).collect();
                let any = told.iter().any(|(any, ..)| *any);
                members.extend(told.into_iter().map(|(_, name, member)| (name, member)));
                any
            }
            _ => false,
        }
    }
}

/// A text of which pieces are replaced, in order.
struct Pieces<'a> {
    text: &'a str,
    out: String,
    done: usize,
}

impl<'a> Pieces<'a> {
    fn of(text: &'a str) -> Self {
        Self {
            text,
            out: String::new(),
            done: 0,
        }
    }

    fn put(&mut self, piece: Range<usize>, by: Option<String>) {
        if let Some(by) = by {
            self.out.push_str(&self.text[self.done..piece.start]);
            self.out.push_str(&by);
            self.done = piece.end;
        }
    }

    /// The text with its pieces replaced; `None` when none was.
    fn whole(self) -> Option<String> {
        (self.done > 0).then(|| self.out + &self.text[self.done..])
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
            let shown = Seen(Vec::new()).header(name, value);
            assert_eq!(shown.as_deref().unwrap_or(value), wanted, "{name}");
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
        for (body, wanted) in bodies {
            let shown = Seen(Vec::new()).body(&body);
            assert_eq!(shown.as_deref().unwrap_or(&body), wanted);
        }
    }

    #[test]
    fn tokens_are_noted_with_the_place_they_stand_in() {
        let query = format!("https://h.example/x?authz={TOKEN}&n=1");
        let form = format!("subject_token={TOKEN}&{TOKEN}=x");
        let json = format!(r#"{{"a":{{"access_token":"{TOKEN}"}},"{TOKEN}":1}}"#);
        let escaped = format!(r#"{{"why":"{TOKEN}\n","{TOKEN}":"x"}}"#);
        let text = format!("no, {TOKEN} is not good");
        let cases: [(&str, &[&str]); 6] = [
            (&format!("https://h.example/{TOKEN}"), &["url"]),
            (&query, &["authz"]),
            (&form, &["subject_token", "eyJ…42"]),
            (&json, &["access_token", "body"]),
            (&escaped, &["why", "body"]),
            (&text, &["body"]),
        ];
        for (text, places) in cases {
            for reveal in [false, true] {
                let mut exchange = Exchange::default();
                if text.starts_with("https:") {
                    exchange.url = text.to_owned();
                } else {
                    exchange.response_body.text = Some(text.to_owned());
                }
                redact_exchange(&mut exchange, reveal);
                let found: Vec<&str> = exchange.tokens.iter().map(|t| &*t.place).collect();
                assert_eq!(found, places, "{text}");
                let told = format!("{exchange:?}");
                assert_eq!(told.contains(TOKEN), reveal, "{told}");
            }
        }
    }
}

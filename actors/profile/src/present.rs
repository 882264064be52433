//! How a request presents its token: which header, which scheme, and what is refused before any token
//! is looked at (RFC 6750 §2; issuer page §4.2).

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::judge::{
    Check, Demand, Diagnosis, KeySource, Refusal, Rules, Verdict, VerifiedTokens, judge_seen,
};

/// Where a server takes tokens from, besides the `Authorization` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The query parameter `access_token` (RFC 6750 §2.3).
    pub query: bool,
    /// The query parameter `authz`, with or without `Bearer` (XRootD's habit).
    pub authz: bool,
    /// The form field `access_token` (RFC 6750 §2.2).
    pub body: bool,
    /// Longest `Authorization` value that is looked at, in bytes.
    pub max_header_bytes: usize,
    /// Whether repetition is put up with, as storage elements do for clients that send a header twice
    /// (storage page §1.0): equal headers count once, and a header wins over other places.
    pub tolerant: bool,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            query: false,
            authz: false,
            body: false,
            max_header_bytes: 16_384,
            tolerant: false,
        }
    }
}

/// What a request presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presented<'a> {
    /// No credential.
    Nothing,
    /// One token. Whether it is one is the judge's business.
    Token(Cow<'a, str>),
    /// One token, in the query: the answer must be `Cache-Control: private` (RFC 6750 §2.3).
    TokenInQuery(Cow<'a, str>),
    /// A credential that is refused as presented.
    Refused(Refusal),
}

impl Presented<'_> {
    /// The token, if there is one.
    pub fn token(&self) -> Option<&str> {
        match self {
            Self::Token(token) | Self::TokenInQuery(token) => Some(token),
            _ => None,
        }
    }

    /// Judges what was presented.
    pub fn judge(
        &self,
        rules: &Rules,
        keys: &dyn KeySource,
        seen: Option<&VerifiedTokens>,
        demand: &Demand,
        now: i64,
    ) -> Verdict {
        match self {
            Self::Refused(refusal) => {
                let saw = refusal.description.clone();
                let check = Check::new("token", false, saw, "one bearer token");
                Verdict::refuse(demand.to_string(), None, vec![check], refusal.clone())
            }
            other => judge_seen(rules, other.token(), keys, seen, demand, now),
        }
    }
}

/// Finds the token of a request: `authorization` are the values of all headers of that name, `query`
/// the URL's query, `form` a form body where the server reads one.
pub fn find<'a>(
    places: &Places,
    authorization: impl IntoIterator<Item = &'a [u8]>,
    query: Option<&'a str>,
    form: Option<&'a str>,
) -> Presented<'a> {
    let mut headers = authorization.into_iter();
    let header = headers.next();
    let several = headers.any(|other| !places.tolerant || Some(other) != header);
    let in_query = query.and_then(|query| parameter(query, "access_token"));
    let authz = query.and_then(|query| parameter(query, "authz"));
    let in_form = form.and_then(|form| parameter(form, "access_token"));
    let others = [&in_query, &authz, &in_form].into_iter().flatten().count();
    if header.is_some_and(|header| header.len() > places.max_header_bytes) {
        return Presented::Refused(Refusal::too_large("the Authorization header is too large"));
    }
    let elsewhere = usize::from(header.is_some()) + others > 1;
    if several || (elsewhere && !(places.tolerant && header.is_some())) {
        return refused(Diagnosis::MultipleTokens, "more than one token was sent");
    }
    if let Some(header) = header {
        return of_header(header);
    }
    if let Some(token) = in_query {
        return of_query(token, places.query);
    }
    if let Some(token) = authz {
        let token = match token.get(..7) {
            Some(scheme) if scheme.eq_ignore_ascii_case("bearer ") => {
                token[7..].trim().to_owned().into()
            }
            _ => token,
        };
        return of_query(token, places.authz);
    }
    match in_form {
        None => Presented::Nothing,
        Some(token) if places.body => Presented::Token(token),
        Some(_) => Presented::Refused(Refusal::no_credential(
            Diagnosis::TokenInBody,
            "a token in the body is not taken: send it in the Authorization header",
        )),
    }
}

fn of_header(value: &[u8]) -> Presented<'_> {
    let Ok(value) = std::str::from_utf8(value) else {
        let text = "the Authorization header is not ASCII";
        return Presented::Refused(Refusal::invalid_token(Diagnosis::Malformed, text));
    };
    let value = value.trim();
    let (scheme, rest) = value.split_once([' ', '\t']).unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Presented::Refused(Refusal::no_credential(
            Diagnosis::WrongScheme,
            "the Authorization header has another scheme than Bearer",
        ));
    }
    let token = rest.trim();
    if token.is_empty() {
        return refused(
            Diagnosis::EmptyToken,
            "the Authorization header has no token",
        );
    }
    let second = token.split_once(',').map(|(_, rest)| rest.trim_start());
    let second = second.and_then(|rest| rest.get(..6));
    if second.is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer")) {
        return refused(Diagnosis::MultipleTokens, "more than one token was sent");
    }
    Presented::Token(token.into())
}

fn of_query(token: Cow<'_, str>, accepted: bool) -> Presented<'_> {
    if accepted {
        return Presented::TokenInQuery(token);
    }
    Presented::Refused(Refusal::no_credential(
        Diagnosis::TokenInQuery,
        "a token in the URL is not taken: send it in the Authorization header",
    ))
}

fn refused(diagnosis: Diagnosis, text: &str) -> Presented<'static> {
    Presented::Refused(Refusal::bad_request(diagnosis, text))
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.into_iter().find(|(key, _)| *key == name)?;
    if value.contains('+') {
        let value = value.replace('+', " ");
        return Some(
            percent_decode_str(&value)
                .decode_utf8_lossy()
                .into_owned()
                .into(),
        );
    }
    Some(percent_decode_str(value).decode_utf8_lossy())
}

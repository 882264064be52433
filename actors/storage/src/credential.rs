//! The credential of a request: where it stands, and what of several counts (RFC 6750 §2; storage page §1.0,
//! issuer page §4.2).

use std::borrow::Cow;

use carnet_profile::judge::{Diagnosis, Refusal};
use carnet_profile::present::{self, Places, Presented};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};

use crate::dialect::{Malformed, Repeats, Tokens};

/// What a request presents; `form` is its body where one was read.
pub(crate) fn presented<'r>(
    places: &Places,
    habits: &Tokens,
    headers: &'r HeaderMap,
    query: Option<&'r str>,
    form: Option<&'r str>,
) -> Presented<'r> {
    let most = match habits.repeats {
        Repeats::FirstWins => 1,
        Repeats::EqualOnce | Repeats::Refused => usize::MAX,
    };
    let heard =
        |field: &&HeaderValue| !habits.exact_scheme || field.as_bytes().starts_with(b"Bearer ");
    let fields = || {
        headers
            .get_all(header::AUTHORIZATION)
            .iter()
            .filter(heard)
            .take(most)
    };
    if habits.malformed != Malformed::BadRequest
        && let Some(text) = fields().next().and_then(after_scheme)
    {
        if fields().any(|other| Some(other) != fields().next()) {
            return Presented::Refused(Refusal::bad_request(
                Diagnosis::MultipleTokens,
                "two different Authorization fields",
            ));
        }
        return Presented::Token(Cow::Borrowed(match habits.malformed {
            Malformed::SecondBlank => text,
            _ => text.trim(),
        }));
    }
    // A server that takes no token from the URL, and minds no repetition, does not look there.
    let query = query.filter(|_| places.query || places.authz || !places.tolerant);
    present::find(places, fields().map(HeaderValue::as_bytes), query, form)
}

/// What follows `Bearer` and one blank.
fn after_scheme(field: &HeaderValue) -> Option<&str> {
    let text = field.to_str().ok()?.trim();
    match text.split_once(' ') {
        Some((scheme, rest)) => scheme.eq_ignore_ascii_case("bearer").then_some(rest),
        None => text.eq_ignore_ascii_case("bearer").then_some(""),
    }
}

/// Whether a request is let in by a token in its URL, so that no cache may keep the answer (RFC 6750 §2.3).
pub(crate) fn in_url(places: &Places, habits: &Tokens, parts: &Parts) -> bool {
    let query = parts.uri.query().filter(|_| habits.private);
    query.is_some()
        && matches!(
            presented(places, habits, &parts.headers, query, None),
            Presented::TokenInQuery(_)
        )
}

//! What an answer says, as far as it is worth telling.

use crate::{facts, words};
use carnet_stage::Exchange;

/// What is worth telling of the answer: the reason of a refusal, the last line of a copy, size and checksum.
pub fn answer(exchange: &Exchange) -> Option<String> {
    if let Some(failure) = &exchange.failure {
        return Some(failure.clone());
    }
    if exchange.status >= 400 {
        return refusal(exchange);
    }
    let header = |name: &str| exchange.response_header(name);
    match exchange.method.as_str() {
        "COPY" => exchange
            .response_body
            .text
            .as_deref()?
            .lines()
            .rev()
            .map(str::trim)
            .find(|line| line.starts_with("success") || line.starts_with("failure"))
            .map(str::to_owned),
        "HEAD" => {
            let size = header("content-length").and_then(|size| size.parse::<u64>().ok());
            let size = size.map(|size| {
                if size < 1024 {
                    words::bytes(size)
                } else {
                    format!("{} ({size} bytes)", words::bytes(size))
                }
            });
            let digest = header("digest").map(|digest| digest.replace('=', " "));
            let parts: Vec<String> = size.into_iter().chain(digest).collect();
            (!parts.is_empty()).then(|| parts.join(", "))
        }
        _ => None,
    }
}

/// OAuth error bodies, FTS and Rucio messages, the `WWW-Authenticate` challenge, or the first line of the body.
fn refusal(exchange: &Exchange) -> Option<String> {
    if let Some(body) = facts::json(&exchange.response_body) {
        let field = |name: &str| body[name].as_str().filter(|text| !text.is_empty());
        for (code, detail) in [
            ("error", "error_description"),
            ("ExceptionClass", "ExceptionMessage"),
            ("status", "message"),
        ] {
            match (field(code), field(detail)) {
                (Some(code), Some(detail)) => return Some(format!("{code}: {detail}")),
                (Some(text), None) if code != "status" => return Some(text.to_owned()),
                (None, Some(text)) => return Some(text.to_owned()),
                _ => {}
            }
        }
    }
    if let Some(challenge) = exchange.response_header("www-authenticate") {
        return Some(challenge_words(challenge));
    }
    let first = exchange
        .response_body
        .text
        .as_deref()?
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())?;
    (!first.starts_with('<')).then(|| first.to_owned())
}

/// `invalid_token: expired` of a Bearer challenge (RFC 6750 §3); the challenge itself when it says no more.
fn challenge_words(challenge: &str) -> String {
    let parameter = |name: &str| {
        let (_, rest) = challenge.split_once(&format!("{name}=\""))?;
        rest.split('"').next().filter(|value| !value.is_empty())
    };
    match (parameter("error"), parameter("error_description")) {
        (Some(error), Some(description)) => format!("{error}: {description}"),
        _ => challenge.to_owned(),
    }
}

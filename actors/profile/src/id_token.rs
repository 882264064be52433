//! What a client checks in an ID token (OpenID Connect Core §3.1.3.7), as a verdict with every check.

use crate::jose::Token;
use crate::judge::{Check, Diagnosis, Grounds, Refusal, Verdict};
use crate::keys::{KeyAnswer, KeySource};

/// What the ID token must fit.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The issuer.
    pub issuer: &'a str,
    /// The client it must be for.
    pub client_id: &'a str,
    /// The nonce sent to the authorization endpoint.
    pub nonce: Option<&'a str>,
}

/// Judges an ID token.
pub fn judge(token: &Token, keys: &dyn KeySource, wanted: &Wanted<'_>, now: i64) -> Verdict {
    let claims = &token.claims;
    let mut checks = Vec::new();
    let mut refusal = None;
    let mut check = |name: &'static str,
                     ok: bool,
                     saw: String,
                     wanted: String,
                     diagnosis: Diagnosis,
                     text: &str| {
        checks.push(Check::new(name, ok, saw, wanted));
        if !ok && refusal.is_none() {
            refusal = Some(Refusal::invalid_token(diagnosis, text));
        }
    };
    let text = |value: Option<&str>| value.unwrap_or("none").to_owned();
    let trusted = claims.iss() == Some(wanted.issuer);
    check(
        "issuer",
        trusted,
        text(claims.iss()),
        wanted.issuer.to_owned(),
        Diagnosis::IssUnknown,
        "it is from another issuer",
    );
    let kid = token.header.kid.as_deref().unwrap_or_default();
    let signed = match keys.key(wanted.issuer, kid, now) {
        KeyAnswer::Key { key, .. } => key.verify(token).map_err(|e| e.to_string()),
        KeyAnswer::UnknownKid => Err(format!("the issuer has no key {kid}")),
        KeyAnswer::Unavailable(why) => Err(why),
        KeyAnswer::WrongIssuer(other) => Err(format!("the metadata names {other}")),
    };
    let saw = signed
        .as_ref()
        .err()
        .cloned()
        .unwrap_or_else(|| kid.to_owned());
    check(
        "signature",
        signed.is_ok(),
        saw,
        "a key of the issuer".into(),
        Diagnosis::BadSignature,
        "its signature does not fit",
    );
    let audience = claims.aud();
    let mine = audience.iter().any(|a| a == wanted.client_id);
    check(
        "audience",
        mine,
        audience.join(" "),
        wanted.client_id.to_owned(),
        Diagnosis::AudMismatch,
        "it is for another client",
    );
    if audience.len() > 1 {
        let azp = claims.text("azp");
        check(
            "azp",
            azp == Some(wanted.client_id),
            text(azp),
            wanted.client_id.to_owned(),
            Diagnosis::AudMismatch,
            "it was asked for by another client",
        );
    }
    let exp = claims.exp();
    check(
        "time.exp",
        exp.is_some_and(|exp| exp > now),
        exp.map_or_else(|| "none".into(), |e| e.to_string()),
        format!("after {now}"),
        Diagnosis::Expired,
        "it has expired",
    );
    let iat = claims.iat();
    check(
        "time.iat",
        iat.is_some_and(|iat| iat <= now + 60),
        iat.map_or_else(|| "none".into(), |i| i.to_string()),
        format!("not after {now}"),
        Diagnosis::MissingIat,
        "it is from the future or has no time",
    );
    if let Some(nonce) = wanted.nonce {
        let saw = claims.text("nonce");
        check(
            "nonce",
            saw == Some(nonce),
            text(saw),
            nonce.to_owned(),
            Diagnosis::MalformedClaim,
            "its nonce is not the one that was sent",
        );
    }
    let demand = format!("an ID token for {}", wanted.client_id);
    match refusal {
        Some(refusal) => Verdict::refuse(demand, Some(claims.clone()), checks, refusal),
        None => Verdict::grant(demand, Some(claims.clone()), checks, Grounds::Identity),
    }
}

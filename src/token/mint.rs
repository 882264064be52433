//! `carnet token mint`: a token under a key made for it.

use anyhow::Context as _;
use carnet_profile::jose::Jwks;
use carnet_profile::testing::{Draft, SigningKey, Way};
use serde_json::{Map, Value, json};

use super::now;
use crate::args::MintOptions;
use crate::{Outcome, output};

pub(crate) fn mint(options: &MintOptions) -> anyhow::Result<Outcome> {
    let key = if options.rsa {
        SigningKey::rsa(&options.kid)?
    } else {
        SigningKey::p256(&options.kid)?
    };
    let now = now();
    let lifetime = lifetime(&options.lifetime)?;
    let mut claims = Map::new();
    let mut claim = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    claim("wlcg.ver", json!("1.0"));
    claim("sub", json!(options.sub));
    match options.audience.as_slice() {
        [] => {}
        [one] => drop(claim("aud", json!(one))),
        several => drop(claim("aud", json!(several))),
    }
    claim("nbf", json!(now));
    if !options.scope.is_empty() {
        claim("scope", json!(options.scope.join(" ")));
    }
    claim("iss", json!(options.issuer));
    claim("exp", json!(now + lifetime));
    claim("iat", json!(now));
    claim(
        "jti",
        json!(format!("{:016x}", carnet_stage::Chance::fresh().seed())),
    );
    if !options.group.is_empty() {
        claim("wlcg.groups", json!(options.group));
    }
    let algorithm = key.algorithm().name();
    let token = Draft::new(claims)
        .header("kid", options.kid.as_str())
        .header("alg", algorithm)
        .sign(&key, Way::Usual)?;
    if let Some(path) = &options.jwks_out {
        let jwks = Jwks {
            keys: vec![key.jwk()],
        };
        std::fs::write(path, format!("{:#}\n", jwks.to_json()))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    output::tell_line(&token);
    Ok(Outcome::Held)
}

/// `1h`, `20m`, `300s`, `300`; a minus sign makes it past.
fn lifetime(text: &str) -> anyhow::Result<i64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        other => anyhow::bail!("--lifetime {text}: `{other}` is no unit; s, m, h and d are"),
    };
    let number: i64 = digits.parse().with_context(|| {
        format!("--lifetime {text}: not a number of seconds, minutes, hours or days")
    })?;
    number
        .checked_mul(unit)
        .with_context(|| format!("--lifetime {text}: too long"))
}

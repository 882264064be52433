//! Client authentication by a signed assertion: `private_key_jwt` and `client_secret_jwt` (RFC 7523, OIDC Core §9).

use std::sync::Arc;

use aws_lc_rs::hmac;
use carnet_profile::jose::{Jwks, Token, verify as verify_signature};

use crate::config::AuthMethod;
use crate::errors::{Refusal, Shape};
use crate::form::Form;
use crate::issuer::Issuer;
use crate::quirks::Quirk;
use crate::store::Client;

/// Seconds of clock skew that IAM allows on an assertion's times.
const SKEW: i64 = 300;

fn refuse(issuer: &Issuer, text: &str) -> Refusal {
    let shape = if issuer.rules.strict() {
        Shape::Basic
    } else {
        Shape::Form
    };
    Refusal::new(401, "invalid_client", text).dressed(shape)
}

/// Verifies the assertion of a form; the client is its issuer and subject.
pub(super) fn verify(issuer: &Issuer, form: &Form) -> Result<Arc<Client>, Refusal> {
    let bad = || refuse(issuer, "Bad client credentials");
    if form.get("client_assertion_type") != Some(super::JWT_BEARER) {
        return Err(bad());
    }
    let text = form.get("client_assertion").unwrap_or_default();
    let token = Token::parse(text).map_err(|_| bad())?;
    let claim = |name: &str| token.claims.get(name).and_then(serde_json::Value::as_str);
    let number = |name: &str| token.claims.get(name).and_then(seconds);
    let id = claim("iss").ok_or_else(bad)?;
    let client = issuer.clients.get(id).ok_or_else(bad)?;
    if issuer.rules.strict()
        && (claim("sub") != Some(id) || form.get("client_id").is_some_and(|c| c != id))
    {
        return Err(bad());
    }
    // RFC 7515 §4.1.11: no extension is understood here.
    if !token.header.critical().is_empty() {
        return Err(bad());
    }
    let signed = match client.method {
        AuthMethod::PrivateKeyJwt => signed_by_key(&client, &token),
        AuthMethod::ClientSecretJwt => signed_by_secret(&client, &token),
        _ => false,
    };
    let now = issuer.now();
    let exp = number("exp").ok_or_else(bad)?;
    let in_time = exp.saturating_add(SKEW) > now
        && number("nbf").is_none_or(|nbf| nbf.saturating_sub(SKEW) <= now)
        && number("iat").is_none_or(|iat| iat.saturating_sub(SKEW) <= now);
    let jti = claim("jti").ok_or_else(bad)?;
    if !signed || !in_time || !for_us(issuer, &token) {
        return Err(bad());
    }
    let end = exp.saturating_add(SKEW);
    if !issuer.has(Quirk::Q02) && !issuer.pending.first_use(&client.id, jti, end, now) {
        return Err(refuse(issuer, "The assertion was used before."));
    }
    Ok(client)
}

/// A moment, which may have a fraction (RFC 7519 §2).
fn seconds(value: &serde_json::Value) -> Option<i64> {
    let whole = |text: f64| (text.abs() < 1e15).then_some(text.trunc() as i64);
    value.as_i64().or_else(|| value.as_f64().and_then(whole))
}

/// The audience names the token endpoint (or, in strict, the issuer: RFC 7523bis).
fn for_us(issuer: &Issuer, token: &Token) -> bool {
    let endpoint = issuer.url("token");
    let from_iss = format!("{}token", issuer.iss_with_slash());
    let ours = |value: &str| {
        value == endpoint || value == from_iss || (issuer.rules.strict() && value == &*issuer.iss)
    };
    match token.claims.get("aud") {
        Some(serde_json::Value::String(one)) => ours(one),
        Some(serde_json::Value::Array(all)) => {
            all.iter().filter_map(serde_json::Value::as_str).any(ours)
        }
        _ => false,
    }
}

fn signed_by_key(client: &Client, token: &Token) -> bool {
    let Some(jwks) = &client.jwks else {
        return false;
    };
    let Ok(keys) = Jwks::parse(jwks.to_string().as_bytes()) else {
        return false;
    };
    let named = |key: &&carnet_profile::jose::Jwk| {
        token.header.kid.is_none() || key.kid() == token.header.kid.as_deref()
    };
    keys.keys
        .iter()
        .filter(named)
        .any(|key| verify_signature(token, key).is_ok())
}

fn signed_by_secret(client: &Client, token: &Token) -> bool {
    let Some(secret) = &client.secret else {
        return false;
    };
    let algorithm = match token.header.alg.as_str() {
        "HS256" => hmac::HMAC_SHA256,
        "HS384" => hmac::HMAC_SHA384,
        "HS512" => hmac::HMAC_SHA512,
        _ => return false,
    };
    let key = hmac::Key::new(algorithm, secret.as_bytes());
    hmac::verify(&key, token.signed(), token.signature()).is_ok()
}

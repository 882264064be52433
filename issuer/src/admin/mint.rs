//! Tokens made on purpose: any header, any claims, and the faults that a resource server must notice
//! (vectors of the issuer page §4).

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Outcome, answer, body, no_method};
use crate::config::Algorithm;
use crate::endpoint::{Here, Request};
use crate::errors::Refusal;
use crate::issuer::Issuer;
use crate::keys::SigningKey;

/// What is wrong with a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Fault {
    /// Nothing.
    #[default]
    None,
    /// `alg` is `none`, the signature empty.
    AlgNone,
    /// `alg` is HS256, keyed with the public key.
    Hmac,
    /// Signed by a key that nobody published, under the right `kid`.
    ForeignKey,
    /// `kid` of no key.
    UnknownKid,
    /// No `kid`.
    NoKid,
    /// One byte of the payload changed after signing.
    Tampered,
    /// Ended an hour ago.
    Expired,
    /// Begins in an hour.
    NotYetValid,
    /// `iss` without its final slash.
    IssuerSlash,
    /// No `wlcg.ver`.
    NoVersion,
    /// `typ` of another kind of token.
    WrongTyp,
    /// A critical header that nobody knows.
    Critical,
    /// The `scope` member twice.
    DuplicateClaim,
    /// Only two parts.
    TwoParts,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Order {
    /// Claims that replace the usual ones; null removes one.
    claims: Map<String, Value>,
    /// Header members that replace the usual ones; null removes one.
    header: Map<String, Value>,
    /// What is wrong with it.
    fault: Fault,
}

/// `POST /mint` `{"claims": {…}, "header": {…}, "fault": "expired"}`: a token, good or wrong on purpose.
pub(super) async fn mint(State(issuer): Here, request: Request) -> Response {
    let outcome = if *request.method() == Method::POST {
        make(&issuer, request).await
    } else {
        no_method()
    };
    answer(&issuer, outcome)
}

async fn make(issuer: &Issuer, request: Request) -> Outcome {
    let order: Order = body(request).await?;
    let key = issuer.signer().await?;
    let now = issuer.now();
    let mut claims = json!({
        "wlcg.ver": "1.0", "sub": "minted", "aud": crate::audience::ANY, "nbf": now, "scope": "storage.read:/",
        "iss": &*issuer.iss, "exp": now + 3600, "iat": now, "jti": issuer.actor.uuid().to_string(), "client_id": "minted",
    });
    match order.fault {
        Fault::Expired => claims["exp"] = (now - 3600).into(),
        Fault::NotYetValid => claims["nbf"] = (now + 3600).into(),
        Fault::IssuerSlash => claims["iss"] = issuer.iss.trim_end_matches('/').into(),
        _ => {}
    }
    let mut header = json!({ "kid": key.kid(), "alg": key.algorithm().name() });
    match order.fault {
        Fault::AlgNone => header["alg"] = "none".into(),
        Fault::Hmac => header["alg"] = "HS256".into(),
        Fault::UnknownKid => header["kid"] = "nope".into(),
        Fault::WrongTyp => header["typ"] = "logout+jwt".into(),
        Fault::Critical => header["crit"] = json!(["nobody-knows"]),
        _ => {}
    }
    let mut remove = vec![];
    if order.fault == Fault::NoKid {
        remove.push("kid");
    }
    merge(&mut header, order.header, &remove);
    let remove = if order.fault == Fault::NoVersion {
        &["wlcg.ver"][..]
    } else {
        &[]
    };
    merge(&mut claims, order.claims, remove);
    let token = sign(&key, &header, &claims, order.fault)?;
    issuer.actor.note(format!(
        "the administrator has a token made: {:?}",
        order.fault
    ));
    Ok((
        201,
        json!({ "token": token, "header": header, "claims": claims }),
    ))
}

fn merge(into: &mut Value, changes: Map<String, Value>, remove: &[&str]) {
    let Some(members) = into.as_object_mut() else {
        return;
    };
    for name in remove {
        members.shift_remove(*name);
    }
    for (name, value) in changes {
        if value.is_null() {
            members.shift_remove(&name);
        } else {
            members.insert(name, value);
        }
    }
}

fn sign(
    key: &Arc<SigningKey>,
    header: &Value,
    claims: &Value,
    fault: Fault,
) -> Result<String, Refusal> {
    let inside = |_| Refusal::internal();
    let mut payload = claims.to_string();
    if fault == Fault::DuplicateClaim {
        payload = format!(r#"{{"scope":"storage.read:/",{}"#, &payload[1..]);
    }
    let encoded = URL_SAFE_NO_PAD.encode(header.to_string());
    match fault {
        Fault::AlgNone => Ok(format!("{encoded}.{}.", URL_SAFE_NO_PAD.encode(payload))),
        Fault::Hmac => {
            let signed = format!("{encoded}.{}", URL_SAFE_NO_PAD.encode(payload));
            let public = key.jwk(false).to_string();
            let mac = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, public.as_bytes());
            let tag = aws_lc_rs::hmac::sign(&mac, signed.as_bytes());
            Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag)))
        }
        Fault::ForeignKey => {
            let foreign = SigningKey::make(Algorithm::Es256, key.kid()).map_err(inside)?;
            let mut header = header.clone();
            header["alg"] = Algorithm::Es256.name().into();
            let foreign_header = URL_SAFE_NO_PAD.encode(header.to_string());
            foreign
                .sign_with_header(&foreign_header, payload.as_bytes())
                .map_err(inside)
        }
        Fault::Tampered => {
            let token = key
                .sign_with_header(&encoded, payload.as_bytes())
                .map_err(inside)?;
            let (_, signature) = token.rsplit_once('.').unwrap_or_default();
            let changed = URL_SAFE_NO_PAD.encode(payload.replacen("minted", "Minted", 1));
            Ok(format!("{encoded}.{changed}.{signature}"))
        }
        Fault::TwoParts => {
            let token = key
                .sign_with_header(&encoded, payload.as_bytes())
                .map_err(inside)?;
            Ok(token
                .rsplit_once('.')
                .map_or_else(String::new, |(front, _)| front.to_owned()))
        }
        _ => key
            .sign_with_header(&encoded, payload.as_bytes())
            .map_err(inside),
    }
}

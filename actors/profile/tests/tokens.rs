//! The token parser against bad input, keys against wrong use, challenges as they look on the wire.

#![allow(clippy::unwrap_used)]

use carnet_profile::{
    jose::{
        Algorithm, Jwk, JwkFault, Jwks, Part, Token, TokenFault, VerifyFault, VerifyingKey,
        base64url,
    },
    judge::{Diagnosis, Refusal},
    testing::{Draft, SigningKey, Way},
};
use proptest::prelude::*;
use serde_json::{Map, json};

fn token(header: &str, payload: &str) -> String {
    format!("{}.{}.AAAA", base64url(header), base64url(payload))
}

#[test]
fn malformed_tokens_are_told_apart() {
    let header = r#"{"alg":"RS256"}"#;
    let good = token(header, "{}");
    let cases = [
        (String::new(), "the token is empty"),
        ("a b.c.d".into(), "white space at position 1"),
        (
            format!("{good}="),
            "character '=' at position 29 is not base64url",
        ),
        (
            "é.a.b".into(),
            "character 'é' at position 0 is not base64url",
        ),
        ("a.b".into(), "2 parts instead of three"),
        (
            "a.b.c.d.e".into(),
            "5 parts instead of three (an encrypted token)",
        ),
        (".e30.AAAA".into(), "the header is empty"),
        ("e30..AAAA".into(), "the payload is empty"),
        (
            good.trim_end_matches("AAAA").into(),
            "the signature is empty",
        ),
        ("e.e30.AAAA".into(), "the header is not base64url"),
        ("e30.e30.AAAA".into(), "the header has no alg"),
        (
            token(r#"{"alg":1}"#, "{}"),
            "header member alg has the wrong type",
        ),
        (
            token(r#"{"alg":"RS256","kid":1}"#, "{}"),
            "header member kid has the wrong type",
        ),
        (token(header, "[]"), "the payload: not a JSON object"),
        (
            token(header, r#"{"a":1,"a":2}"#),
            "the payload: member \"a\" stands there twice",
        ),
        (format!("{good}A"), "the signature is not base64url"),
    ];
    for (text, wanted) in cases {
        assert_eq!(
            Token::parse(&text).unwrap_err().to_string(),
            wanted,
            "{text}"
        );
    }
    assert!(Token::parse(&good).is_ok());
    let none = token(r#"{"alg":"none"}"#, "{}");
    assert!(
        Token::parse(none.trim_end_matches("AAAA")).is_ok(),
        "so that alg_none can be told"
    );
}

#[test]
fn header_and_payload_are_only_taken_as_sent() {
    let key = SigningKey::p256("k").unwrap();
    let draft = Draft::new(Map::new()).header("alg", "ES256");
    let text = draft.sign(&key, Way::Usual).unwrap();
    let parsed = Token::parse(&text).unwrap();
    let verifying = VerifyingKey::new(&key.jwk()).unwrap();
    assert_eq!(verifying.verify(&parsed), Ok(()));
    assert_eq!(parsed.signed(), draft.signing_input().as_bytes());
    assert_eq!(parsed.signature().len(), 64);
    assert_eq!(parsed.text(), text);
    let padded = text.replacen("e30", "e31", 1);
    assert!(matches!(
        Token::parse(&padded),
        Err(TokenFault::Json(Part::Payload, _) | TokenFault::Base64(_))
    ));
}

#[test]
fn keys_are_used_for_what_they_are() {
    let (rsa, p256) = (
        SigningKey::rsa("r").unwrap(),
        SigningKey::p256("e").unwrap(),
    );
    let with = |jwk: Jwk, name: &str, value: &str| {
        let mut jwk = jwk;
        jwk.members.insert(name.to_owned(), value.into());
        jwk
    };
    let cases = [
        (rsa.jwk(), Algorithm::Rs256, true),
        (rsa.jwk(), Algorithm::Ps256, true),
        (rsa.jwk(), Algorithm::Es256, false),
        (p256.jwk(), Algorithm::Es256, true),
        (p256.jwk(), Algorithm::Es384, false),
        (p256.jwk(), Algorithm::Rs256, false),
        (with(rsa.jwk(), "alg", "RS256"), Algorithm::Rs256, true),
        (with(rsa.jwk(), "alg", "RS256"), Algorithm::Rs384, false),
        (with(rsa.jwk(), "use", "enc"), Algorithm::Rs256, false),
    ];
    for (jwk, algorithm, wanted) in cases {
        assert_eq!(
            jwk.fits(algorithm),
            wanted,
            "TOK-6 {} {algorithm}",
            jwk.describe()
        );
    }
    let es256 = Draft::new(Map::new())
        .header("alg", "ES256")
        .sign(&p256, Way::Usual)
        .unwrap();
    let fault = VerifyingKey::new(&rsa.jwk())
        .unwrap()
        .verify(&Token::parse(&es256).unwrap());
    assert!(matches!(fault, Err(VerifyFault::Mismatch { .. })));
}

#[test]
fn unusable_keys_are_told_apart() {
    let jwk = |value: serde_json::Value| Jwk::from(value.as_object().unwrap().clone());
    let short = base64url([0xff; 128]);
    let cases = [
        (
            jwk(json!({"kty": "oct", "k": "AAAA"})),
            JwkFault::KeyType("oct".into()),
        ),
        (
            jwk(json!({"kty": "EC", "crv": "secp256k1"})),
            JwkFault::KeyType("EC secp256k1".into()),
        ),
        (
            jwk(json!({"kty": "RSA", "e": "AQAB"})),
            JwkFault::Member("n"),
        ),
        (
            jwk(json!({"kty": "RSA", "e": "AQAB", "n": short})),
            JwkFault::Invalid,
        ),
        (
            jwk(json!({"kty": "EC", "crv": "P-256", "x": "AA==", "y": "AA"})),
            JwkFault::Member("x"),
        ),
        (
            jwk(json!({"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"})),
            JwkFault::Invalid,
        ),
    ];
    for (jwk, wanted) in cases {
        assert_eq!(VerifyingKey::new(&jwk).unwrap_err(), wanted);
    }
    assert!(Jwks::parse(b"{}").is_err());
    assert!(Jwks::parse(b"<html>").is_err());
    assert_eq!(
        Jwks::parse(br#"{"keys":[1,{"kid":"a"}]}"#)
            .unwrap()
            .keys
            .len(),
        1
    );
}

#[test]
fn thumbprints_are_those_of_rfc_7638() {
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECP\
             ebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY\
             368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0f\
             M4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let jwk = json!({"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"});
    let jwk = Jwk::from(jwk.as_object().unwrap().clone());
    assert_eq!(
        jwk.thumbprint(),
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    );
}

#[test]
fn challenges_look_as_rfc_6750_wants() {
    let scope = Some("storage.read:/data/f1".to_owned());
    let cases = [
        (
            Refusal::no_credential(Diagnosis::NoToken, "x"),
            Some(r#"Bearer realm="se1""#),
        ),
        (
            Refusal::bad_request(Diagnosis::EmptyToken, "no token"),
            Some(r#"Bearer realm="se1", error="invalid_request", error_description="no token""#),
        ),
        (
            Refusal::invalid_token(Diagnosis::Expired, "a \"quoted\" \\ ü"),
            Some(
                r#"Bearer realm="se1", error="invalid_token", error_description="a 'quoted' / ?""#,
            ),
        ),
        (
            Refusal::insufficient(Diagnosis::NotCovered, "x").with_scope(scope),
            Some(
                r#"Bearer realm="se1", error="insufficient_scope", scope="storage.read:/data/f1""#,
            ),
        ),
        (
            Refusal::insufficient(Diagnosis::OutsideArea, "x"),
            Some(r#"Bearer realm="se1", error="insufficient_scope""#),
        ),
        (Refusal::too_large("x"), None),
        (Refusal::keys_unavailable("x"), None),
    ];
    for (refusal, wanted) in cases {
        assert_eq!(refusal.www_authenticate("se1").as_deref(), wanted);
        let again = (refusal.status == 503).then_some(30);
        assert_eq!(refusal.retry_after(), again);
    }
}

/// Tokens with one place damaged, which reach deeper than random text does.
fn damaged() -> impl Strategy<Value = String> {
    let good = token(
        r#"{"alg":"RS256","kid":"k1","typ":"JWT"}"#,
        r#"{"iss":"https://iam.example/","aud":["a"],"exp":1800000000,"scope":"storage.read:/"}"#,
    );
    (0..good.len(), any::<char>(), 0..3_usize).prop_map(move |(at, c, how)| {
        let mut text: Vec<char> = good.chars().collect();
        match how {
            0 => text[at] = c,
            1 => text.insert(at, c),
            _ => text.truncate(at),
        }
        text.into_iter().collect()
    })
}

proptest! {
    #[test]
    fn random_text_never_panics(text in any::<String>()) {
        let _ = Token::parse(&text);
    }

    #[test]
    fn random_json_never_panics(header in any::<Vec<u8>>(), payload in any::<Vec<u8>>()) {
        let text = format!("{}.{}.AAAA", base64url(&header), base64url(&payload));
        let _ = Token::parse(&text);
        let _ = Jwks::parse(&payload);
    }

    #[test]
    fn damaged_tokens_never_panic(text in damaged()) {
        let _ = Token::parse(&text);
    }
}

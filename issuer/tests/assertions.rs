//! Clients that authenticate by a signed assertion (RFC 7523 §3, RFC 7515; issuer page §2.0): one line a case.
#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod common;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::Bench;
use serde_json::{Value, json};

const WORLD: &str = r#"
clients = [
  { client_id = "j", client_secret = "s", token_endpoint_auth_method = "client_secret_jwt", scope = ["openid"] },
  { client_id = "b", client_secret = "s", scope = ["openid"] },
]
"#;
const KIND: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The clock of a test begins here.
const T: i64 = 1_800_000_000;

fn signed(header: &Value, claims: &Value, secret: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(header), part(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, text.as_bytes()));
    format!("{text}.{signature}")
}

/// The claims of a good assertion with some changed; null takes one out.
fn claims(jti: &str, changes: &Value) -> Value {
    let mut all = json!({ "iss": "j", "sub": "j", "aud": "https://iam.example/token", "iat": T, "exp": T + 60, "jti": jti });
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            all.as_object_mut().unwrap().remove(name);
        } else {
            all[name] = value.clone();
        }
    }
    all
}

async fn ask(bench: &Bench, assertion: &str, more: &[(&str, &str)]) -> String {
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("scope", "openid"),
        ("client_assertion_type", KIND),
        ("client_assertion", assertion),
    ];
    form.extend(more);
    let answer = bench.call("POST", "/token", Some(&form), &[]).await;
    match answer.text("error") {
        error if error.is_empty() => answer.status.to_string(),
        error => format!("{} {error}", answer.status),
    }
}

const NO: &str = "401 invalid_client";

#[tokio::test]
async fn claims_that_are_wrong() {
    let rows = [
        ("good", json!({}), "200", "200"),
        ("no iss", json!({ "iss": null }), NO, NO),
        ("another iss", json!({ "iss": "b" }), NO, NO),
        ("another sub", json!({ "sub": "b" }), NO, "200"),
        ("no sub", json!({ "sub": null }), NO, "200"),
        ("no jti", json!({ "jti": null }), NO, NO),
        ("no exp", json!({ "exp": null }), NO, NO),
        ("exp as text", json!({ "exp": "1800000060" }), NO, NO),
        (
            "exp with a fraction",
            json!({ "exp": 1_800_000_060.5 }),
            "200",
            "200",
        ),
        (
            "expired within the skew",
            json!({ "exp": T - 299 }),
            "200",
            "200",
        ),
        ("expired", json!({ "exp": T - 300 }), NO, NO),
        (
            "not yet, within the skew",
            json!({ "nbf": T + 300 }),
            "200",
            "200",
        ),
        ("not yet", json!({ "nbf": T + 301 }), NO, NO),
        ("issued in the future", json!({ "iat": T + 301 }), NO, NO),
        ("no aud", json!({ "aud": null }), NO, NO),
        (
            "another aud",
            json!({ "aud": "https://evil.example/token" }),
            NO,
            NO,
        ),
        (
            "one aud of two",
            json!({ "aud": ["x", "https://iam.example/token"] }),
            "200",
            "200",
        ),
        (
            "aud is the issuer",
            json!({ "aud": "https://iam.example/" }),
            "200",
            NO,
        ),
        (
            "aud is another endpoint",
            json!({ "aud": "https://iam.example/introspect" }),
            NO,
            NO,
        ),
    ];
    for compat in ["strict", "iam-1.12", "iam-1.7"] {
        let bench = Bench::from_toml(&format!(
            "compat = \"{compat}\"\nissuer = \"https://iam.example/\"\n{WORLD}"
        ));
        for (name, changes, strict, iam) in &rows {
            let assertion = signed(&json!({ "alg": "HS256" }), &claims(name, changes), "s");
            let want = if compat == "strict" { strict } else { iam };
            assert_eq!(
                ask(&bench, &assertion, &[]).await,
                *want,
                "{compat}: {name}"
            );
        }
    }
}

#[tokio::test]
async fn headers_signatures_and_company() {
    for compat in ["strict", "iam-1.12", "iam-1.7"] {
        let strict = compat == "strict";
        let bench = Bench::from_toml(&format!("compat = \"{compat}\"\n{WORLD}"));
        let plain = json!({ "alg": "HS256" });
        let crit = json!({ "alg": "HS256", "crit": ["x"], "x": 1 });
        let none = json!({ "alg": "none" });
        let sign = |header: &Value, jti: &str, secret: &str| {
            signed(header, &claims(jti, &json!({})), secret)
        };
        for (name, assertion, more, want) in [
            ("RFC 7515 4.1.11 crit", sign(&crit, "1", "s"), &[][..], NO),
            ("alg none", sign(&none, "2", "s"), &[], NO),
            ("another secret", sign(&plain, "3", "x"), &[], NO),
            ("no token", "x".into(), &[], NO),
            (
                "the id of the same",
                sign(&plain, "4", "s"),
                &[("client_id", "j")],
                "200",
            ),
            (
                "the id of another",
                sign(&plain, "5", "s"),
                &[("client_id", "b")],
                NO,
            ),
            (
                "a secret too (RFC 6749 2.3)",
                sign(&plain, "6", "s"),
                &[("client_id", "j"), ("client_secret", "s")],
                if strict { "400 invalid_request" } else { "200" },
            ),
            ("once", sign(&plain, "7", "s"), &[], "200"),
            (
                "twice (Q-02)",
                sign(&plain, "7", "s"),
                &[],
                if strict { NO } else { "200" },
            ),
        ] {
            assert_eq!(
                ask(&bench, &assertion, more).await,
                want,
                "{compat}: {name}"
            );
        }
        let of_b = claims("8", &json!({ "iss": "b", "sub": "b" }));
        assert_eq!(
            ask(&bench, &signed(&plain, &of_b, "s"), &[]).await,
            NO,
            "{compat}: registered for another method"
        );
    }
}

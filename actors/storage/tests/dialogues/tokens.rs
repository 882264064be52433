//! The tokens of the recordings, from their descriptions.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PSS_SHA256, RsaEncoding};
use aws_lc_rs::{hmac, rsa};
use carnet_profile::jose::base64url;
use serde_json::{Value, json};

use crate::stage::TestStage;

/// A token that no issuer would make, or not with the usual key; none when the words mean a usual one.
fn forged(test: &TestStage, words: &str) -> Option<String> {
    let random = SystemRandom::new();
    let rsa = test.rsa.as_ref()?;
    let other = || rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let good = test.token("storage.read:/");
    let (signed, signature) = good.rsplit_once('.')?;
    let payload = signed.split_once('.')?.1;
    let by_rsa = |key: &rsa::KeyPair, padding: &'static dyn RsaEncoding, signed: &str| {
        let mut signature = vec![0; key.public_modulus_len()];
        let done = key.sign(padding, &random, signed.as_bytes(), &mut signature);
        done.map(|()| signature).unwrap()
    };
    let made = |header: Value, sign: &dyn Fn(&str) -> Vec<u8>| {
        let signed = format!("{}.{payload}", base64url(header.to_string()));
        let signature = sign(&signed);
        Some(format!("{signed}.{}", base64url(signature)))
    };
    let usual = |signed: &str| by_rsa(rsa, &RSA_PKCS1_SHA256, signed);
    match words {
        "alg none" => made(json!({ "alg": "none" }), &|_| Vec::new()),
        "HS256" => made(json!({ "kid": "rsa1", "alg": "HS256" }), &|signed| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, b"secret");
            hmac::sign(&key, signed.as_bytes()).as_ref().to_vec()
        }),
        "ES256" => made(json!({ "kid": "ec1", "alg": "ES256" }), &|signed| {
            let signature = test.key.sign(&random, signed.as_bytes()).unwrap();
            signature.as_ref().to_vec()
        }),
        "RS384" => made(json!({ "kid": "rsa1", "alg": "RS384" }), &|signed| {
            by_rsa(rsa, &RSA_PKCS1_SHA384, signed)
        }),
        "PS256" => made(json!({ "kid": "rsa1", "alg": "PS256" }), &|signed| {
            by_rsa(rsa, &RSA_PSS_SHA256, signed)
        }),
        "kid unknown" => made(json!({ "kid": "other", "alg": "RS256" }), &usual),
        "no kid" => made(json!({ "alg": "RS256" }), &usual),
        "kid ec1" => made(json!({ "kid": "ec1", "alg": "RS256" }), &usual),
        "typ at+jwt" => made(
            json!({ "kid": "rsa1", "alg": "RS256", "typ": "at+jwt" }),
            &usual,
        ),
        "other key" => made(json!({ "kid": "rsa1", "alg": "RS256" }), &|signed| {
            by_rsa(&other(), &RSA_PKCS1_SHA256, signed)
        }),
        "signature altered" => {
            let first = if signature.starts_with('A') { "B" } else { "A" };
            Some(format!("{signed}.{first}{}", &signature[1..]))
        }
        "payload altered" => Some(good.replacen('.', ".x", 1)),
        padded if padded.starts_with("padded 4 KiB") => {
            let room = 4096 - good.len();
            Some(test.mint(json!({ "scope": "storage.read:/", "pad": "x".repeat(room * 3 / 4) })))
        }
        _ => None,
    }
}

/// The token that a recording describes; none when the description means one that is not made here.
pub(crate) fn token(test: &TestStage, words: &str) -> Option<String> {
    let now = test.stage.clock().seconds();
    let scope = |scope: &str| Some(json!({ "scope": scope }));
    let read = |mut claims: Value| {
        claims["scope"] = json!("storage.read:/");
        Some(claims)
    };
    let words = words.strip_prefix("remote ").unwrap_or(words);
    if let Some(token) = forged(test, words) {
        return Some(token);
    }
    let claims = match words {
        "read+modify:/" | "all" => scope("storage.read:/ storage.modify:/"),
        "good" | "storage.read:/ only" => scope("storage.read:/"),
        "no storage scope" | "openid only" | "no groups" => scope("openid"),
        "exp -10 s" => read(json!({ "exp": now - 10, "iat": now - 3600, "nbf": now - 3600 })),
        "exp -70 s" => read(json!({ "exp": now - 70, "iat": now - 3600, "nbf": now - 3600 })),
        "exp -1 h" => read(json!({ "exp": now - 3600, "iat": now - 7200, "nbf": now - 7200 })),
        "exp before iat" => read(json!({ "exp": now + 10, "iat": now + 20 })),
        "nbf +30 s" => read(json!({ "nbf": now + 30 })),
        "nbf +90 s" => read(json!({ "nbf": now + 90 })),
        "iat +5 min" => read(json!({ "iat": now + 300 })),
        "iss unknown" => read(json!({ "iss": "https://other.example/" })),
        "iss no slash" => read(json!({ "iss": "https://iam.example" })),
        "aud other" => read(json!({ "aud": "https://other.example" })),
        "aud host" => read(json!({ "aud": "https://se1.example:1" })),
        "aud host:port" => read(json!({ "aud": "https://se1.example:19443" })),
        "aud slash" => read(json!({ "aud": "https://se1.example:19443/" })),
        "aud two" => read(json!({ "aud": ["https://other.example", "https://se1.example:19443"] })),
        "aud []" => read(json!({ "aud": [] })),
        "no aud, no ver" => read(json!({ "aud": null, "wlcg.ver": null })),
        "no exp, no ver" => read(json!({ "exp": null, "wlcg.ver": null })),
        "no scope" => Some(json!({})),
        "no wlcg.ver" => read(json!({ "wlcg.ver": null })),
        "ver 1.1" | "ver 1.2" | "ver 2.0" => read(json!({ "wlcg.ver": &words[4..] })),
        _ => {
            if let Some(groups) = words.strip_prefix("groups ") {
                let (groups, scope) = groups.split_once(" + ").unwrap_or((groups, "openid"));
                let groups: Vec<&str> = groups.split(',').collect();
                Some(json!({ "scope": scope, "wlcg.groups": groups }))
            } else if let Some(claim) = words
                .strip_prefix("no ")
                .filter(|claim| !claim.contains(' ') && *claim != "kid")
            {
                read(json!({ claim: null }))
            } else if words.starts_with("storage") || words == "openid" {
                scope(words)
            } else if words.split(' ').all(|part| part.contains(":/")) {
                scope(
                    &words
                        .split(' ')
                        .map(|part| format!("storage.{part}"))
                        .collect::<Vec<_>>()
                        .join(" "),
                )
            } else {
                None
            }
        }
    };
    claims.map(|claims| test.mint(claims))
}

//! §4.3: form, signature, keys.

use serde_json::json;

use super::world::{
    Expect::{Done, InvalidToken},
    Fixture, Setup, Vector, World,
};
use crate::{
    jose::{Algorithm, base64url},
    judge::Diagnosis as D,
    testing::{CryptoFault, Draft, Way},
};

const MORE: &[Algorithm] = &[
    Algorithm::Rs256,
    Algorithm::Es256,
    Algorithm::Rs384,
    Algorithm::Ps256,
];

pub(super) fn vectors(f: &Fixture) -> Result<Vec<Vector>, CryptoFault> {
    let g0 = || f.good();
    let alg = |name: &str| f.good().header("alg", name);
    let good = f.sign(&g0())?;
    let es256 = alg("ES256").header("kid", "k2");
    let ok = |id, case: &str, token: String| Vector::new(id, case, token, Done(&[200]), D::Ok);
    let bad = |id, case: &str, token: String, why| Vector::new(id, case, token, InvalidToken, why);
    let hs256 = alg("HS256");
    let jwk_text = serde_json::Value::Object(f.k1.jwk().members).to_string();
    let modulus = f.k1.jwk().text("n").unwrap_or_default().to_owned();
    let mut all = vec![
        bad(
            "V-010",
            "alg none",
            alg("none").with_signature([]),
            D::AlgNone,
        ),
        bad(
            "V-010a",
            "alg nOnE",
            alg("nOnE").with_signature([]),
            D::AlgNotAllowed,
        ),
        bad(
            "V-011",
            "HMAC with the PEM",
            hs256.hmac(f.k1.public_pem()?.as_bytes()),
            D::AlgKeyMismatch,
        ),
        bad(
            "V-012",
            "HMAC with the JWK",
            hs256.hmac(jwk_text.as_bytes()),
            D::AlgKeyMismatch,
        ),
        bad(
            "V-012",
            "HMAC with the modulus",
            hs256.hmac(modulus.as_bytes()),
            D::AlgKeyMismatch,
        ),
        bad(
            "V-013",
            "HMAC with an unpublished key",
            alg("HS256").header("kid", "secret").hmac(b"secret"),
            D::AlgNotAllowed,
        ),
        ok("V-014", "ES256", es256.sign(&f.k2, Way::Usual)?),
        bad(
            "V-014a",
            "signature in DER",
            es256.sign(&f.k2, Way::Es256Der)?,
            D::BadSignature,
        ),
        bad(
            "V-014b",
            "r = s = 0",
            es256.with_signature([0; 64]),
            D::BadSignature,
        ),
        bad(
            "V-015",
            "one bit of the payload flipped",
            flipped(&good),
            D::BadSignature,
        ),
        bad(
            "V-016",
            "ES256 with an RSA key",
            alg("ES256").sign(&f.k2, Way::Usual)?,
            D::AlgKeyMismatch,
        ),
    ];
    for (name, way) in [("RS384", Way::Rs384), ("PS256", Way::Ps256)] {
        let token = alg(name).sign(&f.k1, way)?;
        all.push(bad("V-017", name, token.clone(), D::AlgNotAllowed));
        all.push(ok("V-017", &format!("{name}, allowed"), token).with(Setup::Accept(MORE)));
    }
    let k9 = alg("ES256").header("kid", "k9").sign(&f.k9, Way::Usual)?;
    let k0 = g0().header("kid", "k0").sign(&f.k0, Way::Usual)?;
    let attacker = &f.cms_k1;
    let own_jwk = serde_json::Value::Object(attacker.jwk().members);
    all.extend([
        bad(
            "V-018",
            "no kid",
            f.sign(&g0().without_header("kid"))?,
            D::KidMissing,
        ),
        bad(
            "V-019",
            "unknown kid",
            f.sign(&g0().header("kid", "nope"))?,
            D::KidUnknown,
        ),
        ok("V-020", "key published just now", k9).world(World::NewKeyPublished),
        ok("V-021", "retired key", k0.clone()),
        ok("V-022", "key withdrawn, cache young", k0.clone()).world(World::KeyWithdrawn),
        bad("V-022", "key withdrawn, refreshed", k0, D::KidUnknown)
            .world(World::KeyWithdrawnAndRefreshed),
        bad(
            "V-023",
            "own key in jwk",
            g0().header("jwk", own_jwk).sign(attacker, Way::Usual)?,
            D::BadSignature,
        ),
        bad(
            "V-023",
            "own key behind jku",
            g0().header("jku", "https://evil.example/jwk")
                .sign(attacker, Way::Usual)?,
            D::BadSignature,
        ),
        bad(
            "V-023",
            "own key behind x5u",
            g0().header("x5u", "https://evil.example/x5")
                .sign(attacker, Way::Usual)?,
            D::BadSignature,
        ),
        bad(
            "V-024",
            "another issuer's key of that name",
            g0().sign(&f.cms_k1, Way::Usual)?,
            D::BadSignature,
        ),
    ]);
    for (case, crit) in [("exp", json!(["exp"])), ("foo", json!(["foo"]))] {
        let token = f.sign(&g0().header("crit", crit).header("foo", 1))?;
        all.push(bad(
            "V-025",
            &format!("crit {case}"),
            token,
            D::CritUnsupported,
        ));
    }
    let b64 = g0().header("b64", false).header("crit", json!(["b64"]));
    all.push(bad("V-025a", "b64", f.sign(&b64)?, D::CritUnsupported));
    for typ in ["JWT", "at+jwt", "application/at+jwt", "AT+JWT"] {
        all.push(ok("V-026", typ, f.sign(&g0().header("typ", typ))?));
    }
    all.push(ok("V-026", "absent", good.clone()));
    for typ in ["logout+jwt", "dpop+jwt", "secevent+jwt", "id_token"] {
        all.push(bad(
            "V-027",
            typ,
            f.sign(&g0().header("typ", typ))?,
            D::WrongTyp,
        ));
    }
    all.push(
        bad("V-028", "at+jwt wanted, absent", good.clone(), D::WrongTyp).with(Setup::RequireAtJwt),
    );
    let typed = f.sign(&g0().header("typ", "at+jwt"))?;
    all.push(ok("V-028", "at+jwt wanted, there", typed).with(Setup::RequireAtJwt));
    for (case, token) in malformed(f, &good)? {
        all.push(bad("V-029", case, token, D::Malformed));
    }
    let twice = |member: &str| raw(f, g0().payload().replacen('{', &format!("{{{member},"), 1));
    let wide = "\"scope\":\"storage.read:/\"";
    let aud = "\"aud\":\"https://se2.example\"";
    let header = g0().raw_header(r#"{"alg":"none","alg":"RS256","kid":"k1"}"#);
    let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    let scitoken = g0().without("wlcg.ver").claim("ver", "scitokens:2.0");
    let scitoken = scitoken.claim("aud", "ANY").claim("scope", "read:/");
    all.extend([
        bad(
            "V-029a",
            "two scopes, the wide one first",
            twice(wide)?,
            D::DuplicateClaim,
        ),
        bad("V-029a", "two audiences", twice(aud)?, D::DuplicateClaim),
        bad("V-029b", "two algs", f.sign(&header)?, D::DuplicateClaim),
        bad("V-029c", "200 levels deep", raw(f, deep)?, D::Malformed),
        bad("V-029d", "SciToken", f.sign(&scitoken)?, D::MissingWlcgVer),
    ]);
    Ok(all)
}

fn raw(f: &Fixture, payload: String) -> Result<String, CryptoFault> {
    f.sign(&f.good().raw_claims(payload))
}

fn flipped(token: &str) -> String {
    let mut parts = token.split('.');
    let (header, payload, signature) = (
        parts.next().unwrap_or(""),
        parts.next().unwrap_or(""),
        parts.next().unwrap_or(""),
    );
    // The last small letter stands in the scope: what is left is still JSON.
    let mut bytes = crate::jose::from_base64url(payload).unwrap_or_default();
    if let Some(byte) = bytes
        .iter_mut()
        .rev()
        .find(|byte| byte.is_ascii_lowercase())
    {
        *byte ^= 1;
    }
    format!("{header}.{}.{signature}", base64url(bytes))
}

fn malformed(f: &Fixture, good: &str) -> Result<Vec<(&'static str, String)>, CryptoFault> {
    let parts: Vec<&str> = good.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    let text = f.good().payload();
    // A signature whose alphabet is the plain one: both letters that differ are in it.
    let plain = format!("{header}.{payload}.+/{}", &signature[2..]);
    Ok(vec![
        ("two parts", format!("{header}.{payload}")),
        ("four parts", format!("{good}.{signature}")),
        ("five parts", format!("{good}.{signature}.{signature}")),
        ("empty header", format!(".{payload}.{signature}")),
        ("empty payload", format!("{header}..{signature}")),
        ("empty signature", format!("{header}.{payload}.")),
        ("padding", format!("{good}==")),
        ("plain base64", plain),
        (
            "white space inside",
            format!("{header}. {payload}.{signature}"),
        ),
        ("no JSON", raw(f, "hello".to_owned())?),
        ("an array", raw(f, format!("[{text}]"))?),
        ("something after the JSON", raw(f, format!("{text}x"))?),
        ("byte order mark", raw(f, format!("\u{feff}{text}"))?),
        (
            "not UTF-8",
            f.sign(&Draft::raw_claims(f.good(), b"{\"sub\":\"\xff\"}".to_vec()))?,
        ),
    ])
}

//! §4.5: issuer, subject, version.

use serde_json::{Value, json};

use super::world::{
    Ask,
    Expect::{Done, Insufficient, InvalidToken, Status},
    Fixture, Vector, World,
};
use crate::{
    judge::Diagnosis as D,
    testing::{CryptoFault, Draft},
};

pub(super) fn vectors(f: &Fixture) -> Result<Vec<Vector>, CryptoFault> {
    let g0 = || f.good();
    let iss = |value: &str| f.good().claim("iss", value);
    let row = |id, case: &str, draft: Draft, why| -> Result<Vector, CryptoFault> {
        let expect = if why == D::Ok {
            Done(&[200])
        } else {
            InvalidToken
        };
        Ok(Vector::new(id, case, f.sign(&draft)?, expect, why))
    };
    let good = f.sign(&g0())?;
    let mut all = vec![row(
        "V-049",
        "no final slash",
        iss("https://iam.example"),
        D::IssSlash,
    )?];
    for other in [
        "https://IAM.example/",
        "https://iam.example:443/",
        "http://iam.example/",
    ] {
        all.push(row("V-049a", other, iss(other), D::IssUnknown)?);
    }
    all.extend([
        row(
            "V-049b",
            "a stranger",
            iss("https://evil.example/"),
            D::IssUnknown,
        )?,
        row("V-049c", "no iss", g0().without("iss"), D::MissingIss)?,
        Vector::new(
            "V-049d",
            "metadata of another",
            &good,
            InvalidToken,
            D::MetadataMismatch,
        )
        .world(World::MetadataMismatch),
        Vector::new(
            "V-049e",
            "issuer down for 20 h",
            &good,
            Done(&[200]),
            D::OkStale,
        )
        .world(World::IssuerDown),
        Vector::new(
            "V-049f",
            "issuer down for 3 d",
            &good,
            Status(503),
            D::KeysUnavailable,
        )
        .world(World::IssuerDownForLong),
        row("V-049g", "no sub", g0().without("sub"), D::BadSub)?,
        row("V-049g", "sub empty", g0().claim("sub", ""), D::BadSub)?,
        row(
            "V-049g",
            "sub of 256 characters",
            g0().claim("sub", "x".repeat(256)),
            D::BadSub,
        )?,
        row(
            "V-049g",
            "sub not ASCII",
            g0().claim("sub", "ü-1"),
            D::BadSub,
        )?,
    ]);
    let versions: [(&'static str, Value, D); 12] = [
        ("V-050", json!("1.1"), D::Ok),
        ("V-050", json!("1.2"), D::Ok),
        ("V-050", json!("1.3"), D::Ok),
        ("V-050", json!("1.99"), D::Ok),
        ("V-051", json!("2.0"), D::VerMajor),
        ("V-052", json!("WLCG:1.0"), D::VerSyntax),
        ("V-053", json!(1.0), D::VerSyntax),
        ("V-054", json!("1"), D::VerSyntax),
        ("V-054", json!("1.0.0"), D::VerSyntax),
        ("V-054", json!("v1.0"), D::VerSyntax),
        ("V-054", json!(""), D::VerSyntax),
        ("V-054", json!(" 1.0"), D::VerSyntax),
    ];
    for (id, version, why) in versions {
        all.push(row(
            id,
            &version.to_string(),
            g0().claim("wlcg.ver", version),
            why,
        )?);
    }
    let nested = g0()
        .without("wlcg.ver")
        .claim("wlcg", json!({ "ver": "1.0" }));
    let extra = g0()
        .claim("roles", json!(["admin"]))
        .claim("permissions", "all")
        .claim("groups", json!(["/wlcg/test"]));
    all.extend([
        row(
            "V-055",
            "no version",
            g0().without("wlcg.ver"),
            D::MissingWlcgVer,
        )?,
        row("V-056", "nested", nested, D::MissingWlcgVer)?,
        Vector::new(
            "V-057",
            "foreign claims",
            f.sign(&extra)?,
            Done(&[200]),
            D::Ok,
        )
        .then(Ask::get("/wlcg/protected/p"), Insufficient, D::NotCovered),
        row("V-058", "no jti", g0().without("jti"), D::MissingJti)?,
        Vector::new("V-059", "the same twice", &good, Done(&[200]), D::Ok).then(
            Ask::get("/wlcg/data/f1"),
            Done(&[200]),
            D::Ok,
        ),
    ]);
    Ok(all)
}

//! §4.6: audience.

use serde_json::{Value, json};

use super::world::{
    Expect::{Done, InvalidToken},
    Fixture, Setup, Vector,
};
use crate::{judge::Diagnosis as D, testing::CryptoFault};

const ANY: &str = "https://wlcg.cern.ch/jwt/v1/any";

pub(super) fn vectors(f: &Fixture) -> Result<Vec<Vector>, CryptoFault> {
    let row = |id, aud: Value, why| -> Result<Vector, CryptoFault> {
        let expect = if why == D::Ok {
            Done(&[200])
        } else {
            InvalidToken
        };
        let case = aud.to_string();
        Ok(Vector::new(
            id,
            case,
            f.sign(&f.good().claim("aud", aud))?,
            expect,
            why,
        ))
    };
    let none = f.good().without("aud");
    let id_token = f
        .good()
        .without("scope")
        .without("client_id")
        .claim("aud", "c-1")
        .claim("nonce", "n-1");
    Ok(vec![
        row("V-060", json!("https://se1.example"), D::Ok)?,
        row(
            "V-061",
            json!(["https://se2.example", "https://se1.example"]),
            D::Ok,
        )?,
        row("V-062", json!(["https://redirector.example"]), D::Ok)?,
        row("V-063", json!(ANY), D::Ok)?,
        row("V-063", json!(ANY), D::AudMismatch)?.with(Setup::RefuseAnyAudience),
        row("V-063a", json!([ANY, "https://se2.example"]), D::Ok)?,
        row("V-064", json!("https://se1.example/"), D::AudSlash)?,
        row("V-065", json!("https://SE1.example"), D::AudCase)?,
        row("V-066", json!("https://se1.example:443"), D::AudPort)?,
        row("V-067", json!("se1.example"), D::AudBare)?,
        row("V-067", json!("se1.example"), D::Ok)?.with(Setup::AcceptBareHostAudience),
        row(
            "V-068",
            json!("https://se1.example https://se2.example"),
            D::AudSpace,
        )?,
        row("V-069", json!([]), D::MissingAud)?,
        row("V-069", json!(""), D::MissingAud)?,
        row("V-069", json!(null), D::MissingAud)?,
        Vector::new(
            "V-069",
            "missing",
            f.sign(&none)?,
            InvalidToken,
            D::MissingAud,
        ),
        row(
            "V-070",
            json!(["https://se1.example", 7]),
            D::MalformedClaim,
        )?,
        row("V-070", json!({ "a": 1 }), D::MalformedClaim)?,
        row("V-071", json!(format!("{ANY}/")), D::AudMismatch)?,
        row("V-071", json!("ANY"), D::AudMismatch)?,
        row("V-071", json!("any"), D::AudMismatch)?,
        row("V-071", json!("*"), D::AudMismatch)?,
        row("V-072", json!("https://se2/example"), D::AudMismatch)?,
        row("V-073", json!("https://fts.example"), D::AudMismatch)?,
        Vector::new(
            "V-081",
            "ID token",
            f.sign(&id_token)?,
            InvalidToken,
            D::AudMismatch,
        ),
    ])
}

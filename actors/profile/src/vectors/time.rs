//! §4.4: time.

use serde_json::json;

use super::world::{
    Ask,
    Expect::{Done, InvalidToken},
    Fixture, Setup, Vector,
};
use crate::{
    judge::Diagnosis as D,
    testing::{CryptoFault, Draft},
    version::ProfileVersion::V1_0,
};

pub(super) fn vectors(f: &Fixture) -> Result<Vec<Vector>, CryptoFault> {
    let t = f.now;
    let g0 = || f.good();
    let exp = |at: i64| f.good().claim("exp", at);
    let nbf = |at: i64| f.good().claim("nbf", at);
    let row = |id, case: &str, draft: Draft, why| -> Result<Vector, CryptoFault> {
        let expect = if why == D::Ok {
            Done(&[200])
        } else {
            InvalidToken
        };
        Ok(Vector::new(id, case, f.sign(&draft)?, expect, why))
    };
    let huge = g0().payload().replace(&(t + 3540).to_string(), "1e400");
    let milliseconds = exp((t + 3540) * 1000);
    let future_iat = g0()
        .without("nbf")
        .claim("iat", t + 3600)
        .claim("exp", t + 7200);
    let twelve_hours = exp(t - 60 + 12 * 3600);
    let soon = exp(t + 1);
    let vectors = vec![
        row("V-030", "no exp", g0().without("exp"), D::MissingExp)?,
        row("V-031", "exp = T", exp(t), D::Expired)?,
        row("V-032", "exp = T+1", exp(t + 1), D::Ok)?,
        row("V-033", "exp = T-30", exp(t - 30), D::Expired)?,
        row("V-033", "exp = T-30, profile 1.0", exp(t - 30), D::Ok)?.with(Setup::Profile(V1_0)),
        row("V-034", "exp = T-60, profile 1.0", exp(t - 60), D::Expired)?
            .with(Setup::Profile(V1_0)),
        row(
            "V-035",
            "exp a string",
            g0().claim("exp", (t + 3540).to_string()),
            D::MalformedClaim,
        )?,
        row(
            "V-036",
            "exp with a fraction",
            g0().claim("exp", t as f64 + 3540.5),
            D::Ok,
        )?,
        row(
            "V-037",
            "exp 1e400",
            g0().raw_claims(huge),
            D::MalformedClaim,
        )?,
        row("V-037", "exp -1", exp(-1), D::MalformedClaim)?,
        row(
            "V-037",
            "exp 2^63",
            g0().claim("exp", 1_u64 << 63),
            D::MalformedClaim,
        )?,
        row(
            "V-037",
            "exp null",
            g0().claim("exp", json!(null)),
            D::MalformedClaim,
        )?,
        Vector::new(
            "V-038",
            "exp in milliseconds",
            f.sign(&milliseconds)?,
            Done(&[200]),
            D::Lifetime,
        ),
        row(
            "V-038",
            "exp in milliseconds, limited",
            milliseconds,
            D::Lifetime,
        )?
        .with(Setup::MaxLifetime(6 * 3600)),
        row("V-039", "nbf = T", nbf(t), D::Ok)?,
        row("V-040", "nbf = T+60", nbf(t + 60), D::Ok)?,
        row("V-041", "nbf = T+61", nbf(t + 61), D::NotYetValid)?,
        row("V-042", "nbf = T+1, no leeway", nbf(t + 1), D::NotYetValid)?
            .with(Setup::NotBeforeLeeway(0)),
        row("V-043", "no nbf", g0().without("nbf"), D::Ok)?,
        row("V-044", "no iat", g0().without("iat"), D::MissingIat)?,
        Vector::new(
            "V-045",
            "iat in the future",
            f.sign(&future_iat)?,
            Done(&[200]),
            D::IatFuture,
        ),
        row(
            "V-045",
            "iat in the future, refused",
            future_iat,
            D::IatFuture,
        )?
        .with(Setup::RejectFutureIat),
        row("V-046", "12 h", twelve_hours.clone(), D::Ok)?,
        row(
            "V-046",
            "12 h, profile 1.0",
            twelve_hours.clone(),
            D::Lifetime,
        )?
        .with(Setup::Profile(V1_0)),
        row("V-046", "12 h, limited", twelve_hours, D::Lifetime)?
            .with(Setup::MaxLifetime(6 * 3600)),
        row(
            "V-047",
            "exp before nbf, both ahead",
            exp(t + 30).claim("nbf", t + 50),
            D::NotYetValid,
        )?,
        row(
            "V-047",
            "exp before nbf, both past",
            exp(t - 30).claim("nbf", t - 20),
            D::Expired,
        )?,
        Vector::new(
            "V-048",
            "expires while data flow",
            f.sign(&soon)?,
            Done(&[201]),
            D::Ok,
        )
        .ask(Ask::put("/wlcg/data/up/slow")),
    ];
    Ok(vectors)
}

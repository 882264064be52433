//! §4.2: how the token is presented.

use super::world::{
    Ask,
    Expect::{Challenge, Done, InvalidRequest, InvalidToken, Status},
    Fixture, Setup, Vector,
};
use crate::{judge::Diagnosis as D, testing::CryptoFault};

pub(super) fn vectors(f: &Fixture) -> Result<Vec<Vector>, CryptoFault> {
    let good = f.sign(&f.good())?;
    let bare = Vector::bare;
    let get = || Ask::get("/wlcg/data/f1");
    let groups: Vec<String> = (0..300)
        .map(|n| format!("/wlcg/a-rather-long-name-{n:04}"))
        .collect();
    let large = f.sign(&f.good().claim("wlcg.groups", groups))?;
    let expired = f.sign(&f.good().claim("exp", f.now - 10))?;
    Ok(vec![
        Vector::new("V-001", "G0", &good, Done(&[200]), D::Ok),
        bare("V-002", "no credential").then(get(), Challenge, D::NoToken),
        bare("V-003", "scheme in lower case")
            .header(format!("bearer {good}"))
            .then(get(), Done(&[200]), D::Ok),
        bare("V-004", "three spaces")
            .header(format!("Bearer   {good}"))
            .then(get(), Done(&[200]), D::Ok),
        bare("V-005", "scheme alone")
            .header("Bearer")
            .then(get(), InvalidRequest, D::EmptyToken),
        bare("V-005", "scheme and blanks").header("Bearer  ").then(
            get(),
            InvalidRequest,
            D::EmptyToken,
        ),
        bare("V-006", "Basic")
            .header("Basic dTpw")
            .then(get(), Challenge, D::WrongScheme),
        bare("V-007", "two headers")
            .header(format!("Bearer {good}"))
            .header(format!("Bearer {good}"))
            .then(get(), InvalidRequest, D::MultipleTokens),
        bare("V-008", "header and query")
            .header(format!("Bearer {good}"))
            .query(format!("access_token={good}"))
            .then(get(), InvalidRequest, D::MultipleTokens),
        bare("V-009", "query")
            .query(format!("access_token={good}"))
            .then(get(), Challenge, D::TokenInQuery),
        bare("V-009", "query, accepted")
            .query(format!("access_token={good}"))
            .with(Setup::AcceptQueryToken)
            .then(get(), Done(&[200]), D::Ok),
        bare("V-009a", "authz with Bearer")
            .query(format!("authz=Bearer%20{good}"))
            .then(get(), Challenge, D::TokenInQuery),
        bare("V-009a", "authz with Bearer, accepted")
            .query(format!("authz=Bearer%20{good}"))
            .with(Setup::AcceptAuthzParameter)
            .then(get(), Done(&[200]), D::Ok),
        bare("V-009a", "authz").query(format!("authz={good}")).then(
            get(),
            Challenge,
            D::TokenInQuery,
        ),
        bare("V-009a", "authz, accepted")
            .query(format!("authz={good}"))
            .with(Setup::AcceptAuthzParameter)
            .then(get(), Done(&[200]), D::Ok),
        form(&good).then(get().method("POST"), Challenge, D::TokenInBody),
        bare("V-009c", "header of 20 kB")
            .header(format!("Bearer {}", "x".repeat(20_000)))
            .then(get(), Status(431), D::TooLarge),
        Vector::new(
            "V-009d",
            "token of 9 kB",
            &large,
            InvalidToken,
            D::TokenTooLarge,
        ),
        Vector::new(
            "V-009d",
            "token of 9 kB, allowed",
            &large,
            Done(&[200]),
            D::Ok,
        )
        .with(Setup::MaxTokenBytes(16_384)),
        bare("V-009e", "two in one header")
            .header(format!("Bearer {good}, Bearer {good}"))
            .then(get(), InvalidRequest, D::MultipleTokens),
        bare("V-009f", "blanks after the token")
            .header(format!("Bearer {good} \t"))
            .then(get(), Done(&[200]), D::Ok),
        Vector::new(
            "V-009g",
            "expired, a valid one for the transfer",
            &expired,
            InvalidToken,
            D::Expired,
        )
        .ask(
            Ask::pull("/wlcg/data/up/x").with("TransferHeaderAuthorization", "Bearer e30.e30.e30"),
        ),
    ])
}

fn form(token: &str) -> Vector {
    let mut vector = Vector::bare("V-009b", "form body");
    vector.form = Some(format!("access_token={token}"));
    vector
}

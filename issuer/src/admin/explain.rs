//! Explanations: which policy decides, with which rank, and what would be dropped. Nothing is issued.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::{answer, body};
use crate::endpoint::{Here, Request};
use crate::errors::Refusal;
use crate::explain::{Question, explain};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScopesQuestion {
    /// The person's login name.
    user: String,
    /// The client.
    client_id: String,
    /// Scopes; left out, all of the client.
    #[serde(default)]
    scope: Option<String>,
    /// The grant; left out, `password`.
    #[serde(default)]
    grant: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExchangeQuestion {
    /// The client that the subject token was issued to.
    origin: String,
    /// The client that exchanges.
    destination: String,
    /// Scopes asked.
    #[serde(default)]
    scope: Option<String>,
    /// The person behind the subject token, if there is one.
    #[serde(default)]
    user: Option<String>,
}

fn asked(issuer: &crate::Issuer, question: Result<Question, Refusal>) -> Response {
    let outcome = question.and_then(|question| {
        let told = explain(issuer, &question);
        told.map(|told| (200, told))
            .map_err(|why| Refusal::new(404, "not_found", why))
    });
    answer(issuer, outcome)
}

/// `POST /explain/request`: a [`Question`].
pub(super) async fn request(State(issuer): Here, request: Request) -> Response {
    let question = body::<Question>(request).await;
    asked(&issuer, question)
}

/// `POST /explain/scopes` `{"user", "client_id", "scope"}`: what each scope of a person's request would become.
pub(super) async fn scopes(State(issuer): Here, request: Request) -> Response {
    let question = body::<ScopesQuestion>(request).await.map(|q| Question {
        client_id: q.client_id,
        grant: q.grant,
        user: Some(q.user),
        scope: q.scope,
        ..Question::default()
    });
    asked(&issuer, question)
}

/// `POST /explain/exchange` `{"origin", "destination", "scope"}`: the policy, its rank, and the first failing scope.
pub(super) async fn exchange(State(issuer): Here, request: Request) -> Response {
    let question = body::<ExchangeQuestion>(request).await.map(|q| Question {
        client_id: q.destination,
        origin: Some(q.origin),
        user: q.user,
        scope: q.scope,
        ..Question::default()
    });
    asked(&issuer, question)
}

//! The admin listener: what a trainer or a test does to an issuer from outside. Loopback, own port, guarded by a secret.
//!
//! Every request carries `Authorization: Bearer <admin_secret>`. Bodies and answers are JSON. Nothing here is part of
//! any product's interface; it is Carnet's own.

mod changes;
mod explain;
mod mint;
mod shown;

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::Router;
use axum::extract::{Path, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::any;
use carnet_stage::body::read_limited;
use http::{Method, header::AUTHORIZATION};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::answer::{Caching, header};
use crate::endpoint::{Here, Request, keys};
use crate::errors::{Refusal, Shape};
use crate::issuer::Issuer;
use crate::quirks::Quirk;

/// What an admin request gives: a status and JSON, or why not.
type Outcome = Result<(u16, Value), Refusal>;

/// The admin routes of an issuer; `None` when its configuration names no secret.
pub fn admin_router(issuer: &Arc<Issuer>) -> Option<Router> {
    issuer.config.admin_secret.as_ref()?;
    let router = Router::new()
        .route("/users", any(changes::users))
        .route("/users/{name}", any(changes::user))
        .route("/groups", any(changes::groups))
        .route("/clients", any(changes::clients))
        .route("/clients/{id}", any(changes::client))
        .route("/aup", any(changes::aup))
        .route("/policies/scope", any(changes::scope_policies))
        .route("/policies/exchange", any(changes::exchange_policies))
        .route("/keys", any(all_keys))
        .route("/keys/{kid}", any(one_key))
        .route("/clock", any(clock))
        .route("/tokens", any(shown::tokens))
        .route("/tokens/revoke", any(changes::revoke))
        .route("/lineage/{jti}", any(shown::lineage))
        .route("/explain/request", any(explain::request))
        .route("/explain/scopes", any(explain::scopes))
        .route("/explain/exchange", any(explain::exchange))
        .route("/mint", any(mint::mint))
        .layer(from_fn_with_state(Arc::clone(issuer), guard))
        .with_state(Arc::clone(issuer));
    Some(router)
}

async fn guard(State(issuer): Here, request: Request, next: Next) -> Response {
    let sent = header(request.headers(), &AUTHORIZATION)
        .and_then(|v| v.strip_prefix("Bearer "))
        .unwrap_or_default();
    let secret = issuer.config.admin_secret.as_deref().unwrap_or_default();
    if !secret.is_empty() && verify_slices_are_equal(sent.as_bytes(), secret.as_bytes()).is_ok() {
        return next.run(request).await;
    }
    let refusal = Refusal::new(401, "unauthorized", "The admin secret is missing or wrong.")
        .dressed(Shape::Plain);
    issuer.refuse(&refusal, Caching::Never)
}

/// Turns an outcome into an answer.
fn answer(issuer: &Issuer, outcome: Outcome) -> Response {
    match outcome {
        Ok((status, body)) => issuer.answers.json(status, &body, Caching::Never),
        Err(refusal) => issuer.refuse(&refusal.dressed(Shape::Plain), Caching::Never),
    }
}

/// Reads a JSON body of a known form; what is wrong with it is said.
async fn body<T: DeserializeOwned>(request: Request) -> Result<T, Refusal> {
    let bytes = read_limited(request.into_body(), crate::form::LIMIT)
        .await
        .map_err(|why| Refusal::bad("invalid_request", why.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|why| Refusal::bad("invalid_request", why.to_string()))
}

fn no_method() -> Outcome {
    Err(Refusal::new(
        405,
        "method_not_allowed",
        "This path does not know that method.",
    ))
}

fn not_found(what: &str) -> Refusal {
    Refusal::new(404, "not_found", format!("There is no such {what}."))
}

/// `GET /keys`: every key with its state. `POST`: publishes a new one (`{"algorithm": "ES256", "now": true}`).
async fn all_keys(State(issuer): Here, request: Request) -> Response {
    let outcome = match *request.method() {
        Method::GET => shown::keys(&issuer).await,
        Method::POST => rotate(&issuer, request).await,
        _ => no_method(),
    };
    answer(&issuer, outcome)
}

#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct NewKey {
    algorithm: Option<crate::config::Algorithm>,
    now: bool,
}

async fn rotate(issuer: &Issuer, request: Request) -> Outcome {
    if issuer.has(Quirk::Q39) {
        let text = "Keys are read once at start (Q-39); switch that quirk off to rotate.";
        return Err(Refusal::new(409, "conflict", text));
    }
    let new: NewKey = body(request).await?;
    let algorithm = new.algorithm.unwrap_or(issuer.config.algorithm);
    let kid = keys::publish_new(issuer, algorithm, new.now)
        .await
        .map_err(|why| Refusal::new(500, "server_error", why))?;
    Ok((201, json!({ "kid": kid })))
}

/// `DELETE /keys/{kid}`: takes a key that does not sign out of the set at once.
async fn one_key(State(issuer): Here, Path(kid): Path<String>, request: Request) -> Response {
    if *request.method() != Method::DELETE {
        return answer(&issuer, no_method());
    }
    let now = issuer.now();
    let outcome = match issuer.keys.change(|ring| ring.remove(&kid, now)).await {
        Ok(Some(change)) => {
            keys::tell(&issuer, &[change]);
            Ok((200, json!({ "kid": kid, "state": "removed" })))
        }
        Ok(None) => Err(not_found("key that is not signing")),
        Err(why) => Err(Refusal::new(500, "server_error", why)),
    };
    answer(&issuer, outcome)
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    /// Seconds.
    advance: u64,
}

/// `GET /clock`: the issuer's time. `POST {"advance": seconds}` moves everybody's.
async fn clock(State(issuer): Here, request: Request) -> Response {
    let outcome = match *request.method() {
        Method::GET => Ok(()),
        Method::POST => body::<Advance>(request).await.map(|by| {
            issuer
                .actor
                .clock()
                .advance(Duration::from_secs(by.advance));
        }),
        _ => no_method().map(|_| ()),
    };
    answer(
        &issuer,
        outcome.map(|()| (200, json!({ "now": issuer.now() }))),
    )
}

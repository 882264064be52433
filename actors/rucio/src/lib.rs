//! Rucio: rules, locks, requests and the conveyor.
//!
//! The [`catalogue`] is the pure core: it takes a time and ids and says what changes. The shell around it
//! is an HTTPS server with Rucio's REST interface, a line to the token issuer, and a conveyor that hands
//! transfers to FTS and watches them. What is simulated, and what of a production Rucio is left out, is
//! said where it happens.

pub mod account;
mod answers;
mod auth;
mod call;
pub mod catalogue;
pub mod config;
mod conveyor;
pub mod did;
mod door;
pub mod errors;
pub mod expression;
mod filter;
mod issuer;
pub mod job;
mod judge;
mod metalink;
pub mod path;
pub mod replica;
pub mod request;
mod rest;
mod review;
mod routes;
pub mod rse;
pub mod rule;
pub mod selection;
mod server;
mod tokens;

use carnet_stage::Actor;

pub use carnet_stage::StartError;
pub use config::Config;

/// Builds a Rucio and gives its routes; its background work ends with the actor.
#[allow(clippy::unused_async, reason = "every actor starts the same way")]
pub async fn start(actor: Actor, config: Config) -> Result<axum::Router, StartError> {
    Ok(routes::router(server::Rucio::new(actor, config)?))
}

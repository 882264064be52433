//! The File Transfer Service: jobs, tokens, third-party copies.
//!
//! Pure cores decide ([`book`], [`scheduler`], [`submission`], [`tokens`], [`exchange`], [`reason`], [`markers`],
//! [`verify`]); shells carry ([`service`], `transfer`, `agent`, `rest`). Behaviour is that of FTS 3.14.4 behind its REST
//! front end; the token model of the 2021 flows, which no released FTS has, is a configuration of its own.

pub mod auth;
pub mod book;
pub mod config;
pub mod errors;
pub mod exchange;
pub mod issuers;
pub mod job;
pub mod markers;
pub mod params;
pub mod reason;
pub mod scheduler;
pub mod service;
pub mod state;
pub mod submission;
pub mod submit;
pub mod surl;
pub mod tokens;
pub mod verify;

mod agent;
mod refresh;
mod remote;
mod rest;
mod routes;
mod transfer;

use std::sync::Arc;

use carnet_stage::{Actor, StartError};

pub use config::Config;

use crate::service::Service;

/// Starts FTS on its footing; the routes are for the stage to serve.
#[allow(clippy::unused_async, reason = "every actor starts the same way")]
pub async fn start(actor: Actor, config: Config) -> Result<axum::Router, StartError> {
    check(&config)?;
    let service = Service::new(actor.clone(), config);
    actor.spawn(Arc::clone(&service).dispatch());
    let warm = Arc::clone(&service);
    actor.spawn(async move { warm.issuers().warm_up().await });
    Ok(routes::routes(service))
}

/// What a configuration cannot mean.
fn check(config: &Config) -> Result<(), StartError> {
    for issuer in &config.issuers {
        let url = url::Url::parse(&issuer.url).map_err(|why| {
            StartError::new(format!("FTS cannot trust issuer \"{}\": {why}", issuer.url))
        })?;
        if url.scheme() != "https" {
            return Err(StartError::new(format!(
                "FTS cannot trust issuer \"{}\": it must be an https URL",
                issuer.url
            )));
        }
        if issuer.client_id.contains(':') {
            return Err(StartError::new(format!(
                "FTS's client id \"{}\" has a colon, which Basic authentication cannot carry",
                issuer.client_id
            )));
        }
    }
    if config.start_after.is_some_and(|time| time.is_negative()) {
        return Err(StartError::new("start_after of FTS is negative"));
    }
    Ok(())
}

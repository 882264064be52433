//! The storage element: WebDAV, HTTP third-party copy, the judge at the door.
//!
//! Pure parts (namespace, paths, dialects, checksums, markers) decide; handlers parse, ask them, perform
//! and answer. A handler reaches the data only with a pass from the door.

pub mod backend;
pub mod checksum;
pub mod config;
pub mod dialect;
pub mod namespace;
pub mod path;
pub mod pattern;
pub mod size;
pub mod tpc;
pub mod xml;

mod answer;
mod area;
mod authorise;
mod credential;
mod element;
mod errno;
pub mod faults;
mod keys;
mod macaroon;
pub mod methods;
mod once;
mod pages;
mod patient;
mod routes;
mod rules;
mod tape;
mod writing;

use std::sync::Arc;

use carnet_stage::{Actor, Handler, StartError};

pub use config::Config;

/// Starts a storage element: gives back what answers its requests, to be served over TLS.
pub async fn start(actor: Actor, config: Config) -> Result<Handler, StartError> {
    // Setting up may read a directory of the user's.
    let set_up = tokio::task::spawn_blocking(move || element::Element::new(actor, config));
    let element = set_up.await.map_err(StartError::new)??;
    Ok(routes::routes(Arc::new(element)))
}

//! A home institute's identity provider: people log in where they are known, and a service elsewhere is told who they are.
//!
//! OpenID Connect by the book and nothing more: authorization code with PKCE, ID token, userinfo. Pure cores decide
//! ([`request`], [`code`], [`people`]); the door carries; `routes` is the table of paths. A token issuer that offers
//! "sign in with your institute" meets it on the wire, like any other provider.

pub mod code;
pub mod config;
mod door;
mod pages;
pub mod people;
mod provider;
pub mod request;
mod routes;
mod token;

use carnet_stage::Actor;

pub use carnet_stage::StartError;
pub use config::Config;

/// Builds an identity provider and gives its routes.
#[allow(clippy::unused_async, reason = "every actor starts the same way")]
pub async fn start(actor: Actor, config: Config) -> Result<axum::Router, StartError> {
    Ok(routes::router(provider::Provider::new(actor, config)?))
}

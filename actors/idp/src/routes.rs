//! The identity provider's paths, each with its source, and nothing else.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::provider::Provider;
use crate::{door, token};

/// Discovery (OpenID Connect Discovery §4).
pub(crate) const DISCOVERY: &str = "/.well-known/openid-configuration";
/// The key set (RFC 7517).
pub(crate) const JWKS: &str = "/jwks";
/// The authorization endpoint (OpenID Connect Core §3.1.2).
pub(crate) const AUTHORIZE: &str = "/authorize";
/// The login form's target.
pub(crate) const LOGIN: &str = "/login";
/// End of the session.
pub(crate) const LOGOUT: &str = "/logout";
/// The token endpoint (OpenID Connect Core §3.1.3).
pub(crate) const TOKEN: &str = "/token";
/// User information (OpenID Connect Core §5.3).
pub(crate) const USERINFO: &str = "/userinfo";

/// The public routes.
pub(crate) fn router(provider: Provider) -> Router {
    Router::new()
        .route(DISCOVERY, get(token::discovery))
        .route(JWKS, get(token::jwks))
        .route(AUTHORIZE, get(door::authorize).post(door::authorize))
        .route(LOGIN, post(door::login))
        .route(LOGOUT, get(door::logout).post(door::logout))
        .route(TOKEN, post(token::token))
        .route(USERINFO, get(token::userinfo).post(token::userinfo))
        .fallback(door::nothing_here)
        .with_state(Arc::new(provider))
}

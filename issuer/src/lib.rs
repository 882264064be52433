//! The token issuer, in INDIGO IAM's role: OAuth 2, OpenID Connect, the WLCG profile, and IAM's own habits.
//!
//! Pure cores decide and say why ([`scopes`], [`policies`], [`exchange`], [`groups`], [`audience`], [`order`],
//! [`claims`]); [`store`] keeps; [`grant`] and [`issue`] make tokens; [`endpoint`] speaks HTTP; [`routes`] is the table.

pub mod admin;
pub mod answer;
pub mod audience;
pub mod auth;
pub mod claims;
pub mod config;
pub mod endpoint;
pub mod errors;
pub mod exchange;
pub mod explain;
pub mod form;
pub mod grant;
pub mod groups;
pub mod institute;
pub mod issue;
pub mod issuer;
pub mod keys;
pub mod membership;
pub mod order;
pub mod pages;
pub mod patterns;
pub mod policies;
pub mod quirks;
pub mod routes;
pub mod scopes;
mod start;
pub mod store;

pub use admin::admin_router;
pub use config::Config;
pub use issuer::Issuer;
pub use start::{Started, build, client_secrets, key_directory, start};

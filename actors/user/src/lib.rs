//! The people: token agent, browser, and what they ask of Rucio and of storage elements.
//!
//! A [`User`] gets tokens as a person does, by a browser that reads the issuer's pages and by an agent
//! that keeps what comes back. With a token, or a password, it speaks to Rucio ([`RucioSession`]) and to
//! storage elements ([`StorageClient`]). Every step is a real request of the person's actor.

mod browser;
mod config;
mod error;
mod html;
mod issuer;
mod rucio;
mod storage;
mod tokens;
mod user;
mod web;

pub use config::{Config, HomeLogin};
pub use error::UserError;
pub use rucio::{RucioSession, RuleOrder, RuleStatus};
pub use storage::{CopyOrder, Entry, StorageClient};
pub use tokens::Tokens;
pub use user::User;

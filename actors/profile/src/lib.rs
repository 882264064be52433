//! The WLCG token profile as pure code: claims, scopes, paths, groups, the judge.
//!
//! Nothing here opens a socket, reads a clock or draws a random number: everything takes `now` and
//! returns a value. Rules carry the requirement IDs of the issuer page §1 (`TOK-6`, `CAP-N`, …).

pub mod claims;
pub mod groups;
pub mod id_token;
pub mod jose;
pub mod judge;
pub mod keys;
pub mod path;
pub mod present;
pub mod scope;
pub mod testing;
pub mod vectors;
pub mod version;

pub use claims::Claims;

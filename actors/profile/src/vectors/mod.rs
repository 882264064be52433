//! The validation vectors V-001 to V-155 of the issuer page §4 as data: a token, how it is presented,
//! what is asked with it, and what must come of it. The same table is run against the judge as a
//! function and against servers over HTTPS.
//!
//! Everything is relative to `Fixture::now`. A server that runs them answers to `https://se1.example`
//! and `https://redirector.example`, trusts `https://iam.example/` (area `/wlcg`) and
//! `https://cms.example/` (area `/cms`), and starts every vector with [`NAMESPACE`] and what the vector's
//! `files` add to it.

mod audience;
mod form;
mod groups;
mod issuer;
mod paths;
mod presentation;
mod time;
mod world;

pub use world::{Ask, CMS, Expect, Fixture, IAM, NAMESPACE, SE1, Setup, Subject, Vector, World};

use crate::testing::CryptoFault;

/// All vectors, in the order of their numbers.
pub fn all(fixture: &Fixture) -> Result<Vec<Vector>, CryptoFault> {
    let mut all = Vec::new();
    all.extend(presentation::vectors(fixture)?);
    all.extend(form::vectors(fixture)?);
    all.extend(time::vectors(fixture)?);
    all.extend(issuer::vectors(fixture)?);
    all.extend(audience::vectors(fixture)?);
    all.extend(paths::vectors(fixture)?);
    all.extend(groups::vectors(fixture)?);
    Ok(all)
}

//! `carnet token show`: what a token says, in words, and what is odd about it.

use anyhow::anyhow;
use carnet_profile::jose::Token;

use super::now;
use crate::{Outcome, output};

pub(crate) fn show(token: &str) -> anyhow::Result<Outcome> {
    let parsed = Token::parse(token).map_err(|fault| anyhow!("not a token: {fault}"))?;
    output::tell(&carnet_report::token::show_with(
        &parsed,
        now(),
        &super::options(),
    ));
    Ok(Outcome::Held)
}

//! `carnet token`: look at, make, judge and explain tokens offline; get one from a served issuer.

mod explain;
mod get;
mod judge;
mod mint;
mod served;
mod show;

use std::io::Read as _;

use anyhow::Context as _;
use carnet_report::Palette;

use crate::args::TokenCommand;
use crate::{Outcome, output};

/// Longest token read, in bytes.
const LONGEST: u64 = 1 << 20;

pub(crate) fn token(command: TokenCommand) -> anyhow::Result<Outcome> {
    match command {
        TokenCommand::Show { token } => show::show(&given(token)?),
        TokenCommand::Mint(options) => mint::mint(&options),
        TokenCommand::Verify(options) => judge::verify(&options),
        TokenCommand::Why(options) if options.dir.is_some() => explain::explain(&options),
        TokenCommand::Why(options) => judge::why(&options.judging()?),
        TokenCommand::Get(options) => get::get(&options),
    }
}

/// The token of the argument, or of standard input; a leading `Bearer` is taken off.
fn given(token: Option<String>) -> anyhow::Result<String> {
    let text = if let Some(token) = token {
        token
    } else {
        let mut text = String::new();
        let read = std::io::stdin().take(LONGEST + 1).read_to_string(&mut text);
        read.context("standard input is not text")?;
        anyhow::ensure!(
            text.len() as u64 <= LONGEST,
            "standard input is longer than {LONGEST} bytes: not a token"
        );
        text
    };
    let text = text.trim();
    let text = text.strip_prefix("Bearer ").unwrap_or(text).trim();
    anyhow::ensure!(
        !text.is_empty(),
        "no token: give it as an argument or on standard input"
    );
    Ok(text.to_owned())
}

/// The present instant, Unix seconds.
fn now() -> i64 {
    carnet_stage::Clock::wall().seconds()
}

/// How tokens and verdicts look here.
fn options() -> carnet_report::token::Options {
    let palette = if output::colour() {
        Palette::colour()
    } else {
        Palette::plain()
    };
    carnet_report::token::Options {
        palette,
        width: output::width().min(100),
        ..Default::default()
    }
}

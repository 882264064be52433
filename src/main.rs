//! `carnet`: the WLCG token-based data-transfer stack on one stage.

mod args;
mod check;
mod list;
mod output;
mod run;
mod schema;
mod serve;
mod token;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Cli, Command};

/// Threads that read and write files; hundreds of copies share them, each thread costs memory.
const DISK_THREADS: usize = 16;

/// How a command ended, as the exit code says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// All expectations held.
    Held,
    /// Some did not.
    Broken,
    /// The input was wrong, or a needed thing was missing.
    Wrong,
    /// Ctrl-C.
    Interrupted,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Held => Self::from(0),
            Outcome::Broken => Self::from(1),
            Outcome::Wrong => Self::from(2),
            Outcome::Interrupted => Self::from(130),
        }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        None => match cli.scenario {
            Some(scenario) => run::run(&[scenario], &cli.run),
            None => Ok(Outcome::Wrong),
        },
        Some(Command::Run { scenarios, options }) => run::run(&scenarios, &options),
        Some(Command::List { filter }) => list::list(filter.as_deref()),
        Some(Command::Check { files }) => check::check(&files),
        Some(Command::Serve(options)) => serve::serve(&options),
        Some(Command::Token { command }) => token::token(command),
        Some(Command::Schema { which }) => schema::schema(which),
    };
    match outcome {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            output::complain(&format!("error: {error:#}"));
            Outcome::Wrong.into()
        }
    }
}

impl Outcome {
    /// The one of two that matters more.
    fn worse(self, other: Self) -> Self {
        if (self as u8) < (other as u8) {
            other
        } else {
            self
        }
    }
}

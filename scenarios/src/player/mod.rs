//! The player: sets the stage, lets every actor begin, plays the steps, checks the expectations, ends it all.

mod cast;
mod faults;
mod files;
mod outside;
mod people;
mod requests;
mod saved;
mod steps;
mod waits;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use carnet_certs::Authority;
use carnet_stage::{
    Clock, Event, Expectation, Journal, JournalOptions, Note, Record, ServerOptions, StageError,
};

use crate::expectations::{self, Unseen};
use crate::loader::Scenario;

pub use cast::{Member, Running, admin_name, bring_up};

/// What is done with a journal before anything happens: sinks are added to it.
pub type OnJournal = Box<dyn FnOnce(&Journal) + Send>;

/// How a scenario is played.
#[derive(Default)]
pub struct PlayOptions {
    /// Keep tokens and secrets readable in the journal.
    pub reveal_tokens: bool,
    /// Folder in which the issuer's signing key is kept between runs.
    pub keys: Option<PathBuf>,
    /// The certificate authority; left out, a new one.
    pub authority: Option<Authority>,
    /// Called with the empty journal before anything happens, to add sinks.
    pub on_journal: Option<OnJournal>,
}

/// A play that came to its end.
#[derive(Debug)]
pub struct Played {
    /// Every record, by number.
    pub records: Vec<Arc<Record>>,
    /// Every expectation, held or not, in the file's order; before them what a step waited for in vain.
    pub expectations: Vec<Expectation>,
    /// What could not be seen, because an actor is not ours.
    pub unseen: Vec<Unseen>,
    /// Seed of chance that was used.
    pub seed: u64,
    /// Real time until every actor answered.
    pub ready: Duration,
    /// Real time of the whole play.
    pub took: Duration,
}

impl Played {
    /// Whether every expectation held.
    pub fn held(&self) -> bool {
        self.expectations.iter().all(|e| e.held)
    }
}

/// Why a scenario could not be played to its end.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// The stage could not be set.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// An actor did not start.
    #[error("{name} did not start: {why}")]
    Start {
        /// The actor.
        name: String,
        /// Its own words.
        why: String,
    },
    /// A service of somebody else's cannot be worked with.
    #[error("{name}, which is {url}, cannot take part: {why}")]
    External {
        /// The actor whose place it takes.
        name: String,
        /// Its base URL.
        url: String,
        /// The reason.
        why: String,
    },
    /// A certificate authority could not be made.
    #[error("no certificate authority: {0}")]
    Authority(String),
    /// A step could not be done.
    #[error("{place}: {step} could not be done: {why}")]
    Step {
        /// File, line and column of the step.
        place: String,
        /// The step in words.
        step: String,
        /// The reason.
        why: String,
    },
}

/// How long records that expectations still miss are waited for after the last step, in real time.
const GRACE: Duration = Duration::from_millis(300);

/// Plays a scenario.
pub async fn play(scenario: &Scenario, options: PlayOptions) -> Result<Played, PlayError> {
    let watch = Clock::stopwatch();
    let settings = cast::Settings {
        seed: scenario.seed,
        unpredictable: false,
        journal: JournalOptions {
            reveal: options.reveal_tokens,
            ..JournalOptions::default()
        },
        keys: options.keys,
        authority: options.authority,
        on_journal: options.on_journal,
        server: ServerOptions::default(),
    };
    let running = cast::bring_up_with(scenario, settings).await?;
    let ready = running.ready;
    let outcome = steps::play(scenario, &running).await;
    let journal = running.stage.journal().clone();
    if outcome.as_ref().is_ok_and(Vec::is_empty) && !scenario.expects.is_empty() {
        settle(scenario, &journal).await;
    }
    running.stage.stop().await;
    let waited = outcome?;

    let unseen = expectations::unseen(scenario);
    for one in &unseen {
        let label = one
            .label
            .as_deref()
            .map(|label| format!("{label} "))
            .unwrap_or_default();
        let text = format!("not visible, {}: {label}{}", one.why, one.expectation);
        journal.record_after("stage", None, Event::Note(Note { text }));
    }
    let mut checked = waited;
    checked.extend(expectations::check(scenario, &journal.records()));
    for expectation in &checked {
        journal.record_after("stage", None, Event::Expect(expectation.clone()));
    }
    Ok(Played {
        records: journal.records(),
        expectations: checked,
        unseen,
        seed: scenario.seed,
        ready,
        took: watch.elapsed(),
    })
}

/// Gives records that are still being written a moment, when an expectation misses one.
async fn settle(scenario: &Scenario, journal: &Journal) {
    let complete = || async {
        let mut known = 0;
        loop {
            let records = journal.records();
            if expectations::check(scenario, &records)
                .iter()
                .all(|expectation| expectation.held)
            {
                return;
            }
            // Records are counted, not compared by number: one that began early may be written late.
            let seen = records.len().max(known);
            known = seen + 1;
            let mut count = 0;
            let another = journal.wait_for(GRACE, |_| {
                count += 1;
                count > seen
            });
            if another.await.is_none() {
                return;
            }
        }
    };
    let _in_time = Clock::within_real(GRACE, complete()).await;
}

//! What one actor stands on: its name, clock, chance, client, faults, and its pen for the journal.

use std::sync::{Arc, Mutex, PoisonError};

use carnet_profile::judge::Verdict;
use jiff::SignedDuration;
use rand::rngs::StdRng;
use rand::{RngCore as _, SeedableRng as _};
use tokio::sync::watch;
use uuid::Uuid;

use crate::cause::{current_cause, with_cause};
use crate::client::Client;
use crate::clock::Clock;
use crate::event::{CheckRecord, Event, Issued, Judged, Note, Seq, StateChange};
use crate::faults::Faults;
use crate::journal::Journal;
use crate::names::{Names, Place};
use crate::redact::remember;

/// Why an actor did not start: a sentence for people.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);

impl StartError {
    /// From anything that can be told.
    pub fn new(why: impl std::fmt::Display) -> Self {
        Self(why.to_string())
    }
}

/// An actor's footing. Clones are the same actor.
#[derive(Clone)]
pub struct Actor {
    shared: Arc<Shared>,
}

struct Shared {
    place: Place,
    base_url: String,
    clock: Clock,
    journal: Journal,
    names: Names,
    client: Client,
    faults: Faults,
    random: Mutex<StdRng>,
    seed: u64,
    stop: watch::Receiver<bool>,
}

pub(crate) struct Footing {
    pub(crate) place: Place,
    pub(crate) clock: Clock,
    pub(crate) journal: Journal,
    pub(crate) names: Names,
    pub(crate) client: Client,
    pub(crate) random: StdRng,
    pub(crate) seed: u64,
    pub(crate) stop: watch::Receiver<bool>,
}

impl Actor {
    pub(crate) fn new(footing: Footing) -> Self {
        let base_url = footing.place.base_url();
        Self {
            shared: Arc::new(Shared {
                base_url,
                place: footing.place,
                clock: footing.clock,
                journal: footing.journal,
                names: footing.names,
                client: footing.client,
                faults: Faults::default(),
                random: Mutex::new(footing.random),
                seed: footing.seed,
                stop: footing.stop,
            }),
        }
    }

    /// Its name in the scenario.
    pub fn name(&self) -> &str {
        &self.shared.place.name
    }

    /// Its host as URLs name it.
    pub fn host(&self) -> &str {
        &self.shared.place.host
    }

    /// Its place on the stage.
    pub fn place(&self) -> &Place {
        &self.shared.place
    }

    /// Its URL without a slash at the end.
    pub fn base_url(&self) -> String {
        self.shared.base_url.clone()
    }

    /// Its clock, perhaps skewed.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// Sets how far its clock is off (negative: slow).
    pub fn set_clock_skew(&self, by: SignedDuration) {
        self.shared.clock.set_skew(by);
    }

    /// The journal.
    pub fn journal(&self) -> &Journal {
        &self.shared.journal
    }

    /// Its outgoing client.
    pub fn client(&self) -> &Client {
        &self.shared.client
    }

    /// Faults installed at it.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Everybody's places.
    pub fn names(&self) -> &Names {
        &self.shared.names
    }

    /// The URL of a peer by its name in the scenario.
    pub fn url_of(&self, name: &str) -> Option<String> {
        self.shared.names.place(name).map(|place| place.base_url())
    }

    /// The run's seed.
    pub fn seed(&self) -> u64 {
        self.shared.seed
    }

    /// Draws from its stream of chance.
    pub fn random<R>(&self, draw: impl FnOnce(&mut StdRng) -> R) -> R {
        draw(
            &mut self
                .shared
                .random
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// A new stream that follows from its own; for work that must not wait for the shared one.
    pub fn branch(&self) -> StdRng {
        StdRng::seed_from_u64(self.random(StdRng::next_u64))
    }

    /// A version 4 UUID from its stream.
    pub fn uuid(&self) -> Uuid {
        let mut bytes = [0_u8; 16];
        self.random(|stream| stream.fill_bytes(&mut bytes));
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// Records an event that the running task's cause led to.
    pub fn record(&self, event: Event) -> Seq {
        self.shared.journal.record(self.name(), event)
    }

    /// A sentence for the reader.
    pub fn note(&self, text: impl Into<String>) -> Seq {
        self.record(Event::Note(Note { text: text.into() }))
    }

    /// A change of state.
    pub fn state(&self, entity: &str, id: &str, from: &str, to: &str, why: &str) -> Seq {
        self.record(Event::State(StateChange {
            entity: entity.to_owned(),
            id: id.to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
            why: why.to_owned(),
        }))
    }

    /// A judgement, with every check of the verdict.
    pub fn judged(&self, jti: Option<&str>, verdict: &Verdict) -> Seq {
        if !self.shared.journal.is_listening() {
            return 0;
        }
        let checks = verdict.checks.iter().cloned().map(CheckRecord::from);
        self.judged_by(jti, verdict, checks.collect())
    }

    /// The same for a verdict whose checks nobody looks at afterwards: they go into the journal as they are.
    pub fn judged_last(&self, verdict: &mut Verdict) -> Seq {
        if !self.shared.journal.is_listening() {
            return 0;
        }
        let checks = std::mem::take(&mut verdict.checks);
        let checks = checks.into_iter().map(CheckRecord::from).collect();
        self.judged_by(verdict.jti(), verdict, checks)
    }

    fn judged_by(&self, jti: Option<&str>, verdict: &Verdict, checks: Vec<CheckRecord>) -> Seq {
        self.record(Event::Judged(Box::new(Judged {
            by: self.name().to_owned(),
            jti: jti.map(str::to_owned),
            demand: verdict.demand.clone(),
            granted: verdict.granted,
            diagnosis: verdict.diagnosis().code().to_owned(),
            checks,
            hint: verdict
                .refusal
                .as_ref()
                .and_then(|refusal| refusal.hint.clone()),
        })))
    }

    /// A token was made; its text is only named in what is recorded of it.
    pub fn issued(&self, issued: Issued, text: &str) -> Seq {
        remember(text, &issued.jti);
        self.record(Event::Issued(Box::new(issued)))
    }

    /// Runs `work` in the background as a consequence of the present cause, until it ends or the actor stops.
    pub fn spawn<F>(&self, work: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut stop = self.shared.stop.clone();
        let work = with_cause(current_cause(), work);
        tokio::spawn(async move {
            tokio::select! {
                () = work => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
        });
    }

    /// Resolves when the run stops.
    pub async fn stopping(&self) {
        let mut stop = self.shared.stop.clone();
        let _closed_or_stopped = stop.wait_for(|stop| *stop).await;
    }
}

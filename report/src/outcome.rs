//! How a scenario ended: what the player says of it, and what the journal's records add up to.

use carnet_stage::{Event, Exchange};
use std::collections::BTreeSet;

/// What the player knows when the scenario is over.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// The scenario's name (`delegated-identity`).
    pub scenario: String,
    /// Files that arrived, with what proves it.
    pub copied: Vec<Copied>,
    /// Real milliseconds from first to last record.
    pub millis: u64,
    /// Milliseconds by which the scenario moved the stage's clock.
    pub moved: u64,
    /// Why the scenario could not be played to its end.
    pub failure: Option<String>,
}

/// A file that arrived.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copied {
    /// Its path.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its Adler-32, eight hex digits.
    pub adler32: String,
    /// Who says so: the names of the actors that agree on size and checksum.
    pub agreed: Vec<String>,
}

/// What the records of a scenario add up to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Exchanges over HTTPS.
    pub exchanges: usize,
    /// Requests that ended without an answer.
    pub unanswered: usize,
    /// Tokens issued: access, refresh, ID.
    pub tokens: usize,
    /// Judgements that granted.
    pub granted: usize,
    /// Judgements that refused.
    pub refused: usize,
    /// What installed faults did.
    pub faults: usize,
    /// Expectations that held.
    pub held: usize,
    /// Expectations that did not.
    pub broken: usize,
    /// Their labels, or their text when they have none.
    pub broken_labels: Vec<String>,
    /// The participants seen in exchanges.
    pub participants: BTreeSet<String>,
}

impl Tally {
    /// The sum of these events.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut tally = Self::default();
        for event in events {
            tally.count(event);
        }
        tally
    }

    /// Counts one more event.
    pub fn count(&mut self, event: &Event) {
        match event {
            Event::Exchange(exchange) => self.exchange(exchange),
            Event::Issued(_) => self.tokens += 1,
            Event::Judged(judged) if judged.granted => self.granted += 1,
            Event::Judged(_) => self.refused += 1,
            Event::Fault(_) => self.faults += 1,
            Event::Expect(expect) if expect.held => self.held += 1,
            Event::Expect(expect) => {
                self.broken += 1;
                self.broken_labels.push(
                    expect
                        .label
                        .clone()
                        .unwrap_or_else(|| expect.expectation.clone()),
                );
            }
            Event::Step(_) | Event::State(_) | Event::Note(_) => {}
        }
    }

    fn exchange(&mut self, exchange: &Exchange) {
        self.exchanges += 1;
        self.unanswered += usize::from(exchange.status == 0);
        for name in [&exchange.from, &exchange.to] {
            if !self.participants.contains(name) {
                self.participants.insert(name.clone());
            }
        }
    }
}

impl Outcome {
    /// Whether everything held and the scenario was played to its end.
    pub fn passed(&self, tally: &Tally) -> bool {
        self.failure.is_none() && tally.broken == 0
    }
}

//! One scenario as the whole-file views take it: title, records, outcome.

use crate::outcome::{Outcome, Tally};
use carnet_stage::{Event, Expectation, Record};
use std::sync::Arc;

/// A scenario that was played.
#[derive(Debug, Clone, Copy)]
pub struct Played<'a> {
    /// Its title, a sentence.
    pub title: &'a str,
    /// Where it was taken from.
    pub source: Option<&'a str>,
    /// Its records, in order.
    pub records: &'a [Arc<Record>],
    /// How it ended.
    pub outcome: &'a Outcome,
}

impl<'a> Played<'a> {
    /// What its records add up to.
    pub fn tally(&self) -> Tally {
        Tally::of(self.records.iter().map(|record| &record.event))
    }

    pub(crate) fn expectations(&self) -> impl Iterator<Item = &'a Expectation> + use<'a> {
        self.records
            .iter()
            .filter_map(|record| match &record.event {
                Event::Expect(expect) => Some(expect),
                _ => None,
            })
    }
}

//! What of a story can be seen when an actor's place is taken by a service that is not ours: what others of the stage sent
//! it and were sent by it, not what it thinks.

use std::borrow::Cow;
use std::sync::Arc;

use carnet_stage::{Event, Record};

use crate::format::{Aside, Expect, Pattern};
use crate::loader::{Scenario, external};

/// Which actors are not ours.
pub(super) struct Sight<'s> {
    scenario: &'s Scenario,
    theirs: Vec<&'s str>,
}

/// An expectation, or a part of one, that nobody could see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// The expectation's label.
    pub label: Option<String>,
    /// What it expects, in words.
    pub expectation: String,
    /// File, line and column.
    pub place: String,
    /// Why it cannot be seen.
    pub why: String,
}

impl<'s> Sight<'s> {
    pub(super) fn new(scenario: &'s Scenario) -> Self {
        Self {
            scenario,
            theirs: external(&scenario.actors).map(|(name, _)| name).collect(),
        }
    }

    fn is_theirs(&self, name: Option<&str>) -> bool {
        name.is_some_and(|name| self.theirs.contains(&name))
    }

    /// Why a pattern cannot be seen; nothing when it can.
    fn hidden(&self, pattern: &Pattern) -> Option<String> {
        let by = match pattern {
            Pattern::Exchange(p) => {
                let (from, to) = (p.from.as_deref(), p.to.as_deref());
                return match (self.is_theirs(from), self.is_theirs(to)) {
                    (true, true) => Some(format!("neither {} nor {} is ours", from?, to?)),
                    // A stranger does not say who it is.
                    (true, false) if self.theirs.len() > 1 => Some(format!(
                        "{} cannot be told from the other services that are not ours",
                        from?
                    )),
                    _ => None,
                };
            }
            Pattern::Issued(p) => p.by.as_deref(),
            Pattern::Judged(p) => p.by.as_deref(),
            Pattern::State(p) => p.at.as_deref(),
            Pattern::Fault(p) => p.at.as_deref(),
            Pattern::Note(p) => p.by.as_deref(),
        };
        self.is_theirs(by)
            .then(|| format!("{} is not ours", by.unwrap_or_default()))
    }

    /// The part of an expectation that can be seen, and why the rest cannot.
    pub(super) fn split(&self, expect: &Expect) -> (Option<Expect>, Vec<(String, String)>) {
        let mut unseen = Vec::new();
        if self.theirs.is_empty() {
            return (Some(expect.clone()), unseen);
        }
        let mut left = expect.clone();
        if let Some(patterns) = &mut left.in_order {
            patterns.retain(|pattern| match self.hidden(pattern) {
                None => true,
                Some(why) => {
                    unseen.push((super::pattern_in_words(pattern), why));
                    false
                }
            });
        }
        let seen = left.asked().iter().all(|asked| match asked {
            Aside::InOrder(patterns) => !patterns.is_empty(),
            Aside::Seen(pattern) => {
                let hidden = self.hidden(pattern);
                let seen = hidden.is_none();
                unseen.extend(hidden.map(|why| (super::pattern_in_words(pattern), why)));
                seen
            }
            Aside::Never(pattern) => {
                let hidden = self.hidden(pattern);
                let seen = hidden.is_none();
                let words = || format!("never: {}", super::pattern_in_words(pattern));
                unseen.extend(hidden.map(|why| (words(), why)));
                seen
            }
        });
        (seen.then_some(left), unseen)
    }

    /// The records, where what a stranger asked is asked by the one service that is not ours.
    pub(super) fn named<'r>(&self, records: &'r [Arc<Record>]) -> Vec<Cow<'r, Record>> {
        let only = match self.theirs.as_slice() {
            [only] => Some(*only),
            _ => None,
        };
        let stranger = |name: &str| {
            only.filter(|_| {
                !self.scenario.actors.contains_key(name) && !OF_THE_STAGE.contains(&name)
            })
        };
        records
            .iter()
            .map(|record| match &record.event {
                Event::Exchange(exchange) => match stranger(&exchange.from) {
                    Some(name) => {
                        let mut record = Record::clone(record);
                        if let Event::Exchange(exchange) = &mut record.event {
                            name.clone_into(&mut exchange.from);
                        }
                        Cow::Owned(record)
                    }
                    None => Cow::Borrowed(record.as_ref()),
                },
                _ => Cow::Borrowed(record.as_ref()),
            })
            .collect()
    }

    /// Everything that cannot be seen.
    pub(super) fn unseen(&self) -> Vec<Unseen> {
        let sources = self.scenario.sources();
        let mut all = Vec::new();
        for told in &self.scenario.expects {
            for (words, why) in self.split(&told.what).1 {
                all.push(Unseen {
                    label: told.what.step.clone(),
                    expectation: told.what.says.clone().unwrap_or(words),
                    place: sources.place(&told.span).to_string(),
                    why,
                });
            }
        }
        all
    }
}

/// Who asks on the stage without being an actor of the scenario.
const OF_THE_STAGE: [&str; 2] = ["stage", "administrator"];

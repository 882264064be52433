//! Expectations held against the journal: what holds, which records show it, and what was received instead.

mod compare;
mod fit;
mod sight;
mod tell;

use std::sync::Arc;

use carnet_stage::{Event, Expectation, Record, Seq};

use crate::format::{Aside, Expect, Pattern};
use crate::loader::{Scenario, Told};

use compare::Bound;
use sight::Sight;

pub use sight::Unseen;
pub use tell::pattern_in_words;

/// Checks every expectation of a scenario that can be seen, in the file's order.
pub fn check(scenario: &Scenario, records: &[Arc<Record>]) -> Vec<Expectation> {
    let sight = Sight::new(scenario);
    let named = sight.named(records);
    let told: Vec<&Record> = named
        .iter()
        .map(AsRef::as_ref)
        .filter(|r| !matches!(r.event, Event::Expect(_)))
        .collect();
    let mut bound = Bound::new();
    scenario
        .expects
        .iter()
        .filter_map(|expect| {
            let what = sight.split(&expect.what).0?;
            let span = expect.span.clone();
            Some(one(scenario, &Told { what, span }, &told, &mut bound))
        })
        .collect()
}

/// What of a scenario's expectations cannot be seen, because an actor is not ours.
pub(crate) fn unseen(scenario: &Scenario) -> Vec<Unseen> {
    Sight::new(scenario).unseen()
}

fn one(
    scenario: &Scenario,
    expect: &Told<Expect>,
    records: &[&Record],
    bound: &mut Bound,
) -> Expectation {
    let mut outcome = Outcome {
        held: true,
        records: Vec::new(),
        why: None,
    };
    let mut in_words = Vec::new();
    for asked in expect.what.asked() {
        let part = match &asked {
            Aside::Seen(pattern) => seen(pattern, records, bound),
            Aside::Never(pattern) => never(pattern, records, bound),
            Aside::InOrder(patterns) => in_order(patterns, records, bound),
        };
        in_words.push(tell::in_words(&asked));
        outcome.held &= part.held;
        outcome.records.extend(part.records);
        outcome.why = outcome.why.or(part.why);
    }
    Expectation {
        label: expect.what.step.clone(),
        expectation: expect
            .what
            .says
            .clone()
            .unwrap_or_else(|| in_words.join("; ")),
        place: Some(scenario.sources().place(&expect.span).to_string()),
        held: outcome.held,
        records: outcome.records,
        why: outcome.why.map(|why| match &expect.what.says {
            Some(_) => format!("wanted {}\n{why}", in_words.join("; ")),
            None => why,
        }),
    }
}

struct Outcome {
    held: bool,
    records: Vec<Seq>,
    why: Option<String>,
}

fn seen(pattern: &Pattern, records: &[&Record], bound: &mut Bound) -> Outcome {
    let mut found: Vec<Seq> = Vec::new();
    for record in records {
        let Some(compared) = fit::compare(pattern, record, bound) else {
            continue;
        };
        if compared.misses.is_empty() {
            found.push(record.seq);
            if found.len() == 1 {
                let new = compared.bound;
                bound.extend(new);
            }
            if count_of(pattern).is_none() {
                break;
            }
        }
    }
    match (count_of(pattern), found.len()) {
        (None, 1..) => Outcome {
            held: true,
            records: found,
            why: None,
        },
        (Some(wanted), seen) if wanted == seen => Outcome {
            held: true,
            records: found,
            why: None,
        },
        (Some(wanted), seen @ 1..) => Outcome {
            held: false,
            why: Some(format!("{seen} records fit, {wanted} were expected")),
            records: found,
        },
        _ => Outcome {
            held: false,
            records: Vec::new(),
            why: Some(tell::nearest(pattern, records, bound)),
        },
    }
}

fn never(pattern: &Pattern, records: &[&Record], bound: &Bound) -> Outcome {
    let found = records
        .iter()
        .find(|r| fit::compare(pattern, r, bound).is_some_and(|c| c.misses.is_empty()));
    Outcome {
        held: found.is_none(),
        records: found.iter().map(|r| r.seq).collect(),
        why: found.map(|r| format!("but it is there: {}", tell::record_in_words(r))),
    }
}

fn in_order(patterns: &[Pattern], records: &[&Record], bound: &mut Bound) -> Outcome {
    let mut found: Vec<Seq> = Vec::new();
    let mut rest = records;
    for (index, pattern) in patterns.iter().enumerate() {
        let at = rest
            .iter()
            .position(|record| match fit::compare(pattern, record, bound) {
                Some(compared) if compared.misses.is_empty() => {
                    let new = compared.bound;
                    bound.extend(new);
                    true
                }
                _ => false,
            });
        let Some(at) = at else {
            let wanted = tell::pattern_in_words(pattern);
            let after = match found.last() {
                Some(seq) => format!(" after record {seq}"),
                None => String::new(),
            };
            let why = format!(
                "number {} of {} is missing{after}: {wanted}\n{}",
                index + 1,
                patterns.len(),
                tell::nearest(pattern, rest, bound)
            );
            return Outcome {
                held: false,
                records: found,
                why: Some(why),
            };
        };
        found.push(rest[at].seq);
        rest = &rest[at + 1..];
    }
    Outcome {
        held: true,
        records: found,
        why: None,
    }
}

fn count_of(pattern: &Pattern) -> Option<usize> {
    match pattern {
        Pattern::Exchange(p) => p.count,
        Pattern::Issued(p) => p.count,
        Pattern::Judged(p) => p.count,
        Pattern::State(p) => p.count,
        Pattern::Fault(p) => p.count,
        Pattern::Note(p) => p.count,
    }
}

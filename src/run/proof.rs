//! What a run's records prove of the bytes: size and Adler-32, and who agrees on them.

use std::sync::Arc;

use carnet_report::Copied;
use carnet_scenarios::Scenario;
use carnet_scenarios::format::Step;
use carnet_stage::{Event, Exchange, Record};
use indexmap::IndexMap;

/// Every file whose checksum somebody asked a storage element for, with all who agree on it.
pub(crate) fn copied(records: &[Arc<Record>]) -> Vec<Copied> {
    let mut found: IndexMap<(String, u64, String), Vec<String>> = IndexMap::new();
    for record in records {
        if let Event::Exchange(exchange) = &record.event
            && let Some(key) = measured(exchange)
        {
            agree(found.entry(key).or_default(), &exchange.to);
        }
    }
    for ((_, _, adler32), agreed) in &mut found {
        for record in records {
            let words = match &record.event {
                Event::State(change) if !change.entity.starts_with("storage.") => &change.why,
                Event::Note(note) => &note.text,
                _ => continue,
            };
            if words.contains(adler32.as_str()) {
                agree(agreed, &record.actor);
            }
        }
    }
    found
        .into_iter()
        .filter(|(_, agreed)| agreed.len() > 1)
        .map(|((path, bytes, adler32), agreed)| Copied {
            path,
            bytes,
            adler32,
            agreed,
        })
        .collect()
}

fn agree(agreed: &mut Vec<String>, name: &str) {
    if !agreed.iter().any(|other| other == name) {
        agreed.push(name.to_owned());
    }
}

fn measured(exchange: &Exchange) -> Option<(String, u64, String)> {
    if exchange.status != 200 || exchange.method != "HEAD" {
        return None;
    }
    let digest = exchange.response_header("digest")?;
    let adler32 = digest
        .split(',')
        .find_map(|one| one.trim().strip_prefix("adler32="))?;
    let bytes = exchange.response_header("content-length")?.parse().ok()?;
    let path = exchange.url.splitn(4, '/').nth(3)?.split('?').next()?;
    Some((format!("/{path}"), bytes, adler32.to_owned()))
}

/// By how much the scenario's steps move the stage's clock, in milliseconds.
pub(crate) fn moved_millis(scenario: &Scenario) -> u64 {
    let moved = |step: &Step| match step {
        Step::Advance(advance) => u64::try_from(advance.clock.0.as_millis()).unwrap_or(0),
        _ => 0,
    };
    scenario.steps.iter().map(|told| moved(&told.what)).sum()
}

//! Patterns and records in words, and what came nearest to a pattern that nothing fits.

use std::fmt::Write as _;

use carnet_stage::{Event, Record};

use super::compare::Bound;
use super::fit;
use crate::format::{Aside, Pattern};
use crate::words::{choice, shortened};

/// What an expectation asks, in words.
pub(crate) fn in_words(asked: &Aside<'_>) -> String {
    match asked {
        Aside::Seen(pattern) => pattern_in_words(pattern),
        Aside::Never(pattern) => format!("never: {}", pattern_in_words(pattern)),
        Aside::InOrder(patterns) => {
            format!(
                "in order: {}",
                patterns
                    .iter()
                    .map(pattern_in_words)
                    .collect::<Vec<_>>()
                    .join("; then ")
            )
        }
    }
}

/// A pattern in words: `fts asks iam, POST /token, answer 200, form grant_type=…`.
pub fn pattern_in_words(pattern: &Pattern) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut add = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            parts.push(if name.is_empty() {
                value.to_owned()
            } else {
                format!("{name} {value}")
            });
        }
    };
    match pattern {
        Pattern::Exchange(p) => {
            let from = p.from.as_deref().unwrap_or("somebody");
            let to = p.to.as_deref().unwrap_or("somebody");
            add("", Some(&format!("{from} asks {to}")));
            let method = p.method.as_deref().unwrap_or("*");
            let path = p.path.as_deref().unwrap_or("*");
            if p.method.is_some() || p.path.is_some() {
                add("", Some(&format!("{method} {path}")));
            }
            add("?", p.query.as_deref());
            add("over", p.version.as_deref());
            for (name, value) in &p.header {
                add("with", Some(&format!("{name}: {value}")));
            }
            for name in &p.no_header {
                add("without", Some(name));
            }
            for (name, value) in &p.form {
                add("", Some(&format!("{name}={value}")));
            }
            for name in &p.no_form {
                add("without", Some(name));
            }
            add("body", p.body.as_deref());
            for (name, value) in &p.token {
                add("", Some(&format!("token {value} in {name}")));
            }
            add(
                "answer",
                p.status.as_ref().map(ToString::to_string).as_deref(),
            );
            for (name, value) in &p.answer_header {
                add("answer", Some(&format!("{name}: {value}")));
            }
            for (name, value) in &p.answer {
                add("answer", Some(&format!("{name}={value}")));
            }
            add("answer", p.answer_body.as_deref());
        }
        Pattern::Issued(p) => {
            let by = p.by.as_deref().unwrap_or("somebody");
            add("", Some(&format!("{by} issues a token")));
            add("kind", p.kind.as_deref());
            add("grant", p.grant.as_deref());
            add("for client", p.client_id.as_deref());
            add("sub", p.sub.as_deref());
            add("aud", p.aud.as_ref().map(|a| a.join(" ")).as_deref());
            add("scope", p.scope.as_deref());
            add("groups", p.groups.as_ref().map(|g| g.join(" ")).as_deref());
            add("jti", p.jti.as_deref());
            add("from token", p.parent.as_deref());
            add("lifetime", p.lifetime.map(|l| l.to_string()).as_deref());
            for (name, value) in p.header.iter().chain(&p.claims) {
                add("", Some(&format!("{name}={value}")));
            }
            for name in &p.no_claims {
                add("without", Some(name));
            }
        }
        Pattern::Judged(p) => {
            let by = p.by.as_deref().unwrap_or("somebody");
            let verb = match p.granted {
                Some(true) => "grants",
                Some(false) => "refuses",
                None => "judges",
            };
            add(
                "",
                Some(&format!(
                    "{by} {verb} {}",
                    p.demand.as_deref().unwrap_or("something")
                )),
            );
            add("check failed:", p.failed_check.as_deref());
            add("check held:", p.held_check.as_deref());
            add("saw", p.saw.as_deref());
            add("wanted", p.wanted.as_deref());
            add("hint", p.hint.as_deref());
            add("token", p.jti.as_deref());
        }
        Pattern::State(p) => {
            let entity = p.entity.as_deref().unwrap_or("something");
            add(
                "",
                Some(&format!(
                    "{entity} becomes {}",
                    p.to.as_deref().unwrap_or("another")
                )),
            );
            add("at", p.at.as_deref());
            add("id", p.id.as_deref());
            add("from", p.from.as_deref());
            add("why", p.why.as_deref());
        }
        Pattern::Fault(p) => {
            add("fault", p.which.as_deref().or(Some("strikes")));
            add("at", p.at.as_deref());
            add("place", p.place.as_deref());
            add("did", p.did.as_deref());
        }
        Pattern::Note(p) => {
            add(
                "",
                Some(&format!("{} notes", p.by.as_deref().unwrap_or("somebody"))),
            );
            add("", p.text.as_deref());
        }
    }
    if let Some(count) = super::count_of(pattern) {
        parts.push(if count == 1 {
            "once".to_owned()
        } else {
            format!("{count} times")
        });
    }
    parts.join(", ")
}

/// A record in one line.
pub(crate) fn record_in_words(record: &Record) -> String {
    let text = match &record.event {
        Event::Exchange(e) => {
            let (path, _) = fit::path_and_query(&e.url);
            let status = if e.status == 0 {
                "no answer".to_owned()
            } else {
                e.status.to_string()
            };
            format!("{} asks {}, {} {path}: {status}", e.from, e.to, e.method)
        }
        Event::Issued(e) => {
            format!(
                "{} token for {}, aud {}, scope {}",
                e.kind,
                e.client_id,
                choice(e.aud.iter().map(String::as_str)),
                e.scope
            )
        }
        Event::Judged(e) => {
            let mut text = format!(
                "{} {} {}",
                e.by,
                if e.granted { "grants" } else { "refuses" },
                e.demand
            );
            if let Some(check) = e.checks.iter().find(|c| !c.ok) {
                let _ = write!(
                    text,
                    ": {} saw {}, wanted {}",
                    check.name, check.saw, check.wanted
                );
            }
            text
        }
        Event::State(e) => format!(
            "{} {}: {} → {} ({})",
            e.entity,
            shortened(&e.id, 40),
            e.from,
            e.to,
            e.why
        ),
        Event::Fault(e) => format!("fault {} at {}: {}", e.which, e.place, e.did),
        Event::Note(e) => format!("note: {}", e.text),
        Event::Step(e) => format!("step {}: {}", e.index, e.asked),
        Event::Expect(e) => format!("expectation {}", e.expectation),
    };
    format!("record {}: {}", record.seq, shortened(&text, 240))
}

/// The records that came nearest to a pattern, and in what they differ.
pub(crate) fn nearest(pattern: &Pattern, records: &[&Record], bound: &Bound) -> String {
    let mut compared: Vec<_> = records
        .iter()
        .filter_map(|record| fit::compare(pattern, record, bound).map(|c| (record, c)))
        .collect();
    if compared.is_empty() {
        return format!("no {} was recorded at all", kind(pattern));
    }
    compared.sort_by_key(|(record, c)| (c.misses.len(), usize::MAX - c.hits, record.seq));
    let mut out = String::from("nearest to it:");
    for (record, compared) in compared.iter().take(3) {
        let _ = write!(out, "\n  {}", record_in_words(record));
        for miss in compared.misses.iter().take(4) {
            let _ = write!(
                out,
                "\n    {}: expected {}, received {}",
                miss.field, miss.wanted, miss.saw
            );
        }
        if compared.misses.len() > 4 {
            let _ = write!(
                out,
                "\n    and {} more differences",
                compared.misses.len() - 4
            );
        }
    }
    out
}

fn kind(pattern: &Pattern) -> &'static str {
    match pattern {
        Pattern::Exchange(_) => "exchange",
        Pattern::Issued(_) => "issued token",
        Pattern::Judged(_) => "judgement",
        Pattern::State(_) => "change of state",
        Pattern::Fault(_) => "fault",
        Pattern::Note(_) => "note",
    }
}

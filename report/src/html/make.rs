//! Turns the records of a scenario into what the page's template is given.

use super::model::{Aspect, Check, Detail, Expected, Item, Line, Named, Page, Scenario, Token};
use crate::{
    facts, json,
    lineage::{self, Lineage, Shift},
    mask::{self, short_jti},
    narration,
    outcome::Tally,
    suite::Played,
    text, why, words,
};
use carnet_stage::{BodyRecord, Event, Exchange, Expectation, Issued, Judged, Record, Seq};
use std::collections::BTreeMap;

/// Columns of JSON on the page.
const JSON_WIDTH: usize = 76;
/// Characters of a body that the page shows.
const BODY_LIMIT: usize = 6_000;
/// Deepest indentation the style sheet knows.
const DEEPEST: usize = 6;

/// Turns records into the page's parts.
struct Maker {
    reveal: bool,
}

impl Page {
    pub(super) fn of(suites: &[Played<'_>], style: &'static str, reveal: bool) -> Self {
        let maker = Maker { reveal };
        let scenarios: Vec<Scenario> = suites
            .iter()
            .enumerate()
            .map(|(at, played)| maker.scenario(at + 1, played))
            .collect();
        let failed = scenarios.iter().filter(|scenario| !scenario.passed).count();
        let title = match scenarios.as_slice() {
            [only] => only.title.clone(),
            all => words::count(all.len(), "scenario"),
        };
        let verdict = if failed == 0 {
            "Every expectation held".to_owned()
        } else {
            format!(
                "{failed} of {} did not hold",
                words::count(scenarios.len(), "scenario")
            )
        };
        Self {
            title,
            style,
            passed: failed == 0,
            verdict,
            scenarios,
        }
    }
}

impl Maker {
    /// A line of foreign text.
    fn line(&self, line: &str) -> String {
        text::clean(&mask::shown(line, self.reveal))
    }

    /// A block of foreign text, cut where the page has had enough.
    fn block(&self, block: &str) -> String {
        let mut out = String::new();
        for line in text::lines_of(&mask::shown(block, self.reveal)) {
            if out.len() > BODY_LIMIT {
                out.push('…');
                break;
            }
            out.extend(line.chars().take(BODY_LIMIT));
            out.push('\n');
        }
        out
    }

    fn scenario(&self, number: usize, played: &Played<'_>) -> Scenario {
        let tally = played.tally();
        let lineage = Lineage::of(played.records.iter().map(AsRef::as_ref));
        let mut depths = BTreeMap::new();
        let passed = played.outcome.passed(&tally);
        let held = format!(
            "{} of {} held",
            tally.held,
            words::count(tally.held + tally.broken, "expectation")
        );
        let verdict = match &played.outcome.failure {
            Some(failure) => format!("{held}; not played to the end: {}", self.line(failure)),
            None => held,
        };
        Scenario {
            id: format!("s{number}"),
            title: self.line(played.title),
            source: played.source.map(|source| self.line(source)),
            passed,
            verdict,
            proofs: played
                .outcome
                .copied
                .iter()
                .map(|copied| self.line(&narration::copied_words(copied)))
                .collect(),
            facts: self.facts(played, &tally),
            expectations: played
                .expectations()
                .map(|expect| self.expected(expect))
                .collect(),
            tokens: lineage
                .roots()
                .map(|token| self.tree(token, &lineage, 0))
                .collect(),
            items: played
                .records
                .iter()
                .filter(|record| !matches!(record.event, Event::Expect(_)))
                .map(|record| self.item(record, &lineage, &mut depths))
                .collect(),
        }
    }

    fn facts(&self, played: &Played<'_>, tally: &Tally) -> Vec<Named> {
        let mut out = vec![
            ("scenario", self.line(&played.outcome.scenario)),
            ("exchanges", tally.exchanges.to_string()),
            (
                "participants",
                self.line(
                    &tally
                        .participants
                        .iter()
                        .cloned()
                        .collect::<Vec<_>>()
                        .join(", "),
                ),
            ),
            ("tokens issued", tally.tokens.to_string()),
            ("judgements granted", tally.granted.to_string()),
            ("judgements refused", tally.refused.to_string()),
            ("faults injected", tally.faults.to_string()),
            ("time", words::span_millis(played.outcome.millis)),
        ];
        if played.outcome.moved > 0 {
            out.push(("clock moved by", words::span_millis(played.outcome.moved)));
        }
        out.into_iter()
            .map(|(name, value)| Named {
                name: name.to_owned(),
                value,
            })
            .collect()
    }

    fn expected(&self, expect: &Expectation) -> Expected {
        Expected {
            label: self.line(expect.label.as_deref().unwrap_or("–")),
            text: self.line(&expect.expectation),
            held: expect.held,
            place: self.line(expect.place.as_deref().unwrap_or_default()),
            why: expect
                .why
                .as_deref()
                .unwrap_or_default()
                .lines()
                .map(|line| self.line(line))
                .collect(),
            records: expect.records.clone(),
        }
    }

    fn tree(&self, token: &Issued, lineage: &Lineage, depth: usize) -> Token {
        let mut out = self.token(token, lineage);
        // A journal from outside may hold a ring of parents; a chain of exchanges is short.
        if depth < 32 {
            out.children = lineage
                .children(&token.jti)
                .map(|child| self.tree(child, lineage, depth + 1))
                .collect();
        }
        out
    }

    fn token(&self, token: &Issued, lineage: &Lineage) -> Token {
        let measure = lineage.measure(token);
        let aspects = measure
            .map(|measure| lineage::compare(measure, token))
            .unwrap_or_default();
        let aspects = aspects.into_iter().map(|aspect| Aspect {
            name: aspect.name,
            shift: aspect.shift.word(),
            class: match aspect.shift {
                Shift::Same => "faint",
                Shift::Narrowed => "good",
                Shift::Widened | Shift::Moved => "warn",
            },
            detail: self.line(&aspect.detail),
        });
        let pretty = |value| {
            json::lines(value, JSON_WIDTH)
                .iter()
                .map(|line| mask::shown(line, self.reveal))
                .collect::<Vec<_>>()
                .join("\n")
        };
        let times = narration::times(token.iat, token.nbf, token.exp);
        Token {
            name: short_jti(&token.jti),
            summary: self.line(&token_summary(token)),
            header: mask::shown(&json::inline(&token.header.value()), self.reveal),
            payload: pretty(&token.claims.value()),
            times: times
                .into_iter()
                .map(|(name, value)| Named {
                    name: name.to_owned(),
                    value,
                })
                .collect(),
            measure: measure
                .map(|measure| short_jti(&measure.jti))
                .unwrap_or_default(),
            aspects: aspects.collect(),
            children: Vec::new(),
        }
    }

    fn item(&self, record: &Record, lineage: &Lineage, depths: &mut BTreeMap<Seq, usize>) -> Item {
        let depth = match (&record.event, record.cause) {
            (Event::Step(_), _) => 0,
            (_, Some(cause)) => depths.get(&cause).map_or(1, |depth| depth + 1),
            (_, None) => 1,
        };
        depths.insert(record.seq, depth);
        let item = match &record.event {
            Event::Step(step) => Item {
                kind: "step",
                before: format!("Step {}", step.index),
                strong: self.line(&step.asked),
                ..Item::default()
            },
            Event::Exchange(exchange) => self.exchange(exchange),
            Event::Issued(token) => Item {
                kind: "issued",
                before: self.line(&format!(
                    "{} issues {}",
                    record.actor,
                    short_jti(&token.jti)
                )),
                strong: self.line(&token_summary(token)),
                token: Some(self.token(token, lineage)),
                ..Item::default()
            },
            Event::Judged(judged) => self.judged(judged),
            Event::State(change) => Item {
                kind: "state",
                before: self.line(&format!("{} {}", change.entity, change.id)),
                strong: self.line(&if change.from.is_empty() {
                    change.to.clone()
                } else {
                    format!("{} → {}", change.from, change.to)
                }),
                lines: self.lines("faint", Some(&change.why)),
                ..Item::default()
            },
            Event::Fault(fault) => Item {
                kind: "fault",
                before: self.line(&format!("fault {} at {}", fault.which, fault.place)),
                result: self.line(&fault.did),
                class: "warn",
                ..Item::default()
            },
            Event::Note(note) => Item {
                kind: "note",
                before: self.line(&note.text),
                ..Item::default()
            },
            Event::Expect(_) => Item::default(),
        };
        Item {
            seq: record.seq,
            depth: depth.min(DEEPEST),
            ..item
        }
    }

    fn exchange(&self, exchange: &Exchange) -> Item {
        let good = (200..400).contains(&exchange.status) && exchange.failure.is_none();
        let mut lines = self.lines("faint", why::purpose(exchange).as_deref());
        let answer =
            why::answer(exchange).map(|answer| format!("{} answers: {answer}", exchange.to));
        lines.extend(self.lines(if good { "faint" } else { "bad" }, answer.as_deref()));
        Item {
            kind: "exchange",
            before: self.line(&format!("{} → {}", exchange.from, exchange.to)),
            strong: self.line(&format!(
                "{} {}",
                exchange.method,
                facts::path(&exchange.url)
            )),
            result: if exchange.status == 0 {
                "no answer".to_owned()
            } else {
                exchange.status.to_string()
            },
            class: if good { "good" } else { "bad" },
            lines,
            details: vec![
                self.message(
                    "Request",
                    &format!("{} {} {}", exchange.method, exchange.url, exchange.version),
                    &exchange.request_headers,
                    &exchange.request_body,
                ),
                self.message(
                    "Answer",
                    &format!(
                        "{} {}, after {:.1} ms",
                        exchange.version, exchange.status, exchange.millis
                    ),
                    &exchange.response_headers,
                    &exchange.response_body,
                ),
            ],
            ..Item::default()
        }
    }

    fn message(
        &self,
        title: &str,
        first: &str,
        headers: &[(String, String)],
        body: &BodyRecord,
    ) -> Detail {
        let mut text = self.line(first) + "\n";
        for (name, value) in headers {
            text.push_str(&self.line(&format!("{name}: {value}")));
            text.push('\n');
        }
        match &body.text {
            Some(body) if !body.is_empty() => {
                text.push('\n');
                text.push_str(&self.block(body));
            }
            None if body.bytes > 0 => {
                let digest = body
                    .digest
                    .as_deref()
                    .map(|digest| format!(", {digest}"))
                    .unwrap_or_default();
                text.push_str(&self.line(&format!("({}{digest})", words::bytes(body.bytes))));
            }
            _ => {}
        }
        Detail {
            title: title.to_owned(),
            text,
        }
    }

    fn judged(&self, judged: &Judged) -> Item {
        let token = judged
            .jti
            .as_deref()
            .map_or_else(|| "a request without token".to_owned(), short_jti);
        Item {
            kind: "judged",
            open: !judged.granted,
            before: self.line(&format!("{} judges {token} for", judged.by)),
            strong: self.line(&judged.demand),
            result: if judged.granted {
                "granted".to_owned()
            } else {
                "refused".to_owned()
            },
            class: if judged.granted { "good" } else { "bad" },
            lines: self.lines("warn", judged.hint.as_deref()),
            checks: judged
                .checks
                .iter()
                .map(|check| Check {
                    name: self.line(&check.name),
                    ok: check.ok,
                    saw: self.line(&check.saw),
                    wanted: self.line(&check.wanted),
                })
                .collect(),
            ..Item::default()
        }
    }

    fn lines(&self, class: &'static str, text: Option<&str>) -> Vec<Line> {
        text.filter(|text| !text.is_empty())
            .map(|text| Line {
                class,
                text: self.line(text),
            })
            .into_iter()
            .collect()
    }
}

/// `access token of rucio.example, for https://fts.example, scope …`.
fn token_summary(token: &Issued) -> String {
    format!(
        "{} token of {}, {}",
        token.kind,
        token.sub,
        facts::rights(token)
    )
}

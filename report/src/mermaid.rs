//! A Mermaid sequence diagram of a scenario.
//!
//! Mermaid's own letters are `;`, `#`, line ends, and words such as `end` at the start of a text; texts
//! carry them as entity codes (`#59;`), which Mermaid turns back.

use crate::{
    facts, lineage, lineage::Lineage, mask, mask::short_jti, suite::Played, text, why, words,
};
use carnet_stage::{Event, Exchange, Issued, Judged, Record, Seq, StateChange};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Columns after which a note breaks into a new line.
const NOTE_WIDTH: usize = 44;

/// The diagram of one scenario. Fetches of keys and discovery, and repeated polls, are left out.
pub fn diagram(played: &Played<'_>) -> String {
    document(std::slice::from_ref(played))
}

/// One diagram of several scenarios, one below the other: a Mermaid file holds a single diagram.
pub fn document(suites: &[Played<'_>]) -> String {
    let shown: Vec<Vec<&Record>> = suites.iter().map(shown_records).collect();
    let cast = Cast::of(shown.iter().flatten().copied());
    let title = match suites {
        [only] => only.title.to_owned(),
        all => words::count(all.len(), "scenario"),
    };
    // Front matter is YAML; JSON strings are YAML strings.
    let title = serde_json::Value::from(plain(&title)).to_string();
    let mut out = format!("---\ntitle: {title}\n---\nsequenceDiagram\n    autonumber\n");
    for (name, id) in &cast.order {
        let _ = writeln!(out, "    participant {id} as {}", escape(name));
    }
    for (played, records) in suites.iter().zip(&shown) {
        if suites.len() > 1 {
            cast.over_all(&mut out, &format!("Scenario: {}", played.title));
        }
        draw(&mut out, &cast, records);
    }
    out
}

fn draw(out: &mut String, cast: &Cast, records: &[&Record]) {
    let mut lineage = Lineage::default();
    let mut polled = BTreeSet::new();
    let mut copy = OpenCopy::default();
    let mut states = States::default();
    for record in records {
        if copy.is_due_before(record) {
            states.draw(out, cast);
            copy.answer(out);
        }
        if let Event::State(change) = &record.event {
            states.add(out, cast, &record.actor, change);
            continue;
        }
        states.draw(out, cast);
        match &record.event {
            Event::Step(step) => {
                cast.over_all(out, &format!("Step {}: {}", step.index, step.asked));
            }
            Event::Exchange(exchange) => {
                let key = (
                    &exchange.from,
                    &exchange.method,
                    &exchange.url,
                    exchange.status,
                );
                if !why::is_poll(exchange) || polled.insert(key) {
                    let answer = arrows(out, cast, exchange);
                    copy.hold(out, record, exchange, answer);
                }
            }
            Event::Issued(token) => {
                lineage.add(token, record.cause);
                if token.kind == "access" {
                    cast.note(out, &record.actor, &issued_words(token, &lineage));
                }
            }
            Event::Judged(judged) => refused(out, cast, judged),
            Event::Fault(fault) => {
                cast.note(
                    out,
                    &record.actor,
                    &[format!("fault {}: {}", fault.which, fault.did)],
                );
            }
            Event::Expect(expect) if !expect.held => {
                cast.over_all(out, &format!("not held: {}", expect.expectation));
            }
            Event::Expect(_) | Event::Note(_) | Event::State(_) => {}
        }
    }
    states.draw(out, cast);
    copy.answer(out);
}

/// Changes of state of one actor in a row: they share a note.
#[derive(Default)]
struct States {
    actor: String,
    lines: Vec<String>,
}

impl States {
    fn add(&mut self, out: &mut String, cast: &Cast, actor: &str, change: &StateChange) {
        if self.actor != actor {
            self.draw(out, cast);
            actor.clone_into(&mut self.actor);
        }
        let id = text::clip(&facts::short_id(&change.id), 24);
        self.lines
            .push(format!("{} {id} {}", change.entity, change.to));
    }

    fn draw(&mut self, out: &mut String, cast: &Cast) {
        let lines = std::mem::take(&mut self.lines);
        if !lines.is_empty() {
            cast.note(out, &self.actor, &lines);
        }
    }
}

fn shown_records<'a>(played: &Played<'a>) -> Vec<&'a Record> {
    played
        .records
        .iter()
        .map(AsRef::as_ref)
        .filter(|record| is_shown(record))
        .collect()
}

/// A COPY whose answer waits until what it led to has been drawn: the GET belongs between the two arrows.
#[derive(Default)]
struct OpenCopy {
    cause: Option<Seq>,
    answer: String,
}

impl OpenCopy {
    fn hold(&mut self, out: &mut String, record: &Record, exchange: &Exchange, answer: String) {
        if exchange.method == "COPY" {
            self.cause = record.cause;
            self.answer = answer;
        } else {
            out.push_str(&answer);
        }
    }

    /// The answer is due when the sender goes on to the next thing of the same cause, or a step ends.
    fn is_due_before(&self, next: &Record) -> bool {
        let polls = matches!(&next.event, Event::Exchange(exchange) if why::is_poll(exchange));
        let ends = matches!(next.event, Event::Step(_) | Event::Expect(_));
        !self.answer.is_empty() && (ends || (next.cause == self.cause && !polls))
    }

    fn answer(&mut self, out: &mut String) {
        out.push_str(&std::mem::take(&mut self.answer));
    }
}

fn is_shown(record: &Record) -> bool {
    !matches!(&record.event, Event::Exchange(exchange) if why::is_background(exchange))
}

/// The participants: names to the identifiers that Mermaid knows them by, in order of appearance.
struct Cast {
    order: Vec<(String, String)>,
    ids: BTreeMap<String, String>,
}

impl Cast {
    fn of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut cast = Self {
            order: Vec::new(),
            ids: BTreeMap::new(),
        };
        for record in records {
            if let Event::Exchange(exchange) = &record.event {
                cast.add(&exchange.from);
                cast.add(&exchange.to);
            }
        }
        cast
    }

    fn add(&mut self, name: &str) {
        if !self.ids.contains_key(name) {
            let id = format!("p{}", self.order.len() + 1);
            self.order.push((name.to_owned(), id.clone()));
            self.ids.insert(name.to_owned(), id);
        }
    }

    fn id(&self, name: &str) -> Option<&str> {
        self.ids.get(name).map(String::as_str)
    }

    /// A note beside one participant; nothing for somebody who never took part.
    fn note(&self, out: &mut String, name: &str, lines: &[String]) {
        if let Some(id) = self.id(name) {
            let _ = writeln!(out, "    Note over {id}: {}", broken(lines));
        }
    }

    fn over_all(&self, out: &mut String, line: &str) {
        let (Some((_, first)), Some((_, last))) = (self.order.first(), self.order.last()) else {
            return;
        };
        let over = if first == last {
            first.clone()
        } else {
            format!("{first},{last}")
        };
        let _ = writeln!(out, "    Note over {over}: {}", broken(&[line.to_owned()]));
    }
}

/// Draws the request and gives back the line of the answer.
fn arrows(out: &mut String, cast: &Cast, exchange: &Exchange) -> String {
    let (Some(from), Some(to)) = (cast.id(&exchange.from), cast.id(&exchange.to)) else {
        return String::new();
    };
    let request = format!("{} {}", exchange.method, facts::short_path(&exchange.url));
    let bearer = exchange
        .tokens
        .iter()
        .find(|used| used.place.eq_ignore_ascii_case("authorization"));
    let with = bearer
        .map(|used| format!("<br/>{}", escape(&short_jti(&used.jti))))
        .unwrap_or_default();
    let _ = writeln!(out, "    {from}->>{to}: {}{with}", escape(&request));
    let answer = why::answer(exchange)
        .map(|answer| text::clip(&plain(&answer), 60))
        .unwrap_or_default();
    let good = (200..400).contains(&exchange.status) && exchange.failure.is_none();
    let (arrow, status) = match exchange.status {
        0 => ("--x", "no answer".to_owned()),
        status if good => ("-->>", status.to_string()),
        status => ("--x", status.to_string()),
    };
    format!(
        "    {to}{arrow}{from}: {}\n",
        escape(format!("{status} {answer}").trim())
    )
}

/// The token's audience, scope and groups, and what was widened or narrowed.
fn issued_words(token: &Issued, lineage: &Lineage) -> Vec<String> {
    let mut lines = vec![format!("token {}", short_jti(&token.jti))];
    if !token.aud.is_empty() {
        lines.push(format!("aud {}", token.aud.join(" ")));
    }
    if !token.scope.is_empty() {
        lines.push(format!("scope {}", token.scope));
    }
    if let Some(groups) = token.groups.as_ref().filter(|groups| !groups.is_empty()) {
        lines.push(format!("groups {}", groups.join(" ")));
    }
    if let Some(measure) = lineage.measure(token) {
        let moved: Vec<String> = lineage::compare(measure, token)
            .into_iter()
            .filter(|aspect| aspect.shift != lineage::Shift::Same)
            .map(|aspect| format!("{} {}", aspect.name, aspect.shift.word()))
            .collect();
        let moved = if moved.is_empty() {
            "nothing changed".to_owned()
        } else {
            moved.join(", ")
        };
        lines.push(format!("from {}: {moved}", short_jti(&measure.jti)));
    }
    lines
}

/// A refusal as an `alt` block around a note, so that it stands out.
fn refused(out: &mut String, cast: &Cast, judged: &Judged) {
    if judged.granted || cast.id(&judged.by).is_none() {
        return;
    }
    let _ = writeln!(out, "    alt refused: {}", escape(&judged.demand));
    let mut lines: Vec<String> = judged
        .checks
        .iter()
        .filter(|check| !check.ok)
        .map(|check| format!("{}: saw {}, wanted {}", check.name, check.saw, check.wanted))
        .collect();
    lines.extend(judged.hint.clone());
    if lines.is_empty() {
        lines.push("no check passed".to_owned());
    }
    out.push_str("    ");
    cast.note(out, &judged.by, &lines);
    out.push_str("    end\n");
}

/// Lines of a note, folded, joined by `<br/>`.
fn broken(lines: &[String]) -> String {
    let folded = lines
        .iter()
        .flat_map(|line| text::fold("", "", &plain(line), NOTE_WIDTH));
    folded
        .map(|line| escape(&line))
        .collect::<Vec<_>>()
        .join("<br/>")
}

fn plain(line: &str) -> String {
    text::clean(&mask::hide(line))
}

/// Text as Mermaid takes it in messages, notes and names.
fn escape(line: &str) -> String {
    let mut out = String::new();
    for ch in plain(line).chars() {
        match ch {
            ';' | '#' | '"' | '<' | '>' | '&' | '{' | '}' | '`' | '%' | '\\' => {
                let _ = write!(out, "#{};", ch as u32);
            }
            ch => out.push(ch),
        }
    }
    // `end` alone closes a block wherever a statement is read.
    if out.trim().eq_ignore_ascii_case("end") {
        format!("#{};{}", out.trim().as_bytes()[0], &out.trim()[1..])
    } else {
        out
    }
}

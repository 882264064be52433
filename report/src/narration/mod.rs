//! The narration: what a trainer projects on a wall while the actors talk.

mod exchange;
mod summary;
mod token;
mod verdict;

use crate::{
    facts,
    lineage::Lineage,
    outcome::{Outcome, Tally},
    palette::{Painted, Palette},
    sheet::Sheet,
    text, why, words,
};
use carnet_stage::{Event, Exchange, Record, Seq, StateChange};

use std::collections::{BTreeMap, BTreeSet};
pub(crate) use summary::copied_words;
pub(crate) use token::times;
pub(crate) use verdict::check;

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Level {
    /// One line a scenario.
    Quiet,
    /// Who spoke to whom, why, with which token, and what came of it.
    #[default]
    Normal,
    /// Headers, bodies, every check and every poll as well.
    Verbose,
}

/// How the narration looks.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How much is told.
    pub level: Level,
    /// Plain or coloured.
    pub palette: Palette,
    /// Columns of the terminal; lines never take more, nor more than 100 are wanted.
    pub width: usize,
    /// Show tokens that the journal did not redact.
    pub reveal: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            level: Level::Normal,
            palette: Palette::plain(),
            width: 100,
            reveal: false,
        }
    }
}

/// Tells one scenario, record by record, in the order of the journal.
///
/// A record stands below the record that caused it, so the indentation is the tree of causes.
pub struct Narrator {
    options: Options,
    depths: BTreeMap<Seq, usize>,
    lineage: Lineage,
    tally: Tally,
    background: Option<Background>,
    polls: BTreeSet<(String, String, String, u16)>,
    polls_left_out: usize,
    introduced: BTreeSet<(String, String)>,
    section: Section,
    last_second: Option<i64>,
}

/// Key and discovery fetches that wait to be told in one line.
struct Background {
    depth: usize,
    from: String,
    to: String,
    what: Vec<&'static str>,
}

/// Seconds between two records that are worth a line.
const JUMP: i64 = 30;

/// Records, tokens and polls that a narrator remembers at least.
const MEMORY: usize = 20_000;

/// What was told last, as far as blank lines depend on it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Start,
    Play,
    Expectations,
}

impl Narrator {
    /// A narrator for one scenario.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            depths: BTreeMap::new(),
            lineage: Lineage::default(),
            tally: Tally::default(),
            background: None,
            polls: BTreeSet::new(),
            polls_left_out: 0,
            introduced: BTreeSet::new(),
            section: Section::Start,
            last_second: None,
        }
    }

    /// The scenario's title and where it was taken from, as the opening lines.
    pub fn open(&self, title: &str, source: Option<&str>) -> String {
        if self.options.level == Level::Quiet {
            return String::new();
        }
        let mut sheet = self.sheet();
        let heading = sheet.paint(sheet.palette().heading, title);
        sheet.line(heading);
        if let Some(source) = source {
            let faint = sheet.paint(sheet.palette().faint, source);
            sheet.line(faint);
        }
        sheet.out
    }

    /// The lines for one record; often none at level quiet and for what is folded away.
    pub fn record(&mut self, record: &Record) -> String {
        self.tally.count(&record.event);
        self.forget(record.seq);
        let depth = self.place(record);
        if let Event::Issued(token) = &record.event {
            self.lineage.add(token, record.cause);
        }
        if self.options.level == Level::Quiet {
            return String::new();
        }
        if self.options.level == Level::Normal
            && let Event::Exchange(exchange) = &record.event
        {
            if is_dull(exchange) {
                return self.set_aside(exchange, depth);
            }
            if self.asked_before(exchange) {
                return String::new();
            }
        }
        let mut out = self.told_background();
        let mut sheet = self.sheet();
        self.tell_time(&mut sheet, record);
        sheet.at_depth(depth);
        let section = if matches!(record.event, Event::Expect(_)) {
            Section::Expectations
        } else {
            Section::Play
        };
        if section == Section::Expectations && self.section != section {
            sheet.blank();
            let heading = sheet.paint(sheet.palette().heading, "What was expected");
            sheet.at_depth(0);
            sheet.line(heading);
        }
        let new = match &record.event {
            Event::Exchange(exchange) => self.first_showing(exchange),
            _ => None,
        };
        self.tell(&mut sheet, record, new.as_deref());
        out.push_str(&sheet.out);
        self.section = section;
        out
    }

    /// The closing lines: what was proven, and how the scenario ended.
    pub fn close(&mut self, outcome: &Outcome) -> String {
        let mut out = if self.options.level == Level::Quiet {
            String::new()
        } else {
            self.told_background()
        };
        let mut sheet = self.sheet();
        if self.options.level == Level::Quiet {
            summary::line(&mut sheet, outcome, &self.tally);
        } else {
            summary::whole(&mut sheet, outcome, &self.tally, self.polls_left_out);
        }
        out.push_str(&sheet.out);
        out
    }

    /// What was counted so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    fn sheet(&self) -> Sheet {
        Sheet::new(
            self.options.palette,
            self.options.width.min(100),
            self.options.reveal,
        )
    }

    /// A served stage has no last record: what lies far back is forgotten.
    fn forget(&mut self, now: Seq) {
        if self.depths.len() > 2 * MEMORY {
            self.depths = self.depths.split_off(&now.saturating_sub(MEMORY as Seq));
        }
        if self.introduced.len() > MEMORY {
            self.introduced.clear();
        }
        if self.polls.len() > MEMORY {
            self.polls.clear();
        }
        if self.lineage.len() > MEMORY {
            self.lineage = Lineage::default();
        }
    }

    /// Where the record stands in the tree: below its cause.
    fn place(&mut self, record: &Record) -> usize {
        let depth = match (&record.event, record.cause) {
            (Event::Step(_) | Event::Expect(_), _) => 0,
            (_, Some(cause)) => self.depths.get(&cause).map_or(1, |depth| depth + 1),
            (_, None) => 1,
        };
        self.depths.insert(record.seq, depth);
        depth
    }

    /// Says what the clock reads when the scenario moved it.
    fn tell_time(&mut self, sheet: &mut Sheet, record: &Record) {
        let now = record.at.as_second();
        let before = self.last_second.replace(now).unwrap_or(now);
        let jump = now.saturating_sub(before);
        if jump >= JUMP {
            let text = format!(
                "({} later, the clock reads {})",
                words::span_seconds(jump),
                words::clock_time(now)
            );
            let text = sheet.paint(sheet.palette().warn, &text);
            sheet.at_depth(1);
            sheet.line(text);
        }
    }

    fn tell(&self, sheet: &mut Sheet, record: &Record, new: Option<&str>) {
        let palette = sheet.palette();
        match &record.event {
            Event::Step(step) => {
                sheet.blank();
                let text = format!("Step {}  {}", step.index, step.asked);
                let heading = sheet.paint(palette.heading, &text);
                sheet.line(heading);
            }
            Event::Exchange(exchange) => {
                exchange::tell(
                    sheet,
                    record.seq,
                    exchange,
                    new.and_then(|jti| self.lineage.get(jti)),
                    self.options.level,
                );
            }
            Event::Issued(token) => token::tell(
                sheet,
                &record.actor,
                token,
                &self.lineage,
                self.options.level,
            ),
            Event::Judged(judged) => verdict::tell(sheet, judged, self.options.level),
            Event::State(change) => state(sheet, &record.actor, change),
            Event::Fault(fault) => {
                let text = format!("fault {} at {}: {}", fault.which, fault.place, fault.did);
                let text = sheet.paint(palette.warn, &text);
                sheet.line(format_args!("! {text}"));
            }
            Event::Expect(expect) => verdict::expectation(sheet, expect),
            Event::Note(note) => {
                let text = sheet.safe(&note.text);
                sheet.line(format_args!("- {text}"));
            }
        }
    }

    /// Keeps a fetch of keys or discovery for one short line.
    fn set_aside(&mut self, exchange: &Exchange, depth: usize) -> String {
        let what = if exchange.url.contains("/.well-known/") {
            "discovery"
        } else {
            "keys"
        };
        if let Some(waiting) = &mut self.background
            && waiting.from == exchange.from
            && waiting.to == exchange.to
        {
            if !waiting.what.contains(&what) {
                waiting.what.push(what);
            }
            return String::new();
        }
        let out = self.told_background();
        self.background = Some(Background {
            depth,
            from: exchange.from.clone(),
            to: exchange.to.clone(),
            what: vec![what],
        });
        out
    }

    fn told_background(&mut self) -> String {
        let Some(waiting) = self.background.take() else {
            return String::new();
        };
        let mut sheet = self.sheet();
        sheet.at_depth(waiting.depth);
        let text = format!(
            "{} → {}  fetches {}",
            waiting.from,
            waiting.to,
            words::list(&waiting.what)
        );
        let safe = sheet.safe(&text);
        let text = Painted(sheet.palette().faint, &safe).to_string();
        sheet.line(text);
        sheet.out
    }

    /// A poll with the same answer as before is counted, not told.
    fn asked_before(&mut self, exchange: &Exchange) -> bool {
        if !why::is_poll(exchange) {
            return false;
        }
        let key = (
            exchange.from.clone(),
            exchange.method.clone(),
            exchange.url.clone(),
            exchange.status,
        );
        let before = !self.polls.insert(key);
        self.polls_left_out += usize::from(before);
        before
    }

    /// The token in the request's `Authorization`, the first time this service is shown it.
    fn first_showing(&mut self, exchange: &Exchange) -> Option<String> {
        let shown = exchange::bearer(exchange)?.to_owned();
        self.introduced
            .insert((exchange.to.clone(), shown.clone()))
            .then_some(shown)
    }
}

/// `fts.job 0d6a1c4e…: SUBMITTED → ACTIVE  (why)`, with the actor in front where the entity does not tell.
fn state(sheet: &mut Sheet, actor: &str, change: &StateChange) {
    let kind = change.entity.split('.').next().unwrap_or_default();
    let place = if kind == actor {
        String::new()
    } else {
        format!("{actor}: ")
    };
    let from = if change.from.is_empty() {
        String::new()
    } else {
        format!("{} → ", change.from)
    };
    let id = text::clip(&facts::short_id(&change.id), 60);
    let text = sheet.safe(&format!("{place}{} {id}: {from}", change.entity));
    let to = sheet.paint(sheet.palette().message, &change.to);
    let why = if change.why.is_empty() {
        String::new()
    } else {
        sheet.safe(&format!("  ({})", change.why))
    };
    sheet.line(format_args!("{text}{to}{why}"));
}

/// A fetch that went well and that nobody needs to see.
fn is_dull(exchange: &Exchange) -> bool {
    why::is_background(exchange)
        && exchange.failure.is_none()
        && (200..300).contains(&exchange.status)
}

//! The console narration, word for word, and what holds of every line of it.

mod journals;

use carnet_report::{Level, Narrator, Options, Outcome, Palette, text};
use carnet_stage::Record;
use std::sync::Arc;

fn narrate(title: &str, records: &[Arc<Record>], outcome: &Outcome, options: Options) -> String {
    let mut narrator = Narrator::new(options);
    let mut out = narrator.open(
        title,
        Some("Introduction to token-based AuthN/Z (2021), backup slides"),
    );
    for record in records {
        out.push_str(&narrator.record(record));
    }
    out + &narrator.close(outcome)
}

fn at(level: Level) -> Options {
    Options {
        level,
        ..Options::default()
    }
}

#[test]
fn flow_a_reads_like_this() {
    let (records, outcome) = journals::flow_a();
    insta::assert_snapshot!(narrate(
        "Rucio delegates its own identity to FTS",
        &records,
        &outcome,
        at(Level::Normal)
    ));
}

#[test]
fn flow_b_reads_like_this() {
    let (records, outcome) = journals::flow_b();
    insta::assert_snapshot!(narrate(
        "Rucio acts for a user",
        &records,
        &outcome,
        at(Level::Normal)
    ));
}

#[test]
fn a_refusal_reads_like_this() {
    let (records, outcome) = journals::refusal();
    insta::assert_snapshot!(narrate(
        "An audience with a slip",
        &records,
        &outcome,
        at(Level::Normal)
    ));
}

#[test]
fn verbose_adds_headers_bodies_and_checks() {
    let (records, outcome) = journals::refusal();
    insta::assert_snapshot!(narrate(
        "An audience with a slip",
        &records,
        &outcome,
        at(Level::Verbose)
    ));
}

#[test]
fn hostile_text_is_written_out() {
    let (records, outcome) = journals::hostile();
    insta::assert_snapshot!(narrate(
        "Somebody writes on the wall",
        &records,
        &outcome,
        at(Level::Normal)
    ));
}

#[test]
fn quiet_is_one_line_a_scenario() {
    let lines: String = journals::all()
        .iter()
        .map(|(_, records, outcome)| narrate("t", records, outcome, at(Level::Quiet)))
        .collect();
    assert_eq!(
        lines.lines().filter(|line| !line.starts_with(' ')).count(),
        journals::all().len(),
        "{lines}"
    );
    insta::assert_snapshot!(lines);
}

#[test]
fn no_line_is_wider_than_100_columns() {
    for (name, records, outcome) in journals::all() {
        for level in [Level::Quiet, Level::Normal, Level::Verbose] {
            for palette in [Palette::plain(), Palette::colour()] {
                for width in [60, 100, 240] {
                    let told = narrate(
                        name,
                        &records,
                        &outcome,
                        Options {
                            level,
                            palette,
                            width,
                            reveal: false,
                        },
                    );
                    for line in told.lines() {
                        assert!(
                            text::columns(line) <= width.min(100),
                            "{name}, {level:?}, {width}: {line}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn colour_changes_no_word() {
    for (name, records, outcome) in journals::all() {
        let plain = narrate(name, &records, &outcome, at(Level::Normal));
        let options = Options {
            palette: Palette::colour(),
            ..at(Level::Normal)
        };
        let coloured = narrate(name, &records, &outcome, options);
        let mut stripped = String::new();
        let mut rest = coloured.as_str();
        while let Some(at) = rest.find('\x1b') {
            stripped.push_str(&rest[..at]);
            let end = rest[at..].find('m').unwrap();
            rest = &rest[at + end + 1..];
        }
        stripped.push_str(rest);
        let trimmed = |text: &str| {
            text.lines()
                .map(str::trim_end)
                .collect::<Vec<_>>()
                .join("\n")
        };
        assert_eq!(trimmed(&stripped), trimmed(&plain), "{name}");
    }
}

//! JUnit XML: a test suite a scenario, a test case an expectation.
//!
//! The dialect is what the common CI servers read: `testsuites`, `testsuite`, `testcase`, `failure`, `error`.

use crate::{mask, suite::Played, text};
use carnet_stage::Expectation;
use quick_xml::{
    Writer,
    events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event as Xml},
};
use std::io;

/// The XML document for these scenarios.
pub fn document(suites: &[Played<'_>]) -> String {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    // Writing into a Vec cannot fail; an empty document would be the harmless result if it did.
    write(&mut writer, suites).ok();
    let mut out = String::from_utf8(writer.into_inner()).unwrap_or_default();
    out.push('\n');
    out
}

fn write(writer: &mut Writer<Vec<u8>>, suites: &[Played<'_>]) -> io::Result<()> {
    writer.write_event(Xml::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let tallies: Vec<_> = suites.iter().map(Played::tally).collect();
    let sum = |of: &dyn Fn(usize) -> usize| (0..suites.len()).map(of).sum::<usize>();
    let millis: u64 = suites.iter().map(|suite| suite.outcome.millis).sum();
    let root = BytesStart::new("testsuites").with_attributes([
        ("name", "carnet"),
        ("tests", &sum(&|at| cases(&suites[at])).to_string()),
        ("failures", &sum(&|at| tallies[at].broken).to_string()),
        (
            "errors",
            &sum(&|at| usize::from(suites[at].outcome.failure.is_some())).to_string(),
        ),
        ("time", &seconds(millis)),
    ]);
    writer.write_event(Xml::Start(root))?;
    for (suite, tally) in suites.iter().zip(&tallies) {
        let mut start = BytesStart::new("testsuite").with_attributes([
            ("name", plain(&suite.outcome.scenario).as_str()),
            ("tests", &cases(suite).to_string()),
            ("failures", &tally.broken.to_string()),
            (
                "errors",
                &usize::from(suite.outcome.failure.is_some()).to_string(),
            ),
            ("skipped", "0"),
            ("time", &seconds(suite.outcome.millis)),
        ]);
        if let Some(first) = suite.records.first() {
            let at = first.at.strftime("%Y-%m-%dT%H:%M:%S").to_string();
            start.push_attribute(("timestamp", at.as_str()));
        }
        writer.write_event(Xml::Start(start))?;
        properties(writer, suite)?;
        for expect in suite.expectations() {
            case(writer, suite, expect)?;
        }
        if let Some(why) = &suite.outcome.failure {
            broken_off(writer, suite, why)?;
        }
        writer.write_event(Xml::End(BytesEnd::new("testsuite")))?;
    }
    writer.write_event(Xml::End(BytesEnd::new("testsuites")))
}

fn cases(suite: &Played<'_>) -> usize {
    suite.expectations().count() + usize::from(suite.outcome.failure.is_some())
}

fn properties(writer: &mut Writer<Vec<u8>>, suite: &Played<'_>) -> io::Result<()> {
    let tally = suite.tally();
    writer.write_event(Xml::Start(BytesStart::new("properties")))?;
    let numbers = [
        ("exchanges", tally.exchanges),
        ("tokens", tally.tokens),
        ("refusals", tally.refused),
    ];
    let texts = [("title", Some(suite.title)), ("source", suite.source)];
    let numbers = numbers.map(|(name, value)| (name, Some(value.to_string())));
    let texts = texts.map(|(name, value)| (name, value.map(plain)));
    for (name, value) in texts.into_iter().chain(numbers) {
        let Some(value) = value else { continue };
        let property =
            BytesStart::new("property").with_attributes([("name", name), ("value", &value)]);
        writer.write_event(Xml::Empty(property))?;
    }
    writer.write_event(Xml::End(BytesEnd::new("properties")))
}

fn case(writer: &mut Writer<Vec<u8>>, suite: &Played<'_>, expect: &Expectation) -> io::Result<()> {
    let name = match &expect.label {
        Some(label) => format!("{label} {}", expect.expectation),
        None => expect.expectation.clone(),
    };
    let mut start = BytesStart::new("testcase").with_attributes([
        ("classname", plain(&suite.outcome.scenario).as_str()),
        ("name", &plain(&name)),
        ("time", "0"),
    ]);
    let place = expect.place.as_deref().map(plain);
    if let Some((file, line)) = place.as_deref().map(file_and_line) {
        start.push_attribute(("file", file));
        if let Some(line) = line {
            start.push_attribute(("line", line));
        }
    }
    if expect.held {
        return writer.write_event(Xml::Empty(start));
    }
    writer.write_event(Xml::Start(start))?;
    let why = expect
        .why
        .as_deref()
        .unwrap_or("nothing that fits was received");
    let lines = block(why);
    let message = lines.lines().next().unwrap_or_default().to_owned();
    let failure = BytesStart::new("failure")
        .with_attributes([("type", "expectation"), ("message", message.as_str())]);
    writer.write_event(Xml::Start(failure))?;
    let place = place.map(|place| format!("{place}\n")).unwrap_or_default();
    writer.write_event(Xml::Text(BytesText::new(&format!(
        "{place}expected: {}\n{lines}",
        plain(&expect.expectation)
    ))))?;
    writer.write_event(Xml::End(BytesEnd::new("failure")))?;
    writer.write_event(Xml::End(BytesEnd::new("testcase")))
}

fn broken_off(writer: &mut Writer<Vec<u8>>, suite: &Played<'_>, why: &str) -> io::Result<()> {
    let scenario = plain(&suite.outcome.scenario);
    let start = BytesStart::new("testcase").with_attributes([
        ("classname", scenario.as_str()),
        ("name", "is played to its end"),
        ("time", "0"),
    ]);
    writer.write_event(Xml::Start(start))?;
    let message = plain(why);
    writer.write_event(Xml::Empty(
        BytesStart::new("error")
            .with_attributes([("type", "player"), ("message", message.as_str())]),
    ))?;
    writer.write_event(Xml::End(BytesEnd::new("testcase")))
}

/// `file:line:column` taken apart as far as it goes.
fn file_and_line(place: &str) -> (&str, Option<&str>) {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = place.rsplitn(3, ':');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(column), Some(line), Some(file)) if is_number(column) && is_number(line) => {
            (file, Some(line))
        }
        _ => (place, None),
    }
}

/// One line that XML 1.0 may carry: control characters are written out, tokens hidden.
fn plain(line: &str) -> String {
    text::clean(&mask::hide(line)).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

/// Several lines that XML 1.0 may carry.
fn block(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

fn seconds(millis: u64) -> String {
    format!("{}.{:03}", millis / 1_000, millis % 1_000)
}

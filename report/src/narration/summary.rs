//! The closing lines: what was proven, and how it ended.

use super::sheet::Sheet;
use crate::{
    outcome::{Copied, Outcome, Tally},
    words,
};

pub(super) fn whole(sheet: &mut Sheet, outcome: &Outcome, tally: &Tally, polls: usize) {
    let palette = sheet.palette();
    sheet.blank();
    let heading = sheet.paint(palette.heading, "What was proven");
    sheet.line(heading);
    for copied in &outcome.copied {
        let text = sheet.safe(&copied_words(copied));
        sheet.inner(2, 4, &text);
    }
    let judged = tally.granted + tally.refused;
    let polls = if polls == 0 {
        String::new()
    } else {
        format!(" ({polls} more polls not shown)")
    };
    let counted = format!(
        "{} between {}{polls}, {} issued, {} ({} refused)",
        words::count(tally.exchanges, "exchange"),
        words::count(tally.participants.len(), "participant"),
        words::count(tally.tokens, "token"),
        words::count(judged, "judgement"),
        tally.refused,
    );
    sheet.inner(2, 4, &counted);
    if tally.faults > 0 {
        sheet.inner(
            2,
            4,
            &format!("{} injected", words::count(tally.faults, "fault")),
        );
    }
    let moved = if outcome.moved == 0 {
        String::new()
    } else {
        format!(
            ", the clock was moved by {}",
            words::span_millis(outcome.moved)
        )
    };
    sheet.inner(
        2,
        4,
        &format!("played in {}{moved}", words::span_millis(outcome.millis)),
    );
    line(sheet, outcome, tally);
}

/// `ok      delegated-identity: 16 of 16 expectations held, 24 exchanges, 4 tokens, 83 ms`.
pub(super) fn line(sheet: &mut Sheet, outcome: &Outcome, tally: &Tally) {
    let palette = sheet.palette();
    let verdict = if outcome.passed(tally) {
        sheet.paint(palette.good, "ok     ")
    } else {
        sheet.paint(palette.bad, "FAILED ")
    };
    let all = tally.held + tally.broken;
    let text = format!(
        "{}: {} of {} held, {}, {}, {}",
        outcome.scenario,
        tally.held,
        words::count(all, "expectation"),
        words::count(tally.exchanges, "exchange"),
        words::count(tally.tokens, "token"),
        words::span_millis(outcome.millis),
    );
    let text = sheet.safe(&text);
    let failure = outcome
        .failure
        .as_deref()
        .map(|why| format!("; {}", sheet.paint(palette.bad, why)))
        .unwrap_or_default();
    sheet.at_depth(0);
    sheet.inner(0, 7, &format!("{verdict}{text}{failure}"));
}

/// `64 MiB (67108864 bytes) of /example/file, adler32 348049b0: se1, se2, fts and rucio agree`.
pub(crate) fn copied_words(copied: &Copied) -> String {
    let exact = if copied.bytes < 1024 {
        String::new()
    } else {
        format!(" ({} bytes)", copied.bytes)
    };
    let agreed = match copied.agreed.as_slice() {
        [] => String::new(),
        [one] => format!(", as {one} says"),
        all => format!(": {} agree", words::list(all)),
    };
    format!(
        "{}{exact} of {}, adler32 {}{agreed}",
        words::bytes(copied.bytes),
        copied.path,
        copied.adler32
    )
}

//! The closing lines: what was proven, and how it ended.

use crate::{
    outcome::{Copied, Outcome, Tally},
    palette::Painted,
    sheet::Sheet,
    text, words,
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
        format!(" ({} not shown)", words::count(polls, "repeated poll"))
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

/// `ok     delegated-identity: 16 of 16 expectations held, 24 exchanges, 4 tokens, 83 ms`, on one line.
pub(super) fn line(sheet: &mut Sheet, outcome: &Outcome, tally: &Tally) {
    let palette = sheet.palette();
    sheet.at_depth(0);
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
    let text = text::clip(&sheet.safe(&text), sheet.room(7));
    let why = match (&outcome.failure, tally.broken_labels.as_slice()) {
        (Some(failure), _) => format!("; {}", sheet.safe(failure)),
        (None, []) => String::new(),
        (None, labels) => format!("; not held: {}", sheet.safe(&labels.join(", "))),
    };
    let room = sheet.room(7).saturating_sub(text::columns(&text));
    let why = if room < 2 {
        String::new()
    } else {
        text::clip(&why, room)
    };
    let verdict = if outcome.passed(tally) {
        ("ok     ", palette.good)
    } else {
        ("FAILED ", palette.bad)
    };
    let line = format!(
        "{}{text}{}",
        Painted(verdict.1, verdict.0),
        Painted(palette.bad, &why)
    );
    sheet.raw(&line);
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

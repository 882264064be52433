//! Verdicts and expectations in the narration.

use super::Level;
use crate::{mask::short_jti, sheet::Sheet, words};
use carnet_stage::{CheckRecord, Expectation, Judged};

/// Who judged what; when refused (or at level verbose) every check with what it saw and wanted.
pub(super) fn tell(sheet: &mut Sheet, judged: &Judged, level: Level) {
    let palette = sheet.palette();
    let by = sheet.paint(palette.actor, &judged.by);
    let token = judged
        .jti
        .as_deref()
        .map_or_else(|| "a request without token".to_owned(), short_jti);
    let token = sheet.paint(palette.token, &token);
    let demand = sheet.safe(&judged.demand);
    let verdict = if judged.granted {
        let checks = words::count(judged.checks.len(), "check");
        format!("{} ({checks})", sheet.paint(palette.good, "granted"))
    } else {
        sheet.paint(palette.bad, "REFUSED")
    };
    sheet.line(format_args!("{by} judges {token} for {demand}: {verdict}"));
    if level == Level::Verbose {
        for check in &judged.checks {
            self::check(sheet, &check.name, check.ok, &check.saw, &check.wanted);
        }
    } else if !judged.granted {
        passed(sheet, &judged.checks);
        for check in judged.checks.iter().filter(|check| !check.ok) {
            self::check(sheet, &check.name, check.ok, &check.saw, &check.wanted);
        }
    }
    if let Some(hint) = &judged.hint {
        let hint = sheet.paint(palette.warn, hint);
        sheet.sub(format_args!("hint: {hint}"));
    }
}

/// What held, in one paragraph: what did not is to stand out.
fn passed(sheet: &mut Sheet, checks: &[CheckRecord]) {
    let words: Vec<String> = checks
        .iter()
        .filter(|check| check.ok)
        .map(|check| {
            if check.saw.is_empty() {
                check.name.clone().into_owned()
            } else {
                format!("{} ({})", check.name, check.saw)
            }
        })
        .collect();
    if !words.is_empty() {
        let words = sheet.paint(sheet.palette().faint, &words.join(", "));
        sheet.inner(4, 6, &format!("✓ {words}"));
    }
}

/// One check: what it saw, and when it failed what it wanted.
pub(crate) fn check(sheet: &mut Sheet, name: &str, ok: bool, saw: &str, wanted: &str) {
    let palette = sheet.palette();
    let name = sheet.safe(name);
    let saw = if saw.is_empty() {
        "nothing".to_owned()
    } else {
        sheet.safe(saw)
    };
    if ok {
        let name = sheet.paint(palette.faint, &format!("{name:<14}"));
        sheet.inner(4, 21, &format!("✓ {name} {saw}"));
        return;
    }
    let wanted = sheet.safe(wanted);
    let name = sheet.paint(palette.bad, &format!("{name:<14}"));
    sheet.inner(4, 28, &format!("✗ {name} saw    {saw}"));
    sheet.inner(21, 28, &format!("wanted {wanted}"));
}

/// One expectation: held or not, its label, and when not, what was received.
pub(super) fn expectation(sheet: &mut Sheet, expect: &Expectation) {
    let palette = sheet.palette();
    let label = expect
        .label
        .as_deref()
        .map(|label| format!("{label}  "))
        .unwrap_or_default();
    let text = sheet.safe(&format!("{label}{}", expect.expectation));
    if expect.held {
        let mark = sheet.paint(palette.good, "✓");
        sheet.inner(2, 6, &format!("{mark} {text}"));
        return;
    }
    let mark = sheet.paint(palette.bad, "✗ NOT HELD");
    sheet.inner(2, 6, &format!("{mark}  {text}"));
    if let Some(place) = &expect.place {
        let place = sheet.paint(palette.faint, place);
        sheet.inner(6, 8, &place);
    }
    for line in expect.why.as_deref().unwrap_or_default().lines() {
        let line = sheet.safe(line);
        sheet.inner(6, 8, &line);
    }
}

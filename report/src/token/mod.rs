//! One token, offline: header, payload and times as the seed documents show them, what it allows, what is odd.

mod audience;
mod lints;
mod meaning;

pub use lints::{Lint, Weight, lifetime_bounds, lints};

use crate::{json, narration, palette::Palette, sheet::Sheet, text, words};
use carnet_profile::{
    Claims,
    jose::{Header, Token},
    judge::{ErrorCode, Verdict},
    scope::ScopeItem,
    version::ProfileVersion,
};
use serde_json::Value;

/// How a token is shown.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Plain or coloured.
    pub palette: Palette,
    /// Columns of the terminal.
    pub width: usize,
    /// The edition of the profile that the findings go by.
    pub version: ProfileVersion,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            palette: Palette::plain(),
            width: 100,
            version: ProfileVersion::default(),
        }
    }
}

/// The token without colour, 100 columns wide, by the newest edition of the profile.
pub fn show(token: &Token, now: i64) -> String {
    show_with(token, now, &Options::default())
}

/// The token: header, payload, times, what it allows, what is odd about it. The signature is not looked at.
pub fn show_with(token: &Token, now: i64, options: &Options) -> String {
    let mut sheet = Sheet::new(options.palette, options.width, false);
    let claims = &token.claims;
    decoded(&mut sheet, &token.header, claims);
    times(&mut sheet, claims, now);
    sheet.blank();
    people(&mut sheet, claims);
    allowed(&mut sheet, claims);
    findings(
        &mut sheet,
        &lints(
            &token.header,
            claims,
            token.text().len(),
            options.version,
            now,
        ),
    );
    sheet.blank();
    let faint = sheet.palette().faint;
    let text = sheet.paint(
        faint,
        "The signature was not looked at: anybody may have written this.",
    );
    sheet.line(text);
    sheet.out
}

fn decoded(sheet: &mut Sheet, header: &Header, claims: &Claims) {
    let style = sheet.palette().token;
    for (title, value) in [
        ("✻ Header", Value::Object(header.members.clone())),
        ("✻ Payload", Value::from(claims)),
    ] {
        let title = sheet.paint(style, title);
        sheet.line(title);
        for line in json::lines(&value, sheet.room(0)) {
            let inside = line.len() - line.trim_start().len();
            let line = sheet.safe(line.trim_start());
            sheet.inner(inside, inside + 4, &line);
        }
    }
}

fn times(sheet: &mut Sheet, claims: &Claims, now: i64) {
    let iat = claims.iat().or_else(|| claims.nbf()).unwrap_or(now);
    let mut lines = narration::times(iat, claims.nbf(), claims.exp());
    if claims.iat().is_none() {
        lines.retain(|(name, _)| *name != "Issued at");
    }
    for (name, words) in lines {
        sheet.inner(0, 12, &format!("{name:<12}{words}"));
    }
    let (good, standing) = standing(claims, now);
    let palette = sheet.palette();
    let standing = sheet.paint(if good { palette.good } else { palette.bad }, &standing);
    sheet.inner(
        0,
        12,
        &format!("{:<12}{}: {standing}", "Now", words::date_time(now)),
    );
}

/// Whether the token is inside its times, and how that is said.
fn standing(claims: &Claims, now: i64) -> (bool, String) {
    if let Some(nbf) = claims.nbf().filter(|nbf| *nbf > now) {
        return (
            false,
            format!(
                "not valid yet, for another {}",
                words::span_seconds(nbf.saturating_sub(now))
            ),
        );
    }
    match claims.exp() {
        None => (false, "no end, so no server should take it".to_owned()),
        // The second of `exp` itself is already too late (RFC 7519 §4.1.4).
        Some(exp) if exp <= now => (
            false,
            format!(
                "expired {} ago",
                words::span_seconds(now.saturating_sub(exp))
            ),
        ),
        Some(exp) => (
            true,
            format!(
                "good for another {}",
                words::span_seconds(exp.saturating_sub(now))
            ),
        ),
    }
}

fn people(sheet: &mut Sheet, claims: &Claims) {
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            let value = sheet.safe(&value);
            sheet.inner(0, 12, &format!("{name:<12}{value}"));
        }
    };
    line("Issued by", claims.iss().unwrap_or("nobody").to_owned());
    line("Subject", claims.sub().unwrap_or("nobody").to_owned());
    line("Client", claims.client_id().unwrap_or_default().to_owned());
    line("Acting", claims.actors().join(", before it "));
    let audience = claims.aud();
    line(
        "For",
        if audience.is_empty() {
            "nobody in particular".to_owned()
        } else {
            words::list(&audience)
        },
    );
    line("Groups", claims.groups().join(" "));
}

fn allowed(sheet: &mut Sheet, claims: &Claims) {
    let scope = claims.scope().unwrap_or_default();
    let items: Vec<ScopeItem> = scope.split_whitespace().map(ScopeItem::parse).collect();
    let heading = sheet.palette().heading;
    let title = sheet.paint(heading, "It allows to");
    if items.is_empty() {
        let title = sheet.paint(heading, "It allows nothing by scope");
        return sheet.line(title);
    }
    sheet.line(title);
    let column = items
        .iter()
        .map(|item| text::columns(&sheet.safe(&item.to_string())))
        .max()
        .unwrap_or(0)
        .min(36);
    for item in &items {
        let name = sheet.safe(&item.to_string());
        let meaning = sheet.safe(&meaning::of(item));
        sheet.inner(2, column + 6, &format!("{}  {meaning}", pad(&name, column)));
    }
}

fn findings(sheet: &mut Sheet, lints: &[Lint]) {
    if lints.is_empty() {
        return;
    }
    let palette = sheet.palette();
    let title = sheet.paint(palette.heading, "Worth a look");
    sheet.line(title);
    for lint in lints {
        let (word, style) = match lint.weight {
            Weight::Fault => ("wrong  ", palette.bad),
            Weight::Warning => ("odd    ", palette.warn),
            Weight::Remark => ("note   ", palette.faint),
        };
        let word = sheet.paint(style, word);
        let text = sheet.safe(&lint.text);
        sheet.inner(2, 17, &format!("{word} {:<7}{text}", lint.rule));
    }
}

/// One check of a judgement.
#[derive(Clone, Debug)]
pub struct Line {
    /// Which check.
    pub name: String,
    /// Whether it held.
    pub ok: bool,
    /// What it saw.
    pub saw: String,
    /// What it wanted.
    pub wanted: String,
}

/// A judgement of whatever was asked, as it is told.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The outcome.
    pub granted: bool,
    /// What was asked for.
    pub demand: String,
    /// Every check.
    pub checks: Vec<Line>,
    /// The answer of a refusal: status, code, text.
    pub answer: Option<String>,
    /// The likely slip, or what would help.
    pub hint: Option<String>,
}

/// A verdict on its own, as `carnet token verify` and `why` tell it: every check, the answer, the hint.
pub fn verdict(verdict: &Verdict, options: &Options) -> String {
    let line = |check: &carnet_profile::judge::Check| Line {
        name: check.name.to_string(),
        ok: check.ok,
        saw: check.saw.to_string(),
        wanted: check.wanted.to_string(),
    };
    let refusal = verdict.refusal.as_ref();
    let mut text = judgement(
        &Judgement {
            granted: verdict.granted,
            demand: verdict.demand.clone(),
            checks: verdict.checks.iter().map(line).collect(),
            answer: refusal.map(|refusal| {
                let code = refusal
                    .error
                    .map(|error| format!(" {}", ErrorCode::as_str(error)));
                let code = code.unwrap_or_default();
                format!("{}{code}: {}", refusal.status, refusal.description)
            }),
            hint: refusal.and_then(|refusal| refusal.hint.as_ref().map(ToString::to_string)),
        },
        options,
    );
    let mut sheet = Sheet::new(options.palette, options.width, false);
    for note in &verdict.notes {
        let note = sheet.safe(&note.text);
        sheet.line(format_args!("note: {note}"));
    }
    text.push_str(&sheet.out);
    text
}

/// Any judgement, told the same way.
pub fn judgement(judgement: &Judgement, options: &Options) -> String {
    let mut sheet = Sheet::new(options.palette, options.width, false);
    let palette = sheet.palette();
    let word = if judgement.granted {
        sheet.paint(palette.good, "granted")
    } else {
        sheet.paint(palette.bad, "REFUSED")
    };
    let demand = sheet.safe(&judgement.demand);
    sheet.line(format_args!("{word}: {demand}"));
    for check in &judgement.checks {
        narration::check(&mut sheet, &check.name, check.ok, &check.saw, &check.wanted);
    }
    if let Some(answer) = &judgement.answer {
        let says = sheet.safe(answer);
        sheet.line(format_args!("answer: {says}"));
    }
    if let Some(hint) = &judgement.hint {
        let hint = sheet.paint(palette.warn, hint);
        sheet.line(format_args!("hint: {hint}"));
    }
    sheet.out
}

fn pad(text: &str, columns: usize) -> String {
    let missing = columns.saturating_sub(text::columns(text));
    format!("{text}{}", " ".repeat(missing))
}

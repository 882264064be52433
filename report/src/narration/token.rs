//! A token that was issued, shown as the seed documents show it, and compared with the one it came from.

use super::Level;
use crate::{
    json,
    lineage::{self, Lineage, Shift},
    mask::short_jti,
    sheet::Sheet,
    words,
};
use carnet_stage::Issued;

pub(super) fn tell(
    sheet: &mut Sheet,
    issuer: &str,
    token: &Issued,
    lineage: &Lineage,
    level: Level,
) {
    let palette = sheet.palette();
    let who = sheet.paint(palette.actor, issuer);
    let name = sheet.paint(palette.token, &short_jti(&token.jti));
    let kind = match token.kind.as_str() {
        "access" => "an access token".to_owned(),
        "id" => "an ID token".to_owned(),
        other => format!("a {other} token"),
    };
    let kind = sheet.safe(&kind);
    let to = sheet.safe(&format!("to {} by {}", token.client_id, token.grant));
    let life = match (token.kind.as_str(), token.exp) {
        ("access", _) => String::new(),
        (_, Some(exp)) => format!(
            ", good for {}",
            words::span_seconds(exp.saturating_sub(token.iat))
        ),
        (_, None) => ", good until it is revoked".to_owned(),
    };
    sheet.line(format_args!("{who} issues {kind} {name} {to}{life}"));
    if token.kind == "access" || level == Level::Verbose {
        decoded(sheet, token);
    }
    if token.kind == "access" {
        descent(sheet, token, lineage);
    }
}

/// Header, payload, times.
fn decoded(sheet: &mut Sheet, token: &Issued) {
    let palette = sheet.palette();
    let room = sheet.room(6);
    for (title, value) in [
        ("✻ Header", token.header.value()),
        ("✻ Payload", token.claims.value()),
    ] {
        if value.is_null() {
            continue;
        }
        let title = sheet.paint(palette.token, title);
        sheet.inner(4, 6, &title);
        let header = title.contains("Header");
        let lines = if header {
            vec![json::inline(&value)]
        } else {
            json::lines(&value, room)
        };
        for line in lines {
            let start = line.len() - line.trim_start().len();
            let line = sheet.safe(line.trim_start());
            sheet.inner(4 + start, 10, &line);
        }
    }
    for (name, words) in times(token.iat, token.nbf, token.exp) {
        sheet.inner(4, 16, &format!("{name:<12}{words}"));
    }
}

/// Issued at, not before, expires, in plain words (UTC).
pub(crate) fn times(iat: i64, nbf: Option<i64>, exp: Option<i64>) -> Vec<(&'static str, String)> {
    let mut out = vec![("Issued at", words::date_time(iat))];
    if let Some(nbf) = nbf {
        out.push((
            "Not before",
            if nbf == iat {
                words::clock_time(nbf)
            } else {
                words::date_time(nbf)
            },
        ));
    }
    out.push(match exp {
        Some(exp) if exp < iat => (
            "Expires",
            format!("{}, before it was issued", words::date_time(exp)),
        ),
        Some(exp) if exp.saturating_sub(iat) < 86_400 => (
            "Expires",
            format!(
                "{}, so good for {}",
                words::clock_time(exp),
                words::span_seconds(exp.saturating_sub(iat))
            ),
        ),
        Some(exp) => (
            "Expires",
            format!(
                "{}, so good for {}",
                words::date_time(exp),
                words::span_seconds(exp.saturating_sub(iat))
            ),
        ),
        None => ("Expires", "never".to_owned()),
    });
    out
}

/// What became narrower or wider than the token this one was made from.
fn descent(sheet: &mut Sheet, token: &Issued, lineage: &Lineage) {
    let palette = sheet.palette();
    let Some(parent) = &token.parent else {
        return;
    };
    let Some(measure) = lineage.measure(token) else {
        let name = sheet.paint(palette.token, &short_jti(parent));
        sheet.inner(
            4,
            6,
            &format!("made from {name}, which was not issued in this run"),
        );
        return;
    };
    let name = sheet.paint(palette.token, &short_jti(&measure.jti));
    let which = if measure.jti == *parent {
        "its parent"
    } else {
        "issued with the refresh token"
    };
    sheet.inner(4, 6, &format!("beside {name}, {which}:"));
    for aspect in lineage::compare(measure, token) {
        let style = match aspect.shift {
            Shift::Same => palette.faint,
            Shift::Narrowed => palette.good,
            Shift::Widened | Shift::Moved => palette.warn,
        };
        let shift = sheet.paint(style, &format!("{:<9}", aspect.shift.word()));
        let detail = sheet.safe(&aspect.detail);
        sheet.inner(6, 26, &format!("{:<10}{shift}{detail}", aspect.name));
    }
}

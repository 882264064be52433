//! One exchange in the narration: who spoke to whom, why, with which token, and what came back.

use super::Level;
use crate::{facts, mask::short_jti, sheet::Sheet, text, why, words};
use carnet_stage::{BodyRecord, Exchange, Issued, Seq};

/// Lines of a body that level verbose shows.
const BODY_LINES: usize = 40;

/// The `jti` of the token that the request is authorised with.
pub(super) fn bearer(exchange: &Exchange) -> Option<&str> {
    let places = ["authorization", "x-rucio-auth-token"];
    let used = exchange.tokens.iter().find(|used| {
        places
            .iter()
            .any(|place| used.place.eq_ignore_ascii_case(place))
    })?;
    Some(&used.jti)
}

pub(super) fn tell(
    sheet: &mut Sheet,
    seq: Seq,
    exchange: &Exchange,
    new: Option<&Issued>,
    level: Level,
) {
    let palette = sheet.palette();
    let from = sheet.paint(palette.actor, &exchange.from);
    let to = sheet.paint(palette.actor, &exchange.to);
    let target = match level {
        Level::Verbose => facts::target(&exchange.url).to_owned(),
        Level::Quiet | Level::Normal => facts::short_path(&exchange.url),
    };
    let request = sheet.paint(palette.message, &format!("{} {target}", exchange.method));
    let status = match exchange.status {
        0 => sheet.paint(palette.bad, "no answer"),
        200..400 => sheet.paint(palette.good, &exchange.status.to_string()),
        refused => sheet.paint(palette.bad, &refused.to_string()),
    };
    let with = bearer(exchange).map(short_jti);
    let with = with
        .map(|token| format!("  with {}", sheet.paint(palette.token, &token)))
        .unwrap_or_default();
    let number = if level == Level::Verbose {
        sheet.paint(palette.faint, &format!("#{seq} "))
    } else {
        String::new()
    };
    sheet.line(format_args!(
        "{number}{from} → {to}  {request}  {status}{with}"
    ));
    if let Some(why) = why::purpose(exchange) {
        let why = sheet.safe(&why);
        sheet.sub(why);
    }
    if let Some(token) = new {
        introduce(sheet, token);
    }
    if let Some(answer) = why::answer(exchange) {
        let style = if exchange.status >= 400 || exchange.failure.is_some() {
            palette.bad
        } else {
            palette.faint
        };
        let says = if exchange.status == 0 {
            "it failed:".to_owned()
        } else {
            format!("{} answers:", sheet.safe(&exchange.to))
        };
        let answer = sheet.paint(style, &answer);
        sheet.sub(format_args!("{says} {answer}"));
    }
    if level == Level::Verbose {
        whole(sheet, exchange);
    }
}

/// Whose the token is, for whom, and what it allows.
fn introduce(sheet: &mut Sheet, token: &Issued) {
    let palette = sheet.palette();
    let name = sheet.paint(palette.token, &short_jti(&token.jti));
    let text = sheet.safe(&format!(
        "{}'s, {}",
        facts::short_id(&token.sub),
        facts::rights(token)
    ));
    sheet.sub(format_args!("{name} is {text}"));
}

/// Headers and bodies, as they were recorded.
fn whole(sheet: &mut Sheet, exchange: &Exchange) {
    let target = format!(
        "> {} {} {}",
        exchange.method,
        facts::target(&exchange.url),
        exchange.version
    );
    faint(sheet, &target);
    for (name, value) in &exchange.request_headers {
        faint(sheet, &format!("> {name}: {value}"));
    }
    body(sheet, ">", &exchange.request_body);
    if exchange.status != 0 {
        faint(
            sheet,
            &format!(
                "< {} {} after {:.1} ms",
                exchange.version, exchange.status, exchange.millis
            ),
        );
    }
    for (name, value) in &exchange.response_headers {
        faint(sheet, &format!("< {name}: {value}"));
    }
    body(sheet, "<", &exchange.response_body);
}

fn body(sheet: &mut Sheet, mark: &str, body: &BodyRecord) {
    let Some(text) = &body.text else {
        if body.bytes > 0 {
            let digest = body
                .digest
                .as_deref()
                .map(|digest| format!(", {digest}"))
                .unwrap_or_default();
            faint(
                sheet,
                &format!("{mark} ({}{digest})", words::bytes(body.bytes)),
            );
        }
        return;
    };
    let mut lines = text::lines_of(text);
    for line in lines.by_ref().take(BODY_LINES) {
        faint(sheet, &format!("{mark} {line}"));
    }
    let left = lines.count();
    if left > 0 {
        faint(
            sheet,
            &format!("{mark} … {}", words::count(left, "more line")),
        );
    }
}

fn faint(sheet: &mut Sheet, text: &str) {
    let style = sheet.palette().faint;
    let text = sheet.paint(style, text);
    sheet.inner(4, 8, &text);
}

//! How a pattern fits a record of the journal.

use std::borrow::Cow;

use carnet_stage::{BodyRecord, Event, Exchange, Issued, Judged, Record};
use serde_json::Value;

use super::compare::{Bound, Compare, member};
use crate::format::{ExchangePattern, IssuedPattern, JudgedPattern, Pattern};
use crate::words;

/// Compares a pattern with a record; nothing when the record is of another kind.
pub(crate) fn compare<'b>(
    pattern: &Pattern,
    record: &Record,
    bound: &'b Bound,
) -> Option<Compare<'b>> {
    let mut it = Compare::new(bound);
    match (pattern, &record.event) {
        (Pattern::Exchange(p), Event::Exchange(e)) => exchange(p, e, &mut it),
        (Pattern::Issued(p), Event::Issued(e)) => issued(p, e, record, &mut it),
        (Pattern::Judged(p), Event::Judged(e)) => judged(p, e, &mut it),
        (Pattern::State(p), Event::State(e)) => {
            it.text("at", p.at.as_deref(), Some(&record.actor));
            it.text("entity", p.entity.as_deref(), Some(&e.entity));
            it.text("id", p.id.as_deref(), Some(&e.id));
            it.text("from", p.from.as_deref(), Some(&e.from));
            it.text("to", p.to.as_deref(), Some(&e.to));
            it.text("why", p.why.as_deref(), Some(&e.why));
        }
        (Pattern::Fault(p), Event::Fault(e)) => {
            it.text("at", p.at.as_deref(), Some(&record.actor));
            it.text("which", p.which.as_deref(), Some(&e.which));
            it.text("place", p.place.as_deref(), Some(&e.place));
            it.text("did", p.did.as_deref(), Some(&e.did));
        }
        (Pattern::Note(p), Event::Note(e)) => {
            it.text("by", p.by.as_deref(), Some(&record.actor));
            it.text("text", p.text.as_deref(), Some(&e.text));
        }
        _ => return None,
    }
    Some(it)
}

fn exchange(p: &ExchangePattern, e: &Exchange, it: &mut Compare<'_>) {
    let (path, query) = path_and_query(&e.url);
    it.text("from", p.from.as_deref(), Some(&e.from));
    it.text("to", p.to.as_deref(), Some(&e.to));
    it.text("method", p.method.as_deref(), Some(&e.method));
    it.text("path", p.path.as_deref(), Some(path));
    it.text("query", p.query.as_deref(), query);
    if let Some(wanted) = &p.status {
        it.one_of("status", wanted, e.status);
    }
    it.text("version", p.version.as_deref(), Some(&e.version));
    for (name, wanted) in &p.header {
        it.text(
            &format!("header {name}"),
            Some(wanted),
            e.request_header(name),
        );
    }
    for name in &p.no_header {
        it.absent(&format!("header {name}"), e.request_header(name));
    }
    for (name, wanted) in &p.answer_header {
        it.text(
            &format!("answer header {name}"),
            Some(wanted),
            e.response_header(name),
        );
    }
    if !p.form.is_empty() || !p.no_form.is_empty() {
        let form = form_of(&e.request_body);
        let field = |name: &str| {
            form.iter()
                .find(|(n, _)| n == name)
                .map(|(_, v)| v.as_ref())
        };
        for (name, wanted) in &p.form {
            it.text(&format!("form {name}"), Some(wanted), field(name));
        }
        for name in &p.no_form {
            it.absent(&format!("form {name}"), field(name));
        }
    }
    it.text("body", p.body.as_deref(), e.request_body.text.as_deref());
    if !p.answer.is_empty() {
        let answer = json_of(&e.response_body);
        for (name, wanted) in &p.answer {
            it.text(
                &format!("answer {name}"),
                Some(wanted),
                member(&answer, name).as_deref(),
            );
        }
    }
    it.text(
        "answer body",
        p.answer_body.as_deref(),
        e.response_body.text.as_deref(),
    );
    for (place, wanted) in &p.token {
        let used = e
            .tokens
            .iter()
            .find(|t| t.place.eq_ignore_ascii_case(place))
            .map(|t| t.jti.as_str());
        it.text(&format!("token in {place}"), Some(wanted), used);
    }
}

fn issued(p: &IssuedPattern, e: &Issued, record: &Record, it: &mut Compare<'_>) {
    it.text("by", p.by.as_deref(), Some(&record.actor));
    it.text("kind", p.kind.as_deref(), Some(&e.kind));
    it.text("grant", p.grant.as_deref(), Some(&e.grant));
    it.text("client_id", p.client_id.as_deref(), Some(&e.client_id));
    it.text("sub", p.sub.as_deref(), Some(&e.sub));
    it.list("aud", p.aud.as_deref(), Some(&e.aud));
    it.set("scope", p.scope.as_deref(), &e.scope);
    it.list("groups", p.groups.as_deref(), e.groups.as_deref());
    it.text("parent", p.parent.as_deref(), e.parent.as_deref());
    it.same("lifetime", p.lifetime, e.exp.map(|exp| exp - e.iat));
    let (header, claims) = (e.header.value(), e.claims.value());
    for (name, wanted) in &p.header {
        it.text(
            &format!("header {name}"),
            Some(wanted),
            member(&header, name).as_deref(),
        );
    }
    for (name, wanted) in &p.claims {
        it.text(
            &format!("claim {name}"),
            Some(wanted),
            member(&claims, name).as_deref(),
        );
    }
    for name in &p.no_claims {
        it.absent(&format!("claim {name}"), member(&claims, name).as_deref());
    }
    it.text("jti", p.jti.as_deref(), Some(&e.jti));
}

fn judged(p: &JudgedPattern, e: &Judged, it: &mut Compare<'_>) {
    it.text("by", p.by.as_deref(), Some(&e.by));
    it.text("demand", p.demand.as_deref(), Some(&e.demand));
    it.same("granted", p.granted, Some(e.granted));
    it.text("jti", p.jti.as_deref(), e.jti.as_deref());
    it.text("hint", p.hint.as_deref(), e.hint.as_deref());
    let named = p
        .failed_check
        .as_deref()
        .map(|n| (n, false))
        .or(p.held_check.as_deref().map(|n| (n, true)));
    let checks: Vec<_> = match named {
        Some((name, ok)) => {
            let chosen: Vec<_> = e
                .checks
                .iter()
                .filter(|c| c.ok == ok && words::glob(name, &c.name))
                .collect();
            let others: Vec<&str> = e
                .checks
                .iter()
                .filter(|c| c.ok == ok)
                .map(|c| &*c.name)
                .collect();
            let field = if ok { "held check" } else { "failed check" };
            match chosen.first() {
                Some(check) => it.text(field, Some(name), Some(&check.name)),
                None => it.text(
                    field,
                    Some(name),
                    (!others.is_empty()).then(|| others.join(", ")).as_deref(),
                ),
            }
            chosen
        }
        None => e.checks.iter().collect(),
    };
    for (field, wanted, of) in [
        (
            "saw",
            p.saw.as_deref(),
            (|c| &*c.saw) as fn(&carnet_stage::CheckRecord) -> &str,
        ),
        ("wanted", p.wanted.as_deref(), |c| &*c.wanted),
    ] {
        let Some(pattern) = wanted else { continue };
        let values: Vec<&str> = checks.iter().map(|c| of(c)).collect();
        let fitting = values.iter().find(|v| words::glob(pattern, v)).copied();
        let joined = values.join(" | ");
        it.text(
            field,
            Some(pattern),
            fitting.or((!values.is_empty()).then_some(joined.as_str())),
        );
    }
}

/// Path and query of an absolute URL.
pub(crate) fn path_and_query(url: &str) -> (&str, Option<&str>) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.find(['/', '?']).map_or("", |at| &rest[at..]);
    let (path, query) = rest
        .split_once('?')
        .map_or((rest, None), |(path, query)| (path, Some(query)));
    (if path.is_empty() { "/" } else { path }, query)
}

/// The decoded pairs of a form body.
pub(crate) fn form_of(body: &BodyRecord) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    body.text
        .as_deref()
        .map(|text| url::form_urlencoded::parse(text.as_bytes()).collect())
        .unwrap_or_default()
}

/// A JSON body; `null` when it is none.
pub(crate) fn json_of(body: &BodyRecord) -> Value {
    body.text
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use super::path_and_query;

    #[test]
    fn a_url_has_a_path_and_perhaps_a_query() {
        for (url, path, query) in [
            ("https://se1.example/a/b?c=d", "/a/b", Some("c=d")),
            ("https://se1.example", "/", None),
            ("https://localhost:9443?x", "/", Some("x")),
            ("/relative", "/relative", None),
        ] {
            assert_eq!(path_and_query(url), (path, query), "{url}");
        }
    }
}

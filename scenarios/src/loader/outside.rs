//! Services of somebody else's: what cannot be asked of them, and how the rest of a scenario follows where they are.

use indexmap::IndexMap;

use super::check::{OnStage, inner};
use super::read::Parts;
use super::tree::{self, Table};
use super::{entries, table};
use crate::format::{ExchangePattern, Expect, External, Kind, Pattern, Placed, Step};
use crate::problem::Problem;

/// What every actor can have beside its role's own settings.
pub(super) const COMMON: [&str; 5] = ["host", "skew", "external", "ca", "tls"];

/// The settings of an actor, whatever its role.
pub(super) fn settings<'t, 'a>(value: &'t tree::Value<'a>) -> Option<&'t Table<'a>> {
    let role = value.get_ref().as_table()?.values().next()?;
    role.get_ref().as_table()
}

/// The service in an actor's place, as the document names it.
pub(super) fn named(settings: &Table<'_>) -> Option<External> {
    let (text, _) = tree::text_at(settings, &["external"])?;
    External::parse(text, None).ok()
}

/// Problems with services of somebody else's, and with what is asked of them.
pub(super) fn check(root: &Table<'_>, cast: &[OnStage<'_>], problems: &mut Vec<Problem>) {
    let mut theirs: Vec<&str> = Vec::new();
    for (key, value) in table(root, "actors").into_iter().flatten() {
        let name: &str = key.get_ref();
        let Some(settings) = settings(value) else {
            continue;
        };
        let Some((text, span)) = tree::text_at(settings, &["external"]) else {
            if let Some((_, span)) = tree::text_at(settings, &["ca"]) {
                problems.push(
                    Problem::error(
                        span,
                        format!("`{name}` has a `ca` and is no external service"),
                        "without `external`",
                    )
                    .help("`ca` says whom the certificate of an external service is trusted by"),
                );
            }
            continue;
        };
        theirs.push(name);
        if let Err(why) = External::parse(text, None) {
            problems.push(Problem::error(
                span.clone(),
                format!("`{text}` is not where a service is"),
                why,
            ));
        }
        if cast
            .iter()
            .any(|actor| actor.name == name && actor.kind == Some(Kind::User))
        {
            problems.push(Problem::error(
                span,
                format!("`{name}` is a user: nobody asks it anything"),
                "a person is not a service",
            ));
        }
        for (key, what) in [
            ("skew", "its clock cannot be set off"),
            ("tls", "its certificate is its own"),
        ] {
            if let Some((_, span)) = tree::text_at(settings, &[key]) {
                problems.push(not_ours(name, what, span));
            }
        }
    }
    for step in entries(root, "step") {
        let Some(step) = step.get_ref().as_table() else {
            continue;
        };
        for (path, what) in [
            (["fault", "at"], "no fault can be put in place there"),
            (["skew", "actor"], "its clock cannot be set off"),
            (["request", "by"], "it cannot be made to ask"),
        ] {
            if let Some((name, span)) = tree::text_at(step, &path)
                && theirs.contains(&name)
            {
                problems.push(not_ours(name, what, inner(&span, name)));
            }
        }
    }
}

fn not_ours(name: &str, what: &str, span: std::ops::Range<usize>) -> Problem {
    Problem::error(
        span,
        format!("`{name}` is an external service: {what}"),
        "not ours",
    )
}

/// Paths of exchanges with a service that has its files below a base path.
pub(super) fn follow(parts: &mut Parts) {
    let bases: IndexMap<String, String> = external(&parts.actors)
        .filter(|(_, service)| !service.base().is_empty())
        .map(|(name, service)| (name.to_owned(), service.base().to_owned()))
        .collect();
    if bases.is_empty() {
        return;
    }
    for told in &mut parts.expects {
        for exchange in exchanges(&mut told.what) {
            let base = exchange.to.as_deref().and_then(|to| bases.get(to));
            if let (Some(base), Some(path)) = (base, &mut exchange.path) {
                path.insert_str(0, base);
            }
        }
    }
}

/// The services of somebody else's, by their actors' names.
pub(crate) fn external(
    actors: &IndexMap<String, Placed>,
) -> impl Iterator<Item = (&str, &External)> {
    actors
        .iter()
        .filter_map(|(name, placed)| Some((name.as_str(), placed.external.as_ref()?)))
}

/// Files that a step will bring to an actor.
pub(crate) fn brought_by(step: &Step) -> Option<(&str, &str)> {
    match step {
        Step::Replicate(step) => Some((&step.to, &step.file)),
        Step::Copy(step) => Some((&step.to, &step.file)),
        Step::Put(step) => Some((&step.at, &step.file)),
        _ => None,
    }
}

fn exchanges(expect: &mut Expect) -> Vec<&mut ExchangePattern> {
    let listed = expect.in_order.iter_mut().flatten();
    let patterns = listed.chain(expect.never.as_mut());
    let inside = patterns.filter_map(|pattern| match pattern {
        Pattern::Exchange(exchange) => Some(exchange),
        _ => None,
    });
    expect.exchange.iter_mut().chain(inside).collect()
}

//! What a schema cannot say: names that must exist, hosts said twice, actors a step needs, audiences that look wrong.

use std::ops::Range;

use super::lints::{address, addresses, audience, is_audience, is_scope, scope};
use super::read::spoken;
use super::tree::{self, Table, Value};
use super::{entries, outside, table};
use crate::format::Kind;
use crate::problem::Problem;
use crate::words;
use toml::de::DeValue;

/// An actor as the document puts it on the stage.
pub(super) struct OnStage<'t> {
    pub(super) name: &'t str,
    pub(super) kind: Option<Kind>,
    pub(super) host: String,
    pub(super) at: Range<usize>,
}

/// A key of a step or pattern that names an actor.
struct Naming {
    step: &'static str,
    key: &'static str,
    role: Option<Kind>,
}

const fn naming(step: &'static str, key: &'static str, role: Option<Kind>) -> Naming {
    Naming { step, key, role }
}

/// Every key of a step that names an actor, and the role that actor must have.
const NAMINGS: [Naming; 19] = [
    naming("replicate", "from", Some(Kind::Storage)),
    naming("replicate", "to", Some(Kind::Storage)),
    naming("replicate", "via", Some(Kind::Rucio)),
    naming("replicate", "as", Some(Kind::User)),
    naming("get_token", "user", Some(Kind::User)),
    naming("get_token", "at", Some(Kind::Issuer)),
    naming("put", "at", Some(Kind::Storage)),
    naming("put", "as", Some(Kind::User)),
    naming("get", "at", Some(Kind::Storage)),
    naming("get", "as", Some(Kind::User)),
    naming("copy", "from", Some(Kind::Storage)),
    naming("copy", "to", Some(Kind::Storage)),
    naming("copy", "as", Some(Kind::User)),
    naming("request", "by", None),
    naming("fault", "at", None),
    naming("skew", "actor", None),
    naming("exchange", "from", None),
    naming("exchange", "to", None),
    naming("*", "by", None),
];

/// Which roles a step cannot do without.
const NEEDS: [(&str, Kind); 7] = [
    ("replicate", Kind::Rucio),
    ("replicate", Kind::User),
    ("get_token", Kind::Issuer),
    ("get_token", Kind::User),
    ("suspend_user", Kind::Issuer),
    ("leave_group", Kind::Issuer),
    ("rotate_keys", Kind::Issuer),
];

/// Everything wrong with the names and addresses of a document.
pub(super) fn check(root: &Table<'_>, start: usize) -> Vec<Problem> {
    let mut problems = Vec::new();
    let cast = cast(root);
    hosts(&cast, &mut problems);
    outside::check(root, &cast, &mut problems);
    for value in entries(root, "step") {
        step(value, &cast, &mut problems);
    }
    for value in entries(root, "expect") {
        expect(value, &cast, &mut problems);
    }
    if let Some(actors) = table(root, "actors") {
        for (key, value) in actors {
            // An issuer may know any scope: what is registered there is nobody's slip.
            let is_issuer = cast
                .iter()
                .any(|a| a.name == key.get_ref().as_ref() && a.kind == Some(Kind::Issuer));
            texts(value, "", &mut |key, text, span| {
                if !(is_issuer && is_scope(key)) {
                    addresses(key, text, &span, &cast, &mut problems);
                }
            });
        }
    }
    for value in entries(root, "step") {
        texts(value, "", &mut |key, text, span| {
            if is_audience(key) {
                audience(text, &span, &cast, &mut problems);
            }
            if is_scope(key) {
                scope(text, &span, &mut problems);
            }
        });
    }
    if entries(root, "step").next().is_some() && !root.contains_key("title") {
        problems.push(
            Problem::error(
                start..start,
                "the scenario must say `title`",
                "`title` is missing",
            )
            .help("title: what the scenario shows, as the heading of its narration"),
        );
    }
    if cast.is_empty() {
        problems.push(
            Problem::error(start..start, "nobody is on the stage", "no `[actors]` here")
                .help("name a `world`, or write an `[actors]` table"),
        );
    }
    problems
}

fn cast<'t>(root: &'t Table<'_>) -> Vec<OnStage<'t>> {
    let Some(actors) = table(root, "actors") else {
        return Vec::new();
    };
    actors
        .iter()
        .map(|(key, value)| {
            let name: &str = key.get_ref();
            let role = value.get_ref().as_table().and_then(|t| t.iter().next());
            let kind = role.and_then(|(role, _)| {
                Kind::ALL
                    .into_iter()
                    .find(|k| k.name() == role.get_ref().as_ref())
            });
            let host = role.and_then(|(_, settings)| {
                let settings = settings.get_ref().as_table()?;
                tree::text_at(settings, &["host"])
            });
            let (host, at) = match host {
                Some((host, at)) => (host.to_owned(), at),
                None => (default_host(name), key.span()),
            };
            OnStage {
                name,
                kind,
                host,
                at,
            }
        })
        .collect()
}

/// The host of an actor whose file says none.
pub(crate) fn default_host(name: &str) -> String {
    format!("{}.example", name.replace('_', "-"))
}

fn hosts(cast: &[OnStage<'_>], problems: &mut Vec<Problem>) {
    for (index, actor) in cast.iter().enumerate() {
        let fits = !actor.host.is_empty()
            && actor.host.split('.').all(|label| {
                !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            });
        if !fits {
            problems.push(
                Problem::error(
                    actor.at.clone(),
                    format!("`{}` is not a host name", actor.host),
                    "not a host name",
                )
                .help("write the bare name, without scheme, port or path: `se1.example`"),
            );
        }
        if let Some(first) = cast[..index]
            .iter()
            .find(|other| other.host.eq_ignore_ascii_case(&actor.host))
        {
            problems.push(
                Problem::error(
                    actor.at.clone(),
                    format!(
                        "`{}` and `{}` have the same host `{}`",
                        first.name, actor.name, actor.host
                    ),
                    "a host belongs to one actor",
                )
                .also(first.at.clone(), "taken here"),
            );
        }
    }
}

fn step(value: &Value<'_>, cast: &[OnStage<'_>], problems: &mut Vec<Problem>) {
    let Some((verb, settings)) = value.get_ref().as_table().and_then(|t| t.iter().next()) else {
        return;
    };
    let verb_name: &str = verb.get_ref();
    for (_, role) in NEEDS.iter().filter(|(step, _)| *step == verb_name) {
        if !cast.iter().any(|actor| actor.kind == Some(*role)) {
            problems.push(
                Problem::error(
                    verb.span(),
                    format!(
                        "`{verb_name}` needs {}, and none is on the stage",
                        role.in_words()
                    ),
                    "nobody can do this",
                )
                .help(format!(
                    "add one: `{name} = {{ {name} = {{}} }}` under `[actors]`",
                    name = role.name()
                )),
            );
        }
    }
    let DeValue::Table(settings) = settings.get_ref() else {
        return;
    };
    names(verb_name, settings, cast, problems);
    match verb_name {
        "await" => {
            exactly_one(
                &["rule", "job", "entity"],
                settings,
                verb.span(),
                "await",
                problems,
            );
            if settings.contains_key("entity") != settings.contains_key("state") {
                problems.push(Problem::error(
                    verb.span(),
                    "`entity` and `state` go together",
                    "one of them is missing",
                ));
            }
        }
        "fault" => exactly_one(
            &["install", "remove"],
            settings,
            verb.span(),
            "fault",
            problems,
        ),
        "request" => {
            if let Some((url, span)) = tree::text_at(settings, &["url"]) {
                address(url, &span, cast, problems);
            }
            if settings.contains_key("form") && settings.contains_key("body") {
                problems.push(Problem::error(
                    verb.span(),
                    "a request has `form` or `body`, not both",
                    "here",
                ));
            }
        }
        _ => {}
    }
}

fn exactly_one(
    keys: &[&str],
    settings: &Table<'_>,
    span: Range<usize>,
    name: &str,
    problems: &mut Vec<Problem>,
) {
    let given = keys
        .iter()
        .filter(|key| settings.contains_key(**key))
        .count();
    if given != 1 {
        let found = if given == 0 {
            "none of them is given"
        } else {
            "more than one is given"
        };
        let known = words::choice(keys.iter().copied());
        problems.push(Problem::error(
            span,
            format!("`{name}` takes exactly one of {known}"),
            found,
        ));
    }
}

fn expect(value: &Value<'_>, cast: &[OnStage<'_>], problems: &mut Vec<Problem>) {
    const PATTERNS: [&str; 8] = [
        "exchange", "issued", "judged", "state", "fault", "note", "never", "in_order",
    ];
    let Some(expect) = value.get_ref().as_table() else {
        return;
    };
    let known = expect.keys().all(|k| {
        PATTERNS.contains(&k.get_ref().as_ref()) || matches!(k.get_ref().as_ref(), "step" | "says")
    });
    if known {
        exactly_one(&PATTERNS, expect, spoken(value), "expect", problems);
    }
    for (key, inner) in expect {
        let name: &str = key.get_ref();
        match inner.get_ref() {
            DeValue::Table(pattern) if name == "never" => patterns(pattern, cast, problems),
            DeValue::Array(list) if name == "in_order" => {
                for pattern in list.iter().filter_map(|p| p.get_ref().as_table()) {
                    patterns(pattern, cast, problems);
                }
            }
            DeValue::Table(pattern) => names(name, pattern, cast, problems),
            _ => {}
        }
    }
}

fn patterns(pattern: &Table<'_>, cast: &[OnStage<'_>], problems: &mut Vec<Problem>) {
    for (key, inner) in pattern {
        if let Some(pattern) = inner.get_ref().as_table() {
            names(key.get_ref(), pattern, cast, problems);
        }
    }
}

/// Holds the names a step or pattern speaks of against the cast.
fn names(verb: &str, settings: &Table<'_>, cast: &[OnStage<'_>], problems: &mut Vec<Problem>) {
    let is_pattern = matches!(
        verb,
        "exchange" | "issued" | "judged" | "state" | "fault" | "note"
    );
    for naming in &NAMINGS {
        if naming.step != verb && !(naming.step == "*" && is_pattern) {
            continue;
        }
        let Some((name, span)) = tree::text_at(settings, &[naming.key]) else {
            continue;
        };
        if is_pattern && (name.contains('*') || name == "stage" || name.starts_with('$')) {
            continue;
        }
        let inner = inner(&span, name);
        match (cast.iter().find(|actor| actor.name == name), naming.role) {
            (Some(actor), Some(role)) if actor.kind.is_some_and(|kind| kind != role) => {
                let right = of_role(cast, role);
                let kind = actor.kind.map_or("unknown", Kind::in_words);
                let problem = Problem::error(
                    span.clone(),
                    format!(
                        "`{name}` is {kind}, but `{verb}.{}` must be {}",
                        naming.key,
                        role.in_words()
                    ),
                    format!("not {}", role.in_words()),
                );
                problems.push(tree::suggest(problem, name, &inner, right, "there are"));
            }
            (Some(_), _) => {}
            (None, role) => {
                let known = match role {
                    Some(role) => of_role(cast, role),
                    None => cast.iter().map(|actor| actor.name).collect(),
                };
                let problem = Problem::error(
                    span.clone(),
                    format!("no actor is called `{name}`"),
                    "unknown actor",
                );
                problems.push(tree::suggest(problem, name, &inner, known, "on the stage"));
            }
        }
    }
}

fn of_role<'t>(cast: &[OnStage<'t>], role: Kind) -> Vec<&'t str> {
    cast.iter()
        .filter(|actor| actor.kind == Some(role))
        .map(|actor| actor.name)
        .collect()
}

pub(super) fn inner(span: &Range<usize>, text: &str) -> Range<usize> {
    if span.len() == text.len() + 2 {
        span.start + 1..span.end - 1
    } else {
        span.clone()
    }
}

/// Calls `found` with every text below a value, the key it stands under, and its place.
fn texts(value: &Value<'_>, key: &str, found: &mut dyn FnMut(&str, &str, Range<usize>)) {
    match value.get_ref() {
        DeValue::String(text) => found(key, text, value.span()),
        DeValue::Array(items) => items.iter().for_each(|item| texts(item, key, found)),
        DeValue::Table(table) => table
            .iter()
            .for_each(|(key, below)| texts(below, key.get_ref(), found)),
        _ => {}
    }
}

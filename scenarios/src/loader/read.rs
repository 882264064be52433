//! The document turned into typed parts, each by itself, so that one wrong part does not hide the next.

use std::ops::Range;

use indexmap::IndexMap;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeArray, DeValue, ValueDeserializer};

use super::{Told, entries, outside, tree};
use crate::format::{ActorSpec, Common, Expect, External, Kind, Placed, Step};
use crate::problem::Problem;

use tree::{Table, Value};

/// Everything a scenario consists of, as far as it could be read.
pub(super) struct Parts {
    pub(super) title: String,
    pub(super) source: Option<String>,
    pub(super) seed: u64,
    pub(super) actors: IndexMap<String, Placed>,
    pub(super) steps: Vec<Told<Step>>,
    pub(super) expects: Vec<Told<Expect>>,
}

/// Reads every part; what cannot be read and was not told yet is told.
pub(super) fn parts(root: &Table<'_>, problems: &mut Vec<Problem>) -> Parts {
    let text = |key: &str| tree::text_at(root, &[key]).map(|(text, _)| text.to_owned());
    let seed = root
        .get("seed")
        .cloned()
        .and_then(|value| read::<u64>(value, problems))
        .unwrap_or(1);
    let mut actors = IndexMap::new();
    for (key, value) in super::table(root, "actors").into_iter().flatten() {
        if let Some(placed) = placed(value.clone(), problems) {
            actors.insert(key.get_ref().to_string(), placed);
        }
    }
    Parts {
        title: text("title").unwrap_or_default(),
        source: text("source"),
        seed,
        actors,
        steps: told(root, "step", problems),
        expects: told(root, "expect", problems),
    }
}

fn told<T: DeserializeOwned>(
    root: &Table<'_>,
    key: &str,
    problems: &mut Vec<Problem>,
) -> Vec<Told<T>> {
    entries(root, key)
        .filter_map(|value| {
            let span = spoken(value);
            read(value.clone(), problems).map(|what| Told { what, span })
        })
        .collect()
}

/// Where an entry of a list of tables really says something: from its first key to its last value.
pub(super) fn spoken(value: &Value<'_>) -> Range<usize> {
    match value.get_ref() {
        DeValue::Table(table) if !table.is_empty() => {
            let start = table
                .keys()
                .map(|k| k.span().start)
                .min()
                .unwrap_or(value.span().start);
            let end = table
                .values()
                .map(|v| v.span().end)
                .max()
                .unwrap_or(value.span().end);
            start..end.max(start)
        }
        _ => value.span(),
    }
}

/// An actor: what every actor has is taken out of the role's settings and read by itself.
fn placed(value: Value<'_>, problems: &mut Vec<Problem>) -> Option<Placed> {
    let span = value.span();
    let DeValue::Table(mut table) = value.into_inner() else {
        return None;
    };
    let (role, _) = table.iter().next()?;
    let role = role.get_ref().to_string();
    Kind::ALL.iter().find(|kind| kind.name() == role)?;
    let mut common = Table::new();
    if let Some(DeValue::Table(settings)) = table.get_mut(role.as_str()).map(Spanned::get_mut) {
        for name in outside::COMMON {
            if let Some((key, value)) = settings.remove_entry(name) {
                common.insert(key, value);
            }
        }
    }
    let common: Option<Common> = read(Spanned::new(span.clone(), DeValue::Table(common)), problems);
    let spec: Option<ActorSpec> = read(Spanned::new(span, DeValue::Table(table)), problems);
    let common = common?;
    // What is wrong with the address is told where the names are checked.
    let external = common
        .external
        .as_deref()
        .and_then(|url| External::parse(url, common.ca.clone()).ok());
    Some(Placed {
        common,
        spec: spec?,
        listen: None,
        external,
    })
}

/// Reads one value. Each wrong place is told and then left out, so that the next one is found too.
fn read<T: DeserializeOwned>(mut value: Value<'_>, problems: &mut Vec<Problem>) -> Option<T> {
    let all = value.span();
    let said = spoken(&value);
    let mut whole = true;
    for _ in 0..64 {
        let error = match T::deserialize(ValueDeserializer::from(value.clone())) {
            Ok(read) => return whole.then_some(read),
            Err(error) => error,
        };
        whole = false;
        let span = error.span().unwrap_or_else(|| value.span());
        let known = problems
            .iter()
            .any(|p| meet(&p.span, &span) || (span == all && meet(&p.span, &said)));
        if !known {
            let message = error
                .message()
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned();
            let (title, label) = match message.split_once(": ") {
                Some((what, right)) if what.starts_with('`') => (what.to_owned(), right.to_owned()),
                _ => (message, "this".to_owned()),
            };
            problems.push(Problem::error(span.clone(), title, label));
        }
        let (rest, removed) = without(value, &span);
        if !removed {
            return None;
        }
        value = rest;
    }
    None
}

/// Whether two spans have a byte in common; an empty one counts as the byte it stands before.
fn meet(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start < other.end.max(other.start + 1) && other.start < one.end.max(one.start + 1)
}

/// The value without the entry that lies exactly at `span`.
fn without<'a>(value: Value<'a>, span: &Range<usize>) -> (Value<'a>, bool) {
    let at = value.span();
    match value.into_inner() {
        DeValue::Table(table) => {
            let mut removed = false;
            let mut kept = Table::new();
            for (key, below) in table {
                if !removed && (below.span() == *span || key.span() == *span) {
                    removed = true;
                    continue;
                }
                let below = if removed {
                    below
                } else {
                    let (below, gone) = without(below, span);
                    removed = gone;
                    below
                };
                kept.insert(key, below);
            }
            (Spanned::new(at, DeValue::Table(kept)), removed)
        }
        DeValue::Array(items) => {
            let mut removed = false;
            let mut kept = DeArray::new();
            for item in items {
                if !removed && item.span() == *span {
                    removed = true;
                    continue;
                }
                let (item, gone) = if removed {
                    (item, true)
                } else {
                    without(item, span)
                };
                removed = gone;
                kept.push(item);
            }
            (Spanned::new(at, DeValue::Array(kept)), removed)
        }
        other => (Spanned::new(at, other), false),
    }
}

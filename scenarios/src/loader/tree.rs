//! The parsed document: TOML tables whose keys and values know their place among all texts.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use crate::problem::Problem;
use crate::words;

/// A table of the document.
pub(crate) type Table<'a> = DeTable<'a>;
/// A value of the document.
pub(crate) type Value<'a> = Spanned<DeValue<'a>>;

/// Parses a text that begins at `offset`. What can be read is read; the rest is told as problems.
pub(crate) fn parse<'a>(text: &'a str, offset: usize, problems: &mut Vec<Problem>) -> Table<'a> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let message = error
            .message()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned();
        problems.push(Problem::error(
            shift(&span, offset),
            format!("this is not TOML: {message}"),
            "here",
        ));
    }
    moved_table(table.into_inner(), offset)
}

fn moved_table(table: Table<'_>, offset: usize) -> Table<'_> {
    table
        .into_iter()
        .map(|(key, value)| {
            let span = shift(&key.span(), offset);
            (Spanned::new(span, key.into_inner()), moved(value, offset))
        })
        .collect()
}

fn moved(value: Value<'_>, offset: usize) -> Value<'_> {
    let span = shift(&value.span(), offset);
    let inner = match value.into_inner() {
        DeValue::Table(table) => DeValue::Table(moved_table(table, offset)),
        DeValue::Array(items) => {
            let mut array = DeArray::new();
            for item in items {
                array.push(moved(item, offset));
            }
            DeValue::Array(array)
        }
        other => other,
    };
    Spanned::new(span, inner)
}

fn shift(span: &Range<usize>, offset: usize) -> Range<usize> {
    span.start + offset..span.end + offset
}

/// Lays `over` on `under`: tables are joined key by key, everything else is replaced.
///
/// An actor whose role changes is replaced altogether, because the settings of one role mean nothing to another.
pub(crate) fn lay<'a>(under: &mut Table<'a>, over: Table<'a>) {
    for (key, value) in over {
        let name = key.get_ref().to_string();
        let joined = under.get_mut(name.as_str()).is_some_and(|below| {
            matches!(
                (below.get_mut(), value.get_ref()),
                (DeValue::Table(_), DeValue::Table(_))
            )
        });
        if !joined {
            under.remove(name.as_str());
            under.insert(key, value);
            continue;
        }
        let span = value.span();
        if let (Some(below), DeValue::Table(table)) =
            (under.get_mut(name.as_str()), value.into_inner())
        {
            let kept = below.span();
            if let DeValue::Table(below_table) = below.get_mut() {
                if is_role(below_table)
                    && is_role(&table)
                    && role_of(below_table) != role_of(&table)
                {
                    *below = Spanned::new(span, DeValue::Table(table));
                    continue;
                }
                lay(below_table, table);
                let inner = std::mem::replace(below_table, Table::new());
                *below = Spanned::new(kept, DeValue::Table(inner));
            }
        }
    }
}

fn role_of(table: &Table<'_>) -> Option<String> {
    table.keys().next().map(|k| k.get_ref().to_string())
}

fn is_role(table: &Table<'_>) -> bool {
    table.len() == 1
        && role_of(table).is_some_and(|name| {
            crate::format::Kind::ALL
                .iter()
                .any(|kind| kind.name() == name)
        })
}

/// One `--set path=value`, laid on the document. `text` begins at `offset`.
pub(crate) fn set<'a>(
    root: &mut Table<'a>,
    text: &'a str,
    offset: usize,
    problems: &mut Vec<Problem>,
) {
    let whole = offset..offset + text.len();
    let Some((path, value)) = text.split_once('=') else {
        problems.push(
            Problem::error(whole, "this sets nothing", "no `=` here")
                .help("write a path and a value, for example `actors.iam.issuer.compat=strict`"),
        );
        return;
    };
    let keys = path_keys(path, offset);
    if let Some(problem) = unknown_actor(root, &keys) {
        problems.push(problem);
        return;
    }
    let keys = with_role(root, keys);
    let value_start = offset + path.len() + 1 + (value.len() - value.trim_start().len());
    let value = value.trim();
    let parsed = match DeValue::parse(value) {
        Ok(parsed) => moved(parsed, value_start),
        Err(_) => Spanned::new(
            value_start..value_start + value.len(),
            DeValue::String(Cow::Borrowed(value)),
        ),
    };
    let whole_table = Spanned::new(whole, DeValue::Table(std::mem::replace(root, Table::new())));
    let (changed, problem) = put(whole_table, &keys, parsed);
    problems.extend(problem);
    if let DeValue::Table(table) = changed.into_inner() {
        *root = table;
    }
}

/// A path may say something new about an actor, but not bring one on the stage.
fn unknown_actor(root: &Table<'_>, keys: &[(Cow<'_, str>, Range<usize>)]) -> Option<Problem> {
    let [(first, _), (name, span), ..] = keys else {
        return None;
    };
    let actors = root.get("actors")?.get_ref().as_table()?;
    if first != "actors" || actors.contains_key(name.as_ref()) {
        return None;
    }
    let problem = Problem::error(
        span.clone(),
        format!("no actor is called `{name}`"),
        "unknown actor",
    );
    let known: Vec<&str> = actors.keys().map(|key| key.get_ref().as_ref()).collect();
    Some(suggest(problem, name, span, known, "on the stage"))
}

/// What every actor has stands among its role's settings; a path may leave the role out: `actors.se1.external`.
fn with_role<'a>(root: &Table<'_>, mut keys: Keys<'a>) -> Keys<'a> {
    let role = match keys.as_slice() {
        [(actors, _), (name, _), (key, span)]
            if actors == "actors" && super::outside::COMMON.contains(&key.as_ref()) =>
        {
            let actor = table_at(root, &["actors", name.as_ref()]);
            actor
                .filter(|actor| is_role(actor))
                .and_then(role_of)
                .map(|role| (Cow::Owned(role), span.clone()))
        }
        _ => None,
    };
    if let Some(role) = role {
        keys.insert(2, role);
    }
    keys
}

type Keys<'a> = Vec<(Cow<'a, str>, Range<usize>)>;

fn table_at<'t, 'a>(table: &'t Table<'a>, path: &[&str]) -> Option<&'t Table<'a>> {
    at(table, path)?.get_ref().as_table()
}

/// The keys of a dotted path; a quoted key may hold dots.
fn path_keys(path: &str, offset: usize) -> Keys<'_> {
    let mut keys = Vec::new();
    let mut start = 0;
    let mut quote = None;
    let push = |keys: &mut Vec<_>, from: usize, to: usize| {
        let raw = &path[from..to];
        let lead = raw.len() - raw.trim_start().len();
        let word = raw.trim();
        let span = offset + from + lead..offset + from + lead + word.len();
        keys.push((Cow::Borrowed(word.trim_matches(['"', '\''])), span));
    };
    for (at, letter) in path.char_indices() {
        match (letter, quote) {
            ('"' | '\'', None) => quote = Some(letter),
            (letter, Some(open)) if letter == open => quote = None,
            ('.', None) => {
                push(&mut keys, start, at);
                start = at + 1;
            }
            _ => {}
        }
    }
    push(&mut keys, start, path.len());
    keys
}

fn put<'a>(
    target: Value<'a>,
    keys: &[(Cow<'a, str>, Range<usize>)],
    value: Value<'a>,
) -> (Value<'a>, Option<Problem>) {
    let Some(((key, key_span), rest)) = keys.split_first() else {
        return (value, None);
    };
    let span = target.span();
    match target.into_inner() {
        DeValue::Table(mut table) => {
            let nothing = || Spanned::new(key_span.clone(), DeValue::Table(Table::new()));
            // What is there keeps its place: the order of actors decides on ports.
            let problem = if let Some(below) = table.get_mut(key.as_ref()) {
                let (changed, problem) = put(std::mem::replace(below, nothing()), rest, value);
                *below = changed;
                problem
            } else {
                let (below, problem) = put(nothing(), rest, value);
                table.insert(Spanned::new(key_span.clone(), key.clone()), below);
                problem
            };
            (Spanned::new(span, DeValue::Table(table)), problem)
        }
        DeValue::Array(items) => {
            let length = items.len();
            let index = key.parse::<usize>().ok().filter(|i| *i < length);
            let Some(index) = index else {
                let problem = Problem::error(
                    key_span.clone(),
                    format!("there is no entry `{key}` here"),
                    "no such entry",
                )
                .help(format!("entries are counted from 0; there are {length}"));
                return (Spanned::new(span, DeValue::Array(items)), Some(problem));
            };
            let mut array = DeArray::new();
            let mut problem = None;
            let mut value = Some(value);
            for (at, item) in items.into_iter().enumerate() {
                match value.take_if(|_| at == index) {
                    Some(value) => {
                        let (changed, told) = put(item, rest, value);
                        problem = told;
                        array.push(changed);
                    }
                    None => array.push(item),
                }
            }
            (Spanned::new(span, DeValue::Array(array)), problem)
        }
        other => {
            let problem = Problem::error(
                key_span.clone(),
                format!(
                    "`{key}` leads nowhere: what is before it is {}",
                    in_words(&other)
                ),
                "no such path",
            );
            (Spanned::new(span, other), Some(problem))
        }
    }
}

/// What a value is, for a sentence.
pub(crate) fn in_words(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "`true` or `false`",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The value under a dotted path of plain keys.
pub(crate) fn at<'t, 'a>(table: &'t Table<'a>, path: &[&str]) -> Option<&'t Value<'a>> {
    let (first, rest) = path.split_first()?;
    let value = table.get(*first)?;
    match (rest.is_empty(), value.get_ref()) {
        (true, _) => Some(value),
        (false, DeValue::Table(below)) => at(below, rest),
        (false, _) => None,
    }
}

/// The text under a dotted path, with its place.
pub(crate) fn text_at<'t>(table: &'t Table<'_>, path: &[&str]) -> Option<(&'t str, Range<usize>)> {
    let value = at(table, path)?;
    value.get_ref().as_str().map(|text| (text, value.span()))
}

/// "did you mean `x`?" for a name among known ones, as a help line and a fix.
pub(crate) fn suggest<'k>(
    problem: Problem,
    word: &str,
    span: &Range<usize>,
    known: impl IntoIterator<Item = &'k str> + Clone,
    what: &str,
) -> Problem {
    if let Some(meant) = words::nearest(word, known.clone()) {
        return problem.fix(span.clone(), meant.to_owned());
    }
    let mut known: Vec<&str> = known.into_iter().collect();
    known.sort_unstable();
    if known.is_empty() {
        problem
    } else {
        problem.help(format!("{what}: {}", words::choice(known)))
    }
}

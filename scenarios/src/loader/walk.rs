//! The document held against the schema: every unknown key, wrong type and misspelt word, not only the first.

use serde_json::Value as Json;
use toml::de::DeValue;

use super::tree::{self, Table, Value};
use crate::problem::Problem;
use crate::words;

/// Walks a document along its schema.
pub(crate) struct Walk<'s> {
    schema: &'s Json,
    problems: Vec<Problem>,
}

impl<'s> Walk<'s> {
    /// A walk along `schema`, whose `$defs` are at its root.
    pub(crate) fn new(schema: &'s Json) -> Self {
        Self {
            schema,
            problems: Vec::new(),
        }
    }

    /// All problems of `root`. A required key of the root is missed at the very beginning of the text.
    pub(crate) fn check(mut self, root: &Table<'_>, start: usize) -> Vec<Problem> {
        self.table(root, start..start, self.schema, "the file");
        self.problems
    }

    /// Follows references to where the schema really stands.
    fn resolved(&self, mut schema: &'s Json) -> &'s Json {
        for _ in 0..32 {
            let Some(target) = schema.get("$ref").and_then(Json::as_str) else {
                break;
            };
            let pointer = target.trim_start_matches('#');
            match self.schema.pointer(pointer) {
                Some(found) => schema = found,
                None => break,
            }
        }
        schema
    }

    fn value(&mut self, value: &Value<'_>, schema: &'s Json, name: &str) {
        let schema = self.resolved(schema);
        if let Some(options) = options(schema) {
            self.one_of(value, &options, name);
            return;
        }
        if !self.type_fits(value, schema, name) {
            return;
        }
        match value.get_ref() {
            DeValue::Table(table) => self.table(table, value.span(), schema, name),
            DeValue::Array(items) => {
                if let Some(of) = schema.get("items") {
                    for item in items {
                        self.value(item, of, name);
                    }
                }
            }
            DeValue::String(text) => self.word(text, value, schema, name),
            DeValue::Integer(number) => self.number(&number.to_string(), value, schema, name),
            _ => {}
        }
    }

    fn number(&mut self, text: &str, value: &Value<'_>, schema: &'s Json, name: &str) {
        let Ok(number) = text.parse::<f64>() else {
            return;
        };
        let bound = |key: &str| schema.get(key).and_then(Json::as_f64);
        let wrong = match (bound("minimum"), bound("maximum")) {
            (Some(least), _) if number < least => format!("at least {least}"),
            (_, Some(most)) if number > most => format!("at most {most}"),
            _ => return,
        };
        let title = format!("`{name}` must be {wrong}, not {text}");
        self.problems.push(Problem::error(
            value.span(),
            title,
            format!("expected {wrong}"),
        ));
    }

    fn word(&mut self, text: &str, value: &Value<'_>, schema: &'s Json, name: &str) {
        let known = known_words(schema);
        if known.is_empty() || known.contains(&text) {
            return;
        }
        let problem = Problem::error(
            value.span(),
            format!("`{text}` is no value of `{name}`"),
            "unknown value",
        );
        let span = inner_span(value);
        self.problems
            .push(tree::suggest(problem, text, &span, known, "it can be"));
    }

    /// Whether the type of the value is one the schema takes; if not, says so.
    fn type_fits(&mut self, value: &Value<'_>, schema: &'s Json, name: &str) -> bool {
        let types = types(schema);
        let found = match value.get_ref() {
            DeValue::String(_) | DeValue::Datetime(_) => "string",
            DeValue::Integer(_) => "integer",
            DeValue::Float(_) => "number",
            DeValue::Boolean(_) => "boolean",
            DeValue::Array(_) => "array",
            DeValue::Table(_) => "object",
        };
        let fits = types.is_empty()
            || types
                .iter()
                .any(|t| *t == found || (*t == "number" && found == "integer"));
        if !fits {
            let wanted: Vec<&str> = types
                .iter()
                .filter(|t| **t != "null")
                .map(|t| type_in_words(t))
                .collect();
            let mut problem = Problem::error(
                value.span(),
                format!(
                    "`{name}` must be {}, not {}",
                    wanted.join(" or "),
                    tree::in_words(value.get_ref())
                ),
                format!("expected {}", wanted.join(" or ")),
            );
            if types.contains(&"string")
                && matches!(
                    value.get_ref(),
                    DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_)
                )
            {
                problem = problem.help("put it in quotation marks");
            }
            if types.contains(&"array") && found == "string" {
                problem = problem.help("put it in brackets: `[…]`");
            }
            self.problems.push(problem);
        }
        fits
    }

    fn table(
        &mut self,
        table: &Table<'_>,
        span: std::ops::Range<usize>,
        schema: &'s Json,
        name: &str,
    ) {
        let properties = schema.get("properties").and_then(Json::as_object);
        let others = schema.get("additionalProperties");
        for (key, value) in table {
            let word: &str = key.get_ref();
            if let Some(of) = properties.and_then(|p| p.get(word)) {
                self.value(value, of, word);
                continue;
            }
            match others {
                Some(Json::Bool(false)) => {
                    let known: Vec<&str> = properties
                        .into_iter()
                        .flatten()
                        .map(|(k, _)| k.as_str())
                        .collect();
                    let problem = Problem::error(
                        key.span(),
                        format!("{name} has no `{word}`", name = quoted(name)),
                        "unknown key",
                    );
                    self.problems.push(tree::suggest(
                        problem,
                        word,
                        &key.span(),
                        known,
                        "it can have",
                    ));
                }
                Some(of) if of.is_object() => self.value(value, of, word),
                _ => {}
            }
        }
        let required = schema
            .get("required")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .filter_map(Json::as_str);
        for missing in required {
            if !table.contains_key(missing) {
                let about = properties
                    .and_then(|p| p.get(missing))
                    .and_then(|p| p.get("description"))
                    .and_then(Json::as_str)
                    .and_then(|text| text.lines().next());
                let mut problem = Problem::error(
                    span.clone(),
                    format!("{} must say `{missing}`", quoted(name)),
                    format!("`{missing}` is missing"),
                );
                if let Some(about) = about {
                    problem = problem.help(format!("{missing}: {about}"));
                }
                self.problems.push(problem);
            }
        }
    }

    fn one_of(&mut self, value: &Value<'_>, options: &[&'s Json], name: &str) {
        let resolved: Vec<&'s Json> = options
            .iter()
            .map(|o| self.resolved(o))
            .filter(|o| o.get("type").and_then(Json::as_str) != Some("null"))
            .collect();
        if let [only] = resolved.as_slice() {
            self.value(value, only, name);
            return;
        }
        let tags: Vec<(&'s str, &'s Json)> = resolved.iter().filter_map(|o| tag(o)).collect();
        let texts: Vec<&'s str> = resolved.iter().flat_map(|o| known_words(o)).collect();
        match value.get_ref() {
            DeValue::Table(table) if !tags.is_empty() => self.tagged(table, value, &tags, name),
            DeValue::String(text)
                if !texts.is_empty()
                    && resolved
                        .iter()
                        .all(|o| tag(o).is_some() || !known_words(o).is_empty()) =>
            {
                if !texts.contains(&text.as_ref()) {
                    let problem = Problem::error(
                        value.span(),
                        format!("`{text}` is no value of `{name}`"),
                        "unknown value",
                    );
                    let known = texts.into_iter().chain(tags.iter().map(|(t, _)| *t));
                    self.problems.push(tree::suggest(
                        problem,
                        text,
                        &inner_span(value),
                        known,
                        "it can be",
                    ));
                }
            }
            _ => self.any_of(value, &resolved, name),
        }
    }

    /// An externally tagged enum: a table with one key, which says what it is.
    fn tagged(
        &mut self,
        table: &Table<'_>,
        value: &Value<'_>,
        tags: &[(&'s str, &'s Json)],
        name: &str,
    ) {
        let mut seen: Option<std::ops::Range<usize>> = None;
        for (key, inner) in table {
            let word: &str = key.get_ref();
            if let Some((_, schema)) = tags.iter().find(|(tag, _)| *tag == word) {
                self.value(inner, schema, word);
            } else {
                let problem = Problem::error(
                    key.span(),
                    format!("`{word}` is unknown in `{name}`"),
                    "unknown",
                );
                let known = tags.iter().map(|(t, _)| *t);
                self.problems.push(tree::suggest(
                    problem,
                    word,
                    &key.span(),
                    known,
                    "it can be",
                ));
            }
            if let Some(first) = &seen {
                self.problems.push(
                    Problem::error(
                        key.span(),
                        format!("`{name}` says two things at once"),
                        "one too many",
                    )
                    .also(first.clone(), "the first")
                    .help(format!("write a `[[{name}]]` for each")),
                );
            }
            seen.get_or_insert(key.span());
        }
        if seen.is_none() {
            let known = words::choice(tags.iter().map(|(t, _)| *t));
            self.problems.push(Problem::error(
                value.span(),
                format!("this `{name}` is empty"),
                format!("write {known}"),
            ));
        }
    }

    /// Several shapes are possible: the first one that fits, or else the problems of the nearest one.
    fn any_of(&mut self, value: &Value<'_>, options: &[&'s Json], name: &str) {
        let before = self.problems.len();
        let mut nearest: Option<Vec<Problem>> = None;
        for option in options {
            self.value(value, option, name);
            let told: Vec<Problem> = self.problems.drain(before..).collect();
            if told.is_empty() {
                return;
            }
            let wrong_type = told.len() == 1 && told[0].span == value.span();
            if !wrong_type || nearest.is_none() {
                nearest = Some(told);
            }
        }
        self.problems.extend(nearest.into_iter().flatten());
    }
}

/// The alternatives of a schema that has them.
fn options(schema: &Json) -> Option<Vec<&Json>> {
    ["oneOf", "anyOf"]
        .into_iter()
        .find_map(|k| schema.get(k))
        .and_then(Json::as_array)
        .map(|list| list.iter().collect())
}

/// The words a text may be; empty when any text will do.
fn known_words(schema: &Json) -> Vec<&str> {
    if let Some(word) = schema.get("const").and_then(Json::as_str) {
        return vec![word];
    }
    schema
        .get("enum")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .collect()
}

fn types(schema: &Json) -> Vec<&str> {
    match schema.get("type") {
        Some(Json::String(one)) => vec![one],
        Some(Json::Array(many)) => many.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The one key of a variant of an externally tagged enum, and what is under it.
fn tag(schema: &Json) -> Option<(&str, &Json)> {
    let properties = schema.get("properties")?.as_object()?;
    let required = schema.get("required")?.as_array()?;
    match (
        properties.iter().next(),
        properties.len(),
        required.as_slice(),
    ) {
        (Some((key, of)), 1, [Json::String(needed)]) if needed == key => Some((key, of)),
        _ => None,
    }
}

/// The words between the quotation marks of a text.
fn inner_span(value: &Value<'_>) -> std::ops::Range<usize> {
    let span = value.span();
    let length = value.get_ref().as_str().map_or(0, str::len);
    if span.len() == length + 2 {
        span.start + 1..span.end - 1
    } else {
        span
    }
}

fn quoted(name: &str) -> String {
    if name.contains(' ') {
        name.to_owned()
    } else {
        format!("`{name}`")
    }
}

fn type_in_words(name: &str) -> &'static str {
    match name {
        "string" => "a text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "`true` or `false`",
        "array" => "a list",
        _ => "a table",
    }
}

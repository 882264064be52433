//! One pattern's words held against one record's: what fitted, what did not, which names were bound.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::format::Statuses;
use crate::words;

/// Values of the names (`$A2`) that patterns have bound so far.
pub(crate) type Bound = BTreeMap<String, String>;

/// One word that did not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Miss {
    pub(crate) field: String,
    pub(crate) wanted: String,
    pub(crate) saw: String,
}

/// The comparison of one pattern with one record.
pub(crate) struct Compare<'b> {
    before: &'b Bound,
    pub(crate) bound: Bound,
    pub(crate) misses: Vec<Miss>,
    pub(crate) hits: usize,
}

impl<'b> Compare<'b> {
    pub(crate) fn new(before: &'b Bound) -> Self {
        Self {
            before,
            bound: Bound::new(),
            misses: Vec::new(),
            hits: 0,
        }
    }

    fn outcome(&mut self, fits: bool, field: &str, wanted: String, saw: Option<&str>) {
        if fits {
            self.hits += 1;
        } else {
            let saw = saw.map_or_else(
                || "nothing".to_owned(),
                |s| format!("`{}`", words::shortened(s, 120)),
            );
            self.misses.push(Miss {
                field: field.to_owned(),
                wanted,
                saw,
            });
        }
    }

    /// A text against a pattern; `$name` binds or repeats a value.
    pub(crate) fn text(&mut self, field: &str, wanted: Option<&str>, saw: Option<&str>) {
        let Some(wanted) = wanted else { return };
        if let Some(name) = wanted.strip_prefix('$') {
            let known = self
                .before
                .get(name)
                .or_else(|| self.bound.get(name))
                .cloned();
            match (known, saw) {
                (Some(known), saw) => {
                    let fits = saw == Some(known.as_str());
                    self.outcome(fits, field, format!("`{wanted}`, which is `{known}`"), saw);
                }
                (None, Some(saw)) => {
                    self.bound.insert(name.to_owned(), saw.to_owned());
                    self.hits += 1;
                }
                (None, None) => self.outcome(false, field, format!("`{wanted}`"), None),
            }
            return;
        }
        let fits = saw.is_some_and(|saw| words::glob(wanted, saw));
        self.outcome(fits, field, format!("`{wanted}`"), saw);
    }

    /// A text that must not be there.
    pub(crate) fn absent(&mut self, field: &str, saw: Option<&str>) {
        self.outcome(saw.is_none(), field, "nothing".to_owned(), saw);
    }

    /// A status against one or several.
    pub(crate) fn one_of(&mut self, field: &str, wanted: &Statuses, saw: u16) {
        self.outcome(
            wanted.fits(saw),
            field,
            format!("`{wanted}`"),
            Some(saw.to_string()).as_deref(),
        );
    }

    /// A value against the same value.
    pub(crate) fn same<T: PartialEq + ToString>(
        &mut self,
        field: &str,
        wanted: Option<T>,
        saw: Option<T>,
    ) {
        let Some(wanted) = wanted else { return };
        let fits = saw.as_ref() == Some(&wanted);
        let saw = saw.map(|s| s.to_string());
        self.outcome(
            fits,
            field,
            format!("`{}`", wanted.to_string()),
            saw.as_deref(),
        );
    }

    /// A whole list, in order; each entry is a pattern.
    pub(crate) fn list(&mut self, field: &str, wanted: Option<&[String]>, saw: Option<&[String]>) {
        let Some(wanted) = wanted else { return };
        let fits = saw.is_some_and(|saw| {
            saw.len() == wanted.len() && wanted.iter().zip(saw).all(|(w, s)| words::glob(w, s))
        });
        let shown = saw.map(|saw| saw.join(", "));
        self.outcome(
            fits,
            field,
            format!("`{}`", wanted.join(", ")),
            shown.as_deref(),
        );
    }

    /// A set of words separated by spaces.
    pub(crate) fn set(&mut self, field: &str, wanted: Option<&str>, saw: &str) {
        let Some(wanted) = wanted else { return };
        let sorted = |text: &str| {
            let mut all: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            all.sort_unstable();
            all
        };
        let fits = sorted(wanted) == sorted(saw);
        self.outcome(fits, field, format!("`{wanted}`"), Some(saw));
    }
}

/// A member of a JSON value by a name with dots; a member that has the whole name wins. Not a text: as JSON.
pub(crate) fn member(value: &Value, name: &str) -> Option<String> {
    let found = match value.get(name) {
        Some(found) => Some(found),
        None => name.split('.').try_fold(value, |value, part| match value {
            Value::Array(items) => part.parse::<usize>().ok().and_then(|i| items.get(i)),
            other => other.get(part),
        }),
    };
    found.map(|found| match found {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_binds_once_and_then_means_that_value() {
        let before = Bound::from([("A2".to_owned(), "t1".to_owned())]);
        let mut compare = Compare::new(&before);
        compare.text("parent", Some("$A2"), Some("t1"));
        compare.text("jti", Some("$A7"), Some("t2"));
        compare.text("again", Some("$A7"), Some("t3"));
        assert_eq!(compare.hits, 2);
        assert_eq!(compare.misses.len(), 1);
        assert_eq!(compare.misses[0].wanted, "`$A7`, which is `t2`");
        assert_eq!(compare.bound.get("A7").map(String::as_str), Some("t2"));
    }

    #[test]
    fn members_are_found_by_dotted_names() {
        let value = serde_json::json!({ "wlcg.ver": "1.0", "act": { "sub": "fts" }, "n": 3, "list": ["a"] });
        for (name, wanted) in [
            ("wlcg.ver", Some("1.0")),
            ("act.sub", Some("fts")),
            ("n", Some("3")),
            ("list.0", Some("a")),
            ("x", None),
        ] {
            assert_eq!(member(&value, name).as_deref(), wanted, "{name}");
        }
    }
}

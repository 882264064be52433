//! What operators set at run time: storage elements, links, global values (FTS page §1.3, `/config`).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Book;
use crate::errors::Refused;
use crate::params::python_int;
use crate::reason::CopyMode;

/// Most entries of one kind.
const MOST: usize = 10_000;

/// The settings, as they were posted.
#[derive(Debug, Default)]
pub struct Settings {
    storages: BTreeMap<String, Value>,
    links: BTreeMap<String, Value>,
    global: Map<String, Value>,
}

impl Settings {
    /// Every storage element with its settings.
    pub fn storages(&self) -> &BTreeMap<String, Value> {
        &self.storages
    }

    /// Every link by its symbolic name.
    pub fn links(&self) -> &BTreeMap<String, Value> {
        &self.links
    }

    /// The global values.
    pub fn global(&self) -> &Map<String, Value> {
        &self.global
    }

    /// What a storage element can do in a third-party copy: (be told to fetch, be told to send).
    fn third_party(&self, storage: &str) -> (bool, bool) {
        let said = self
            .storages
            .get(storage)
            .or_else(|| self.storages.get("*"));
        match said
            .and_then(|said| said.pointer("/se_info/tpc_support"))
            .and_then(Value::as_str)
        {
            Some("PULL") => (true, false),
            Some("PUSH") => (false, true),
            Some("NONE") => (false, false),
            _ => (true, true),
        }
    }

    /// Who moves the bytes from `source` to `destination`: the wished way if both can, else the other; `None` when only
    /// streaming through FTS would be left.
    pub fn mode(&self, source: &str, destination: &str, wished: CopyMode) -> Option<CopyMode> {
        let pull = self.third_party(destination).0.then_some(CopyMode::Pull);
        let push = self.third_party(source).1.then_some(CopyMode::Push);
        match wished {
            CopyMode::Pull => pull.or(push),
            CopyMode::Push => push.or(pull),
        }
    }
}

/// A limit in a posted object; negative and absent are none.
fn limit(of: &Value, name: &str) -> Result<Option<usize>, Refused> {
    match of.get(name).filter(|value| !value.is_null()) {
        None => Ok(None),
        Some(value) => Ok(usize::try_from(python_int(value)?).ok()),
    }
}

fn room<V>(map: &BTreeMap<String, V>, key: &str) -> Result<(), Refused> {
    if map.len() < MOST || map.contains_key(key) {
        Ok(())
    } else {
        Err(Refused::bad("Too many entries"))
    }
}

impl Book {
    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Sets one storage element: `{"se_info": {…}, "operations": {…}}`; members that are not named stay.
    pub fn set_storage(&mut self, storage: &str, given: &Value) -> Result<(), Refused> {
        let Value::Object(given) = given else {
            return Err(Refused::bad("Expecting a dictionary"));
        };
        room(&self.settings.storages, storage)?;
        let info = given.get("se_info").cloned().unwrap_or_default();
        let (out, into) = (
            limit(&info, "outbound_max_active")?,
            limit(&info, "inbound_max_active")?,
        );
        let support = info.get("tpc_support").filter(|support| !support.is_null());
        if support.is_some_and(|support| {
            !matches!(support.as_str(), Some("FULL" | "PULL" | "PUSH" | "NONE"))
        }) {
            return Err(Refused::bad(
                "tpc_support must be one of FULL, PULL, PUSH, NONE",
            ));
        }
        let entry = self
            .settings
            .storages
            .entry(storage.to_owned())
            .or_insert_with(|| Value::Object(Map::new()));
        for (name, part) in given {
            match (entry.get_mut(name), part) {
                (Some(Value::Object(old)), Value::Object(new)) => old.extend(new.clone()),
                _ => entry[name] = part.clone(),
            }
        }
        if info.is_object() {
            self.scheduler.limit_storage(storage, out, into);
        }
        Ok(())
    }

    /// Forgets what was set for a storage element.
    pub fn forget_storage(&mut self, storage: &str) -> bool {
        self.scheduler.limit_storage(storage, None, None);
        self.settings.storages.remove(storage).is_some()
    }

    /// Sets one link: `symbolicname`, `source`, `destination`, `max_active` and more.
    pub fn set_link(&mut self, given: &Value) -> Result<(), Refused> {
        let text = |name: &str| {
            given
                .get(name)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
        };
        let need = |name: &str| text(name).ok_or_else(|| Refused::bad(format!("Missing {name}")));
        let (name, source, destination) =
            (need("symbolicname")?, need("source")?, need("destination")?);
        room(&self.settings.links, name)?;
        let (least, most) = (limit(given, "min_active")?, limit(given, "max_active")?);
        if let (Some(least), Some(most)) = (least, most)
            && least > most
        {
            return Err(Refused::bad("max_active is lower than min_active"));
        }
        self.scheduler
            .limit_link((source.to_owned(), destination.to_owned()), most);
        self.settings.links.insert(name.to_owned(), given.clone());
        Ok(())
    }

    /// Forgets a link by its symbolic name.
    pub fn forget_link(&mut self, name: &str) -> bool {
        let Some(link) = self.settings.links.remove(name) else {
            return false;
        };
        let text = |name: &str| {
            link.get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        self.scheduler
            .limit_link((text("source"), text("destination")), None);
        true
    }

    /// Sets global values; `retry` counts for jobs that do not say.
    pub fn set_global(&mut self, given: &Map<String, Value>) -> Result<(), Refused> {
        if let Some(retry) = given.get("retry").filter(|retry| !retry.is_null()) {
            self.rules.retry = python_int(retry)?;
        }
        if self.settings.global.len() + given.len() > MOST {
            return Err(Refused::bad("Too many entries"));
        }
        self.settings.global.extend(given.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_mode_follows_what_both_sides_can_do() {
        use CopyMode::{Pull, Push};
        let cases = [
            ("FULL", "FULL", Pull, Some(Pull)),
            ("FULL", "FULL", Push, Some(Push)),
            ("FULL", "PUSH", Pull, Some(Push)),
            ("PULL", "FULL", Push, Some(Pull)),
            ("PULL", "PUSH", Pull, None),
            ("NONE", "NONE", Pull, None),
        ];
        for (source, destination, wished, wanted) in cases {
            let mut book = Book::new(&crate::Config::default(), "fts.example");
            book.set_storage("davs://a", &json!({"se_info": {"tpc_support": source}}))
                .unwrap();
            book.set_storage(
                "davs://b",
                &json!({"se_info": {"tpc_support": destination}}),
            )
            .unwrap();
            assert_eq!(
                book.settings().mode("davs://a", "davs://b", wished),
                wanted,
                "{source} to {destination}"
            );
        }
    }

    #[test]
    fn settings_are_checked() {
        let mut book = Book::new(&crate::Config::default(), "fts.example");
        assert!(
            book.set_storage("davs://a", &json!({"se_info": {"tpc_support": "MAYBE"}}))
                .is_err()
        );
        assert!(book.set_storage("davs://a", &json!([])).is_err());
        assert!(
            book.set_link(&json!({"source": "a", "destination": "b"}))
                .is_err()
        );
        let link = json!({"symbolicname": "l", "source": "a", "destination": "b", "min_active": 5, "max_active": 2});
        assert!(book.set_link(&link).is_err());
    }
}

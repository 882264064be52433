//! The scenario library, built into the program.

/// A file of the library.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Path below `scenarios/`, for example `seed/delegated-identity.toml`.
    pub path: &'static str,
    /// Its content.
    pub text: &'static str,
}

const LIBRARY: &[Entry] = include!(concat!(env!("OUT_DIR"), "/library.rs"));
const WORLDS: &str = "worlds";

impl Entry {
    /// The name it is asked for by: the file's name without `.toml`.
    pub fn name(&self) -> &'static str {
        let file = self.path.rsplit('/').next().unwrap_or(self.path);
        file.strip_suffix(".toml").unwrap_or(file)
    }

    /// The folder it lies in: its theme.
    pub fn theme(&self) -> &'static str {
        self.path.split_once('/').map_or("", |(theme, _)| theme)
    }

    /// The value of its `title` line.
    pub fn title(&self) -> &'static str {
        self.top_line("title")
    }

    /// The value of its `source` line.
    pub fn source(&self) -> &'static str {
        self.top_line("source")
    }

    fn top_line(&self, key: &str) -> &'static str {
        self.text
            .lines()
            .take_while(|line| !line.starts_with('['))
            .find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix('='))
            .map_or("", |value| value.trim().trim_matches('"'))
    }
}

/// Every scenario, by theme and name. Worlds are not among them.
pub fn all() -> &'static [Entry] {
    // Folders are sorted, and `worlds` comes last among them.
    let end = LIBRARY
        .iter()
        .position(|e| e.theme() == WORLDS)
        .unwrap_or(LIBRARY.len());
    &LIBRARY[..end]
}

/// Whether a text is one of ours, to the letter.
pub fn holds(text: &str) -> bool {
    LIBRARY.iter().any(|entry| entry.text == text)
}

/// The scenario of that name.
pub fn get(name: &str) -> Option<&'static Entry> {
    all().iter().find(|e| e.name() == name)
}

/// Every world.
pub fn worlds() -> impl Iterator<Item = &'static Entry> {
    LIBRARY.iter().filter(|e| e.theme() == WORLDS)
}

/// The world of that name.
pub fn world(name: &str) -> Option<&'static Entry> {
    worlds().find(|e| e.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_said_once_and_every_file_has_a_title_and_a_source() {
        let mut names: Vec<&str> = LIBRARY.iter().map(Entry::name).collect();
        names.sort_unstable();
        let before = names.len();
        names.dedup();
        assert_eq!(before, names.len(), "two files have the same name");
        for entry in LIBRARY {
            assert!(!entry.title().is_empty(), "{} has no title", entry.path);
            assert!(!entry.source().is_empty(), "{} has no source", entry.path);
            assert!(
                entry.text.starts_with("#:schema ../schema.json\n"),
                "{} names no schema",
                entry.path
            );
        }
        assert!(all().iter().all(|e| e.theme() != WORLDS));
        assert_eq!(
            all().len() + worlds().count(),
            LIBRARY.len(),
            "`worlds` is not the last folder"
        );
    }
}

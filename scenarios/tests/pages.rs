//! The page of each theme and its files belong together; the faults' theme has all of the catalogue.

use std::collections::BTreeSet;
use std::path::PathBuf;

use carnet_scenarios::library::{self, Entry};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn page(theme: &str) -> String {
    let path = folder().join(theme).join("README.md");
    std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

fn everything() -> impl Iterator<Item = &'static Entry> {
    library::all().iter().chain(library::worlds())
}

#[test]
fn every_file_has_its_row_on_its_themes_page() {
    let mut missing = Vec::new();
    for entry in everything() {
        let command = match entry.theme() {
            "worlds" => "carnet serve --topology",
            _ => "carnet run",
        };
        let name = entry.name();
        let row = format!(
            "| [`{name}.toml`]({name}.toml) | {} | `{command} {name}` |",
            entry.title()
        );
        if !page(entry.theme()).contains(&row) {
            missing.push(format!("{}/README.md: {row}", entry.theme()));
        }
    }
    assert!(
        missing.is_empty(),
        "rows are missing:\n{}",
        missing.join("\n")
    );
}

#[test]
fn every_row_has_its_file_and_every_theme_is_on_the_librarys_page() {
    let themes: BTreeSet<&str> = everything().map(Entry::theme).collect();
    let front = std::fs::read_to_string(folder().join("README.md")).expect("the library's page");
    for theme in themes {
        assert!(
            front.contains(&format!("[`{theme}/`]({theme}/README.md)")),
            "{theme}"
        );
        let rows = page(theme)
            .lines()
            .filter(|line| line.starts_with("| [`"))
            .count();
        let files = everything().filter(|entry| entry.theme() == theme).count();
        assert_eq!(
            rows, files,
            "{theme}/README.md has rows of files that are not there"
        );
    }
}

#[test]
fn every_fault_of_the_storage_page_is_a_scenario() {
    let faults = || {
        library::all()
            .iter()
            .filter(|entry| entry.theme() == "faults")
    };
    for number in 1..=22 {
        assert!(
            faults().any(|entry| {
                entry.title().starts_with(&format!("F{number}: "))
                    && entry.name().starts_with(&format!("f{number:02}-"))
            }),
            "F{number} has no scenario"
        );
    }
    let page = page("faults");
    for (name, number, _) in carnet_storage::faults::CATALOGUE {
        let prefix = format!("f{:0>2}-", &number[1..]);
        let played = faults().any(|entry| {
            entry.text.contains(&format!("named = \"{name}\"")) && entry.name().starts_with(&prefix)
        });
        assert!(played, "no scenario of {number} has the fault {name}");
        assert!(
            page.contains(&format!("`{name}`")),
            "{name} is not on the faults' page"
        );
    }
}

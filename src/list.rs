//! `carnet list`: the scenario library, a line each, by theme.

use std::fmt::Write as _;

use carnet_scenarios::library::{self, Entry};

use crate::{Outcome, output};

/// The order in which themes are learned; one that is not here comes after them.
const ORDER: [&str; 4] = ["seed", "flows", "refusals", "faults"];

fn place(theme: &str) -> usize {
    ORDER
        .iter()
        .position(|known| *known == theme)
        .unwrap_or(ORDER.len())
}

pub(crate) fn list(filter: Option<&str>) -> anyhow::Result<Outcome> {
    let filter = filter.map(str::to_lowercase);
    let wanted = |entry: &&Entry| {
        filter.as_deref().is_none_or(|filter| {
            entry.path.to_lowercase().contains(filter)
                || entry.title().to_lowercase().contains(filter)
        })
    };
    let mut scenarios: Vec<&Entry> = library::all().iter().filter(wanted).collect();
    scenarios.sort_by_key(|entry| place(entry.theme()));
    let worlds: Vec<&Entry> = library::worlds().filter(wanted).collect();
    anyhow::ensure!(
        !scenarios.is_empty() || !worlds.is_empty(),
        "nothing in the library has `{}` in its name, theme or title (`carnet list` shows all)",
        filter.unwrap_or_default()
    );
    let width = scenarios
        .iter()
        .chain(&worlds)
        .map(|entry| entry.name().len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    let mut theme = "";
    for entry in scenarios.iter().chain(&worlds) {
        if entry.theme() != theme {
            theme = entry.theme();
            let how = if theme == "worlds" {
                "  (carnet serve --topology NAME)"
            } else {
                ""
            };
            writeln!(
                text,
                "{}{theme}{how}",
                if text.is_empty() { "" } else { "\n" }
            )?;
        }
        writeln!(text, "  {:width$}  {}", entry.name(), entry.title())?;
    }
    output::tell(&text);
    Ok(Outcome::Held)
}

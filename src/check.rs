//! `carnet check`: read scenario files, resolve what they name, report every problem, run nothing.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use carnet_scenarios::{Changes, LoadError, Scenario, library, load};

use crate::{Outcome, output};

pub(crate) fn check(files: &[PathBuf]) -> anyhow::Result<Outcome> {
    let names = if files.is_empty() {
        library::all()
            .iter()
            .map(|entry| entry.name().to_owned())
            .collect()
    } else {
        expand(files.iter().map(|file| file.display().to_string()))?
    };
    let mut wrong = 0_usize;
    let mut doubtful = 0_usize;
    for name in &names {
        match load(name, &Changes::default()) {
            Ok(scenario) => {
                doubtful += scenario.warnings.iter().count();
                tell_warnings(&scenario);
            }
            Err(error) => {
                wrong += 1;
                tell_load_error(&error);
            }
        }
    }
    let files = count(names.len(), "scenario file");
    if wrong > 0 {
        output::complain(&format!("{files} read: {} wrong", count(wrong, "file")));
        return Ok(Outcome::Wrong);
    }
    let doubts = if doubtful == 0 {
        String::new()
    } else {
        format!(", {} to look at", count(doubtful, "place"))
    };
    output::tell_line(&format!("{files} read, nothing wrong{doubts}"));
    Ok(Outcome::Held)
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}

/// What is doubtful in a scenario, on stderr.
pub(crate) fn tell_warnings(scenario: &Scenario) {
    if !scenario.warnings.is_empty() {
        output::complain(
            scenario
                .warnings
                .render(output::colour_on_stderr(), None)
                .trim_end(),
        );
    }
}

/// Why a scenario did not load, on stderr.
pub(crate) fn tell_load_error(error: &LoadError) {
    match error {
        LoadError::Wrong(problems) => {
            output::complain(problems.render(output::colour_on_stderr(), None).trim_end());
        }
        other => output::complain(&format!("error: {other}")),
    }
}

/// Names and files as given; a folder stands for every scenario file below it, sorted.
pub(crate) fn expand(given: impl IntoIterator<Item = String>) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for name in given {
        if Path::new(&name).is_dir() {
            let before = names.len();
            walk(Path::new(&name), &mut names)?;
            anyhow::ensure!(names.len() > before, "there is no .toml file below {name}");
        } else {
            names.push(name);
        }
    }
    Ok(names)
}

fn walk(folder: &Path, names: &mut Vec<String>) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read the folder {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            walk(&path, names)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            names.push(path.display().to_string());
        }
    }
    Ok(())
}

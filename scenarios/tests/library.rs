//! Every scenario of the library is a test, by its name: it is read without a problem, played, and every expectation holds.

use std::fmt::Write as _;
use std::process::ExitCode;

use carnet_scenarios::{Changes, PlayOptions, Played, library, load, load_text, play};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let scenarios = library::all().iter().map(|entry| {
        let name = entry.name();
        Trial::test(name, move || played(name)).with_kind(entry.theme())
    });
    let worlds = library::worlds().map(|entry| {
        let path = entry.path;
        Trial::test(entry.name(), move || read(path)).with_kind("worlds")
    });
    let whole = Trial::test("every_file_is_as_the_schema_says", as_the_schema_says);
    let trials = scenarios.chain(worlds).chain([whole]).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A text that is ours to the letter is not held against the schema at every start; here each is, being a line longer.
fn as_the_schema_says() -> Result<(), Failed> {
    for entry in library::all()
        .iter()
        .copied()
        .chain(library::worlds().copied())
    {
        let told = |text: &str| match load_text(entry.path, text, None, &Changes::default()) {
            Ok(scenario) => scenario.warnings.to_string(),
            Err(error) => error.to_string(),
        };
        let (as_it_is, held_against) = (told(entry.text), told(&format!("{}\n", entry.text)));
        if held_against != as_it_is {
            return Err(held_against.into());
        }
    }
    Ok(())
}

fn read(path: &str) -> Result<(), Failed> {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    let world =
        load(&path, &Changes::default()).map_err(|error| Failed::from(error.to_string()))?;
    if !world.is_world() {
        return Err("a world has no steps".into());
    }
    if world.warnings.is_empty() {
        Ok(())
    } else {
        Err(world.warnings.to_string().into())
    }
}

fn played(name: &str) -> Result<(), Failed> {
    // The data is small here: what is transferred does not change who says what.
    let changes = Changes {
        set: small(name),
        ..Changes::default()
    };
    let scenario = load(name, &changes).map_err(|error| Failed::from(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let played = runtime.block_on(play(&scenario, PlayOptions::default()))?;
    if played.held() {
        Ok(())
    } else {
        Err(told(&played).into())
    }
}

/// The change that makes a scenario's 64 MiB one.
fn small(name: &str) -> Vec<String> {
    let scenario = load(name, &Changes::default());
    let Ok(scenario) = scenario else {
        return Vec::new();
    };
    let mut set = Vec::new();
    for (actor, placed) in &scenario.actors {
        if let carnet_scenarios::format::ActorSpec::Storage(settings) = &placed.spec {
            for (file, content) in &settings.files {
                if content.size.is_some_and(|size| size.0 == 64 << 20) {
                    set.push(format!("actors.{actor}.storage.files.\"{file}\"=1 MiB"));
                }
            }
        }
    }
    set
}

fn told(played: &Played) -> String {
    let mut out = String::new();
    for expectation in played.expectations.iter().filter(|e| !e.held) {
        let place = expectation.place.as_deref().unwrap_or_default();
        let label = expectation.label.as_deref().unwrap_or("-");
        let why = expectation.why.as_deref().unwrap_or_default();
        let _ = writeln!(
            out,
            "{place}: {label}: {}\n  {}",
            expectation.expectation,
            why.replace('\n', "\n  ")
        );
    }
    for record in &played.records {
        let line = serde_json::to_string(record).unwrap_or_default();
        out.push_str(&line.chars().take(300).collect::<String>());
        out.push('\n');
    }
    out
}

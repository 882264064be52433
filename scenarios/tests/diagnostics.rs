//! What a person is told about a broken file: one file a case in `broken/`, one snapshot each.

use std::path::Path;

use carnet_scenarios::{Changes, LoadError, load, load_text};

/// Reads `broken/NAME.toml`; `# set: …` lines at its top are `--set` words.
fn told(name: &str) -> String {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/broken"));
    let text =
        std::fs::read_to_string(folder.join(format!("{name}.toml"))).expect("the case has a file");
    let set = text
        .lines()
        .filter_map(|line| line.strip_prefix("# set: "))
        .map(str::to_owned)
        .collect();
    match load_text(
        &format!("{name}.toml"),
        &text,
        Some(folder),
        &Changes {
            set,
            ..Changes::default()
        },
    ) {
        Err(LoadError::Wrong(problems)) => problems.to_string(),
        Err(other) => other.to_string(),
        Ok(scenario) => scenario.warnings.to_string(),
    }
}

macro_rules! cases {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                insta::assert_snapshot!(stringify!($name), told(stringify!($name)));
            }
        )*

        #[test]
        fn every_broken_file_has_its_case() {
            let cases = [$(stringify!($name)),*];
            for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/broken")).unwrap() {
                let path = file.unwrap().path();
                let name = path.file_stem().unwrap().to_string_lossy().into_owned();
                assert!(cases.contains(&name.as_str()), "{name} has no case");
            }
        }
    };
}

cases! {
    audiences
    empty
    expectations
    external
    hosts
    missing_actors
    names
    not_toml
    scopes
    set_words
    steps
    types
    unknown_keys
    values
    world
}

#[test]
fn an_unknown_name_is_told_with_the_nearest_one() {
    for (asked, told) in [
        (
            "delegated-identiti",
            "there is no scenario `delegated-identiti`; did you mean `delegated-identity`? (`carnet list` shows all)",
        ),
        (
            "zzz",
            "there is no scenario `zzz` (`carnet list` shows all)",
        ),
        (
            "nowhere/at-all.toml",
            "there is no scenario `nowhere/at-all.toml`: no such file (see `carnet list` for the library)",
        ),
        (
            "./group-based.toml",
            "there is no scenario `./group-based.toml`: no such file; the library has one of that name, `group-based`",
        ),
    ] {
        assert_eq!(
            load(asked, &Changes::default()).unwrap_err().to_string(),
            told
        );
    }
}

//! From a file's text to a scenario, or to everything that is wrong with it.

mod check;
mod complete;
mod lints;
mod locate;
mod outside;
mod read;
mod tree;
mod walk;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use indexmap::IndexMap;
use serde_json::Value as Json;
use toml::de::DeValue;

use crate::format::{Expect, File, Placed, Step};
use crate::library;
use crate::problem::{Problem, Problems};
use crate::source::Sources;

pub(crate) use check::default_host;
pub(crate) use complete::{did_of, url_of};
pub use locate::Location;
pub(crate) use outside::{brought_by, external};
use tree::Table;

/// A scenario that can be played.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name: the file's name without `.toml`.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// Where the story comes from.
    pub source: Option<String>,
    /// Seed of chance.
    pub seed: u64,
    /// Who is on the stage, by name, in the file's order.
    pub actors: IndexMap<String, Placed>,
    /// What happens.
    pub steps: Vec<Told<Step>>,
    /// What must be seen.
    pub expects: Vec<Told<Expect>>,
    /// What is doubtful though it can be played.
    pub warnings: Problems,
}

/// A part of a scenario and where it is told.
#[derive(Clone, Debug)]
pub struct Told<T> {
    /// The part.
    pub what: T,
    /// Where it stands in [`Scenario::sources`].
    pub span: Range<usize>,
}

impl Scenario {
    /// The texts it was read from.
    pub fn sources(&self) -> &Sources {
        &self.warnings.sources
    }

    /// Whether a service of somebody else's takes an actor's place.
    pub fn has_external(&self) -> bool {
        external(&self.actors).next().is_some()
    }

    /// A file without steps is a world: it can be served, but there is nothing to play.
    pub fn is_world(&self) -> bool {
        self.steps.is_empty()
    }
}

/// Why there is no scenario.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The library has no scenario of that name and there is no such file.
    #[error("there is no scenario `{name}`{hint}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The nearest name, and where to see all.
        hint: String,
    },
    /// The file cannot be read.
    #[error("cannot read {path}: {why}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        why: std::io::Error,
    },
    /// The file says something wrong.
    #[error("{0}")]
    Wrong(Box<Problems>),
}

/// What changes a scenario from outside its file.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// `path=value` words, for example `actors.iam.issuer.compat=strict`.
    pub set: Vec<String>,
    /// Seed of chance, instead of the file's own.
    pub seed: Option<u64>,
    /// A file of the user's, transferred instead of the scenario's own data.
    pub file: Option<PathBuf>,
    /// A folder in which the destination of a transfer keeps its files.
    pub keep: Option<PathBuf>,
    /// Real addresses for outside programs, instead of the stage's own names.
    pub location: Option<Location>,
}

/// Loads a scenario of the library by name, or any scenario file by path.
pub fn load(name: &str, changes: &Changes) -> Result<Scenario, LoadError> {
    let found = find(name)?;
    load_text(&found.shown, &found.text, found.folder.as_deref(), changes)
}

/// Loads a scenario from a text. `shown` names it in messages; worlds given by path are looked for in `folder`.
pub fn load_text(
    shown: &str,
    text: &str,
    folder: Option<&Path>,
    changes: &Changes,
) -> Result<Scenario, LoadError> {
    let mut sources = Sources::default();
    let (mut problems, mut syntax_only) = (Vec::new(), Vec::new());
    let start = sources.add(shown, text);
    let mut root = tree::parse(text, start, &mut syntax_only);

    let world = tree::text_at(&root, &["world"]).map(|(name, span)| (name.to_owned(), span));
    let world_text = world.and_then(|(name, span)| match world_text(&name, folder) {
        Ok(found) => Some(found),
        Err(problem) => {
            problems.push(problem(span));
            None
        }
    });
    // Without its world a scenario names people who are not there; that is not told once more for each of them.
    let whole = problems.is_empty();
    if let Some((shown, text)) = &world_text {
        let offset = sources.add(shown.as_str(), text);
        let mut under = tree::parse(text, offset, &mut syntax_only);
        let mut joined = Table::new();
        if let Some((key, actors)) = under.remove_entry("actors") {
            joined.insert(key, actors);
        }
        tree::lay(&mut joined, root);
        root = joined;
    }
    for words in &changes.set {
        let offset = sources.add("--set", words);
        tree::set(&mut root, words, offset, &mut problems);
    }

    if !syntax_only.is_empty() {
        // What was read around a slip of syntax is not what was meant.
        return Err(LoadError::Wrong(Box::new(Problems::new(
            sources,
            syntax_only,
        ))));
    }
    // The library was held against the schema by its test (`scenarios/tests/library.rs`), and making the schema is the
    // dearest part of a start.
    let ours = library::holds(text)
        && changes.set.is_empty()
        && world_text
            .as_ref()
            .is_none_or(|(_, text)| library::holds(text));
    if !ours {
        problems.extend(walk::Walk::new(schema()).check(&root, start));
    }
    if whole {
        problems.extend(check::check(&root, start));
    }
    locate::locate(&mut root, changes.location.as_ref());
    let mut parts = read::parts(&root, &mut problems);
    for name in changes.location.iter().flat_map(|place| &place.only) {
        if !parts.actors.contains_key(name) {
            let offset = sources.add("--only", name);
            let span = offset..offset + name.len();
            let title = format!("no actor is called `{name}`");
            let problem = Problem::error(span.clone(), title, "unknown actor");
            let known = parts.actors.keys().map(String::as_str);
            problems.push(tree::suggest(problem, name, &span, known, "on the stage"));
        }
    }
    parts.seed = changes.seed.unwrap_or(parts.seed);
    complete::complete(&mut parts, changes, &mut problems);
    outside::follow(&mut parts);

    let problems = Problems::new(sources, problems);
    if problems.fatal() {
        return Err(LoadError::Wrong(Box::new(problems)));
    }
    let name = Path::new(shown)
        .file_stem()
        .map_or_else(|| shown.to_owned(), |s| s.to_string_lossy().into_owned());
    Ok(Scenario {
        name,
        title: parts.title,
        source: parts.source,
        seed: parts.seed,
        actors: parts.actors,
        steps: parts.steps,
        expects: parts.expects,
        warnings: problems,
    })
}

/// The JSON schema of scenario files.
pub fn schema() -> &'static Json {
    static SCHEMA: OnceLock<Json> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let generator = schemars::generate::SchemaSettings::draft2020_12().into_generator();
        let mut schema = generator.into_root_schema_for::<File>().to_value();
        if let Some(object) = schema.as_object_mut() {
            object.insert("title".to_owned(), Json::from("A Carnet scenario"));
        }
        schema
    })
}

struct Found {
    shown: String,
    text: String,
    folder: Option<PathBuf>,
}

fn find(name: &str) -> Result<Found, LoadError> {
    let looks_like_path =
        name.contains(['/', '\\']) || Path::new(name).extension().is_some_and(|e| e == "toml");
    if looks_like_path {
        let path = PathBuf::from(name);
        return match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Found {
                shown: name.to_owned(),
                text,
                folder: path.parent().map(Path::to_owned),
            }),
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => {
                let stem = path
                    .file_stem()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                let hint = match library::get(&stem) {
                    Some(_) => {
                        format!(": no such file; the library has one of that name, `{stem}`")
                    }
                    None => ": no such file (see `carnet list` for the library)".to_owned(),
                };
                Err(LoadError::Unknown {
                    name: name.to_owned(),
                    hint,
                })
            }
            Err(why) => Err(LoadError::Unreadable { path, why }),
        };
    }
    let Some(entry) = library::get(name) else {
        let meant = crate::words::nearest(name, library::all().iter().map(library::Entry::name));
        let meant = meant
            .map(|m| format!("; did you mean `{m}`?"))
            .unwrap_or_default();
        let hint = format!("{meant} (`carnet list` shows all)");
        return Err(LoadError::Unknown {
            name: name.to_owned(),
            hint,
        });
    };
    Ok(Found {
        shown: format!("scenarios/{}", entry.path),
        text: entry.text.to_owned(),
        folder: None,
    })
}

type WorldProblem = Box<dyn FnOnce(Range<usize>) -> Problem>;

fn world_text(name: &str, folder: Option<&Path>) -> Result<(String, String), WorldProblem> {
    if Path::new(name).extension().is_some_and(|e| e == "toml") {
        let path = folder.map_or_else(|| PathBuf::from(name), |f| f.join(name));
        return std::fs::read_to_string(&path)
            .map(|text| (path.display().to_string(), text))
            .map_err(|why| {
                let title = format!("cannot read the world {}: {why}", path.display());
                let told: WorldProblem =
                    Box::new(move |span| Problem::error(span, title, "this file"));
                told
            });
    }
    if let Some(entry) = library::world(name) {
        return Ok((format!("scenarios/{}", entry.path), entry.text.to_owned()));
    }
    let name = name.to_owned();
    Err(Box::new(move |span: Range<usize>| {
        let known: Vec<&str> = library::worlds().map(library::Entry::name).collect();
        let inner = span.start + 1..span.end.saturating_sub(1).max(span.start + 1);
        let problem = Problem::error(span, format!("there is no world `{name}`"), "unknown world");
        tree::suggest(problem, &name, &inner, known, "there are")
    }))
}

/// Reads one value of a table, if it is there and is a table.
fn table<'t, 'a>(root: &'t Table<'a>, key: &str) -> Option<&'t Table<'a>> {
    root.get(key).and_then(|v| v.get_ref().as_table())
}

/// The entries of a list of tables.
fn entries<'t, 'a>(root: &'t Table<'a>, key: &str) -> impl Iterator<Item = &'t tree::Value<'a>> {
    let list = match root.get(key).map(toml::Spanned::get_ref) {
        Some(DeValue::Array(list)) => Some(list),
        _ => None,
    };
    list.into_iter().flat_map(|list| list.iter())
}

//! What a scenario file may say: the shape of its tables, one file per part.

mod actors;
mod expect;
mod external;
mod steps;
mod values;

use indexmap::IndexMap;
use schemars::JsonSchema;

pub use actors::{ActorSpec, Common, Kind, Placed, Tls};
pub use expect::{
    Aside, ExchangePattern, Expect, FaultPattern, IssuedPattern, JudgedPattern, NotePattern,
    Pattern, StatePattern,
};
pub use external::External;
pub use steps::{
    Advance, Await, Copy, Fault, Flow, Get, GetToken, LeaveGroup, Put, Replicate, Request,
    RotateKeys, Skew, Step, SuspendUser,
};
pub use values::{Duration, Statuses};

/// A scenario: who is on the stage, what happens, and what must be seen.
///
/// A file without steps is a world: a cast that scenarios build on (`world = "…"`) and `carnet serve` brings up.
///
/// The loader reads the parts one by one, so that all problems are told at once; this is their joint shape.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct File {
    /// What the scenario shows, as the heading of its narration. Only a world can do without.
    pub title: Option<String>,
    /// Where the story comes from: a document, a recording, a requirement.
    pub source: Option<String>,
    /// A world of the library (the file's name without `.toml`), or a path ending in `.toml` beside this file,
    /// whose actors are on the stage too. What this file says about an actor is laid over what the world says.
    pub world: Option<String>,
    /// Seed of everything that is left to chance; the same seed gives the same run. Left out: 1.
    pub seed: Option<u64>,
    /// Who is on the stage, by name.
    #[schemars(default)]
    pub actors: IndexMap<String, Placed>,
    /// What happens, in order.
    #[schemars(default)]
    pub step: Vec<Step>,
    /// What must be found in the journal afterwards.
    #[schemars(default)]
    pub expect: Vec<Expect>,
}

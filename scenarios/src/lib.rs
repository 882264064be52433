//! The scenario library: the format of scenario files, the loader, the player, the expectations.
//!
//! [`load`] turns a file into a [`Scenario`] or into everything that is wrong with it.

mod expectations;
pub mod format;
pub mod library;
mod loader;
mod player;
mod problem;
mod source;
mod words;

pub use expectations::{Unseen, check as check_expectations, pattern_in_words};
pub use loader::{Changes, LoadError, Location, Scenario, Told, load, load_text, schema};
pub use player::{
    Member, OnJournal, PlayError, PlayOptions, Played, Running, admin_name, bring_up, play,
};
pub use problem::{Problem, Problems, Severity};
pub use source::{Place, Sources};

//! Views of a journal: what happened on the stage, told to people and to their tools.
//!
//! Every view is a pure function of records; nothing here prints, reads a clock or knows a file.
//! Foreign text never reaches a terminal unwashed ([`text::clean`]), tokens never appear ([`mask::hide`]).

pub mod curl;
mod facts;
pub mod html;
pub mod json;
pub mod junit;
pub mod lineage;
pub mod mask;
pub mod mermaid;
pub mod narration;
pub mod outcome;
pub mod palette;
mod sheet;
pub mod suite;
pub mod text;
pub mod token;
pub mod why;
pub mod words;

pub use narration::{Level, Narrator, Options};
pub use outcome::{Copied, Outcome, Tally};
pub use palette::Palette;
pub use suite::Played;

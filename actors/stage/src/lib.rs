//! What every actor stands on: clock, chance, names, the HTTPS server and client, journal, faults.
//!
//! An actor crate gets one [`Actor`] and gives back routes; the [`Stage`] owns listeners, the run's
//! certificate authority and the one [`Journal`]. Actors meet only on the wire.

mod actor;
mod ahead;
pub mod body;
mod bounded;
mod cause;
mod chance;
mod client;
mod clock;
mod connector;
mod event;
mod exchange;
mod expect;
mod faults;
mod guard;
mod handler;
mod head;
mod interim;
mod journal;
mod lanes;
mod names;
mod near;
pub mod page;
mod passing;
mod patience;
mod redact;
mod server;
mod sink;
mod spelling;
mod stage;
mod strings;
pub mod testing;
mod unread;

pub use actor::{Actor, StartError};
pub use body::Body;
pub use bounded::Bounded;
pub use cause::{current_cause, with_cause};
pub use chance::Chance;
pub use client::{Client, ClientError};
pub use clock::{Clock, Stopwatch};
pub use event::{
    BodyRecord, CheckRecord, Event, Exchange, Expectation, FaultEvent, Issued, Json, Judged, Note,
    Record, Seq, StateChange, Step, TokenUse,
};
pub use expect::expecting;
pub use faults::{Effect, Fault, FaultPlace, Faults};
pub use handler::{Answering, Handler};
pub use interim::Interim;
pub use journal::{Journal, JournalOptions, Pending, Sink};
pub use names::{Names, Place};
pub use patience::Patience;
pub use redact::{digest_of, jti_of, redact_text};
pub use server::{Peer, ServerOptions};
pub use sink::{JsonLines, write_json_lines};
pub use stage::{Stage, StageError, StageOptions, is_brief};

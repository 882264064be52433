//! Faults that a scenario installs at an actor: a rule, what it does, how often.

use std::sync::{Arc, Mutex, PoisonError};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a fault sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FaultPlace {
    /// In the actor's own handler: requests that come in.
    Handler,
    /// On the actor's outgoing requests.
    Outgoing,
}

/// What a fault does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Answers this status at once.
    Status(u16),
    /// Waits this many milliseconds of stage time first.
    DelayMillis(u64),
    /// Ends the body after so many bytes.
    CutAfter(u64),
    /// Stops moving after so many bytes, without ending.
    StallAfter(u64),
    /// Flips a bit of the byte at this offset.
    FlipByte(u64),
    /// Closes the connection without an answer.
    Drop,
    /// Leaves out the header of that name.
    OmitHeader(String),
    /// Sets a header, "name: value".
    SetHeader(String),
    /// One of the actor's own, by its name in the catalogue.
    Named(String),
}

/// An installed fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Its name, shown in the journal.
    pub name: String,
    /// Where it sits.
    #[serde(default = "handler")]
    pub place: FaultPlace,
    /// Only requests with this method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only paths that begin so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// How often it acts; always, when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// What it does.
    pub effect: Effect,
}

fn handler() -> FaultPlace {
    FaultPlace::Handler
}

/// The faults installed at one actor.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    installed: Arc<Mutex<Vec<Fault>>>,
}

impl Faults {
    /// Installs one; of several that fit, the first installed acts.
    pub fn install(&self, fault: Fault) {
        self.lock().push(fault);
    }

    /// Takes out all of that name; whether there was one.
    pub fn remove(&self, name: &str) -> bool {
        let mut installed = self.lock();
        let before = installed.len();
        installed.retain(|fault| fault.name != name);
        installed.len() < before
    }

    /// Whether there is none (the hot path asks this first).
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// The fault that acts on this request, its count used up by one.
    pub fn take(&self, place: FaultPlace, method: &str, path: &str) -> Option<Fault> {
        let mut installed = self.lock();
        let at = installed.iter().position(|fault| {
            fault.place == place
                && fault.times != Some(0)
                && fault
                    .method
                    .as_deref()
                    .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
                && fault
                    .path
                    .as_deref()
                    .is_none_or(|wanted| path.starts_with(wanted))
        })?;
        let fault = &mut installed[at];
        if let Some(times) = &mut fault.times {
            *times -= 1;
        }
        Some(fault.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Fault>> {
        self.installed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_acts_on_what_it_names_as_often_as_it_says() {
        let faults = Faults::default();
        faults.install(Fault {
            name: "busy".into(),
            place: FaultPlace::Handler,
            method: Some("COPY".into()),
            path: Some("/example".into()),
            times: Some(1),
            effect: Effect::Status(503),
        });
        assert!(
            faults
                .take(FaultPlace::Handler, "GET", "/example/f")
                .is_none()
        );
        assert!(
            faults
                .take(FaultPlace::Outgoing, "COPY", "/example/f")
                .is_none()
        );
        assert!(faults.take(FaultPlace::Handler, "COPY", "/other").is_none());
        assert!(
            faults
                .take(FaultPlace::Handler, "copy", "/example/f")
                .is_some()
        );
        assert!(
            faults
                .take(FaultPlace::Handler, "COPY", "/example/f")
                .is_none()
        );
    }
}

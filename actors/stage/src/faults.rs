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
    /// Only every so-many-th of the requests it fits; every one, when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// What it does.
    pub effect: Effect,
}

impl Fault {
    fn fits(&self, place: FaultPlace, method: &str, path: &str) -> bool {
        self.place == place
            && self.times != Some(0)
            && self
                .method
                .as_deref()
                .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self
                .path
                .as_deref()
                .is_none_or(|wanted| path.starts_with(wanted))
    }
}

fn handler() -> FaultPlace {
    FaultPlace::Handler
}

/// A fault, and how many requests it has fitted.
#[derive(Debug)]
struct Installed {
    fault: Fault,
    fitted: u64,
}

/// The faults installed at one actor.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    installed: Arc<Mutex<Vec<Installed>>>,
}

impl Faults {
    /// Installs one; of several that fit, the first installed acts.
    pub fn install(&self, fault: Fault) {
        self.lock().push(Installed { fault, fitted: 0 });
    }

    /// Takes out all of that name; whether there was one.
    pub fn remove(&self, name: &str) -> bool {
        let mut installed = self.lock();
        let before = installed.len();
        installed.retain(|one| one.fault.name != name);
        installed.len() < before
    }

    /// Whether there is none (the hot path asks this first).
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// The fault that acts on this request, its count used up by one.
    pub fn take(&self, place: FaultPlace, method: &str, path: &str) -> Option<Fault> {
        let mut installed = self.lock();
        let one = installed.iter_mut().find_map(|one| {
            if !one.fault.fits(place, method, path) {
                return None;
            }
            one.fitted += 1;
            let every = one.fault.every.unwrap_or(1).max(1);
            one.fitted.is_multiple_of(every).then_some(one)
        })?;
        if let Some(times) = &mut one.fault.times {
            *times -= 1;
        }
        Some(one.fault.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Installed>> {
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
            every: None,
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

    #[test]
    fn a_fault_of_every_third_request_lets_two_pass() {
        let faults = Faults::default();
        faults.install(Fault {
            name: "now and then".into(),
            place: FaultPlace::Handler,
            method: None,
            path: None,
            times: None,
            every: Some(3),
            effect: Effect::Status(503),
        });
        let struck: Vec<bool> = (0..7)
            .map(|_| faults.take(FaultPlace::Handler, "GET", "/f").is_some())
            .collect();
        assert_eq!(struck, [false, false, true, false, false, true, false]);
    }
}

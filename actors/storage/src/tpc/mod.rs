//! Third-party copies (storage page §2): the client only asks, the bytes go from storage to storage.

pub mod guard;
pub mod markers;
pub mod redirect;
pub mod request;

mod pull;
mod push;
mod remote;
mod report;
mod streams;
mod words;

use std::sync::Arc;
use std::time::Duration;

use carnet_stage::{Actor, Client};
use tokio::sync::Semaphore;

use crate::answer::{self, Answer};
use crate::config::Config;
use crate::dialect::{Dialect, Doing, OnDisconnect};
use crate::methods::{Call, relocate};
use request::Direction;

/// What all copies of a storage element share.
pub(crate) struct Copier {
    running: Arc<Semaphore>,
    client: Client,
    pub(crate) first_marker: Duration,
    pub(crate) period: Duration,
    pub(crate) on_disconnect: OnDisconnect,
    pub(crate) require_checksum: bool,
    pub(crate) stall: Duration,
}

/// Copies that move bytes at a time unless configured; the others wait and report 0 bytes (storage page §7.3).
const MOST: usize = 100;

impl Copier {
    pub(crate) fn new(actor: &Actor, config: &Config, dialect: &Dialect) -> Self {
        let copies = &config.copies;
        let period = copies.marker_seconds.map_or(dialect.tpc.period, |s| {
            Duration::from_secs(u64::from(s.clamp(1, 30)))
        });
        Self {
            running: Arc::new(Semaphore::new(copies.most.unwrap_or(MOST).max(1))),
            client: guard::client(actor.client(), copies),
            first_marker: dialect.tpc.first_marker,
            period,
            on_disconnect: copies.on_disconnect.unwrap_or(dialect.tpc.on_disconnect),
            require_checksum: copies
                .require_checksum
                .unwrap_or(dialect.tpc.require_checksum),
            stall: Duration::from_secs(u64::from(copies.stall_seconds.unwrap_or(60).max(1))),
        }
    }
}

/// COPY.
pub(crate) async fn answer(call: Call) -> Answer {
    let element = call.element.clone();
    let asked = match request::parse(&call.parts.headers, element.dialect, |url| {
        element.is_here(url)
    }) {
        Ok(asked) => asked,
        Err(fault) => return answer::text(fault.status, &fault.why),
    };
    match asked.direction.clone() {
        Direction::Local(raw) => relocate::duplicate(call, &raw, asked.overwrite).await,
        Direction::Pull(_) if is_area_root(&call) => area_root(&call).await,
        Direction::Pull(source) => pull::answer(call, asked, source).await,
        Direction::Push(destination) => push::answer(call, asked, destination).await,
    }
}

fn is_area_root(call: &Call) -> bool {
    let element = &call.element;
    element.dialect.methods.area_root.is_some() && element.door.is_area_root(&call.path)
}

/// Nothing is pulled onto the root of an area, by nobody who might not be told so.
async fn area_root(call: &Call) -> Answer {
    if let Err(refused) = call.element.door.admit(call, Doing::PutOver).await {
        return refused;
    }
    let habit = call.element.dialect.methods.area_root;
    answer::text(
        habit.map_or(400, |root| root.pull),
        "the root of a storage area is no file",
    )
}

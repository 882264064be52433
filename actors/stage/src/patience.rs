//! How long nothing may move, in real time: a bound on a peer that stops in the middle.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::clock::Clock;

/// A wait that begins anew when something moves. It is asked only while there is something to wait for.
pub struct Patience {
    within: Duration,
    wait: Option<Pin<Box<dyn Future<Output = Option<()>> + Send>>>,
    moved: bool,
}

impl Patience {
    /// Waits for so long at least, and not twice as long.
    pub fn new(within: Duration) -> Self {
        Self {
            within,
            wait: None,
            moved: false,
        }
    }

    /// How long it waits.
    pub fn within(&self) -> Duration {
        self.within
    }

    /// Something moved.
    pub fn moved(&mut self) {
        self.moved = true;
    }

    /// Ready when nothing has moved for too long.
    pub fn poll_lost(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let within = self.within;
            if self.wait.is_none() {
                self.moved = false;
            }
            let wait = self.wait.get_or_insert_with(|| {
                Box::pin(Clock::within_real(within, std::future::pending()))
            });
            if wait.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.wait = None;
            if !self.moved {
                return Poll::Ready(());
            }
        }
    }
}

impl fmt::Debug for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Patience({:?})", self.within)
    }
}

//! The stage's clock: wall time that a scenario can move, freeze, and skew per actor.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// One view of the stage's time. Clones share the time; [`Clock::skewed`] gives a view that runs ahead or behind.
#[derive(Clone, Debug)]
pub struct Clock {
    shared: Arc<Shared>,
    skew: Arc<Mutex<SignedDuration>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    moved: watch::Sender<u64>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    offset: SignedDuration,
    frozen_at: Option<Timestamp>,
}

impl Clock {
    /// A clock that follows the machine's, until it is advanced.
    pub fn wall() -> Self {
        Self::with(State {
            offset: SignedDuration::ZERO,
            frozen_at: None,
        })
    }

    /// A clock that stands still at `start` and moves only by [`Clock::advance`].
    pub fn manual(start: Timestamp) -> Self {
        Self::with(State {
            offset: SignedDuration::ZERO,
            frozen_at: Some(start),
        })
    }

    fn with(state: State) -> Self {
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                moved: watch::channel(0).0,
            }),
            skew: Arc::new(Mutex::new(SignedDuration::ZERO)),
        }
    }

    /// The present instant as this view sees it.
    pub fn now(&self) -> Timestamp {
        let state = *lock(&self.shared.state);
        let base = state.frozen_at.unwrap_or_else(machine_now);
        saturating(saturating(base, state.offset), *lock(&self.skew))
    }

    /// Unix seconds, as a token's NumericDate (RFC 7519 §2) counts them.
    pub fn seconds(&self) -> i64 {
        self.now().as_second()
    }

    /// Unix milliseconds.
    pub fn millis(&self) -> i64 {
        self.now().as_millisecond()
    }

    /// A view that shares this clock's time but reads `by` more (negative: slow). Its skew can be changed later.
    pub fn skewed(&self, by: SignedDuration) -> Self {
        let total = lock(&self.skew).saturating_add(by);
        Self {
            shared: Arc::clone(&self.shared),
            skew: Arc::new(Mutex::new(total)),
        }
    }

    /// Sets how far this view (and its clones) is off.
    pub fn set_skew(&self, by: SignedDuration) {
        *lock(&self.skew) = by;
        self.shared.moved.send_modify(|n| *n += 1);
    }

    /// How far this view is off.
    pub fn skew(&self) -> SignedDuration {
        *lock(&self.skew)
    }

    /// Moves the time of every view ahead and wakes all who wait for a moment that has come.
    pub fn advance(&self, by: Duration) {
        {
            let mut state = lock(&self.shared.state);
            let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
            state.offset = state.offset.saturating_add(by);
        }
        self.shared.moved.send_modify(|n| *n += 1);
    }

    /// Waits until this view shows `until`, by the passing of time or by [`Clock::advance`].
    pub async fn sleep_until(&self, until: Timestamp) {
        let mut moved = self.shared.moved.subscribe();
        loop {
            let now = self.now();
            if now >= until {
                return;
            }
            let frozen = lock(&self.shared.state).frozen_at.is_some();
            if frozen {
                if moved.changed().await.is_err() {
                    return;
                }
                continue;
            }
            let left = until.duration_since(now);
            let left = Duration::try_from(left)
                .unwrap_or(Duration::ZERO)
                .max(Duration::from_micros(100));
            #[allow(
                clippy::disallowed_methods,
                reason = "the one place that owns real waiting"
            )]
            let rest = tokio::time::sleep(left);
            tokio::select! {
                () = rest => {}
                changed = moved.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Waits for `time` to pass on this view.
    pub async fn sleep(&self, time: Duration) {
        self.sleep_until(self.after(time)).await;
    }

    /// The moment so much later than now.
    pub fn after(&self, time: Duration) -> Timestamp {
        saturating(
            self.now(),
            SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX),
        )
    }

    /// Runs `work` for at most `time` of real (not stage) time; `None` when it did not end. For bounds on
    /// network operations, which a moved clock must not cut short.
    pub async fn within_real<F: Future>(time: Duration, work: F) -> Option<F::Output> {
        tokio::time::timeout(time, work).await.ok()
    }

    /// A monotonic reading in nanoseconds of real time, for durations shown to people.
    pub fn stopwatch() -> Stopwatch {
        #[allow(
            clippy::disallowed_methods,
            reason = "durations shown to people are real time"
        )]
        Stopwatch(std::time::Instant::now())
    }
}

/// Measures real elapsed time, whatever the stage's clock does.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Real time since it was started.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// Milliseconds since it was started, with fractions.
    pub fn millis(&self) -> f64 {
        (self.elapsed().as_micros() as f64) / 1000.0
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the one place that reads the machine's clock"
)]
fn machine_now() -> Timestamp {
    Timestamp::now()
}

fn saturating(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(at)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_hour_passes_when_the_scenario_says_so() {
        let clock = Clock::manual(Timestamp::from_second(1_000).unwrap());
        let slow = clock.skewed(SignedDuration::from_mins(-10));
        let sleeper = {
            let clock = clock.clone();
            tokio::spawn(async move { clock.sleep(Duration::from_secs(3600)).await })
        };
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_secs(3600));
        sleeper.await.unwrap();
        assert_eq!(clock.seconds(), 4_600);
        assert_eq!(slow.seconds(), 4_000);
    }
}

//! A body that ends in an error when nothing of it comes for too long, so that whoever stops in the middle keeps
//! nothing open (storage page §2.7).

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use carnet_stage::Patience;
use carnet_stage::body::{BodyError, read_limited};
use http_body::{Body as _, Frame, SizeHint};

use crate::answer::{self, Answer};

const SILENT: &str = "nothing came for";

/// Nothing came.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{SILENT} {0} seconds")]
pub(crate) struct Silent(u64);

/// A body that is waited for so long, in real time.
pub(crate) struct Patient {
    body: Body,
    patience: Patience,
}

impl Patient {
    /// Waits for so long at least, and not twice as long, for every piece of this body.
    pub(crate) fn body(body: Body, patience: Duration) -> Body {
        if body.is_end_stream() {
            return body;
        }
        Body::new(Self {
            body,
            patience: Patience::new(patience),
        })
    }
}

impl http_body::Body for Patient {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.patience.moved();
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        ready!(self.patience.poll_lost(cx));
        let silent = Silent(self.patience.within().as_secs());
        Poll::Ready(Some(Err(silent.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// How fast bytes come: XRootD's bound, below which a copy is given up (storage page §2.7).
#[derive(Debug, Default)]
pub(crate) struct Pace {
    since: Duration,
    bytes: u64,
}

/// Bytes a second that are expected.
const SLOWEST: u64 = 10 * 1024;
/// They are counted over so long.
const WINDOW: Duration = Duration::from_secs(120);

impl Pace {
    /// More bytes have come by now; whether they come too slowly.
    pub(crate) fn is_too_slow(&mut self, bytes: u64, now: Duration) -> bool {
        self.bytes = self.bytes.saturating_add(bytes);
        let passed = now.saturating_sub(self.since);
        if passed < WINDOW {
            return false;
        }
        let slow = self.bytes < SLOWEST.saturating_mul(passed.as_secs());
        (self.since, self.bytes) = (now, 0);
        slow
    }
}

/// A whole body of at most so many bytes; `what` is it that may not be longer.
pub(crate) async fn read(body: Body, longest: usize, what: &str) -> Result<Bytes, Answer> {
    let told = match read_limited(body, longest).await {
        Ok(bytes) => return Ok(bytes),
        Err(BodyError::TooLong { .. }) => {
            return Err(answer::text(
                413,
                &format!("{what} is at most {longest} bytes long"),
            ));
        }
        Err(BodyError::Broken(why)) => why,
    };
    let silent = told.starts_with(SILENT);
    let status = if silent { 408 } else { 400 };
    Err(answer::text(status, &format!("the body broke off: {told}")))
}

/// Whether this is why a body ended.
pub(crate) fn was_silent(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<Silent>() || error.source().is_some_and(was_silent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_kibibytes_a_second_over_two_minutes_are_enough() {
        let second = Duration::from_secs;
        for (case, pieces, slow) in [
            ("nothing yet", vec![(1, 119)], false),
            (
                "a byte now and then",
                vec![(1, 59), (1, 118), (1, 177)],
                true,
            ),
            ("just enough", vec![(1_228_800, 120)], false),
            ("not quite", vec![(1_228_799, 120)], true),
            (
                "fast, then slow",
                vec![(9_000_000, 120), (1, 230), (1, 240)],
                true,
            ),
            ("slow, then fast", vec![(1, 100), (9_000_000, 120)], false),
        ] {
            let mut pace = Pace::default();
            let told: Vec<bool> = pieces
                .iter()
                .map(|(bytes, at)| pace.is_too_slow(*bytes, second(*at)))
                .collect();
            assert_eq!(told.last(), Some(&slow), "{case}");
        }
    }
}

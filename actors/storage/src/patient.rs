//! A body that ends in an error when nothing of it comes for too long, so that whoever stops in the middle keeps
//! nothing open (storage page §2.7).

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use carnet_stage::Clock;
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
    patience: Duration,
    wait: Option<Pin<Box<dyn Future<Output = Option<()>> + Send>>>,
    /// Something came since the wait began.
    moved: bool,
}

impl Patient {
    /// Waits for so long at least, and not twice as long, for every piece of this body.
    pub(crate) fn body(body: Body, patience: Duration) -> Body {
        if body.is_end_stream() {
            return body;
        }
        Body::new(Self {
            body,
            patience,
            wait: None,
            moved: false,
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
            self.moved = true;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        loop {
            let patience = self.patience;
            if self.wait.is_none() {
                self.moved = false;
            }
            let wait = self.wait.get_or_insert_with(|| {
                Box::pin(Clock::within_real(patience, std::future::pending()))
            });
            if wait.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.wait = None;
            if !self.moved {
                let silent = Silent(patience.as_secs());
                return Poll::Ready(Some(Err(silent.into())));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
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

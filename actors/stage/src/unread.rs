//! Peers that stop reading their answers: no connection stays open for them, and nothing that is open behind it (storage
//! page §2.7, RFC 9110 §9.5).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::body::Body;
use crate::clock::Clock;
use crate::patience::Patience;

/// A connection whose writes must make progress.
pub(crate) struct Taking<S> {
    inner: S,
    patience: Patience,
}

impl<S> Taking<S> {
    pub(crate) fn new(inner: S, within: Duration) -> Self {
        Self {
            inner,
            patience: Patience::new(within),
        }
    }

    /// What came of a write; an error when too much time has passed without one.
    fn written<T>(
        &mut self,
        cx: &mut Context<'_>,
        done: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if done.is_ready() {
            self.patience.moved();
            return done;
        }
        ready!(self.patience.poll_lost(cx));
        let why = "the other side reads nothing";
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Taking<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Taking<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let done = Pin::new(&mut this.inner).poll_write(cx, bytes);
        this.written(cx, done)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let done = Pin::new(&mut this.inner).poll_write_vectored(cx, slices);
        this.written(cx, done)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

/// The answers of an HTTP/2 connection, whose peer can stop reading them while the connection itself moves (RFC 9113
/// §5.2).
#[derive(Default)]
pub(crate) struct Streams {
    /// Answers whose peer is to take something.
    waiting: AtomicUsize,
    moves: AtomicU64,
}

impl Streams {
    /// An answer of this connection.
    pub(crate) fn watch(self: &Arc<Self>, body: Body) -> Body {
        if body.is_end_stream() {
            return body;
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Body::new(Watched {
            inner: body,
            streams: Arc::clone(self),
            waits: true,
        })
    }

    /// Ends when answers wait to be read and none has been for so long.
    pub(crate) async fn lost(&self, within: Duration) {
        loop {
            let before = self.moves.load(Ordering::Relaxed);
            let waited = self.waiting.load(Ordering::Relaxed) > 0;
            let _time = Clock::within_real(within, std::future::pending::<()>()).await;
            let moved = self.moves.load(Ordering::Relaxed) != before;
            if waited && !moved && self.waiting.load(Ordering::Relaxed) > 0 {
                return;
            }
        }
    }
}

/// An answer that knows whose turn it is: the HTTP library asks for more once the peer has room.
struct Watched {
    inner: Body,
    streams: Arc<Streams>,
    waits: bool,
}

impl Watched {
    fn waits(&mut self, waits: bool) {
        if self.waits != waits {
            self.waits = waits;
            if waits {
                self.streams.waiting.fetch_add(1, Ordering::Relaxed);
            } else {
                self.streams.waiting.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.streams.moves.fetch_add(1, Ordering::Relaxed);
        let frame = Pin::new(&mut self.inner).poll_frame(cx);
        self.waits(matches!(frame, Poll::Ready(Some(Ok(_)))));
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.waits(false);
    }
}

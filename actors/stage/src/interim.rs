//! The `100 Continue` of a connection, which a fault may give header fields (storage page §7.5, F11): the HTTP library
//! writes it without any.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

/// What the HTTP library writes.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What is to be added to the next `100 Continue` of a connection; in the extensions of a request that waits for one over
/// HTTP/1.1.
#[derive(Clone, Debug, Default)]
pub struct Interim(Arc<Mutex<String>>);

impl Interim {
    /// Adds a line as it is, right or wrong.
    pub fn add(&self, line: &str) {
        let mut lines = self.lock();
        lines.push_str(line);
        lines.push_str("\r\n");
    }

    fn take(&self) -> String {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The side of the connection that writes.
pub(crate) struct Writer {
    interim: Interim,
    /// What is written in place of the library's words, and how much of it is.
    instead: Vec<u8>,
    written: usize,
}

impl Writer {
    pub(crate) fn new(interim: Interim) -> Self {
        Self {
            interim,
            instead: Vec::new(),
            written: 0,
        }
    }

    /// Whether these bytes begin with a `100 Continue` that something is to be added to.
    pub(crate) fn concerns(&self, bytes: &[u8]) -> bool {
        bytes.starts_with(CONTINUE) && !(self.instead.is_empty() && self.interim.lock().is_empty())
    }

    /// Writes bytes, or what is to be written in place of their beginning.
    pub(crate) fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        mut to: Pin<&mut S>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.concerns(bytes) {
            return to.poll_write(cx, bytes);
        }
        if self.instead.is_empty() {
            let lines = self.interim.take();
            let head = &CONTINUE[..CONTINUE.len() - 2];
            self.instead = [head, lines.as_bytes(), b"\r\n"].concat();
            self.written = 0;
        }
        while self.written < self.instead.len() {
            match ready!(to.as_mut().poll_write(cx, &self.instead[self.written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                more => self.written += more,
            }
        }
        self.instead.clear();
        Poll::Ready(Ok(CONTINUE.len()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    /// Takes a few bytes at a time.
    struct Narrow(Vec<u8>);

    impl AsyncWrite for Narrow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let some = &bytes[..bytes.len().min(5)];
            self.0.extend_from_slice(some);
            Poll::Ready(Ok(some.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    struct Through(Writer, Narrow);

    impl AsyncWrite for Through {
        fn poll_write(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let this = self.get_mut();
            this.0.poll_write(Pin::new(&mut this.1), cx, bytes)
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn lines_are_added_to_the_next_100_continue_and_to_nothing_else() {
        let interim = Interim::default();
        let mut to = Through(Writer::new(interim.clone()), Narrow(Vec::new()));
        let last = b"HTTP/1.1 201 Created\r\n\r\n";
        interim.add("Content-Length: 9");
        interim.add("no field");
        for bytes in [&last[..], &[CONTINUE, last].concat(), CONTINUE] {
            to.write_all(bytes).await.unwrap();
        }
        let wanted = "HTTP/1.1 201 Created\r\n\r\n\
                      HTTP/1.1 100 Continue\r\nContent-Length: 9\r\nno field\r\n\r\n\
                      HTTP/1.1 201 Created\r\n\r\n\
                      HTTP/1.1 100 Continue\r\n\r\n";
        assert_eq!(String::from_utf8(to.1.0).unwrap(), wanted);
    }
}

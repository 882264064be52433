//! A connection whose requests are looked at on their way to the HTTP library. A head is held back until it is
//! whole and good; bodies pass where they are read, uncopied.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::head::{self, Chunk, Chunks, Framing, Refused};
use crate::interim::{Interim, Writer};

/// The header that stands in for a request that is refused; its value is a secret of the stage.
pub(crate) const REFUSED_HEADER: &str = "x-stage-refused";

/// What no chunked body has at any place.
const BREAK: &[u8] = b"\r\0";

/// Bytes of a head looked at together: many short heads in a row cost no more than they are long.
const PIECE: usize = 4096;

/// What was refused on a connection, for the one who answers.
pub(crate) type Refusal = Arc<OnceLock<Refused>>;

/// A guarded connection.
pub(crate) struct Guard<S> {
    inner: S,
    interim: Writer,
    refusal: Refusal,
    secret: Arc<str>,
    place: Place,
    /// A head that is not whole.
    held: Vec<u8>,
    /// What may pass, and how much of it has.
    good: Vec<u8>,
    passed: usize,
}

/// Where in a connection the next byte is.
enum Place {
    /// In a head, so many bytes of which were looked at.
    Head(usize),
    /// In a body of which so many bytes are to come.
    Body(u64),
    /// In a chunked body.
    Chunked(Chunk),
    /// Where nobody looks: HTTP/2.
    Beyond,
    /// After what was refused: the rest is read and thrown away, so that the answer arrives.
    Refused,
    /// The same, and there is no more.
    Silent,
}

impl<S> Guard<S> {
    /// Guards a connection; with `http1` off, it only passes bytes on.
    pub(crate) fn new(
        inner: S,
        http1: bool,
        refusal: Refusal,
        interim: Interim,
        secret: Arc<str>,
    ) -> Self {
        Self {
            inner,
            interim: Writer::new(interim),
            refusal,
            secret,
            place: if http1 { Place::Head(0) } else { Place::Beyond },
            held: Vec::new(),
            good: Vec::new(),
            passed: 0,
        }
    }

    /// Takes bytes that have come and decides which may pass.
    fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.is_refused() {
            if let Place::Head(seen) = self.place {
                let before = self.held.len();
                let piece = &bytes[..bytes.len().min(PIECE)];
                self.held.extend_from_slice(piece);
                let (whole, framing) = match self.head(seen) {
                    Ok(Some(found)) => found,
                    Ok(None) => {
                        self.place = Place::Head(self.held.len());
                        bytes = &bytes[piece.len()..];
                        continue;
                    }
                    Err(refused) => return self.refuse(refused),
                };
                self.held.truncate(whole);
                self.good.append(&mut self.held);
                bytes = &bytes[whole.saturating_sub(before)..];
                self.place = match framing {
                    Framing::Length(0) => Place::Head(0),
                    Framing::Length(length) => Place::Body(length),
                    Framing::Chunked => Place::Chunked(Chunk::Start),
                    Framing::Other => Place::Beyond,
                };
                continue;
            }
            let (pass, rest) = bytes.split_at(self.pass(bytes));
            self.good.extend_from_slice(pass);
            if self.is_refused() {
                self.good.extend_from_slice(BREAK);
            }
            bytes = rest;
        }
    }

    /// The length of the held head and what follows it, once it is whole.
    fn head(&self, seen: usize) -> Result<Option<(usize, Framing)>, Refused> {
        let Some(whole) = head::end(&self.held, seen)? else {
            return Ok(None);
        };
        let framing = head::examine(&self.held[..whole])?;
        Ok(Some((whole, framing)))
    }

    /// How many bytes of a body may pass; the place is after them. A byte that breaks the chunks does not.
    fn pass(&mut self, bytes: &[u8]) -> usize {
        match self.place {
            Place::Body(left) => {
                let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                self.place = match left - here as u64 {
                    0 => Place::Head(0),
                    rest => Place::Body(rest),
                };
                here
            }
            Place::Chunked(state) => match head::follow(state, bytes) {
                Chunks::Within(state) => {
                    self.place = Place::Chunked(state);
                    bytes.len()
                }
                Chunks::Ended(at) => {
                    self.place = Place::Head(0);
                    at
                }
                Chunks::Broken(at) => {
                    self.place = Place::Refused;
                    at
                }
            },
            _ => bytes.len(),
        }
    }

    fn is_refused(&self) -> bool {
        matches!(self.place, Place::Refused)
    }

    /// Puts a request in the place of the refused one, which the server knows by the header.
    fn refuse(&mut self, refused: Refused) {
        let (method, target) = head::asked(&self.held).unwrap_or(("GET", "/"));
        let stand_in = format!(
            "{method} {target} HTTP/1.1\r\nhost: stage\r\nconnection: close\r\n{REFUSED_HEADER}: {}\r\n\r\n",
            self.secret
        );
        self.good.extend_from_slice(stand_in.as_bytes());
        self.held = Vec::new();
        let _first_refusal_is_the_last = self.refusal.set(refused);
        self.place = Place::Refused;
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.passed < this.good.len() {
                let rest = &this.good[this.passed..];
                let here = rest.len().min(buf.remaining());
                buf.put_slice(&rest[..here]);
                this.passed += here;
                if this.passed == this.good.len() {
                    this.good.clear();
                    this.passed = 0;
                }
                return Poll::Ready(Ok(()));
            }
            match this.place {
                Place::Silent => return Poll::Pending,
                Place::Head(_) | Place::Refused => {
                    let mut bytes = [const { MaybeUninit::uninit() }; PIECE];
                    let mut some = ReadBuf::uninit(&mut bytes);
                    ready!(Pin::new(&mut this.inner).poll_read(cx, &mut some))?;
                    match (this.is_refused(), some.filled()) {
                        (true, []) => this.place = Place::Silent,
                        (true, _) => {}
                        (false, []) => return Poll::Ready(Ok(())),
                        (false, some) => this.take(some),
                    }
                }
                Place::Body(_) | Place::Chunked(_) | Place::Beyond => {
                    let before = buf.filled().len();
                    ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
                    let come = &buf.filled()[before..];
                    let here = this.pass(come);
                    if here == come.len() && !this.is_refused() {
                        return Poll::Ready(Ok(()));
                    }
                    if this.is_refused() {
                        this.good.extend_from_slice(BREAK);
                    } else {
                        let next = come[here..].to_vec();
                        this.take(&next);
                    }
                    buf.set_filled(before + here);
                    if here > 0 {
                        return Poll::Ready(Ok(()));
                    }
                }
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.interim
            .poll_write(Pin::new(&mut this.inner), cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let inner = Pin::new(&mut this.inner);
        match slices.iter().find(|slice| !slice.is_empty()) {
            Some(first) if this.interim.concerns(first) => {
                this.interim.poll_write(inner, cx, first)
            }
            _ => inner.poll_write_vectored(cx, slices),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_of_heads_that_come_together_pass_in_a_small_stack() {
        let heads = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n".repeat(20_000);
        let passed = std::thread::Builder::new()
            .stack_size(128 * 1024)
            .spawn(move || {
                let mut guard = Guard::new(
                    tokio::io::empty(),
                    true,
                    Refusal::default(),
                    Interim::default(),
                    "".into(),
                );
                guard.take(&heads);
                (guard.good == heads, guard.held.len())
            })
            .unwrap()
            .join()
            .unwrap();
        assert_eq!(passed, (true, 0));
    }
}

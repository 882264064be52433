//! A file's bytes as a message body, in large pieces, one piece read ahead.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use tokio::task::JoinHandle;

use crate::pattern::Pattern;

/// How much is handed to the connection at once.
const PIECE: usize = 256 * 1024;

/// Opened content.
#[derive(Clone, Debug)]
pub enum Source {
    /// In memory.
    Bytes(Bytes),
    /// Seeded.
    Seeded(Pattern),
    /// In a file.
    File(Arc<File>),
}

impl Source {
    /// A body of `length` bytes from `offset`.
    pub fn body(self, offset: u64, length: u64) -> ContentBody {
        ContentBody {
            source: self,
            offset,
            left: length,
            ahead: None,
        }
    }
}

fn read_piece(file: &File, offset: u64, length: usize) -> io::Result<Bytes> {
    let mut piece = BytesMut::zeroed(length);
    file.read_exact_at(&mut piece, offset)?;
    Ok(piece.freeze())
}

/// Content on its way out.
#[derive(Debug)]
pub struct ContentBody {
    source: Source,
    offset: u64,
    left: u64,
    ahead: Option<JoinHandle<io::Result<Bytes>>>,
}

impl ContentBody {
    fn read_ahead(&mut self) {
        let length = self.left.min(PIECE as u64) as usize;
        if let (Source::File(file), true) = (&self.source, length > 0) {
            let (file, offset) = (file.clone(), self.offset);
            self.ahead = Some(tokio::task::spawn_blocking(move || {
                read_piece(&file, offset, length)
            }));
        }
    }
}

impl Body for ContentBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let most = self.left.min(PIECE as u64) as usize;
        let piece = match &self.source {
            Source::Bytes(bytes) => {
                let start = self.offset as usize;
                bytes.slice(start..start + most)
            }
            Source::Seeded(pattern) => pattern.slice(self.offset, most),
            Source::File(_) => {
                if self.ahead.is_none() {
                    self.read_ahead();
                }
                let Some(handle) = self.ahead.as_mut() else {
                    return Poll::Ready(None);
                };
                let done = ready!(Pin::new(handle).poll(cx));
                self.ahead = None;
                match done {
                    Ok(Ok(piece)) => piece,
                    Ok(Err(error)) => return Poll::Ready(Some(Err(error))),
                    Err(gone) => return Poll::Ready(Some(Err(io::Error::other(gone)))),
                }
            }
        };
        self.offset += piece.len() as u64;
        self.left -= piece.len() as u64;
        self.read_ahead();
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

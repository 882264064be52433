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

/// How much is handed to the connection at once. A file is begun with small pieces, so that many readers of small files
/// need little memory.
const PIECE: usize = 128 * 1024;
const FIRST_PIECE: usize = 64 * 1024;

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
            piece: FIRST_PIECE,
            handed_out: Bytes::new(),
        }
    }
}

fn read_piece(file: &File, offset: u64, length: usize, mut room: BytesMut) -> io::Result<Bytes> {
    room.resize(length, 0);
    file.read_exact_at(&mut room, offset)?;
    Ok(room.freeze())
}

/// Content on its way out.
#[derive(Debug)]
pub struct ContentBody {
    source: Source,
    offset: u64,
    left: u64,
    ahead: Option<JoinHandle<io::Result<Bytes>>>,
    /// How long the next piece of a file will be.
    piece: usize,
    /// The last piece of a file handed out: once the connection is done with it, its room serves the one after next.
    handed_out: Bytes,
}

impl ContentBody {
    fn read_ahead(&mut self) {
        let length = self.left.min(self.piece as u64) as usize;
        if let (Source::File(file), true) = (&self.source, length > 0) {
            let (file, offset) = (file.clone(), self.offset);
            let room = std::mem::take(&mut self.handed_out)
                .try_into_mut()
                .unwrap_or_default();
            self.piece = PIECE.min(self.piece * 2);
            self.ahead = Some(tokio::task::spawn_blocking(move || {
                read_piece(&file, offset, length, room)
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
            // A short file is read at once: handing it to another thread would take longer.
            Source::File(file) if self.ahead.is_none() && most <= FIRST_PIECE => {
                read_piece(file, self.offset, most, BytesMut::new())?
            }
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
        if let Source::File(_) = self.source {
            self.read_ahead();
            self.handed_out = piece.clone();
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

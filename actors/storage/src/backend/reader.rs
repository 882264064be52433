//! A file's bytes as a message body, in large pieces.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use tokio::task::JoinHandle;

use super::at_once;
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
            coming: None,
            piece: FIRST_PIECE,
            never_waits: None,
            handed_out: Bytes::new(),
        }
    }
}

/// Content on its way out.
#[derive(Debug)]
pub struct ContentBody {
    source: Source,
    offset: u64,
    left: u64,
    /// A piece that another thread reads from a slow device.
    coming: Option<JoinHandle<io::Result<BytesMut>>>,
    /// How long the next piece of a file will be.
    piece: usize,
    /// Whether the file is in memory; known once it was looked at.
    never_waits: Option<bool>,
    /// The last piece of a file handed out: once the connection is done with it, its room serves the next one.
    handed_out: Bytes,
}

impl ContentBody {
    /// The next piece of a file, read here where that does not wait for a device, elsewhere otherwise.
    fn poll_file(
        &mut self,
        file: &Arc<File>,
        length: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Bytes>> {
        let mut coming = if let Some(coming) = self.coming.take() {
            coming
        } else {
            let (length, offset) = (length.min(self.piece), self.offset);
            let mut room = std::mem::take(&mut self.handed_out)
                .try_into_mut()
                .unwrap_or_default();
            room.resize(length, 0);
            if *self
                .never_waits
                .get_or_insert_with(|| at_once::never_waits(file))
            {
                file.read_exact_at(&mut room, offset)?;
                return Poll::Ready(Ok(self.hand_out(room)));
            }
            if at_once::read_cached(file, &mut room, offset) {
                return Poll::Ready(Ok(self.hand_out(room)));
            }
            let file = file.clone();
            tokio::task::spawn_blocking(move || {
                file.read_exact_at(&mut room, offset)?;
                Ok(room)
            })
        };
        match Pin::new(&mut coming).poll(cx) {
            Poll::Pending => {
                self.coming = Some(coming);
                Poll::Pending
            }
            Poll::Ready(Ok(read)) => Poll::Ready(read.map(|room| self.hand_out(room))),
            Poll::Ready(Err(gone)) => Poll::Ready(Err(io::Error::other(gone))),
        }
    }

    fn hand_out(&mut self, room: BytesMut) -> Bytes {
        self.piece = PIECE.min(self.piece * 2);
        let piece = room.freeze();
        self.handed_out = piece.clone();
        piece
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
            Source::File(file) => {
                let file = file.clone();
                match ready!(self.poll_file(&file, most, cx)) {
                    Ok(piece) => piece,
                    Err(error) => return Poll::Ready(Some(Err(error))),
                }
            }
        };
        self.offset += piece.len() as u64;
        self.left -= piece.len() as u64;
        if self.left == 0 {
            self.handed_out = Bytes::new();
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

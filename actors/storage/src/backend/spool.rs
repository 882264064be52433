//! Writing to a file in large pieces without holding up the other tasks.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::task::JoinHandle;

use super::{StoreError, at_once};

/// How much is written at once.
const PIECE: usize = 128 * 1024;

/// A file no longer than this is written at once: handing it to another thread would take longer.
const SHORT: usize = 64 * 1024;

/// An open file and what is not yet written to it: one piece may be on its way to the disk while the next one is
/// gathered.
#[derive(Debug)]
pub(super) struct Spool {
    file: Arc<File>,
    /// Whether the file is in memory.
    never_waits: bool,
    /// Bytes written or on their way.
    written: u64,
    buffer: BytesMut,
    on_its_way: Option<JoinHandle<io::Result<BytesMut>>>,
}

impl Spool {
    pub(super) fn new(file: File) -> Self {
        Self {
            never_waits: at_once::never_waits(&file),
            file: Arc::new(file),
            written: 0,
            buffer: BytesMut::new(),
            on_its_way: None,
        }
    }

    pub(super) async fn write(&mut self, bytes: &Bytes) -> Result<(), StoreError> {
        if self.never_waits {
            self.file
                .write_all_at(bytes, self.written)
                .map_err(StoreError::of)?;
            self.written += bytes.len() as u64;
            return Ok(());
        }
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(PIECE - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            rest = later;
            if self.buffer.len() == PIECE {
                self.put().await?;
            }
        }
        Ok(())
    }

    /// Sends the buffer on its way, once the piece before it has arrived.
    async fn put(&mut self) -> Result<(), StoreError> {
        let room = self.arrived().await?;
        let mut piece = std::mem::replace(&mut self.buffer, room);
        let (file, at) = (self.file.clone(), self.written);
        self.written += piece.len() as u64;
        self.on_its_way = Some(tokio::task::spawn_blocking(move || {
            file.write_all_at(&piece, at)?;
            piece.clear();
            Ok(piece)
        }));
        Ok(())
    }

    /// Waits for the piece on its way; its room can be used again.
    async fn arrived(&mut self) -> Result<BytesMut, StoreError> {
        let Some(on_its_way) = self.on_its_way.as_mut() else {
            return Ok(BytesMut::new());
        };
        let done = on_its_way.await;
        self.on_its_way = None;
        match done {
            Ok(done) => done.map_err(StoreError::of),
            Err(gone) => Err(StoreError::Io(io::Error::other(gone))),
        }
    }

    pub(super) async fn finish(mut self) -> Result<Arc<File>, StoreError> {
        if self.written == 0 && self.buffer.len() <= SHORT {
            self.file
                .write_all_at(&self.buffer, 0)
                .map_err(StoreError::of)?;
            return Ok(self.file);
        }
        if !self.buffer.is_empty() {
            self.put().await?;
        }
        self.arrived().await?;
        Ok(self.file)
    }
}

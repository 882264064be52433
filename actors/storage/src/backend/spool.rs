//! Writing to a file in large pieces without holding up the other tasks.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::StoreError;

const PIECE: usize = 1 << 20;

/// An open file and what is not yet written to it.
#[derive(Debug)]
pub(super) struct Spool {
    file: Arc<File>,
    written: u64,
    buffer: BytesMut,
}

impl Spool {
    pub(super) fn new(file: File) -> Self {
        Self {
            file: Arc::new(file),
            written: 0,
            buffer: BytesMut::new(),
        }
    }

    pub(super) async fn write(&mut self, bytes: &Bytes) -> Result<(), StoreError> {
        if self.buffer.is_empty() && bytes.len() >= PIECE {
            return self.put(bytes.clone()).await;
        }
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE {
            let piece = self.buffer.split().freeze();
            self.put(piece).await?;
            self.buffer.reserve(PIECE);
        }
        Ok(())
    }

    async fn put(&mut self, piece: Bytes) -> Result<(), StoreError> {
        let (file, at, length) = (self.file.clone(), self.written, piece.len() as u64);
        blocking(move || file.write_all_at(&piece, at)).await?;
        self.written += length;
        Ok(())
    }

    pub(super) async fn finish(mut self) -> Result<Arc<File>, StoreError> {
        if !self.buffer.is_empty() {
            let rest = self.buffer.split().freeze();
            self.put(rest).await?;
        }
        Ok(self.file)
    }
}

/// Runs a short blocking operation on the threads kept for that.
pub(super) async fn blocking<R: Send + 'static>(
    work: impl FnOnce() -> io::Result<R> + Send + 'static,
) -> Result<R, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(StoreError::of),
        Err(gone) => Err(StoreError::Io(io::Error::other(gone))),
    }
}

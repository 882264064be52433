//! The memory backend: seeded content is recognised and not held, small files stay in memory, what is
//! larger goes to a temporary file that loses its name at once.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};

use super::spool::Spool;
use super::{Blob, StoreError};
use crate::pattern::{LINE, Pattern};

/// Where it spills to, and from which size on.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    in_memory: u64,
    scratch: Arc<PathBuf>,
    names: Arc<AtomicU64>,
}

impl MemoryStore {
    /// Files up to `in_memory` bytes stay in memory, larger ones spill below `scratch`.
    pub fn new(in_memory: u64, scratch: PathBuf) -> Self {
        Self {
            in_memory,
            scratch: Arc::new(scratch),
            names: Arc::default(),
        }
    }

    pub(super) fn begin(&self) -> MemoryWriter {
        MemoryWriter {
            store: self.clone(),
            state: State::Small(BytesMut::new()),
        }
    }

    fn unnamed(&self) -> io::Result<File> {
        loop {
            let number = self.names.fetch_add(1, Ordering::Relaxed);
            let name = self
                .scratch
                .join(format!("carnet-{}-{number:x}.spool", std::process::id()));
            match create_unnamed(&name) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                done => return done,
            }
        }
    }
}

fn create_unnamed(name: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(name)?;
    std::fs::remove_file(name)?;
    Ok(file)
}

#[derive(Debug)]
enum State {
    Small(BytesMut),
    Seeded(Pattern, u64),
    Spooled(Spool),
}

/// A file being written.
#[derive(Debug)]
pub struct MemoryWriter {
    store: MemoryStore,
    state: State,
}

impl MemoryWriter {
    pub(super) async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        match &mut self.state {
            State::Spooled(spool) => return spool.write(&bytes).await,
            State::Seeded(pattern, length) if pattern.matches(*length, &bytes) => {
                *length += bytes.len() as u64;
                return Ok(());
            }
            State::Seeded(pattern, length) => {
                let (pattern, length) = (*pattern, *length);
                self.unravel(pattern, length).await?;
                return Box::pin(self.write(bytes)).await;
            }
            State::Small(small) => {
                let had = small.len();
                small.extend_from_slice(&bytes);
                if had < LINE
                    && small.len() >= LINE
                    && let Some(pattern) =
                        Pattern::recognise(small).filter(|pattern| pattern.matches(0, small))
                {
                    self.state = State::Seeded(pattern, small.len() as u64);
                    return Ok(());
                }
            }
        }
        self.spill_if_large().await
    }

    /// The content was seeded up to here and now differs: hold real bytes from now on.
    async fn unravel(&mut self, pattern: Pattern, length: u64) -> Result<(), StoreError> {
        self.state = State::Small(BytesMut::new());
        let mut at = 0;
        while at < length {
            let part = pattern.slice(at, (length - at) as usize);
            at += part.len() as u64;
            match &mut self.state {
                State::Small(small) => small.extend_from_slice(&part),
                State::Spooled(spool) => spool.write(&part).await?,
                State::Seeded(..) => {}
            }
            self.spill_if_large().await?;
        }
        Ok(())
    }

    async fn spill_if_large(&mut self) -> Result<(), StoreError> {
        if let State::Small(small) = &mut self.state
            && small.len() as u64 > self.store.in_memory
        {
            let held = small.split().freeze();
            let mut spool = Spool::new(self.store.unnamed().map_err(StoreError::of)?);
            spool.write(&held).await?;
            self.state = State::Spooled(spool);
        }
        Ok(())
    }

    pub(super) async fn finish(self) -> Result<Blob, StoreError> {
        Ok(match self.state {
            State::Small(small) => Blob::Bytes(small.freeze()),
            State::Seeded(pattern, _) => Blob::Seeded(pattern),
            State::Spooled(spool) => Blob::Spooled(spool.finish().await?),
        })
    }
}

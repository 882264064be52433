//! Where bytes are kept: in memory, in a directory, or nowhere at all.

mod at_once;
mod disk;
mod memory;
mod reader;
mod spool;
mod synthetic;

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use crate::namespace::FileMeta;
use crate::path::CleanPath;
use crate::pattern::Pattern;

pub use disk::{DiskStore, Found};
pub use memory::MemoryStore;
pub use reader::{ContentBody, Source};
pub use synthetic::SyntheticStore;

/// The bytes of a file, or where to find them.
#[derive(Clone, Debug)]
pub enum Blob {
    /// In memory.
    Bytes(Bytes),
    /// Seeded content: nothing is held.
    Seeded(Pattern),
    /// An open temporary file that has no name any more.
    Spooled(Arc<File>),
    /// Below the directory of the disk store, under the file's own path.
    OnDisk,
    /// A file of the user's, read where it is.
    Local(Arc<PathBuf>),
    /// Only size and checksums were kept.
    Forgotten,
}

impl Blob {
    /// No bytes.
    pub fn empty() -> Self {
        Self::Bytes(Bytes::new())
    }
}

/// Why bytes cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The quota or the disk is full.
    #[error("no space left: {0}")]
    Full(String),
    /// Only the checksum of this content was kept.
    #[error("the content of this file was not kept, only its size and checksums")]
    Forgotten,
    /// The operating system says no.
    #[error("storage error: {0}")]
    Io(#[from] io::Error),
}

impl StoreError {
    fn of(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::Full(error.to_string()),
            _ => Self::Io(error),
        }
    }
}

/// A place for bytes.
#[derive(Debug)]
pub enum Store {
    /// Small files in memory, larger ones in unnamed temporary files, seeded ones nowhere.
    Memory(MemoryStore),
    /// Files below a directory, under their own names.
    Disk(DiskStore),
    /// Size and checksums only; seeded content can be read back.
    Synthetic(SyntheticStore),
}

impl Store {
    /// Begins a new file. Nothing of it can be seen before it is kept.
    pub fn begin(&self) -> Result<Writer, StoreError> {
        Ok(match self {
            Self::Memory(store) => Writer::Memory(store.begin()),
            Self::Disk(store) => Writer::Disk(store.begin()?),
            Self::Synthetic(_) => Writer::Synthetic(SyntheticStore::begin()),
        })
    }

    /// Opens a file for reading.
    pub fn open(&self, path: &CleanPath, file: &FileMeta) -> Result<Source, StoreError> {
        Ok(match &file.blob {
            Blob::Bytes(bytes) => Source::Bytes(bytes.clone()),
            Blob::Seeded(pattern) => Source::Seeded(*pattern),
            Blob::Spooled(file) => Source::File(file.clone()),
            Blob::Local(path) => Source::File(Arc::new(File::open(path.as_path())?)),
            Blob::OnDisk => match self {
                Self::Disk(store) => Source::File(Arc::new(store.open(path)?)),
                _ => return Err(StoreError::Forgotten),
            },
            Blob::Forgotten => return Err(StoreError::Forgotten),
        })
    }

    /// Follows a removal in the tree.
    pub fn removed(&self, path: &CleanPath) -> Result<(), StoreError> {
        match self {
            Self::Disk(store) => store.remove(path).map_err(StoreError::of),
            _ => Ok(()),
        }
    }

    /// Follows a new collection in the tree.
    pub fn made(&self, path: &CleanPath) -> Result<(), StoreError> {
        match self {
            Self::Disk(store) => store.make(path).map_err(StoreError::of),
            _ => Ok(()),
        }
    }

    /// Follows a renaming in the tree.
    pub fn renamed(&self, from: &CleanPath, to: &CleanPath) -> Result<(), StoreError> {
        match self {
            Self::Disk(store) => store.rename(from, to).map_err(StoreError::of),
            _ => Ok(()),
        }
    }

    /// Follows a copy in the tree.
    pub fn copied(&self, from: &CleanPath, to: &CleanPath) -> Result<(), StoreError> {
        match self {
            Self::Disk(store) => store.copy(from, to).map_err(StoreError::of),
            _ => Ok(()),
        }
    }

    /// Writes down what the directory itself cannot say: the checksums.
    pub fn note(&self, path: &CleanPath, file: &FileMeta) {
        if let Self::Disk(store) = self {
            store.note(path, file);
        }
    }
}

/// A file being written.
#[derive(Debug)]
pub enum Writer {
    /// Into memory or a temporary file.
    Memory(memory::MemoryWriter),
    /// Into the directory's hidden part.
    Disk(disk::DiskWriter),
    /// Into nothing.
    Synthetic(synthetic::SyntheticWriter),
}

impl Writer {
    /// More bytes.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        match self {
            Self::Memory(writer) => writer.write(bytes).await,
            Self::Disk(writer) => writer.write(bytes).await,
            Self::Synthetic(writer) => {
                writer.write(&bytes);
                Ok(())
            }
        }
    }

    /// No more bytes. Dropping a writer without this leaves nothing behind.
    pub async fn finish(self) -> Result<Kept, StoreError> {
        match self {
            Self::Memory(writer) => Ok(Kept {
                blob: writer.finish().await?,
                place: None,
            }),
            Self::Disk(writer) => Ok(Kept {
                blob: Blob::OnDisk,
                place: Some(writer.finish().await?),
            }),
            Self::Synthetic(writer) => Ok(Kept {
                blob: writer.finish(),
                place: None,
            }),
        }
    }
}

/// A complete file that is not yet in its place.
#[derive(Debug)]
pub struct Kept {
    blob: Blob,
    place: Option<disk::Placing>,
}

impl Kept {
    /// Puts it where it belongs, in one step.
    pub fn place(self, path: &CleanPath) -> Result<Blob, StoreError> {
        if let Some(place) = self.place {
            place.at(path).map_err(StoreError::of)?;
        }
        Ok(self.blob)
    }
}

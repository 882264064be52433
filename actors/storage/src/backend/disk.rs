//! The disk backend: files below a directory under their own names; a hidden folder holds what is
//! still being written and the checksums.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::spool::Spool;
use crate::checksum::{Algorithm, Checksum};
use crate::namespace::FileMeta;
use crate::path::CleanPath;

const HIDDEN: &str = ".carnet";

/// A directory of the user's.
#[derive(Debug)]
pub struct DiskStore {
    root: PathBuf,
    names: AtomicU64,
}

/// What a start finds in the directory.
#[derive(Debug)]
pub struct Found {
    /// Its path in the namespace.
    pub path: CleanPath,
    /// None for a collection.
    pub size: Option<u64>,
    /// Milliseconds since the epoch.
    pub modified: i64,
    /// Checksums written down when it came, if the file has not changed since.
    pub sums: Vec<Checksum>,
}

#[derive(Serialize, Deserialize)]
struct Sidecar {
    size: u64,
    modified: i64,
    sums: Vec<(String, Vec<u8>)>,
}

impl DiskStore {
    /// Opens or makes the directory and sweeps what an earlier run left half-written.
    pub fn open_at(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root.join(HIDDEN).join("sums"))?;
        let coming = root.join(HIDDEN).join("coming");
        if coming.exists() {
            fs::remove_dir_all(&coming)?;
        }
        fs::create_dir_all(&coming)?;
        Ok(Self {
            root: root.to_owned(),
            names: AtomicU64::new(0),
        })
    }

    fn at(&self, path: &CleanPath) -> PathBuf {
        path.segments()
            .fold(self.root.clone(), |place, segment| place.join(segment))
    }

    fn sidecar(&self, path: &CleanPath) -> PathBuf {
        let name = path.segments().collect::<Vec<_>>().join("\u{2}");
        let sum = crate::checksum::hex(
            aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, name.as_bytes()).as_ref(),
        );
        self.root.join(HIDDEN).join("sums").join(&sum[..32])
    }

    /// Whether a path would fall into the hidden folder.
    pub fn reserved(path: &CleanPath) -> bool {
        path.segments().next() == Some(HIDDEN)
    }

    /// Everything that is there, collections before their members.
    pub fn scan(&self) -> io::Result<Vec<Found>> {
        let mut found = Vec::new();
        self.scan_below(&CleanPath::root(), &mut found)?;
        Ok(found)
    }

    fn scan_below(&self, directory: &CleanPath, found: &mut Vec<Found>) -> io::Result<()> {
        let mut members: Vec<_> = fs::read_dir(self.at(directory))?.collect::<Result<_, _>>()?;
        members.sort_by_key(fs::DirEntry::file_name);
        for member in members {
            let name = member.file_name();
            let (Some(name), meta) = (name.to_str(), member.metadata()?) else {
                continue;
            };
            let path = directory.child(name);
            if Self::reserved(&path) {
                continue;
            }
            let modified = meta.mtime() * 1000 + meta.mtime_nsec() / 1_000_000;
            if meta.is_dir() {
                found.push(Found {
                    path: path.clone(),
                    size: None,
                    modified,
                    sums: Vec::new(),
                });
                self.scan_below(&path, found)?;
            } else if meta.is_file() {
                let sums = self.sums(&path, meta.len(), modified);
                found.push(Found {
                    path,
                    size: Some(meta.len()),
                    modified,
                    sums,
                });
            }
        }
        Ok(())
    }

    fn sums(&self, path: &CleanPath, size: u64, modified: i64) -> Vec<Checksum> {
        let Ok(text) = fs::read(self.sidecar(path)) else {
            return Vec::new();
        };
        match serde_json::from_slice::<Sidecar>(&text) {
            Ok(side) if side.size == size && side.modified == modified => side
                .sums
                .into_iter()
                .filter_map(|(name, bytes)| {
                    Some(Checksum {
                        algorithm: Algorithm::named(&name)?,
                        bytes,
                    })
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn note(&self, path: &CleanPath, file: &FileMeta) {
        let Ok(meta) = fs::metadata(self.at(path)) else {
            return;
        };
        let side = Sidecar {
            size: file.size,
            modified: meta.mtime() * 1000 + meta.mtime_nsec() / 1_000_000,
            sums: file
                .sums
                .iter()
                .map(|sum| (sum.algorithm.name().to_owned(), sum.bytes.clone()))
                .collect(),
        };
        if let Ok(text) = serde_json::to_vec(&side) {
            // A missing sidecar costs a second reading of the file, nothing else.
            let _ = fs::write(self.sidecar(path), text);
        }
    }

    pub(super) fn open(&self, path: &CleanPath) -> io::Result<File> {
        File::open(self.at(path))
    }

    pub(super) fn make(&self, path: &CleanPath) -> io::Result<()> {
        fs::create_dir_all(self.at(path))
    }

    pub(super) fn remove(&self, path: &CleanPath) -> io::Result<()> {
        let place = self.at(path);
        if place.is_dir() {
            fs::remove_dir_all(place)
        } else {
            fs::remove_file(place)
        }
    }

    pub(super) fn rename(&self, from: &CleanPath, to: &CleanPath) -> io::Result<()> {
        fs::rename(self.at(from), self.at(to))?;
        // The checksums follow if there are any; otherwise they are computed again when asked for.
        let _ = fs::rename(self.sidecar(from), self.sidecar(to));
        Ok(())
    }

    pub(super) fn copy(&self, from: &CleanPath, to: &CleanPath) -> io::Result<()> {
        let target = self.at(to);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(self.at(from), target).map(|_| ())
    }

    pub(super) fn begin(&self) -> Result<DiskWriter, StoreError> {
        let number = self.names.fetch_add(1, Ordering::Relaxed);
        let temporary = self
            .root
            .join(HIDDEN)
            .join("coming")
            .join(format!("{number:x}"));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&temporary)
            .map_err(StoreError::of)?;
        let guard = Placing {
            root: self.root.clone(),
            temporary: Some(temporary),
        };
        Ok(DiskWriter {
            spool: Spool::new(file),
            guard,
        })
    }
}

/// A file being written.
#[derive(Debug)]
pub struct DiskWriter {
    spool: Spool,
    guard: Placing,
}

impl DiskWriter {
    pub(super) async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        self.spool.write(&bytes).await
    }

    pub(super) async fn finish(self) -> Result<Placing, StoreError> {
        self.spool.finish().await?;
        Ok(self.guard)
    }
}

/// A temporary file that is either moved to its place or removed.
#[derive(Debug)]
pub(super) struct Placing {
    root: PathBuf,
    temporary: Option<PathBuf>,
}

impl Placing {
    pub(super) fn at(mut self, path: &CleanPath) -> io::Result<()> {
        let target = path
            .segments()
            .fold(self.root.clone(), |place, segment| place.join(segment));
        if let Some(temporary) = &self.temporary {
            match (fs::rename(temporary, &target), target.parent()) {
                (Err(error), Some(parent)) if error.kind() == io::ErrorKind::NotFound => {
                    fs::create_dir_all(parent)?;
                    fs::rename(temporary, &target)?;
                }
                (done, _) => done?,
            }
        }
        self.temporary = None;
        Ok(())
    }
}

impl Drop for Placing {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            let _ = fs::remove_file(temporary);
        }
    }
}

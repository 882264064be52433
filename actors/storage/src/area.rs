//! The storage area: tree and bytes together. Whatever is written appears whole or not at all.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http_body_util::BodyExt as _;

use crate::backend::{
    Blob, DiskStore, MemoryStore, Source, Store, StoreError, SyntheticStore, Writer,
};
use crate::checksum::{Algorithm, Checksum, Summing};
use crate::config::{Backend, Config, FileSpec};
use crate::namespace::{Change, Entry, FileMeta, Locality, Tree, TreeError};
use crate::path::{CleanPath, Oddity, PathRules};
use crate::pattern::{Pattern, key};

/// How paths of the configuration are read.
pub(crate) const PLAIN: PathRules = PathRules {
    encoded_slash: Oddity::Resolve,
    ..PathRules::OURS
};

/// Why the area says no.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AreaError {
    /// The tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The bytes.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The path belongs to the backend.
    #[error("this name is reserved")]
    Reserved,
}

/// Tree and bytes.
#[derive(Debug)]
pub(crate) struct Area {
    tree: Mutex<Tree>,
    store: Store,
    quota: Option<u64>,
    algorithms: Vec<Algorithm>,
    arriving: Mutex<HashMap<CleanPath, usize>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Area {
    /// Sets the area up as configured. The error is a sentence for people.
    pub(crate) fn new(config: &Config, seed: u64, now: i64) -> Result<Self, String> {
        let algorithms = config
            .checksums
            .iter()
            .map(|name| {
                Algorithm::named(name).ok_or_else(|| {
                    format!(
                        "`{name}` is no checksum: adler32, md5, sha, sha-256, sha-512 or crc32c"
                    )
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut tree = Tree::new(now);
        let store = match &config.backend {
            Backend::Memory(memory) => Store::Memory(MemoryStore::new(
                memory.largest.map_or(1 << 20, |size| size.0),
                memory.scratch.clone().unwrap_or_else(std::env::temp_dir),
            )),
            Backend::Synthetic(_) => Store::Synthetic(SyntheticStore),
            Backend::Disk(disk) => {
                let told = |error: io::Error| format!("{}: {error}", disk.directory.display());
                let store = DiskStore::open_at(&disk.directory).map_err(told)?;
                for found in store.scan().map_err(told)? {
                    if let Some(size) = found.size {
                        let file = FileMeta {
                            number: 0,
                            size,
                            modified: found.modified,
                            created: found.modified,
                            sums: Arc::new(found.sums),
                            blob: Blob::OnDisk,
                            locality: Locality::Disk,
                            dead: Arc::default(),
                        };
                        tree.put(&found.path, file, true)
                            .map_err(|error| error.to_string())?;
                    } else {
                        let _ = tree.make_directory(&found.path, true, found.modified);
                    }
                }
                Store::Disk(store)
            }
        };
        for directory in &config.directories {
            let path = CleanPath::parse(directory, PLAIN)
                .map_err(|fault| format!("directory `{directory}`: {fault}"))?;
            if !tree.exists(&path) {
                tree.make_directory(&path, true, now)
                    .map_err(|error| format!("directory `{directory}`: {error}"))?;
                store
                    .made(&path)
                    .map_err(|error| format!("directory `{directory}`: {error}"))?;
            }
        }
        for (name, spec) in &config.files {
            let path =
                CleanPath::parse(name, PLAIN).map_err(|fault| format!("file `{name}`: {fault}"))?;
            let file = initial(&path, spec, seed, now)
                .map_err(|error| format!("file `{name}`: {error}"))?;
            tree.put(&path, file, true)
                .map_err(|error| format!("file `{name}`: {error}"))?;
        }
        Ok(Self {
            tree: Mutex::new(tree),
            store,
            quota: config.quota.map(|size| size.0),
            algorithms,
            arriving: Mutex::default(),
        })
    }

    /// What is at a path.
    pub(crate) fn get(&self, path: &CleanPath) -> Option<Entry> {
        lock(&self.tree).get(path)
    }

    /// Whether anything is at a path.
    pub(crate) fn exists(&self, path: &CleanPath) -> bool {
        lock(&self.tree).exists(path)
    }

    /// The members of a collection.
    pub(crate) fn list(&self, path: &CleanPath) -> Option<Vec<(String, Entry)>> {
        lock(&self.tree).list(path)
    }

    /// Bytes held, and how many more may come.
    pub(crate) fn space(&self) -> (u64, Option<u64>) {
        let used = lock(&self.tree).used();
        (used, self.quota.map(|quota| quota.saturating_sub(used)))
    }

    /// Whether a file is being written here.
    pub(crate) fn is_arriving(&self, path: &CleanPath) -> bool {
        lock(&self.arriving).contains_key(path)
    }

    /// Whether a file could be put here, and whether it would replace one.
    pub(crate) fn can_put(&self, path: &CleanPath, parents: bool) -> Result<bool, AreaError> {
        if matches!(self.store, Store::Disk(_)) && DiskStore::reserved(path) {
            return Err(AreaError::Reserved);
        }
        Ok(lock(&self.tree).can_put(path, parents)?)
    }

    /// Whether the quota allows so many bytes in all.
    fn may_hold(&self, used: u64) -> bool {
        self.quota.is_none_or(|quota| used <= quota)
    }

    /// Whether so many bytes fit.
    pub(crate) fn fits(&self, size: u64) -> Result<(), AreaError> {
        match self.space().1 {
            Some(left) if size > left => Err(StoreError::Full(format!(
                "{size} bytes asked for, {left} left of the quota"
            ))
            .into()),
            _ => Ok(()),
        }
    }

    /// Begins to receive a file.
    pub(crate) fn begin(
        self: &Arc<Self>,
        path: &CleanPath,
        also: &[Algorithm],
    ) -> Result<Arrival, AreaError> {
        let writer = self.store.begin()?;
        let mut algorithms = self.algorithms.clone();
        algorithms.extend(
            also.iter()
                .filter(|algorithm| !self.algorithms.contains(algorithm)),
        );
        *lock(&self.arriving).entry(path.clone()).or_default() += 1;
        Ok(Arrival {
            area: self.clone(),
            path: path.clone(),
            writer: Some(writer),
            summing: Some(Summing::new(&algorithms)),
        })
    }

    /// Opens a file for reading.
    pub(crate) fn open(&self, path: &CleanPath, file: &FileMeta) -> Result<Source, StoreError> {
        self.store.open(path, file)
    }

    /// Makes a collection.
    pub(crate) fn make_directory(
        &self,
        path: &CleanPath,
        parents: bool,
        now: i64,
    ) -> Result<(), AreaError> {
        if matches!(self.store, Store::Disk(_)) && DiskStore::reserved(path) {
            return Err(AreaError::Reserved);
        }
        let mut tree = lock(&self.tree);
        tree.make_directory(path, parents, now)?;
        Ok(self.store.made(path)?)
    }

    /// Removes a file or collection.
    pub(crate) fn remove(
        &self,
        path: &CleanPath,
        recursive: bool,
        now: i64,
    ) -> Result<Vec<CleanPath>, AreaError> {
        let mut tree = lock(&self.tree);
        let gone = tree.remove(path, recursive, now)?;
        self.store.removed(path)?;
        Ok(gone.into_iter().map(|(path, _)| path).collect())
    }

    /// Renames; what stands at the target goes first when `replace` says so. Gives back whether it replaced.
    pub(crate) fn rename(
        &self,
        from: &CleanPath,
        to: &CleanPath,
        replace: bool,
        now: i64,
    ) -> Result<bool, AreaError> {
        let mut tree = lock(&self.tree);
        let replaced = self.clear(&mut tree, from, to, replace, now)?;
        tree.rename(from, to, now)?;
        self.store.renamed(from, to)?;
        Ok(replaced)
    }

    /// Copies within the area.
    pub(crate) fn copy(
        &self,
        from: &CleanPath,
        to: &CleanPath,
        deep: bool,
        replace: bool,
        now: i64,
    ) -> Result<bool, AreaError> {
        let mut tree = lock(&self.tree);
        let total = |files: &[(CleanPath, FileMeta)]| {
            let sizes = files.iter().map(|(_, file)| file.size);
            sizes.fold(0, u64::saturating_add)
        };
        let size = if deep || !tree.get(from).is_some_and(|entry| entry.is_directory()) {
            total(&tree.files(from))
        } else {
            0
        };
        let freed = if replace { total(&tree.files(to)) } else { 0 };
        let used = tree.used().saturating_sub(freed).saturating_add(size);
        if !self.may_hold(used) {
            return Err(StoreError::Full(format!("{size} bytes do not fit")).into());
        }
        let replaced = self.clear(&mut tree, from, to, replace, now)?;
        let directory = tree.get(from).is_some_and(|entry| entry.is_directory());
        let made = tree.copy(from, to, deep, now)?;
        if directory {
            self.store.made(to)?;
        }
        for file in made {
            let suffix = file.as_str().strip_prefix(to.as_str()).unwrap_or_default();
            let origin = suffix
                .split('/')
                .filter(|s| !s.is_empty())
                .fold(from.clone(), |path, name| path.child(name));
            self.store.copied(&origin, &file)?;
        }
        Ok(replaced)
    }

    fn clear(
        &self,
        tree: &mut Tree,
        from: &CleanPath,
        to: &CleanPath,
        replace: bool,
        now: i64,
    ) -> Result<bool, AreaError> {
        if !tree.exists(from) {
            return Err(TreeError::Missing.into());
        }
        if from.covers(to) || to.covers(from) {
            return Err(TreeError::Overlap.into());
        }
        if !tree.exists(to) {
            return Ok(false);
        }
        if !replace {
            return Err(TreeError::Exists.into());
        }
        tree.remove(to, true, now)?;
        self.store.removed(to)?;
        Ok(true)
    }

    /// Changes what is known of a file or collection.
    pub(crate) fn update<R>(
        &self,
        path: &CleanPath,
        change: impl FnOnce(Change<'_>) -> R,
    ) -> Option<R> {
        lock(&self.tree).update(path, change)
    }

    /// The checksum of a file: a known one, else computed now and kept.
    pub(crate) async fn checksum(
        &self,
        path: &CleanPath,
        file: &FileMeta,
        algorithm: Algorithm,
    ) -> Option<Checksum> {
        if let Some(known) = file.sums.iter().find(|sum| sum.algorithm == algorithm) {
            return Some(known.clone());
        }
        let source = self.store.open(path, file).ok()?;
        let mut body = source.body(0, file.size);
        let mut summing = Summing::new(&[algorithm]);
        while let Some(frame) = body.frame().await {
            // Seeded content never makes one wait: let others have their turn, and see when the client has gone.
            tokio::task::yield_now().await;
            if let Ok(bytes) = frame.ok()?.into_data() {
                summing.update(&bytes);
            }
        }
        let computed = summing.finish();
        let found = computed
            .iter()
            .find(|sum| sum.algorithm == algorithm)
            .cloned();
        let noted = self.update(path, |change| match change {
            Change::File(held) if held.number == file.number => {
                let mut sums = (*held.sums).clone();
                sums.extend(
                    computed
                        .into_iter()
                        .filter(|new| !held.sums.iter().any(|old| old.algorithm == new.algorithm)),
                );
                held.sums = Arc::new(sums);
                Some(held.clone())
            }
            _ => None,
        });
        if let Some(Some(held)) = noted {
            self.store.note(path, &held);
        }
        found
    }
}

/// The longest seeded content: its checksum takes a step for every MiB.
const LARGEST: u64 = 1 << 50;

fn initial(path: &CleanPath, spec: &FileSpec, seed: u64, now: i64) -> Result<FileMeta, String> {
    let mut sums = Vec::new();
    let (size, blob) = if let Some(local) = &spec.path {
        let meta =
            std::fs::metadata(local).map_err(|error| format!("{}: {error}", local.display()))?;
        if !meta.is_file() {
            return Err(format!("{} is not a file", local.display()));
        }
        (meta.len(), Blob::Local(Arc::new(local.clone())))
    } else if let Some(text) = &spec.text {
        sums.push(Checksum::adler32(simd_adler32::adler32(&text.as_bytes())));
        (
            text.len() as u64,
            Blob::Bytes(Bytes::from(text.clone().into_bytes())),
        )
    } else {
        let size = spec.size.unwrap_or_default().0;
        if size > LARGEST {
            return Err("seeded content is at most 1 PiB long".to_owned());
        }
        let pattern = Pattern::new(match spec.seed {
            Some(seed) => key(seed, ""),
            None => key(seed, path.as_str()),
        });
        sums.push(Checksum::adler32(pattern.adler32(size)));
        (size, Blob::Seeded(pattern))
    };
    if let Some(claimed) = &spec.adler32 {
        let value =
            u32::from_str_radix(claimed, 16).map_err(|_| format!("`{claimed}` is no adler32"))?;
        sums = vec![Checksum::adler32(value)];
    }
    Ok(FileMeta {
        number: 0,
        size,
        modified: now,
        created: now,
        sums: Arc::new(sums),
        blob,
        locality: if spec.tape {
            Locality::Tape
        } else {
            Locality::Disk
        },
        dead: Arc::default(),
    })
}

/// A file on its way in. Dropped before `commit`, nothing of it remains.
#[derive(Debug)]
pub(crate) struct Arrival {
    area: Arc<Area>,
    path: CleanPath,
    writer: Option<Writer>,
    summing: Option<Summing>,
}

impl Arrival {
    /// More bytes.
    pub(crate) async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        let (Some(writer), Some(summing)) = (&mut self.writer, &mut self.summing) else {
            return Ok(());
        };
        summing.update(&bytes);
        if self.area.quota.is_some() {
            self.area
                .fits(summing.bytes())
                .map_err(|error| match error {
                    AreaError::Store(error) => error,
                    other => StoreError::Io(io::Error::other(other)),
                })?;
        }
        writer.write(bytes).await
    }

    /// Bytes so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.summing.as_ref().map_or(0, Summing::bytes)
    }

    /// Everything is here: what it sums up to, before it is put in place.
    pub(crate) async fn complete(mut self) -> Result<Complete, StoreError> {
        let size = self.bytes();
        let sums = self.summing.take().map(Summing::finish).unwrap_or_default();
        let kept = match self.writer.take() {
            Some(writer) => writer.finish().await?,
            None => return Err(StoreError::Forgotten),
        };
        Ok(Complete {
            arrival: self,
            kept,
            sums,
            size,
        })
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        let mut arriving = lock(&self.area.arriving);
        if let Some(count) = arriving.get_mut(&self.path) {
            *count -= 1;
            if *count == 0 {
                arriving.remove(&self.path);
            }
        }
    }
}

/// A complete file that nobody sees yet.
#[derive(Debug)]
pub(crate) struct Complete {
    arrival: Arrival,
    kept: crate::backend::Kept,
    /// Its checksums.
    pub(crate) sums: Vec<Checksum>,
    size: u64,
}

impl Complete {
    /// Puts it in place, in one step, if `onto` allows what is there by now. Gives back the file and whether it
    /// replaced one.
    pub(crate) fn commit(
        self,
        parents: bool,
        now: i64,
        onto: impl FnOnce(Option<&FileMeta>) -> bool,
    ) -> Result<(FileMeta, bool), AreaError> {
        let area = &self.arrival.area;
        let path = &self.arrival.path;
        let mut tree = lock(&area.tree);
        tree.can_put(path, parents)?;
        let current = tree.get(path);
        let current = current.as_ref().and_then(Entry::file);
        if !onto(current) {
            return Err(TreeError::Exists.into());
        }
        // Others may have taken the room meanwhile.
        let freed = current.map_or(0, |old| old.size);
        let used = tree.used().saturating_sub(freed).saturating_add(self.size);
        if !area.may_hold(used) {
            let told = format!("{} bytes do not fit any more", self.size);
            return Err(StoreError::Full(told).into());
        }
        let blob = self.kept.place(path)?;
        let file = FileMeta {
            number: 0,
            size: self.size,
            modified: now,
            created: now,
            sums: Arc::new(self.sums),
            blob,
            locality: Locality::Disk,
            dead: Arc::default(),
        };
        let replaced = tree.put(path, file, parents)?;
        let file = tree
            .get(path)
            .and_then(|entry| entry.file().cloned())
            .ok_or(TreeError::Missing)?;
        drop(tree);
        area.store.note(path, &file);
        Ok((file, replaced))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_whose_checksum_would_take_for_ever_is_no_file_of_a_world() {
        let mut config = Config::default();
        let spec = FileSpec {
            size: Some(crate::size::Size(LARGEST + 1)),
            ..FileSpec::default()
        };
        config.files.insert("/f".into(), spec);
        let told = Area::new(&config, 7, 0).map(|_| ()).unwrap_err();
        assert_eq!(told, "file `/f`: seeded content is at most 1 PiB long");
    }
}

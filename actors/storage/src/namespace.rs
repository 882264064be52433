//! The tree of collections and files: pure, no bytes, no clock. Every change is one whole step.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::backend::Blob;
use crate::checksum::Checksum;
use crate::path::CleanPath;

/// Where the bytes of a file are (storage page §6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Locality {
    /// On disk only.
    #[default]
    Disk,
    /// On tape only; must be staged before it can be read.
    Tape,
    /// On both.
    DiskAndTape,
    /// Gone.
    Lost,
    /// The tape system does not answer.
    Unavailable,
}

/// What is known of a file.
#[derive(Clone, Debug)]
pub struct FileMeta {
    /// Number of the file, never given twice; part of the entity tag.
    pub number: u64,
    /// Size in bytes.
    pub size: u64,
    /// Milliseconds since the epoch.
    pub modified: i64,
    /// Milliseconds since the epoch.
    pub created: i64,
    /// Checksums known so far.
    pub sums: Arc<Vec<Checksum>>,
    /// Where the bytes are.
    pub blob: Blob,
    /// Disk, tape or both.
    pub locality: Locality,
    /// Properties set by PROPPATCH: (namespace, name) and the value's XML.
    pub dead: Arc<DeadProperties>,
}

/// Properties a client has set: (namespace, name) to the value's XML.
pub type DeadProperties = BTreeMap<(String, String), String>;

impl FileMeta {
    /// A strong entity tag, quoted; never 32 hexadecimal digits, which davix takes for an md5 (§4.3).
    pub fn etag(&self) -> String {
        format!("\"{:x}-{:x}-{:x}\"", self.number, self.size, self.modified)
    }
}

/// What is known of a collection.
#[derive(Clone, Debug, Default)]
pub struct DirMeta {
    /// Milliseconds since the epoch.
    pub modified: i64,
    /// Milliseconds since the epoch.
    pub created: i64,
    /// Properties set by PROPPATCH.
    pub dead: Arc<DeadProperties>,
}

/// A node as seen from outside.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A collection.
    Directory(DirMeta),
    /// A file.
    File(FileMeta),
}

impl Entry {
    /// Whether it is a collection.
    pub fn is_directory(&self) -> bool {
        matches!(self, Self::Directory(_))
    }

    /// The file, if it is one.
    pub fn file(&self) -> Option<&FileMeta> {
        match self {
            Self::File(file) => Some(file),
            Self::Directory(_) => None,
        }
    }
}

#[derive(Clone, Debug)]
enum Node {
    Directory(DirMeta, BTreeMap<Box<str>, Node>),
    File(FileMeta),
}

impl Node {
    fn entry(&self) -> Entry {
        match self {
            Self::Directory(meta, _) => Entry::Directory(meta.clone()),
            Self::File(file) => Entry::File(file.clone()),
        }
    }

    fn files(&self, path: &CleanPath, found: &mut Vec<(CleanPath, FileMeta)>) {
        match self {
            Self::File(file) => found.push((path.clone(), file.clone())),
            Self::Directory(_, children) => {
                for (name, child) in children {
                    child.files(&path.child(name), found);
                }
            }
        }
    }
}

/// Why a change is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// No such path.
    #[error("no such file or directory")]
    Missing,
    /// The collection that should hold it is not there.
    #[error("parent collection does not exist")]
    NoParent,
    /// Something is there already.
    #[error("target exists")]
    Exists,
    /// A file stands where a collection is needed.
    #[error("not a collection")]
    NotDirectory,
    /// A collection stands where a file is needed.
    #[error("is a collection")]
    IsDirectory,
    /// The collection still has members.
    #[error("collection is not empty")]
    NotEmpty,
    /// A collection cannot go below itself, nor the root anywhere.
    #[error("a collection does not go below itself, and the root stays")]
    Overlap,
}

/// The whole tree.
#[derive(Debug)]
pub struct Tree {
    root: Node,
    used: u64,
    numbers: u64,
}

impl Tree {
    /// An empty tree, made at this time.
    pub fn new(now: i64) -> Self {
        let meta = DirMeta {
            modified: now,
            created: now,
            ..DirMeta::default()
        };
        Self {
            root: Node::Directory(meta, BTreeMap::new()),
            used: 0,
            numbers: 0,
        }
    }

    /// Bytes held by all files.
    pub fn used(&self) -> u64 {
        self.used
    }

    fn node(&self, path: &CleanPath) -> Option<&Node> {
        path.segments()
            .try_fold(&self.root, |node, segment| match node {
                Node::Directory(_, children) => children.get(segment),
                Node::File(_) => None,
            })
    }

    fn node_mut(&mut self, path: &CleanPath) -> Option<&mut Node> {
        path.segments()
            .try_fold(&mut self.root, |node, segment| match node {
                Node::Directory(_, children) => children.get_mut(segment),
                Node::File(_) => None,
            })
    }

    /// What is at this path.
    pub fn get(&self, path: &CleanPath) -> Option<Entry> {
        self.node(path).map(Node::entry)
    }

    /// Whether anything is at this path.
    pub fn exists(&self, path: &CleanPath) -> bool {
        self.node(path).is_some()
    }

    /// The members of a collection, in name order.
    pub fn list(&self, path: &CleanPath) -> Option<Vec<(String, Entry)>> {
        match self.node(path)? {
            Node::Directory(_, children) => Some(
                children
                    .iter()
                    .map(|(name, node)| (name.to_string(), node.entry()))
                    .collect(),
            ),
            Node::File(_) => None,
        }
    }

    /// Every file at or below a path.
    pub fn files(&self, path: &CleanPath) -> Vec<(CleanPath, FileMeta)> {
        let mut found = Vec::new();
        if let Some(node) = self.node(path) {
            node.files(path, &mut found);
        }
        found
    }

    /// Makes a collection; with `parents` also those above it.
    pub fn make_directory(
        &mut self,
        path: &CleanPath,
        parents: bool,
        now: i64,
    ) -> Result<(), TreeError> {
        if self.exists(path) {
            return Err(TreeError::Exists);
        }
        let mut node = &mut self.root;
        let mut left = path.segments().count();
        for segment in path.segments() {
            left -= 1;
            let Node::Directory(meta, children) = node else {
                return Err(TreeError::NotDirectory);
            };
            if !children.contains_key(segment) {
                if left > 0 && !parents {
                    return Err(TreeError::NoParent);
                }
                let made = DirMeta {
                    modified: now,
                    created: now,
                    ..DirMeta::default()
                };
                children.insert(segment.into(), Node::Directory(made, BTreeMap::new()));
                meta.modified = now;
            }
            let Some(next) = children.get_mut(segment) else {
                return Err(TreeError::Missing);
            };
            node = next;
        }
        Ok(())
    }

    /// Whether a file could be put here, and whether it would replace one.
    pub fn can_put(&self, path: &CleanPath, parents: bool) -> Result<bool, TreeError> {
        match self.node(path) {
            Some(Node::Directory(..)) => return Err(TreeError::IsDirectory),
            Some(Node::File(_)) => return Ok(true),
            None => {}
        }
        let mut node = &self.root;
        let Some(parent) = path.parent() else {
            return Err(TreeError::IsDirectory);
        };
        for segment in parent.segments() {
            let Node::Directory(_, children) = node else {
                return Err(TreeError::NotDirectory);
            };
            match children.get(segment) {
                Some(next) => node = next,
                None if parents => return Ok(false),
                None => return Err(TreeError::NoParent),
            }
        }
        if matches!(node, Node::File(_)) {
            Err(TreeError::NotDirectory)
        } else {
            Ok(false)
        }
    }

    /// Puts a complete file in place, in one step, and numbers it. Gives back whether it replaced one.
    pub fn put(
        &mut self,
        path: &CleanPath,
        mut file: FileMeta,
        parents: bool,
    ) -> Result<bool, TreeError> {
        let replaces = self.can_put(path, parents)?;
        let now = file.modified;
        self.numbers += 1;
        file.number = self.numbers;
        if let Some(parent) = path.parent() {
            if !self.exists(&parent) {
                self.make_directory(&parent, true, now)?;
            }
            if let Some(Node::Directory(meta, children)) = self.node_mut(&parent) {
                if !replaces {
                    meta.modified = now;
                }
                let size = file.size;
                if let Some(Node::File(old)) = children.get(path.name()) {
                    file.created = old.created;
                    let freed = old.size;
                    self.used = self.used.saturating_sub(freed).saturating_add(size);
                    return self.replace(path, file);
                }
                children.insert(path.name().into(), Node::File(file));
                self.used = self.used.saturating_add(size);
            }
        }
        Ok(replaces)
    }

    fn replace(&mut self, path: &CleanPath, file: FileMeta) -> Result<bool, TreeError> {
        let node = self.node_mut(path).ok_or(TreeError::Missing)?;
        *node = Node::File(file);
        Ok(true)
    }

    /// Changes a file or collection in place.
    pub fn update<R>(
        &mut self,
        path: &CleanPath,
        change: impl FnOnce(Change<'_>) -> R,
    ) -> Option<R> {
        let changed = match self.node_mut(path)? {
            Node::Directory(meta, _) => change(Change::Directory(meta)),
            Node::File(file) => change(Change::File(file)),
        };
        Some(changed)
    }

    /// Removes a file or collection; gives back the files that went with it.
    pub fn remove(
        &mut self,
        path: &CleanPath,
        recursive: bool,
        now: i64,
    ) -> Result<Vec<(CleanPath, FileMeta)>, TreeError> {
        let node = self.node(path).ok_or(TreeError::Missing)?;
        let Some(parent) = path.parent() else {
            return Err(TreeError::Overlap);
        };
        if let Node::Directory(_, children) = node
            && !recursive
            && !children.is_empty()
        {
            return Err(TreeError::NotEmpty);
        }
        let gone = self.files(path);
        if let Some(Node::Directory(meta, children)) = self.node_mut(&parent) {
            children.remove(path.name());
            meta.modified = now;
        }
        let freed = gone.iter().map(|(_, file)| file.size);
        self.used = self.used.saturating_sub(freed.fold(0, u64::saturating_add));
        Ok(gone)
    }

    fn can_place(&self, from: &CleanPath, to: &CleanPath) -> Result<(), TreeError> {
        if !self.exists(from) {
            return Err(TreeError::Missing);
        }
        if from.covers(to) || to.covers(from) {
            return Err(TreeError::Overlap);
        }
        let parent = to.parent().ok_or(TreeError::Overlap)?;
        match self.node(&parent) {
            None => Err(TreeError::NoParent),
            Some(Node::File(_)) => Err(TreeError::NotDirectory),
            Some(Node::Directory(..)) if self.exists(to) => Err(TreeError::Exists),
            Some(Node::Directory(..)) => Ok(()),
        }
    }

    /// Renames a file or collection. The target must not exist.
    pub fn rename(&mut self, from: &CleanPath, to: &CleanPath, now: i64) -> Result<(), TreeError> {
        self.can_place(from, to)?;
        let source = from.parent().ok_or(TreeError::Overlap)?;
        let mut moved = None;
        if let Some(Node::Directory(meta, children)) = self.node_mut(&source) {
            moved = children.remove(from.name());
            meta.modified = now;
        }
        let (Some(node), Some(parent)) = (moved, to.parent()) else {
            return Err(TreeError::Missing);
        };
        if let Some(Node::Directory(meta, children)) = self.node_mut(&parent) {
            children.insert(to.name().into(), node);
            meta.modified = now;
        }
        Ok(())
    }

    /// Copies a file, or a collection with (`deep`) or without its members. The target must not exist.
    pub fn copy(
        &mut self,
        from: &CleanPath,
        to: &CleanPath,
        deep: bool,
        now: i64,
    ) -> Result<Vec<CleanPath>, TreeError> {
        self.can_place(from, to)?;
        let files = if deep || self.get(from).is_some_and(|entry| !entry.is_directory()) {
            self.files(from)
        } else {
            Vec::new()
        };
        let source = self.node(from).cloned().ok_or(TreeError::Missing)?;
        let mut copied = match source {
            Node::Directory(meta, children) if deep => Node::Directory(meta, children),
            Node::Directory(meta, _) => Node::Directory(meta, BTreeMap::new()),
            file @ Node::File(_) => file,
        };
        let mut numbers = self.numbers;
        renew(&mut copied, &mut numbers, now);
        self.numbers = numbers;
        let taken = files.iter().map(|(_, file)| file.size);
        self.used = taken.fold(self.used, u64::saturating_add);
        let parent = to.parent().ok_or(TreeError::Overlap)?;
        if let Some(Node::Directory(meta, children)) = self.node_mut(&parent) {
            children.insert(to.name().into(), copied);
            meta.modified = now;
        }
        Ok(self.files(to).into_iter().map(|(path, _)| path).collect())
    }
}

/// What `Tree::update` hands out.
pub enum Change<'a> {
    /// A collection.
    Directory(&'a mut DirMeta),
    /// A file.
    File(&'a mut FileMeta),
}

fn renew(node: &mut Node, numbers: &mut u64, now: i64) {
    match node {
        Node::File(file) => {
            *numbers += 1;
            file.number = *numbers;
            file.created = now;
            file.modified = now;
        }
        Node::Directory(meta, children) => {
            meta.created = now;
            meta.modified = now;
            for child in children.values_mut() {
                renew(child, numbers, now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> CleanPath {
        CleanPath::parse(text, crate::path::PathRules::OURS).unwrap()
    }

    fn file(size: u64) -> FileMeta {
        FileMeta {
            number: 1,
            size,
            modified: 5,
            created: 5,
            sums: Arc::default(),
            blob: Blob::empty(),
            locality: Locality::Disk,
            dead: Arc::default(),
        }
    }

    #[test]
    fn files_come_and_go_and_space_is_counted() {
        let mut tree = Tree::new(0);
        assert_eq!(
            tree.put(&path("/a/b"), file(3), false),
            Err(TreeError::NoParent)
        );
        assert_eq!(tree.put(&path("/a/b"), file(3), true), Ok(false));
        assert_eq!(tree.put(&path("/a/b"), file(5), true), Ok(true));
        assert_eq!(
            tree.put(&path("/a/b/c"), file(5), true),
            Err(TreeError::NotDirectory)
        );
        assert_eq!(
            tree.put(&path("/a"), file(5), true),
            Err(TreeError::IsDirectory)
        );
        assert_eq!(tree.used(), 5);
        assert_eq!(
            tree.remove(&path("/a"), false, 9).map(|_| ()),
            Err(TreeError::NotEmpty)
        );
        assert_eq!(
            tree.remove(&path("/a"), true, 9).map(|gone| gone.len()),
            Ok(1)
        );
        assert_eq!(tree.used(), 0);
        assert_eq!(
            tree.remove(&path("/a"), true, 9).map(|_| ()),
            Err(TreeError::Missing)
        );
    }

    #[test]
    fn collections_are_made_one_by_one_unless_asked() {
        let mut tree = Tree::new(0);
        assert_eq!(
            tree.make_directory(&path("/x/y"), false, 1),
            Err(TreeError::NoParent)
        );
        assert_eq!(tree.make_directory(&path("/x/y"), true, 1), Ok(()));
        assert_eq!(
            tree.make_directory(&path("/x"), true, 1),
            Err(TreeError::Exists)
        );
        assert_eq!(tree.list(&path("/x")).unwrap().len(), 1);
        assert!(tree.list(&path("/none")).is_none());
    }

    #[test]
    fn moving_and_copying_keep_the_tree_a_tree() {
        let mut tree = Tree::new(0);
        tree.put(&path("/a/f"), file(2), true).unwrap();
        assert_eq!(
            tree.rename(&path("/a"), &path("/a/b"), 1),
            Err(TreeError::Overlap)
        );
        assert_eq!(
            tree.rename(&path("/a/f"), &path("/no/f"), 1),
            Err(TreeError::NoParent)
        );
        assert_eq!(
            tree.rename(&path("/none"), &path("/f"), 1),
            Err(TreeError::Missing)
        );
        assert_eq!(
            tree.copy(&path("/a"), &path("/c"), true, 1)
                .map(|files| files.len()),
            Ok(1)
        );
        assert_eq!(tree.used(), 4);
        assert_eq!(
            tree.copy(&path("/a"), &path("/d"), false, 1)
                .map(|files| files.len()),
            Ok(0)
        );
        assert_eq!(
            tree.rename(&path("/a/f"), &path("/c/f"), 1),
            Err(TreeError::Exists)
        );
        assert_eq!(tree.rename(&path("/a/f"), &path("/c/g"), 1), Ok(()));
        assert!(!tree.exists(&path("/a/f")));
        let numbers: Vec<_> = tree
            .files(&path("/c"))
            .into_iter()
            .map(|(_, f)| f.number)
            .collect();
        assert_eq!(numbers.len(), 2);
        assert_ne!(numbers[0], numbers[1]);
    }

    #[test]
    fn more_bytes_than_can_be_counted_stay_countable() {
        let mut tree = Tree::new(0);
        for name in ["/a", "/b", "/a"] {
            tree.put(&path(name), file(u64::MAX), true).unwrap();
        }
        tree.copy(&path("/a"), &path("/c"), true, 1).unwrap();
        assert_eq!(tree.used(), u64::MAX);
        for name in ["/a", "/b", "/c"] {
            tree.remove(&path(name), false, 2).unwrap();
        }
        assert_eq!(tree.used(), 0);
    }
}

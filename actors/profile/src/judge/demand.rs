//! What a request needs to be allowed.

use std::fmt;

use super::Rules;
use crate::{path::RequestPath, scope::StoragePrivilege};

/// What a request needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demand {
    /// A valid token of a trusted issuer, nothing more.
    Identity,
    /// Any one of these scope items: `fts:submit-transfer`, `compute.create`.
    Scope(Vec<String>),
    /// A subject that the server lists by name (CAP-17).
    ListedSubject,
    /// All of these at a storage element: two for a MOVE or a local COPY, else one.
    Storage(Vec<StorageDemand>),
}

/// One thing done to one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageDemand {
    /// What.
    pub action: StorageAction,
    /// Where, as the server names it (with the area's prefix).
    pub path: RequestPath,
    /// Whether the path is, or is about to become, a directory.
    pub directory: bool,
}

/// What is done to a path, after a look at whether something is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StorageAction {
    /// The data of a file: GET, the source of a copy.
    Read,
    /// The names in a directory.
    List,
    /// Size, checksum, locality: HEAD, PROPFIND of depth 0.
    Stat,
    /// A new file where nothing is.
    Create,
    /// A new directory where nothing is.
    MakeDirectory,
    /// New data over a file that is there.
    Replace,
    /// Removal.
    Delete,
    /// The old name in a rename whose target is absent.
    MoveFrom,
    /// The new name in a rename, nothing being there.
    MoveTo,
    /// The old name in a rename that replaces its target.
    MoveFromOver,
    /// The new name in a rename, something being there.
    MoveOver,
    /// Properties.
    Change,
    /// Bring online, cancel, release, pin.
    Stage,
    /// Only whether it is online.
    Poll,
}

impl Demand {
    /// One action at one path.
    pub fn storage(action: StorageAction, path: RequestPath) -> Self {
        Self::Storage(vec![StorageDemand::new(action, path)])
    }

    /// A scope item.
    pub fn scope(item: impl Into<String>) -> Self {
        Self::Scope(vec![item.into()])
    }
}

impl StorageDemand {
    /// One action at one path; `List` and `MakeDirectory` are about directories, and so is a path that
    /// ends with a slash.
    pub fn new(action: StorageAction, path: RequestPath) -> Self {
        let directory = path.ends_with_slash()
            || matches!(action, StorageAction::List | StorageAction::MakeDirectory);
        Self {
            action,
            path,
            directory,
        }
    }

    /// The same, told whether the path is a directory.
    pub fn directory(mut self, directory: bool) -> Self {
        self.directory = directory;
        self
    }
}

impl StorageAction {
    /// The privileges any one of which permits it (storage page §3.2, issuer page CAP-9 to CAP-15);
    /// the first is the one to ask for.
    pub fn privileges(self, rules: &Rules) -> &[StoragePrivilege] {
        use StoragePrivilege::{Create, Modify, Poll, Read, Stage};
        match self {
            Self::Read if rules.stage_reads() => &[Read, Stage],
            Self::Read => &[Read],
            Self::List => &rules.listing,
            Self::Stat => &[Read, Create, Modify, Stage],
            Self::Create | Self::MakeDirectory | Self::MoveFrom | Self::MoveTo => &[Create, Modify],
            Self::Replace | Self::Delete | Self::MoveFromOver | Self::MoveOver | Self::Change => {
                &[Modify]
            }
            Self::Stage => &[Stage],
            Self::Poll if rules.version.knows_poll() => &[Poll, Read, Create, Modify, Stage],
            Self::Poll => &[Stage, Read, Create, Modify],
        }
    }

    /// What it does, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::List => "list",
            Self::Stat => "look at",
            Self::Create => "create",
            Self::MakeDirectory => "make directory",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::MoveFrom | Self::MoveFromOver => "move away",
            Self::MoveTo => "move to",
            Self::MoveOver => "move over",
            Self::Change => "change",
            Self::Stage => "stage",
            Self::Poll => "poll",
        }
    }

    /// The privilege's word in a demand: `storage.create:/example/file`.
    fn name(self) -> &'static str {
        match self {
            Self::Read => "storage.read",
            Self::List => "storage.list",
            Self::Stat => "storage.stat",
            Self::Create | Self::MakeDirectory | Self::MoveTo => "storage.create",
            Self::Replace
            | Self::Delete
            | Self::MoveFrom
            | Self::MoveFromOver
            | Self::MoveOver
            | Self::Change => "storage.modify",
            Self::Stage => "storage.stage",
            Self::Poll => "storage.poll",
        }
    }
}

impl fmt::Display for StorageDemand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.action.name())?;
        f.write_str(":")?;
        f.write_str(self.path.as_str())
    }
}

impl fmt::Display for Demand {
    /// `storage.create:/example/file`, `fts:submit-transfer`, `a valid token`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity => f.write_str("a valid token"),
            Self::ListedSubject => f.write_str("a listed subject"),
            Self::Scope(items) => f.write_str(&items.join(" or ")),
            Self::Storage(parts) => {
                for (index, part) in parts.iter().enumerate() {
                    if index > 0 {
                        f.write_str(" and ")?;
                    }
                    fmt::Display::fmt(part, f)?;
                }
                Ok(())
            }
        }
    }
}

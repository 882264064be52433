//! The scope grammar: items, storage capabilities, what covers what (issuer page §1.3, CAP-1 to CAP-18).

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    path::{PathFault, ScopePath},
    version::ProfileVersion,
};

/// One item of a scope string: a name and, after the first colon, a path or another argument.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ScopeItem {
    /// What stands before the first colon.
    pub name: String,
    /// What stands after it, as written; `Some("")` when the colon ends the item.
    pub path: Option<String>,
}

/// What a `storage.*` scope permits.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum StoragePrivilege {
    Read,
    Create,
    Modify,
    Stage,
    Poll,
}

/// A storage capability: a privilege on everything at and below a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Capability {
    /// What it permits.
    pub privilege: StoragePrivilege,
    /// Where.
    pub path: ScopePath,
}

/// Why a scope claim is not acceptable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeFault {
    /// A tab, a line break or another control character between or in items.
    #[error("scope items are separated by something else than blanks")]
    Separator,
    /// A storage item without a path (CAP-2).
    #[error("scope item {0:?} has no path")]
    NoPath(String),
    /// A storage item with a bad path.
    #[error("scope item {0:?}: {1}")]
    Path(String, PathFault),
}

impl StoragePrivilege {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Read,
        Self::Create,
        Self::Modify,
        Self::Stage,
        Self::Poll,
    ];

    /// The scope's name: `storage.read`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "storage.read",
            Self::Create => "storage.create",
            Self::Modify => "storage.modify",
            Self::Stage => "storage.stage",
            Self::Poll => "storage.poll",
        }
    }

    /// The privilege of this exact name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|privilege| privilege.name() == name)
    }

    /// Whether whoever has this one has the other: modify is a superset of create (CAP-11).
    pub fn implies(self, other: Self) -> bool {
        self == other || (self, other) == (Self::Modify, Self::Create)
    }
}

impl ScopeItem {
    /// Splits one item at its first colon.
    pub fn parse(item: &str) -> Self {
        match item.split_once(':') {
            Some((name, path)) => Self {
                name: name.to_owned(),
                path: Some(path.to_owned()),
            },
            None => Self {
                name: item.to_owned(),
                path: None,
            },
        }
    }

    /// Whether the item is one of the profile's capabilities, whatever it grants (MIX-1): any
    /// `storage.*` or `compute.*` that the profile defines.
    pub fn is_capability(&self) -> bool {
        StoragePrivilege::named(&self.name).is_some()
            || matches!(
                self.name.as_str(),
                "compute.read" | "compute.modify" | "compute.create" | "compute.cancel"
            )
    }

    /// The storage capability it is, if it is one. Every `storage.` name must have a good path, also
    /// one that the profile does not define and that grants nothing (CAP-N step 1).
    pub fn capability(&self) -> Result<Option<Capability>, ScopeFault> {
        if !self.name.starts_with("storage.") {
            return Ok(None);
        }
        let path = match self.path.as_deref() {
            None | Some("") => return Err(ScopeFault::NoPath(self.to_string())),
            Some(path) => {
                ScopePath::parse(path).map_err(|fault| ScopeFault::Path(self.to_string(), fault))?
            }
        };
        let privilege = StoragePrivilege::named(&self.name);
        Ok(privilege.map(|privilege| Capability { privilege, path }))
    }

    /// Whether this item permits everything that `other` does. Storage capabilities compare by
    /// privilege and path, everything else by its text.
    pub fn covers(&self, other: &Self) -> bool {
        match (self.capability(), other.capability()) {
            (Ok(Some(own)), Ok(Some(other))) => own.covers(&other),
            _ => self == other,
        }
    }
}

impl fmt::Display for ScopeItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.path {
            Some(path) => write!(f, ":{path}"),
            None => Ok(()),
        }
    }
}

impl Capability {
    /// Whether this capability permits everything that the other does.
    pub fn covers(&self, other: &Self) -> bool {
        self.privilege.implies(other.privilege) && self.path.covers_scope(&other.path)
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.privilege.name(), self.path)
    }
}

/// Splits a scope string into its items. Several blanks in a row are taken as one; anything else that
/// separates is a fault.
pub fn parse(scope: &str) -> Result<Vec<ScopeItem>, ScopeFault> {
    if scope.contains(|c: char| c != ' ' && (c.is_control() || c.is_whitespace())) {
        return Err(ScopeFault::Separator);
    }
    Ok(scope
        .split(' ')
        .filter(|item| !item.is_empty())
        .map(ScopeItem::parse)
        .collect())
}

/// Whether every item of `narrow` is covered by one of `wide`.
pub fn covers_all(wide: &[ScopeItem], narrow: &[ScopeItem]) -> bool {
    narrow
        .iter()
        .all(|item| wide.iter().any(|other| other.covers(item)))
}

/// A token's scope, parsed once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scopes {
    /// Every item, in its order.
    pub items: Vec<ScopeItem>,
    /// The storage capabilities among them.
    pub capabilities: Vec<Capability>,
    /// The items that are not acceptable, in their order.
    pub faults: Vec<ScopeFault>,
}

impl Scopes {
    /// Parses a scope string by one edition of the profile.
    pub fn parse(scope: &str, version: ProfileVersion) -> Result<Self, ScopeFault> {
        let items = parse(scope)?;
        let (mut capabilities, mut faults) = (Vec::new(), Vec::new());
        for item in &items {
            match item.capability() {
                Ok(Some(capability))
                    if capability.privilege == StoragePrivilege::Poll && !version.knows_poll() => {}
                Ok(Some(mut capability)) => {
                    if !version.slash_means_directory() {
                        capability.path = capability.path.any_kind();
                    }
                    capabilities.push(capability);
                }
                Ok(None) => {}
                Err(fault) => faults.push(fault),
            }
        }
        Ok(Self {
            items,
            capabilities,
            faults,
        })
    }

    /// Whether there is any capability of the profile: groups are then ignored (MIX-1, MIX-2).
    pub fn has_capability(&self) -> bool {
        self.items.iter().any(ScopeItem::is_capability)
    }

    /// Whether an item stands there with exactly this text.
    pub fn contains(&self, item: &str) -> bool {
        self.items.iter().any(|own| match &own.path {
            None => own.name == item,
            Some(path) => item
                .strip_prefix(own.name.as_str())
                .and_then(|rest| rest.strip_prefix(':'))
                .is_some_and(|rest| rest == path),
        })
    }
}

//! Data identifiers: files, datasets, containers, and the names they may bear (rucio page §1.4).

use std::fmt;

use indexmap::IndexSet;
use jiff::Timestamp;

use crate::errors::RucioError;

/// Longest scope that Rucio's generic schema takes.
const LONGEST_SCOPE: usize = 25;
/// Longest name that Rucio's generic schema takes.
const LONGEST_NAME: usize = 250;

/// `scope:name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DidName {
    /// Scope, the namespace with an owner.
    pub scope: String,
    /// Name within the scope; may hold slashes.
    pub name: String,
}

impl fmt::Display for DidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.scope, self.name)
    }
}

impl DidName {
    /// A name as it stands, for look-ups: whether it may exist is not asked.
    pub fn new(scope: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            scope: scope.into(),
            name: name.into(),
        }
    }

    /// A name that may be created: scope `[a-zA-Z_\-.0-9]+` up to 25, name `[/A-Za-z0-9][/A-Za-z0-9.\-_]*` up to 250.
    pub fn checked(scope: &str, name: &str) -> Result<Self, RucioError> {
        let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if scope.is_empty() || scope.len() > LONGEST_SCOPE || !scope.chars().all(letter) {
            return Err(RucioError::bad_schema(format!(
                "Problem validating scope: '{scope}' does not match '^[a-zA-Z_\\\\-.0-9]+$'"
            )));
        }
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/');
        if !starts_well || name.len() > LONGEST_NAME || !name.chars().all(|c| letter(c) || c == '/')
        {
            return Err(RucioError::bad_schema(format!(
                "Problem validating name: '{name}' does not match '^[/A-Za-z0-9][/A-Za-z0-9\\\\.\\\\-_]*$'"
            )));
        }
        Ok(Self::new(scope, name))
    }
}

/// What a data identifier stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DidType {
    /// One file.
    File,
    /// A set of files.
    Dataset,
    /// A set of datasets or containers.
    Container,
}

impl DidType {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "FILE",
            Self::Dataset => "DATASET",
            Self::Container => "CONTAINER",
        }
    }

    /// Reads the name on the wire, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::File, Self::Dataset, Self::Container]
            .into_iter()
            .find(|t| t.as_str().eq_ignore_ascii_case(text))
    }
}

/// One data identifier.
#[derive(Debug, Clone)]
pub struct Did {
    /// Its name.
    pub name: DidName,
    /// What it is.
    pub kind: DidType,
    /// Account that made it.
    pub account: String,
    /// Size of a file.
    pub bytes: Option<u64>,
    /// Checksum of a file: eight lower-case hexadecimal digits.
    pub adler32: Option<String>,
    /// Checksum of a file: 32 hexadecimal digits.
    pub md5: Option<String>,
    /// Global id given by the client.
    pub guid: Option<String>,
    /// Path below every prefix instead of the algorithm's.
    pub path: Option<String>,
    /// Whether more may be attached to a collection.
    pub open: bool,
    /// Whether nothing may be taken out of a collection.
    pub monotonic: bool,
    /// What a collection holds, in order of attachment.
    pub children: IndexSet<DidName>,
    /// The collections that hold it.
    pub parents: IndexSet<DidName>,
    /// Metadata set by clients.
    pub meta: serde_json::Map<String, serde_json::Value>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Did {
    /// A data identifier with nothing in it.
    pub fn new(name: DidName, kind: DidType, account: &str, now: Timestamp) -> Self {
        Self {
            name,
            kind,
            account: account.to_owned(),
            bytes: None,
            adler32: None,
            md5: None,
            guid: None,
            path: None,
            open: kind != DidType::File,
            monotonic: false,
            children: IndexSet::new(),
            parents: IndexSet::new(),
            meta: serde_json::Map::new(),
            created_at: now,
            updated_at: now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_generic_schema() {
        for (scope, name, good) in [
            ("example", "file", true),
            ("user.alice", "a/b.c-d_e", true),
            ("s", "/abs", true),
            ("", "f", false),
            ("a b", "f", false),
            ("a23456789012345678901234567", "f", false),
            ("s", "", false),
            ("s", "-f", false),
            ("s", "f g", false),
            ("s", "f:g", false),
        ] {
            assert_eq!(
                DidName::checked(scope, name).is_ok(),
                good,
                "{scope}:{name}"
            );
        }
    }
}

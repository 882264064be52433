//! The editions of the profile and what differs between them (issuer page §0.3).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An edition of the WLCG common JWT profile.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
pub enum ProfileVersion {
    /// September 2019.
    #[serde(rename = "1.0", alias = "wlcg-1.0")]
    V1_0,
    /// September 2025.
    #[serde(rename = "1.1", alias = "wlcg-1.1")]
    V1_1,
    /// December 2025.
    #[serde(rename = "1.2", alias = "wlcg-1.2")]
    V1_2,
    /// June 2026.
    #[default]
    #[serde(rename = "1.3", alias = "wlcg-1.3")]
    V1_3,
}

impl ProfileVersion {
    /// All editions, oldest first.
    pub const ALL: [Self; 4] = [Self::V1_0, Self::V1_1, Self::V1_2, Self::V1_3];

    /// `"1.3"`.
    pub fn name(self) -> &'static str {
        match self {
            Self::V1_0 => "1.0",
            Self::V1_1 => "1.1",
            Self::V1_2 => "1.2",
            Self::V1_3 => "1.3",
        }
    }

    /// Seconds that a token stays good from its `exp` on (LIFE-2): 60 in 1.0, none since.
    pub fn grace_after_expiry(self) -> i64 {
        if self == Self::V1_0 { 60 } else { 0 }
    }

    /// Longest validity a resource server may accept (LIFE-1): 6 h in 1.0, not limited since.
    pub fn longest_validity(self) -> Option<i64> {
        (self == Self::V1_0).then_some(6 * 3600)
    }

    /// Whether `storage.stage` lets data be read (CAP-12): until 1.1.
    pub fn stage_reads(self) -> bool {
        self <= Self::V1_1
    }

    /// Whether `storage.poll` is a capability (CAP-13): since 1.2.
    pub fn knows_poll(self) -> bool {
        self >= Self::V1_2
    }

    /// Whether a scope path that ends in `/` means a directory only (CAP-6): since 1.1.
    pub fn slash_means_directory(self) -> bool {
        self >= Self::V1_1
    }

    /// Whether a create scope covers the missing directories above its path (CAP-10): since 1.1.
    pub fn creates_leading_directories(self) -> bool {
        self >= Self::V1_1
    }

    /// Whether `host.auth` and `host:` subjects exist (CAP-17): since 1.3.
    pub fn knows_hosts(self) -> bool {
        self >= Self::V1_3
    }

    /// Recommended lifetime of an access token in seconds (issuer page §1.7).
    pub fn access_lifetime(self) -> i64 {
        if self == Self::V1_0 { 20 * 60 } else { 3600 }
    }

    /// Judges a value of `wlcg.ver` (CLM-4, CLM-5). 1.0 told servers to refuse what they do not know;
    /// since 1.1 a newer minor version is accepted.
    pub fn accepts(self, claimed: &str) -> Result<(), VersionFault> {
        let (major, minor) = claimed.split_once('.').ok_or(VersionFault::Syntax)?;
        let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !number(major) || !number(minor) {
            return Err(VersionFault::Syntax);
        }
        if major.trim_start_matches('0') != "1" {
            return Err(VersionFault::Major);
        }
        if self == Self::V1_0 && claimed != "1.0" {
            return Err(VersionFault::Minor);
        }
        Ok(())
    }
}

impl std::fmt::Display for ProfileVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a `wlcg.ver` is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VersionFault {
    /// Not of the form `MAJOR.MINOR`.
    #[error("not of the form MAJOR.MINOR")]
    Syntax,
    /// Another major version.
    #[error("major version not supported")]
    Major,
    /// Another minor version, and the profile is 1.0.
    #[error("version not supported by profile 1.0")]
    Minor,
}

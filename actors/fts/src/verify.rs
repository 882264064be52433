//! Does the copy equal its source: sizes and checksums compared, and what a difference is called (FTS page §4.1, §4.6).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::reason::{Failure, Scope, errno};

/// Which sides' checksums are asked for and compared; the first letter of `verify_checksum`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChecksumMode {
    /// Neither side.
    None,
    /// The source, against the user's value.
    Source,
    /// The destination, against the user's value.
    Target,
    /// Both, against each other and the user's value.
    #[default]
    Both,
}

impl ChecksumMode {
    /// The letter that REST shows.
    pub fn letter(self) -> &'static str {
        match self {
            Self::None => "n",
            Self::Source => "s",
            Self::Target => "t",
            Self::Both => "b",
        }
    }

    /// From a submitted word; the real server keeps only its first letter.
    pub fn from_word(word: &str) -> Option<Self> {
        match word.chars().next()? {
            'n' => Some(Self::None),
            's' => Some(Self::Source),
            't' => Some(Self::Target),
            'b' => Some(Self::Both),
            _ => None,
        }
    }

    /// Whether the source is asked.
    pub fn source(self) -> bool {
        matches!(self, Self::Source | Self::Both)
    }

    /// Whether the destination is asked.
    pub fn target(self) -> bool {
        matches!(self, Self::Target | Self::Both)
    }
}

/// A job's `checksum`: an algorithm, perhaps with the value the user expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The algorithm as the job spells it.
    pub algorithm: String,
    /// The value, if the user gave one.
    pub value: Option<String>,
}

impl Expected {
    /// From `ALGO:value` or `ALGO`; nothing given means ADLER32.
    pub fn parse(text: &str) -> Self {
        let (algorithm, value) = text
            .split_once(':')
            .map_or((text, None), |(algo, value)| (algo, Some(value)));
        Self {
            algorithm: if algorithm.is_empty() {
                "ADLER32".into()
            } else {
                algorithm.into()
            },
            value: value.filter(|value| !value.is_empty()).map(str::to_owned),
        }
    }
}

/// The value that a `Digest` answer header (RFC 3230 §4.3.2) gives for `algorithm`, in hexadecimal.
///
/// ADLER32 and CRC32 values are hexadecimal on the wire; others are base64 and are turned into hexadecimal, as the
/// real client library does.
pub fn digest_value(header: &str, algorithm: &str) -> Option<String> {
    header.split(',').find_map(|one| {
        let (name, value) = one.trim().split_once('=')?;
        let same = |a: &str, b: &str| a.replace('-', "").eq_ignore_ascii_case(&b.replace('-', ""));
        if !same(name, algorithm) || value.is_empty() {
            return None;
        }
        let hexadecimal = ["adler32", "crc32", "crc32c"]
            .iter()
            .any(|known| same(known, algorithm));
        if hexadecimal {
            return Some(value.to_owned());
        }
        let bytes = STANDARD.decode(value).ok()?;
        Some(
            bytes
                .iter()
                .fold(String::new(), |text, byte| text + &format!("{byte:02x}")),
        )
    })
}

/// Leading zeros and case do not count.
fn equal(a: &str, b: &str) -> bool {
    a.trim_start_matches('0')
        .eq_ignore_ascii_case(b.trim_start_matches('0'))
}

/// The user's value against the source's.
pub fn user_against_source(algorithm: &str, user: &str, source: &str) -> Result<(), Failure> {
    differ(
        Scope::Source,
        "Source and user-defined",
        algorithm,
        source,
        user,
    )
}

/// The user's value against the destination's.
pub fn user_against_destination(
    algorithm: &str,
    user: &str,
    destination: &str,
) -> Result<(), Failure> {
    differ(
        Scope::Destination,
        "User-defined and destination",
        algorithm,
        user,
        destination,
    )
}

/// Source against destination.
pub fn source_against_destination(
    algorithm: &str,
    source: &str,
    destination: &str,
) -> Result<(), Failure> {
    differ(
        Scope::Destination,
        "Source and destination",
        algorithm,
        source,
        destination,
    )
}

fn differ(scope: Scope, who: &str, algorithm: &str, a: &str, b: &str) -> Result<(), Failure> {
    if equal(a, b) {
        return Ok(());
    }
    let algorithm = algorithm.to_ascii_uppercase();
    Err(Failure::new(
        scope,
        errno::EIO,
        format!("{who} {algorithm} checksum do not match ({a} != {b})"),
    ))
}

/// Size at the source against size at the destination.
pub fn sizes(source: u64, destination: u64) -> Result<(), Failure> {
    if source == destination {
        return Ok(());
    }
    Err(Failure::new(
        Scope::Destination,
        errno::EINVAL,
        "Source and destination file size mismatch",
    ))
}

/// The storage element gave no `Digest` of that algorithm.
pub fn no_checksum(scope: Scope, algorithm: &str, url: &str) -> Failure {
    Failure::new(
        scope,
        errno::ENOSYS,
        format!("checksum calculation for {algorithm} not supported for {url}"),
    )
}

/// The destination is there and may not be overwritten.
pub fn exists() -> Failure {
    Failure::new(
        Scope::Destination,
        errno::EEXIST,
        "Destination file exists and overwrite is not enabled",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_read_as_storage_elements_write_them() {
        let cases = [
            ("adler32=348049b0", "ADLER32", Some("348049b0")),
            ("ADLER32=348049b0", "adler32", Some("348049b0")),
            (
                "md5=1B2M2Y8AsgTpgAmY7PhCfg==,adler32=00000001",
                "ADLER32",
                Some("00000001"),
            ),
            (
                "md5=1B2M2Y8AsgTpgAmY7PhCfg==",
                "MD5",
                Some("d41d8cd98f00b204e9800998ecf8427e"),
            ),
            (
                "sha-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
                "SHA256",
                Some("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ),
            ("md5=not base64", "MD5", None),
            ("adler32=", "ADLER32", None),
            ("", "ADLER32", None),
        ];
        for (header, algorithm, wanted) in cases {
            assert_eq!(
                digest_value(header, algorithm).as_deref(),
                wanted,
                "{header} for {algorithm}"
            );
        }
    }

    #[test]
    fn leading_zeros_and_case_do_not_count() {
        assert_eq!(
            source_against_destination("adler32", "00ABCDEF", "abcdef"),
            Ok(())
        );
        assert!(source_against_destination("adler32", "1", "2").is_err());
    }

    #[test]
    fn a_checksum_is_an_algorithm_and_perhaps_a_value() {
        for (text, algorithm, value) in [
            ("ADLER32:0a", "ADLER32", Some("0a")),
            ("MD5", "MD5", None),
            ("", "ADLER32", None),
            ("X:", "X", None),
        ] {
            let got = Expected::parse(text);
            assert_eq!(
                (got.algorithm.as_str(), got.value.as_deref()),
                (algorithm, value),
                "{text}"
            );
        }
    }
}

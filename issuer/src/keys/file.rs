//! The signing key kept between runs: a PKCS #8 file that only its owner can read.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::SigningKey;
use crate::config::Algorithm;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The library could not make one.
    #[error("failed to make a signing key")]
    Make,
    /// It could not sign.
    #[error("failed to sign")]
    Sign,
    /// The kept file is no key of that kind.
    #[error("failed to read the kept signing key: not a PKCS #8 key of that kind")]
    Unreadable,
    /// The directory cannot be used.
    #[error("failed to keep the signing key in {path}: {why}")]
    Directory {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        why: std::io::Error,
    },
}

/// Reads the key kept in `dir` under that name, or makes one and keeps it there. Without a directory it is only made.
/// A kept file that cannot be read as a key is replaced.
pub fn load_or_make(
    dir: Option<&Path>,
    name: &str,
    algorithm: Algorithm,
    kid: &str,
) -> Result<SigningKey, KeyError> {
    let Some(dir) = dir else {
        return SigningKey::make(algorithm, kid);
    };
    let path = dir.join(format!(
        "{name}.{}.pk8",
        algorithm.name().to_ascii_lowercase()
    ));
    if let Ok(der) = fs::read(&path)
        && let Ok(key) = SigningKey::from_pkcs8(algorithm, kid, &der)
    {
        return Ok(key);
    }
    let key = SigningKey::make(algorithm, kid)?;
    keep(dir, &path, &key.to_pkcs8()?).map_err(|why| KeyError::Directory {
        path: path.clone(),
        why,
    })?;
    Ok(key)
}

/// Writes beside the file and renames, so that a run started at the same moment never reads half a key.
fn keep(dir: &Path, path: &Path, der: &[u8]) -> std::io::Result<()> {
    fs::create_dir_all(dir)?;
    let draft = path.with_extension(format!("{}.part", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&draft)?.write_all(der)?;
    fs::rename(&draft, path)
}

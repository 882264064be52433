//! What follows from the rest and need not be said: Rucio's storage elements and files, the user's own file.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use carnet_rucio::config::{DidConfig, RseConfig};
use carnet_storage::config::{Backend, DiskConfig, FileSpec};
use carnet_storage::pattern::{Pattern, key};

use super::Changes;
use super::check::default_host;
use super::read::Parts;
use crate::format::{ActorSpec, Kind, Placed, Step};
use crate::problem::Problem;

/// Completes the actors' settings from the steps and from what was asked for outside the file.
pub(super) fn complete(parts: &mut Parts, changes: &Changes, problems: &mut Vec<Problem>) {
    if let Some(location) = &changes.location {
        let servers = parts
            .actors
            .values_mut()
            .filter(|placed| placed.spec.kind() != Kind::User && placed.external.is_none());
        for (position, placed) in servers.enumerate() {
            placed.common.host = Some(location.host.clone());
            placed.listen = Some(location.of(position));
        }
        if !location.only.is_empty() {
            parts.actors.retain(|name, _| location.only.contains(name));
        }
    }
    // What a storage element of somebody else's shall hold is put there with tokens that the issuer's administrator has made.
    let furnished = !parts.steps.is_empty()
        && parts
            .actors
            .values()
            .any(|placed| placed.external.is_some() && placed.spec.kind() == Kind::Storage);
    let administered = furnished
        || parts.steps.iter().any(|told| {
            matches!(
                told.what,
                Step::SuspendUser(_) | Step::LeaveGroup(_) | Step::RotateKeys(_)
            )
        });
    for placed in parts.actors.values_mut() {
        if let (true, ActorSpec::Issuer(settings)) = (administered, &mut placed.spec) {
            settings
                .admin_secret
                .get_or_insert_with(|| format!("admin-secret-{}", parts.seed));
        }
    }
    let transfers: Vec<_> = parts
        .steps
        .iter()
        .filter_map(|told| match &told.what {
            Step::Replicate(step) => Some((
                step.file.clone(),
                step.from.clone(),
                step.to.clone(),
                told.span.clone(),
            )),
            Step::Copy(step) => Some((
                step.file.clone(),
                step.from.clone(),
                step.to.clone(),
                told.span.clone(),
            )),
            _ => None,
        })
        .collect();
    let mut kept: Vec<String> = transfers.iter().map(|(_, _, to, _)| to.clone()).collect();
    kept.dedup();
    for (file, from, to, span) in transfers {
        if let Some(path) = &changes.file
            && let Some(settings) = storage(parts, &from)
        {
            settings.files.insert(
                file.clone(),
                FileSpec {
                    path: Some(absolute(path)),
                    ..FileSpec::default()
                },
            );
        }
        let theirs = parts
            .actors
            .get(&to)
            .is_some_and(|placed| placed.external.is_some());
        if theirs && changes.keep.is_some() {
            problems.push(Problem::error(
                span.clone(),
                format!("`{to}` is an external service: its copy stays there and cannot be kept in a folder"),
                "copied there",
            ));
        }
        if let Some(folder) = &changes.keep
            && let Some(settings) = storage(parts, &to)
        {
            let directory = if kept.len() > 1 {
                folder.join(&to)
            } else {
                folder.clone()
            };
            settings.backend = Backend::Disk(DiskConfig {
                directory: absolute(&directory),
            });
        }
        if let Err(why) = register(parts, &file, &from) {
            problems.push(Problem::error(span, why, "this file"));
        }
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn storage<'p>(parts: &'p mut Parts, name: &str) -> Option<&'p mut carnet_storage::config::Config> {
    match parts.actors.get_mut(name).map(|placed| &mut placed.spec) {
        Some(ActorSpec::Storage(settings)) => Some(settings),
        _ => None,
    }
}

/// Base URL of an actor.
pub(crate) fn url_of(name: &str, placed: &Placed) -> String {
    if let Some(service) = &placed.external {
        return service.url();
    }
    let host = placed
        .common
        .host
        .clone()
        .unwrap_or_else(|| default_host(name));
    match placed.listen {
        Some(at) => format!("https://{host}:{}", at.port()),
        None => format!("https://{host}"),
    }
}

/// Makes the file and every storage element known to Rucio, when the scenario has not done so itself.
fn register(parts: &mut Parts, file: &str, from: &str) -> Result<(), String> {
    let seed = parts.seed;
    let content = match parts.actors.get(from).map(|placed| &placed.spec) {
        Some(ActorSpec::Storage(settings)) => match settings.files.get(file) {
            Some(spec) => Some(content(spec, file, seed)?),
            None => None,
        },
        _ => None,
    };
    let elements: Vec<(String, String)> = parts
        .actors
        .iter()
        .filter(|(_, placed)| matches!(placed.spec, ActorSpec::Storage(_)))
        .map(|(name, placed)| (name.clone(), url_of(name, placed)))
        .collect();
    for placed in parts.actors.values_mut() {
        let ActorSpec::Rucio(settings) = &mut placed.spec else {
            continue;
        };
        let mut source = None;
        for (name, url) in &elements {
            let known = settings
                .rses
                .iter()
                .find(|(_, rse)| rse.url.trim_end_matches('/') == url)
                .map(|(n, _)| n.clone());
            let rse = known.unwrap_or_else(|| {
                let rse = name.to_uppercase();
                settings.rses.insert(
                    rse.clone(),
                    RseConfig {
                        url: url.clone(),
                        ..RseConfig::default()
                    },
                );
                rse
            });
            if name == from {
                source = Some(rse);
            }
        }
        let known = settings
            .dids
            .iter()
            .any(|did| did.path.as_deref() == Some(file));
        if let (false, Some((bytes, adler32)), Some(source)) = (known, content, source) {
            let (scope, name) = did_of(file);
            settings.dids.push(DidConfig {
                scope,
                name,
                bytes,
                adler32: Some(format!("{adler32:08x}")),
                path: Some(file.to_owned()),
                rses: vec![source],
            });
        }
    }
    Ok(())
}

/// Scope and name of a file known by its path: the first folder, and the rest.
pub(crate) fn did_of(file: &str) -> (String, String) {
    let path = file.trim_start_matches('/');
    match path.split_once('/') {
        Some((scope, name)) => (scope.to_owned(), name.to_owned()),
        None => ("data".to_owned(), path.to_owned()),
    }
}

/// Size and true checksum of a file that is there at the start.
fn content(spec: &FileSpec, path: &str, seed: u64) -> Result<(u64, u32), String> {
    if let Some(text) = &spec.text {
        return Ok((text.len() as u64, simd_adler32::adler32(&text.as_bytes())));
    }
    if let Some(path) = &spec.path {
        let cannot = |why: std::io::Error| format!("cannot read {}: {why}", path.display());
        return summed(path).map_err(cannot);
    }
    let size = spec.size.map_or(0, |size| size.0);
    let pattern = match spec.seed {
        Some(seed) => Pattern::new(key(seed, "")),
        None => Pattern::new(key(seed, path)),
    };
    Ok((size, pattern.adler32(size)))
}

fn summed(path: &Path) -> std::io::Result<(u64, u32)> {
    let mut file = std::fs::File::open(path)?;
    let mut sum = simd_adler32::Adler32::new();
    let mut buffer = vec![0_u8; 1 << 20];
    let mut size = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((size, sum.finish())),
            read => {
                sum.write(&buffer[..read]);
                size += read as u64;
            }
        }
    }
}

//! What a run needs when a service that is not ours takes an actor's place: real ports, and an authority it can trust.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use carnet_certs::Authority;
use carnet_scenarios::{Changes, LoadError, Location, Scenario, Unseen};

use crate::serve::Directory;

/// First port when none is given, the same as `serve`'s.
const FIRST_PORT: u16 = 9443;

/// What is missing when a service from outside has no authority to trust.
pub(crate) const NEEDS_DIR: &str = "error: a service that is not ours takes part, and it must trust the certificate authority of this run\n  \
     help: give `--dir DIR`: the authority is kept there, and DIR/ca.pem is what the service must trust";

/// Real ports on localhost.
pub(crate) fn location(first_port: u16) -> Location {
    Location {
        ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        host: "localhost".to_owned(),
        first_port,
        only: Vec::new(),
    }
}

/// Loads a scenario; when it has a service that is not ours, at real addresses, because that one knows no others.
pub(crate) fn load(name: &str, changes: &Changes) -> Result<Scenario, LoadError> {
    let scenario = carnet_scenarios::load(name, changes)?;
    if changes.location.is_some() || !scenario.has_external() {
        return Ok(scenario);
    }
    let changes = Changes {
        location: Some(location(FIRST_PORT)),
        ..changes.clone()
    };
    carnet_scenarios::load(name, &changes)
}

/// The authority kept in a folder.
pub(crate) fn authority(dir: &Path) -> anyhow::Result<Authority> {
    anyhow::ensure!(
        !dir.join("ready").exists(),
        "{} belongs to a `carnet serve` that is running (its file `ready` is there)",
        dir.display()
    );
    let directory = Directory::open(dir)?;
    let authority = directory.authority()?;
    directory.write_authority(&authority)?;
    Ok(authority)
}

/// That not everything could be seen, in a line.
pub(crate) fn unseen(scenario: &str, unseen: &[Unseen]) -> String {
    let mut whys: Vec<&str> = unseen.iter().map(|one| one.why.as_str()).collect();
    whys.dedup();
    format!(
        "{scenario}: {} of its expectations could not be seen ({})",
        unseen.len(),
        whys.join("; ")
    )
}

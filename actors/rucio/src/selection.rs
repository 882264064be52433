//! Which storage element gives the file: filters, then an order (rucio page §2.5).

use crate::config::Scheme;
use crate::did::Did;
use crate::rse::Rse;

/// A storage element that has the file.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The storage element.
    pub rse: &'a Rse,
    /// One less for each failed transfer from it.
    pub ranking: i32,
    /// Distance to the destination; none means no way.
    pub distance: Option<u32>,
    /// Whether the rule's source expression names it.
    pub wanted: bool,
}

/// The chosen way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// Source RSE.
    pub source: String,
    /// Destination RSE.
    pub destination: String,
    /// Source URL.
    pub source_url: String,
    /// Destination URL.
    pub destination_url: String,
    /// Whether both sides take tokens.
    pub tokens: bool,
}

/// Why there is no way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoHop {
    /// Nobody can give the file, with the reason for each that has it.
    NoSources(String),
    /// Somebody has it, but no protocol is spoken on both sides.
    MismatchScheme(String),
}

/// Chooses the source for one file and one destination.
pub fn choose(
    did: &Did,
    destination: &Rse,
    candidates: &[Candidate<'_>],
    scheme: Scheme,
) -> Result<Hop, NoHop> {
    if !destination.availability_write {
        return Err(NoHop::NoSources(format!(
            "{} may not be written to",
            destination.name
        )));
    }
    if destination.flag("restricted_write", false) {
        return Err(NoHop::NoSources(format!(
            "writing to {} is restricted",
            destination.name
        )));
    }
    let mut refused = Vec::new();
    let mut usable: Vec<&Candidate<'_>> = Vec::new();
    for candidate in candidates {
        let name = &candidate.rse.name;
        if !candidate.wanted {
            refused.push(format!("{name} is not in the rule's source expression"));
        } else if !candidate.rse.availability_read {
            refused.push(format!("{name} may not be read from"));
        } else if candidate.rse.flag("restricted_read", false) {
            refused.push(format!("reading from {name} is restricted"));
        } else if candidate.distance.is_none() {
            refused.push(format!("{name} has no distance to {}", destination.name));
        } else {
            usable.push(candidate);
        }
    }
    if usable.is_empty() {
        let why = if refused.is_empty() {
            "no storage element has the file".to_owned()
        } else {
            refused.join("; ")
        };
        return Err(NoHop::NoSources(why));
    }
    let Some(destination_url) = destination.transfer_url(did, "third_party_copy_write", scheme)
    else {
        return Err(NoHop::MismatchScheme(format!(
            "{} has no protocol for third-party copies",
            destination.name
        )));
    };
    usable.retain(|c| {
        c.rse
            .transfer_url(did, "third_party_copy_read", scheme)
            .is_some_and(|url| same_family(&url, &destination_url))
    });
    usable.sort_by_key(|c| (-c.ranking, c.distance));
    let Some((best, source_url)) = usable.first().and_then(|c| {
        c.rse
            .transfer_url(did, "third_party_copy_read", scheme)
            .map(|url| (c, url))
    }) else {
        return Err(NoHop::MismatchScheme(format!(
            "no source speaks a protocol of {}",
            destination.name
        )));
    };
    Ok(Hop {
        source: best.rse.name.clone(),
        destination: destination.name.clone(),
        source_url,
        destination_url,
        tokens: best.rse.takes_tokens() && destination.takes_tokens(),
    })
}

/// `https`, `davs`, `srm+https` and `cs3s` go together; `root` only with `root`.
fn same_family(one: &str, two: &str) -> bool {
    let family = |url: &str| match url.split("://").next().unwrap_or_default() {
        "https" | "davs" | "srm+https" | "cs3s" => "https".to_owned(),
        other => other.to_owned(),
    };
    family(one) == family(two)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RseConfig;
    use crate::did::{DidName, DidType};
    use jiff::Timestamp;

    fn rse(name: &str, change: impl FnOnce(&mut RseConfig)) -> Rse {
        let mut config = RseConfig {
            url: format!("https://{}.example", name.to_lowercase()),
            ..RseConfig::default()
        };
        change(&mut config);
        Rse::from_config(
            name,
            String::new(),
            &config,
            "https://fts.example",
            Timestamp::UNIX_EPOCH,
        )
        .expect("a good URL")
    }

    #[test]
    fn sources_are_filtered_and_ordered() {
        let did = Did::new(
            DidName::new("example", "file"),
            DidType::File,
            "root",
            Timestamp::UNIX_EPOCH,
        );
        let (near, far, blocked) = (
            rse("NEAR", |_| {}),
            rse("FAR", |_| {}),
            rse("BLOCKED", |c| c.availability_read = false),
        );
        let destination = rse("DST", |_| {});
        let closed = rse("DST", |c| c.availability_write = false);
        let at = |rse, ranking, distance, wanted| Candidate {
            rse,
            ranking,
            distance,
            wanted,
        };
        for (case, destination, candidates, want) in [
            (
                "nearest wins",
                &destination,
                vec![at(&far, 0, Some(5), true), at(&near, 0, Some(1), true)],
                Ok("NEAR"),
            ),
            (
                "a failed source goes last",
                &destination,
                vec![at(&far, 0, Some(5), true), at(&near, -1, Some(1), true)],
                Ok("FAR"),
            ),
            (
                "read-blocked is dropped",
                &destination,
                vec![at(&blocked, 0, Some(1), true), at(&far, 0, Some(5), true)],
                Ok("FAR"),
            ),
            (
                "only read-blocked",
                &destination,
                vec![at(&blocked, 0, Some(1), true)],
                Err("BLOCKED may not be read from"),
            ),
            (
                "no distance",
                &destination,
                vec![at(&near, 0, None, true)],
                Err("NEAR has no distance to DST"),
            ),
            (
                "source expression",
                &destination,
                vec![at(&near, 0, Some(1), false)],
                Err("NEAR is not in the rule's source expression"),
            ),
            (
                "write-blocked",
                &closed,
                vec![at(&near, 0, Some(1), true)],
                Err("DST may not be written to"),
            ),
            (
                "nobody",
                &destination,
                vec![],
                Err("no storage element has the file"),
            ),
        ] {
            let got = choose(&did, destination, &candidates, Scheme::Https);
            let want = want
                .map(str::to_owned)
                .map_err(|why| NoHop::NoSources(why.to_owned()));
            assert_eq!(got.map(|hop| hop.source), want, "{case}");
        }
    }
}

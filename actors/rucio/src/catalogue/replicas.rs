//! Replicas in the catalogue: registering, updating, and the URLs a client gets (rucio page §1.4).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Catalogue, Given};
use crate::did::{Did, DidName, DidType};
use crate::errors::RucioError;
use crate::path;
use crate::replica::{Replica, ReplicaState};

/// One file as a client describes it.
#[derive(Debug, Clone)]
pub struct FileSpec {
    /// Its name.
    pub name: DidName,
    /// Its size.
    pub bytes: Option<u64>,
    /// Its checksum.
    pub adler32: Option<String>,
    /// Its other checksum.
    pub md5: Option<String>,
    /// Its global id.
    pub guid: Option<String>,
    /// Its URL at the storage element.
    pub pfn: Option<String>,
    /// Where its replica stands.
    pub state: Option<ReplicaState>,
}

/// One change asked for by `PUT /replicas`.
#[derive(Debug, Clone)]
pub struct ReplicaUpdate {
    /// The file.
    pub name: DidName,
    /// The new state.
    pub state: ReplicaState,
}

impl Catalogue {
    /// Registers files at a storage element; doing it again changes nothing.
    pub fn add_replicas(
        &mut self,
        rse_name: &str,
        files: &[FileSpec],
        account: &str,
        given: &mut Given<'_>,
    ) -> Result<(), RucioError> {
        self.rse(rse_name)?;
        for file in files {
            if !self.scopes.contains_key(&file.name.scope) {
                return Err(RucioError::scope_not_found("Scope not found!"));
            }
        }
        for file in files {
            let name = DidName::checked(&file.name.scope, &file.name.name)?;
            if !self.dids.contains_key(&name) {
                let mut did = Did::new(name.clone(), DidType::File, account, given.now);
                did.bytes = file.bytes;
                did.adler32 = file.adler32.as_deref().and_then(path::normal_adler32);
                did.md5.clone_from(&file.md5);
                did.guid.clone_from(&file.guid);
                self.dids.insert(name.clone(), did);
            }
            self.check_pfn(rse_name, &name, file.pfn.as_deref())?;
            let state = file.state.unwrap_or(ReplicaState::Available);
            if self
                .replicas
                .get(&name)
                .is_some_and(|at| at.contains_key(rse_name))
            {
                continue;
            }
            self.replicas
                .entry(name.clone())
                .or_default()
                .insert(rse_name.to_owned(), Replica::new(state, given.now));
            self.changed(
                "rucio.replica",
                format!("{name} at {rse_name}"),
                "",
                state.as_str(),
                format!("registered by {account}"),
            );
        }
        Ok(())
    }

    /// A deterministic RSE takes only the URL that follows from the name; another one needs a URL.
    fn check_pfn(
        &mut self,
        rse_name: &str,
        name: &DidName,
        pfn: Option<&str>,
    ) -> Result<(), RucioError> {
        let rse = self.rse(rse_name)?;
        let did = self.did(name)?;
        let Some(pfn) = pfn else {
            if rse.deterministic {
                return Ok(());
            }
            return Err(RucioError::unsupported_operation(
                "PFN needed for this (non deterministic) RSE",
            ));
        };
        let mut expected: Vec<String> = rse
            .protocols
            .iter()
            .map(|p| p.url(&rse.path_of(did)))
            .collect();
        if !rse.deterministic {
            let below = rse
                .protocols
                .iter()
                .find_map(|p| pfn.strip_prefix(&p.url("")).map(str::to_owned));
            let below = below.ok_or_else(|| {
                RucioError::invalid_path(format!("The PFN {pfn} is outside of {rse_name}"))
            })?;
            if let Some(did) = self.dids.get_mut(name) {
                did.path = Some(below);
            }
            return Ok(());
        }
        if expected.iter().any(|url| same_url(url, pfn)) {
            return Ok(());
        }
        expected.sort_by_key(|url| url.split("://").next() != pfn.split("://").next());
        Err(RucioError::invalid_path(format!(
            "One of the PFNs provided {{'{pfn}'}} for [{{'scope': '{}', 'name': '{}'}}] does not match the Rucio expected PFNs: {{'{}'}}",
            name.scope,
            name.name,
            expected.first().map_or("", String::as_str)
        )))
    }

    /// Changes the state of replicas; locks and rules follow.
    pub fn update_replicas(
        &mut self,
        rse: &str,
        updates: &[ReplicaUpdate],
        account: &str,
        given: &mut Given<'_>,
    ) -> Result<(), RucioError> {
        self.rse(rse)?;
        for update in updates {
            let replica = self.replicas.get(&update.name).and_then(|at| at.get(rse));
            let replica = replica.ok_or_else(|| {
                RucioError::replica_not_found(format!(
                    "No row found for scope: {} name: {} rse: {rse}",
                    update.name.scope, update.name.name
                ))
            })?;
            if replica.state != update.state && !replica.state.may_become(update.state) {
                return Err(RucioError::unsupported_operation(format!(
                    "State {} for replica {} on RSE {rse} cannot be updated to {}",
                    replica.state.as_str(),
                    update.name,
                    update.state.as_str()
                )));
            }
        }
        for update in updates {
            self.set_replica(
                &update.name,
                rse,
                update.state,
                &format!("told by {account}"),
                given.now,
            );
            if update.state == ReplicaState::Available {
                self.locks_of_replica(
                    &update.name,
                    rse,
                    crate::rule::LockState::Ok,
                    None,
                    given.now,
                );
            }
        }
        Ok(())
    }

    /// Sets a replica's state; nothing happens when it already has it or may not take it.
    pub(super) fn set_replica(
        &mut self,
        name: &DidName,
        rse: &str,
        state: ReplicaState,
        why: &str,
        now: jiff::Timestamp,
    ) {
        let Some(replica) = self.replicas.get_mut(name).and_then(|at| at.get_mut(rse)) else {
            return;
        };
        if !replica.state.may_become(state) {
            return;
        }
        let from = replica.state;
        replica.state = state;
        replica.updated_at = now;
        self.changed(
            "rucio.replica",
            format!("{name} at {rse}"),
            from.as_str(),
            state.as_str(),
            why,
        );
    }

    /// The files behind a list of data identifiers with the URLs of their replicas (`POST /replicas/list`).
    ///
    /// `schemes` asks for certain protocols; without, the best one of the domain is shown.
    pub fn list_replicas(
        &self,
        names: &[DidName],
        schemes: Option<&[String]>,
        domain: &str,
        all_states: bool,
        only: Option<&str>,
        ignore_availability: bool,
    ) -> Result<Vec<Value>, RucioError> {
        let allowed = only.map(|e| self.resolve(e)).transpose()?;
        let mut rows = Vec::new();
        for name in names {
            for file in self.files_of(name) {
                rows.push(self.replica_row(
                    &file,
                    schemes,
                    domain,
                    all_states,
                    allowed.as_ref(),
                    ignore_availability,
                ));
            }
        }
        Ok(rows)
    }

    fn replica_row(
        &self,
        name: &DidName,
        schemes: Option<&[String]>,
        domain: &str,
        all_states: bool,
        allowed: Option<&indexmap::IndexSet<String>>,
        ignore_availability: bool,
    ) -> Value {
        let did = &self.dids[name];
        let (mut pfns, mut rses, mut states) = (
            serde_json::Map::new(),
            serde_json::Map::new(),
            serde_json::Map::new(),
        );
        let mut found: BTreeMap<(u64, String), (String, Value)> = BTreeMap::new();
        for (rse_name, replica) in self.replicas.get(name).into_iter().flatten() {
            let Some(rse) = self.rses.get(rse_name) else {
                continue;
            };
            let visible = replica.state == ReplicaState::Available || all_states;
            if !visible
                || allowed.is_some_and(|set| !set.contains(rse_name))
                || !(ignore_availability || rse.availability_read)
            {
                continue;
            }
            states.insert(rse_name.clone(), json!(replica.state.as_str()));
            let mut protocols: Vec<_> = rse
                .protocols
                .iter()
                .filter_map(|p| p.priority(domain, "read").map(|priority| (priority, p)))
                .collect();
            protocols.sort_by_key(|(priority, _)| *priority);
            match schemes {
                Some(schemes) => protocols.retain(|(_, p)| schemes.contains(&p.scheme)),
                None => protocols.truncate(1),
            }
            let mut urls = Vec::new();
            for (priority, protocol) in protocols {
                let url = protocol.url(&rse.path_of(did));
                urls.push(json!(url));
                let shown = json!({"rse_id": rse.id, "rse": rse_name, "type": "DISK", "volatile": rse.volatile, "domain": domain});
                found.insert((priority, url.clone()), (url, shown));
            }
            if !urls.is_empty() {
                rses.insert(rse_name.clone(), Value::Array(urls));
            }
        }
        for (position, (url, mut shown)) in found.into_values().enumerate() {
            if let Some(object) = shown.as_object_mut() {
                object.insert("priority".into(), json!(position + 1));
                object.insert("client_extract".into(), json!(false));
            }
            pfns.insert(url, shown);
        }
        json!({
            "scope": did.name.scope, "name": did.name.name, "bytes": did.bytes, "md5": did.md5, "adler32": did.adler32,
            "pfns": pfns, "rses": rses, "states": states,
        })
    }
}

/// Whether two URLs are the same, the default port written out or not.
fn same_url(one: &str, two: &str) -> bool {
    one == two || {
        let normal = |text: &str| url::Url::parse(&text.replacen("davs://", "https://", 1)).ok();
        one.split("://").next() == two.split("://").next()
            && normal(one).zip(normal(two)).is_some_and(|(a, b)| a == b)
    }
}

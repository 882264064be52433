//! What Rucio knows: accounts, storage elements, data, replicas, rules and requests. Pure: time and ids are given.

#[cfg(test)]
mod config_tests;
mod dids;
mod identities;
mod repair;
mod replicas;
mod rules;
#[cfg(test)]
mod tests;
mod transfers;

pub use dids::Content;
pub use replicas::{FileSpec, ReplicaUpdate};
pub use transfers::{Outcome, Plan, Settled};

use std::collections::{BTreeMap, HashMap, HashSet};

use indexmap::IndexMap;
use jiff::Timestamp;

use crate::account::{Account, Identity};
use crate::config::{Config, Policy, Scheme};
use crate::did::{Did, DidName, DidType};
use crate::errors::RucioError;
use crate::expression;
use crate::path;
use crate::replica::{Replica, ReplicaState};
use crate::request::Request;
use crate::rse::Rse;
use crate::rule::Rule;

/// One state that changed, for the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// `rucio.rule`, `rucio.request` or `rucio.replica`.
    pub entity: &'static str,
    /// Which one.
    pub id: String,
    /// The state before; empty when it is new.
    pub from: &'static str,
    /// The state after.
    pub to: &'static str,
    /// Why, in plain words.
    pub why: String,
}

/// Now, and the source of ids: what a pure core must be given.
pub struct Given<'a> {
    /// The time.
    pub now: Timestamp,
    /// Draws 32 hexadecimal digits.
    pub id: &'a mut dyn FnMut() -> String,
}

/// Everything Rucio knows.
#[derive(Debug)]
pub struct Catalogue {
    /// Accounts by name.
    pub accounts: IndexMap<String, Account>,
    /// Identities, in order of registration.
    pub identities: Vec<Identity>,
    /// Scopes and their owners.
    pub scopes: BTreeMap<String, String>,
    /// Storage elements by name.
    pub rses: IndexMap<String, Rse>,
    /// Distances that were set; `None` is "no way".
    pub distances: HashMap<(String, String), Option<u32>>,
    /// Data identifiers.
    pub dids: BTreeMap<DidName, Did>,
    /// Replicas by file and RSE.
    pub replicas: BTreeMap<DidName, IndexMap<String, Replica>>,
    /// Rules by id.
    pub rules: IndexMap<String, Rule>,
    /// Which rules lock a replica.
    pub rules_of_replica: HashMap<(DidName, String), Vec<String>>,
    /// Rules on a data identifier.
    pub rules_of_did: HashMap<DidName, Vec<String>>,
    /// Requests that are not archived.
    pub requests: IndexMap<String, Request>,
    /// The request that carries a file to an RSE.
    pub request_of_replica: HashMap<(DidName, String), String>,
    /// Archived requests.
    pub history: Vec<Request>,
    /// Configuration stored by clients, by section and option.
    pub settings: IndexMap<String, IndexMap<String, serde_json::Value>>,
    /// Who may do what.
    pub policy: Policy,
    /// Scheme of the transfer URLs.
    pub scheme: Scheme,
    /// Bytes for accounts without a limit of their own.
    pub default_limit: i64,
    changes: Vec<Change>,
    queued: Vec<String>,
}

impl Catalogue {
    /// The catalogue at the start of a run.
    ///
    /// Fails with a sentence that names what is wrong in the configuration.
    pub fn new(config: &Config, given: &mut Given<'_>) -> Result<Self, String> {
        let mut catalogue = Self {
            accounts: IndexMap::new(),
            identities: Vec::new(),
            scopes: BTreeMap::new(),
            rses: IndexMap::new(),
            distances: HashMap::new(),
            dids: BTreeMap::new(),
            replicas: BTreeMap::new(),
            rules: IndexMap::new(),
            rules_of_replica: HashMap::new(),
            rules_of_did: HashMap::new(),
            requests: IndexMap::new(),
            request_of_replica: HashMap::new(),
            history: Vec::new(),
            settings: IndexMap::new(),
            policy: config.policy,
            scheme: config.scheme(),
            default_limit: config.default_account_limit,
            changes: Vec::new(),
            queued: Vec::new(),
        };
        catalogue.add_configured_accounts(config, given.now);
        for (name, rse) in &config.rses {
            let id = (given.id)();
            let rse = Rse::from_config(name, id, rse, &config.fts, given.now)
                .map_err(|e| format!("storage element {name}: url '{}': {e}", rse.url))?;
            catalogue.rses.insert(name.clone(), rse);
        }
        for (from, to) in &config.no_distance {
            catalogue.distances.insert((from.clone(), to.clone()), None);
        }
        for did in &config.dids {
            let name = DidName::checked(&did.scope, &did.name).map_err(|e| e.message)?;
            let adler32 = match &did.adler32 {
                Some(text) => Some(
                    path::normal_adler32(text)
                        .ok_or_else(|| format!("file {name}: '{text}' is no adler32"))?,
                ),
                None => None,
            };
            catalogue
                .scopes
                .entry(did.scope.clone())
                .or_insert_with(|| "root".to_owned());
            let mut file = Did::new(name.clone(), DidType::File, "root", given.now);
            file.bytes = Some(did.bytes);
            file.adler32 = adler32;
            file.path.clone_from(&did.path);
            catalogue.dids.insert(name.clone(), file);
            for rse in &did.rses {
                if !catalogue.rses.contains_key(rse) {
                    return Err(format!("file {name}: there is no storage element {rse}"));
                }
                catalogue.replicas.entry(name.clone()).or_default().insert(
                    rse.clone(),
                    Replica::new(ReplicaState::Available, given.now),
                );
            }
        }
        Ok(catalogue)
    }

    /// The states that changed since the last call, in order.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// The requests that were queued since the last call, in order.
    pub fn take_queued(&mut self) -> Vec<String> {
        std::mem::take(&mut self.queued)
    }

    fn changed(
        &mut self,
        entity: &'static str,
        id: impl Into<String>,
        from: &'static str,
        to: &'static str,
        why: impl Into<String>,
    ) {
        self.changes.push(Change {
            entity,
            id: id.into(),
            from,
            to,
            why: why.into(),
        });
    }

    /// A storage element that must exist.
    pub fn rse(&self, name: &str) -> Result<&Rse, RucioError> {
        self.rses
            .get(name)
            .ok_or_else(|| RucioError::no_such_rse(name))
    }

    /// A storage element that must exist, to change it.
    pub fn rse_mut(&mut self, name: &str) -> Result<&mut Rse, RucioError> {
        self.rses
            .get_mut(name)
            .ok_or_else(|| RucioError::no_such_rse(name))
    }

    /// A data identifier that must exist.
    pub fn did(&self, name: &DidName) -> Result<&Did, RucioError> {
        self.dids
            .get(name)
            .ok_or_else(|| RucioError::no_such_did(name))
    }

    /// A rule that must exist.
    pub fn rule(&self, id: &str) -> Result<&Rule, RucioError> {
        self.rules
            .get(id)
            .ok_or_else(|| RucioError::rule_not_found(format!("No rule with the id {id} found")))
    }

    /// The RSEs an expression names; an empty set is refused in Rucio's words.
    pub fn resolve(&self, text: &str) -> Result<indexmap::IndexSet<String>, RucioError> {
        match expression::resolve(text, self.rses.values()) {
            None => Err(RucioError::invalid_expression(format!(
                "RSE Expression \"{text}\" is not well formed"
            ))),
            Some(set) if set.is_empty() => Err(RucioError::invalid_expression(
                "RSE Expression resulted in an empty set.",
            )),
            Some(set) => Ok(set),
        }
    }

    /// Distance between two storage elements: 1 unless something else was set.
    pub fn distance(&self, from: &str, to: &str) -> Option<u32> {
        self.distances
            .get(&(from.to_owned(), to.to_owned()))
            .copied()
            .unwrap_or(Some(1))
    }

    /// The files below a data identifier, each once, in order.
    pub fn files_of(&self, name: &DidName) -> Vec<DidName> {
        let (mut files, mut seen, mut stack) = (Vec::new(), HashSet::new(), vec![name.clone()]);
        while let Some(next) = stack.pop() {
            let Some(did) = self.dids.get(&next) else {
                continue;
            };
            if !seen.insert(next.clone()) {
                continue;
            }
            if did.kind == DidType::File {
                files.push(next);
            } else {
                stack.extend(did.children.iter().rev().cloned());
            }
        }
        files
    }

    /// The bytes below a data identifier.
    pub fn bytes_of(&self, name: &DidName) -> u64 {
        self.files_of(name)
            .iter()
            .filter_map(|f| self.dids.get(f)?.bytes)
            .sum()
    }

    /// Bytes and files of an account's rules at one storage element.
    pub fn usage(&self, account: &str, rse: &str) -> (u64, u64) {
        let mut held = HashSet::new();
        for rule in self.rules.values().filter(|r| r.wish.account == account) {
            held.extend(
                rule.locks
                    .keys()
                    .filter(|(_, at)| at == rse)
                    .map(|(did, _)| did),
            );
        }
        let bytes = held
            .iter()
            .filter_map(|did| self.dids.get(*did)?.bytes)
            .sum();
        (bytes, held.len() as u64)
    }

    /// The limit of an account at one storage element; -1 is without end.
    pub fn limit(&self, account: &str, rse: &str) -> i64 {
        match self.accounts.get(account) {
            Some(a) if a.is_admin() || a.name == "root" => a.limits.get(rse).copied().unwrap_or(-1),
            Some(a) => a.limits.get(rse).copied().unwrap_or(self.default_limit),
            None => 0,
        }
    }
}

//! Rules in the catalogue: from a wish to locks and requests, and back (rucio page §2.6).

use indexmap::{IndexMap, IndexSet};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Catalogue, Given};
use crate::did::{DidName, DidType};
use crate::errors::RucioError;
use crate::replica::{Replica, ReplicaState};
use crate::rule::{Grouping, LockCounts, LockState, Rule, RuleState, RuleWish};

/// How long a deleted rule stays readable.
const GRACE: SignedDuration = SignedDuration::from_hours(1);

/// A sentence for a lock that nobody can fill.
pub(super) const NO_SOURCE: &str = "MissingSourceReplica";

impl Catalogue {
    /// Makes a rule, and at once its locks and requests unless it must be approved first.
    pub fn add_rule(
        &mut self,
        wish: RuleWish,
        given: &mut Given<'_>,
    ) -> Result<String, RucioError> {
        let did = self.dids.get(&wish.did).ok_or_else(|| {
            RucioError::did_not_found(format!("Data identifier {} is not valid.", wish.did))
        })?;
        let did_type = did.kind;
        self.account(&wish.account)?;
        if wish.copies == 0 {
            return Err(RucioError::invalid_rule(
                "The number of copies for a replication rule should be greater than 0.",
            ));
        }
        if let Some(sources) = &wish.source_replica_expression {
            self.resolve(sources)?;
        }
        let targets = self.targets(&wish)?;
        if self.has_rule_like(&wish) {
            return Err(RucioError::duplicate_rule(
                "A duplicate rule for this account, did, rse_expression, copies already exists!",
            ));
        }
        self.check_quota(&wish, &targets)?;
        let id = (given.id)();
        let state = if wish.ask_approval {
            RuleState::WaitingApproval
        } else {
            RuleState::Inject
        };
        let expires_at = wish
            .lifetime
            .and_then(|s| given.now.checked_add(SignedDuration::from_secs(s)).ok());
        self.rules_of_did
            .entry(wish.did.clone())
            .or_default()
            .push(id.clone());
        let rule = Rule {
            id: id.clone(),
            wish,
            did_type,
            state,
            locks: IndexMap::new(),
            counts: LockCounts::default(),
            error: None,
            stuck_at: None,
            expires_at,
            created_at: given.now,
            updated_at: given.now,
        };
        let why = format!(
            "{} wants {} cop{} of {} on {}",
            rule.wish.account,
            rule.wish.copies,
            if rule.wish.copies == 1 { "y" } else { "ies" },
            rule.wish.did,
            rule.wish.rse_expression
        );
        self.rules.insert(id.clone(), rule);
        self.changed("rucio.rule", id.clone(), "", state.as_str(), why);
        if state == RuleState::Inject {
            self.inject(&id, given);
        }
        Ok(id)
    }

    /// Turns an accepted rule into locks and requests.
    pub fn inject(&mut self, id: &str, given: &mut Given<'_>) {
        let Some(rule) = self.rules.get(id) else {
            return;
        };
        let did = rule.wish.did.clone();
        let files = self.files_of(&did);
        self.lock_files(id, &files, given);
        self.recount(id, given.now);
    }

    /// Content came to a data identifier: rules on it or above it take it up.
    pub(super) fn evaluate(&mut self, changed: &DidName, given: &mut Given<'_>) {
        let (mut above, mut stack) = (IndexSet::new(), vec![changed.clone()]);
        while let Some(name) = stack.pop() {
            if above.insert(name.clone()) {
                stack.extend(
                    self.dids
                        .get(&name)
                        .into_iter()
                        .flat_map(|d| d.parents.iter().cloned()),
                );
            }
        }
        for name in above {
            for id in self.rules_of_did.get(&name).cloned().unwrap_or_default() {
                if self.rules.get(&id).is_none_or(|r| {
                    matches!(r.state, RuleState::WaitingApproval | RuleState::Suspended)
                }) {
                    continue;
                }
                let files: Vec<DidName> = self
                    .files_of(&name)
                    .into_iter()
                    .filter(|f| !self.rules[&id].locks.keys().any(|(held, _)| held == f))
                    .collect();
                self.lock_files(&id, &files, given);
                self.recount(&id, given.now);
            }
        }
    }

    /// Chooses RSEs for files and locks them there.
    fn lock_files(&mut self, id: &str, files: &[DidName], given: &mut Given<'_>) {
        let Some(rule) = self.rules.get(id) else {
            return;
        };
        let (grouping, copies) = (rule.wish.grouping, rule.wish.copies);
        let Ok(targets) = self.targets(&rule.wish.clone()) else {
            return;
        };
        for group in self.groups(files, grouping) {
            for rse in self.chosen(id, &group, &targets, copies) {
                for file in &group {
                    self.lock_file(id, file, &rse, given);
                }
            }
        }
    }

    /// Files that must lie together.
    fn groups(&self, files: &[DidName], grouping: Grouping) -> Vec<Vec<DidName>> {
        let mut groups: IndexMap<Option<DidName>, Vec<DidName>> = IndexMap::new();
        for file in files {
            let key = match grouping {
                Grouping::All => None,
                Grouping::None => Some(file.clone()),
                Grouping::Dataset => self.dids.get(file).and_then(|d| d.parents.first().cloned()),
            };
            groups.entry(key).or_default().push(file.clone());
        }
        groups.into_values().collect()
    }

    /// The RSEs for one group: those that the rule uses already, then those that hold most of it, then in order.
    fn chosen(
        &self,
        id: &str,
        group: &[DidName],
        targets: &IndexSet<String>,
        copies: usize,
    ) -> Vec<String> {
        let rule = &self.rules[id];
        let held = |rse: &String| -> u64 {
            let there = |f: &&DidName| {
                let replica = self.replicas.get(*f).and_then(|at| at.get(rse));
                replica.is_some_and(|r| {
                    matches!(r.state, ReplicaState::Available | ReplicaState::Copying)
                })
            };
            group
                .iter()
                .filter(there)
                .map(|f| self.dids.get(f).and_then(|d| d.bytes).unwrap_or(0) + 1)
                .sum()
        };
        let mut ranked: Vec<&String> = targets.iter().collect();
        ranked.sort_by_key(|rse| {
            let used = rule.did_type != DidType::File
                && rule.wish.grouping != Grouping::None
                && rule.locks.keys().any(|(_, at)| at == *rse);
            (std::cmp::Reverse(used), std::cmp::Reverse(held(rse)))
        });
        ranked.into_iter().take(copies).cloned().collect()
    }

    /// One lock: OK where the file is, replicating where it comes, stuck where it cannot come.
    pub(super) fn lock_file(&mut self, id: &str, file: &DidName, rse: &str, given: &mut Given<'_>) {
        let key = (file.clone(), rse.to_owned());
        let here = self
            .replicas
            .get(file)
            .and_then(|at| at.get(rse))
            .map(|r| r.state);
        let lock = match here {
            Some(ReplicaState::Available) => LockState::Ok,
            Some(ReplicaState::Copying) => LockState::Replicating,
            _ if !self.has_source(file, rse) => {
                self.ensure_replica(
                    file,
                    rse,
                    ReplicaState::Unavailable,
                    "there is no source",
                    given.now,
                );
                LockState::Stuck
            }
            _ => {
                self.ensure_replica(
                    file,
                    rse,
                    ReplicaState::Copying,
                    "a rule wants it here",
                    given.now,
                );
                self.queue(id, file, rse, None, given);
                LockState::Replicating
            }
        };
        let Some(rule) = self.rules.get_mut(id) else {
            return;
        };
        let before = rule.locks.insert(key.clone(), lock);
        rule.counts.moved(before, Some(lock));
        if lock == LockState::Stuck {
            rule.error = Some(NO_SOURCE.to_owned());
        }
        if before.is_none() {
            self.rules_of_replica
                .entry(key)
                .or_default()
                .push(id.to_owned());
            if let Some(replica) = self.replicas.get_mut(file).and_then(|at| at.get_mut(rse)) {
                replica.lock_count += 1;
                replica.tombstone = None;
            }
        }
    }

    pub(super) fn has_source(&self, file: &DidName, destination: &str) -> bool {
        self.replicas.get(file).is_some_and(|at| {
            at.iter()
                .any(|(rse, r)| rse != destination && r.state == ReplicaState::Available)
        })
    }

    fn ensure_replica(
        &mut self,
        file: &DidName,
        rse: &str,
        state: ReplicaState,
        why: &str,
        now: Timestamp,
    ) {
        if self
            .replicas
            .get(file)
            .is_some_and(|at| at.contains_key(rse))
        {
            self.set_replica(file, rse, state, why, now);
            return;
        }
        self.replicas
            .entry(file.clone())
            .or_default()
            .insert(rse.to_owned(), Replica::new(state, now));
        self.changed(
            "rucio.replica",
            format!("{file} at {rse}"),
            "",
            state.as_str(),
            why,
        );
    }

    /// A replica came or failed: every lock on it, and every rule of those locks, follows.
    pub(super) fn locks_of_replica(
        &mut self,
        file: &DidName,
        rse: &str,
        lock: LockState,
        error: Option<&str>,
        now: Timestamp,
    ) {
        let key = (file.clone(), rse.to_owned());
        for id in self.rules_of_replica.get(&key).cloned().unwrap_or_default() {
            let Some(rule) = self.rules.get_mut(&id) else {
                continue;
            };
            let Some(held) = rule.locks.get_mut(&key) else {
                continue;
            };
            let before = std::mem::replace(held, lock);
            rule.counts.moved(Some(before), Some(lock));
            if let Some(error) = error {
                rule.error = Some(error.to_owned());
            }
            self.recount(&id, now);
        }
    }

    /// A rule takes the state that follows from its locks.
    pub(super) fn recount(&mut self, id: &str, now: Timestamp) {
        let Some(rule) = self.rules.get_mut(id) else {
            return;
        };
        let next = rule.counts.rule_state();
        rule.updated_at = now;
        let from = rule.state;
        if from == next
            || matches!(from, RuleState::Suspended | RuleState::WaitingApproval)
            || !from.may_become(next)
        {
            return;
        }
        rule.state = next;
        match next {
            RuleState::Stuck => rule.stuck_at = rule.stuck_at.or(Some(now)),
            RuleState::Ok => {
                rule.error = None;
                rule.stuck_at = None;
            }
            _ => {}
        }
        let total = rule.locks.len();
        let why = match next {
            RuleState::Ok => format!("{total} of {total} locks have their file"),
            RuleState::Stuck => rule
                .error
                .clone()
                .unwrap_or_else(|| format!("{} of {total} locks are stuck", rule.counts.stuck)),
            _ => format!(
                "{} of {total} locks wait for their file",
                rule.counts.replicating
            ),
        };
        self.changed("rucio.rule", id, from.as_str(), next.as_str(), why);
    }

    /// Sets a rule's state as an operator does (`PUT /rules/<id>` with `state`).
    pub fn set_rule_state(
        &mut self,
        id: &str,
        state: RuleState,
        why: &str,
        now: Timestamp,
    ) -> Result<(), RucioError> {
        self.rule(id)?;
        if let Some(rule) = self.rules.get_mut(id) {
            let from = rule.state;
            if from != state && from.may_become(state) {
                rule.state = state;
                rule.updated_at = now;
                self.changed("rucio.rule", id, from.as_str(), state.as_str(), why);
            }
        }
        Ok(())
    }

    /// Deletes a rule softly: it ends in an hour, or when it would have ended before.
    pub fn delete_rule(
        &mut self,
        id: &str,
        purge: Option<bool>,
        now: Timestamp,
    ) -> Result<Timestamp, RucioError> {
        self.rule(id)?;
        let latest = now.checked_add(GRACE).unwrap_or(now);
        let Some(rule) = self.rules.get_mut(id) else {
            return Ok(latest);
        };
        if rule.wish.locked {
            return Err(RucioError::unsupported_operation(
                "The replication rule is locked and has to be unlocked before it can be deleted",
            ));
        }
        if let Some(purge) = purge {
            rule.wish.purge_replicas = purge;
        }
        let ends = rule.expires_at.map_or(latest, |old| old.min(latest));
        rule.expires_at = Some(ends);
        rule.updated_at = now;
        Ok(ends)
    }

    /// Takes away the rules whose time is over: locks go, replicas without locks get a tombstone, requests are cancelled.
    pub fn clean(&mut self, now: Timestamp) {
        let over: Vec<String> = self
            .rules
            .values()
            .filter(|r| r.expires_at.is_some_and(|at| at <= now))
            .map(|r| r.id.clone())
            .collect();
        for id in over {
            let Some(rule) = self.rules.shift_remove(&id) else {
                continue;
            };
            if let Some(rules) = self.rules_of_did.get_mut(&rule.wish.did) {
                rules.retain(|r| *r != id);
            }
            for key in rule.locks.keys() {
                if let Some(rules) = self.rules_of_replica.get_mut(key) {
                    rules.retain(|r| *r != id);
                }
                let Some(replica) = self
                    .replicas
                    .get_mut(&key.0)
                    .and_then(|at| at.get_mut(&key.1))
                else {
                    continue;
                };
                replica.lock_count = replica.lock_count.saturating_sub(1);
                if replica.lock_count == 0 {
                    replica.tombstone = Some(now);
                    self.cancel(key, now);
                }
            }
            self.changed(
                "rucio.rule",
                id,
                rule.state.as_str(),
                "",
                "its time is over",
            );
        }
    }

    /// When the next rule ends.
    pub fn next_expiry(&self) -> Option<Timestamp> {
        self.rules.values().filter_map(|r| r.expires_at).min()
    }

    /// The RSEs a rule may use: its expression, less those that may not be written to.
    fn targets(&self, wish: &RuleWish) -> Result<IndexSet<String>, RucioError> {
        let mut targets = self.resolve(&wish.rse_expression)?;
        if !wish.ignore_availability {
            targets.retain(|name| self.rses.get(name).is_some_and(|r| r.availability_write));
            if targets.is_empty() {
                return Err(RucioError::rse_write_blocked(
                    "RSE excluded due to write restrictions.",
                ));
            }
        }
        if targets.len() < wish.copies {
            return Err(RucioError::insufficient_rses(format!(
                "Target RSE set not sufficient for number of copies. ({} copies requested, RSE set size {})",
                wish.copies,
                targets.len()
            )));
        }
        Ok(targets)
    }

    fn has_rule_like(&self, wish: &RuleWish) -> bool {
        self.rules_of_did
            .get(&wish.did)
            .into_iter()
            .flatten()
            .filter_map(|id| self.rules.get(id))
            .any(|r| {
                r.wish.account == wish.account
                    && r.wish.rse_expression == wish.rse_expression
                    && r.wish.copies == wish.copies
            })
    }

    fn check_quota(&self, wish: &RuleWish, targets: &IndexSet<String>) -> Result<(), RucioError> {
        let with_room = targets.iter().filter(|rse| {
            let limit = self.limit(&wish.account, rse);
            limit < 0
                || u64::try_from(limit).is_ok_and(|limit| self.usage(&wish.account, rse).0 < limit)
        });
        if with_room.count() >= wish.copies {
            return Ok(());
        }
        Err(RucioError::insufficient_quota(
            "There is insufficient quota on any of the target RSE's to fulfill the operation.",
        ))
    }

    /// The rule as the server shows it; list forms have the bytes too.
    pub fn rule_json(&self, rule: &Rule, with_bytes: bool) -> Value {
        let date = |at: Option<Timestamp>| at.map(crate::answers::date);
        let wish = &rule.wish;
        let notification = match wish.notify.as_deref() {
            Some("Y") => "YES",
            Some("C") => "CLOSE",
            _ => "NO",
        };
        let mut shown = json!({
            "state": rule.state.as_str(), "locks_ok_cnt": rule.counts.ok, "locks_replicating_cnt": rule.counts.replicating,
            "locks_stuck_cnt": rule.counts.stuck, "ignore_availability": wish.ignore_availability, "meta": wish.meta,
            "error": rule.error, "ignore_account_limit": false, "deleted_at": null, "subscription_id": null,
            "rse_expression": wish.rse_expression, "source_replica_expression": wish.source_replica_expression,
            "priority": wish.priority, "created_at": crate::answers::date(rule.created_at), "id": rule.id, "copies": wish.copies,
            "activity": wish.activity, "updated_at": crate::answers::date(rule.updated_at), "account": wish.account,
            "expires_at": date(rule.expires_at), "grouping": wish.grouping.as_str(), "comments": wish.comment, "scope": wish.did.scope,
            "weight": null, "notification": notification, "child_rule_id": null, "name": wish.did.name, "locked": wish.locked,
            "stuck_at": date(rule.stuck_at), "eol_at": null, "did_type": rule.did_type.as_str(),
            "purge_replicas": wish.purge_replicas, "split_container": false,
        });
        if let (true, Some(object)) = (with_bytes, shown.as_object_mut()) {
            object.insert("bytes".into(), json!(self.bytes_of(&wish.did)));
        }
        shown
    }
}

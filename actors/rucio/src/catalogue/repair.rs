//! The judge's second look at stuck rules (rucio page §2.6).

use jiff::{SignedDuration, Timestamp};

use super::{Catalogue, Given};
use crate::replica::ReplicaState;
use crate::rule::{LockState, RuleState};

/// A rule that is stuck for longer is given up.
const GIVE_UP: SignedDuration = SignedDuration::from_hours(14 * 24);

impl Catalogue {
    /// Stuck rules that nobody touched for a while.
    pub fn stuck_rules(&self, untouched_since: Timestamp) -> Vec<String> {
        self.rules
            .values()
            .filter(|r| r.state == RuleState::Stuck && r.updated_at <= untouched_since)
            .map(|r| r.id.clone())
            .collect()
    }

    /// Tries the stuck locks of a rule again: at the same RSE when somebody has the file by now,
    /// else at another RSE of the expression. After 14 days the rule is suspended.
    pub fn repair(&mut self, id: &str, given: &mut Given<'_>) {
        let Some(rule) = self.rules.get(id).filter(|r| r.state == RuleState::Stuck) else {
            return;
        };
        if rule
            .stuck_at
            .is_some_and(|since| given.now.duration_since(since) > GIVE_UP)
        {
            self.suspend(id, given.now);
            return;
        }
        let expression = rule.wish.rse_expression.clone();
        let stuck: Vec<_> = rule
            .locks
            .iter()
            .filter(|(_, lock)| **lock == LockState::Stuck)
            .map(|(key, _)| key.clone())
            .collect();
        for (file, rse) in stuck {
            if self.rses.get(&rse).is_some_and(|r| r.availability_write) {
                self.lock_file(id, &file, &rse, given);
                continue;
            }
            let others = self.resolve(&expression).unwrap_or_default();
            let free = others.into_iter().find(|other| {
                self.rses.get(other).is_some_and(|r| r.availability_write)
                    && !self.rules[id]
                        .locks
                        .contains_key(&(file.clone(), other.clone()))
            });
            if let Some(other) = free {
                self.drop_lock(id, &(file.clone(), rse), given.now);
                self.lock_file(id, &file, &other, given);
            }
        }
        self.recount(id, given.now);
    }

    fn suspend(&mut self, id: &str, now: Timestamp) {
        if let Some(rule) = self.rules.get_mut(id) {
            rule.state = RuleState::Suspended;
            rule.updated_at = now;
            self.changed(
                "rucio.rule",
                id,
                RuleState::Stuck.as_str(),
                RuleState::Suspended.as_str(),
                "stuck for more than 14 days",
            );
        }
    }

    fn drop_lock(&mut self, id: &str, key: &(crate::did::DidName, String), now: Timestamp) {
        if let Some(rule) = self.rules.get_mut(id) {
            let before = rule.locks.shift_remove(key);
            rule.counts.moved(before, None);
        }
        if let Some(rules) = self.rules_of_replica.get_mut(key) {
            rules.retain(|r| r != id);
        }
        if let Some(replica) = self
            .replicas
            .get_mut(&key.0)
            .and_then(|at| at.get_mut(&key.1))
        {
            replica.lock_count = replica.lock_count.saturating_sub(1);
            if replica.lock_count == 0 && replica.state != ReplicaState::Available {
                replica.tombstone = Some(now);
            }
        }
    }
}

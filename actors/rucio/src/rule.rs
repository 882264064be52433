//! Replication rules and their locks: the states and how the first follow from the second (rucio page §2.6).

use indexmap::IndexMap;
use jiff::Timestamp;

use crate::did::{DidName, DidType};

/// Where a rule stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RuleState {
    /// Accepted, not yet turned into locks.
    Inject,
    /// Waits for somebody's approval.
    WaitingApproval,
    /// At least one lock waits for its file, none is stuck.
    Replicating,
    /// Every lock has its file.
    Ok,
    /// At least one lock is stuck.
    Stuck,
    /// Given up, by an operator or after 14 days.
    Suspended,
}

impl RuleState {
    /// All states.
    pub const ALL: [Self; 6] = [
        Self::Inject,
        Self::WaitingApproval,
        Self::Replicating,
        Self::Ok,
        Self::Stuck,
        Self::Suspended,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inject => "INJECT",
            Self::WaitingApproval => "WAITING_APPROVAL",
            Self::Replicating => "REPLICATING",
            Self::Ok => "OK",
            Self::Stuck => "STUCK",
            Self::Suspended => "SUSPENDED",
        }
    }

    /// Reads the name on the wire.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == text)
    }

    /// Whether a rule may go from this state to `next`.
    pub fn may_become(self, next: Self) -> bool {
        use RuleState::{Inject, Ok, Replicating, Stuck, Suspended, WaitingApproval};
        match self {
            WaitingApproval => matches!(next, Inject | Suspended),
            Inject => matches!(next, Replicating | Ok | Stuck),
            Replicating => matches!(next, Ok | Stuck | Suspended),
            Ok => matches!(next, Replicating | Stuck | Suspended),
            Stuck => matches!(next, Replicating | Ok | Suspended),
            Suspended => matches!(next, Replicating | Ok | Stuck | Inject),
        }
    }
}

/// Where one lock stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LockState {
    /// The file is on its way.
    Replicating,
    /// The file is there.
    Ok,
    /// The file cannot be brought.
    Stuck,
}

impl LockState {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Replicating => "REPLICATING",
            Self::Ok => "OK",
            Self::Stuck => "STUCK",
        }
    }
}

/// How many locks of a rule stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LockCounts {
    /// Locks with their file.
    pub ok: usize,
    /// Locks whose file is on its way.
    pub replicating: usize,
    /// Locks whose file cannot be brought.
    pub stuck: usize,
}

impl LockCounts {
    /// Counts a set of locks.
    pub fn of<'a>(locks: impl IntoIterator<Item = &'a LockState>) -> Self {
        let mut counts = Self::default();
        for lock in locks {
            *counts.of_state(*lock) += 1;
        }
        counts
    }

    /// The state that follows: stuck wins over replicating, both over OK. A rule on nothing is OK.
    pub fn rule_state(self) -> RuleState {
        if self.stuck > 0 {
            RuleState::Stuck
        } else if self.replicating > 0 {
            RuleState::Replicating
        } else {
            RuleState::Ok
        }
    }

    /// One lock went from one state to another; `None` is "was not there" or "is gone".
    pub fn moved(&mut self, from: Option<LockState>, to: Option<LockState>) {
        if let Some(from) = from {
            let count = self.of_state(from);
            *count = count.saturating_sub(1);
        }
        if let Some(to) = to {
            *self.of_state(to) += 1;
        }
    }

    fn of_state(&mut self, state: LockState) -> &mut usize {
        match state {
            LockState::Ok => &mut self.ok,
            LockState::Replicating => &mut self.replicating,
            LockState::Stuck => &mut self.stuck,
        }
    }
}

/// How the files of a collection are spread over the chosen storage elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// All files of the rule at the same storage elements.
    All,
    /// All files of one dataset at the same storage elements.
    Dataset,
    /// Each file for itself.
    None,
}

impl Grouping {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "ALL",
            Self::Dataset => "DATASET",
            Self::None => "NONE",
        }
    }

    /// Reads the name or the letter on the wire.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "ALL" | "A" => Some(Self::All),
            "DATASET" | "D" => Some(Self::Dataset),
            "NONE" | "N" => Some(Self::None),
            _ => None,
        }
    }
}

/// What a client asks for in `POST /rules/`, for one data identifier.
#[derive(Debug, Clone)]
pub struct RuleWish {
    /// What shall be there.
    pub did: DidName,
    /// Who owns the rule.
    pub account: String,
    /// How many copies.
    pub copies: usize,
    /// Where.
    pub rse_expression: String,
    /// How the files are spread.
    pub grouping: Grouping,
    /// Seconds to live.
    pub lifetime: Option<i64>,
    /// Whether it may be deleted.
    pub locked: bool,
    /// Where the files may come from.
    pub source_replica_expression: Option<String>,
    /// Activity, for FTS shares.
    pub activity: String,
    /// `N`, `Y` or `C`.
    pub notify: Option<String>,
    /// Whether deleting the rule deletes the replicas at once.
    pub purge_replicas: bool,
    /// Whether blocked storage elements count.
    pub ignore_availability: bool,
    /// A free text.
    pub comment: Option<String>,
    /// Whether somebody must approve first.
    pub ask_approval: bool,
    /// 1 to 5.
    pub priority: u32,
    /// Free metadata.
    pub meta: Option<serde_json::Value>,
}

/// One replication rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// 32 hexadecimal digits.
    pub id: String,
    /// What was asked for.
    pub wish: RuleWish,
    /// What the data identifier is.
    pub did_type: DidType,
    /// Where it stands.
    pub state: RuleState,
    /// Its locks, by file and RSE.
    pub locks: IndexMap<(DidName, String), LockState>,
    /// The same, counted.
    pub counts: LockCounts,
    /// Why it is stuck.
    pub error: Option<String>,
    /// Since when it is stuck.
    pub stuck_at: Option<Timestamp>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_rule_is_what_its_locks_are() {
        for (ok, replicating, stuck, want) in [
            (0, 0, 0, RuleState::Ok),
            (3, 0, 0, RuleState::Ok),
            (2, 1, 0, RuleState::Replicating),
            (2, 1, 1, RuleState::Stuck),
            (0, 0, 1, RuleState::Stuck),
        ] {
            assert_eq!(
                LockCounts {
                    ok,
                    replicating,
                    stuck
                }
                .rule_state(),
                want
            );
        }
    }

    fn any_lock() -> impl Strategy<Value = Option<LockState>> {
        prop_oneof![
            Just(None),
            Just(Some(LockState::Ok)),
            Just(Some(LockState::Replicating)),
            Just(Some(LockState::Stuck))
        ]
    }

    proptest! {
        #[test]
        fn counting_on_is_counting_afresh(moves in proptest::collection::vec((0usize..8, any_lock()), 0..60)) {
            let mut locks: [Option<LockState>; 8] = [None; 8];
            let mut counts = LockCounts::default();
            for (which, next) in moves {
                counts.moved(locks[which], next);
                locks[which] = next;
            }
            prop_assert_eq!(counts, LockCounts::of(locks.iter().flatten()));
        }

        #[test]
        fn every_state_is_reached_from_inject(path in proptest::collection::vec(0usize..6, 0..12)) {
            let mut state = RuleState::Inject;
            for step in path {
                let next = RuleState::ALL[step];
                if state.may_become(next) {
                    prop_assert_ne!(state, next);
                    state = next;
                }
            }
            prop_assert_ne!(state, RuleState::WaitingApproval);
        }
    }
}

//! Replicas: one file at one storage element, and the states it goes through (rucio page §2.4).

use jiff::Timestamp;

/// Where a replica stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReplicaState {
    /// The bytes are there and may be read.
    Available,
    /// The transfer failed for good.
    Unavailable,
    /// The bytes are on their way.
    Copying,
    /// The reaper is at work.
    BeingDeleted,
    /// Declared bad.
    Bad,
    /// The storage element is away for a while.
    TemporaryUnavailable,
}

impl ReplicaState {
    /// All states, in Rucio's order.
    pub const ALL: [Self; 6] = [
        Self::Available,
        Self::Unavailable,
        Self::Copying,
        Self::BeingDeleted,
        Self::Bad,
        Self::TemporaryUnavailable,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Available => "AVAILABLE",
            Self::Unavailable => "UNAVAILABLE",
            Self::Copying => "COPYING",
            Self::BeingDeleted => "BEING_DELETED",
            Self::Bad => "BAD",
            Self::TemporaryUnavailable => "TEMPORARY_UNAVAILABLE",
        }
    }

    /// Reads the letter that clients send, or the name.
    pub fn parse(text: &str) -> Option<Self> {
        let by_letter = match text {
            "A" => Some(Self::Available),
            "U" => Some(Self::Unavailable),
            "C" => Some(Self::Copying),
            "B" => Some(Self::BeingDeleted),
            "D" => Some(Self::Bad),
            "T" => Some(Self::TemporaryUnavailable),
            _ => None,
        };
        by_letter.or_else(|| Self::ALL.into_iter().find(|s| s.as_str() == text))
    }

    /// Whether a replica may go from this state to `next`.
    pub fn may_become(self, next: Self) -> bool {
        use ReplicaState::{
            Available, Bad, BeingDeleted, Copying, TemporaryUnavailable, Unavailable,
        };
        match self {
            Copying => matches!(next, Available | Unavailable | BeingDeleted),
            Available => matches!(
                next,
                Bad | BeingDeleted | TemporaryUnavailable | Unavailable | Copying
            ),
            Unavailable | Bad => matches!(next, Copying | Available | BeingDeleted),
            TemporaryUnavailable => matches!(next, Available | Bad | BeingDeleted),
            BeingDeleted => false,
        }
    }
}

/// One file at one storage element.
#[derive(Debug, Clone)]
pub struct Replica {
    /// Where it stands.
    pub state: ReplicaState,
    /// How many locks protect it.
    pub lock_count: usize,
    /// When the last lock went; the reaper may take it from then on.
    pub tombstone: Option<Timestamp>,
    /// How good a source it was: one less for each failed transfer from it.
    pub ranking: i32,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Replica {
    /// A replica without locks.
    pub fn new(state: ReplicaState, now: Timestamp) -> Self {
        Self {
            state,
            lock_count: 0,
            tombstone: None,
            ranking: 0,
            created_at: now,
            updated_at: now,
        }
    }
}

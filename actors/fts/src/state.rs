//! States of files and jobs, and how a job's state follows from its files (FTS page §2).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// State of one file, the name that `t_file.file_state` and REST carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FileState {
    /// Waits for a refresh token of one of its storage tokens.
    TokenPrep,
    /// In the queue.
    Submitted,
    /// Picked by the scheduler; its agent is starting.
    Ready,
    /// Its agent works.
    Active,
    /// Copied and checked.
    Finished,
    /// Given up.
    Failed,
    /// Cancelled by the user, a queue timeout, a ban or the remote end.
    Canceled,
    /// Waits to be brought online from tape.
    Staging,
    /// Recall from tape asked for.
    Started,
    /// Copied; waits until the destination has it on tape.
    Archiving,
    /// A replica or hop whose turn has not come.
    NotUsed,
    /// Its storage element is banned; waits.
    OnHold,
    /// The same, before staging.
    OnHoldStaging,
    /// An operator lets it start whatever the limits say.
    ForceStart,
}

impl FileState {
    /// The state's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TokenPrep => "TOKEN_PREP",
            Self::Submitted => "SUBMITTED",
            Self::Ready => "READY",
            Self::Active => "ACTIVE",
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
            Self::Canceled => "CANCELED",
            Self::Staging => "STAGING",
            Self::Started => "STARTED",
            Self::Archiving => "ARCHIVING",
            Self::NotUsed => "NOT_USED",
            Self::OnHold => "ON_HOLD",
            Self::OnHoldStaging => "ON_HOLD_STAGING",
            Self::ForceStart => "FORCE_START",
        }
    }

    /// Nothing follows any more.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Finished | Self::Failed | Self::Canceled)
    }

    /// What a cancel request finds "active" (FTS page §2): TOKEN_PREP is not among them, a quirk of REST 3.13.
    pub fn is_active_for_cancel(self) -> bool {
        matches!(
            self,
            Self::Staging
                | Self::Started
                | Self::Submitted
                | Self::Ready
                | Self::Active
                | Self::Archiving
                | Self::ForceStart
        )
    }

    /// States that a queue timeout ends (FTS page §2): not TOKEN_PREP, not what an agent already has.
    pub fn waits_in_queue(self) -> bool {
        matches!(
            self,
            Self::Submitted | Self::NotUsed | Self::Staging | Self::OnHold | Self::OnHoldStaging
        )
    }

    /// Whether an agent has it.
    pub fn is_running(self) -> bool {
        matches!(self, Self::Ready | Self::Active)
    }

    /// Whether the file may go from here to `next`.
    pub fn may_become(self, next: Self) -> bool {
        use FileState as S;
        match self {
            S::Finished | S::Failed | S::Canceled => false,
            S::TokenPrep => matches!(
                next,
                S::Submitted | S::Staging | S::NotUsed | S::OnHold | S::Failed | S::Canceled
            ),
            S::Submitted | S::ForceStart => {
                matches!(
                    next,
                    S::Ready | S::OnHold | S::ForceStart | S::Failed | S::Canceled
                )
            }
            S::Ready => matches!(
                next,
                S::Active | S::Submitted | S::Finished | S::Failed | S::Canceled
            ),
            S::Active => matches!(
                next,
                S::Submitted | S::Finished | S::Archiving | S::Failed | S::Canceled
            ),
            S::Archiving => matches!(next, S::Finished | S::Failed | S::Canceled),
            S::Staging => matches!(
                next,
                S::Started | S::OnHoldStaging | S::Submitted | S::Failed | S::Canceled
            ),
            S::Started => matches!(next, S::Submitted | S::Failed | S::Canceled),
            S::NotUsed => matches!(next, S::Submitted | S::Staging | S::TokenPrep | S::Canceled),
            S::OnHold => matches!(next, S::Submitted | S::Canceled | S::Failed),
            S::OnHoldStaging => matches!(next, S::Staging | S::Canceled | S::Failed),
        }
    }
}

/// State of a job. TOKEN_PREP never shows here: such a job says SUBMITTED.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum JobState {
    /// No file has started.
    Submitted,
    /// Session reuse: the agent of all files is starting.
    Ready,
    /// At least one file has started.
    Active,
    /// Files wait for tape.
    Staging,
    /// Copied; waits for tape at the destination.
    Archiving,
    /// Every file finished.
    Finished,
    /// No file finished, at least one failed (multihop: one hop failed).
    Failed,
    /// Some finished, some failed.
    FinishedDirty,
    /// Cancelled.
    Canceled,
}

impl JobState {
    /// The state's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Submitted => "SUBMITTED",
            Self::Ready => "READY",
            Self::Active => "ACTIVE",
            Self::Staging => "STAGING",
            Self::Archiving => "ARCHIVING",
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
            Self::FinishedDirty => "FINISHEDDIRTY",
            Self::Canceled => "CANCELED",
        }
    }

    /// Nothing follows any more.
    pub fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Finished | Self::Failed | Self::FinishedDirty | Self::Canceled
        )
    }
}

/// Kind of job, the letter of `job_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// `N`: independent files.
    Normal,
    /// `R`: one file, several sources, tried one after the other.
    Replicas,
    /// `H`: hops of one file, in order.
    Multihop,
    /// `Y`: one session carries all files of one link.
    Reuse,
}

impl JobKind {
    /// The letter on the wire.
    pub fn letter(self) -> &'static str {
        match self {
            Self::Normal => "N",
            Self::Replicas => "R",
            Self::Multihop => "H",
            Self::Reuse => "Y",
        }
    }

    /// R and H are never retried (FTS page §2).
    pub fn is_retried(self) -> bool {
        matches!(self, Self::Normal | Self::Reuse)
    }
}

/// The final state of a job whose files are in these states, or `None` while it goes on.
///
/// `files` gives file index and state of every row; rows that share an index are replicas of one file.
pub fn outcome(
    kind: JobKind,
    files: impl IntoIterator<Item = (usize, FileState)>,
) -> Option<JobState> {
    #[derive(Default)]
    struct Seen {
        finished: bool,
        failed: bool,
        canceled: bool,
        pending: bool,
    }
    let mut seen: BTreeMap<usize, Seen> = BTreeMap::new();
    for (index, state) in files {
        let one = seen.entry(index).or_default();
        match state {
            FileState::Finished => one.finished = true,
            FileState::Failed => one.failed = true,
            FileState::Canceled => one.canceled = true,
            _ => one.pending = true,
        }
    }
    let of = |test: fn(&Seen) -> bool| seen.values().filter(|one| test(one)).count();
    let finished = of(|one| one.finished);
    let failed = of(|one| !one.finished && !one.pending && one.failed);
    let canceled = of(|one| !one.finished && !one.pending && !one.failed && one.canceled);
    if kind == JobKind::Multihop {
        return if failed > 0 {
            Some(JobState::Failed)
        } else if canceled > 0 {
            Some(JobState::Canceled)
        } else {
            (finished == seen.len()).then_some(JobState::Finished)
        };
    }
    if finished + failed + canceled < seen.len() {
        return None;
    }
    Some(if finished == seen.len() {
        JobState::Finished
    } else if finished > 0 && failed > 0 {
        JobState::FinishedDirty
    } else if failed > 0 {
        JobState::Failed
    } else {
        JobState::Canceled
    })
}

/// What a job says of its files once it ended without all of them finished.
pub const SOME_FAILED: &str =
    "One or more files failed. Please have a look at the details for more information";

#[cfg(test)]
mod tests {
    use FileState::{Active, Canceled, Failed, Finished, NotUsed, Ready, Submitted, TokenPrep};

    use super::*;

    const ALL: [FileState; 14] = [
        TokenPrep,
        Submitted,
        Ready,
        Active,
        Finished,
        Failed,
        Canceled,
        FileState::Staging,
        FileState::Started,
        FileState::Archiving,
        NotUsed,
        FileState::OnHold,
        FileState::OnHoldStaging,
        FileState::ForceStart,
    ];

    #[test]
    fn nothing_leaves_a_terminal_state() {
        for from in ALL.into_iter().filter(|state| state.is_terminal()) {
            for to in ALL {
                assert!(!from.may_become(to), "{from:?} -> {to:?}");
            }
        }
    }

    #[test]
    fn every_state_can_be_cancelled_and_active_does_not_go_back_to_ready() {
        for from in ALL.into_iter().filter(|state| !state.is_terminal()) {
            assert!(from.may_become(Canceled), "{from:?}");
        }
        assert!(!Active.may_become(Ready));
    }

    #[test]
    fn a_job_ends_as_its_files_say() {
        use JobKind::{Multihop as H, Normal as N, Replicas as R, Reuse as Y};
        type Case<'a> = (JobKind, &'a [(usize, FileState)], Option<JobState>);
        let cases: &[Case<'_>] = &[
            (N, &[(0, Finished)], Some(JobState::Finished)),
            (N, &[(0, Finished), (1, Active)], None),
            (N, &[(0, TokenPrep)], None),
            (
                N,
                &[(0, Finished), (1, Finished), (2, Failed)],
                Some(JobState::FinishedDirty),
            ),
            (N, &[(0, Failed), (1, Failed)], Some(JobState::Failed)),
            (N, &[(0, Failed), (1, Canceled)], Some(JobState::Failed)),
            (N, &[(0, Finished), (1, Canceled)], Some(JobState::Canceled)),
            (N, &[(0, Canceled)], Some(JobState::Canceled)),
            (
                Y,
                &[(0, Finished), (1, Failed), (2, Finished)],
                Some(JobState::FinishedDirty),
            ),
            (
                R,
                &[(0, Failed), (0, Failed), (0, Finished)],
                Some(JobState::Finished),
            ),
            (R, &[(0, Finished), (0, NotUsed)], Some(JobState::Finished)),
            (R, &[(0, Failed), (0, Submitted)], None),
            (R, &[(0, Failed), (0, Failed)], Some(JobState::Failed)),
            (H, &[(0, Failed), (1, NotUsed)], Some(JobState::Failed)),
            (H, &[(0, Finished), (1, NotUsed)], None),
            (H, &[(0, Finished), (1, Failed)], Some(JobState::Failed)),
            (H, &[(0, Canceled), (1, NotUsed)], Some(JobState::Canceled)),
            (H, &[(0, Finished), (1, Finished)], Some(JobState::Finished)),
        ];
        for (kind, files, wanted) in cases {
            assert_eq!(
                outcome(*kind, files.iter().copied()),
                *wanted,
                "{kind:?} {files:?}"
            );
        }
    }
}

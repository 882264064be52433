//! Transfer requests: one file on its way to one storage element, and the states it goes through (rucio page §2.4).

use jiff::Timestamp;

use crate::did::DidName;

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestState {
    /// Waits for the preparer.
    Preparing,
    /// Waits for the throttler.
    Waiting,
    /// Waits for the submitter.
    Queued,
    /// The submitter holds it.
    Submitting,
    /// FTS holds it.
    Submitted,
    /// The file has arrived.
    Done,
    /// FTS gave up.
    Failed,
    /// FTS no longer knows the job.
    Lost,
    /// No storage element can give the file.
    NoSources,
    /// Only tape could give it.
    OnlyTapeSources,
    /// FTS did not take the job.
    SubmissionFailed,
    /// No protocol is spoken on both sides.
    MismatchScheme,
    /// Held back by an operator.
    Suspend,
}

impl RequestState {
    /// All states.
    pub const ALL: [Self; 13] = [
        Self::Preparing,
        Self::Waiting,
        Self::Queued,
        Self::Submitting,
        Self::Submitted,
        Self::Done,
        Self::Failed,
        Self::Lost,
        Self::NoSources,
        Self::OnlyTapeSources,
        Self::SubmissionFailed,
        Self::MismatchScheme,
        Self::Suspend,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Preparing => "PREPARING",
            Self::Waiting => "WAITING",
            Self::Queued => "QUEUED",
            Self::Submitting => "SUBMITTING",
            Self::Submitted => "SUBMITTED",
            Self::Done => "DONE",
            Self::Failed => "FAILED",
            Self::Lost => "LOST",
            Self::NoSources => "NO_SOURCES",
            Self::OnlyTapeSources => "ONLY_TAPE_SOURCES",
            Self::SubmissionFailed => "SUBMISSION_FAILED",
            Self::MismatchScheme => "MISMATCH_SCHEME",
            Self::Suspend => "SUSPEND",
        }
    }

    /// Rucio's letter for the state.
    pub fn letter(self) -> &'static str {
        match self {
            Self::Preparing => "P",
            Self::Waiting => "W",
            Self::Queued => "Q",
            Self::Submitting => "G",
            Self::Submitted => "S",
            Self::Done => "D",
            Self::Failed => "F",
            Self::Lost => "L",
            Self::NoSources => "N",
            Self::OnlyTapeSources => "O",
            Self::SubmissionFailed => "A",
            Self::MismatchScheme => "M",
            Self::Suspend => "U",
        }
    }

    /// Whether nothing more happens to it but archiving.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Done
                | Self::Failed
                | Self::Lost
                | Self::NoSources
                | Self::OnlyTapeSources
                | Self::SubmissionFailed
                | Self::MismatchScheme
        )
    }

    /// Whether a request may go from this state to `next`.
    pub fn may_become(self, next: Self) -> bool {
        use RequestState::{
            Done, Failed, Lost, MismatchScheme, NoSources, OnlyTapeSources, Preparing, Queued,
            SubmissionFailed, Submitted, Submitting, Suspend, Waiting,
        };
        match self {
            Preparing => matches!(
                next,
                Waiting | Queued | NoSources | OnlyTapeSources | MismatchScheme
            ),
            Waiting => matches!(next, Queued | Suspend),
            Queued => matches!(
                next,
                Submitting | NoSources | OnlyTapeSources | MismatchScheme | Suspend
            ),
            Suspend => matches!(next, Queued),
            Submitting => matches!(next, Submitted | SubmissionFailed | Queued),
            Submitted => matches!(next, Done | Failed | Lost),
            Done | Failed | Lost | NoSources | OnlyTapeSources | SubmissionFailed
            | MismatchScheme => false,
        }
    }

    /// Whether a request that ended so is tried again while attempts are left (rucio page §2.4).
    pub fn is_retried(self) -> bool {
        matches!(self, Self::Failed | Self::Lost | Self::SubmissionFailed)
    }
}

/// One file on its way to one storage element.
#[derive(Debug, Clone)]
pub struct Request {
    /// 32 hexadecimal digits.
    pub id: String,
    /// The file.
    pub did: DidName,
    /// Where it goes.
    pub dest_rse: String,
    /// Where it comes from, once the submitter has chosen.
    pub source_rse: Option<String>,
    /// The rule that asked first.
    pub rule_id: String,
    /// Account of that rule.
    pub account: String,
    /// Activity of that rule.
    pub activity: String,
    /// Priority of that rule.
    pub priority: u32,
    /// Where it stands.
    pub state: RequestState,
    /// How often it failed before.
    pub retry_count: u32,
    /// The request it replaces.
    pub previous_attempt_id: Option<String>,
    /// FTS server.
    pub external_host: Option<String>,
    /// FTS job.
    pub external_id: Option<String>,
    /// Destination URL given to FTS.
    pub dest_url: Option<String>,
    /// Why it failed.
    pub err_msg: Option<String>,
    /// When it was queued.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When FTS took it.
    pub submitted_at: Option<Timestamp>,
    /// When the transfer started, as FTS says.
    pub started_at: Option<Timestamp>,
    /// When the transfer ended, as FTS says.
    pub transferred_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn final_states_have_no_way_out_and_others_have_one() {
        for state in RequestState::ALL {
            let ways = RequestState::ALL
                .into_iter()
                .filter(|next| state.may_become(*next))
                .count();
            assert_eq!(ways == 0, state.is_final(), "{}", state.as_str());
        }
    }

    #[test]
    fn letters_are_distinct() {
        let letters: std::collections::HashSet<_> = RequestState::ALL
            .into_iter()
            .map(RequestState::letter)
            .collect();
        assert_eq!(letters.len(), RequestState::ALL.len());
    }

    proptest! {
        /// Whatever way a request takes, it ends, and it was at FTS before it was done.
        #[test]
        fn a_done_request_was_submitted(choices in proptest::collection::vec(0usize..13, 1..40)) {
            let mut state = RequestState::Queued;
            let mut been = vec![state];
            for choice in choices {
                let next = RequestState::ALL[choice];
                if state.may_become(next) {
                    state = next;
                    been.push(state);
                }
            }
            if state == RequestState::Done {
                prop_assert!(been.contains(&RequestState::Submitting));
                prop_assert!(been.contains(&RequestState::Submitted));
            }
        }
    }
}

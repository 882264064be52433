//! The server's memory: jobs, files, tokens, the queue; every event that moves them is one method, pure and told the time.
//!
//! Methods leave their changes of state in the book; the shell takes them with [`Book::take_changes`] and tells the
//! journal.

mod agents;
mod end;
mod orders;
mod settings;
mod storage_tokens;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use carnet_stage::Seq;
use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};

pub use orders::{Ban, BanStatus, Cancelled, FileCancel};
pub use settings::Settings;

use crate::config::{Config, TokenModel};
use crate::errors::Refused;
use crate::job::{File, FileId, Job, Owner};
use crate::scheduler::{Limits, Scheduler, UnitId};
use crate::state::{FileState, JobKind, JobState};
use crate::submission::Submission;
use crate::tokens::{TokenBook, TokenId};

/// A change of state, to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The record that its job follows from.
    pub cause: Option<Seq>,
    /// `fts.job`, `fts.file`, `fts.token`.
    pub entity: &'static str,
    /// Which one.
    pub id: String,
    /// Before; empty when it is new.
    pub from: &'static str,
    /// After.
    pub to: &'static str,
    /// Why.
    pub why: String,
}

/// A unit that the scheduler let start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// The unit.
    pub unit: UnitId,
    /// Its files, in order.
    pub files: Vec<FileId>,
}

/// Rules of the book, from the configuration.
#[derive(Debug, Clone)]
struct Rules {
    retry: i64,
    retry_delay: i64,
    start_after: SignedDuration,
    cancel_spares_token_prep: bool,
    exchanges_again: bool,
    max_jobs: usize,
}

/// Everything the server remembers.
#[derive(Debug)]
pub struct Book {
    rules: Rules,
    host: String,
    jobs: IndexMap<String, Job>,
    files: BTreeMap<FileId, File>,
    waiting_for: HashMap<TokenId, BTreeSet<FileId>>,
    expiries: BTreeSet<(Timestamp, String)>,
    tokens: TokenBook,
    scheduler: Scheduler,
    bans: BTreeMap<String, Ban>,
    settings: Settings,
    last_file: FileId,
    last_pid: u64,
    changes: Vec<Change>,
}

/// A submission with everything the server adds to it.
#[derive(Debug)]
pub struct NewJob {
    /// The job's id.
    pub id: String,
    /// Who submits.
    pub owner: Owner,
    /// What.
    pub submission: Submission,
    /// Source and destination token of every row.
    pub tokens: Vec<(TokenId, TokenId)>,
    /// The record that it follows from.
    pub cause: Option<Seq>,
    /// A number between 0 and 65535 for every row.
    pub hashes: Vec<u16>,
}

impl Book {
    /// An empty book of the server `host`.
    pub fn new(config: &Config, host: &str) -> Self {
        Self {
            rules: Rules {
                retry: config.retry,
                retry_delay: config.retry_delay,
                start_after: config.start_after.unwrap_or_default(),
                cancel_spares_token_prep: config.cancel_spares_token_prep,
                exchanges_again: config.tokens == TokenModel::Today,
                max_jobs: config.max_jobs.max(1),
            },
            host: host.to_owned(),
            jobs: IndexMap::new(),
            files: BTreeMap::new(),
            waiting_for: HashMap::new(),
            expiries: BTreeSet::new(),
            tokens: TokenBook::default(),
            scheduler: Scheduler::new(Limits {
                link: config.concurrency,
                storage: config.storage_concurrency,
                node: config.node_concurrency,
            }),
            bans: BTreeMap::new(),
            settings: Settings::default(),
            last_file: 0,
            last_pid: 0,
            changes: Vec::new(),
        }
    }

    /// The changes since the last call.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// A job by its id.
    pub fn job(&self, id: &str) -> Option<&Job> {
        self.jobs.get(id)
    }

    /// Every job, oldest first.
    pub fn jobs(&self) -> impl DoubleEndedIterator<Item = &Job> {
        self.jobs.values()
    }

    /// A file by its id.
    pub fn file(&self, id: FileId) -> Option<&File> {
        self.files.get(&id)
    }

    /// The files of a job, in order.
    pub fn files_of<'a>(&'a self, job: &'a Job) -> impl Iterator<Item = &'a File> {
        job.files.iter().filter_map(|id| self.files.get(id))
    }

    /// The token store.
    pub fn tokens(&self) -> &TokenBook {
        &self.tokens
    }

    /// Takes a job in. The error is what the submitter reads.
    pub fn submit(&mut self, new: NewJob, now: Timestamp) -> Result<(), Refused> {
        let NewJob {
            id,
            owner,
            submission,
            tokens,
            cause,
            hashes,
        } = new;
        if self.jobs.contains_key(&id) {
            return Err(Refused::new(
                http::StatusCode::CONFLICT,
                "The sid provided by the user is duplicated",
            ));
        }
        let mut held = Vec::new();
        for row in &submission.rows {
            held.push(self.ban_on(&[row.source.storage(), row.destination.storage()])?);
        }
        let staging = submission.params.copy_pin_lifetime > 0 || submission.params.bring_online > 0;
        let entry = if staging {
            FileState::Staging
        } else {
            FileState::Submitted
        };
        let chosen = self.first_choice(&submission);
        let (source_se, dest_se) = submission.storages();
        let Submission {
            params,
            kind,
            verify,
            rows,
        } = submission;
        let expires = params
            .max_time_in_queue
            .and_then(|seconds| now.saturating_add(SignedDuration::from_secs(seconds)).ok());
        let mut job = Job {
            id: id.clone(),
            kind,
            state: if staging {
                JobState::Staging
            } else {
                JobState::Submitted
            },
            owner,
            priority: params.priority,
            params,
            verify,
            source_se,
            dest_se,
            submit_host: self.host.clone(),
            reason: None,
            cancelled: false,
            submitted: now,
            finished: None,
            expires,
            files: Vec::with_capacity(rows.len()),
            open: rows.len(),
            cause,
        };
        let how_many = rows.len();
        let why = format!(
            "{} submits {how_many} transfer{} as VO {}",
            job.owner.dn,
            if how_many == 1 { "" } else { "s" },
            job.owner.vo
        );
        self.change(cause, "fts.job", id.clone(), "", job.state.as_str(), why);
        let mut released = Vec::new();
        for (at, row) in rows.into_iter().enumerate() {
            self.last_file += 1;
            let file_id = self.last_file;
            let (source_token, destination_token) = tokens.get(at).cloned().unwrap_or_default();
            let mut wanted = match kind {
                JobKind::Multihop if at > 0 => FileState::NotUsed,
                JobKind::Replicas if at != chosen => FileState::NotUsed,
                _ => entry,
            };
            if held.get(at).copied().unwrap_or_default() {
                wanted = match wanted {
                    FileState::Submitted => FileState::OnHold,
                    FileState::Staging => FileState::OnHoldStaging,
                    other => other,
                };
            }
            let missing: Vec<&TokenId> = [&source_token, &destination_token]
                .into_iter()
                .filter(|token| !self.tokens.is_usable(token))
                .collect();
            let state = if missing.is_empty() {
                wanted
            } else {
                FileState::TokenPrep
            };
            for token in &missing {
                self.waiting_for
                    .entry((*token).clone())
                    .or_default()
                    .insert(file_id);
            }
            let why = if missing.is_empty() {
                format!("{} to {}", row.source, row.destination)
            } else {
                format!(
                    "{} to {}: waits for its storage token",
                    row.source, row.destination
                )
            };
            let file = File {
                id: file_id,
                job: id.clone(),
                row,
                state,
                initial: (state == FileState::TokenPrep).then_some(wanted),
                reason: None,
                recoverable: None,
                started: None,
                finished: None,
                retry: 0,
                retries: Vec::new(),
                source_token,
                destination_token,
                filesize: None,
                transferred: 0,
                tx_duration: None,
                throughput: None,
                pid: None,
                transfer_host: None,
                internal: None,
                hashed_id: hashes.get(at).copied().unwrap_or_default(),
            };
            self.files.insert(file_id, file);
            job.files.push(file_id);
            self.change(
                cause,
                "fts.file",
                file_id.to_string(),
                "",
                state.as_str(),
                why,
            );
            released.push(file_id);
        }
        if let Some(expires) = expires {
            self.expiries.insert((expires, id.clone()));
        }
        self.jobs.insert(id, job);
        for file in released {
            self.entered(file, now);
        }
        self.purge();
        Ok(())
    }

    /// The row of a multi-replica job that is tried first.
    fn first_choice(&self, submission: &Submission) -> usize {
        let Some(first) = submission.rows.first() else {
            return 0;
        };
        if submission.kind != JobKind::Replicas
            || !matches!(first.strategy.as_str(), "auto" | "queue")
        {
            return 0;
        }
        let queue = |at: usize| {
            submission.rows.get(at).map(|row| {
                self.scheduler
                    .waiting(&(row.source.storage(), row.destination.storage()))
            })
        };
        (0..submission.rows.len())
            .min_by_key(|at| queue(*at))
            .unwrap_or_default()
    }

    /// A file stands in a state in which something may follow by itself.
    fn entered(&mut self, id: FileId, now: Timestamp) {
        let Some(state) = self.files.get(&id).map(|file| file.state) else {
            return;
        };
        match state {
            FileState::Staging => {
                self.set(id, FileState::Started, "recall from tape asked for");
                self.set(id, FileState::Submitted, "the source has it on disk");
                self.queue(id, now, None);
            }
            FileState::Submitted => self.queue(id, now, None),
            _ => {}
        }
    }

    /// Puts a SUBMITTED file in the queue; of a session-reuse job, its whole session once every file may go.
    fn queue(&mut self, id: FileId, now: Timestamp, not_before: Option<Timestamp>) {
        let Some((file, job)) = self.file_and_job(id) else {
            return;
        };
        let held_until = job
            .submitted
            .saturating_add(self.rules.start_after)
            .unwrap_or(job.submitted);
        let from = not_before.unwrap_or(now).max(held_until).as_millisecond();
        let (link, priority, unit) = (file.link(), job.priority, id);
        if job.kind == JobKind::Reuse && not_before.is_none() {
            let waits =
                |file: &File| matches!(file.state, FileState::TokenPrep | FileState::OnHold);
            let session: Vec<&File> = self.files_of(job).collect();
            let Some(leader) = session
                .iter()
                .find(|file| file.state == FileState::Submitted)
            else {
                return;
            };
            if session.iter().any(|file| waits(file)) {
                return;
            }
            let leader = leader.id;
            self.scheduler.enqueue(leader, link, priority, from);
            return;
        }
        self.scheduler.enqueue(unit, link, priority, from);
    }

    fn file_and_job(&self, id: FileId) -> Option<(&File, &Job)> {
        let file = self.files.get(&id)?;
        Some((file, self.jobs.get(&file.job)?))
    }

    /// The next moment at which something happens by itself.
    pub fn next_moment(&self) -> Option<Timestamp> {
        let queue = self
            .scheduler
            .next_moment()
            .and_then(|at| Timestamp::from_millisecond(at).ok());
        let expiry = self.expiries.first().map(|(at, _)| *at);
        let exchange = self
            .tokens
            .next_exchange()
            .and_then(|at| Timestamp::from_second(at).ok());
        [queue, expiry, exchange].into_iter().flatten().min()
    }

    /// Moves a file, if the state machine allows it.
    fn set(&mut self, id: FileId, to: FileState, why: &str) -> bool {
        let Some(file) = self.files.get_mut(&id) else {
            return false;
        };
        let from = file.state;
        if !from.may_become(to) {
            return false;
        }
        file.state = to;
        let job = self.jobs.get_mut(&file.job);
        let cause = job.as_ref().and_then(|job| job.cause);
        if let Some(job) = job.filter(|_| to.is_terminal()) {
            job.open = job.open.saturating_sub(1);
        }
        self.change(
            cause,
            "fts.file",
            id.to_string(),
            from.as_str(),
            to.as_str(),
            why.to_owned(),
        );
        true
    }

    fn set_job(&mut self, id: &str, to: JobState, why: &str, cause: Option<Seq>) {
        let Some(job) = self.jobs.get_mut(id) else {
            return;
        };
        let from = job.state;
        if from == to || from.is_terminal() {
            return;
        }
        job.state = to;
        self.change(
            cause,
            "fts.job",
            id.to_owned(),
            from.as_str(),
            to.as_str(),
            why.to_owned(),
        );
    }

    fn change(
        &mut self,
        cause: Option<Seq>,
        entity: &'static str,
        id: String,
        from: &'static str,
        to: &'static str,
        why: String,
    ) {
        self.changes.push(Change {
            cause,
            entity,
            id,
            from,
            to,
            why,
        });
    }

    /// Drops the oldest ended jobs when there are too many, in strides, with tokens that nobody uses any more.
    fn purge(&mut self) {
        if self.jobs.len() <= self.rules.max_jobs {
            return;
        }
        let mut surplus = self.jobs.len() - self.rules.max_jobs + self.rules.max_jobs / 10;
        let mut gone = Vec::new();
        self.jobs.retain(|_, job| {
            if surplus == 0 || !job.state.is_terminal() {
                return true;
            }
            surplus -= 1;
            gone.extend(job.files.iter().copied());
            false
        });
        for id in gone {
            self.scheduler.leave(id);
            self.files.remove(&id);
        }
        let files = &self.files;
        let used: std::collections::HashSet<&str> = files
            .values()
            .flat_map(|file| [file.source_token.as_str(), file.destination_token.as_str()])
            .collect();
        self.tokens.retain(|id| used.contains(id));
    }
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;

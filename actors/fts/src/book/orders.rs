//! Orders of users and operators: cancel, priority, bans (FTS page §1.3).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Book;
use crate::errors::Refused;
use crate::job::FileId;
use crate::state::{FileState, JobKind, JobState};

/// Reason of what a user cancelled.
const BY_USER: &str = "Job canceled by the user";

/// What became of a request to cancel a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It is cancelled now.
    Now,
    /// It had ended before.
    Terminal,
    /// There is no such job.
    Unknown,
}

/// What became of a request to cancel a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileCancel {
    /// Its state now.
    State(FileState),
    /// The job has no such file.
    NotOfThisJob,
}

/// What a ban does to transfers of a storage element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BanStatus {
    /// They are cancelled, and none is accepted.
    Cancel,
    /// They wait.
    Wait,
}

/// A banned storage element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// What it does.
    pub status: BanStatus,
    /// Submission goes on; its files wait.
    pub allow_submit: bool,
    /// The operator's words.
    pub message: Option<String>,
    /// VO that it is for; `*` is everybody.
    pub vo: String,
}

impl Book {
    /// Cancels a job and its files. Running agents are the caller's to stop: it gets their files.
    pub fn cancel(&mut self, job_id: &str, now: Timestamp) -> (Cancelled, Vec<FileId>) {
        let Some(job) = self.jobs.get(job_id) else {
            return (Cancelled::Unknown, Vec::new());
        };
        if job.state.is_terminal() {
            return (Cancelled::Terminal, Vec::new());
        }
        let cause = job.cause;
        let spares = self.rules.cancel_spares_token_prep;
        let hit = |state: FileState| {
            state.is_active_for_cancel()
                || (!spares
                    && matches!(
                        state,
                        FileState::TokenPrep | FileState::OnHold | FileState::OnHoldStaging
                    ))
        };
        let files: Vec<(FileId, FileState)> = self
            .files_of(job)
            .filter(|file| hit(file.state))
            .map(|file| (file.id, file.state))
            .collect();
        let stop = self.cancel_files_now(&files, BY_USER, now);
        self.set_job(job_id, JobState::Canceled, BY_USER, cause);
        if let Some(job) = self.jobs.get_mut(job_id) {
            job.cancelled = true;
            job.finished = Some(now);
            job.reason = Some(BY_USER.to_owned());
            if let Some(expires) = job.expires {
                self.expiries.remove(&(expires, job_id.to_owned()));
            }
        }
        (Cancelled::Now, stop)
    }

    /// Cancels files; those with an agent keep their slot and get no end until the agent is gone.
    fn cancel_files_now(
        &mut self,
        files: &[(FileId, FileState)],
        reason: &str,
        now: Timestamp,
    ) -> Vec<FileId> {
        let mut stop = Vec::new();
        for (id, state) in files {
            if !self.close(*id, FileState::Canceled, Some(reason), Some(false), now) {
                continue;
            }
            if state.is_running() {
                if let Some(file) = self.files.get_mut(id) {
                    file.finished = None;
                }
                stop.push(*id);
            } else {
                self.scheduler.leave(*id);
                self.requeue_session(*id, now);
            }
        }
        stop
    }

    /// The leader of a waiting session was cancelled: the next file leads.
    fn requeue_session(&mut self, id: FileId, now: Timestamp) {
        let Some((_, job)) = self.file_and_job(id) else {
            return;
        };
        if job.kind != JobKind::Reuse {
            return;
        }
        let next = self
            .files_of(job)
            .find(|file| file.state == FileState::Submitted)
            .map(|file| file.id);
        if let Some(next) = next {
            self.queue(next, now, None);
        }
    }

    /// Cancels single files of a job of kind N.
    pub fn cancel_files(
        &mut self,
        job_id: &str,
        ids: &[Option<FileId>],
        now: Timestamp,
    ) -> Result<(Vec<FileCancel>, Vec<FileId>), Refused> {
        let job = self
            .jobs
            .get(job_id)
            .ok_or_else(|| Refused::no_job(job_id))?;
        if job.kind != JobKind::Normal {
            return Err(Refused::bad(format!(
                "Multihop or reuse jobs must be cancelled at once ({})",
                job.kind.letter()
            )));
        }
        let known = job.files.clone();
        let mut answers = Vec::new();
        let mut stop = Vec::new();
        for id in ids {
            let file = id
                .filter(|id| known.contains(id))
                .and_then(|id| self.files.get(&id));
            let Some(file) = file else {
                answers.push(FileCancel::NotOfThisJob);
                continue;
            };
            let (id, state) = (file.id, file.state);
            let waits = state == FileState::TokenPrep && !self.rules.cancel_spares_token_prep;
            if state.is_active_for_cancel() || waits {
                stop.extend(self.cancel_files_now(&[(id, state)], BY_USER, now));
                answers.push(FileCancel::State(FileState::Canceled));
            } else {
                answers.push(FileCancel::State(state));
            }
        }
        self.settle(job_id, now);
        Ok((answers, stop))
    }

    /// Gives a job and its waiting files another priority. `None`: no such job; `false`: it has ended.
    pub fn set_priority(&mut self, job_id: &str, priority: u8) -> Option<bool> {
        let job = self.jobs.get_mut(job_id)?;
        if job.state.is_terminal() {
            return Some(false);
        }
        job.priority = priority;
        for file in job.files.clone() {
            self.scheduler.set_priority(file, priority);
        }
        Some(true)
    }

    /// Whether files between these storage elements wait because one is banned; an error when none may be submitted.
    pub(super) fn ban_on(&self, storages: &[String]) -> Result<bool, Refused> {
        let mut wait = false;
        for storage in storages {
            match self.bans.get(storage) {
                Some(ban) if ban.allow_submit => wait = true,
                Some(_) => return Err(Refused::forbidden(format!("{storage} is banned"))),
                None => {}
            }
        }
        Ok(wait)
    }

    /// The bans.
    pub fn bans(&self) -> impl Iterator<Item = (&String, &Ban)> {
        self.bans.iter()
    }

    /// Bans a storage element. Gives the ids of the jobs that it touches, and the files whose agents are to be stopped.
    pub fn ban(&mut self, storage: &str, ban: Ban, now: Timestamp) -> (Vec<String>, Vec<FileId>) {
        let status = ban.status;
        self.bans.insert(storage.to_owned(), ban);
        let touches = |file: &crate::job::File| {
            file.row.source.storage() == storage || file.row.destination.storage() == storage
        };
        let hit: Vec<(FileId, FileState, String)> = self
            .files
            .values()
            .filter(|file| !file.state.is_terminal() && touches(file))
            .map(|file| (file.id, file.state, file.job.clone()))
            .collect();
        let mut jobs: Vec<String> = hit.iter().map(|(_, _, job)| job.clone()).collect();
        jobs.dedup();
        let mut stop = Vec::new();
        for (id, state, job) in hit {
            match (status, state) {
                (BanStatus::Cancel, _) => {
                    stop.extend(self.cancel_files_now(&[(id, state)], "Storage banned", now));
                    self.settle(&job, now);
                }
                (BanStatus::Wait, FileState::Submitted) => {
                    self.scheduler.leave(id);
                    self.set(id, FileState::OnHold, "its storage element is banned");
                }
                (BanStatus::Wait, FileState::Staging) => {
                    self.set(
                        id,
                        FileState::OnHoldStaging,
                        "its storage element is banned",
                    );
                }
                (BanStatus::Wait, _) => {}
            }
        }
        (jobs, stop)
    }

    /// Lifts a ban: what waited for it goes on.
    pub fn unban(&mut self, storage: &str, now: Timestamp) -> bool {
        if self.bans.remove(storage).is_none() {
            return false;
        }
        let held: Vec<FileId> = self
            .files
            .values()
            .filter(|file| matches!(file.state, FileState::OnHold | FileState::OnHoldStaging))
            .filter(|file| {
                !self.bans.contains_key(&file.row.source.storage())
                    && !self.bans.contains_key(&file.row.destination.storage())
            })
            .map(|file| file.id)
            .collect();
        for id in held {
            let to = match self.files.get(&id).map(|file| file.state) {
                Some(FileState::OnHoldStaging) => FileState::Staging,
                _ => FileState::Submitted,
            };
            if self.set(id, to, "the ban is lifted") {
                self.entered(id, now);
            }
        }
        true
    }
}

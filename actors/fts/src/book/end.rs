//! How files end, and what follows: another attempt, the next replica or hop, the end of the job (FTS page §2).

use jiff::{SignedDuration, Timestamp};

use super::Book;
use super::agents::throughput;
use crate::job::{FileId, Retry};
use crate::reason::Failure;
use crate::scheduler::UnitId;
use crate::state::{FileState, JobKind, JobState, SOME_FAILED, outcome};

/// Reason of files that stayed in the queue too long.
const QUEUE_TIMEOUT: &str =
    "Job has been canceled because it stayed in the queue for too long (max-time-in-queue timeout)";

impl Book {
    /// A file was copied and checked.
    pub fn finished(&mut self, id: FileId, filesize: u64, seconds: f64, now: Timestamp) {
        if !self.close(id, FileState::Finished, None, Some(false), now) {
            return;
        }
        if let Some(file) = self.files.get_mut(&id) {
            file.filesize = Some(filesize);
            file.transferred = filesize;
            file.tx_duration = Some((seconds * 1000.0).round() / 1000.0);
            file.throughput = Some(throughput(filesize, seconds));
        }
        self.after(id, now);
    }

    /// An attempt on a file failed: it is tried again, or ends.
    pub fn failed(&mut self, id: FileId, failure: &Failure, now: Timestamp) {
        let Some((file, job)) = self.file_and_job(id) else {
            return;
        };
        if file.state.is_terminal() {
            return;
        }
        let reason = failure.reason();
        let attempts = match job.params.retry {
            0 => self.rules.retry,
            other => other,
        };
        let again = job.kind.is_retried()
            && !job.state.is_terminal()
            && failure.is_recoverable()
            && i64::from(file.retry) < attempts;
        if again {
            let delay = if job.params.retry_delay > 0 {
                job.params.retry_delay
            } else {
                self.rules.retry_delay
            };
            let why = format!(
                "attempt {} failed: {reason}; again in {delay} s",
                file.retry + 1
            );
            if !self.set(id, FileState::Submitted, &why) {
                return;
            }
            if let Some(file) = self.files.get_mut(&id) {
                file.retry += 1;
                let attempt = file.retry;
                file.retries.push(Retry {
                    attempt,
                    at: now,
                    reason,
                    host: file.transfer_host.take(),
                });
                (
                    file.started,
                    file.reason,
                    file.recoverable,
                    file.transferred,
                ) = (None, None, Some(true), 0);
            }
            return;
        }
        let to = if failure.is_cancel() {
            FileState::Canceled
        } else {
            FileState::Failed
        };
        if self.close(id, to, Some(&reason), Some(failure.is_recoverable()), now) {
            if let Some(file) = self.files.get_mut(&id) {
                file.transferred = 0;
            }
            self.after(id, now);
        }
    }

    /// The agent of a unit is gone: its slot is free, its cancelled files have their end, its failed ones wait again.
    pub fn agent_ended(&mut self, unit: UnitId, files: &[FileId], now: Timestamp) {
        self.scheduler.leave(unit);
        for id in files {
            let Some((file, job)) = self.file_and_job(*id) else {
                continue;
            };
            match file.state {
                FileState::Canceled if file.finished.is_none() => {
                    if let Some(file) = self.files.get_mut(id) {
                        file.finished = Some(now);
                    }
                }
                FileState::Submitted => {
                    let delay = if job.params.retry_delay > 0 {
                        job.params.retry_delay
                    } else {
                        self.rules.retry_delay
                    };
                    let from = file.retries.last().map_or(now, |last| last.at);
                    let at = from
                        .saturating_add(SignedDuration::from_secs(delay))
                        .unwrap_or(now);
                    self.queue(*id, now, Some(at));
                }
                // An agent that went without a word, as a killed process does.
                FileState::Ready | FileState::Active => {
                    let failure = Failure::new(
                        crate::reason::Scope::General,
                        crate::reason::errno::EIO,
                        "Transfer process died without a final state",
                    );
                    self.failed(*id, &failure, now);
                }
                _ => {}
            }
        }
    }

    /// Ends a file. `false`: it has ended already, or does not exist.
    pub(super) fn close(
        &mut self,
        id: FileId,
        to: FileState,
        reason: Option<&str>,
        recoverable: Option<bool>,
        now: Timestamp,
    ) -> bool {
        let why = reason.unwrap_or("copied, size and checksum agree");
        if !self.set(id, to, why) {
            return false;
        }
        if let Some(file) = self.files.get_mut(&id) {
            file.finished = Some(now);
            file.reason = reason.map(str::to_owned);
            file.recoverable = recoverable;
        }
        true
    }

    /// A file has ended: the next replica or hop gets its turn, and the job perhaps its end.
    pub(super) fn after(&mut self, id: FileId, now: Timestamp) {
        let Some((file, job)) = self.file_and_job(id) else {
            return;
        };
        let (job_id, state) = (job.id.clone(), file.state);
        let turn = match job.kind {
            JobKind::Replicas => state != FileState::Finished,
            JobKind::Multihop => state == FileState::Finished,
            _ => false,
        };
        if turn && !job.state.is_terminal() {
            let next = self
                .files_of(job)
                .find(|other| other.state == FileState::NotUsed)
                .map(|next| next.id);
            let why = if job.kind == JobKind::Replicas {
                "the replica before it failed"
            } else {
                "the hop before it is done"
            };
            if let Some(next) = next
                && self.set(next, FileState::Submitted, why)
            {
                self.entered(next, now);
            }
        }
        self.settle(&job_id, now);
    }

    /// Ends a job whose files have all ended.
    pub(super) fn settle(&mut self, job_id: &str, now: Timestamp) {
        let Some(job) = self.jobs.get(job_id) else {
            return;
        };
        let goes_on = job.open > 0 && matches!(job.kind, JobKind::Normal | JobKind::Reuse);
        if job.state.is_terminal() || goes_on {
            return;
        }
        let Some(to) = outcome(
            job.kind,
            self.files_of(job).map(|file| (file.row.index, file.state)),
        ) else {
            return;
        };
        let first_reason = self.files_of(job).find_map(|file| file.reason.clone());
        let (cause, why) = match to {
            JobState::Finished => (job.cause, "every file is finished".to_owned()),
            _ => (
                job.cause,
                first_reason.unwrap_or_else(|| SOME_FAILED.to_owned()),
            ),
        };
        self.set_job(job_id, to, &why, cause);
        if let Some(job) = self.jobs.get_mut(job_id) {
            job.finished = Some(now);
            job.reason = (to != JobState::Finished).then(|| SOME_FAILED.to_owned());
            if let Some(expires) = job.expires {
                self.expiries.remove(&(expires, job_id.to_owned()));
            }
        }
    }

    /// Cancels what has been in the queue too long. TOKEN_PREP does not count as the queue.
    pub fn expire(&mut self, now: Timestamp) {
        while let Some((at, job_id)) = self.expiries.first().cloned().filter(|(at, _)| *at <= now) {
            self.expiries.remove(&(at, job_id.clone()));
            let Some(job) = self.jobs.get(&job_id) else {
                continue;
            };
            let late: Vec<FileId> = self
                .files_of(job)
                .filter(|file| file.state.waits_in_queue())
                .map(|file| file.id)
                .collect();
            for id in late {
                self.scheduler.leave(id);
                self.close(id, FileState::Canceled, Some(QUEUE_TIMEOUT), None, now);
            }
            self.settle(&job_id, now);
        }
    }
}

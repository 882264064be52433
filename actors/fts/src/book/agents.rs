//! Agents: units that start, and what they report while they run.

use jiff::Timestamp;

use super::{Book, Started};
use crate::job::FileId;
use crate::state::{FileState, JobKind, JobState};

impl Book {
    /// Units that start now: their files are READY and belong to the caller until it reports the unit's end.
    pub fn start(&mut self, now: Timestamp) -> Vec<Started> {
        let units = self.scheduler.start(now.as_millisecond());
        let mut started = Vec::with_capacity(units.len());
        for unit in units {
            let Some((file, job)) = self.file_and_job(unit) else {
                self.scheduler.leave(unit);
                continue;
            };
            let (job_id, kind, job_state, cause, host) = (
                job.id.clone(),
                job.kind,
                job.state,
                job.cause,
                self.host.clone(),
            );
            let files: Vec<FileId> = if kind == JobKind::Reuse && file.retry == 0 {
                self.files_of(job)
                    .filter(|file| file.state == FileState::Submitted)
                    .map(|file| file.id)
                    .collect()
            } else {
                vec![unit]
            };
            self.last_pid += 1;
            let pid = self.last_pid;
            let mut taken = Vec::with_capacity(files.len());
            for id in files {
                if !self.set(id, FileState::Ready, "the scheduler lets it start") {
                    continue;
                }
                if let Some(file) = self.files.get_mut(&id) {
                    file.started = Some(now);
                    file.recoverable = Some(false);
                    file.reason = None;
                    file.pid = Some(pid);
                    file.transfer_host = Some(host.clone());
                    file.internal = Some("nostreams:0,timeout:0,buffersize:0".into());
                }
                taken.push(id);
            }
            if taken.is_empty() {
                self.scheduler.leave(unit);
                continue;
            }
            let next = if kind == JobKind::Reuse {
                JobState::Ready
            } else {
                JobState::Active
            };
            if matches!(job_state, JobState::Submitted | JobState::Staging) {
                self.set_job(&job_id, next, "its first file starts", cause);
            }
            started.push(Started { unit, files: taken });
        }
        started
    }

    /// An agent begins its work on a file. `false`: the file is not the agent's any more.
    pub fn agent_began(&mut self, id: FileId, now: Timestamp) -> bool {
        if !self.set(id, FileState::Active, "its agent begins") {
            return false;
        }
        if let Some(file) = self.files.get_mut(&id) {
            file.started = Some(now);
        }
        let Some((_, job)) = self.file_and_job(id) else {
            return false;
        };
        if job.state == JobState::Ready {
            let (job, cause) = (job.id.clone(), job.cause);
            self.set_job(&job, JobState::Active, "its first file is active", cause);
        }
        true
    }

    /// The agent saw the source's size, or learned its time limit.
    pub fn learned(&mut self, id: FileId, filesize: Option<u64>, timeout: i64) {
        if let Some(file) = self.files.get_mut(&id) {
            file.filesize = filesize.or(file.filesize);
            file.internal = Some(format!("nostreams:0,timeout:{timeout},buffersize:0"));
        }
    }

    /// A performance marker came.
    pub fn progress(&mut self, id: FileId, bytes: u64, seconds: f64) {
        if let Some(file) = self.files.get_mut(&id) {
            file.transferred = bytes;
            file.throughput = Some(throughput(bytes, seconds));
        }
    }
}

/// MiB/s, as the server stores it.
pub(super) fn throughput(bytes: u64, seconds: f64) -> f64 {
    if seconds <= 0.0 {
        0.0
    } else {
        bytes as f64 / seconds / 1_048_576.0
    }
}

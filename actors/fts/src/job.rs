//! Jobs and files as the server keeps them, and as REST shows them (FTS page §1.3).

use carnet_stage::Seq;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::params::Params;
use crate::state::{FileState, JobKind, JobState};
use crate::submission::Row;
use crate::tokens::TokenId;
use crate::verify::ChecksumMode;

/// Id of a file: rises through the server's life.
pub type FileId = u64;

/// Who submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// `sub` of the submit token.
    pub dn: String,
    /// Delegation id.
    pub delegation_id: String,
    /// VO.
    pub vo: String,
}

/// A job.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its id, a UUID.
    pub id: String,
    /// Its kind.
    pub kind: JobKind,
    /// Its state.
    pub state: JobState,
    /// Who submitted it.
    pub owner: Owner,
    /// What it asks for.
    pub params: Params,
    /// Checksum verification.
    pub verify: ChecksumMode,
    /// Its priority, which may change.
    pub priority: u8,
    /// Source storage element, if all files share one.
    pub source_se: Option<String>,
    /// Destination storage element, if all files share one.
    pub dest_se: Option<String>,
    /// Host that took it.
    pub submit_host: String,
    /// Why it ended as it did.
    pub reason: Option<String>,
    /// Cancelled by a user.
    pub cancelled: bool,
    /// When it came.
    pub submitted: Timestamp,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// When its place in the queue expires.
    pub expires: Option<Timestamp>,
    /// Its files.
    pub files: Vec<FileId>,
    /// How many of its files have not ended.
    pub open: usize,
    /// The record that it follows from.
    pub cause: Option<Seq>,
}

/// A file of a job: one source, one destination.
#[derive(Debug, Clone)]
pub struct File {
    /// Its id.
    pub id: FileId,
    /// Its job.
    pub job: String,
    /// What was asked.
    pub row: Row,
    /// Its state.
    pub state: FileState,
    /// The state it takes once its tokens are there.
    pub initial: Option<FileState>,
    /// Why it ended as it did.
    pub reason: Option<String>,
    /// Whether the last error was worth another attempt.
    pub recoverable: Option<bool>,
    /// When an agent took it.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// Attempts that failed so far.
    pub retry: u32,
    /// What those attempts said.
    pub retries: Vec<Retry>,
    /// Storage token for the source.
    pub source_token: TokenId,
    /// Storage token for the destination.
    pub destination_token: TokenId,
    /// Size at the source, once seen.
    pub filesize: Option<u64>,
    /// Bytes at the destination so far.
    pub transferred: u64,
    /// Seconds of the copy.
    pub tx_duration: Option<f64>,
    /// MiB/s of the copy.
    pub throughput: Option<f64>,
    /// Agent's number.
    pub pid: Option<u64>,
    /// Host of the agent.
    pub transfer_host: Option<String>,
    /// The agent's parameters.
    pub internal: Option<String>,
    /// Hash for spreading files over nodes.
    pub hashed_id: u16,
}

/// One failed attempt.
#[derive(Debug, Clone)]
pub struct Retry {
    /// Which, from 1.
    pub attempt: u32,
    /// When.
    pub at: Timestamp,
    /// What it said.
    pub reason: String,
    /// Host of its agent.
    pub host: Option<String>,
}

/// `2026-11-22T00:12:17`: UTC, no zone, no fraction; what clients parse.
pub fn date(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

fn date_or_null(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| Value::String(date(at)))
}

fn text_or_null(text: &Value) -> Value {
    match text {
        Value::String(text) if text.is_empty() => Value::Null,
        other => other.clone(),
    }
}

impl Job {
    /// The job object of REST, without `http_status`.
    pub fn to_json(&self) -> Map<String, Value> {
        let params = &self.params;
        let value = json!({
            "source_spacetoken": text_or_null(&params.source_spacetoken),
            "cancel_job": self.cancelled,
            "max_time_in_queue": self.expires.map(Timestamp::as_second),
            "target_qos": null,
            "verify_checksum": self.verify.letter(),
            "submit_host": self.submit_host,
            "internal_job_params": params.internal,
            "user_dn": self.owner.dn,
            "dst_file_report": params.dst_file_report,
            "job_metadata": params.job_metadata,
            "job_id": self.id,
            "cred_id": self.owner.delegation_id,
            "overwrite_flag": params.overwrite,
            "retry": params.retry,
            "source_se": self.source_se,
            "vo_name": self.owner.vo,
            "job_finished": date_or_null(self.finished),
            "retry_delay": params.retry_delay,
            "destination_spacetoken": text_or_null(&params.destination_spacetoken),
            "dest_se": self.dest_se,
            "reason": self.reason,
            "copy_pin_lifetime": params.copy_pin_lifetime,
            "os_project_id": null,
            "job_state": self.state.as_str(),
            "submit_time": date(self.submitted),
            "bring_online": params.bring_online,
            "job_type": self.kind.letter(),
            "priority": self.priority,
            "archive_timeout": params.archive_timeout,
        });
        into_map(value)
    }
}

impl File {
    /// From where to where, as the scheduler counts.
    pub fn link(&self) -> (String, String) {
        (self.row.source.storage(), self.row.destination.storage())
    }

    /// The whole file object of REST.
    pub fn to_json(&self, job: &Job) -> Map<String, Value> {
        let row = &self.row;
        let value = json!({
            "hashed_id": self.hashed_id,
            "file_state": self.state.as_str(),
            "finish_time": date_or_null(self.finished),
            "tx_duration": self.tx_duration,
            "selection_strategy": row.strategy,
            "file_index": row.index,
            "transfer_host": self.transfer_host,
            "start_time": date_or_null(self.started),
            "throughput": self.throughput,
            "bringonline_token": null,
            "job_id": self.job,
            "source_surl": row.source.as_str(),
            "archive_start_time": null,
            "retry": self.retry,
            "log_file": null,
            "dest_surl_uuid": null,
            "dest_surl": row.destination.as_str(),
            "archive_finish_time": null,
            "user_filesize": row.filesize,
        });
        let mut map = into_map(value);
        map.extend(into_map(json!({
            "activity": row.activity,
            "log_debug": null,
            "vo_name": job.owner.vo,
            "staging_host": null,
            "internal_file_params": self.internal,
            "file_metadata": row.metadata,
            "scitag": row.scitag,
            "recoverable": self.recoverable,
            "source_se": row.source.storage(),
            "reason": self.reason,
            "pid": self.pid,
            "staging_metadata": row.staging_metadata,
            "src_token_id": self.source_token,
            "dest_se": row.destination.storage(),
            "filesize": self.filesize,
            "archive_metadata": row.archive_metadata,
            "staging_finished": null,
            "dst_token_id": self.destination_token,
            "file_id": self.id,
            "priority": job.priority,
            "checksum": row.checksum,
            "staging_start": null,
            "file_state_initial": self.initial.map_or("", FileState::as_str),
        })));
        // What a poller follows a running copy by; the real server keeps it in the same table.
        map.insert("transferred".into(), json!(self.transferred));
        map
    }

    /// One row for every failed attempt.
    pub fn retries_json(&self) -> Value {
        let rows = self.retries.iter().map(|retry| {
            json!({
                "file_id": self.id,
                "attempt": retry.attempt,
                "datetime": date(retry.at),
                "reason": retry.reason,
                "transfer_host": retry.host,
                "log_file": null,
            })
        });
        Value::Array(rows.collect())
    }
}

fn into_map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_what_rucio_parses() {
        assert_eq!(
            date(Timestamp::from_second(1_795_306_337).unwrap()),
            "2026-11-22T00:12:17"
        );
        assert_eq!(
            date(Timestamp::from_millisecond(1_795_306_337_999).unwrap()),
            "2026-11-22T00:12:17"
        );
    }
}

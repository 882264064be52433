//! The FTS job: the body a submitter posts, and what a poller reads in the answer (rucio page §2.2, §2.3).

use serde_json::{Map, Value, json};

use crate::catalogue::{Outcome, Plan};

/// Hours that a transfer may wait in FTS.
const MAX_TIME_IN_QUEUE: u32 = 168;

/// Fields that the poller asks for. The first nine are a production Rucio's; with the last two it compares size and checksum.
const POLL_FIELDS: &str = "file_state,dest_surl,finish_time,start_time,staging_start,staging_finished,reason,source_surl,file_metadata,filesize,checksum";

/// Tokens that travel in the job: one for the source and one for the destination, or none at all.
///
/// A token that the issuer refused is a `null` in the job, as a production Rucio sends it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct JobTokens {
    /// Token for the source.
    pub source: Option<String>,
    /// Token for the destination.
    pub destination: Option<String>,
}

/// The body of `POST /jobs` for one transfer.
pub fn body(plan: &Plan, tokens: Option<&JobTokens>) -> Value {
    let mut file = json!({
        "sources": [plan.hop.source_url],
        "destinations": [plan.hop.destination_url],
        "metadata": {
            "request_id": plan.request_id,
            "scope": plan.did.scope,
            "name": plan.did.name,
            "activity": plan.activity,
            "request_type": "TRANSFER",
            "src_type": "DISK",
            "dst_type": "DISK",
            "src_rse": plan.hop.source,
            "dst_rse": plan.hop.destination,
            "src_rse_id": plan.rse_ids.0,
            "dest_rse_id": plan.rse_ids.1,
            "filesize": plan.bytes,
            "md5": plan.md5,
            "adler32": plan.adler32,
        },
        "filesize": plan.bytes,
        "checksum": plan.adler32.as_ref().map(|sum| format!("ADLER32:{sum}")),
        "selection_strategy": "orderly",
        "activity": plan.activity,
    });
    if let (Some(tokens), Some(file)) = (tokens, file.as_object_mut()) {
        file.insert("source_tokens".into(), json!([tokens.source]));
        file.insert("destination_tokens".into(), json!([tokens.destination]));
    }
    json!({
        "files": [file],
        "params": {
            "account": plan.account,
            "verify_checksum": plan.verify_checksum,
            "copy_pin_lifetime": null,
            "bring_online": null,
            "job_metadata": {"issuer": "rucio", "multi_sources": false, "overwrite_when_only_on_disk": false},
            "overwrite": true,
            "overwrite_when_only_on_disk": false,
            "priority": plan.priority,
            "s3alternate": true,
            "max_time_in_queue": MAX_TIME_IN_QUEUE,
        },
    })
}

/// The URL of a poll.
pub fn poll_url(fts: &str, job: &str) -> String {
    format!(
        "{}/jobs/{job}?files={POLL_FIELDS}",
        fts.trim_end_matches('/')
    )
}

/// The job's id in the answer to a submission.
pub fn job_id(answer: &Value) -> Option<&str> {
    answer.get("job_id")?.as_str().filter(|id| !id.is_empty())
}

/// What a poll says about one request: nothing while it is under way.
///
/// The answer is one job, or a list of jobs; a job that FTS does not know is lost.
pub fn outcome(answer: &Value, job: &str, request_id: &str) -> Option<Outcome> {
    let jobs = answer
        .as_array()
        .map_or_else(|| std::slice::from_ref(answer), Vec::as_slice);
    let job = jobs.iter().find(|j| text(j, "job_id") == job)?;
    if text(job, "http_status").starts_with("404") {
        return Some(Outcome::Lost);
    }
    let state = text(job, "job_state");
    let job_is_final = matches!(state, "FINISHED" | "FAILED" | "FINISHEDDIRTY" | "CANCELED");
    let file = job
        .get("files")
        .and_then(Value::as_array)?
        .iter()
        .find(|f| f["file_metadata"]["request_id"] == request_id)?;
    match text(file, "file_state") {
        "FINISHED" => Some(arrived(file)),
        "FAILED" => Some(if already_there(file) {
            arrived(file)
        } else {
            Outcome::Failed(reason(file, job))
        }),
        "NOT_USED" if state == "FINISHED" => Some(arrived(file)),
        "NOT_USED" if job_is_final => Some(Outcome::Failed("Unused hop in multi-hop".into())),
        "CANCELED" if job_is_final => Some(Outcome::Failed(reason(file, job))),
        _ => None,
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn arrived(file: &Value) -> Outcome {
    let bytes = file
        .get("filesize")
        .and_then(Value::as_u64)
        .filter(|b| *b > 0);
    let adler32 = text(file, "checksum")
        .split_once(':')
        .filter(|(kind, _)| kind.eq_ignore_ascii_case("adler32"))
        .map(|(_, sum)| sum.to_owned());
    Outcome::Done { bytes, adler32 }
}

fn reason(file: &Value, job: &Value) -> String {
    let candidates = [
        text(file, "reason"),
        text(job, "reason"),
        "FTS gives no reason",
    ];
    candidates
        .into_iter()
        .find(|r| !r.is_empty())
        .unwrap_or_default()
        .to_owned()
}

/// FTS did not overwrite, but what is there is the file (rucio page §2.3).
fn already_there(file: &Value) -> bool {
    let exists = [
        "Destination file exists and overwrite is not enabled",
        "Destination file exists and is on tape",
    ];
    if !exists
        .iter()
        .any(|text| self::text(file, "reason").contains(text))
    {
        return false;
    }
    let empty = Map::new();
    let there = file["file_metadata"]["dst_file"]
        .as_object()
        .unwrap_or(&empty);
    let wanted = &file["file_metadata"];
    let same_size = there
        .get("file_size")
        .is_some_and(|size| *size == wanted["filesize"]);
    let same_sum = there
        .get("checksum_value")
        .and_then(Value::as_str)
        .zip(wanted["adler32"].as_str())
        .is_some_and(|(one, two)| {
            one.trim_start_matches('0')
                .eq_ignore_ascii_case(two.trim_start_matches('0'))
        });
    same_size && same_sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::did::DidName;
    use crate::selection::Hop;

    fn plan() -> Plan {
        Plan {
            request_id: "r1".into(),
            rule_id: "u1".into(),
            hop: Hop {
                source: "SRC".into(),
                destination: "DST".into(),
                source_url: "davs://h:28443/data/SRC/ddmlab/ac/1b/f1.dat".into(),
                destination_url: "davs://h:28443/data/DST/ddmlab/ac/1b/f1.dat".into(),
                tokens: true,
            },
            did: DidName::new("ddmlab", "f1.dat"),
            bytes: Some(3000),
            adler32: Some("d068d46d".into()),
            md5: None,
            rse_ids: ("a".into(), "b".into()),
            verify_checksum: "both",
            account: "root".into(),
            activity: "User Subscriptions".into(),
            priority: 3,
        }
    }

    #[test]
    fn the_body_is_a_production_rucios() {
        let tokens = JobTokens {
            source: Some("S".into()),
            destination: None,
        };
        let sent = body(&plan(), Some(&tokens));
        let file = sent["files"][0].as_object().expect("a file");
        let keys: Vec<_> = file.keys().map(String::as_str).collect();
        assert_eq!(
            keys,
            [
                "sources",
                "destinations",
                "metadata",
                "filesize",
                "checksum",
                "selection_strategy",
                "activity",
                "source_tokens",
                "destination_tokens"
            ]
        );
        assert_eq!(file["checksum"], "ADLER32:d068d46d");
        assert_eq!(file["source_tokens"], json!(["S"]));
        assert_eq!(file["destination_tokens"], json!([null]));
        let keys: Vec<_> = sent["params"]
            .as_object()
            .expect("params")
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(
            keys,
            [
                "account",
                "verify_checksum",
                "copy_pin_lifetime",
                "bring_online",
                "job_metadata",
                "overwrite",
                "overwrite_when_only_on_disk",
                "priority",
                "s3alternate",
                "max_time_in_queue"
            ]
        );
    }

    #[test]
    fn a_job_without_tokens_has_no_token_keys() {
        assert!(
            body(&plan(), None)["files"][0]
                .get("source_tokens")
                .is_none()
        );
    }

    #[test]
    fn polls_are_read_as_a_production_rucio_reads_them() {
        let job = |job_state: &str, file_state: &str, reason: &str, metadata: Value| {
            json!({"job_id": "j", "http_status": "200 Ok", "job_state": job_state, "job_metadata": {}, "reason": "",
                   "files": [{"file_state": file_state, "reason": reason, "file_metadata": metadata, "filesize": 5, "checksum": "ADLER32:0cc602d9"}]})
        };
        let mine = || json!({"request_id": "r1", "filesize": 5, "adler32": "0cc602d9"});
        let there = json!({"request_id": "r1", "filesize": 5, "adler32": "0cc602d9", "dst_file": {"file_size": 5, "checksum_value": "cc602d9"}});
        let other = json!({"request_id": "r1", "filesize": 5, "adler32": "0cc602d9", "dst_file": {"file_size": 6, "checksum_value": "cc602d9"}});
        let exists = "Destination file exists and overwrite is not enabled";
        let done = || {
            Some(Outcome::Done {
                bytes: Some(5),
                adler32: Some("0cc602d9".into()),
            })
        };
        let failed = |why: &str| Some(Outcome::Failed(why.into()));
        for (answer, want) in [
            (job("SUBMITTED", "SUBMITTED", "", mine()), None),
            (job("SUBMITTED", "TOKEN_PREP", "", mine()), None),
            (job("ACTIVE", "ACTIVE", "", mine()), None),
            (job("FINISHED", "FINISHED", "", mine()), done()),
            (
                job("FAILED", "FAILED", "TRANSFER [5] no", mine()),
                failed("TRANSFER [5] no"),
            ),
            (
                job("FAILED", "FAILED", "", mine()),
                failed("FTS gives no reason"),
            ),
            (
                job("CANCELED", "CANCELED", "Job canceled by the user", mine()),
                failed("Job canceled by the user"),
            ),
            (job("ACTIVE", "CANCELED", "", mine()), None),
            (job("FINISHED", "NOT_USED", "", mine()), done()),
            (
                job("FAILED", "NOT_USED", "", mine()),
                failed("Unused hop in multi-hop"),
            ),
            (job("FAILED", "FAILED", exists, there), done()),
            (job("FAILED", "FAILED", exists, other), failed(exists)),
            (
                job(
                    "FINISHED",
                    "FINISHED",
                    "",
                    json!({"request_id": "somebody else's"}),
                ),
                None,
            ),
            (
                json!([{"job_id": "j", "http_status": "404 Not Found"}]),
                Some(Outcome::Lost),
            ),
            (
                json!({"job_id": "j", "http_status": "404 Not Found", "http_message": "No job"}),
                Some(Outcome::Lost),
            ),
            (json!({"job_id": "another"}), None),
            (json!("nonsense"), None),
        ] {
            assert_eq!(outcome(&answer, "j", "r1"), want, "{answer}");
        }
    }
}

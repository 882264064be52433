//! A submitted job, checked and taken apart (FTS page §1.3, "POST /jobs"); pure, the tokens are judged elsewhere.

use http::StatusCode;
use serde_json::{Map, Value};

use crate::errors::Refused;
use crate::params::{Params, Verify, metadata, python_int, python_type};
use crate::state::JobKind;
use crate::surl::Surl;
use crate::verify::ChecksumMode;

/// Selection strategies that the scheduler knows.
const STRATEGIES: &[&str] = &[
    "auto",
    "orderly",
    "queue",
    "success",
    "throughput",
    "file-throughput",
    "pending-data",
    "waiting-time",
    "waiting-time-with-error",
    "duration",
];

/// A job as its submitter wants it.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// `params`, defaults applied.
    pub params: Params,
    /// Kind of job, from the parameters and the shape of the files.
    pub kind: JobKind,
    /// `verify_checksum`, settled.
    pub verify: ChecksumMode,
    /// One row for every pair of source and destination.
    pub rows: Vec<Row>,
}

/// One source and one destination.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Position of its file in the job.
    pub index: usize,
    /// From where.
    pub source: Surl,
    /// To where.
    pub destination: Surl,
    /// `ALGO:value` or `ALGO`.
    pub checksum: String,
    /// Size that the user gives.
    pub filesize: u64,
    /// The user's own data.
    pub metadata: Value,
    /// Data for the tape system at the source.
    pub staging_metadata: Value,
    /// Data for the tape system at the destination.
    pub archive_metadata: Value,
    /// Activity, for the shares.
    pub activity: String,
    /// How a replica is chosen.
    pub strategy: String,
    /// Flow label.
    pub scitag: Option<u16>,
    /// Token for the source, if the submission brought one.
    pub source_token: Option<String>,
    /// Token for the destination, if the submission brought one.
    pub destination_token: Option<String>,
}

/// Bounds on a submission.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most entries of `files`.
    pub files: usize,
    /// Most pairs of source and destination.
    pub rows: usize,
}

impl Submission {
    /// Takes a request body apart. `bearer` is the token that the caller used; it becomes both storage tokens of
    /// every file when the submission brings none.
    pub fn parse(body: &Value, bearer: Option<&str>, limits: Limits) -> Result<Self, Refused> {
        let Value::Object(body) = body else {
            return Err(Refused::bad("Expecting a dictionary"));
        };
        let params = Params::parse(body.get("params"))?;
        let files = body.get("files").filter(|files| !files.is_null());
        if body.get("delete").is_some_and(|delete| !delete.is_null()) {
            return Err(Refused::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "Deletion jobs are no longer supported by FTS",
            ));
        }
        let Some(files) = files else {
            return Err(Refused::bad("No transfers operations specified"));
        };
        let Value::Array(files) = files else {
            return Err(Refused::malformed(&format!(
                "'{}' object is not iterable",
                python_type(files)
            )));
        };
        if files.len() > limits.files {
            return Err(Refused::bad(format!(
                "Job Submission Refused, number of files exceeds the limit of {}",
                limits.files
            )));
        }
        let files = files.iter().map(as_map).collect::<Result<Vec<_>, _>>()?;
        let brings_tokens = files.iter().any(|file| {
            file.contains_key("source_tokens") || file.contains_key("destination_tokens")
        });
        let bearer = bearer.filter(|_| !brings_tokens);
        for file in &files {
            check_token_lists(file)?;
        }
        let mut rows = Vec::new();
        for (index, file) in files.iter().enumerate() {
            rows.extend(rows_of(index, file, bearer)?);
            if rows.len() > limits.rows {
                return Err(Refused::bad(format!(
                    "Job Submission Refused, number of transfers exceeds the limit of {}",
                    limits.rows
                )));
            }
        }
        if rows.is_empty() {
            return Err(Refused::bad("No valid pairs available"));
        }
        let verify = settle_verify(params.verify, &mut rows);
        let kind = kind_of(&params, &rows)?;
        let rows = rows.into_iter().map(|(row, _)| row).collect();
        Ok(Self {
            params,
            kind,
            verify,
            rows,
        })
    }

    /// Source and destination of the job as a whole; `None` where its files disagree.
    pub fn storages(&self) -> (Option<String>, Option<String>) {
        let (Some(first), Some(last)) = (self.rows.first(), self.rows.last()) else {
            return (None, None);
        };
        if self.kind == JobKind::Multihop {
            return (
                Some(first.source.storage()),
                Some(last.destination.storage()),
            );
        }
        let one = |of: fn(&Row) -> String| {
            let wanted = of(first);
            self.rows
                .iter()
                .all(|row| of(row) == wanted)
                .then_some(wanted)
        };
        (
            one(|row| row.source.storage()),
            one(|row| row.destination.storage()),
        )
    }
}

/// A row, and whether its file gave a checksum (`None`: left out).
type Draft = (Row, Option<String>);

fn as_map(value: &Value) -> Result<&Map<String, Value>, Refused> {
    value.as_object().ok_or_else(|| {
        Refused::malformed(&format!(
            "'{}' object has no attribute 'get'",
            python_type(value)
        ))
    })
}

fn list<'a>(file: &'a Map<String, Value>, name: &str) -> Result<Option<&'a [Value]>, Refused> {
    match file.get(name) {
        None => Ok(None),
        Some(Value::Array(list)) => Ok(Some(list)),
        Some(other) => Err(Refused::malformed(&format!(
            "'{}' object is not iterable",
            python_type(other)
        ))),
    }
}

fn check_token_lists(file: &Map<String, Value>) -> Result<(), Refused> {
    let tokens = |name| list(file, name).map(Option::unwrap_or_default);
    let (sources, destinations) = (tokens("sources")?, tokens("destinations")?);
    let (source_tokens, destination_tokens) =
        (tokens("source_tokens")?, tokens("destination_tokens")?);
    if source_tokens.is_empty() && destination_tokens.is_empty() {
        return Ok(());
    }
    if source_tokens.is_empty() || destination_tokens.is_empty() {
        return Err(Refused::bad(
            "Both source_tokens and destination_tokens are required if one of them is present.",
        ));
    }
    for (side, urls, tokens) in [
        ("source", sources, source_tokens),
        ("destination", destinations, destination_tokens),
    ] {
        if urls.len() != tokens.len() {
            return Err(Refused::bad(format!(
                "Length of {side}_tokens should be equal to the length of {side}s."
            )));
        }
        for (url, token) in urls.iter().zip(tokens) {
            if !crate::params::truthy(token) {
                let url = url.as_str().unwrap_or_default();
                return Err(Refused::bad(format!(
                    "Token for {side} '{url}' is missing."
                )));
            }
        }
    }
    Ok(())
}

fn rows_of(
    index: usize,
    file: &Map<String, Value>,
    bearer: Option<&str>,
) -> Result<Vec<Draft>, Refused> {
    let side = |urls: &'static str,
                tokens: &'static str,
                word: &str|
     -> Result<Vec<(Surl, Option<String>)>, Refused> {
        let given = list(file, urls)?.ok_or_else(|| Refused::missing(urls))?;
        let tokens = list(file, tokens)?.unwrap_or_default();
        given
            .iter()
            .enumerate()
            .map(|(at, url)| {
                let text = url.as_str().ok_or_else(|| {
                    Refused::malformed(&format!(
                        "'{}' object has no attribute 'strip'",
                        python_type(url)
                    ))
                })?;
                let surl = Surl::parse(text).map_err(|why| Refused::value(&why))?;
                let token = match tokens.get(at) {
                    None => bearer.map(str::to_owned),
                    Some(Value::String(token)) => Some(token.clone()),
                    Some(other) => {
                        return Err(Refused::bad(format!(
                            "{word} token is not a string: type({}_token)=<class '{}'>",
                            if word == "Source" { "src" } else { "dst" },
                            python_type(other)
                        )));
                    }
                };
                Ok((surl, token))
            })
            .collect()
    };
    let sources = side("sources", "source_tokens", "Source")?;
    let destinations = side("destinations", "destination_tokens", "Destination")?;
    let some = |name: &str| file.get(name).filter(|value| !value.is_null());
    let own_metadata =
        |name: &str, what: &str| some(name).map_or(Ok(Value::Null), |value| metadata(value, what));
    let text = |name: &str, default: &str| match some(name) {
        None => Ok(default.to_owned()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Err(Refused::malformed(&format!(
            "{name} must be a string, not {}",
            python_type(other)
        ))),
    };
    let strategy = text("selection_strategy", "auto")?;
    if sources.len() > 1 && !STRATEGIES.contains(&strategy.as_str()) {
        return Err(Refused::bad(format!(
            "{strategy} algorithm is not supported by Scheduler"
        )));
    }
    let given_checksum = match some("checksum") {
        None => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => {
            return Err(Refused::malformed(&format!(
                "object of type '{}' has no len()",
                python_type(other)
            )));
        }
    };
    let draft = Row {
        index,
        source: sources
            .first()
            .ok_or_else(|| Refused::bad("No valid pairs available"))?
            .0
            .clone(),
        destination: destinations
            .first()
            .ok_or_else(|| Refused::bad("No valid pairs available"))?
            .0
            .clone(),
        checksum: given_checksum.clone().unwrap_or_else(|| "ADLER32".into()),
        filesize: some("filesize").map_or(Ok(0), filesize)?,
        metadata: own_metadata("metadata", "metadata")?,
        staging_metadata: own_metadata("staging_metadata", "Staging metadata")?,
        archive_metadata: own_metadata("archive_metadata", "Archive metadata")?,
        activity: text("activity", "default")?,
        strategy,
        scitag: some("scitag").map(scitag).transpose()?,
        source_token: None,
        destination_token: None,
    };
    let mut rows = Vec::with_capacity(sources.len().saturating_mul(destinations.len()).min(1024));
    for (source, source_token) in &sources {
        for (destination, destination_token) in &destinations {
            let row = Row {
                source: source.clone(),
                destination: destination.clone(),
                source_token: source_token.clone(),
                destination_token: destination_token.clone(),
                ..draft.clone()
            };
            rows.push((row, given_checksum.clone()));
        }
    }
    Ok(rows)
}

fn filesize(value: &Value) -> Result<u64, Refused> {
    let size = match value {
        Value::Number(number) => number.as_f64().unwrap_or_default(),
        Value::String(text) => text
            .trim()
            .parse()
            .map_err(|_| Refused::value(&format!("could not convert string to float: '{text}'")))?,
        Value::Bool(on) => f64::from(u8::from(*on)),
        other => {
            return Err(Refused::malformed(&format!(
                "float() argument must be a string or a real number, not '{}'",
                python_type(other)
            )));
        }
    };
    Ok(size.max(0.0) as u64)
}

fn scitag(value: &Value) -> Result<u16, Refused> {
    let number = python_int(value)?;
    u16::try_from(number)
        .ok()
        .filter(|tag| *tag >= 65)
        .ok_or_else(|| {
            Refused::value(&format!(
                "Invalid SciTag value: {number} (not in [65, 65535] range)"
            ))
        })
}

/// No word given: `target` if the last file that says anything about checksums gives one, else nothing.
fn settle_verify(verify: Verify, rows: &mut [Draft]) -> ChecksumMode {
    let has_checksum = rows
        .iter()
        .rev()
        .find_map(|(_, given)| given.as_ref())
        .is_some_and(|given| !given.is_empty());
    for (row, _) in rows.iter_mut() {
        if row.checksum.is_empty() {
            row.checksum = "ADLER32".into();
        }
    }
    match verify {
        Verify::Mode(mode) => mode,
        Verify::Flag(true) => ChecksumMode::Both,
        Verify::Flag(false) if has_checksum => ChecksumMode::Target,
        Verify::Flag(false) => ChecksumMode::None,
    }
}

fn kind_of(params: &Params, rows: &[Draft]) -> Result<JobKind, Refused> {
    let unique = rows
        .iter()
        .map(|(row, _)| row.index)
        .collect::<std::collections::BTreeSet<_>>()
        .len();
    let replicas = unique != rows.len();
    let kind = if params.multihop {
        JobKind::Multihop
    } else if params.reuse {
        JobKind::Reuse
    } else {
        JobKind::Normal
    };
    if replicas {
        if kind != JobKind::Normal {
            return Err(Refused::bad(
                "Can not request multiple replica job together with multihop or session reuse at the same time",
            ));
        }
        if unique > 1 {
            return Err(Refused::bad(
                "Multiple replica jobs must only have one unique file",
            ));
        }
        return Ok(JobKind::Replicas);
    }
    let one_link = rows.windows(2).all(|pair| {
        pair[0].0.source.storage() == pair[1].0.source.storage()
            && pair[0].0.destination.storage() == pair[1].0.destination.storage()
    });
    if kind == JobKind::Reuse && !one_link {
        return Err(Refused::bad(
            "Reuse jobs must only contain transfers for the same source ad destination storage",
        ));
    }
    Ok(kind)
}

#[cfg(test)]
#[path = "submission_tests.rs"]
mod tests;

//! Jobs cancelled and changed: `DELETE /jobs/{ids}`, `POST /jobs/{ids}`, `DELETE /jobs/{id}/files/{ids}`.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::jobs::{ids, unknown_job};
use super::{input, named, named_for_job, ok};
use crate::book::{Book, Cancelled, FileCancel};
use crate::errors::Refused;
use crate::job::FileId;
use crate::params::python_int;
use crate::service::Service;

/// `DELETE /jobs/{ids}`.
pub(crate) async fn cancel(
    State(service): State<Arc<Service>>,
    Path(list): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    named_for_job(&service, &headers, true).await?;
    let ids = ids(&list)?;
    let (outcomes, stop) = service.act(|book, now| {
        let mut stop = Vec::new();
        let outcomes: Vec<Cancelled> = ids
            .iter()
            .map(|id| {
                let (outcome, files) = book.cancel(id, now);
                stop.extend(files);
                outcome
            })
            .collect();
        (outcomes, stop)
    });
    service.stop_agents(&stop);
    service.wake();
    let book = service.book();
    let answers = ids.iter().zip(outcomes).map(|(id, outcome)| match outcome {
        Cancelled::Now => shown(&book, id, true),
        Cancelled::Terminal => shown(&book, id, false),
        Cancelled::Unknown => unknown_job(id),
    });
    multistatus(&list, answers.collect())
}

/// `POST /jobs/{ids}` with `{"params": {"priority": n}}`.
pub(crate) async fn modify(
    State(service): State<Arc<Service>>,
    Path(list): Path<String>,
    request: Request,
) -> Result<Response, Refused> {
    let (parts, body) = request.into_parts();
    named_for_job(&service, &parts.headers, true).await?;
    let ids = ids(&list)?;
    let body = input(&service, &parts.headers, false, body).await?;
    let priority = body
        .get("params")
        .and_then(|params| params.get("priority"))
        .filter(|value| !value.is_null());
    let priority = priority
        .map(|value| python_int(value).map_err(|_| Refused::bad("Invalid priority value")))
        .transpose()?
        .filter(|priority| *priority != 0)
        .map(|priority| priority.clamp(1, 5) as u8);
    let outcomes: Vec<Option<bool>> = service.act(|book, _| {
        ids.iter()
            .map(|id| match priority {
                Some(priority) => book.set_priority(id, priority),
                None => book.job(id).map(|job| !job.state.is_terminal()),
            })
            .collect()
    });
    service.wake();
    let book = service.book();
    let answers = ids.iter().zip(outcomes).map(|(id, outcome)| match outcome {
        Some(changed) => shown(&book, id, changed),
        None => unknown_job(id),
    });
    multistatus(&list, answers.collect())
}

fn shown(book: &Book, id: &str, changed: bool) -> Value {
    let Some(job) = book.job(id) else {
        return unknown_job(id);
    };
    let mut shown = job.to_json();
    let (status, message) = if changed {
        ("200 Ok", Value::Null)
    } else {
        ("304 Not Modified", json!("The job is in a terminal state"))
    };
    shown.insert("http_status".into(), json!(status));
    shown.insert("http_message".into(), message);
    Value::Object(shown)
}

/// One answer bare with its own status, several as a list: 207 if any job was not found.
fn multistatus(list: &str, mut answers: Vec<Value>) -> Result<Response, Refused> {
    let missing = |answer: &Value| {
        answer
            .get("http_status")
            .and_then(Value::as_str)
            .is_some_and(|status| status.starts_with('4'))
    };
    if list.contains(',') {
        let status = if answers.iter().any(missing) {
            StatusCode::MULTI_STATUS
        } else {
            StatusCode::OK
        };
        return Ok(super::json(status, &Value::Array(answers)));
    }
    let one = answers.pop().ok_or_else(|| Refused::no_job(list))?;
    let status = if missing(&one) {
        StatusCode::NOT_FOUND
    } else {
        StatusCode::OK
    };
    Ok(super::json(status, &one))
}

/// `DELETE /jobs/{id}/files/{file},{file}…`.
pub(crate) async fn cancel_files(
    State(service): State<Arc<Service>>,
    Path((id, list)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    named_for_job(&service, &headers, true).await?;
    let files: Vec<Option<FileId>> = ids(&list)?
        .into_iter()
        .map(|file| file.parse().ok())
        .collect();
    let (answers, stop) = service.act(|book, now| book.cancel_files(&id, &files, now))?;
    service.stop_agents(&stop);
    service.wake();
    let mut words: Vec<Value> = answers
        .into_iter()
        .map(|answer| match answer {
            FileCancel::State(state) => json!(state.as_str()),
            FileCancel::NotOfThisJob => json!("File does not belong to the job"),
        })
        .collect();
    Ok(match (words.len(), words.pop()) {
        (1, Some(only)) => ok(&only),
        (_, last) => {
            words.extend(last);
            ok(&Value::Array(words))
        }
    })
}

/// `DELETE /jobs/all`, `DELETE /jobs/vo/{vo}`: a certificate's privilege.
pub(crate) async fn cancel_all(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    named(&service, &headers, true).await?;
    Err(Refused::forbidden("User does not have root privileges"))
}

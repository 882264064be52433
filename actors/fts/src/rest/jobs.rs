//! Jobs submitted and looked at: `POST /jobs`, `GET /jobs/{ids}` and what is below a job.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Map, Value, json};

use super::{input, named, named_for_job, ok, query};
use crate::book::Book;
use crate::errors::{Refused, no_job_text, status_line};
use crate::job::{FileId, Job};
use crate::service::Service;

/// Most job ids in one request.
const IDS: usize = 2000;

/// `POST /jobs`, `PUT /jobs`.
pub(crate) async fn submit(
    State(service): State<Arc<Service>>,
    request: Request,
) -> Result<Response, Refused> {
    let (parts, body) = request.into_parts();
    let user = named(&service, &parts.headers, true).await?;
    let body = input(&service, &parts.headers, parts.method == Method::PUT, body).await?;
    let id = crate::submit::submit(&service, &user, &body).await?;
    Ok(ok(&json!({"job_id": id})))
}

/// The ids of a comma list.
pub(crate) fn ids(list: &str) -> Result<Vec<&str>, Refused> {
    let ids: Vec<&str> = list.split(',').filter(|id| !id.is_empty()).collect();
    if ids.len() > IDS {
        return Err(Refused::bad(format!(
            "Too many job ids ({} given, at most {IDS})",
            ids.len()
        )));
    }
    Ok(ids)
}

/// What stands for an unknown job in an answer about several.
pub(crate) fn unknown_job(id: &str) -> Value {
    json!({"job_id": id, "http_status": status_line(StatusCode::NOT_FOUND), "http_message": no_job_text(id)})
}

/// `GET /jobs/{id}`, `GET /jobs/{id},{id}…`, with `?files=` the named members of every file.
pub(crate) async fn show(
    State(service): State<Arc<Service>>,
    Path(list): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    named_for_job(&service, &headers, false).await?;
    let query = query(uri.query());
    let fields: Vec<&str> = query
        .get("files")
        .map(|files| files.split(',').filter(|name| !name.is_empty()).collect())
        .unwrap_or_default();
    let ids = ids(&list)?;
    let book = service.book();
    let mut unknown = 0;
    let mut answers: Vec<Value> = Vec::with_capacity(ids.len());
    for id in &ids {
        let Some(job) = book.job(id) else {
            unknown += 1;
            answers.push(unknown_job(id));
            continue;
        };
        let mut shown = job.to_json();
        if !fields.is_empty() {
            shown.insert("files".into(), chosen_fields(&book, job, &fields));
        }
        shown.insert("http_status".into(), json!("200 Ok"));
        answers.push(Value::Object(shown));
    }
    if list.contains(',') {
        let status = if unknown > 0 {
            StatusCode::MULTI_STATUS
        } else {
            StatusCode::OK
        };
        return Ok(super::json(status, &Value::Array(answers)));
    }
    let status = if unknown > 0 {
        StatusCode::NOT_FOUND
    } else {
        StatusCode::OK
    };
    answers
        .pop()
        .map(|one| super::json(status, &one))
        .ok_or_else(|| Refused::no_job(&list))
}

fn chosen_fields(book: &Book, job: &Job, fields: &[&str]) -> Value {
    let files = book.files_of(job).map(|file| {
        let mut whole = file.to_json(job);
        let chosen: Map<String, Value> = fields
            .iter()
            .filter_map(|name| whole.remove(*name).map(|value| ((*name).to_owned(), value)))
            .collect();
        Value::Object(chosen)
    });
    Value::Array(files.collect())
}

/// A job, or the refusal of an unknown one.
pub(crate) fn known<'a>(book: &'a Book, id: &str) -> Result<&'a Job, Refused> {
    book.job(id).ok_or_else(|| Refused::no_job(id))
}

/// `GET /jobs/{id}/files`.
pub(crate) async fn files(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    named_for_job(&service, &headers, false).await?;
    let book = service.book();
    let job = known(&book, &id)?;
    let files = book
        .files_of(job)
        .map(|file| Value::Object(file.to_json(job)));
    Ok(ok(&Value::Array(files.collect())))
}

/// `GET /jobs/{id}/dm`: there are no data management jobs.
pub(crate) async fn data_management(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    named_for_job(&service, &headers, false).await?;
    known(&service.book(), &id)?;
    Ok(ok(&json!([])))
}

/// `GET /jobs/{id}/files/{file}/retries`: the attempts of a file that failed.
pub(crate) async fn retries(
    State(service): State<Arc<Service>>,
    Path((id, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    named_for_job(&service, &headers, false).await?;
    let book = service.book();
    let job = known(&book, &id)?;
    let file_id: Option<FileId> = file.parse().ok();
    let found = file_id
        .filter(|id| job.files.contains(id))
        .and_then(|id| book.file(id));
    found
        .map(|file| ok(&file.retries_json()))
        .ok_or_else(|| Refused::not_found(format!("No file with the id \"{file}\" has been found")))
}

/// `GET /jobs/{id}/{field}`: one member of the job, bare.
pub(crate) async fn field(
    State(service): State<Arc<Service>>,
    Path((id, field)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    named_for_job(&service, &headers, false).await?;
    let book = service.book();
    let job = known(&book, &id)?;
    job.to_json()
        .get(&field)
        .map(ok)
        .ok_or_else(|| Refused::not_found("No such field"))
}

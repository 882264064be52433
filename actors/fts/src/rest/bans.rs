//! Banned storage elements: `/ban/se`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};

use super::{input, named, ok, query};
use crate::book::{Ban, BanStatus};
use crate::errors::Refused;
use crate::params::truthy;
use crate::service::Service;

/// `GET /ban/se`.
pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    named(&service, &headers, false).await?;
    let book = service.book();
    let bans = book.bans().map(|(storage, ban)| {
        let status = match (ban.status, ban.allow_submit) {
            (BanStatus::Cancel, _) => "CANCEL",
            (BanStatus::Wait, false) => "WAIT",
            (BanStatus::Wait, true) => "WAIT_AS",
        };
        json!({"se": storage, "status": status, "message": ban.message, "vo": ban.vo})
    });
    Ok(ok(&Value::Array(bans.collect())))
}

/// `POST /ban/se` with `{"storage", "status": "cancel|wait", "allow_submit", "message"}`: the ids of the jobs it touches.
pub(crate) async fn ban(
    State(service): State<Arc<Service>>,
    request: Request,
) -> Result<Response, Refused> {
    let (parts, body) = request.into_parts();
    named(&service, &parts.headers, true).await?;
    let body = input(&service, &parts.headers, false, body).await?;
    let text = |name: &str| {
        body.get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let storage = text("storage").ok_or_else(|| Refused::bad("Missing storage parameter"))?;
    let allow_submit = body.get("allow_submit").is_some_and(truthy);
    let status = match text("status")
        .unwrap_or("cancel")
        .to_ascii_lowercase()
        .as_str()
    {
        "cancel" => BanStatus::Cancel,
        "wait" => BanStatus::Wait,
        _ => return Err(Refused::bad("status can only be wait or cancel")),
    };
    if status == BanStatus::Cancel && allow_submit {
        return Err(Refused::bad(
            "allow_submit and status = CANCEL can not be combined",
        ));
    }
    let ban = Ban {
        status,
        allow_submit,
        message: text("message").map(str::to_owned),
        vo: text("vo_name").unwrap_or("*").to_owned(),
    };
    let (jobs, stop) = service.act(|book, now| book.ban(storage, ban, now));
    service.stop_agents(&stop);
    service.wake();
    Ok(ok(&json!(jobs)))
}

/// `DELETE /ban/se?storage=…`.
pub(crate) async fn unban(
    State(service): State<Arc<Service>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    named(&service, &headers, true).await?;
    let mut query = query(uri.query());
    let storage = query
        .remove("storage")
        .ok_or_else(|| Refused::bad("Missing storage parameter"))?;
    service.act(|book, now| book.unban(&storage, now));
    service.wake();
    Ok(StatusCode::NO_CONTENT.into_response())
}

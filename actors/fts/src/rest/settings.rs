//! Settings of operators: `/config/se`, `/config/links`, `/config/global`.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};

use super::{input, named, ok, query};
use crate::errors::Refused;
use crate::service::Service;

/// `GET /config/se`, perhaps of one `?se=`.
pub(crate) async fn storages(
    State(service): State<Arc<Service>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    named(&service, &headers, false).await?;
    let one = query(uri.query()).remove("se");
    let book = service.book();
    let chosen = book
        .settings()
        .storages()
        .iter()
        .filter(|(name, _)| one.as_ref().is_none_or(|one| one == *name));
    Ok(ok(&Value::Object(
        chosen
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    )))
}

/// `POST /config/se` with `{"<storage>": {"se_info": {…}, "operations": {…}}}`.
pub(crate) async fn set_storages(
    State(service): State<Arc<Service>>,
    request: Request,
) -> Result<Response, Refused> {
    let given = operator_input(&service, request).await?;
    let Value::Object(given) = given else {
        return Err(Refused::bad("Expecting a dictionary"));
    };
    service.act(|book, _| {
        given
            .iter()
            .try_for_each(|(storage, value)| book.set_storage(storage, value))
    })?;
    service.wake();
    Ok(ok(&json!({})))
}

/// `DELETE /config/se?se=…`.
pub(crate) async fn forget_storage(
    State(service): State<Arc<Service>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    named(&service, &headers, true).await?;
    let storage = query(uri.query())
        .remove("se")
        .ok_or_else(|| Refused::bad("Missing storage (se)"))?;
    service.act(|book, _| book.forget_storage(&storage));
    service.wake();
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET /config/links`.
pub(crate) async fn links(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    named(&service, &headers, false).await?;
    let book = service.book();
    Ok(ok(&Value::Array(
        book.settings().links().values().cloned().collect(),
    )))
}

/// `POST /config/links`.
pub(crate) async fn set_link(
    State(service): State<Arc<Service>>,
    request: Request,
) -> Result<Response, Refused> {
    let given = operator_input(&service, request).await?;
    service.act(|book, _| book.set_link(&given))?;
    service.wake();
    Ok(StatusCode::CREATED.into_response())
}

/// `GET /config/links/{name}`.
pub(crate) async fn link(
    State(service): State<Arc<Service>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    named(&service, &headers, false).await?;
    let book = service.book();
    let link = book.settings().links().get(&name);
    link.map(ok)
        .ok_or_else(|| Refused::not_found(format!("Link {name} does not exist")))
}

/// `DELETE /config/links/{name}`.
pub(crate) async fn forget_link(
    State(service): State<Arc<Service>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    named(&service, &headers, true).await?;
    if !service.act(|book, _| book.forget_link(&name)) {
        return Err(Refused::not_found(format!("Link {name} does not exist")));
    }
    service.wake();
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET /config/global`.
pub(crate) async fn global(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    named(&service, &headers, false).await?;
    Ok(ok(&Value::Object(
        service.book().settings().global().clone(),
    )))
}

/// `POST /config/global`.
pub(crate) async fn set_global(
    State(service): State<Arc<Service>>,
    request: Request,
) -> Result<Response, Refused> {
    let given = operator_input(&service, request).await?;
    let Value::Object(given) = given else {
        return Err(Refused::bad("Expecting a dictionary"));
    };
    service.act(|book, _| book.set_global(&given))?;
    Ok(ok(&json!({})))
}

async fn operator_input(service: &Service, request: Request) -> Result<Value, Refused> {
    let (parts, body) = request.into_parts();
    named(service, &parts.headers, true).await?;
    input(service, &parts.headers, false, body).await
}

//! The table of paths (FTS page §1.3). Duplicate slashes are merged without a redirect: clients build `host//jobs`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::Uri;
use http::uri::PathAndQuery;
use tower_service::Service as _;

use crate::rest;
use crate::service::Service;

/// Every path, and what answers there.
pub(crate) fn routes(service: Arc<Service>) -> Router {
    let table = Router::new()
        .route("/", get(rest::about::root))
        .route("/whoami", get(rest::about::whoami))
        .route(
            "/jobs",
            get(rest::list::list)
                .post(rest::jobs::submit)
                .put(rest::jobs::submit),
        )
        .route(
            "/jobs/",
            get(rest::list::list)
                .post(rest::jobs::submit)
                .put(rest::jobs::submit),
        )
        .route("/jobs/all", axum::routing::delete(rest::orders::cancel_all))
        .route(
            "/jobs/vo/{vo}",
            axum::routing::delete(rest::orders::cancel_all),
        )
        .route(
            "/jobs/{ids}",
            get(rest::jobs::show)
                .delete(rest::orders::cancel)
                .post(rest::orders::modify),
        )
        .route("/jobs/{id}/files", get(rest::jobs::files))
        .route("/jobs/{id}/dm", get(rest::jobs::data_management))
        .route(
            "/jobs/{id}/files/{files}",
            axum::routing::delete(rest::orders::cancel_files),
        )
        .route("/jobs/{id}/files/{file}/retries", get(rest::jobs::retries))
        .route("/jobs/{id}/{field}", get(rest::jobs::field))
        .route(
            "/ban/se",
            get(rest::bans::list)
                .post(rest::bans::ban)
                .delete(rest::bans::unban),
        )
        .route(
            "/config/se",
            get(rest::settings::storages)
                .post(rest::settings::set_storages)
                .delete(rest::settings::forget_storage),
        )
        .route(
            "/config/links",
            get(rest::settings::links).post(rest::settings::set_link),
        )
        .route(
            "/config/links/{name}",
            get(rest::settings::link).delete(rest::settings::forget_link),
        )
        .route(
            "/config/global",
            get(rest::settings::global).post(rest::settings::set_global),
        )
        .route(
            "/status/hosts",
            post(rest::needs_certificate).get(rest::needs_certificate),
        )
        .route("/admin/force-start", post(rest::needs_certificate))
        .route("/whoami/certificate", get(rest::needs_certificate))
        .fallback(rest::unknown)
        .method_not_allowed_fallback(rest::not_allowed)
        .with_state(service);
    // A path with duplicate slashes matches nothing but this; it goes through the table once more, merged.
    Router::new().fallback(merge).with_state(table)
}

async fn merge(State(mut table): State<Router>, mut request: Request<Body>) -> Response {
    if request.uri().path().contains("//")
        && let Some(merged) = merged(request.uri())
    {
        *request.uri_mut() = merged;
    }
    match table.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// The same URI with every run of slashes in its path made one.
fn merged(uri: &Uri) -> Option<Uri> {
    let mut path = String::with_capacity(uri.path().len());
    for c in uri.path().chars() {
        if c != '/' || !path.ends_with('/') {
            path.push(c);
        }
    }
    if let Some(query) = uri.query() {
        path.push('?');
        path.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path.parse::<PathAndQuery>().ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_are_merged_in_the_path_only() {
        let cases = [
            ("//jobs", "/jobs"),
            ("/", "/"),
            ("//", "/"),
            (
                "https://fts.example//jobs///a,b?files=x//y",
                "https://fts.example/jobs/a,b?files=x//y",
            ),
        ];
        for (before, after) in cases {
            let uri: Uri = if before.starts_with("//") {
                Uri::builder().path_and_query(before).build().unwrap()
            } else {
                before.parse().unwrap()
            };
            assert_eq!(merged(&uri).unwrap().to_string(), after);
        }
    }
}

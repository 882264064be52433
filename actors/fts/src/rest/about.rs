//! What the server is, and who the caller is: `GET /` and `GET /whoami`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use serde_json::json;

use super::{caller, ok};
use crate::config::Profile;
use crate::errors::Refused;
use crate::service::Service;

/// `GET /`: the first call of every client, which wants the three numbers of `api`.
pub(crate) async fn root(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    caller(&service, &headers, false).await?;
    let (minor, schema) = match service.config().profile {
        Profile::V3_13 => (13, 0),
        Profile::V3_14 => (14, 1),
    };
    Ok(ok(&json!({
        "delegation": {"major": 1, "minor": 0, "patch": 0},
        "api": {"major": 3, "minor": minor, "patch": 4},
        "core": null,
        "schema": {"major": 10, "minor": 0, "patch": schema},
        "_links": {
            "curies": [{"name": "fts", "href": "https://gitlab.cern.ch/fts/fts3"}],
            "fts:whoami": {"href": "/whoami", "title": "Check user certificate"},
            "fts:joblist": {
                "href": "/jobs{?vo_name,user_dn,dlg_id,state_in}", "title": "List of active jobs", "templated": true
            },
            "fts:job": {
                "href": "/jobs/{id}", "title": "Job information", "templated": true,
                "hints": {"allow": ["GET", "DELETE"]}
            },
        },
    })))
}

/// `GET /whoami`: identity, VO and the ids that submitters compute with.
pub(crate) async fn whoami(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    Ok(ok(&caller(&service, &headers, false).await?.whoami()))
}

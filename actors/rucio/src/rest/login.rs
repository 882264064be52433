//! `/ping` and `/auth/*` (rucio page §1.3).

use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde_json::json;

use crate::answers;
use crate::auth::{self, TOKEN};
use crate::call::Call;
use crate::errors::RucioError;

/// The version that clients are told: they warn about servers they do not know.
const VERSION: &str = "41.5.1";

/// `GET /ping`.
pub(crate) fn ping() -> Response {
    answers::json(&json!({"version": VERSION}))
}

/// `GET /auth/userpass`.
pub(crate) fn userpass(call: &Call) -> Result<Response, RucioError> {
    let mut response = answers::empty();
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    match auth::userpass(call)? {
        Ok(login) => {
            put(&mut response, TOKEN, &login.token);
            put(
                &mut response,
                "X-Rucio-Auth-Token-Expires",
                &answers::date(login.session.expires),
            );
            put(
                &mut response,
                "X-Rucio-Auth-Account",
                &login.session.account,
            );
        }
        Err(several) => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            put(&mut response, "X-Rucio-Auth-Accounts", &several.join(","));
        }
    }
    Ok(response)
}

/// `GET /auth/validate`: the body is Python's way of writing a dictionary; a bad token is a 500, as in Rucio.
pub(crate) async fn validate(call: &Call) -> Result<Response, RucioError> {
    let session = match auth::session(call).await {
        Ok(session) => session,
        Err(error) if error.class == "CannotAuthenticate" => {
            return Err(RucioError::cannot_validate(error.message));
        }
        Err(error) => return Err(error),
    };
    let text = |value: &Option<String>| {
        value
            .as_ref()
            .map_or_else(|| "None".to_owned(), |v| format!("'{v}'"))
    };
    let at = session.expires.strftime("%Y, %-m, %-d, %-H, %-M, %-S");
    Ok(answers::html(
        StatusCode::OK,
        format!(
            "{{'account': '{}', 'identity': '{}', 'lifetime': datetime.datetime({at}), 'audience': {}, 'authz_scope': {}, 'vo': 'def'}}",
            session.account,
            session.identity,
            text(&session.audience),
            text(&session.scope)
        ),
    ))
}

fn put(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

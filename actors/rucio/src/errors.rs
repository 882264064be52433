//! Rucio's exceptions: a class, the HTTP status it travels with, and its sentence (rucio page §1.2).

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};

/// Characters of the message that go into the header; the body has all of it.
const HEADER_MESSAGE: usize = 125;

/// One refusal, as a Rucio client understands it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{class}: {message}")]
pub struct RucioError {
    /// Name of the exception, for example `RuleNotFound`.
    pub class: &'static str,
    /// HTTP status.
    pub status: StatusCode,
    /// What went wrong.
    pub message: String,
}

/// Classes and statuses, one line each (rucio page §1.2).
macro_rules! exceptions {
    ($($name:ident $class:literal $status:ident;)*) => {
        impl RucioError {
            $(
                #[doc = concat!("`", $class, "`.")]
                pub fn $name(message: impl Into<String>) -> Self {
                    Self { class: $class, status: StatusCode::$status, message: message.into() }
                }
            )*
        }
    };
}

exceptions! {
    invalid_path "InvalidPath" BAD_REQUEST;
    invalid_object "InvalidObject" BAD_REQUEST;
    value_error "ValueError" BAD_REQUEST;
    key_error "KeyError" BAD_REQUEST;
    type_error "TypeError" BAD_REQUEST;
    empty_expression_of_a_list "InvalidRSEExpression" BAD_REQUEST;
    cannot_authenticate "CannotAuthenticate" UNAUTHORIZED;
    access_denied "AccessDenied" UNAUTHORIZED;
    account_not_found "AccountNotFound" NOT_FOUND;
    scope_not_found "ScopeNotFound" NOT_FOUND;
    rse_not_found "RSENotFound" NOT_FOUND;
    rse_attribute_not_found "RSEAttributeNotFound" NOT_FOUND;
    rse_protocol_not_supported "RSEProtocolNotSupported" NOT_FOUND;
    did_not_found "DataIdentifierNotFound" NOT_FOUND;
    replica_not_found "ReplicaNotFound" NOT_FOUND;
    rule_not_found "RuleNotFound" NOT_FOUND;
    request_not_found "RequestNotFound" NOT_FOUND;
    subscription_not_found "SubscriptionNotFound" NOT_FOUND;
    config_not_found "ConfigNotFound" NOT_FOUND;
    unsupported_content_type "UnsupportedRequestedContentType" NOT_ACCEPTABLE;
    duplicate "Duplicate" CONFLICT;
    did_already_exists "DataIdentifierAlreadyExists" CONFLICT;
    file_already_exists "FileAlreadyExists" CONFLICT;
    unsupported_operation "UnsupportedOperation" CONFLICT;
    duplicate_rule "DuplicateRule" CONFLICT;
    invalid_rule "InvalidReplicationRule" CONFLICT;
    insufficient_quota "InsufficientAccountLimit" CONFLICT;
    insufficient_rses "InsufficientTargetRSEs" CONFLICT;
    invalid_expression "InvalidRSEExpression" CONFLICT;
    rse_write_blocked "RSEWriteBlocked" CONFLICT;
    rse_blocked "ResourceTemporaryUnavailable" SERVICE_UNAVAILABLE;
    uncaught "RucioException" INTERNAL_SERVER_ERROR;
    bad_schema "InvalidObject" INTERNAL_SERVER_ERROR;
    cannot_validate "CannotAuthenticate" INTERNAL_SERVER_ERROR;
}

impl RucioError {
    /// `RSE 'X' cannot be found in vo 'def'`.
    pub fn no_such_rse(rse: &str) -> Self {
        Self::rse_not_found(format!("RSE '{rse}' cannot be found in vo 'def'"))
    }

    /// `Data identifier 's:n' not found`.
    pub fn no_such_did(did: &impl std::fmt::Display) -> Self {
        Self::did_not_found(format!("Data identifier '{did}' not found"))
    }

    /// The message as one header line: newlines become spaces, cut with three dots.
    fn header_message(&self) -> String {
        let line: String = self
            .message
            .chars()
            .map(|c| if c.is_ascii_graphic() { c } else { ' ' })
            .collect();
        if line.len() <= HEADER_MESSAGE {
            line
        } else {
            format!("{}...", &line[..HEADER_MESSAGE])
        }
    }
}

impl IntoResponse for RucioError {
    fn into_response(self) -> Response {
        let body =
            serde_json::json!({ "ExceptionClass": self.class, "ExceptionMessage": self.message });
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        );
        headers.insert("ExceptionClass", HeaderValue::from_static(self.class));
        if let Ok(message) = HeaderValue::from_str(&self.header_message()) {
            headers.insert("ExceptionMessage", message);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_cut_and_the_body_is_not() {
        let error = RucioError::invalid_path(format!("first\nsecond {}", "x".repeat(200)));
        let header = error.header_message();
        assert!(header.starts_with("first second "));
        assert_eq!(header.len(), HEADER_MESSAGE + 3);
        assert!(header.ends_with("..."));
        assert!(error.message.len() > 200);
    }
}

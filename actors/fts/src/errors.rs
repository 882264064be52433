//! Answers that refuse: JSON from the application, HTML from the layer that authenticates (FTS page §1.1).

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

/// A refusal, with the status and the text that the client reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// HTTP status.
    pub status: StatusCode,
    /// The text.
    pub message: String,
    /// What kind of body carries the text.
    pub page: Page,
}

/// The body of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// JSON of the application.
    Json,
    /// HTML of the authentication layer, which stands outside the application.
    Html,
    /// The same as releases before 3.14 wrote it.
    OldHtml,
}

impl Refused {
    /// A refusal of the application: a JSON body.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            page: Page::Json,
        }
    }

    /// A refusal of the authentication layer: an HTML body.
    pub fn html(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            page: Page::Html,
            ..Self::new(status, message)
        }
    }

    /// 400.
    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 400 for a value of the right kind that cannot be.
    pub fn value(message: &str) -> Self {
        Self::bad(format!("Invalid value within the request: {message}"))
    }

    /// 400 for a value of the wrong kind.
    pub fn malformed(message: &str) -> Self {
        Self::bad(format!("Malformed request: {message}"))
    }

    /// 400 for a member that is not there.
    pub fn missing(member: &str) -> Self {
        Self::bad(format!("Missing parameter: '{member}'"))
    }

    /// 403 of the application.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// 404 of the application.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 404 for a job.
    pub fn no_job(id: &str) -> Self {
        Self::not_found(no_job_text(id))
    }

    /// `400 Bad Request`: how a status is spelled in a body.
    pub fn status_line(&self) -> String {
        status_line(self.status)
    }
}

/// What is said of an unknown job.
pub fn no_job_text(id: &str) -> String {
    format!("No job with the id \"{id}\" has been found")
}

/// `404 Not Found`: number and phrase.
pub fn status_line(status: StatusCode) -> String {
    format!(
        "{} {}",
        status.as_u16(),
        status.canonical_reason().unwrap_or("Unknown Error")
    )
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let name = self.status.canonical_reason().unwrap_or("Unknown Error");
        let (body, kind) = match self.page {
            Page::Json => {
                let body = json!({"status": self.status_line(), "message": self.message});
                (body.to_string(), "application/json")
            }
            page => {
                let head = if page == Page::OldHtml {
                    "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 3.2 Final//EN\">"
                } else {
                    "<!doctype html>\n<html lang=en>"
                };
                let text = format!(
                    "{head}\n<title>{} {name}</title>\n<h1>{name}</h1>\n<p>{}</p>\n",
                    self.status.as_u16(),
                    escape(&self.message)
                );
                (text, "text/html; charset=utf-8")
            }
        };
        let mut response = (self.status, body).into_response();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;")
}

//! Refusals: what the issuer says when it says no, in IAM's shapes and in the RFCs' (issuer page §2.0).
//!
//! Policy: a core gives a [`Refusal`] with status, code and text; only [`crate::answer`] turns it into bytes. In strict
//! no text repeats a token, a code or a secret.

use std::fmt;

/// How a refusal is dressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// JSON; with 401 the challenge `Bearer error=…`.
    OAuth,
    /// JSON and `Bearer realm="openidconnect", error=…`: IAM's security filter.
    Filter,
    /// JSON and `Bearer realm="openidconnect"` without a word: nothing was sent (RFC 6750 §3.1).
    Asking,
    /// JSON and `Form realm="oauth", error=…`: form credentials at `/token`.
    Form,
    /// JSON and `Basic realm=…` (RFC 6749 §5.2).
    Basic,
    /// JSON without a challenge, whatever the status.
    Plain,
    /// No body.
    Empty,
    /// No body, `Allow` with that value.
    Allow(&'static str),
    /// JSON, `Allow` with that value.
    AllowJson(&'static str),
    /// A page.
    Page,
    /// IAM's small OAuth error page.
    OAuthPage,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// OAuth error code.
    pub error: &'static str,
    /// Text for people.
    pub description: String,
    /// How it is dressed.
    pub shape: Shape,
}

impl Refusal {
    /// An OAuth error of that status.
    pub fn new(status: u16, error: &'static str, description: impl Into<String>) -> Self {
        Self {
            status,
            error,
            description: description.into(),
            shape: Shape::OAuth,
        }
    }

    /// 400.
    pub fn bad(error: &'static str, description: impl Into<String>) -> Self {
        Self::new(400, error, description)
    }

    /// A parameter that must be there (RFC 6749 §5.2).
    pub fn missing(name: &str) -> Self {
        Self::bad(
            "invalid_request",
            format!("The parameter {name} is missing."),
        )
    }

    /// 500 with IAM's text.
    pub fn internal() -> Self {
        Self::new(500, "server_error", "Internal Server Error")
    }

    /// The security filter's 401.
    pub fn unauthorized(description: impl Into<String>) -> Self {
        Self {
            shape: Shape::Filter,
            ..Self::new(401, "unauthorized", description)
        }
    }

    /// The security filter's 401 for an unusable bearer token.
    pub fn bad_bearer(description: impl Into<String>) -> Self {
        Self {
            shape: Shape::Filter,
            ..Self::new(401, "invalid_token", description)
        }
    }

    /// A status and nothing else.
    pub fn empty(status: u16) -> Self {
        Self {
            shape: Shape::Empty,
            ..Self::new(status, "", "")
        }
    }

    /// 405 with the methods that would do.
    pub fn method(allow: &'static str) -> Self {
        Self {
            shape: Shape::Allow(allow),
            ..Self::new(405, "", "")
        }
    }

    /// A page.
    pub fn page(status: u16, description: impl Into<String>) -> Self {
        Self {
            shape: Shape::Page,
            ..Self::new(status, "", description)
        }
    }

    /// The same, dressed otherwise.
    pub fn dressed(mut self, shape: Shape) -> Self {
        self.shape = shape;
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status, self.error, self.description)
    }
}

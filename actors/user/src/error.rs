//! What can go wrong for a person, in a person's words.

use carnet_stage::ClientError;

/// Why a person did not get what was wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UserError {
    /// Nobody answered.
    #[error("{0}")]
    Unreachable(String),
    /// The answer makes no sense.
    #[error("{who} gave an answer that makes no sense: {why}")]
    Senseless {
        /// Who answered.
        who: String,
        /// What is wrong with it.
        why: String,
    },
    /// An OAuth error of the issuer (RFC 6749 §5.2, §4.1.2.1).
    #[error("the issuer refused: {error}{}{description}", if .description.is_empty() { "" } else { ": " })]
    Refused {
        /// HTTP status; 0 when the error came by redirect.
        status: u16,
        /// Error code.
        error: String,
        /// What the issuer says about it.
        description: String,
    },
    /// The sign-in with a home institute came to nothing.
    #[error("signing in with {provider} failed: {why}")]
    Home {
        /// The institute.
        provider: String,
        /// What the page says.
        why: String,
    },
    /// The login page did not take the password.
    #[error("{} did not take the password of {username}", .home.as_deref().unwrap_or("the issuer"))]
    Password {
        /// The name that was typed.
        username: String,
        /// The home institute, when it was typed there.
        home: Option<String>,
    },
    /// The person was asked for something that the scenario does not let it do.
    #[error("{0}")]
    Unwilling(String),
    /// A page that nobody would know what to do with.
    #[error("the page '{title}' at {url} (status {status}) leaves no way on: {text}")]
    Page {
        /// Address of the page.
        url: String,
        /// Its HTTP status.
        status: u16,
        /// Its title.
        title: String,
        /// The start of its text.
        text: String,
    },
    /// The answer to the authorization request is not for this request.
    #[error("the redirect from the issuer cannot be trusted: {0}")]
    Redirect(String),
    /// The ID token does not hold.
    #[error("the ID token does not hold: {0}")]
    IdToken(String),
    /// There is no token for that.
    #[error("{0} has no token for that yet")]
    NoToken(String),
    /// Rucio refused.
    #[error("Rucio answered {status} {class}: {message}")]
    Rucio {
        /// HTTP status.
        status: u16,
        /// Name of Rucio's exception.
        class: String,
        /// What it says.
        message: String,
    },
    /// A storage element refused.
    #[error("{what} answered {status}: {text}")]
    Storage {
        /// What was asked, for example `GET https://se1.example/file`.
        what: String,
        /// HTTP status.
        status: u16,
        /// The start of its text.
        text: String,
    },
    /// A third-party copy was taken up and then failed.
    #[error("the copy failed: {0}")]
    Copy(String),
}

impl From<ClientError> for UserError {
    fn from(error: ClientError) -> Self {
        Self::Unreachable(error.to_string())
    }
}

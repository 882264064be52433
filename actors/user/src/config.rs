//! What a scenario says about a person: name and password, and the client that acts as the person's agent.

use schemars::JsonSchema;
use serde::Deserialize;

/// A person at a computer.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// User name at the issuer.
    pub username: String,
    /// Password at the issuer.
    pub password: String,
    /// Signs in with a home institute where the login page offers it, instead of with the password above.
    pub home: Option<HomeLogin>,
    /// Base URL of the token issuer, with its final slash.
    pub issuer: String,
    /// Client id of the person's agent.
    pub client_id: String,
    /// Client secret of the agent; a public client has none.
    pub client_secret: Option<String>,
    /// Where the agent listens for the code; the redirect to it is caught, not followed.
    pub redirect_uri: String,
    /// Whether the person agrees on the consent page.
    pub consents: bool,
    /// Whether the person signs the usage policy when asked.
    pub signs_aup: bool,
    /// Seconds between two polls for a device code when the issuer names none (RFC 8628 §3.2).
    pub device_interval: u64,
}

/// A person's account at a home institute.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HomeLogin {
    /// The institute's issuer string: its URL.
    pub provider: String,
    /// User name there.
    pub username: String,
    /// Password there.
    pub password: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            username: "alice".into(),
            password: String::new(),
            home: None,
            issuer: "https://iam.example/".into(),
            client_id: "trainee".into(),
            client_secret: None,
            redirect_uri: "http://localhost:4242/".into(),
            consents: true,
            signs_aup: true,
            device_interval: 5,
        }
    }
}

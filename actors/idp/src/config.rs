//! What a scenario says about a home institute: its people, and the services that send people to it.

use schemars::JsonSchema;
use serde::Deserialize;

/// An identity provider. Everything has a default: `idp = {}` is an institute without people.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Name of the institute, on its pages.
    pub organisation: String,
    /// People who can log in here.
    pub users: Vec<UserConfig>,
    /// Services that may send people here.
    pub clients: Vec<ClientConfig>,
    /// Seconds that a code can be redeemed.
    pub code_lifetime: i64,
    /// Seconds that ID tokens and access tokens live.
    pub token_lifetime: i64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            organisation: "Example Institute".into(),
            users: Vec::new(),
            clients: Vec::new(),
            code_lifetime: 60,
            token_lifetime: 600,
        }
    }
}

/// A person at home.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserConfig {
    /// Login name at the institute; it need not be the one elsewhere.
    pub username: String,
    /// Password at the institute.
    #[serde(default = "password")]
    pub password: String,
    /// Subject of this person's ID tokens; left out, the login name.
    #[serde(default)]
    pub sub: Option<String>,
    /// First name.
    #[serde(default)]
    pub given_name: Option<String>,
    /// Last name.
    #[serde(default)]
    pub family_name: Option<String>,
    /// Mail address.
    #[serde(default)]
    pub email: Option<String>,
    /// May log in.
    #[serde(default = "yes")]
    pub active: bool,
}

/// The password is not shown.
impl std::fmt::Debug for UserConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserConfig")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// A service that asks who somebody is.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientConfig {
    /// Its id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// Its name for people; left out, the id.
    #[serde(default)]
    pub client_name: Option<String>,
    /// Where answers may be sent, byte for byte.
    pub redirect_uris: Vec<String>,
}

/// The secret is not shown.
impl std::fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientConfig")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl ClientConfig {
    /// What people read.
    pub fn shown_name(&self) -> &str {
        self.client_name.as_deref().unwrap_or(&self.client_id)
    }
}

fn password() -> String {
    "password".into()
}

fn yes() -> bool {
    true
}

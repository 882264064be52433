//! Registered clients.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use serde_json::Value;

use super::{read, write};
use crate::config::{AuthMethod, ClientConfig, Lifetimes, TokenProfile};
use crate::exchange::End;
use crate::order;
use crate::scopes::{Catalogue, Matcher, distinct};

/// Grants under the names that the token endpoint knows.
pub mod grants {
    /// RFC 6749 §4.4.
    pub const CLIENT_CREDENTIALS: &str = "client_credentials";
    /// RFC 6749 §4.3.
    pub const PASSWORD: &str = "password";
    /// RFC 6749 §6.
    pub const REFRESH_TOKEN: &str = "refresh_token";
    /// RFC 6749 §4.1.
    pub const AUTHORIZATION_CODE: &str = "authorization_code";
    /// RFC 8628.
    pub const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
    /// RFC 8693.
    pub const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

    /// The full name of a short one.
    pub fn full(name: &str) -> &str {
        match name {
            "device_code" | "device-code" => DEVICE_CODE,
            "token-exchange" | "token_exchange" => TOKEN_EXCHANGE,
            other => other,
        }
    }

    /// The last word of a grant's name, for people and for the journal.
    pub fn short(name: &str) -> &str {
        name.rsplit(':').next().unwrap_or(name)
    }
}

/// A client as the issuer works with it.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its id.
    pub id: Arc<str>,
    /// Its secret; none for a public client.
    pub secret: Option<String>,
    /// Its name for people.
    pub name: String,
    /// How it is registered to authenticate.
    pub method: AuthMethod,
    /// Its keys, for assertions.
    pub jwks: Option<Value>,
    /// Grants, full names.
    pub grants: Vec<String>,
    /// Registered scopes, in order of registration.
    pub scopes: Vec<String>,
    /// Their matchers.
    pub matchers: Vec<Matcher>,
    /// What it gets when it asks for nothing.
    pub default_scope: Option<Vec<String>>,
    /// Gets any text.
    pub literal: bool,
    /// Where codes may be sent.
    pub redirect_uris: Vec<String>,
    /// Audiences that mean it.
    pub audiences: Vec<String>,
    /// Lifetime of access tokens, seconds.
    pub access: i64,
    /// Lifetime of refresh tokens; none: without end.
    pub refresh: Option<i64>,
    /// Lifetime of ID tokens.
    pub id_token: i64,
    /// Lifetime of device codes.
    pub device: i64,
    /// Refresh tokens stay the same.
    pub reuse: bool,
    /// A refresh ends earlier access tokens.
    pub clear: bool,
    /// ID tokens carry `auth_time`.
    pub auth_time: bool,
    /// May introspect.
    pub introspect: bool,
    /// Not suspended.
    pub active: bool,
    /// The claim set its scopes select, if exactly one.
    pub profile: Option<TokenProfile>,
    /// When it was registered, Unix milliseconds.
    pub created_at: i64,
    /// Token that manages a client registered by nobody known.
    pub registration_token: Option<String>,
    /// The person who registered it, and manages it.
    pub owner: Option<Arc<str>>,
    /// Whom to write to about it.
    pub contacts: Vec<String>,
}

impl Client {
    /// From its configuration. `secret` stands in when a confidential client was given none.
    pub fn new(
        config: &ClientConfig,
        lifetimes: &Lifetimes,
        catalogue: &Catalogue,
        secret: impl FnOnce() -> String,
    ) -> Self {
        let confidential = !matches!(
            config.token_endpoint_auth_method,
            AuthMethod::None | AuthMethod::PrivateKeyJwt
        );
        let secret = config
            .client_secret
            .clone()
            .or_else(|| confidential.then(secret));
        let refresh = config
            .refresh_token_validity_seconds
            .unwrap_or(lifetimes.refresh);
        Self {
            id: config.client_id.as_str().into(),
            secret: secret.filter(|_| config.token_endpoint_auth_method != AuthMethod::None),
            name: config
                .client_name
                .clone()
                .unwrap_or_else(|| config.client_id.clone()),
            method: config.token_endpoint_auth_method,
            jwks: config.jwks.clone(),
            grants: config
                .grant_types
                .iter()
                .map(|g| grants::full(g).to_owned())
                .collect(),
            matchers: if config.literal {
                vec![Matcher::Anything]
            } else {
                catalogue.matchers(&config.scope)
            },
            scopes: distinct(config.scope.clone()),
            default_scope: config.default_scope.clone(),
            literal: config.literal,
            redirect_uris: config.redirect_uris.clone(),
            audiences: config.audiences.clone(),
            access: config
                .access_token_validity_seconds
                .unwrap_or(lifetimes.access),
            refresh: (refresh > 0).then_some(refresh),
            id_token: config.id_token_validity_seconds.unwrap_or(lifetimes.id),
            device: config
                .device_code_validity_seconds
                .unwrap_or(lifetimes.device),
            reuse: config.reuse_refresh_token,
            clear: config.clear_access_tokens_on_refresh,
            auth_time: config.require_auth_time,
            introspect: config.allow_introspection,
            active: config.active,
            profile: profile_of(&config.scope),
            created_at: 0,
            registration_token: None,
            owner: None,
            contacts: Vec::new(),
        }
    }

    /// Replaces the registered scopes.
    pub fn set_scopes(&mut self, scopes: Vec<String>, catalogue: &Catalogue) {
        if !self.literal {
            self.matchers = catalogue.matchers(&scopes);
        }
        self.profile = profile_of(&scopes);
        self.scopes = distinct(scopes);
    }

    /// Whether a grant is registered.
    pub fn may(&self, grant: &str) -> bool {
        self.grants.iter().any(|g| g == grant)
    }

    /// Has no secret and no key.
    pub fn is_public(&self) -> bool {
        self.method == AuthMethod::None
    }

    /// It, as one end of an exchange.
    pub fn end(&self) -> End<'_> {
        End {
            id: &self.id,
            scopes: &self.scopes,
            matchers: &self.matchers,
        }
    }

    /// The registered scopes in the order of a hash table made for them: what IAM puts in place of a missing scope.
    pub fn hashed_scopes(&self) -> Vec<String> {
        order::hashed_by_count(self.scopes.clone())
    }
}

/// The claim set selected by exactly one of the profile scopes (REQ-5).
fn profile_of(scopes: &[String]) -> Option<TokenProfile> {
    let all = [
        TokenProfile::Wlcg,
        TokenProfile::Iam,
        TokenProfile::Kc,
        TokenProfile::Aarc,
    ];
    let mut named = all
        .into_iter()
        .filter(|p| scopes.iter().any(|s| s == p.scope()));
    let first = named.next()?;
    named.next().is_none().then_some(first)
}

/// All clients, by id.
#[derive(Debug, Default)]
pub struct Clients {
    by_id: RwLock<HashMap<Arc<str>, Arc<Client>>>,
}

impl Clients {
    /// The client of that id.
    pub fn get(&self, id: &str) -> Option<Arc<Client>> {
        read(&self.by_id).get(id).cloned()
    }

    /// Adds or replaces one.
    pub fn put(&self, client: Client) -> Arc<Client> {
        let client = Arc::new(client);
        write(&self.by_id).insert(Arc::clone(&client.id), Arc::clone(&client));
        client
    }

    /// Removes one.
    pub fn remove(&self, id: &str) -> Option<Arc<Client>> {
        write(&self.by_id).remove(id)
    }

    /// All of them, sorted by id.
    pub fn all(&self) -> Vec<Arc<Client>> {
        let mut all: Vec<_> = read(&self.by_id).values().cloned().collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    }
}

//! Rucio's line to the token issuer: discovery, keys, and the token endpoint.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use carnet_profile::jose::Jwks;
use carnet_profile::keys::{CachePolicy, KeyCache, Plan};
use carnet_stage::{Actor, Body, body};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, StatusCode};
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::config::Config;

/// Longest answer that is read from the issuer.
const LONGEST_ANSWER: usize = 1 << 20;

/// What the token endpoint gave.
#[derive(Clone)]
pub(crate) struct Granted {
    /// Access token.
    pub(crate) access_token: String,
    /// Refresh token, if any.
    pub(crate) refresh_token: Option<String>,
}

/// Why there is no token or no key: a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IssuerError {
    /// The issuer was not reached or its answer makes no sense.
    #[error("{0}")]
    Unreachable(String),
    /// The issuer refused.
    #[error("the issuer answered {status} {error}: {description}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// OAuth error code.
        error: String,
        /// What it says about it.
        description: String,
    },
}

/// Endpoints as discovery tells them.
#[derive(Debug, Clone)]
struct Endpoints {
    token: String,
    jwks: String,
    stated: String,
}

/// The issuer as Rucio knows it.
pub(crate) struct Issuer {
    actor: Actor,
    url: String,
    client_id: String,
    client_secret: String,
    endpoints: OnceCell<Endpoints>,
    keys: KeyCache,
}

impl Issuer {
    /// The issuer of the configuration; nothing is fetched yet.
    pub(crate) fn new(actor: Actor, config: &Config) -> Self {
        Self {
            actor,
            url: config.issuer.clone(),
            client_id: config.client_id.clone(),
            client_secret: config.client_secret.clone(),
            endpoints: OnceCell::new(),
            keys: KeyCache::new(CachePolicy::default()),
        }
    }

    /// Posts a form to the token endpoint with Rucio's own client authentication.
    pub(crate) async fn token(&self, form: &[(&str, &str)]) -> Result<Granted, IssuerError> {
        let endpoint = self.endpoints().await?.token.clone();
        let basic = BASE64_STANDARD.encode(format!("{}:{}", self.client_id, self.client_secret));
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let request = Request::builder()
            .method(Method::POST)
            .uri(&endpoint)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(AUTHORIZATION, format!("Basic {basic}"))
            .header(ACCEPT, "*/*")
            .body(Body::from(body))
            .map_err(|e| {
                IssuerError::Unreachable(format!("'{endpoint}' is no token endpoint: {e}"))
            })?;
        let (status, answer) = self.ask(request).await?;
        if !status.is_success() {
            let text = |key: &str| {
                answer
                    .get(key)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            return Err(IssuerError::Refused {
                status: status.as_u16(),
                error: text("error"),
                description: text("error_description"),
            });
        }
        let text = |key: &str| answer.get(key).and_then(Value::as_str).map(str::to_owned);
        let access_token = text("access_token").ok_or_else(|| {
            IssuerError::Unreachable("the issuer's answer has no access_token".into())
        })?;
        Ok(Granted {
            access_token,
            refresh_token: text("refresh_token"),
        })
    }

    /// The issuer's keys as far as they are known.
    pub(crate) fn keys(&self) -> &KeyCache {
        &self.keys
    }

    /// Fetches the issuer's keys when the one with this id is not known or they are too old.
    pub(crate) async fn ready(&self, kid: &str) {
        let now = self.actor.clock().seconds();
        if self.keys.plan(&self.url, kid, now) == Plan::Ready {
            return;
        }
        match self.fetch_keys().await {
            Ok((stated, keys)) => {
                for unusable in self.keys.store(&self.url, &stated, &keys, None, now) {
                    self.actor
                        .note(format!("a key of the issuer is not usable: {unusable}"));
                }
            }
            Err(why) => self.keys.failed(&self.url, why.to_string(), now),
        }
    }

    async fn fetch_keys(&self) -> Result<(String, Jwks), IssuerError> {
        let endpoints = self.endpoints().await?;
        let answer = self.get(&endpoints.jwks).await?;
        let keys = Jwks::parse(answer.to_string().as_bytes());
        let keys = keys.map_err(|e| {
            IssuerError::Unreachable(format!("{} gives no keys: {e}", endpoints.jwks))
        })?;
        Ok((endpoints.stated.clone(), keys))
    }

    async fn endpoints(&self) -> Result<&Endpoints, IssuerError> {
        self.endpoints
            .get_or_try_init(|| async {
                let url = format!(
                    "{}/.well-known/openid-configuration",
                    self.url.trim_end_matches('/')
                );
                let answer = self.get(&url).await?;
                let text = |key: &str| {
                    let value = answer.get(key).and_then(Value::as_str).map(str::to_owned);
                    value.ok_or_else(|| IssuerError::Unreachable(format!("{url} names no {key}")))
                };
                Ok(Endpoints {
                    token: text("token_endpoint")?,
                    jwks: text("jwks_uri")?,
                    stated: text("issuer")?,
                })
            })
            .await
    }

    async fn get(&self, url: &str) -> Result<Value, IssuerError> {
        let request = Request::builder()
            .uri(url)
            .header(ACCEPT, "application/json")
            .body(Body::empty())
            .map_err(|e| IssuerError::Unreachable(format!("'{url}' is no URL: {e}")))?;
        let (status, answer) = self.ask(request).await?;
        if status.is_success() {
            Ok(answer)
        } else {
            Err(IssuerError::Unreachable(format!("{url} answered {status}")))
        }
    }

    async fn ask(&self, request: Request<Body>) -> Result<(StatusCode, Value), IssuerError> {
        let answer = self
            .actor
            .client()
            .send(request)
            .await
            .map_err(|e| IssuerError::Unreachable(e.to_string()))?;
        let (head, body) = answer.into_parts();
        let bytes = body::read_limited(body, LONGEST_ANSWER)
            .await
            .map_err(|e| IssuerError::Unreachable(format!("the issuer's answer: {e}")))?;
        Ok((
            head.status,
            serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        ))
    }
}

//! The person's line to the issuer: discovery, the token endpoint, keys.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use carnet_profile::jose::{Jwks, Token};
use carnet_profile::keys::{CachePolicy, KeyCache, Plan};
use carnet_stage::Actor;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::config::Config;
use crate::error::UserError;
use crate::tokens::Tokens;
use crate::web;

/// Endpoints as discovery tells them.
#[derive(Clone)]
pub(crate) struct Endpoints {
    pub(crate) issuer: String,
    pub(crate) token: String,
    pub(crate) authorize: Option<String>,
    pub(crate) device: Option<String>,
    pub(crate) jwks: String,
}

/// The issuer as the person's agent knows it.
pub(crate) struct Issuer {
    actor: Actor,
    url: String,
    client_id: String,
    client_secret: Option<String>,
    endpoints: OnceCell<Endpoints>,
    keys: KeyCache,
}

impl Issuer {
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

    /// Discovery (OpenID Connect Discovery §4), once.
    pub(crate) async fn endpoints(&self) -> Result<&Endpoints, UserError> {
        self.endpoints
            .get_or_try_init(|| async {
                let url = format!(
                    "{}/.well-known/openid-configuration",
                    self.url.trim_end_matches('/')
                );
                let answer = web::ask(&self.actor, web::get(&url)?).await?;
                if !answer.status.is_success() {
                    return Err(UserError::Senseless {
                        who: url,
                        why: format!("it answered {}", answer.status.as_u16()),
                    });
                }
                let document = answer.json();
                let text = |key: &str| document.get(key).and_then(Value::as_str).map(str::to_owned);
                let must = |key: &str| {
                    text(key).ok_or_else(|| UserError::Senseless {
                        who: url.clone(),
                        why: format!("it names no {key}"),
                    })
                };
                Ok(Endpoints {
                    issuer: must("issuer")?,
                    token: must("token_endpoint")?,
                    authorize: text("authorization_endpoint"),
                    device: text("device_authorization_endpoint"),
                    jwks: must("jwks_uri")?,
                })
            })
            .await
    }

    /// Posts to the token endpoint; a confidential client authenticates by Basic, a public one names itself.
    pub(crate) async fn token(&self, form: &[(&str, &str)]) -> Result<Tokens, UserError> {
        let endpoint = self.endpoints().await?.token.clone();
        self.post(&endpoint, form, true)
            .await
            .and_then(|answer| Tokens::read(&answer))
    }

    /// Posts a form to the issuer and reads its JSON, or its OAuth error.
    pub(crate) async fn post(
        &self,
        url: &str,
        form: &[(&str, &str)],
        authenticated: bool,
    ) -> Result<Value, UserError> {
        let mut form = form.to_vec();
        let secret = self.client_secret.as_deref().filter(|_| authenticated);
        if secret.is_none() && !form.iter().any(|(key, _)| *key == "client_id") {
            form.push(("client_id", &self.client_id));
        }
        let mut request = web::post_form(url, &form)?;
        if let Some(secret) = secret {
            let basic = BASE64_STANDARD.encode(format!("{}:{secret}", self.client_id));
            if let Ok(basic) = HeaderValue::from_str(&format!("Basic {basic}")) {
                request.headers_mut().insert(AUTHORIZATION, basic);
            }
        }
        let answer = web::ask(&self.actor, request).await?;
        let body = answer.json();
        if answer.status.is_success() {
            return Ok(body);
        }
        let text = |key: &str| {
            body.get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let error = if text("error").is_empty() {
            answer.status.to_string()
        } else {
            text("error")
        };
        Err(UserError::Refused {
            status: answer.status.as_u16(),
            error,
            description: text("error_description"),
        })
    }

    /// The issuer's keys; those a token names are fetched when they are not known.
    pub(crate) async fn keys_for(&self, token: &Token) -> &KeyCache {
        let now = self.actor.clock().seconds();
        let kid = token.header.kid.as_deref().unwrap_or_default();
        if self.keys.plan(&self.url, kid, now) == Plan::Fetch {
            match self.fetch_keys().await {
                Ok((stated, keys)) => {
                    self.keys.store(&self.url, &stated, &keys, None, now);
                }
                Err(why) => self.keys.failed(&self.url, why.to_string(), now),
            }
        }
        &self.keys
    }

    async fn fetch_keys(&self) -> Result<(String, Jwks), UserError> {
        let endpoints = self.endpoints().await?;
        let answer = web::ask(&self.actor, web::get(&endpoints.jwks)?).await?;
        let keys = Jwks::parse(&answer.body).map_err(|e| UserError::Senseless {
            who: endpoints.jwks.clone(),
            why: e.to_string(),
        })?;
        Ok((endpoints.issuer.clone(), keys))
    }
}

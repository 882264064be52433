//! FTS at the token issuers: keys to verify submit tokens with, and the token endpoint (FTS page §1.2, §3.3).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use carnet_profile::jose::Jwks;
use carnet_profile::judge::{KeyAnswer, KeySource};
use carnet_profile::keys::{CachePolicy, KeyCache, Plan};
use carnet_stage::{Actor, Body, Clock, body};
use http::{Method, Request, header};
use serde_json::Value;

use crate::config::{IssuerConfig, TokenModel};

/// How long an issuer may take to answer, in real time; the real daemon waits longer than 100 s.
const WITHIN: Duration = Duration::from_secs(120);
/// Longest document taken from an issuer.
const DOCUMENT_LIMIT: usize = 1 << 20;
/// Seconds for which the token endpoint is remembered.
const ENDPOINT_KEPT: i64 = 3600;
/// Seconds for which keys are kept (`JWKCacheSeconds`), and for which they may be used when the issuer is away.
const KEYS_KEPT: i64 = 86_400;

/// Why an issuer gave no answer, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Silent(pub String);

/// The trusted issuers.
pub struct Issuers {
    actor: Actor,
    configs: Vec<IssuerConfig>,
    real_headers: bool,
    keys: KeyCache,
    documents: Mutex<HashMap<String, Known>>,
    one_at_a_time: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone)]
struct Known {
    token_endpoint: Option<String>,
    jwks_uri: Option<String>,
    issuer: String,
    at: i64,
}

impl Issuers {
    /// FTS's registrations.
    pub fn new(actor: Actor, configs: &[IssuerConfig], model: TokenModel) -> Self {
        Self {
            actor,
            configs: configs.to_vec(),
            real_headers: model == TokenModel::Today,
            keys: KeyCache::new(CachePolicy {
                refresh: KEYS_KEPT,
                expire: 2 * KEYS_KEPT,
                retry: 60,
            }),
            documents: Mutex::default(),
            one_at_a_time: tokio::sync::Mutex::default(),
        }
    }

    /// The registration at an issuer, by `iss`; a final slash does not count.
    pub fn config(&self, issuer: &str) -> Option<&IssuerConfig> {
        self.configs
            .iter()
            .find(|config| config.url.trim_end_matches('/') == issuer.trim_end_matches('/'))
    }

    /// Every trusted issuer.
    pub fn configs(&self) -> &[IssuerConfig] {
        &self.configs
    }

    /// Where the judge gets keys from.
    pub fn keys(&self) -> &dyn KeySource {
        &self.keys
    }

    /// Sees to it that the key of a token of a trusted issuer is there, if it can be had.
    pub async fn prepare_key(&self, issuer: &str, kid: &str) {
        let Some(config) = self.config(issuer) else {
            return;
        };
        let now = self.actor.clock().seconds();
        if matches!(
            self.keys.key(&config.url, kid, now),
            KeyAnswer::Key { stale: false, .. }
        ) {
            return;
        }
        let _alone = self.one_at_a_time.lock().await;
        if self.keys.plan(&config.url, kid, now) == Plan::Ready {
            return;
        }
        if let Err(why) = self.fetch_keys(&config.url, now).await {
            self.keys.failed(&config.url, why.0, now);
        }
    }

    /// Fetches documents and keys of every issuer before anybody asks; what fails is fetched when it is needed.
    pub async fn warm_up(&self) {
        for config in &self.configs {
            let _alone = self.one_at_a_time.lock().await;
            let now = self.actor.clock().seconds();
            if self.keys.plan(&config.url, "", now) == Plan::Fetch {
                let _later = self.fetch_keys(&config.url, now).await;
            }
        }
    }

    async fn fetch_keys(&self, issuer: &str, now: i64) -> Result<(), Silent> {
        let known = self.discover(issuer, now).await?;
        let uri = known
            .jwks_uri
            .ok_or_else(|| Silent("the issuer's metadata has no jwks_uri".into()))?;
        let document = self.get(&uri).await?;
        let jwks = Jwks::parse(&document)
            .map_err(|fault| Silent(format!("the issuer's keys are not usable: {fault}")))?;
        for unusable in self.keys.store(issuer, &known.issuer, &jwks, None, now) {
            self.actor
                .note(format!("a key of {issuer} cannot be used: {unusable}"));
        }
        Ok(())
    }

    async fn discover(&self, issuer: &str, now: i64) -> Result<Known, Silent> {
        if let Some(known) = self
            .lock()
            .get(issuer)
            .filter(|known| now - known.at < ENDPOINT_KEPT)
        {
            return Ok(known.clone());
        }
        let url = format!(
            "{}/.well-known/openid-configuration",
            issuer.trim_end_matches('/')
        );
        let document = self.get(&url).await?;
        let metadata: Value = serde_json::from_slice(&document)
            .map_err(|_| Silent("the issuer's metadata are not JSON".into()))?;
        let text = |name: &str| {
            metadata
                .get(name)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let known = Known {
            token_endpoint: text("token_endpoint"),
            jwks_uri: text("jwks_uri"),
            issuer: text("issuer").unwrap_or_default(),
            at: now,
        };
        self.lock().insert(issuer.to_owned(), known.clone());
        Ok(known)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Known>> {
        self.documents
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    async fn get(&self, url: &str) -> Result<Bytes, Silent> {
        let (status, document) = self.ask(Method::GET, url, None, None).await?;
        if status == 200 {
            Ok(document)
        } else {
            Err(Silent(format!("{url} answers {status}")))
        }
    }

    /// Posts a form to the issuer's token endpoint as FTS's client. The status and the body of any answer.
    pub async fn post(&self, issuer: &str, form: String) -> Result<(u16, Bytes), Silent> {
        let config = self
            .config(issuer)
            .ok_or_else(|| Silent(format!("{issuer} is not a known token provider")))?;
        let known = self
            .discover(&config.url, self.actor.clock().seconds())
            .await?;
        let endpoint = known
            .token_endpoint
            .ok_or_else(|| Silent("the issuer's metadata has no token_endpoint".into()))?;
        let answer = self
            .ask(Method::POST, &endpoint, Some(config), Some(form))
            .await;
        if answer.is_err() {
            // What does not answer may have moved.
            self.lock().remove(&config.url);
        }
        answer
    }

    async fn ask(
        &self,
        method: Method,
        url: &str,
        client: Option<&IssuerConfig>,
        form: Option<String>,
    ) -> Result<(u16, Bytes), Silent> {
        let agent = if self.real_headers {
            "libdavix/0.8.11 neon/0.0.29"
        } else {
            "fts/3.14.4"
        };
        let mut request = Request::builder()
            .method(method)
            .uri(url)
            .header(header::USER_AGENT, agent);
        if !self.real_headers {
            request = request.header(header::ACCEPT, "*/*");
        }
        if let Some(client) = client {
            let pair = STANDARD.encode(format!("{}:{}", client.client_id, client.client_secret));
            request = request.header(header::AUTHORIZATION, format!("Basic {pair}"));
        }
        let request = match form {
            Some(form) => request
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(Body::from(form)),
            None => request.body(Body::empty()),
        };
        let request = request.map_err(|error| Silent(format!("{url} cannot be asked: {error}")))?;
        let exchange = async {
            let answer = self
                .actor
                .client()
                .send(request)
                .await
                .map_err(|error| Silent(error.to_string()))?;
            let status = answer.status().as_u16();
            let document = body::read_limited(answer.into_body(), DOCUMENT_LIMIT)
                .await
                .map_err(|error| Silent(error.to_string()))?;
            Ok((status, document))
        };
        Clock::within_real(WITHIN, exchange)
            .await
            .unwrap_or_else(|| {
                Err(Silent(format!(
                    "no answer from {url} within {} s",
                    WITHIN.as_secs()
                )))
            })
    }
}

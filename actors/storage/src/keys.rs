//! Keys of trusted issuers: discovery, then `jwks_uri`, over the actor's own client; cached, one fetch at a
//! time for each issuer (storage page §3.5).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use carnet_profile::jose::Jwks;
use carnet_profile::keys::{CachePolicy, KeyAnswer, KeyCache, KeySource, Plan};
use carnet_stage::{Actor, Clock};
use http::{Request, header};
use serde_json::Value;

/// How long an issuer may take for one document.
const WITHIN: Duration = Duration::from_secs(10);
/// The longest document read.
const LONGEST: usize = 1 << 20;

/// The keys this storage element knows.
pub(crate) struct Keys {
    actor: Actor,
    cache: KeyCache,
    fetching: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

struct Fetched {
    stated: String,
    keys: Jwks,
    max_age: Option<i64>,
}

impl Keys {
    pub(crate) fn new(actor: Actor, retry: i64) -> Self {
        let policy = CachePolicy {
            retry,
            ..CachePolicy::default()
        };
        Self {
            actor,
            cache: KeyCache::new(policy),
            fetching: Mutex::default(),
        }
    }

    /// The source a judge asks.
    pub(crate) fn source(&self) -> &dyn KeySource {
        &self.cache
    }

    /// Sees to it that the keys of a trusted issuer are there before one of its tokens is judged.
    pub(crate) async fn prepare(&self, issuer: &str, kid: &str, now: i64) {
        if matches!(
            self.cache.key(issuer, kid, now),
            KeyAnswer::Key { stale: false, .. }
        ) {
            return;
        }
        Box::pin(self.look_up(issuer, kid, now)).await;
    }

    async fn look_up(&self, issuer: &str, kid: &str, now: i64) {
        let single = {
            let mut fetching = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
            fetching.entry(issuer.to_owned()).or_default().clone()
        };
        let _one_at_a_time = single.lock().await;
        if self.cache.plan(issuer, kid, now) == Plan::Ready {
            return;
        }
        match self.fetch(issuer).await {
            Ok(fetched) => {
                let unusable =
                    self.cache
                        .store(issuer, &fetched.stated, &fetched.keys, fetched.max_age, now);
                for key in unusable {
                    self.actor
                        .note(format!("a key of {issuer} is not usable: {key}"));
                }
            }
            Err(why) => {
                self.actor
                    .note(format!("keys of {issuer} cannot be had: {why}"));
                self.cache.failed(issuer, why, now);
            }
        }
    }

    async fn fetch(&self, issuer: &str) -> Result<Fetched, String> {
        let base = issuer.trim_end_matches('/');
        let found = self
            .document(&format!("{base}/.well-known/openid-configuration"))
            .await;
        let (metadata, _) = match found {
            Ok(found) => found,
            Err(why) => match self
                .document(&format!("{base}/.well-known/oauth-authorization-server"))
                .await
            {
                Ok(found) => found,
                Err(_) => return Err(why),
            },
        };
        let metadata: Value =
            serde_json::from_slice(&metadata).map_err(|_| "the metadata is no JSON".to_owned())?;
        let text = |name: &str| {
            metadata
                .get(name)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let stated = text("issuer").ok_or("the metadata has no issuer")?;
        let address = text("jwks_uri").ok_or("the metadata has no jwks_uri")?;
        let (document, max_age) = self.document(&address).await?;
        let keys = Jwks::parse(&document)
            .map_err(|fault| format!("the key set is not usable: {fault}"))?;
        Ok(Fetched {
            stated,
            keys,
            max_age,
        })
    }

    async fn document(&self, url: &str) -> Result<(bytes::Bytes, Option<i64>), String> {
        let request = Request::get(url)
            .header(header::ACCEPT, "application/json")
            .header(
                header::USER_AGENT,
                concat!("carnet-storage/", env!("CARGO_PKG_VERSION")),
            )
            .body(Body::empty())
            .map_err(|_| format!("{url} is no address"))?;
        let work = async {
            let found = self
                .actor
                .client()
                .send(request)
                .await
                .map_err(|error| error.to_string())?;
            if found.status() != http::StatusCode::OK {
                return Err(format!("{url} answered {}", found.status().as_u16()));
            }
            let max_age = found
                .headers()
                .get(header::CACHE_CONTROL)
                .and_then(|value| value.to_str().ok())
                .and_then(|field| {
                    field
                        .split(',')
                        .find_map(|part| part.trim().strip_prefix("max-age=")?.parse().ok())
                });
            let body = carnet_stage::body::read_limited(found.into_body(), LONGEST).await;
            body.map(|bytes| (bytes, max_age))
                .map_err(|error| error.to_string())
        };
        Clock::within_real(WITHIN, work)
            .await
            .unwrap_or_else(|| Err(format!("{url} did not answer within 10 s")))
    }
}

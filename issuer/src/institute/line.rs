//! The line to one provider: discovery and keys, kept; the token endpoint and userinfo, asked each time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use carnet_profile::id_token::{self, Wanted};
use carnet_profile::jose::{Jwks, Token};
use carnet_profile::judge::Verdict;
use carnet_profile::keys::{CachePolicy, KeyCache, Plan};
use carnet_stage::{Actor, Body, body};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::Journey;
use crate::config::IdentityProvider;

/// Longest answer that is read.
const LIMIT: usize = 1 << 20;

/// What went wrong, in a sentence for people.
type Failed = String;

/// A provider as this issuer knows it.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) provider: IdentityProvider,
    metadata: OnceCell<Metadata>,
    keys: KeyCache,
}

/// Endpoints as discovery tells them.
#[derive(Clone, Debug)]
pub(crate) struct Metadata {
    pub(crate) authorize: String,
    token: String,
    jwks: String,
    userinfo: Option<String>,
}

/// What a provider gave for a code.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) id_token: Token,
    access_token: String,
}

impl Line {
    /// Nothing is asked yet.
    pub(crate) fn new(provider: IdentityProvider) -> Self {
        Self {
            provider,
            metadata: OnceCell::new(),
            keys: KeyCache::new(CachePolicy::default()),
        }
    }

    fn senseless(&self, what: &str, why: impl std::fmt::Display) -> Failed {
        format!(
            "{} gave {what} that makes no sense: {why}",
            self.provider.name
        )
    }

    /// Sends a request and reads JSON: status and value.
    async fn ask(&self, actor: &Actor, request: Request<Body>) -> Result<(u16, Value), Failed> {
        let silent =
            |why: &dyn std::fmt::Display| format!("{} does not answer: {why}", self.provider.name);
        let answer = actor
            .client()
            .send(request)
            .await
            .map_err(|why| silent(&why))?;
        let status = answer.status().as_u16();
        let read = body::read_limited(answer.into_body(), LIMIT).await;
        let bytes = read.map_err(|why| silent(&why))?;
        let value = serde_json::from_slice(&bytes)
            .map_err(|_| self.senseless("an answer", format!("status {status}, and no JSON")))?;
        Ok((status, value))
    }

    fn get(url: &str, bearer: Option<&str>) -> Result<Request<Body>, Failed> {
        let mut request = Request::builder()
            .uri(url)
            .header(ACCEPT, "application/json");
        if let Some(token) = bearer {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        request
            .body(Body::empty())
            .map_err(|why| format!("{url} cannot be asked: {why}"))
    }

    /// Discovery (OpenID Connect Discovery §4): asked until it is there, then kept. It must name the issuer that it was
    /// asked for.
    pub(crate) async fn metadata(&self, actor: &Actor) -> Result<&Metadata, Failed> {
        let found = self.metadata.get_or_try_init(|| async {
            let base = self.provider.issuer.trim_end_matches('/');
            let url = format!("{base}/.well-known/openid-configuration");
            let (status, document) = self.ask(actor, Self::get(&url, None)?).await?;
            let text = |name: &str| {
                document
                    .get(name)
                    .and_then(Value::as_str)
                    .map(str::to_owned)
            };
            let must = |name: &str| {
                text(name).ok_or_else(|| {
                    self.senseless("metadata", format!("status {status}, and no {name}"))
                })
            };
            let stated = must("issuer")?;
            if stated != self.provider.issuer {
                let why = format!("it names the issuer {stated}, not {}", self.provider.issuer);
                return Err(self.senseless("metadata", why));
            }
            Ok(Metadata {
                authorize: must("authorization_endpoint")?,
                token: must("token_endpoint")?,
                jwks: must("jwks_uri")?,
                userinfo: text("userinfo_endpoint"),
            })
        });
        found.await
    }

    /// Redeems a code (OpenID Connect Core §3.1.3).
    pub(crate) async fn redeem(
        &self,
        actor: &Actor,
        code: &str,
        journey: &Journey,
        redirect_uri: &str,
    ) -> Result<Given, Failed> {
        let endpoint = self.metadata(actor).await?.token.clone();
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", redirect_uri),
                ("code_verifier", &journey.verifier),
            ])
            .finish();
        let encoded =
            |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let (id, secret) = (
            encoded(&self.provider.client_id),
            encoded(&self.provider.client_secret),
        );
        let request = Request::builder()
            .method(Method::POST)
            .uri(&endpoint)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(
                AUTHORIZATION,
                format!("Basic {}", STANDARD.encode(format!("{id}:{secret}"))),
            )
            .body(Body::from(form))
            .map_err(|why| format!("{endpoint} cannot be asked: {why}"))?;
        let (status, given) = self.ask(actor, request).await?;
        let text = |name: &str| given.get(name).and_then(Value::as_str).unwrap_or_default();
        if status != 200 {
            return Err(format!(
                "{} did not take the code: {status} {} {}",
                self.provider.name,
                text("error"),
                text("error_description")
            ));
        }
        let id_token =
            Token::parse(text("id_token")).map_err(|why| self.senseless("an ID token", why))?;
        Ok(Given {
            id_token,
            access_token: text("access_token").to_owned(),
        })
    }

    /// Judges the ID token, with the provider's keys.
    pub(crate) async fn judge(&self, actor: &Actor, given: &Given, nonce: &str) -> Verdict {
        let (issuer, now) = (self.provider.issuer.as_str(), actor.clock().seconds());
        let kid = given.id_token.header.kid.as_deref().unwrap_or_default();
        if self.keys.plan(issuer, kid, now) == Plan::Fetch {
            match self.fetch_keys(actor).await {
                Ok(keys) => drop(self.keys.store(issuer, issuer, &keys, None, now)),
                Err(why) => self.keys.failed(issuer, why, now),
            }
        }
        let wanted = Wanted {
            issuer,
            client_id: &self.provider.client_id,
            nonce: Some(nonce),
        };
        id_token::judge(&given.id_token, &self.keys, &wanted, now)
    }

    async fn fetch_keys(&self, actor: &Actor) -> Result<Jwks, Failed> {
        let url = &self.metadata(actor).await?.jwks;
        let (_, document) = self.ask(actor, Self::get(url, None)?).await?;
        Jwks::parse(document.to_string().as_bytes()).map_err(|why| self.senseless("keys", why))
    }

    /// Name and mail address, when the provider tells them for the same subject (OpenID Connect Core §5.3.2).
    pub(crate) async fn person(
        &self,
        actor: &Actor,
        given: &Given,
        sub: &str,
    ) -> (Option<String>, Option<String>) {
        let Ok(Metadata {
            userinfo: Some(url),
            ..
        }) = self.metadata(actor).await
        else {
            return (None, None);
        };
        let Ok(request) = Self::get(url, Some(&given.access_token)) else {
            return (None, None);
        };
        match self.ask(actor, request).await {
            Ok((200, told)) if told.get("sub").and_then(Value::as_str) == Some(sub) => {
                let text = |name: &str| told.get(name).and_then(Value::as_str).map(str::to_owned);
                (text("name"), text("email"))
            }
            _ => (None, None),
        }
    }
}

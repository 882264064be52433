//! What tests of an actor need that its stage would otherwise give it: a clock that stands still, scripted peers on the wire,
//! and an issuer's key.

use std::net::SocketAddr;

use axum::extract::Request;
use carnet_certs::Authority;
use carnet_profile::jose::Jwks;
use carnet_profile::testing::{Draft, SigningKey, Way};
use http::HeaderMap;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    Body, Chance, Clock, JournalOptions, Place, ServerOptions, Stage, StageError, StageOptions,
    body::read_limited,
};

/// Longest body of a request that a scripted peer takes.
const LIMIT: usize = 1 << 20;

/// A stage whose clock shows these Unix seconds until it is moved, with the same chance every time.
pub fn stage_at(name: &str, seconds: i64) -> Result<Stage, String> {
    let start = Timestamp::from_second(seconds).map_err(|error| error.to_string())?;
    Stage::new(StageOptions {
        chance: Chance::from_seed(7),
        unpredictable: false,
        clock: Clock::manual(start),
        journal: JournalOptions::default(),
        authority: Authority::new(name).map_err(|error| error.to_string())?,
        extra_roots: Vec::new(),
        server: ServerOptions::default(),
    })
    .map_err(|error| error.to_string())
}

/// Binds a peer on a port of the system's choice, under the host that only the stage's clients know.
pub async fn bind(stage: &Stage, name: &str, host: &str) -> Result<Place, StageError> {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    stage.bind(name, name, host, any, true).await
}

/// A request that a scripted peer got.
#[derive(Clone, Debug)]
pub struct Received {
    /// The peer.
    pub to: String,
    /// Its method.
    pub method: String,
    /// Its path.
    pub path: String,
    /// Its query; empty when there is none.
    pub query: String,
    /// Its header fields.
    pub headers: HeaderMap,
    /// Its body, as text.
    pub body: String,
}

impl Received {
    /// Reads a request whole.
    pub async fn read(to: &str, request: Request<Body>) -> Self {
        let (head, body) = request.into_parts();
        let body = read_limited(body, LIMIT).await.unwrap_or_default();
        Self {
            to: to.to_owned(),
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: head.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    /// A header field that is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Whether an issuer's metadata or keys are asked for, which every actor does in its own time.
    pub fn is_discovery(&self) -> bool {
        self.path.contains("/.well-known/") || self.path == "/jwk"
    }
}

/// A scripted issuer's ES256 key.
#[derive(Debug)]
pub struct IssuerKey {
    issuer: String,
    key: SigningKey,
}

impl IssuerKey {
    /// A fresh one for an issuer, whose URL ends in a slash.
    pub fn new(issuer: &str) -> Result<Self, String> {
        Ok(Self {
            issuer: issuer.to_owned(),
            key: SigningKey::p256("es1").map_err(|error| error.to_string())?,
        })
    }

    /// A token with these claims.
    pub fn sign(&self, claims: &Value) -> Result<String, String> {
        let claims = claims.as_object().cloned().unwrap_or_default();
        Draft::new(claims)
            .header("kid", self.key.kid())
            .header("alg", "ES256")
            .sign(&self.key, Way::Usual)
            .map_err(|error| error.to_string())
    }

    /// What the issuer answers to a request for its metadata or its keys; nothing to any other.
    pub fn discovery(&self, path: &str) -> Option<Value> {
        let issuer = &self.issuer;
        match path {
            "/.well-known/openid-configuration" => Some(json!({
                "issuer": issuer, "jwks_uri": format!("{issuer}jwk"), "token_endpoint": format!("{issuer}token"),
            })),
            "/jwk" => Some(
                Jwks {
                    keys: vec![self.key.jwk()],
                }
                .to_json(),
            ),
            _ => None,
        }
    }
}

//! A small stage for tests: an issuer that is nothing but keys, and storage elements served over HTTPS.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "shared by tests, each of which uses a part"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use carnet_certs::Authority;
use carnet_profile::jose::base64url;
use carnet_stage::{
    Actor, Chance, Clock, Event, JournalOptions, Record, ServerOptions, Stage, StageOptions,
    StateChange,
};
use carnet_storage::Config;
use http::{Request, Response};
use jiff::SignedDuration;
use rustls_pki_types::ServerName;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

pub const ISSUER: &str = "https://iam.example/";

pub struct TestStage {
    pub stage: Stage,
    pub key: EcdsaKeyPair,
    pub rsa: Option<aws_lc_rs::rsa::KeyPair>,
    pub user: Actor,
}

pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

/// The settings of a storage element that trusts the test issuer.
pub fn config(text: &str) -> Config {
    let mut value: toml::Table = text.parse().unwrap();
    if !value.contains_key("issuers") {
        let issuers: toml::Table = format!("issuers = [{{ url = \"{ISSUER}\" }}]")
            .parse()
            .unwrap();
        value.extend(issuers);
    }
    value.try_into().unwrap()
}

impl TestStage {
    pub async fn new(elements: &[(&str, Config)]) -> Self {
        Self::with_clock(Clock::wall(), elements).await
    }

    /// Without a journal, for measuring.
    pub async fn quiet(elements: &[(&str, Config)]) -> Self {
        let journal = JournalOptions {
            keep: 0,
            digests: false,
            ..JournalOptions::default()
        };
        Self::with(Clock::wall(), journal, elements).await
    }

    pub async fn with_clock(clock: Clock, elements: &[(&str, Config)]) -> Self {
        Self::with(clock, JournalOptions::default(), elements).await
    }

    async fn with(clock: Clock, journal: JournalOptions, elements: &[(&str, Config)]) -> Self {
        let options = StageOptions {
            chance: Chance::from_seed(7),
            unpredictable: false,
            clock,
            journal,
            authority: Authority::new("test").unwrap(),
            extra_roots: Vec::new(),
            server: ServerOptions::default(),
        };
        let stage = Stage::new(options).unwrap();
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = key.public_key().as_ref().to_vec();
        let mut keys = vec![json!({
            "kty": "EC", "crv": "P-256", "kid": "ec1", "alg": "ES256", "use": "sig",
            "x": base64url(&point[1..33]), "y": base64url(&point[33..65]),
        })];
        let storm = elements
            .iter()
            .any(|(_, config)| config.dialect == carnet_storage::dialect::DialectName::Storm);
        let rsa = storm
            .then(|| aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap());
        if let Some(rsa) = &rsa {
            // RFC 8017 A.1.1: a sequence of modulus (256 bytes after a zero) and exponent 65537.
            let der = rsa.public_key().as_ref().to_vec();
            let (n, e) = (&der[9..265], &der[der.len() - 3..]);
            keys.push(json!({
                "kty": "RSA", "kid": "rsa1", "alg": "RS256", "use": "sig",
                "n": base64url(n), "e": base64url(e),
            }));
        }
        let test = Self {
            user: stage.person("alice"),
            stage,
            key,
            rsa,
        };
        test.serve_issuer(keys).await;
        for (name, config) in elements {
            test.serve(name, config.clone()).await;
        }
        test
    }

    async fn serve_issuer(&self, keys: Vec<Value>) {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let place = self
            .stage
            .bind("iam", "issuer", "iam.example", any, true)
            .await
            .unwrap();
        let metadata =
            json!({ "issuer": ISSUER, "jwks_uri": "https://iam.example/jwk" }).to_string();
        let keys = json!({ "keys": keys }).to_string();
        let router = Router::new()
            .route(
                "/.well-known/openid-configuration",
                get(move || async move { metadata }),
            )
            .route("/jwk", get(move || async move { keys }));
        self.stage.open(&place, router).unwrap();
    }

    pub async fn serve(&self, name: &str, config: Config) -> Actor {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let host = format!("{name}.example");
        let place = self
            .stage
            .bind(name, "storage", &host, any, true)
            .await
            .unwrap();
        let actor = self.stage.actor(&place, SignedDuration::ZERO);
        let router = carnet_storage::start(actor.clone(), config).await.unwrap();
        self.stage.open(&place, router).unwrap();
        actor
    }

    /// Some other server, made of routes.
    pub async fn serve_routes(&self, name: &str, router: Router) {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let place = self
            .stage
            .bind(name, "other", &format!("{name}.example"), any, true)
            .await
            .unwrap();
        self.stage.open(&place, router).unwrap();
    }

    /// A server without TLS that has one text for everybody; its port.
    pub async fn serve_plainly(&self, text: &'static str) -> u16 {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = tokio::net::TcpListener::bind(any).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        self.user.spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let mut tcp = tokio::io::BufReader::new(tcp);
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") && tcp.read_line(&mut head).await.unwrap_or(0) > 0
                {
                }
                let length = text.len();
                let body = if head.starts_with("HEAD") { "" } else { text };
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                );
                let _gone_or_told = tcp.get_mut().write_all(answer.as_bytes()).await;
            }
        });
        port
    }

    /// A token with a scope, good for an hour at any storage element.
    pub fn token(&self, scope: &str) -> String {
        self.mint(json!({ "scope": scope }))
    }

    /// A token with these claims over the usual ones; null takes a claim away.
    pub fn mint(&self, claims: Value) -> String {
        let now = self.stage.clock().seconds();
        let mut all = json!({
            "iss": ISSUER, "sub": "alice", "aud": "https://wlcg.cern.ch/jwt/v1/any", "wlcg.ver": "1.0",
            "iat": now, "nbf": now, "exp": now + 3600, "jti": self.user.uuid().to_string(),
        });
        let members = all.as_object_mut().unwrap();
        for (name, value) in claims.as_object().unwrap() {
            if value.is_null() {
                members.remove(name);
            } else {
                members.insert(name.clone(), value.clone());
            }
        }
        self.sign(&all)
    }

    fn sign(&self, claims: &Value) -> String {
        let header = if self.rsa.is_some() {
            json!({ "kid": "rsa1", "alg": "RS256" })
        } else {
            json!({ "kid": "ec1", "alg": "ES256" })
        };
        let signed = format!(
            "{}.{}",
            base64url(header.to_string()),
            base64url(claims.to_string())
        );
        let random = SystemRandom::new();
        let signature = match &self.rsa {
            Some(rsa) => {
                let mut signature = vec![0; rsa.public_modulus_len()];
                let padding = &aws_lc_rs::signature::RSA_PKCS1_SHA256;
                rsa.sign(padding, &random, signed.as_bytes(), &mut signature)
                    .unwrap();
                signature
            }
            None => self
                .key
                .sign(&random, signed.as_bytes())
                .unwrap()
                .as_ref()
                .to_vec(),
        };
        format!("{signed}.{}", base64url(signature))
    }

    /// Sends bytes on a connection of their own, and reads to its end.
    pub async fn tell(&self, name: &str, bytes: &[u8]) -> String {
        let roots = [self.stage.authority().der().clone()];
        let tls = carnet_certs::client_config(&roots, &["http/1.1"]).unwrap();
        let place = self.stage.names().place(name).unwrap();
        let tcp = TcpStream::connect(place.addr).await.unwrap();
        let host = ServerName::try_from(place.host.clone()).unwrap();
        let mut tls = TlsConnector::from(tls).connect(host, tcp).await.unwrap();
        tls.write_all(bytes).await.unwrap();
        let mut heard = Vec::new();
        let whole = Clock::within_real(Duration::from_secs(10), tls.read_to_end(&mut heard)).await;
        let heard = String::from_utf8_lossy(&heard).into_owned();
        assert!(whole.is_some(), "the connection stays open after {heard:?}");
        heard
    }

    /// Sends a request and reads the whole answer.
    pub async fn ask(
        &self,
        method: &str,
        url: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let answer = self.send(method, url, token, headers, body).await;
        let (parts, body) = answer.into_parts();
        let body = carnet_stage::body::read_limited(body, 1 << 28)
            .await
            .unwrap();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.to_vec(),
        }
    }

    /// Sends a request.
    pub async fn send(
        &self,
        method: &str,
        url: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(url);
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.user
            .client()
            .http1()
            .send(request.body(body.into()).unwrap())
            .await
            .unwrap()
    }

    /// Every record so far.
    pub fn records(&self) -> Vec<Arc<Record>> {
        self.stage.journal().records()
    }

    /// The states a file went through at an actor, as `from>to`.
    pub fn states(&self, actor: &str, id: &str) -> Vec<String> {
        self.records()
            .iter()
            .filter(|record| record.actor == actor)
            .filter_map(|record| match &record.event {
                Event::State(StateChange {
                    id: of, from, to, ..
                }) if of == id => Some(format!("{from}>{to}")),
                _ => None,
            })
            .collect()
    }
}

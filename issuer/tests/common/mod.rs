//! An issuer without sockets, and a user agent for it: requests go straight into its routes.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "a test bench: every test uses its part, and unwraps"
)]

pub mod asks;

use std::collections::HashMap;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use carnet_certs::Authority;
use carnet_issuer::{Config, Started, build};
use carnet_stage::{
    Body, Chance, Clock, Handler, JournalOptions, Place, ServerOptions, Stage, StageOptions,
};
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// The exchange grant.
pub const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// The device grant.
pub const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// An answer, whole.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body text.
    pub body: String,
}

impl Answer {
    /// A header's first value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }

    /// The body as JSON, or null.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// A text member of the JSON body.
    pub fn text(&self, member: &str) -> String {
        self.json()[member].as_str().unwrap_or_default().to_owned()
    }

    /// The claims of the access token.
    pub fn claims(&self) -> Value {
        claims(&self.text("access_token"))
    }
}

/// The payload of a compact token, unverified.
pub fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap_or_default();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap_or_default()).unwrap_or_default()
}

/// A running issuer.
pub struct Bench {
    /// What answers its requests.
    pub handler: Handler,
    /// Its parts.
    pub started: Started,
    /// The stage it stands on.
    pub stage: Stage,
}

impl Bench {
    /// An issuer of that configuration at `https://iam.example`.
    pub fn new(config: Config) -> Self {
        let options = StageOptions {
            chance: Chance::from_seed(1),
            unpredictable: false,
            clock: Clock::manual(Timestamp::from_second(1_800_000_000).unwrap()),
            journal: JournalOptions::default(),
            authority: Authority::new("test").unwrap(),
            extra_roots: Vec::new(),
            server: ServerOptions::default(),
        };
        let stage = Stage::new(options).unwrap();
        let place = Place {
            name: "iam".into(),
            kind: "issuer".into(),
            host: "iam.example".into(),
            port: None,
            addr: SocketAddr::from(([127, 0, 0, 1], 1)),
            external: false,
        };
        let actor = stage.actor(&place, SignedDuration::ZERO);
        let started = build(actor, config, None).unwrap();
        Self {
            handler: started.handler.clone(),
            started,
            stage,
        }
    }

    /// From the `[actors.iam.issuer]` table of a topology, or from a bare configuration.
    pub fn from_toml(text: &str) -> Self {
        let table: toml::Table = toml::from_str(text).unwrap();
        let issuer = table
            .get("actors")
            .and_then(|a| a.get("iam"))
            .and_then(|a| a.get("issuer"));
        let config = match issuer {
            Some(issuer) => issuer.clone().try_into().unwrap(),
            None => toml::Value::Table(table).try_into().unwrap(),
        };
        Self::new(config)
    }

    /// Moves the clock.
    pub fn advance(&self, seconds: u64) {
        self.stage
            .clock()
            .advance(std::time::Duration::from_secs(seconds));
    }

    /// Sends a request.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        ask(&self.handler, request).await
    }

    /// Sends a request with a form (or none) and headers.
    pub async fn call(
        &self,
        method: &str,
        path: &str,
        form: Option<&[(&str, &str)]>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("accept", "*/*");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match form {
            None => Body::empty(),
            Some(form) => {
                request = request.header("content-type", "application/x-www-form-urlencoded");
                Body::from(
                    form_urlencoded::Serializer::new(String::new())
                        .extend_pairs(form)
                        .finish(),
                )
            }
        };
        self.send(request.body(body).unwrap()).await
    }

    /// A request of the administrator, at the issuer's admin listener (`admin_secret = "open"`).
    pub async fn admin(&self, method: &str, path: &str, body: Value) -> Answer {
        let router = carnet_issuer::admin_router(&self.started.issuer).unwrap();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", "Bearer open");
        ask(
            &router.into(),
            request.body(Body::from(body.to_string())).unwrap(),
        )
        .await
    }

    /// A token request by Basic.
    pub async fn token(&self, client: &str, secret: &str, form: &[(&str, &str)]) -> Answer {
        let basic = basic(client, secret);
        self.call("POST", "/token", Some(form), &[("authorization", &basic)])
            .await
    }
}

async fn ask(handler: &Handler, request: Request<Body>) -> Answer {
    let (parts, body) = handler.call(request).await.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: String::from_utf8_lossy(&bytes).into_owned(),
    }
}

/// The value of an `Authorization` header.
pub fn basic(client: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{client}:{secret}")))
}

/// A browser with cookies, logged in.
#[derive(Default)]
pub struct Browser {
    cookies: HashMap<String, String>,
}

impl Browser {
    /// Logs in.
    pub async fn login(bench: &Bench, user: &str, password: &str) -> Self {
        let mut browser = Self::default();
        browser.get(bench, "/login").await;
        browser
            .post(
                bench,
                "/login",
                &[("username", user), ("password", password)],
            )
            .await;
        browser
    }

    /// The session's id.
    pub fn session(&self) -> String {
        self.cookies.get("JSESSIONID").cloned().unwrap_or_default()
    }

    /// GET.
    pub async fn get(&mut self, bench: &Bench, path: &str) -> Answer {
        self.call(bench, "GET", path, None).await
    }

    /// POST.
    pub async fn post(&mut self, bench: &Bench, path: &str, form: &[(&str, &str)]) -> Answer {
        self.call(bench, "POST", path, Some(form)).await
    }

    async fn call(
        &mut self,
        bench: &Bench,
        method: &str,
        path: &str,
        form: Option<&[(&str, &str)]>,
    ) -> Answer {
        let cookie = self
            .cookies
            .iter()
            .map(|(n, v)| format!("{n}={v}"))
            .collect::<Vec<_>>()
            .join("; ");
        let answer = bench.call(method, path, form, &[("cookie", &cookie)]).await;
        for value in answer.headers.get_all("set-cookie") {
            let first = value.to_str().unwrap().split(';').next().unwrap();
            if let Some((name, value)) = first.split_once('=') {
                self.cookies.insert(name.into(), value.into());
            }
        }
        answer
    }
}

/// The scope fields of a consent page: name and value.
pub fn scope_fields(html: &str) -> Vec<(String, String)> {
    let plain = |text: &str| {
        text.replace("&#x2f;", "/")
            .replace("&amp;", "&")
            .replace("&quot;", "\"")
            .replace("&#x27;", "'")
    };
    let field = |piece: &str| {
        let (name, rest) = piece.split_once('"')?;
        let (_, value) = rest.split_once("value=\"")?;
        let (value, _) = value.split_once('"')?;
        (name.starts_with("scope.") || name.starts_with("scope_"))
            .then(|| (plain(name), plain(value)))
    };
    html.split("name=\"").skip(1).filter_map(field).collect()
}

/// A query parameter of a redirect.
pub fn query(location: &str, name: &str) -> Option<String> {
    let (_, query) = location.split_once(['?', '#'])?;
    form_urlencoded::parse(query.as_bytes())
        .find(|(n, _)| n == name)
        .map(|(_, v)| v.into_owned())
}

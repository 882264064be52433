//! A stage for FTS alone: a scripted issuer and two scripted storage elements answer it.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "every test file takes what it needs"
)]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use carnet_fts::Config;
use carnet_fts::config::IssuerConfig;
use carnet_stage::body::read_limited;
use carnet_stage::{
    Actor, Chance, Clock, Event, JournalOptions, Record, ServerOptions, Stage, StageOptions,
};
use http::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

pub const ISSUER: &str = "https://iam.example/";
pub const START: i64 = 1_795_000_000;

/// A request that one of the scripted services got.
#[derive(Clone, Debug)]
pub struct Got {
    pub to: String,
    pub method: String,
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Got {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// `fts COPY se2 /example/file`: what a sequence is compared by.
    pub fn line(&self) -> String {
        format!("{} {} {}", self.method, self.to, self.path)
    }
}

/// What a scripted service answers.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
    /// Never ends the body.
    pub hang: bool,
}

impl Answer {
    pub fn new(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            hang: false,
        }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

type Script = Arc<dyn Fn(&World, &Got) -> Option<Answer> + Send + Sync>;

/// Everything on this stage.
#[derive(Clone)]
pub struct World {
    shared: Arc<Shared>,
}

struct Shared {
    stage: Stage,
    clock: Clock,
    signer: EcdsaKeyPair,
    got: Mutex<Vec<Got>>,
    script: Mutex<Option<Script>>,
    minted: Mutex<u64>,
    lifetime: Mutex<i64>,
    present: Mutex<HashMap<String, u64>>,
    client: Actor,
}

#[derive(Clone)]
struct Service {
    world: World,
    name: &'static str,
}

impl World {
    /// FTS with this configuration, and everything it needs.
    pub async fn start(config: Config) -> Self {
        let config = Config {
            issuers: if config.issuers.is_empty() {
                vec![IssuerConfig {
                    url: ISSUER.into(),
                    required_scope: Some("fts:submit-transfer".into()),
                    client_id: "fts.example".into(),
                    client_secret: "secret".into(),
                    vo: Some("wlcg".into()),
                }]
            } else {
                config.issuers.clone()
            },
            ..config
        };
        let clock = Clock::manual(Timestamp::from_second(START).unwrap());
        let stage = Stage::new(StageOptions {
            chance: Chance::from_seed(7),
            unpredictable: false,
            clock: clock.clone(),
            journal: JournalOptions::default(),
            authority: carnet_certs::Authority::new("fts-test").unwrap(),
            extra_roots: Vec::new(),
            server: ServerOptions::default(),
        })
        .unwrap();
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let signer =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_ref()).unwrap();
        let client = stage.person("rucio");
        let world = Self {
            shared: Arc::new(Shared {
                stage,
                clock,
                signer,
                got: Mutex::default(),
                script: Mutex::default(),
                minted: Mutex::new(0),
                lifetime: Mutex::new(3600),
                present: Mutex::new(HashMap::from([("se1/example/file".to_owned(), 1_048_576)])),
                client,
            }),
        };
        for (name, host) in [
            ("iam", "iam.example"),
            ("se1", "se1.example"),
            ("se2", "se2.example"),
        ] {
            let place = world.bind(name, host).await;
            let router = Router::new().fallback(serve).with_state(Service {
                world: world.clone(),
                name,
            });
            world.shared.stage.open(&place, router).unwrap();
        }
        let place = world.bind("fts", "fts.example").await;
        let actor = world.shared.stage.actor(&place, SignedDuration::ZERO);
        let router = carnet_fts::start(actor, config).await.unwrap();
        world.shared.stage.open(&place, router).unwrap();
        world
    }

    async fn bind(&self, name: &str, host: &str) -> carnet_stage::Place {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        self.shared
            .stage
            .bind(name, "test", host, any, true)
            .await
            .unwrap()
    }

    /// Answers that go before the usual ones.
    pub fn script(&self, script: impl Fn(&Self, &Got) -> Option<Answer> + Send + Sync + 'static) {
        *self.shared.script.lock().unwrap() = Some(Arc::new(script));
    }

    /// Lifetime of the access tokens that the issuer grants from now on.
    pub fn grant_for(&self, seconds: i64) {
        *self.shared.lifetime.lock().unwrap() = seconds;
    }

    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// A signed token with these claims over the usual ones.
    pub fn token(&self, claims: &Value) -> String {
        let now = self.shared.clock.seconds();
        let mut minted = self.shared.minted.lock().unwrap();
        *minted += 1;
        let mut whole = json!({
            "wlcg.ver": "1.0", "sub": "rucio.example", "aud": "https://fts.example", "iss": ISSUER,
            "nbf": now, "iat": now, "exp": now + 3600, "jti": format!("jti-{minted}"),
            "scope": "fts:submit-transfer",
        });
        if let (Some(whole), Some(claims)) = (whole.as_object_mut(), claims.as_object()) {
            for (name, value) in claims {
                if value.is_null() {
                    whole.remove(name);
                } else {
                    whole.insert(name.clone(), value.clone());
                }
            }
        }
        let header = URL_SAFE_NO_PAD.encode(r#"{"kid":"es1","alg":"ES256"}"#);
        let text = format!("{header}.{}", URL_SAFE_NO_PAD.encode(whole.to_string()));
        let signature = self
            .shared
            .signer
            .sign(&SystemRandom::new(), text.as_bytes())
            .unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    fn jwks(&self) -> Value {
        let point = self.shared.signer.public_key().as_ref().to_vec();
        let (x, y) = (
            URL_SAFE_NO_PAD.encode(&point[1..33]),
            URL_SAFE_NO_PAD.encode(&point[33..]),
        );
        json!({"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "es1", "x": x, "y": y}]})
    }

    /// Requests to the scripted services so far, without those for metadata and keys.
    pub fn got(&self) -> Vec<Got> {
        let got = self.shared.got.lock().unwrap();
        got.iter()
            .filter(|got| !got.path.contains("well-known") && got.path != "/jwk")
            .cloned()
            .collect()
    }

    /// The same as lines.
    pub fn lines(&self) -> Vec<String> {
        self.got().iter().map(Got::line).collect()
    }

    /// Asks FTS something.
    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> (u16, HeaderMap, String) {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("https://fts.example{path}"));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        let answer = self
            .shared
            .client
            .client()
            .http1()
            .send(request.unwrap())
            .await
            .unwrap();
        let (parts, body) = answer.into_parts();
        let body = read_limited(body, 1 << 24).await.unwrap();
        (
            parts.status.as_u16(),
            parts.headers,
            String::from_utf8(body.to_vec()).unwrap(),
        )
    }

    /// Asks FTS for JSON.
    pub async fn json(&self, path: &str, token: &str) -> Value {
        let (_, _, body) = self.ask("GET", path, Some(token), None).await;
        serde_json::from_str(&body).unwrap_or_else(|_| panic!("not JSON: {body}"))
    }

    /// Submits and gives the job's id.
    pub async fn submit(&self, token: &str, body: &Value) -> String {
        let (status, _, answer) = self.ask("POST", "/jobs", Some(token), Some(body)).await;
        assert_eq!(status, 200, "{answer}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["job_id"].as_str().unwrap().to_owned()
    }

    /// Waits until the journal tells that a job, file or token came to one of these states. Gives the state.
    pub async fn until(&self, entity: &str, id: Option<&str>, states: &[&str]) -> String {
        let reached = |record: &Record| match &record.event {
            Event::State(change) => {
                change.entity == entity
                    && id.is_none_or(|id| id == change.id)
                    && states.contains(&change.to.as_str())
            }
            _ => false,
        };
        let journal = self.shared.stage.journal();
        let found = journal.wait_for(Duration::from_secs(30), reached).await;
        match found.as_ref().map(|record| &record.event) {
            Some(Event::State(change)) => change.to.clone(),
            _ => panic!(
                "{entity} {id:?} never came to {states:?}: {:#?}, tokens {:#?}, asked {:#?}",
                self.changes(entity),
                self.changes("fts.token"),
                self.lines()
            ),
        }
    }

    /// Waits until an entity went from one state to another.
    pub async fn until_change(&self, entity: &str, from: &str, to: &str) {
        let reached = |record: &Record| match &record.event {
            Event::State(change) => {
                change.entity == entity && change.from == from && change.to == to
            }
            _ => false,
        };
        let found = self
            .shared
            .stage
            .journal()
            .wait_for(Duration::from_secs(30), reached)
            .await;
        assert!(
            found.is_some(),
            "{entity} never went from {from} to {to}: {:#?}",
            self.changes(entity)
        );
    }

    /// Whether an entity comes to a state within a moment.
    pub async fn has(&self, entity: &str, state: &str) -> bool {
        let reached = |record: &Record| match &record.event {
            Event::State(change) => change.entity == entity && change.to == state,
            _ => false,
        };
        let journal = self.shared.stage.journal();
        journal
            .wait_for(Duration::from_millis(10), reached)
            .await
            .is_some()
    }

    /// When an entity first came to a state, Unix seconds on the stage's clock.
    pub fn told_at(&self, entity: &str, state: &str) -> Option<i64> {
        self.records()
            .iter()
            .find_map(|record| match &record.event {
                Event::State(change) if change.entity == entity && change.to == state => {
                    Some(record.at.as_second())
                }
                _ => None,
            })
    }

    /// Waits until a job has ended. Gives its state.
    pub async fn end(&self, job: &str) -> String {
        self.until(
            "fts.job",
            Some(job),
            &["FINISHED", "FAILED", "FINISHEDDIRTY", "CANCELED"],
        )
        .await
    }

    pub fn records(&self) -> Vec<Arc<Record>> {
        self.shared.stage.journal().records()
    }

    /// Changes of state as `from>to`, in order.
    pub fn changes(&self, entity: &str) -> Vec<String> {
        let records = self.records();
        let changes = records.iter().filter_map(|record| match &record.event {
            Event::State(change) if change.entity == entity => {
                Some(format!("{}>{}", change.from, change.to))
            }
            _ => None,
        });
        changes.collect()
    }

    /// Reasons of the files of a job.
    pub async fn reasons(&self, job: &str, token: &str) -> Vec<String> {
        let files = self.json(&format!("/jobs/{job}/files"), token).await;
        let files = files.as_array().cloned().unwrap_or_default();
        files
            .iter()
            .map(|file| file["reason"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    pub fn actor(&self) -> &Actor {
        &self.shared.client
    }

    pub async fn stop(&self) {
        self.shared.stage.stop().await;
    }

    fn usual(&self, got: &Got) -> Answer {
        match (got.to.as_str(), got.method.as_str(), got.path.as_str()) {
            ("iam", "GET", "/.well-known/openid-configuration") => Answer::new(
                200,
                json!({"issuer": ISSUER, "jwks_uri": "https://iam.example/jwk",
                    "token_endpoint": "https://iam.example/token"})
                .to_string(),
            ),
            ("iam", "GET", "/jwk") => Answer::new(200, self.jwks().to_string()),
            ("iam", "POST", "/token") => self.grant(&got.body),
            (_, "COPY", path) => {
                let size = 1_048_576;
                self.shared
                    .present
                    .lock()
                    .unwrap()
                    .insert(format!("{}{path}", got.to), size);
                Answer::new(
                    202,
                    "Perf Marker\nTimestamp: 1\nStripe Index: 0\nStripe Bytes Transferred: 524288\n\
                     Total Stripe Count: 1\nEnd\nsuccess: Created\n",
                )
            }
            (to, "HEAD", path) => match self.size(to, path) {
                Some(size) => {
                    let answer = Answer::new(200, "").with("content-length", size.to_string());
                    if got.header("want-digest").is_some() {
                        answer.with("digest", "adler32=348049b0")
                    } else {
                        answer
                    }
                }
                None => Answer::new(404, ""),
            },
            (to, "PROPFIND", path) => match self.size(to, path) {
                Some(size) => Answer::new(
                    207,
                    format!("<D:prop><lp1:getcontentlength>{size}</lp1:getcontentlength></D:prop>"),
                ),
                None if path == "/example" => Answer::new(207, "<D:collection/>"),
                None => Answer::new(404, "no such file"),
            },
            (to, "DELETE", path) => {
                let gone = self
                    .shared
                    .present
                    .lock()
                    .unwrap()
                    .remove(&format!("{to}{path}"));
                Answer::new(if gone.is_some() { 204 } else { 404 }, "")
            }
            (_, "MKCOL", _) => Answer::new(201, ""),
            _ => Answer::new(501, ""),
        }
    }

    fn size(&self, to: &str, path: &str) -> Option<u64> {
        self.shared
            .present
            .lock()
            .unwrap()
            .get(&format!("{to}{path}"))
            .copied()
    }

    /// Puts a file at a storage element.
    pub fn put(&self, to: &str, path: &str, size: u64) {
        self.shared
            .present
            .lock()
            .unwrap()
            .insert(format!("{to}{path}"), size);
    }

    /// The issuer's grant: an access token for what is asked, a refresh token for `offline_access`.
    pub fn grant(&self, form: &str) -> Answer {
        let form: HashMap<String, String> = form_urlencoded::parse(form.as_bytes())
            .into_owned()
            .collect();
        let asked = |name: &str| form.get(name).cloned().unwrap_or_default();
        let lifetime = *self.shared.lifetime.lock().unwrap();
        let audience: Vec<String> = asked("audience")
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        let now = self.shared.clock.seconds();
        let scope = asked("scope");
        let access = self.token(&json!({"aud": audience, "scope": scope, "exp": now + lifetime}));
        let mut answer = json!({"access_token": access, "token_type": "Bearer",
            "expires_in": lifetime, "scope": scope});
        if scope.split_whitespace().any(|one| one == "offline_access") {
            answer["refresh_token"] = json!(format!("refresh-of-{}", asked("audience")));
        }
        Answer::new(200, answer.to_string())
    }
}

async fn serve(State(service): State<Service>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let body = read_limited(body, 1 << 20).await.unwrap_or_default();
    let got = Got {
        to: service.name.to_owned(),
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        headers: parts.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    service.world.shared.got.lock().unwrap().push(got.clone());
    let script = service.world.shared.script.lock().unwrap().clone();
    let answer = script
        .and_then(|script| script(&service.world, &got))
        .unwrap_or_else(|| service.world.usual(&got));
    let mut response = Response::builder().status(StatusCode::from_u16(answer.status).unwrap());
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    let body = if answer.hang {
        let first = futures_util::stream::iter([Ok::<_, std::io::Error>(answer.body)]);
        Body::from_stream(futures_util::StreamExt::chain(
            first,
            futures_util::stream::pending(),
        ))
    } else {
        Body::from(answer.body)
    };
    response.body(body).unwrap()
}

/// The submission of flow A4.
pub fn one_file() -> Value {
    json!({"files": [{"sources": ["https://se1.example/example/file"],
        "destinations": ["https://se2.example/example/file"], "checksum": "ADLER32:348049b0",
        "filesize": 1_048_576, "metadata": {"request_id": "r1"}}],
        "params": {"verify_checksum": "both"}})
}

//! A stage for FTS alone: a scripted issuer and two scripted storage elements answer it.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "every test file takes what it needs"
)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use carnet_fts::Config;
use carnet_fts::config::IssuerConfig;
use carnet_stage::body::read_limited;
pub use carnet_stage::testing::Received as Got;
use carnet_stage::testing::{self, IssuerKey};
use carnet_stage::{Actor, Clock, Event, Record, Stage};
use http::{HeaderMap, StatusCode};
use jiff::SignedDuration;
use serde_json::{Value, json};

pub const ISSUER: &str = "https://iam.example/";
pub const START: i64 = 1_795_000_000;

/// `COPY se2 /example/file`: what a sequence is compared by.
pub fn line(got: &Got) -> String {
    format!("{} {} {}", got.method, got.to, got.path)
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
    key: IssuerKey,
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
        let stage = testing::stage_at("fts-test", START).unwrap();
        let clock = stage.clock().clone();
        let key = IssuerKey::new(ISSUER).unwrap();
        let client = stage.person("rucio");
        let world = Self {
            shared: Arc::new(Shared {
                stage,
                clock,
                key,
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
            let place = testing::bind(&world.shared.stage, name, host)
                .await
                .unwrap();
            let router = Router::new().fallback(serve).with_state(Service {
                world: world.clone(),
                name,
            });
            world.shared.stage.open(&place, router).unwrap();
        }
        let place = testing::bind(&world.shared.stage, "fts", "fts.example")
            .await
            .unwrap();
        let actor = world.shared.stage.actor(&place, SignedDuration::ZERO);
        let router = carnet_fts::start(actor, config).await.unwrap();
        world.shared.stage.open(&place, router).unwrap();
        world
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
        self.shared.key.sign(&whole).unwrap()
    }

    /// Requests to the scripted services so far, without those for metadata and keys.
    pub fn got(&self) -> Vec<Got> {
        let got = self.shared.got.lock().unwrap();
        got.iter()
            .filter(|got| !got.is_discovery())
            .cloned()
            .collect()
    }

    /// The same as lines.
    pub fn lines(&self) -> Vec<String> {
        self.got().iter().map(line).collect()
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
            ("iam", "GET", path) => match self.shared.key.discovery(path) {
                Some(document) => Answer::new(200, document.to_string()),
                None => Answer::new(404, ""),
            },
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
    let got = Got::read(service.name, request).await;
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

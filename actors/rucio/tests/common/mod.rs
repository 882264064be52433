//! A stage for Rucio alone: an issuer that signs what it is asked for, and an FTS that says what it is told to.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "every test file takes what it needs"
)]
#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

pub mod calls;

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use carnet_rucio::Config;
use carnet_rucio::config::{AccountConfig, AccountType, DidConfig, RseConfig};
use carnet_stage::body::read_limited;
use carnet_stage::testing::{self, IssuerKey, Received};
use carnet_stage::{Actor, Body, Clock, Event, Stage};
use http::{HeaderMap, Method, StatusCode};
use indexmap::IndexMap;
use jiff::SignedDuration;
use serde_json::{Value, json};

pub const ISSUER: &str = "https://iam.example/";
pub const START: i64 = 1_795_300_000;

/// How long a test waits for something that must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A world with SE1 and SE2, the file `example:file` at SE1, `root` with a password and `alice` with an identity.
pub fn config() -> Config {
    let rse = |host: &str| RseConfig {
        url: format!("https://{host}.example"),
        ..RseConfig::default()
    };
    let root = AccountConfig {
        r#type: AccountType::Service,
        userpass: IndexMap::from([("ddmlab".into(), "secret".into())]),
        ..AccountConfig::default()
    };
    let alice = AccountConfig {
        oidc: vec!["alice-sub".into()],
        scopes: vec!["user.alice".into()],
        ..AccountConfig::default()
    };
    Config {
        client_id: "rucio.example".into(),
        client_secret: "rucio-secret".into(),
        rses: IndexMap::from([("SE1".into(), rse("se1")), ("SE2".into(), rse("se2"))]),
        accounts: IndexMap::from([("root".into(), root), ("alice".into(), alice)]),
        dids: vec![DidConfig {
            scope: "example".into(),
            name: "file".into(),
            bytes: 5,
            adler32: Some("0cc602d9".into()),
            path: None,
            rses: vec!["SE1".into()],
        }],
        poll_from_ms: 1,
        ..Config::default()
    }
}

/// A request that a peer got.
#[derive(Clone, Debug)]
pub struct Got(Received);

impl Deref for Got {
    type Target = Received;

    fn deref(&self) -> &Received {
        &self.0
    }
}

impl Got {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Pairs of a form, tokens shown as `<token>`.
    pub fn form(&self) -> Vec<(String, String)> {
        let pairs = form_urlencoded::parse(self.body.as_bytes()).into_owned();
        pairs
            .map(|(key, value)| {
                if key.ends_with("_token") {
                    (key, "<token>".into())
                } else {
                    (key, value)
                }
            })
            .collect()
    }

    /// The claims of its bearer token.
    pub fn bearer(&self) -> Option<Value> {
        let text = self
            .headers
            .get("authorization")?
            .to_str()
            .ok()?
            .strip_prefix("Bearer ")?;
        Some(claims(text))
    }
}

/// The claims of a token.
pub fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// What the issuer does with a request for a token: refuse, or change the claims before it signs.
pub type Mood = Arc<dyn Fn(&[(String, String)], &mut Value) -> Option<(u16, Value)> + Send + Sync>;

struct Shared {
    stage: Stage,
    client: Actor,
    key: IssuerKey,
    got: Mutex<Vec<Got>>,
    mood: Mutex<Option<Mood>>,
    submissions: Mutex<VecDeque<(u16, String)>>,
    polls: Mutex<VecDeque<Value>>,
    job: Mutex<Value>,
    minted: Mutex<u64>,
}

/// Everything on this stage.
#[derive(Clone)]
pub struct World {
    shared: Arc<Shared>,
}

/// An answer of Rucio.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// The lines of a stream.
    pub fn rows(&self) -> Vec<Value> {
        self.text
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
}

impl World {
    /// Rucio with this configuration, its issuer and its FTS.
    pub async fn start(config: Config) -> Self {
        let stage = testing::stage_at("rucio-test", START).unwrap();
        let key = IssuerKey::new(ISSUER).unwrap();
        let client = stage.person("client");
        let world = Self {
            shared: Arc::new(Shared {
                stage,
                client,
                key,
                got: Mutex::default(),
                mood: Mutex::default(),
                submissions: Mutex::default(),
                polls: Mutex::default(),
                job: Mutex::default(),
                minted: Mutex::default(),
            }),
        };
        for (name, host) in [("iam", "iam.example"), ("fts", "fts.example")] {
            let actor = world.place(name, host).await;
            let router = Router::new()
                .fallback(peer)
                .with_state((world.clone(), name));
            world.shared.stage.open(actor.place(), router).unwrap();
        }
        let actor = world.place("rucio", "rucio.example").await;
        let router = carnet_rucio::start(actor.clone(), config).await.unwrap();
        world.shared.stage.open(actor.place(), router).unwrap();
        world
    }

    async fn place(&self, name: &str, host: &str) -> Actor {
        let place = testing::bind(&self.shared.stage, name, host).await.unwrap();
        self.shared.stage.actor(&place, SignedDuration::ZERO)
    }

    pub fn clock(&self) -> &Clock {
        self.shared.stage.clock()
    }

    /// Sets the issuer's mood.
    pub fn mood(
        &self,
        mood: impl Fn(&[(String, String)], &mut Value) -> Option<(u16, Value)> + Send + Sync + 'static,
    ) {
        *self.shared.mood.lock().unwrap() = Some(Arc::new(mood));
    }

    /// What FTS answers to the next submission.
    pub fn next_submission(&self, status: u16, body: &str) {
        self.shared
            .submissions
            .lock()
            .unwrap()
            .push_back((status, body.to_owned()));
    }

    /// What FTS says about the job from the next poll on: job state, file state, reason.
    pub fn next_poll(&self, job: &str, file: &str, reason: &str) {
        self.shared
            .polls
            .lock()
            .unwrap()
            .push_back(json!({"job_state": job, "file_state": file, "reason": reason}));
    }

    /// What the peers got, but for discovery and keys.
    pub fn got(&self) -> Vec<Got> {
        let got = self.shared.got.lock().unwrap();
        got.iter().filter(|g| !g.is_discovery()).cloned().collect()
    }

    /// The submissions that FTS got.
    pub fn jobs(&self) -> Vec<Got> {
        self.got()
            .into_iter()
            .filter(|g| g.to == "fts" && g.method == "POST")
            .collect()
    }

    /// Asks Rucio.
    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let mut request = http::Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(format!("https://rucio.example{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = body.map_or_else(Body::empty, |b| Body::from(b.to_string()));
        let answer = self
            .shared
            .client
            .client()
            .send(request.body(body).unwrap())
            .await
            .unwrap();
        let (head, body) = answer.into_parts();
        let text = String::from_utf8(read_limited(body, 1 << 20).await.unwrap().to_vec()).unwrap();
        Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            text,
        }
    }

    /// Logs in as root.
    pub async fn login(&self) -> String {
        let headers = [
            ("X-Rucio-Account", "root"),
            ("X-Rucio-Username", "ddmlab"),
            ("X-Rucio-Password", "secret"),
        ];
        let answer = self.ask("GET", "/auth/userpass", &headers, None).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.header("X-Rucio-Auth-Token").to_owned()
    }

    /// Makes a rule for `example:file` on SE2.
    pub async fn rule(&self, token: &str) -> Answer {
        let body = json!({"dids": [{"scope": "example", "name": "file"}], "copies": 1, "rse_expression": "SE2", "grouping": "DATASET"});
        self.ask(
            "POST",
            "/rules/",
            &[("X-Rucio-Auth-Token", token)],
            Some(body),
        )
        .await
    }

    /// Waits until a rule leaves `REPLICATING`; where it then stands and why.
    pub async fn settled(&self, id: &str) -> (String, String) {
        let found = self.shared.stage.journal().wait_for(PATIENCE, |record| {
            matches!(&record.event, Event::State(s) if s.entity == "rucio.rule" && s.id == id && s.from == "REPLICATING")
        });
        let record = found.await.expect("the rule settles");
        let Event::State(state) = &record.event else {
            unreachable!("it is a state")
        };
        (state.to.clone(), state.why.clone())
    }

    /// Every state that the journal tells of an entity, in order.
    pub fn states(&self, entity: &str) -> Vec<String> {
        let records = self.shared.stage.journal().records();
        let of = records.iter().filter_map(|r| {
            if let Event::State(s) = &r.event {
                Some(s)
            } else {
                None
            }
        });
        of.filter(|s| s.entity == entity)
            .map(|s| format!("{}→{}", s.from, s.to))
            .collect()
    }

    /// The judgements that Rucio made: demand and, when refused, the first check that failed.
    pub fn judged(&self) -> Vec<(String, Option<String>)> {
        let records = self.shared.stage.journal().records();
        let judged = records.iter().filter_map(|r| {
            if let Event::Judged(j) = &r.event {
                Some(j)
            } else {
                None
            }
        });
        judged
            .map(|j| {
                (
                    j.demand.clone(),
                    j.checks.iter().find(|c| !c.ok).map(|c| c.name.to_string()),
                )
            })
            .collect()
    }

    /// A token as the issuer would make it.
    pub fn token(&self, change: impl FnOnce(&mut Value)) -> String {
        let now = self.clock().seconds();
        let mut minted = self.shared.minted.lock().unwrap();
        *minted += 1;
        let mut claims = json!({
            "wlcg.ver": "1.0", "sub": "alice-sub", "aud": "https://rucio.example", "nbf": now, "scope": "openid wlcg.groups",
            "iss": ISSUER, "exp": now + 3600, "iat": now, "jti": format!("t{minted}"), "client_id": "trainee",
            "wlcg.groups": ["/wlcg", "/wlcg/xfers"],
        });
        change(&mut claims);
        self.sign(&claims)
    }

    fn sign(&self, claims: &Value) -> String {
        self.shared.key.sign(claims).unwrap()
    }

    fn issuer(&self, got: &Got) -> (u16, Value) {
        match self.shared.key.discovery(&got.path) {
            Some(document) => (200, document),
            None => self.grant(got),
        }
    }

    fn grant(&self, got: &Got) -> (u16, Value) {
        let form: Vec<(String, String)> = form_urlencoded::parse(got.body.as_bytes())
            .into_owned()
            .collect();
        let get = |key: &str| form.iter().find(|(k, _)| k == key).map(|(_, v)| v.clone());
        let subject = get("subject_token").map(|t| claims(&t)["sub"].clone());
        let audience = get("audience").unwrap_or_default();
        let scope = get("scope").unwrap_or_else(|| "openid wlcg.groups offline_access".into());
        let now = self.clock().seconds();
        let mut claims = json!({
            "wlcg.ver": "1.0", "sub": subject.unwrap_or_else(|| json!("rucio.example")), "aud": audience, "nbf": now, "scope": scope,
            "iss": ISSUER, "exp": now + 3600, "iat": now, "jti": format!("g{now}-{}", self.got().len()), "client_id": "rucio.example",
        });
        let mood = self.shared.mood.lock().unwrap().clone();
        if let Some(refusal) = mood.and_then(|mood| mood(&form, &mut claims)) {
            return refusal;
        }
        let mut answer = json!({"access_token": self.sign(&claims), "token_type": "Bearer", "expires_in": 3599, "scope": scope});
        if scope.contains("offline_access")
            && get("grant_type").as_deref() != Some("client_credentials")
        {
            answer["refresh_token"] = json!("refresh-me");
        }
        (200, answer)
    }

    fn fts(&self, got: &Got) -> (u16, Value) {
        if got.method == "POST" {
            *self.shared.job.lock().unwrap() = got.json();
            let scripted = self.shared.submissions.lock().unwrap().pop_front();
            return match scripted {
                Some((status, body)) => {
                    (status, serde_json::from_str(&body).unwrap_or(json!(body)))
                }
                None => (
                    200,
                    json!({"job_id": "6f1cd8c2-ea10-11f0-9c33-0242ac110002"}),
                ),
            };
        }
        let mut polls = self.shared.polls.lock().unwrap();
        let said = if polls.len() > 1 {
            polls.pop_front()
        } else {
            polls.front().cloned()
        };
        let said = said.unwrap_or_else(
            || json!({"job_state": "FINISHED", "file_state": "FINISHED", "reason": ""}),
        );
        if said["job_state"] == "LOST" {
            return (
                404,
                json!({"job_id": "6f1cd8c2-ea10-11f0-9c33-0242ac110002", "http_status": "404 Not Found", "http_message": "No job"}),
            );
        }
        let file = &self.shared.job.lock().unwrap()["files"][0];
        (
            200,
            json!({
                "job_id": "6f1cd8c2-ea10-11f0-9c33-0242ac110002", "http_status": "200 Ok", "job_state": said["job_state"], "job_type": "N",
                "job_metadata": {"issuer": "rucio"}, "reason": said["reason"],
                "files": [{"file_state": said["file_state"], "reason": said["reason"], "file_metadata": file["metadata"],
                           "source_surl": file["sources"][0], "dest_surl": file["destinations"][0], "filesize": 5, "checksum": "ADLER32:0cc602d9"}],
            }),
        )
    }
}

async fn peer(State((world, name)): State<(World, &'static str)>, request: Request) -> Response {
    let got = Got(Received::read(name, request).await);
    let (status, answer) = if name == "iam" {
        world.issuer(&got)
    } else {
        world.fts(&got)
    };
    world.shared.got.lock().unwrap().push(got);
    let mut response = Response::new(Body::from(answer.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

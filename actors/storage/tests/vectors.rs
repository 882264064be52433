//! The validation vectors V-001 to V-155 of the issuer page §4 over HTTPS: a strict storage element, two
//! issuers that are nothing but keys, a clock that stands where the vectors want it. Each request is held
//! to its exact status, its challenge, and the reason that the verdict in the journal gives.

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::routing::get;
use carnet_certs::Authority;
use carnet_profile::testing::Way;
use carnet_profile::vectors::{
    self, Ask, CMS, Expect, Fixture, IAM, NAMESPACE, Setup, Subject, Vector, World,
};
use carnet_stage::{
    Actor, Chance, Clock, Event, JournalOptions, ServerOptions, Stage, StageOptions,
};
use carnet_storage::Config;
use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const T: i64 = 1_800_000_000;
const F1: &str = "https://se1.example/wlcg/data/f1";

/// Vectors that ask something else than a storage element, and what.
const ELSEWHERE: [(&str, &str); 1] = [(
    "V-127a",
    "submits a job to a computing element; a storage element takes no jobs",
)];

/// How often a vector, asked twice, makes the storage element fetch keys: never on behalf of a stranger or of
/// what a token says about itself, and once for a key that may be new.
const FETCHES: [(&str, usize); 3] = [("V-019", 1), ("V-023", 0), ("V-049b", 0)];

/// What an issuer serves: its metadata's `issuer` and its keys, or nothing.
type Publication = Arc<Mutex<Option<(String, Value)>>>;

struct Lab {
    stage: Stage,
    user: Actor,
}

impl Lab {
    async fn new(fixture: &Fixture, vector: &Vector, config: Config) -> Self {
        let ago = match vector.world {
            World::IssuerDown => 20 * 3600,
            World::IssuerDownForLong => 3 * 86_400,
            World::KeyWithdrawnAndRefreshed => 7 * 3600,
            _ => 300,
        };
        let stage = Stage::new(StageOptions {
            chance: Chance::from_seed(7),
            unpredictable: false,
            clock: Clock::manual(Timestamp::from_second(T - ago).unwrap()),
            journal: JournalOptions::default(),
            authority: Authority::new("vectors").unwrap(),
            extra_roots: Vec::new(),
            server: ServerOptions::default(),
        })
        .unwrap();
        let (iam, cms) = fixture.published(World::Usual);
        let stated = match vector.world {
            World::MetadataMismatch => "https://other.example/",
            _ => IAM,
        };
        let iam = Arc::new(Mutex::new(Some((stated.to_owned(), iam.to_json()))));
        let cms = Arc::new(Mutex::new(Some((CMS.to_owned(), cms.to_json()))));
        let lab = Self {
            user: stage.person("alice"),
            stage,
        };
        lab.serve("iam", issuer(iam.clone())).await;
        lab.serve("cms", issuer(cms)).await;
        let any = ([127, 0, 0, 1], 0).into();
        let place = lab
            .stage
            .bind("se1", "storage", "se1.example", any, true)
            .await
            .unwrap();
        let actor = lab.stage.actor(&place, SignedDuration::ZERO);
        let router = carnet_storage::start(actor, config).await.unwrap();
        lab.stage.open(&place, router).unwrap();
        // The element fetches the keys before the world of the vector comes about.
        for (draft, key) in [
            (fixture.good(), &fixture.k1),
            (fixture.good().claim("iss", CMS), &fixture.cms_k1),
        ] {
            let now = T - ago;
            let draft = draft
                .claim("iat", now)
                .claim("nbf", now)
                .claim("exp", now + 60);
            let token = draft.sign(key, Way::Usual).unwrap();
            lab.send(
                Request::get(F1).header("authorization", format!("Bearer {token}")),
                Body::empty(),
            )
            .await;
        }
        let (keys, _) = fixture.published(vector.world);
        *iam.lock().unwrap() = match vector.world {
            World::IssuerDown | World::IssuerDownForLong => None,
            _ => Some((stated.to_owned(), keys.to_json())),
        };
        let passed = Duration::from_secs(ago.unsigned_abs());
        lab.stage.clock().advance(passed);
        lab
    }

    async fn serve(&self, name: &str, router: Router) {
        let any = ([127, 0, 0, 1], 0).into();
        let place = self
            .stage
            .bind(name, "issuer", &format!("{name}.example"), any, true)
            .await
            .unwrap();
        self.stage.open(&place, router).unwrap();
    }

    async fn send(&self, request: http::request::Builder, body: Body) -> Response<Body> {
        self.user
            .client()
            .http1()
            .send(request.body(body).unwrap())
            .await
            .unwrap()
    }

    /// The reasons of the verdicts that the storage element told since a record.
    fn reasons(&self, since: usize) -> Vec<String> {
        let records = self.stage.journal().records();
        let verdicts = records
            .iter()
            .skip(since)
            .filter_map(|record| match &record.event {
                Event::Judged(judged) if judged.by == "se1" => Some(judged.diagnosis.clone()),
                _ => None,
            });
        verdicts.collect()
    }

    /// How often the storage element asked anybody for a key set since a record.
    fn fetches(&self, since: usize) -> usize {
        let records = self.stage.journal().records();
        let asked = records.iter().skip(since).filter(|record| {
            matches!(&record.event, Event::Exchange(exchange)
                if exchange.from == "se1" && !exchange.url.contains("/.well-known/"))
        });
        asked.count()
    }

    async fn ask(&self, vector: &Vector, ask: &Ask, staged: &str) -> Response<Body> {
        let (method, target, mut body) = match (ask.subject, &vector.form) {
            (Subject::Tape, _) => tape(ask, staged),
            (Subject::Listed, _) => ("GET", "/wlcg/data/f1".to_owned(), String::new()),
            (_, Some(form)) => (ask.method, ask.target.to_owned(), form.clone()),
            _ => (ask.method, ask.target.to_owned(), String::new()),
        };
        if method == "PUT" {
            "data".clone_into(&mut body);
        }
        let query = vector
            .query
            .as_ref()
            .map(|query| format!("?{query}"))
            .unwrap_or_default();
        let mut request = Request::builder()
            .method(method)
            .uri(format!("https://se1.example{target}{query}"));
        for value in &vector.authorization {
            request = request.header("authorization", value);
        }
        for (name, value) in &ask.headers {
            let value = match *name {
                "Destination" if value.starts_with('/') => format!("https://se1.example{value}"),
                _ => (*value).to_owned(),
            };
            request = request.header(*name, value);
        }
        if ask.subject == Subject::Tape {
            request = request.header("content-type", "application/json");
        }
        if vector.form.is_some() {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        let body = match vector.id {
            "V-048" => self.slowly(body),
            _ => Body::from(body),
        };
        self.send(request, body).await
    }

    /// A body that comes only once the request has been judged and its token has expired meanwhile.
    fn slowly(&self, text: String) -> Body {
        let (journal, clock) = (self.stage.journal().clone(), self.stage.clock().clone());
        let since = self.stage.journal().records().len();
        Body::from_stream(futures_util::stream::once(async move {
            let patience = Duration::from_secs(10);
            let judged = journal.wait_for(patience, |record| {
                record.seq > since as u64 && matches!(record.event, Event::Judged(_))
            });
            judged
                .await
                .ok_or_else(|| std::io::Error::other("never judged"))?;
            clock.advance(Duration::from_secs(5));
            Ok::<_, std::io::Error>(text)
        }))
    }
}

fn issuer(publication: Publication) -> Router {
    let answer = move |document: fn(&(String, Value)) -> Value| {
        let publication = publication.clone();
        move || {
            let found = publication.lock().unwrap().as_ref().map(document);
            async move {
                found
                    .map(|value| value.to_string())
                    .ok_or(StatusCode::SERVICE_UNAVAILABLE)
            }
        }
    };
    let metadata = |(issuer, _): &(String, Value)| {
        let base = if issuer == CMS {
            "https://cms.example"
        } else {
            "https://iam.example"
        };
        json!({ "issuer": issuer, "jwks_uri": format!("{base}/jwk") })
    };
    Router::new()
        .route("/.well-known/openid-configuration", get(answer(metadata)))
        .route("/jwk", get(answer(|(_, keys)| keys.clone())))
}

/// A call of the tape interface; `staged` is where the request stands that an earlier call made.
fn tape(ask: &Ask, staged: &str) -> (&'static str, String, String) {
    let paths = json!({ "paths": [ask.target] }).to_string();
    match ask.method {
        "stage" => (
            "POST",
            "/api/v1/stage".to_owned(),
            json!({ "files": [{ "path": ask.target }] }).to_string(),
        ),
        "archiveinfo" => ("POST", "/api/v1/archiveinfo".to_owned(), paths),
        "cancel" => ("POST", format!("{staged}/cancel"), paths),
        _ => ("POST", staged.replace("/stage/", "/release/"), paths),
    }
}

/// The settings for a vector.
fn config(vector: &Vector) -> Config {
    let mut value = json!({
        "dialect": "strict",
        "audiences": ["https://se1.example", "https://redirector.example"],
        "issuers": [
            { "url": IAM, "base_path": "/wlcg" },
            { "url": CMS, "base_path": "/cms" },
        ],
        "policies": [
            { "paths": ["/wlcg"], "group": "/wlcg/test" },
            { "paths": ["/wlcg/protected"], "group": "/wlcg", "actions": ["create", "modify", "stage"], "deny": true },
            { "paths": ["/wlcg"], "group": "/wlcg" },
        ],
        "tokens": {},
        "tape": {},
        "files": {},
        "directories": [],
    });
    for path in NAMESPACE.iter().chain(vector.files) {
        if let Some(directory) = path.strip_suffix('/') {
            value["directories"]
                .as_array_mut()
                .unwrap()
                .push(directory.into());
        } else {
            value["files"][*path] = json!({ "text": "data", "tape": *path == "/wlcg/tape/t1" });
        }
    }
    for setup in &vector.setup {
        let (table, name, set): (&str, &str, Value) = match setup {
            Setup::Profile(version) => ("", "profile", version.name().into()),
            Setup::RefuseAnyAudience => ("", "any_audience", false.into()),
            Setup::NotBeforeLeeway(seconds) => ("", "leeway", (*seconds).into()),
            Setup::AcceptQueryToken => ("tokens", "access_token_parameter", true.into()),
            Setup::AcceptAuthzParameter => ("tokens", "authz_parameter", true.into()),
            Setup::MaxTokenBytes(bytes) => ("tokens", "longest", (*bytes).into()),
            Setup::Accept(algorithms) => (
                "tokens",
                "algorithms",
                serde_json::to_value(algorithms).unwrap(),
            ),
            Setup::RequireAtJwt => ("tokens", "require_at_jwt", true.into()),
            Setup::MaxLifetime(seconds) => ("tokens", "longest_life", (*seconds).into()),
            Setup::RejectFutureIat => ("tokens", "refuse_future_iat", true.into()),
            Setup::AcceptBareHostAudience => ("tokens", "bare_host_audience", true.into()),
            Setup::Lenient => ("tokens", "lenient", true.into()),
            Setup::ListSubject(host_auth) => {
                let policy = json!({
                    "paths": ["/wlcg"], "subject": "host:svc.example", "host_auth": host_auth,
                });
                value["policies"].as_array_mut().unwrap().push(policy);
                continue;
            }
        };
        if table.is_empty() {
            value[name] = set;
        } else {
            value[table][name] = set;
        }
    }
    serde_json::from_value(value).unwrap()
}

/// Status and challenge (RFC 6750 §3).
fn fits(expect: Expect, reason: &str, answer: &Response<Body>) -> Result<(), String> {
    let status = answer.status().as_u16();
    let challenge = answer.headers().get("www-authenticate");
    let challenge = challenge
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let realm = "Bearer realm=\"se1.example\"";
    let error = |name: &str| challenge.starts_with(&format!("{realm}, error=\"{name}\""));
    // No scope helps outside the issuer's area.
    let scope = reason == "outside_area" || challenge.contains(", scope=\"");
    let ok = match expect {
        Expect::Done(statuses) => statuses.contains(&status) && challenge.is_empty(),
        Expect::Challenge => status == 401 && challenge == realm,
        Expect::InvalidRequest => status == 400 && error("invalid_request"),
        Expect::InvalidToken => status == 401 && error("invalid_token"),
        Expect::Insufficient => status == 403 && error("insufficient_scope") && scope,
        Expect::Status(wanted) => status == wanted && challenge.is_empty(),
    };
    if ok {
        Ok(())
    } else {
        Err(format!("{status} {challenge}, wanted {expect:?}"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_vector_over_https() {
    let fixture = Fixture::new(T).unwrap();
    let (mut wrong, mut asked, mut elsewhere) = (Vec::new(), 0, Vec::new());
    let vectors = vectors::all(&fixture).unwrap();
    for vector in &vectors {
        if vector
            .asks
            .iter()
            .any(|(ask, ..)| matches!(ask.subject, Subject::Scope(_)))
        {
            elsewhere.push(vector.id);
            continue;
        }
        let lab = Lab::new(&fixture, vector, config(vector)).await;
        let mut staged = String::new();
        for (ask, expect, diagnosis) in &vector.asks {
            let before = lab.stage.journal().records().len();
            let answer = lab.ask(vector, ask, &staged).await;
            if let Some(place) = answer
                .headers()
                .get("location")
                .and_then(|l| l.to_str().ok())
            {
                place
                    .trim_start_matches("https://se1.example")
                    .clone_into(&mut staged);
            }
            asked += 1;
            let reasons = lab.reasons(before);
            let reason = reasons.last().map(String::as_str).unwrap_or_default();
            let mut fault = |why: String| {
                wrong.push(format!(
                    "{} {} {}: {why}",
                    vector.name(),
                    ask.method,
                    ask.target
                ));
            };
            fits(*expect, reason, &answer).unwrap_or_else(&mut fault);
            if reason != diagnosis.code() {
                fault(format!("the journal says {reasons:?}, wanted {diagnosis}"));
            }
            if let Some((_, wanted)) = FETCHES.iter().find(|(id, _)| *id == vector.id) {
                lab.ask(vector, ask, &staged).await;
                let fetched = lab.fetches(before);
                if fetched != *wanted {
                    fault(format!(
                        "keys were fetched {fetched} times, wanted {wanted}"
                    ));
                }
            }
        }
        lab.stage.stop().await;
    }
    let left = ELSEWHERE
        .map(|(id, why)| format!("{id} ({why})"))
        .join(", ");
    eprintln!(
        "{} vectors, {asked} requests; not for a storage element: {left}",
        vectors.len()
    );
    assert_eq!(
        elsewhere,
        ELSEWHERE.map(|(id, _)| id),
        "a vector left out is named with its reason"
    );
    assert!(
        wrong.is_empty(),
        "{} of {asked} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

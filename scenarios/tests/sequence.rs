//! The two seed flows, message for message as they were recorded on real software: who asks whom, in which order, with
//! which parameters, and what kind of answer comes.
//!
//! The recordings are reduced to facts. On them a person played Rucio and FTS with an HTTP client, so what Rucio and FTS
//! say to each other is not there, and neither is what everybody asks to get the issuer's keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use carnet_scenarios::{Changes, PlayOptions, load, play};
use carnet_stage::{Event, Exchange, Issued, Record};
use serde::Deserialize;

/// A recorded conversation.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recording {
    #[allow(dead_code, reason = "says where the facts come from")]
    source: String,
    exchange: Vec<Said>,
}

/// One exchange, reduced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Said {
    from: String,
    to: String,
    method: String,
    path: String,
    /// Form parameters; tokens are `T1`, `T2` … in the order they were given out, refresh tokens `R1` …
    form: BTreeMap<String, String>,
    /// Request headers that matter.
    header: BTreeMap<String, String>,
    status: u16,
    /// Names of the answer's JSON members, in order.
    members: Vec<String>,
    /// The token of the answer: audience, subject, scopes, who acts.
    token: Option<Token>,
    /// Words of the answer's body that must be there, in order.
    body: Vec<String>,
    /// Headers of the answer.
    answer: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Token {
    aud: Vec<String>,
    sub: String,
    scope: Vec<String>,
    groups: Vec<String>,
    act: Vec<String>,
    /// Names of the claims.
    claims: Vec<String>,
    lifetime: i64,
}

#[tokio::test(flavor = "multi_thread")]
async fn flow_a_is_the_recorded_one() {
    compare(
        "delegated-identity",
        include_str!("recordings/delegated-identity.toml"),
        "/example/file",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flow_b_is_the_recorded_one() {
    compare(
        "group-based",
        include_str!("recordings/group-based.toml"),
        "/wlcg/file",
    )
    .await;
}

async fn compare(name: &str, recording: &str, file: &str) {
    let recording: Recording = toml::from_str(recording).expect("the recording is of this shape");
    // The recording has one mebibyte, and its user got the token by the password grant.
    let mut set = vec![format!("actors.se1.storage.files.\"{file}\"=1 MiB")];
    if name == "group-based" {
        set.push("step.0.get_token.flow=password".to_owned());
    }
    let scenario = load(
        name,
        &Changes {
            set,
            ..Changes::default()
        },
    )
    .expect("the flow is read");
    let played = play(&scenario, PlayOptions::default())
        .await
        .expect("the flow can be played");
    let heard = heard(&played.records);
    for (position, (recorded, ours)) in recording.exchange.iter().zip(&heard).enumerate() {
        assert_eq!(
            ours,
            &reduced_like(ours, recorded),
            "exchange {} of the recording, left ours, right recorded",
            position + 1
        );
    }
    assert_eq!(heard.len(), recording.exchange.len(), "{heard:#?}");
}

/// What was recorded, in the shape of what we heard: headers and words that the recording does not name are ours to choose.
fn reduced_like(ours: &Said, recorded: &Said) -> Said {
    let mut wanted = recorded.clone();
    let keep = |mine: &BTreeMap<String, String>, theirs: &BTreeMap<String, String>| {
        mine.iter()
            .map(|(k, v)| (k.clone(), theirs.get(k).unwrap_or(v).clone()))
            .chain(theirs.clone())
            .collect()
    };
    wanted.header = keep(&ours.header, &recorded.header);
    wanted.answer = keep(&ours.answer, &recorded.answer);
    let text = ours.body.concat();
    let mut rest = text.as_str();
    let all_there = recorded
        .body
        .iter()
        .all(|word| match rest.find(word.as_str()) {
            Some(at) => {
                rest = &rest[at + word.len()..];
                true
            }
            None => false,
        });
    if all_there {
        wanted.body.clone_from(&ours.body);
    }
    wanted
}

/// Our own conversation, reduced: the token endpoint and the storage elements.
fn heard(records: &[Arc<Record>]) -> Vec<Said> {
    let mut names = Names::default();
    let mut said = Vec::new();
    for record in records {
        match &record.event {
            Event::Exchange(exchange) if counts(exchange) => {
                let issued: Vec<&Issued> = records
                    .iter()
                    .filter(|r| r.cause == Some(record.seq))
                    .filter_map(|r| match &r.event {
                        Event::Issued(issued) => Some(&**issued),
                        _ => None,
                    })
                    .collect();
                said.push(reduce(exchange, &issued, &mut names));
            }
            _ => {}
        }
    }
    said
}

fn counts(exchange: &Exchange) -> bool {
    exchange.to.starts_with("se")
        || (exchange.to == "iam" && exchange.method == "POST" && path(exchange) == "/token")
}

fn path(exchange: &Exchange) -> &str {
    let rest = exchange.url.split_once("://").map_or("", |(_, rest)| rest);
    rest.find('/')
        .map_or("/", |at| rest[at..].split('?').next().unwrap_or_default())
}

/// Names of tokens: T1, T2 … and R1, R2 … in the order they were given out.
#[derive(Default)]
struct Names {
    known: BTreeMap<String, String>,
    access: usize,
    refresh: usize,
}

impl Names {
    fn learn(&mut self, issued: &Issued) {
        let name = match issued.kind.as_str() {
            "access" => {
                self.access += 1;
                format!("T{}", self.access)
            }
            "refresh" => {
                self.refresh += 1;
                format!("R{}", self.refresh)
            }
            _ => return,
        };
        self.known.insert(issued.jti.clone(), name);
    }

    /// The text with every token, which the journal shows as `eyJ…` and its id, by its name.
    fn in_place_of_tokens(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (jti, name) in &self.known {
            text = text.replace(&format!("eyJ…{jti}"), name);
        }
        text
    }
}

fn reduce(exchange: &Exchange, issued: &[&Issued], names: &mut Names) -> Said {
    let mut said = Said {
        from: exchange.from.clone(),
        to: exchange.to.clone(),
        method: exchange.method.clone(),
        path: path(exchange).to_owned(),
        status: exchange.status,
        ..Said::default()
    };
    for name in [
        "Source",
        "Authorization",
        "TransferHeaderAuthorization",
        "Want-Digest",
    ] {
        // Want-Digest on a GET is our destination's own wish; the recorded one asked nothing.
        if name == "Want-Digest" && exchange.method == "GET" {
            continue;
        }
        if let Some(value) = exchange.request_header(name) {
            said.header
                .insert(name.to_owned(), names.in_place_of_tokens(value));
        }
    }
    let form = exchange.request_body.text.as_deref().unwrap_or_default();
    for (name, value) in url::form_urlencoded::parse(form.as_bytes()) {
        let value = if name == "password" || name == "username" {
            "…".into()
        } else {
            value
        };
        said.form
            .insert(name.into_owned(), names.in_place_of_tokens(&value));
    }
    for issued in issued {
        names.learn(issued);
        if issued.kind == "access" {
            said.token = Some(token(issued));
        }
    }
    let answer = exchange.response_body.text.as_deref().unwrap_or_default();
    match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(answer) {
        Ok(members) => said.members = members.keys().cloned().collect(),
        Err(_) => said.body = vec![answer.to_owned()],
    }
    if exchange.method == "HEAD" {
        for name in ["Content-Length"] {
            if let Some(value) = exchange.response_header(name) {
                said.answer.insert(name.to_owned(), value.to_owned());
            }
        }
    }
    said
}

fn token(issued: &Issued) -> Token {
    let sorted = |text: &str| {
        let mut words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        words.sort_unstable();
        words
    };
    let mut act = Vec::new();
    let claims = issued.claims.value();
    let mut rest = claims.get("act");
    while let Some(actor) = rest {
        act.extend(
            actor
                .get("sub")
                .and_then(serde_json::Value::as_str)
                .map(str::to_owned),
        );
        rest = actor.get("act");
    }
    let claims = issued.claims.value();
    let claims = claims
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name.clone())
        .collect();
    Token {
        aud: issued.aud.clone(),
        sub: issued.sub.clone(),
        scope: sorted(&issued.scope),
        groups: issued.groups.clone().unwrap_or_default(),
        act,
        claims,
        lifetime: issued.exp.unwrap_or_default() - issued.iat,
    }
}

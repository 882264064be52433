//! Journals as the stage writes them, built by hand: flow A, flow B, refusals, and hostile ones.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses the journals it needs"
)]

mod flows;
mod troubles;

pub use flows::{flow_a, flow_b};
pub use troubles::{hostile, refusal};

use carnet_report::Outcome;
use carnet_stage::{
    BodyRecord, CheckRecord, Event, Exchange, Expectation, FaultEvent, Issued, Json, Judged, Note,
    Record, Seq, StateChange, Step, TokenUse,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

pub const START: i64 = 1_600_246_822;
pub const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
pub const BOTH: &str = "https://se1.example https://se2.example";
pub const SUBMIT: &str = "7c216092-c9e5-49f8-9403-c888ad5ded9d";
pub const STORAGE: &str = "372a73c9-abaa-488a-b36b-da2823c0ee0e";
pub const REFRESH: &str = "b4b91d5e-3441-4436-b631-35cdee09a4bf";
pub const FRESH: &str = "810d23e1-de87-4258-b9a7-a133c27d2b25";
pub const USER: &str = "226ba905-fed3-4d12-9ad5-8f328e2c2d36";

/// A journal being written.
#[derive(Default)]
pub struct Script {
    pub records: Vec<Arc<Record>>,
}

impl Script {
    pub fn add(&mut self, actor: &str, cause: Option<Seq>, event: Event) -> Seq {
        let seq = self.records.len() as Seq + 1;
        let at = Timestamp::from_millisecond(START * 1_000 + seq as i64 * 7).expect("a moment");
        self.records.push(Arc::new(Record {
            seq,
            at,
            actor: actor.into(),
            cause,
            event,
        }));
        seq
    }

    pub fn step(&mut self, index: usize, asked: &str) -> Seq {
        self.add(
            "stage",
            None,
            Event::Step(Step {
                index,
                asked: asked.into(),
            }),
        )
    }

    pub fn exchange(&mut self, cause: Seq, exchange: Exchange) -> Seq {
        let from = exchange.from.clone();
        self.add(&from, Some(cause), Event::Exchange(Box::new(exchange)))
    }

    pub fn issued(&mut self, cause: Seq, token: Issued) -> Seq {
        self.add("iam", Some(cause), Event::Issued(Box::new(token)))
    }

    pub fn judged(&mut self, cause: Seq, judged: Judged) -> Seq {
        let by = judged.by.clone();
        self.add(&by, Some(cause), Event::Judged(Box::new(judged)))
    }

    pub fn state(&mut self, actor: &str, cause: Seq, words: [&str; 5]) -> Seq {
        let [entity, id, from, to, why] = words.map(str::to_owned);
        self.add(
            actor,
            Some(cause),
            Event::State(StateChange {
                entity,
                id,
                from,
                to,
                why,
            }),
        )
    }

    pub fn note(&mut self, actor: &str, cause: Seq, text: &str) -> Seq {
        self.add(actor, Some(cause), Event::Note(Note { text: text.into() }))
    }

    pub fn expect(&mut self, label: &str, words: &str, shown_by: &[Seq], why: Option<&str>) -> Seq {
        let expect = Expectation {
            label: Some(label.into()),
            expectation: words.into(),
            place: Some("seed/delegated-identity.toml:31:1".into()),
            held: why.is_none(),
            records: shown_by.to_vec(),
            why: why.map(str::to_owned),
        };
        self.add("stage", None, Event::Expect(expect))
    }
}

/// An exchange with headers and bodies by name: `from → to METHOD url = status`.
pub fn exchange(from: &str, to: &str, method: &str, url: &str, status: u16) -> Exchange {
    Exchange {
        from: from.into(),
        to: to.into(),
        method: method.into(),
        url: url.into(),
        version: "HTTP/2".into(),
        status,
        millis: 1.25,
        ..Exchange::default()
    }
}

pub trait Dress {
    fn bearer(self, jti: &str) -> Self;
    fn with(self, name: &str, value: &str) -> Self;
    fn answers(self, name: &str, value: &str) -> Self;
    fn sends(self, kind: &str, body: &str) -> Self;
    fn gets(self, kind: &str, body: &str) -> Self;
    fn token(self, place: &str, jti: &str) -> Self;
}

impl Dress for Exchange {
    fn bearer(self, jti: &str) -> Self {
        self.with("authorization", &format!("Bearer eyJ…{jti}"))
            .token("authorization", jti)
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.request_headers.push((name.into(), value.into()));
        self
    }

    fn answers(mut self, name: &str, value: &str) -> Self {
        self.response_headers.push((name.into(), value.into()));
        self
    }

    fn sends(mut self, kind: &str, body: &str) -> Self {
        self.request_headers
            .push(("content-type".into(), kind.into()));
        self.request_body = text_body(body);
        self
    }

    fn gets(mut self, kind: &str, body: &str) -> Self {
        self.response_headers
            .push(("content-type".into(), kind.into()));
        self.response_body = text_body(body);
        self
    }

    fn token(mut self, place: &str, jti: &str) -> Self {
        self.tokens.push(TokenUse {
            place: place.into(),
            jti: jti.into(),
        });
        self
    }
}

fn text_body(text: &str) -> BodyRecord {
    BodyRecord {
        bytes: text.len() as u64,
        text: Some(text.into()),
        digest: None,
    }
}

pub const FORM: &str = "application/x-www-form-urlencoded";
pub const JSON: &str = "application/json;charset=UTF-8";

/// An access token as the issuer records it.
pub fn access(
    jti: &str,
    parent: Option<&str>,
    grant: &str,
    client: &str,
    sub: &str,
    aud: &[&str],
    scope: &str,
) -> Issued {
    let aud_claim: Value = if let [only] = aud {
        json!(only)
    } else {
        json!(aud)
    };
    Issued {
        kind: "access".into(),
        jti: jti.into(),
        parent: parent.map(str::to_owned),
        grant: grant.into(),
        client_id: client.into(),
        sub: sub.into(),
        aud: aud.iter().map(|one| (*one).to_owned()).collect(),
        scope: scope.into(),
        groups: None,
        iat: START,
        nbf: Some(START),
        exp: Some(START + 3_600),
        header: Json::of(&json!({"kid": "rsa1", "alg": "RS256"})),
        claims: Json::of(&json!({
            "wlcg.ver": "1.0", "sub": sub, "aud": aud_claim, "nbf": START, "scope": scope,
            "iss": "https://iam.example/", "exp": START + 3_600, "iat": START, "jti": jti, "client_id": client,
        })),
    }
}

pub fn with_groups(mut token: Issued, groups: &[&str]) -> Issued {
    token.groups = Some(groups.iter().map(|one| (*one).to_owned()).collect());
    let mut claims = token.claims.value();
    claims["wlcg.groups"] = json!(groups);
    token.claims = Json::of(&claims);
    token
}

pub fn refresh(parent: &str) -> Issued {
    Issued {
        kind: "refresh".into(),
        jti: REFRESH.into(),
        parent: Some(parent.into()),
        grant: "token-exchange".into(),
        client_id: "fts.example".into(),
        sub: "rucio.example".into(),
        iat: START,
        exp: Some(START + 2_592_000),
        header: Json::of(&json!({"alg": "none"})),
        claims: Json::of(&json!({"exp": START + 2_592_000, "jti": REFRESH})),
        ..Issued::default()
    }
}

pub fn check(name: &str, ok: bool, saw: &str, wanted: &str) -> CheckRecord {
    CheckRecord {
        name: name.to_owned().into(),
        ok,
        saw: saw.to_owned().into(),
        wanted: wanted.to_owned().into(),
    }
}

pub fn verdict(by: &str, jti: &str, demand: &str, checks: Vec<CheckRecord>) -> Judged {
    let granted = checks.iter().all(|check| check.ok);
    Judged {
        by: by.into(),
        jti: Some(jti.into()),
        demand: demand.into(),
        granted,
        checks,
        ..Judged::default()
    }
}

pub fn good(by: &str, jti: &str, demand: &str, aud: &str) -> Judged {
    let checks = vec![
        check("signature", true, "RS256 by rsa1", "a key of the issuer"),
        check(
            "issuer",
            true,
            "https://iam.example/",
            "https://iam.example/",
        ),
        check("time.exp", true, "in 1 h", "later than now"),
        check("audience", true, aud, aud),
        check("scope", true, demand, demand),
    ];
    verdict(by, jti, demand, checks)
}

pub fn token_request(from: &str, form: &str, answer: &str) -> Exchange {
    exchange(from, "iam", "POST", "https://iam.example/token", 200)
        .with("authorization", &format!("Basic <{from}.example:…>"))
        .sends(FORM, form)
        .gets(JSON, answer)
}

/// All of them.
pub fn all() -> Vec<(&'static str, Vec<Arc<Record>>, Outcome)> {
    [
        ("flow_a", flow_a()),
        ("flow_b", flow_b()),
        ("refusal", refusal()),
        ("hostile", hostile()),
    ]
    .into_iter()
    .map(|(name, (records, outcome))| (name, records, outcome))
    .collect()
}

//! Journals as the stage writes them, built by hand: flow A, flow B, refusals, and hostile ones.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses the journals it needs"
)]

use carnet_report::{Copied, Outcome};
use carnet_stage::{
    BodyRecord, CheckRecord, Event, Exchange, Expectation, FaultEvent, Issued, Judged, Note,
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
        header: json!({"kid": "rsa1", "alg": "RS256"}),
        claims: json!({
            "wlcg.ver": "1.0", "sub": sub, "aud": aud_claim, "nbf": START, "scope": scope,
            "iss": "https://iam.example/", "exp": START + 3_600, "iat": START, "jti": jti, "client_id": client,
        }),
    }
}

pub fn with_groups(mut token: Issued, groups: &[&str]) -> Issued {
    token.groups = Some(groups.iter().map(|one| (*one).to_owned()).collect());
    token.claims["wlcg.groups"] = json!(groups);
    token
}

fn refresh(parent: &str) -> Issued {
    Issued {
        kind: "refresh".into(),
        jti: REFRESH.into(),
        parent: Some(parent.into()),
        grant: "token-exchange".into(),
        client_id: "fts.example".into(),
        sub: "rucio.example".into(),
        iat: START,
        exp: Some(START + 2_592_000),
        header: json!({"alg": "none"}),
        claims: json!({"exp": START + 2_592_000, "jti": REFRESH}),
        ..Issued::default()
    }
}

pub fn check(name: &str, ok: bool, saw: &str, wanted: &str) -> CheckRecord {
    CheckRecord {
        name: name.into(),
        ok,
        saw: saw.into(),
        wanted: wanted.into(),
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
        hint: None,
    }
}

fn good(by: &str, jti: &str, demand: &str, aud: &str) -> Judged {
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

fn token_request(from: &str, form: &str, answer: &str) -> Exchange {
    exchange(from, "iam", "POST", "https://iam.example/token", 200)
        .with("authorization", &format!("Basic <{from}.example:…>"))
        .sends(FORM, form)
        .gets(JSON, answer)
}

/// Flow A: Rucio acts for itself.
pub fn flow_a() -> (Vec<Arc<Record>>, Outcome) {
    let mut s = Script::default();
    let step = s.step(1, "replicate /example/file from se1 to se2");
    let rule = s.exchange(
        step,
        exchange("stage", "rucio", "POST", "https://rucio.example/rules/", 201)
            .with("x-rucio-auth-token", "…")
            .sends("application/json", r#"{"dids":[{"scope":"example","name":"/example/file"}],"copies":1,"rse_expression":"SE2"}"#)
            .gets(JSON, r#"["a1f29d4e56e44b9f9a3d0c9b7c3f5a11"]"#),
    );
    s.state(
        "rucio",
        rule,
        [
            "rucio.rule",
            "a1f29d4e56e44b9f9a3d0c9b7c3f5a11",
            "",
            "REPLICATING",
            "one copy at SE2 is missing",
        ],
    );
    let a1 = s.exchange(
        rule,
        token_request(
            "rucio",
            "grant_type=client_credentials&scope=fts%3Asubmit-transfer&audience=https%3A%2F%2Ffts.example",
            &format!(r#"{{"access_token":"eyJ…{SUBMIT}","token_type":"Bearer","expires_in":3599,"scope":"fts:submit-transfer"}}"#),
        )
        .token("access_token", SUBMIT),
    );
    s.issued(
        a1,
        access(
            SUBMIT,
            None,
            "client_credentials",
            "rucio.example",
            "rucio.example",
            &["https://fts.example"],
            "fts:submit-transfer",
        ),
    );
    let a4 = s.exchange(
        rule,
        exchange("rucio", "fts", "POST", "https://fts.example/jobs", 200)
            .bearer(SUBMIT)
            .sends("application/json", r#"{"files":[{"sources":["https://se1.example/example/file"],"destinations":["https://se2.example/example/file"],"checksum":"adler32:348049b0"}],"params":{"overwrite":false}}"#)
            .gets("application/json", r#"{"job_id":"0d6a1c4e-2c3a-11ef-8f0b-0242ac110002"}"#),
    );
    for what in [".well-known/openid-configuration", "jwk"] {
        s.exchange(
            a4,
            exchange(
                "fts",
                "iam",
                "GET",
                &format!("https://iam.example/{what}"),
                200,
            ),
        );
    }
    s.judged(
        a4,
        good("fts", SUBMIT, "fts:submit-transfer", "https://fts.example"),
    );
    s.state(
        "fts",
        a4,
        [
            "fts.job",
            "0d6a1c4e-2c3a-11ef-8f0b-0242ac110002",
            "",
            "SUBMITTED",
            "",
        ],
    );
    let a6 = s.exchange(
        a4,
        token_request(
            "fts",
            &format!("grant_type={EXCHANGE}&subject_token=eyJ…{SUBMIT}&audience=https%3A%2F%2Fse1.example+https%3A%2F%2Fse2.example&scope=storage.read%3A%2F+storage.create%3A%2F+offline_access"),
            &format!(r#"{{"access_token":"eyJ…{STORAGE}","token_type":"Bearer","refresh_token":"eyJ…{REFRESH}","expires_in":3599,"scope":"storage.create:/ storage.read:/ offline_access"}}"#),
        )
        .token("subject_token", SUBMIT)
        .token("access_token", STORAGE)
        .token("refresh_token", REFRESH),
    );
    let both = ["https://se1.example", "https://se2.example"];
    let scope = "offline_access storage.create:/ storage.read:/";
    s.issued(
        a6,
        access(
            STORAGE,
            Some(SUBMIT),
            "token-exchange",
            "fts.example",
            "rucio.example",
            &both,
            scope,
        ),
    );
    s.issued(a6, refresh(SUBMIT));
    let a9 = s.exchange(
        a4,
        token_request(
            "fts",
            &format!("grant_type=refresh_token&refresh_token=eyJ…{REFRESH}"),
            &format!(r#"{{"access_token":"eyJ…{FRESH}","token_type":"Bearer","expires_in":3599}}"#),
        )
        .token("refresh_token", REFRESH)
        .token("access_token", FRESH),
    );
    s.issued(
        a9,
        access(
            FRESH,
            Some(REFRESH),
            "refresh_token",
            "fts.example",
            "rucio.example",
            &both,
            scope,
        ),
    );
    let file = "https://se2.example/example/file";
    let a10 = s.exchange(
        a4,
        exchange("fts", "se2", "COPY", file, 202)
            .with("source", "https://se1.example/example/file")
            .bearer(FRESH)
            .with("transferheaderauthorization", &format!("Bearer eyJ…{FRESH}"))
            .token("transferheaderauthorization", FRESH)
            .gets("text/plain", "Perf Marker\nTimestamp: 1600246822\nStripe Index: 0\nStripe Bytes Transferred: 67108864\nTotal Stripe Count: 1\nEnd\nsuccess: Created\n"),
    );
    s.judged(
        a10,
        good(
            "se2",
            FRESH,
            "storage.create:/example/file",
            "https://se2.example",
        ),
    );
    let mut get =
        exchange("se2", "se1", "GET", "https://se1.example/example/file", 200).bearer(FRESH);
    get.version = "HTTP/1.1".into();
    get.response_body = BodyRecord {
        bytes: 67_108_864,
        text: None,
        digest: Some("adler32:348049b0".into()),
    };
    let a11 = s.exchange(a10, get);
    s.judged(
        a11,
        good(
            "se1",
            FRESH,
            "storage.read:/example/file",
            "https://se1.example",
        ),
    );
    s.state(
        "fts",
        a4,
        [
            "fts.job",
            "0d6a1c4e-2c3a-11ef-8f0b-0242ac110002",
            "ACTIVE",
            "FINISHED",
            "success: Created",
        ],
    );
    s.exchange(
        a4,
        exchange("fts", "se2", "HEAD", file, 200)
            .bearer(FRESH)
            .with("want-digest", "adler32")
            .answers("content-length", "67108864")
            .answers("digest", "adler32=348049b0"),
    );
    for _ in 0..3 {
        let poll = "https://fts.example/jobs/0d6a1c4e-2c3a-11ef-8f0b-0242ac110002";
        s.exchange(
            rule,
            exchange("rucio", "fts", "GET", poll, 200).bearer(SUBMIT),
        );
    }
    s.state(
        "rucio",
        rule,
        [
            "rucio.rule",
            "a1f29d4e56e44b9f9a3d0c9b7c3f5a11",
            "REPLICATING",
            "OK",
            "every lock is OK",
        ],
    );
    s.expect(
        "A1",
        "rucio asks iam for a token by client_credentials",
        &[a1],
        None,
    );
    s.expect(
        "A10",
        "fts sends COPY to se2 with TransferHeaderAuthorization",
        &[a10],
        None,
    );
    let outcome = Outcome {
        scenario: "delegated-identity".into(),
        copied: vec![Copied {
            path: "/example/file".into(),
            bytes: 67_108_864,
            adler32: "348049b0".into(),
            agreed: ["se1", "se2", "fts", "rucio"].map(str::to_owned).to_vec(),
        }],
        millis: 83,
        moved: 0,
        failure: None,
    };
    (s.records, outcome)
}

/// Flow B up to the second exchange: Rucio acts for a user, in groups.
pub fn flow_b() -> (Vec<Arc<Record>>, Outcome) {
    let mut s = Script::default();
    let step = s.step(1, "alice gets a token by device code");
    let sub = "a1b98335-9649-4fb0-961d-5a49ce108d49";
    let code = s.exchange(
        step,
        exchange("alice", "iam", "POST", "https://iam.example/devicecode", 200)
            .sends(FORM, "client_id=trainee&scope=openid+wlcg.groups&audience=https%3A%2F%2Frucio.example")
            .gets(JSON, r#"{"user_code":"K7QP2X","device_code":"…","verification_uri":"https://iam.example/device","expires_in":600}"#),
    );
    s.exchange(
        code,
        exchange(
            "alice",
            "iam",
            "POST",
            "https://iam.example/device/approve",
            200,
        ),
    );
    let form =
        "grant_type=urn:ietf:params:oauth:grant-type:device_code&device_code=…&client_id=trainee";
    for status in [400, 400] {
        s.exchange(
            code,
            exchange("alice", "iam", "POST", "https://iam.example/token", status)
                .sends(FORM, form)
                .gets(JSON, r#"{"error":"authorization_pending","error_description":"Authorization pending for code K7QP2X"}"#),
        );
    }
    let b1 = s.exchange(
        code,
        exchange("alice", "iam", "POST", "https://iam.example/token", 200)
            .sends(FORM, form)
            .token("access_token", USER),
    );
    let groups = ["/wlcg", "/wlcg/xfers"];
    s.issued(
        b1,
        with_groups(
            access(
                USER,
                None,
                "device_code",
                "trainee",
                sub,
                &["https://rucio.example"],
                "openid wlcg.groups",
            ),
            &groups,
        ),
    );
    let step = s.step(2, "alice asks for /wlcg/file at se2");
    let b2 = s.exchange(
        step,
        exchange("alice", "rucio", "POST", "https://rucio.example/rules/", 201)
            .with("x-rucio-auth-token", &format!("eyJ…{USER}"))
            .token("x-rucio-auth-token", USER)
            .sends("application/json", r#"{"dids":[{"scope":"user.alice","name":"/wlcg/file"}],"copies":1,"rse_expression":"SE2"}"#),
    );
    let b3 = s.exchange(
        b2,
        token_request("rucio", &format!("grant_type={EXCHANGE}&subject_token=eyJ…{USER}&audience=https%3A%2F%2Ffts.example&scope=openid+wlcg.groups+offline_access"), "{}")
            .token("subject_token", USER),
    );
    let scope = "offline_access openid wlcg.groups";
    s.issued(
        b3,
        with_groups(
            access(
                SUBMIT,
                Some(USER),
                "token-exchange",
                "rucio.example",
                sub,
                &["https://fts.example"],
                scope,
            ),
            &groups,
        ),
    );
    let b5 = s.exchange(
        b2,
        token_request("fts", &format!("grant_type={EXCHANGE}&subject_token=eyJ…{SUBMIT}&audience=https%3A%2F%2Fse1.example+https%3A%2F%2Fse2.example&scope=openid+wlcg.groups+offline_access"), "{}")
            .token("subject_token", SUBMIT),
    );
    let mut last = with_groups(
        access(
            STORAGE,
            Some(SUBMIT),
            "token-exchange",
            "fts.example",
            sub,
            &["https://se1.example", "https://se2.example"],
            scope,
        ),
        &["/wlcg"],
    );
    last.exp = Some(START + 1_200);
    s.issued(b5, last);
    s.expect(
        "B5",
        "fts exchanges the token for both storage elements",
        &[b5],
        None,
    );
    let outcome = Outcome {
        scenario: "group-based".into(),
        millis: 1_240,
        ..Outcome::default()
    };
    (s.records, outcome)
}

/// A destination refuses a token whose audience was mistyped; a fault and a broken expectation follow.
pub fn refusal() -> (Vec<Arc<Record>>, Outcome) {
    let mut s = Script::default();
    let step = s.step(
        1,
        "copy /example/file from se1 to se2 with a token for https://se2/example",
    );
    let file = "https://se2.example/example/file";
    let copy = s.exchange(
        step,
        exchange("fts", "se2", "COPY", file, 401)
            .with("source", "https://se1.example/example/file")
            .bearer(STORAGE)
            .answers("www-authenticate", r#"Bearer realm="se2.example", error="invalid_token", error_description="the token is not for this service""#)
            .gets("text/plain", "not for this service\n"),
    );
    let mut judged = verdict(
        "se2",
        STORAGE,
        "storage.create:/example/file",
        vec![
            check("signature", true, "RS256 by rsa1", "a key of the issuer"),
            check(
                "issuer",
                true,
                "https://iam.example/",
                "https://iam.example/",
            ),
            check(
                "audience",
                false,
                "https://se1.example https://se2/example",
                "https://se2.example or https://wlcg.cern.ch/jwt/v1/any",
            ),
            check(
                "scope",
                true,
                "storage.create:/",
                "storage.create:/example/file",
            ),
        ],
    );
    judged.hint = Some(
        "the audience https://se2/example has a path; did you mean https://se2.example?".into(),
    );
    s.judged(copy, judged);
    let fault = FaultEvent {
        which: "slow".into(),
        place: "se2".into(),
        did: "held the answer back for 2 s".into(),
    };
    s.add("se2", Some(copy), Event::Fault(fault));
    s.note(
        "fts",
        step,
        "the refusal is final: a wrong audience does not heal by trying again",
    );
    s.expect(
        "R1",
        "se2 answers COPY with 403",
        &[copy],
        Some("received from fts to se2: COPY https://se2.example/example/file 401\nno other exchange between them"),
    );
    let outcome = Outcome {
        scenario: "audience-mistyped".into(),
        millis: 61,
        moved: 600_000,
        ..Outcome::default()
    };
    (s.records, outcome)
}

/// Everything in it was written by somebody who wants to write on the trainer's terminal.
pub fn hostile() -> (Vec<Arc<Record>>, Outcome) {
    let evil =
        "\x1b[2J\x1b]0;owned\x07<script>alert('x')</script>\";#%%{end}\r\n\u{202e}`$(reboot)`'";
    let mut s = Script::default();
    let step = s.step(1, evil);
    let mut bad = exchange(
        evil,
        evil,
        evil,
        &format!("https://se2.example/{evil}"),
        500,
    )
    .with(evil, evil)
    .bearer(evil)
    .sends("text/plain", evil)
    .answers("www-authenticate", evil)
    .gets(
        "text/html",
        &format!("{evil}\nsecond line eyJhbGciOiJub25lIn0.eyJqdGkiOiJ4In0.c2ln"),
    );
    bad.failure = Some(evil.into());
    let at = s.exchange(step, bad);
    let token = Issued {
        kind: evil.into(),
        ..access(evil, Some(evil), evil, evil, evil, &[evil], evil)
    };
    s.issued(
        at,
        Issued {
            kind: "access".into(),
            ..token.clone()
        },
    );
    s.issued(at, token);
    let mut judged = verdict(
        evil,
        evil,
        evil,
        vec![
            check(evil, false, evil, evil),
            check(evil, true, evil, evil),
        ],
    );
    judged.hint = Some(evil.into());
    s.judged(at, judged);
    s.state(evil, at, [evil; 5]);
    s.add(
        evil,
        Some(at),
        Event::Fault(FaultEvent {
            which: evil.into(),
            place: evil.into(),
            did: evil.into(),
        }),
    );
    s.note(evil, at, evil);
    s.note(
        evil,
        at,
        "Access token for value eyJhbGciOiJub25lIn0.eyJqdGkiOiJ4In0.c2ln was not found",
    );
    s.expect(evil, evil, &[at], Some(evil));
    let copied = Copied {
        path: evil.into(),
        bytes: 1,
        adler32: evil.into(),
        agreed: vec![evil.into()],
    };
    let outcome = Outcome {
        scenario: evil.into(),
        copied: vec![copied],
        failure: Some(evil.into()),
        ..Outcome::default()
    };
    (s.records, outcome)
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

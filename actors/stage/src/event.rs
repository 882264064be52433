//! The journal's records: what can happen on the stage (design of the journal: ARCHITECTURE.md, "The journal").

use std::borrow::Cow;

use carnet_profile::judge::Check;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// The number of a record; numbers rise by one from 1 within a run.
pub type Seq = u64;

/// One record: what happened, when on the stage's clock, to whom, and because of which earlier record.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Record {
    /// Position in the journal.
    pub seq: Seq,
    /// Stage time, RFC 3339.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// The actor that tells it (`stage` for the scenario's own records).
    pub actor: String,
    /// The record that led to this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Seq>,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The scenario asked for something.
    Step(Step),
    /// One HTTP request and its answer.
    Exchange(Box<Exchange>),
    /// The issuer made a token.
    Issued(Box<Issued>),
    /// Somebody judged a token or a request.
    Judged(Box<Judged>),
    /// An entity went from one state to another.
    State(StateChange),
    /// A fault did something.
    Fault(FaultEvent),
    /// An expectation was checked.
    Expect(Expectation),
    /// A sentence for the reader.
    Note(Note),
}

/// What a scenario's step asked for.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Step {
    /// Position in the scenario, from 1.
    pub index: usize,
    /// The step in words.
    pub asked: String,
}

/// One HTTP exchange.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Exchange {
    /// Who asked: an actor's name, or the first product of a foreign client's User-Agent.
    pub from: String,
    /// Who answered: an actor's name, or a foreign host.
    pub to: String,
    /// Request method.
    pub method: String,
    /// Absolute URL.
    pub url: String,
    /// `HTTP/1.1` or `HTTP/2`.
    pub version: String,
    /// Status code; 0 when no answer came.
    pub status: u16,
    /// Request headers, [name, value], in order.
    pub request_headers: Vec<(String, String)>,
    /// Answer headers, [name, value], in order.
    pub response_headers: Vec<(String, String)>,
    /// Request body.
    pub request_body: BodyRecord,
    /// Answer body.
    pub response_body: BodyRecord,
    /// Tokens seen in the request and the answer.
    pub tokens: Vec<TokenUse>,
    /// Real milliseconds until the answer's last byte.
    pub millis: f64,
    /// Why no answer came, or why it broke off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl Exchange {
    /// The first value of a request header, by case-insensitive name.
    pub fn request_header(&self, name: &str) -> Option<&str> {
        find(&self.request_headers, name)
    }

    /// The first value of an answer's header, by case-insensitive name.
    pub fn response_header(&self, name: &str) -> Option<&str> {
        find(&self.response_headers, name)
    }
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, v)| v.as_str())
}

/// A body: its text when short, always its size, and a digest of what was too long or not text.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct BodyRecord {
    /// Bytes that passed.
    pub bytes: u64,
    /// The text, when it is text and short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// `adler32:<8 hex>` of bodies without text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// A token seen in an exchange.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct TokenUse {
    /// Where: a header's name, a form or JSON member.
    #[serde(rename = "where")]
    pub place: String,
    /// Its `jti`, or a digest when it has none.
    pub jti: String,
}

/// A token as the issuer made it. Claims stay, the token itself does not.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Issued {
    /// `access`, `refresh` or `id`.
    pub kind: String,
    /// The token's own id.
    pub jti: String,
    /// The `jti` of the token it was made from (subject token, refresh token), if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The grant, short (`client_credentials`, `token-exchange` …).
    pub grant: String,
    /// The client it was issued to.
    pub client_id: String,
    /// Subject.
    pub sub: String,
    /// Audience, always a list; empty when the token has none.
    pub aud: Vec<String>,
    /// Scope text; empty when the token has none.
    pub scope: String,
    /// `wlcg.groups`, when present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<String>>,
    /// Issued at, Unix seconds.
    pub iat: i64,
    /// Not before, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// Expiry, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// Decoded header.
    #[serde(default)]
    #[schemars(with = "Value")]
    pub header: Json,
    /// Decoded claims, in the token's order.
    #[serde(default)]
    #[schemars(with = "Value")]
    pub claims: Json,
}

/// A JSON document, kept as its text.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Json(Box<RawValue>);

impl Json {
    /// Whatever can be told as JSON; `null` when it cannot.
    pub fn of(what: &impl Serialize) -> Self {
        serde_json::value::to_raw_value(what)
            .map(Self)
            .unwrap_or_default()
    }

    /// The document taken apart.
    pub fn value(&self) -> Value {
        serde_json::from_str(self.0.get()).unwrap_or_default()
    }
}

impl Default for Json {
    fn default() -> Self {
        Self(RawValue::NULL.to_owned())
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

/// A judgement with every check.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Judged {
    /// Who judged.
    pub by: String,
    /// The token judged, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// What was asked for, for example `storage.create:/example/file`.
    pub demand: String,
    /// The outcome.
    pub granted: bool,
    /// The reason in one word of the issuer page §4, such as `expired` or `boundary`; `ok` when granted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub diagnosis: String,
    /// Every check, with what it saw and wanted.
    pub checks: Vec<CheckRecord>,
    /// Advice: the likely slip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// One check of a judgement.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct CheckRecord {
    /// Which check.
    pub name: Cow<'static, str>,
    /// Whether it passed.
    pub ok: bool,
    /// What it saw.
    pub saw: Cow<'static, str>,
    /// What it wanted.
    pub wanted: Cow<'static, str>,
}

impl From<Check> for CheckRecord {
    fn from(check: Check) -> Self {
        let Check {
            name,
            ok,
            saw,
            wanted,
        } = check;
        Self {
            name,
            ok,
            saw,
            wanted,
        }
    }
}

/// A change of state.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct StateChange {
    /// Kind of entity: `fts.job`, `rucio.rule`, `storage.file` …
    pub entity: String,
    /// Which one.
    pub id: String,
    /// State before (empty: it is new).
    pub from: String,
    /// State after.
    pub to: String,
    /// The reason.
    pub why: String,
}

/// What an installed fault did.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct FaultEvent {
    /// The fault's name.
    pub which: String,
    /// Where it is installed.
    pub place: String,
    /// What it did.
    pub did: String,
}

/// An expectation, checked.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct Expectation {
    /// Its label (`A6`) when the scenario gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The expectation in words.
    pub expectation: String,
    /// Where it stands: `file:line:column`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Whether it held.
    pub held: bool,
    /// The records that show it.
    pub records: Vec<Seq>,
    /// When it did not hold: what was received instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A sentence for the reader.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct Note {
    /// The sentence.
    pub text: String,
}

//! Expectations: patterns over the journal's records.
//!
//! Texts are patterns: `*` stands for any run of characters. A text that begins with `$` is a name: the first
//! record that fits binds it, and from then on, in later expectations too, it means that value. So
//! `jti = "$A2"` in one expectation and `parent = "$A2"` in another say that the second token came from the first.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Statuses;

/// One thing that must (or must never) be found in the journal. Exactly one of the patterns is given.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// Label of the step of the story this belongs to, for example `A6`.
    pub step: Option<String>,
    /// What it means, in words, for the reader of a report.
    pub says: Option<String>,
    /// An HTTP request and its answer.
    pub exchange: Option<ExchangePattern>,
    /// A token that was issued.
    pub issued: Option<IssuedPattern>,
    /// A token that was judged.
    pub judged: Option<JudgedPattern>,
    /// A state that changed.
    pub state: Option<StatePattern>,
    /// A fault that struck.
    pub fault: Option<FaultPattern>,
    /// A sentence an actor wrote for the reader.
    pub note: Option<NotePattern>,
    /// A record that must not be there.
    pub never: Option<Pattern>,
    /// Records that must be there one after the other; others may lie between them.
    pub in_order: Option<Vec<Pattern>>,
}

/// One pattern, named by the kind of record it fits.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// An HTTP request and its answer.
    Exchange(ExchangePattern),
    /// A token that was issued.
    Issued(IssuedPattern),
    /// A token that was judged.
    Judged(JudgedPattern),
    /// A state that changed.
    State(StatePattern),
    /// A fault that struck.
    Fault(FaultPattern),
    /// A sentence an actor wrote for the reader.
    Note(NotePattern),
}

/// An HTTP request and its answer. What is left out may be anything.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExchangePattern {
    /// Who asked: an actor's name.
    pub from: Option<String>,
    /// Who was asked: an actor's name.
    pub to: Option<String>,
    /// HTTP method.
    pub method: Option<String>,
    /// Path of the URL, without the query.
    pub path: Option<String>,
    /// Query of the URL.
    pub query: Option<String>,
    /// Status of the answer, or several of which any will do.
    pub status: Option<Statuses>,
    /// HTTP version, for example `HTTP/2`.
    pub version: Option<String>,
    /// Request header fields by name (any case).
    pub header: IndexMap<String, String>,
    /// Request header fields that must not be there.
    pub no_header: Vec<String>,
    /// Answer header fields by name (any case).
    pub answer_header: IndexMap<String, String>,
    /// Parameters of a form body, decoded.
    pub form: IndexMap<String, String>,
    /// Parameters of a form body that must not be there.
    pub no_form: Vec<String>,
    /// The request body.
    pub body: Option<String>,
    /// Members of a JSON answer, by name (nested ones with dots).
    pub answer: IndexMap<String, String>,
    /// The answer's body.
    pub answer_body: Option<String>,
    /// Tokens used, by the place they stood in (for example `authorization`): their `jti`.
    pub token: IndexMap<String, String>,
    /// How many such exchanges there must be; left out, at least one.
    pub count: Option<usize>,
}

/// A token that was issued. What is left out may be anything.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IssuedPattern {
    /// The issuer: an actor's name.
    pub by: Option<String>,
    /// `access`, `refresh` or `id`.
    pub kind: Option<String>,
    /// Grant that led to it.
    pub grant: Option<String>,
    /// Client it was issued to.
    pub client_id: Option<String>,
    /// Subject.
    pub sub: Option<String>,
    /// Audiences, all of them, in order.
    pub aud: Option<Vec<String>>,
    /// Scopes, all of them, in any order, separated by spaces.
    pub scope: Option<String>,
    /// Groups, all of them, in order.
    pub groups: Option<Vec<String>>,
    /// The token's own id.
    pub jti: Option<String>,
    /// Id of the token it came from.
    pub parent: Option<String>,
    /// Seconds from `iat` to `exp`.
    pub lifetime: Option<i64>,
    /// Members of its header.
    pub header: IndexMap<String, String>,
    /// Claims (nested ones with dots); a claim that is not a string is compared as JSON.
    pub claims: IndexMap<String, String>,
    /// Claims that must not be there.
    pub no_claims: Vec<String>,
    /// How many such tokens there must be; left out, at least one.
    pub count: Option<usize>,
}

/// A token that was judged. What is left out may be anything.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JudgedPattern {
    /// Who judged: an actor's name.
    pub by: Option<String>,
    /// What was demanded, for example `storage.read:/example/file`.
    pub demand: Option<String>,
    /// The outcome.
    pub granted: Option<bool>,
    /// Name of a check that failed, for example `audience`.
    pub failed_check: Option<String>,
    /// Name of a check that held.
    pub held_check: Option<String>,
    /// What the named check saw (any check, when none is named).
    pub saw: Option<String>,
    /// What the named check wanted.
    pub wanted: Option<String>,
    /// What was probably meant, as the judgement says it.
    pub hint: Option<String>,
    /// Id of the judged token.
    pub jti: Option<String>,
    /// How many such judgements there must be; left out, at least one.
    pub count: Option<usize>,
}

/// A state that changed. What is left out may be anything.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StatePattern {
    /// The actor it changed at.
    pub at: Option<String>,
    /// What changed, for example `fts.job` or `rucio.rule`.
    pub entity: Option<String>,
    /// Which one.
    pub id: Option<String>,
    /// The state before.
    pub from: Option<String>,
    /// The state after.
    pub to: Option<String>,
    /// The reason given.
    pub why: Option<String>,
    /// How many such changes there must be; left out, at least one.
    pub count: Option<usize>,
}

/// A fault that struck. What is left out may be anything.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FaultPattern {
    /// The actor it struck.
    pub at: Option<String>,
    /// Which fault.
    pub which: Option<String>,
    /// Where it struck.
    pub place: Option<String>,
    /// What it did.
    pub did: Option<String>,
    /// How often it must have struck; left out, at least once.
    pub count: Option<usize>,
}

/// A sentence an actor wrote for the reader. What is left out may be anything.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NotePattern {
    /// Who wrote it: an actor's name.
    pub by: Option<String>,
    /// The sentence.
    pub text: Option<String>,
    /// How many such notes there must be; left out, at least one.
    pub count: Option<usize>,
}

/// The pattern of an expectation, and how it is meant.
#[derive(Clone, Debug)]
pub enum Aside<'a> {
    /// It must be there.
    Seen(Box<Pattern>),
    /// It must not be there.
    Never(&'a Pattern),
    /// They must be there one after the other.
    InOrder(&'a [Pattern]),
}

impl Expect {
    /// Everything this expectation asks; a well-formed one asks exactly one thing.
    pub fn asked(&self) -> Vec<Aside<'_>> {
        let mut all = Vec::new();
        all.extend(
            self.exchange
                .clone()
                .map(|p| Aside::Seen(Box::new(Pattern::Exchange(p)))),
        );
        all.extend(
            self.issued
                .clone()
                .map(|p| Aside::Seen(Box::new(Pattern::Issued(p)))),
        );
        all.extend(
            self.judged
                .clone()
                .map(|p| Aside::Seen(Box::new(Pattern::Judged(p)))),
        );
        all.extend(
            self.state
                .clone()
                .map(|p| Aside::Seen(Box::new(Pattern::State(p)))),
        );
        all.extend(
            self.fault
                .clone()
                .map(|p| Aside::Seen(Box::new(Pattern::Fault(p)))),
        );
        all.extend(
            self.note
                .clone()
                .map(|p| Aside::Seen(Box::new(Pattern::Note(p)))),
        );
        all.extend(self.never.as_ref().map(Aside::Never));
        all.extend(self.in_order.as_deref().map(Aside::InOrder));
        all
    }
}

impl Pattern {
    /// Names of actors the pattern speaks of, as it spells them.
    pub fn actors(&self) -> Vec<&str> {
        let named: Vec<Option<&String>> = match self {
            Self::Exchange(p) => vec![p.from.as_ref(), p.to.as_ref()],
            Self::Issued(p) => vec![p.by.as_ref()],
            Self::Judged(p) => vec![p.by.as_ref()],
            Self::State(p) => vec![p.at.as_ref()],
            Self::Fault(p) => vec![p.at.as_ref()],
            Self::Note(p) => vec![p.by.as_ref()],
        };
        named.into_iter().flatten().map(String::as_str).collect()
    }
}

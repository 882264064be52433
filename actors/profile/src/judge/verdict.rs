//! The outcome of a judgement as a value: every check, the refusal if there is one, and the proof that
//! a handler must hold to reach the data.

use std::borrow::Cow;

use super::{Diagnosis, Refusal};
use crate::Claims;

/// The outcome of a judgement.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Whether the demand is granted.
    pub granted: bool,
    /// Every check that was made, in order, also those after the first that failed.
    pub checks: Vec<Check>,
    /// What was demanded, in words.
    pub demand: String,
    /// The claims as read: **unverified** when the verdict is a refusal.
    pub claims: Option<Claims>,
    /// Why not.
    pub refusal: Option<Refusal>,
    /// On what grounds it was granted.
    pub grounds: Option<Grounds>,
    /// What is odd about the token without being a reason to refuse it.
    pub notes: Vec<Remark>,
    /// Keys that a fetch might bring, or refresh: ask [`crate::keys::KeyCache::plan`], fetch if it says
    /// so, and judge again.
    pub keys_wanted: Option<KeysWanted>,
    made_here: Made,
}

/// Keeps verdicts from being written down as literals elsewhere, and remembers the outcome whatever
/// becomes of the public fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    Granting,
    Refusing,
}

/// One check: what it saw, what it wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// `signature`, `issuer`, `time.exp`, `audience`, `scope.path`, …
    pub name: Cow<'static, str>,
    /// Whether it held.
    pub ok: bool,
    /// What it saw.
    pub saw: Cow<'static, str>,
    /// What it wanted.
    pub wanted: Cow<'static, str>,
}

/// A key that was missing, or overdue for a refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysWanted {
    /// The (trusted) issuer.
    pub issuer: String,
    /// The key's name.
    pub kid: String,
}

/// Something odd about a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The reason code.
    pub diagnosis: Diagnosis,
    /// A sentence for people.
    pub text: String,
}

/// On what grounds a demand was granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grounds {
    /// Without a token: the place is open to everybody.
    Anonymous,
    /// The token is valid, and no more was demanded.
    Identity,
    /// By these scope items.
    Scope(Vec<String>),
    /// By a group in the token.
    Group(String),
    /// By the subject's name.
    Subject(String),
}

impl Check {
    /// A check with its outcome.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        ok: bool,
        saw: impl Into<Cow<'static, str>>,
        wanted: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            name: name.into(),
            ok,
            saw: saw.into(),
            wanted: wanted.into(),
        }
    }
}

impl Verdict {
    /// A verdict that grants.
    pub fn grant(
        demand: impl Into<String>,
        claims: Option<Claims>,
        checks: Vec<Check>,
        grounds: Grounds,
    ) -> Self {
        Self {
            granted: true,
            checks,
            demand: demand.into(),
            claims,
            refusal: None,
            grounds: Some(grounds),
            notes: Vec::new(),
            keys_wanted: None,
            made_here: Made::Granting,
        }
    }

    /// A verdict that refuses.
    pub fn refuse(
        demand: impl Into<String>,
        claims: Option<Claims>,
        checks: Vec<Check>,
        refusal: Refusal,
    ) -> Self {
        Self {
            granted: false,
            checks,
            demand: demand.into(),
            claims,
            refusal: Some(refusal),
            grounds: None,
            notes: Vec::new(),
            keys_wanted: None,
            made_here: Made::Refusing,
        }
    }

    /// The reason code: `ok` when granted without anything odd.
    pub fn diagnosis(&self) -> Diagnosis {
        match (&self.refusal, self.notes.first()) {
            (Some(refusal), _) => refusal.diagnosis,
            (None, Some(note)) => note.diagnosis,
            (None, None) => Diagnosis::Ok,
        }
    }

    /// `jti` of the token judged.
    pub fn jti(&self) -> Option<&str> {
        self.claims.as_ref().and_then(Claims::jti)
    }

    /// The first check that failed.
    pub fn first_failed(&self) -> Option<&Check> {
        self.checks.iter().find(|check| !check.ok)
    }

    /// The proof, if the demand was granted.
    pub fn authorise(self) -> Result<Authorised, Refusal> {
        match (self.refusal, self.grounds) {
            (None, Some(grounds)) if self.granted && self.made_here == Made::Granting => {
                Ok(Authorised(Proof {
                    demand: self.demand,
                    claims: self.claims,
                    grounds,
                }))
            }
            (Some(refusal), _) => Err(refusal),
            (None, _) => Err(Refusal::insufficient(
                Diagnosis::NothingGranted,
                "not granted",
            )),
        }
    }
}

/// The proof that a demand was granted. There is no way to make one but [`Verdict::authorise`].
#[derive(Clone, Debug)]
pub struct Authorised(Proof);

#[derive(Clone, Debug)]
struct Proof {
    demand: String,
    claims: Option<Claims>,
    grounds: Grounds,
}

impl Authorised {
    /// What was granted.
    pub fn demand(&self) -> &str {
        &self.0.demand
    }

    /// On what grounds.
    pub fn grounds(&self) -> &Grounds {
        &self.0.grounds
    }

    /// The verified claims; `None` when no token was needed.
    pub fn claims(&self) -> Option<&Claims> {
        self.0.claims.as_ref()
    }

    /// Issuer and subject: together they name a principal, the subject alone does not (CLM-21).
    pub fn principal(&self) -> Option<(&str, &str)> {
        let claims = self.claims()?;
        Some((claims.iss()?, claims.sub()?))
    }

    /// The first group: the one to own what is created (GRP-10).
    pub fn primary_group(&self) -> Option<String> {
        self.claims()?.groups().into_iter().next()
    }
}

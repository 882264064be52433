//! Tokens as the issuer gives them, and the agent that keeps them (as oidc-agent does for a person).

use carnet_profile::Claims;
use carnet_profile::jose::Token;
use serde_json::Value;

use crate::error::UserError;

/// What one answer of the token endpoint holds.
#[derive(Clone)]
pub struct Tokens {
    /// The access token. A secret.
    pub access_token: String,
    /// The refresh token. A secret.
    pub refresh_token: Option<String>,
    /// The ID token.
    pub id_token: Option<String>,
    /// The scope that was granted, as the answer says.
    pub scope: String,
    /// Seconds to live, as the answer says.
    pub expires_in: Option<i64>,
}

impl Tokens {
    pub(crate) fn read(answer: &Value) -> Result<Self, UserError> {
        let text = |key: &str| answer.get(key).and_then(Value::as_str).map(str::to_owned);
        let access_token = text("access_token").ok_or_else(|| UserError::Senseless {
            who: "the issuer".into(),
            why: "there is no access_token in it".into(),
        })?;
        Ok(Self {
            access_token,
            refresh_token: text("refresh_token"),
            id_token: text("id_token"),
            scope: text("scope").unwrap_or_default(),
            expires_in: answer.get("expires_in").and_then(Value::as_i64),
        })
    }

    /// What the access token says; nothing when it is no JWT.
    pub fn claims(&self) -> Option<Claims> {
        Token::parse(&self.access_token)
            .ok()
            .map(|token| token.claims)
    }
}

/// Never shows a token.
impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens")
            .field("scope", &self.scope)
            .field("expires_in", &self.expires_in)
            .field("refreshable", &self.refresh_token.is_some())
            .finish_non_exhaustive()
    }
}

/// One set of tokens, and what it was asked for.
#[derive(Clone)]
struct Kept {
    scope: String,
    audience: String,
    tokens: Tokens,
}

/// The tokens of a person, newest last.
#[derive(Default)]
pub(crate) struct Agent {
    kept: Vec<Kept>,
}

impl Agent {
    /// Keeps a set, in place of an older one for the same.
    pub(crate) fn keep(&mut self, scope: &str, audience: &str, tokens: Tokens) {
        self.kept
            .retain(|k| k.scope != scope || k.audience != audience);
        self.kept.push(Kept {
            scope: scope.to_owned(),
            audience: audience.to_owned(),
            tokens,
        });
    }

    /// The newest set.
    pub(crate) fn newest(&self) -> Option<&Tokens> {
        self.kept.last().map(|k| &k.tokens)
    }

    /// The newest set for an audience that still lives.
    pub(crate) fn for_audience(&self, audience: &str, now: i64) -> Option<&Tokens> {
        let lives = |t: &Tokens| t.claims().and_then(|c| c.exp()).is_none_or(|exp| exp > now);
        self.kept.iter().rev().map(|k| &k.tokens).find(|t| {
            t.claims()
                .is_some_and(|c| c.aud().iter().any(|a| a == audience))
                && lives(t)
        })
    }

    /// The newest refresh token, and what it was asked for.
    pub(crate) fn refreshable(&self) -> Option<(String, String, String)> {
        let with = self
            .kept
            .iter()
            .rev()
            .find(|k| k.tokens.refresh_token.is_some())?;
        Some((
            with.tokens.refresh_token.clone()?,
            with.scope.clone(),
            with.audience.clone(),
        ))
    }
}

//! Which tokens a transfer travels with, by strategy (flows page A1-A3, B3; rucio page §2.1, §3).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use carnet_profile::jose::Token;

use crate::catalogue::Plan;
use crate::config::{Config, StorageAudience, Strategy};
use crate::issuer::{Granted, IssuerError};
use crate::job::JobTokens;
use crate::review::{self, Wanted};
use crate::server::Rucio;

/// What one job travels with.
#[derive(Clone, Default)]
pub(crate) struct Passport {
    /// Bearer token for FTS; none when the issuer refused and only a certificate could help.
    pub(crate) fts: Option<String>,
    /// Tokens inside the job; none when the job has no token keys at all.
    pub(crate) job: Option<JobTokens>,
}

/// A token that Rucio holds.
#[derive(Clone)]
struct Held {
    access: String,
    expires: i64,
    refresh: Option<String>,
}

/// Whose token it is and what it is for.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Purpose {
    /// The account it speaks for; empty for Rucio itself.
    account: String,
    audience: String,
    scope: String,
}

/// Tokens in memory: Rucio's own by audience and scope, and what its users have shown at the door.
#[derive(Default)]
pub(crate) struct TokenStore {
    held: Mutex<HashMap<Purpose, Held>>,
    subjects: Mutex<HashMap<String, Vec<Held>>>,
}

impl TokenStore {
    /// Keeps a token that a user has shown; a later one goes first.
    pub(crate) fn keep_subject(&self, account: &str, token: &str, expires: i64) {
        let mut subjects = self.subjects.lock().unwrap_or_else(PoisonError::into_inner);
        let of_account = subjects.entry(account.to_owned()).or_default();
        of_account.retain(|held| held.access != token);
        of_account.push(Held {
            access: token.to_owned(),
            expires,
            refresh: None,
        });
    }

    /// The newest token that a user has shown and that still lives.
    fn subject(&self, account: &str, now: i64) -> Option<String> {
        let subjects = self.subjects.lock().unwrap_or_else(PoisonError::into_inner);
        subjects
            .get(account)?
            .iter()
            .rev()
            .find(|held| held.expires > now)
            .map(|held| held.access.clone())
    }

    fn held(&self, purpose: &Purpose) -> Option<Held> {
        self.held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(purpose)
            .cloned()
    }

    fn keep(&self, purpose: Purpose, held: Held) {
        self.held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(purpose, held);
    }

    fn drop_access(&self, access: &str) {
        for held in self
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values_mut()
            .filter(|held| held.access == access)
        {
            held.expires = i64::MIN;
        }
    }
}

/// The tokens for one transfer: those it holds already, or new ones.
///
/// Fails with the sentence that becomes the request's error.
pub(crate) async fn passport(rucio: &Rucio, plan: &Plan) -> Result<Passport, String> {
    match rucio.config().strategy {
        Strategy::DelegatedIdentity => Ok(Passport {
            fts: Some(submit_token(rucio).await?),
            job: None,
        }),
        Strategy::UserExchange => Ok(Passport {
            fts: Some(exchanged_token(rucio, &plan.account).await?),
            job: None,
        }),
        Strategy::Today => Ok(todays(rucio, plan).await),
    }
}

/// The same once more, with a new FTS token: FTS did not take the old one.
pub(crate) async fn renewed(
    rucio: &Rucio,
    plan: &Plan,
    old: &Passport,
) -> Result<Passport, String> {
    if let Some(access) = &old.fts {
        rucio.tokens().drop_access(access);
    }
    let fts = match rucio.config().strategy {
        Strategy::DelegatedIdentity => Some(submit_token(rucio).await?),
        Strategy::UserExchange => Some(exchanged_token(rucio, &plan.account).await?),
        Strategy::Today => own_token(
            rucio,
            &rucio.config().fts_audience(),
            rucio.config().fts_scope(),
            Order::AudienceFirst,
        )
        .await
        .ok(),
    };
    Ok(Passport {
        fts,
        job: old.job.clone(),
    })
}

/// Order of the form's parameters: the seed writes the scope first, a production Rucio the audience.
#[derive(Clone, Copy)]
enum Order {
    ScopeFirst,
    AudienceFirst,
}

/// A1 to A3: Rucio's own token for FTS, looked into before it is used.
async fn submit_token(rucio: &Rucio) -> Result<String, String> {
    let config = rucio.config();
    own_token(
        rucio,
        &config.fts_audience(),
        config.fts_scope(),
        Order::ScopeFirst,
    )
    .await
    .map_err(|e| format!("no token for FTS: {e}"))
}

/// A token in Rucio's own name, from memory while it lives long enough, else by `client_credentials`.
async fn own_token(
    rucio: &Rucio,
    audience: &str,
    scope: &str,
    order: Order,
) -> Result<String, IssuerError> {
    let config = rucio.config();
    let purpose = Purpose {
        account: String::new(),
        audience: audience.to_owned(),
        scope: scope.to_owned(),
    };
    let now = rucio.actor().clock().seconds();
    if let Some(held) = rucio.tokens().held(&purpose)
        && held.expires.saturating_sub(now) >= config.token_min_lifetime
    {
        return Ok(held.access);
    }
    let grant = ("grant_type", "client_credentials");
    let granted = match order {
        Order::ScopeFirst => {
            rucio
                .issuer()
                .token(&[grant, ("scope", scope), ("audience", audience)])
                .await?
        }
        Order::AudienceFirst => {
            rucio
                .issuer()
                .token(&[grant, ("audience", audience), ("scope", scope)])
                .await?
        }
    };
    if config.strategy != Strategy::Today {
        let scopes: Vec<&str> = scope.split_whitespace().collect();
        let wanted = Wanted {
            issuer: &config.issuer,
            audience,
            scopes: &scopes,
            subject: None,
            longest: config.token_max_lifetime,
        };
        accept(rucio, &granted, &wanted)
            .await
            .map_err(IssuerError::Unreachable)?;
    }
    Ok(keep(rucio, purpose, granted))
}

/// B3: the user's token exchanged for FTS; with a refresh token it outlives the user's visit.
async fn exchanged_token(rucio: &Rucio, account: &str) -> Result<String, String> {
    let config = rucio.config();
    let audience = config.fts_audience();
    let now = rucio.actor().clock().seconds();
    let purpose = Purpose {
        account: account.to_owned(),
        audience: audience.clone(),
        scope: String::new(),
    };
    let held = rucio.tokens().held(&purpose);
    if let Some(held) = &held
        && held.expires.saturating_sub(now) >= config.token_min_lifetime
    {
        return Ok(held.access.clone());
    }
    if let Some(refresh) = held.and_then(|held| held.refresh) {
        let answer = rucio
            .issuer()
            .token(&[("grant_type", "refresh_token"), ("refresh_token", &refresh)])
            .await;
        match answer {
            Ok(mut granted) => {
                granted.refresh_token = granted.refresh_token.or(Some(refresh));
                return Ok(keep(rucio, purpose, granted));
            }
            Err(why) => {
                rucio.actor().note(format!(
                    "the token held for {account} was not refreshed: {why}"
                ));
            }
        }
    }
    let Some(subject) = rucio.tokens().subject(account, now) else {
        return Err(format!(
            "no token for FTS: account {account} has shown no token that still lives, so there is nothing to exchange"
        ));
    };
    let (scope, sub) = scope_and_subject(&subject);
    let scope = with_offline_access(&scope);
    let form = [
        (
            "grant_type",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ),
        ("subject_token", subject.as_str()),
        ("audience", audience.as_str()),
        ("scope", scope.as_str()),
    ];
    let granted = rucio
        .issuer()
        .token(&form)
        .await
        .map_err(|e| format!("no token for FTS: {e}"))?;
    let scopes: Vec<&str> = scope
        .split_whitespace()
        .filter(|s| *s != "offline_access")
        .collect();
    let wanted = Wanted {
        issuer: &config.issuer,
        audience: &audience,
        scopes: &scopes,
        subject: Some(&sub),
        longest: config.token_max_lifetime,
    };
    accept(rucio, &granted, &wanted).await?;
    Ok(keep(rucio, purpose, granted))
}

/// What a production Rucio does: one token for FTS, one for each side; a refusal only shows in what is missing
/// (rucio page §0, facts 3 and 4).
async fn todays(rucio: &Rucio, plan: &Plan) -> Passport {
    let config = rucio.config();
    if !plan.hop.tokens {
        rucio.actor().note(format!(
            "{} or {} does not take tokens: the job goes without any",
            plan.hop.source, plan.hop.destination
        ));
        return Passport::default();
    }
    let fts = match own_token(
        rucio,
        &config.fts_audience(),
        config.fts_scope(),
        Order::AudienceFirst,
    )
    .await
    {
        Ok(token) => token,
        Err(why) => {
            rucio.actor().note(format!(
                "no token for FTS, the job goes with a certificate or nothing: {why}"
            ));
            return Passport::default();
        }
    };
    let sides = rucio.read(|c| {
        let side = |rse: &str, scopes: &[&str]| {
            let rse = c.rses.get(rse)?;
            let audience = match config.storage_audience {
                StorageAudience::Host => rse.token_audience(),
                StorageAudience::Url => rse.token_audience_urls(),
            };
            Some((audience, rse.token_scope(scopes, &["offline_access"])))
        };
        (
            side(&plan.hop.source, &["storage.read"]),
            side(&plan.hop.destination, &["storage.modify", "storage.read"]),
        )
    });
    let source = storage_token(rucio, sides.0).await;
    let destination = storage_token(rucio, sides.1).await;
    Passport {
        fts: Some(fts),
        job: Some(JobTokens {
            source,
            destination,
        }),
    }
}

async fn storage_token(rucio: &Rucio, wanted: Option<(String, String)>) -> Option<String> {
    let (audience, scope) = wanted?;
    match own_token(rucio, &audience, &scope, Order::AudienceFirst).await {
        Ok(token) => Some(token),
        Err(why) => {
            rucio
                .actor()
                .note(format!("no token for {audience}: {why}; the job says null"));
            None
        }
    }
}

/// A3: looks into a token and says so in the journal; refuses it when it is not what was asked for.
async fn accept(rucio: &Rucio, granted: &Granted, wanted: &Wanted<'_>) -> Result<(), String> {
    let token = Token::parse(&granted.access_token)
        .map_err(|e| format!("the issuer's access token is no token: {e}"))?;
    rucio
        .issuer()
        .ready(token.header.kid.as_deref().unwrap_or_default())
        .await;
    let verdict = review::review(
        &granted.access_token,
        rucio.issuer().keys(),
        wanted,
        rucio.actor().clock().seconds(),
    );
    rucio.actor().judged(verdict.jti(), &verdict);
    review::complaint(&verdict).map_or(Ok(()), |why| {
        Err(format!(
            "the token from the issuer is not what was asked for: {why}"
        ))
    })
}

fn keep(rucio: &Rucio, purpose: Purpose, granted: Granted) -> String {
    let access = granted.access_token;
    let expires = Token::parse(&access)
        .ok()
        .and_then(|t| t.claims.exp())
        .unwrap_or(i64::MIN);
    rucio.tokens().keep(
        purpose,
        Held {
            access: access.clone(),
            expires,
            refresh: granted.refresh_token,
        },
    );
    access
}

fn scope_and_subject(token: &str) -> (String, String) {
    Token::parse(token).map_or_else(
        |_| (String::new(), String::new()),
        |t| {
            (
                t.claims.scope().unwrap_or_default().to_owned(),
                t.claims.sub().unwrap_or_default().to_owned(),
            )
        },
    )
}

/// The scopes of a token plus `offline_access`, in their order.
fn with_offline_access(scope: &str) -> String {
    let mut scopes: Vec<&str> = scope
        .split_whitespace()
        .filter(|s| *s != "offline_access")
        .collect();
    scopes.push("offline_access");
    scopes.join(" ")
}

impl Config {
    /// Audience that a user's token must carry.
    pub(crate) fn door_audience(&self, base_url: &str) -> String {
        self.expected_audience
            .clone()
            .unwrap_or_else(|| base_url.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offline_access_goes_last_and_once() {
        for (scope, want) in [
            ("openid wlcg.groups", "openid wlcg.groups offline_access"),
            ("offline_access openid", "openid offline_access"),
            ("", "offline_access"),
        ] {
            assert_eq!(with_offline_access(scope), want);
        }
    }

    #[test]
    fn the_newest_living_token_is_exchanged() {
        let store = TokenStore::default();
        store.keep_subject("alice", "old", 2_000);
        store.keep_subject("alice", "new", 1_500);
        assert_eq!(store.subject("alice", 1_000).as_deref(), Some("new"));
        assert_eq!(store.subject("alice", 1_600).as_deref(), Some("old"));
        assert_eq!(store.subject("alice", 2_000), None);
        assert_eq!(store.subject("bob", 0), None);
    }
}

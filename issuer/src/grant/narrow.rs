//! What the scope policies leave of a request, when they are asked, and how it is told (issuer page §2.0).

use carnet_stage::CheckRecord;

use crate::errors::Refusal;
use crate::issuer::{Issuer, check};
use crate::policies::{Dropped, Stumble, through_table};
use crate::quirks::Quirk;
use crate::scopes::RESERVED;
use crate::store::{Client, User};

/// Scopes after the policies.
pub struct Narrowed {
    /// What the grant remembers, for refreshes.
    pub request: Vec<String>,
    /// What the token carries, in order.
    pub claim: Vec<String>,
    /// What was taken away, and why.
    pub dropped: Vec<Dropped>,
}

/// Applies the scope policies of a person to a first request, and tells the journal what they take away.
pub fn narrow(
    issuer: &Issuer,
    client: &Client,
    user: &User,
    asked: Vec<String>,
) -> Result<Narrowed, Refusal> {
    let narrowed = narrowed(issuer, client, user, asked)?;
    tell(issuer, client, user, &narrowed.dropped);
    Ok(narrowed)
}

/// The same, untold.
pub fn narrowed(
    issuer: &Issuer,
    client: &Client,
    user: &User,
    asked: Vec<String>,
) -> Result<Narrowed, Refusal> {
    let mut dropped = Vec::new();
    let (request, claim) = if client.literal {
        (asked.clone(), asked)
    } else if issuer.rules.then() {
        let kept = filtered(issuer, user, &asked, false, &mut dropped)?;
        (asked, without_reserved(kept))
    } else {
        let kept = first(issuer, client, user, &asked, &mut dropped)?;
        let request = without_reserved(kept);
        let claim = last(issuer, client, user, &request, &mut dropped)?;
        (request, claim)
    };
    Ok(Narrowed {
        request,
        claim,
        dropped,
    })
}

/// The policies as a request is taken in (not in IAM 1.7, which waits until the token is written).
pub fn first_filter(
    issuer: &Issuer,
    client: &Client,
    user: &User,
    asked: &[String],
) -> Result<Vec<String>, Refusal> {
    let mut dropped = Vec::new();
    let kept = first(issuer, client, user, asked, &mut dropped)?;
    tell(issuer, client, user, &dropped);
    Ok(kept)
}

fn first(
    issuer: &Issuer,
    client: &Client,
    user: &User,
    asked: &[String],
    dropped: &mut Vec<Dropped>,
) -> Result<Vec<String>, Refusal> {
    if client.literal || issuer.rules.then() {
        return Ok(asked.to_vec());
    }
    let kept = filtered(issuer, user, asked, true, dropped)?;
    Ok(if issuer.has(Quirk::Q06) {
        through_table(asked, &kept)
    } else {
        kept
    })
}

/// The policies as a token is written.
pub fn last_filter(
    issuer: &Issuer,
    client: &Client,
    user: &User,
    asked: &[String],
) -> Result<Vec<String>, Refusal> {
    let mut dropped = Vec::new();
    let kept = last(issuer, client, user, asked, &mut dropped)?;
    tell(issuer, client, user, &dropped);
    Ok(kept)
}

fn last(
    issuer: &Issuer,
    client: &Client,
    user: &User,
    asked: &[String],
    dropped: &mut Vec<Dropped>,
) -> Result<Vec<String>, Refusal> {
    if client.literal {
        return Ok(asked.to_vec());
    }
    let kept = filtered(issuer, user, asked, !issuer.rules.then(), dropped)?;
    let kept = without_reserved(kept);
    Ok(if issuer.has(Quirk::Q06) && !issuer.rules.then() {
        through_table(asked, &kept)
    } else {
        kept
    })
}

fn filtered(
    issuer: &Issuer,
    user: &User,
    asked: &[String],
    keep_openid: bool,
    dropped: &mut Vec<Dropped>,
) -> Result<Vec<String>, Refusal> {
    let admin_scopes = !issuer.rules.then();
    let out = issuer
        .scope_policies()
        .filter(asked, &user.person(), keep_openid, admin_scopes)
        .map_err(|stumble| stumbled(&stumble))?;
    dropped.extend(out.dropped);
    Ok(out.kept)
}

/// A scope that broke a policy, as a refusal.
pub fn stumbled(stumble: &Stumble) -> Refusal {
    Refusal::bad("invalid_scope", stumble.to_string())
}

fn tell(issuer: &Issuer, client: &Client, user: &User, dropped: &[Dropped]) {
    if dropped.is_empty() {
        return;
    }
    let checks: Vec<CheckRecord> = dropped
        .iter()
        .map(|d| check("scope.policy", false, d.scope.clone(), d.why.clone()))
        .collect();
    let list = dropped
        .iter()
        .map(|d| d.scope.as_str())
        .collect::<Vec<_>>()
        .join(" ");
    let demand = format!("scopes for {} through client {}", user.username, client.id);
    issuer.judged(
        None,
        demand,
        false,
        checks,
        Some(format!("dropped without an error: {list}")),
    );
}

/// Scopes that no token carries.
pub fn without_reserved(mut scopes: Vec<String>) -> Vec<String> {
    scopes.retain(|scope| !RESERVED.contains(&scope.as_str()));
    scopes
}

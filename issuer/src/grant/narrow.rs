//! What the scope policies leave of a request, when they are asked, and how it is told (issuer page §2.0).

use carnet_stage::CheckRecord;

use super::relative;
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
        let kept = pass(issuer, client, user, &asked, When::Asked, &mut dropped)?;
        let request = without_reserved(kept);
        let claim = pass(issuer, client, user, &request, When::Written, &mut dropped)?;
        (request, claim)
    };
    Ok(Narrowed {
        request,
        claim,
        dropped,
    })
}

/// When the policies are asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    /// As a request is taken in (not in IAM 1.7, which waits until the token is written).
    Asked,
    /// As a token is written.
    Written,
}

/// The policies as a request is taken in.
pub fn first_filter(
    issuer: &Issuer,
    client: &Client,
    user: &User,
    asked: &[String],
) -> Result<Vec<String>, Refusal> {
    told(issuer, client, user, asked, When::Asked)
}

/// The policies as a token is written.
pub fn last_filter(
    issuer: &Issuer,
    client: &Client,
    user: &User,
    asked: &[String],
) -> Result<Vec<String>, Refusal> {
    told(issuer, client, user, asked, When::Written)
}

fn told(
    issuer: &Issuer,
    client: &Client,
    user: &User,
    asked: &[String],
    when: When,
) -> Result<Vec<String>, Refusal> {
    let mut dropped = Vec::new();
    let kept = pass(issuer, client, user, asked, when, &mut dropped)?;
    tell(issuer, client, user, &dropped);
    Ok(kept)
}

fn pass(
    issuer: &Issuer,
    client: &Client,
    user: &User,
    asked: &[String],
    when: When,
    dropped: &mut Vec<Dropped>,
) -> Result<Vec<String>, Refusal> {
    let then = issuer.rules.then();
    if client.literal || (then && when == When::Asked) {
        return Ok(asked.to_vec());
    }
    let mut kept = filtered(issuer, user, asked, !then, dropped)?;
    if when == When::Written {
        kept = without_reserved(kept);
    }
    Ok(if issuer.has(Quirk::Q06) && !then {
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
        .map_err(|stumble| stumbled(issuer, &stumble))?;
    dropped.extend(out.dropped);
    Ok(out.kept)
}

/// A scope that broke a policy, as a refusal. June 2021 had no word of its own for it.
pub fn stumbled(issuer: &Issuer, stumble: &Stumble) -> Refusal {
    if issuer.rules.then() {
        relative(issuer)
    } else {
        Refusal::bad("invalid_scope", stumble.to_string())
    }
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

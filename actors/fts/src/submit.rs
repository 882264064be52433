//! From a request body to a job in the book: the submission taken apart, its tokens checked and stored
//! (FTS page §1.3 "Token specific checks", §3.1, §3.2).

use std::sync::Arc;

use carnet_profile::Claims;
use carnet_profile::jose::Token;
use carnet_stage::current_cause;
use serde_json::Value;

use crate::auth::{BASE_ID, User};
use crate::book::NewJob;
use crate::config::TokenModel;
use crate::errors::Refused;
use crate::exchange::{Subject, Wanted, wanted};
use crate::job::Owner;
use crate::service::Service;
use crate::submission::{Limits, Row, Submission};
use crate::tokens::{Secret, TokenId, TokenRow, TokenState, derived_token_id, token_id, uuid5};

/// A token row to be added, and whether it is FTS's own making.
struct Planned {
    row: TokenRow,
    why: String,
    derived: bool,
}

/// Takes a job in. Gives its id.
pub async fn submit(service: &Arc<Service>, user: &User, body: &Value) -> Result<String, Refused> {
    let owner = user.owner()?;
    let config = service.config();
    let bearer = user.bearer.as_ref();
    let limits = Limits {
        files: config.max_files,
        rows: config.max_files,
    };
    let submission = Submission::parse(body, bearer.map(Secret::reveal), limits)?;
    let mut planned = Vec::new();
    let mut tokens = Vec::with_capacity(submission.rows.len());
    match (config.tokens, bearer) {
        (TokenModel::Seed, Some(bearer)) => {
            for row in &submission.rows {
                tokens.push(plan_exchange(service, user, bearer, row, &mut planned));
            }
        }
        _ => {
            tokens = plan_brought(service, user, &submission, &mut planned).await?;
        }
    }
    let id = job_id(service, &owner, &submission);
    let cause = current_cause();
    let hashes = service.actor().random(|stream| {
        use rand::Rng as _;
        submission.rows.iter().map(|_| stream.random()).collect()
    });
    let new = NewJob {
        id: id.clone(),
        owner,
        submission,
        tokens,
        cause,
        hashes,
    };
    service.act(|book, now| {
        for Planned { row, why, derived } in planned {
            if derived {
                book.revive_token(&row.id, row.access.clone(), cause, now.as_second());
            }
            book.add_token(row, cause, &why);
        }
        book.submit(new, now)
    })?;
    if !config.realistic_rounds {
        service.exchange_now().await;
    }
    service.wake();
    Ok(id)
}

fn job_id(service: &Service, owner: &Owner, submission: &Submission) -> String {
    match &submission.params.sid {
        Some(sid) => uuid5(uuid5(BASE_ID, &owner.vo), sid).to_string(),
        None => service.actor().uuid().to_string(),
    }
}

/// Token model `seed`: the submit token is to become the storage tokens of this row.
fn plan_exchange(
    service: &Service,
    user: &User,
    bearer: &Secret,
    row: &Row,
    planned: &mut Vec<Planned>,
) -> (TokenId, TokenId) {
    let subject = Subject {
        scope: &user.scope,
        has_groups: user.claims.get("wlcg.groups").is_some(),
    };
    let (source, destination) = wanted(service.config(), subject, &row.source, &row.destination);
    let mut plan = |wanted: Wanted, whom: &str| {
        let id = derived_token_id(bearer.reveal(), &wanted.audience, &wanted.scope);
        if !planned.iter().any(|one| one.row.id == id) {
            let row = TokenRow {
                id: id.clone(),
                access: bearer.clone(),
                expiry: user.claims.exp(),
                refresh: None,
                issuer: user.claims.iss().unwrap_or_default().to_owned(),
                scope: wanted.scope,
                audience: wanted.audience,
                state: TokenState::Waiting,
                attempts: 0,
                retry_at: None,
                message: None,
            };
            let why = format!(
                "the submit token of {} is of no use at the storage: it is to be exchanged for {whom}",
                user.dn
            );
            planned.push(Planned {
                row,
                why,
                derived: true,
            });
        }
        id
    };
    match destination {
        None => {
            let id = plan(source, "both storage elements");
            (id.clone(), id)
        }
        Some(destination) => (
            plan(source, "the source"),
            plan(destination, "the destination"),
        ),
    }
}

/// Token model `today`: the tokens that the submission brings, or its own bearer.
async fn plan_brought(
    service: &Service,
    user: &User,
    submission: &Submission,
    planned: &mut Vec<Planned>,
) -> Result<Vec<(TokenId, TokenId)>, Refused> {
    let unmanaged = submission.params.unmanaged_tokens;
    if unmanaged && !service.config().allow_unmanaged_tokens {
        return Err(Refused::bad("Unmanaged tokens are not allowed!"));
    }
    let mut ids = Vec::with_capacity(submission.rows.len());
    for row in &submission.rows {
        let mut of = |token: &Option<String>, whom: &str| -> Result<TokenId, Refused> {
            let Some(token) = token else {
                return Ok(TokenId::new());
            };
            let id = token_id(token);
            if !planned.iter().any(|one| one.row.id == id) {
                let row = row_of(service, token, id.clone(), unmanaged)?;
                planned.push(Planned {
                    row,
                    why: format!("brought for {whom}"),
                    derived: false,
                });
            }
            Ok(id)
        };
        ids.push((
            of(&row.source_token, row.source.as_str())?,
            of(&row.destination_token, row.destination.as_str())?,
        ));
    }
    for one in planned.iter() {
        if !service
            .door()
            .is_genuine(service.actor(), service.issuers(), one.row.access.reveal())
            .await
        {
            return Err(Refused::bad("Failed to validate access-token"));
        }
    }
    if submission.params.archive_timeout > 0 {
        return Err(Refused::bad(
            "Requests to archive to tape using token authentication are not supported",
        ));
    }
    if submission.params.bring_online > 0 {
        return Err(Refused::bad(
            "Requests to retrieve from tape using token authentication are not supported",
        ));
    }
    let known = |issuer: &str| service.issuers().config(issuer).is_some();
    let own = user.claims.iss().unwrap_or_default();
    if !known(own) {
        return Err(Refused::bad(format!(
            "FTS access-token has unknown issuer: issuer={}",
            with_slash(own)
        )));
    }
    if let Some(foreign) = planned.iter().find(|one| !known(&one.row.issuer)) {
        return Err(Refused::bad(format!(
            "Transfer access-token has unknown issuer: issuer={}",
            foreign.row.issuer
        )));
    }
    Ok(ids)
}

/// The row of a storage token, from its claims; nothing of it is believed yet.
fn row_of(
    service: &Service,
    token: &str,
    id: TokenId,
    unmanaged: bool,
) -> Result<TokenRow, Refused> {
    let claims = Token::parse(token)
        .map(|token| token.claims)
        .unwrap_or_default();
    let lacks = |claim: &str| Refused::bad(format!("Token does not contain an {claim} claim"));
    let issuer = claims.iss().ok_or_else(|| lacks("iss"))?;
    if service.config().profile == crate::config::Profile::V3_13 && claims.get("nbf").is_none() {
        return Err(lacks("nbf"));
    }
    let expiry = claims.exp().ok_or_else(|| lacks("exp"))?;
    let scope = claims
        .scope()
        .ok_or_else(|| Refused::bad("Token does not contain a scope claim"))?;
    Ok(TokenRow {
        id,
        access: Secret::new(token),
        expiry: Some(expiry),
        refresh: None,
        issuer: with_slash(issuer),
        scope: scope.to_owned(),
        audience: audience(&claims)?,
        state: if unmanaged {
            TokenState::Unmanaged
        } else {
            TokenState::Waiting
        },
        attempts: 0,
        retry_at: None,
        message: None,
    })
}

fn audience(claims: &Claims) -> Result<String, Refused> {
    match claims.get("aud") {
        None => Err(Refused::bad("Token does not contain an aud claim")),
        Some(Value::String(_) | Value::Array(_)) => Ok(claims.aud().join(" ")),
        Some(other) => Err(Refused::bad(format!(
            "Token audience must be a null, string or list of strings: actual_type=<class '{}'>",
            crate::params::python_type(other)
        ))),
    }
}

fn with_slash(issuer: &str) -> String {
    format!("{}/", issuer.trim_end_matches('/'))
}

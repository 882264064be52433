//! Identities of accounts (rucio page §1.4).

use axum::response::Response;
use serde_json::json;

use crate::account::IdentityType;
use crate::answers;
use crate::call::{Call, Members};
use crate::errors::RucioError;

/// `GET /accounts/<a>/identities`.
pub(crate) fn list(call: &Call, account: &str) -> Result<Response, RucioError> {
    call.rucio.read(|c| {
        c.account(account)?;
        let mine = c.identities.iter().filter(|i| i.accounts.contains(account));
        let rows: Vec<_> = mine
            .map(|i| json!({"type": i.kind.as_str(), "identity": i.key, "email": i.email}))
            .collect();
        Ok(answers::stream(rows))
    })
}

/// `POST /accounts/<a>/identities`.
pub(crate) fn add(call: &Call, account: &str) -> Result<Response, RucioError> {
    let body = call.object()?;
    let kind = kind(body.text("authtype")?)?;
    let key = body.text("identity")?;
    let text = |key: &str| body.maybe_text(key).map(str::to_owned);
    if kind == IdentityType::Userpass && text("password").is_none() {
        return Err(RucioError::key_error("'password' not defined"));
    }
    call.rucio.with(|c, _| {
        c.only_admin(&call.account, "add account identity")?;
        c.account(account)?;
        if c.identity(kind, key)
            .is_some_and(|i| i.accounts.contains(account))
        {
            return Err(RucioError::duplicate(format!(
                "Identity pair '{key}','{}' already exists!",
                kind.as_str()
            )));
        }
        c.map_identity(kind, key, text("password"), text("email"), account);
        Ok(answers::created())
    })
}

/// `DELETE /accounts/<a>/identities`.
pub(crate) fn delete(call: &Call, account: &str) -> Result<Response, RucioError> {
    let body = call.object()?;
    let (kind, key) = (kind(body.text("authtype")?)?, body.text("identity")?);
    call.rucio.with(|c, _| {
        c.only_admin(&call.account, "delete account identity")?;
        if c.unmap_identity(kind, key, account) {
            Ok(answers::empty())
        } else {
            Err(RucioError::account_not_found(format!(
                "Identity ({key},{}) does not exist!",
                kind.as_str()
            )))
        }
    })
}

/// `GET /identities/<key>/<type>/accounts`.
pub(crate) fn accounts(call: &Call, key: &str, of_kind: &str) -> Result<Response, RucioError> {
    let kind = kind(&of_kind.to_uppercase())?;
    let accounts = call
        .rucio
        .read(|c| c.identity(kind, key).map(|i| json!(i.accounts)));
    Ok(answers::json(&accounts.unwrap_or_else(|| json!([]))))
}

fn kind(text: &str) -> Result<IdentityType, RucioError> {
    IdentityType::parse(text)
        .ok_or_else(|| RucioError::invalid_object(format!("'{text}' is not a valid IdentityType")))
}

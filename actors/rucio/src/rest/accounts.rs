//! `/accounts` and `/scopes` (rucio page §1.4).

use axum::response::Response;
use http::header::LOCATION;
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::account::Account;
use crate::answers;
use crate::call::{Call, Members};
use crate::config::AccountType;
use crate::errors::RucioError;

/// `GET /accounts`.
pub(crate) fn list(call: &Call) -> Response {
    let rows = call.rucio.read(|c| {
        let open = c.accounts.values().filter(|a| a.deleted_at.is_none());
        open.map(|a| json!({"account": a.name, "type": a.kind.as_str(), "email": a.email}))
            .collect::<Vec<_>>()
    });
    answers::stream(rows)
}

/// `GET /accounts/whoami`: a relative redirect to the account.
pub(crate) fn whoami(call: &Call) -> Result<Response, RucioError> {
    let name = &call.account;
    let mut response = answers::html(
        StatusCode::SEE_OTHER,
        format!(
            "<!doctype html>\n<html lang=en>\n<title>Redirecting...</title>\n<h1>Redirecting...</h1>\n<p>You should be redirected automatically to the target URL: <a href=\"{name}\">{name}</a>. If not, click the link.\n"
        ),
    );
    let location = HeaderValue::from_str(name)
        .map_err(|_| RucioError::uncaught("the account's name is no header value"))?;
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

/// `GET /accounts/<a>`.
pub(crate) fn get(call: &Call, name: &str) -> Result<Response, RucioError> {
    call.rucio
        .read(|c| c.account(name).map(|a| answers::json(&shown(a))))
}

fn shown(account: &Account) -> Value {
    let date = |at: Option<jiff::Timestamp>| at.map(answers::short_date);
    json!({
        "account_type": account.kind.as_str(), "email": account.email, "account": account.name, "deleted_at": date(account.deleted_at),
        "created_at": answers::short_date(account.created_at), "suspended_at": date(account.suspended_at),
        "status": account.status(), "updated_at": answers::short_date(account.updated_at),
    })
}

/// `POST /accounts/<a>`.
pub(crate) fn add(call: &Call, name: &str) -> Result<Response, RucioError> {
    let body = call.object()?;
    let kind = match body.text("type")? {
        "USER" => AccountType::User,
        "GROUP" => AccountType::Group,
        "SERVICE" => AccountType::Service,
        other => {
            return Err(RucioError::invalid_object(format!(
                "'{other}' is not a valid AccountType"
            )));
        }
    };
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if name.len() > 25 || !name.chars().all(letters) {
        return Err(RucioError::bad_schema(format!(
            "Problem validating account: '{name}' does not match '^[a-z0-9-_]+$'"
        )));
    }
    call.rucio.with(|c, g| {
        c.only_admin(&call.account, "add account")?;
        if c.accounts.contains_key(name) {
            return Err(RucioError::duplicate(format!(
                "Account ID '{name}' already exists!"
            )));
        }
        c.accounts.insert(
            name.to_owned(),
            Account::new(
                name,
                kind,
                body.maybe_text("email").map(str::to_owned),
                g.now,
            ),
        );
        Ok(answers::created())
    })
}

/// `PUT /accounts/<a>`: status and mail address.
pub(crate) fn update(call: &Call, name: &str) -> Result<Response, RucioError> {
    let body = call.object()?;
    call.rucio.with(|c, g| {
        c.only_admin(&call.account, "update account")?;
        let account = c.account_mut(name)?;
        if let Some(status) = body.maybe_text("status") {
            account.suspended_at = (status == "SUSPENDED").then_some(g.now);
        }
        if let Some(email) = body.maybe_text("email") {
            account.email = Some(email.to_owned());
        }
        account.updated_at = g.now;
        Ok(answers::empty())
    })
}

/// `DELETE /accounts/<a>`: closes it.
pub(crate) fn delete(call: &Call, name: &str) -> Result<Response, RucioError> {
    call.rucio.with(|c, g| {
        c.only_admin(&call.account, "delete account")?;
        c.account_mut(name)?.deleted_at = Some(g.now);
        Ok(answers::empty())
    })
}

/// `GET /accounts/<a>/attr/`.
pub(crate) fn attributes(call: &Call, name: &str) -> Result<Response, RucioError> {
    call.rucio.read(|c| {
        let attributes = &c.account(name)?.attributes;
        let rows: Vec<Value> = attributes
            .iter()
            .map(|(k, v)| json!({"key": k, "value": rucio_value(v)}))
            .collect();
        Ok(answers::json(&Value::Array(rows)))
    })
}

/// Booleans that were stored as text come back as booleans.
pub(crate) fn rucio_value(text: &str) -> Value {
    match text {
        "True" | "true" => json!(true),
        "False" | "false" => json!(false),
        _ => json!(text),
    }
}

/// `POST /accounts/<a>/attr/<key>`.
pub(crate) fn add_attribute(call: &Call, name: &str, key: &str) -> Result<Response, RucioError> {
    let body = call.object()?;
    let value = match body.get("value") {
        Some(Value::String(value)) => value.clone(),
        Some(other) => {
            let python = match other {
                Value::Bool(true) => "True".to_owned(),
                Value::Bool(false) => "False".to_owned(),
                other => other.to_string(),
            };
            return Err(RucioError::bad_schema(format!(
                "Problem validating account_attribute: {python} is not of type 'string'"
            )));
        }
        None => return Err(RucioError::key_error("'value' not defined")),
    };
    call.rucio.with(|c, _| {
        c.only_admin(&call.account, "add attribute")?;
        let attributes = &mut c.account_mut(name)?.attributes;
        if attributes.contains_key(key) {
            return Err(RucioError::duplicate(format!(
                "Key '{key}' already exists for account '{name}'!"
            )));
        }
        attributes.insert(key.to_owned(), value.clone());
        Ok(answers::created())
    })
}

/// `DELETE /accounts/<a>/attr/<key>`.
pub(crate) fn delete_attribute(call: &Call, name: &str, key: &str) -> Result<Response, RucioError> {
    call.rucio.with(|c, _| {
        c.only_admin(&call.account, "delete attribute")?;
        let gone = c.account_mut(name)?.attributes.shift_remove(key);
        gone.map(|_| answers::empty()).ok_or_else(|| {
            RucioError::account_not_found(format!(
                "Attribute ({key}) does not exist for the account {name}!"
            ))
        })
    })
}

/// `GET /accounts/<a>/scopes/`.
pub(crate) fn scopes(call: &Call, name: &str) -> Result<Response, RucioError> {
    call.rucio.read(|c| {
        c.account(name)?;
        let scopes: Vec<&String> = c
            .scopes
            .iter()
            .filter(|(_, owner)| *owner == name)
            .map(|(scope, _)| scope)
            .collect();
        if scopes.is_empty() {
            return Err(RucioError::scope_not_found(format!(
                "no scopes found for account ID '{name}'"
            )));
        }
        Ok(answers::json(&json!(scopes)))
    })
}

/// `POST /accounts/<a>/scopes/<s>`.
pub(crate) fn add_scope(call: &Call, name: &str, scope: &str) -> Result<Response, RucioError> {
    crate::did::DidName::checked(scope, "x")?;
    call.rucio.with(|c, _| {
        c.only_admin(&call.account, "add scope")?;
        c.account(name)?;
        if c.scopes.contains_key(scope) {
            return Err(RucioError::duplicate(format!(
                "Scope '{scope}' already exists!"
            )));
        }
        c.scopes.insert(scope.to_owned(), name.to_owned());
        Ok(answers::created())
    })
}

/// `GET /scopes/`.
pub(crate) fn all_scopes(call: &Call) -> Response {
    call.rucio
        .read(|c| answers::json(&json!(c.scopes.keys().collect::<Vec<_>>())))
}

/// `GET /accounts/<a>/usage/local[/<rse>]`.
pub(crate) fn usage(call: &Call, name: &str, rse: Option<&str>) -> Result<Response, RucioError> {
    call.rucio.read(|c| {
        c.account(name)?;
        if let Some(rse) = rse {
            c.rse(rse)?;
        }
        let rows: Vec<Value> = c
            .rses
            .values()
            .filter(|r| rse.is_none_or(|only| r.name == only))
            .map(|r| {
                let (bytes, files) = c.usage(name, &r.name);
                let limit = c.limit(name, &r.name);
                let remaining = if limit < 0 { infinity() } else { json!(limit.saturating_sub_unsigned(bytes)) };
                let limit = if limit < 0 { infinity() } else { json!(limit) };
                json!({"rse_id": r.id, "rse": r.name, "bytes": bytes, "files": files, "bytes_limit": limit, "bytes_remaining": remaining})
            })
            .collect();
        Ok(with_infinity(&answers::stream_text(rows)))
    })
}

/// `GET /accounts/<a>/limits/local[/<rse>]`.
pub(crate) fn limits(call: &Call, name: &str, rse: Option<&str>) -> Result<Response, RucioError> {
    call.rucio.read(|c| {
        let account = c.account(name)?;
        let shown: serde_json::Map<String, Value> = account
            .limits
            .iter()
            .filter(|(at, _)| rse.is_none_or(|only| *at == only))
            .map(|(at, limit)| {
                (
                    at.clone(),
                    if *limit < 0 { infinity() } else { json!(limit) },
                )
            })
            .collect();
        Ok(answers::json_text(with_bare_infinity(
            &Value::Object(shown).to_string(),
        )))
    })
}

/// `POST /accounts/<a>/limits/local/<rse>`.
pub(crate) fn set_limit(call: &Call, name: &str, rse: &str) -> Result<Response, RucioError> {
    let bytes = call
        .object()?
        .number("bytes")
        .ok_or_else(|| RucioError::key_error("'bytes' not defined"))?;
    call.rucio.with(|c, _| {
        c.only_admin(&call.account, "set account limits")?;
        c.rse(rse)?;
        c.account_mut(name)?.limits.insert(rse.to_owned(), bytes);
        Ok(answers::created())
    })
}

/// `DELETE /accounts/<a>/limits/local/<rse>`.
pub(crate) fn delete_limit(call: &Call, name: &str, rse: &str) -> Result<Response, RucioError> {
    call.rucio.with(|c, _| {
        c.only_admin(&call.account, "delete account limits")?;
        c.account_mut(name)?.limits.shift_remove(rse);
        Ok(answers::empty())
    })
}

/// A place for Python's `Infinity`, which JSON does not have.
fn infinity() -> Value {
    json!("Infinity")
}

fn with_bare_infinity(text: &str) -> String {
    text.replace("\"Infinity\"", "Infinity")
}

fn with_infinity(text: &str) -> Response {
    answers::stream_of(with_bare_infinity(text))
}

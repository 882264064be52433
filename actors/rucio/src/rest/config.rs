//! `/config`: options stored in the server (rucio page §1.4).

use axum::response::Response;
use serde_json::{Value, json};

use crate::answers;
use crate::call::Call;
use crate::errors::RucioError;

/// `GET /config`.
pub(crate) fn all(call: &Call) -> Response {
    call.rucio.read(|c| answers::json(&json!(c.settings)))
}

/// `GET /config/<section>`.
pub(crate) fn section(call: &Call, section: &str) -> Result<Response, RucioError> {
    call.rucio.read(|c| {
        let found = c.settings.get(section).ok_or_else(|| {
            RucioError::config_not_found(format!("No configuration found for section '{section}'"))
        })?;
        Ok(answers::json(&json!(found)))
    })
}

/// `GET /config/<section>/<option>`: a bare JSON value.
pub(crate) fn option(call: &Call, section: &str, option: &str) -> Result<Response, RucioError> {
    call.rucio.read(|c| {
        let found = c.settings.get(section).and_then(|s| s.get(option));
        let found = found.ok_or_else(|| {
            RucioError::config_not_found(format!(
                "No configuration found for section '{section}' option '{option}'"
            ))
        })?;
        Ok(answers::json(found))
    })
}

/// `POST /config`: several sections at once.
pub(crate) fn set_many(call: &Call) -> Result<Response, RucioError> {
    let body = call.object()?;
    call.rucio.with(|c, _| {
        c.only_admin(&call.account, "set config")?;
        for (section, options) in &body {
            let options = options.as_object().ok_or_else(|| {
                RucioError::invalid_object("each section must be a json dictionary")
            })?;
            for (option, value) in options {
                let value = value.as_str().map_or_else(|| value.clone(), coerced);
                c.settings
                    .entry(section.clone())
                    .or_default()
                    .insert(option.clone(), value);
            }
        }
        Ok(answers::created())
    })
}

/// `PUT /config/<section>/<option>/<value>`.
pub(crate) fn set(
    call: &Call,
    section: &str,
    option: &str,
    value: &str,
) -> Result<Response, RucioError> {
    call.rucio.with(|c, _| {
        c.only_admin(&call.account, "set config")?;
        c.settings
            .entry(section.to_owned())
            .or_default()
            .insert(option.to_owned(), coerced(value));
        Ok(answers::created())
    })
}

/// `DELETE /config/<section>/<option>`.
pub(crate) fn delete(call: &Call, section: &str, option: &str) -> Result<Response, RucioError> {
    call.rucio.with(|c, _| {
        c.only_admin(&call.account, "delete config")?;
        if let Some(options) = c.settings.get_mut(section) {
            options.shift_remove(option);
        }
        Ok(answers::empty())
    })
}

/// Texts that look like numbers or booleans become such.
fn coerced(text: &str) -> Value {
    if let Ok(number) = text.parse::<i64>() {
        return json!(number);
    }
    if let Ok(number) = text.parse::<f64>() {
        return json!(number);
    }
    match text.to_ascii_lowercase().as_str() {
        "true" => json!(true),
        "false" => json!(false),
        _ => json!(text),
    }
}

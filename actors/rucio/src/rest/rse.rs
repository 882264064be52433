//! `/rses` (rucio page §1.4).

use axum::response::Response;
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::answers;
use crate::call::{Call, Members};
use crate::did::DidName;
use crate::errors::RucioError;
use crate::expression;
use crate::path;
use crate::rse::{Protocol, Rse};

/// `GET /rses/`: all rows, or the names that an expression selects.
pub(crate) fn list(call: &Call) -> Result<Response, RucioError> {
    call.rucio.read(|c| {
        let Some(text) = call.query.get("expression") else {
            return Ok(answers::stream(c.rses.values().map(row)));
        };
        match expression::resolve(text, c.rses.values()) {
            Some(set) if !set.is_empty() => {
                Ok(answers::stream(set.iter().map(|name| json!({"rse": name}))))
            }
            _ => Err(RucioError::empty_expression_of_a_list(
                "RSE Expression resulted in an empty set.",
            )),
        }
    })
}

fn row(rse: &Rse) -> Value {
    json!({
        "rse_type": "DISK", "time_zone": null, "availability_delete": rse.availability_delete, "deterministic": rse.deterministic,
        "ISP": null, "qos_class": null, "volatile": rse.volatile, "ASN": null, "deleted": false, "staging_area": false, "longitude": null,
        "deleted_at": null, "id": rse.id, "city": null, "latitude": null, "created_at": answers::date(rse.created_at),
        "region_code": null, "availability": rse.availability(), "updated_at": answers::date(rse.updated_at), "rse": rse.name,
        "country_name": null, "availability_read": rse.availability_read, "vo": "def", "continent": null,
        "availability_write": rse.availability_write,
    })
}

/// `GET /rses/<r>`.
pub(crate) fn get(call: &Call, name: &str) -> Result<Response, RucioError> {
    call.rucio.read(|c| {
        let rse = c.rse(name)?;
        Ok(answers::json(&json!({
            "availability_delete": rse.availability_delete, "availability_read": rse.availability_read,
            "availability_write": rse.availability_write, "credentials": null, "deterministic": rse.deterministic,
            "domain": ["lan", "wan"], "id": rse.id, "lfn2pfn_algorithm": rse.algorithm().as_str(),
            "protocols": rse.protocols.iter().map(Protocol::to_json).collect::<Vec<_>>(), "qos_class": null, "rse": rse.name,
            "rse_type": "DISK", "sign_url": rse.attributes.get("sign_url"), "staging_area": false,
            "verify_checksum": rse.verifies_checksums(), "volatile": rse.volatile, "availability": rse.availability(),
        })))
    })
}

/// `POST /rses/<r>`.
pub(crate) fn add(call: &Call, name: &str) -> Result<Response, RucioError> {
    let body = call.object()?;
    let letters = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if name.is_empty() || !name.chars().all(letters) {
        return Err(RucioError::bad_schema(format!(
            "Problem validating rse: '{name}' does not match '^([A-Z0-9]+([_-][A-Z0-9]+)*)$'"
        )));
    }
    call.rucio.with(|c, g| {
        c.only_admin(&call.account, "add RSE")?;
        if c.rses.contains_key(name) {
            return Err(RucioError::duplicate(format!(
                "RSE '{name}' already exists!"
            )));
        }
        let mut rse = Rse::new(name, (g.id)(), g.now);
        rse.deterministic = body.flag("deterministic", true);
        rse.volatile = body.flag("volatile", false);
        c.rses.insert(name.to_owned(), rse);
        Ok(answers::created())
    })
}

/// `PUT /rses/<r>`: availability; the answer is 201.
pub(crate) fn update(call: &Call, name: &str) -> Result<Response, RucioError> {
    let body = call.object()?;
    call.rucio.with(|c, g| {
        c.only_admin(&call.account, "update RSE")?;
        let rse = c.rse_mut(name)?;
        rse.availability_read = body.flag("availability_read", rse.availability_read);
        rse.availability_write = body.flag("availability_write", rse.availability_write);
        rse.availability_delete = body.flag("availability_delete", rse.availability_delete);
        rse.deterministic = body.flag("deterministic", rse.deterministic);
        rse.volatile = body.flag("volatile", rse.volatile);
        rse.updated_at = g.now;
        Ok(answers::html(StatusCode::CREATED, ""))
    })
}

/// `DELETE /rses/<r>`.
pub(crate) fn delete(call: &Call, name: &str) -> Result<Response, RucioError> {
    call.rucio.with(|c, _| {
        c.only_admin(&call.account, "delete RSE")?;
        c.rse(name)?;
        if c.replicas.values().any(|at| at.contains_key(name)) {
            return Err(RucioError::unsupported_operation(format!(
                "RSE '{name}' is not empty"
            )));
        }
        c.rses.shift_remove(name);
        Ok(answers::empty())
    })
}

/// `GET /rses/<r>/attr/`.
pub(crate) fn attributes(call: &Call, name: &str) -> Result<Response, RucioError> {
    call.rucio.read(|c| {
        let attributes = &c.rse(name)?.attributes;
        let shown: Map<String, Value> = attributes
            .iter()
            .map(|(k, v)| (k.clone(), read(v)))
            .collect();
        Ok(answers::json(&Value::Object(shown)))
    })
}

/// Texts that stand for booleans come back as booleans.
fn read(text: &str) -> Value {
    match text {
        "True" | "true" | "1" => json!(true),
        "False" | "false" | "0" => json!(false),
        _ => json!(text),
    }
}

/// `POST /rses/<r>/attr/<key>`.
pub(crate) fn add_attribute(call: &Call, name: &str, key: &str) -> Result<Response, RucioError> {
    let body = call.object()?;
    let value = match body.get("value") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(true)) => "True".to_owned(),
        Some(Value::Bool(false)) => "False".to_owned(),
        Some(Value::Null) | None => return Err(RucioError::key_error("'value' not defined")),
        Some(other) => other.to_string(),
    };
    call.rucio.with(|c, _| {
        c.only_admin(&call.account, "add RSE attributes")?;
        let attributes = &mut c.rse_mut(name)?.attributes;
        if attributes.contains_key(key) {
            return Err(RucioError::duplicate(format!(
                "RSE attribute '{key}-{value}' for RSE '{name}' already exists!"
            )));
        }
        attributes.insert(key.to_owned(), value.clone());
        Ok(answers::created())
    })
}

/// `DELETE /rses/<r>/attr/<key>`.
pub(crate) fn delete_attribute(call: &Call, name: &str, key: &str) -> Result<Response, RucioError> {
    call.rucio.with(|c, _| {
        c.only_admin(&call.account, "delete RSE attributes")?;
        let gone = c.rse_mut(name)?.attributes.shift_remove(key);
        gone.map(|_| answers::empty()).ok_or_else(|| {
            RucioError::rse_attribute_not_found(format!("RSE attribute '{key}' cannot be found"))
        })
    })
}

/// `GET /rses/<r>/protocols`.
pub(crate) fn protocols(call: &Call, name: &str) -> Result<Response, RucioError> {
    let scheme = call.query.get("scheme");
    call.rucio.read(|c| {
        let rse = c.rse(name)?;
        let wanted = rse
            .protocols
            .iter()
            .filter(|p| scheme.is_none_or(|s| p.scheme == *s));
        Ok(answers::json(&Value::Array(
            wanted.map(Protocol::to_json).collect(),
        )))
    })
}

/// `POST /rses/<r>/protocols/<scheme>`.
pub(crate) fn add_protocol(call: &Call, name: &str, scheme: &str) -> Result<Response, RucioError> {
    let body = call.object()?;
    let protocol = Protocol {
        scheme: scheme.to_owned(),
        hostname: body
            .maybe_text("hostname")
            .unwrap_or("localhost")
            .to_owned(),
        port: body
            .number("port")
            .and_then(|p| u16::try_from(p).ok())
            .unwrap_or(0),
        prefix: path::normal_prefix(body.maybe_text("prefix").unwrap_or_default()),
        r#impl: body.text("impl")?.to_owned(),
        domains: body
            .get("domains")
            .filter(|d| d.is_object())
            .cloned()
            .unwrap_or_else(|| json!({"lan": {}, "wan": {}})),
        extended_attributes: body
            .get("extended_attributes")
            .cloned()
            .unwrap_or(Value::Null),
    };
    call.rucio.with(|c, _| {
        c.only_admin(&call.account, "add protocols")?;
        let rse = c.rse_mut(name)?;
        let same = |p: &Protocol| {
            p.scheme == protocol.scheme
                && p.hostname == protocol.hostname
                && p.port == protocol.port
        };
        if rse.protocols.iter().any(same) {
            return Err(RucioError::duplicate(format!(
                "Protocol '{scheme}' on port {} already registered for '{}' on '{name}'.",
                protocol.port, protocol.hostname
            )));
        }
        rse.protocols.push(protocol.clone());
        Ok(answers::created())
    })
}

/// `DELETE /rses/<r>/protocols/<scheme>[/<host>[/<port>]]`.
pub(crate) fn delete_protocol(
    call: &Call,
    name: &str,
    scheme: &str,
    host: Option<&str>,
) -> Result<Response, RucioError> {
    call.rucio.with(|c, _| {
        c.only_admin(&call.account, "delete protocols")?;
        let rse = c.rse_mut(name)?;
        let before = rse.protocols.len();
        rse.protocols
            .retain(|p| p.scheme != scheme || host.is_some_and(|h| h != p.hostname));
        if rse.protocols.len() == before {
            return Err(RucioError::rse_protocol_not_supported(format!(
                "RSE '{name}' does not support protocol '{scheme}'"
            )));
        }
        Ok(answers::empty())
    })
}

/// `GET /rses/<r>/lfns2pfns?lfn=s:n&scheme=&operation=`.
pub(crate) fn lfns2pfns(call: &Call, name: &str) -> Result<Response, RucioError> {
    let asked = form_urlencoded::parse(call.raw_query.as_bytes()).into_owned();
    let lfns: Vec<String> = asked
        .filter(|(key, _)| key == "lfn")
        .map(|(_, lfn)| lfn)
        .collect();
    let operation = call.query.get("operation").map_or("write", String::as_str);
    let scheme = call.query.get("scheme");
    call.rucio.read(|c| {
        let rse = c.rse(name)?;
        let protocol = match scheme {
            Some(scheme) => rse.protocols.iter().find(|p| p.scheme == *scheme),
            None => rse.best_protocol("wan", operation),
        };
        let protocol = protocol.ok_or_else(|| {
            RucioError::rse_protocol_not_supported(format!(
                "RSE '{name}' does not support the operation {operation}"
            ))
        })?;
        let mut pfns = Map::new();
        for lfn in lfns {
            let Some((scope, file)) = lfn.split_once(':') else {
                return Err(RucioError::invalid_path(format!(
                    "LFN {lfn} in invalid format, must be 'scope:name'"
                )));
            };
            let below = match c.dids.get(&DidName::new(scope, file)) {
                Some(did) => rse.path_of(did),
                None => path::lfn_to_path(rse.algorithm(), scope, file),
            };
            pfns.insert(lfn.clone(), json!(protocol.url(&below)));
        }
        Ok(answers::json(&Value::Object(pfns)))
    })
}

/// `GET /rses/<r>/usage`: what Rucio itself counts, and what others have told.
pub(crate) fn usage(call: &Call, name: &str) -> Result<Response, RucioError> {
    call.rucio.read(|c| {
        let rse = c.rse(name)?;
        let here = c.replicas.iter().filter(|(_, at)| at.contains_key(name));
        let (used, files) = here.fold((0, 0), |(used, files), (did, _)| (used + c.dids.get(did).and_then(|d| d.bytes).unwrap_or(0), files + 1));
        let own = json!({
            "rse_id": rse.id, "source": "rucio", "used": used, "free": null, "total": used, "files": files,
            "updated_at": answers::date(rse.updated_at), "rse": name,
        });
        Ok(answers::stream(std::iter::once(own).chain(rse.usage.values().cloned())))
    })
}

/// `PUT /rses/<r>/usage`.
pub(crate) fn set_usage(call: &Call, name: &str) -> Result<Response, RucioError> {
    let body = call.object()?;
    let source = body.text("source")?.to_owned();
    let (used, free) = (body.number("used"), body.number("free"));
    call.rucio.with(|c, g| {
        c.only_admin(&call.account, "set RSE usage")?;
        let rse = c.rse_mut(name)?;
        let told = json!({
            "rse_id": rse.id, "source": source, "used": used, "free": free, "total": used.zip(free).map(|(u, f)| u.saturating_add(f)),
            "files": body.get("files"), "updated_at": answers::date(g.now), "rse": name,
        });
        rse.usage.insert(source.clone(), told);
        Ok(answers::empty())
    })
}

/// `GET /rses/<r>/limits`.
pub(crate) fn limits(call: &Call, name: &str) -> Result<Response, RucioError> {
    call.rucio
        .read(|c| Ok(answers::json(&json!(c.rse(name)?.limits))))
}

/// `PUT /rses/<r>/limits`.
pub(crate) fn set_limits(call: &Call, name: &str) -> Result<Response, RucioError> {
    let body = call.object()?;
    let key = body.text("name")?.to_owned();
    call.rucio.with(|c, _| {
        c.only_admin(&call.account, "set RSE limits")?;
        c.rse_mut(name)?.limits.insert(
            key.clone(),
            body.get("value").cloned().unwrap_or(Value::Null),
        );
        Ok(answers::empty())
    })
}

/// `DELETE /rses/<r>/limits`.
pub(crate) fn delete_limits(call: &Call, name: &str) -> Result<Response, RucioError> {
    let body = call.object()?;
    call.rucio.with(|c, _| {
        c.only_admin(&call.account, "delete RSE limits")?;
        c.rse_mut(name)?.limits.shift_remove(body.text("name")?);
        Ok(answers::empty())
    })
}

/// `GET /rses/<a>/distances/<b>`.
pub(crate) fn distance(call: &Call, from: &str, to: &str) -> Result<Response, RucioError> {
    call.rucio.read(|c| {
        let (source, destination) = (c.rse(from)?, c.rse(to)?);
        let rows: Vec<Value> = c
            .distance(from, to)
            .map(|distance| {
                json!({
                    "created_at": answers::date(source.created_at), "src_rse_id": source.id, "dest_rse_id": destination.id,
                    "distance": distance, "updated_at": answers::date(source.updated_at), "ranking": distance, "src_rse": from, "dest_rse": to,
                })
            })
            .into_iter()
            .collect();
        Ok(answers::json(&Value::Array(rows)))
    })
}

/// `POST` and `PUT /rses/<a>/distances/<b>`.
pub(crate) fn set_distance(
    call: &Call,
    from: &str,
    to: &str,
    new: bool,
) -> Result<Response, RucioError> {
    let body = call.object()?;
    let distance = body
        .number("distance")
        .or_else(|| body.number("ranking"))
        .unwrap_or(1);
    let distance = u32::try_from(distance)
        .map_err(|_| RucioError::invalid_object("distance must be a positive number"))?;
    call.rucio.with(|c, _| {
        c.only_admin(&call.account, "set distances")?;
        c.rse(from)?;
        c.rse(to)?;
        c.distances
            .insert((from.to_owned(), to.to_owned()), Some(distance));
        if body.flag("bidirectional", false) {
            c.distances
                .insert((to.to_owned(), from.to_owned()), Some(distance));
        }
        Ok(if new {
            answers::created()
        } else {
            answers::empty()
        })
    })
}

/// `DELETE /rses/<a>/distances/<b>`: no transfer is possible any more.
pub(crate) fn delete_distance(call: &Call, from: &str, to: &str) -> Result<Response, RucioError> {
    call.rucio.with(|c, _| {
        c.only_admin(&call.account, "delete distances")?;
        c.distances.insert((from.to_owned(), to.to_owned()), None);
        Ok(answers::empty())
    })
}

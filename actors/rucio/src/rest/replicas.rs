//! `/replicas` (rucio page §1.4).

use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::answers;
use crate::call::{Call, Members};
use crate::catalogue::{Catalogue, FileSpec, ReplicaUpdate};
use crate::did::{DidName, DidType};
use crate::errors::RucioError;
use crate::metalink;
use crate::replica::ReplicaState;
use crate::rest::rules::names;

/// Suffixes of RSE names where everybody may register files in the generic policy.
const FREE_FOR_ALL: [&str; 4] = ["SCRATCHDISK", "USERDISK", "MOCK", "LOCALGROUPDISK"];

/// Files in a list of `{scope, name, bytes, adler32, …}`.
pub(crate) fn files(list: &[Value]) -> Result<Vec<FileSpec>, RucioError> {
    list.iter().map(file).collect()
}

fn file(value: &Value) -> Result<FileSpec, RucioError> {
    let object = value
        .as_object()
        .ok_or_else(|| RucioError::type_error("a file must be a json dictionary"))?;
    let text = |key: &str| object.maybe_text(key).map(str::to_owned);
    let empty = Map::new();
    let meta = object
        .get("meta")
        .and_then(Value::as_object)
        .unwrap_or(&empty);
    let state = match object.maybe_text("state") {
        Some(text) => Some(ReplicaState::parse(text).ok_or_else(|| {
            RucioError::invalid_object(format!("'{text}' is not a valid ReplicaState"))
        })?),
        None => None,
    };
    Ok(FileSpec {
        name: DidName::new(object.text("scope")?, object.text("name")?),
        bytes: object.get("bytes").and_then(Value::as_u64),
        adler32: text("adler32"),
        md5: text("md5"),
        guid: meta.maybe_text("guid").map(str::to_owned),
        pfn: text("pfn"),
        state,
    })
}

/// `POST /replicas`.
pub(crate) fn add(call: &Call) -> Result<Response, RucioError> {
    let body = call.object()?;
    let rse = body.text("rse")?;
    let files = files(body.list("files"))?;
    call.rucio.with(|c, g| {
        if !FREE_FOR_ALL.iter().any(|end| rse.ends_with(end)) {
            c.only_admin(&call.account, &format!("add file replicas on {rse}"))?;
        }
        if !body.flag("ignore_availability", false) && !c.rse(rse)?.availability_write {
            return Err(RucioError::rse_blocked("RSE unavailable for write"));
        }
        c.add_replicas(rse, &files, &call.account, g)?;
        Ok(answers::created())
    })
}

/// `PUT /replicas`.
pub(crate) fn update(call: &Call) -> Result<Response, RucioError> {
    let body = call.object()?;
    let rse = body.text("rse")?;
    let updates: Vec<ReplicaUpdate> = files(body.list("files"))?
        .into_iter()
        .map(|f| ReplicaUpdate {
            name: f.name,
            state: f.state.unwrap_or(ReplicaState::Available),
        })
        .collect();
    call.rucio.with(|c, g| {
        c.only_admin(&call.account, "update file replicas state")?;
        c.update_replicas(rse, &updates, &call.account, g)?;
        Ok(answers::empty())
    })
}

/// `DELETE /replicas`: nobody may.
pub(crate) fn delete(call: &Call) -> Result<Response, RucioError> {
    let rse = call
        .object()?
        .maybe_text("rse")
        .unwrap_or_default()
        .to_owned();
    Err(RucioError::access_denied(format!(
        "Account {} can not delete file replicas on {rse}.",
        call.account
    )))
}

/// `POST /replicas/list`, as a JSON stream or a metalink document.
pub(crate) fn list(call: &Call) -> Result<Response, RucioError> {
    let body = call.object()?;
    let dids = names(body.list("dids"))?;
    let metalink_wanted = call
        .header("Accept")
        .is_some_and(|accept| accept.contains("application/metalink4+xml"));
    let mut schemes: Option<Vec<String>> = match body.get("schemes") {
        Some(Value::String(one)) => Some(vec![one.clone()]),
        Some(Value::Array(several)) => Some(
            several
                .iter()
                .filter_map(|s| s.as_str().map(str::to_owned))
                .collect(),
        ),
        _ => None,
    };
    let domain = if body.maybe_text("domain") == Some("lan") {
        "lan"
    } else {
        "wan"
    };
    let rucio = &call.rucio;
    if metalink_wanted && schemes.is_none() {
        schemes = Some(rucio.read(|c| {
            c.rses
                .values()
                .flat_map(|r| r.protocols.iter().map(|p| p.scheme.clone()))
                .collect()
        }));
    }
    rucio.read(|c| {
        let rows = c.list_replicas(
            &dids,
            schemes.as_deref(),
            domain,
            body.flag("all_states", false),
            body.maybe_text("rse_expression").filter(|e| !e.is_empty()),
            body.flag("ignore_availability", true),
        )?;
        let with_parents = body.flag("resolve_parents", false);
        let rows: Vec<Value> = rows
            .into_iter()
            .map(|row| if with_parents { parents(c, row) } else { row })
            .collect();
        Ok(if metalink_wanted {
            answers::metalink(metalink::document(&rows))
        } else {
            answers::stream(rows)
        })
    })
}

fn parents(c: &Catalogue, mut row: Value) -> Value {
    let name = DidName::new(
        row["scope"].as_str().unwrap_or_default(),
        row["name"].as_str().unwrap_or_default(),
    );
    let parents: Vec<String> = c
        .dids
        .get(&name)
        .into_iter()
        .flat_map(|d| d.parents.iter().map(ToString::to_string))
        .collect();
    if let (false, Some(object)) = (parents.is_empty(), row.as_object_mut()) {
        object.insert("parents".into(), json!(parents));
    }
    row
}

/// `POST /replicas/dids`: which file a URL belongs to.
pub(crate) fn dids(call: &Call) -> Result<Response, RucioError> {
    let body = call.object()?;
    let rse_name = body.maybe_text("rse");
    let rows = call.rucio.read(|c| {
        let mut rows = Vec::new();
        for pfn in body.list("pfns").iter().filter_map(Value::as_str) {
            for (name, at) in &c.replicas {
                let Some(did) = c.dids.get(name) else {
                    continue;
                };
                let here = at
                    .keys()
                    .filter(|rse| rse_name.is_none_or(|only| *rse == only))
                    .filter_map(|rse| c.rses.get(rse));
                if here
                    .flat_map(|rse| rse.protocols.iter().map(|p| p.url(&rse.path_of(did))))
                    .any(|url| url == pfn)
                {
                    rows.push(json!({pfn: {"scope": name.scope, "name": name.name}}));
                }
            }
        }
        rows
    });
    Ok(answers::stream(rows))
}

/// `GET /replicas/<s>/<n>/datasets`: how much of a dataset lies where.
pub(crate) fn datasets(call: &Call, scope: &str, name: &str) -> Result<Response, RucioError> {
    let name = DidName::new(scope, name);
    let rows = call.rucio.read(|c| {
        let did = c.did(&name)?;
        if did.kind == DidType::File {
            return Ok(Vec::new());
        }
        let files = c.files_of(&name);
        let bytes: u64 = files.iter().filter_map(|f| c.dids.get(f)?.bytes).sum();
        let mut rows = Vec::new();
        for rse in c.rses.values() {
            let at = |f: &&DidName| c.replicas.get(*f).and_then(|at| at.get(&rse.name));
            if !files.iter().any(|f| at(&f).is_some()) {
                continue;
            }
            let there: Vec<&DidName> = files.iter().filter(|f| at(f).is_some_and(|r| r.state == ReplicaState::Available)).collect();
            let available: u64 = there.iter().filter_map(|f| c.dids.get(*f)?.bytes).sum();
            let state = if there.len() == files.len() { "AVAILABLE" } else { "UNAVAILABLE" };
            rows.push(json!({
                "scope": name.scope, "name": name.name, "rse": rse.name, "rse_id": rse.id, "bytes": bytes, "length": files.len(),
                "available_bytes": available, "available_length": there.len(), "state": state, "created_at": answers::date(did.created_at),
                "updated_at": answers::date(did.updated_at), "accessed_at": null,
            }));
        }
        Ok::<_, RucioError>(rows)
    })?;
    Ok(answers::stream(rows))
}

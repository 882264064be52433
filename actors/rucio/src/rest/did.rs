//! `/dids` (rucio page §1.4).

use axum::response::Response;
use http::Method;
use serde_json::{Map, Value, json};

use crate::answers;
use crate::call::{Call, Members};
use crate::catalogue::{Catalogue, Given};
use crate::did::{Did, DidName, DidType};
use crate::errors::RucioError;
use crate::filter;
use crate::rest::replicas::files;
use crate::rest::rules::names;
use crate::rule::{Grouping, RuleWish};

/// What may follow a name in the path.
const PARTS: [&str; 8] = [
    "meta",
    "dids",
    "files",
    "parents",
    "rules",
    "associated_rules",
    "status",
    "did_meta",
];

/// Everything below `/dids/<scope>/<name>`; the name may hold slashes (rucio page §1.1).
pub(crate) fn one(call: &Call, scope: &str, rest: &[&str]) -> Result<Response, RucioError> {
    let (name, part, key) = match rest {
        [name @ .., "meta", key] if !name.is_empty() && call.method == Method::POST => {
            (name, "meta", Some(*key))
        }
        [name @ .., part] if !name.is_empty() && PARTS.contains(part) => (name, *part, None),
        name => (name, "", None),
    };
    let did = DidName::new(scope, name.join("/"));
    match (call.method.as_str(), part, key) {
        ("GET", "", _) => get(call, &did),
        ("POST", "", _) => add(call, &did),
        ("GET", "meta", _) => call
            .rucio
            .read(|c| c.meta_json(&did).map(|meta| answers::json(&meta))),
        ("POST", "meta", key) => set_meta(call, &did, key),
        ("GET", "dids", _) => content(call, &did),
        ("POST", "dids", _) => attach(call, &did),
        ("DELETE", "dids", _) => detach(call, &did),
        ("GET", "files", _) => files_below(call, &did),
        ("GET", "parents", _) => parents(call, &did),
        ("GET", "rules", _) => rules(call, &did, false),
        ("GET", "associated_rules", _) => rules(call, &did, true),
        ("PUT", "status", _) => status(call, &did),
        _ => Ok(answers::method_not_allowed()),
    }
}

fn get(call: &Call, did: &DidName) -> Result<Response, RucioError> {
    let depth = call.query.contains_key("dynamic_depth") || call.asks("dynamic");
    call.rucio
        .read(|c| c.did_json(did, depth).map(|shown| answers::json(&shown)))
}

/// `POST /dids/<s>/<n>`: a collection, with its content and its rules.
fn add(call: &Call, did: &DidName) -> Result<Response, RucioError> {
    let body = call.object()?;
    call.rucio.with(|c, g| make(call, c, g, did, &body))?;
    Ok(answers::created())
}

fn make(
    call: &Call,
    c: &mut Catalogue,
    g: &mut Given<'_>,
    did: &DidName,
    body: &Map<String, Value>,
) -> Result<(), RucioError> {
    let kind = body.text("type")?;
    let kind = DidType::parse(kind)
        .ok_or_else(|| RucioError::invalid_object(format!("'{kind}' is not a valid DIDType")))?;
    if c.scopes.contains_key(&did.scope) {
        c.only_owner_of(
            &call.account,
            &did.scope,
            &format!("add data identifier to scope {}", did.scope),
        )?;
    }
    c.add_collection(did, kind, &call.account, g)?;
    let empty = Map::new();
    if let Some(made) = c.dids.get_mut(did) {
        made.monotonic = body
            .get("statuses")
            .and_then(Value::as_object)
            .unwrap_or(&empty)
            .flag("monotonic", false);
        made.meta.extend(
            body.get("meta")
                .and_then(Value::as_object)
                .unwrap_or(&empty)
                .clone(),
        );
    }
    let content = files(body.list("dids"))?;
    if !content.is_empty() {
        c.attach(did, &content, body.maybe_text("rse"), &call.account, g)?;
    }
    for rule in body.list("rules").iter().filter_map(Value::as_object) {
        let wish = RuleWish {
            did: did.clone(),
            account: rule
                .maybe_text("account")
                .unwrap_or(&call.account)
                .to_owned(),
            copies: rule
                .number("copies")
                .and_then(|n| usize::try_from(n).ok())
                .unwrap_or(1),
            rse_expression: rule.text("rse_expression")?.to_owned(),
            grouping: rule
                .maybe_text("grouping")
                .and_then(Grouping::parse)
                .unwrap_or(Grouping::Dataset),
            lifetime: rule.number("lifetime"),
            locked: rule.flag("locked", false),
            source_replica_expression: rule
                .maybe_text("source_replica_expression")
                .map(str::to_owned),
            activity: rule
                .maybe_text("activity")
                .unwrap_or("User Subscriptions")
                .to_owned(),
            notify: None,
            purge_replicas: rule.flag("purge_replicas", false),
            ignore_availability: rule.flag("ignore_availability", false),
            comment: rule.maybe_text("comment").map(str::to_owned),
            ask_approval: false,
            priority: 3,
            meta: None,
        };
        c.add_rule(wish, g)?;
    }
    Ok(())
}

/// `POST /dids`: several at once.
pub(crate) fn add_many(call: &Call) -> Result<Response, RucioError> {
    let list: Vec<Map<String, Value>> = objects(call)?;
    call.rucio.with(|c, g| {
        for body in &list {
            make(
                call,
                c,
                g,
                &DidName::new(body.text("scope")?, body.text("name")?),
                body,
            )?;
        }
        Ok(answers::created())
    })
}

/// A body that is a list of objects, or an object with one under `attachments`.
fn objects(call: &Call) -> Result<Vec<Map<String, Value>>, RucioError> {
    let parsed: Value = serde_json::from_slice(&call.body)
        .map_err(|_| RucioError::value_error("cannot decode json parameter list"))?;
    let list = parsed
        .get("attachments")
        .or_else(|| parsed.get("dids"))
        .unwrap_or(&parsed)
        .as_array()
        .cloned();
    let list = list.ok_or_else(|| RucioError::type_error("body must be a json list"))?;
    Ok(list
        .into_iter()
        .filter_map(|v| {
            if let Value::Object(object) = v {
                Some(object)
            } else {
                None
            }
        })
        .collect())
}

/// `POST /dids/attachments`.
pub(crate) fn attachments(call: &Call) -> Result<Response, RucioError> {
    let list = objects(call)?;
    call.rucio.with(|c, g| {
        for body in &list {
            let parent = DidName::new(body.text("scope")?, body.text("name")?);
            let content = files(body.list("dids"))?;
            c.attach(&parent, &content, body.maybe_text("rse"), &call.account, g)?;
        }
        Ok(answers::created())
    })
}

fn attach(call: &Call, did: &DidName) -> Result<Response, RucioError> {
    let body = call.object()?;
    let content = files(body.list("dids"))?;
    call.rucio.with(|c, g| {
        c.only_owner_of(
            &call.account,
            &did.scope,
            &format!("attach data identifiers to {did}"),
        )?;
        c.attach(did, &content, body.maybe_text("rse"), &call.account, g)?;
        Ok(answers::created())
    })
}

fn detach(call: &Call, did: &DidName) -> Result<Response, RucioError> {
    let body = call.object()?;
    let content = names(body.list("dids"))?;
    call.rucio.with(|c, g| {
        c.only_owner_of(
            &call.account,
            &did.scope,
            &format!("detach data identifiers from {did}"),
        )?;
        c.detach(did, &content, g)?;
        Ok(answers::empty())
    })
}

fn content(call: &Call, did: &DidName) -> Result<Response, RucioError> {
    call.rucio.read(|c| {
        let parent = c.did(did)?;
        let children = parent.children.iter().filter_map(|name| c.dids.get(name));
        Ok(answers::stream(children.map(|d| {
            json!({"scope": d.name.scope, "name": d.name.name, "type": d.kind.as_str(), "bytes": d.bytes, "adler32": d.adler32, "md5": d.md5})
        })))
    })
}

fn files_below(call: &Call, did: &DidName) -> Result<Response, RucioError> {
    let long = call.query.contains_key("long");
    call.rucio.read(|c| {
        c.did(did)?;
        let below = c.files_of(did);
        Ok(answers::stream(below.iter().filter_map(|name| c.dids.get(name)).map(|d| {
            let mut row = json!({"scope": d.name.scope, "name": d.name.name, "bytes": d.bytes, "adler32": d.adler32, "guid": d.guid, "events": null});
            if let (true, Some(object)) = (long, row.as_object_mut()) {
                object.insert("lumiblocknr".into(), Value::Null);
            }
            row
        })))
    })
}

fn parents(call: &Call, did: &DidName) -> Result<Response, RucioError> {
    call.rucio.read(|c| {
        let child = c.did(did)?;
        let parents = child.parents.iter().filter_map(|name| c.dids.get(name));
        Ok(answers::stream(parents.map(
            |d| json!({"scope": d.name.scope, "name": d.name.name, "type": d.kind.as_str()}),
        )))
    })
}

fn rules(call: &Call, did: &DidName, associated: bool) -> Result<Response, RucioError> {
    call.rucio.read(|c| {
        c.did(did)?;
        let on_it = |rule: &&crate::rule::Rule| {
            rule.wish.did == *did || (associated && rule.locks.keys().any(|(file, _)| file == did))
        };
        Ok(answers::stream(
            c.rules
                .values()
                .filter(on_it)
                .map(|rule| c.rule_json(rule, true)),
        ))
    })
}

fn status(call: &Call, did: &DidName) -> Result<Response, RucioError> {
    let body = call.object()?;
    call.rucio.with(|c, g| {
        c.only_owner_of(
            &call.account,
            &did.scope,
            &format!("set status on data identifier in the scope {}", did.scope),
        )?;
        if let Some(open) = body.get("open").and_then(Value::as_bool) {
            c.set_open(did, open, g)?;
        }
        Ok(answers::empty())
    })
}

fn set_meta(call: &Call, did: &DidName, key: Option<&str>) -> Result<Response, RucioError> {
    let body = call.object()?;
    call.rucio.with(|c, g| {
        c.only_owner_of(
            &call.account,
            &did.scope,
            &format!("add metadata to data identifier in the scope {}", did.scope),
        )?;
        let found = c
            .dids
            .get_mut(did)
            .ok_or_else(|| RucioError::no_such_did(did))?;
        if let Some(key) = key {
            let value = body
                .get("value")
                .cloned()
                .ok_or_else(|| RucioError::key_error("'value' not defined"))?;
            found.meta.insert(key.to_owned(), value);
        } else {
            let meta = body
                .get("meta")
                .and_then(Value::as_object)
                .ok_or_else(|| RucioError::key_error("'meta' not defined"))?;
            found.meta.extend(meta.clone());
        }
        found.updated_at = g.now;
        Ok(answers::created())
    })
}

/// `POST /dids/bulkmeta`.
pub(crate) fn bulk_meta(call: &Call) -> Result<Response, RucioError> {
    let wanted = names(call.object()?.list("dids"))?;
    let rows = call.rucio.read(|c| {
        wanted
            .iter()
            .filter_map(|did| c.meta_json(did).ok())
            .collect::<Vec<_>>()
    });
    Ok(answers::stream(rows))
}

/// `GET /dids/<s>/`: what a scope holds.
pub(crate) fn of_scope(call: &Call, scope: &str) -> Result<Response, RucioError> {
    call.rucio.read(|c| {
        if !c.scopes.contains_key(scope) {
            return Err(RucioError::scope_not_found(format!("Scope '{scope}' not found")));
        }
        let held = c.dids.values().filter(|d| d.name.scope == scope);
        Ok(answers::stream(held.map(|d| {
            json!({"scope": d.name.scope, "name": d.name.name, "type": d.kind.as_str(), "parent": null, "level": 0, "bytes": d.bytes})
        })))
    })
}

/// `GET /dids/<s>/dids/search`.
pub(crate) fn search(call: &Call, scope: &str) -> Result<Response, RucioError> {
    let alternatives = match call.query.get("filters").filter(|f| !f.is_empty()) {
        Some(text) => filter::parse(text).ok_or_else(|| {
            RucioError::invalid_object(format!("filters '{text}' are not well formed"))
        })?,
        None => vec![Map::new()],
    };
    let kind = call.query.get("type").map_or("collection", String::as_str);
    let long = call.asks("long");
    let limit = call
        .query
        .get("limit")
        .and_then(|l| l.parse().ok())
        .unwrap_or(usize::MAX);
    call.rucio.read(|c| {
        let of_kind = |did: &Did| {
            let wanted = alternatives.iter().find_map(|a| a.get("type").and_then(Value::as_str)).unwrap_or(kind);
            match wanted.to_ascii_lowercase().as_str() {
                "all" => true,
                "collection" => did.kind != DidType::File,
                other => did.kind.as_str().eq_ignore_ascii_case(other),
            }
        };
        let facts = |did: &Did| c.meta_json(&did.name).unwrap_or(Value::Null);
        let found = c.dids.values().filter(|d| d.name.scope == scope && of_kind(d));
        let found = found.filter(|d| alternatives.iter().any(|a| filter::fits(a, &facts(d)))).take(limit);
        Ok(answers::stream(found.map(|d| {
            if long {
                json!({"scope": d.name.scope, "name": d.name.name, "did_type": d.kind.as_str(), "bytes": d.bytes, "length": null})
            } else {
                json!(d.name.name)
            }
        })))
    })
}

//! `/requests`: transfers under way and those archived (rucio page §1.4).

use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::answers;
use crate::call::Call;
use crate::catalogue::Catalogue;
use crate::did::DidName;
use crate::errors::RucioError;
use crate::request::{Request, RequestState};

/// `GET /requests/<s>/<n>/<rse>`.
pub(crate) fn get(call: &Call, scope: &str, name: &str, rse: &str) -> Result<Response, RucioError> {
    let did = DidName::new(scope, name);
    call.rucio.read(|c| {
        c.rse(rse)?;
        let found = c
            .requests
            .values()
            .find(|r| r.did == did && r.dest_rse == rse);
        let request = found.ok_or_else(|| {
            RucioError::request_not_found(format!("No request found for DID {did} at RSE {rse}"))
        })?;
        Ok(answers::json(&shown(c, request, false)))
    })
}

/// `GET /requests/list`: those whose source is known.
pub(crate) fn list(call: &Call) -> Result<Response, RucioError> {
    let filter = Filter::read(call)?;
    let rows = call.rucio.read(|c| {
        filter.known_rses(c)?;
        Ok::<_, RucioError>(
            c.requests
                .values()
                .filter(|r| filter.fits(r))
                .map(|r| shown(c, r, false))
                .collect::<Vec<_>>(),
        )
    })?;
    Ok(answers::stream(rows))
}

/// `GET /requests/history/list`.
pub(crate) fn history(call: &Call) -> Result<Response, RucioError> {
    let filter = Filter::read(call)?;
    let number = |key: &str, default: usize| {
        call.query
            .get(key)
            .and_then(|v| v.parse().ok())
            .unwrap_or(default)
    };
    let (offset, limit) = (number("offset", 0), number("limit", 100));
    let rows = call.rucio.read(|c| {
        filter.known_rses(c)?;
        let fitting = c
            .history
            .iter()
            .filter(|r| filter.fits(r))
            .skip(offset)
            .take(limit);
        Ok::<_, RucioError>(fitting.map(|r| shown(c, r, true)).collect::<Vec<_>>())
    })?;
    Ok(answers::stream(rows))
}

struct Filter {
    source: String,
    destination: String,
    states: Vec<RequestState>,
}

impl Filter {
    fn read(call: &Call) -> Result<Self, RucioError> {
        let text = |key: &str| call.query.get(key).filter(|v| !v.is_empty()).cloned();
        let (Some(source), Some(destination)) = (text("src_rse"), text("dst_rse")) else {
            return Err(RucioError::value_error("Missing source or destination RSE"));
        };
        let letters = text("request_states")
            .ok_or_else(|| RucioError::value_error("Request state value is invalid"))?;
        let state = |letter: &str| RequestState::ALL.into_iter().find(|s| s.letter() == letter);
        let states: Option<Vec<_>> = letters.split(',').map(state).collect();
        let states =
            states.ok_or_else(|| RucioError::value_error("Request state value is invalid"))?;
        Ok(Self {
            source,
            destination,
            states,
        })
    }

    fn known_rses(&self, c: &Catalogue) -> Result<(), RucioError> {
        c.rse(&self.source)?;
        c.rse(&self.destination).map(|_| ())
    }

    fn fits(&self, request: &Request) -> bool {
        request.dest_rse == self.destination
            && request.source_rse.as_ref() == Some(&self.source)
            && self.states.contains(&request.state)
    }
}

/// One request with all keys; in the history the attributes are a text.
fn shown(c: &Catalogue, r: &Request, archived: bool) -> Value {
    let date = |at: Option<jiff::Timestamp>| at.map(answers::date);
    let rse_id = |name: &str| c.rses.get(name).map(|rse| rse.id.clone());
    let did = c.dids.get(&r.did);
    let (bytes, md5, adler32) = (
        did.and_then(|d| d.bytes),
        did.and_then(|d| d.md5.clone()),
        did.and_then(|d| d.adler32.clone()),
    );
    let rule = c.rules.get(&r.rule_id);
    let attributes = json!({
        "activity": r.activity, "source_replica_expression": rule.and_then(|u| u.wish.source_replica_expression.clone()),
        "lifetime": rule.and_then(|u| u.wish.lifetime), "ds_scope": rule.map(|u| &u.wish.did.scope), "ds_name": rule.map(|u| &u.wish.did.name),
        "bytes": bytes, "md5": md5, "adler32": adler32, "priority": r.priority, "allow_tape_source": true,
    });
    let mut row: Map<String, Value> = UNSET
        .iter()
        .map(|key| ((*key).to_owned(), Value::Null))
        .collect();
    let known = json!({
        "id": r.id, "request_type": "TRANSFER", "scope": r.did.scope, "name": r.did.name, "did_type": "FILE",
        "dest_rse_id": rse_id(&r.dest_rse), "dest_rse": r.dest_rse, "source_rse_id": r.source_rse.as_deref().and_then(rse_id),
        "source_rse": r.source_rse, "attributes": if archived { json!(attributes.to_string()) } else { attributes },
        "state": r.state.as_str(), "external_id": r.external_id, "external_host": r.external_host, "retry_count": r.retry_count,
        "err_msg": r.err_msg, "previous_attempt_id": r.previous_attempt_id, "rule_id": r.rule_id, "activity": r.activity,
        "bytes": bytes, "md5": md5, "adler32": adler32, "dest_url": r.dest_url,
    });
    let times = json!({
        "submitted_at": date(r.submitted_at), "started_at": date(r.started_at), "transferred_at": date(r.transferred_at), "account": r.account,
        "requested_at": answers::date(r.created_at), "priority": r.priority, "transfertool": r.external_host.as_ref().map(|_| "fts3"),
        "created_at": answers::date(r.created_at), "updated_at": answers::date(r.updated_at),
    });
    for part in [known, times] {
        if let Value::Object(part) = part {
            row.extend(part);
        }
    }
    Value::Object(row)
}

/// Keys that stay empty.
const UNSET: [&str; 8] = [
    "estimated_at",
    "estimated_started_at",
    "estimated_transferred_at",
    "staging_started_at",
    "staging_finished_at",
    "submitter_id",
    "last_processed_by",
    "last_processed_at",
];

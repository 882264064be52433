//! `/locks`: datasets and the rules that hold them (rucio page §1.4).

use axum::response::Response;
use serde_json::{Value, json};

use crate::answers;
use crate::call::Call;
use crate::catalogue::Catalogue;
use crate::did::{DidName, DidType};
use crate::errors::RucioError;
use crate::rule::LockCounts;

/// `GET /locks/<s>/<n>?did_type=dataset`.
pub(crate) fn of_did(call: &Call, scope: &str, name: &str) -> Response {
    let wanted = DidName::new(scope, name);
    answers::stream(call.rucio.read(|c| rows(c, |did, _| *did == wanted)))
}

/// `GET /locks/<rse>?did_type=dataset`.
pub(crate) fn of_rse(call: &Call, rse: &str) -> Result<Response, RucioError> {
    let rows = call.rucio.read(|c| {
        c.rse(rse)?;
        Ok::<_, RucioError>(rows(c, |_, at| at == rse))
    })?;
    Ok(answers::stream(rows))
}

/// One row for each rule, dataset and RSE.
fn rows(c: &Catalogue, wanted: impl Fn(&DidName, &str) -> bool) -> Vec<Value> {
    let mut rows = Vec::new();
    for rule in c.rules.values().filter(|r| r.did_type == DidType::Dataset) {
        let mut at: Vec<&String> = rule.locks.keys().map(|(_, rse)| rse).collect();
        at.sort_unstable();
        at.dedup();
        for rse in at.into_iter().filter(|rse| wanted(&rule.wish.did, rse)) {
            let here = || rule.locks.iter().filter(|((_, at), _)| at == rse);
            let bytes: u64 = here()
                .filter_map(|((did, _), _)| c.dids.get(did)?.bytes)
                .sum();
            rows.push(json!({
                "rse_id": c.rses.get(rse).map(|r| &r.id), "rse": rse, "scope": rule.wish.did.scope, "name": rule.wish.did.name,
                "rule_id": rule.id, "account": rule.wish.account, "state": LockCounts::of(here().map(|(_, lock)| lock)).rule_state().as_str(),
                "length": here().count(), "bytes": bytes, "accessed_at": null,
            }));
        }
    }
    rows
}

//! `/rules` (rucio page §1.4).

use axum::response::Response;
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::answers;
use crate::call::{Call, Members};
use crate::did::DidName;
use crate::errors::RucioError;
use crate::request::Request;
use crate::rule::{Grouping, RuleState, RuleWish};

/// Activity of a rule that names none.
const ACTIVITY: &str = "User Subscriptions";

/// `POST /rules/`: one rule for each data identifier; the answer is the list of their ids.
pub(crate) fn add(call: &Call) -> Result<Response, RucioError> {
    let body = call.object()?;
    let account = body
        .maybe_text("account")
        .unwrap_or(&call.account)
        .to_owned();
    let copies = body
        .number("copies")
        .ok_or_else(|| RucioError::key_error("'copies' not defined"))?;
    let expression = body.text("rse_expression")?.to_owned();
    let grouping = match body.maybe_text("grouping") {
        None => Grouping::Dataset,
        Some(text) => Grouping::parse(text)
            .ok_or_else(|| RucioError::invalid_rule(format!("'{text}' is not a valid grouping")))?,
    };
    let dids = names(body.list("dids"))?;
    if dids.is_empty() {
        return Err(RucioError::key_error("'dids' not defined"));
    }
    let text = |key: &str| body.maybe_text(key).map(str::to_owned);
    let wish = |did: DidName| RuleWish {
        did,
        account: account.clone(),
        copies: usize::try_from(copies).unwrap_or(0),
        rse_expression: expression.clone(),
        grouping,
        lifetime: body.number("lifetime"),
        locked: body.flag("locked", false),
        source_replica_expression: text("source_replica_expression"),
        activity: text("activity").unwrap_or_else(|| ACTIVITY.to_owned()),
        notify: text("notify"),
        purge_replicas: body.flag("purge_replicas", false),
        ignore_availability: body.flag("ignore_availability", false),
        comment: text("comment"),
        ask_approval: body.flag("ask_approval", false),
        priority: body
            .number("priority")
            .and_then(|p| u32::try_from(p).ok())
            .unwrap_or(3),
        meta: body.get("meta").filter(|m| !m.is_null()).cloned(),
    };
    let ids = call.rucio.with(|c, g| {
        if account != call.account || body.flag("locked", false) {
            c.only_admin(&call.account, "add replication rule")?;
        }
        dids.into_iter()
            .map(|did| c.add_rule(wish(did), g))
            .collect::<Result<Vec<_>, _>>()
    })?;
    Ok(answers::html(StatusCode::CREATED, json!(ids).to_string()))
}

/// Names in a list of `{scope, name}`.
pub(crate) fn names(list: &[Value]) -> Result<Vec<DidName>, RucioError> {
    let name = |value: &Value| {
        let object = value
            .as_object()
            .ok_or_else(|| RucioError::type_error("a data identifier must be a json dictionary"))?;
        Ok(DidName::new(object.text("scope")?, object.text("name")?))
    };
    list.iter().map(name).collect()
}

/// `GET /rules/<id>`.
pub(crate) fn get(call: &Call, id: &str) -> Result<Response, RucioError> {
    well_formed(id)?;
    call.rucio.read(|c| {
        c.rule(id)
            .map(|rule| answers::json(&c.rule_json(rule, false)))
    })
}

fn well_formed(id: &str) -> Result<(), RucioError> {
    let good = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
    if good {
        Ok(())
    } else {
        Err(RucioError::uncaught(format!(
            "Badly formatted rule id ({id})"
        )))
    }
}

/// `GET /rules/?<filter>`: by scope, name, account, state, RSE expression, activity.
pub(crate) fn list(call: &Call) -> Response {
    let rows = call.rucio.read(|c| {
        let fits = |rule: &Value| {
            call.query.iter().all(|(key, wanted)| match rule.get(key) {
                Some(Value::String(have)) => have == wanted,
                Some(have) => {
                    serde_json::from_str::<Value>(wanted).is_ok_and(|wanted| wanted == *have)
                }
                None => true,
            })
        };
        c.rules
            .values()
            .map(|r| c.rule_json(r, true))
            .filter(fits)
            .collect::<Vec<_>>()
    });
    answers::stream(rows)
}

/// `GET /accounts/<a>/rules`.
pub(crate) fn of_account(call: &Call, account: &str) -> Result<Response, RucioError> {
    let rows = call.rucio.read(|c| {
        c.account(account)?;
        Ok::<_, RucioError>(
            c.rules
                .values()
                .filter(|r| r.wish.account == account)
                .map(|r| c.rule_json(r, true))
                .collect::<Vec<_>>(),
        )
    })?;
    Ok(answers::stream(rows))
}

/// `PUT /rules/<id>`.
pub(crate) fn update(call: &Call, id: &str) -> Result<Response, RucioError> {
    well_formed(id)?;
    let body = call.object()?;
    let options = body
        .get("options")
        .and_then(Value::as_object)
        .ok_or_else(|| RucioError::key_error("'options' not defined"))?;
    call.rucio.with(|c, g| {
        c.only_admin(&call.account, "update replication rule")?;
        c.rule(id)?;
        if options.flag("approve", false) {
            c.set_rule_state(
                id,
                RuleState::Inject,
                &format!("approved by {}", call.account),
                g.now,
            )?;
            c.inject(id, g);
        }
        if let Some(state) = options.maybe_text("state") {
            let state = RuleState::parse(state).ok_or_else(|| {
                RucioError::unsupported_operation(format!(
                    "The state option to the rule does not accept the value {state}"
                ))
            })?;
            c.set_rule_state(id, state, &format!("set by {}", call.account), g.now)?;
            if state == RuleState::Stuck {
                c.repair(id, g);
            }
        }
        if options.flag("boost_rule", false) {
            c.repair(id, g);
        }
        let Some(rule) = c.rules.get_mut(id) else {
            return Ok(answers::empty());
        };
        for (key, value) in options {
            match (key.as_str(), value) {
                ("lifetime", Value::Null) => rule.expires_at = None,
                ("lifetime", value) => {
                    let seconds = value.as_i64().ok_or_else(|| {
                        RucioError::value_error("lifetime must be a number of seconds")
                    })?;
                    rule.expires_at = g.now.checked_add(SignedDuration::from_secs(seconds)).ok();
                }
                ("locked", Value::Bool(locked)) => rule.wish.locked = *locked,
                ("comment", Value::String(comment)) => rule.wish.comment = Some(comment.clone()),
                ("activity", Value::String(activity)) => rule.wish.activity.clone_from(activity),
                ("account", Value::String(account)) => rule.wish.account.clone_from(account),
                ("priority", Value::Number(priority)) => {
                    rule.wish.priority = priority
                        .as_u64()
                        .and_then(|p| u32::try_from(p).ok())
                        .unwrap_or(rule.wish.priority);
                }
                ("source_replica_expression", value) => {
                    rule.wish.source_replica_expression = value.as_str().map(str::to_owned);
                }
                ("purge_replicas", Value::Bool(purge)) => rule.wish.purge_replicas = *purge,
                ("meta", value) => rule.wish.meta = Some(value.clone()),
                (
                    "state" | "approve" | "boost_rule" | "cancel_requests" | "child_rule_id"
                    | "eol_at",
                    _,
                ) => {}
                (other, _) => {
                    return Err(RucioError::unsupported_operation(format!(
                        "Parameter '{other}' not found"
                    )));
                }
            }
        }
        rule.updated_at = g.now;
        Ok(answers::empty())
    })
}

/// `DELETE /rules/<id>`: soft.
pub(crate) fn delete(call: &Call, id: &str) -> Result<Response, RucioError> {
    well_formed(id)?;
    let purge = call
        .object()?
        .get("purge_replicas")
        .and_then(Value::as_bool);
    call.rucio.with(|c, g| {
        c.only_admin(&call.account, "delete replication rule")?;
        c.delete_rule(id, purge, g.now).map(|_| answers::empty())
    })
}

/// `GET /rules/<id>/locks`.
pub(crate) fn locks(call: &Call, id: &str) -> Result<Response, RucioError> {
    let rows = call.rucio.read(|c| {
        let rule = c.rule(id)?;
        let row = |((did, rse), lock): (&(DidName, String), &crate::rule::LockState)| {
            json!({"scope": did.scope, "name": did.name, "rse_id": c.rses.get(rse).map(|r| &r.id), "rse": rse, "state": lock.as_str(), "rule_id": id})
        };
        Ok::<_, RucioError>(rule.locks.iter().map(row).collect::<Vec<_>>())
    })?;
    Ok(answers::stream(rows))
}

/// `GET /rules/<id>/analysis`: why a rule is not OK, transfer by transfer.
pub(crate) fn analysis(call: &Call, id: &str) -> Result<Response, RucioError> {
    call.rucio.read(|c| {
        let rule = c.rule(id)?;
        let error = match rule.state {
            RuleState::Stuck => rule.error.clone().unwrap_or_default(),
            state => format!("This replication rule is {}{}", if state == RuleState::Replicating { "currently " } else { "" }, state.as_str()),
        };
        let stuck = rule.locks.iter().filter(|(_, lock)| rule.state == RuleState::Stuck && **lock == crate::rule::LockState::Stuck);
        let transfers: Vec<Value> = stuck
            .map(|((did, rse), _)| {
                let attempts: Vec<&Request> = c.history.iter().filter(|r| r.did == *did && r.dest_rse == *rse).collect();
                let last = attempts.last();
                let sources = c.replicas.get(did).into_iter().flatten().filter(|(_, r)| r.state == crate::replica::ReplicaState::Available);
                let sources: Vec<Value> = sources.map(|(name, _)| json!([name, c.rses.get(name).is_some_and(|r| r.availability_read)])).collect();
                json!({
                    "scope": did.scope, "name": did.name, "rse_id": c.rses.get(rse).map(|r| &r.id), "rse": rse, "attempts": attempts.len(),
                    "last_error": last.and_then(|r| r.err_msg.as_ref()), "last_source": last.and_then(|r| r.source_rse.as_ref()),
                    "sources": sources, "last_time": last.map(|r| answers::date(r.updated_at)),
                })
            })
            .collect();
        Ok(answers::json(&json!({"rule_error": error, "transfers": transfers})))
    })
}

/// `GET /rules/<s>/<n>/history`.
pub(crate) fn history(call: &Call, scope: &str, name: &str) -> Response {
    let did = DidName::new(scope, name);
    let rows = call.rucio.read(|c| {
        let on = c.rules.values().filter(|r| r.wish.did == did);
        on.map(|r| {
            json!({
                "rule_id": r.id, "created_at": answers::date(r.created_at), "updated_at": answers::date(r.updated_at),
                "rse_expression": r.wish.rse_expression, "state": r.state.as_str(), "account": r.wish.account, "locks_ok_cnt": r.counts.ok,
                "locks_stuck_cnt": r.counts.stuck, "locks_replicating_cnt": r.counts.replicating,
            })
        })
        .collect::<Vec<_>>()
    });
    answers::stream(rows)
}

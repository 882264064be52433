//! The table of paths, each with its source: rucio page §1.3 (authentication) and §1.4 (everything else).

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Router, http::Request};
use http::Method;

use crate::answers;
use crate::auth;
use crate::call::Call;
use crate::errors::RucioError;
use crate::rest::{accounts, config, did, identity, locks, login, replicas, requests, rse, rules};
use crate::server::Rucio;

/// Longest request body that is read.
const LONGEST_BODY: usize = 32 << 20;

/// The routes of a server.
pub(crate) fn router(rucio: Rucio) -> Router {
    Router::new().fallback(answer).with_state(rucio)
}

async fn answer(State(rucio): State<Rucio>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = carnet_stage::body::read_limited(body, LONGEST_BODY).await else {
        return answers::html(
            http::StatusCode::PAYLOAD_TOO_LARGE,
            "Request Entity Too Large",
        );
    };
    let call = Call::new(rucio, head.method, &head.uri, head.headers, body);
    dispatch(call)
        .await
        .unwrap_or_else(RucioError::into_response)
}

async fn dispatch(mut call: Call) -> Result<Response, RucioError> {
    let path = call.path.clone();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let method = call.method.clone();
    let (get, post, put, delete) = (
        method == Method::GET,
        method == Method::POST,
        method == Method::PUT,
        method == Method::DELETE,
    );

    match path.as_slice() {
        ["ping"] if get => return Ok(login::ping()),
        ["auth", "userpass"] if get => return login::userpass(&call),
        ["auth", "validate"] if get => return login::validate(&call).await,
        ["traces"] if post => return Ok(answers::created()),
        [] | ["auth", ..] => return Ok(answers::not_found()),
        _ => {}
    }

    call.account = auth::session(&call).await?.account;

    match path.as_slice() {
        ["accounts"] if get => Ok(accounts::list(&call)),
        ["accounts", "whoami"] if get => accounts::whoami(&call),
        ["accounts", name] if get => accounts::get(&call, name),
        ["accounts", name] if post => accounts::add(&call, name),
        ["accounts", name] if put => accounts::update(&call, name),
        ["accounts", name] if delete => accounts::delete(&call, name),
        ["accounts", name, "attr"] if get => accounts::attributes(&call, name),
        ["accounts", name, "attr", key] if post => accounts::add_attribute(&call, name, key),
        ["accounts", name, "attr", key] if delete => accounts::delete_attribute(&call, name, key),
        ["accounts", name, "identities"] if get => identity::list(&call, name),
        ["accounts", name, "identities"] if post => identity::add(&call, name),
        ["accounts", name, "identities"] if delete => identity::delete(&call, name),
        ["accounts", name, "scopes"] if get => accounts::scopes(&call, name),
        ["accounts", name, "scopes", scope] if post => accounts::add_scope(&call, name, scope),
        ["accounts", name, "rules"] if get => rules::of_account(&call, name),
        ["accounts", name, "usage", "local" | "global"] if get => {
            accounts::usage(&call, name, None)
        }
        ["accounts", name, "usage", "local" | "global", rse] if get => {
            accounts::usage(&call, name, Some(rse))
        }
        ["accounts", name, "limits", "local" | "global"] if get => {
            accounts::limits(&call, name, None)
        }
        ["accounts", name, "limits", "local" | "global", rse] if get => {
            accounts::limits(&call, name, Some(rse))
        }
        ["accounts", name, "limits", "local" | "global", rse] if post => {
            accounts::set_limit(&call, name, rse)
        }
        ["accounts", name, "limits", "local" | "global", rse] if delete => {
            accounts::delete_limit(&call, name, rse)
        }
        ["identities", key, kind, "accounts"] if get => identity::accounts(&call, key, kind),
        ["scopes"] if get => Ok(accounts::all_scopes(&call)),

        ["rses"] if get => rse::list(&call),
        ["rses", name] if get => rse::get(&call, name),
        ["rses", name] if post => rse::add(&call, name),
        ["rses", name] if put => rse::update(&call, name),
        ["rses", name] if delete => rse::delete(&call, name),
        ["rses", name, "attr"] if get => rse::attributes(&call, name),
        ["rses", name, "attr", key] if post => rse::add_attribute(&call, name, key),
        ["rses", name, "attr", key] if delete => rse::delete_attribute(&call, name, key),
        ["rses", name, "protocols"] if get => rse::protocols(&call, name),
        ["rses", name, "protocols", scheme] if post => rse::add_protocol(&call, name, scheme),
        ["rses", name, "protocols", scheme, ..] if delete => {
            rse::delete_protocol(&call, name, scheme, path.get(4).copied())
        }
        ["rses", name, "lfns2pfns"] if get => rse::lfns2pfns(&call, name),
        ["rses", name, "usage"] if get => rse::usage(&call, name),
        ["rses", name, "usage"] if put => rse::set_usage(&call, name),
        ["rses", name, "limits"] if get => rse::limits(&call, name),
        ["rses", name, "limits"] if put => rse::set_limits(&call, name),
        ["rses", name, "limits"] if delete => rse::delete_limits(&call, name),
        ["rses", from, "distances", to] if get => rse::distance(&call, from, to),
        ["rses", from, "distances", to] if post || put => rse::set_distance(&call, from, to, post),
        ["rses", from, "distances", to] if delete => rse::delete_distance(&call, from, to),

        ["dids"] if post => did::add_many(&call),
        ["dids", "attachments"] if post => did::attachments(&call),
        ["dids", "bulkmeta"] if post => did::bulk_meta(&call),
        ["dids", scope] if get => did::of_scope(&call, scope),
        ["dids", scope, "dids", "search"] if get => did::search(&call, scope),
        ["dids", scope, rest @ ..] => did::one(&call, scope, rest),

        ["replicas"] if post => replicas::add(&call),
        ["replicas"] if put => replicas::update(&call),
        ["replicas"] if delete => replicas::delete(&call),
        ["replicas", "list"] if post => replicas::list(&call),
        ["replicas", "dids"] if post => replicas::dids(&call),
        ["replicas", scope, name, "datasets"] if get => replicas::datasets(&call, scope, name),

        ["rules"] if get => Ok(rules::list(&call)),
        ["rules"] if post => rules::add(&call),
        ["rules", id] if get => rules::get(&call, id),
        ["rules", id] if put => rules::update(&call, id),
        ["rules", id] if delete => rules::delete(&call, id),
        ["rules", id, "locks"] if get => rules::locks(&call, id),
        ["rules", id, "analysis"] if get => rules::analysis(&call, id),
        ["rules", scope, name, "history"] if get => Ok(rules::history(&call, scope, name)),
        ["locks", scope, name] if get => Ok(locks::of_did(&call, scope, name)),
        ["locks", rse] if get => locks::of_rse(&call, rse),
        ["requests", "list"] if get => requests::list(&call),
        ["requests", "history", "list"] if get => requests::history(&call),
        ["requests", scope, name, rse] if get => requests::get(&call, scope, name, rse),
        ["subscriptions", ..] if get => {
            Err(RucioError::subscription_not_found("Subscription not found"))
        }

        ["config"] if get => Ok(config::all(&call)),
        ["config"] if post => config::set_many(&call),
        ["config", section] if get => config::section(&call, section),
        ["config", section, option] if get => config::option(&call, section, option),
        ["config", section, option, value] if put => config::set(&call, section, option, value),
        ["config", section, option] if delete => config::delete(&call, section, option),

        [first, ..] if KNOWN.contains(first) && path.len() <= 4 => {
            Ok(answers::method_not_allowed())
        }
        _ => Ok(answers::not_found()),
    }
}

/// First segments that exist; below them a wrong method is "not allowed" rather than "not found".
const KNOWN: [&str; 10] = [
    "accounts",
    "identities",
    "scopes",
    "rses",
    "dids",
    "replicas",
    "rules",
    "locks",
    "requests",
    "config",
];

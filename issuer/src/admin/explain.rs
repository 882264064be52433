//! Explanations: which policy decides, with which rank, and what would be dropped. Nothing is issued.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{answer, body, not_found};
use crate::config::{Level, Verb};
use crate::endpoint::{Here, Request};
use crate::exchange::ScopeFault;
use crate::grant::{in_place_of_none, parse_scope};
use crate::scopes::{Match, allowed};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScopesQuestion {
    /// The person's login name.
    user: String,
    /// The client.
    client_id: String,
    /// Scopes; left out, all of the client.
    #[serde(default)]
    scope: Option<String>,
}

/// `POST /explain/scopes` `{"user", "client_id", "scope"}`: what each scope of a request would become.
pub(super) async fn scopes(State(issuer): Here, request: Request) -> Response {
    let outcome = body::<ScopesQuestion>(request).await.and_then(|question| {
        let user = issuer.people.by_name(&question.user).ok_or_else(|| not_found("user"))?;
        let client = issuer.clients.get(&question.client_id).ok_or_else(|| not_found("client"))?;
        let asked = parse_scope(&issuer, &client, question.scope.as_deref());
        let asked = asked.unwrap_or_else(|| in_place_of_none(&issuer, &client));
        let policies = issuer.scope_policies();
        let line = |scope: &String| {
            let for_client = allowed(&client.matchers, scope) == Match::Yes;
            let ruling = match policies.rule_on(scope, &user.person()) {
                Ok(ruling) => ruling,
                Err(stumble) => return json!({ "scope": scope, "refused": stumble.to_string() }),
            };
            let level = match ruling.level {
                Some(Level::Account) => "account",
                Some(Level::Group) => "group",
                Some(Level::Default) => "default",
                None => "none",
            };
            json!({
                "scope": scope, "client_may_ask": for_client, "policy_permits": ruling.permitted, "level": level,
                "policy": ruling.policy.as_deref(), "granted": for_client && (ruling.permitted || scope == "openid"),
            })
        };
        let groups = crate::groups::select(&asked, &user.memberships);
        Ok((200, json!({
            "scopes": asked.iter().map(line).collect::<Vec<_>>(),
            "groups": groups.claim.map(|g| g.iter().map(ToString::to_string).collect::<Vec<_>>()),
            "not_a_member_of": groups.missing,
        })))
    });
    answer(&issuer, outcome)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExchangeQuestion {
    /// The client that the subject token was issued to.
    origin: String,
    /// The client that exchanges.
    destination: String,
    /// Scopes asked.
    scope: String,
}

/// `POST /explain/exchange` `{"origin", "destination", "scope"}`: the policy, its rank, and the first failing scope.
pub(super) async fn exchange(State(issuer): Here, request: Request) -> Response {
    let outcome = body::<ExchangeQuestion>(request).await.and_then(|question| {
        let origin = issuer.clients.get(&question.origin).ok_or_else(|| not_found("client"))?;
        let destination = issuer.clients.get(&question.destination).ok_or_else(|| not_found("client"))?;
        let asked = parse_scope(&issuer, &destination, Some(&question.scope)).unwrap_or_default();
        let unregistered = asked.iter().find(|s| allowed(&destination.matchers, s) != Match::Yes);
        let policies = issuer.exchange_policies();
        let choice = policies.choose(&origin.end(), &destination.end());
        let fault = choice.index.and_then(|index| policies.check_scopes(index, &asked, &origin.end(), &issuer.rules).err());
        let side = match (&unregistered, choice.rule, &fault) {
            (Some(scope), _, _) => json!({ "side": "destination client", "scope": scope }),
            (_, None, _) => json!({ "side": "policies", "why": "no policy applies" }),
            (_, Some(Verb::Deny), _) => json!({ "side": "policies", "why": "the policy denies" }),
            (_, _, Some(ScopeFault::Origin(scope))) => json!({ "side": "origin client", "scope": scope }),
            (_, _, Some(ScopeFault::Policy(scope))) => json!({ "side": "the policy's own rules", "scope": scope }),
            (_, _, Some(ScopeFault::Relative(scope))) => json!({ "side": "origin client", "scope": scope, "why": "two dots" }),
            _ => Value::Null,
        };
        Ok((200, json!({
            "granted": side.is_null(), "refused_by": side, "policy": choice.index.and_then(|i| policies.label(i)).as_deref(),
            "rank": choice.rank, "applicable": choice.applicable,
        })))
    });
    answer(&issuer, outcome)
}

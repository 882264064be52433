//! Token exchange (RFC 8693): who may exchange whose token, for which scopes (issuer page §2.7).

use std::sync::Arc;

use carnet_stage::CheckRecord;

use super::password::{first_ticket, resource};
use super::{Request, check_groups, check_user, narrow, relative, without_reserved};
use crate::audience::Step;
use crate::config::Verb;
use crate::errors::Refusal;
use crate::exchange::ScopeFault;
use crate::issue::{self, Made, RefreshPlan, Ticket};
use crate::issuer::check;
use crate::keys::SigningKey;
use crate::quirks::Quirk;
use crate::scopes::{Match, allowed};
use crate::store::clients::grants;
use crate::store::{AccessRecord, Client, Holder, Origin, Terms};

/// Exchanges a subject token.
pub fn grant(request: &Request<'_>, key: &SigningKey) -> Result<Made, Refusal> {
    let Request {
        issuer,
        client,
        form,
        now,
        ..
    } = request;
    if form.get("actor_token").is_some() || form.get("want_composite").is_some() {
        return Err(Refusal::bad("invalid_request", "Delegation not supported"));
    }
    if issuer.config.require_subject_token_type && form.filled("subject_token_type").is_none() {
        return Err(Refusal::missing("subject_token_type"));
    }
    if issuer.rules.strict() {
        for name in ["subject_token_type", "requested_token_type"] {
            if form.filled(name).is_some_and(|kind| !is_access_token(kind)) {
                let text = format!("{name} must be an access token's or a JWT's.");
                return Err(Refusal::bad("invalid_request", text));
            }
        }
    }
    let (subject, text) = subject(request)?;
    let jti = uuid::Uuid::from_u128(subject.jti).to_string();
    let origin = issuer
        .clients
        .get(&subject.holder.client)
        .ok_or_else(|| not_found(request, &text))?;
    let user = if subject.holder.person {
        let user = issuer.people.by_uuid(&subject.holder.sub);
        Some(user.ok_or_else(|| not_found(request, &text))?)
    } else {
        None
    };
    if let Some(user) = &user {
        if issuer.rules.strict() {
            check_user(issuer, user, *now, false)?;
        } else {
            super::check_aup(issuer, user, *now)?;
        }
    }
    // A strict issuer lets the subject's scope stand in for none (RFC 8693 §2.1).
    let asked = match &request.asked {
        None if issuer.rules.strict() => {
            let inherited = subject.holder.scopes();
            inherited
                .into_iter()
                .filter(|s| allowed(&client.matchers, s) == Match::Yes)
                .collect()
        }
        _ => request.scopes(),
    };
    judge(request, &origin, &subject, &jti, &text, &asked)?;
    let target = request.target();
    let audience = target
        .wish(Step::Exchange, &issuer.rules)
        .map(str::to_owned);
    let mut act = vec![Arc::clone(&client.id)];
    act.extend(subject.holder.act().iter().cloned());
    let origin = Origin {
        act: act.into(),
        parent: subject.jti,
        not_after: (!issuer.has(Quirk::Q26)).then_some(subject.exp),
    };
    let holder = |scopes: &[String]| {
        let terms = Terms {
            client: Arc::clone(&client.id),
            person: subject.holder.person,
            grant: grants::TOKEN_EXCHANGE,
            scope: scopes.join(" ").into(),
            audience: audience.as_deref().map(Into::into),
            resource: resource(request),
        };
        Holder {
            origin: Some(Box::new(origin)),
            ..Holder::new(
                issuer.tokens.wordings.share(terms),
                Arc::clone(&subject.holder.sub),
            )
        }
    };
    let ticket = if let Some(user) = &user {
        check_groups(issuer, user, &asked)?;
        let narrowed = narrow(issuer, client, user, asked)?;
        let holder = holder(&narrowed.request);
        return issue::make(
            issuer,
            &first_ticket(
                request,
                user,
                holder,
                narrowed.claim,
                audience,
                grants::TOKEN_EXCHANGE,
                Some(jti),
            ),
            key,
        );
    } else {
        let scopes = without_reserved(asked);
        let holder = holder(&scopes);
        let refresh = holder.has_scope("offline_access") && client.may(grants::REFRESH_TOKEN);
        Ticket {
            client,
            user: None,
            holder: Arc::new(holder),
            scopes,
            audience,
            grant: grants::TOKEN_EXCHANGE,
            refresh: if refresh {
                RefreshPlan::New
            } else {
                RefreshPlan::None
            },
            id_token: false,
            parent: Some(jti),
        }
    };
    issue::make(issuer, &ticket, key)
}

/// RFC 8693 §3: what is exchanged here, and what comes of it.
fn is_access_token(kind: &str) -> bool {
    let kind = kind.strip_prefix("urn:ietf:params:oauth:token-type:");
    matches!(kind, Some("access_token" | "jwt"))
}

fn subject(request: &Request<'_>) -> Result<(AccessRecord, String), Refusal> {
    let Request {
        issuer, form, now, ..
    } = request;
    let Some(text) = form.get("subject_token") else {
        return Err(if issuer.has(Quirk::Q48) {
            super::java_null(
                issuer,
                r#"Cannot invoke "String.indexOf(String)" because "s" is null"#,
            )
        } else {
            Refusal::missing("subject_token")
        });
    };
    let record = issuer
        .tokens
        .access(text, *now)
        .ok_or_else(|| not_found(request, text))?;
    Ok((record, text.to_owned()))
}

fn not_found(request: &Request<'_>, text: &str) -> Refusal {
    if request.issuer.rules.strict() {
        Refusal::bad(
            "invalid_request",
            "The subject token is unknown, expired or revoked.",
        )
    } else {
        Refusal::new(
            401,
            "invalid_token",
            format!("Access token for value {text} was not found"),
        )
    }
}

/// Decides and records why.
fn judge(
    request: &Request<'_>,
    origin: &Client,
    subject: &AccessRecord,
    jti: &str,
    text: &str,
    asked: &[String],
) -> Result<(), Refusal> {
    let mut checks = Vec::new();
    let outcome = decide(request, origin, Some((subject, text)), asked, &mut checks);
    let (from, to) = (&origin.id, &request.client.id);
    let demand = format!("exchange of {from}'s token by {to} for {}", asked.join(" "));
    request
        .issuer
        .judged(Some(jti.to_owned()), demand, outcome.is_ok(), checks, None);
    outcome
}

/// Decides, with every check. Without a subject token only what is not about it is looked at.
pub(crate) fn decide(
    request: &Request<'_>,
    origin: &Client,
    subject: Option<(&AccessRecord, &str)>,
    asked: &[String],
    checks: &mut Vec<CheckRecord>,
) -> Result<(), Refusal> {
    let Request { issuer, client, .. } = request;
    let rules = &issuer.rules;
    if origin.id == client.id && asked.iter().any(|s| s == "offline_access") && !rules.then() {
        let wanted = "another client, or no offline_access";
        checks.push(check("exchange.client", false, &*client.id, wanted));
        let description = "Token exchange not allowed: the actor and the subject are the same client and offline_access is in the requested scopes";
        return Err(if rules.strict() {
            Refusal::bad("invalid_request", description)
        } else {
            Refusal::new(403, "access_denied", description)
        });
    }
    let policies = issuer.exchange_policies();
    let choice = policies.choose(&origin.end(), &client.end());
    let applicable = if choice.applicable.is_empty() {
        "no policy".to_owned()
    } else {
        choice.applicable.join("; ")
    };
    let wanted = "a PERMIT of the highest rank";
    checks.push(check(
        "exchange.policy",
        choice.rule == Some(Verb::Permit),
        applicable,
        wanted,
    ));
    let refused = |text: &str| {
        if rules.strict() {
            Refusal::bad("unauthorized_client", text)
        } else {
            Refusal::new(403, "access_denied", text)
        }
    };
    let index = match (choice.rule, choice.index) {
        (Some(Verb::Permit), Some(index)) => index,
        (Some(Verb::Deny), _) => return Err(refused("Token exchange not allowed")),
        _ => return Err(refused("No policy found authorizing this exchange")),
    };
    let verdict_of = |index| policies.check_scopes(index, asked, &origin.end(), rules);
    // Of several PERMITs with the same rank IAM takes any one (Q-56); otherwise one that lets the scopes through.
    let index = if issuer.has(Quirk::Q56) {
        index
    } else {
        choice
            .equals
            .iter()
            .copied()
            .find(|index| verdict_of(*index).is_ok())
            .unwrap_or(index)
    };
    let taken = policies.label(index).unwrap_or_default();
    checks.push(check(
        "exchange.rank",
        true,
        format!("{taken}, rank {}", choice.rank),
        "the highest rank",
    ));
    match verdict_of(index) {
        Ok(()) => checks.push(check(
            "exchange.scope",
            true,
            asked.join(" "),
            "allowed for both clients and by the policy",
        )),
        Err(fault) => {
            let (saw, wanted, refusal) = scope_refusal(request, origin, fault);
            checks.push(check("exchange.scope", false, saw, wanted));
            return Err(refusal);
        }
    }
    match subject {
        Some((subject, text)) => beyond_subject(request, subject, text, asked, checks),
        None => Ok(()),
    }
}

fn scope_refusal(
    request: &Request<'_>,
    origin: &Client,
    fault: ScopeFault,
) -> (String, String, Refusal) {
    match fault {
        ScopeFault::Origin(scope) => {
            let whose = if request.issuer.rules.then() {
                ""
            } else {
                "origin "
            };
            let text = format!("scope not allowed by {whose}client configuration: {scope}");
            let wanted = format!("registered for {}: {}", origin.id, origin.scopes.join(" "));
            (scope, wanted, Refusal::bad("invalid_scope", text))
        }
        ScopeFault::Policy(scope) => {
            let text = format!("scope exchange not allowed by policy: {scope}");
            (
                scope,
                "not denied by the policy's own rules".into(),
                Refusal::bad("invalid_scope", text),
            )
        }
        ScopeFault::Relative(scope) => (scope, "no ..".into(), relative(request.issuer)),
    }
}

/// What IAM does not look at (Q-24, Q-25): the subject token's own scopes and audience.
fn beyond_subject(
    request: &Request<'_>,
    subject: &AccessRecord,
    text: &str,
    asked: &[String],
    checks: &mut Vec<CheckRecord>,
) -> Result<(), Refusal> {
    let Request { issuer, client, .. } = request;
    if !issuer.has(Quirk::Q24) {
        let had = subject.holder.scopes();
        let matchers = issuer.catalogue.matchers(&had);
        let free = |s: &&String| *s != "offline_access" && allowed(&matchers, s) != Match::Yes;
        if let Some(wider) = asked.iter().find(free) {
            checks.push(check(
                "exchange.narrows",
                false,
                wider.clone(),
                format!("within {}", subject.holder.scope),
            ));
            return Err(Refusal::bad(
                "invalid_scope",
                format!("scope exceeds the subject token: {wider}"),
            ));
        }
        checks.push(check(
            "exchange.narrows",
            true,
            asked.join(" "),
            subject.holder.scope.to_string(),
        ));
    }
    if !issuer.has(Quirk::Q25) {
        let audiences = audiences_of(text);
        let names = |a: &String| {
            **a == *client.id || client.audiences.contains(a) || a == crate::audience::ANY
        };
        let ok = audiences.iter().any(names);
        let wanted = if client.audiences.is_empty() {
            client.id.to_string()
        } else {
            client.audiences.join(" ")
        };
        checks.push(check("exchange.audience", ok, audiences.join(" "), wanted));
        if !ok {
            return Err(Refusal::bad(
                "invalid_request",
                "The subject token is not meant for this client.",
            ));
        }
    }
    Ok(())
}

fn audiences_of(token: &str) -> Vec<String> {
    let Ok(token) = carnet_profile::jose::Token::parse(token) else {
        return Vec::new();
    };
    match token.claims.get("aud") {
        Some(serde_json::Value::String(one)) => vec![one.clone()],
        Some(serde_json::Value::Array(all)) => all
            .iter()
            .filter_map(|v| v.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}

//! Why a token request would be refused or narrowed: the checks of `/token` in their order, without a token
//! (issuer page §2.0, §2.7, §5.3). Nothing is issued, nothing is told to the journal.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::audience::{self, Asked, Step};
use crate::config::Level;
use crate::endpoint::token::unauthorized_grant;
use crate::errors::Refusal;
use crate::form::Form;
use crate::grant::{
    Request, check_user, exchange, foreign_group, foreign_scope, narrowed, parse_scope,
    without_reserved,
};
use crate::groups;
use crate::issuer::{CheckRecord, Issuer, check};
use crate::policies::Dropped;
use crate::scopes::{Match, allowed};
use crate::store::clients::grants;
use crate::store::{Client, User};

/// A request to be explained.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Question {
    /// The client that would ask.
    pub client_id: String,
    /// The grant; left out, what the rest suggests: an exchange with an origin, with a
    /// user the first grant of the client that has one, else the client's own.
    pub grant: Option<String>,
    /// The person behind it, by login name.
    pub user: Option<String>,
    /// Exchange: the client that the subject token was issued to.
    pub origin: Option<String>,
    /// Scopes; left out, none are named.
    pub scope: Option<String>,
    /// `audience`.
    pub audience: Option<String>,
    /// `resource`.
    pub resource: Option<String>,
}

/// Who takes part, looked up.
struct Parties {
    client: Arc<Client>,
    user: Option<Arc<User>>,
    origin: Option<Arc<Client>>,
    grant: &'static str,
}

/// What came of it.
#[derive(Debug, Default)]
struct Findings {
    checks: Vec<CheckRecord>,
    refusal: Option<Refusal>,
    asked: Vec<String>,
    claim: Vec<String>,
    request: Vec<String>,
    dropped: Vec<Dropped>,
}

/// Explains a request; `Err` names what is not there.
pub fn explain(issuer: &Issuer, question: &Question) -> Result<Value, String> {
    let parties = parties(issuer, question)?;
    let inherits = parties.grant == grants::TOKEN_EXCHANGE && issuer.rules.strict();
    if inherits && parse_scope(issuer, &parties.client, question.scope.as_deref()).is_none() {
        return Err("Name the scopes: without any, the exchange takes those of the subject token, which is not at hand.".into());
    }
    let mut found = Findings::default();
    found.refusal = look(issuer, question, &parties, &mut found).err();
    Ok(told(issuer, question, &parties, &found))
}

fn parties(issuer: &Issuer, question: &Question) -> Result<Parties, String> {
    let client = |id: &str| {
        issuer.clients.get(id).ok_or_else(|| {
            let known: Vec<String> = issuer
                .clients
                .all()
                .iter()
                .map(|c| c.id.to_string())
                .collect();
            format!("There is no client {id}; there are {}.", known.join(", "))
        })
    };
    let user = match question.user.as_deref() {
        None => None,
        Some(name) => Some(issuer.people.by_name(name).ok_or_else(|| {
            let known: Vec<String> = issuer
                .people
                .all()
                .iter()
                .map(|u| u.username.to_string())
                .collect();
            format!("There is no user {name}; there are {}.", known.join(", "))
        })?),
    };
    let asking = client(&question.client_id)?;
    let suggested = match (&question.origin, &user) {
        (Some(_), _) => grants::TOKEN_EXCHANGE,
        (None, Some(_)) => {
            let person = [
                grants::PASSWORD,
                grants::AUTHORIZATION_CODE,
                grants::DEVICE_CODE,
            ];
            let may = |grant: &&&str| asking.may(grant);
            person.iter().find(may).copied().unwrap_or(grants::PASSWORD)
        }
        (None, None) => grants::CLIENT_CREDENTIALS,
    };
    let all = [
        grants::CLIENT_CREDENTIALS,
        grants::PASSWORD,
        grants::TOKEN_EXCHANGE,
        grants::REFRESH_TOKEN,
        grants::AUTHORIZATION_CODE,
        grants::DEVICE_CODE,
    ];
    let grant = match question.grant.as_deref() {
        None => suggested,
        Some(name) => *all
            .iter()
            .find(|full| **full == grants::full(name))
            .ok_or_else(|| {
                let known: Vec<&str> = all.iter().map(|full| grants::short(full)).collect();
                format!("There is no grant {name}; there are {}.", known.join(", "))
            })?,
    };
    if grant == grants::TOKEN_EXCHANGE && question.origin.is_none() {
        return Err(
            "An exchange has an origin: the client that the subject token was issued to.".into(),
        );
    }
    let person = [
        grants::PASSWORD,
        grants::AUTHORIZATION_CODE,
        grants::DEVICE_CODE,
    ];
    if person.contains(&grant) && user.is_none() {
        return Err(format!("The grant {} has a user.", grants::short(grant)));
    }
    Ok(Parties {
        client: asking,
        origin: question.origin.as_deref().map(client).transpose()?,
        user: user.filter(|_| grant != grants::CLIENT_CREDENTIALS),
        grant,
    })
}

/// The checks of `/token` in their order; the first that fails ends it.
fn look(
    issuer: &Issuer,
    question: &Question,
    parties: &Parties,
    found: &mut Findings,
) -> Result<(), Refusal> {
    let Parties {
        client,
        user,
        origin,
        grant,
    } = parties;
    let form = Form::default();
    let asked = parse_scope(issuer, client, question.scope.as_deref());
    let request = Request {
        issuer,
        client,
        form: &form,
        asked: asked.clone(),
        now: issuer.now(),
    };
    let pass = |found: &mut Findings, name: &str, saw: &str, wanted: &str| {
        found.checks.push(check(name, true, saw, wanted));
    };

    if !client.active && !issuer.rules.then() {
        found
            .checks
            .push(check("client.active", false, "suspended", "active"));
        return Err(Refusal::new(
            401,
            "invalid_client",
            format!("Client is suspended: {}", client.id),
        ));
    }
    pass(found, "client.active", &client.id, "active");
    if asked.is_none() && *grant == grants::TOKEN_EXCHANGE && issuer.rules.today() {
        found
            .checks
            .push(check("exchange.scope", false, "none", "a scope"));
        let text = "The scope parameter is required for a token exchange request!";
        return Err(Refusal::bad("invalid_request", text));
    }
    target(issuer, question, found)?;
    found.asked = request.scopes();
    if let Some((one, refusal)) = asked
        .as_ref()
        .and_then(|asked| foreign_scope(issuer, client, asked))
    {
        found.checks.push(one);
        return Err(refusal);
    }
    pass(
        found,
        "client.scope",
        &found.asked.join(" "),
        "registered for the client",
    );
    let registered: Vec<&str> = client.grants.iter().map(|g| grants::short(g)).collect();
    let may = client.may(grant);
    found.checks.push(check(
        "client.grant",
        may,
        grants::short(grant),
        registered.join(" "),
    ));
    if !may {
        return Err(unauthorized_grant(issuer, grant));
    }
    if let Some(user) = user {
        let standing = check_user(issuer, user, request.now, *grant == grants::PASSWORD);
        let saw = standing
            .as_ref()
            .err()
            .map_or("active", |refusal| refusal.description.as_str());
        found.checks.push(check(
            "user",
            standing.is_ok(),
            saw,
            "active, policy signed",
        ));
        standing?;
    }
    if let Some(origin) = origin {
        exchange::decide(&request, origin, None, &found.asked, &mut found.checks)?;
    }
    let Some(user) = user else {
        found.claim = without_reserved(found.asked.clone());
        found.request.clone_from(&found.claim);
        return Ok(());
    };
    if let Some((one, refusal)) = foreign_group(issuer, user, &found.asked) {
        found.checks.push(one);
        return Err(refusal);
    }
    let left = match narrowed(issuer, client, user, found.asked.clone()) {
        Ok(left) => left,
        Err(refusal) => {
            found.checks.push(check(
                "scope.policy",
                false,
                refusal.description.as_str(),
                "a scope that breaks no policy",
            ));
            return Err(refusal);
        }
    };
    for scope in &found.asked {
        if let Some(gone) = left.dropped.iter().find(|d| d.scope == *scope) {
            found.checks.push(check(
                "scope.policy",
                false,
                scope.as_str(),
                gone.why.as_str(),
            ));
        } else if let Ok(ruling) = issuer.scope_policies().rule_on(scope, &user.person()) {
            let level = match ruling.level {
                Some(Level::Account) => "account",
                Some(Level::Group) => "group",
                Some(Level::Default) => "default",
                None => "no",
            };
            let policy = ruling
                .policy
                .as_deref()
                .unwrap_or("openid is never dropped");
            found.checks.push(check(
                "scope.policy",
                true,
                format!("{scope}: {policy}"),
                format!("{level} level"),
            ));
        }
    }
    (found.claim, found.request, found.dropped) = (left.claim, left.request, left.dropped);
    Ok(())
}

/// The audience parameters.
fn target(issuer: &Issuer, question: &Question, found: &mut Findings) -> Result<(), Refusal> {
    let asked = audience_of(question);
    let fault = asked.check_resource(&issuer.rules).err();
    let saw = question.resource.as_deref().unwrap_or("none");
    if question.resource.is_some() {
        found.checks.push(check(
            "resource",
            fault.is_none(),
            saw,
            "absolute, without a fragment",
        ));
    }
    fault.map_or(Ok(()), |fault| {
        Err(Refusal::bad("invalid_target", fault.to_string()))
    })
}

fn audience_of(question: &Question) -> Asked<'_> {
    Asked {
        resource: question.resource.as_deref(),
        aud: None,
        audience: question.audience.as_deref(),
    }
}

fn told(issuer: &Issuer, question: &Question, parties: &Parties, found: &Findings) -> Value {
    let Parties {
        client,
        user,
        origin,
        grant,
    } = parties;
    let granted = found.refusal.is_none();
    let refusal = found.refusal.as_ref().map(
        |r| json!({ "status": r.status, "error": r.error, "error_description": r.description }),
    );
    let selection = user
        .as_ref()
        .map(|user| groups::select(&found.claim, &user.memberships))
        .unwrap_or_default();
    let step = if origin.is_some() {
        Step::Exchange
    } else {
        Step::First
    };
    let audience = audience::claim(
        audience_of(question).wish(step, &issuer.rules),
        &issuer.rules,
    );
    let has = |name: &str| found.request.iter().any(|s| s == name);
    let refreshes = client.may(grants::REFRESH_TOKEN) && *grant != grants::CLIENT_CREDENTIALS;
    let choice = origin.as_ref().map(|origin| {
        issuer
            .exchange_policies()
            .choose(&origin.end(), &client.end())
    });
    json!({
        "granted": granted,
        "grant": grants::short(grant),
        "refusal": refusal,
        "checks": found.checks.iter().map(|c| json!({ "name": c.name, "ok": c.ok, "saw": c.saw, "wanted": c.wanted })).collect::<Vec<_>>(),
        "asked": found.asked.join(" "),
        "scope": granted.then(|| found.claim.join(" ")),
        "dropped": found.dropped.iter().map(|d| json!({ "scope": d.scope, "why": d.why })).collect::<Vec<_>>(),
        "groups": selection.claim.filter(|all| !all.is_empty()).map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>()),
        "not_a_member_of": selection.missing,
        "audience": granted.then_some(audience),
        "refresh_token": granted && refreshes && has("offline_access"),
        "id_token": granted && user.is_some() && has("openid"),
        "policy": choice.as_ref().and_then(|c| c.index).and_then(|i| issuer.exchange_policies().label(i)).as_deref(),
        "rank": choice.as_ref().and_then(|c| c.rule.map(|_| c.rank)),
        "applicable": choice.map(|c| c.applicable),
        "hint": hint(parties, found),
    })
}

/// The smallest change that would help.
fn hint(parties: &Parties, found: &Findings) -> Option<String> {
    let (client, origin) = (&parties.client, parties.origin.as_ref());
    let failed = found.checks.iter().find(|check| !check.ok)?;
    let origin_lacks = origin.filter(|origin| allowed(&origin.matchers, &failed.saw) != Match::Yes);
    Some(match (&*failed.name, origin_lacks) {
        ("client.active", _) => format!("activate client {}", client.id),
        ("client.scope", _) => format!(
            "register {} for client {}, or do not ask for it",
            failed.saw, client.id
        ),
        ("client.grant", _) => {
            format!("register the grant {} for client {}", failed.saw, client.id)
        }
        ("exchange.client", _) => {
            "exchange another client's token, or leave offline_access out".into()
        }
        ("exchange.policy", _) => format!(
            "add an exchange policy that permits {} to {}, of a higher rank than those that apply",
            origin.map_or("the origin", |origin| &origin.id),
            client.id
        ),
        ("exchange.scope", _) if failed.saw == "none" => "name the scopes".into(),
        ("exchange.scope", Some(origin)) => format!(
            "register {} for client {}, whose token is exchanged",
            failed.saw, origin.id
        ),
        ("exchange.scope", None) => format!(
            "the chosen policy's own rules forbid {}: change them, or do not ask for it",
            failed.saw
        ),
        ("group", _) => format!(
            "add the person to {}, or ask for wlcg.groups only",
            failed.saw
        ),
        ("scope.policy", _) => format!(
            "a scope policy for the person, a group or everybody that permits {} would keep it",
            failed.saw
        ),
        _ => return None,
    })
}

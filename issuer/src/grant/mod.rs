//! The grants of the token endpoint: each decides who gets which scopes and audience, and hands a ticket on.

pub mod client_credentials;
pub mod code;
pub mod device;
pub mod exchange;
pub mod password;
pub mod refresh;

use std::sync::Arc;

use carnet_stage::CheckRecord;

use crate::audience::{Asked, TargetFault};
use crate::errors::Refusal;
use crate::form::Form;
use crate::groups;
use crate::issuer::{Issuer, check};
use crate::policies::{Dropped, Stumble, through_table};
use crate::quirks::Quirk;
use crate::scopes::{self, Match, RESERVED};
use crate::store::{Client, User};

/// A token request whose client is known.
pub struct Request<'a> {
    /// The issuer.
    pub issuer: &'a Issuer,
    /// The client.
    pub client: &'a Arc<Client>,
    /// Its parameters.
    pub form: &'a Form,
    /// Scopes asked; `None`: none were named.
    pub asked: Option<Vec<String>>,
    /// Unix seconds.
    pub now: i64,
}

/// Scopes after the policies.
pub struct Narrowed {
    /// What the grant remembers, for refreshes.
    pub request: Vec<String>,
    /// What the token carries, in order.
    pub claim: Vec<String>,
}

impl Request<'_> {
    /// The scopes asked, or what stands in for none.
    pub fn scopes(&self) -> Vec<String> {
        self.asked
            .clone()
            .unwrap_or_else(|| in_place_of_none(self.issuer, self.client))
    }

    /// What the request says about its audience.
    pub fn target(&self) -> Asked<'_> {
        target(self.form)
    }
}

/// The audience parameters of a form.
pub fn target(form: &Form) -> Asked<'_> {
    Asked {
        resource: form.get("resource"),
        aud: form.get("aud"),
        audience: form.get("audience"),
    }
}

/// A bad audience as a refusal.
pub fn target_refusal(fault: &TargetFault) -> Refusal {
    Refusal::bad("invalid_target", fault.to_string())
}

/// Cuts a scope parameter; a literal client's text is kept as it is.
pub fn parse_scope(issuer: &Issuer, client: &Client, text: Option<&str>) -> Option<Vec<String>> {
    let text = text?;
    if client.literal {
        return (!text.trim().is_empty()).then(|| text.split(' ').map(str::to_owned).collect());
    }
    scopes::parse(text, &issuer.rules)
}

/// What a client gets that names no scope: everything it is registered for, or its default scopes.
pub fn in_place_of_none(issuer: &Issuer, client: &Client) -> Vec<String> {
    if issuer.has(Quirk::Q14) {
        return if issuer.has(Quirk::Q06) {
            client.hashed_scopes()
        } else {
            client.scopes.clone()
        };
    }
    client.default_scope.clone().unwrap_or_else(|| {
        let sensible = |s: &&String| {
            !matches!(
                s.as_str(),
                "openid" | "offline_access" | "wlcg" | "iam" | "kc" | "aarc"
            )
        };
        client.scopes.iter().filter(sensible).cloned().collect()
    })
}

/// Checks that the client may ask every one of these scopes.
pub fn check_scopes(issuer: &Issuer, client: &Client, asked: &[String]) -> Result<(), Refusal> {
    if client.literal {
        return Ok(());
    }
    for scope in asked {
        if issuer.rules.strict()
            && let Some(fault) = scopes::fault(scope)
        {
            let shown: String = scope
                .chars()
                .filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\'))
                .collect();
            return Err(Refusal::bad(
                "invalid_scope",
                format!("Scope '{shown}' is not acceptable: {fault}"),
            ));
        }
        match scopes::allowed(&client.matchers, scope) {
            Match::Yes => {}
            Match::No => {
                let text = format!("Scope '{scope}' not allowed for client '{}'", client.id);
                refused_scope(issuer, client, scope);
                return Err(Refusal::bad("invalid_scope", text));
            }
            Match::Relative => return Err(relative(issuer)),
        }
    }
    Ok(())
}

/// `..` met a path matcher.
pub fn relative(issuer: &Issuer) -> Refusal {
    if issuer.rules.then() {
        Refusal::new(
            500,
            "server_error",
            "Scope contains relative path references",
        )
    } else {
        Refusal::internal()
    }
}

/// An exception inside: IAM 1.7 shows the Java text, later versions do not.
pub fn java_null(issuer: &Issuer, text: &str) -> Refusal {
    if issuer.rules.then() {
        Refusal::new(500, "server_error", text)
    } else {
        Refusal::internal()
    }
}

fn refused_scope(issuer: &Issuer, client: &Client, scope: &str) {
    let checks = vec![check(
        "client.scope",
        false,
        scope,
        format!("one of: {}", client.scopes.join(" ")),
    )];
    issuer.judged(
        None,
        format!("scope {scope} for client {}", client.id),
        false,
        checks,
        None,
    );
}

/// Applies the scope policies of a person to a first request.
pub fn narrow(
    issuer: &Issuer,
    client: &Client,
    user: &User,
    asked: Vec<String>,
) -> Result<Narrowed, Refusal> {
    if client.literal {
        return Ok(Narrowed {
            request: asked.clone(),
            claim: asked,
        });
    }
    if issuer.rules.then() {
        let claim = without_reserved(issuer, filtered(issuer, client, user, &asked, false)?);
        return Ok(Narrowed {
            request: asked,
            claim,
        });
    }
    let request = without_reserved(issuer, first_filter(issuer, client, user, &asked)?);
    let claim = last_filter(issuer, client, user, &request)?;
    Ok(Narrowed { request, claim })
}

/// The policies as a request is taken in (not in IAM 1.7, which waits until the token is written).
pub fn first_filter(
    issuer: &Issuer,
    client: &Client,
    user: &User,
    asked: &[String],
) -> Result<Vec<String>, Refusal> {
    if client.literal || issuer.rules.then() {
        return Ok(asked.to_vec());
    }
    let kept = filtered(issuer, client, user, asked, true)?;
    Ok(if issuer.has(Quirk::Q06) {
        through_table(asked, &kept)
    } else {
        kept
    })
}

/// The policies as a token is written.
pub fn last_filter(
    issuer: &Issuer,
    client: &Client,
    user: &User,
    asked: &[String],
) -> Result<Vec<String>, Refusal> {
    if client.literal {
        return Ok(asked.to_vec());
    }
    let kept = filtered(issuer, client, user, asked, !issuer.rules.then())?;
    let kept = without_reserved(issuer, kept);
    Ok(if issuer.has(Quirk::Q06) && !issuer.rules.then() {
        through_table(asked, &kept)
    } else {
        kept
    })
}

fn filtered(
    issuer: &Issuer,
    client: &Client,
    user: &User,
    asked: &[String],
    keep_openid: bool,
) -> Result<Vec<String>, Refusal> {
    let admin_scopes = !issuer.rules.then();
    let out = issuer
        .scope_policies()
        .filter(asked, &user.person(), keep_openid, admin_scopes)
        .map_err(|stumble| stumbled(&stumble))?;
    if !out.dropped.is_empty() {
        tell_dropped(issuer, client, user, &out.dropped);
    }
    Ok(out.kept)
}

/// A scope that broke a policy, as a refusal.
pub fn stumbled(stumble: &Stumble) -> Refusal {
    Refusal::bad("invalid_scope", stumble.to_string())
}

fn tell_dropped(issuer: &Issuer, client: &Client, user: &User, dropped: &[Dropped]) {
    let checks: Vec<CheckRecord> = dropped
        .iter()
        .map(|d| check("scope.policy", false, d.scope.clone(), d.why.clone()))
        .collect();
    let list = dropped
        .iter()
        .map(|d| d.scope.as_str())
        .collect::<Vec<_>>()
        .join(" ");
    let demand = format!("scopes for {} through client {}", user.username, client.id);
    issuer.judged(
        None,
        demand,
        false,
        checks,
        Some(format!("dropped without an error: {list}")),
    );
}

/// Scopes that no token carries.
pub fn without_reserved(issuer: &Issuer, mut scopes: Vec<String>) -> Vec<String> {
    let _ = issuer;
    scopes.retain(|scope| !RESERVED.contains(&scope.as_str()));
    scopes
}

/// GRP-7: a strict issuer refuses a named group that the person is not in; IAM leaves it out.
pub fn check_groups(issuer: &Issuer, user: &User, scopes: &[String]) -> Result<(), Refusal> {
    if !issuer.rules.strict() {
        return Ok(());
    }
    match groups::select(scopes, &user.memberships).missing.first() {
        None => Ok(()),
        Some(group) => {
            let wanted = user
                .memberships
                .all
                .iter()
                .map(|g| &**g)
                .collect::<Vec<_>>()
                .join(" ");
            let checks = vec![check(
                "group",
                false,
                group.clone(),
                format!("one of: {wanted}"),
            )];
            issuer.judged(
                None,
                format!("group {group} for {}", user.username),
                false,
                checks,
                None,
            );
            Err(Refusal::bad(
                "access_denied",
                format!("Not a member of {group}"),
            ))
        }
    }
}

/// The person behind a grant, if still able to get tokens.
pub fn check_user(issuer: &Issuer, user: &User, now: i64, quoted: bool) -> Result<(), Refusal> {
    if !user.active {
        let name = &user.username;
        let text = if quoted {
            format!("User '{name}' is not active.")
        } else {
            format!("User {name} is not active.")
        };
        return Err(if issuer.rules.strict() {
            Refusal::bad("invalid_grant", "The user is not active.")
        } else {
            Refusal::new(401, "unauthorized", text)
        });
    }
    check_aup(issuer, user, now)
}

/// The acceptable use policy must be signed.
pub fn check_aup(issuer: &Issuer, user: &User, now: i64) -> Result<(), Refusal> {
    if !issuer.must_sign(user, now) {
        return Ok(());
    }
    let name = if issuer.rules.then() {
        format!("'{}'", user.username)
    } else {
        user.username.to_string()
    };
    let text = format!("User {name} needs to sign AUP for this organization in order to proceed.");
    Err(Refusal::bad("invalid_grant", text))
}

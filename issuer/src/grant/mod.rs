//! The grants of the token endpoint: each decides who gets which scopes and audience, and hands a ticket on.

mod approved;
pub mod client_credentials;
pub mod code;
pub mod device;
pub mod exchange;
mod narrow;
pub mod password;
pub mod refresh;

use std::sync::Arc;

use carnet_stage::CheckRecord;

use crate::audience::{Asked, TargetFault};
use crate::errors::Refusal;
use crate::form::Form;
use crate::groups;
use crate::issuer::{Issuer, check};
use crate::quirks::Quirk;
use crate::scopes::{self, Match};
use crate::store::{Client, User};

pub use narrow::{
    Narrowed, first_filter, last_filter, narrow, narrowed, stumbled, without_reserved,
};

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

/// The first scope that the client may not ask, with why.
pub fn foreign_scope(
    issuer: &Issuer,
    client: &Client,
    asked: &[String],
) -> Option<(CheckRecord, Refusal)> {
    if client.literal {
        return None;
    }
    if asked.len() > scopes::MOST {
        let text = format!("There are too many scopes: at most {}.", scopes::MOST);
        let saw = format!("{} scopes", asked.len());
        let wanted = format!("at most {}", scopes::MOST);
        return Some((
            check("client.scope", false, saw, wanted),
            Refusal::bad("invalid_scope", text),
        ));
    }
    let registered = || format!("one of: {}", client.scopes.join(" "));
    for scope in asked {
        let one = |wanted: String| check("client.scope", false, scope.as_str(), wanted);
        if issuer.rules.strict()
            && let Some(fault) = scopes::fault(scope)
        {
            // RFC 6749 §5.2 lets a description have no others.
            let plain = |c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
            let shown: String = scope
                .chars()
                .map(|c| if plain(c) { c } else { '?' })
                .collect();
            let text = format!("Scope '{shown}' is not acceptable: {fault}");
            return Some((
                one("a well-formed scope".into()),
                Refusal::bad("invalid_scope", text),
            ));
        }
        match scopes::allowed(&client.matchers, scope) {
            Match::Yes => {}
            Match::No => {
                let text = format!("Scope '{scope}' not allowed for client '{}'", client.id);
                return Some((one(registered()), Refusal::bad("invalid_scope", text)));
            }
            Match::Relative => return Some((one("no ..".into()), relative(issuer))),
        }
    }
    None
}

/// The same as a check of a request, told to the journal.
pub fn check_scopes(issuer: &Issuer, client: &Client, asked: &[String]) -> Result<(), Refusal> {
    let Some((one, refusal)) = foreign_scope(issuer, client, asked) else {
        return Ok(());
    };
    if refusal.error == "invalid_scope" {
        let demand = format!("scope {} for client {}", one.saw, client.id);
        issuer.judged(None, demand, false, vec![one], None);
    }
    Err(refusal)
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

/// GRP-7: the first named group that the person is not in, which a strict issuer refuses and IAM leaves out.
pub fn foreign_group(
    issuer: &Issuer,
    user: &User,
    scopes: &[String],
) -> Option<(CheckRecord, Refusal)> {
    if !issuer.rules.strict() {
        return None;
    }
    let group = groups::select(scopes, &user.memberships)
        .missing
        .into_iter()
        .next()?;
    let member_of = user
        .memberships
        .all
        .iter()
        .map(|g| &**g)
        .collect::<Vec<_>>()
        .join(" ");
    let refusal = Refusal::bad("access_denied", format!("Not a member of {group}"));
    Some((
        check("group", false, group, format!("one of: {member_of}")),
        refusal,
    ))
}

/// The same as a check of a grant, told to the journal.
pub fn check_groups(issuer: &Issuer, user: &User, scopes: &[String]) -> Result<(), Refusal> {
    let Some((one, refusal)) = foreign_group(issuer, user, scopes) else {
        return Ok(());
    };
    let demand = format!("group {} for {}", one.saw, user.username);
    issuer.judged(None, demand, false, vec![one], None);
    Err(refusal)
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

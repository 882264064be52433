//! `refresh_token`: a fresh access token, narrower or the same, and what becomes of the refresh token
//! (issuer page §2.6).

use std::sync::Arc;

use super::{
    Request, check_aup, check_groups, check_user, last_filter, relative, target_refusal,
    without_reserved,
};
use crate::audience::Step;
use crate::errors::Refusal;
use crate::issue::{self, Made, RefreshPlan, Ticket, refresh_id, refresh_text};
use crate::issuer::Issuer;
use crate::keys::SigningKey;
use crate::order;
use crate::quirks::Quirk;
use crate::scopes::{Match, allowed};
use crate::store::clients::grants;
use crate::store::{Client, RefreshRecord};

/// A refresh token that was looked up.
pub struct Presented {
    jti: u128,
    record: RefreshRecord,
    text: String,
}

/// Looks the refresh token of a request up.
pub fn look_up(request: &Request<'_>) -> Result<Presented, Refusal> {
    let Request {
        issuer, form, now, ..
    } = request;
    let Some(text) = form.get("refresh_token") else {
        return Err(match (issuer.rules.strict(), issuer.rules.then()) {
            (true, _) => Refusal::missing("refresh_token"),
            (_, true) => Refusal::new(401, "invalid_token", "Invalid refresh token: null"),
            _ => Refusal::internal(),
        });
    };
    let unknown = if issuer.rules.then() {
        "Invalid refresh token: {}"
    } else {
        "Refresh token for value {} was not found"
    };
    let found =
        refresh_id(text).and_then(|jti| issuer.tokens.refresh(jti).map(|record| (jti, record)));
    let (jti, record) = found
        .filter(|(jti, r)| refresh_text(*jti, r.exp) == text)
        .ok_or_else(|| gone(issuer, unknown, text))?;
    if let Some((at, _)) = record.rotated
        && at + issuer.config.refresh_grace <= *now
    {
        let ended = issuer.tokens.revoke_line(jti);
        issuer.actor.note(format!("a refresh token was used after it had been rotated away: {ended} tokens of its line end"));
        return Err(gone(issuer, unknown, text));
    }
    Ok(Presented {
        jti,
        record,
        text: text.to_owned(),
    })
}

/// A refresh token that is worth nothing (any more).
fn gone(issuer: &Issuer, reason: &str, text: &str) -> Refusal {
    if issuer.has(Quirk::Q21) {
        Refusal::new(401, "invalid_token", reason.replace("{}", text))
    } else {
        let text = "The refresh token is unknown, expired or revoked.";
        Refusal::bad("invalid_grant", text)
    }
}

impl Presented {
    /// The resource and the audience that the first request was granted.
    pub fn granted(&self) -> (Option<String>, Option<String>) {
        let holder = &self.record.holder;
        (
            holder.resource.as_deref().map(str::to_owned),
            holder.audience.as_deref().map(str::to_owned),
        )
    }
}

/// Refreshes with a token that was looked up.
pub async fn grant(
    request: &Request<'_>,
    key: &SigningKey,
    presented: Presented,
) -> Result<Made, Refusal> {
    let Request {
        issuer,
        client,
        now,
        ..
    } = request;
    let Presented { jti, record, text } = presented;
    // An expired one is found all the same: scopes and grant were looked at before its age is, its owner after.
    if record.exp.is_some_and(|exp| exp <= *now) {
        issuer.tokens.revoke_refresh(jti, false);
        return Err(gone(issuer, "Invalid refresh token: {}", &text));
    }
    let holder = Arc::clone(&record.holder);
    if holder.client != client.id {
        return Err(if issuer.rules.strict() {
            Refusal::bad(
                "invalid_grant",
                "The refresh token belongs to another client.",
            )
        } else {
            Refusal::new(
                401,
                "invalid_client",
                "Client does not own the presented refresh token",
            )
        });
    }
    let carried = holder.scopes();
    // Reserved scopes are ignored; when nothing else was asked, nothing was asked.
    let named = request.asked.clone().map(|asked| {
        if client.literal {
            asked
        } else {
            without_reserved(asked)
        }
    });
    let asked = match named.filter(|asked| !asked.is_empty()) {
        None if issuer.has(Quirk::Q06) && !client.literal => {
            let capacity = order::copy_capacity(carried.len());
            order::hashed(carried.clone(), capacity)
        }
        None => carried.clone(),
        Some(asked) => {
            within(request, client, &asked, &carried)?;
            if issuer.has(Quirk::Q06) && !client.literal {
                order::hashed(asked, 16)
            } else {
                asked
            }
        }
    };
    let target = request.target();
    let audience = target
        .bound(
            Step::Refresh,
            holder.resource.as_deref(),
            holder.audience.as_deref(),
            &issuer.rules,
        )
        .map_err(|fault| target_refusal(&fault))?;
    let user = if holder.person {
        issuer.people.by_uuid(&holder.sub)
    } else {
        None
    };
    if holder.person {
        let user = user
            .as_ref()
            .ok_or_else(|| Refusal::bad("invalid_grant", "The user does not exist."))?;
        // June 2021 lets the suspended go on, but not those who owe a signature.
        if issuer.rules.then() {
            check_aup(issuer, user, *now)?;
        } else {
            check_user(issuer, user, *now, false)?;
        }
        check_groups(issuer, user, &asked)?;
    }
    let claim = match &user {
        Some(user) => last_filter(issuer, client, user, &asked)?,
        None => without_reserved(asked),
    };
    let busy = issuer.has(Quirk::Q20).then(|| issuer.tokens.begin(jti));
    if busy == Some(false) {
        return Err(Refusal::internal());
    }
    if issuer.has(Quirk::Q47) || busy.is_some() {
        tokio::task::yield_now().await;
    } else if !client.reuse
        && issuer.has(Quirk::Q19)
        && issuer
            .tokens
            .revoke_refresh(jti, !issuer.rules.then())
            .is_none()
    {
        // Somebody else was faster with the same rotating token.
        return Err(if issuer.rules.strict() {
            Refusal::bad(
                "invalid_grant",
                "The refresh token is unknown, expired or revoked.",
            )
        } else {
            Refusal::new(
                401,
                "invalid_token",
                format!("Refresh token for value {text} was not found"),
            )
        });
    }
    if client.clear || (!client.reuse && !issuer.rules.then()) {
        issuer.tokens.clear_access_of(jti);
    }
    let original = holder.has_scope("openid");
    let id_token = original && (issuer.has(Quirk::Q42) || claim.iter().any(|s| s == "openid"));
    let refresh = if client.reuse {
        RefreshPlan::Keep(text, jti)
    } else {
        RefreshPlan::Rotate(jti)
    };
    let ticket = Ticket {
        client,
        user: user.as_deref(),
        holder,
        scopes: claim,
        audience,
        grant: grants::REFRESH_TOKEN,
        refresh,
        id_token,
        parent: Some(uuid::Uuid::from_u128(jti).to_string()),
    };
    let made = issue::make(issuer, &ticket, key);
    if busy.is_some() {
        issuer.tokens.end(jti);
    }
    let made = made?;
    if !client.reuse {
        rotate(request, jti, made.refresh);
    }
    Ok(made)
}

/// What happens to a refresh token that another one has replaced.
fn rotate(request: &Request<'_>, old: u128, next: Option<u128>) {
    let Request { issuer, now, .. } = request;
    match next {
        Some(next) if !issuer.has(Quirk::Q19) => issuer.tokens.rotate(old, next, *now),
        _ => {
            issuer.tokens.revoke_refresh(old, false);
        }
    }
}

/// REQ-7: a refresh may ask for the same or less. In IAM 1.7 it may ask for anything the client may.
fn within(
    request: &Request<'_>,
    client: &Client,
    asked: &[String],
    carried: &[String],
) -> Result<(), Refusal> {
    let issuer = request.issuer;
    if issuer.rules.then() || client.literal {
        return Ok(());
    }
    let matchers = issuer.catalogue.matchers(carried);
    for scope in asked {
        match allowed(&matchers, scope) {
            Match::Yes => {}
            Match::Relative => return Err(relative(issuer)),
            Match::No => return Err(Refusal::bad("invalid_scope", "Up-scoping is not allowed.")),
        }
    }
    Ok(())
}

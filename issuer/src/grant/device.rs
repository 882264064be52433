//! The device grant's polling (RFC 8628 §3.4; issuer page §2.8).

use super::approved::{Approved, redeem};
use super::{Request, check_groups, in_place_of_none};
use crate::audience::Step;
use crate::errors::Refusal;
use crate::issue::Made;
use crate::keys::SigningKey;
use crate::order;
use crate::quirks::Quirk;
use crate::store::clients::grants;
use crate::store::{DeviceState, User};

/// Answers one poll.
pub fn grant(request: &Request<'_>, key: &SigningKey) -> Result<Made, Refusal> {
    let Request {
        issuer,
        client,
        form,
        now,
        ..
    } = request;
    let strict = issuer.rules.strict();
    let code = match form.get("device_code") {
        None if strict => return Err(Refusal::missing("device_code")),
        sent => sent.unwrap_or_default(),
    };
    let say = |text: &str| {
        if strict {
            text.to_owned()
        } else {
            format!("{text}: {code}")
        }
    };
    let device = issuer
        .pending
        .device(code)
        .filter(|device| device.client == client.id);
    let device = device.ok_or_else(|| Refusal::bad("invalid_grant", say("Invalid device code")))?;
    if device.exp <= *now {
        issuer.pending.take_device(code);
        return Err(Refusal::bad(
            "expired_token",
            say("Device code has expired"),
        ));
    }
    let (user, login) = match device.state {
        DeviceState::Approved(user, login) => (user, login),
        DeviceState::Denied if !issuer.has(Quirk::Q31) => {
            issuer.pending.take_device(code);
            return Err(Refusal::bad(
                "access_denied",
                "The user denied the request.",
            ));
        }
        DeviceState::Pending | DeviceState::Denied => {
            let millis = issuer.actor.clock().millis();
            let soon = device
                .polled
                .is_some_and(|last| millis - last < device.interval * 1000);
            let slow_down = soon && !issuer.has(Quirk::Q32);
            issuer.pending.change_device(code, |device| {
                device.polled = Some(millis);
                device.interval += if slow_down { 5 } else { 0 };
            });
            let error = if slow_down {
                "slow_down"
            } else {
                "authorization_pending"
            };
            return Err(Refusal::bad(error, say("Authorization pending for code")));
        }
    };
    let approved = Approved {
        user,
        login,
        audience: device.audience,
        resource: device.resource,
    };
    let scopes = |user: &User| {
        // Of two polls that come together one gets the tokens.
        let taken = issuer.pending.take_device(code);
        taken.ok_or_else(|| Refusal::bad("invalid_grant", say("Invalid device code")))?;
        let asked = match device.scopes {
            Some(asked) => asked,
            None if issuer.has(Quirk::Q57) || strict => in_place_of_none(issuer, client),
            None => Vec::new(),
        };
        check_groups(issuer, user, &asked)?;
        Ok(asked)
    };
    redeem(
        request,
        Step::Device,
        grants::DEVICE_CODE,
        approved,
        scopes,
        key,
    )
}

/// The scopes of an approved device request, as they come to the token step (issuer page §2.0): what the policies
/// left, through a table made for them.
pub fn approved(
    issuer: &crate::issuer::Issuer,
    client: &crate::store::Client,
    user: &User,
    asked: &[String],
) -> Result<Option<Vec<String>>, Refusal> {
    let kept = super::first_filter(issuer, client, user, asked)?;
    if kept.is_empty() && issuer.has(Quirk::Q57) {
        return Ok(None);
    }
    Ok(Some(if issuer.has(Quirk::Q06) && !client.literal {
        order::hashed_by_count(kept)
    } else {
        kept
    }))
}

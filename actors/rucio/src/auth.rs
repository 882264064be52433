//! Who is asking: logins with a password, and tokens of the issuer at the door (rucio page §1.3).

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::account::IdentityType;
use crate::call::Call;
use crate::door;
use crate::errors::RucioError;
use crate::server::Rucio;

/// How long a password login lasts.
const LIFETIME: SignedDuration = SignedDuration::from_hours(1);

/// Header with Rucio's own token, or a token of the issuer.
pub(crate) const TOKEN: &str = "X-Rucio-Auth-Token";

/// Header with the account asked for.
pub(crate) const ACCOUNT: &str = "X-Rucio-Account";

/// Somebody who has logged in.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// The account it acts as.
    pub(crate) account: String,
    /// The identity that opened it.
    pub(crate) identity: String,
    /// Until when.
    pub(crate) expires: Timestamp,
    /// Audience of the token, for tokens of the issuer.
    pub(crate) audience: Option<String>,
    /// Scope of the token, for tokens of the issuer.
    pub(crate) scope: Option<String>,
}

/// Everybody who has logged in, by token.
#[derive(Default)]
pub(crate) struct Sessions {
    open: HashMap<String, Session>,
}

impl Sessions {
    /// Remembers a login; those that are over are forgotten.
    pub(crate) fn open(&mut self, token: String, session: Session, now: Timestamp) {
        self.open.retain(|_, s| s.expires > now);
        self.open.insert(token, session);
    }

    /// The login behind a token, while it lasts.
    pub(crate) fn find(&self, token: &str, now: Timestamp) -> Option<Session> {
        self.open.get(token).filter(|s| s.expires > now).cloned()
    }
}

/// A fresh login.
pub(crate) struct Login {
    /// The token for later calls.
    pub(crate) token: String,
    /// The session behind it.
    pub(crate) session: Session,
}

/// Logs in with user name and password.
///
/// Without an account the identity's own is taken; with several to choose from they are given back as the error.
pub(crate) fn userpass(call: &Call) -> Result<Result<Login, Vec<String>>, RucioError> {
    let (user, password) = (
        call.header("X-Rucio-Username"),
        call.header("X-Rucio-Password"),
    );
    let wanted = call.header(ACCOUNT).filter(|a| !a.is_empty());
    let refuse = || {
        let account = wanted.unwrap_or("None");
        RucioError::cannot_authenticate(format!(
            "Cannot authenticate to account {account} with given credentials"
        ))
    };
    let (Some(user), Some(password)) = (user, password) else {
        return Err(refuse());
    };
    let rucio = &call.rucio;
    let accounts = rucio.read(|c| {
        let identity = c.identity(IdentityType::Userpass, user)?;
        let right = identity
            .password
            .as_deref()
            .is_some_and(|known| same_secret(known, password));
        right.then(|| identity.accounts.iter().cloned().collect::<Vec<_>>())
    });
    let accounts = accounts.ok_or_else(refuse)?;
    let account = match wanted {
        Some(account) => accounts
            .iter()
            .find(|a| *a == account)
            .cloned()
            .ok_or_else(refuse)?,
        None if accounts.len() == 1 => accounts[0].clone(),
        None => return Ok(Err(accounts)),
    };
    if rucio.read(|c| c.account(&account).map(|a| a.status() != "ACTIVE"))? {
        return Err(refuse());
    }
    let now = rucio.actor().clock().now();
    let app = call
        .header("X-Rucio-AppID")
        .filter(|a| !a.is_empty())
        .unwrap_or("unknown");
    let token = format!("{account}-{user}-{app}-{}", rucio.actor().uuid().simple());
    let expires = now.checked_add(LIFETIME).unwrap_or(now);
    let session = Session {
        account,
        identity: user.to_owned(),
        expires,
        audience: None,
        scope: None,
    };
    rucio.sessions(|s| s.open(token.clone(), session.clone(), now));
    Ok(Ok(Login { token, session }))
}

/// The session behind the token of a request: a login, or a token of the issuer that passes the door.
pub(crate) async fn session(call: &Call) -> Result<Session, RucioError> {
    let token = call
        .header(TOKEN)
        .map(str::trim)
        .filter(|t| !t.is_empty())
        .ok_or_else(|| RucioError::value_error("Token must be set."))?;
    let now = call.rucio.actor().clock().now();
    if let Some(session) = call.rucio.sessions(|s| s.find(token, now)) {
        return Ok(session);
    }
    let refuse = || RucioError::cannot_authenticate("Cannot authenticate with given credentials");
    if token.split('.').count() != 3 {
        return Err(refuse());
    }
    let session = enter(&call.rucio, token).await.ok_or_else(refuse)?;
    call.rucio
        .sessions(|s| s.open(token.to_owned(), session.clone(), now));
    Ok(session)
}

/// A token of the issuer at the door: judged, mapped to an account, and kept for later exchanges.
async fn enter(rucio: &Rucio, token: &str) -> Option<Session> {
    let visitor = door::judge(rucio, token).await?;
    rucio
        .tokens()
        .keep_subject(&visitor.account, token, visitor.expires);
    Some(Session {
        account: visitor.account,
        identity: visitor.identity,
        expires: Timestamp::from_second(visitor.expires).ok()?,
        audience: Some(visitor.audience),
        scope: Some(visitor.scope),
    })
}

/// Compares two secrets without stopping at the first difference.
fn same_secret(one: &str, two: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(one.as_bytes(), two.as_bytes()).is_ok()
}

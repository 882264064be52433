//! What is under way: browser sessions, authorization codes, device requests, remembered consents.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::holder::Login;
use crate::institute::{Journey, Stranger};

/// An authorization request that waits for the person's answer.
#[derive(Clone, Debug, Default)]
pub struct Approval {
    /// The client.
    pub client: Arc<str>,
    /// Where the answer goes.
    pub redirect_uri: String,
    /// Whether the request named it (then the token request must repeat it).
    pub redirect_given: bool,
    /// The client's `state`.
    pub state: Option<String>,
    /// Scopes shown for approval.
    pub scopes: Vec<String>,
    /// Scopes of the request before the policies took some away.
    pub unfiltered: Vec<String>,
    /// The request named none, so the client's stand in.
    pub substituted: bool,
    /// The request named none, or none was left.
    pub none_left: bool,
    /// Audience text.
    pub audience: Option<String>,
    /// Resource text.
    pub resource: Option<String>,
    /// PKCE challenge and method.
    pub challenge: Option<(String, String)>,
    /// ID token's nonce.
    pub nonce: Option<String>,
    /// `max_age` was asked.
    pub max_age: bool,
}

/// A browser's session.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// Who is logged in, since when.
    pub user: Option<(Arc<str>, i64)>,
    /// Where to go after login: path and query.
    pub saved: Option<String>,
    /// The authorization request under way.
    pub pending: Option<Approval>,
    /// Device code that this session has verified.
    pub user_code: Option<String>,
    /// The login was at a home institute.
    pub external: bool,
    /// On the way to a home institute.
    pub journey: Option<Journey>,
    /// Vouched for by an institute, and not known here.
    pub stranger: Option<Stranger>,
    /// What the login page must say.
    pub problem: Option<String>,
    /// An authorization request was seen before.
    pub seen: bool,
}

/// A code that was given out.
#[derive(Clone, Debug)]
pub struct CodeRequest {
    /// What was approved.
    pub approval: Approval,
    /// By whom.
    pub user: Arc<str>,
    /// Their login.
    pub login: Login,
    /// End, Unix seconds.
    pub exp: i64,
}

/// Where a device request is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceState {
    /// Nobody has answered yet.
    Pending,
    /// Approved by that person.
    Approved(Arc<str>, Login),
    /// Refused.
    Denied,
}

/// A device request.
#[derive(Clone, Debug)]
pub struct DeviceRequest {
    /// The client.
    pub client: Arc<str>,
    /// What the person types.
    pub user_code: String,
    /// Scopes asked; none: no scope was sent.
    pub scopes: Option<Vec<String>>,
    /// Resource text.
    pub resource: Option<String>,
    /// Audience text (where it is not lost, Q-44).
    pub audience: Option<String>,
    /// Where it is.
    pub state: DeviceState,
    /// End, Unix seconds.
    pub exp: i64,
    /// When the client asked last, Unix milliseconds, and the interval it must keep, seconds.
    pub polled: Option<i64>,
    /// Seconds between two polls.
    pub interval: i64,
}

/// Scopes consented to, and until when (none: for ever).
type Consent = (Vec<String>, Option<i64>);

#[derive(Debug, Default)]
struct Table {
    sessions: HashMap<String, Session>,
    codes: HashMap<String, CodeRequest>,
    redeemed: HashMap<String, Vec<u128>>,
    devices: HashMap<String, DeviceRequest>,
    by_user_code: HashMap<String, String>,
    consents: HashMap<(Arc<str>, Arc<str>), Consent>,
    assertions: HashMap<(Arc<str>, String), i64>,
}

/// All of it. These paths are walked by people, so one lock is enough.
#[derive(Debug, Default)]
pub struct Pending {
    table: Mutex<Table>,
}

impl Pending {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session of that id.
    pub fn session(&self, id: &str) -> Option<Session> {
        self.lock().sessions.get(id).cloned()
    }

    /// Keeps a session.
    pub fn put_session(&self, id: &str, session: Session) {
        self.lock().sessions.insert(id.to_owned(), session);
    }

    /// Ends a session.
    pub fn drop_session(&self, id: &str) {
        self.lock().sessions.remove(id);
    }

    /// Keeps a code.
    pub fn put_code(&self, code: String, request: CodeRequest) {
        self.lock().codes.insert(code, request);
    }

    /// Looks at a code without using it.
    pub fn code(&self, code: &str) -> Option<CodeRequest> {
        self.lock().codes.get(code).cloned()
    }

    /// Takes a code out: it can be used once.
    pub fn take_code(&self, code: &str) -> Option<CodeRequest> {
        self.lock().codes.remove(code)
    }

    /// Remembers which refresh and access tokens a code gave, so that its second use can end them (RFC 6749 §4.1.2).
    pub fn redeemed(&self, code: &str, refresh: Option<u128>, access: u128) {
        let ids = refresh.into_iter().chain([access]).collect();
        self.lock().redeemed.insert(code.to_owned(), ids);
    }

    /// What a code gave when it was used first.
    pub fn given_by(&self, code: &str) -> Option<Vec<u128>> {
        self.lock().redeemed.remove(code)
    }

    /// Keeps a device request.
    pub fn put_device(&self, device_code: String, request: DeviceRequest) {
        let mut table = self.lock();
        table
            .by_user_code
            .insert(request.user_code.to_ascii_uppercase(), device_code.clone());
        table.devices.insert(device_code, request);
    }

    /// The device request of that device code.
    pub fn device(&self, device_code: &str) -> Option<DeviceRequest> {
        self.lock().devices.get(device_code).cloned()
    }

    /// The device code of that user code, in any case of letters.
    pub fn device_code_of(&self, user_code: &str) -> Option<String> {
        self.lock()
            .by_user_code
            .get(&user_code.trim().to_ascii_uppercase())
            .cloned()
    }

    /// Changes a device request.
    pub fn change_device(&self, device_code: &str, change: impl FnOnce(&mut DeviceRequest)) {
        if let Some(request) = self.lock().devices.get_mut(device_code) {
            change(request);
        }
    }

    /// Takes a device request out.
    pub fn take_device(&self, device_code: &str) -> Option<DeviceRequest> {
        let mut table = self.lock();
        let request = table.devices.remove(device_code)?;
        table
            .by_user_code
            .remove(&request.user_code.to_ascii_uppercase());
        Some(request)
    }

    /// Remembers a consent until a moment, or for ever.
    pub fn remember(
        &self,
        user: &Arc<str>,
        client: &Arc<str>,
        scopes: Vec<String>,
        until: Option<i64>,
    ) {
        self.lock()
            .consents
            .insert((Arc::clone(user), Arc::clone(client)), (scopes, until));
    }

    /// Whether a consent to all these scopes is remembered.
    pub fn consented(
        &self,
        user: &Arc<str>,
        client: &Arc<str>,
        scopes: &[String],
        now: i64,
    ) -> bool {
        let table = self.lock();
        let Some((given, until)) = table.consents.get(&(Arc::clone(user), Arc::clone(client)))
        else {
            return false;
        };
        until.is_none_or(|until| now < until) && scopes.iter().all(|scope| given.contains(scope))
    }

    /// Notes the `jti` of a client assertion; false when it was seen before and has not ended.
    pub fn first_use(&self, client: &Arc<str>, jti: &str, exp: i64, now: i64) -> bool {
        let mut table = self.lock();
        table.assertions.retain(|_, end| *end > now);
        table
            .assertions
            .insert((Arc::clone(client), jti.to_owned()), exp)
            .is_none()
    }
}

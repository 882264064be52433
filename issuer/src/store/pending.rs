//! What is under way: browser sessions, authorization codes, device requests, remembered consents.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::holder::Login;
use crate::institute::{Journey, Stranger};
use carnet_stage::Bounded;

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
    /// The request for which the person had to log in anew: its path and query.
    pub anew: Option<String>,
}

impl Session {
    /// Nothing is known that would have to be kept.
    pub fn is_empty(&self) -> bool {
        self.user.is_none()
            && self.saved.is_none()
            && self.pending.is_none()
            && self.user_code.is_none()
            && self.journey.is_none()
            && self.stranger.is_none()
            && self.problem.is_none()
            && self.anew.is_none()
    }
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

/// Sessions of browsers that nobody has logged in with: anybody can begin one.
const VISITORS: usize = 5_000;
/// Sessions of people.
const SESSIONS: usize = 50_000;
/// Codes that are out, and codes that were redeemed.
const CODES: usize = 50_000;
/// Device requests: anybody can begin one.
pub const DEVICES: usize = 20_000;
/// Client assertions that must not come again.
const ASSERTIONS: usize = 100_000;

/// A code that was taken out: what it gave, and whether it came again before it had given anything.
#[derive(Debug, Default)]
struct Redeemed {
    given: Vec<u128>,
    again: bool,
}

#[derive(Debug)]
struct Table {
    visitors: Bounded<String, Session>,
    sessions: Bounded<String, Session>,
    codes: Bounded<String, CodeRequest>,
    redeemed: Bounded<String, Redeemed>,
    devices: Bounded<String, DeviceRequest>,
    by_user_code: HashMap<String, String>,
    consents: HashMap<(Arc<str>, Arc<str>), Consent>,
    assertions: Bounded<(Arc<str>, String), i64>,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            visitors: Bounded::new(VISITORS),
            sessions: Bounded::new(SESSIONS),
            codes: Bounded::new(CODES),
            redeemed: Bounded::new(CODES),
            devices: Bounded::new(DEVICES),
            by_user_code: HashMap::new(),
            consents: HashMap::new(),
            assertions: Bounded::new(ASSERTIONS),
        }
    }
}

impl Table {
    /// Forgets the user code of a device request that is gone.
    fn forget_user_code(&mut self, gone: &DeviceRequest, device_code: Option<&str>) {
        let user_code = gone.user_code.to_ascii_uppercase();
        let own = |found: &String| match device_code {
            Some(code) => found == code,
            None => self.devices.get(found).is_none(),
        };
        if self.by_user_code.get(&user_code).is_some_and(own) {
            self.by_user_code.remove(&user_code);
        }
    }
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
        let table = self.lock();
        let found = table.sessions.get(id).or_else(|| table.visitors.get(id));
        found.cloned()
    }

    /// Keeps a session.
    pub fn put_session(&self, id: &str, session: Session) {
        let mut table = self.lock();
        if session.user.is_some() {
            table.visitors.remove(id);
            table.sessions.insert(id.to_owned(), session);
        } else {
            table.sessions.remove(id);
            table.visitors.insert(id.to_owned(), session);
        }
    }

    /// Ends a session.
    pub fn drop_session(&self, id: &str) {
        let mut table = self.lock();
        table.sessions.remove(id);
        table.visitors.remove(id);
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
        let mut table = self.lock();
        let taken = table.codes.remove(code)?;
        table.redeemed.insert(code.to_owned(), Redeemed::default());
        Some(taken)
    }

    /// Remembers which refresh and access tokens a code gave, so that its second use can end them (RFC 6749 §4.1.2).
    /// True when it has come again meanwhile: then they must end now.
    pub fn redeemed(&self, code: &str, refresh: Option<u128>, access: u128) -> bool {
        let mut table = self.lock();
        let Some(known) = table.redeemed.get_mut(code) else {
            return false;
        };
        if !known.again {
            known.given = refresh.into_iter().chain([access]).collect();
        }
        known.again
    }

    /// What a code gave when it was used first; none: there was no such code, or it gave nothing.
    pub fn given_by(&self, code: &str) -> Option<Vec<u128>> {
        let mut table = self.lock();
        let known = table.redeemed.get_mut(code)?;
        known.again = true;
        let given = std::mem::take(&mut known.given);
        (!given.is_empty()).then_some(given)
    }

    /// Keeps a device request.
    pub fn put_device(&self, device_code: String, request: DeviceRequest) {
        let mut table = self.lock();
        table
            .by_user_code
            .insert(request.user_code.to_ascii_uppercase(), device_code.clone());
        if let Some(gone) = table.devices.insert(device_code, request) {
            table.forget_user_code(&gone, None);
        }
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
        table.forget_user_code(&request, Some(device_code));
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
        table.assertions.retain(|end| *end > now);
        let key = (Arc::clone(client), jti.to_owned());
        let first = table.assertions.get(&key).is_none();
        table.assertions.insert(key, exp);
        first
    }
}

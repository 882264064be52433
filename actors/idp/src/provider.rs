//! The running identity provider: its settings, its key, who is logged in, and which codes are out.

use std::sync::{Mutex, MutexGuard, PoisonError};

use carnet_profile::jose::base64url;
use carnet_profile::testing::SigningKey;
use carnet_stage::{Actor, Bounded, StartError};
use http::HeaderMap;
use http::header::COOKIE;
use rand::RngCore as _;

use crate::code::Code;
use crate::config::{Config, UserConfig};
use crate::pages::Pages;
use crate::request::Asked;

/// The session cookie.
pub(crate) const COOKIE_NAME: &str = "idp_session";

/// An identity provider.
pub(crate) struct Provider {
    pub(crate) actor: Actor,
    pub(crate) config: Config,
    pub(crate) pages: Pages,
    /// P-256: made at every start, in less than a millisecond.
    pub(crate) key: SigningKey,
    table: Mutex<Table>,
}

/// What one browser has done so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Session {
    /// Who is logged in, since when.
    pub(crate) user: Option<(String, i64)>,
    /// The request that waits for the login.
    pub(crate) pending: Option<Asked>,
}

/// What an access token opens.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) sub: String,
    pub(crate) scope: Vec<String>,
    pub(crate) exp: i64,
}

/// Sessions of browsers that nobody has logged in with: anybody can begin one.
pub(crate) const VISITORS: usize = 5_000;
/// Sessions of people, codes, and access tokens.
const MOST: usize = 50_000;

struct Table {
    visitors: Bounded<String, Session>,
    sessions: Bounded<String, Session>,
    codes: Bounded<String, Code>,
    /// Codes that were taken out, with the access token each gave; used again before that, it gives none.
    redeemed: Bounded<String, Redeemed>,
    access: Bounded<String, Access>,
}

#[derive(Default)]
struct Redeemed {
    gave: Option<String>,
    again: bool,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            visitors: Bounded::new(VISITORS),
            sessions: Bounded::new(MOST),
            codes: Bounded::new(MOST),
            redeemed: Bounded::new(MOST),
            access: Bounded::new(MOST),
        }
    }
}

impl Provider {
    /// Checks the settings and makes the key.
    pub(crate) fn new(actor: Actor, config: Config) -> Result<Self, StartError> {
        let mut subjects: Vec<&str> = config.users.iter().map(UserConfig::subject).collect();
        subjects.sort_unstable();
        let twice = subjects
            .iter()
            .zip(subjects.iter().skip(1))
            .find(|(one, next)| one == next);
        if let Some((twice, _)) = twice {
            return Err(StartError::new(format!("subject {twice} is there twice")));
        }
        let kid = actor.uuid().to_string();
        let key = SigningKey::p256(&kid).map_err(StartError::new)?;
        Ok(Self {
            pages: Pages::new(&config.organisation),
            actor,
            config,
            key,
            table: Mutex::default(),
        })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Unix seconds.
    pub(crate) fn now(&self) -> i64 {
        self.actor.clock().seconds()
    }

    /// Its issuer string: the base URL.
    pub(crate) fn issuer(&self) -> String {
        self.actor.base_url()
    }

    /// Random text of the URL-safe alphabet.
    pub(crate) fn draw(&self) -> String {
        let mut drawn = [0; 24];
        self.actor.random(|stream| stream.fill_bytes(&mut drawn));
        base64url(drawn)
    }

    /// The session of a request, with its id.
    pub(crate) fn session(&self, headers: &HeaderMap) -> Option<(String, Session)> {
        let cookies = headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|v| v.to_str().ok());
        let id = cookies.flat_map(|all| all.split(';')).find_map(|one| {
            let (name, value) = one.trim().split_once('=')?;
            (name == COOKIE_NAME).then(|| value.to_owned())
        })?;
        let table = self.table();
        let found = table.sessions.get(&id).or_else(|| table.visitors.get(&id));
        let session = found.cloned()?;
        drop(table);
        Some((id, session))
    }

    /// Keeps a session under a new id, and forgets the old one: an id that was known before a login is worth nothing
    /// after it.
    pub(crate) fn renew(&self, old: Option<&str>, session: Session) -> String {
        let id = self.draw();
        let mut table = self.table();
        if let Some(old) = old {
            table.sessions.remove(old);
            table.visitors.remove(old);
        }
        if session.user.is_some() {
            table.sessions.insert(id.clone(), session);
        } else {
            table.visitors.insert(id.clone(), session);
        }
        id
    }

    /// Ends a session.
    pub(crate) fn forget(&self, id: &str) {
        let mut table = self.table();
        table.sessions.remove(id);
        table.visitors.remove(id);
    }

    /// Keeps a code.
    pub(crate) fn give(&self, code: Code) -> String {
        let text = self.draw();
        self.table().codes.insert(text.clone(), code);
        text
    }

    /// Takes a code out. One that was redeemed before ends what it gave (RFC 6749 §4.1.2).
    pub(crate) fn take(&self, text: &str) -> Option<Code> {
        let mut table = self.table();
        if let Some(known) = table.redeemed.get_mut(text) {
            known.again = true;
            if let Some(given) = known.gave.take() {
                table.access.remove(&given);
            }
            drop(table);
            self.actor
                .note("a code was used twice: the access token of its first use ends");
            return None;
        }
        let code = table.codes.remove(text)?;
        table.redeemed.insert(text.to_owned(), Redeemed::default());
        Some(code)
    }

    /// Keeps an access token and remembers which code gave it; a code that came twice meanwhile opens nothing.
    pub(crate) fn open(&self, code: &str, access: Access) -> String {
        let text = self.draw();
        let mut table = self.table();
        let burned = table.redeemed.get_mut(code).is_some_and(|known| {
            known.gave = Some(text.clone());
            known.again
        });
        if !burned {
            table.access.insert(text.clone(), access);
        }
        text
    }

    /// What a living access token opens.
    pub(crate) fn access(&self, text: &str, now: i64) -> Option<Access> {
        self.table()
            .access
            .get(text)
            .filter(|access| access.exp > now)
            .cloned()
    }
}

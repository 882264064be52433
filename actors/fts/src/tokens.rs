//! The token store: one row per storage token, its exchange and refresh as decisions on values (FTS page §3).

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::digest;
use indexmap::IndexMap;

/// A string that must not be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The string itself, for the wire.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret")
    }
}

/// Key of a row: the first 16 hexadecimal digits of a SHA-1 (FTS page §3.1).
pub type TokenId = String;

/// The key of a storage token that a submission brought.
pub fn token_id(token: &str) -> TokenId {
    let mut hex = sha1_hex(token.as_bytes());
    hex.truncate(16);
    hex
}

/// The key of a storage token that FTS makes of a submit token: same token, same audience and scope, same row.
pub fn derived_token_id(submit: &str, audience: &str, scope: &str) -> TokenId {
    token_id(&format!("{submit}\n{audience}\n{scope}"))
}

/// SHA-1 in hexadecimal.
pub fn sha1_hex(bytes: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes);
    digest
        .as_ref()
        .iter()
        .fold(String::with_capacity(40), |text, byte| {
            text + &format!("{byte:02x}")
        })
}

/// SHA-1 of a name in a name space, as RFC 9562 §5.5 makes UUIDs of it.
pub fn uuid5(space: uuid::Uuid, name: &str) -> uuid::Uuid {
    let mut bytes = space.as_bytes().to_vec();
    bytes.extend_from_slice(name.as_bytes());
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &bytes);
    let mut sixteen = [0_u8; 16];
    sixteen
        .iter_mut()
        .zip(digest.as_ref())
        .for_each(|(to, from)| *to = *from);
    uuid::Builder::from_sha1_bytes(sixteen).into_uuid()
}

/// Where a row stands; the name that the journal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenState {
    /// Its exchange is to be made.
    Waiting,
    /// Its exchange is under way.
    Exchanging,
    /// May be used.
    Ready,
    /// Its refresh is under way.
    Refreshing,
    /// Its exchange failed; perhaps tried again later.
    Failed,
    /// Used as it came.
    Unmanaged,
}

impl TokenState {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "WAITING",
            Self::Exchanging => "EXCHANGING",
            Self::Ready => "READY",
            Self::Refreshing => "REFRESHING",
            Self::Failed => "FAILED",
            Self::Unmanaged => "UNMANAGED",
        }
    }
}

/// A storage token and what is known of it.
#[derive(Debug, Clone)]
pub struct TokenRow {
    /// Key.
    pub id: TokenId,
    /// The access token; until the exchange succeeded, the subject of it.
    pub access: Secret,
    /// When the access token expires, Unix seconds.
    pub expiry: Option<i64>,
    /// The refresh token.
    pub refresh: Option<Secret>,
    /// Who issued it, with its final slash.
    pub issuer: String,
    /// Scope that exchange and refresh ask for.
    pub scope: String,
    /// Audience that exchange and refresh ask for, space separated; empty asks for none.
    pub audience: String,
    /// Where it stands.
    pub state: TokenState,
    /// Exchanges tried.
    pub attempts: u32,
    /// When the next exchange may be tried, Unix seconds.
    pub retry_at: Option<i64>,
    /// Why the last exchange or refresh failed.
    pub message: Option<String>,
}

/// Pauses after a failed exchange, in minutes; the fifth attempt is the last (FTS page §3.3).
const PAUSES: [i64; 4] = [10, 60, 360, 1440];
/// Exchanges tried for one row.
pub const EXCHANGE_ATTEMPTS: u32 = 5;
/// An access token that expires within so many seconds is refreshed before use.
pub const REFRESH_MARGIN: i64 = 300;

/// All rows, in the order in which they came.
#[derive(Debug, Default)]
pub struct TokenBook {
    rows: IndexMap<TokenId, TokenRow>,
    /// Exchanges to be made, by the moment from which on they may be and the order in which they were asked for.
    due: BTreeMap<(i64, u64), TokenId>,
    asked: u64,
}

impl TokenBook {
    /// The row, if there is one.
    pub fn get(&self, id: &str) -> Option<&TokenRow> {
        self.rows.get(id)
    }

    /// Adds a row; one of the same key stays as it is. Whether it is new.
    pub fn insert(&mut self, row: TokenRow) -> bool {
        if self.rows.contains_key(&row.id) {
            return false;
        }
        if row.state == TokenState::Waiting {
            self.ask(&row.id, i64::MIN);
        }
        self.rows.insert(row.id.clone(), row);
        true
    }

    /// A row that FTS makes itself is of no use any more, and its subject is there again: the exchange starts afresh.
    pub fn revive(&mut self, id: &str, subject: Secret, now: i64) -> bool {
        let Some(row) = self.rows.get_mut(id) else {
            return false;
        };
        let dead = match row.state {
            TokenState::Failed => true,
            TokenState::Ready => {
                row.refresh.is_none() && row.expiry.is_some_and(|expiry| expiry <= now)
            }
            _ => false,
        };
        if dead {
            row.access = subject;
            row.state = TokenState::Waiting;
            (row.attempts, row.retry_at, row.message) = (0, None, None);
            self.ask(id, i64::MIN);
        }
        dead
    }

    /// Every row.
    pub fn rows(&self) -> impl Iterator<Item = &TokenRow> {
        self.rows.values()
    }

    /// Whether files that use it may enter the queue.
    pub fn is_usable(&self, id: &str) -> bool {
        self.rows.get(id).is_some_and(|row| {
            matches!(
                row.state,
                TokenState::Ready | TokenState::Refreshing | TokenState::Unmanaged
            )
        })
    }

    /// An exchange is to be made, from `from` on.
    fn ask(&mut self, id: &str, from: i64) {
        self.asked += 1;
        self.due.insert((from, self.asked), id.to_owned());
    }

    /// Rows whose exchange may be tried now; they are marked as under way.
    pub fn take_exchanges(&mut self, now: i64, limit: usize) -> Vec<TokenRow> {
        let mut taken = Vec::new();
        while taken.len() < limit
            && let Some(first) = self.due.first_entry().filter(|first| first.key().0 <= now)
        {
            let id = first.remove();
            let Some(row) = self.rows.get_mut(&id) else {
                continue;
            };
            // A row may have been asked for again in the meantime: it is taken once.
            if matches!(row.state, TokenState::Waiting | TokenState::Failed) {
                taken.push(row.clone());
                row.state = TokenState::Exchanging;
            }
        }
        taken
    }

    /// The next moment at which an exchange may be tried.
    pub fn next_exchange(&self) -> Option<i64> {
        self.due.first_key_value().map(|((from, _), _)| *from)
    }

    /// The exchange succeeded.
    pub fn exchanged(&mut self, id: &str, granted: Granted, now: i64) {
        if let Some(row) = self.rows.get_mut(id) {
            if let Some(access) = granted.access {
                row.access = access;
                row.expiry = granted
                    .expires_in
                    .map(|seconds| now.saturating_add(seconds))
                    .or(row.expiry);
            }
            row.refresh = granted.refresh;
            row.state = TokenState::Ready;
            (row.message, row.retry_at) = (None, None);
        }
    }

    /// The exchange failed: the next attempt waits, if there is to be one without being asked.
    pub fn exchange_failed(&mut self, id: &str, message: &str, now: i64, again: bool) {
        let Some(row) = self.rows.get_mut(id) else {
            return;
        };
        let pause = PAUSES.get(row.attempts as usize).copied().filter(|_| again);
        row.attempts += 1;
        row.retry_at = pause.map(|minutes| now.saturating_add(minutes * 60));
        row.state = TokenState::Failed;
        row.message = Some(message.to_owned());
        if let Some(from) = row.retry_at {
            self.ask(id, from);
        }
    }

    /// Nobody answered: the exchange waits without counting.
    pub fn exchange_unanswered(&mut self, id: &str, again_at: i64) {
        let Some(row) = self.rows.get_mut(id) else {
            return;
        };
        row.retry_at = Some(again_at);
        row.state = TokenState::Failed;
        self.ask(id, again_at);
    }

    /// A refresh begins, if nobody else refreshes this row. Gives the row.
    pub fn start_refresh(&mut self, id: &str) -> Option<TokenRow> {
        let row = self
            .rows
            .get_mut(id)
            .filter(|row| row.state == TokenState::Ready && row.refresh.is_some())?;
        row.message = None;
        row.state = TokenState::Refreshing;
        Some(row.clone())
    }

    /// The refresh succeeded: the access token changes, the refresh token only if a new one came.
    pub fn refreshed(&mut self, id: &str, granted: Granted, now: i64) {
        if let Some(row) = self.rows.get_mut(id) {
            if let Some(access) = granted.access {
                row.access = access;
                row.expiry = granted
                    .expires_in
                    .map(|seconds| now.saturating_add(seconds))
                    .or(row.expiry);
            }
            if granted.refresh.is_some() {
                row.refresh = granted.refresh;
            }
            row.state = TokenState::Ready;
            row.message = None;
        }
    }

    /// The refresh failed; the row stays as it is otherwise.
    pub fn refresh_failed(&mut self, id: &str, message: &str) {
        if let Some(row) = self.rows.get_mut(id) {
            row.state = TokenState::Ready;
            row.message = Some(message.to_owned());
        }
    }

    /// Removes rows that no file uses any more.
    pub fn retain(&mut self, used: impl Fn(&str) -> bool) {
        self.rows.retain(|id, _| used(id));
        let rows = &self.rows;
        self.due.retain(|_, id| rows.contains_key(id));
    }
}

/// What an issuer granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// The access token.
    pub access: Option<Secret>,
    /// The refresh token.
    pub refresh: Option<Secret>,
    /// Lifetime in seconds of the access token.
    pub expires_in: Option<i64>,
    /// The scope granted.
    pub scope: Option<String>,
}

/// Whether an access token that expires at `expiry` is to be refreshed before it is used at `now`.
pub fn is_stale(expiry: Option<i64>, now: i64) -> bool {
    expiry.is_some_and(|expiry| now.saturating_add(REFRESH_MARGIN) > expiry)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(state: TokenState) -> TokenRow {
        TokenRow {
            id: "t".into(),
            access: Secret::new("subject"),
            expiry: Some(3600),
            refresh: None,
            issuer: "https://iam.example/".into(),
            scope: "storage.read:/ offline_access".into(),
            audience: "https://se1.example".into(),
            state,
            attempts: 0,
            retry_at: None,
            message: None,
        }
    }

    fn granted(refresh: Option<&str>) -> Granted {
        Granted {
            access: Some(Secret::new("access")),
            refresh: refresh.map(Secret::new),
            expires_in: Some(3599),
            scope: None,
        }
    }

    #[test]
    fn one_token_is_one_row_and_one_exchange() {
        let mut book = TokenBook::default();
        assert!(book.insert(row(TokenState::Waiting)));
        assert!(!book.insert(row(TokenState::Waiting)));
        assert_eq!(book.take_exchanges(0, 500).len(), 1);
        assert_eq!(book.take_exchanges(0, 500).len(), 0);
        book.exchanged("t", granted(Some("r")), 100);
        assert!(book.is_usable("t"));
        assert_eq!(book.get("t").unwrap().expiry, Some(3699));
    }

    #[test]
    fn a_failed_exchange_waits_longer_each_time_and_five_times_at_most() {
        let mut book = TokenBook::default();
        book.insert(row(TokenState::Waiting));
        let mut now = 0;
        let mut pauses = Vec::new();
        while let Some(taken) = book.take_exchanges(now, 1).pop() {
            book.exchange_failed(&taken.id, "no", now, true);
            let Some(next) = book.next_exchange() else {
                break;
            };
            pauses.push((next - now) / 60);
            assert!(book.take_exchanges(next - 1, 1).is_empty());
            now = next;
        }
        assert_eq!(pauses, [10, 60, 360, 1440]);
        assert_eq!(book.get("t").unwrap().attempts, EXCHANGE_ATTEMPTS);
        assert!(book.take_exchanges(i64::MAX, 1).is_empty());
    }

    #[test]
    fn a_refresh_keeps_the_old_refresh_token_unless_a_new_one_comes() {
        let mut book = TokenBook::default();
        book.insert(row(TokenState::Waiting));
        book.exchanged("t", granted(Some("r1")), 0);
        assert!(book.start_refresh("t").is_some());
        assert!(book.start_refresh("t").is_none(), "one refresh at a time");
        book.refreshed("t", granted(None), 10);
        assert_eq!(
            book.get("t").unwrap().refresh.as_ref().unwrap().reveal(),
            "r1"
        );
        book.start_refresh("t");
        book.refreshed("t", granted(Some("r2")), 20);
        assert_eq!(
            book.get("t").unwrap().refresh.as_ref().unwrap().reveal(),
            "r2"
        );
    }

    #[test]
    fn refresh_begins_300_seconds_before_the_end() {
        for (expiry, now, wanted) in [
            (3600, 3299, false),
            (3600, 3300, false),
            (3600, 3301, true),
            (3600, 9999, true),
        ] {
            assert_eq!(is_stale(Some(expiry), now), wanted, "{now}");
        }
        assert!(!is_stale(None, 0));
    }

    #[test]
    fn keys_and_uuids_are_those_of_the_real_server() {
        assert_eq!(token_id("abc"), "a9993e364706816a");
        // FTS page §1.3: `vos_id` of VO wlcg under the server's base id, as seen on the wire.
        let base = crate::auth::BASE_ID;
        assert_eq!(
            uuid5(base, "wlcg").to_string(),
            "f158662a-ba09-5272-8876-ed0070256bc3"
        );
        assert_eq!(format!("{:?}", Secret::new("eyJ")), "Secret");
    }
}

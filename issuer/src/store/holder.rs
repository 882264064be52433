//! What was authorised once, and for whom: the one thing behind all tokens that came of it.

use std::collections::HashSet;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

/// What was granted, whomever for. Tokens granted in the same words share one copy ([`Wordings`]).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Terms {
    /// The client the tokens are issued to.
    pub client: Arc<str>,
    /// Whether the subject is a person.
    pub person: bool,
    /// The grant's full name.
    pub grant: &'static str,
    /// The scopes that a refresh goes back to, separated by blanks.
    pub scope: Box<str>,
    /// The audience text that a refresh goes back to.
    pub audience: Option<Box<str>>,
    /// The resource that binds later requests.
    pub resource: Option<Box<str>>,
}

impl Terms {
    /// The scopes as a list.
    pub fn scopes(&self) -> Vec<String> {
        if self.scope.is_empty() {
            Vec::new()
        } else {
            self.scope.split(' ').map(str::to_owned).collect()
        }
    }

    /// Whether the scopes contain one.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|s| s == scope)
    }
}

/// Terms granted to somebody: shared by the access and refresh tokens that came of it. Reads as its terms.
#[derive(Clone, Debug)]
pub struct Holder {
    /// What was granted.
    pub terms: Arc<Terms>,
    /// Subject: a person's UUID, or the id of the client that the first token was for.
    pub sub: Arc<str>,
    /// The login that authorised it, for the ID token.
    pub login: Option<Login>,
    /// The token it was exchanged for, if it was.
    pub origin: Option<Box<Origin>>,
}

/// What an ID token tells about a login.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// When, Unix seconds.
    pub at: i64,
    /// In a browser (as against the password grant).
    pub browser: bool,
    /// At a home institute: no password was typed here.
    pub external: bool,
    /// `max_age` was asked, so that `auth_time` must be told (CLM-17).
    pub tell_time: bool,
    /// The request's nonce.
    pub nonce: Option<Box<str>>,
}

/// What an exchanged token keeps of its subject token (RFC 8693).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The chain of actors, newest first.
    pub act: Box<[Arc<str>]>,
    /// `jti` of the subject token.
    pub parent: u128,
    /// No token made from it may live longer (Q-26 off).
    pub not_after: Option<i64>,
}

impl Deref for Holder {
    type Target = Terms;

    fn deref(&self) -> &Terms {
        &self.terms
    }
}

impl Holder {
    /// Terms granted to a subject, with no login and no earlier token behind them.
    pub fn new(terms: Arc<Terms>, sub: Arc<str>) -> Self {
        Self {
            terms,
            sub,
            login: None,
            origin: None,
        }
    }

    /// The chain of actors, newest first.
    pub fn act(&self) -> &[Arc<str>] {
        self.origin.as_ref().map_or(&[], |origin| &origin.act)
    }

    /// `jti` of the token it was exchanged for.
    pub fn parent(&self) -> Option<u128> {
        self.origin.as_ref().map(|origin| origin.parent)
    }

    /// No token made from it may live longer.
    pub fn not_after(&self) -> Option<i64> {
        self.origin.as_ref().and_then(|origin| origin.not_after)
    }
}

/// The terms in use, each once. Those that no token has any more are thrown out when there are many.
#[derive(Debug, Default)]
pub struct Wordings {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    known: HashSet<Arc<Terms>>,
    /// How many there may be before the unused are thrown out.
    most: usize,
}

impl Wordings {
    /// The shared copy of these terms.
    pub fn share(&self, terms: Terms) -> Arc<Terms> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = table.known.get(&terms) {
            return Arc::clone(known);
        }
        if table.known.len() >= table.most {
            table.known.retain(|terms| Arc::strong_count(terms) > 1);
            table.most = (2 * table.known.len()).max(64);
        }
        let terms = Arc::new(terms);
        table.known.insert(Arc::clone(&terms));
        terms
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.table
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .known
            .len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(scope: &str) -> Terms {
        Terms {
            client: "a".into(),
            scope: scope.into(),
            ..Terms::default()
        }
    }

    #[test]
    fn the_same_words_are_kept_once_and_not_for_ever() {
        let wordings = Wordings::default();
        let kept = wordings.share(terms("storage.read:/"));
        assert!(Arc::ptr_eq(&kept, &wordings.share(terms("storage.read:/"))));
        for n in 0..1000 {
            wordings.share(terms(&format!("storage.read:/{n}")));
        }
        assert!(wordings.len() <= 64);
        assert!(Arc::ptr_eq(&kept, &wordings.share(terms("storage.read:/"))));
    }
}

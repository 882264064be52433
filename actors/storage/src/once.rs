//! Tokens that are good for one request only, where a scenario has it so (issuer page §4.4, V-059).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use carnet_profile::Claims;

/// So many tokens are remembered before those that have expired are forgotten.
const MANY: usize = 4096;

/// Which token came with which request.
#[derive(Debug, Default)]
pub(crate) struct Once {
    seen: Mutex<HashMap<(String, String), Use>>,
}

#[derive(Debug)]
struct Use {
    request: u64,
    expires: i64,
}

impl Once {
    /// Whether a token comes for the first time, or again with the same request.
    pub(crate) fn is_first(&self, claims: &Claims, request: u64, now: i64) -> bool {
        let (Some(issuer), Some(jti)) = (claims.iss(), claims.jti()) else {
            return true;
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MANY {
            seen.retain(|_, used| used.expires > now);
        }
        let key = (issuer.to_owned(), jti.to_owned());
        let expires = claims.exp().unwrap_or(i64::MAX);
        let used = seen.entry(key).or_insert(Use { request, expires });
        used.request == request
    }
}

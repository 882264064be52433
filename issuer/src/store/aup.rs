//! The acceptable use policy and whether a signature under it still counts (issuer page §2.5; IAM's rule: a signature is
//! for the text it was given under, and lapses when the policy says so).

use crate::config::AupConfig;

const DAY: i64 = 86_400;

/// A policy in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aup {
    /// What it says.
    pub config: AupConfig,
    /// Which edition of the rules this is; a signature is for one.
    pub edition: u64,
    /// When there first was one, Unix seconds.
    pub created_at: i64,
    /// When this edition came into force, Unix seconds.
    pub changed_at: i64,
}

/// A person's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// When, Unix seconds.
    pub at: i64,
    /// Under which edition.
    pub edition: u64,
}

/// How somebody stands to a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Signed, and the signature counts.
    Good,
    /// Never signed.
    Never,
    /// Signed so long ago that it counts no more.
    Lapsed {
        /// When it was signed.
        signed_at: i64,
        /// How many days a signature counts.
        days: i64,
    },
    /// Signed under other rules.
    Changed {
        /// When it was signed.
        signed_at: i64,
        /// When the rules changed.
        changed_at: i64,
    },
}

impl Aup {
    /// How somebody with this signature stands.
    pub fn standing(&self, signature: Option<Signature>, now: i64) -> Standing {
        let Some(Signature {
            at: signed_at,
            edition,
        }) = signature
        else {
            return Standing::Never;
        };
        if edition != self.edition {
            let changed_at = self.changed_at;
            return Standing::Changed {
                signed_at,
                changed_at,
            };
        }
        let days = self.config.validity_days;
        if days > 0 && signed_at.saturating_add(days.saturating_mul(DAY)) <= now {
            return Standing::Lapsed { signed_at, days };
        }
        Standing::Good
    }
}

/// The policy, if there is one, and how many editions there have been.
#[derive(Clone, Debug, Default)]
pub struct AupBook {
    current: Option<Aup>,
    editions: u64,
}

impl AupBook {
    /// The book of a configuration. People whom the configuration lets have signed, signed edition 1.
    pub fn new(config: Option<&AupConfig>, now: i64) -> Self {
        let first = |config: &AupConfig| Aup {
            config: config.clone(),
            edition: 1,
            created_at: now,
            changed_at: now,
        };
        Self {
            current: config.map(first),
            editions: 1,
        }
    }

    /// The policy in force.
    pub fn current(&self) -> Option<&Aup> {
        self.current.as_ref()
    }

    /// Puts a policy in force. `renew`: signatures given so far count no more.
    pub fn put(&mut self, config: AupConfig, renew: bool, now: i64) {
        let old = self.current.take();
        let renew = renew || old.is_none();
        self.editions += u64::from(renew);
        let since = old.as_ref().map(|old| (old.created_at, old.changed_at));
        let (created_at, changed_at) = since.unwrap_or((now, now));
        self.current = Some(Aup {
            config,
            edition: old
                .filter(|_| !renew)
                .map_or(self.editions, |old| old.edition),
            created_at,
            changed_at: if renew { now } else { changed_at },
        });
    }

    /// There is no policy any more, and nobody has signed one.
    pub fn clear(&mut self) {
        self.current = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(text: &str, validity_days: i64) -> AupConfig {
        AupConfig {
            text: text.into(),
            url: None,
            validity_days,
        }
    }

    #[test]
    fn a_signature_counts_for_its_edition_and_its_time() {
        let mut book = AupBook::new(Some(&policy("a", 2)), 100);
        let first = Signature {
            at: 100,
            edition: 1,
        };
        let stand =
            |book: &AupBook, signature, now| book.current().unwrap().standing(signature, now);
        let lapsed = Standing::Lapsed {
            signed_at: 100,
            days: 2,
        };
        for (signature, now, want) in [
            (None, 100, Standing::Never),
            (Some(first), 100, Standing::Good),
            (Some(first), 100 + 2 * DAY - 1, Standing::Good),
            (Some(first), 100 + 2 * DAY, lapsed),
        ] {
            assert_eq!(stand(&book, signature, now), want, "{signature:?} {now}");
        }
        book.put(policy("a", 0), false, 200);
        assert_eq!(
            stand(&book, Some(first), i64::MAX),
            Standing::Good,
            "0 days is for ever"
        );
        book.put(policy("b", 0), true, 200);
        let changed = Standing::Changed {
            signed_at: 100,
            changed_at: 200,
        };
        assert_eq!(stand(&book, Some(first), 200), changed);
        assert_eq!(
            stand(
                &book,
                Some(Signature {
                    at: 200,
                    edition: 2
                }),
                200
            ),
            Standing::Good
        );
        book.clear();
        assert_eq!(book.current(), None);
        book.put(policy("a", 0), false, 300);
        assert!(
            matches!(stand(&book, Some(first), 300), Standing::Changed { .. }),
            "another policy"
        );
    }

    #[test]
    fn who_signed_before_there_was_a_policy_signs_the_first_one() {
        let mut book = AupBook::new(None, 100);
        assert_eq!(book.current(), None);
        book.put(policy("a", 0), false, 100);
        let early = Signature {
            at: 100,
            edition: 1,
        };
        assert!(matches!(
            book.current().unwrap().standing(Some(early), 100),
            Standing::Changed { .. }
        ));
    }
}

//! The judge: may this token do that, and if not, why not. A pure function of the server's rules, the
//! token, the issuers' keys, the demand and the time.
//!
//! Every check is made and listed even after one has failed, as far as it still means something; the
//! refusal is that of the first failed check. The order is: form, header, issuer, key, signature, time,
//! version, subject, audience, scope and groups as such, and at last the demand.

mod area;
mod court;
mod demand;
mod hint;
mod known;
mod refusal;
mod rules;
mod signature;
mod standing;
mod verdict;

pub use demand::{Demand, StorageAction, StorageDemand};
pub use known::VerifiedTokens;
pub use refusal::{Diagnosis, ErrorCode, Refusal};
pub use rules::{
    ANY_AUDIENCE, Allowance, ClaimRules, Effect, Policy, Principal, Rules, SubjectRule,
    TrustedIssuer,
};
pub use verdict::{Authorised, Check, Grounds, KeysWanted, Remark, Verdict};

pub use crate::keys::{KeyAnswer, KeySource};

use court::Court;

/// Judges a token. `None` is a request without one.
pub fn judge(
    rules: &Rules,
    token: Option<&str>,
    keys: &dyn KeySource,
    demand: &Demand,
    now: i64,
) -> Verdict {
    judge_seen(rules, token, keys, None, demand, now)
}

/// Judges a token, with a memory of tokens whose signature this server has verified before. The memory
/// belongs to these rules: two servers do not share one.
pub fn judge_seen(
    rules: &Rules,
    token: Option<&str>,
    keys: &dyn KeySource,
    seen: Option<&VerifiedTokens>,
    demand: &Demand,
    now: i64,
) -> Verdict {
    let mut court = Court::new(rules, now);
    let Some(token) = token else {
        return court.without_token(demand);
    };
    let Some(known) = court.signature(token, keys, seen) else {
        return court.verdict(demand, None, None);
    };
    court.standing(&known);
    let grounds = court.demand(demand, &known);
    court.verdict(demand, Some(known.claims.clone()), grounds)
}

//! A3: Rucio looks into a token before it uses it: for FTS alone, with the scope asked for, not too long-lived (flows page A3).

use carnet_profile::judge::{
    Check, Demand, Diagnosis, Grounds, Refusal, Rules, TrustedIssuer, Verdict, judge,
};
use carnet_profile::keys::KeySource;

/// What Rucio asked the issuer for.
pub(crate) struct Wanted<'a> {
    /// The issuer that was asked.
    pub(crate) issuer: &'a str,
    /// The one audience.
    pub(crate) audience: &'a str,
    /// Every scope that must have been granted.
    pub(crate) scopes: &'a [&'a str],
    /// The subject that an exchange must have kept.
    pub(crate) subject: Option<&'a str>,
    /// Longest lifetime in seconds.
    pub(crate) longest: i64,
}

/// Reviews a token that the issuer has just given.
pub(crate) fn review(token: &str, keys: &dyn KeySource, wanted: &Wanted<'_>, now: i64) -> Verdict {
    let mut rules = Rules::new("rucio", wanted.audience);
    rules.issuers = vec![TrustedIssuer::new(wanted.issuer, "/")];
    rules.accept_any_audience = false;
    rules.max_validity = Some(wanted.longest);
    let verdict = judge(&rules, Some(token), keys, &Demand::Identity, now);
    let Some(claims) = verdict.claims.clone() else {
        return verdict;
    };
    let audience = claims.aud();
    let mut further = Further::default();
    further.check(
        audience == [wanted.audience],
        "audience.only",
        audience.join(" "),
        wanted.audience,
        || Refusal::invalid_token(Diagnosis::AudMismatch, "the token is good elsewhere too"),
    );
    let granted = claims.scope().unwrap_or_default();
    let has = |scope: &&str| granted.split_whitespace().any(|g| g == *scope);
    further.check(
        wanted.scopes.iter().all(has),
        "scope.granted",
        granted,
        wanted.scopes.join(" "),
        || {
            let missing: Vec<&str> = wanted.scopes.iter().filter(|s| !has(s)).copied().collect();
            Refusal::insufficient(
                Diagnosis::MissingScope,
                format!("the issuer did not grant {}", missing.join(" ")),
            )
        },
    );
    if let Some(subject) = wanted.subject {
        let saw = claims.sub().unwrap_or_default();
        further.check(saw == subject, "subject.kept", saw, subject, || {
            Refusal::invalid_token(
                Diagnosis::SubjectNotListed,
                "the exchange changed the subject",
            )
        });
    }
    further.add_to(
        verdict,
        format!("{} for {}", wanted.scopes.join(" "), wanted.audience),
    )
}

/// Checks beyond the profile's own.
#[derive(Default)]
pub(crate) struct Further {
    checks: Vec<Check>,
    refusal: Option<Refusal>,
}

impl Further {
    /// One check; the first that fails gives the refusal.
    pub(crate) fn check(
        &mut self,
        ok: bool,
        name: &'static str,
        saw: impl Into<String>,
        wanted: impl Into<String>,
        refusal: impl FnOnce() -> Refusal,
    ) {
        self.checks
            .push(Check::new(name, ok, saw.into(), wanted.into()));
        if !ok && self.refusal.is_none() {
            self.refusal = Some(refusal());
        }
    }

    /// The verdict with these checks at its end; its own refusal stays the first.
    pub(crate) fn add_to(self, verdict: Verdict, demand: String) -> Verdict {
        let (mut checks, claims) = (verdict.checks, verdict.claims);
        checks.extend(self.checks);
        match verdict.refusal.or(self.refusal) {
            Some(refusal) => Verdict::refuse(demand, claims, checks, refusal),
            None => Verdict::grant(
                demand,
                claims,
                checks,
                verdict.grounds.unwrap_or(Grounds::Identity),
            ),
        }
    }
}

/// Why a token was refused, with what was seen and what was wanted.
pub(crate) fn complaint(verdict: &Verdict) -> Option<String> {
    let refusal = verdict.refusal.as_ref()?;
    let seen = verdict
        .first_failed()
        .map(|c| format!(" ({}: {}, wanted {})", c.name, c.saw, c.wanted))
        .unwrap_or_default();
    Some(format!("{}{seen}", refusal.description))
}

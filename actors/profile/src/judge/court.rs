//! The running record of a judgement: checks made so far, the first refusal, remarks.

use std::borrow::Cow;

use super::{
    Check, Demand, Diagnosis, Grounds, KeysWanted, Refusal, Remark, Rules, Verdict, known::Known,
};

pub(super) struct Court<'a> {
    pub rules: &'a Rules,
    pub now: i64,
    checks: Vec<Check>,
    refusal: Option<Refusal>,
    notes: Vec<Remark>,
    pub keys_wanted: Option<KeysWanted>,
}

impl<'a> Court<'a> {
    pub(super) fn new(rules: &'a Rules, now: i64) -> Self {
        let checks = Vec::with_capacity(16);
        Self {
            rules,
            now,
            checks,
            refusal: None,
            notes: Vec::new(),
            keys_wanted: None,
        }
    }

    /// Records a check that held.
    pub(super) fn held(
        &mut self,
        name: &'static str,
        saw: impl Into<Cow<'static, str>>,
        wanted: impl Into<Cow<'static, str>>,
    ) {
        self.checks.push(Check::new(name, true, saw, wanted));
    }

    /// Records a check that failed. The first one's refusal is the verdict's.
    pub(super) fn failed(
        &mut self,
        name: &'static str,
        saw: impl Into<Cow<'static, str>>,
        wanted: impl Into<Cow<'static, str>>,
        refusal: Refusal,
    ) {
        self.checks.push(Check::new(name, false, saw, wanted));
        self.refusal.get_or_insert(refusal);
    }

    /// Whether nothing has failed so far.
    pub(super) fn clean(&self) -> bool {
        self.refusal.is_none()
    }

    pub(super) fn note(&mut self, diagnosis: Diagnosis, text: impl Into<String>) {
        self.notes.push(Remark {
            diagnosis,
            text: text.into(),
        });
    }

    pub(super) fn without_token(mut self, demand: &Demand) -> Verdict {
        let open = match demand {
            Demand::Storage(parts) => parts.iter().all(|part| self.open_to_all(part)),
            _ => false,
        };
        if open {
            self.held("anonymous", "no token", "none needed here");
            return self.verdict(demand, None, Some(Grounds::Anonymous));
        }
        let refusal = Refusal::no_credential(Diagnosis::NoToken, "a bearer token is needed");
        self.failed("token", "no token", "a bearer token", refusal);
        self.verdict(demand, None, None)
    }

    /// Decides what the demand asks for; `None` when it does not hold.
    pub(super) fn demand(&mut self, demand: &Demand, known: &Known) -> Option<Grounds> {
        match demand {
            Demand::Identity => Some(Grounds::Identity),
            Demand::Scope(items) => self.scope_demand(items, known),
            Demand::ListedSubject => self.subject_demand(known),
            Demand::Storage(parts) => self.storage_demand(parts, known),
        }
    }

    fn scope_demand(&mut self, items: &[String], known: &Known) -> Option<Grounds> {
        let saw = known.claims.scope().unwrap_or("no scope").to_owned();
        let wanted = items.join(" or ");
        let has = |item: &&String| {
            known
                .scopes
                .as_ref()
                .is_ok_and(|scopes| scopes.contains(item))
        };
        if let Some(item) = items.iter().find(has) {
            self.held("scope", saw, wanted);
            return Some(Grounds::Scope(vec![item.clone()]));
        }
        let refusal = Refusal::insufficient(
            Diagnosis::MissingScope,
            format!("the token lacks the scope {wanted}"),
        )
        .with_scope(items.first().cloned());
        self.failed("scope", saw, wanted, refusal);
        None
    }

    fn subject_demand(&mut self, known: &Known) -> Option<Grounds> {
        let (issuer, subject) = (known.claims.iss()?, known.claims.sub()?);
        let rules = self.rules;
        let rule = rules
            .subjects
            .iter()
            .find(|r| r.issuer == issuer && r.subject == subject);
        let saw = format!("{subject} of {issuer}");
        let Some(rule) = rule else {
            let text = format!("the subject {subject} is not listed");
            let refusal = Refusal::insufficient(Diagnosis::SubjectNotListed, text);
            self.failed("subject.listed", saw, "a listed subject", refusal);
            return None;
        };
        self.held("subject.listed", saw, "a listed subject");
        if rule.needs_host_auth {
            let has = known
                .scopes
                .as_ref()
                .is_ok_and(|scopes| scopes.contains("host.auth"));
            let saw = known.claims.scope().unwrap_or("no scope").to_owned();
            if !has || !rules.version.knows_hosts() {
                let refusal = Refusal::insufficient(
                    Diagnosis::HostAuth,
                    "the subject is listed, but the token lacks the scope host.auth",
                )
                .with_scope(Some("host.auth".to_owned()));
                self.failed("scope", saw, "host.auth", refusal);
                return None;
            }
            self.held("scope", saw, "host.auth");
        }
        Some(Grounds::Subject(subject.to_owned()))
    }

    pub(super) fn verdict(
        self,
        demand: &Demand,
        claims: Option<crate::Claims>,
        grounds: Option<Grounds>,
    ) -> Verdict {
        let demand = demand.to_string();
        let mut verdict = match (self.refusal, grounds) {
            (None, Some(grounds)) => Verdict::grant(demand, claims, self.checks, grounds),
            (Some(refusal), _) => Verdict::refuse(demand, claims, self.checks, refusal),
            (None, None) => {
                let refusal = Refusal::insufficient(Diagnosis::NothingGranted, "not granted");
                Verdict::refuse(demand, claims, self.checks, refusal)
            }
        };
        verdict.notes = self.notes;
        verdict.keys_wanted = self.keys_wanted;
        verdict
    }
}

//! What a token must be whatever is asked with it: its times, version, subject, audience, and scopes
//! and groups that are well formed (issuer page §1.2 to §1.4, §1.7).

use std::borrow::Cow;

use serde_json::Value;

use super::{
    ANY_AUDIENCE, Diagnosis, Refusal,
    court::Court,
    hint,
    known::{GroupsError, Known, ScopeError},
};
use crate::{
    Claims,
    claims::Instant,
    path::PathFault,
    scope::{ScopeFault, StoragePrivilege},
    version::{ProfileVersion, VersionFault},
};

/// An `exp` beyond this (the year 5138) was almost surely written in milliseconds.
const SURELY_MILLISECONDS: f64 = 1e11;

impl Court<'_> {
    /// Checks everything that does not depend on the demand.
    pub(super) fn standing(&mut self, known: &Known) {
        self.times(&known.claims);
        self.version(&known.claims);
        self.subject(&known.claims);
        self.audience(&known.claims);
        self.scopes_well_formed(known);
        self.groups_well_formed(known);
    }

    fn bad(&mut self, name: &'static str, diagnosis: Diagnosis, saw: Cow<'static, str>, why: &str) {
        let wanted: &'static str = match name {
            "time.iat" | "time.nbf" | "time.exp" => "a time in seconds",
            "subject" => "1 to 255 ASCII characters",
            "jti" => "a string",
            _ => "well formed",
        };
        self.failed(name, saw, wanted, Refusal::invalid_token(diagnosis, why));
    }

    fn times(&mut self, claims: &Claims) {
        let expiry = self.expiry(claims);
        let start = self.not_before(claims, expiry);
        let issued = self.issued_at(claims);
        if let (Some(expiry), Some(issued)) = (expiry, issued)
            && self.rules.claims.ordered
            && expiry <= issued
        {
            let refusal = Refusal::invalid_token(
                Diagnosis::NotYetValid,
                "the token expires before it is issued",
            );
            self.failed(
                "time.iat",
                in_seconds(issued - self.now as f64),
                "before exp",
                refusal,
            );
        }
        if let (Some(expiry), Some(start)) = (expiry, issued.or(start)) {
            self.lifetime(expiry, start);
        }
    }

    /// Whether a token is of no profile, where that is allowed.
    fn of_no_profile(&self, claims: &Claims) -> bool {
        self.rules.claims.unversioned && claims.get("wlcg.ver").is_none()
    }

    fn expiry(&mut self, claims: &Claims) -> Option<f64> {
        match claims.instant("exp") {
            Instant::Missing if self.of_no_profile(claims) => None,
            Instant::Missing => {
                self.bad(
                    "time.exp",
                    Diagnosis::MissingExp,
                    "none".into(),
                    "the token has no exp",
                );
                None
            }
            Instant::Malformed => {
                let saw = raw(claims, "exp");
                self.bad(
                    "time.exp",
                    Diagnosis::MalformedClaim,
                    saw,
                    "exp is not a time",
                );
                None
            }
            Instant::At(at) => {
                let grace = self.rules.version.grace_after_expiry();
                let leeway = self.rules.expiry_leeway.unwrap_or(grace);
                let left = at - self.now as f64;
                let wanted: Cow<'static, str> = match leeway {
                    0 => "in the future".into(),
                    some => format!("less than {some} s ago").into(),
                };
                if left + leeway as f64 > 0.0 {
                    self.held("time.exp", in_seconds(left), wanted);
                } else {
                    let text = format!("the token expired {} s ago", -left);
                    let refusal = Refusal::invalid_token(Diagnosis::Expired, text);
                    self.failed("time.exp", in_seconds(left), wanted, refusal);
                }
                Some(at)
            }
        }
    }

    fn not_before(&mut self, claims: &Claims, expiry: Option<f64>) -> Option<f64> {
        match claims.instant("nbf") {
            Instant::Missing => {
                if self.rules.claims.nbf && !self.of_no_profile(claims) {
                    let text = "the token has no nbf, which this server wants";
                    self.bad("time.nbf", Diagnosis::MissingClaim, "none".into(), text);
                }
                None
            }
            Instant::Malformed => {
                let saw = raw(claims, "nbf");
                self.bad(
                    "time.nbf",
                    Diagnosis::MalformedClaim,
                    saw,
                    "nbf is not a time",
                );
                None
            }
            Instant::At(at) => {
                let ahead = at - self.now as f64;
                let leeway = self.rules.not_before_leeway;
                let wanted: Cow<'static, str> = match leeway {
                    0 => "not in the future".into(),
                    60 => "at most 60 s ahead".into(),
                    some => format!("at most {some} s ahead").into(),
                };
                let after_expiry = expiry.is_some_and(|expiry| expiry < at);
                if ahead <= leeway as f64 && !after_expiry {
                    self.held("time.nbf", in_seconds(ahead), wanted);
                } else {
                    let text = if after_expiry {
                        "the token expires before it becomes valid".to_owned()
                    } else {
                        format!("the token becomes valid in {ahead} s")
                    };
                    let refusal = Refusal::invalid_token(Diagnosis::NotYetValid, text);
                    self.failed("time.nbf", in_seconds(ahead), wanted, refusal);
                }
                Some(at)
            }
        }
    }

    fn issued_at(&mut self, claims: &Claims) -> Option<f64> {
        const NAME: &str = "time.iat";
        match claims.instant("iat") {
            Instant::Missing if !self.rules.claims.iat => None,
            Instant::Missing => {
                self.bad(
                    NAME,
                    Diagnosis::MissingIat,
                    "none".into(),
                    "the token has no iat",
                );
                None
            }
            Instant::Malformed => {
                let saw = raw(claims, "iat");
                self.bad(NAME, Diagnosis::MalformedClaim, saw, "iat is not a time");
                None
            }
            Instant::At(at) => {
                let ahead = at - self.now as f64;
                let future = ahead > self.rules.not_before_leeway as f64;
                if future && self.rules.reject_future_iat {
                    let text = format!("the token is issued {ahead} s in the future");
                    let refusal = Refusal::invalid_token(Diagnosis::IatFuture, text);
                    self.failed(NAME, in_seconds(ahead), "not in the future", refusal);
                } else {
                    self.held(NAME, in_seconds(ahead), "a time in seconds");
                    if future {
                        self.note(Diagnosis::IatFuture, "iat lies in the future");
                    }
                }
                Some(at)
            }
        }
    }

    fn lifetime(&mut self, expiry: f64, start: f64) {
        let limit = self
            .rules
            .max_validity
            .or(self.rules.version.longest_validity());
        let validity = expiry - start;
        if let Some(limit) = limit {
            let (saw, wanted) = (format!("{validity} s"), format!("at most {limit} s"));
            if validity > limit as f64 {
                let text = format!("the token is valid for {validity} s, longer than {limit} s");
                let refusal = Refusal::invalid_token(Diagnosis::Lifetime, text);
                self.failed("lifetime", saw, wanted, refusal);
            } else {
                self.held("lifetime", saw, wanted);
            }
        }
        if expiry > SURELY_MILLISECONDS {
            self.note(Diagnosis::Lifetime, "exp looks like milliseconds");
        }
    }

    fn version(&mut self, claims: &Claims) {
        const NAME: &str = "version";
        let edition = self.rules.version;
        let wanted = if edition == ProfileVersion::V1_0 {
            "1.0"
        } else {
            "1.0, or a newer minor version"
        };
        let fail = |diagnosis, text: String| Refusal::invalid_token(diagnosis, text);
        let refusal = match claims.get("wlcg.ver") {
            None if self.rules.claims.unversioned => {
                self.held(NAME, "none", "a token of no profile");
                return;
            }
            None => {
                let nested = claims.get("wlcg").and_then(Value::as_object);
                let hint = nested.filter(|wlcg| wlcg.contains_key("ver")).map(|_| {
                    "there is a claim `wlcg` with a member `ver`: Keycloak nests names with a dot \
                     unless the dot is escaped"
                        .to_owned()
                });
                fail(
                    Diagnosis::MissingWlcgVer,
                    "the token has no wlcg.ver".to_owned(),
                )
                .with_hint(hint)
            }
            Some(Value::String(claimed)) => match edition.accepts(claimed) {
                Ok(()) => {
                    let saw: Cow<'static, str> = match claimed.as_str() {
                        "1.0" => "1.0".into(),
                        other => other.to_owned().into(),
                    };
                    self.held(NAME, saw, wanted);
                    return;
                }
                Err(fault) => {
                    let diagnosis = match fault {
                        VersionFault::Syntax => Diagnosis::VerSyntax,
                        VersionFault::Major => Diagnosis::VerMajor,
                        VersionFault::Minor => Diagnosis::VerMinor,
                    };
                    let hint = (claimed == "WLCG:1.0").then(|| {
                        "early talks on the profile write `WLCG:1.0`; the value is `1.0`".to_owned()
                    });
                    fail(diagnosis, format!("wlcg.ver: {fault}")).with_hint(hint)
                }
            },
            Some(_) => {
                let hint = Some("the value is a string: `\"1.0\"`".to_owned());
                fail(Diagnosis::VerSyntax, "wlcg.ver is not a string".to_owned()).with_hint(hint)
            }
        };
        let saw: Cow<'static, str> = match claims.get("wlcg.ver") {
            None => "none".into(),
            Some(value) => value.to_string().into(),
        };
        self.failed(NAME, saw, wanted, refusal);
    }

    fn subject(&mut self, claims: &Claims) {
        match claims.sub() {
            Some(sub) if !sub.is_empty() && sub.len() <= 255 && sub.is_ascii() => {
                self.held("subject", sub.to_owned(), "1 to 255 ASCII characters");
            }
            _ => {
                let saw = raw(claims, "sub");
                self.bad(
                    "subject",
                    Diagnosis::BadSub,
                    saw,
                    "the token has no usable subject",
                );
            }
        }
        match claims.jti() {
            Some(jti) if !jti.is_empty() => self.held("jti", jti.to_owned(), "a string"),
            None if !self.rules.claims.jti || self.of_no_profile(claims) => {}
            _ => {
                let saw = raw(claims, "jti");
                self.bad("jti", Diagnosis::MissingJti, saw, "the token has no jti");
            }
        }
    }

    fn audience(&mut self, claims: &Claims) {
        const NAME: &str = "audience";
        let rules = self.rules;
        let wanted = || rules.audiences.join(" or ");
        let mut list = Vec::new();
        let refusal = match claims.get("aud") {
            None if self.of_no_profile(claims) => return,
            None | Some(Value::Null) => None,
            Some(Value::String(one)) => {
                list.push(one.as_str());
                None
            }
            Some(Value::Array(many)) => {
                list.extend(many.iter().filter_map(Value::as_str));
                (list.len() != many.len()).then_some("aud has members that are not strings")
            }
            Some(_) => Some("aud is neither a string nor a list of strings"),
        };
        if let Some(text) = refusal {
            let refusal = Refusal::invalid_token(Diagnosis::MalformedClaim, text);
            self.failed(NAME, raw(claims, "aud"), wanted(), refusal);
            return;
        }
        list.retain(|audience| !audience.is_empty());
        if list.is_empty() {
            let refusal =
                Refusal::invalid_token(Diagnosis::MissingAud, "the token has no audience");
            self.failed(NAME, raw(claims, "aud"), wanted(), refusal);
            return;
        }
        let fits = list.iter().any(|audience| {
            (*audience == ANY_AUDIENCE && rules.accept_any_audience)
                || rules.audiences.iter().any(|own| {
                    own == audience
                        || (rules.accept_bare_host_audience
                            && own
                                .split_once("://")
                                .is_some_and(|(_, host)| host == *audience))
                })
        });
        let saw = list.join(", ");
        if fits {
            self.held(NAME, saw, wanted());
            return;
        }
        let (diagnosis, guess) = hint::audience(&list, &rules.audiences, rules.accept_any_audience);
        let id_token = ["nonce", "at_hash", "auth_time"]
            .iter()
            .any(|n| claims.get(n).is_some());
        let guess = guess.or_else(|| {
            id_token.then(|| "this looks like an ID token: send the access token".to_owned())
        });
        let text = format!("the token is for {saw}, not for {}", wanted());
        let refusal = Refusal::invalid_token(diagnosis, text).with_hint(guess);
        self.failed(NAME, saw, wanted(), refusal);
    }

    fn scopes_well_formed(&mut self, known: &Known) {
        const NAME: &str = "scope.form";
        let claims = &known.claims;
        if self.rules.claims.scope && claims.get("scope").is_none() && !self.of_no_profile(claims) {
            let text = "the token has no scope, which this server wants";
            self.bad("scope.form", Diagnosis::MissingClaim, "none".into(), text);
            return;
        }
        let refusal = match &known.scopes {
            Err(ScopeError::NotText) => {
                Refusal::invalid_token(Diagnosis::MalformedClaim, "scope is not a string")
            }
            Err(ScopeError::Fault(fault)) => {
                Refusal::invalid_token(Diagnosis::MalformedClaim, fault.to_string())
            }
            Ok(scopes) => match scopes.faults.iter().find(|fault| self.counts(fault)) {
                None => {
                    self.held(NAME, "well formed", "well formed");
                    return;
                }
                Some(fault) if self.rules.lenient => {
                    self.held(NAME, format!("dropped: {fault}"), "well formed, or dropped");
                    self.note(scope_diagnosis(fault), fault.to_string());
                    return;
                }
                Some(fault) => {
                    let hint = matches!(fault, ScopeFault::NoPath(_))
                        .then(|| "a storage scope has a path; `:/` is the whole area".to_owned());
                    Refusal::invalid_token(scope_diagnosis(fault), fault.to_string())
                        .with_hint(hint)
                }
            },
        };
        self.failed(NAME, refusal.description.clone(), "well formed", refusal);
    }

    /// Whether a fault of a scope is one here.
    fn counts(&self, fault: &ScopeFault) -> bool {
        let (ScopeFault::NoPath(item) | ScopeFault::Path(item, _)) = fault else {
            return true;
        };
        let name = item.split(':').next().unwrap_or_default();
        let literal = matches!(fault, ScopeFault::Path(_, PathFault::EncodedSlash));
        let unknown = StoragePrivilege::named(name).is_none();
        !(literal && self.rules.literal_slash || unknown && self.rules.unknown_unread)
    }

    fn groups_well_formed(&mut self, known: &Known) {
        const NAME: &str = "groups.form";
        let refusal = match &known.groups {
            Ok(groups) => {
                if !groups.is_empty() {
                    self.held(NAME, "well formed", "well formed");
                }
                if let Some(group) = &known.group_twice {
                    self.note(
                        Diagnosis::GroupTwice,
                        format!("the group {group} stands there twice"),
                    );
                }
                return;
            }
            Err(GroupsError::NotList) => {
                let hint = Some("a list, also for one group: [\"/wlcg\"]".to_owned());
                Refusal::invalid_token(Diagnosis::MalformedClaim, "wlcg.groups is not a list")
                    .with_hint(hint)
            }
            Err(GroupsError::NotText) => Refusal::invalid_token(
                Diagnosis::MalformedClaim,
                "wlcg.groups has members that are not strings",
            ),
            Err(GroupsError::Name(name)) => Refusal::invalid_token(
                Diagnosis::BadGroups,
                format!("wlcg.groups: {name} is not a group name"),
            ),
        };
        self.failed(
            NAME,
            raw(&known.claims, "wlcg.groups"),
            "a list of group names",
            refusal,
        );
    }
}

fn scope_diagnosis(fault: &ScopeFault) -> Diagnosis {
    match fault {
        ScopeFault::Separator => Diagnosis::MalformedClaim,
        ScopeFault::NoPath(_) => Diagnosis::ScopeNoPath,
        ScopeFault::Path(_, PathFault::Relative) => Diagnosis::ScopeRelative,
        ScopeFault::Path(_, PathFault::DotDot) => Diagnosis::DotDot,
        ScopeFault::Path(_, PathFault::EncodedSlash) => Diagnosis::EncodedSlash,
        ScopeFault::Path(_, PathFault::BadBytes | PathFault::BadEscape) => Diagnosis::BadPathBytes,
    }
}

fn raw(claims: &Claims, name: &str) -> Cow<'static, str> {
    match claims.get(name) {
        None => "none".into(),
        Some(value) => {
            let mut text = value.to_string();
            if let Some((at, _)) = text.char_indices().nth(80) {
                text.truncate(at);
                text.push('…');
            }
            text.into()
        }
    }
}

/// A time relative to now, in words.
fn in_seconds(ahead: f64) -> String {
    // Whole seconds are the rule, and much cheaper to write than a fraction.
    if ahead.fract() == 0.0 && ahead.abs() < 1e15 {
        let whole = ahead as i64;
        return if whole >= 0 {
            format!("in {whole} s")
        } else {
            format!("{} s ago", -whole)
        };
    }
    if ahead >= 0.0 {
        format!("in {ahead} s")
    } else {
        format!("{} s ago", -ahead)
    }
}

//! The door: every request is judged here, the verdict goes to the journal, and only who holds a `Pass`
//! reaches the data (storage page §3).

use std::sync::Arc;

use carnet_profile::Claims;
use carnet_profile::jose::Token;
use carnet_profile::judge::{
    Authorised, Check, Demand, Diagnosis, Grounds, Refusal, Rules, StorageAction, StorageDemand,
    Verdict, VerifiedTokens, judge_seen,
};
use carnet_profile::path::RequestPath;
use carnet_profile::present::{Places, Presented};
use carnet_stage::{Actor, StartError};
use http::request::Parts;
use http::{HeaderValue, header};

use crate::answer::{self, Answer, Line};
use crate::area::Area;
use crate::config::Config;
use crate::credential;
use crate::dialect::{self, Challenge, Dialect, Doing, Policies, ScopeRules, Understanding};
use crate::errno::DENIED;
use crate::keys::Keys;
use crate::macaroon::{self, Macaroons};
use crate::methods::Call;
use crate::namespace::Entry;
use crate::once::Once;
use crate::path::CleanPath;
use crate::rules;

/// What a handler holds that was let in.
pub(crate) struct Pass {
    authorised: Authorised,
}

impl Pass {
    /// The subject, empty for nobody in particular.
    pub(crate) fn subject(&self) -> &str {
        match self.authorised.grounds() {
            Grounds::Subject(subject) => subject,
            _ => self
                .authorised
                .claims()
                .and_then(Claims::sub)
                .unwrap_or_default(),
        }
    }

    /// Issuer and subject as one text.
    pub(crate) fn owner(&self) -> String {
        match self.authorised.principal() {
            Some((issuer, subject)) => format!("{subject} @ {issuer}"),
            None => self.subject().to_owned(),
        }
    }
}

/// The only way in.
pub(crate) struct Door {
    actor: Actor,
    dialect: &'static Dialect,
    rules: Rules,
    /// The same for tokens whose scopes do not count.
    policies: Rules,
    places: Places,
    keys: Keys,
    seen: VerifiedTokens,
    area: Arc<Area>,
    macaroons: Option<Arc<Macaroons>>,
    once: Option<Once>,
    rechecks: bool,
}

/// What a token says of itself, believed or not.
struct Said {
    kid: Option<String>,
    claims: Claims,
}

/// What the shape of a refusal depends on.
#[derive(Clone, Copy)]
struct Seen {
    /// There was a token.
    bearer: bool,
    /// It cannot be one.
    unreadable: bool,
    /// The request is a COPY.
    copying: bool,
    /// It would replace something.
    over: bool,
}

impl Door {
    pub(crate) fn new(
        actor: &Actor,
        config: &Config,
        dialect: &'static Dialect,
        area: Arc<Area>,
        macaroons: Option<Arc<Macaroons>>,
    ) -> Result<Self, StartError> {
        let rules = rules::rules(actor, config, dialect)?;
        let mut policies = rules.clone();
        for issuer in &mut policies.issuers {
            issuer.capabilities = false;
        }
        Ok(Self {
            keys: Keys::new(actor.clone(), dialect.tokens.key_retry),
            seen: VerifiedTokens::new(1024),
            actor: actor.clone(),
            dialect,
            places: rules::places(config, dialect),
            rules,
            policies,
            area,
            macaroons,
            once: config.tokens.one_time_jti.then(Once::default),
            rechecks: config.tokens.recheck_on_completion,
        })
    }

    /// Whether something is at a path: decides what a request demands, never what it is told.
    pub(crate) fn peek(&self, path: &CleanPath) -> bool {
        self.area.exists(path)
    }

    /// Whether a collection is at a path.
    pub(crate) fn peek_directory(&self, path: &CleanPath) -> bool {
        self.area
            .get(path)
            .as_ref()
            .is_some_and(Entry::is_directory)
    }

    /// Judges a request for its own path.
    pub(crate) async fn admit(&self, call: &Call, doing: Doing) -> Result<Pass, Answer> {
        self.admit_at(call, doing, &call.path).await
    }

    /// Judges a request for some path.
    pub(crate) async fn admit_at(
        &self,
        call: &Call,
        doing: Doing,
        path: &CleanPath,
    ) -> Result<Pass, Answer> {
        let brought = self.presented(call, None);
        let verdict = match &brought {
            Presented::Refused(refusal) if refusal.diagnosis == Diagnosis::WrongScheme => {
                // Another scheme is no token, and what is open to all stays so.
                match self.judge(None, doing, path).await {
                    open if open.granted => open,
                    closed => Verdict::refuse(closed.demand, None, closed.checks, refusal.clone()),
                }
            }
            Presented::Refused(refusal) => malformed(doing, path, refusal),
            found => self.judge(found.token(), doing, path).await,
        };
        let verdict = self.used_once(call, verdict);
        let copying = call.parts.method.as_str() == "COPY";
        self.decided(verdict, brought.token(), copying, doing == Doing::PutOver)
            .map_err(|refused| *refused)
    }

    /// Tells a verdict, and lets in or refuses.
    fn decided(
        &self,
        mut verdict: Verdict,
        token: Option<&str>,
        copying: bool,
        over: bool,
    ) -> Result<Pass, Box<Answer>> {
        let seen = Seen {
            bearer: verdict.checks.len() > 1 || verdict.claims.is_some(),
            unreadable: token.is_some_and(|text| !is_token_text(text)),
            copying,
            over,
        };
        self.actor.judged_last(&mut verdict);
        verdict
            .authorise()
            .map(|authorised| Pass { authorised })
            .map_err(|refusal| Box::new(self.refused(&refusal, seen)))
    }

    /// Judges the token of a request again when all bytes are there, where that is asked for.
    pub(crate) async fn recheck(&self, call: &Call, doing: Doing) -> Result<(), Answer> {
        if self.rechecks {
            Box::pin(self.admit(call, doing)).await?;
        }
        Ok(())
    }

    /// Takes a grant back whose token came with another request before, where each is good for one.
    fn used_once(&self, call: &Call, verdict: Verdict) -> Verdict {
        let now = self.actor.clock().seconds();
        let claims = verdict.claims.as_ref().filter(|_| verdict.granted);
        let Some((once, claims)) = self.once.as_ref().zip(claims) else {
            return verdict;
        };
        if once.is_first(claims, call.number, now) {
            return verdict;
        }
        let refusal = Refusal::invalid_token(
            Diagnosis::JtiUsed,
            "the token came with another request before",
        );
        let jti = claims.jti().unwrap_or_default().to_owned();
        let mut checks = verdict.checks;
        checks.push(Check::new("jti", false, jti, "one that was never seen"));
        Verdict::refuse(verdict.demand, verdict.claims, checks, refusal)
    }

    /// Refuses a request whose form holds a token, where none is taken from forms.
    pub(crate) fn refuse_form(&self, call: &Call, form: &str) -> Option<Answer> {
        let brought = self.presented(call, Some(form));
        let Presented::Refused(refusal) = &brought else {
            return None;
        };
        let verdict = malformed(Doing::Change, &call.path, refusal);
        self.actor.judged(None, &verdict);
        let seen = Seen {
            bearer: false,
            unreadable: false,
            copying: false,
            over: false,
        };
        Some(self.refused(refusal, seen))
    }

    /// The path of a request is refused before any token is looked at; the journal hears of it.
    pub(crate) fn refuse_path(&self, raw: &str, why: &str) {
        let refusal = Refusal::bad_request(Diagnosis::RequestPath, why);
        let check = Check::new("path", false, raw.to_owned(), "a path in normal form");
        let verdict = Verdict::refuse(raw, None, vec![check], refusal);
        self.actor.judged(None, &verdict);
    }

    /// Whether the token of a request stands in its URL.
    pub(crate) fn in_url(&self, parts: &Parts) -> bool {
        credential::in_url(&self.places, &self.dialect.tokens, parts)
    }

    fn presented<'r>(&self, call: &'r Call, form: Option<&'r str>) -> Presented<'r> {
        let (headers, query) = (&call.parts.headers, call.parts.uri.query());
        credential::presented(&self.places, &self.dialect.tokens, headers, query, form)
    }

    /// Judges whose token a request carries, whatever it may do.
    pub(crate) async fn identify(&self, call: &Call) -> Result<Pass, Answer> {
        let now = self.actor.clock().seconds();
        let brought = self.presented(call, None);
        let token = brought.token();
        let said = token.and_then(|text| self.said(text));
        self.prepare(said.as_ref(), now).await;
        let (source, seen) = (self.keys.source(), Some(&self.seen));
        let verdict = brought.judge(&self.rules, source, seen, &Demand::Identity, now);
        self.decided(verdict, token, false, false)
            .map_err(|refused| *refused)
    }

    /// Whether a request brings no credential.
    pub(crate) fn is_nobody(&self, call: &Call) -> bool {
        self.presented(call, None).token().is_none()
    }

    /// Sees to it that the keys are there of the issuer that a token names, when that is trusted.
    async fn prepare(&self, said: Option<&Said>, now: i64) {
        if let Some(Said { kid, claims }) = said
            && let Some(issuer) = claims.iss()
            && self.rules.issuer(issuer).is_some()
        {
            let kid = kid.as_deref().unwrap_or_default();
            self.keys.prepare(issuer, kid, now).await;
        }
    }

    /// What a token says of itself; one that came before is not taken apart again.
    fn said(&self, text: &str) -> Option<Said> {
        if let Some((kid, claims)) = self.seen.recall(text) {
            return Some(Said { kid, claims });
        }
        let Token { header, claims, .. } = Token::parse(text).ok()?;
        let kid = header.kid;
        Some(Said { kid, claims })
    }

    async fn judge(&self, token: Option<&str>, doing: Doing, path: &CleanPath) -> Verdict {
        let now = self.actor.clock().seconds();
        if let Some((macaroons, text)) = self.macaroons.as_ref().zip(token)
            && let Some(opened) = macaroons.open(text, now)
        {
            return by_macaroon(opened, doing, path);
        }
        let said = token.and_then(|text| self.said(text));
        let issuer = said.as_ref().and_then(|said| said.claims.iss());
        self.prepare(said.as_ref(), now).await;
        let directory = path.wants_directory() || self.peek_directory(path);
        let demand = match demand(doing, path, directory) {
            Ok(demand) => demand,
            Err(refusal) => return Verdict::refuse(path.as_str(), None, Vec::new(), refusal),
        };
        let scope = said
            .as_ref()
            .and_then(|said| said.claims.scope())
            .unwrap_or_default();
        let capability = scope.split(' ').any(|item| item.starts_with("storage."));
        let own = match &self.dialect.scopes {
            Understanding::Own(rules) if capability && self.is_scoped(issuer, path) => rules,
            _ => {
                return judge_seen(
                    &self.rules,
                    token,
                    self.keys.source(),
                    Some(&self.seen),
                    &demand,
                    now,
                );
            }
        };
        let source = self.keys.source();
        let identity = judge_seen(
            &self.rules,
            token,
            source,
            Some(&self.seen),
            &Demand::Identity,
            now,
        );
        if !identity.granted {
            return identity;
        }
        let by_scope = self.by_dialect(own, identity, doing, path);
        let voices = self.dialect.refusals.policies;
        if voices == Policies::Unheard || (voices == Policies::Permit) == by_scope.granted {
            return by_scope;
        }
        let seen = Some(&self.seen);
        let by_policy = judge_seen(&self.policies, token, source, seen, &demand, now);
        let denied = by_policy.diagnosis() == Diagnosis::GroupDenied;
        if by_policy.granted && voices == Policies::Permit || denied && voices == Policies::Deny {
            by_policy
        } else {
            by_scope
        }
    }

    /// Whether scopes count for a path, asked by the tokens of an issuer, or of any.
    pub(crate) fn is_scoped(&self, issuer: Option<&str>, path: &CleanPath) -> bool {
        let trusting = |url| self.rules.trusting(url, path.as_str());
        let Some(url) = issuer else {
            let mut all = self.rules.issuers.iter();
            return all.all(|issuer| trusting(&issuer.url).is_none_or(|entry| entry.capabilities));
        };
        trusting(url).is_none_or(|entry| entry.capabilities)
    }

    /// The area that a path is in: the innermost place where an issuer's scopes begin.
    pub(crate) fn area_of(&self, path: &CleanPath) -> Option<&str> {
        let areas = self.rules.issuers.iter().flat_map(|issuer| &issuer.areas);
        areas
            .map(|area| area.trim_end_matches('/'))
            .filter(|area| within(path.as_str(), area).is_some())
            .max_by_key(|area| area.len())
    }

    /// The roots of all areas, and of what is open to everybody.
    pub(crate) fn areas(&self) -> Vec<&str> {
        let trusted = self.rules.issuers.iter().flat_map(|issuer| &issuer.areas);
        let open = self.rules.anonymous.iter().map(|open| &open.path);
        let mut areas: Vec<&str> = trusted
            .chain(open)
            .map(|area| area.trim_end_matches('/'))
            .collect();
        areas.sort_unstable();
        areas.dedup();
        areas
    }

    /// Whether a path is the root of an area.
    pub(crate) fn is_area_root(&self, path: &CleanPath) -> bool {
        self.area_of(path) == Some(path.as_str().trim_end_matches('/'))
    }

    /// The scopes as the dialect understands them, for a token that is valid.
    fn by_dialect(
        &self,
        rules: &ScopeRules,
        identity: Verdict,
        doing: Doing,
        path: &CleanPath,
    ) -> Verdict {
        let claims = identity.claims.clone();
        let scope = claims
            .as_ref()
            .and_then(|claims| claims.scope())
            .unwrap_or_default()
            .to_owned();
        let areas = claims
            .as_ref()
            .and_then(|claims| claims.iss())
            .and_then(|issuer| self.rules.trusting(issuer, path.as_str()))
            .map(|issuer| issuer.areas.clone())
            .unwrap_or_default();
        let mut checks = identity.checks;
        let words = dialect::demands(rules, doing).words();
        let wanted = format!("{words} on {}", path.as_str());
        let mut allowed = Ok(false);
        for area in &areas {
            if let Some(inside) = within(path.as_str(), area) {
                allowed = dialect::decide(rules, &scope, doing, inside, path.wants_directory());
                if allowed != Ok(false) {
                    break;
                }
            }
        }
        checks.push(Check::new(
            "scope",
            allowed == Ok(true),
            scope.clone(),
            wanted.clone(),
        ));
        match allowed {
            Ok(true) => Verdict::grant(wanted, claims, checks, Grounds::Scope(vec![scope])),
            Ok(false) => {
                let refusal = Refusal::insufficient(
                    Diagnosis::NotCovered,
                    format!("insufficient scope: need {wanted}"),
                );
                Verdict::refuse(wanted, claims, checks, refusal)
            }
            Err(fault) => Verdict::refuse(
                wanted,
                claims,
                checks,
                Refusal::invalid_token(Diagnosis::ScopeNoPath, fault.to_string()),
            ),
        }
    }

    fn refused(&self, refusal: &Refusal, seen: Seen) -> Answer {
        let Seen {
            bearer,
            unreadable,
            copying,
            over,
        } = seen;
        let habits = &self.dialect.refusals;
        let bad_token = refusal.status == 401 && (bearer || refusal.error.is_some());
        let status = match refusal.status {
            401 if copying && habits.copy_denied == 401 => 401,
            401 if bad_token => habits.bad_token,
            401 => habits.anonymous,
            403 if copying && over => habits.copy_over_denied,
            403 if copying => habits.copy_denied,
            403 => habits.denied,
            other => other,
        };
        let mut answer = answer::text(status, &refusal.description);
        answer.extensions_mut().insert(Line(DENIED.to_owned()));
        if habits.challenge == Challenge::BadToken && unreadable {
            answer.headers_mut().insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static(UNREADABLE),
            );
            return answer;
        }
        let challenge = match habits.challenge {
            Challenge::Always => true,
            Challenge::BadToken => {
                bad_token
                    && !matches!(
                        refusal.diagnosis,
                        Diagnosis::IssUnknown | Diagnosis::MissingIss | Diagnosis::Malformed
                    )
            }
            Challenge::Never | Challenge::Basic => false,
        };
        if habits.challenge == Challenge::Basic && status == 401 {
            let realm = format!("Basic realm=\"{}\"", self.rules.realm);
            answer::set(&mut answer, header::WWW_AUTHENTICATE, &realm);
        }
        if let Some(value) = refusal
            .www_authenticate(&self.rules.realm)
            .filter(|_| challenge)
        {
            answer::set(&mut answer, header::WWW_AUTHENTICATE, &value);
        }
        if let Some(seconds) = refusal.retry_after() {
            answer
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        answer
    }
}

/// StoRM's challenge for a text that cannot be a token at all (storage page §3.3).
const UNREADABLE: &str = "Bearer error=\"invalid_token\", error_description=\"Bearer token is malformed\", \
                          error_uri=\"https://tools.ietf.org/html/rfc6750#section-3.1\"";

/// The characters of RFC 6750 §2.1.
fn is_token_text(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte))
}

fn malformed(doing: Doing, path: &CleanPath, refusal: &Refusal) -> Verdict {
    let saw = refusal.description.clone();
    let check = Check::new("token", false, saw, "one bearer token");
    let wanted = format!("{doing:?} {}", path.as_str());
    Verdict::refuse(wanted, None, vec![check], refusal.clone())
}

fn by_macaroon(
    opened: Result<macaroon::Macaroon, &'static str>,
    doing: Doing,
    path: &CleanPath,
) -> Verdict {
    let wanted = format!("{} on {}", macaroon::demand(doing), path.as_str());
    match opened {
        Err(why) => {
            let checks = vec![Check::new(
                "macaroon",
                false,
                why,
                "a macaroon of this server that has not expired",
            )];
            Verdict::refuse(
                wanted,
                None,
                checks,
                Refusal::invalid_token(Diagnosis::BadSignature, why),
            )
        }
        Ok(held) => {
            let saw = format!("{} on {}", held.activities.join(","), held.path);
            let ok = held.allows(doing, path.as_str());
            let checks = vec![Check::new("macaroon", ok, saw, wanted.clone())];
            if ok {
                Verdict::grant(wanted, None, checks, Grounds::Subject(held.subject))
            } else {
                let refusal = Refusal::insufficient(
                    Diagnosis::NotCovered,
                    format!("the macaroon does not allow {wanted}"),
                );
                Verdict::refuse(wanted, None, checks, refusal)
            }
        }
    }
}

fn within<'p>(path: &'p str, area: &str) -> Option<&'p str> {
    let area = area.trim_end_matches('/');
    match path.strip_prefix(area)? {
        "" => Some("/"),
        below => below.starts_with('/').then_some(below),
    }
}

fn demand(doing: Doing, path: &CleanPath, directory: bool) -> Result<Demand, Refusal> {
    let slash = if path.wants_directory() && path.as_str() != "/" {
        "/"
    } else {
        ""
    };
    let parsed = RequestPath::parse(&format!("{}{slash}", path.href()))
        .map_err(|fault| Refusal::bad_request(Diagnosis::RequestPath, fault.to_string()))?;
    let action = match doing {
        // Whoever reads files reads their list; the profile leaves lists open (storage page §3.8).
        Doing::Read | Doing::Page => StorageAction::Read,
        Doing::List => StorageAction::List,
        Doing::Stat | Doing::Propfind => StorageAction::Stat,
        Doing::PutNew => StorageAction::Create,
        Doing::PutOver => StorageAction::Replace,
        Doing::MakeCollection => StorageAction::MakeDirectory,
        Doing::Delete => StorageAction::Delete,
        Doing::MoveFrom => StorageAction::MoveFrom,
        Doing::MoveFromOver => StorageAction::MoveFromOver,
        Doing::MoveTo => StorageAction::MoveTo,
        Doing::MoveOver => StorageAction::MoveOver,
        Doing::Change => StorageAction::Change,
        Doing::Stage => StorageAction::Stage,
        Doing::Poll => StorageAction::Poll,
    };
    let one = StorageDemand::new(action, parsed);
    let directory = directory || one.directory;
    Ok(Demand::Storage(vec![one.directory(directory)]))
}

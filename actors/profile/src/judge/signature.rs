//! Form, header, issuer, key and signature (TOK-1 to TOK-6, CLM-3, LIFE-5).

use std::{borrow::Cow, sync::Arc};

use super::{
    Diagnosis, KeyAnswer, KeySource, KeysWanted, Refusal, VerifiedTokens, court::Court, hint,
    known::Known,
};
use crate::jose::{Algorithm, Header, JsonFault, Token, TokenFault, VerifyFault, VerifyingKey};

const WANTED_KEY: &str = "a key of the issuer";

impl Court<'_> {
    /// Takes the token apart and verifies who signed it. `None` when it is not even a token.
    pub(super) fn signature(
        &mut self,
        text: &str,
        keys: &dyn KeySource,
        seen: Option<&VerifiedTokens>,
    ) -> Option<Arc<Known>> {
        if text.len() > self.rules.max_token_bytes {
            let (saw, limit) = (text.len(), self.rules.max_token_bytes);
            let refusal = Refusal::invalid_token(
                Diagnosis::TokenTooLarge,
                format!("the token has {saw} bytes, the limit is {limit}"),
            );
            self.failed(
                "form",
                format!("{saw} bytes"),
                format!("at most {limit} bytes"),
                refusal,
            );
            return None;
        }
        let digest = seen.map(|_| VerifiedTokens::digest(text));
        if let (Some(seen), Some(digest)) = (seen, &digest) {
            let mut answer = None;
            let known = seen.get(digest, self.rules.version, |known| {
                let (issuer, kid) = (known.claims.iss()?, known.header.kid.as_deref()?);
                match keys.key(issuer, kid, self.now) {
                    KeyAnswer::Key { key, stale } => {
                        answer = Some(stale);
                        Some(key)
                    }
                    _ => None,
                }
            });
            if let Some(known) = known {
                self.seen_before(&known, answer == Some(true));
                return Some(known);
            }
        }
        let token = match Token::parse(text) {
            Ok(token) => token,
            Err(fault) => {
                self.malformed(&fault);
                return None;
            }
        };
        self.held("form", "three parts", "a signed JWT");
        let answer = self.ask_key(&token, keys);
        self.header(&token.header, matches!(answer, Some(KeyAnswer::Key { .. })));
        let key = self.verify(&token, answer);
        let known = Arc::new(Known::read(token, self.rules.version));
        if let (Some(seen), Some(digest), Some(key)) = (seen, digest, &key) {
            seen.put(digest, known.clone(), key, self.now);
        }
        Some(known)
    }

    fn seen_before(&mut self, known: &Known, stale: bool) {
        self.held("form", "three parts", "a signed JWT");
        self.header(&known.header, true);
        let issuer = known.claims.iss().unwrap_or_default();
        self.trust(issuer);
        self.held(
            "key",
            known.header.kid.clone().unwrap_or_default(),
            WANTED_KEY,
        );
        self.held("signature", "verified before", "fits");
        if stale {
            self.stale(issuer, known.header.kid.as_deref().unwrap_or_default());
        }
    }

    fn malformed(&mut self, fault: &TokenFault) {
        let diagnosis = match fault {
            TokenFault::Json(_, JsonFault::Duplicate(_)) => Diagnosis::DuplicateClaim,
            TokenFault::Json(_, JsonFault::NumberOutOfRange) => Diagnosis::MalformedClaim,
            _ => Diagnosis::Malformed,
        };
        let refusal = Refusal::invalid_token(diagnosis, fault.to_string());
        self.failed("form", fault.to_string(), "a signed JWT", refusal);
    }

    fn header(&mut self, header: &Header, has_key: bool) {
        let alg = header.alg.as_str();
        let allowed = Algorithm::named(alg).filter(|alg| self.rules.algorithms.contains(alg));
        if let Some(algorithm) = allowed {
            self.held("algorithm", algorithm.name(), self.accepted_algorithms());
        } else {
            let diagnosis = match alg {
                "none" => Diagnosis::AlgNone,
                _ if has_key && alg.starts_with("HS") => Diagnosis::AlgKeyMismatch,
                _ => Diagnosis::AlgNotAllowed,
            };
            let wanted = self.accepted_algorithms();
            let refusal = Refusal::invalid_token(
                diagnosis,
                format!("the signature algorithm {alg} is not accepted"),
            );
            self.failed("algorithm", alg.to_owned(), wanted, refusal);
        }
        let critical = header.critical();
        if critical.is_empty() {
            self.held("header.crit", "none", "no critical extension");
        } else {
            let names = critical.join(", ");
            let refusal = Refusal::invalid_token(
                Diagnosis::CritUnsupported,
                format!("the critical extension {names} is not supported"),
            );
            self.failed("header.crit", names, "no critical extension", refusal);
        }
        self.typ(header.typ.as_deref());
        let own_keys = header.own_keys();
        if !own_keys.is_empty() {
            let text = format!(
                "the header brings its own key ({}): ignored",
                own_keys.join(", ")
            );
            self.note(Diagnosis::OwnKey, text);
        }
    }

    fn accepted_algorithms(&self) -> Cow<'static, str> {
        if self.rules.algorithms == Algorithm::PROFILE {
            return "RS256 or ES256".into();
        }
        let names: Vec<&str> = self.rules.algorithms.iter().map(|alg| alg.name()).collect();
        names.join(" or ").into()
    }

    fn typ(&mut self, typ: Option<&str>) {
        let at_jwt = self.rules.claims.at_jwt;
        let is_at = |typ: &str| {
            typ.eq_ignore_ascii_case("at+jwt") || typ.eq_ignore_ascii_case("application/at+jwt")
        };
        let is_jwt = |typ: &str| {
            typ.eq_ignore_ascii_case("JWT") || typ.eq_ignore_ascii_case("application/jwt")
        };
        let (ok, wanted) = if self.rules.require_at_jwt {
            (typ.is_some_and(is_at), "at+jwt")
        } else {
            (
                typ.is_none_or(|typ| (at_jwt && is_at(typ)) || is_jwt(typ)),
                if at_jwt {
                    "JWT, at+jwt or none"
                } else {
                    "JWT or none"
                },
            )
        };
        let saw: Cow<'static, str> = match typ {
            None => "none".into(),
            Some("JWT") => "JWT".into(),
            Some("at+jwt") => "at+jwt".into(),
            Some(other) => other.to_owned().into(),
        };
        if ok {
            self.held("header.typ", saw, wanted);
        } else {
            let refusal = Refusal::invalid_token(
                Diagnosis::WrongTyp,
                format!("the token is of type {saw}, wanted is {wanted}"),
            );
            self.failed("header.typ", saw, wanted, refusal);
        }
    }

    /// Whether the issuer is trusted; records the check.
    fn trust(&mut self, issuer: &str) -> bool {
        if self.rules.issuer(issuer).is_some() {
            self.held("issuer", issuer.to_owned(), "a trusted issuer");
            return true;
        }
        let trusted: Vec<&str> = self.rules.issuers.iter().map(|i| i.url.as_str()).collect();
        let (diagnosis, guess) = hint::issuer(issuer, &trusted);
        let text = match diagnosis {
            Diagnosis::IssSlash => "the issuer differs from a trusted one only by a final slash",
            _ => "the issuer is not trusted",
        };
        let refusal = Refusal::invalid_token(diagnosis, text).with_hint(guess);
        self.failed("issuer", issuer.to_owned(), trusted.join(" or "), refusal);
        false
    }

    /// Asks for the key that the token names, of a trusted issuer only (TOK-5). What came of it is
    /// recorded by `verify`, after the header's checks.
    fn ask_key(&self, token: &Token, keys: &dyn KeySource) -> Option<KeyAnswer> {
        let issuer = token.claims.iss()?;
        self.rules.issuer(issuer)?;
        match token.header.kid.as_deref() {
            Some(kid) => Some(keys.key(issuer, kid, self.now)),
            None if self.rules.nameless_key => Some(keys.only(issuer, &token.header.alg, self.now)),
            None => None,
        }
    }

    /// Verifies the signature; returns the key that did.
    fn verify(&mut self, token: &Token, answer: Option<KeyAnswer>) -> Option<Arc<VerifyingKey>> {
        let Some(issuer) = token.claims.iss() else {
            let refusal = Refusal::invalid_token(Diagnosis::MissingIss, "the token has no issuer");
            self.failed("issuer", "none", "a trusted issuer", refusal);
            return None;
        };
        let kid = token.header.kid.as_deref();
        if !self.trust(issuer) {
            self.unverified();
            return None;
        }
        let key = match answer {
            Some(KeyAnswer::Key { key, stale }) => {
                if stale {
                    self.stale(issuer, kid.unwrap_or_default());
                }
                key
            }
            answer => {
                self.no_key(issuer, kid, answer);
                self.unverified();
                return None;
            }
        };
        let saw = kid.unwrap_or("the only one").to_owned();
        match key.verify(token) {
            Ok(()) => {
                self.held("key", saw, WANTED_KEY);
                self.held("signature", "fits", "fits");
                return Some(key);
            }
            Err(fault @ (VerifyFault::Mismatch { .. } | VerifyFault::Algorithm(_))) => {
                let refusal = Refusal::invalid_token(Diagnosis::AlgKeyMismatch, fault.to_string());
                self.failed("key", format!("{saw}: {fault}"), WANTED_KEY, refusal);
                self.unverified();
            }
            Err(fault) => {
                self.held("key", saw, WANTED_KEY);
                let refusal = Refusal::invalid_token(
                    Diagnosis::BadSignature,
                    "the signature is not that of the issuer's key",
                );
                self.failed("signature", fault.to_string(), "fits", refusal);
            }
        }
        None
    }

    fn no_key(&mut self, issuer: &str, kid: Option<&str>, answer: Option<KeyAnswer>) {
        let Some(kid) = kid else {
            let refusal =
                Refusal::invalid_token(Diagnosis::KidMissing, "the token does not name its key");
            self.failed("key", "no kid", WANTED_KEY, refusal);
            return;
        };
        // A token that is refused anyway makes nobody fetch keys.
        if self.clean() {
            self.keys_wanted = Some(KeysWanted {
                issuer: issuer.to_owned(),
                kid: kid.to_owned(),
            });
        }
        match answer {
            Some(KeyAnswer::WrongIssuer(stated)) => {
                let refusal = Refusal::invalid_token(
                    Diagnosis::MetadataMismatch,
                    "the issuer's metadata names another issuer",
                );
                self.failed("issuer.metadata", stated, issuer.to_owned(), refusal);
            }
            Some(KeyAnswer::Unavailable(why)) => {
                let refusal =
                    Refusal::keys_unavailable("the issuer's keys cannot be had at the moment");
                self.failed("key", format!("{kid}: {why}"), WANTED_KEY, refusal);
            }
            _ => {
                let refusal = Refusal::invalid_token(
                    Diagnosis::KidUnknown,
                    "the issuer does not publish the token's key",
                );
                self.failed("key", format!("{kid}: not published"), WANTED_KEY, refusal);
            }
        }
    }

    /// The signature stays unverified because of an earlier failure, which is the refusal.
    fn unverified(&mut self) {
        let refusal =
            Refusal::invalid_token(Diagnosis::BadSignature, "the signature is unverified");
        self.failed("signature", "not verified", "fits", refusal);
    }

    fn stale(&mut self, issuer: &str, kid: &str) {
        self.keys_wanted = Some(KeysWanted {
            issuer: issuer.to_owned(),
            kid: kid.to_owned(),
        });
        self.note(
            Diagnosis::OkStale,
            "the issuer's keys are overdue for a refresh",
        );
    }
}

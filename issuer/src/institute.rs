//! Signing in with a home institute: this issuer as the client of other providers (OpenID Connect Core §3.1).
//!
//! [`Journey`] and [`Journey::end`] decide, without sockets; the line to a provider asks: discovery, the token endpoint, keys,
//! userinfo. What a provider says counts only after every check, and the checks are told to the journal.

mod line;

use aws_lc_rs::digest;
use carnet_profile::jose::base64url;
use url::Url;

use crate::config::IdentityProvider;
use crate::form::Form;
use crate::issuer::{CheckRecord, check};

pub(crate) use line::Line;

/// A person on the way to an institute and back: kept in the session, good for one return.
#[derive(Clone, Debug)]
pub struct Journey {
    /// The provider's issuer string.
    pub provider: String,
    /// Must come back with the code.
    pub state: String,
    /// Must come back in the ID token.
    pub nonce: String,
    /// Proves to the provider that the code comes from who asked for it (RFC 7636).
    pub verifier: String,
}

/// Somebody whom an institute knows and this organisation does not.
#[derive(Clone, Debug)]
pub struct Stranger {
    /// What the institute is called.
    pub institute: String,
    /// Its issuer string.
    pub issuer: String,
    /// The subject there.
    pub subject: String,
    /// The name there, when it was told.
    pub name: Option<String>,
    /// The mail address there, when it was told.
    pub email: Option<String>,
}

/// What a return was looked at for, and how it ended.
#[derive(Debug)]
pub struct Return {
    /// Every check.
    pub checks: Vec<CheckRecord>,
    /// The code, or a sentence for the person.
    pub outcome: Result<String, String>,
}

impl Journey {
    /// Where the browser goes (OpenID Connect Core §3.1.2.1).
    pub fn begin(
        &self,
        endpoint: &str,
        provider: &IdentityProvider,
        redirect_uri: &str,
    ) -> Option<String> {
        let mut url = Url::parse(endpoint).ok()?;
        let challenge = base64url(digest::digest(&digest::SHA256, self.verifier.as_bytes()));
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", &provider.client_id),
            ("redirect_uri", redirect_uri),
            ("scope", &provider.scope),
            ("state", &self.state),
            ("nonce", &self.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        Some(url.into())
    }

    /// Looks at what a browser brings back: is it the answer to this journey, and is it a good one? (RFC 6749 §10.12,
    /// RFC 9207 §2.4)
    pub fn end(journey: Option<&Self>, name: &str, said: &Form) -> Return {
        let mut checks = Vec::new();
        let outcome = Self::look(journey, name, said, &mut checks);
        Return { checks, outcome }
    }

    fn look(
        journey: Option<&Self>,
        name: &str,
        said: &Form,
        checks: &mut Vec<CheckRecord>,
    ) -> Result<String, String> {
        let Some(journey) = journey else {
            checks.push(check(
                "session",
                false,
                "no sign-in under way",
                "one that began here",
            ));
            return Err("This sign-in did not begin in this browser, or it has already been used. Please begin again.".into());
        };
        let state = said.filled("state");
        let fits = state == Some(journey.state.as_str());
        let saw = match state {
            Some(_) if fits => "the one that was sent",
            Some(_) => "another one",
            None => "none",
        };
        checks.push(check("state", fits, saw, "the one that was sent"));
        if !fits {
            return Err("The answer does not belong to the sign-in that began in this browser. Please begin again.".into());
        }
        if let Some(iss) = said.filled("iss") {
            let own = iss == journey.provider;
            checks.push(check("iss", own, iss, journey.provider.as_str()));
            if !own {
                return Err(format!("The answer is not from {name} but from {iss}."));
            }
        }
        if let Some(error) = said.filled("error") {
            let text = said.filled("error_description").unwrap_or_default();
            let colon = if text.is_empty() { "" } else { ": " };
            checks.push(check(
                "answer",
                false,
                format!("{error}{colon}{text}"),
                "a code",
            ));
            return Err(format!("{name} refused: {error}{colon}{text}"));
        }
        let code = said.filled("code");
        checks.push(check(
            "answer",
            code.is_some(),
            code.map_or("nothing", |_| "a code"),
            "a code",
        ));
        code.map(str::to_owned)
            .ok_or_else(|| format!("{name} sent neither a code nor an error."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journey() -> Journey {
        Journey {
            provider: "https://idp.example".into(),
            state: "st".into(),
            nonce: "no".into(),
            verifier: "ve".into(),
        }
    }

    #[test]
    fn a_return_is_good_once_everything_fits() {
        let journey = journey();
        for (on_the_way, query, want) in [
            (true, "state=st&code=c", Ok("c")),
            (true, "state=st&code=c&iss=https://idp.example", Ok("c")),
            (
                true,
                "state=st&code=c&iss=https://evil.example",
                Err("not from the lab but from"),
            ),
            (true, "state=st&code=", Err("neither a code nor an error")),
            (true, "state=other&code=c", Err("does not belong")),
            (true, "state=&code=c", Err("does not belong")),
            (true, "code=c", Err("does not belong")),
            (
                true,
                "state=st&error=access_denied&error_description=no",
                Err("the lab refused: access_denied: no"),
            ),
            (
                true,
                "state=st&error=server_error&code=c",
                Err("the lab refused: server_error"),
            ),
            (true, "error=access_denied", Err("does not belong")),
            (
                false,
                "state=st&code=c",
                Err("did not begin in this browser"),
            ),
        ] {
            let pairs = form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect();
            let end = Journey::end(
                on_the_way.then_some(&journey),
                "the lab",
                &Form::from_pairs(pairs),
            );
            match (want, &end.outcome) {
                (Ok(code), Ok(got)) => assert_eq!(got, code, "{query}"),
                (Err(text), Err(why)) => assert!(why.contains(text), "{query}: {why}"),
                other => panic!("{query}: {other:?}"),
            }
            assert_eq!(
                end.checks.iter().all(|c| c.ok),
                end.outcome.is_ok(),
                "{query}"
            );
        }
    }

    #[test]
    fn the_request_carries_what_must_come_back_and_never_the_verifier() {
        let provider = IdentityProvider {
            name: "the lab".into(),
            issuer: "https://idp.example".into(),
            client_id: "iam".into(),
            client_secret: "secret".into(),
            scope: "openid".into(),
        };
        let url = journey()
            .begin(
                "https://idp.example/authorize?x=1",
                &provider,
                "https://iam.example/back",
            )
            .unwrap();
        for part in [
            "x=1",
            "state=st",
            "nonce=no",
            "code_challenge_method=S256",
            "response_type=code",
        ] {
            assert!(url.contains(part), "{part} in {url}");
        }
        assert!(!url.contains("=ve") && !url.contains("secret"), "{url}");
        assert_eq!(journey().begin("no address", &provider, "x"), None);
    }
}

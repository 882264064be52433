//! What a service asks when it sends a person here, and what is wrong with it (RFC 6749 §4.1.1, RFC 7636 §4.3,
//! OpenID Connect Core §3.1.2). Pure.

use crate::config::{ClientConfig, Config};

/// A request that can be granted once the person has logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The service.
    pub client_id: String,
    /// Where the answer goes.
    pub redirect_uri: String,
    /// Goes back as it came.
    pub state: Option<String>,
    /// Goes into the ID token.
    pub nonce: Option<String>,
    /// Scopes that are known here.
    pub scope: Vec<String>,
    /// PKCE challenge (S256).
    pub challenge: String,
    /// The person must type the password again.
    pub login: bool,
    /// Oldest login that will do, in seconds.
    pub max_age: Option<i64>,
    /// The person must not be asked anything.
    pub silent: bool,
}

/// What is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nobody can be told but the person: it is not known where the answer may go (RFC 6749 §4.1.2.1).
    Page(String),
    /// The service is told by redirect.
    Back(Back, &'static str, String),
}

/// Where an error goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Back {
    /// The service's address.
    pub redirect_uri: String,
    /// Its state.
    pub state: Option<String>,
}

impl Asked {
    /// Whether somebody who has logged in then need not do so again (OpenID Connect Core §3.1.2.1; `max_age=0` is
    /// `prompt=login`).
    pub fn takes_login_of(&self, then: i64, now: i64) -> bool {
        !self.login && self.max_age.is_none_or(|age| age > 0 && now - then <= age)
    }

    /// Where an answer goes.
    pub fn back(&self) -> Back {
        Back {
            redirect_uri: self.redirect_uri.clone(),
            state: self.state.clone(),
        }
    }
}

/// The client of that id.
pub fn client<'a>(config: &'a Config, id: &str) -> Option<&'a ClientConfig> {
    config.clients.iter().find(|client| client.client_id == id)
}

/// Checks a request; `get` gives a parameter's first value that is not empty.
pub fn check<'f>(config: &Config, get: impl Fn(&str) -> Option<&'f str>) -> Result<Asked, Fault> {
    let id =
        get("client_id").ok_or_else(|| Fault::Page("The request names no client_id.".into()))?;
    let client = client(config, id)
        .ok_or_else(|| Fault::Page(format!("No service is registered as {id}.")))?;
    let redirect_uri = get("redirect_uri")
        .ok_or_else(|| Fault::Page("The request names no redirect_uri.".into()))?;
    if !client
        .redirect_uris
        .iter()
        .any(|known| known == redirect_uri)
    {
        let known = client.redirect_uris.join(", ");
        return Err(Fault::Page(format!(
            "{} has not registered the address {redirect_uri}; it has: {known}",
            client.shown_name()
        )));
    }
    let back = Back {
        redirect_uri: redirect_uri.to_owned(),
        state: get("state").map(str::to_owned),
    };
    let wrong = |error, text: &str| Err(Fault::Back(back.clone(), error, text.to_owned()));
    if get("response_type") != Some("code") {
        return wrong(
            "unsupported_response_type",
            "The only response_type here is code.",
        );
    }
    let scope: Vec<String> = get("scope")
        .unwrap_or_default()
        .split_ascii_whitespace()
        .filter(|s| ["openid", "profile", "email"].contains(s))
        .map(str::to_owned)
        .collect();
    if !scope.iter().any(|s| s == "openid") {
        return wrong("invalid_scope", "The scope must contain openid.");
    }
    let Some(challenge) = get("code_challenge") else {
        return wrong(
            "invalid_request",
            "A code_challenge must be sent (RFC 7636).",
        );
    };
    if get("code_challenge_method") != Some("S256") {
        return wrong("invalid_request", "code_challenge_method must be S256.");
    }
    let prompt = get("prompt").unwrap_or_default();
    let (login, silent) = (
        prompt.split(' ').any(|p| p == "login"),
        prompt.split(' ').any(|p| p == "none"),
    );
    if silent && prompt != "none" {
        return wrong("invalid_request", "prompt=none goes with no other prompt.");
    }
    let max_age = match get("max_age").map(seconds) {
        None => None,
        Some(Some(age)) => Some(age),
        Some(None) => return wrong("invalid_request", "max_age must be a number of seconds."),
    };
    Ok(Asked {
        client_id: id.to_owned(),
        redirect_uri: back.redirect_uri,
        state: back.state,
        nonce: get("nonce").map(str::to_owned),
        scope,
        challenge: challenge.to_owned(),
        login,
        max_age,
        silent,
    })
}

fn seconds(text: &str) -> Option<i64> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 8] = [
        ("response_type", "code"),
        ("client_id", "iam"),
        ("redirect_uri", "https://iam.example/back"),
        ("scope", "openid profile cats"),
        ("state", "s"),
        ("nonce", "n"),
        ("code_challenge", "c"),
        ("code_challenge_method", "S256"),
    ];

    fn checked(change: &[(&str, &str)]) -> Result<Asked, Fault> {
        let config = Config {
            clients: vec![ClientConfig {
                client_id: "iam".into(),
                client_secret: "secret".into(),
                client_name: Some("The issuer".into()),
                redirect_uris: vec!["https://iam.example/back".into()],
            }],
            ..Config::default()
        };
        check(&config, |name| {
            let changed = change.iter().find(|(n, _)| *n == name);
            let value = changed.or_else(|| GOOD.iter().find(|(n, _)| *n == name));
            value.map(|(_, v)| *v).filter(|v| !v.is_empty())
        })
    }

    #[test]
    fn a_good_request_is_kept_as_asked() {
        let asked = checked(&[]).unwrap();
        assert_eq!(asked.scope, ["openid", "profile"]);
        assert_eq!(
            (asked.state.as_deref(), asked.nonce.as_deref()),
            (Some("s"), Some("n"))
        );
        assert_eq!((asked.login, asked.silent), (false, false));
        assert!(checked(&[("prompt", "login")]).unwrap().login);
        assert!(checked(&[("prompt", "none")]).unwrap().silent);
    }

    #[test]
    fn how_old_a_login_may_be() {
        for (name, value, age, wants) in [
            ("max_age", "", 1_000, true),
            ("max_age", "60", 60, true),
            ("max_age", "60", 61, false),
            ("max_age", "0", 0, false),
            ("max_age", "99999999999999999999", 1_000, true),
            ("prompt", "login", 0, false),
        ] {
            let asked = checked(&[(name, value)]).unwrap();
            assert_eq!(asked.takes_login_of(0, age), wants, "{name}={value} {age}");
        }
    }

    #[test]
    fn an_address_that_cannot_be_trusted_is_told_nothing() {
        for (name, value, want) in [
            ("client_id", "", "names no client_id"),
            ("client_id", "nobody", "No service is registered as nobody."),
            ("redirect_uri", "", "names no redirect_uri"),
            (
                "redirect_uri",
                "https://iam.example/back/",
                "has not registered",
            ),
            (
                "redirect_uri",
                "https://iam.example/back?x=1",
                "has not registered",
            ),
            (
                "redirect_uri",
                "https://evil.example/back",
                "has not registered",
            ),
        ] {
            let Err(Fault::Page(text)) = checked(&[(name, value)]) else {
                panic!("{name}={value} must end on a page");
            };
            assert!(text.contains(want), "{text}");
        }
    }

    #[test]
    fn the_service_is_told_what_else_is_wrong() {
        for (name, value, want) in [
            ("response_type", "token", "unsupported_response_type"),
            ("response_type", "", "unsupported_response_type"),
            ("scope", "profile", "invalid_scope"),
            ("scope", "", "invalid_scope"),
            ("code_challenge", "", "invalid_request"),
            ("code_challenge_method", "", "invalid_request"),
            ("code_challenge_method", "plain", "invalid_request"),
            ("prompt", "none login", "invalid_request"),
            ("max_age", "x", "invalid_request"),
            ("max_age", "-1", "invalid_request"),
        ] {
            let Err(Fault::Back(back, error, _)) = checked(&[(name, value)]) else {
                panic!("{name}={value} must go back");
            };
            assert_eq!(
                (error, back.state.as_deref()),
                (want, Some("s")),
                "{name}={value}"
            );
        }
    }
}

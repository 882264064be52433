//! What FTS says to an issuer's token endpoint, and what it understands of the answer (FTS page §3.3, §3.4; flow A6, A9).

use serde_json::Value;

use crate::config::{Config, StorageTokens};
use crate::reason::status_text;
use crate::surl::Surl;
use crate::tokens::{Granted, Secret, TokenRow};

/// A storage token that is to be made of a submit token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Audience, space separated.
    pub audience: String,
    /// Scope.
    pub scope: String,
}

/// What the subject of an exchange is, as far as the choice of scopes goes.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Its `scope`.
    pub scope: &'a str,
    /// It carries `wlcg.groups`.
    pub has_groups: bool,
}

impl Subject<'_> {
    /// Flow B: rights come from groups, so the scopes are kept; flow A: rights come from new scopes.
    fn is_group_based(self) -> bool {
        self.has_groups
            && !self
                .scope
                .split_whitespace()
                .any(|one| one.starts_with("storage."))
    }
}

/// The storage tokens of one transfer in the token model `seed`: for the source, and for the destination when it has
/// its own.
pub fn wanted(
    config: &Config,
    subject: Subject<'_>,
    source: &Surl,
    destination: &Surl,
) -> (Wanted, Option<Wanted>) {
    let own = || {
        let kept = subject
            .scope
            .split_whitespace()
            .filter(|one| *one != "offline_access");
        kept.chain(["offline_access"]).collect::<Vec<_>>().join(" ")
    };
    let scope = |configured: &str| {
        let scope = if subject.is_group_based() {
            own()
        } else {
            configured.to_owned()
        };
        if config.refresh {
            return scope;
        }
        scope
            .split_whitespace()
            .filter(|one| *one != "offline_access")
            .collect::<Vec<_>>()
            .join(" ")
    };
    let audience = |default: String| config.exchange.audience.clone().unwrap_or(default);
    let (from, to) = (
        audience_of(config, source),
        audience_of(config, destination),
    );
    match config.storage_tokens {
        StorageTokens::One => {
            let both = if from == to {
                from
            } else {
                format!("{from} {to}")
            };
            (
                Wanted {
                    audience: audience(both),
                    scope: scope(&config.exchange.scope),
                },
                None,
            )
        }
        StorageTokens::Two => (
            Wanted {
                audience: audience(from),
                scope: scope(&config.exchange.source_scope),
            },
            Some(Wanted {
                audience: audience(to),
                scope: scope(&config.exchange.destination_scope),
            }),
        ),
    }
}

fn audience_of(config: &Config, surl: &Surl) -> String {
    config
        .exchange
        .audiences
        .get(&surl.place())
        .cloned()
        .unwrap_or_else(|| surl.audience())
}

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const TYPE_ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";
const TYPE_REFRESH: &str = "urn:ietf:params:oauth:token-type:refresh_token";

/// The exchange of flows A6 and B5: no token types, form encoded.
pub fn seed_exchange(row: &TokenRow) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", EXCHANGE)
        .append_pair("subject_token", row.access.reveal());
    if !row.audience.is_empty() {
        form.append_pair("audience", &row.audience);
    }
    form.append_pair("scope", &row.scope).finish()
}

/// The refresh of flow A9: scope and audience stay those of the refresh token.
pub fn seed_refresh(refresh: &Secret) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "refresh_token")
        .append_pair("refresh_token", refresh.reveal())
        .finish()
}

/// The exchange of the real daemon, put together without any encoding.
pub fn real_exchange(row: &TokenRow) -> String {
    let scope = if row
        .scope
        .split_whitespace()
        .any(|one| one == "offline_access")
    {
        row.scope.clone()
    } else {
        format!("{} offline_access", row.scope)
    };
    let mut form = format!(
        "grant_type={EXCHANGE}&requested_token_type={TYPE_REFRESH}&subject_token_type={TYPE_ACCESS}\
         &subject_token={}&scope={scope}",
        row.access.reveal()
    );
    if !row.audience.is_empty() {
        form.push_str("&audience=");
        form.push_str(&row.audience);
    }
    form
}

/// The refresh of the real daemon, put together without any encoding.
pub fn real_refresh(row: &TokenRow, refresh: &Secret) -> String {
    let mut form = format!(
        "grant_type=refresh_token&refresh_token={}&scope={}",
        refresh.reveal(),
        row.scope
    );
    if !row.audience.is_empty() {
        form.push_str("&audience=");
        form.push_str(&row.audience);
    }
    form
}

/// What must be in a good answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// An exchange of the real daemon: it is made for the refresh token.
    RefreshToken,
    /// A refresh, or an exchange whose access token is wanted.
    AccessToken,
}

/// What an issuer's answer means. The error is the text that ends up in the file's reason and the token's row.
pub fn understand(status: u16, body: &[u8], needs: Needs) -> Result<Granted, String> {
    if status != 200 {
        return Err(refusal(status, body));
    }
    let Ok(Value::Object(answer)) = serde_json::from_slice::<Value>(body) else {
        return Err(
            "* Line 1, Column 1\n  Syntax error: value, object or array expected.\n".into(),
        );
    };
    let text = |name: &str| {
        answer
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let missing = match needs {
        Needs::RefreshToken if text("refresh_token").is_none() => Some("refresh_token"),
        Needs::AccessToken if text("access_token").is_none() => Some("access_token"),
        _ => None,
    };
    if let Some(missing) = missing {
        return Err(format!("Response JSON did not contain {missing} key"));
    }
    Ok(Granted {
        access: text("access_token").map(Secret::new),
        refresh: text("refresh_token").map(Secret::new),
        expires_in: answer.get("expires_in").and_then(|value| {
            value
                .as_i64()
                .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
        }),
        scope: text("scope").map(str::to_owned),
    })
}

fn refusal(status: u16, body: &[u8]) -> String {
    if (200..300).contains(&status) {
        return "Token workflow request failed (no additional info could be provided)".into();
    }
    if (300..400).contains(&status) {
        return "Could not find Location header in answer headers".into();
    }
    let answer = serde_json::from_slice::<Value>(body).unwrap_or_default();
    match (
        answer.get("error").and_then(Value::as_str),
        answer.get("error_description").and_then(Value::as_str),
    ) {
        (Some(error), Some(description)) => format!("[{error}]: {description}"),
        _ => status_text(status),
    }
}

/// Takes out of an issuer's words what must not be shown: tokens keep five characters at each end, the client id none.
pub fn discreet(message: &str, tokens: &[&str], client_id: &str) -> String {
    let mut message = message.to_owned();
    for token in tokens
        .iter()
        .filter(|token| token.len() > 12 && token.is_ascii())
    {
        let short = format!("{}...{}", &token[..5], &token[token.len() - 5..]);
        message = message.replace(token, &short);
    }
    replace_name(&message, client_id, "<FTS client ID>")
}

/// Replaces `name` where it stands for itself, not as a part of a longer name: client `fts`, not `fts:submit-transfer`.
fn replace_name(text: &str, name: &str, with: &str) -> String {
    if name.is_empty() {
        return text.to_owned();
    }
    let inner = |c: char| c.is_alphanumeric() || matches!(c, ':' | '-' | '_' | '.' | '/');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(name) {
        let (before, tail) = rest.split_at(at);
        let after = tail.get(name.len()..).unwrap_or_default();
        let alone = !out
            .chars()
            .chain(before.chars())
            .next_back()
            .is_some_and(inner)
            && !after.starts_with(|c: char| inner(c) && c != '.');
        out.push_str(before);
        out.push_str(if alone { with } else { name });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The reason of a file whose token could not be exchanged; it says "source" for both sides, as the real server does.
pub fn exchange_reason(message: &str) -> String {
    format!("[TokenExchange] Failed to get refresh token for source token: {message}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::TokenState;

    fn surls() -> (Surl, Surl) {
        (
            Surl::parse("https://se1.example/example/file").unwrap(),
            Surl::parse("davs://se2.example:443/example/file").unwrap(),
        )
    }

    fn row(audience: &str, scope: &str) -> TokenRow {
        TokenRow {
            id: "t".into(),
            access: Secret::new("T1"),
            expiry: None,
            refresh: None,
            issuer: "https://iam.example/".into(),
            scope: scope.into(),
            audience: audience.into(),
            state: TokenState::Waiting,
            attempts: 0,
            retry_at: None,
            message: None,
        }
    }

    const RUCIO: Subject<'_> = Subject {
        scope: "fts:submit-transfer",
        has_groups: false,
    };
    const USER: Subject<'_> = Subject {
        scope: "openid offline_access wlcg.groups",
        has_groups: true,
    };

    #[test]
    fn the_exchange_asks_what_the_flows_ask() {
        let (from, to) = surls();
        let both = "https://se1.example https://se2.example";
        let one = Config::default();
        let two = Config {
            storage_tokens: StorageTokens::Two,
            ..Config::default()
        };
        let short = Config {
            refresh: false,
            ..Config::default()
        };
        let mut slip = Config::default();
        slip.exchange
            .audiences
            .insert("se2.example".into(), "https://se2/example".into());
        let literal = Config {
            exchange: crate::config::ExchangeConfig {
                audience: Some("https://se1.example".into()),
                ..Default::default()
            },
            ..Config::default()
        };
        type Case<'a> = (
            &'a str,
            &'a Config,
            Subject<'a>,
            (&'a str, &'a str),
            Option<(&'a str, &'a str)>,
        );
        let cases: [Case<'_>; 7] = [
            (
                "A6",
                &one,
                RUCIO,
                (both, "storage.read:/ storage.create:/ offline_access"),
                None,
            ),
            (
                "B5",
                &one,
                USER,
                (both, "openid wlcg.groups offline_access"),
                None,
            ),
            (
                "A6, two tokens",
                &two,
                RUCIO,
                ("https://se1.example", "storage.read:/ offline_access"),
                Some(("https://se2.example", "storage.create:/ offline_access")),
            ),
            (
                "B5, two tokens",
                &two,
                USER,
                ("https://se1.example", "openid wlcg.groups offline_access"),
                Some(("https://se2.example", "openid wlcg.groups offline_access")),
            ),
            (
                "no refresh token",
                &short,
                RUCIO,
                (both, "storage.read:/ storage.create:/"),
                None,
            ),
            (
                "did you mean",
                &slip,
                RUCIO,
                (
                    "https://se1.example https://se2/example",
                    "storage.read:/ storage.create:/ offline_access",
                ),
                None,
            ),
            (
                "literal audience",
                &literal,
                RUCIO,
                (
                    "https://se1.example",
                    "storage.read:/ storage.create:/ offline_access",
                ),
                None,
            ),
        ];
        for (name, config, subject, source, destination) in cases {
            let pair = |(audience, scope): (&str, &str)| Wanted {
                audience: audience.into(),
                scope: scope.into(),
            };
            let got = wanted(config, subject, &from, &to);
            assert_eq!(got, (pair(source), destination.map(pair)), "{name}");
        }
    }

    #[test]
    fn forms_are_those_of_the_recordings() {
        let row = row(
            "https://se1.example https://se2.example",
            "storage.read:/ storage.create:/ offline_access",
        );
        assert_eq!(
            seed_exchange(&row),
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=T1\
             &audience=https%3A%2F%2Fse1.example+https%3A%2F%2Fse2.example\
             &scope=storage.read%3A%2F+storage.create%3A%2F+offline_access"
        );
        assert_eq!(
            seed_refresh(&Secret::new("R1")),
            "grant_type=refresh_token&refresh_token=R1"
        );
        assert_eq!(
            real_exchange(&self::row("https://se1.example", "storage.read:/")),
            "grant_type=urn:ietf:params:oauth:grant-type:token-exchange\
             &requested_token_type=urn:ietf:params:oauth:token-type:refresh_token\
             &subject_token_type=urn:ietf:params:oauth:token-type:access_token\
             &subject_token=T1&scope=storage.read:/ offline_access&audience=https://se1.example"
        );
        assert_eq!(
            real_refresh(
                &self::row("https://se1.example", "storage.read:/ offline_access"),
                &Secret::new("R1")
            ),
            "grant_type=refresh_token&refresh_token=R1&scope=storage.read:/ offline_access&audience=https://se1.example"
        );
    }

    #[test]
    fn answers_mean_what_the_real_daemon_makes_of_them() {
        let oops = "* Line 1, Column 1\n  Syntax error: value, object or array expected.\n";
        let cases: &[(u16, &str, &str)] = &[
            (
                400,
                r#"{"error":"invalid_grant","error_description":"Token expired"}"#,
                "[invalid_grant]: Token expired",
            ),
            (
                403,
                r#"{"error":"access_denied","error_description":"No policy found authorizing this exchange"}"#,
                "[access_denied]: No policy found authorizing this exchange",
            ),
            (
                401,
                r#"{"error":"invalid_client"}"#,
                "HTTP 401 : Authentication Error ",
            ),
            (429, "slow down", "HTTP 429 : Unexpected server error: 429 "),
            (502, "<html>", "HTTP 502 : Unexpected server error: 502 "),
            (503, "", "HTTP 503 : Unexpected server error: 503 "),
            (504, "", "HTTP 504 : Operation timeout "),
            (404, "", "HTTP 404 : File not found "),
            (
                200,
                r#"{"access_token":"A"}"#,
                "Response JSON did not contain refresh_token key",
            ),
            (200, "hello", oops),
            (200, "", oops),
            (
                201,
                r#"{"access_token":"A","refresh_token":"R"}"#,
                "Token workflow request failed (no additional info could be provided)",
            ),
            (302, "", "Could not find Location header in answer headers"),
        ];
        for (status, body, wanted) in cases {
            let got = understand(*status, body.as_bytes(), Needs::RefreshToken);
            assert_eq!(got, Err((*wanted).to_owned()), "{status} {body}");
        }
        let good = r#"{"access_token":"A","refresh_token":"R","expires_in":3599,"scope":"storage.read:/"}"#;
        let granted = understand(200, good.as_bytes(), Needs::RefreshToken).unwrap();
        assert_eq!(
            (granted.expires_in, granted.refresh),
            (Some(3599), Some(Secret::new("R")))
        );
        assert!(
            understand(200, br#"{"access_token":"A"}"#, Needs::AccessToken)
                .unwrap()
                .refresh
                .is_none()
        );
        assert!(understand(200, br#"{"refresh_token":"A"}"#, Needs::AccessToken).is_err());
    }

    #[test]
    fn tokens_and_the_client_id_stay_out_of_reasons() {
        let message = "[invalid_token]: Access token for value eyJraWQiOiJyc2ExU3j6Q of fts.example was not found";
        assert_eq!(
            discreet(message, &["eyJraWQiOiJyc2ExU3j6Q"], "fts.example"),
            "[invalid_token]: Access token for value eyJra...U3j6Q of <FTS client ID> was not found"
        );
        for (text, client, wanted) in [
            (
                "Scope 'fts:submit-transfer' not allowed for client 'fts'",
                "fts",
                "Scope 'fts:submit-transfer' not allowed for client '<FTS client ID>'",
            ),
            (
                "Bad credentials for fts.",
                "fts",
                "Bad credentials for <FTS client ID>.",
            ),
            ("drafts", "fts", "drafts"),
        ] {
            assert_eq!(discreet(text, &[], client), wanted);
        }
    }
}

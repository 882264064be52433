//! What an exchange is for, read off its method, path and parameters, and what its answer says.

mod answer;

pub use answer::answer;

use crate::{facts, mask::short_jti, words};
use carnet_stage::Exchange;

/// One sentence, the sender being the subject that is left out: "asks for a token in its own name: …".
///
/// `None` when the paths of issuer, Rucio, FTS and storage element do not tell.
pub fn purpose(exchange: &Exchange) -> Option<String> {
    let path = facts::path(&exchange.url);
    issuer(exchange, path)
        .or_else(|| rucio(exchange, path))
        .or_else(|| fts(exchange, path))
        .or_else(|| storage(exchange))
}

/// Discovery documents and keys: needed, and dull. Views fold them into one line.
pub fn is_background(exchange: &Exchange) -> bool {
    let path = facts::path(&exchange.url);
    exchange.method == "GET"
        && (path.contains("/.well-known/") || path.ends_with("/jwk") || path.ends_with("/jwks"))
}

/// Questions that are asked again until something has happened: polls of jobs, rules and device codes.
pub fn is_poll(exchange: &Exchange) -> bool {
    let path = facts::path(&exchange.url);
    match exchange.method.as_str() {
        "GET" => path.starts_with("/jobs/") || path.starts_with("/rules/"),
        "POST" => facts::form(exchange)
            .iter()
            .any(|(key, value)| key == "grant_type" && value.ends_with(":device_code")),
        _ => false,
    }
}

fn issuer(exchange: &Exchange, path: &str) -> Option<String> {
    let form = facts::form(exchange);
    let field = |name: &str| {
        form.iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    let said = |text: &str| Some(text.to_owned());
    match (exchange.method.as_str(), path) {
        ("GET", path) if path.ends_with("/.well-known/openid-configuration") => {
            said("reads the discovery document: endpoints, grants, keys")
        }
        ("GET", path) if path.ends_with("/jwk") || path.ends_with("/jwks") => {
            said("fetches the keys that tokens are signed with")
        }
        ("POST", path) if path.ends_with("/token") && field("grant_type").is_some() => Some(grant(
            exchange,
            field("grant_type").unwrap_or_default(),
            &form,
        )),
        ("POST", path) if path.ends_with("/devicecode") => Some(format!(
            "starts the device flow for a person with a browser elsewhere{}",
            wishes(&form)
        )),
        ("GET" | "POST", path) if path.ends_with("/device") || path.contains("/device/") => {
            said("the person enters the user code and agrees")
        }
        ("POST", path) if path.ends_with("/authorize") || path.ends_with("/approve") => {
            said("the person answers the consent page")
        }
        ("GET", path) if path.ends_with("/authorize") => Some(format!(
            "sends the person's browser to log in and to consent{}",
            wishes(&form)
        )),
        ("GET" | "POST", path) if path.ends_with("/login") => said("the person logs in"),
        ("GET", path) if path.ends_with("/openid_connect_login") => {
            said(if field("code").is_some() {
                "the person comes back from the home institute"
            } else if field("error").is_some() {
                "the person comes back from the home institute, which refused"
            } else {
                "the person chooses the home institute"
            })
        }
        ("GET", path) if path.ends_with("/userinfo") => said("asks who the token speaks for"),
        ("POST", path) if path.ends_with("/introspect") => {
            said("asks the issuer whether a token is still good")
        }
        ("POST", path) if path.ends_with("/revoke") => said("gives a token up"),
        ("POST", path) if path.ends_with("/register") => said("registers a client"),
        (_, path) if path.starts_with("/scim/") => said("reads or changes users and groups"),
        _ => None,
    }
}

fn grant(exchange: &Exchange, grant: &str, form: &[(String, String)]) -> String {
    let wishes = wishes(form);
    match grant {
        "client_credentials" => format!("asks for a token in its own name{wishes}"),
        "urn:ietf:params:oauth:grant-type:token-exchange" => {
            let subject = exchange
                .tokens
                .iter()
                .find(|used| used.place == "subject_token");
            let subject = subject.map_or_else(
                || "the token it was given".to_owned(),
                |used| short_jti(&used.jti),
            );
            format!("exchanges {subject} for a token of its own{wishes}")
        }
        "refresh_token" if wishes.is_empty() => {
            "asks for a fresh access token with its refresh token".to_owned()
        }
        "refresh_token" => format!("asks for a fresh access token with its refresh token{wishes}"),
        "authorization_code" => {
            let proof = if form.iter().any(|(key, _)| key == "code_verifier") {
                ", with the PKCE proof"
            } else {
                ""
            };
            format!("turns the authorization code into tokens{proof}")
        }
        "urn:ietf:params:oauth:grant-type:device_code" => {
            "asks whether the person has agreed yet".to_owned()
        }
        "password" => format!("asks for a token with a user name and a password{wishes}"),
        other => format!("asks for a token by the grant {other}{wishes}"),
    }
}

/// `: scope …; audience …`, as far as they were asked for.
fn wishes(form: &[(String, String)]) -> String {
    let parts: Vec<String> = ["scope", "audience", "resource"]
        .iter()
        .filter_map(|name| {
            let (_, value) = form
                .iter()
                .find(|(key, value)| key == name && !value.is_empty())?;
            Some(format!("{name} {value}"))
        })
        .collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!(": {}", parts.join("; "))
    }
}

fn rucio(exchange: &Exchange, path: &str) -> Option<String> {
    let said = |text: &str| Some(text.to_owned());
    match (exchange.method.as_str(), path.trim_end_matches('/')) {
        ("GET", "/auth/userpass") => said("logs in with a user name and a password"),
        ("GET", "/auth/validate") => said("checks its Rucio session"),
        ("GET" | "POST", path) if path.starts_with("/auth/") => said("logs in at Rucio"),
        ("POST", "/rules") => Some(rule(exchange)),
        ("GET", path) if path.starts_with("/rules/") => said("asks how the rule is doing"),
        ("DELETE", path) if path.starts_with("/rules/") => said("gives the rule up"),
        ("POST", path) if path == "/replicas" || path.starts_with("/replicas/") => {
            said("tells Rucio about replicas")
        }
        ("GET", path) if path.starts_with("/replicas/") => said("asks where the replicas are"),
        (_, path) if path.starts_with("/dids/") || path == "/dids" => {
            said("reads or declares a data identifier")
        }
        _ => None,
    }
}

fn rule(exchange: &Exchange) -> String {
    let Some(body) = facts::json(&exchange.request_body) else {
        return "asks for a rule".to_owned();
    };
    let names: Vec<String> = body["dids"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|did| {
            format!(
                "{}:{}",
                did["scope"].as_str().unwrap_or("?"),
                did["name"].as_str().unwrap_or("?")
            )
        })
        .collect();
    let copies = body["copies"].as_u64().unwrap_or(1) as usize;
    let place = body["rse_expression"].as_str().unwrap_or("?");
    let copies = if copies == 1 {
        "1 copy".to_owned()
    } else {
        format!("{copies} copies")
    };
    format!(
        "asks for a rule: {copies} of {} at {place}",
        words::list(&names)
    )
}

fn fts(exchange: &Exchange, path: &str) -> Option<String> {
    let said = |text: &str| Some(text.to_owned());
    match (exchange.method.as_str(), path.trim_end_matches('/')) {
        ("POST" | "PUT", "/jobs") => Some(job(exchange)),
        ("GET", path) if path.starts_with("/jobs/") => said("asks how the job is doing"),
        ("DELETE", path) if path.starts_with("/jobs/") => said("cancels the job"),
        ("GET", "/whoami") => said("asks whom FTS takes it for"),
        _ => None,
    }
}

fn job(exchange: &Exchange) -> String {
    let Some(body) = facts::json(&exchange.request_body) else {
        return "submits a transfer job".to_owned();
    };
    let files = body["files"].as_array().map_or(&[][..], Vec::as_slice);
    let first = |file: &serde_json::Value, name: &str| {
        file[name]
            .as_array()
            .and_then(|all| all.first())
            .and_then(|one| one.as_str())
            .unwrap_or("?")
            .to_owned()
    };
    match files {
        [] => "submits a transfer job without files".to_owned(),
        [one] => format!(
            "submits a transfer job: {} → {}",
            first(one, "sources"),
            first(one, "destinations")
        ),
        [one, ..] => format!(
            "submits a transfer job of {} files, the first {} → {}",
            files.len(),
            first(one, "sources"),
            first(one, "destinations")
        ),
    }
}

fn storage(exchange: &Exchange) -> Option<String> {
    let header = |name: &str| exchange.request_header(name);
    let path = facts::path(&exchange.url);
    let to = &exchange.to;
    Some(match exchange.method.as_str() {
        "COPY" => match (header("source"), header("destination")) {
            (Some(source), _) => {
                let pass = if header("transferheaderauthorization").is_some() {
                    "with a token to show there"
                } else {
                    "without a token to show there"
                };
                format!("tells {to} to fetch {source}, {pass}")
            }
            (None, Some(destination)) => format!("tells {to} to send it to {destination}"),
            (None, None) => format!("tells {to} to copy, but not from where or to where"),
        },
        "HEAD" if header("want-digest").is_some() => {
            format!("asks for the size and checksum of {path}")
        }
        "HEAD" => format!("asks for the size of {path}"),
        "GET" => format!("reads {path}"),
        "PUT" => format!("writes {path}"),
        "PROPFIND" => format!("looks at {path}"),
        "MKCOL" => format!("makes the folder {path}"),
        "DELETE" => format!("deletes {path}"),
        "MOVE" => format!("renames {path} to {}", header("destination").unwrap_or("?")),
        "OPTIONS" => "asks what the server can do".to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(method: &str, url: &str, body: &str) -> Exchange {
        let mut exchange = Exchange {
            method: method.into(),
            url: url.into(),
            to: "se2".into(),
            ..Exchange::default()
        };
        exchange.request_body.text = Some(body.into());
        exchange
    }

    #[test]
    fn what_a_request_is_for() {
        let token = "https://iam.example/token";
        for (method, url, body, why) in [
            (
                "POST",
                token,
                "grant_type=client_credentials&scope=fts",
                "asks for a token in its own name: scope fts",
            ),
            (
                "POST",
                token,
                "grant_type=refresh_token&refresh_token=…",
                "asks for a fresh access token with its refresh token",
            ),
            (
                "POST",
                token,
                "grant_type=authorization_code&code=…&code_verifier=…",
                "turns the authorization code into tokens, with the PKCE proof",
            ),
            (
                "GET",
                "https://iam.example/authorize?scope=openid&state=x",
                "",
                "sends the person's browser to log in and to consent: scope openid",
            ),
            (
                "GET",
                "https://iam.example/openid_connect_login?iss=https://idp.example",
                "",
                "the person chooses the home institute",
            ),
            (
                "GET",
                "https://iam.example/openid_connect_login?code=…&state=x",
                "",
                "the person comes back from the home institute",
            ),
            (
                "GET",
                "https://rucio.example/auth/userpass",
                "",
                "logs in with a user name and a password",
            ),
            (
                "GET",
                "https://fts.example/jobs/1",
                "",
                "asks how the job is doing",
            ),
            ("PROPFIND", "https://se2.example/a", "", "looks at /a"),
            (
                "COPY",
                "https://se2.example/a",
                "",
                "tells se2 to copy, but not from where or to where",
            ),
        ] {
            assert_eq!(
                purpose(&exchange(method, url, body)).as_deref(),
                Some(why),
                "{method} {url}"
            );
        }
        assert_eq!(purpose(&exchange("BREW", "https://pot.example/", "")), None);
    }

    #[test]
    fn what_an_answer_says() {
        for (status, challenge, body, says) in [
            (
                403,
                None,
                r#"{"error":"access_denied","error_description":"No policy"}"#,
                Some("access_denied: No policy"),
            ),
            (
                404,
                None,
                r#"{"ExceptionClass":"RuleNotFound","ExceptionMessage":"No rule"}"#,
                Some("RuleNotFound: No rule"),
            ),
            (
                403,
                None,
                r#"{"status":"403 Forbidden","message":"Not enough"}"#,
                Some("403 Forbidden: Not enough"),
            ),
            (
                401,
                Some(r#"Bearer error="invalid_token", error_description="expired""#),
                "",
                Some("invalid_token: expired"),
            ),
            (
                401,
                Some(r#"Bearer realm="se2""#),
                "",
                Some(r#"Bearer realm="se2""#),
            ),
            (500, None, "<html>", None),
            (500, None, "\nout of order\n", Some("out of order")),
            (200, None, "fine", None),
        ] {
            let mut answered = Exchange {
                status,
                ..exchange("GET", "https://se2.example/a", "")
            };
            answered.response_body.text = Some(body.into());
            answered
                .response_headers
                .extend(challenge.map(|value| ("WWW-Authenticate".to_owned(), value.to_owned())));
            assert_eq!(answer(&answered).as_deref(), says, "{status} {body}");
        }
    }
}

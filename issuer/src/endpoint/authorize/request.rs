//! An authorization request, looked at part by part before anybody is asked: client, address, login, proof key
//! (RFC 6749 §4.1.1, RFC 7636 §4.3, OpenID Connect Core §3.1.2.1; issuer page §2.5).

use std::sync::Arc;

use super::super::browser::Browser;
use crate::errors::Refusal;
use crate::form::Form;
use crate::issuer::Issuer;
use crate::quirks::Quirk;
use crate::store::Client;
use crate::store::clients::grants::AUTHORIZATION_CODE;

/// A percent sign that begins no escape, on which a servlet container gives up.
pub(super) fn has_broken_escape(query: &str) -> bool {
    query.split('%').skip(1).any(|rest| {
        let escape = rest.as_bytes().get(..2);
        !escape.is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit))
    })
}

/// What a strict issuer does not play, or cannot read (OpenID Connect Core §3.1.2.1, §6; OAuth 2.0 Multiple Response
/// Types §2.1): the metadata says so.
pub(super) fn not_supported(form: &Form) -> Option<(&'static str, &'static str)> {
    let objects = "Requests are read from parameters only.";
    let bad = "invalid_request";
    let prompts = || form.get("prompt").unwrap_or_default().split(' ');
    if form.filled("request").is_some() {
        Some(("request_not_supported", objects))
    } else if form.filled("request_uri").is_some() {
        Some(("request_uri_not_supported", objects))
    } else if form.get("response_mode").is_some_and(|m| m != "query") {
        Some((bad, "The only response_mode is query."))
    } else if prompts().any(|p| p == "none") && prompts().count() > 1 {
        Some((bad, "prompt=none goes with no other prompt."))
    } else if form
        .get("max_age")
        .is_some_and(|age| seconds(age).is_none())
    {
        Some((bad, "max_age must be a number of seconds, 0 or more."))
    } else {
        None
    }
}

/// A length of time in a parameter.
fn seconds(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(i64::MAX))
}

/// Whether the login that there is does not count: another one is asked for, or it is older than `max_age`, than which
/// 0 seconds everything is (OpenID Connect Core §3.1.2.1).
pub(super) fn wants_login(issuer: &Issuer, browser: &Browser, form: &Form) -> bool {
    let prompt = form.get("prompt").unwrap_or_default();
    let age = browser
        .session
        .user
        .as_ref()
        .map(|(_, at)| issuer.now() - at);
    let oldest = form.get("max_age").and_then(seconds);
    prompt.split(' ').any(|p| p == "login")
        || oldest == Some(0)
        || age.zip(oldest).is_some_and(|(age, oldest)| age > oldest)
}

/// The client that asks.
pub(super) fn client_of(issuer: &Issuer, form: &Form) -> Result<Arc<Client>, Refusal> {
    let Some(id) = form.filled("client_id") else {
        return Err(Refusal::new(
            401,
            "invalid_client",
            "A client id must be provided",
        ));
    };
    let unknown = || {
        Refusal::new(
            401,
            "invalid_client",
            format!("Client with id {id} was not found"),
        )
    };
    issuer
        .clients
        .get(id)
        .filter(|client| client.active || !issuer.rules.strict())
        .ok_or_else(unknown)
}

/// Where the answer will go: only where the client is registered for.
pub(super) fn redirect_uri(
    issuer: &Issuer,
    client: &Client,
    form: &Form,
) -> Result<String, Refusal> {
    if !client.may(AUTHORIZATION_CODE) {
        let text = "A redirect_uri can only be used by implicit or authorization_code grant types.";
        return Err(Refusal::bad("invalid_grant", text));
    }
    let registered = &client.redirect_uris;
    let Some(asked) = form.filled("redirect_uri") else {
        return match registered.as_slice() {
            [only] => Ok(only.clone()),
            _ => Err(Refusal::bad(
                "invalid_request",
                "A redirect_uri must be supplied.",
            )),
        };
    };
    let fits = |known: &String| {
        if asked == known {
            return true;
        }
        if issuer.rules.strict() {
            return loopback_without_port(asked)
                .is_some_and(|a| Some(a) == loopback_without_port(known));
        }
        // IAM ignores an added query; IAM 1.7 also a deeper path.
        let path = asked.split('?').next().unwrap_or_default();
        path == known
            || (issuer.rules.then()
                && path
                    .strip_prefix(known.as_str())
                    .is_some_and(|rest| rest.starts_with('/') && !rest.contains("..")))
    };
    if registered.iter().any(fits) {
        return Ok(asked.to_owned());
    }
    let text = if issuer.rules.then() {
        format!(
            "Invalid redirect: {asked} does not match one of the registered values: [{}]",
            registered.join(", ")
        )
    } else {
        "Invalid redirect uri does not match one of the registered values.".into()
    };
    Err(Refusal::bad("invalid_grant", text))
}

/// A loopback address's port may vary (RFC 8252 §7.3).
fn loopback_without_port(uri: &str) -> Option<(String, String)> {
    let url = url::Url::parse(uri).ok()?;
    let host = url
        .host_str()
        .filter(|host| matches!(*host, "127.0.0.1" | "[::1]"))?;
    Some((format!("{}://{host}", url.scheme()), url.path().to_owned()))
}

/// The PKCE challenge with its method. Strict: S256 only, and public clients must send one.
pub(super) fn challenge(
    issuer: &Issuer,
    client: &Client,
    form: &Form,
) -> Result<Option<(String, String)>, Refusal> {
    let strict = issuer.rules.strict();
    let Some(challenge) = form.filled("code_challenge") else {
        return if strict && form.get("code_challenge_method").is_some() {
            Err(Refusal::missing("code_challenge"))
        } else if strict && client.is_public() {
            Err(Refusal::bad(
                "invalid_request",
                "A public client must send code_challenge.",
            ))
        } else {
            Ok(None)
        };
    };
    let method = form.filled("code_challenge_method").unwrap_or("plain");
    if strict && method != "S256" {
        return Err(Refusal::bad(
            "invalid_request",
            "code_challenge_method must be S256.",
        ));
    }
    if !issuer.has(Quirk::Q46) && !matches!(method, "S256" | "plain") {
        return Err(Refusal::bad(
            "invalid_request",
            "The code_challenge_method is unknown.",
        ));
    }
    Ok(Some((challenge.to_owned(), method.to_owned())))
}

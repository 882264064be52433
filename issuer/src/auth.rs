//! Client authentication: Basic, form, assertions, and public clients (issuer page §2.0).

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::answer::header;
use crate::config::AuthMethod;
use crate::errors::{Refusal, Shape};
use crate::form::Form;
use crate::issuer::Issuer;
use crate::quirks::Quirk;
use crate::store::Client;

mod assertion;

/// `client_assertion_type` of RFC 7523.
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How a client was authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// HTTP Basic.
    Basic,
    /// Form fields.
    Form,
    /// An assertion.
    Assertion,
    /// Only its id.
    Public,
}

/// An authenticated client.
pub struct Caller {
    /// The client.
    pub client: Arc<Client>,
    /// How it proved who it is.
    pub means: Means,
}

/// Authenticates the client of a request. A strict issuer knows no suspended client at any endpoint.
pub fn authenticate(issuer: &Issuer, headers: &HeaderMap, form: &Form) -> Result<Caller, Refusal> {
    let caller = proven(issuer, headers, form)?;
    if issuer.rules.strict() && !caller.client.active {
        let text = format!("Client is suspended: {}", caller.client.id);
        return Err(Refusal::new(401, "invalid_client", text).dressed(Shape::Basic));
    }
    Ok(caller)
}

fn proven(issuer: &Issuer, headers: &HeaderMap, form: &Form) -> Result<Caller, Refusal> {
    if issuer.rules.strict() && headers.get_all(AUTHORIZATION).iter().nth(1).is_some() {
        let text = "There is more than one Authorization header.";
        return Err(Refusal::bad("invalid_request", text));
    }
    let basic = basic_credentials(issuer, headers)?;
    let sent = [
        basic.is_some(),
        form.filled("client_secret").is_some(),
        form.filled("client_assertion").is_some(),
    ];
    if issuer.rules.strict() && sent.into_iter().filter(|sent| *sent).count() > 1 {
        // RFC 6749 §2.3, §5.2.
        let text = "The client authenticates in more than one way.";
        return Err(Refusal::bad("invalid_request", text));
    }
    if let Some((id, secret)) = basic {
        if issuer.rules.then()
            && let Some(named) = form.get("client_id")
            && (named != id || form.get("client_secret").is_some_and(|s| s != secret))
        {
            return Err(form_refusal(issuer));
        }
        let client = by_secret(issuer, &id, &secret)
            .ok_or_else(|| basic_refusal(issuer, "Bad credentials"))?;
        method_fits(issuer, &client, AuthMethod::ClientSecretBasic)?;
        return Ok(Caller {
            client,
            means: Means::Basic,
        });
    }
    if form.filled("client_assertion").is_some() {
        let client = assertion::verify(issuer, form)?;
        return Ok(Caller {
            client,
            means: Means::Assertion,
        });
    }
    let Some(id) = form.get("client_id") else {
        return Err(nothing(issuer));
    };
    let Some(client) = issuer.clients.get(id) else {
        return Err(form_refusal(issuer));
    };
    let sent = form.filled("client_secret");
    if client.is_public() {
        return if sent.is_none() || !issuer.rules.strict() {
            Ok(Caller {
                client,
                means: Means::Public,
            })
        } else {
            Err(form_refusal(issuer))
        };
    }
    match (sent, &client.secret) {
        (Some(sent), Some(secret)) if same(sent, secret) => {}
        _ => return Err(form_refusal(issuer)),
    }
    method_fits(issuer, &client, AuthMethod::ClientSecretPost)?;
    Ok(Caller {
        client,
        means: Means::Form,
    })
}

/// Authenticates by Basic only, as `/introspect` does.
pub fn authenticate_basic(issuer: &Issuer, headers: &HeaderMap) -> Result<Arc<Client>, Refusal> {
    let Some((id, secret)) = basic_credentials(issuer, headers)? else {
        return Err(nothing(issuer));
    };
    by_secret(issuer, &id, &secret).ok_or_else(|| basic_refusal(issuer, "Bad credentials"))
}

fn basic_credentials(
    issuer: &Issuer,
    headers: &HeaderMap,
) -> Result<Option<(String, String)>, Refusal> {
    let Some(value) = header(headers, &AUTHORIZATION) else {
        return Ok(None);
    };
    let Some((scheme, rest)) = value.split_once(' ') else {
        return Ok(None);
    };
    if !scheme.eq_ignore_ascii_case("Basic") {
        return Ok(None);
    }
    let decoded = LENIENT
        .decode(rest.trim())
        .map_err(|_| basic_refusal(issuer, "Failed to decode basic authentication token"))?;
    let text = String::from_utf8_lossy(&decoded).into_owned();
    let (id, secret) = text
        .split_once(':')
        .ok_or_else(|| basic_refusal(issuer, "Invalid basic authentication token"))?;
    if issuer.rules.strict() {
        // RFC 6749 §2.3.1: both are form-encoded first. IAM does not decode them.
        let plain = |text: &str| {
            percent_encoding::percent_decode_str(&text.replace('+', " "))
                .decode_utf8_lossy()
                .into_owned()
        };
        if issuer
            .clients
            .get(id)
            .is_none_or(|c| !c.secret.as_deref().is_some_and(|known| same(known, secret)))
        {
            return Ok(Some((plain(id), plain(secret))));
        }
    }
    Ok(Some((id.to_owned(), secret.to_owned())))
}

fn by_secret(issuer: &Issuer, id: &str, secret: &str) -> Option<Arc<Client>> {
    let client = issuer.clients.get(id)?;
    let known = client.secret.as_deref()?;
    same(known, secret).then_some(client)
}

/// Whether two secrets are the same, in a time that does not tell how much of them is.
pub(crate) fn same(a: &str, b: &str) -> bool {
    verify_slices_are_equal(a.as_bytes(), b.as_bytes()).is_ok()
}

/// Strict enforces the registered method; IAM takes either.
fn method_fits(issuer: &Issuer, client: &Client, used: AuthMethod) -> Result<(), Refusal> {
    if issuer.has(Quirk::Q01) || client.method == used {
        return Ok(());
    }
    let text = "The client is registered for another authentication method.";
    Err(Refusal::new(401, "invalid_client", text).dressed(Shape::Basic))
}

fn basic_refusal(issuer: &Issuer, text: &str) -> Refusal {
    if issuer.has(Quirk::Q33) {
        Refusal::unauthorized(text)
    } else {
        Refusal::new(401, "invalid_client", text).dressed(Shape::Basic)
    }
}

fn form_refusal(issuer: &Issuer) -> Refusal {
    let shape = if issuer.rules.strict() {
        Shape::Basic
    } else {
        Shape::Form
    };
    Refusal::new(401, "invalid_client", "Bad client credentials").dressed(shape)
}

fn nothing(issuer: &Issuer) -> Refusal {
    if issuer.rules.strict() {
        Refusal::new(401, "invalid_client", "Client authentication is required.")
            .dressed(Shape::Basic)
    } else {
        Refusal::unauthorized("Full authentication is required to access this resource")
    }
}

//! What a registration asks for, checked member by member.

use carnet_profile::jose::Jwks;
use serde_json::{Map, Value};

use super::Fault;
use crate::config::AuthMethod;
use crate::issuer::Issuer;
use crate::store::Client;
use crate::store::clients::grants;

/// A registration request.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) name: String,
    pub(crate) grants: Vec<String>,
    pub(crate) scope: Option<Vec<String>>,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) method: AuthMethod,
    pub(crate) jwks: Option<Value>,
}

const KNOWN: [&str; 7] = [
    grants::AUTHORIZATION_CODE,
    grants::REFRESH_TOKEN,
    grants::CLIENT_CREDENTIALS,
    grants::PASSWORD,
    grants::TOKEN_EXCHANGE,
    grants::DEVICE_CODE,
    "implicit",
];

/// Reads a request, or the update of a client. Unknown members are ignored (RFC 7591 §2).
pub(super) fn parse(issuer: &Issuer, body: &[u8], old: Option<&Client>) -> Result<Wish, Fault> {
    let strict = issuer.rules.strict();
    let metadata = |text: &str| Fault::bad("invalid_client_metadata", text);
    let not_json = || {
        if strict {
            metadata("The body is not a JSON object.")
        } else {
            Fault::bad("", "")
        }
    };
    let value: Value = serde_json::from_slice(body).map_err(|_| not_json())?;
    let object = value.as_object().ok_or_else(not_json)?;
    let not_texts = |name: &str| {
        if strict {
            metadata(&format!("{name} must be a list of texts."))
        } else {
            not_json()
        }
    };
    let list = |name: &str| -> Result<Option<Vec<String>>, Fault> {
        match object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Array(all)) => all
                .iter()
                .map(|v| v.as_str().map(str::to_owned))
                .collect::<Option<Vec<_>>>()
                .map(Some)
                .ok_or_else(|| not_texts(name)),
            Some(_) => Err(not_texts(name)),
        }
    };
    let name = name(issuer, object.get("client_name"))?;
    let redirect_uris = list("redirect_uris")?.unwrap_or_default();
    let mut wanted = list("grant_types")?;
    if let Some(all) = &mut wanted {
        if issuer.rules.then() {
            replace_silently(all);
            if all.iter().any(|g| g == grants::CLIENT_CREDENTIALS) && all.len() > 1 {
                let text = format!("Incompatible grant types requested: [{}]", all.join(", "));
                return Err(Fault::bad("invalid_client_metadata", text));
            }
        } else if let Some(unknown) = all.iter().find(|g| !KNOWN.contains(&g.as_str())) {
            return Err(if strict {
                metadata(&format!("Unknown grant type: {unknown}"))
            } else {
                Fault::bad("", "")
            });
        }
    }
    if issuer.rules.then() && wanted.is_none() && redirect_uris.is_empty() {
        // An exception inside: the grants that stand in for none need an address.
        return Err(Fault::inside());
    }
    // IAM 1.12 overlooks that the grant which stands in for none needs one too.
    let redirects = match &wanted {
        Some(all) => all
            .iter()
            .any(|g| g == grants::AUTHORIZATION_CODE || g == "implicit"),
        None => strict,
    };
    if redirects && redirect_uris.is_empty() {
        let text = if strict {
            "The authorization code grant needs a redirect URI."
        } else if issuer.rules.then() {
            "Clients using a redirect-based grant type must register at least one redirect URI."
        } else {
            "registerClient.request: Authorization code requires a valid redirect uri"
        };
        return Err(Fault::bad("invalid_redirect_uri", text));
    }
    if !issuer.rules.then() {
        for uri in &redirect_uris {
            check_uri(issuer, uri)?;
        }
    }
    let method = method(object.get("token_endpoint_auth_method")).ok_or_else(not_json)?;
    if strict {
        check_keys(object, method)?;
    }
    let scope = scope(issuer, object.get("scope"))?;
    if let Some(old) = old.filter(|_| strict) {
        check_update(object, old)?;
    }
    Ok(Wish {
        name,
        grants: wanted.unwrap_or_else(|| vec![grants::AUTHORIZATION_CODE.to_owned()]),
        scope,
        redirect_uris,
        method,
        jwks: object.get("jwks").filter(|v| v.is_object()).cloned(),
    })
}

/// What `private_key_jwt` is verified with (RFC 7591 §2).
fn check_keys(object: &Map<String, Value>, method: AuthMethod) -> Result<(), Fault> {
    let sent = |name: &str| object.get(name).is_some_and(|value| !value.is_null());
    let text = if sent("jwks") && sent("jwks_uri") {
        "There are both jwks and jwks_uri."
    } else if sent("jwks_uri") {
        "Keys are not fetched: send them as jwks, not as jwks_uri."
    } else if sent("jwks") && !object.get("jwks").is_some_and(is_key_set) {
        "jwks must be a JSON Web Key Set."
    } else if method == AuthMethod::PrivateKeyJwt && !sent("jwks") {
        "private_key_jwt needs jwks."
    } else {
        return Ok(());
    };
    Err(Fault::bad("invalid_client_metadata", text))
}

fn is_key_set(value: &Value) -> bool {
    Jwks::parse(value.to_string().as_bytes()).is_ok()
}

/// RFC 7592 §2.2: what an update repeats must be as it is, and some things are not the client's to say.
fn check_update(object: &Map<String, Value>, old: &Client) -> Result<(), Fault> {
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let owned = [
        "registration_access_token",
        "registration_client_uri",
        "client_secret_expires_at",
        "client_id_issued_at",
    ];
    let fault = if text("client_id").is_some_and(|id| id != &*old.id) {
        "client_id is another client's.".to_owned()
    } else if object.contains_key("client_secret") && text("client_secret") != old.secret.as_deref()
    {
        "client_secret cannot be chosen: leave it out, or repeat it.".to_owned()
    } else if let Some(name) = owned.into_iter().find(|name| object.contains_key(*name)) {
        format!("{name} is not the client's to say.")
    } else {
        return Ok(());
    };
    Err(Fault::bad("invalid_client_metadata", fault))
}

/// June 2021: grants that one may not have are replaced, with no word about it.
fn replace_silently(all: &mut Vec<String>) {
    let free = [
        grants::AUTHORIZATION_CODE,
        grants::REFRESH_TOKEN,
        grants::CLIENT_CREDENTIALS,
        grants::DEVICE_CODE,
        "implicit",
    ];
    all.retain(|g| free.contains(&g.as_str()));
    if all.is_empty() {
        *all = vec![
            grants::AUTHORIZATION_CODE.into(),
            grants::REFRESH_TOKEN.into(),
        ];
    }
}

fn name(issuer: &Issuer, value: Option<&Value>) -> Result<String, Fault> {
    if issuer.rules.strict() && value.is_some_and(|v| !v.is_string() && !v.is_null()) {
        let text = "client_name must be a text.";
        return Err(Fault::bad("invalid_client_metadata", text));
    }
    let name = value.and_then(Value::as_str).unwrap_or_default();
    if !issuer.rules.today() {
        return Ok(name.chars().take(256).collect());
    }
    if name.trim().is_empty() {
        return Err(Fault::bad(
            "",
            "registerClient.request.clientName: should not be blank",
        ));
    }
    if !(4..=256).contains(&name.chars().count()) {
        let text = "registerClient.request.clientName: Invalid length: must be between 4 and 256 characters";
        return Err(Fault::bad("", text));
    }
    Ok(name.to_owned())
}

fn scope(issuer: &Issuer, value: Option<&Value>) -> Result<Option<Vec<String>>, Fault> {
    let Some(text) = value.and_then(Value::as_str) else {
        let said = value.is_some_and(|value| !value.is_null());
        return if said && issuer.rules.strict() {
            let text = "scope must be a text.";
            Err(Fault::bad("invalid_client_metadata", text))
        } else {
            Ok(None)
        };
    };
    if text.is_empty() && issuer.rules.today() {
        let item = "registerClient.request.scope[].<iterable element>";
        let text = format!(
            "{item}: string size must be between 1 and 2048, {item}: must not include blank strings"
        );
        return Err(Fault::bad("", text));
    }
    let items: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    if items.len() > 512 {
        return Err(Fault::bad(
            "invalid_client_metadata",
            "too many scopes: at most 512",
        ));
    }
    Ok((!items.is_empty()).then_some(items))
}

fn method(value: Option<&Value>) -> Option<AuthMethod> {
    match value {
        None | Some(Value::Null) => Some(AuthMethod::ClientSecretBasic),
        Some(value) => serde_json::from_value(value.clone()).ok(),
    }
}

fn check_uri(issuer: &Issuer, uri: &str) -> Result<(), Fault> {
    let parsed = url::Url::parse(uri).ok();
    let script = parsed.as_ref().is_some_and(|url| {
        issuer.rules.strict() && matches!(url.scheme(), "javascript" | "data" | "vbscript")
    });
    if parsed.is_some() && !script && !uri.contains(['#', ' ']) {
        return Ok(());
    }
    let text = if issuer.rules.today() {
        let at = uri.find(' ').unwrap_or(0);
        format!(
            "registerClient.request.redirectUris[].<iterable element>: Invalid redirect URI: Illegal character in path at index {at}: {uri}"
        )
    } else {
        "A redirect URI must be absolute and have no fragment.".into()
    };
    Err(Fault::bad("invalid_redirect_uri", text))
}

//! What services ask for behind people's backs: discovery, keys, the token endpoint, userinfo.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use carnet_profile::testing::{Draft, Way};
use carnet_stage::{Issued, Json};
use http::HeaderMap;
use http::HeaderValue;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use serde_json::{Map, Value, json};

use crate::code::{Code, redeem};
use crate::config::ClientConfig;
use crate::door::{Form, Here, Request, answer};
use crate::provider::{Access, Provider};
use crate::{people, request, routes};

const JSON: &str = "application/json";

fn refuse(status: u16, error: &str, text: &str) -> Response {
    let body = json!({ "error": error, "error_description": text });
    answer(status, JSON, body.to_string())
}

/// Discovery (OpenID Connect Discovery §3).
pub(crate) async fn discovery(State(provider): Here) -> Response {
    let iss = provider.issuer();
    let at = |path: &str| format!("{iss}{path}");
    let document = json!({
        "issuer": iss,
        "authorization_endpoint": at(routes::AUTHORIZE),
        "token_endpoint": at(routes::TOKEN),
        "userinfo_endpoint": at(routes::USERINFO),
        "jwks_uri": at(routes::JWKS),
        "end_session_endpoint": at(routes::LOGOUT),
        "scopes_supported": ["openid", "profile", "email"],
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "claims_supported": ["sub", "name", "given_name", "family_name", "preferred_username", "email"],
        "authorization_response_iss_parameter_supported": true,
    });
    answer(200, JSON, document.to_string())
}

/// The key set (RFC 7517 §5).
pub(crate) async fn jwks(State(provider): Here) -> Response {
    let keys = json!({ "keys": [Value::Object(provider.key.jwk().members)] });
    answer(200, JSON, keys.to_string())
}

/// What stands after a scheme, whose letters may be of either case (RFC 9110 §11.1).
fn after<'v>(scheme: &str, value: &'v str) -> Option<&'v str> {
    let (named, rest) = value.split_once(' ')?;
    named.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

/// The client that a token request proves to be: by Basic, or by id and secret in the form (RFC 6749 §2.3.1).
fn client<'p>(
    provider: &'p Provider,
    headers: &HeaderMap,
    form: &Form,
) -> Option<&'p ClientConfig> {
    let decoded = |text: &str| {
        let pair = form_urlencoded::parse(text.as_bytes()).next();
        pair.map(|(text, _)| text.into_owned()).unwrap_or_default()
    };
    let basic = headers.get(AUTHORIZATION).and_then(|v| v.to_str().ok());
    let (id, secret) = if let Some(basic) = basic {
        let bytes = STANDARD.decode(after("Basic", basic)?).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (id, secret) = text.split_once(':')?;
        (decoded(id), decoded(secret))
    } else {
        (
            form.get("client_id")?.to_owned(),
            form.get("client_secret")?.to_owned(),
        )
    };
    let client = request::client(&provider.config, &id)?;
    let (known, sent) = (client.client_secret.as_bytes(), secret.as_bytes());
    aws_lc_rs::constant_time::verify_slices_are_equal(known, sent).ok()?;
    Some(client)
}

/// The token endpoint: a code becomes an ID token and an access token (OpenID Connect Core §3.1.3).
pub(crate) async fn token(State(provider): Here, request: Request) -> Response {
    let headers = request.headers().clone();
    let form = Form::of_body(request).await;
    if let Some(name) = form.repeated() {
        let text = format!("{name} is there more than once.");
        return refuse(400, "invalid_request", &text);
    }
    let Some(client) = client(&provider, &headers, &form) else {
        let mut response = refuse(
            401,
            "invalid_client",
            "The service's id or secret is wrong.",
        );
        let challenge = format!(r#"Basic realm="{}""#, provider.actor.host());
        if let Ok(challenge) = HeaderValue::from_str(&challenge) {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        return response;
    };
    match form.get("grant_type") {
        Some("authorization_code") => {}
        Some(_) => {
            return refuse(
                400,
                "unsupported_grant_type",
                "The only grant here is authorization_code.",
            );
        }
        None => return refuse(400, "invalid_request", "grant_type is missing."),
    }
    let Some(text) = form.get("code") else {
        return refuse(400, "invalid_request", "code is missing.");
    };
    let Some(code) = provider.take(text) else {
        return refuse(
            400,
            "invalid_grant",
            "The code is unknown or was used before.",
        );
    };
    let now = provider.now();
    let fits = redeem(
        &code,
        &client.client_id,
        form.get("redirect_uri"),
        form.get("code_verifier"),
        now,
    );
    if let Err((error, why)) = fits {
        return refuse(400, error, &why);
    }
    match tokens(&provider, text, code, now) {
        Ok(body) => answer(200, JSON, body.to_string()),
        Err(why) => {
            provider
                .actor
                .note(format!("the ID token could not be signed: {why}"));
            refuse(500, "server_error", "The ID token could not be signed.")
        }
    }
}

fn tokens(
    provider: &Arc<Provider>,
    text: &str,
    code: Code,
    now: i64,
) -> Result<Value, impl std::fmt::Display + use<>> {
    let Code {
        asked,
        sub,
        auth_time,
        ..
    } = code;
    let (lifetime, jti) = (
        provider.config.token_lifetime,
        provider.actor.uuid().to_string(),
    );
    let mut claims = Map::new();
    for (name, value) in [
        ("iss", json!(provider.issuer())),
        ("sub", json!(sub)),
        ("aud", json!(asked.client_id)),
        ("exp", json!(now + lifetime)),
        ("iat", json!(now)),
        ("auth_time", json!(auth_time)),
        ("jti", json!(jti)),
        ("amr", json!(["pwd"])),
    ] {
        claims.insert(name.into(), value);
    }
    if let Some(nonce) = &asked.nonce {
        claims.insert("nonce".into(), nonce.as_str().into());
    }
    let draft = Draft::new(claims)
        .header("alg", provider.key.algorithm().name())
        .header("kid", provider.key.kid());
    let id_token = draft.sign(&provider.key, Way::Usual)?;
    let issued = Issued {
        kind: "id".into(),
        jti,
        parent: None,
        grant: "authorization_code".into(),
        client_id: asked.client_id.clone(),
        sub: sub.clone(),
        aud: vec![asked.client_id],
        scope: String::new(),
        groups: None,
        iat: now,
        nbf: None,
        exp: Some(now + lifetime),
        header: Json::of(&draft.header),
        claims: Json::of(&draft.claims),
    };
    provider.actor.issued(issued, &id_token);
    let scope = asked.scope.join(" ");
    let access = Access {
        sub,
        scope: asked.scope,
        exp: now + lifetime,
    };
    let access = provider.open(text, access);
    Ok::<_, carnet_profile::testing::CryptoFault>(json!({
        "access_token": access, "token_type": "Bearer", "expires_in": lifetime, "scope": scope, "id_token": id_token,
    }))
}

/// User information: what the scopes of the access token tell (OpenID Connect Core §5.3).
pub(crate) async fn userinfo(State(provider): Here, request: Request) -> Response {
    let sent = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|v| v.to_str().ok());
    let access = sent
        .and_then(|value| after("Bearer", value))
        .and_then(|token| provider.access(token, provider.now()));
    let user = access
        .as_ref()
        .and_then(|access| people::by_subject(&provider.config.users, &access.sub))
        .filter(|user| user.active);
    let (Some(access), Some(user)) = (&access, user) else {
        let mut response = refuse(
            401,
            "invalid_token",
            "The access token is missing, unknown or has expired.",
        );
        let challenge = if sent.is_some() {
            r#"Bearer error="invalid_token""#
        } else {
            "Bearer"
        };
        response
            .headers_mut()
            .insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        return response;
    };
    answer(
        200,
        JSON,
        Value::Object(user.claims(&access.scope)).to_string(),
    )
}

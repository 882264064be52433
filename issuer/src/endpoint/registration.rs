//! Dynamic client registration (RFC 7591, RFC 7592; issuer page §2.10): create, read, update, delete.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use carnet_stage::body::read_limited;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Map, Value, json};

use super::browser::Browser;
use super::userinfo::bearer;
use super::{Here, Request, failed_inside};
use crate::answer::{Caching, header};
use crate::auth::same;
use crate::claims::ClaimSet;
use crate::config::{AuthMethod, ClientConfig, Registration};
use crate::errors::{Refusal, Shape};
use crate::form::Form;
use crate::issuer::{Issuer, secret};
use crate::quirks::Quirk;
use crate::store::clients::grants;
use crate::store::{Client, User};

mod request;
use request::{Wish, parse};

/// Longest registration that is read.
const LIMIT: usize = 64 << 10;
/// Most clients that may have registered themselves: anybody can.
const MOST: usize = 5_000;

/// Why a registration is refused: the text stands in `error` in IAM 1.12, beside a code elsewhere.
pub(crate) struct Fault {
    status: u16,
    code: &'static str,
    text: String,
}

impl Fault {
    fn bad(code: &'static str, text: impl Into<String>) -> Self {
        Self {
            status: 400,
            code,
            text: text.into(),
        }
    }

    /// An exception inside.
    fn inside() -> Self {
        Self {
            status: 500,
            code: "",
            text: String::new(),
        }
    }
}

/// `POST` at the registration endpoint.
pub async fn create(State(issuer): Here, request: Request) -> Response {
    if *request.method() != Method::POST {
        return issuer.refuse(&Refusal::method("POST"), Caching::Never);
    }
    let (parts, body) = request.into_parts();
    let kind = header(&parts.headers, &CONTENT_TYPE)
        .unwrap_or_default()
        .to_owned();
    if (!kind.is_empty() || issuer.rules.then()) && !kind.contains("json") {
        let mut response = issuer.refuse(&Refusal::empty(415), Caching::Never);
        let takes = if issuer.rules.then() {
            "application/json"
        } else {
            "application/json, application/*+json"
        };
        response
            .headers_mut()
            .insert(ACCEPT, HeaderValue::from_static(takes));
        return response;
    }
    let Ok(body) = read_limited(body, LIMIT).await else {
        return issuer.refuse(&Refusal::empty(413), Caching::Never);
    };
    let user = Browser::of(&issuer, &parts.headers)
        .user(&issuer)
        .or_else(|| token_user(&issuer, &parts.headers));
    match register(&issuer, &body, user.as_deref()).await {
        Ok(answer) => issuer.answers.plain_json(201, &answer),
        Err(fault) => refuse(&issuer, &fault),
    }
}

/// The person whose token registers a client.
fn token_user(issuer: &Issuer, headers: &HeaderMap) -> Option<Arc<User>> {
    let (record, _) = bearer(issuer, headers, &Form::default()).ok()?;
    if record.holder.person {
        issuer.people.by_uuid(&record.holder.sub)
    } else {
        None
    }
}

async fn register(issuer: &Issuer, body: &[u8], user: Option<&User>) -> Result<Value, Fault> {
    match (issuer.config.registration, user) {
        (Registration::Off, _) => {
            return Err(Fault::bad(
                "access_denied",
                "Client registration is disabled",
            ));
        }
        (Registration::Administrators, user) if user.is_none_or(|u| !u.admin) => {
            return Err(Fault {
                status: 403,
                code: "access_denied",
                text: "User not authorized to register clients".into(),
            });
        }
        (Registration::RegisteredUsers, None) => {
            return Err(Fault {
                status: 403,
                code: "access_denied",
                text: "User not authorized to register clients".into(),
            });
        }
        _ => {}
    }
    let wish = parse(issuer, body, None)?;
    allowed_grants(issuer, &wish, user)?;
    let known = |client: &Arc<Client>| client.registration_token.is_some();
    if issuer.clients.all().iter().filter(|c| known(c)).count() >= MOST {
        return Err(Fault {
            status: 503,
            code: "temporarily_unavailable",
            text: format!("There are {MOST} clients that have registered themselves: no more."),
        });
    }
    let id = issuer.actor.uuid().to_string();
    let mut client = build(issuer, &id, &wish);
    client.created_at = issuer.actor.clock().millis();
    match user.filter(|_| !issuer.rules.then()) {
        Some(user) => {
            client.owner = Some(Arc::clone(&user.uuid));
            client.contacts = vec![user.email.clone()];
        }
        None => client.registration_token = Some(registration_token(issuer, &id).await?),
    }
    let client = issuer.clients.put(client);
    issuer.actor.state(
        "issuer.client",
        &id,
        "",
        "registered",
        &format!("{} with {}", client.name, client.grants.join(" ")),
    );
    Ok(shown(issuer, &client, true))
}

/// Grants that may not be registered by oneself (issuer page §2.10).
fn allowed_grants(issuer: &Issuer, wish: &Wish, user: Option<&User>) -> Result<(), Fault> {
    if user.is_some_and(|user| user.admin) || issuer.rules.then() {
        return Ok(());
    }
    let mut forbidden = vec![grants::PASSWORD, grants::TOKEN_EXCHANGE];
    if user.is_none() {
        forbidden.push(grants::CLIENT_CREDENTIALS);
    }
    match wish
        .grants
        .iter()
        .find(|grant| forbidden.contains(&grant.as_str()))
    {
        Some(grant) => Err(Fault::bad(
            "invalid_client_metadata",
            format!("Grant type not allowed: {grant}"),
        )),
        None => Ok(()),
    }
}

fn build(issuer: &Issuer, id: &str, wish: &Wish) -> Client {
    let system = issuer.config.system_scopes.clone();
    let system = system.unwrap_or_else(|| crate::config::stock_system_scopes(issuer.config.compat));
    let scope: Vec<String> = match &wish.scope {
        Some(asked) => {
            let restricted = |s: &&String| {
                !system
                    .iter()
                    .any(|known| known.restricted && known.scope == **s)
            };
            asked.iter().filter(restricted).cloned().collect()
        }
        None => system
            .iter()
            .filter(|s| s.default)
            .map(|s| s.scope.clone())
            .collect(),
    };
    let mut scope = scope;
    let mut grants = wish.grants.clone();
    let given = grants.len();
    let refresh = grants::REFRESH_TOKEN.to_owned();
    if issuer.rules.then() {
        of_june_2021(&mut scope, &grants);
    }
    if scope.iter().any(|s| s == "offline_access") && !grants.contains(&refresh) {
        grants.push(refresh);
    }
    if issuer.has(Quirk::Q06) {
        grants = crate::order::hashed(grants, given);
    }
    let config = ClientConfig {
        client_id: id.to_owned(),
        client_secret: None,
        client_name: Some(wish.name.clone()).filter(|name| !name.is_empty()),
        token_endpoint_auth_method: wish.method,
        jwks: wish.jwks.clone(),
        grant_types: grants,
        scope,
        default_scope: None,
        literal: false,
        redirect_uris: wish.redirect_uris.clone(),
        audiences: Vec::new(),
        access_token_validity_seconds: None,
        refresh_token_validity_seconds: None,
        id_token_validity_seconds: None,
        device_code_validity_seconds: None,
        reuse_refresh_token: true,
        clear_access_tokens_on_refresh: true,
        require_auth_time: false,
        allow_introspection: true,
        active: true,
    };
    Client::new(&config, &issuer.config.lifetimes, &issuer.catalogue, || {
        secret(&issuer.actor)
    })
}

/// Who may refresh may be offline; a client of its own has nobody behind it.
fn of_june_2021(scope: &mut Vec<String>, grants: &[String]) {
    let has = |grant: &str| grants.iter().any(|g| g == grant);
    let offline = "offline_access".to_owned();
    if has(grants::CLIENT_CREDENTIALS) {
        scope.retain(|s| *s != offline && s != "openid");
    }
    if has(grants::REFRESH_TOKEN) && !scope.contains(&offline) {
        scope.push(offline);
    }
}

/// The token that manages a registration: a JWT without end (issuer page §2.10).
async fn registration_token(issuer: &Issuer, id: &str) -> Result<String, Fault> {
    let inside = || Fault {
        status: 500,
        code: "server_error",
        text: "no signing key".into(),
    };
    let key = issuer.keys.signer().await.map_err(|_| inside())?;
    let mut claims = ClaimSet::default();
    if issuer.rules.then() {
        claims.text("aud", id);
        claims.text("iss", &*issuer.iss);
    } else {
        claims.text("iss", &*issuer.iss);
        claims.text("aud", id);
    }
    claims.number("iat", issuer.now());
    claims.text("jti", issuer.actor.uuid().to_string());
    key.sign(&claims.write(&issuer.rules)).map_err(|_| inside())
}

/// `GET`, `PUT`, `DELETE` of one registration.
pub async fn manage(State(issuer): Here, Path(id): Path<String>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let client = match owned(&issuer, &parts.headers, &id) {
        Ok(client) => client,
        Err(response) => return *response,
    };
    match parts.method {
        Method::GET => issuer
            .answers
            .plain_json(200, &shown(&issuer, &client, false)),
        Method::DELETE => {
            issuer.clients.remove(&client.id);
            issuer
                .tokens
                .revoke_where(|holder| holder.client == client.id);
            issuer.actor.state(
                "issuer.client",
                &client.id,
                "registered",
                "deleted",
                "by its registration token",
            );
            issuer.answers.bare(204, Caching::Never)
        }
        Method::PUT => {
            let Ok(body) = read_limited(body, LIMIT).await else {
                return issuer.refuse(&Refusal::empty(413), Caching::Never);
            };
            match update(&issuer, &client, &body) {
                Ok(client) => issuer
                    .answers
                    .plain_json(200, &shown(&issuer, &client, false)),
                Err(fault) => refuse(&issuer, &fault),
            }
        }
        _ => issuer.refuse(&Refusal::method("GET, PUT, DELETE"), Caching::Never),
    }
}

fn update(issuer: &Issuer, old: &Client, body: &[u8]) -> Result<Arc<Client>, Fault> {
    let wish = parse(issuer, body, Some(old))?;
    let fresh: Vec<String> = wish
        .grants
        .iter()
        .filter(|g| !old.may(g))
        .cloned()
        .collect();
    allowed_grants(
        issuer,
        &Wish {
            grants: fresh,
            ..wish.clone()
        },
        None,
    )?;
    let mut client = build(issuer, &old.id, &wish);
    client.secret = old
        .secret
        .clone()
        .or(client.secret)
        .filter(|_| client.method != AuthMethod::None);
    client.created_at = old.created_at;
    client.owner.clone_from(&old.owner);
    client.contacts.clone_from(&old.contacts);
    client
        .registration_token
        .clone_from(&old.registration_token);
    issuer.actor.state(
        "issuer.client",
        &old.id,
        "registered",
        "changed",
        "by its registration token",
    );
    Ok(issuer.clients.put(client))
}

/// The client that the person of a session or a token registered.
fn owned_by_person(issuer: &Issuer, headers: &HeaderMap, id: &str) -> Option<Arc<Client>> {
    let client = issuer.clients.get(id).filter(|c| c.owner.is_some())?;
    let user = Browser::of(issuer, headers)
        .user(issuer)
        .or_else(|| token_user(issuer, headers))?;
    (client.owner.as_ref() == Some(&user.uuid)).then_some(client)
}

/// The client that a registration token manages. The answers in the error are IAM's.
fn owned(issuer: &Issuer, headers: &HeaderMap, id: &str) -> Result<Arc<Client>, Box<Response>> {
    if let Some(client) = owned_by_person(issuer, headers, id) {
        return Ok(client);
    }
    let value = header(headers, &AUTHORIZATION);
    let Some(token) = value
        .and_then(|v| v.split_once(' '))
        .filter(|(s, _)| s.eq_ignore_ascii_case("Bearer"))
    else {
        if issuer.rules.strict() {
            // RFC 6750 §3.1: nothing was sent, so nothing is wrong with it.
            let text = "There is no registration token.";
            let refusal = Refusal::new(401, "unauthorized", text).dressed(Shape::Asking);
            return Err(Box::new(issuer.refuse(&refusal, Caching::Never)));
        }
        if issuer.rules.then() {
            let refusal =
                Refusal::unauthorized("Full authentication is required to access this resource");
            return Err(Box::new(issuer.refuse(&refusal, Caching::Never)));
        }
        let text = "Invalid registration access token";
        return Err(Box::new(refuse(issuer, &Fault::bad("invalid_token", text))));
    };
    let token = token.1.trim();
    let client = issuer.clients.get(id).filter(|client| {
        let known = client.registration_token.as_deref();
        known.is_some_and(|known| same(known, token))
    });
    client.ok_or_else(|| {
        let text = if issuer.rules.strict() {
            "The registration token is not good for this client.".to_owned()
        } else {
            format!("Invalid access token: {token}")
        };
        Box::new(issuer.refuse(&Refusal::bad_bearer(text), Caching::Never))
    })
}

fn refuse(issuer: &Issuer, fault: &Fault) -> Response {
    if fault.status == 500 && fault.text.is_empty() {
        return issuer.refuse(&failed_inside(issuer), Caching::Never);
    }
    if fault.text.is_empty() {
        return issuer.refuse(&Refusal::empty(fault.status), Caching::Never);
    }
    if issuer.rules.today() {
        return issuer
            .answers
            .plain_json(fault.status, &json!({ "error": fault.text }));
    }
    let refusal = Refusal::new(fault.status, fault.code, fault.text.clone()).dressed(Shape::Plain);
    issuer.refuse(&refusal, Caching::Never)
}

/// A client as June 2021's owners see it, each time with its token.
fn shown_then(issuer: &Issuer, client: &Client) -> Value {
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
    put("client_id", client.id.to_string().into());
    if let Some(secret) = &client.secret {
        put("client_secret", secret.clone().into());
        put("client_secret_expires_at", 0.into());
    }
    put("client_id_issued_at", (client.created_at / 1000).into());
    if let Some(token) = &client.registration_token {
        put("registration_access_token", token.clone().into());
    }
    let uri = issuer.url(&format!("{}/{}", path(issuer), client.id));
    put("registration_client_uri", uri.into());
    if !client.redirect_uris.is_empty() {
        put("redirect_uris", json!(client.redirect_uris));
    }
    if client.name != *client.id {
        put("client_name", client.name.clone().into());
    }
    put("token_endpoint_auth_method", json!(client.method));
    if let Some(jwks) = &client.jwks {
        put("jwks", jwks.clone());
    }
    let scope = crate::order::hashed(client.scopes.clone(), 16);
    let scope = crate::order::hashed_by_count(scope);
    put("scope", scope.join(" ").into());
    if !client.grants.is_empty() {
        put("grant_types", json!(client.grants));
    }
    if client.may(grants::AUTHORIZATION_CODE) {
        put("response_types", json!(["code"]));
    }
    Value::Object(body)
}

/// A client as its owner sees it.
fn shown(issuer: &Issuer, client: &Client, with_token: bool) -> Value {
    if issuer.rules.then() {
        return shown_then(issuer, client);
    }
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
    put("client_id", client.id.to_string().into());
    if let Some(secret) = &client.secret {
        put("client_secret", secret.clone().into());
    }
    let uri = issuer.url(&format!("{}/{}", path(issuer), client.id));
    if issuer.rules.strict() {
        if client.secret.is_some() {
            put("client_secret_expires_at", 0.into());
        }
        put("client_id_issued_at", (client.created_at / 1000).into());
    }
    put("client_name", client.name.clone().into());
    if !client.redirect_uris.is_empty() {
        put("redirect_uris", json!(client.redirect_uris));
    }
    if !client.contacts.is_empty() {
        put("contacts", json!(client.contacts));
    }
    put("grant_types", json!(client.grants));
    put("token_endpoint_auth_method", json!(client.method));
    if let Some(jwks) = &client.jwks {
        put("jwks", jwks.clone());
    }
    let scope = if issuer.has(Quirk::Q06) {
        crate::order::hashed(client.scopes.clone(), 16).join(" ")
    } else {
        client.scopes.join(" ")
    };
    put(
        "scope",
        if scope.is_empty() && issuer.rules.today() {
            Value::Null
        } else {
            scope.into()
        },
    );
    if !issuer.rules.strict() {
        put("reuse_refresh_token", client.reuse.into());
        put("dynamically_registered", true.into());
        put("clear_access_tokens_on_refresh", client.clear.into());
        put("require_auth_time", client.auth_time.into());
    }
    // RFC 7592 §3 sends it each time, IAM once.
    let with_token = with_token || issuer.rules.strict();
    if let Some(token) = client.registration_token.as_ref().filter(|_| with_token) {
        put("registration_access_token", token.clone().into());
    }
    put("registration_client_uri", uri.into());
    if issuer.rules.today() {
        put("created_at", client.created_at.into());
        put("active", client.active.into());
    }
    Value::Object(body)
}

/// An administrator makes a client: any grant, any scope. Unless told otherwise it rotates its refresh tokens.
pub(super) async fn administer(issuer: &Issuer, request: Request) -> Response {
    let Ok(body) = read_limited(request.into_body(), LIMIT).await else {
        return issuer.refuse(&Refusal::empty(413), Caching::Never);
    };
    let wish = match parse(issuer, &body, None) {
        Ok(wish) => wish,
        Err(fault) => return refuse(issuer, &fault),
    };
    let given: Value = serde_json::from_slice(&body).unwrap_or_default();
    let flag = |name: &str| {
        given
            .get(name)
            .and_then(Value::as_bool)
            .unwrap_or(!issuer.has(Quirk::Q18))
    };
    let mut client = build(issuer, &issuer.actor.uuid().to_string(), &wish);
    client.set_scopes(wish.scope.unwrap_or_default(), &issuer.catalogue);
    client.reuse = flag("reuse_refresh_token");
    client.clear = flag("clear_access_tokens_on_refresh");
    client.created_at = issuer.actor.clock().millis();
    if issuer.has(Quirk::Q06) {
        client.grants = crate::order::hashed(client.grants, 16);
    }
    let client = issuer.clients.put(client);
    issuer.actor.state(
        "issuer.client",
        &client.id,
        "",
        "registered",
        "by an administrator",
    );
    issuer
        .answers
        .plain_json(201, &administered(issuer, &client))
}

/// A client as an administrator sees it: with its lifetimes.
pub(super) fn administered(issuer: &Issuer, client: &Client) -> Value {
    let Value::Object(members) = shown(issuer, client, false) else {
        return Value::Null;
    };
    let known = client.owner.is_some() || client.registration_token.is_some();
    let mut body = Map::new();
    for (name, value) in members {
        match name.as_str() {
            "registration_client_uri" if !known => continue,
            "dynamically_registered" => {
                body.insert(name, known.into());
                body.insert("allow_introspection".into(), client.introspect.into());
                continue;
            }
            _ => {}
        }
        let scope = name == "scope";
        body.insert(name, value);
        if scope {
            for (name, seconds) in [
                ("access_token_validity_seconds", client.access),
                (
                    "refresh_token_validity_seconds",
                    client.refresh.unwrap_or(0),
                ),
                ("id_token_validity_seconds", client.id_token),
                ("device_code_validity_seconds", client.device),
            ] {
                body.insert(name.into(), seconds.into());
            }
        }
    }
    Value::Object(body)
}

/// The registration endpoint's path: it moved between the versions.
pub fn path(issuer: &Issuer) -> &'static str {
    if issuer.rules.then() {
        "register"
    } else {
        "iam/api/client-registration"
    }
}

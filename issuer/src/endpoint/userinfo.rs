//! `/userinfo` (OIDC Core §5.3; issuer page §2.10).

use axum::extract::State;
use axum::response::Response;
use carnet_profile::jose::Token;
use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderMap, Method};
use serde_json::{Map, Value};

use super::{Here, Request, read};
use crate::answer::{Caching, header};
use crate::config::TokenProfile;
use crate::errors::{Refusal, Shape};
use crate::form::Form;
use crate::issuer::Issuer;
use crate::membership::by_group;
use crate::order;
use crate::quirks::Quirk;
use crate::store::{AccessRecord, User};

/// Answers about the person behind a token.
pub async fn serve(State(issuer): Here, request: Request) -> Response {
    match answer(&issuer, request).await {
        Ok(body) => {
            let mut response = issuer.answers.json(200, &body, Caching::Never);
            if !issuer.rules.then() {
                let kind = http::HeaderValue::from_static("application/json");
                response
                    .headers_mut()
                    .insert(http::header::CONTENT_TYPE, kind);
            }
            response
        }
        Err(refusal) => {
            let mut response = issuer.refuse(&refusal, Caching::Never);
            // RFC 6750 §3.1.
            let challenge = match refusal.error {
                "insufficient_scope" => Some(
                    r#"Bearer realm="openidconnect", error="insufficient_scope", scope="openid""#,
                ),
                "invalid_request" => {
                    Some(r#"Bearer realm="openidconnect", error="invalid_request""#)
                }
                _ => None,
            };
            if let Some(challenge) = challenge {
                response.headers_mut().insert(
                    http::header::WWW_AUTHENTICATE,
                    http::HeaderValue::from_static(challenge),
                );
            }
            response
        }
    }
}

async fn answer(issuer: &Issuer, request: Request) -> Result<Value, Refusal> {
    let method = request.method().clone();
    let (parts, form) = read(request).await?;
    let form = form.settle(&issuer.rules)?;
    let accept = header(&parts.headers, &ACCEPT).unwrap_or("*/*");
    if !accept.contains("*/*") && !accept.contains("json") && !accept.contains("application/*") {
        return Err(Refusal::empty(406));
    }
    let (record, text) = bearer(issuer, &parts.headers, &form)?;
    let head = method == Method::HEAD && !issuer.rules.then();
    let post = method == Method::POST && issuer.rules.strict();
    if method != Method::GET && !head && !post {
        return Err(Refusal::method("GET"));
    }
    let token = Token::parse(&text).map_err(|_| Refusal::internal())?;
    // Tokens of the `iam` profile carry no scope: the grant knows it.
    let scope = token
        .claims
        .text("scope")
        .unwrap_or(if scopeless(issuer, &record) {
            &record.holder.scope
        } else {
            ""
        });
    let scope = scope.to_owned();
    // The request of the first grant decides in IAM 1.7, the token itself later.
    let openid = if issuer.rules.then() {
        record.holder.has_scope("openid")
    } else {
        has(&scope, "openid")
    };
    let user = issuer
        .people
        .by_uuid(&record.holder.sub)
        .filter(|_| record.holder.person && openid);
    let Some(user) = user else {
        return Err(if issuer.rules.strict() {
            let text = "The token needs the scope openid and a person behind it.";
            Refusal::new(403, "insufficient_scope", text)
        } else {
            Refusal::page(403, "Forbidden")
        });
    };
    let groups = token.claims.get("wlcg.groups").cloned();
    let own = profile_of(issuer, &record) == TokenProfile::Iam && has(&scope, "profile");
    let own = own.then(|| Own {
        groups: by_group(issuer, &user).into(),
        organisation: issuer.config.organisation.as_str().into(),
    });
    Ok(Value::Object(
        match (issuer.rules.then(), issuer.has(Quirk::Q58)) {
            (true, _) => {
                let mut body = of_june_2021(&user, &scope);
                if let Some(own) = own {
                    body.insert("groups".into(), own.groups);
                    body.insert("organisation_name".into(), own.organisation);
                }
                body
            }
            (false, true) => all_or_nothing(&user, &scope, groups, own),
            (false, false) => by_scope(&user, &scope, groups),
        },
    ))
}

/// What the `iam` claim set adds.
struct Own {
    groups: Value,
    organisation: Value,
}

fn profile_of(issuer: &Issuer, record: &AccessRecord) -> TokenProfile {
    let client = issuer.clients.get(&record.holder.client);
    client
        .and_then(|client| client.profile)
        .unwrap_or(issuer.config.token_profile)
}

fn scopeless(issuer: &Issuer, record: &AccessRecord) -> bool {
    let profile = profile_of(issuer, record);
    matches!(profile, TokenProfile::Iam | TokenProfile::Aarc)
}

fn has(scope: &str, item: &str) -> bool {
    scope.split(' ').any(|s| s == item)
}

/// IAM 1.12: everything with `profile`, otherwise the subject alone (Q-58).
fn all_or_nothing(
    user: &User,
    scope: &str,
    groups: Option<Value>,
    own: Option<Own>,
) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("sub".into(), user.uuid.to_string().into());
    if !has(scope, "profile") {
        return body;
    }
    body.insert("email_verified".into(), user.email_verified.into());
    body.insert("updated_at".into(), user.updated_at.into());
    let items = order::hashed_by_count(scope.split(' ').collect::<Vec<_>>());
    body.insert("scope".into(), items.into());
    body.insert("name".into(), user.name.clone().into());
    let (groups_of_iam, organisation) = own.map(|own| (own.groups, own.organisation)).unzip();
    if let Some(groups) = groups_of_iam {
        body.insert("groups".into(), groups);
    }
    let username = user.username.to_string();
    body.insert("preferred_username".into(), username.into());
    if let Some(organisation) = organisation {
        body.insert("organisation_name".into(), organisation);
    }
    body.insert("given_name".into(), user.given_name.clone().into());
    body.insert("family_name".into(), user.family_name.clone().into());
    body.insert("email".into(), user.email.clone().into());
    if let Some(groups) = groups {
        body.insert("wlcg.groups".into(), groups);
    }
    body
}

fn names(body: &mut Map<String, Value>, user: &User) {
    body.insert("name".into(), user.name.clone().into());
    body.insert(
        "preferred_username".into(),
        user.username.to_string().into(),
    );
    body.insert("given_name".into(), user.given_name.clone().into());
    body.insert("family_name".into(), user.family_name.clone().into());
}

/// IAM 1.7: by scope of the token, down to nothing at all.
fn of_june_2021(user: &User, scope: &str) -> Map<String, Value> {
    let mut body = Map::new();
    if has(scope, "openid") {
        body.insert("sub".into(), user.uuid.to_string().into());
    }
    if has(scope, "profile") {
        names(&mut body, user);
        body.insert("updated_at".into(), user.updated_at.into());
    }
    if has(scope, "email") {
        body.insert("email".into(), user.email.clone().into());
        body.insert("email_verified".into(), user.email_verified.into());
    }
    body
}

/// OIDC Core §5.4.
fn by_scope(user: &User, scope: &str, groups: Option<Value>) -> Map<String, Value> {
    let mut body = of_june_2021(user, scope);
    if let Some(groups) = groups {
        body.insert("wlcg.groups".into(), groups);
    }
    body
}

/// The access token of a request (RFC 6750 §2).
pub fn bearer(
    issuer: &Issuer,
    headers: &HeaderMap,
    form: &Form,
) -> Result<(AccessRecord, String), Refusal> {
    let from_header = header(headers, &AUTHORIZATION).and_then(|value| {
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        scheme
            .eq_ignore_ascii_case("Bearer")
            .then(|| token.trim().to_owned())
    });
    if issuer.rules.strict() && headers.get_all(AUTHORIZATION).iter().count() > 1 {
        return Err(Refusal::bad(
            "invalid_request",
            "There is more than one Authorization header.",
        ));
    }
    if issuer.rules.strict() && from_header.is_some() && form.get("access_token").is_some() {
        return Err(Refusal::bad(
            "invalid_request",
            "The access token is sent in more than one way.",
        ));
    }
    let text = match from_header.or_else(|| form.get("access_token").map(str::to_owned)) {
        Some(text) => text,
        None if issuer.rules.strict() => {
            let text = "There is no access token.";
            return Err(Refusal::new(401, "unauthorized", text).dressed(Shape::Asking));
        }
        None => {
            return Err(Refusal::unauthorized(
                "Full authentication is required to access this resource",
            ));
        }
    };
    if issuer.rules.strict() && text.is_empty() {
        return Err(Refusal::bad(
            "invalid_request",
            "There is a scheme and no access token after it.",
        ));
    }
    let record = issuer.tokens.access(&text, issuer.now()).ok_or_else(|| {
        if issuer.rules.strict() {
            Refusal::bad_bearer("The access token is unknown, expired or revoked.")
        } else {
            Refusal::bad_bearer(format!("Invalid access token: {text}"))
        }
    })?;
    Ok((record, text))
}

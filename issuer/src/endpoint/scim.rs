//! A minimal SCIM over people and groups (RFC 7644; issuer page §2.10): read-only, as synchronisation tools need it.

use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderValue, Method, header::CONTENT_TYPE};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::userinfo::bearer;
use super::{Here, Request, read};
use crate::answer::Caching;
use crate::errors::{Refusal, Shape};
use crate::form::Form;
use crate::issuer::Issuer;
use crate::store::people::Group;
use crate::store::{AccessRecord, User};

const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// `/scim/Me`.
pub async fn me(State(issuer): Here, request: Request) -> Response {
    answer(&issuer, request, None, |record, _| {
        let user = issuer
            .people
            .by_uuid(&record.holder.sub)
            .filter(|_| record.holder.person);
        user.map(|user| shown_user(&issuer, &user))
            .ok_or((400, "No user linked to the current OAuth token".into()))
    })
    .await
}

/// `/scim/Users`.
pub async fn users(State(issuer): Here, request: Request) -> Response {
    answer(&issuer, request, Some("scim:read"), |_, form| {
        let all = issuer.people.all();
        Ok(list(form, &all, |user| shown_user(&issuer, user)))
    })
    .await
}

/// `/scim/Users/{id}`.
pub async fn user(State(issuer): Here, Path(id): Path<String>, request: Request) -> Response {
    answer(&issuer, request, Some("scim:read"), |_, _| {
        let user = issuer
            .people
            .by_uuid(&id)
            .ok_or((404, format!("No user mapped to id '{id}'")))?;
        Ok(shown_user(&issuer, &user))
    })
    .await
}

/// `/scim/Groups`.
pub async fn groups(State(issuer): Here, request: Request) -> Response {
    answer(&issuer, request, Some("scim:read"), |_, form| {
        let all = issuer.people.groups();
        Ok(list(form, &all, |group| shown_group(&issuer, group, &all)))
    })
    .await
}

/// `/scim/Groups/{id}`.
pub async fn group(State(issuer): Here, Path(id): Path<String>, request: Request) -> Response {
    answer(&issuer, request, Some("scim:read"), |_, _| {
        let all = issuer.people.groups();
        let group = all.iter().find(|group| *group.uuid == id);
        let group = group.ok_or((404, format!("No group mapped to id '{id}'")))?;
        Ok(shown_group(&issuer, group, &all))
    })
    .await
}

/// `/scim/Groups/{id}/members`.
pub async fn members(State(issuer): Here, Path(id): Path<String>, request: Request) -> Response {
    answer(&issuer, request, Some("scim:read"), |_, form| {
        let all = issuer.people.groups();
        let group = all.iter().find(|group| *group.uuid == id);
        let group = group.ok_or((404, format!("No group mapped to id '{id}'")))?;
        let mut people = issuer.people.all();
        people.retain(|user| user.memberships.all.contains(&group.name));
        let member = |user: &std::sync::Arc<User>| {
            json!({ "display": user.name, "value": &*user.uuid, "$ref": issuer.url(&format!("scim/Users/{}", user.uuid)) })
        };
        Ok(list(form, &people, member))
    })
    .await
}

async fn answer(
    issuer: &Issuer,
    request: Request,
    scope: Option<&'static str>,
    look: impl FnOnce(&AccessRecord, &Form) -> Result<Value, (u16, String)>,
) -> Response {
    let method = request.method().clone();
    let (parts, form) = match read(request).await {
        Ok(read) => read,
        Err(refusal) => return issuer.refuse(&refusal, Caching::Never),
    };
    let (record, token) = match bearer(issuer, &parts.headers, &form) {
        Ok(found) => found,
        Err(refusal) => return issuer.refuse(&refusal, Caching::Never),
    };
    if method != Method::GET && method != Method::HEAD {
        return issuer.refuse(&Refusal::method("GET"), Caching::Never);
    }
    if let Some(scope) = scope
        && !has_scope(&token, scope)
    {
        return forbidden(issuer, scope);
    }
    match look(&record, &form) {
        Ok(body) => {
            let mut response = issuer.answers.json(200, &body, Caching::Never);
            response.headers_mut().insert(
                CONTENT_TYPE,
                HeaderValue::from_static("application/scim+json;charset=UTF-8"),
            );
            response
        }
        Err((status, detail)) => {
            let schemas = ["urn:ietf:params:scim:api:messages:2.0:Error"];
            let body =
                json!({ "status": status.to_string(), "detail": detail, "schemas": schemas });
            let mut response = issuer.answers.json(status, &body, Caching::Never);
            let kind = if issuer.rules.today() {
                "application/json"
            } else {
                "application/scim+json;charset=UTF-8"
            };
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            response
        }
    }
}

fn has_scope(token: &str, scope: &str) -> bool {
    let Ok(token) = carnet_profile::jose::Token::parse(token) else {
        return false;
    };
    token
        .claims
        .text("scope")
        .is_some_and(|all| all.split(' ').any(|s| s == scope))
}

fn forbidden(issuer: &Issuer, scope: &str) -> Response {
    if issuer.rules.today() {
        let refusal = Refusal::new(403, "access_denied", "Access is denied").dressed(Shape::Plain);
        return issuer.refuse(&refusal, Caching::Never);
    }
    // RFC 6750 §3.1, and IAM 1.7.
    let text = "Insufficient scope for this resource";
    let body = json!({ "error": "insufficient_scope", "error_description": text, "scope": scope });
    let mut response = issuer.answers.json(403, &body, Caching::Never);
    let challenge = format!(
        r#"Bearer error="insufficient_scope", error_description="{text}", scope="{scope}""#
    );
    if let Ok(value) = HeaderValue::from_str(&challenge) {
        response
            .headers_mut()
            .insert(http::header::WWW_AUTHENTICATE, value);
    }
    response
}

/// A page of a list; `filter` is ignored, a negative start counts as 1, `count=0` gives the total only.
fn list<T>(form: &Form, all: &[T], shown: impl Fn(&T) -> Value) -> Value {
    let number = |name: &str| form.get(name).and_then(|v| v.parse::<i64>().ok());
    let count = number("count").unwrap_or(100).clamp(0, 100) as usize;
    let start = number("startIndex").unwrap_or(1).max(1) as usize;
    let page: Vec<Value> = all.iter().skip(start - 1).take(count).map(shown).collect();
    if count == 0 {
        return json!({ "totalResults": all.len(), "schemas": [LIST], "Resources": [] });
    }
    json!({
        "totalResults": all.len(), "itemsPerPage": page.len(), "startIndex": start, "schemas": [LIST], "Resources": page
    })
}

pub(crate) fn moment(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .unwrap_or_default()
        .to_string()
        .replace('Z', ".000Z")
}

fn shown_user(issuer: &Issuer, user: &User) -> Value {
    let all = issuer.people.groups();
    let group = |name: &std::sync::Arc<str>| {
        let uuid = all
            .iter()
            .find(|g| g.name == *name)
            .map_or_else(String::new, |g| g.uuid.to_string());
        json!({ "display": name.trim_start_matches('/'), "value": uuid, "$ref": issuer.url(&format!("scim/Groups/{uuid}")) })
    };
    let at = moment(user.updated_at);
    json!({
        "id": &*user.uuid,
        "meta": {
            "created": at, "lastModified": at, "location": issuer.url(&format!("scim/Users/{}", user.uuid)), "resourceType": "User"
        },
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:indigo-dc:scim:schemas:IndigoUser"],
        "userName": &*user.username,
        "name": { "familyName": user.family_name, "formatted": user.name, "givenName": user.given_name },
        "displayName": &*user.username,
        "active": user.active,
        "emails": [{ "type": "work", "value": user.email, "primary": true }],
        "groups": user.memberships.all.iter().map(group).collect::<Vec<_>>(),
    })
}

fn shown_group(issuer: &Issuer, group: &Group, all: &[Group]) -> Value {
    let parent = group
        .name
        .rsplit_once('/')
        .map(|(parent, _)| parent)
        .filter(|parent| !parent.is_empty());
    let parent = parent.and_then(|name| all.iter().find(|g| *g.name == *name)).map(|g| {
        json!({
            "display": g.name.trim_start_matches('/'), "value": &*g.uuid, "$ref": issuer.url(&format!("scim/Groups/{}", g.uuid))
        })
    });
    let labels = group
        .optional
        .then(|| json!([{ "prefix": null, "name": "wlcg.optional-group", "value": null }]));
    let at = moment(issuer.now());
    json!({
        "id": &*group.uuid,
        "meta": {
            "created": at, "lastModified": at, "location": issuer.url(&format!("scim/Groups/{}", group.uuid)), "resourceType": "Group"
        },
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group", "urn:indigo-dc:scim:schemas:IndigoGroup"],
        "displayName": group.name.trim_start_matches('/'),
        "urn:indigo-dc:scim:schemas:IndigoGroup": { "parentGroup": parent, "description": group.description, "labels": labels },
    })
}

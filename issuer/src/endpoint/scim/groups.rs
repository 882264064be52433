//! `/scim/Groups` and memberships: read, make, rename, patch members, delete (RFC 7644 §3; issuer page §2.10).

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use http::Method;
use serde_json::{Value, json};

use super::{Also, Fault, GROUP, Outcome, admit, answer, fault, list, operations, shown};
use crate::config::{GroupConfig, Level};
use crate::endpoint::policies::follow;
use crate::endpoint::{Here, Request};
use crate::issuer::Issuer;
use crate::scopes::is_group_name;
use crate::store::User;
use crate::store::people::Group;

/// The label of groups that are asserted only when they are named (issuer page §1.4).
const OPTIONAL: &str = "wlcg.optional-group";

fn found(issuer: &Issuer, id: &str) -> Result<Group, Fault> {
    let all = issuer.people.groups();
    let group = all.into_iter().find(|group| *group.uuid == *id);
    group.ok_or_else(|| (404, format!("No group mapped to id '{id}'")))
}

/// `/scim/Groups`: the list; POST makes a group.
pub async fn groups(State(issuer): Here, request: Request) -> Response {
    let asked = match admit(&issuer, request, "GET,POST", Also::Administrators).await {
        Ok(asked) => asked,
        Err(response) => return response,
    };
    let outcome = if asked.method == Method::POST {
        make(&issuer, &asked.body)
    } else {
        let all = issuer.people.groups();
        list(&issuer, &asked.form, &all, |group| {
            shown::group(&issuer, group, &all)
        })
    };
    answer(&issuer, outcome)
}

/// `/scim/Groups/{id}`.
pub async fn group(State(issuer): Here, Path(id): Path<String>, request: Request) -> Response {
    let asked = match admit(
        &issuer,
        request,
        "GET,PUT,PATCH,DELETE",
        Also::Administrators,
    )
    .await
    {
        Ok(asked) => asked,
        Err(response) => return response,
    };
    let outcome = found(&issuer, &id).and_then(|group| match asked.method {
        Method::PUT => replace(&issuer, &group, &asked.body),
        Method::PATCH => patch(&issuer, &group, &asked.body),
        Method::DELETE => delete(&issuer, &group),
        _ => Ok((
            200,
            Some(shown::group(&issuer, &group, &issuer.people.groups())),
        )),
    });
    answer(&issuer, outcome)
}

/// `/scim/Groups/{id}/members`: the people in it.
pub async fn members(State(issuer): Here, Path(id): Path<String>, request: Request) -> Response {
    let asked = match admit(&issuer, request, "GET", Also::Administrators).await {
        Ok(asked) => asked,
        Err(response) => return response,
    };
    let outcome = found(&issuer, &id).and_then(|group| {
        let mut people = issuer.people.all();
        people.retain(|user| user.memberships.all.contains(&group.name));
        let member = |user: &Arc<User>| {
            json!({ "display": user.name, "value": &*user.uuid, "$ref": issuer.url(&format!("scim/Users/{}", user.uuid)) })
        };
        list(&issuer, &asked.form, &people, member)
    });
    answer(&issuer, outcome)
}

/// `/scim/Groups/{id}/subgroups`: the groups right below it.
pub async fn subgroups(State(issuer): Here, Path(id): Path<String>, request: Request) -> Response {
    let asked = match admit(&issuer, request, "GET", Also::Administrators).await {
        Ok(asked) => asked,
        Err(response) => return response,
    };
    let outcome = found(&issuer, &id).and_then(|group| {
        let mut below = issuer.people.groups();
        below.retain(|one| {
            one.name
                .rsplit_once('/')
                .is_some_and(|(parent, _)| *parent == *group.name)
        });
        let shown = |one: &Group| {
            json!({ "display": one.name.trim_start_matches('/'), "value": &*one.uuid,
                    "$ref": issuer.url(&format!("scim/Groups/{}", one.uuid)) })
        };
        list(&issuer, &asked.form, &below, shown)
    });
    answer(&issuer, outcome)
}

/// The last part of a group's name, as a body gives it.
fn name_of<'b>(issuer: &Issuer, body: &'b Value) -> Result<&'b str, Fault> {
    let name = body
        .get("displayName")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if name.is_empty() {
        return fault(400, "Group displayName cannot be empty");
    }
    if name.contains('/') {
        return fault(400, "Group displayName cannot contain a slash character");
    }
    if name.chars().count() > 50 {
        return fault(400, "Group name length cannot exceed 50 characters");
    }
    if issuer.rules.strict() && !is_group_name(&format!("/{name}")) {
        // CLM-14: it will stand in tokens.
        let text = "Group displayName must begin with a letter or a digit, and go on with these or any of _ . -";
        return fault(400, text);
    }
    Ok(name)
}

fn make(issuer: &Issuer, body: &Value) -> Outcome {
    let name = name_of(issuer, body)?;
    let own = body.get(GROUP);
    let parent = own
        .and_then(|own| own.get("parentGroup"))
        .filter(|parent| !parent.is_null());
    let parent = match parent {
        None => String::new(),
        Some(parent) => {
            let id = parent
                .get("value")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let parent =
                found(issuer, id).map_err(|_| (404, format!("Parent group '{id}' not found")))?;
            parent.name.to_string()
        }
    };
    let labels = own
        .and_then(|own| own.get("labels"))
        .and_then(Value::as_array);
    let config = GroupConfig {
        name: format!("{parent}/{name}"),
        optional: labels.is_some_and(|all| all.iter().any(|label| label["name"] == OPTIONAL)),
        description: own
            .and_then(|own| own.get("description"))
            .and_then(Value::as_str)
            .map(str::to_owned),
        parent: None,
        uuid: None,
    };
    let group = issuer
        .people
        .add_group(&config, || issuer.actor.uuid().to_string());
    let Some(group) = group else {
        return fault(
            409,
            format!("Duplicated group '{}'", config.name.trim_start_matches('/')),
        );
    };
    issuer
        .actor
        .state("issuer.group", &group.name, "", "there", "by SCIM");
    Ok((
        201,
        Some(shown::group(issuer, &group, &issuer.people.groups())),
    ))
}

fn replace(issuer: &Issuer, group: &Group, body: &Value) -> Outcome {
    let name = name_of(issuer, body)?;
    let parent = group.name.rsplit_once('/').map_or("", |(parent, _)| parent);
    let full = format!("{parent}/{name}");
    let description = body.get(GROUP).and_then(|own| own.get("description"));
    let description = description.and_then(Value::as_str);
    if !issuer.people.rename_group(&group.uuid, &full, description) {
        return fault(409, format!("{name} is already mapped to another group"));
    }
    follow(issuer, Level::Group, &group.name, &full);
    issuer.actor.state(
        "issuer.group",
        &group.name,
        "there",
        &full,
        "renamed by SCIM",
    );
    let group = found(issuer, &group.uuid)?;
    Ok((
        200,
        Some(shown::group(issuer, &group, &issuer.people.groups())),
    ))
}

fn patch(issuer: &Issuer, group: &Group, body: &Value) -> Outcome {
    // Everything is looked at before anything is changed.
    let mut work = Vec::new();
    for (op, path, value) in operations(body)? {
        match path {
            Some("members") => {}
            None | Some("") => return fault(400, "empty path value is not currently supported"),
            Some(path) => {
                return fault(400, format!("path value {path} is not currently supported"));
            }
        }
        if op == "replace" && !issuer.rules.strict() {
            return fault(400, "replace operation is not supported on members");
        }
        let refs = value.as_array().map_or(&[][..], Vec::as_slice);
        let mut people = Vec::new();
        for one in refs {
            let id = one.get("value").and_then(Value::as_str).unwrap_or_default();
            let user = issuer.people.by_uuid(id);
            people.push(user.ok_or_else(|| (404, format!("No user mapped to id '{id}'")))?);
        }
        work.push((op, people));
    }
    for (op, people) in work {
        if op == "replace" {
            for user in issuer.people.all() {
                let stays = people.iter().any(|one| one.uuid == user.uuid);
                if !stays && user.memberships.all.contains(&group.name) {
                    set_member(issuer, group, &user, false);
                }
            }
        }
        for user in people {
            set_member(issuer, group, &user, op != "remove");
        }
    }
    Ok((204, None))
}

fn set_member(issuer: &Issuer, group: &Group, user: &User, member: bool) {
    let now = issuer.now();
    issuer.people.change(&user.uuid, |user| {
        user.memberships.all.retain(|name| *name != group.name);
        if member {
            user.memberships.all.push(Arc::clone(&group.name));
        }
        user.updated_at = now;
    });
    let to = if member { "member" } else { "no member" };
    let why = format!("of {}, by SCIM", group.name);
    issuer
        .actor
        .state("issuer.user", &user.username, "", to, &why);
}

fn delete(issuer: &Issuer, group: &Group) -> Outcome {
    let below = format!("{}/", group.name);
    if issuer
        .people
        .groups()
        .iter()
        .any(|one| one.name.starts_with(&below))
    {
        return fault(
            400,
            format!(
                "Group '{}' is not empty: it has groups below it",
                group.name.trim_start_matches('/')
            ),
        );
    }
    issuer.people.remove_group(&group.uuid);
    issuer
        .actor
        .state("issuer.group", &group.name, "there", "gone", "by SCIM");
    Ok((204, None))
}

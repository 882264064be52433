//! `/scim/Me` and `/scim/Users`: read, make, replace, patch, delete (RFC 7644 §3; issuer page §2.10).

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use http::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Also, Fault, Outcome, USER, admit, answer, fault, list, operations, shown};
use crate::config::{Level, OidcId, SamlId, UserConfig};
use crate::endpoint::policies::follow;
use crate::endpoint::{Here, Request};
use crate::issuer::Issuer;
use crate::store::User;

/// What a body says of a person; what it leaves out is not touched.
#[derive(Debug, Default)]
struct Said {
    username: Option<String>,
    given_name: Option<String>,
    family_name: Option<String>,
    formatted: Option<String>,
    email: Option<String>,
    password: Option<String>,
    active: Option<bool>,
    oidc_ids: Option<Vec<OidcId>>,
    saml_ids: Option<Vec<SamlId>>,
}

impl Said {
    fn read(body: &Value) -> Result<Self, Fault> {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let name = body.get("name");
        let part = |part: &str| text(name.and_then(|name| name.get(part)));
        let emails = body.get("emails").and_then(Value::as_array);
        let primary =
            emails.and_then(|all| all.iter().find(|e| e["primary"] == true).or(all.first()));
        let own = |name: &str| body.get(USER).and_then(|own| own.get(name));
        let certificates = own("certificates").and_then(Value::as_array);
        if certificates.is_some_and(|all| !all.is_empty()) {
            let text = "Invalid Scim User: certificates stand in the configuration, and cannot be changed here";
            return fault(400, text);
        }
        let oidc_ids = identities("oidcIds", own("oidcIds"))?;
        let saml_ids = identities("samlIds", own("samlIds"))?;
        Ok(Self {
            username: text(body.get("userName")),
            given_name: part("givenName"),
            family_name: part("familyName"),
            formatted: part("formatted"),
            email: text(primary.and_then(|email| email.get("value"))),
            password: text(body.get("password")),
            active: body.get("active").and_then(Value::as_bool),
            oidc_ids,
            saml_ids,
        })
    }

    /// What a whole person must have.
    fn whole(body: &Value) -> Result<Self, Fault> {
        let said = Self::read(body)?;
        for (name, value) in [
            ("userName", &said.username),
            ("name.givenName", &said.given_name),
            ("name.familyName", &said.family_name),
            ("emails", &said.email),
        ] {
            if value.as_deref().is_none_or(|value| value.trim().is_empty()) {
                return fault(400, format!("Invalid Scim User: {name} must not be empty"));
            }
        }
        Ok(said)
    }

    /// Whether somebody else has the name, the mail address or an identity already.
    fn check_free(&self, issuer: &Issuer, own: Option<&User>) -> Result<(), Fault> {
        let people = issuer.people.all();
        let mut others = people
            .iter()
            .filter(|user| own.is_none_or(|own| own.uuid != user.uuid));
        others.try_for_each(|user| {
            if let Some(name) = self
                .username
                .as_deref()
                .filter(|name| **name == *user.username)
            {
                return fault(409, format!("A user with username '{name}' already exists"));
            }
            if let Some(email) = self
                .email
                .as_deref()
                .filter(|email| email.eq_ignore_ascii_case(&user.email))
            {
                return fault(
                    409,
                    format!("A user linked with email '{email}' already exists"),
                );
            }
            let ids = self.saml_ids.iter().flatten();
            if let Some(id) = ids.into_iter().find(|id| user.saml_ids.contains(id)) {
                let SamlId {
                    idp_id,
                    user_id,
                    attribute_id,
                } = id;
                return fault(
                    409,
                    format!(
                        "SAML id '{idp_id},{attribute_id},{user_id}' is already bound to a user"
                    ),
                );
            }
            let ids = self.oidc_ids.iter().flatten();
            match ids.into_iter().find(|id| user.oidc_ids.contains(id)) {
                Some(id) => fault(
                    409,
                    format!(
                        "OIDC id '{},{}' is already bound to a user",
                        id.issuer, id.subject
                    ),
                ),
                None => Ok(()),
            }
        })
    }

    /// What people may not change of themselves, in IAM's words.
    fn check_own(&self, op: &str) -> Result<(), Fault> {
        let gives_up = op == "remove";
        let what = if self.username.is_some() && !gives_up {
            "Replace user username"
        } else if self.password.is_some() && !gives_up {
            "Replace user password"
        } else if self.active.is_some() && !gives_up {
            "Replace user active status"
        } else if self.oidc_ids.is_some() && !gives_up {
            "Add OpenID Connect account to user"
        } else if self.saml_ids.is_some() && !gives_up {
            "Add SAML account to user"
        } else {
            return Ok(());
        };
        fault(400, format!("{what} not supported"))
    }

    fn apply(self, user: &mut User) {
        let renamed = self.given_name.is_some() || self.family_name.is_some();
        let put = |field: &mut String, value: Option<String>| {
            if let Some(value) = value {
                *field = value;
            }
        };
        if let Some(name) = self.username {
            user.username = name.into();
        }
        put(&mut user.given_name, self.given_name);
        put(&mut user.family_name, self.family_name);
        let whole = format!("{} {}", user.given_name, user.family_name);
        put(&mut user.name, self.formatted.or(renamed.then_some(whole)));
        put(&mut user.email, self.email);
        put(&mut user.password, self.password);
        user.active = self.active.unwrap_or(user.active);
        if let Some(ids) = self.oidc_ids {
            user.oidc_ids = ids;
        }
        if let Some(ids) = self.saml_ids {
            user.saml_ids = ids;
        }
    }
}

/// Identities of one kind, as a body has them.
fn identities<T: DeserializeOwned>(
    name: &str,
    value: Option<&Value>,
) -> Result<Option<Vec<T>>, Fault> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(ids) => match serde_json::from_value(ids.clone()) {
            Ok(ids) => Ok(Some(ids)),
            Err(why) => fault(400, format!("Invalid Scim User: {name}: {why}")),
        },
    }
}

/// A list with some added or removed; none: it is not spoken of.
fn patched<T: Clone + PartialEq>(known: &[T], said: Option<Vec<T>>, add: bool) -> Option<Vec<T>> {
    let said = said?;
    let mut all = known.to_vec();
    all.retain(|one| !said.contains(one));
    if add {
        all.extend(said);
    }
    Some(all)
}

/// `/scim/Me`: oneself; PATCH changes name and mail address, and gives identities up.
pub async fn me(State(issuer): Here, request: Request) -> Response {
    let asked = match admit(&issuer, request, "GET,PATCH", Also::Oneself).await {
        Ok(asked) => asked,
        Err(response) => return response,
    };
    let record = asked.record.filter(|record| record.holder.person);
    let user = record.and_then(|record| issuer.people.by_uuid(&record.holder.sub));
    let outcome = match (user.or(asked.session), asked.method) {
        (Some(user), Method::PATCH) => patch(&issuer, &user, &asked.body, Said::check_own),
        (Some(user), _) => Ok((200, Some(shown::user(&issuer, &user)))),
        (None, _) => fault(400, "No user linked to the current OAuth token"),
    };
    answer(&issuer, outcome)
}

/// `/scim/Users`: the list; POST makes a person.
pub async fn users(State(issuer): Here, request: Request) -> Response {
    let asked = match admit(&issuer, request, "GET,POST", Also::Administrators).await {
        Ok(asked) => asked,
        Err(response) => return response,
    };
    let outcome = if asked.method == Method::POST {
        make(&issuer, &asked.body)
    } else {
        let all = issuer.people.all();
        list(&issuer, &asked.form, &all, |user| {
            shown::user(&issuer, user)
        })
    };
    answer(&issuer, outcome)
}

fn make(issuer: &Issuer, body: &Value) -> Outcome {
    let said = Said::whole(body)?;
    said.check_free(issuer, None)?;
    let config = UserConfig {
        username: said.username.clone().unwrap_or_default(),
        // Nobody knows it: the person begins at an institute, or an administrator sets one.
        password: issuer.random_text(32),
        uuid: None,
        groups: Vec::new(),
        oidc_ids: Vec::new(),
        saml_ids: Vec::new(),
        certificates: Vec::new(),
        admin: false,
        active: true,
        aup_signed: false,
        given_name: None,
        family_name: None,
        name: None,
        email: None,
        email_verified: true,
    };
    let user = issuer
        .people
        .add(&config, issuer.now(), || issuer.actor.uuid().to_string());
    let made = change(issuer, &user, said, "there");
    Ok((201, made.map(|user| shown::user(issuer, &user))))
}

fn change(issuer: &Issuer, user: &User, said: Said, to: &str) -> Option<Arc<User>> {
    put(issuer, user, |user| said.apply(user), to)
}

fn put(
    issuer: &Issuer,
    user: &User,
    change: impl FnOnce(&mut User),
    to: &str,
) -> Option<Arc<User>> {
    let now = issuer.now();
    let changed = issuer.people.change(&user.uuid, |user| {
        change(user);
        user.updated_at = now;
    })?;
    if changed.username != user.username {
        follow(issuer, Level::Account, &user.username, &changed.username);
    }
    issuer
        .actor
        .state("issuer.user", &changed.username, "", to, "by SCIM");
    Some(changed)
}

/// `/scim/Users/{id}`.
pub async fn user(State(issuer): Here, Path(id): Path<String>, request: Request) -> Response {
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
    let Some(user) = issuer.people.by_uuid(&id) else {
        return answer(&issuer, fault(404, format!("No user mapped to id '{id}'")));
    };
    let outcome = match asked.method {
        Method::PUT => replace(&issuer, &user, &asked.body),
        Method::PATCH => patch(&issuer, &user, &asked.body, |_, _| Ok(())),
        Method::DELETE => {
            issuer.people.remove(&id);
            let ended = issuer.tokens.revoke_where(|holder| *holder.sub == *id);
            let why = format!(
                "by SCIM; {} access and {} refresh tokens end",
                ended.0, ended.1
            );
            issuer
                .actor
                .state("issuer.user", &user.username, "there", "gone", &why);
            Ok((204, None))
        }
        _ => Ok((200, Some(shown::user(&issuer, &user)))),
    };
    answer(&issuer, outcome)
}

fn replace(issuer: &Issuer, user: &User, body: &Value) -> Outcome {
    let mut said = Said::whole(body)?;
    said.check_free(issuer, Some(user))?;
    // Whole means whole: what is not said is not there any more.
    said.oidc_ids.get_or_insert_default();
    said.saml_ids.get_or_insert_default();
    let changed = change(issuer, user, said, "changed");
    Ok((200, changed.map(|user| shown::user(issuer, &user))))
}

/// Does the operations of a body, all of them or none (RFC 7644 §3.5.2). `allows`: whether one may be done.
fn patch(
    issuer: &Issuer,
    user: &User,
    body: &Value,
    allows: impl Fn(&Said, &str) -> Result<(), Fault>,
) -> Outcome {
    let mut changed = user.clone();
    for (op, path, value) in operations(body)? {
        if let Some(path) = path.filter(|path| !path.is_empty()) {
            return fault(400, format!("path value {path} is not currently supported"));
        }
        let mut said = Said::read(value)?;
        allows(&said, &op)?;
        if op != "replace" {
            let add = op == "add";
            let oidc = patched(&changed.oidc_ids, said.oidc_ids.take(), add);
            let saml = patched(&changed.saml_ids, said.saml_ids.take(), add);
            if !add {
                said = Said::default();
            }
            (said.oidc_ids, said.saml_ids) = (oidc, saml);
        }
        said.check_free(issuer, Some(user))?;
        said.apply(&mut changed);
    }
    match put(issuer, user, |user| *user = changed, "changed") {
        Some(_) => Ok((204, None)),
        None => fault(404, format!("No user mapped to id '{}'", user.uuid)),
    }
}

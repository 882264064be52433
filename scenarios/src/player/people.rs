//! What people do: get tokens, ask Rucio for a transfer, and, as administrators of the issuer, change who is who.

use carnet_issuer::config::Config as IssuerConfig;
use carnet_stage::{Event, Note};
use carnet_user::{RucioSession, RuleOrder};

use serde_json::{Value, json};

use super::cast::admin_name;
use super::requests::{basic, form, send};
use super::steps::{Story, save_members};
use crate::format::{ActorSpec, Flow, GetToken, Kind, Replicate, RotateKeys};
use crate::loader::{did_of, url_of};

/// Asks Rucio for a replication rule (rucio page §1.4), logging in first (§1.3) when there is no token to show.
pub(super) async fn replicate(story: &mut Story<'_>, step: &Replicate) -> Result<(), String> {
    let rucio = story.running.of(Kind::Rucio, step.via.as_deref())?;
    let user = &story.running.of(Kind::User, step.user.as_deref())?.actor;
    let base = rucio.url.clone();
    let settings = rucio_settings(story, rucio.actor.name())?;
    let (scope, name) = settings
        .dids
        .iter()
        .find(|did| did.path.as_deref() == Some(step.file.as_str()))
        .map_or_else(
            || did_of(&step.file),
            |did| (did.scope.clone(), did.name.clone()),
        );
    let mut order = RuleOrder::new(scope, name, rse_of(story, settings, &step.to)?);
    order.source_rse_expression = Some(rse_of(story, settings, &step.from)?);
    let session = if let Some(name) = &step.token {
        Ok(RucioSession::with_token(
            user,
            &base,
            story.saved.get(name)?,
        ))
    } else {
        let (username, password) = root_login(settings)?;
        RucioSession::with_password(user, &base, "root", &username, &password).await
    };
    let made = match session {
        Ok(session) => session.add_rule(&order).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(id) => {
            if let Some(name) = &step.save {
                story.saved.put(name, &id);
            }
            story.rule = Some(id);
            Ok(())
        }
        Err(error) => refused(story, step.may_fail, &error.to_string()),
    }
}

/// A refusal: a part of the story when the step says so.
fn refused(story: &Story<'_>, may_fail: bool, why: &str) -> Result<(), String> {
    if !may_fail {
        return Err(why.to_owned());
    }
    let text = format!("refused, as the story has it: {why}");
    story
        .running
        .stage
        .journal()
        .record("stage", Event::Note(Note { text }));
    Ok(())
}

fn rucio_settings<'s>(story: &Story<'s>, name: &str) -> Result<&'s carnet_rucio::Config, String> {
    match story.scenario.actors.get(name).map(|placed| &placed.spec) {
        Some(ActorSpec::Rucio(settings)) => Ok(settings),
        _ => Err(format!("`{name}` is not Rucio")),
    }
}

/// Rucio's name of a storage element.
fn rse_of(
    story: &Story<'_>,
    settings: &carnet_rucio::Config,
    actor: &str,
) -> Result<String, String> {
    let placed = story
        .scenario
        .actors
        .get(actor)
        .ok_or_else(|| format!("no actor is called `{actor}`"))?;
    let url = url_of(actor, placed);
    let found = settings
        .rses
        .iter()
        .find(|(_, rse)| rse.url.trim_end_matches('/') == url);
    found
        .map(|(name, _)| name.clone())
        .ok_or_else(|| format!("Rucio knows no storage element at {url}"))
}

fn root_login(settings: &carnet_rucio::Config) -> Result<(String, String), String> {
    settings
        .accounts
        .get("root")
        .and_then(|account| account.userpass.iter().next())
        .map(|(name, password)| (name.clone(), password.clone()))
        .ok_or_else(|| {
            "Rucio's account `root` has no password: give it one (`accounts.root.userpass`), or a `token` to the step"
                .to_owned()
        })
}

/// Gets a token and saves it.
pub(super) async fn get_token(story: &mut Story<'_>, step: &GetToken) -> Result<(), String> {
    let member = story.running.of(Kind::User, step.user.as_deref())?;
    let user = member.user.as_ref().ok_or("this actor is not a person")?;
    let scope = step.scope.as_deref().unwrap_or_default();
    let audience = step.audience.as_deref().unwrap_or_default();
    let tokens = match (step.flow, &step.client) {
        (Flow::DeviceCode, None) => user.get_token_device_code(scope, audience).await,
        (Flow::AuthorizationCode, None) => user.get_token_authorization_code(scope, audience).await,
        (Flow::Password, None) => user.get_token_password(scope, audience).await,
        (Flow::ClientCredentials, None) => user.get_token_client_credentials(scope, audience).await,
        (Flow::DeviceCode | Flow::AuthorizationCode | Flow::Password, Some(client)) => {
            return Err(format!(
                "this flow is done with the user's own client, not with `{client}`"
            ));
        }
        (Flow::ClientCredentials | Flow::Refresh | Flow::Exchange, _) => {
            return ask_token(story, step).await;
        }
    };
    match tokens {
        Ok(tokens) => {
            if let Some(name) = &step.save {
                story.saved.put(name, tokens.access_token);
                for (member, token) in [("refresh", tokens.refresh_token), ("id", tokens.id_token)]
                {
                    if let Some(token) = token {
                        story.saved.put(format!("{name}.{member}"), token);
                    }
                }
            }
            Ok(())
        }
        Err(error) => refused(story, step.may_fail, &error.to_string()),
    }
}

/// Asks the token endpoint with a client's own credentials: its own token, a refresh, an exchange.
async fn ask_token(story: &mut Story<'_>, step: &GetToken) -> Result<(), String> {
    let issuer = story.running.of(Kind::Issuer, step.at.as_deref())?.clone();
    let user = story.running.of(Kind::User, step.user.as_deref())?;
    let from = match (step.flow, &step.from) {
        (Flow::ClientCredentials, _) => String::new(),
        (Flow::Refresh, Some(name)) => story.saved.get(&format!("{name}.refresh"))?.to_owned(),
        (_, Some(name)) => story.saved.get(name)?.to_owned(),
        (_, None) => return Err("`from` must name a saved token".to_owned()),
    };
    let mut fields: Vec<(&str, String)> = match step.flow {
        Flow::Refresh => vec![
            ("grant_type", "refresh_token".to_owned()),
            ("refresh_token", from),
        ],
        Flow::Exchange => vec![
            (
                "grant_type",
                "urn:ietf:params:oauth:grant-type:token-exchange".to_owned(),
            ),
            ("subject_token", from),
        ],
        _ => vec![("grant_type", "client_credentials".to_owned())],
    };
    fields.extend(step.audience.clone().map(|a| ("audience", a)));
    fields.extend(step.scope.clone().map(|s| ("scope", s)));
    let settings = issuer_settings(story, issuer.actor.name())?;
    let own = user
        .user
        .as_ref()
        .map(|user| user.config().client_id.clone());
    let client = step
        .client
        .clone()
        .or(own)
        .ok_or("`client` must name a client of the issuer")?;
    let mut headers = Vec::new();
    match secret_of(settings, &client)? {
        Some(secret) => headers.push((
            "authorization".to_owned(),
            basic(&format!("{client}:{secret}")),
        )),
        None => fields.push(("client_id", client)),
    }
    let (body, header) = form(fields.iter().map(|(n, v)| (*n, v.as_str())));
    headers.push(header);
    let answer = send(
        &user.actor,
        "POST",
        &format!("{}/token", issuer.url),
        &headers,
        body,
    )
    .await?;
    let json = answer.json();
    if answer.status == 200 {
        if let Some(name) = &step.save {
            save_members(&mut story.saved, name, &json);
        }
        return Ok(());
    }
    let member = |name: &str| json.get(name).and_then(Value::as_str).unwrap_or_default();
    let why = format!(
        "the issuer answered {} {}: {}",
        answer.status,
        member("error"),
        member("error_description")
    );
    refused(story, step.may_fail, &why)
}

fn issuer_settings<'s>(story: &Story<'s>, name: &str) -> Result<&'s IssuerConfig, String> {
    match story.scenario.actors.get(name).map(|placed| &placed.spec) {
        Some(ActorSpec::Issuer(settings)) => Ok(settings),
        _ => Err(format!("`{name}` is not a token issuer")),
    }
}

/// The secret of a client; none when it is a public one.
fn secret_of(settings: &IssuerConfig, client: &str) -> Result<Option<String>, String> {
    let found = settings.clients.iter().find(|c| c.client_id == client);
    let known = || crate::words::choice(settings.clients.iter().map(|c| c.client_id.as_str()));
    found
        .map(|c| c.client_secret.clone())
        .ok_or_else(|| format!("the issuer has no client `{client}`; it has {}", known()))
}

/// Suspends a user, as the issuer's administrator.
pub(super) async fn suspend(story: &Story<'_>, user: &str) -> Result<(), String> {
    change_user(story, "PATCH", user, Some(&json!({ "active": false })))
        .await
        .map(drop)
}

/// Takes a user out of a group, as the issuer's administrator.
pub(super) async fn leave_group(story: &Story<'_>, user: &str, group: &str) -> Result<(), String> {
    let shown = change_user(story, "GET", user, None).await?;
    let plain = |name: &str| name.trim_start_matches('/').to_owned();
    let groups: Vec<String> = shown
        .get("groups")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(plain)
        .collect();
    let rest: Vec<&String> = groups
        .iter()
        .filter(|name| **name != plain(group))
        .collect();
    if rest.len() == groups.len() {
        return Err(format!("{user} is not in {group}"));
    }
    change_user(story, "PATCH", user, Some(&json!({ "groups": rest })))
        .await
        .map(drop)
}

/// Has a new key sign, as the issuer's administrator.
pub(super) async fn rotate_keys(story: &Story<'_>, step: &RotateKeys) -> Result<(), String> {
    let before = administer(story, "GET", "/keys", None).await?;
    administer(story, "POST", "/keys", Some(&json!({ "now": true }))).await?;
    if step.keep_old {
        return Ok(());
    }
    let known = before.as_array().or_else(|| before["keys"].as_array());
    for kid in known
        .into_iter()
        .flatten()
        .filter_map(|key| key["kid"].as_str())
    {
        administer(story, "DELETE", &format!("/keys/{kid}"), None).await?;
    }
    Ok(())
}

/// Asks the administrator's listener of the issuer about a user.
async fn change_user(
    story: &Story<'_>,
    method: &str,
    user: &str,
    change: Option<&Value>,
) -> Result<Value, String> {
    let asked = administer(story, method, &format!("/users/{user}"), change).await;
    asked.map_err(|why| match why.as_str() {
        NOT_FOUND => format!("the issuer has no user `{user}`"),
        _ => why,
    })
}

const NOT_FOUND: &str = "the issuer's administrator was answered 404";

/// Asks the administrator's listener of the issuer.
pub(super) async fn administer(
    story: &Story<'_>,
    method: &str,
    path: &str,
    change: Option<&Value>,
) -> Result<Value, String> {
    let issuer = story.running.of(Kind::Issuer, None)?;
    let name = issuer.actor.name();
    let secret = issuer_settings(story, name)?
        .admin_secret
        .clone()
        .ok_or("the issuer has no `admin_secret`")?;
    let administrator = story.running.stage.person("administrator");
    let base = administrator
        .url_of(&admin_name(name))
        .ok_or("the issuer has no listener for administrators")?;
    let headers = [
        ("authorization".to_owned(), format!("Bearer {secret}")),
        ("content-type".to_owned(), "application/json".to_owned()),
    ];
    let content = change.map(ToString::to_string).unwrap_or_default();
    let answer = send(
        &administrator,
        method,
        &format!("{base}{path}"),
        &headers,
        content.into(),
    )
    .await?;
    match answer.status {
        200 | 201 => Ok(answer.json()),
        status => Err(format!("the issuer's administrator was answered {status}")),
    }
}

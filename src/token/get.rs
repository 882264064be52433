//! `carnet token get`: a token from a served issuer, on stdout and nothing else.

use std::path::Path;

use anyhow::{anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use carnet_stage::Body;
use http::{Request, header};

use super::served;
use crate::args::GetOptions;
use crate::{Outcome, output};

pub(crate) fn get(options: &GetOptions) -> anyhow::Result<Outcome> {
    let dir = &options.dir;
    served::ready(dir)?;
    let endpoints = served::json_file(dir, "endpoints.json")?;
    let issuer = endpoints
        .as_object()
        .and_then(|all| all.values().find(|one| one["kind"] == "issuer"))
        .and_then(|one| one["url"].as_str())
        .ok_or_else(|| anyhow!("{}/endpoints.json names no issuer", dir.display()))?
        .to_owned();
    let clients = served::json_file(dir, "clients.json")?;
    let client = clients
        .get(&options.client)
        .ok_or_else(|| served::unknown("client", &options.client, &clients))?;
    let form = form(options, dir)?;
    let id = client["client_id"].as_str().unwrap_or(&options.client);
    let secret = client["client_secret"].as_str();
    let mut request = Request::post(format!("{issuer}/token"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let form = match secret {
        Some(secret) => {
            request = request.header(
                header::AUTHORIZATION,
                format!("Basic {}", STANDARD.encode(format!("{id}:{secret}"))),
            );
            form
        }
        None => format!(
            "{form}&client_id={}",
            form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>()
        ),
    };
    let (status, answer) = served::send(dir, request.body(Body::from(form))?)?;
    if !status.is_success() {
        let error = answer["error"].as_str().unwrap_or("no error code");
        let description = answer["error_description"]
            .as_str()
            .unwrap_or("no description");
        bail!(
            "the issuer refused: {} {error}: {description}",
            status.as_u16()
        );
    }
    let token = answer["access_token"]
        .as_str()
        .ok_or_else(|| anyhow!("the issuer's answer has no access_token"))?;
    output::tell_line(token);
    Ok(Outcome::Held)
}

fn form(options: &GetOptions, dir: &Path) -> anyhow::Result<String> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    match &options.user {
        Some(user) => {
            let users = served::json_file(dir, "users.json")?;
            let found = users
                .get(user)
                .ok_or_else(|| served::unknown("user", user, &users))?;
            form.append_pair("grant_type", "password")
                .append_pair("username", user);
            form.append_pair("password", found["password"].as_str().unwrap_or_default());
        }
        None => {
            form.append_pair("grant_type", "client_credentials");
        }
    }
    if !options.scope.is_empty() {
        form.append_pair("scope", &options.scope.join(" "));
    }
    if !options.audience.is_empty() {
        form.append_pair("audience", &options.audience.join(" "));
    }
    Ok(form.finish())
}

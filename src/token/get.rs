//! `carnet token get`: a token from a served issuer, on stdout and nothing else.

use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use carnet_certs::Authority;
use carnet_stage::body::read_limited;
use carnet_stage::{Body, Chance, Clock, JournalOptions, ServerOptions, Stage, StageOptions};
use http::{Request, header};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::Value;

use crate::args::GetOptions;
use crate::{Outcome, output};

/// Longest answer read, in bytes.
const LONGEST: usize = 1 << 20;

pub(crate) fn get(options: &GetOptions) -> anyhow::Result<Outcome> {
    let dir = &options.dir;
    anyhow::ensure!(
        dir.join("ready").exists(),
        "nothing is served from {}: `carnet serve --dir {}` does, and makes `ready` there when every actor answers",
        dir.display(),
        dir.display()
    );
    let endpoints = json_file(dir, "endpoints.json")?;
    let issuer = endpoints
        .as_object()
        .and_then(|all| all.values().find(|one| one["kind"] == "issuer"))
        .and_then(|one| one["url"].as_str())
        .ok_or_else(|| anyhow!("{}/endpoints.json names no issuer", dir.display()))?
        .to_owned();
    let clients = json_file(dir, "clients.json")?;
    let client = clients
        .get(&options.client)
        .ok_or_else(|| unknown("client", &options.client, &clients))?;
    let form = form(options, dir)?;
    let id = client["client_id"].as_str().unwrap_or(&options.client);
    let secret = client["client_secret"].as_str();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let answer = runtime.block_on(ask(&issuer, dir, id, secret, form))?;
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
            let users = json_file(dir, "users.json")?;
            let found = users
                .get(user)
                .ok_or_else(|| unknown("user", user, &users))?;
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

async fn ask(
    issuer: &str,
    dir: &Path,
    id: &str,
    secret: Option<&str>,
    form: String,
) -> anyhow::Result<Value> {
    let ca = std::fs::read_to_string(dir.join("ca.pem"))
        .with_context(|| format!("cannot read {}/ca.pem", dir.display()))?;
    let root = CertificateDer::from_pem_slice(ca.as_bytes())
        .map_err(|error| anyhow!("{}/ca.pem is not a certificate: {error}", dir.display()))?;
    let stage = Stage::new(StageOptions {
        chance: Chance::fresh(),
        unpredictable: true,
        clock: Clock::wall(),
        journal: JournalOptions {
            keep: 0,
            ..JournalOptions::default()
        },
        authority: Authority::new("command line")?,
        extra_roots: vec![root],
        server: ServerOptions::default(),
    })?;
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
    let answer = stage
        .person("command line")
        .client()
        .send(request.body(Body::from(form))?)
        .await?;
    let status = answer.status();
    let body = read_limited(answer.into_body(), LONGEST).await?;
    let value: Value = serde_json::from_slice(&body).unwrap_or_default();
    if !status.is_success() {
        let error = value["error"].as_str().unwrap_or("no error code");
        let description = value["error_description"]
            .as_str()
            .unwrap_or("no description");
        bail!(
            "the issuer refused: {} {error}: {description}",
            status.as_u16()
        );
    }
    Ok(value)
}

fn json_file(dir: &Path, name: &str) -> anyhow::Result<Value> {
    let path = dir.join(name);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}

fn unknown(what: &str, name: &str, all: &Value) -> anyhow::Error {
    let known: Vec<&str> = all
        .as_object()
        .map(|all| all.keys().map(String::as_str).collect())
        .unwrap_or_default();
    anyhow!(
        "there is no {what} `{name}`; there are {}",
        known.join(", ")
    )
}

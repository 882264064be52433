//! `carnet token why --dir`: why a served issuer would refuse or narrow a token request, asked at its admin listener.

use anyhow::{Context as _, anyhow, bail};
use carnet_report::token::{Judgement, Line};
use carnet_stage::Body;
use http::{Request, header};
use serde_json::{Value, json};

use super::served;
use crate::args::WhyOptions;
use crate::{Outcome, output};

pub(super) fn explain(options: &WhyOptions) -> anyhow::Result<Outcome> {
    let dir = options.dir.as_deref().context("--dir is needed")?;
    served::ready(dir)?;
    let admins = served::json_file(dir, "admin.json").map_err(|_| {
        anyhow!(
            "the issuer's admin listener is not open: start `carnet serve --dir {} --admin`",
            dir.display()
        )
    })?;
    let (issuer, admin) = match &options.issuer {
        Some(name) => {
            let found = admins
                .get(name)
                .ok_or_else(|| served::unknown("issuer", name, &admins))?;
            (name.as_str(), found)
        }
        None => admins
            .as_object()
            .and_then(|all| all.iter().next())
            .map(|(name, admin)| (name.as_str(), admin))
            .with_context(|| format!("{}/admin.json names no issuer", dir.display()))?,
    };
    let text = |name: &str| {
        let found = admin.get(name).and_then(Value::as_str);
        found.ok_or_else(|| anyhow!("{}/admin.json says no {name} for {issuer}", dir.display()))
    };
    let client = options.client.as_deref().context("--client is needed")?;
    let request = Request::post(format!("{}/explain/request", text("url")?))
        .header(header::AUTHORIZATION, format!("Bearer {}", text("secret")?))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(
            question(options, &client_id(dir, client)).to_string(),
        ))?;
    let (status, told) = served::send(dir, request)?;
    if !status.is_success() {
        bail!(
            "{}",
            told["error_description"]
                .as_str()
                .unwrap_or("the issuer gave no explanation")
        );
    }
    output::tell(&carnet_report::token::judgement(
        &judgement(client, options, &told),
        &super::options(),
    ));
    output::tell(&outcome(&told));
    let narrowed = told["dropped"]
        .as_array()
        .is_some_and(|all| !all.is_empty());
    Ok(if told["granted"] == true && !narrowed {
        Outcome::Held
    } else {
        Outcome::Broken
    })
}

/// The client id behind a name of `clients.json`; an id stands for itself.
fn client_id(dir: &std::path::Path, name: &str) -> String {
    let clients = served::json_file(dir, "clients.json").unwrap_or_default();
    let id = clients
        .get(name)
        .and_then(|client| client["client_id"].as_str());
    id.unwrap_or(name).to_owned()
}

fn question(options: &WhyOptions, client_id: &str) -> Value {
    let joined = |all: &[String]| (!all.is_empty()).then(|| all.join(" "));
    json!({
        "client_id": client_id,
        "grant": options.grant,
        "user": options.user,
        "origin": options.subject_client,
        "scope": joined(&options.scope),
        "audience": joined(&options.audience),
        "resource": joined(&options.resource),
    })
}

fn judgement(client: &str, options: &WhyOptions, told: &Value) -> Judgement {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let whose = match (&options.subject_client, &options.user) {
        (Some(origin), Some(user)) => format!(" of {user}'s token from {origin}"),
        (Some(origin), None) => format!(" of {origin}'s token"),
        (None, Some(user)) => format!(" for {user}"),
        (None, None) => String::new(),
    };
    let asked = text(&told["asked"]);
    let asked = if asked.is_empty() {
        "no scope".to_owned()
    } else {
        asked
    };
    let line = |check: &Value| Line {
        name: text(&check["name"]),
        ok: check["ok"] == true,
        saw: text(&check["saw"]),
        wanted: text(&check["wanted"]),
    };
    let refusal = &told["refusal"];
    let answer = refusal["status"].as_u64().map(|status| {
        let (error, words) = (text(&refusal["error"]), text(&refusal["error_description"]));
        format!("{status} {error}: {words}")
    });
    Judgement {
        granted: told["granted"] == true,
        demand: format!("{client} asks by {}{whose}: {asked}", text(&told["grant"])),
        checks: told["checks"]
            .as_array()
            .into_iter()
            .flatten()
            .map(line)
            .collect(),
        answer,
        hint: told["hint"].as_str().map(str::to_owned),
    }
}

/// What would be given, and what would be missing.
fn outcome(told: &Value) -> String {
    let list = |value: &Value| {
        let all = value
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        all.collect::<Vec<_>>().join(" ")
    };
    let mut lines = Vec::new();
    if let Some(policy) = told["policy"].as_str() {
        lines.push(format!("exchange policy: {policy}, rank {}", told["rank"]));
    }
    if let Some(applicable) = told["applicable"].as_array().filter(|all| all.len() > 1) {
        lines.push("policies that apply:".to_owned());
        lines.extend(
            applicable
                .iter()
                .filter_map(Value::as_str)
                .map(|one| format!("    {one}")),
        );
    }
    if told["granted"] == true {
        let scope = told["scope"]
            .as_str()
            .filter(|s| !s.is_empty())
            .unwrap_or("none");
        lines.push(format!("scope given: {scope}"));
        for gone in told["dropped"].as_array().into_iter().flatten() {
            let part = |name: &str| gone[name].as_str().unwrap_or_default();
            lines.push(format!(
                "dropped without an error: {}: {}",
                part("scope"),
                part("why")
            ));
        }
        if told["groups"].is_array() {
            lines.push(format!("groups: {}", list(&told["groups"])));
        }
        let missing = list(&told["not_a_member_of"]);
        if !missing.is_empty() {
            lines.push(format!("not a member of: {missing}"));
        }
        lines.push(format!("audience: {}", list(&told["audience"])));
        let given: Vec<&str> = [
            ("refresh_token", "a refresh token"),
            ("id_token", "an ID token"),
        ]
        .iter()
        .filter(|(name, _)| told[*name] == true)
        .map(|(_, words)| *words)
        .collect();
        if !given.is_empty() {
            lines.push(format!("and {}", given.join(" and ")));
        }
    }
    lines.into_iter().map(|line| line + "\n").collect()
}

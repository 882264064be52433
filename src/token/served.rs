//! What the `token` commands share that speak to a served issuer: the folder of `carnet serve --dir`, and one request.

use std::path::Path;

use anyhow::{Context as _, anyhow};
use carnet_certs::Authority;
use carnet_stage::body::read_limited;
use carnet_stage::{Body, Chance, Clock, JournalOptions, ServerOptions, Stage, StageOptions};
use http::{Request, StatusCode};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::Value;

/// Longest answer read, in bytes.
const LONGEST: usize = 1 << 20;

/// Says so when nothing is served from a folder.
pub(super) fn ready(dir: &Path) -> anyhow::Result<()> {
    anyhow::ensure!(
        dir.join("ready").exists(),
        "nothing is served from {}: `carnet serve --dir {}` does, and makes `ready` there when every actor answers",
        dir.display(),
        dir.display()
    );
    Ok(())
}

/// A file of the folder.
pub(super) fn json_file(dir: &Path, name: &str) -> anyhow::Result<Value> {
    let path = dir.join(name);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}

/// A name that is not there, and those that are.
pub(super) fn unknown(what: &str, name: &str, all: &Value) -> anyhow::Error {
    let known: Vec<&str> = all
        .as_object()
        .map(|all| all.keys().map(String::as_str).collect())
        .unwrap_or_default();
    anyhow!(
        "there is no {what} `{name}`; there are {}",
        known.join(", ")
    )
}

/// Sends one request, trusting the folder's authority; the answer's status and its JSON.
pub(super) fn send(dir: &Path, request: Request<Body>) -> anyhow::Result<(StatusCode, Value)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
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
        let answer = stage.person("command line").client().send(request).await?;
        let status = answer.status();
        let body = read_limited(answer.into_body(), LONGEST).await?;
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    })
}

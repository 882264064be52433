//! Services of somebody else's in actors' places: found, asked whether they are there, and given the files of the story.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use bytes::Bytes;
use carnet_stage::{Actor, Body, Event, Note};
use carnet_storage::config::{Config, FileSpec, Strategy};
use carnet_storage::pattern::{Pattern, key};
use http::StatusCode;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::json;

use super::people::administer;
use super::requests::send;
use super::steps::Story;
use super::{PlayError, files};
use crate::format::{ActorSpec, External};
use crate::loader::{Scenario, brought_by, external};

/// The certificate authorities that services' certificates are trusted by.
pub(super) fn roots(scenario: &Scenario) -> Result<Vec<CertificateDer<'static>>, PlayError> {
    let mut roots = Vec::new();
    for (name, service) in external(&scenario.actors) {
        let Some(file) = &service.ca else { continue };
        let fail = |why: String| PlayError::External {
            name: name.to_owned(),
            url: service.url(),
            why: format!(
                "its certificate authorities cannot be read from {}: {why}",
                file.display()
            ),
        };
        let before = roots.len();
        let found = CertificateDer::pem_file_iter(file).map_err(|error| fail(error.to_string()))?;
        for one in found {
            roots.push(one.map_err(|error| fail(error.to_string()))?);
        }
        if roots.len() == before {
            return Err(fail("there is no certificate in it".to_owned()));
        }
    }
    Ok(roots)
}

/// Where a service listens.
pub(super) async fn address(name: &str, service: &External) -> Result<SocketAddr, PlayError> {
    let host = service.host().trim_matches(['[', ']']);
    let port = service.port().unwrap_or(443);
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, port));
    }
    let fail = |why: String| PlayError::External {
        name: name.to_owned(),
        url: service.url(),
        why,
    };
    let mut found = tokio::net::lookup_host((host, port))
        .await
        .map_err(|error| fail(format!("no such host: {error}")))?
        .collect::<Vec<_>>();
    found.sort_by_key(SocketAddr::is_ipv6);
    found
        .first()
        .copied()
        .ok_or_else(|| fail("its host has no address".to_owned()))
}

/// Asks every service for anything: whatever it answers, it is there.
pub(super) async fn greet(scenario: &Scenario, asking: &Actor) -> Result<(), PlayError> {
    for (name, service) in external(&scenario.actors) {
        let url = format!("{}/", service.url());
        let asked = send(asking, "HEAD", &url, &[], Body::empty()).await;
        asked.map_err(|why| PlayError::External {
            name: name.to_owned(),
            url: service.url(),
            why: if why.contains("TLS with") {
                format!(
                    "{why} (its certificate must name `{}` and be by the run's own authority or one of the actor's `ca` file)",
                    service.host()
                )
            } else {
                format!("{why} (is it running?)")
            },
        })?;
    }
    Ok(())
}

/// Puts storage elements of somebody else's into the state that the scenario begins with: files that it says are there
/// are stored, files that it will bring are taken away, with the collections they lie in made.
pub(super) async fn furnish(story: &Story<'_>) -> Result<(), PlayError> {
    for (name, service) in external(&story.scenario.actors) {
        let Some(ActorSpec::Storage(settings)) =
            story.scenario.actors.get(name).map(|placed| &placed.spec)
        else {
            continue;
        };
        let brought: Vec<&str> = story
            .scenario
            .steps
            .iter()
            .filter_map(|told| brought_by(&told.what))
            .filter(|(at, _)| *at == name)
            .map(|(_, file)| file)
            .collect();
        if settings.files.is_empty() && brought.is_empty() {
            continue;
        }
        let fail = |why: String| PlayError::External {
            name: name.to_owned(),
            url: service.url(),
            why,
        };
        let element = Element {
            actor: story.running.stage.person("stage"),
            url: service.url(),
            token: token(story, service, settings).await.map_err(fail)?,
        };
        for path in settings
            .files
            .keys()
            .map(String::as_str)
            .chain(brought.iter().copied())
        {
            element.make_parents(path).await.map_err(fail)?;
        }
        for (path, content) in &settings.files {
            let seed = story.scenario.seed;
            element.store(path, content, seed).await.map_err(fail)?;
        }
        for path in brought {
            element.clear(path).await.map_err(fail)?;
        }
        let text = format!(
            "{name} is {}, a service that is not ours: it was given the files of this story",
            service.url()
        );
        story
            .running
            .stage
            .journal()
            .record("stage", Event::Note(Note { text }));
    }
    Ok(())
}

/// A token that opens a storage element as it is configured: with storage scopes, or with the groups of its policies.
async fn token(story: &Story<'_>, service: &External, settings: &Config) -> Result<String, String> {
    let strategies = || settings.issuers.iter().flat_map(|issuer| &issuer.strategy);
    let by_groups = strategies().any(|one| *one == Strategy::Group)
        && !strategies().any(|one| *one == Strategy::Capability);
    let mut claims = json!({ "sub": "stage", "client_id": "stage", "aud": [service.origin()] });
    if by_groups {
        let groups: Vec<&String> = settings
            .policies
            .iter()
            .filter_map(|p| p.group.as_ref())
            .collect();
        claims["wlcg.groups"] = json!(groups);
        claims["scope"] = "openid wlcg.groups".into();
    } else {
        claims["scope"] = "storage.read:/ storage.create:/ storage.modify:/".into();
    }
    if story.running.issuers.is_empty() {
        return Err(
            "its files cannot be put there: no token issuer on the stage is ours".to_owned(),
        );
    }
    let made = administer(story, "POST", "/mint", Some(&json!({ "claims": claims }))).await?;
    made.get("token")
        .and_then(serde_json::Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| "the issuer made no token for it".to_owned())
}

/// A storage element and what opens it.
struct Element {
    actor: Actor,
    url: String,
    token: String,
}

impl Element {
    fn headers(&self) -> Vec<(String, String)> {
        vec![("authorization".to_owned(), format!("Bearer {}", self.token))]
    }

    async fn ask(&self, method: &str, path: &str, may_be: &[u16]) -> Result<(), String> {
        let url = format!("{}{path}", self.url);
        let answer = send(&self.actor, method, &url, &self.headers(), Body::empty()).await?;
        if (200..300).contains(&answer.status) || may_be.contains(&answer.status) {
            return Ok(());
        }
        Err(answered(method, path, answer.status))
    }

    /// The collections above a file. Some servers make them with the file, not all with a third-party copy of it.
    async fn make_parents(&self, path: &str) -> Result<(), String> {
        for (at, _) in path.match_indices('/').skip(1) {
            // 405 and 409: it is there, or it is made with the file.
            self.ask("MKCOL", &format!("{}/", &path[..at]), &[405, 409])
                .await?;
        }
        Ok(())
    }

    async fn clear(&self, path: &str) -> Result<(), String> {
        self.ask("DELETE", path, &[404]).await
    }

    async fn store(&self, path: &str, content: &FileSpec, seed: u64) -> Result<(), String> {
        // What is there from another run may be of another size, and not every server shortens what it replaces.
        self.clear(path).await?;
        let (size, body) = bytes_of(content, path, seed).await?;
        let mut headers = self.headers();
        headers.push(("content-length".to_owned(), size.to_string()));
        let url = format!("{}{path}", self.url);
        let answer = send(&self.actor, "PUT", &url, &headers, body).await?;
        match answer.status {
            200..300 => Ok(()),
            status => Err(answered("PUT", path, status)),
        }
    }
}

fn answered(method: &str, path: &str, status: u16) -> String {
    let reason = StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or_default();
    let hint = match status {
        401 | 403 => {
            ": it must trust the issuer of this run, and take its own origin as the audience"
        }
        _ => "",
    };
    format!("{method} {path} was answered {status} {reason}{hint}")
}

async fn bytes_of(content: &FileSpec, path: &str, seed: u64) -> Result<(u64, Body), String> {
    if let Some(text) = &content.text {
        return Ok((text.len() as u64, Body::from(text.clone())));
    }
    if let Some(own) = &content.path {
        return own_file(own)
            .await
            .map_err(|why| format!("cannot read {}: {why}", own.display()));
    }
    let size = content.size.map_or(0, |size| size.0);
    let pattern = match content.seed {
        Some(seed) => Pattern::new(key(seed, "")),
        None => Pattern::new(key(seed, path)),
    };
    Ok((size, files::seeded(pattern, size)))
}

async fn own_file(path: &Path) -> std::io::Result<(u64, Body)> {
    use tokio::io::AsyncReadExt as _;
    let file = tokio::fs::File::open(path).await?;
    let size = file.metadata().await?.len();
    let pieces = futures_util::stream::try_unfold(file, |mut file| async move {
        let mut piece = bytes::BytesMut::with_capacity(files::PIECE);
        let read = file.read_buf(&mut piece).await?;
        let piece: Bytes = piece.freeze();
        Ok::<_, std::io::Error>((read > 0).then_some((piece, file)))
    });
    Ok((size, Body::from_stream(pieces)))
}

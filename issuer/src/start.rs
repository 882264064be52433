//! Bringing an issuer up: stores at once, the signing key in the background.

use std::path::PathBuf;
use std::sync::Arc;

use carnet_stage::{Actor, Handler, StartError};

use crate::config::Config;
use crate::issuer::Issuer;
use crate::keys::{KeyRing, load_or_make};
use crate::quirks::{Quirk, Rules};
use crate::{endpoint, exchange, patterns, policies, routes};

/// An issuer that runs: what answers its requests, and itself for whoever needs more than HTTP (the admin listener, `clients.json`).
pub struct Started {
    /// What answers the public paths.
    pub handler: Handler,
    /// The issuer.
    pub issuer: Arc<Issuer>,
}

/// Starts an issuer and gives back what answers its requests.
///
/// The signing key is read or made in the background; only the first signature and the key set wait for it.
#[allow(clippy::unused_async, reason = "every role starts the same way")]
pub async fn start(actor: Actor, config: Config) -> Result<Handler, StartError> {
    build(actor, config, key_directory()).map(|started| started.handler)
}

/// The same, with the directory that keeps the key (none: it is made anew), and with the issuer itself.
pub fn build(actor: Actor, config: Config, keep: Option<PathBuf>) -> Result<Started, StartError> {
    check(&config)?;
    let issuer = Arc::new(Issuer::new(actor, config));
    endpoint::keys::supply(&issuer, keep);
    let handler = routes::public(Arc::clone(&issuer));
    Ok(Started { handler, issuer })
}

/// Client ids and secrets, for `clients.json`.
pub fn client_secrets(issuer: &Issuer) -> Vec<(String, Option<String>)> {
    issuer
        .clients
        .all()
        .iter()
        .map(|client| (client.id.to_string(), client.secret.clone()))
        .collect()
}

/// Where the signing key is kept between runs: `carnet/keys` in the user's cache directory.
pub fn key_directory() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .filter(|dir| !dir.is_empty())
        .map(PathBuf::from);
    let home = || {
        std::env::var_os("HOME")
            .filter(|dir| !dir.is_empty())
            .map(|home| PathBuf::from(home).join(".cache"))
    };
    Some(cache.or_else(home)?.join("carnet").join("keys"))
}

/// What a configuration cannot mean.
fn check(config: &Config) -> Result<(), StartError> {
    let mut ids = std::collections::HashSet::new();
    for client in &config.clients {
        if !ids.insert(client.client_id.as_str()) {
            return Err(StartError::new(format!(
                "client {} is registered twice",
                client.client_id
            )));
        }
    }
    let mut names = std::collections::HashSet::new();
    for user in &config.users {
        if !names.insert(user.username.as_str()) {
            return Err(StartError::new(format!(
                "user {} is there twice",
                user.username
            )));
        }
    }
    let rules = Rules::new(config.compat, &config.quirks);
    let loose = rules.has(Quirk::Q08);
    let scope = config.scope_policies.as_deref().unwrap_or_default();
    let exchange = config.exchange_policies.as_deref().unwrap_or_default();
    let mut matchers = config.scope_matchers.iter().flatten();
    let unreadable = policies::unreadable(scope, &rules)
        .or_else(|| exchange::unreadable(exchange, &rules))
        .or_else(|| matchers.find_map(|m| patterns::fault_of_matcher(m, loose)));
    match unreadable {
        Some(why) => Err(StartError::new(why)),
        None => Ok(()),
    }
}

/// Reads or makes the first key, off the caller's path.
pub(crate) fn first_key(issuer: &Arc<Issuer>, keep: Option<PathBuf>) {
    let (for_key, config) = (Arc::clone(issuer), &issuer.config);
    let name = format!("issuer-{}-{}", issuer.actor.host(), config.key_id);
    let (algorithm, kid) = (config.algorithm, config.key_id.clone());
    let now = issuer.now();
    let longest = config
        .clients
        .iter()
        .filter_map(|c| c.access_token_validity_seconds)
        .chain([config.lifetimes.access])
        .max();
    let rotation = config.rotation.clone();
    tokio::task::spawn_blocking(move || {
        let kept = load_or_make(keep.as_deref(), &name, algorithm, &kid);
        // A directory that cannot be written is no reason to be without a key.
        let key = kept.or_else(|why| {
            for_key.actor.note(why.to_string());
            load_or_make(None, &name, algorithm, &kid)
        });
        let ring =
            key.map(|key| KeyRing::new(Arc::new(key), &rotation, longest.unwrap_or(3600), now));
        for_key.keys.supply(ring.map_err(|why| why.to_string()));
    });
}

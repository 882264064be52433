//! What a topology says that outside programs need: clients, users, the Rucio login.

use carnet_issuer::config::AuthMethod;
use carnet_scenarios::Scenario;
use carnet_scenarios::format::ActorSpec;
use rand::distr::{Alphanumeric, SampleString as _};

use super::directory::{ClientSecret, RucioLogin, UserSecret};

/// The secrets of a laboratory.
pub(crate) struct Lab {
    pub(crate) clients: Vec<ClientSecret>,
    pub(crate) users: Vec<UserSecret>,
    pub(crate) rucio: Option<RucioLogin>,
    /// Where the scopes of a storage element's first issuer begin in its tree, by its name: nothing, or a path
    /// without a slash at its end.
    pub(crate) areas: Vec<(String, String)>,
    /// Issuers with an admin listener: the issuer's name and the listener's secret.
    pub(crate) admins: Vec<(String, String)>,
}

impl Lab {
    /// Reads a topology; a confidential client without a secret is given one, and so is an issuer's admin listener when
    /// one is wanted.
    pub(crate) fn of(scenario: &mut Scenario, admin: bool) -> Self {
        let mut lab = Self {
            clients: Vec::new(),
            users: Vec::new(),
            rucio: None,
            areas: Vec::new(),
            admins: Vec::new(),
        };
        let mut names = Vec::new();
        for (name, placed) in &scenario.actors {
            match &placed.spec {
                ActorSpec::Rucio(rucio) => {
                    names.push((rucio.client_id.clone(), name.clone()));
                    lab.rucio = lab.rucio.or_else(|| {
                        rucio.accounts.iter().find_map(|(account, settings)| {
                            let (username, password) = settings.userpass.first()?;
                            Some(RucioLogin {
                                account: account.clone(),
                                username: username.clone(),
                                password: password.clone(),
                            })
                        })
                    });
                }
                ActorSpec::Storage(storage) => {
                    let issuer = storage.issuers.first();
                    let base = issuer.and_then(|issuer| issuer.base_path.as_deref());
                    let base = match base.unwrap_or_default().trim_matches('/') {
                        "" => String::new(),
                        base => format!("/{base}"),
                    };
                    lab.areas.push((name.clone(), base));
                }
                ActorSpec::Fts(fts) => {
                    names.extend(
                        fts.issuers
                            .iter()
                            .map(|issuer| (issuer.client_id.clone(), name.clone())),
                    );
                }
                _ => {}
            }
        }
        for (name, placed) in &mut scenario.actors {
            let ActorSpec::Issuer(issuer) = &mut placed.spec else {
                continue;
            };
            if admin && issuer.admin_secret.is_none() {
                issuer.admin_secret = Some(secret());
            }
            let guarded = issuer.admin_secret.clone();
            lab.admins
                .extend(guarded.map(|secret| (name.clone(), secret)));
            for client in &mut issuer.clients {
                let confidential = !matches!(
                    client.token_endpoint_auth_method,
                    AuthMethod::None | AuthMethod::PrivateKeyJwt
                );
                if confidential && client.client_secret.is_none() {
                    client.client_secret = Some(secret());
                }
                let actor = names
                    .iter()
                    .find(|(id, _)| *id == client.client_id)
                    .map(|(_, name)| name.clone());
                lab.clients.push(ClientSecret {
                    name: actor.unwrap_or_else(|| client.client_id.clone()),
                    id: client.client_id.clone(),
                    secret: client.client_secret.clone(),
                });
            }
            lab.users.extend(issuer.users.iter().map(|user| UserSecret {
                username: user.username.clone(),
                password: user.password.clone(),
            }));
        }
        lab
    }
}

/// A secret that nobody guesses.
fn secret() -> String {
    Alphanumeric.sample_string(&mut carnet_stage::Chance::unpredictable(), 40)
}

//! The running Rucio: the catalogue behind a lock, the pen for the journal, and the hand that starts the conveyor.

use std::sync::{Arc, Mutex, PoisonError};

use carnet_stage::{Actor, StartError};
use tokio::sync::Semaphore;

use crate::auth::Sessions;
use crate::catalogue::{Catalogue, Change, Given};
use crate::config::Config;
use crate::conveyor;
use crate::issuer::Issuer;
use crate::judge;
use crate::tokens::TokenStore;

/// A running Rucio. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Rucio {
    shared: Arc<Shared>,
}

struct Shared {
    actor: Actor,
    config: Config,
    catalogue: Mutex<Catalogue>,
    sessions: Mutex<Sessions>,
    issuer: Issuer,
    tokens: TokenStore,
    in_flight: Arc<Semaphore>,
}

impl Rucio {
    /// Sets up the catalogue and starts the judge.
    pub(crate) fn new(actor: Actor, config: Config) -> Result<Self, StartError> {
        let mut id = || actor.uuid().simple().to_string();
        let catalogue = Catalogue::new(
            &config,
            &mut Given {
                now: actor.clock().now(),
                id: &mut id,
            },
        )
        .map_err(StartError::new)?;
        let issuer = Issuer::new(actor.clone(), &config);
        let rucio = Self {
            shared: Arc::new(Shared {
                catalogue: Mutex::new(catalogue),
                sessions: Mutex::default(),
                issuer,
                tokens: TokenStore::default(),
                in_flight: Arc::new(Semaphore::new(config.jobs_in_flight.max(1))),
                actor,
                config,
            }),
        };
        judge::start(&rucio);
        Ok(rucio)
    }

    /// What it stands on.
    pub(crate) fn actor(&self) -> &Actor {
        &self.shared.actor
    }

    /// What the scenario says about it.
    pub(crate) fn config(&self) -> &Config {
        &self.shared.config
    }

    /// Its line to the token issuer.
    pub(crate) fn issuer(&self) -> &Issuer {
        &self.shared.issuer
    }

    /// The tokens it holds.
    pub(crate) fn tokens(&self) -> &TokenStore {
        &self.shared.tokens
    }

    /// Places for transfer jobs.
    pub(crate) fn in_flight(&self) -> Arc<Semaphore> {
        Arc::clone(&self.shared.in_flight)
    }

    /// Sessions of clients that have logged in.
    pub(crate) fn sessions<T>(&self, act: impl FnOnce(&mut Sessions) -> T) -> T {
        act(&mut self
            .shared
            .sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the catalogue.
    pub(crate) fn read<T>(&self, act: impl FnOnce(&Catalogue) -> T) -> T {
        act(&self
            .shared
            .catalogue
            .lock()
            .unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the catalogue; tells the journal what changed and sets queued requests on their way.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Catalogue, &mut Given<'_>) -> T) -> T {
        let actor = &self.shared.actor;
        let now = actor.clock().now();
        let mut id = || actor.uuid().simple().to_string();
        let (result, changes, queued) = {
            let mut catalogue = self
                .shared
                .catalogue
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let result = act(&mut catalogue, &mut Given { now, id: &mut id });
            (result, catalogue.take_changes(), catalogue.take_queued())
        };
        for Change {
            entity,
            id,
            from,
            to,
            why,
        } in changes
        {
            actor.state(entity, &id, from, to, &why);
        }
        for id in queued {
            actor.spawn(conveyor::carry(self.clone(), id));
        }
        result
    }
}

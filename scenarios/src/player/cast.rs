//! The cast: every actor of a scenario on a listener of its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use carnet_certs::Authority;
use carnet_issuer::Issuer;
use carnet_stage::{
    Actor, Chance, Clock, Event, FaultEvent, Handler, JournalOptions, Place, ServerOptions, Stage,
    StageOptions, is_brief,
};
use carnet_user::User;
use indexmap::IndexMap;
use jiff::SignedDuration;

use super::{OnJournal, PlayError, faults, outside};
use crate::format::{ActorSpec, Kind, Placed};
use crate::loader::{Scenario, default_host, external};

/// An actor on the stage.
#[derive(Clone)]
pub struct Member {
    /// Its role.
    pub kind: Kind,
    /// Its footing.
    pub actor: Actor,
    /// Base URL, as the others speak of it; a service that is not ours may have its files below a path.
    pub url: String,
    /// The person, when it is one: people ask and never answer, so they have no listener.
    pub user: Option<Arc<User>>,
}

/// A stage on which every actor answers.
pub struct Running {
    /// The stage.
    pub stage: Stage,
    /// Who is on it, by name, in the scenario's order.
    pub cast: IndexMap<String, Member>,
    /// The issuers themselves, by name: `serve` tells the secrets of their clients.
    pub issuers: IndexMap<String, Arc<Issuer>>,
    /// Real time until every actor answered.
    pub ready: Duration,
}

/// How a stage is set.
pub(super) struct Settings {
    pub(super) seed: u64,
    pub(super) unpredictable: bool,
    pub(super) journal: JournalOptions,
    pub(super) keys: Option<PathBuf>,
    pub(super) authority: Option<Authority>,
    pub(super) on_journal: Option<OnJournal>,
    pub(super) server: ServerOptions,
}

/// Sets a stage for `serve`: actors listen on the ports the scenario was located at, and stay up.
pub async fn bring_up(
    scenario: &Scenario,
    authority: Authority,
    journal: JournalOptions,
    keys: Option<PathBuf>,
    on_journal: OnJournal,
) -> Result<Running, PlayError> {
    let settings = Settings {
        seed: scenario.seed,
        unpredictable: true,
        journal,
        keys,
        authority: Some(authority),
        on_journal: Some(on_journal),
        server: ServerOptions {
            lanes: lanes(scenario),
            ..ServerOptions::default()
        },
    };
    bring_up_with(scenario, settings).await
}

/// Most lanes of a stage: eight make a hundred thousand tokens a second, and each takes memory.
const MOST_LANES: usize = 8;

/// A lane a processor, when anybody is served on lanes.
fn lanes(scenario: &Scenario) -> usize {
    if servers(scenario).any(|(_, placed)| is_brief(placed.spec.kind().name())) {
        std::thread::available_parallelism().map_or(1, |count| count.get().min(MOST_LANES))
    } else {
        0
    }
}

/// Sets a stage.
pub(super) async fn bring_up_with(
    scenario: &Scenario,
    settings: Settings,
) -> Result<Running, PlayError> {
    let watch = Clock::stopwatch();
    let authority = if let Some(authority) = settings.authority {
        authority
    } else {
        let id = format!(
            "{:08x}",
            rand::RngCore::next_u32(&mut Chance::unpredictable())
        );
        Authority::new(&id).map_err(|error| PlayError::Authority(error.to_string()))?
    };
    let stage = Stage::new(StageOptions {
        chance: Chance::from_seed(settings.seed),
        unpredictable: settings.unpredictable,
        clock: Clock::wall(),
        journal: settings.journal,
        authority,
        extra_roots: outside::roots(scenario)?,
        server: settings.server,
    })?;
    if let Some(on_journal) = settings.on_journal {
        on_journal(stage.journal());
    }

    // Every name is known before the first actor begins: an actor may ask a peer from its first moment on.
    let mut places: Vec<Place> = Vec::new();
    for (name, placed) in servers(scenario) {
        let host = placed
            .common
            .host
            .clone()
            .unwrap_or_else(|| default_host(name));
        let kind = placed.spec.kind().name();
        let addr = placed
            .listen
            .unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0));
        places.push(
            stage
                .bind(name, kind, &host, addr, placed.listen.is_none())
                .await?,
        );
    }
    let mut cast = IndexMap::new();
    for (name, service) in external(&scenario.actors) {
        let addr = outside::address(name, service).await?;
        let kind = scenario.actors[name].spec.kind();
        let place = stage.external(name, kind.name(), service.host(), service.port(), addr);
        let actor = stage.actor(&place, SignedDuration::ZERO);
        let url = service.url();
        cast.insert(
            name.to_owned(),
            Member {
                kind,
                actor,
                url,
                user: None,
            },
        );
    }
    let mut issuers = IndexMap::new();
    let mut starting = Vec::new();
    for (place, (name, placed)) in places.iter().zip(servers(scenario)) {
        let skew = placed.common.skew.map(|skew| skew.0).unwrap_or_default();
        let actor = stage.actor(place, skew);
        cast.insert(
            name.clone(),
            Member {
                kind: placed.spec.kind(),
                actor: actor.clone(),
                url: place.base_url(),
                user: None,
            },
        );
        let spec = placed.spec.clone();
        let keys = settings.keys.clone();
        starting.push(tokio::spawn(async move { start(actor, spec, keys).await }));
    }
    for (name, placed) in &scenario.actors {
        if let ActorSpec::User(config) = &placed.spec {
            let actor = stage.person(name);
            actor.set_clock_skew(placed.common.skew.map(|skew| skew.0).unwrap_or_default());
            let user = Arc::new(User::new(actor.clone(), (**config).clone()));
            cast.insert(
                name.clone(),
                Member {
                    kind: Kind::User,
                    url: actor.base_url(),
                    actor,
                    user: Some(user),
                },
            );
        }
    }
    for (place, starting) in places.iter().zip(starting) {
        let failed = |why: String| PlayError::Start {
            name: place.name.clone(),
            why,
        };
        let (handler, issuer) = starting
            .await
            .map_err(|error| failed(error.to_string()))?
            .map_err(failed)?;
        // Storage elements have faults of their own, at places nobody else has.
        let handler = match cast.get(&place.name) {
            Some(member) if member.kind != Kind::Storage => faults::before(&member.actor, handler),
            _ => handler,
        };
        match scenario
            .actors
            .get(&place.name)
            .and_then(|placed| placed.common.tls)
        {
            None => stage.open(place, handler)?,
            Some(tls) => {
                stage.journal().record(
                    &place.name,
                    Event::Fault(FaultEvent {
                        which: "tls".to_owned(),
                        place: "handshake".to_owned(),
                        did: format!("F16: {}", tls.in_words()),
                    }),
                );
                stage.open_with(place, handler, tls.leaf(), tls.handshake())?;
            }
        }
        if let Some(issuer) = issuer {
            open_admin(&stage, place, &issuer, issuers.len()).await?;
            issuers.insert(place.name.clone(), issuer);
        }
    }
    Ok(Running {
        stage,
        cast,
        issuers,
        ready: watch.elapsed(),
    })
}

/// Opens the administrator's own listener of an issuer that has one: on loopback, beside it, under `admin.HOST`; when the actors have
/// real addresses, on a port after theirs.
async fn open_admin(
    stage: &Stage,
    place: &Place,
    issuer: &Arc<Issuer>,
    position: usize,
) -> Result<(), PlayError> {
    let Some(router) = carnet_issuer::admin_router(issuer) else {
        return Ok(());
    };
    let name = admin_name(&place.name);
    let served = place.port.is_some();
    let host = if served {
        place.host.clone()
    } else {
        format!("admin.{}", place.host)
    };
    let last = stage
        .names()
        .all()
        .iter()
        .filter(|place| !place.external)
        .filter_map(|place| place.port)
        .max();
    let port = last
        .and_then(|port| port.checked_add(1 + u16::try_from(position).unwrap_or(0)))
        .unwrap_or(0);
    // On loopback, wherever the issuer itself listens.
    let addr = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), if served { port } else { 0 });
    let place = stage.bind(&name, "admin", &host, addr, !served).await?;
    stage.open(&place, router)?;
    Ok(())
}

/// Name of the administrator's listener of an issuer.
pub fn admin_name(issuer: &str) -> String {
    format!("{issuer}-admin")
}

/// The actors of ours that answer, in the scenario's order.
fn servers(scenario: &Scenario) -> impl Iterator<Item = (&String, &Placed)> {
    scenario
        .actors
        .iter()
        .filter(|(_, placed)| placed.spec.kind() != Kind::User && placed.external.is_none())
}

type Begun = (Handler, Option<Arc<Issuer>>);

async fn start(actor: Actor, spec: ActorSpec, keys: Option<PathBuf>) -> Result<Begun, String> {
    let router = match spec {
        ActorSpec::Issuer(config) => {
            let started =
                carnet_issuer::build(actor, *config, keys).map_err(|error| error.to_string())?;
            return Ok((started.handler, Some(started.issuer)));
        }
        ActorSpec::Rucio(config) => carnet_rucio::start(actor, *config).await.map(Into::into),
        ActorSpec::Fts(config) => carnet_fts::start(actor, *config).await.map(Into::into),
        ActorSpec::Storage(config) => carnet_storage::start(actor, *config).await,
        ActorSpec::Idp(config) => carnet_idp::start(actor, *config).await.map(Into::into),
        ActorSpec::User(_) => return Err("a person is not a server".to_owned()),
    };
    router
        .map(|router| (router, None))
        .map_err(|error| error.to_string())
}

impl Running {
    /// The only actor of a role, or the one of that name.
    pub(super) fn of(&self, kind: Kind, name: Option<&str>) -> Result<&Member, String> {
        if let Some(name) = name {
            return self
                .cast
                .get(name)
                .ok_or_else(|| format!("no actor is called `{name}`"));
        }
        let mut of_kind = self.cast.values().filter(|member| member.kind == kind);
        let first = of_kind
            .next()
            .ok_or_else(|| format!("{} is not on the stage", kind.in_words()))?;
        match of_kind.next() {
            None => Ok(first),
            Some(_) => Err(format!(
                "there are several actors that are {}; name one",
                kind.in_words()
            )),
        }
    }

    /// The base URL of an actor, by its name.
    pub(super) fn url(&self, name: &str) -> Result<String, String> {
        self.cast
            .get(name)
            .map(|m| m.url.clone())
            .ok_or_else(|| format!("no actor is called `{name}`"))
    }
}

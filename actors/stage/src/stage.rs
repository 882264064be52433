//! The stage: binds every actor's listener, gives each its footing, serves its routes, stops them all.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use carnet_certs::{Authority, Handshake, LeafKind};
use jiff::SignedDuration;
use rustls_pki_types::CertificateDer;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::actor::{Actor, Footing};
use crate::chance::Chance;
use crate::client::Client;
use crate::clock::Clock;
use crate::handler::Handler;
use crate::journal::{Journal, JournalOptions};
use crate::lanes::Lanes;
use crate::names::{Names, Place};
use crate::server::{Server, ServerOptions};

/// How a stage is set up.
pub struct StageOptions {
    /// The run's seed.
    pub chance: Chance,
    /// Take actors' streams from the operating system instead of the seed: for servers that strangers reach.
    pub unpredictable: bool,
    /// The stage's time.
    pub clock: Clock,
    /// The journal's options.
    pub journal: JournalOptions,
    /// The certificate authority.
    pub authority: Authority,
    /// Further roots that actors' clients trust (external services).
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// How every server serves.
    pub server: ServerOptions,
}

/// Why the stage could not be set.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// A listener could not be bound.
    #[error("{name} cannot listen on {addr}: {why}")]
    Bind {
        /// The actor.
        name: String,
        /// The address asked for.
        addr: SocketAddr,
        /// The system's reason.
        why: io::Error,
    },
    /// A certificate could not be made.
    #[error("no certificate for {name}: {why}")]
    Certificate {
        /// The actor.
        name: String,
        /// The reason.
        why: String,
    },
    /// The system gives no thread.
    #[error("no threads for connections: {0}")]
    Threads(io::Error),
}

/// A run's stage.
pub struct Stage {
    options: StageOptions,
    journal: Journal,
    names: Names,
    join: Arc<str>,
    client_any: Arc<rustls::ClientConfig>,
    client_http1: Arc<rustls::ClientConfig>,
    stop: watch::Sender<bool>,
    listeners: Mutex<HashMap<String, TcpListener>>,
    serving: Mutex<Vec<JoinHandle<()>>>,
    lanes: Option<Arc<Lanes>>,
}

/// Whether every answer of a role is a matter of a moment: such roles are served on lanes, when there are any.
pub fn is_brief(kind: &str) -> bool {
    matches!(kind, "issuer" | "idp")
}

impl Stage {
    /// An empty stage.
    pub fn new(options: StageOptions) -> Result<Self, StageError> {
        let fail = |why: &dyn std::fmt::Display| StageError::Certificate {
            name: "stage".into(),
            why: why.to_string(),
        };
        let mut roots = vec![options.authority.der().clone()];
        roots.extend(options.extra_roots.iter().cloned());
        let client_any = carnet_certs::client_config(&roots, &["h2", "http/1.1"])
            .map_err(|error| fail(&error))?;
        let client_http1 =
            carnet_certs::client_config(&roots, &["http/1.1"]).map_err(|error| fail(&error))?;
        let mut nonce = Chance::unpredictable();
        let join = format!("{:016x}-", rand::RngCore::next_u64(&mut nonce));
        // Before any other thread: what reading a large topology has left in the allocator goes to the next thread that
        // begins, and the lanes make most use of it.
        let lanes = match options.server.lanes {
            0 => None,
            count => Some(Arc::new(Lanes::open(count).map_err(StageError::Threads)?)),
        };
        Ok(Self {
            journal: Journal::new(options.clock.clone(), options.journal.clone()),
            options,
            names: Names::default(),
            join: join.into(),
            client_any,
            client_http1,
            stop: watch::channel(false).0,
            listeners: Mutex::default(),
            serving: Mutex::default(),
            lanes,
        })
    }

    /// The journal.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The stage's clock, not skewed.
    pub fn clock(&self) -> &Clock {
        &self.options.clock
    }

    /// The certificate authority.
    pub fn authority(&self) -> &Authority {
        &self.options.authority
    }

    /// Everybody's places.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The run's chance.
    pub fn chance(&self) -> Chance {
        self.options.chance
    }

    /// Binds a listener for an actor and enters its name. With `virtual_port`, URLs name `host` without a
    /// port and only clients on the stage find it; else URLs name the port bound.
    pub async fn bind(
        &self,
        name: &str,
        kind: &str,
        host: &str,
        addr: SocketAddr,
        virtual_port: bool,
    ) -> Result<Place, StageError> {
        let fail = |why| StageError::Bind {
            name: name.to_owned(),
            addr,
            why,
        };
        let listener = TcpListener::bind(addr).await.map_err(fail)?;
        let addr = listener.local_addr().map_err(fail)?;
        let port = (!virtual_port).then_some(addr.port());
        let place = Place {
            name: name.to_owned(),
            kind: kind.to_owned(),
            host: host.to_owned(),
            port,
            addr,
            external: false,
        };
        self.names.add(place.clone());
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.to_owned(), listener);
        Ok(place)
    }

    /// Enters an external service under a name, so that the journal calls it so; nothing is bound, and the header that
    /// joins both ends of an exchange is not sent to it.
    pub fn external(
        &self,
        name: &str,
        kind: &str,
        host: &str,
        port: Option<u16>,
        addr: SocketAddr,
    ) -> Place {
        let place = Place {
            name: name.into(),
            kind: kind.into(),
            host: host.into(),
            port,
            addr,
            external: true,
        };
        self.names.add(place.clone());
        place
    }

    /// An actor's footing; `skew` is how far its clock is off.
    pub fn actor(&self, place: &Place, skew: SignedDuration) -> Actor {
        let random = if self.options.unpredictable {
            Chance::unpredictable()
        } else {
            self.options.chance.stream(&place.name)
        };
        let client = Client::new(
            &place.name,
            &self.names,
            &self.journal,
            Arc::clone(&self.join),
            Arc::clone(&self.client_any),
            Arc::clone(&self.client_http1),
        );
        Actor::new(Footing {
            place: place.clone(),
            clock: self.options.clock.skewed(skew),
            journal: self.journal.clone(),
            names: self.names.clone(),
            client,
            random,
            seed: self.options.chance.seed(),
            stop: self.stop.subscribe(),
        })
    }

    /// An actor that only asks and never answers (a person): it has no listener.
    pub fn person(&self, name: &str) -> Actor {
        let addr = SocketAddr::from(([127, 0, 0, 1], 0));
        let place = Place {
            name: name.into(),
            kind: "user".into(),
            host: name.into(),
            port: None,
            addr,
            external: false,
        };
        self.actor(&place, SignedDuration::ZERO)
    }

    /// Begins to answer an actor's requests on the listener bound for it.
    pub fn open(&self, place: &Place, handler: impl Into<Handler>) -> Result<(), StageError> {
        self.open_with(place, handler, LeafKind::Good, Handshake::Whole)
    }

    /// The same, with a certificate of this kind and no more TLS than this.
    pub fn open_with(
        &self,
        place: &Place,
        handler: impl Into<Handler>,
        kind: LeafKind,
        handshake: Handshake,
    ) -> Result<(), StageError> {
        let fail = |why: String| StageError::Certificate {
            name: place.name.clone(),
            why,
        };
        let listener = self
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&place.name);
        let Some(listener) = listener else {
            return Err(fail("no listener was bound for it".to_owned()));
        };
        let mut hosts = vec![place.host.as_str()];
        if place.host != "localhost" {
            hosts.push("localhost");
        }
        let leaf = self
            .options
            .authority
            .leaf_of(kind, &hosts)
            .map_err(|error| fail(error.to_string()))?;
        // Storage elements take HTTP/1.1 from whoever speaks it, as the real ones do: XRootD's third-party copy fails
        // to push over HTTP/2 (storage page §1.0). HTTP/2 is for clients that speak nothing else.
        // HTTP/1.0 is for those who insist, as `curl --http1.0` does.
        let versions: &[&str] = if place.kind == "storage" {
            &["http/1.1", "h2", "http/1.0"]
        } else {
            &["h2", "http/1.1", "http/1.0"]
        };
        let tls = carnet_certs::server_config_offering(&leaf, versions, handshake)
            .map_err(|error| fail(error.to_string()))?;
        let lanes = self.lanes.clone().filter(|_| is_brief(&place.kind));
        let server = Server {
            name: place.name.clone(),
            base_url: place.base_url(),
            journal: self.journal.clone(),
            join: Arc::clone(&self.join),
            tls,
            handler: handler.into(),
            options: self.options.server,
            // A copy is cancelled when its client goes away (storage page §2.6); what others do is over in a moment.
            heeds_leaving: place.kind == "storage",
            stop: self.stop.subscribe(),
        };
        self.serving
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(tokio::spawn(server.run(listener, lanes)));
        Ok(())
    }

    /// Stops every actor: no new connection, open exchanges end within the bound, background work ends.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        let serving =
            std::mem::take(&mut *self.serving.lock().unwrap_or_else(PoisonError::into_inner));
        for server in serving {
            let _ended = server.await;
        }
    }
}

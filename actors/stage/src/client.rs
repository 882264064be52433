//! The outgoing HTTPS client: follows no redirect, uses no proxy, tells the journal of every exchange.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Request, Response};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;

use crate::body::Body;
use crate::connector::{ConnectError, Connector, Guard, HTTP_BUFFER, RemoteAddr};
use crate::exchange::{Begun, Recording, Side, Tee};
use crate::journal::Journal;
use crate::names::Names;
use crate::spelling::spell;

/// The header that joins both ends of an exchange on the stage. Never shown, never sent off the stage.
pub(crate) const JOIN_HEADER: HeaderName = HeaderName::from_static("carnet-exchange");

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No connection was made.
    #[error("could not connect to {host}: {why}")]
    Connect {
        /// Host of the URL.
        host: String,
        /// The system's reason.
        why: String,
    },
    /// The peer's certificate or handshake was not acceptable.
    #[error("TLS with {host} failed: {why}")]
    Tls {
        /// Host of the URL.
        host: String,
        /// The reason.
        why: String,
    },
    /// The connection made, but no well-formed answer came.
    #[error("{host} broke off: {why}")]
    Protocol {
        /// Host of the URL.
        host: String,
        /// The reason.
        why: String,
    },
}

/// An actor's client. Clones share the connection pool.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    http1_only: bool,
    plain: bool,
}

struct Shared {
    actor: String,
    names: Names,
    journal: Journal,
    join: Arc<str>,
    /// What the connections are made with: of any version of HTTP, and of HTTP/1.1.
    tls: [Arc<ClientConfig>; 2],
    any: HyperClient<Connector, Body>,
    http1: HyperClient<Connector, Body>,
}

/// A client with connections of its own.
fn pool(
    names: &Names,
    tls: &Arc<ClientConfig>,
    guard: Option<&Guard>,
) -> HyperClient<Connector, Body> {
    HyperClient::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(20))
        .pool_max_idle_per_host(64)
        .http1_title_case_headers(true)
        .http1_max_buf_size(HTTP_BUFFER)
        .build(Connector {
            names: names.clone(),
            tls: Arc::clone(tls),
            guard: guard.cloned(),
        })
}

impl Client {
    pub(crate) fn new(
        actor: &str,
        names: &Names,
        journal: &Journal,
        join: Arc<str>,
        any: Arc<ClientConfig>,
        http1: Arc<ClientConfig>,
    ) -> Self {
        let shared = Shared {
            actor: actor.to_owned(),
            names: names.clone(),
            journal: journal.clone(),
            join,
            any: pool(names, &any, None),
            http1: pool(names, &http1, None),
            tls: [any, http1],
        };
        Self {
            shared: Arc::new(shared),
            http1_only: false,
            plain: false,
        }
    }

    /// The same client, speaking HTTP/1.1 only (bulk data; what storage elements speak).
    pub fn http1(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            http1_only: true,
            plain: self.plain,
        }
    }

    /// The same client, with connections of its own that are only made to addresses the guard has nothing against. The
    /// addresses it is asked about are those that are connected to, so that a name cannot lead elsewhere meanwhile; one
    /// bad address of several is enough to make none (storage page §2.10).
    pub fn guarded(
        &self,
        guard: impl Fn(IpAddr) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        let guard: Guard = Arc::new(guard);
        let shared = &self.shared;
        let [any, http1] = &shared.tls;
        let shared = Shared {
            actor: shared.actor.clone(),
            names: shared.names.clone(),
            journal: shared.journal.clone(),
            join: Arc::clone(&shared.join),
            any: pool(&shared.names, any, Some(&guard)),
            http1: pool(&shared.names, http1, Some(&guard)),
            tls: shared.tls.clone(),
        };
        Self {
            shared: Arc::new(shared),
            ..*self
        }
    }

    /// The same client, to whom http without TLS is good enough: for copies whose caller says so, never for keys or
    /// tokens (TOK-8).
    pub fn plain_too(&self) -> Self {
        Self {
            plain: true,
            ..self.clone()
        }
    }

    /// Sends one request to an absolute URL (https, unless plain is allowed) and gives the answer as soon as its head is there.
    pub async fn send(&self, mut request: Request<Body>) -> Result<Response<Body>, ClientError> {
        spell(&mut request).await;
        let shared = &*self.shared;
        let uri = request.uri();
        let host = uri.host().unwrap_or_default().to_owned();
        if !self.plain && uri.scheme_str() != Some("https") {
            let why = format!("{uri} is not an https address");
            return Err(ClientError::Connect { host, why });
        }
        let peer = shared.names.actor_at(&host, uri.port_u16());
        let hyper = if self.http1_only {
            &shared.http1
        } else {
            &shared.any
        };
        let recording = shared.journal.is_listening().then(|| {
            let pending = shared.journal.reserve(&shared.actor);
            let begun = Begun {
                from: shared.actor.clone(),
                to: peer
                    .as_ref()
                    .map_or_else(|| host.clone(), |place| place.name.clone()),
                method: request.method().as_str(),
                url: uri.to_string(),
                version: request.version(),
                headers: request.headers(),
            };
            Recording::begin(&shared.journal, pending, begun)
        });
        let Some(recording) = recording else {
            let answer = hyper
                .request(request)
                .await
                .map_err(|error| explain(&host, &error))?;
            return Ok(answer.map(Body::new));
        };
        if peer.is_some_and(|place| !place.external)
            && let Ok(value) = HeaderValue::from_str(&format!("{}{}", shared.join, recording.seq()))
        {
            request.headers_mut().insert(JOIN_HEADER, value);
        }
        let request = request.map(|body| Tee::body(body, recording.clone(), Side::Request));
        match hyper.request(request).await {
            Ok(answer) => {
                recording.answered(
                    &shared.journal,
                    answer.status().as_u16(),
                    answer.version(),
                    answer.headers(),
                );
                Ok(answer.map(|body| Tee::body(body, recording, Side::Response)))
            }
            Err(error) => {
                let error = explain(&host, &error);
                recording.finish(Some(error.to_string()));
                Err(error)
            }
        }
    }

    /// The socket address that an answer came from.
    pub fn remote_addr(answer: &Response<Body>) -> Option<SocketAddr> {
        answer
            .extensions()
            .get::<RemoteAddr>()
            .map(|remote| remote.0)
    }
}

fn explain(host: &str, error: &hyper_util::client::legacy::Error) -> ClientError {
    let host = host.to_owned();
    let mut source: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    let mut deepest = error.to_string();
    while let Some(cause) = source {
        if let Some(connect) = cause.downcast_ref::<ConnectError>() {
            let why = connect.to_string();
            return match connect {
                ConnectError::Tls(_) => ClientError::Tls { host, why },
                _ => ClientError::Connect { host, why },
            };
        }
        deepest = cause.to_string();
        source = cause.source();
    }
    ClientError::Protocol { host, why: deepest }
}

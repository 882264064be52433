//! The HTTPS server under every actor: our own accept loop, where faults and the recorder hook in.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderValue, Request, Response, StatusCode, Version, header};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::ahead::Ahead;
use crate::body::Body;
use crate::cause::with_cause;
use crate::client::JOIN_HEADER;
use crate::clock::Clock;
use crate::connector::{HTTP_BUFFER, TLS_BUFFER};
use crate::event::{Event, Note, Seq};
use crate::exchange::{Begun, Recording, Side, Tee};
use crate::guard::{Guard, REFUSED_HEADER, Refusal};
use crate::handler::Handler;
use crate::head::Refused;
use crate::interim::Interim;
use crate::journal::Journal;
use crate::lanes::Lanes;
use crate::near;
use crate::unread::{Streams, Taking};

/// How servers serve: their bounds, in real time, and their threads.
#[derive(Clone, Copy, Debug)]
pub struct ServerOptions {
    /// How long a TLS handshake may take.
    pub handshake_within: Duration,
    /// How long a request's head may take.
    pub head_within: Duration,
    /// How long a peer may take nothing of an answer that is there for it, before the connection ends; up to twice as
    /// long, for it is not looked at all the time. As long as a pause in a copy (storage page §2.7).
    pub read_within: Duration,
    /// How long open connections may go on once the actor stops.
    pub stop_within: Duration,
    /// Threads on which the connections of issuers and identity providers are served, each by one of them; 0: they are
    /// served where the stage runs, as everybody else's are.
    pub lanes: usize,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            handshake_within: Duration::from_secs(10),
            head_within: Duration::from_secs(30),
            read_within: Duration::from_secs(60),
            stop_within: Duration::from_millis(150),
            lanes: 0,
        }
    }
}

/// The other end of a request's connection; in the request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) base_url: String,
    pub(crate) journal: Journal,
    pub(crate) join: Arc<str>,
    pub(crate) tls: Arc<ServerConfig>,
    pub(crate) handler: Handler,
    pub(crate) options: ServerOptions,
    /// A client that leaves before it is answered ends what is under way for it. Looking out for that costs a read.
    pub(crate) heeds_leaving: bool,
    pub(crate) stop: watch::Receiver<bool>,
}

impl Server {
    /// Serves until told to stop; then lets open exchanges end within the bound. Connections are served on `lanes`, if
    /// there are any, else where this runs.
    pub(crate) async fn run(self, listener: TcpListener, lanes: Option<Arc<Lanes>>) {
        let server = Arc::new(self);
        let mut stop = server.stop.clone();
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((tcp, peer)) => {
                        let server = Arc::clone(&server);
                        match &lanes {
                            Some(lanes) => server.on_a_lane(lanes, &mut connections, tcp, peer),
                            None => drop(connections.spawn(server.connection(tcp, peer))),
                        }
                        while connections.try_join_next().is_some() {}
                    }
                    // Out of descriptors: give the open connections a chance to end one.
                    Err(_) => tokio::task::yield_now().await,
                },
                () = stopped(&mut stop) => break,
            }
        }
        drop(listener);
        let rest = async { while connections.join_next().await.is_some() {} };
        let _ended_or_cut = Clock::within_real(server.options.stop_within, rest).await;
        connections.abort_all();
    }

    fn on_a_lane(
        self: Arc<Self>,
        lanes: &Lanes,
        connections: &mut JoinSet<()>,
        tcp: TcpStream,
        peer: SocketAddr,
    ) {
        // The thread that waits for a connection's bytes is the one that serves it.
        let Ok(tcp) = tcp.into_std() else { return };
        lanes.spawn(connections, async move {
            if let Ok(tcp) = TcpStream::from_std(tcp) {
                self.connection(tcp, peer).await;
            }
        });
    }

    async fn connection(self: Arc<Self>, tcp: TcpStream, peer: SocketAddr) {
        let _best_effort = near::ready(&tcp, Some(peer.ip()));
        let acceptor = TlsAcceptor::from(Arc::clone(&self.tls));
        let handshake = Clock::within_real(
            self.options.handshake_within,
            acceptor.accept(Ahead::new(Taking::new(tcp, self.options.read_within))),
        );
        let mut stop = self.stop.clone();
        let mut tls = tokio::select! {
            done = handshake => match done { Some(Ok(tls)) => tls, _ => return },
            () = stopped(&mut stop) => return,
        };
        tls.get_mut().1.set_buffer_limit(Some(TLS_BUFFER));
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.options.head_within)
            .title_case_headers(true)
            .half_close(!self.heeds_leaving)
            .max_buf_size(HTTP_BUFFER);
        builder
            .http2()
            .timer(TokioTimer::new())
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(4 << 20);
        let http1 = tls.get_ref().1.alpn_protocol() != Some(b"h2");
        let refusal = Refusal::default();
        let interim = Interim::default();
        let join = Arc::clone(&self.join);
        let guarded = Guard::new(tls, http1, refusal.clone(), interim.clone(), join);
        let server = Arc::clone(&self);
        let streams = (!http1).then(Arc::<Streams>::default);
        let watched = streams.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            if http1 && request.headers().contains_key(header::EXPECT) {
                request.extensions_mut().insert(interim.clone());
            }
            let answer = Arc::clone(&server).answer(request, peer, refusal.clone());
            let watched = watched.clone();
            async move {
                let answer = answer.await?;
                Ok::<_, Infallible>(match watched {
                    Some(streams) => answer.map(|body| streams.watch(body)),
                    None => answer,
                })
            }
        });
        let lost = async {
            match &streams {
                Some(streams) => streams.lost(self.options.read_within).await,
                None => std::future::pending().await,
            }
        };
        let connection = builder.serve_connection(TokioIo::new(guarded), service);
        tokio::pin!(connection);
        tokio::select! {
            _ended = connection.as_mut() => return,
            () = lost => return,
            () = stopped(&mut stop) => connection.as_mut().graceful_shutdown(),
        }
        let _ended = connection.await;
    }

    async fn answer(
        self: Arc<Self>,
        mut request: Request<Incoming>,
        peer: SocketAddr,
        refusal: Refusal,
    ) -> Result<Response<Body>, Infallible> {
        request.extensions_mut().insert(Peer(peer));
        let refused = self.refused(&mut request, &refusal);
        let joined = self.joined(&mut request);
        if joined.is_some() || !self.journal.is_listening() {
            let request = request.map(Body::new);
            if let Some(refused) = refused {
                return Ok(refused.answer());
            }
            return Ok(with_cause(joined, self.call(request)).await);
        }
        let pending = self.journal.reserve_after(&self.name, None);
        let target = request
            .uri()
            .path_and_query()
            .map_or("/", |path| path.as_str());
        let begun = Begun {
            from: foreign_name(&request),
            to: self.name.clone(),
            method: request.method().as_str(),
            url: format!("{}{target}", self.base_url),
            version: request.version(),
            headers: request.headers(),
        };
        let recording = Recording::begin(&self.journal, pending, begun);
        let seq = recording.seq();
        let request = request.map(|body| Tee::body(body, recording.clone(), Side::Request));
        let answer = match refused {
            Some(refused) => refused.answer(),
            None => with_cause(seq, self.call(request)).await,
        };
        recording.answered(
            &self.journal,
            answer.status().as_u16(),
            answer.version(),
            answer.headers(),
        );
        Ok(answer.map(|body| Tee::body(body, recording, Side::Response)))
    }

    /// The exchange that our own client already records, when the request comes from the stage.
    fn joined(&self, request: &mut Request<Incoming>) -> Option<Seq> {
        let value = request.headers_mut().remove(JOIN_HEADER)?;
        value.to_str().ok()?.strip_prefix(&*self.join)?.parse().ok()
    }

    /// Why the request was refused that this one stands in for.
    fn refused(&self, request: &mut Request<Incoming>, refusal: &Refusal) -> Option<Refused> {
        let value = request.headers_mut().remove(REFUSED_HEADER)?;
        refusal
            .get()
            .copied()
            .filter(|_| value.as_bytes() == self.join.as_bytes())
    }

    /// The handler's answer; a panic in it is a 500 and a note, never a broken connection without a word.
    async fn call(&self, request: Request<Body>) -> Response<Body> {
        let request = short_body_first(request).await;
        let handled = AssertUnwindSafe(self.handler.call(request)).catch_unwind();
        if let Ok(answer) = handled.await {
            return answer;
        }
        let text = format!("{} panicked while it answered a request", self.name);
        self.journal.record(&self.name, Event::Note(Note { text }));
        let mut answer = Response::new(Body::from("internal error\n"));
        *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        answer
    }
}

impl Refused {
    /// The last answer of a connection.
    fn answer(self) -> Response<Body> {
        let mut answer = Response::new(Body::from(format!("{}\n", self.why)));
        *answer.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        let headers = answer.headers_mut();
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, text);
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        answer
    }
}

/// Longest body, in bytes, that is read before the handler is asked.
const SHORT_BODY: u64 = 64 << 10;

/// An answer that is complete before the body has come resets an HTTP/2 stream (RFC 9113 §8.1), and curl then throws the
/// answer away, refusals above all. A short body, as forms and JSON have, is therefore read first.
async fn short_body_first(request: Request<Body>) -> Request<Body> {
    let length = request.body().size_hint().exact();
    if request.version() != Version::HTTP_2
        || length.is_none_or(|length| length == 0 || length > SHORT_BODY)
    {
        return request;
    }
    let (head, body) = request.into_parts();
    let body = match body.collect().await {
        Ok(whole) => Body::from(whole.to_bytes()),
        Err(broken) => Body::from_stream(futures_util::stream::iter([Err::<Bytes, _>(broken)])),
    };
    Request::from_parts(head, body)
}

fn foreign_name(request: &Request<Incoming>) -> String {
    let agent = request
        .headers()
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let product = agent.split(['/', ' ']).next().unwrap_or_default();
    if product.is_empty() {
        "outside".to_owned()
    } else {
        product.chars().take(40).collect()
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _stopped_or_gone = stop.wait_for(|stop| *stop).await;
}

//! How the outgoing client connects: names through the topology, then TCP, then TLS; without TLS only for a
//! client that may.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::ahead::Ahead;
use crate::clock::Clock;
use crate::names::Names;
use crate::near;

/// How long a connection may take to be made, TLS included, in real time.
const CONNECT_WITHIN: Duration = Duration::from_secs(15);

/// Bytes of messages that the HTTP library gathers before it writes, and the longest head it takes.
pub(crate) const HTTP_BUFFER: usize = 128 * 1024;

/// Bytes that the TLS library encrypts before it writes: one system call takes them all.
pub(crate) const TLS_BUFFER: usize = 128 * 1024;

/// Why no connection was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("no such host: {0}")]
    Unknown(String),
    #[error("{0}")]
    Forbidden(String),
    #[error("{}", reason(.0))]
    Refused(#[source] io::Error),
    #[error("{0}")]
    Tls(#[source] io::Error),
    #[error("no connection within {} s", CONNECT_WITHIN.as_secs())]
    Slow,
    #[error("{0} is neither an https nor an http address")]
    NotHttp(String),
}

/// The system's words, without its number.
fn reason(error: &io::Error) -> String {
    let told = error.to_string();
    told.split(" (os error").next().unwrap_or(&told).to_owned()
}

/// Says of an address why nobody may connect to it.
pub(crate) type Guard = Arc<dyn Fn(IpAddr) -> Result<(), String> + Send + Sync>;

#[derive(Clone)]
pub(crate) struct Connector {
    pub(crate) names: Names,
    pub(crate) tls: Arc<ClientConfig>,
    /// Asked about every address of a name before the first is connected to.
    pub(crate) guard: Option<Guard>,
}

/// A connection as hyper wants it.
pub(crate) struct Stream {
    wire: Wire,
    h2: bool,
    peer: Option<SocketAddr>,
}

/// With TLS or without.
enum Wire {
    Tls(Box<TokioIo<TlsStream<Ahead<TcpStream>>>>),
    Plain(TokioIo<TcpStream>),
}

/// The socket address an answer came from, found in the answer's extensions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RemoteAddr(pub(crate) SocketAddr);

impl Connector {
    async fn connect(self, uri: Uri) -> Result<Stream, ConnectError> {
        let (plain, usual) = match uri.scheme_str() {
            Some("https") => (false, 443),
            Some("http") => (true, 80),
            _ => return Err(ConnectError::NotHttp(uri.to_string())),
        };
        let host = uri.host().unwrap_or_default();
        let port = uri.port_u16().unwrap_or(usual);
        let work = async {
            let addresses = self
                .names
                .addresses(host, port)
                .await
                .map_err(|_| ConnectError::Unknown(host.to_owned()))?;
            if let Some(guard) = &self.guard {
                let all = addresses.iter();
                all.map(SocketAddr::ip)
                    .try_for_each(|address| guard(address))
                    .map_err(ConnectError::Forbidden)?;
            }
            // Only what was found, and looked at, is connected to: the name is not asked for again.
            let tcp = TcpStream::connect(&addresses[..])
                .await
                .map_err(ConnectError::Refused)?;
            let peer = tcp.peer_addr().ok();
            near::ready(&tcp, peer.map(|peer| peer.ip())).map_err(ConnectError::Refused)?;
            if plain {
                return Ok(Stream {
                    wire: Wire::Plain(TokioIo::new(tcp)),
                    h2: false,
                    peer,
                });
            }
            let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
                .map_err(|error| ConnectError::Tls(io::Error::other(error)))?;
            let mut tls = TlsConnector::from(Arc::clone(&self.tls))
                .connect(name, Ahead::new(tcp))
                .await
                .map_err(ConnectError::Tls)?;
            tls.get_mut().1.set_buffer_limit(Some(TLS_BUFFER));
            let h2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
            Ok(Stream {
                wire: Wire::Tls(Box::new(TokioIo::new(tls))),
                h2,
                peer,
            })
        };
        Clock::within_real(CONNECT_WITHIN, work)
            .await
            .unwrap_or(Err(ConnectError::Slow))
    }
}

impl tower_service::Service<Uri> for Connector {
    type Response = Stream;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let connected = Connected::new();
        let connected = match self.peer {
            Some(peer) => connected.extra(RemoteAddr(peer)),
            None => connected,
        };
        if self.h2 {
            connected.negotiated_h2()
        } else {
            connected
        }
    }
}

/// The same call on either wire.
macro_rules! on_wire {
    ($stream:expr, $wire:ident => $call:expr) => {
        match &mut $stream.wire {
            Wire::Tls(tls) => {
                let $wire = Pin::new(&mut **tls);
                $call
            }
            Wire::Plain(tcp) => {
                let $wire = Pin::new(tcp);
                $call
            }
        }
    };
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        on_wire!(self, wire => wire.poll_read(cx, buf))
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        on_wire!(self, wire => wire.poll_write(cx, buf))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_wire!(self, wire => wire.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_wire!(self, wire => wire.poll_shutdown(cx))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.wire {
            Wire::Tls(tls) => tls.is_write_vectored(),
            Wire::Plain(tcp) => tcp.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on_wire!(self, wire => wire.poll_write_vectored(cx, bufs))
    }
}

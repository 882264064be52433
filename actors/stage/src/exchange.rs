//! Watches one HTTP exchange pass, so that the journal can tell it when its last byte is through.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Version, header};
use http_body::{Frame, SizeHint};

use crate::body::Body;
use crate::cause::with_cause_sync;
use crate::clock::{Clock, Stopwatch};
use crate::event::{BodyRecord, Event, Exchange, Seq};
use crate::journal::{Journal, Pending};

/// An exchange under way. The last handle dropped, or the answer's end, writes the record.
#[derive(Clone)]
pub(crate) struct Recording {
    shared: Arc<Mutex<State>>,
    moved: Arc<AtomicU64>,
    seq: Seq,
}

struct State {
    pending: Option<Pending>,
    exchange: Exchange,
    request: Capture,
    response: Capture,
    watch: Stopwatch,
}

/// Which body a [`Tee`] watches.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Request,
    Response,
}

/// What is known when the request begins.
pub(crate) struct Begun<'a> {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) method: &'a str,
    pub(crate) url: String,
    pub(crate) version: Version,
    pub(crate) headers: &'a HeaderMap,
}

impl Recording {
    pub(crate) fn begin(journal: &Journal, pending: Pending, begun: Begun<'_>) -> Self {
        let options = journal.options();
        let seq = pending.seq();
        let exchange = Exchange {
            from: begun.from,
            to: begun.to,
            method: begun.method.to_owned(),
            url: begun.url,
            version: version_name(begun.version).to_owned(),
            request_headers: listed(begun.headers),
            ..Exchange::default()
        };
        let state = State {
            pending: Some(pending),
            exchange,
            request: Capture::new(begun.headers, options.body_limit, options.digests),
            response: Capture::default(),
            watch: Clock::stopwatch(),
        };
        Self {
            shared: Arc::new(Mutex::new(state)),
            moved: journal.moved_counter(),
            seq,
        }
    }

    pub(crate) fn seq(&self) -> Seq {
        self.seq
    }

    /// The answer's head has come.
    pub(crate) fn answered(
        &self,
        journal: &Journal,
        status: u16,
        version: Version,
        headers: &HeaderMap,
    ) {
        let mut state = self.lock();
        state.exchange.status = status;
        version_name(version).clone_into(&mut state.exchange.version);
        state.exchange.response_headers = listed(headers);
        let options = journal.options();
        state.response = Capture::new(headers, options.body_limit, options.digests);
    }

    /// The exchange is over.
    pub(crate) fn finish(&self, failure: Option<String>) {
        self.lock().finish(failure);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn finish(&mut self, failure: Option<String>) {
        let Some(pending) = self.pending.take() else {
            return;
        };
        let mut exchange = std::mem::take(&mut self.exchange);
        exchange.request_body = self.request.record();
        exchange.response_body = self.response.record();
        exchange.millis = self.watch.millis();
        exchange.failure = failure;
        pending.fill(Event::Exchange(Box::new(exchange)));
    }
}

impl Drop for State {
    fn drop(&mut self) {
        let failure = if self.exchange.status == 0 {
            "no answer came"
        } else {
            "the answer was not read to its end"
        };
        self.finish(Some(failure.to_owned()));
    }
}

fn version_name(version: Version) -> &'static str {
    match version {
        Version::HTTP_2 => "HTTP/2",
        Version::HTTP_10 => "HTTP/1.0",
        _ => "HTTP/1.1",
    }
}

fn listed(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                match std::str::from_utf8(value.as_bytes()) {
                    Ok(text) => text.to_owned(),
                    Err(_) => String::from_utf8_lossy(value.as_bytes()).into_owned(),
                },
            )
        })
        .collect()
}

/// Longest body without a type that is kept, when it is JSON.
const UNTYPED_LIMIT: usize = 16 * 1024;

#[derive(Default)]
struct Capture {
    bytes: u64,
    untyped: bool,
    text: Option<Vec<u8>>,
    limit: usize,
    adler: Option<simd_adler32::Adler32>,
}

impl Capture {
    fn new(headers: &HeaderMap, limit: usize, digests: bool) -> Self {
        let kind = headers
            .get(header::CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default();
        let kind = kind.to_ascii_lowercase();
        // A short body without a type is kept too, in case it is JSON.
        let short = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
        let untyped = kind.is_empty() && short.is_some_and(|length| length <= UNTYPED_LIMIT);
        let textual = untyped
            || kind.starts_with("text/")
            || ["json", "xml", "x-www-form-urlencoded", "macaroon"]
                .iter()
                .any(|part| kind.contains(part));
        let adler = (digests && !textual).then(simd_adler32::Adler32::new);
        Self {
            bytes: 0,
            untyped,
            text: textual.then(Vec::new),
            limit,
            adler,
        }
    }

    fn push(&mut self, data: &[u8]) {
        self.bytes += data.len() as u64;
        if let Some(text) = &mut self.text {
            if text.len() + data.len() <= self.limit {
                text.extend_from_slice(data);
            } else {
                self.text = None;
            }
        }
        if let Some(adler) = &mut self.adler {
            adler.write(data);
        }
    }

    fn record(&mut self) -> BodyRecord {
        let text = self
            .text
            .take()
            .filter(|text| !text.is_empty())
            .and_then(|text| String::from_utf8(text).ok())
            .filter(|text| !self.untyped || text.trim_start().starts_with(['{', '[']));
        let digest = self
            .adler
            .take()
            .filter(|_| self.bytes > 0)
            .map(|adler| format!("adler32:{:08x}", adler.finish()));
        BodyRecord {
            bytes: self.bytes,
            text,
            digest,
        }
    }
}

/// A body that is watched while it passes; polling it counts as work that its exchange led to.
pub(crate) struct Tee<B> {
    inner: B,
    recording: Recording,
    side: Side,
    ended: bool,
}

impl<B> Tee<B>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    pub(crate) fn body(inner: B, recording: Recording, side: Side) -> Body {
        if side == Side::Response && inner.is_end_stream() {
            recording.finish(None);
        }
        Body::new(Self {
            inner,
            recording,
            side,
            ended: false,
        })
    }

    fn end(&mut self, failure: Option<String>) {
        if !self.ended && self.side == Side::Response {
            self.recording.finish(failure);
        }
        self.ended = true;
    }
}

impl<B> http_body::Body for Tee<B>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        let seq = this.recording.seq();
        let polled = with_cause_sync(seq, || Pin::new(&mut this.inner).poll_frame(cx));
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    if this.side == Side::Response {
                        this.recording
                            .moved
                            .fetch_add(data.len() as u64, Ordering::Relaxed);
                    }
                    let mut state = this.recording.lock();
                    match this.side {
                        Side::Request => state.request.push(data),
                        Side::Response => state.response.push(data),
                    }
                }
                if this.side == Side::Response && this.inner.is_end_stream() {
                    this.end(None);
                }
            }
            Poll::Ready(Some(Err(_))) => this.end(Some("the body broke off".to_owned())),
            Poll::Ready(None) => this.end(None),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B> Drop for Tee<B> {
    fn drop(&mut self) {
        if !self.ended && self.side == Side::Response {
            self.recording
                .finish(Some("the answer was not read to its end".to_owned()));
        }
    }
}

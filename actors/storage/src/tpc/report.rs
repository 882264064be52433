//! The answer to a COPY while it runs: markers at their times, the last line always, and an eye on
//! whether the client is still there (storage page §2.2, §2.6).

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use carnet_stage::Clock;
use http::{HeaderValue, header};
use http_body::Frame;
use tokio::sync::mpsc;

use super::markers::{self, Marker};
use crate::answer::{self, Answer};
use crate::dialect::OnDisconnect;
use crate::element::Element;
use crate::faults::Reporting;

/// How far a copy has come.
#[derive(Debug, Default)]
pub(super) struct Progress {
    bytes: AtomicU64,
    started: AtomicI64,
    moved: AtomicI64,
    connections: Mutex<Vec<String>>,
}

impl Progress {
    /// More bytes are written or sent.
    pub(super) fn add(&self, bytes: u64, now: i64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.moved.store(now, Ordering::Relaxed);
    }

    /// Everything is sent once more.
    pub(super) fn restart(&self) {
        self.bytes.store(0, Ordering::Relaxed);
    }

    /// How many bytes have moved.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// A connection to the other side is in use.
    pub(super) fn connected(&self, address: SocketAddr) {
        let name = format!("tcp:{address}");
        let mut connections = self
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !connections.contains(&name) {
            connections.push(name);
        }
    }

    fn marker(&self, element: &Element, reporting: &Reporting) -> Bytes {
        let connections = self
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let marker = Marker {
            timestamp: element.actor.clock().seconds(),
            started: self.started.load(Ordering::Relaxed),
            moved: self.moved.load(Ordering::Relaxed),
            bytes: reporting.bytes(self.bytes.load(Ordering::Relaxed)),
            connections: if reporting.hides_connections() {
                &[]
            } else {
                &connections
            },
        };
        Bytes::from(marker.text(element.dialect.tpc.style))
    }
}

/// How long the head of the answer waits for the first words of the body, in real time: a small copy is over by
/// then, and head and terminal line leave in one piece.
const TOGETHER: Duration = Duration::from_millis(4);

/// A copy that its request carries on itself. A small one is over before anything would be gained by handing it to
/// another task; what is not over when the request lets go of it goes on in the background.
struct Carried {
    element: Arc<Element>,
    task: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Future for Carried {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(task) = &mut self.task {
            ready!(task.as_mut().poll(cx));
        }
        self.task = None;
        Poll::Ready(())
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        // Without a runtime everything has ended.
        if let Some(task) = self.task.take()
            && tokio::runtime::Handle::try_current().is_ok()
        {
            self.element.actor.spawn(task);
        }
    }
}

/// Runs a copy and answers with its report.
pub(super) async fn report(
    element: &Arc<Element>,
    progress: Arc<Progress>,
    reporting: Reporting,
    mut work: Pin<Box<dyn Future<Output = Result<(), String>> + Send>>,
) -> Answer {
    let (lines, mut report) = mpsc::channel::<Words>(32);
    let tpc = &element.dialect.tpc;
    let now = element.actor.clock().seconds();
    progress.started.store(now, Ordering::Relaxed);
    progress.moved.store(now, Ordering::Relaxed);
    let owner = element.clone();
    let task = async move {
        let element = owner;
        let tpc = &element.dialect.tpc;
        let copier = &element.copier;
        let mut wait = copier.first_marker;
        if wait.is_zero() && !reporting.silent() {
            let _full_or_gone =
                lines.try_send(Words::marker(progress.marker(&element, &reporting)));
            wait = copier.period;
        }
        let mut watched = true;
        let outcome = loop {
            tokio::select! {
                biased;
                outcome = &mut work => break outcome,
                () = lines.closed(), if watched => {
                    if copier.on_disconnect == OnDisconnect::Cancel {
                        element.actor.note("the client of a COPY went away: the copy is cancelled");
                        return;
                    }
                    watched = false;
                }
                () = element.actor.clock().sleep(wait) => {
                    wait = copier.period;
                    if !reporting.silent() {
                        let _full_or_gone = lines.try_send(Words::marker(progress.marker(&element, &reporting)));
                    }
                }
            }
        };
        let mut last = Vec::new();
        if tpc.last_marker && outcome.is_ok() && !reporting.silent() {
            last.extend_from_slice(&progress.marker(&element, &reporting));
        }
        let line = match &outcome {
            Ok(()) => markers::success(tpc),
            Err(why) => markers::failure(tpc, why),
        };
        last.extend_from_slice(reporting.last_line(line).as_bytes());
        if !last.is_empty() {
            let _gone = lines
                .send(Words {
                    text: Bytes::from(last),
                    last: true,
                })
                .await;
        }
    };
    let mut found = answer::empty(tpc.status);
    if let Some(kind) = tpc.content_type {
        found
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    let carried = Carried {
        element: element.clone(),
        task: Some(Box::pin(task)),
    };
    let first = Clock::within_real(TOGETHER, first_words(carried, &mut report)).await;
    *found.body_mut() = Body::new(Report {
        first: first.flatten(),
        lines: report,
        ended: false,
    });
    found
}

/// What a copy says first, and with that the end of a small one.
async fn first_words(carried: Carried, report: &mut mpsc::Receiver<Words>) -> Option<Words> {
    tokio::pin!(carried);
    tokio::select! {
        biased;
        () = carried.as_mut() => report.recv().await,
        words = report.recv() => words,
    }
}

/// Something said in the body of the answer.
struct Words {
    text: Bytes,
    last: bool,
}

impl Words {
    fn marker(text: Bytes) -> Self {
        Self { text, last: false }
    }
}

struct Report {
    first: Option<Words>,
    lines: mpsc::Receiver<Words>,
    ended: bool,
}

impl http_body::Body for Report {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let words = match self.first.take() {
            Some(first) => Some(first),
            None => ready!(self.lines.poll_recv(cx)),
        };
        self.ended = words.as_ref().is_none_or(|words| words.last);
        Poll::Ready(words.map(|words| Ok(Frame::data(words.text))))
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}

//! Faults a scenario installs at a storage element: at its handler and on its outgoing side (storage
//! page §7.5). Whatever one does is told to the journal.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use carnet_stage::{ClientError, Effect, Event, Fault, FaultEvent, FaultPlace};
use http::{HeaderName, HeaderValue, Method, Response, header};
use http_body::{Frame, SizeHint};

use crate::answer::{self, Answer};
use crate::element::Element;

/// Faults of a storage element by name, for `effect = { named = "…" }`; the page's number and what it does.
pub const CATALOGUE: &[(&str, &str, &str)] = &[
    (
        "no-markers",
        "F2",
        "a COPY reports nothing until its last line",
    ),
    (
        "come-back",
        "F9",
        "answers 202 with a page instead of the file",
    ),
    ("redirect-loop", "F10", "answers 307 to the same URL"),
    ("redirect-elsewhere", "F10", "answers 307 to another host"),
    (
        "redirect-plain",
        "F10",
        "answers 307 to the same URL without TLS",
    ),
    (
        "expired-token",
        "F6",
        "answers 401 invalid_token, as for an expired token",
    ),
    ("no-digest", "F5", "leaves the digest out"),
    ("wrong-digest", "F5", "reports a wrong adler32"),
    ("upper-digest", "F5", "reports the digest in upper case"),
    (
        "short-digest",
        "F5",
        "reports the digest without leading zeros",
    ),
    ("base64-digest", "F5", "reports the adler32 in base64"),
    (
        "no-last-line",
        "F13",
        "ends the report of a COPY without a last line",
    ),
    ("false-success", "F13", "says success whatever happened"),
    (
        "junk-lines",
        "F13",
        "puts lines nobody knows into the report",
    ),
    ("too-many-bytes", "F14", "markers report twice the bytes"),
    (
        "no-connections",
        "F14",
        "markers leave RemoteConnections out",
    ),
    (
        "long-line",
        "F14",
        "puts a line of 2,000 bytes into the report",
    ),
    (
        "slow",
        "F15",
        "moves 64 KiB and then rests for 50 ms of stage time",
    ),
    ("disk-full", "F18", "says 507 in place of taking a file"),
    (
        "leave-partial",
        "F19",
        "leaves what arrived of a copy that failed",
    ),
    (
        "lose-file",
        "F19",
        "loses the file right after it said success",
    ),
    (
        "tape-stuck",
        "F22",
        "takes a stage request and never brings the files",
    ),
    (
        "tape-fails",
        "F22",
        "takes a stage request and fails its files",
    ),
    (
        "ignore-ranges",
        "F20",
        "answers a range with the whole file",
    ),
];

/// The name of a fault that acts inside a handler, carried in the request's extensions.
#[derive(Clone, Debug)]
pub(crate) struct NamedFault(pub(crate) String);

impl NamedFault {
    /// Whether it is this one.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.0 == name
    }
}

fn tell(element: &Element, fault: &Fault, did: &str) {
    let place = match fault.place {
        FaultPlace::Handler => "handler",
        FaultPlace::Outgoing => "outgoing",
    };
    let event = FaultEvent {
        which: fault.name.clone(),
        place: place.to_owned(),
        did: did.to_owned(),
    };
    element.actor.record(Event::Fault(event));
}

/// A fault that acts on one request.
#[derive(Default)]
pub(crate) struct Installed {
    fault: Option<Fault>,
    instead: Option<Answer>,
    clock: Option<carnet_stage::Clock>,
}

/// Looks for a fault that acts on an incoming request; waits if it says so.
pub(crate) async fn arriving(element: &Element, method: &Method, path: &str) -> Installed {
    if element.actor.faults().is_empty() {
        return Installed::default();
    }
    let Some(fault) = element
        .actor
        .faults()
        .take(FaultPlace::Handler, method.as_str(), path)
    else {
        return Installed::default();
    };
    tell(
        element,
        &fault,
        &format!("{method} {path}: {}", words(&fault.effect)),
    );
    let mut instead = None;
    match &fault.effect {
        Effect::DelayMillis(millis) => {
            element
                .actor
                .clock()
                .sleep(Duration::from_millis(*millis))
                .await;
        }
        Effect::Status(status) => instead = Some(refusal(*status)),
        Effect::Drop => {
            let mut broken = answer::empty(200);
            *broken.body_mut() = Body::new(Broken);
            instead = Some(broken);
        }
        Effect::Named(name) => instead = named(element, name, path),
        _ => {}
    }
    Installed {
        fault: Some(fault),
        instead,
        clock: Some(element.actor.clock().clone()),
    }
}

fn words(effect: &Effect) -> String {
    match effect {
        Effect::Status(status) => format!("answers {status}"),
        Effect::DelayMillis(millis) => format!("waits {millis} ms"),
        Effect::CutAfter(bytes) => format!("breaks off after {bytes} bytes"),
        Effect::StallAfter(bytes) => format!("stops moving after {bytes} bytes"),
        Effect::FlipByte(offset) => format!("changes the byte at {offset}"),
        Effect::Drop => "closes the connection without an answer".into(),
        Effect::OmitHeader(name) => format!("leaves {name} out"),
        Effect::SetHeader(line) => format!("sets {line}"),
        Effect::Named(name) => CATALOGUE
            .iter()
            .find(|(known, ..)| known == name)
            .map_or_else(
                || format!("{name}: no such fault here"),
                |(_, number, does)| format!("{number}: {does}"),
            ),
    }
}

fn refusal(status: u16) -> Answer {
    let mut refused = answer::text(status, "an installed fault answers");
    if matches!(status, 429 | 503) {
        refused
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    refused
}

fn named(element: &Element, name: &str, path: &str) -> Option<Answer> {
    let redirect = |to: String| {
        let mut moved = answer::empty(307);
        answer::set(&mut moved, header::LOCATION, &to);
        Some(moved)
    };
    match name {
        "come-back" => Some(answer::typed(
            202,
            "text/html",
            "<html><body>The file is being prepared, come back later.</body></html>\n",
        )),
        "redirect-loop" => redirect(format!("{}{path}", element.actor.base_url())),
        "redirect-elsewhere" => redirect(format!("https://elsewhere.example{path}")),
        "redirect-plain" => redirect(format!(
            "{}{path}",
            element.actor.base_url().replacen("https", "http", 1)
        )),
        "expired-token" => {
            let mut refused = answer::text(401, "the token has expired");
            let challenge = format!(
                "Bearer realm=\"{}\", error=\"invalid_token\", error_description=\"the token has expired\"",
                element.actor.host()
            );
            answer::set(&mut refused, header::WWW_AUTHENTICATE, &challenge);
            Some(refused)
        }
        "disk-full" => Some(answer::text(
            507,
            "no space left: an installed fault answers",
        )),
        _ => None,
    }
}

impl Installed {
    /// The answer given in place of any work, if there is one.
    pub(crate) fn instead(&mut self) -> Option<Answer> {
        self.instead.take()
    }

    /// A fault that acts inside a handler.
    pub(crate) fn inside(&self) -> Option<NamedFault> {
        match self.fault.as_ref()?.effect {
            Effect::Named(ref name) => Some(NamedFault(name.clone())),
            _ => None,
        }
    }

    /// Spoils an answer.
    pub(crate) fn spoil(self, mut found: Answer) -> Answer {
        let Some(fault) = self.fault else {
            return found;
        };
        match &fault.effect {
            Effect::OmitHeader(name) => {
                found.headers_mut().remove(name.as_str());
            }
            Effect::SetHeader(line) => {
                if let Some((name, value)) = line.split_once(':')
                    && let Ok(name) = HeaderName::try_from(name.trim())
                {
                    answer::set(&mut found, name, value.trim());
                }
            }
            Effect::Named(name) => respell(&mut found, name),
            _ => {}
        }
        spoil_body(found, &fault.effect, self.clock)
    }
}

fn respell(found: &mut Answer, name: &str) {
    let digest = HeaderName::from_static("digest");
    let Some(sum) = found
        .headers()
        .get(&digest)
        .and_then(|value| value.to_str().ok())
        .map(crate::checksum::parse_digest)
    else {
        return;
    };
    let Some(sum) = sum.into_iter().next() else {
        return;
    };
    let other = match name {
        "no-digest" => {
            found.headers_mut().remove(digest);
            return;
        }
        "wrong-digest" => format!(
            "adler32={}",
            crate::checksum::hex(&sum.bytes.iter().map(|byte| !byte).collect::<Vec<_>>())
        ),
        "upper-digest" => format!(
            "{}={}",
            sum.algorithm.name().to_uppercase(),
            sum.value().to_uppercase()
        ),
        "short-digest" => format!(
            "{}={}",
            sum.algorithm.name(),
            sum.value().trim_start_matches('0')
        ),
        "base64-digest" => sum
            .repr_digest()
            .replace("adler=:", "adler32=")
            .trim_end_matches(':')
            .to_owned(),
        _ => return,
    };
    answer::set(found, digest, &other);
}

fn spoil_body(
    found: Response<Body>,
    effect: &Effect,
    clock: Option<carnet_stage::Clock>,
) -> Response<Body> {
    let (cut, stall, flip, slow) = match effect {
        Effect::CutAfter(bytes) => (Some(*bytes), None, None, false),
        Effect::StallAfter(bytes) => (None, Some(*bytes), None, false),
        Effect::FlipByte(offset) => (None, None, Some(*offset), false),
        Effect::Named(name) if name == "slow" => (None, None, None, true),
        _ => return found,
    };
    let clock = clock.filter(|_| slow);
    found.map(|inner| {
        Body::new(Spoiled {
            inner,
            at: 0,
            cut,
            stall,
            flip,
            clock,
            rest: None,
            flushed: false,
        })
    })
}

/// Sends an outgoing request, unless a fault acts on it.
pub(crate) async fn leaving(
    element: &Element,
    method: &str,
    path: &str,
    send: impl Future<Output = Result<Response<Body>, ClientError>>,
) -> Result<Response<Body>, ClientError> {
    if element.actor.faults().is_empty() {
        return send.await;
    }
    let Some(fault) = element
        .actor
        .faults()
        .take(FaultPlace::Outgoing, method, path)
    else {
        return send.await;
    };
    tell(
        element,
        &fault,
        &format!("{method} {path}: {}", words(&fault.effect)),
    );
    match &fault.effect {
        Effect::Status(status) => return Ok(refusal(*status)),
        Effect::Drop => {
            return Err(ClientError::Protocol {
                host: "the other side".into(),
                why: "connection reset".into(),
            });
        }
        Effect::DelayMillis(millis) => {
            element
                .actor
                .clock()
                .sleep(Duration::from_millis(*millis))
                .await;
        }
        _ => {}
    }
    Ok(spoil_body(
        send.await?,
        &fault.effect,
        Some(element.actor.clock().clone()),
    ))
}

/// How a COPY's report is bent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reporting(Option<String>);

impl Reporting {
    /// By the fault that came with the request.
    pub(crate) fn new(fault: Option<&NamedFault>) -> Self {
        Self(fault.map(|fault| fault.0.clone()))
    }

    fn is(&self, name: &str) -> bool {
        self.0.as_deref() == Some(name)
    }

    /// No markers.
    pub(crate) fn silent(&self) -> bool {
        self.is("no-markers")
    }

    /// The bytes to report.
    pub(crate) fn bytes(&self, bytes: u64) -> u64 {
        if self.is("too-many-bytes") {
            bytes * 2
        } else {
            bytes
        }
    }

    /// Whether connections are hidden.
    pub(crate) fn hides_connections(&self) -> bool {
        self.is("no-connections")
    }

    /// The last line to send.
    pub(crate) fn last_line(&self, line: String) -> String {
        match self.0.as_deref() {
            Some("no-last-line") => String::new(),
            Some("false-success") => "success: Created\n".into(),
            Some("junk-lines") => format!("Stripe Weather: cloudy\n\n{line}"),
            Some("long-line") => format!(
                "RemoteConnections: {}\n{line}",
                "tcp:192.0.2.1:1,".repeat(125)
            ),
            _ => line,
        }
    }
}

struct Broken;

impl http_body::Body for Broken {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(Some(Err(io::Error::other("connection closed by a fault"))))
    }
}

/// A body that breaks off, stops, or lies.
struct Spoiled {
    inner: Body,
    at: u64,
    cut: Option<u64>,
    stall: Option<u64>,
    flip: Option<u64>,
    clock: Option<carnet_stage::Clock>,
    rest: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    flushed: bool,
}

impl http_body::Body for Spoiled {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(rest) = &mut self.rest {
            std::task::ready!(rest.as_mut().poll(cx));
            self.rest = None;
        }
        if self.stall.is_some_and(|limit| self.at >= limit) {
            return Poll::Pending;
        }
        if self.cut.is_some_and(|limit| self.at >= limit) {
            if !self.flushed {
                // What was sent so far must have left before the connection breaks.
                self.flushed = true;
                self.rest = Some(Box::pin(async {
                    carnet_stage::Clock::within_real(
                        Duration::from_millis(20),
                        std::future::pending::<()>(),
                    )
                    .await;
                }));
                return self.poll_frame(cx);
            }
            return Poll::Ready(Some(Err(io::Error::other("broken off by a fault"))));
        }
        let frame = std::task::ready!(Pin::new(&mut self.inner).poll_frame(cx));
        let Some(frame) = frame else {
            return Poll::Ready(None);
        };
        let frame = frame.map_err(io::Error::other)?;
        let Ok(mut data) = frame.into_data() else {
            return Poll::Ready(None);
        };
        if let Some(limit) = self.cut.or(self.stall) {
            data.truncate((limit - self.at).min(data.len() as u64) as usize);
        }
        if let Some(offset) = self.flip.and_then(|flip| flip.checked_sub(self.at))
            && (offset as usize) < data.len()
        {
            let mut changed = BytesMut::from(&data[..]);
            changed[offset as usize] ^= 1;
            data = changed.freeze();
        }
        self.at += data.len() as u64;
        if let Some(clock) = self.clock.clone() {
            self.rest = Some(Box::pin(async move {
                clock.sleep(Duration::from_millis(50)).await;
            }));
        }
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

//! Faults a scenario installs at a storage element: at its handler and on its outgoing side (storage
//! page §7.5). Whatever one does is told to the journal.

mod body;
mod catalogue;

use std::pin::Pin;
use std::time::Duration;

use axum::body::Body;
use carnet_stage::{ClientError, Effect, Event, Fault, FaultEvent, FaultPlace, Interim};
use http::{HeaderName, HeaderValue, Method, Response, header};

use crate::answer::{self, Answer};
use crate::element::Element;

pub(crate) use body::PIECE;
pub use catalogue::CATALOGUE;

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
            *broken.body_mut() = Body::new(body::Broken);
            instead = Some(broken);
        }
        Effect::Named(name) if name == "no-continue" => std::future::pending().await,
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
        Effect::Named(name) => catalogue::does(name),
    }
}

/// Adds to the `100 Continue` of a request what must not be there: fields of a final answer (RFC 9110 §8.6, RFC 9112
/// §6.1), or a line that is no field.
pub(crate) fn bend_continue(interim: &Interim, fault: &NamedFault) {
    let lines: &[&str] = match &*fault.0 {
        "odd-continue" => &[
            "Content-Length: 9",
            "Transfer-Encoding: chunked",
            "Connection: close",
        ],
        "broken-continue" => &["no header field"],
        _ => &[],
    };
    for line in lines {
        interim.add(line);
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
        "read-only" => Some(answer::text(
            403,
            "read-only file system: an installed fault answers",
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
            Effect::Named(name) if name == "drop-after" => {
                let mut broken = answer::empty(200);
                *broken.body_mut() = Body::new(body::Broken);
                return broken;
            }
            Effect::Named(name) => respell(&mut found, name),
            _ => {}
        }
        body::spoil(found, &fault.effect, self.clock)
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

/// An outgoing request.
pub(crate) type Sending<'a> =
    Pin<Box<dyn Future<Output = Result<Response<Body>, ClientError>> + Send + 'a>>;

/// Sends an outgoing request, unless a fault acts on it.
pub(crate) fn leaving<'a>(
    element: &'a Element,
    method: &'a str,
    path: &'a str,
    send: Sending<'a>,
) -> Sending<'a> {
    if element.actor.faults().is_empty() {
        send
    } else {
        Box::pin(bent(element, method, path, send))
    }
}

async fn bent(
    element: &Element,
    method: &str,
    path: &str,
    send: Sending<'_>,
) -> Result<Response<Body>, ClientError> {
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
    Ok(body::spoil(
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
        match self.0.as_deref() {
            Some("too-many-bytes") => bytes * 2,
            Some("frozen-markers") => 0,
            Some("falling-bytes") => (1_u64 << 40).saturating_sub(bytes),
            _ => bytes,
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
            Some("no-newline") => line.trim_end().to_owned(),
            Some("junk-lines") => format!("Stripe Weather: cloudy\n\n{line}"),
            Some("long-line") => format!(
                "RemoteConnections: {}\n{line}",
                "tcp:192.0.2.1:1,".repeat(125)
            ),
            _ => line,
        }
    }
}

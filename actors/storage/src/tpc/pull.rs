//! The active side of a pull: HEAD, GET, count, sum up, compare, and only then put in place (storage page
//! §2.5, §2.7, §2.8).

use std::sync::Arc;

use axum::body::Body;
use carnet_stage::Clock;
use http::{HeaderName, Method, Response};
use http_body_util::BodyExt as _;
use url::Url;

use super::remote::{Remote, length, reason, shown};
use super::report::{Progress, report};
use super::request::CopyRequest;
use super::{guard, markers, streams, words};
use crate::answer::{self, Answer};
use crate::area::{Area, AreaError, Arrival};
use crate::checksum::{Checksum, parse_digest, parse_repr_digest};
use crate::dialect::{DialectName, Doing, Partial, Prehead};
use crate::element::Element;
use crate::faults::{self, NamedFault, Reporting};
use crate::methods::Call;
use crate::namespace::{FileMeta, Locality, TreeError};
use crate::path::CleanPath;
use crate::patient::{Pace, Patient};
use crate::writing::Writing;

/// One pull, authorised.
pub(super) struct Pull {
    pub(super) element: Arc<Element>,
    area: Arc<Area>,
    path: CleanPath,
    call: Call,
    source: Url,
    asked: CopyRequest,
    parents: bool,
    exists: bool,
    fault: Option<NamedFault>,
    pub(super) progress: Arc<Progress>,
}

/// COPY with `Source`.
pub(super) async fn answer(call: Call, asked: CopyRequest, source: Url) -> Answer {
    let element = call.element.clone();
    let tpc = &element.dialect.tpc;
    let exists = element.door.peek(&call.path);
    let doing = Doing::storing(exists);
    let pass = match element.door.admit(&call, doing).await {
        Ok(pass) => pass,
        Err(refused) => return refused,
    };
    if element.is_here(&source)
        && CleanPath::parse(source.path(), element.dialect.paths)
            .is_ok_and(|path| path == call.path)
    {
        return answer::text(403, "source and destination are the same file");
    }
    if exists && asked.overwrite == Some(false) {
        return answer::text(
            tpc.overwrite_false,
            "Target file exists and Overwrite is false",
        );
    }
    let area = element.area(&pass).clone();
    let parents = element.mkpath(tpc.mkpath);
    match area.can_put(&call.path, parents).and_then(|_| area.fits(0)) {
        Ok(()) => {}
        Err(AreaError::Tree(TreeError::NoParent)) => {
            return answer::text(tpc.no_parent, "parent collection does not exist");
        }
        Err(AreaError::Tree(TreeError::IsDirectory)) => {
            return answer::text(tpc.onto_directory, "is a collection");
        }
        Err(error) => return element.trouble(&error),
    }
    if let Some(refused) = element.slash(&call.path) {
        return refused;
    }
    if let Err(why) = guard::check(&element, &source).await {
        return answer::text(403, &why);
    }
    let pull = Pull {
        element: element.clone(),
        area,
        path: call.path.clone(),
        source,
        asked,
        parents,
        exists,
        fault: call.fault().cloned(),
        call,
        progress: Arc::default(),
    };
    let mut size = None;
    if tpc.prehead == Prehead::Relayed {
        let wanted = [(
            HeaderName::from_static("want-repr-digest"),
            "adler=5".to_owned(),
        )];
        let wanted = if pull.asked.expected.is_empty() {
            &[][..]
        } else {
            &wanted[..]
        };
        match Box::pin(pull.head(wanted)).await {
            Ok(found) if found.status().is_success() => {
                // What the source says itself is not what the client wants (storage page §4.4).
                if let Err(why) = agree(&pull.asked.expected, &claims(&found)) {
                    return answer::text(412, &markers::one_line(&format!("failure: {why}")));
                }
                size = length(&found);
            }
            Ok(found) => {
                let why = format!(
                    "failure: HTTP response code said error: remote host returned '{}' while fetching file size, local={}, remote={}",
                    reason(found.status()),
                    pull.path.as_str(),
                    shown(&pull.source)
                );
                return answer::text(found.status().as_u16().max(400), &markers::one_line(&why));
            }
            Err(why) => {
                return answer::text(500, &markers::one_line(&format!("failure: {why}")));
            }
        }
    }
    if tpc.prehead == Prehead::Ignored {
        let found = Box::pin(pull.head(&[])).await;
        size = found
            .ok()
            .filter(|found| found.status().is_success())
            .as_ref()
            .and_then(length);
    }
    pull.tell();
    let (progress, reporting) = (pull.progress.clone(), Reporting::new(pull.fault.as_ref()));
    report(&element, progress, reporting, Box::pin(pull.run(size))).await
}

impl Pull {
    fn rejected(&self, method: &Method, status: http::StatusCode) -> String {
        words::rejected(self.element.dialect.name, method, &self.source, status)
    }

    /// The source refuses; XRootD tells what it says, as much as fits into a line.
    async fn refused(&self, found: Response<Body>) -> String {
        let name = self.element.dialect.name;
        let why = self.rejected(&Method::GET, found.status());
        let mut said = String::new();
        if matches!(name, DialectName::Xrootd55 | DialectName::Xrootd6) {
            let stall = self.element.copier.stall;
            let body = Patient::body(found.into_body(), stall);
            if let Ok(body) = carnet_stage::body::read_limited(body, MOST_SAID).await {
                said = String::from_utf8_lossy(&body).into_owned();
            }
        }
        let local = self.path.as_str();
        why + &words::adds(name, &said, local, &self.source)
    }

    pub(super) fn remote(&self) -> Remote<'_> {
        Remote {
            element: &self.element,
            local: self.path.as_str(),
            url: self.source.clone(),
            headers: &self.asked.headers,
            progress: &self.progress,
        }
    }

    async fn head(&self, more: &[(HeaderName, String)]) -> Result<Response<Body>, String> {
        self.remote()
            .send(Method::HEAD, more, || Ok(Body::empty()))
            .await
    }

    /// Whether this fault acts on it.
    fn has(&self, fault: &str) -> bool {
        self.fault.as_ref().is_some_and(|one| one.is(fault))
    }

    /// What the client said of itself, for the reader.
    fn tell(&self) {
        let flow = self.asked.scitag;
        if flow > 0 {
            let (experiment, activity) = (flow >> 6, flow & 63);
            self.element.actor.note(format!(
                "flow {flow} (experiment {experiment}, activity {activity}) of {}",
                self.path.as_str()
            ));
        }
        if let Some(info) = &self.asked.client_info {
            self.element
                .actor
                .note(format!("ClientInfo of {}: {info}", self.path.as_str()));
        }
    }

    async fn run(self, size: Option<u64>) -> Result<(), String> {
        let _running = self.element.copier.running.acquire().await;
        let why = format!("COPY from {}", shown(&self.source));
        let writing = Writing::begin(&self.element, &self.path, self.exists, &why);
        let also: Vec<_> = self
            .asked
            .expected
            .iter()
            .map(|sum| sum.algorithm)
            .collect();
        let mut arrival = match self.area.begin(&self.path, &also) {
            Ok(arrival) => arrival,
            Err(error) => {
                writing.failed(&error.to_string());
                return Err(error.to_string());
            }
        };
        let outcome = match self.fetch(&mut arrival, size).await {
            Ok(claims) => self.keep(arrival, &claims).await,
            Err(why) => {
                let left = self.has("leave-partial") || self.has("false-success");
                if left || self.element.dialect.tpc.partial == Partial::Left {
                    Box::pin(self.leave(arrival)).await;
                }
                Err(why)
            }
        };
        match outcome {
            Ok(file) => {
                writing.done(&file);
                if self.has("lose-file") {
                    let now = self.element.actor.clock().millis();
                    let _gone = self.area.remove(&self.path, false, now);
                    self.element
                        .file_state(&self.path, "available", "absent", "lost by a fault");
                }
                Ok(())
            }
            Err(why) => {
                writing.failed(&why);
                Err(why)
            }
        }
    }

    /// Brings the bytes; gives back the digests the source claims.
    async fn fetch(
        &self,
        arrival: &mut Arrival,
        mut size: Option<u64>,
    ) -> Result<Vec<Checksum>, String> {
        if self.element.dialect.tpc.prehead == Prehead::Inside {
            let found = self.head(&[]).await?;
            if !found.status().is_success() {
                return Err(self.rejected(&Method::HEAD, found.status()));
            }
            size = length(&found);
        }
        if let Some(size) = size {
            self.area
                .fits(size)
                .map_err(|error| format!("507 Insufficient Storage: {error}"))?;
        }
        if let Some(size) = size.filter(|size| self.asked.streams > 1 && *size > streams::PIECE) {
            return Box::pin(streams::fetch(self, arrival, size, self.asked.streams)).await;
        }
        let mut more = vec![(HeaderName::from_static("want-digest"), "adler32".to_owned())];
        if !self.asked.expected.is_empty() {
            more.push((
                HeaderName::from_static("want-repr-digest"),
                "adler=5".to_owned(),
            ));
        }
        let found = self
            .remote()
            .send(Method::GET, &more, || Ok(Body::empty()))
            .await?;
        let careless =
            self.element.dialect.name == DialectName::Storm && found.status().is_success();
        if found.status().as_u16() != 200 && !careless {
            return Err(Box::pin(self.refused(found)).await);
        }
        let claims = claims(&found);
        let announced = length(&found);
        if let (Some(head), Some(get)) = (size, announced)
            && head != get
        {
            return Err(format!("the source has {get} bytes now, it had {head}"));
        }
        if let Some(size) = announced {
            self.area
                .fits(size)
                .map_err(|error| format!("507 Insufficient Storage: {error}"))?;
        }
        self.drain(found.into_body(), arrival).await?;
        match announced.or(size) {
            Some(size) if size != arrival.bytes() => Err(format!(
                "the source ended after {} of {size} bytes",
                arrival.bytes()
            )),
            _ => Ok(claims),
        }
    }

    async fn drain(&self, mut body: Body, arrival: &mut Arrival) -> Result<(), String> {
        let stall = self.element.copier.stall;
        let clock = self.element.actor.clock();
        let (watch, mut pace) = (Clock::stopwatch(), Pace::default());
        loop {
            let Some(frame) = Clock::within_real(stall, body.frame()).await else {
                return Err(format!(
                    "timeout on GET: no bytes have been received from the source in {} seconds",
                    stall.as_secs()
                ));
            };
            let Some(frame) = frame else { return Ok(()) };
            let frame = frame.map_err(|error| {
                format!(
                    "the source broke off after {} bytes: {error}",
                    arrival.bytes()
                )
            })?;
            if self.has("full-midway") && arrival.bytes() >= faults::PIECE {
                return Err("507 Insufficient Storage: no space left".into());
            }
            if let Ok(bytes) = frame.into_data() {
                let length = bytes.len() as u64;
                if pace.is_too_slow(length, watch.elapsed()) {
                    return Err("timeout on GET: less than 10 KiB/s over 120 seconds".into());
                }
                arrival.write(bytes).await.map_err(|error| told(&error))?;
                self.progress.add(length, clock.seconds());
            }
        }
    }

    /// Compares and puts in place.
    async fn keep(&self, arrival: Arrival, claims: &[Checksum]) -> Result<FileMeta, String> {
        let complete = arrival.complete().await.map_err(|error| told(&error))?;
        let compares = self.element.dialect.tpc.compares;
        let mut compared = !compares || agree(&complete.sums, claims)?;
        compared |= compares && agree(&complete.sums, &self.asked.expected)?;
        if !compared
            && self
                .asked
                .require_checksum
                .unwrap_or(self.element.copier.require_checksum)
        {
            let wanted = [(HeaderName::from_static("want-digest"), "adler32".to_owned())];
            let found = Box::pin(self.head(&wanted)).await?;
            if !agree(&complete.sums, &self::claims(&found))? {
                return Err("no checksum in HEAD response".into());
            }
        }
        if self.has("target-appears") {
            Box::pin(self.somebody_else()).await;
        }
        let doing = Doing::storing(self.exists);
        if let Err(refused) = self.element.door.recheck(&self.call, doing).await {
            let status = reason(refused.status());
            return Err(format!("{status}: the token is no good any more"));
        }
        let appeared = !self.exists && self.element.door.peek(&self.path);
        if self.asked.overwrite == Some(false) && (self.exists || appeared) {
            return Err("target file exists by now and Overwrite is false".into());
        }
        // What appeared meanwhile is replaced only by who may replace it.
        let may_replace = self.asked.overwrite != Some(false)
            && (self.exists || appeared && Box::pin(self.may_replace()).await);
        if appeared && !may_replace {
            return Err("403 Forbidden: target file exists by now and may not be replaced".into());
        }
        let now = self.element.actor.clock().millis();
        let (file, _) = complete
            .commit(self.parents, now, |current| {
                may_replace || current.is_none()
            })
            .map_err(|error| error.to_string())?;
        if let Some(tape) = &self.element.tape {
            let becomes = if self.has("tape-loses") {
                Locality::Lost
            } else {
                Locality::DiskAndTape
            };
            tape.written(&self.element.actor, &self.area, &self.path, &file, becomes);
        }
        Ok(file)
    }

    async fn may_replace(&self) -> bool {
        let admitted = self.element.door.admit(&self.call, Doing::PutOver).await;
        admitted.is_ok()
    }

    /// Somebody else stores the target (a fault).
    async fn somebody_else(&self) {
        let Ok(mut other) = self.area.begin(&self.path, &[]) else {
            return;
        };
        let written = other.write("somebody else was faster\n".into()).await;
        if written.is_ok()
            && let Ok(complete) = other.complete().await
        {
            let now = self.element.actor.clock().millis();
            let _stored = complete.commit(self.parents, now, |_| true);
            let why = "somebody else stored it, by a fault";
            self.element
                .file_state(&self.path, "being written", "available", why);
        }
    }

    /// Some servers leave what has arrived (storage page §2.7).
    async fn leave(&self, arrival: Arrival) {
        if let Ok(mut complete) = arrival.complete().await {
            complete.sums.clear();
            let _gone =
                complete.commit(self.parents, self.element.actor.clock().millis(), |_| true);
        }
    }
}

/// As much of a refusal is told on.
const MOST_SAID: usize = 1024;

fn told(error: &crate::backend::StoreError) -> String {
    match error {
        crate::backend::StoreError::Full(_) => format!("507 Insufficient Storage: {error}"),
        _ => error.to_string(),
    }
}

/// The digests an answer carries.
pub(super) fn claims(found: &Response<Body>) -> Vec<Checksum> {
    let text = |name: HeaderName| {
        found
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    };
    let mut claims = parse_digest(&text(HeaderName::from_static("digest")));
    claims.extend(parse_repr_digest(&text(HeaderName::from_static(
        "repr-digest",
    ))));
    claims
}

/// Whether anything could be compared; the error is a difference.
pub(super) fn agree(ours: &[Checksum], claims: &[Checksum]) -> Result<bool, String> {
    let mut compared = false;
    for claim in claims {
        if let Some(own) = ours.iter().find(|sum| sum.algorithm == claim.algorithm) {
            if own != claim {
                let name = own.algorithm.name();
                return Err(format!(
                    "checksum mismatch: {name} remote={} local={}",
                    claim.value(),
                    own.value()
                ));
            }
            compared = true;
        }
    }
    Ok(compared)
}

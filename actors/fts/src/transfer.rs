//! The agent: carries one file from source to destination, as flow A9-A12 or as the real `fts_url_copy` does it
//! (FTS page §4).

use std::time::Duration;

use carnet_stage::{Body, Clock};
use http::Response;
use http_body_util::BodyExt as _;

use crate::config::TokenModel;
use crate::job::{File, FileId, Job};
use crate::markers::{End, Reader, Said, aborted, failed, no_final_line};
use crate::reason::{CopyMode, Failure, NoAnswer, Operation, Scope, errno, refused, unanswered};
use crate::remote::{Ask, Trouble};
use crate::service::Service;
use crate::surl::Surl;
use crate::tokens::{Secret, TokenId};
use crate::verify::{
    ChecksumMode, Expected, digest_value, no_checksum, sizes, source_against_destination,
    user_against_destination, user_against_source,
};

/// Everything the agent is told when it starts.
pub(crate) struct Orders {
    /// The file.
    pub(crate) file: FileId,
    /// Where from.
    pub(crate) source: Surl,
    /// Where to.
    pub(crate) destination: Surl,
    /// The user's checksum.
    pub(crate) expected: Expected,
    /// Which sides are verified.
    pub(crate) verify: ChecksumMode,
    /// An existing destination is replaced.
    pub(crate) overwrite: bool,
    /// Only the COPY.
    pub(crate) strict: bool,
    /// A broken copy is removed.
    pub(crate) cleanup: bool,
    /// Time limit of the copy in seconds, 0 computed.
    pub(crate) timeout: i64,
    /// Storage tokens.
    pub(crate) source_token: TokenId,
    /// Storage tokens.
    pub(crate) destination_token: TokenId,
    /// `ClientInfo`.
    pub(crate) info: String,
    /// Flow label.
    pub(crate) scitag: Option<u16>,
    /// Data for the tape system, for `ArchiveMetadata`.
    pub(crate) archive_metadata: Option<String>,
    /// Streams for the copy.
    pub(crate) streams: u32,
}

impl Orders {
    /// From a file and its job.
    pub(crate) fn new(file: &File, job: &Job, verify: Option<ChecksumMode>) -> Self {
        let row = &file.row;
        let last_hop = job.files.last() == Some(&file.id);
        let overwrite = match job.params.overwrite {
            Some("Y") => true,
            Some("R") => file.retry > 0,
            Some("M" | "Q") => !last_hop,
            _ => false,
        };
        Self {
            file: file.id,
            source: row.source.clone(),
            destination: row.destination.clone(),
            expected: Expected::parse(&row.checksum),
            verify: verify.unwrap_or(job.verify),
            overwrite,
            strict: job.params.strict_copy,
            cleanup: !job.params.disable_cleanup,
            timeout: job.params.timeout,
            source_token: file.source_token.clone(),
            destination_token: file.destination_token.clone(),
            info: format!("job-id={};file-id={};retry={}", job.id, file.id, file.retry),
            scitag: row.scitag,
            archive_metadata: (!row.archive_metadata.is_null())
                .then(|| row.archive_metadata.to_string()),
            streams: 0,
        }
    }
}

/// A file that arrived.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrived {
    /// Its size.
    pub(crate) size: u64,
    /// Seconds of the copy.
    pub(crate) seconds: f64,
}

/// The two sides of a transfer as the wire knows them.
pub(crate) struct Sides {
    pub(crate) source: String,
    pub(crate) destination: String,
}

impl Sides {
    fn new(orders: &Orders) -> Result<Self, Failure> {
        let url = |surl: &Surl, scope: Scope| {
            surl.http_url().ok_or_else(|| {
                Failure::new(
                    scope,
                    errno::EPROTONOSUPPORT,
                    format!("Protocol {} not supported", surl.scheme()),
                )
            })
        };
        Ok(Self {
            source: url(&orders.source, Scope::Source)?,
            destination: url(&orders.destination, Scope::Destination)?,
        })
    }
}

/// Carries one file.
pub(crate) async fn carry(service: &Service, orders: &Orders) -> Result<Arrived, Failure> {
    let sides = Sides::new(orders)?;
    match service.config().tokens {
        TokenModel::Seed => carry_as_in_the_flows(service, orders, &sides).await,
        TokenModel::Today => crate::agent::carry(service, orders, &sides).await,
    }
}

/// Flow A9-A12: refresh, COPY, and then both sides are asked what they have.
async fn carry_as_in_the_flows(
    service: &Service,
    orders: &Orders,
    sides: &Sides,
) -> Result<Arrived, Failure> {
    service
        .refresh_for_start(&orders.source_token, Scope::Source)
        .await?;
    if orders.destination_token != orders.source_token {
        service
            .refresh_for_start(&orders.destination_token, Scope::Destination)
            .await?;
    }
    let source_token = service.access_token(&orders.source_token);
    let destination_token = service.access_token(&orders.destination_token);
    let seconds = copy(service, orders, sides, &source_token, &destination_token).await?;

    let want = |side: bool| side.then(|| orders.expected.algorithm.to_ascii_lowercase());
    let source = service
        .remote()
        .head(
            &sides.source,
            source_token.reveal(),
            want(orders.verify.source()).as_deref(),
            &orders.info,
        )
        .await
        .map_err(|trouble| trouble.at(Scope::Source, Operation::Checksum))?;
    let destination = service
        .remote()
        .head(
            &sides.destination,
            destination_token.reveal(),
            want(orders.verify.target()).as_deref(),
            &orders.info,
        )
        .await
        .map_err(|trouble| trouble.at(Scope::Destination, Operation::Checksum))?;
    let algorithm = orders.expected.algorithm.as_str();
    let digest = |asked: bool, header: Option<&String>, scope: Scope, surl: &Surl| {
        asked
            .then(|| {
                header
                    .and_then(|header| digest_value(header, algorithm))
                    .ok_or_else(|| no_checksum(scope, algorithm, surl.as_str()))
            })
            .transpose()
    };
    if let (Some(source), Some(destination)) = (source.size, destination.size) {
        sizes(source, destination)?;
    }
    let at_source = digest(
        orders.verify.source(),
        source.digest.as_ref(),
        Scope::Source,
        &orders.source,
    )?;
    let at_destination = digest(
        orders.verify.target(),
        destination.digest.as_ref(),
        Scope::Destination,
        &orders.destination,
    )?;
    compare(
        algorithm,
        orders.expected.value.as_deref(),
        at_source.as_deref(),
        at_destination.as_deref(),
    )?;
    let size = destination.size.or(source.size).unwrap_or_default();
    told_checksums(
        service,
        size,
        algorithm,
        at_source.as_deref(),
        at_destination.as_deref(),
    );
    Ok(Arrived { size, seconds })
}

/// Tells the reader what was compared.
pub(crate) fn told_checksums(
    service: &Service,
    size: u64,
    algorithm: &str,
    source: Option<&str>,
    destination: Option<&str>,
) {
    let text = match (source, destination) {
        (Some(_), Some(value)) => format!("both sides agree: {size} bytes, {algorithm} {value}"),
        (Some(value), None) => format!("the source says: {size} bytes, {algorithm} {value}"),
        (None, Some(value)) => format!("the destination says: {size} bytes, {algorithm} {value}"),
        (None, None) => return,
    };
    service.actor().note(text);
}

/// Compares what is known of both sides and of the user's wish.
pub(crate) fn compare(
    algorithm: &str,
    user: Option<&str>,
    source: Option<&str>,
    destination: Option<&str>,
) -> Result<(), Failure> {
    if let (Some(user), Some(source)) = (user, source) {
        user_against_source(algorithm, user, source)?;
    }
    if let (Some(user), Some(destination)) = (user, destination) {
        user_against_destination(algorithm, user, destination)?;
    }
    if let (Some(source), Some(destination)) = (source, destination) {
        source_against_destination(algorithm, source, destination)?;
    }
    Ok(())
}

impl Trouble {
    /// As the failure of an operation.
    pub(crate) fn at(self, scope: Scope, operation: Operation<'_>) -> Failure {
        match self {
            Self::Status(status) => refused(scope, operation, status),
            Self::Silence(what) => unanswered(scope, operation, what),
        }
    }
}

/// The COPY of A10 and what it answers until its last line (A12). Gives the seconds that it took.
pub(crate) async fn copy(
    service: &Service,
    orders: &Orders,
    sides: &Sides,
    source_token: &Secret,
    destination_token: &Secret,
) -> Result<f64, Failure> {
    let mode = service
        .book()
        .settings()
        .mode(
            &orders.source.storage(),
            &orders.destination.storage(),
            service.config().mode,
        )
        .ok_or_else(|| {
            let text = "STREAMED DISABLED Only streamed copy possible but streaming is disabled";
            Failure::new(Scope::Transfer, errno::EPERM, text)
        })?;
    let (active, other, own, peer) = match mode {
        CopyMode::Pull => (
            &sides.destination,
            ("source", &sides.source),
            destination_token,
            source_token,
        ),
        CopyMode::Push => (
            &sides.source,
            ("destination", &sides.destination),
            source_token,
            destination_token,
        ),
    };
    let mut headers = vec![(other.0, other.1.clone())];
    if service.config().drop_transfer_header {
        service.told_fault(
            "drop_transfer_header",
            "COPY goes out without TransferHeaderAuthorization",
        );
    } else {
        headers.push((
            "transferheaderauthorization",
            format!("Bearer {}", peer.reveal()),
        ));
    }
    if service.config().tokens == TokenModel::Today {
        headers.push(("credential", "none".into()));
        headers.push(("x-number-of-streams", orders.streams.to_string()));
        headers.push(("secure-redirection", "1".into()));
        headers.push(("requirechecksumverification", "false".into()));
        if let Some(tag) = orders.scitag {
            headers.push(("scitag", tag.to_string()));
        }
        if let Some(metadata) = &orders.archive_metadata {
            use base64::Engine as _;
            headers.push((
                "archivemetadata",
                base64::engine::general_purpose::STANDARD.encode(metadata),
            ));
        }
    }
    headers.push(("content-length", "0".into()));
    let watch = Clock::stopwatch();
    let silence = Duration::from_secs(service.config().copy_silence.max(1));
    let ask = Ask {
        method: "COPY",
        url: active,
        token: Some(own.reveal()),
        headers,
        info: &orders.info,
    };
    let operation = Operation::Copy(mode);
    let answer = Clock::within_real(silence, service.remote().copy(ask))
        .await
        .unwrap_or(Err(Trouble::Silence(NoAnswer::TimedOut)))
        .map_err(|trouble| trouble.at(Scope::Transfer, operation))?;
    if !answer.status().is_success() {
        return Err(refused_copy(answer, operation).await);
    }
    let moved = |bytes: u64| service.progress(orders.file, bytes, watch.elapsed().as_secs_f64());
    follow_markers(answer, mode, silence, moved).await?;
    Ok(watch.elapsed().as_secs_f64())
}

/// A COPY refused by its status. The body is read, so that the connection lives on; the real client does not show it.
async fn refused_copy(answer: Response<Body>, operation: Operation<'_>) -> Failure {
    let status = answer.status().as_u16();
    let _words = carnet_stage::body::read_limited(answer.into_body(), 64 << 10).await;
    refused(Scope::Transfer, operation, status)
}

/// Reads the marker stream to its end.
async fn follow_markers(
    answer: Response<Body>,
    mode: CopyMode,
    silence: Duration,
    mut moved: impl FnMut(u64),
) -> Result<(), Failure> {
    let mut body = answer.into_body();
    let mut reader = Reader::default();
    let mut end = None;
    loop {
        let frame = Clock::within_real(silence, body.frame()).await;
        let said = match frame {
            None => {
                return Err(unanswered(
                    Scope::Transfer,
                    Operation::Copy(mode),
                    NoAnswer::TimedOut,
                ));
            }
            Some(Some(Ok(frame))) => frame
                .into_data()
                .map(|data| reader.feed(&data))
                .unwrap_or_default(),
            // A stream that breaks off after its final line has said everything; before it, the end is unknown.
            Some(None | Some(Err(_))) => {
                end = end.or(reader.finish().and_then(|said| match said {
                    Said::End(end) => Some(end),
                    Said::Progress { .. } => None,
                }));
                break;
            }
        };
        for one in said {
            match one {
                Said::Progress { bytes, .. } => moved(bytes),
                Said::End(said) => end = Some(said),
            }
        }
        if end.is_some() {
            // Everything is said. The rest is read so that the connection lives on, but not waited for.
            let rest = carnet_stage::body::read_limited(body, 64 << 10);
            let _read_or_left = Clock::within_real(Duration::from_secs(1), rest).await;
            break;
        }
    }
    match end {
        Some(End::Success) => Ok(()),
        Some(End::Failure(words)) => Err(failed(mode, &words)),
        Some(End::Aborted) => Err(aborted(mode)),
        None => Err(no_final_line(mode)),
    }
}

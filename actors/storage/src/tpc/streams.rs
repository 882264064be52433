//! A pull over several streams: ranges of the source in parallel, written in order (storage page §2.11).

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderName, Method, header};

use super::pull::{Pull, claims};
use super::remote::reason;
use crate::area::Arrival;
use crate::checksum::Checksum;
use crate::patient::Patient;

/// Length of one range; XRootD asks for 16 MiB, four of these are held at a time here.
pub(super) const PIECE: u64 = 4 << 20;
/// Most ranges in flight.
const MOST: usize = 8;

/// Brings a file of `size` bytes over `streams` connections.
pub(super) async fn fetch(
    pull: &Pull,
    arrival: &mut Arrival,
    size: u64,
    streams: u8,
) -> Result<Vec<Checksum>, String> {
    let offsets = (0..size.div_ceil(PIECE)).map(|index| index * PIECE);
    let mut pieces = stream::iter(offsets)
        .map(|first| {
            let last = (first + PIECE).min(size) - 1;
            piece(pull, first, last, size)
        })
        .buffered(usize::from(streams).min(MOST));
    let mut claimed = Vec::new();
    while let Some(fetched) = pieces.next().await {
        let (bytes, claims) = fetched?;
        let length = bytes.len() as u64;
        arrival
            .write(bytes)
            .await
            .map_err(|error| error.to_string())?;
        pull.progress
            .add(length, pull.element.actor.clock().seconds());
        if claimed.is_empty() {
            claimed = claims;
        }
    }
    Ok(claimed)
}

async fn piece(
    pull: &Pull,
    first: u64,
    last: u64,
    size: u64,
) -> Result<(Bytes, Vec<Checksum>), String> {
    let more = [
        (header::RANGE, format!("bytes={first}-{last}")),
        (HeaderName::from_static("want-digest"), "adler32".to_owned()),
    ];
    let found = pull
        .remote()
        .send(Method::GET, &more, || Ok(Body::empty()))
        .await?;
    let whole = first == 0 && last + 1 == size;
    if found.status().as_u16() != 206 && !(whole && found.status().as_u16() == 200) {
        return Err(format!(
            "rejected GET of a range: {}",
            reason(found.status())
        ));
    }
    let range = found
        .headers()
        .get(header::CONTENT_RANGE)
        .and_then(|value| value.to_str().ok());
    if !whole && range != Some(format!("bytes {first}-{last}/{size}").as_str()) {
        return Err(format!(
            "asked for bytes {first}-{last}, answered {}",
            range.unwrap_or("without Content-Range")
        ));
    }
    let claims = claims(&found);
    let wanted = (last - first + 1) as usize;
    let stall = pull.element.copier.stall;
    let body = Patient::body(found.into_body(), stall);
    match carnet_stage::body::read_limited(body, wanted).await {
        Ok(bytes) if bytes.len() == wanted => Ok((bytes, claims)),
        Ok(bytes) => Err(format!(
            "a range of {wanted} bytes ended after {}",
            bytes.len()
        )),
        Err(error) => Err(error.to_string()),
    }
}

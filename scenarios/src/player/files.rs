//! What a user does with files at a storage element: store, read, have copied.

use bytes::Bytes;
use carnet_stage::{Actor, Body};
use carnet_storage::pattern::{Pattern, key};
use carnet_storage::size::Size;

use super::requests::{self, send};
use super::steps::Story;
use crate::format::{Copy, Get, Kind, Put};

/// Longest piece of seeded data sent at a time.
pub(super) const PIECE: usize = 256 << 10;

/// Stores seeded bytes.
pub(super) async fn put(story: &Story<'_>, step: &Put) -> Result<(), String> {
    let actor = user(story, step.user.as_deref())?;
    let url = format!("{}{}", story.running.url(&step.at)?, step.file);
    let size = Size::parse(step.size.as_deref().unwrap_or("1 KiB"))?.0;
    let pattern = Pattern::new(key(story.running.stage.chance().seed(), &step.file));
    let mut headers = bearer(story, step.token.as_deref())?;
    headers.push(("content-length".to_owned(), size.to_string()));
    let body = seeded(pattern, size);
    send(actor, "PUT", &url, &headers, body).await.map(drop)
}

/// Seeded bytes, piece by piece.
pub(super) fn seeded(pattern: Pattern, size: u64) -> Body {
    let mut at = 0;
    let pieces = std::iter::from_fn(move || {
        let left = usize::try_from(size - at).unwrap_or(usize::MAX);
        (left > 0).then(|| {
            let piece = pattern.slice(at, left.min(PIECE));
            at += piece.len() as u64;
            Ok::<Bytes, std::io::Error>(piece)
        })
    });
    Body::from_stream(futures_util::stream::iter(pieces))
}

/// Reads a file.
pub(super) async fn get(story: &Story<'_>, step: &Get) -> Result<(), String> {
    let actor = user(story, step.user.as_deref())?;
    let url = format!("{}{}", story.running.url(&step.at)?, step.file);
    let headers = bearer(story, step.token.as_deref())?;
    requests::drain(actor, "GET", &url, &headers).await
}

/// Asks the destination to fetch a file from the source.
pub(super) async fn copy(story: &Story<'_>, step: &Copy) -> Result<(), String> {
    let actor = user(story, step.user.as_deref())?;
    let url = format!("{}{}", story.running.url(&step.to)?, step.file);
    let mut headers = vec![(
        "source".to_owned(),
        format!("{}{}", story.running.url(&step.from)?, step.file),
    )];
    headers.extend(bearer(story, step.token.as_deref())?);
    if let Some(name) = &step.source_token {
        headers.push((
            "transferheaderauthorization".to_owned(),
            format!("Bearer {}", story.saved.get(name)?),
        ));
    }
    if let Some(overwrite) = step.overwrite {
        headers.push((
            "overwrite".to_owned(),
            if overwrite { "T" } else { "F" }.to_owned(),
        ));
    }
    send(actor, "COPY", &url, &headers, Body::empty())
        .await
        .map(drop)
}

fn user<'s>(story: &Story<'s>, name: Option<&str>) -> Result<&'s Actor, String> {
    story
        .running
        .of(Kind::User, name)
        .map(|member| &member.actor)
}

fn bearer(story: &Story<'_>, token: Option<&str>) -> Result<Vec<(String, String)>, String> {
    match token {
        Some(name) => Ok(vec![(
            "authorization".to_owned(),
            format!("Bearer {}", story.saved.get(name)?),
        )]),
        None => Ok(Vec::new()),
    }
}

//! Bodies: one type for requests and answers, read with a bound.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;

/// A request's or an answer's body.
pub type Body = axum::body::Body;

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is longer than the reader allows.
    #[error("the body is longer than {limit} bytes")]
    TooLong {
        /// The bound.
        limit: usize,
    },
    /// The peer broke it off.
    #[error("the body broke off: {0}")]
    Broken(String),
}

/// Reads a whole body of at most `limit` bytes.
pub async fn read_limited(mut body: Body, limit: usize) -> Result<Bytes, BodyError> {
    let mut all = BytesMut::new();
    let mut only: Option<Bytes> = None;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| BodyError::Broken(error.to_string()))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if all.len() + only.as_ref().map_or(0, Bytes::len) + data.len() > limit {
            return Err(BodyError::TooLong { limit });
        }
        if all.is_empty() && only.is_none() {
            only = Some(data);
        } else {
            if let Some(first) = only.take() {
                all.extend_from_slice(&first);
            }
            all.extend_from_slice(&data);
        }
    }
    Ok(only.unwrap_or_else(|| all.freeze()))
}

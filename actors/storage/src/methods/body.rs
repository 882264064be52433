//! Several stretches of a file as one `multipart/byteranges` body (RFC 9110 §14.6).

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::range::Span;
use crate::backend::{ContentBody, Source};
use crate::dialect::Ranges;

/// What separates the parts; never part of a seeded file's head.
pub(crate) fn boundary(ranges: Ranges) -> &'static str {
    match ranges {
        Ranges::Joined | Ranges::Untyped => "carnet-e1b0f6a42c",
        Ranges::Listed => "123456",
    }
}

enum Part {
    Text(Bytes),
    Content(ContentBody),
}

/// The parts still to be sent.
pub(crate) struct Multipart {
    parts: VecDeque<Part>,
    left: u64,
}

impl Multipart {
    /// These stretches of a file of this size.
    pub(crate) fn new(source: &Source, spans: &[Span], size: u64, ranges: Ranges) -> Self {
        let boundary = boundary(ranges);
        let mut parts = VecDeque::new();
        let mut left = 0;
        for span in spans {
            let range = span.content_range(size);
            let fields = match ranges {
                Ranges::Joined => {
                    format!("Content-Type: application/octet-stream\r\nContent-Range: {range}")
                }
                Ranges::Untyped => format!("Content-Range: {range}"),
                Ranges::Listed => {
                    format!("Content-type: text/plain; charset=UTF-8\r\nContent-range: {range}")
                }
            };
            let head = format!("\r\n--{boundary}\r\n{fields}\r\n\r\n");
            left += head.len() as u64 + span.length();
            parts.push_back(Part::Text(Bytes::from(head)));
            parts.push_back(Part::Content(
                source.clone().body(span.first, span.length()),
            ));
        }
        let tail = format!("\r\n--{boundary}--\r\n");
        left += tail.len() as u64;
        parts.push_back(Part::Text(Bytes::from(tail)));
        Self { parts, left }
    }
}

impl Body for Multipart {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            let frame = match self.parts.front_mut() {
                None => return Poll::Ready(None),
                Some(Part::Text(text)) => {
                    let text = std::mem::take(text);
                    self.parts.pop_front();
                    self.left -= text.len() as u64;
                    return Poll::Ready(Some(Ok(Frame::data(text))));
                }
                Some(Part::Content(content)) => std::task::ready!(Pin::new(content).poll_frame(cx)),
            };
            match frame {
                None => {
                    self.parts.pop_front();
                }
                Some(Ok(frame)) => {
                    self.left -= frame.data_ref().map_or(0, |data| data.len() as u64);
                    return Poll::Ready(Some(Ok(frame)));
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

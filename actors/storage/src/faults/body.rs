//! Bodies that faults spoil: broken off, stopped, changed, slow.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use carnet_stage::{Clock, Effect};
use http::{Response, header};
use http_body::{Frame, SizeHint};

/// Bytes after which a named fault strikes, and that a slow body moves at a time.
pub(crate) const PIECE: u64 = 64 << 10;

/// What happens to a body on its way.
#[derive(Default)]
struct Plan {
    cut: Option<u64>,
    /// A cut body ends as if that were all, instead of breaking.
    quietly: bool,
    stall: Option<u64>,
    flip: Option<u64>,
    slow: bool,
    unmeasured: bool,
}

impl Plan {
    fn of(effect: &Effect) -> Option<Self> {
        let plan = Self::default();
        Some(match effect {
            Effect::CutAfter(bytes) => Self {
                cut: Some(*bytes),
                ..plan
            },
            Effect::StallAfter(bytes) => Self {
                stall: Some(*bytes),
                ..plan
            },
            Effect::FlipByte(offset) => Self {
                flip: Some(*offset),
                ..plan
            },
            Effect::Named(name) => match name.as_str() {
                "slow" => Self { slow: true, ..plan },
                "short-chunked" => Self {
                    cut: Some(PIECE),
                    quietly: true,
                    unmeasured: true,
                    ..plan
                },
                "broken-chunked" => Self {
                    cut: Some(PIECE),
                    unmeasured: true,
                    ..plan
                },
                _ => return None,
            },
            _ => return None,
        })
    }
}

/// The answer with its body spoiled, if that is what the effect does.
pub(super) fn spoil(
    mut found: Response<Body>,
    effect: &Effect,
    clock: Option<Clock>,
) -> Response<Body> {
    let Some(plan) = Plan::of(effect) else {
        return found;
    };
    if plan.unmeasured {
        found.headers_mut().remove(header::CONTENT_LENGTH);
    }
    let clock = clock.filter(|_| plan.slow);
    found.map(|inner| {
        Body::new(Spoiled {
            inner,
            plan,
            at: 0,
            kept: Bytes::new(),
            clock,
            rest: None,
            flushed: false,
        })
    })
}

/// A body that breaks before its first byte: the connection ends without an answer.
pub(super) struct Broken;

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
    plan: Plan,
    at: u64,
    /// Read already and not passed on yet.
    kept: Bytes,
    clock: Option<Clock>,
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
        if self.plan.stall.is_some_and(|limit| self.at >= limit) {
            return Poll::Pending;
        }
        if self.plan.cut.is_some_and(|limit| self.at >= limit) {
            if self.plan.quietly {
                return Poll::Ready(None);
            }
            if !self.flushed {
                // What was sent so far must have left before the connection breaks.
                self.flushed = true;
                self.rest = Some(Box::pin(async {
                    Clock::within_real(Duration::from_millis(20), std::future::pending::<()>())
                        .await;
                }));
                return self.poll_frame(cx);
            }
            return Poll::Ready(Some(Err(io::Error::other("broken off by a fault"))));
        }
        if self.kept.is_empty() {
            let frame = std::task::ready!(Pin::new(&mut self.inner).poll_frame(cx));
            let Some(frame) = frame else {
                return Poll::Ready(None);
            };
            let Ok(data) = frame.map_err(io::Error::other)?.into_data() else {
                return Poll::Ready(None);
            };
            self.kept = data;
        }
        let limit = self.plan.cut.or(self.plan.stall);
        let most = limit.map_or(u64::MAX, |limit| limit - self.at);
        let most = if self.plan.slow {
            most.min(PIECE)
        } else {
            most
        };
        let most = usize::try_from(most)
            .unwrap_or(usize::MAX)
            .min(self.kept.len());
        let mut data = self.kept.split_to(most);
        let offset = self.plan.flip.and_then(|flip| flip.checked_sub(self.at));
        if let Some(offset) = offset.and_then(|offset| usize::try_from(offset).ok())
            && offset < data.len()
        {
            let mut changed = BytesMut::from(&data[..]);
            changed[offset] ^= 1;
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
        if self.plan.unmeasured {
            return SizeHint::default();
        }
        self.inner.size_hint()
    }
}

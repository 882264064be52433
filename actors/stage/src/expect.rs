//! A request that waits to be told before it sends its body (RFC 9110 §10.1.1).

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use http_body::{Frame, SizeHint};
use tokio::sync::oneshot;

use crate::body::Body;
use crate::clock::Clock;

/// The request with `Expect: 100-continue`; no byte of its body leaves before the other side has asked for it, or so much
/// real time has passed, if that is given. A final answer in place of the `100 Continue` ends the exchange without it.
/// What fields a 100 may have is not looked at.
pub fn expecting(request: Request<Body>, within: Option<Duration>) -> Request<Body> {
    let (tell, told) = oneshot::channel();
    let told = async move {
        let Some(within) = within else {
            return told.await.is_ok();
        };
        Clock::within_real(within, told)
            .await
            .is_none_or(|told| told.is_ok())
    };
    let mut request = request.map(|inner| {
        Body::new(Withheld {
            inner,
            told: Some(Box::pin(told)),
        })
    });
    let expected = HeaderValue::from_static("100-continue");
    request.headers_mut().insert(header::EXPECT, expected);
    let tell = std::sync::Mutex::new(Some(tell));
    hyper::ext::on_informational(&mut request, move |interim| {
        if interim.status() == StatusCode::CONTINUE
            && let Some(tell) = tell.lock().ok().and_then(|mut tell| tell.take())
        {
            let _waiting_or_gone = tell.send(());
        }
    });
    request
}

/// A body that is asked for by a 100.
struct Withheld {
    inner: Body,
    /// Whether it may be sent; none once it may.
    told: Option<Pin<Box<dyn Future<Output = bool> + Send>>>,
}

impl http_body::Body for Withheld {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Some(told) = &mut self.told {
            let told = ready!(told.as_mut().poll(cx));
            self.told = None;
            if !told {
                let why = "the connection ended before the body was asked for";
                return Poll::Ready(Some(Err(axum::Error::new(why))));
            }
        }
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

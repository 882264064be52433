//! How header names are spelled on the wire, where a peer reads them letter for letter.
//!
//! XRootD 5.5.3 passes on `TransferHeader…` only in this spelling (storage page §2.1), whatever RFC 9110 §5.1 says of names
//! and case. Our header maps know lower case only, and hyper writes `Transferheaderauthorization`. It keeps the spelling of
//! names that it has read, so it is shown these once, and what it remembers goes with every request that needs it.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use http::{Extensions, Request, Response};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::OnceCell;

use crate::body::Body;

/// Names that first letters alone do not spell as their specifications do.
const NAMES: &[&str] = &[
    "ClientInfo",
    "RequireChecksumVerification",
    "SciTag",
    "TransferHeaderAuthorization",
];

static REMEMBERED: OnceCell<Extensions> = OnceCell::const_new();

/// Has the names of a request written as their specifications spell them.
pub(crate) async fn spell(request: &mut Request<Body>) {
    let headers = request.headers();
    if NAMES.iter().any(|name| headers.contains_key(*name)) {
        let remembered = REMEMBERED.get_or_init(|| Box::pin(show())).await;
        request.extensions_mut().extend(remembered.clone());
    }
}

/// Has hyper read the names.
async fn show() -> Extensions {
    let fields = NAMES.join(": x\r\n");
    let text = format!("GET / HTTP/1.1\r\nHost: here\r\n{fields}: x\r\n\r\n");
    let remembered = Arc::new(Mutex::new(Extensions::new()));
    let (mut near, far) = tokio::io::duplex(4096);
    let service = service_fn(|request: Request<hyper::body::Incoming>| {
        *remembered.lock().unwrap_or_else(PoisonError::into_inner) = request.extensions().clone();
        std::future::ready(Ok::<_, Infallible>(Response::new(Body::empty())))
    });
    let connection = http1::Builder::new()
        .preserve_header_case(true)
        .keep_alive(false)
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(far), service);
    let _in_memory = near.write_all(text.as_bytes()).await;
    let _answered = connection.await;
    std::mem::take(&mut *remembered.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::client::conn::http1 as client;
    use tokio::io::AsyncReadExt as _;

    #[tokio::test]
    async fn names_are_written_as_specified() {
        let (near, mut far) = tokio::io::duplex(4096);
        let (mut sender, connection) = client::Builder::new()
            .title_case_headers(true)
            .handshake(TokioIo::new(near))
            .await
            .unwrap();
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method("COPY")
            .uri("/file")
            .header("transferheaderauthorization", "Bearer a")
            .header("clientinfo", "job-id=1")
            .header("x-number-of-streams", "1")
            .body(Body::empty())
            .unwrap();
        spell(&mut request).await;
        let answer = tokio::spawn(async move { sender.send_request(request).await });
        let mut text = String::new();
        while !text.ends_with("\r\n\r\n") {
            let mut piece = [0; 512];
            let read = far.read(&mut piece).await.unwrap();
            text.push_str(std::str::from_utf8(&piece[..read]).unwrap());
        }
        drop(far);
        let _broken_off = answer.await;
        for wanted in [
            "TransferHeaderAuthorization: Bearer a\r\n",
            "ClientInfo: job-id=1\r\n",
            "X-Number-Of-Streams: 1\r\n",
        ] {
            assert!(text.contains(wanted), "{wanted} in {text}");
        }
    }
}

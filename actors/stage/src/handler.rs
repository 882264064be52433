//! What answers an actor's requests: a function, or a table of routes.

use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method, Request, Response};
use http_body::Body as _;
use tower_service::Service as _;

use crate::body::Body;

/// An answer under way.
pub type Answering = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// What answers an actor's requests. Clones are the same one.
#[derive(Clone)]
pub struct Handler(Arc<dyn Fn(Request<Body>) -> Answering + Send + Sync>);

impl Handler {
    /// From a function, which answers every path and method; the body of what it answers to a HEAD is left out.
    pub fn new<F, A>(answer: F) -> Self
    where
        F: Fn(Request<Body>) -> A + Send + Sync + 'static,
        A: Future<Output = Response<Body>> + Send + 'static,
    {
        Self::with(move |request| {
            let head = *request.method() == Method::HEAD;
            let answer = answer(request);
            let answer: Answering = Box::pin(answer);
            if head {
                Box::pin(async move { without_body(answer.await) })
            } else {
                answer
            }
        })
    }

    /// From a function that chooses among answers; for what stands before another handler.
    pub fn with<F>(answer: F) -> Self
    where
        F: Fn(Request<Body>) -> Answering + Send + Sync + 'static,
    {
        Self(Arc::new(answer))
    }

    /// Answers a request.
    pub fn call(&self, request: Request<Body>) -> Answering {
        (self.0)(request)
    }
}

impl From<Router> for Handler {
    fn from(router: Router) -> Self {
        Self::with(move |request| {
            let mut router = router.clone();
            Box::pin(async move {
                match router.call(request).await {
                    Ok(answer) => answer,
                    Err(never) => match never {},
                }
            })
        })
    }
}

/// The answer to a HEAD (RFC 9110 §9.3.2): the length of the body that a GET would have, and no body.
fn without_body(answer: Response<Body>) -> Response<Body> {
    let (mut head, body) = answer.into_parts();
    if let Some(length) = body.size_hint().exact() {
        head.headers
            .entry(CONTENT_LENGTH)
            .or_insert_with(|| HeaderValue::from(length));
    }
    Response::from_parts(head, Body::empty())
}

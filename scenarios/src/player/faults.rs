//! Faults at actors that have none of their own: what can go wrong with any request that comes in, done before the actor
//! hears of it.

use std::io;
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use carnet_stage::{Actor, Body, Effect, Event, FaultEvent, FaultPlace, Handler};
use http::{HeaderName, HeaderValue};

/// Lets installed faults act on what comes in.
pub(super) fn before(actor: &Actor, next: Handler) -> Handler {
    let actor = actor.clone();
    Handler::with(move |request| {
        if actor.faults().is_empty() {
            next.call(request)
        } else {
            Box::pin(act(actor.clone(), request, next.clone()))
        }
    })
}

async fn act(actor: Actor, request: Request, next: Handler) -> Response {
    let (method, path) = (
        request.method().to_string(),
        request.uri().path().to_owned(),
    );
    let Some(fault) = actor.faults().take(FaultPlace::Handler, &method, &path) else {
        return next.call(request).await;
    };
    let tell = |did: &str| {
        actor.record(Event::Fault(FaultEvent {
            which: fault.name.clone(),
            place: "handler".to_owned(),
            did: format!("{method} {path}: {did}"),
        }));
    };
    match &fault.effect {
        Effect::Status(status) => {
            tell(&format!("answers {status}"));
            let mut answer = Response::new(Body::from("an installed fault answers\n"));
            *answer.status_mut() = http::StatusCode::from_u16(*status)
                .unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
            answer
        }
        Effect::DelayMillis(millis) => {
            tell(&format!("waits {millis} ms"));
            actor.clock().sleep(Duration::from_millis(*millis)).await;
            next.call(request).await
        }
        Effect::Drop => {
            tell("closes the connection without an answer");
            let broken = io::Error::other("closed by a fault");
            let broken = futures_util::stream::iter([Err::<Bytes, _>(broken)]);
            Response::new(Body::from_stream(broken))
        }
        Effect::OmitHeader(name) => {
            tell(&format!("leaves {name} out"));
            let mut answer = next.call(request).await;
            answer.headers_mut().remove(name.as_str());
            answer
        }
        Effect::SetHeader(line) => {
            tell(&format!("sets {line}"));
            let mut answer = next.call(request).await;
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            if let (Ok(name), Ok(value)) = (
                HeaderName::try_from(name.trim()),
                HeaderValue::try_from(value.trim()),
            ) {
                answer.headers_mut().insert(name, value);
            }
            answer
        }
        other => {
            tell(&format!(
                "{other:?} is no fault that can be put here; nothing is done"
            ));
            next.call(request).await
        }
    }
}

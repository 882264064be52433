//! PUT (RFC 9110 §9.3.4; storage page §1.3): the body is asked for at once, lands beside the tree, and
//! appears in one step.

use axum::body::Body;
use http::header;
use http_body_util::BodyExt as _;

use super::{Call, conditions, get};
use crate::answer::{self, Answer, set};
use crate::checksum::{Checksum, parse_content_md5};
use crate::dialect::{Doing, PutDigests};
use crate::namespace::{Entry, FileMeta, Locality};
use crate::patient::was_silent;
use crate::tpc::request::expected;
use crate::writing::Writing;

/// PUT.
pub(crate) async fn answer(call: Call, body: &mut Body) -> Answer {
    let element = &call.element;
    let methods = &element.dialect.methods;
    let exists = element.door.peek(&call.path);
    let doing = Doing::storing(exists);
    let pass = match element.door.admit(&call, doing).await {
        Ok(pass) => pass,
        Err(refused) => return refused,
    };
    if let Some(place) = element.sent_on(&call, &pass) {
        let mut moved = answer::empty(methods.redirect_put);
        answer::set(&mut moved, header::LOCATION, &place);
        return moved;
    }
    let area = element.area(&pass).clone();
    let parents = element.mkpath(methods.put_mkpath);
    if let (Some(status), Some(_)) = (methods.put_range, call.header("content-range")) {
        return answer::text(status, "partial PUT not supported");
    }
    if methods.put_needs_length && !framed(&call) {
        return answer::text(411, "PUT needs Content-Length or a chunked body");
    }
    if let Some(refused) = element.slash(&call.path) {
        return refused;
    }
    let current = area.get(&call.path);
    let on_tape = current.as_ref().and_then(Entry::file);
    let on_tape = on_tape.is_some_and(|file| file.locality == Locality::Tape);
    if let Some(status) = methods.put_on_tape.filter(|_| on_tape) {
        return answer::text(status, "file is on tape, stage it first");
    }
    if !conditions_hold(&call, current.as_ref().and_then(Entry::file)) {
        return answer::text(412, "precondition failed");
    }
    let length = call
        .header("content-length")
        .and_then(|text| text.parse::<u64>().ok());
    let ready = area
        .can_put(&call.path, parents)
        .and_then(|_| area.fits(length.unwrap_or(0)));
    let said = expected(&call.parts.headers, methods.put_digests);
    let content_md5 = call
        .header("content-md5")
        .filter(|_| methods.put_digests == PutDigests::All)
        .and_then(parse_content_md5);
    let also = said.iter().chain(&content_md5);
    let also: Vec<_> = also.map(|sum| sum.algorithm).collect();
    let mut arrival = match ready.and_then(|()| area.begin(&call.path, &also)) {
        Ok(arrival) => arrival,
        Err(error) => return element.trouble(&error),
    };
    let writing = Writing::begin(element, &call.path, exists, "PUT");
    let outcome = receive(&mut arrival, body).await;
    if let Err((status, why)) = outcome {
        drop(arrival);
        writing.failed(&why);
        return answer::text(status, &why);
    }
    let complete = match arrival.complete().await {
        Ok(complete) => complete,
        Err(error) => {
            writing.failed(&error.to_string());
            return element.trouble(&error.into());
        }
    };
    for (said, status) in [(&said[..], 412), (content_md5.as_slice(), 400)] {
        if let Some(why) = mismatch(&complete.sums, said) {
            writing.failed(&why);
            return answer::text(status, &why);
        }
    }
    if let Err(refused) = element.door.recheck(&call, doing).await {
        writing.failed("the token is no good any more");
        return refused;
    }
    // Somebody else may have stored it meanwhile: then it takes the right to replace it, and the conditions are
    // looked at again.
    let mut may_replace = exists;
    if !exists && element.door.peek(&call.path) {
        match element.door.admit(&call, Doing::PutOver).await {
            Ok(_) => may_replace = true,
            Err(refused) => {
                writing.failed("somebody else stored it meanwhile, and it may not be replaced");
                return refused;
            }
        }
    }
    let onto = |current: Option<&FileMeta>| {
        (may_replace || current.is_none()) && conditions_hold(&call, current)
    };
    match complete.commit(parents, call.now(), onto) {
        Ok((file, replaced)) => {
            writing.done(&file);
            let status = if replaced {
                methods.put_over
            } else {
                methods.put_new
            };
            let mut done = answer::text(status, if status == 204 { "" } else { methods.smile });
            if methods.smile.is_empty() {
                set(&mut done, header::ETAG, &file.etag());
            }
            if methods.put_tells_digest {
                get::digests(&call, &area, &file, &mut done).await;
            }
            if let Some(tape) = &element.tape {
                tape.written(
                    &element.actor,
                    &area,
                    &call.path,
                    &file,
                    Locality::DiskAndTape,
                );
            }
            done
        }
        Err(error) => {
            writing.failed(&error.to_string());
            element.trouble(&error)
        }
    }
}

fn conditions_hold(call: &Call, current: Option<&FileMeta>) -> bool {
    let (etag, modified) = (
        current.map(FileMeta::etag),
        current.map(|file| file.modified),
    );
    let verdict = conditions::judge(&call.parts.headers, etag.as_deref(), modified, false);
    verdict.counted(call.element.dialect.methods.conditions) == conditions::Verdict::Met
}

fn framed(call: &Call) -> bool {
    call.parts.version == http::Version::HTTP_2
        || call.parts.headers.contains_key(header::CONTENT_LENGTH)
        || call.parts.headers.contains_key(header::TRANSFER_ENCODING)
}

async fn receive(arrival: &mut crate::area::Arrival, body: &mut Body) -> Result<(), (u16, String)> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            (
                if was_silent(&error) { 408 } else { 400 },
                format!(
                    "the body broke off after {} bytes: {error}",
                    arrival.bytes()
                ),
            )
        })?;
        if let Ok(bytes) = frame.into_data() {
            arrival.write(bytes).await.map_err(|error| {
                let status = if matches!(error, crate::backend::StoreError::Full(_)) {
                    507
                } else {
                    500
                };
                (status, error.to_string())
            })?;
        }
    }
    Ok(())
}

/// Compares what came with what the sender says of it (storage page §4.4).
fn mismatch(sums: &[Checksum], said: &[Checksum]) -> Option<String> {
    said.iter().find_map(|wanted| {
        let ours = sums.iter().find(|sum| sum.algorithm == wanted.algorithm)?;
        (ours != wanted).then(|| {
            format!(
                "checksum mismatch: sent as {}, received {}",
                wanted.digest(),
                ours.digest()
            )
        })
    })
}

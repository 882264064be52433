//! The table of methods and fixed paths, each with its source.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use carnet_stage::{Clock, Handler, Interim};
use http::{HeaderValue, Method, header};

use http_body::Body as _;
use http_body_util::BodyExt as _;

use crate::answer::{self, Answer};
use crate::element::Element;
use crate::errno::{self, Asked};
use crate::macaroon::MACAROON_REQUEST;
use crate::methods::{Call, delete, get, mkcol, options, propfind, proppatch, put, relocate};
use crate::path::CleanPath;
use crate::patient::Patient;
use crate::{faults, macaroon, pages, tape, tpc};

/// Discovery of the tape interface (storage page §6).
pub(crate) const TAPE_DISCOVERY: &str = "/.well-known/wlcg-tape-rest-api";
/// The tape interface itself.
pub(crate) const TAPE_API: &str = "/api/v1";

/// Every request comes here: a storage element's paths are its files.
pub(crate) fn routes(element: Arc<Element>) -> Handler {
    Handler::new(move |request| serve(Arc::clone(&element), request))
}

async fn serve(element: Arc<Element>, request: Request) -> Answer {
    let mut installed = faults::arriving(&element, request.method(), request.uri().path()).await;
    let head = request.method() == Method::HEAD;
    let (parts, body) = request.into_parts();
    // An upload may pause for as long as the answer to one of a copy's requests.
    let body = Patient::body(body, element.copier.stall * 2);
    let in_url = element.door.in_url(&parts);
    let worded = element.dialect.errnos.map(|errnos| {
        (
            Asked::of(&parts.method, parts.uri.path(), &parts.headers),
            errnos,
        )
    });
    let mut request = Request::from_parts(parts, body);
    if let Some(inside) = installed.inside() {
        if let Some(interim) = request.extensions().get::<Interim>() {
            faults::bend_continue(interim, &inside);
        }
        request.extensions_mut().insert(inside);
    }
    let mut found = match installed.instead() {
        Some(answer) => {
            let (parts, mut body) = request.into_parts();
            read_anyway(is_waiting(&parts), answer.status().as_u16(), &mut body).await;
            answer
        }
        None => dispatch(element.clone(), request).await,
    };
    if let Some((asked, errnos)) = worded {
        errno::reword(&mut found, &asked, errnos);
    }
    found
        .headers_mut()
        .entry(header::SERVER)
        .or_insert(HeaderValue::from_static(element.dialect.server));
    for (name, value) in element.dialect.always {
        let value = HeaderValue::from_static(value);
        found.headers_mut().insert(*name, value);
    }
    let bare = found.body().size_hint().exact() == Some(0);
    if element.dialect.empty_chunked && found.status().as_u16() == 201 && bare {
        let nothing = futures_util::stream::empty::<Result<bytes::Bytes, std::io::Error>>();
        *found.body_mut() = Body::from_stream(nothing);
    }
    if in_url && found.status().as_u16() < 300 {
        found
            .headers_mut()
            .insert(header::CACHE_CONTROL, HeaderValue::from_static("private"));
    }
    if head
        && found.headers().get(header::CONTENT_LENGTH).is_none()
        && found.status().as_u16() < 300
    {
        // That of the answer to GET (RFC 9110 §9.3.2).
        let length = found.body().size_hint().exact().unwrap_or(0);
        found
            .headers_mut()
            .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    installed.spoil(found)
}

async fn dispatch(element: Arc<Element>, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let raw = parts.uri.path().to_owned();
    if let Some(tape) = element.tape.as_ref().filter(|_| tape::serves(&raw)) {
        return tape::answer(&element, tape, parts, body).await;
    }
    if parts.method == Method::OPTIONS && raw == "*" {
        return options::general(&element.dialect.methods);
    }
    let methods = &element.dialect.methods;
    if head_length(&parts) > methods.max_head {
        let text = "the head of the request is too long";
        return closing(answer::text(methods.head_too_long, text));
    }
    if let Some(status) = methods.odd_expect.filter(|_| has_odd_expect(&parts)) {
        return closing(answer::text(status, "only 100-continue can be expected"));
    }
    if methods.host_fits && !element.is_named(&parts) {
        return answer::text(400, "Host is not the name of this server");
    }
    let raw = aliased(&raw, methods.aliases);
    let path = match CleanPath::parse(raw, element.dialect.paths) {
        Ok(path) => path,
        Err(fault) => {
            element.door.refuse_path(raw, &fault.why);
            let writes = !matches!(parts.method.as_str(), "GET" | "HEAD" | "PROPFIND");
            let status = match fault.status {
                414 if writes => methods.long_name_write,
                414 => methods.long_name_read,
                other => other,
            };
            return answer::text(status, &fault.why);
        }
    };
    let call = Call {
        number: element.number(),
        element,
        parts,
        path,
    };
    if let Some(page) = pages::answer(&call).await {
        return page;
    }
    let methods = &call.element.dialect.methods;
    let kind = call.header("content-type").unwrap_or_default();
    if methods.proxies_only
        && call.element.config.macaroons
        && kind.starts_with(MACAROON_REQUEST)
        && call.parts.method != Method::POST
    {
        return answer::text(405, "a macaroon is asked for with POST");
    }
    match call.parts.method.as_str() {
        "GET" | "HEAD" => get::answer(call).await, // RFC 9110 §9.3.1, §9.3.2
        "PUT" => Box::pin(upload(call, body)).await, // RFC 9110 §9.3.4
        "DELETE" => delete::answer(call).await,    // RFC 4918 §9.6
        "OPTIONS" => options::answer(call).await,  // RFC 4918 §10.1
        "MKCOL" => mkcol::answer(call, body).await, // RFC 4918 §9.3
        "MOVE" => relocate::rename(call).await,    // RFC 4918 §9.9
        "PROPFIND" => Box::pin(propfind::answer(call, body)).await, // RFC 4918 §9.1
        "PROPPATCH" => proppatch::answer(call, body).await, // RFC 4918 §9.2
        "COPY" => Box::pin(tpc::answer(call)).await, // storage page §2
        "POST" => Box::pin(macaroon::answer(call, body)).await, // storage page §3.7
        "LOCK" if methods.lock == 200 => answer::typed(200, "application/xml", NO_LOCK),
        "LOCK" | "UNLOCK" => answer::text(
            call.unscoped()
                .map_or(methods.lock, |unscoped| unscoped.lock),
            "no locks here",
        ),
        "PATCH" => answer::text(methods.patch, "no partial changes here"),
        _ => answer::text(methods.unknown, "no such method here"),
    }
}

/// A lock that locks nothing (storage page §1.1).
const NO_LOCK: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
                       <D:prop xmlns:D=\"DAV:\"><D:lockdiscovery/></D:prop>\n";

fn closing(mut answer: Answer) -> Answer {
    let close = HeaderValue::from_static("close");
    answer.headers_mut().insert(header::CONNECTION, close);
    answer
}

/// Whether something else is expected than a 100.
fn has_odd_expect(parts: &http::request::Parts) -> bool {
    let expected = parts.headers.get(header::EXPECT);
    expected.is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Bytes of a request's head, as far as they can be counted here.
fn head_length(parts: &http::request::Parts) -> usize {
    let fields: usize = parts
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    fields
        + parts.method.as_str().len()
        + parts.uri.path().len()
        + parts.uri.query().map_or(0, str::len)
        + 12
}

/// A path without the prefix under which the same tree is found too (storage page §9.2).
pub(crate) fn aliased<'p>(raw: &'p str, aliases: &[&str]) -> &'p str {
    let below = |alias: &&str| {
        raw.strip_prefix(*alias)
            .filter(|rest| rest.starts_with('/'))
    };
    aliases.iter().find_map(below).unwrap_or(raw)
}

/// A client that sends without waiting for a 100 sees the refusal only once it has sent its body: up to
/// this much of it is read and thrown away.
const READ_ANYWAY: u64 = 64 << 20;

async fn upload(call: Call, mut body: Body) -> Answer {
    let waiting = is_waiting(&call.parts);
    let found = put::answer(call, &mut body).await;
    read_anyway(waiting, found.status().as_u16(), &mut body).await;
    found
}

/// Whether the client waits to be told before it sends.
fn is_waiting(parts: &http::request::Parts) -> bool {
    parts.headers.contains_key(header::EXPECT)
}

/// Reads what is sent with a request that is refused or sent on, by a client that does not wait to be told.
async fn read_anyway(waiting: bool, status: u16, body: &mut Body) {
    if status >= 300 && status != 408 && !waiting {
        let throw_away = async {
            let mut left = READ_ANYWAY;
            while let Some(Ok(frame)) = body.frame().await {
                left = left.saturating_sub(frame.data_ref().map_or(0, |data| data.len() as u64));
                if left == 0 {
                    break;
                }
            }
        };
        let _read_or_given_up = Clock::within_real(Duration::from_secs(2), throw_away).await;
    }
}

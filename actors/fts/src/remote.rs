//! FTS at a storage element: one request with its token, redirects followed by hand, answers reduced to what the
//! driver needs (FTS page §4.1, §4.2).

use std::time::Duration;

use carnet_stage::{
    Actor, Body, Client, ClientError, Clock, Effect, Event, FaultEvent, FaultPlace, body,
};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};

use crate::reason::NoAnswer;

/// Bound on stat, MKCOL and DELETE (`NAMESPACE_TIMEOUT`), in real time.
const NAMESPACE_WITHIN: Duration = Duration::from_secs(300);
/// Bound on a checksum (`CHECKSUM_TIMEOUT`), in real time.
const CHECKSUM_WITHIN: Duration = Duration::from_secs(1800);
/// Redirects followed.
const HOPS: usize = 5;
/// Longest multistatus taken.
const LISTING_LIMIT: usize = 1 << 20;

/// Why an operation brought nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The storage element refused with this status.
    Status(u16),
    /// Nobody answered.
    Silence(NoAnswer),
}

/// How FTS presents itself at storage elements.
#[derive(Clone)]
pub(crate) struct Remote {
    actor: Actor,
    client: Client,
    /// Headers of the real agent on every request: User-Agent, TE, ClientInfo.
    real_headers: bool,
}

/// What a HEAD says of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Its size.
    pub(crate) size: Option<u64>,
    /// Its `Digest` header.
    pub(crate) digest: Option<String>,
}

/// One request.
pub(crate) struct Ask<'a> {
    /// Method.
    pub(crate) method: &'static str,
    /// Absolute https URL.
    pub(crate) url: &'a str,
    /// Bearer token.
    pub(crate) token: Option<&'a str>,
    /// Further headers.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// `ClientInfo`.
    pub(crate) info: &'a str,
}

impl Remote {
    /// The actor's HTTP/1.1 client.
    pub(crate) fn new(actor: Actor, real_headers: bool) -> Self {
        let client = actor.client().http1();
        Self {
            actor,
            client,
            real_headers,
        }
    }

    /// PROPFIND of depth 0; the size if it is a file.
    pub(crate) async fn stat(
        &self,
        url: &str,
        token: &str,
        info: &str,
    ) -> Result<Option<u64>, Trouble> {
        let headers = vec![("depth", "0".to_owned())];
        let ask = Ask {
            method: "PROPFIND",
            url,
            token: Some(token),
            headers,
            info,
        };
        let work = async {
            let answer = self.follow(ask).await?;
            if !answer.status().is_success() {
                return Err(Trouble::Status(drained(answer).await));
            }
            let listing = body::read_limited(answer.into_body(), LISTING_LIMIT).await;
            listing
                .map(|listing| size_in(&listing))
                .map_err(|_| Trouble::Silence(NoAnswer::Closed))
        };
        bounded(NAMESPACE_WITHIN, work).await
    }

    /// HEAD, with `Want-Digest` when an algorithm is given.
    pub(crate) async fn head(
        &self,
        url: &str,
        token: &str,
        want: Option<&str>,
        info: &str,
    ) -> Result<Seen, Trouble> {
        let headers = want
            .map(|algorithm| ("want-digest", algorithm.to_owned()))
            .into_iter()
            .collect();
        let ask = Ask {
            method: "HEAD",
            url,
            token: Some(token),
            headers,
            info,
        };
        let work = async {
            let answer = self.follow(ask).await?;
            if !answer.status().is_success() {
                return Err(Trouble::Status(answer.status().as_u16()));
            }
            let text = |name: HeaderName| {
                answer
                    .headers()
                    .get(name)
                    .and_then(|value| value.to_str().ok())
            };
            Ok(Seen {
                size: text(header::CONTENT_LENGTH).and_then(|text| text.parse().ok()),
                digest: text(HeaderName::from_static("digest")).map(str::to_owned),
            })
        };
        bounded(CHECKSUM_WITHIN, work).await
    }

    /// MKCOL or DELETE.
    pub(crate) async fn simple(
        &self,
        method: &'static str,
        url: &str,
        token: &str,
        info: &str,
    ) -> Result<(), Trouble> {
        let ask = Ask {
            method,
            url,
            token: Some(token),
            headers: Vec::new(),
            info,
        };
        let work = async {
            let answer = self.follow(ask).await?;
            let good = answer.status().is_success();
            let status = drained(answer).await;
            if good {
                Ok(())
            } else {
                Err(Trouble::Status(status))
            }
        };
        bounded(NAMESPACE_WITHIN, work).await
    }

    /// COPY: the answer's head; its body is the marker stream.
    pub(crate) async fn copy(&self, ask: Ask<'_>) -> Result<Response<Body>, Trouble> {
        self.follow(ask).await
    }

    /// Sends, and follows redirects with the same method and the same token.
    async fn follow(&self, ask: Ask<'_>) -> Result<Response<Body>, Trouble> {
        let mut url = ask.url.to_owned();
        for _ in 0..HOPS {
            let answer = self.send(&ask, &url).await?;
            if !is_redirect(answer.status()) {
                return Ok(answer);
            }
            let location = answer
                .headers()
                .get(header::LOCATION)
                .and_then(|value| value.to_str().ok());
            let next = location.and_then(|to| url::Url::parse(&url).ok()?.join(to).ok());
            match next {
                Some(next) if next.scheme() == "https" => url = next.into(),
                _ => return Err(Trouble::Status(drained(answer).await)),
            }
        }
        Err(Trouble::Status(StatusCode::LOOP_DETECTED.as_u16()))
    }

    async fn send(&self, ask: &Ask<'_>, url: &str) -> Result<Response<Body>, Trouble> {
        let method = Method::from_bytes(ask.method.as_bytes()).map_err(|_| Trouble::Status(405))?;
        let mut request = Request::builder().method(method).uri(url);
        if self.real_headers {
            request = request
                .header(
                    header::USER_AGENT,
                    "fts_url_copy/3.14.4 gfal2/2.23.5 neon/0.0.29",
                )
                .header(header::TE, "trailers")
                .header("clientinfo", ask.info);
        } else {
            request = request
                .header(header::USER_AGENT, "fts_url_copy/3.14.4")
                .header(header::ACCEPT, "*/*");
        }
        if let Some(token) = ask.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        let mut request = request
            .body(Body::empty())
            .map_err(|_| Trouble::Silence(NoAnswer::NotResolved))?;
        self.outgoing_fault(&mut request).await?;
        self.client
            .send(request)
            .await
            .map_err(|error| Trouble::Silence(no_answer(&error)))
    }

    /// Lets an installed fault act on what goes out.
    async fn outgoing_fault(&self, request: &mut Request<Body>) -> Result<(), Trouble> {
        if self.actor.faults().is_empty() {
            return Ok(());
        }
        let (method, path) = (
            request.method().as_str().to_owned(),
            request.uri().path().to_owned(),
        );
        let Some(fault) = self
            .actor
            .faults()
            .take(FaultPlace::Outgoing, &method, &path)
        else {
            return Ok(());
        };
        let mut result = Ok(());
        let did = match &fault.effect {
            Effect::OmitHeader(name) => {
                request.headers_mut().remove(name.as_str());
                format!("left out {name} of {method} {path}")
            }
            Effect::SetHeader(line) => {
                let (name, value) = line.split_once(':').unwrap_or((line, ""));
                let parsed = (
                    HeaderName::from_bytes(name.trim().as_bytes()),
                    HeaderValue::from_str(value.trim()),
                );
                if let (Ok(name), Ok(value)) = parsed {
                    request.headers_mut().insert(name, value);
                }
                format!("set {} of {method} {path}", name.trim())
            }
            Effect::DelayMillis(millis) => {
                self.actor
                    .clock()
                    .sleep(Duration::from_millis(*millis))
                    .await;
                format!("held {method} {path} for {millis} ms")
            }
            Effect::Drop => {
                result = Err(Trouble::Silence(NoAnswer::Closed));
                format!("dropped {method} {path}")
            }
            Effect::Status(status) => {
                result = Err(Trouble::Status(*status));
                format!("answered {method} {path} itself with {status}")
            }
            other => format!("{other:?} does nothing to an outgoing request"),
        };
        self.actor.record(Event::Fault(FaultEvent {
            which: fault.name,
            place: "outgoing".into(),
            did,
        }));
        result
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Reads what is left of a short answer, so that its connection can be used again. Gives the status.
async fn drained(answer: Response<Body>) -> u16 {
    let status = answer.status().as_u16();
    let _rest = body::read_limited(answer.into_body(), 64 << 10).await;
    status
}

async fn bounded<T>(
    time: Duration,
    work: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Trouble> {
    Clock::within_real(time, work)
        .await
        .unwrap_or(Err(Trouble::Silence(NoAnswer::TimedOut)))
}

fn no_answer(error: &ClientError) -> NoAnswer {
    match error {
        ClientError::Connect { why, .. } if why.contains("no such host") => NoAnswer::NotResolved,
        ClientError::Connect { why, .. } if why.contains("not an https") => NoAnswer::NotResolved,
        ClientError::Connect { .. } => NoAnswer::NotConnected,
        ClientError::Tls { why, .. } if why.to_ascii_lowercase().contains("certificate") => {
            NoAnswer::NotTrusted
        }
        ClientError::Tls { .. } | ClientError::Protocol { .. } => NoAnswer::Closed,
    }
}

/// The `getcontentlength` (RFC 4918 §15.4) of the first response in a multistatus.
fn size_in(listing: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(listing);
    let mut rest = text.as_ref();
    loop {
        let at = rest.find("getcontentlength")?;
        rest = rest.get(at + "getcontentlength".len()..)?;
        let (tag, value) = rest.split_once('>')?;
        if tag.trim_end().ends_with('/') {
            continue;
        }
        let digits: String = value
            .trim_start()
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        if !digits.is_empty() {
            return digits.parse().ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_found_in_every_dialect_of_multistatus() {
        let cases: &[(&str, Option<u64>)] = &[
            (
                "<D:prop><lp1:getcontentlength>1048576</lp1:getcontentlength></D:prop>",
                Some(1_048_576),
            ),
            (
                "<d:getcontentlength xmlns:x=\"y\"> 5 </d:getcontentlength>",
                Some(5),
            ),
            (
                "<d:getcontentlength/><d:getcontentlength>7</d:getcontentlength>",
                Some(7),
            ),
            ("<D:resourcetype><D:collection/></D:resourcetype>", None),
            ("getcontentlength", None),
            ("", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(size_in(text.as_bytes()), *wanted, "{text}");
        }
    }
}

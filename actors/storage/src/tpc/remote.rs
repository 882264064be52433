//! Asking the other side: headers of the copy, redirects, time bounds.

use std::time::Duration;

use axum::body::Body;
use carnet_stage::{Client, ClientError, Clock, expecting};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body as _;
use url::Url;

use super::guard;
use super::redirect::{self, MOST, Rules};
use super::report::Progress;
use super::words;
use crate::dialect::Waits;
use crate::element::Element;
use crate::faults::{self, Sending};

/// The other side of a copy.
pub(super) struct Remote<'a> {
    pub(super) element: &'a Element,
    /// The file here.
    pub(super) local: &'a str,
    pub(super) url: Url,
    pub(super) headers: &'a [(HeaderName, HeaderValue)],
    pub(super) progress: &'a Progress,
}

/// Status and reason as failures name them: `404 Not Found`.
pub(super) fn reason(status: StatusCode) -> String {
    format!(
        "{} {}",
        status.as_u16(),
        status.canonical_reason().unwrap_or("Unknown")
    )
}

impl Remote<'_> {
    /// Sends a request and follows redirects. `body` is made anew for every hop.
    pub(super) async fn send(
        &self,
        method: Method,
        more: &[(HeaderName, String)],
        body: impl Fn() -> Result<Body, String>,
    ) -> Result<Response<Body>, String> {
        let copies = &self.element.config.copies;
        let rules = Rules {
            allow_downgrade: copies.allow_downgrade || self.element.dialect.tpc.allow_downgrade,
            trusted: copies.trusted_redirects.clone(),
        };
        let mut url = self.url.clone();
        let mut headers = self.headers.to_vec();
        let client = &self.element.copier.client;
        // The head of an answer may take twice as long as a pause in its body (storage page §2.7).
        let patience = self.element.copier.stall * 2;
        let waits = self.element.dialect.tpc.push_waits;
        let puts = method == Method::PUT;
        let mut again = matches!(method, Method::GET | Method::HEAD);
        for _ in 0..=MOST {
            let mut request = Request::builder().method(method.clone()).uri(url.as_str());
            if let Some(fields) = request.headers_mut() {
                let agent = self.element.dialect.tpc.user_agent;
                fields.insert(header::USER_AGENT, HeaderValue::from_static(agent));
                fields.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
                for (name, value) in more {
                    if let Ok(value) = HeaderValue::from_str(value) {
                        fields.insert(name.clone(), value);
                    }
                }
                let mut seen = Vec::new();
                for (name, value) in &headers {
                    if seen.contains(&name) {
                        fields.append(name.clone(), value.clone());
                    } else {
                        fields.insert(name.clone(), value.clone());
                        seen.push(name);
                    }
                }
            }
            let request = request
                .body(body()?)
                .map_err(|_| format!("{} is no address for a request", shown(&url)))?;
            let request = match waits {
                _ if !puts || request.body().is_end_stream() => request,
                Waits::Never => request,
                Waits::UntilTold => expecting(request, None),
                Waits::For(time) => expecting(request, Some(time)),
            };
            let sent = faults::leaving(
                self.element,
                method.as_str(),
                url.path(),
                Box::pin(client.send(request)),
            );
            let found = match self.answered(patience, sent).await {
                Some(Ok(found)) => found,
                // A kept connection may be closed as the request arrives: what changes nothing is asked once more
                // (RFC 9110 §9.2.2).
                Some(Err(ClientError::Protocol { .. })) if again => {
                    again = false;
                    continue;
                }
                Some(Err(ClientError::Connect { why, .. })) if why == guard::FORBIDDEN => {
                    return Err(why);
                }
                Some(Err(error)) => {
                    let name = self.element.dialect.name;
                    return Err(words::unanswered(name, &method, self.local, &url, &error));
                }
                None => {
                    return Err(format!(
                        "timeout on {method}: no answer in {} seconds",
                        patience.as_secs()
                    ));
                }
            };
            if let Some(address) = Client::remote_addr(&found) {
                self.progress.connected(address);
            }
            if !matches!(found.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(found);
            }
            let Some(location) = found
                .headers()
                .get(header::LOCATION)
                .and_then(|value| value.to_str().ok())
            else {
                return Err(format!(
                    "rejected {method}: {} without Location",
                    reason(found.status())
                ));
            };
            let next = redirect::target(&url, location, &rules)?;
            headers = redirect::headers(&headers, &url, &next, &rules);
            url = next;
        }
        Err(format!("{method}: more than {MOST} redirects"))
    }
}

impl Remote<'_> {
    /// The head of an answer, unless so much time passes in which nothing is sent either.
    async fn answered(
        &self,
        patience: Duration,
        mut sent: Sending<'_>,
    ) -> Option<Result<Response<Body>, ClientError>> {
        let mut before = self.progress.bytes();
        loop {
            if let Some(found) = Clock::within_real(patience, sent.as_mut()).await {
                return Some(found);
            }
            let now = self.progress.bytes();
            if now == before {
                return None;
            }
            before = now;
        }
    }
}

/// A URL without its query, which may hold a ticket, and without a user name and password.
pub(super) fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    let _without = shown.set_username("").and(shown.set_password(None));
    shown.to_string()
}

/// `Content-Length` of an answer.
pub(super) fn length(found: &Response<Body>) -> Option<u64> {
    found
        .headers()
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

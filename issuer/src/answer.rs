//! Answers as bytes: headers, error bodies and challenges of each compatibility level (issuer page §2.0).

use axum::response::Response;
use carnet_stage::Body;
use http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, EXPIRES, HeaderName, HeaderValue, LOCATION,
    PRAGMA, VARY, WWW_AUTHENTICATE,
};
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::errors::{Refusal, Shape};
use crate::pages::Pages;
use crate::quirks::Rules;

/// How an answer may be cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caching {
    /// `no-store` and `Pragma`: tokens.
    NoStore,
    /// `no-store` alone: what a person approves, and the code that comes of it.
    Approval,
    /// Spring's three lines.
    Never,
    /// The key set.
    Keys,
    /// Nothing is said, nor by the other lines for browsers: what IAM answers before its security filters.
    Unsaid,
    /// `no-store` and `Pragma`, without the lines for browsers: IAM's word on an unusable bearer token.
    Alone,
}

/// Longest text in a challenge: servlet containers stop at 8 KiB for all headers of an answer.
const LONGEST_TEXT: usize = 7 << 10;

/// Spring's line for what must not be kept.
const NEVER: &str = "no-cache, no-store, max-age=0, must-revalidate";
/// The container's own header in June 2021, with the profiles it runs with and its port.
const CONTEXT: HeaderName = HeaderName::from_static("x-application-context");

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const JSON_UTF8: HeaderValue = HeaderValue::from_static("application/json;charset=UTF-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html;charset=UTF-8");

/// Makes answers.
#[derive(Clone, Debug)]
pub struct Answers {
    rules: Rules,
    realm: String,
}

impl Answers {
    /// For an issuer of that name.
    pub fn new(rules: Rules, realm: &str) -> Self {
        Self {
            rules,
            realm: realm.to_owned(),
        }
    }

    /// A bare answer with the common headers. IAM closes the connection after every 400 and 500.
    pub fn bare(&self, status: u16, caching: Caching) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() =
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        let mut put = |name: HeaderName, value: &'static str| {
            headers.append(name, HeaderValue::from_static(value))
        };
        if self.rules.today() && caching != Caching::Alone {
            put(VARY, "Origin");
            put(VARY, "Access-Control-Request-Method");
            put(VARY, "Access-Control-Request-Headers");
        }
        if self.rules.strict() || !matches!(caching, Caching::Unsaid | Caching::Alone) {
            put(HeaderName::from_static("x-content-type-options"), "nosniff");
            put(HeaderName::from_static("x-frame-options"), "DENY");
            if !self.rules.strict() {
                put(HeaderName::from_static("x-xss-protection"), "1; mode=block");
            }
        }
        for (name, value) in self.keeping(caching) {
            put(name.clone(), value);
        }
        if self.rules.then() {
            put(http::header::SERVER, "Apache-Coyote/1.1");
            if caching != Caching::Alone {
                put(CONTEXT, "INDIGO IAM:wlcg-scopes:8080");
            }
        }
        if !self.rules.strict() && matches!(status, 400 | 500) {
            put(CONNECTION, "close");
        }
        response
    }

    /// What is said about keeping an answer. June 2021 said it twice where a token could be in it.
    fn keeping(&self, caching: Caching) -> &'static [(HeaderName, &'static str)] {
        const NEVER_LINES: [(HeaderName, &str); 3] =
            [(CACHE_CONTROL, NEVER), (PRAGMA, "no-cache"), (EXPIRES, "0")];
        const NO_STORE: [(HeaderName, &str); 2] =
            [(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")];
        const BOTH: [(HeaderName, &str); 5] = [
            (CACHE_CONTROL, NEVER),
            (PRAGMA, "no-cache"),
            (EXPIRES, "0"),
            (CACHE_CONTROL, "no-store"),
            (PRAGMA, "no-cache"),
        ];
        const KEYS: [(HeaderName, &str); 1] = [(
            CACHE_CONTROL,
            "max-age=21600, must-revalidate, no-transform",
        )];
        match (caching, self.rules.strict(), self.rules.then()) {
            (Caching::NoStore, false, true) => &BOTH,
            (Caching::NoStore | Caching::Alone, ..) | (Caching::Approval, true, _) => &NO_STORE,
            (Caching::Approval, false, false) => &NO_STORE[..1],
            (Caching::Keys, _, false) => &KEYS,
            (Caching::Unsaid, false, _) => &[],
            _ => &NEVER_LINES,
        }
    }

    /// An answer that IAM gives before its application is asked: without what only that adds.
    pub fn early(&self, mut response: Response) -> Response {
        response.headers_mut().remove(VARY);
        response.headers_mut().remove(CONTEXT);
        response
    }

    /// An answer of the token endpoint alone, without the security filters around it.
    pub fn unguarded(&self, mut response: Response) -> Response {
        let headers = response.headers_mut();
        for line in [
            "x-content-type-options",
            "x-frame-options",
            "x-xss-protection",
        ] {
            headers.remove(line);
        }
        headers.remove(EXPIRES);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
        response
    }

    /// JSON text.
    pub fn json_text(&self, status: u16, text: String, caching: Caching) -> Response {
        let mut response = self.bare(status, caching);
        response.headers_mut().insert(CONTENT_TYPE, JSON_UTF8);
        *response.body_mut() = Body::from(text);
        response
    }

    /// JSON.
    pub fn json(&self, status: u16, value: &Value, caching: Caching) -> Response {
        self.json_text(status, value.to_string(), caching)
    }

    /// JSON of IAM's newer controllers: without a charset, except in 1.7.
    pub fn plain_json(&self, status: u16, value: &Value) -> Response {
        let mut response = self.json(status, value, Caching::Never);
        if !self.rules.then() {
            response.headers_mut().insert(CONTENT_TYPE, JSON);
        }
        response
    }

    /// A page.
    pub fn page(&self, status: u16, html: String) -> Response {
        self.page_kept(status, html, Caching::Never)
    }

    fn page_kept(&self, status: u16, html: String, caching: Caching) -> Response {
        let mut response = self.bare(status, caching);
        response.headers_mut().insert(CONTENT_TYPE, HTML);
        *response.body_mut() = Body::from(html);
        response
    }

    /// A page that IAM makes from a JSP, whose charset is written in small letters.
    pub fn small_page(&self, html: String, caching: Caching) -> Response {
        let mut response = self.page_kept(200, html, caching);
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/html;charset=utf-8"),
        );
        response
    }

    /// A redirect. What cannot stand in a header is refused.
    pub fn redirect(&self, status: u16, to: &str, caching: Caching) -> Response {
        let mut response = self.bare(status, caching);
        match HeaderValue::from_str(to) {
            Ok(value) => {
                response.headers_mut().insert(LOCATION, value);
            }
            Err(_) => *response.status_mut() = StatusCode::BAD_REQUEST,
        }
        response
    }

    /// A refusal.
    pub fn refuse(&self, refusal: &Refusal, caching: Caching, pages: &Pages) -> Response {
        let caching = self.refusal_caching(refusal, caching);
        let mut response = match refusal.shape {
            Shape::Page => {
                let html = pages.error(refusal.status, &refusal.description);
                let mut response = self.page_kept(refusal.status, html, caching);
                if self.rules.then() {
                    let kind = HeaderValue::from_static("text/html;charset=ISO-8859-1");
                    response.headers_mut().insert(CONTENT_TYPE, kind);
                }
                response
            }
            Shape::OAuthPage => self.page(
                refusal.status,
                pages.oauth_error(refusal.error, &refusal.description),
            ),
            Shape::Empty | Shape::Allow(_) => self.bare(refusal.status, caching),
            _ => {
                let mut response = self.bare(refusal.status, caching);
                let kind = if self.rules.then() { JSON_UTF8 } else { JSON };
                response.headers_mut().insert(CONTENT_TYPE, kind);
                *response.body_mut() = Body::from(error_body(refusal));
                response
            }
        };
        let headers = response.headers_mut();
        if let Shape::Allow(methods) | Shape::AllowJson(methods) = refusal.shape
            && !methods.is_empty()
        {
            headers.insert(ALLOW, HeaderValue::from_static(methods));
        }
        if let Some(challenge) = self.challenge(refusal) {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if matches!(refusal.shape, Shape::Filter | Shape::Form) {
            headers.remove(CONTEXT);
        }
        response
    }

    /// IAM's layers each have their own word on keeping an answer, whatever the endpoint.
    fn refusal_caching(&self, refusal: &Refusal, caching: Caching) -> Caching {
        match refusal.shape {
            _ if self.rules.strict() => caching,
            Shape::Filter if refusal.error == "invalid_token" => Caching::Alone,
            Shape::OAuth
            | Shape::Asking
            | Shape::Filter
            | Shape::Form
            | Shape::Basic
            | Shape::AllowJson(_) => Caching::NoStore,
            Shape::Empty | Shape::Allow(_) | Shape::OAuthPage => Caching::Never,
            Shape::Page if caching == Caching::NoStore => Caching::Never,
            Shape::Page | Shape::Plain => caching,
        }
    }

    fn challenge(&self, refusal: &Refusal) -> Option<HeaderValue> {
        if refusal.status != 401 {
            return None;
        }
        let (error, text) = (refusal.error, &refusal.description);
        // A text that repeats a token as long as a form may be fits no header; the body has it.
        let text = if text.len() > LONGEST_TEXT { "" } else { text };
        let challenge = match refusal.shape {
            Shape::OAuth => format!(r#"Bearer error="{error}", error_description="{text}""#),
            Shape::Filter => format!(
                r#"Bearer realm="openidconnect", error="{error}", error_description="{text}""#
            ),
            Shape::Asking => r#"Bearer realm="openidconnect""#.to_owned(),
            Shape::Form => {
                format!(r#"Form realm="oauth", error="{error}", error_description="{text}""#)
            }
            Shape::Basic => format!(r#"Basic realm="{}""#, self.realm),
            _ => return None,
        };
        header_text(&challenge)
    }
}

/// A header value of any text: what cannot stand in a header becomes a question mark, as servlet containers do it.
fn header_text(text: &str) -> Option<HeaderValue> {
    let bytes: Vec<u8> = text
        .chars()
        .map(|c| {
            if c == ' ' || c.is_ascii_graphic() {
                c as u8
            } else {
                b'?'
            }
        })
        .collect();
    HeaderValue::from_bytes(&bytes).ok()
}

fn error_body(refusal: &Refusal) -> String {
    let mut body = serde_json::Map::new();
    body.insert("error".into(), refusal.error.into());
    body.insert(
        "error_description".into(),
        refusal.description.as_str().into(),
    );
    Value::Object(body).to_string()
}

/// The first value of a header as text.
pub fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

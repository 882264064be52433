//! What people ask of a storage element: list, read, write, copy (storage page §1, §2).

use bytes::Bytes;
use carnet_stage::{Actor, Body};
use http::{Method, Response};
use quick_xml::events::Event;
use quick_xml::reader::Reader;

use crate::error::UserError;
use crate::user::User;
use crate::web::{self, Answer};

/// Characters of a refusal's text that go into an error.
const GLIMPSE: usize = 200;

/// A storage element as a person reaches it.
#[derive(Clone)]
pub struct StorageClient {
    actor: Actor,
    url: String,
    token: Option<String>,
}

/// One line of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// Path as the server writes it.
    pub path: String,
    /// Whether it is a folder.
    pub folder: bool,
    /// Size of a file.
    pub bytes: Option<u64>,
}

/// A third-party copy: the destination is asked to fetch.
#[derive(Debug, Clone)]
pub struct CopyOrder {
    /// URL of the source.
    pub source: String,
    /// Path at the destination.
    pub path: String,
    /// Token for the source, sent as `TransferHeaderAuthorization`; none leaves the header out.
    pub source_token: Option<String>,
    /// Whether an existing file may be replaced; none leaves the header out.
    pub overwrite: Option<bool>,
}

impl StorageClient {
    /// A storage element, with a token or without.
    pub fn new(actor: &Actor, url: &str, token: Option<&str>) -> Self {
        Self {
            actor: actor.clone(),
            url: url.trim_end_matches('/').to_owned(),
            token: token.map(str::to_owned),
        }
    }

    /// What a folder holds, itself first (PROPFIND, depth 1).
    pub async fn list(&self, path: &str) -> Result<Vec<Entry>, UserError> {
        let method = method(b"PROPFIND")?;
        let answer = self
            .call(method, path, &[("Depth", "1")], Body::empty())
            .await?;
        entries(&answer.text()).ok_or_else(|| UserError::Senseless {
            who: self.url.clone(),
            why: "the listing is not well-formed XML".into(),
        })
    }

    /// The whole of a small file.
    pub async fn get(&self, path: &str) -> Result<Bytes, UserError> {
        self.call(Method::GET, path, &[], Body::empty())
            .await
            .map(|answer| answer.body)
    }

    /// A file as a stream.
    pub async fn open(&self, path: &str) -> Result<Response<Body>, UserError> {
        let answer = self
            .actor
            .client()
            .http1()
            .send(self.request(Method::GET, path, &[], Body::empty())?)
            .await?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        Err(self.refused(&Method::GET, path, answer.status().as_u16(), ""))
    }

    /// Writes a file.
    pub async fn put(&self, path: &str, body: impl Into<Body>) -> Result<(), UserError> {
        self.call(Method::PUT, path, &[], body.into())
            .await
            .map(|_| ())
    }

    /// Removes a file or a folder.
    pub async fn delete(&self, path: &str) -> Result<(), UserError> {
        self.call(Method::DELETE, path, &[], Body::empty())
            .await
            .map(|_| ())
    }

    /// Makes a folder.
    pub async fn mkdir(&self, path: &str) -> Result<(), UserError> {
        let method = method(b"MKCOL")?;
        self.call(method, path, &[], Body::empty())
            .await
            .map(|_| ())
    }

    /// The adler32 that the storage element knows (`Want-Digest`, RFC 3230).
    pub async fn adler32(&self, path: &str) -> Result<Option<String>, UserError> {
        let answer = self
            .call(
                Method::HEAD,
                path,
                &[("Want-Digest", "adler32")],
                Body::empty(),
            )
            .await?;
        let digest = answer.header("digest").and_then(|d| {
            d.split(',')
                .find_map(|one| one.trim().strip_prefix("adler32=").map(str::to_owned))
        });
        Ok(digest)
    }

    /// Asks the storage element to fetch a file, and waits for its last word.
    pub async fn copy(&self, order: &CopyOrder) -> Result<(), UserError> {
        let method = method(b"COPY")?;
        let transfer = order.source_token.as_ref().map(|t| format!("Bearer {t}"));
        let mut headers = vec![("Source", order.source.as_str())];
        if let Some(transfer) = &transfer {
            headers.push(("TransferHeaderAuthorization", transfer));
        }
        if let Some(overwrite) = order.overwrite {
            headers.push(("Overwrite", if overwrite { "T" } else { "F" }));
        }
        let answer = self
            .call(method, &order.path, &headers, Body::empty())
            .await?;
        last_word(&answer.text()).map_err(UserError::Copy)
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Result<Answer, UserError> {
        let request = self.request(method.clone(), path, headers, body)?;
        let answer = web::ask_with(&self.actor.client().http1(), request).await?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        Err(self.refused(&method, path, answer.status.as_u16(), &answer.text()))
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Result<http::Request<Body>, UserError> {
        let bearer = self.token.as_ref().map(|t| format!("Bearer {t}"));
        let mut all = headers.to_vec();
        if let Some(bearer) = &bearer {
            all.push(("Authorization", bearer));
        }
        web::request(method, &format!("{}{path}", self.url), &all, body)
    }

    fn refused(&self, method: &Method, path: &str, status: u16, text: &str) -> UserError {
        let text = text
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .chars()
            .take(GLIMPSE)
            .collect();
        UserError::Storage {
            what: format!("{method} {}{path}", self.url),
            status,
            text,
        }
    }
}

impl User {
    /// A storage element, reached with the person's token for it.
    pub fn storage(&self, url: &str) -> Result<StorageClient, UserError> {
        let tokens = self.tokens_for(url.trim_end_matches('/'))?;
        Ok(StorageClient::new(
            self.actor(),
            url,
            Some(&tokens.access_token),
        ))
    }
}

fn method(name: &[u8]) -> Result<Method, UserError> {
    Method::from_bytes(name).map_err(|e| UserError::Unreachable(e.to_string()))
}

/// The outcome of a copy is the last line that says something.
fn last_word(text: &str) -> Result<(), String> {
    let lines = text.lines().map(str::trim).filter(|l| !l.is_empty());
    match lines.clone().next_back() {
        Some(line) if line.starts_with("success") => Ok(()),
        Some(line) if line.starts_with("failure") => Err(line.to_owned()),
        Some(_) => Err("the storage element stopped talking before the end".into()),
        None => Err("the storage element said nothing".into()),
    }
}

/// Reads a multistatus document (RFC 4918 §13), whatever prefix its namespace has.
fn entries(document: &str) -> Option<Vec<Entry>> {
    let mut reader = Reader::from_str(document);
    let (mut entries, mut entry, mut text) = (Vec::new(), Entry::default(), String::new());
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => {
                text.clear();
                match tag.local_name().as_ref() {
                    "response" => entry = Entry::default(),
                    "collection" => entry.folder = true,
                    _ => {}
                }
            }
            Event::Empty(tag) if tag.local_name().as_ref() == "collection" => entry.folder = true,
            Event::Text(more) => text.push_str(&more),
            Event::GeneralRef(name) => text.push(reference(&name)?),
            Event::End(tag) => match tag.local_name().as_ref() {
                "href" if entry.path.is_empty() => {
                    let path = percent_encoding::percent_decode_str(text.trim());
                    entry.path = path.decode_utf8_lossy().into_owned();
                }
                "getcontentlength" => entry.bytes = text.trim().parse().ok(),
                "response" => entries.push(std::mem::take(&mut entry)),
                _ => {}
            },
            Event::Eof => return Some(entries),
            _ => {}
        }
    }
}

/// The five references that XML knows by itself.
fn reference(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_read_whatever_its_prefix() {
        let document = r#"<?xml version="1.0"?><D:multistatus xmlns:D="DAV:"><D:response><D:href>/wlcg/</D:href><D:propstat><D:prop>
            <D:resourcetype><D:collection/></D:resourcetype></D:prop></D:propstat></D:response><D:response><D:href>/wlcg/a%20b&amp;c</D:href>
            <D:propstat><D:prop><D:getcontentlength>12</D:getcontentlength><D:resourcetype/></D:prop></D:propstat></D:response></D:multistatus>"#;
        let want = vec![
            Entry {
                path: "/wlcg/".into(),
                folder: true,
                bytes: None,
            },
            Entry {
                path: "/wlcg/a b&c".into(),
                folder: false,
                bytes: Some(12),
            },
        ];
        assert_eq!(entries(document), Some(want));
        assert_eq!(entries("<a><b></a>"), None);
    }

    #[test]
    fn the_last_line_decides_about_a_copy() {
        for (text, good) in [
            ("Perf Marker\nEnd\nsuccess: Created\n", true),
            ("Perf Marker\nEnd\nfailure: HTTP 403\n", false),
            ("Perf Marker\nEnd\n", false),
            ("", false),
        ] {
            assert_eq!(last_word(text).is_ok(), good, "{text}");
        }
    }
}

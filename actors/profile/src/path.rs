//! Paths in scopes and in requests: the reference algorithm CAP-N (issuer page §1.3).
//!
//! The two differ on purpose. A scope's path comes from an issuer and is decoded until nothing changes;
//! what is ambiguous makes the token invalid. A request's path is decoded once, as HTTP does.

use std::fmt;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode, utf8_percent_encode};

/// Why a path is not acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// Does not begin with `/`.
    #[error("the path does not begin with '/'")]
    Relative,
    /// A `..` segment, plain or encoded.
    #[error("the path has a '..' segment")]
    DotDot,
    /// An encoded `/`.
    #[error("the path has an encoded '/'")]
    EncodedSlash,
    /// NUL, a control character, a backslash, or bytes that are not UTF-8.
    #[error("the path has bytes that no path may have")]
    BadBytes,
    /// A `%` that stands for nothing.
    #[error("the path has a '%' that is no percent-encoding")]
    BadEscape,
}

/// Rounds of decoding after which a scope's path must have come to rest.
const ROUNDS: usize = 4;

/// What a segment of a scope's path is encoded with when written (CAP-3).
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'\\')
    .add(b'|')
    .add(b'^');

/// The path of a scope item, decoded and normalised.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ScopePath {
    text: String,
    directory_only: bool,
}

impl ScopePath {
    /// Reads the path of a scope item.
    pub fn parse(raw: &str) -> Result<Self, PathFault> {
        let Some(rest) = raw.strip_prefix('/') else {
            return Err(PathFault::Relative);
        };
        let mut text = String::with_capacity(raw.len());
        for segment in rest.split('/') {
            // Most segments have nothing to decode.
            if segment
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
            {
                if !segment.is_empty() {
                    text.push('/');
                    text.push_str(segment);
                }
                continue;
            }
            let segment = decode_fully(segment)?;
            if !segment.is_empty() && segment != "." {
                text.push('/');
                text.push_str(&segment);
            }
        }
        let directory_only = raw.ends_with('/') && !text.is_empty();
        if text.is_empty() {
            text.push('/');
        }
        Ok(Self {
            text,
            directory_only,
        })
    }

    /// The same path, with a final slash meaning nothing (profile 1.0).
    pub fn any_kind(mut self) -> Self {
        self.directory_only = false;
        self
    }

    /// The decoded path: begins with `/`, ends without one unless it is the root.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it ended with `/`: the name itself is then a directory's (CAP-6).
    pub fn directory_only(&self) -> bool {
        self.directory_only
    }

    /// Whether it is the whole area.
    pub fn is_root(&self) -> bool {
        self.text == "/"
    }

    /// Whether a request's path (relative to the area) lies at or below this one, on segment
    /// boundaries (CAP-5). `directory` says that the request's target is, or is to become, a directory.
    pub fn covers(&self, path: &str, directory: bool) -> bool {
        if self.is_root() {
            return true;
        }
        match path.strip_prefix(self.text.as_str()) {
            Some("") => directory || !self.directory_only,
            Some(below) => below.starts_with('/'),
            None => false,
        }
    }

    /// Whether everything that `other` covers is covered by this one.
    pub fn covers_scope(&self, other: &Self) -> bool {
        self.covers(&other.text, other.directory_only || other.is_root())
    }

    /// Whether `path` is a directory above this one.
    pub fn is_below(&self, path: &str) -> bool {
        if path == "/" {
            return !self.is_root();
        }
        self.text
            .strip_prefix(path)
            .is_some_and(|rest| rest.starts_with('/'))
    }
}

impl fmt::Display for ScopePath {
    /// The path as a scope item carries it: each segment percent-encoded.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", encode(&self.text))?;
        if self.directory_only {
            f.write_str("/")
        } else {
            Ok(())
        }
    }
}

/// The path of a request, decoded once and normalised.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestPath {
    text: String,
    slash: bool,
}

impl RequestPath {
    /// Reads the path as it stood in the request line. A fault is the client's: 400.
    pub fn parse(raw: &str) -> Result<Self, PathFault> {
        let Some(rest) = raw.strip_prefix('/') else {
            return Err(PathFault::Relative);
        };
        let mut text = String::with_capacity(raw.len());
        for segment in rest.split('/') {
            if !escapes_are_whole(segment) {
                return Err(PathFault::BadEscape);
            }
            let segment = percent_decode(segment.as_bytes())
                .decode_utf8()
                .map_err(|_| PathFault::BadBytes)?;
            match &*segment {
                "" | "." => continue,
                ".." => return Err(PathFault::DotDot),
                _ => {}
            }
            if segment.contains('/') {
                return Err(PathFault::EncodedSlash);
            }
            if segment.contains(['\0', '\\']) {
                return Err(PathFault::BadBytes);
            }
            text.push('/');
            text.push_str(&segment);
        }
        if text.is_empty() {
            text.push('/');
        }
        Ok(Self {
            text,
            slash: raw.ends_with('/'),
        })
    }

    /// The decoded path.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the request named it with a final slash.
    pub fn ends_with_slash(&self) -> bool {
        self.slash
    }

    /// The path relative to an area: `/wlcg/data/f` within `/wlcg` is `/data/f`; `None` outside (CAP-7).
    pub fn within(&self, area: &str) -> Option<&str> {
        let area = area.trim_end_matches('/');
        match self.text.strip_prefix(area)? {
            "" => Some("/"),
            below => below.starts_with('/').then_some(below),
        }
    }

    /// The path as a URL carries it.
    pub fn encoded(&self) -> String {
        encode(&self.text)
    }
}

impl fmt::Display for RequestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Percent-encodes a decoded path, leaving its slashes.
pub fn encode(path: &str) -> String {
    utf8_percent_encode(path, SEGMENT).to_string()
}

fn decode_fully(raw: &str) -> Result<String, PathFault> {
    let mut segment = raw.to_owned();
    for _ in 0..ROUNDS {
        check(&segment)?;
        let next = percent_decode(segment.as_bytes())
            .decode_utf8()
            .map_err(|_| PathFault::BadBytes)?;
        if next == segment.as_str() {
            break;
        }
        segment = next.into_owned();
    }
    check(&segment)?;
    if segment.contains('%') {
        return Err(PathFault::BadEscape);
    }
    Ok(segment)
}

fn check(segment: &str) -> Result<(), PathFault> {
    if segment == ".." {
        return Err(PathFault::DotDot);
    }
    if segment.contains('/') {
        return Err(PathFault::EncodedSlash);
    }
    if segment.contains(|c: char| c == '\\' || c.is_control()) {
        return Err(PathFault::BadBytes);
    }
    Ok(())
}

fn escapes_are_whole(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    bytes.iter().enumerate().all(|(at, &byte)| {
        byte != b'%'
            || bytes
                .get(at + 1..at + 3)
                .is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit))
    })
}

//! One token in JWS compact form (RFC 7515 §7.1), taken apart and not yet believed.

use serde_json::{Map, Value};

use super::{JsonFault, from_base64url, parse_strict};
use crate::Claims;

/// A part of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Part {
    Header,
    Payload,
    Signature,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::Payload => "payload",
            Self::Signature => "signature",
        })
    }
}

/// Why a text is not a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// Nothing there.
    #[error("the token is empty")]
    Empty,
    /// White space inside.
    #[error("white space at position {0}")]
    WhiteSpace(usize),
    /// A character that base64url does not have; `=` is padding, `+` and `/` are plain base64.
    #[error("character {1:?} at position {0} is not base64url")]
    Character(usize, char),
    /// Not three parts; five would be an encrypted token.
    #[error("{0} parts instead of three{hint}", hint = if *.0 == 5 { " (an encrypted token)" } else { "" })]
    Parts(usize),
    /// An empty part.
    #[error("the {0} is empty")]
    EmptyPart(Part),
    /// Right characters, but not a whole number of bytes.
    #[error("the {0} is not base64url")]
    Base64(Part),
    /// Header or payload is not an acceptable JSON object.
    #[error("the {0}: {1}")]
    Json(Part, JsonFault),
    /// No `alg` in the header, or not a string.
    #[error("the header has no alg")]
    NoAlgorithm,
    /// A header member has the wrong JSON type.
    #[error("header member {0} has the wrong type")]
    HeaderMember(&'static str),
}

/// The header of a token.
#[derive(Clone, Debug)]
pub struct Header {
    /// All members in their order.
    pub members: Map<String, Value>,
    /// `alg` as it stands there.
    pub alg: String,
    /// `kid`.
    pub kid: Option<String>,
    /// `typ`.
    pub typ: Option<String>,
}

/// A token taken apart. **Unverified**: nothing of it may be believed before a judge said so.
#[derive(Clone, Debug)]
pub struct Token {
    /// The header.
    pub header: Header,
    /// The payload.
    pub claims: Claims,
    signature: Vec<u8>,
    text: String,
    signed: usize,
}

impl Token {
    /// Takes a token apart. An empty signature is let through with the algorithm `none` alone, so that
    /// the refusal can name the real fault.
    pub fn parse(text: &str) -> Result<Self, TokenFault> {
        // The decoder sees a wrong character anyway: only a bad token is searched for the place.
        Self::take_apart(text).map_err(|fault| wrong_character(text).unwrap_or(fault))
    }

    fn take_apart(text: &str) -> Result<Self, TokenFault> {
        if text.is_empty() {
            return Err(TokenFault::Empty);
        }
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenFault::Parts(text.split('.').count()));
        };
        for (part, text) in [(Part::Header, header), (Part::Payload, payload)] {
            if text.is_empty() {
                return Err(TokenFault::EmptyPart(part));
            }
        }
        let header = Header::parse(object(Part::Header, header)?)?;
        if signature.is_empty() && !header.alg.eq_ignore_ascii_case("none") {
            return Err(TokenFault::EmptyPart(Part::Signature));
        }
        let claims = Claims::from(object(Part::Payload, payload)?);
        Ok(Self {
            header,
            claims,
            signature: from_base64url(signature).ok_or(TokenFault::Base64(Part::Signature))?,
            signed: text.len() - signature.len() - 1,
            text: text.to_owned(),
        })
    }

    /// The bytes that the signature is over: header and payload as they were sent.
    pub fn signed(&self) -> &[u8] {
        &self.text.as_bytes()[..self.signed]
    }

    /// The signature's bytes.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The whole token. A secret.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl Header {
    fn parse(members: Map<String, Value>) -> Result<Self, TokenFault> {
        let text = |name: &'static str| match members.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(TokenFault::HeaderMember(name)),
        };
        Ok(Self {
            alg: text("alg")?.ok_or(TokenFault::NoAlgorithm)?,
            kid: text("kid")?,
            typ: text("typ")?,
            members,
        })
    }

    /// The extensions that the header declares critical (RFC 7515 §4.1.11); a malformed list counts as
    /// one nameless extension. None of them is understood here.
    pub fn critical(&self) -> Vec<String> {
        match self.members.get("crit") {
            None => Vec::new(),
            Some(Value::Array(names)) if !names.is_empty() => names
                .iter()
                .map(|name| name.as_str().unwrap_or_default().to_owned())
                .collect(),
            Some(_) => vec![String::new()],
        }
    }

    /// Keys, or addresses of keys, that the header brings along. They are never used (TOK-5).
    pub fn own_keys(&self) -> Vec<&'static str> {
        ["jwk", "jku", "x5u", "x5c"]
            .into_iter()
            .filter(|&name| self.members.contains_key(name))
            .collect()
    }
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

fn wrong_character(text: &str) -> Option<TokenFault> {
    let wrong = |c: char| !c.is_ascii() || !is_token_byte(c as u8);
    Some(match text.char_indices().find(|&(_, c)| wrong(c))? {
        (at, ' ' | '\t' | '\r' | '\n') => TokenFault::WhiteSpace(at),
        (at, c) => TokenFault::Character(at, c),
    })
}

fn object(part: Part, text: &str) -> Result<Map<String, Value>, TokenFault> {
    let bytes = from_base64url(text).ok_or(TokenFault::Base64(part))?;
    parse_strict(&bytes).map_err(|fault| TokenFault::Json(part, fault))
}

//! Claim sets: an ordered list of claims, written as the issuer of that version writes them (issuer page §2.2).

use std::borrow::Cow;
use std::io::Write as _;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::order;
use crate::quirks::Rules;

/// A claim's value.
#[derive(Clone, Debug)]
pub enum Claim<'a> {
    /// Text.
    Text(Cow<'a, str>),
    /// A number (a NumericDate).
    Number(i64),
    /// A list of texts.
    List(Vec<Cow<'a, str>>),
    /// The chain of actors, newest first (RFC 8693 §4.1).
    Actors(&'a [Arc<str>]),
}

/// Claims in the order in which they are written.
#[derive(Clone, Debug)]
pub struct ClaimSet<'a> {
    claims: Vec<(&'static str, Claim<'a>)>,
}

/// Claims of a large token, for which there is room from the beginning.
const MANY: usize = 16;

impl Default for ClaimSet<'_> {
    fn default() -> Self {
        Self {
            claims: Vec::with_capacity(MANY),
        }
    }
}

impl<'a> ClaimSet<'a> {
    /// Adds a text.
    pub fn text(&mut self, name: &'static str, value: impl Into<Cow<'a, str>>) {
        self.claims.push((name, Claim::Text(value.into())));
    }

    /// Adds a number.
    pub fn number(&mut self, name: &'static str, value: i64) {
        self.claims.push((name, Claim::Number(value)));
    }

    /// Adds any claim.
    pub fn put(&mut self, name: &'static str, value: Claim<'a>) {
        self.claims.push((name, value));
    }

    /// Adds audiences: one as a text, several as a list (CLM-6); none: no claim.
    pub fn audience(&mut self, values: &[&'a str]) {
        match values {
            [] => {}
            [one] => self.text("aud", *one),
            several => self.put(
                "aud",
                Claim::List(several.iter().map(|v| Cow::Borrowed(*v)).collect()),
            ),
        }
    }

    /// Puts the claims into the order of that version's hash table; strict keeps the order of adding.
    pub fn arrange(&mut self, rules: &Rules) {
        let n = self.claims.len();
        let size = match (rules.strict(), rules.then()) {
            (true, _) => return,
            (false, true) => order::buckets(16, n),
            (false, false) => order::copy_capacity(n).next_power_of_two(),
        };
        let mask = (size - 1) as u32;
        self.claims
            .sort_by_cached_key(|(name, _)| order::spread_hash(name) & mask);
    }

    /// The payload's bytes. IAM 1.7 writes a slash as `\/`.
    pub fn write(&self, rules: &Rules) -> Vec<u8> {
        let slash = rules.then();
        let mut out = Vec::with_capacity(512);
        out.push(b'{');
        for (i, (name, claim)) in self.claims.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            write_text(&mut out, name, slash);
            out.push(b':');
            write_claim(&mut out, claim, slash);
        }
        out.push(b'}');
        out
    }
}

/// For the journal: the same without the issuer's habits of writing.
impl Serialize for ClaimSet<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.claims.iter().map(|(name, claim)| (name, claim)))
    }
}

impl Serialize for Claim<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => to.serialize_str(text),
            Self::Number(n) => to.serialize_i64(*n),
            Self::List(list) => to.collect_seq(list),
            Self::Actors(chain) => actors(chain).serialize(to),
        }
    }
}

/// The nested `act` of a chain, newest first.
pub fn actors(chain: &[Arc<str>]) -> Value {
    let mut value = Value::Null;
    for sub in chain.iter().rev() {
        let mut map = Map::new();
        map.insert("sub".into(), Value::String(sub.to_string()));
        if !value.is_null() {
            map.insert("act".into(), value);
        }
        value = Value::Object(map);
    }
    value
}

fn write_claim(out: &mut Vec<u8>, claim: &Claim<'_>, slash: bool) {
    match claim {
        Claim::Text(text) => write_text(out, text, slash),
        Claim::Number(n) => {
            let _memory_takes_all = write!(out, "{n}");
        }
        Claim::List(list) => {
            out.push(b'[');
            for (i, item) in list.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_text(out, item, slash);
            }
            out.push(b']');
        }
        Claim::Actors(chain) => out.extend_from_slice(actors(chain).to_string().as_bytes()),
    }
}

fn write_text(out: &mut Vec<u8>, text: &str, slash: bool) {
    out.push(b'"');
    let plain =
        |byte: u8| byte >= b' ' && !matches!(byte, b'"' | b'\\') && !(slash && byte == b'/');
    if text.bytes().all(plain) {
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
        return;
    }
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '/' if slash => out.extend_from_slice(b"\\/"),
            c if c < ' ' => out.extend_from_slice(format!("\\u{:04x}", c as u32).as_bytes()),
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quirks::{Compat, QuirkSwitches};

    #[test]
    fn texts_are_json() {
        for text in [
            "",
            "plain",
            "https://a/b",
            "a\"b\\c",
            "\n\r\t\u{1}",
            "Zürich 𝄞",
        ] {
            for slash in [false, true] {
                let mut out = Vec::new();
                write_text(&mut out, text, slash);
                let read: String = serde_json::from_slice(&out).unwrap();
                assert_eq!(read, text);
                let escaped = out.windows(2).any(|pair| pair == b"\\/");
                assert_eq!(escaped, slash && text.contains('/'), "{text}");
            }
        }
    }

    #[test]
    fn recorded_member_orders() {
        for (compat, names, want) in [
            (
                Compat::Iam112,
                "iss sub aud exp iat nbf jti wlcg.ver client_id scope",
                "wlcg.ver sub aud nbf scope iss exp iat jti client_id",
            ),
            (
                Compat::Iam112,
                "iss sub aud exp iat act nbf jti wlcg.ver client_id scope wlcg.groups",
                "sub iss client_id wlcg.ver aud act nbf scope exp iat jti wlcg.groups",
            ),
        ] {
            let rules = Rules::new(compat, &QuirkSwitches::default());
            let mut set = ClaimSet::default();
            for name in names.split(' ') {
                set.number(Box::leak(name.to_owned().into_boxed_str()), 1);
            }
            set.arrange(&rules);
            let got: Vec<&str> = set.claims.iter().map(|(name, _)| *name).collect();
            assert_eq!(got.join(" "), want);
        }
    }
}

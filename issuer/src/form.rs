//! Parameters of a request: query string and form, in order, repeated ones included.

use std::collections::HashMap;

use http::HeaderMap;
use http::header::CONTENT_TYPE;

use crate::errors::Refusal;
use crate::quirks::{Quirk, Rules};

/// Longest form the issuer reads.
pub const LIMIT: usize = 1 << 20;

/// The parameters of one request.
#[derive(Clone, Debug, Default)]
pub struct Form {
    pairs: Vec<(String, String)>,
}

impl Form {
    /// From a query string and a body. A body that is neither a form nor multipart has no parameters (issuer page §2.0).
    pub fn read(query: Option<&str>, headers: &HeaderMap, body: &[u8]) -> Self {
        let mut pairs = decode(query.unwrap_or_default().as_bytes());
        let kind = headers
            .get(CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            pairs.extend(decode(body));
        } else if essence.eq_ignore_ascii_case("multipart/form-data") {
            pairs.extend(multipart(kind, body));
        }
        Self { pairs }
    }

    /// From pairs, for tests and internal use.
    pub fn from_pairs(pairs: Vec<(String, String)>) -> Self {
        Self { pairs }
    }

    /// The first value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }

    /// The first value, when it is not empty.
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Every pair.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }

    /// Applies the rule for repeated parameters: IAM takes the first; otherwise `resource` and `audience`
    /// add up (RFC 8707 §2, RFC 8693 §2.1) and anything else repeated is an error (RFC 6749 §3.2).
    pub fn settle(mut self, rules: &Rules) -> Result<Self, Refusal> {
        if rules.strict() {
            // RFC 6749 §3.1, §3.2: sent without a value is not sent.
            self.pairs.retain(|(_, value)| !value.is_empty());
        }
        if rules.has(Quirk::Q04) {
            return Ok(self);
        }
        let mut settled: Vec<(String, String)> = Vec::with_capacity(self.pairs.len());
        let mut places: HashMap<String, usize> = HashMap::new();
        for (name, value) in self.pairs.drain(..) {
            match places.get(&name).and_then(|at| settled.get_mut(*at)) {
                None => {
                    places.insert(name.clone(), settled.len());
                    settled.push((name, value));
                }
                Some((_, first)) if name == "resource" || name == "audience" => {
                    first.push(' ');
                    first.push_str(&value);
                }
                Some(_) => {
                    let shown: String = name
                        .chars()
                        .filter(char::is_ascii_graphic)
                        .take(40)
                        .collect();
                    return Err(Refusal::bad(
                        "invalid_request",
                        format!("The parameter {shown} is repeated."),
                    ));
                }
            }
        }
        Ok(Self { pairs: settled })
    }
}

fn decode(bytes: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(bytes)
        .map(|(n, v)| (n.into_owned(), v.into_owned()))
        .collect()
}

/// The text fields of a multipart body (RFC 7578), read leniently.
fn multipart(kind: &str, body: &[u8]) -> Vec<(String, String)> {
    let Some((_, rest)) = kind.split_once("boundary=") else {
        return Vec::new();
    };
    let boundary = rest
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .trim_matches('"');
    if boundary.is_empty() {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(body);
    let field = |part: &str| {
        let (head, value) = part.split_once("\r\n\r\n")?;
        let (_, name) = head.split_once("name=\"")?;
        let (name, _) = name.split_once('"')?;
        Some((
            name.to_owned(),
            value.strip_suffix("\r\n").unwrap_or(value).to_owned(),
        ))
    };
    text.split(&format!("--{boundary}"))
        .filter_map(field)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quirks::{Compat, QuirkSwitches};

    #[test]
    fn q_04_repeated_parameters() {
        let headers = HeaderMap::from_iter([(
            CONTENT_TYPE,
            "application/x-www-form-urlencoded".parse().unwrap(),
        )]);
        let read = |compat, body: &str| {
            let rules = Rules::new(compat, &QuirkSwitches::default());
            Form::read(None, &headers, body.as_bytes()).settle(&rules)
        };
        let iam = read(Compat::Iam112, "scope=a&scope=b").unwrap();
        assert_eq!(iam.get("scope"), Some("a"));
        assert_eq!(
            read(Compat::Strict, "scope=a&scope=b").unwrap_err().error,
            "invalid_request"
        );
        let strict = read(Compat::Strict, "resource=a&resource=b").unwrap();
        assert_eq!(strict.get("resource"), Some("a b"));
    }

    #[test]
    fn multipart_counts_and_json_does_not() {
        let multi = HeaderMap::from_iter([(
            CONTENT_TYPE,
            "multipart/form-data; boundary=x".parse().unwrap(),
        )]);
        let body = b"--x\r\nContent-Disposition: form-data; name=\"scope\"\r\n\r\na b\r\n--x--\r\n";
        assert_eq!(Form::read(None, &multi, body).get("scope"), Some("a b"));
        let json = HeaderMap::from_iter([(CONTENT_TYPE, "application/json".parse().unwrap())]);
        assert!(Form::read(None, &json, b"scope=a").pairs().is_empty());
    }
}

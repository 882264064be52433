//! Public keys as an issuer publishes them (RFC 7517), and verification with them.

use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{ParsedPublicKey, RsaPublicKeyComponents},
};
use serde_json::{Map, Value};

use super::{Algorithm, Token, base64url, from_base64url, parse_strict};

/// One published key, as it stands in the set.
#[derive(Clone, Debug, PartialEq)]
pub struct Jwk {
    /// All members.
    pub members: Map<String, Value>,
}

/// A key set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Jwks {
    /// The keys in the order of the document.
    pub keys: Vec<Jwk>,
}

/// Why a key, or a set of keys, is not usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwkFault {
    /// The document is not a key set.
    #[error("not a JWKS document: {0}")]
    Document(String),
    /// `kty` or `crv` is one that no accepted algorithm uses.
    #[error("key type {0:?} is not supported")]
    KeyType(String),
    /// A needed member is missing or not base64url.
    #[error("member {0} is missing or malformed")]
    Member(&'static str),
    /// The numbers are no public key: modulus too short, point not on the curve.
    #[error("not a valid public key")]
    Invalid,
}

/// Why a signature was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyFault {
    /// The token's algorithm is no asymmetric signature algorithm.
    #[error("algorithm {0:?} is not acceptable")]
    Algorithm(String),
    /// The algorithm does not fit the key (TOK-6).
    #[error("algorithm {alg} does not fit the key ({key})")]
    Mismatch {
        /// The token's algorithm.
        alg: String,
        /// What the key is: `RSA`, `EC P-256, ES256`.
        key: String,
    },
    /// The key itself is not usable.
    #[error(transparent)]
    Key(JwkFault),
    /// The signature is not this key's signature of these bytes.
    #[error("the signature does not fit")]
    Signature,
}

impl Jwk {
    /// A member that is a string.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name).and_then(Value::as_str)
    }

    /// `kid`.
    pub fn kid(&self) -> Option<&str> {
        self.text("kid")
    }

    /// `kty`.
    pub fn kty(&self) -> &str {
        self.text("kty").unwrap_or_default()
    }

    /// What the key is, in words.
    pub fn describe(&self) -> String {
        let mut words = self.kty().to_owned();
        for part in [self.text("crv"), self.text("alg")].into_iter().flatten() {
            words.push(' ');
            words.push_str(part);
        }
        words
    }

    /// Whether the algorithm may be used with this key: `kty`, `crv`, `alg` and `use` agree (TOK-6).
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        let (kty, crv) = algorithm.key_type();
        self.kty() == kty
            && crv.is_none_or(|crv| self.text("crv") == Some(crv))
            && self.text("alg").is_none_or(|alg| alg == algorithm.name())
            && self.text("use").is_none_or(|usage| usage == "sig")
    }

    /// The RFC 7638 thumbprint: the same key has the same one under any `kid`.
    pub fn thumbprint(&self) -> String {
        let names: &[&str] = match self.kty() {
            "RSA" => &["e", "kty", "n"],
            "EC" => &["crv", "kty", "x", "y"],
            _ => &["crv", "kty", "x"],
        };
        let members: Vec<String> = names
            .iter()
            .map(|name| {
                format!(
                    "\"{name}\":{}",
                    Value::from(self.text(name).unwrap_or_default())
                )
            })
            .collect();
        base64url(digest(
            &SHA256,
            format!("{{{}}}", members.join(",")).as_bytes(),
        ))
    }

    fn number(&self, name: &'static str) -> Result<Vec<u8>, JwkFault> {
        self.text(name)
            .and_then(from_base64url)
            .ok_or(JwkFault::Member(name))
    }
}

impl From<Map<String, Value>> for Jwk {
    fn from(members: Map<String, Value>) -> Self {
        Self { members }
    }
}

impl Jwks {
    /// Reads a JWKS document. Members that are not objects are left out, as RFC 7517 §5 wants keys
    /// that are not understood to be ignored.
    pub fn parse(document: &[u8]) -> Result<Self, JwkFault> {
        let map = parse_strict(document).map_err(|fault| JwkFault::Document(fault.to_string()))?;
        let Some(Value::Array(keys)) = map.get("keys") else {
            return Err(JwkFault::Document("no array \"keys\"".to_owned()));
        };
        let keys = keys
            .iter()
            .filter_map(Value::as_object)
            .cloned()
            .map(Jwk::from)
            .collect();
        Ok(Self { keys })
    }

    /// The key of this `kid`.
    pub fn get(&self, kid: &str) -> Option<&Jwk> {
        self.keys.iter().find(|key| key.kid() == Some(kid))
    }

    /// The document that publishes these keys.
    pub fn to_json(&self) -> Value {
        let keys: Vec<Value> = self
            .keys
            .iter()
            .map(|key| key.members.clone().into())
            .collect();
        serde_json::json!({ "keys": keys })
    }
}

/// A key made ready: the numbers are parsed once, so that verification costs the raw operation alone.
#[derive(Debug)]
pub struct VerifyingKey {
    jwk: Jwk,
    id: String,
    prepared: Vec<(Algorithm, ParsedPublicKey)>,
}

impl VerifyingKey {
    /// Prepares a published key for every algorithm that fits it.
    pub fn new(jwk: &Jwk) -> Result<Self, JwkFault> {
        let mut prepared = Vec::new();
        for algorithm in Algorithm::ALL
            .into_iter()
            .filter(|&algorithm| jwk.fits(algorithm))
        {
            prepared.push((algorithm, prepare(jwk, algorithm)?));
        }
        if prepared.is_empty() {
            return Err(JwkFault::KeyType(jwk.describe()));
        }
        Ok(Self {
            id: jwk.thumbprint(),
            jwk: jwk.clone(),
            prepared,
        })
    }

    /// The key as published.
    pub fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// The key's thumbprint (RFC 7638).
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether it can verify signatures of this algorithm.
    pub fn serves(&self, algorithm: &str) -> bool {
        self.prepared
            .iter()
            .any(|(prepared, _)| prepared.name() == algorithm)
    }

    /// Verifies a token's signature.
    pub fn verify(&self, token: &Token) -> Result<(), VerifyFault> {
        let alg = &token.header.alg;
        let mismatch = || VerifyFault::Mismatch {
            alg: alg.clone(),
            key: self.jwk.describe(),
        };
        let Some(algorithm) = Algorithm::named(alg) else {
            return Err(VerifyFault::Algorithm(alg.clone()));
        };
        let (_, key) = self
            .prepared
            .iter()
            .find(|(known, _)| *known == algorithm)
            .ok_or_else(mismatch)?;
        key.verify_sig(token.signed(), token.signature())
            .map_err(|_| VerifyFault::Signature)
    }
}

fn prepare(jwk: &Jwk, algorithm: Algorithm) -> Result<ParsedPublicKey, JwkFault> {
    if let Some(parameters) = algorithm.rsa() {
        let (n, e) = (jwk.number("n")?, jwk.number("e")?);
        if n.len() < 256 {
            return Err(JwkFault::Invalid);
        }
        return RsaPublicKeyComponents { n, e }
            .to_parsed_public_key(parameters)
            .map_err(|_| JwkFault::Invalid);
    }
    let curve = algorithm.curve().ok_or(JwkFault::Invalid)?;
    let mut point = jwk.number("x")?;
    if algorithm != Algorithm::EdDsa {
        point.insert(0, 4);
        point.extend(jwk.number("y")?);
    }
    ParsedPublicKey::new(curve, point).map_err(|_| JwkFault::Invalid)
}

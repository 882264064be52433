//! Keys and tokens for tests and for teaching: good tokens, and tokens that are wrong in every way one
//! wants. An issuer has its own signing; nothing here is fast or meant to be.

use aws_lc_rs::{
    encoding::AsDer,
    hmac,
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair,
        KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PSS_SHA256,
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use crate::jose::{Algorithm, Jwk, base64url};

/// A private key with a name.
#[derive(Debug)]
pub struct SigningKey {
    kid: String,
    pair: Pair,
}

#[derive(Debug)]
enum Pair {
    Rsa(Box<RsaKeyPair>),
    P256 {
        fixed: Box<EcdsaKeyPair>,
        asn1: Box<EcdsaKeyPair>,
    },
}

/// Why a test key could not be made or used: the cryptographic library refused.
#[derive(Debug, thiserror::Error)]
#[error("the cryptographic library refused: {0}")]
pub struct CryptoFault(&'static str);

impl SigningKey {
    /// A fresh RSA key of 2048 bits.
    pub fn rsa(kid: &str) -> Result<Self, CryptoFault> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| CryptoFault("RSA key"))?;
        Ok(Self {
            kid: kid.to_owned(),
            pair: Pair::Rsa(Box::new(pair)),
        })
    }

    /// A fresh P-256 key.
    pub fn p256(kid: &str) -> Result<Self, CryptoFault> {
        const FAULT: CryptoFault = CryptoFault("P-256 key");
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
                .map_err(|_| FAULT)?;
        let load = |algorithm| EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref());
        let fixed = load(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| FAULT)?;
        let asn1 = load(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(|_| FAULT)?;
        let pair = Pair::P256 {
            fixed: Box::new(fixed),
            asn1: Box::new(asn1),
        };
        Ok(Self {
            kid: kid.to_owned(),
            pair,
        })
    }

    /// The key's name.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The algorithm it signs with by default.
    pub fn algorithm(&self) -> Algorithm {
        match self.pair {
            Pair::Rsa(_) => Algorithm::Rs256,
            Pair::P256 { .. } => Algorithm::Es256,
        }
    }

    /// The public key as an issuer publishes it, without `alg`, so that the token's algorithm decides
    /// among those of the key's type.
    pub fn jwk(&self) -> Jwk {
        let mut members = match &self.pair {
            Pair::Rsa(pair) => {
                let (n, e) = rsa_numbers(pair.public_key().as_ref());
                json!({ "kty": "RSA", "n": base64url(n), "e": base64url(e) })
            }
            Pair::P256 { fixed, .. } => {
                let (x, y) = fixed.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y) })
            }
        };
        members["use"] = "sig".into();
        members["kid"] = self.kid.as_str().into();
        match members {
            Value::Object(members) => Jwk::from(members),
            _ => Jwk::from(Map::new()),
        }
    }

    /// The public key as PEM, as careless libraries take it for an HMAC secret.
    pub fn public_pem(&self) -> Result<String, CryptoFault> {
        const FAULT: CryptoFault = CryptoFault("public key");
        let der = match &self.pair {
            Pair::Rsa(pair) => pair.public_key().as_der().map_err(|_| FAULT)?,
            Pair::P256 { fixed, .. } => fixed.public_key().as_der().map_err(|_| FAULT)?,
        };
        let body = STANDARD.encode(der.as_ref());
        let lines: Vec<&str> = body
            .as_bytes()
            .chunks(64)
            .filter_map(|line| std::str::from_utf8(line).ok())
            .collect();
        Ok(format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            lines.join("\n")
        ))
    }

    /// Signs bytes in one of the ways below.
    pub fn sign(&self, way: Way, message: &[u8]) -> Result<Vec<u8>, CryptoFault> {
        const FAULT: CryptoFault = CryptoFault("signature");
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let encoding = match way {
                    Way::Rs384 => &RSA_PKCS1_SHA384,
                    Way::Ps256 => &RSA_PSS_SHA256,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message, &mut signature)
                    .map_err(|_| FAULT)?;
                Ok(signature)
            }
            Pair::P256 { fixed, asn1 } => {
                let pair = if way == Way::Es256Der { asn1 } else { fixed };
                let signature = pair.sign(&random, message).map_err(|_| FAULT)?;
                Ok(signature.as_ref().to_vec())
            }
        }
    }
}

/// Ways to sign, right and wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// RS256 or ES256, as the key is.
    Usual,
    /// RS384.
    Rs384,
    /// PS256.
    Ps256,
    /// ES256 in DER form, which JOSE does not allow.
    Es256Der,
}

/// A token in the making. Nothing keeps it from becoming a bad one.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The header.
    pub header: Map<String, Value>,
    /// The claims.
    pub claims: Map<String, Value>,
    raw_header: Option<Vec<u8>>,
    raw_claims: Option<Vec<u8>>,
}

impl Draft {
    /// A draft with these claims and an empty header.
    pub fn new(claims: Map<String, Value>) -> Self {
        Self {
            header: Map::new(),
            claims,
            raw_header: None,
            raw_claims: None,
        }
    }

    /// Sets a header member.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// Removes a header member.
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.shift_remove(name);
        self
    }

    /// Sets a claim; an existing one keeps its place.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Removes a claim.
    pub fn without(mut self, name: &str) -> Self {
        self.claims.shift_remove(name);
        self
    }

    /// Replaces the header by these bytes.
    pub fn raw_header(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.raw_header = Some(bytes.into());
        self
    }

    /// Replaces the payload by these bytes.
    pub fn raw_claims(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.raw_claims = Some(bytes.into());
        self
    }

    /// The payload's JSON text.
    pub fn payload(&self) -> String {
        Value::Object(self.claims.clone()).to_string()
    }

    /// Header and payload, encoded, joined by a dot: what a signature is over.
    pub fn signing_input(&self) -> String {
        let header = match &self.raw_header {
            Some(bytes) => base64url(bytes),
            None => base64url(Value::Object(self.header.clone()).to_string()),
        };
        let claims = match &self.raw_claims {
            Some(bytes) => base64url(bytes),
            None => base64url(self.payload()),
        };
        format!("{header}.{claims}")
    }

    /// The token with any signature.
    pub fn with_signature(&self, signature: impl AsRef<[u8]>) -> String {
        format!("{}.{}", self.signing_input(), base64url(signature))
    }

    /// The token, signed.
    pub fn sign(&self, key: &SigningKey, way: Way) -> Result<String, CryptoFault> {
        Ok(self.with_signature(key.sign(way, self.signing_input().as_bytes())?))
    }

    /// The token with an HMAC-SHA-256 under a secret.
    pub fn hmac(&self, secret: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        self.with_signature(hmac::sign(&key, self.signing_input().as_bytes()))
    }
}

/// Modulus and exponent of a PKCS#1 `RSAPublicKey`, without leading zeros.
fn rsa_numbers(der: &[u8]) -> (Vec<u8>, Vec<u8>) {
    fn number(der: &[u8]) -> Option<(&[u8], &[u8])> {
        let (&[_, first], mut rest) = der.split_first_chunk::<2>()?;
        let mut length = usize::from(first);
        if first >= 0x80 {
            let (bytes, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
            length = bytes
                .iter()
                .fold(0, |length, &byte| length << 8 | usize::from(byte));
            rest = after;
        }
        rest.split_at_checked(length)
    }
    let read = || {
        let (sequence, _) = number(der)?;
        let (n, rest) = number(sequence)?;
        let (e, _) = number(rest)?;
        let plain = |bytes: &[u8]| bytes[bytes.iter().take_while(|&&b| b == 0).count()..].to_vec();
        Some((plain(n), plain(e)))
    };
    // The library wrote this DER: it is always well formed.
    read().unwrap_or_default()
}

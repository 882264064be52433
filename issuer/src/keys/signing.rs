//! One signing key: signs compact tokens and shows its public half.

use std::fmt;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use carnet_stage::Json;
use serde_json::{Map, Value, json};

use super::KeyError;
use crate::config::Algorithm;

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ec(Box<EcdsaKeyPair>),
}

/// A key pair with its `kid` and the header of its tokens, encoded once.
pub struct SigningKey {
    kid: String,
    pair: Pair,
    header: String,
    told: Json,
    random: SystemRandom,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

impl SigningKey {
    /// Makes a new key. RSA takes tens to hundreds of milliseconds.
    pub fn make(algorithm: Algorithm, kid: &str) -> Result<Self, KeyError> {
        let pair = match algorithm {
            Algorithm::Rs256 => Pair::Rsa(Box::new(
                RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::Make)?,
            )),
            Algorithm::Es256 => Pair::Ec(Box::new(
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)
                    .map_err(|_| KeyError::Make)?,
            )),
        };
        Ok(Self::with(pair, kid))
    }

    /// Reads a key back from PKCS #8.
    pub fn from_pkcs8(algorithm: Algorithm, kid: &str, der: &[u8]) -> Result<Self, KeyError> {
        let pair = match algorithm {
            Algorithm::Rs256 => Pair::Rsa(Box::new(
                RsaKeyPair::from_pkcs8(der).map_err(|_| KeyError::Unreadable)?,
            )),
            Algorithm::Es256 => Pair::Ec(Box::new(
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der)
                    .map_err(|_| KeyError::Unreadable)?,
            )),
        };
        Ok(Self::with(pair, kid))
    }

    fn with(pair: Pair, kid: &str) -> Self {
        let algorithm = if matches!(pair, Pair::Rsa(_)) {
            Algorithm::Rs256
        } else {
            Algorithm::Es256
        };
        let header = json!({"kid": kid, "alg": algorithm.name()});
        Self {
            kid: kid.to_owned(),
            pair,
            header: URL_SAFE_NO_PAD.encode(header.to_string()),
            told: Json::of(&header),
            random: SystemRandom::new(),
        }
    }

    /// The pair as PKCS #8, to keep it.
    pub fn to_pkcs8(&self) -> Result<Vec<u8>, KeyError> {
        match &self.pair {
            Pair::Rsa(pair) => {
                let der: Pkcs8V1Der<'static> = pair.as_der().map_err(|_| KeyError::Make)?;
                Ok(der.as_ref().to_vec())
            }
            Pair::Ec(pair) => pair
                .to_pkcs8v1()
                .map(|der| der.as_ref().to_vec())
                .map_err(|_| KeyError::Make),
        }
    }

    /// Its `kid`.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The header of its tokens, for the journal.
    pub fn told(&self) -> Json {
        self.told.clone()
    }

    /// Its algorithm.
    pub fn algorithm(&self) -> Algorithm {
        match self.pair {
            Pair::Rsa(_) => Algorithm::Rs256,
            Pair::Ec(_) => Algorithm::Es256,
        }
    }

    /// A signed compact token over a payload (RFC 7515 §7.1), header `kid`, `alg` and no `typ`.
    pub fn sign(&self, payload: &[u8]) -> Result<String, KeyError> {
        self.sign_with_header(&self.header, payload)
    }

    /// The same with another header, already encoded: for tokens that are wrong on purpose.
    pub fn sign_with_header(&self, header: &str, payload: &[u8]) -> Result<String, KeyError> {
        let signature = match &self.pair {
            Pair::Rsa(pair) => pair.public_modulus_len(),
            Pair::Ec(_) => 64,
        };
        // Each part may need two more than a third more, and there are two dots.
        let room = header.len() + (payload.len() + signature) * 4 / 3 + 6;
        let mut token = String::with_capacity(room);
        token.push_str(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(
                    &RSA_PKCS1_SHA256,
                    &self.random,
                    token.as_bytes(),
                    &mut signature,
                )
                .map_err(|_| KeyError::Sign)?;
                token.push('.');
                URL_SAFE_NO_PAD.encode_string(signature, &mut token);
            }
            Pair::Ec(pair) => {
                let signature = pair
                    .sign(&self.random, token.as_bytes())
                    .map_err(|_| KeyError::Sign)?;
                let signature = fixed(signature.as_ref()).ok_or(KeyError::Sign)?;
                token.push('.');
                URL_SAFE_NO_PAD.encode_string(signature, &mut token);
            }
        }
        Ok(token)
    }

    /// The public half (RFC 7517): kty, e, kid, n in IAM's order, or kty, crv, kid, x, y.
    pub fn jwk(&self, with_use: bool) -> Value {
        let mut jwk = Map::new();
        let mut put = |name: &str, value: String| jwk.insert(name.to_owned(), Value::String(value));
        match &self.pair {
            Pair::Rsa(pair) => {
                let (n, e) = modulus_and_exponent(pair.public_key().as_ref()).unwrap_or_default();
                put("kty", "RSA".into());
                put("e", URL_SAFE_NO_PAD.encode(e));
                put("kid", self.kid.clone());
                put("n", URL_SAFE_NO_PAD.encode(n));
            }
            Pair::Ec(pair) => {
                let point = pair.public_key().as_ref().get(1..65).unwrap_or_default();
                let (x, y) = point.split_at(point.len() / 2);
                put("kty", "EC".into());
                put("crv", "P-256".into());
                put("kid", self.kid.clone());
                put("x", URL_SAFE_NO_PAD.encode(x));
                put("y", URL_SAFE_NO_PAD.encode(y));
            }
        }
        if with_use {
            put("use", "sig".into());
            put("alg", self.algorithm().name().into());
        }
        Value::Object(jwk)
    }
}

/// The form of a token's ES256 signature (RFC 7518 §3.4): both numbers of the DER form (RFC 3279 §2.2.3), 32 bytes each. The
/// library would make big numbers of them on the way.
fn fixed(der: &[u8]) -> Option<[u8; 64]> {
    let (body, _) = element(der, 0x30)?;
    let (r, rest) = element(body, 0x02)?;
    let (s, _) = element(rest, 0x02)?;
    let mut both = [0; 64];
    for (number, place) in [r, s].into_iter().zip(both.chunks_exact_mut(32)) {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let digits = &number[zeros..];
        let from = place.len().checked_sub(digits.len())?;
        place[from..].copy_from_slice(digits);
    }
    Some(both)
}

/// The two numbers of a PKCS #1 public key (RFC 8017 A.1.1), without leading zeros.
fn modulus_and_exponent(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (body, _) = element(der, 0x30)?;
    let (n, rest) = element(body, 0x02)?;
    let (e, _) = element(rest, 0x02)?;
    let trimmed = |number: &[u8]| number.iter().copied().skip_while(|b| *b == 0).collect();
    Some((trimmed(n), trimmed(e)))
}

fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    if *first != tag {
        return None;
    }
    if *length < 0x80 {
        return rest.split_at_checked(usize::from(*length));
    }
    let count = usize::from(*length & 0x7f);
    let (digits, rest) = rest.split_at_checked(count)?;
    if count > 4 {
        return None;
    }
    let length = digits.iter().fold(0_usize, |n, b| n << 8 | usize::from(*b));
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use carnet_profile::jose::{Jwk, Token, verify};

    use super::*;

    #[test]
    fn numbers_of_a_signature_take_32_bytes_each() {
        let long = [[0x02, 33, 0].as_slice(), &[0xff; 32]].concat();
        let short = [0x02, 1, 7];
        for (r, s, first, last) in [(&long[..], &short[..], 0xff, 7), (&short, &long, 0, 0xff)] {
            let body = [r, s].concat();
            let der = [&[0x30, body.len() as u8], &body[..]].concat();
            let both = fixed(&der).unwrap();
            assert_eq!((both[0], both[63]), (first, last));
            assert_eq!(fixed(&der[..der.len() - 1]), None);
        }
        let beyond = [[0x30, 38, 0x02, 33].as_slice(), &[1; 33], &short].concat();
        assert_eq!(fixed(&beyond), None);
    }

    #[test]
    fn tok_3_both_algorithms_sign_what_their_published_key_verifies() {
        for algorithm in [Algorithm::Rs256, Algorithm::Es256] {
            let key = SigningKey::make(algorithm, "k").unwrap();
            let again = SigningKey::from_pkcs8(algorithm, "k", &key.to_pkcs8().unwrap()).unwrap();
            assert_eq!(key.jwk(true), again.jwk(true));
            let token = Token::parse(&again.sign(br#"{"iss":"x"}"#).unwrap()).unwrap();
            assert_eq!(token.header.alg, algorithm.name());
            let Value::Object(members) = key.jwk(false) else {
                unreachable!()
            };
            assert!(
                members
                    .keys()
                    .all(|m| !["d", "p", "q", "dp", "dq", "qi", "k"].contains(&m.as_str()))
            );
            verify(&token, &Jwk { members }).unwrap();
        }
    }
}

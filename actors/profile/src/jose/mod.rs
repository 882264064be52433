//! JSON Web Tokens as resource servers meet them: reading, keys, verification (RFC 7515, 7517, 7519).

mod algorithm;
mod json;
mod jwk;
mod token;

pub use algorithm::Algorithm;
pub use json::{JsonFault, parse_strict};
pub use jwk::{Jwk, JwkFault, Jwks, VerifyFault, VerifyingKey};
pub use token::{Header, Part, Token, TokenFault};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// Encodes as base64url without padding (RFC 7515 §2).
pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes base64url without padding; padding, `+`, `/`, white space and left-over bits are errors.
pub fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Verifies a token's signature with one key: the algorithm must fit the key (TOK-6), whatever the
/// token says. Use [`VerifyingKey`] where many tokens meet the same key.
pub fn verify(token: &Token, jwk: &Jwk) -> Result<(), VerifyFault> {
    VerifyingKey::new(jwk)
        .map_err(VerifyFault::Key)?
        .verify(token)
}

//! Codes: given once a person has logged in, redeemed once by the service they were given to (RFC 6749 §4.1.3,
//! RFC 7636 §4.6). Pure.

use aws_lc_rs::digest;
use carnet_profile::jose::base64url;

use crate::request::Asked;

/// A code that was given out.
#[derive(Clone, Debug)]
pub struct Code {
    /// What was asked.
    pub asked: Asked,
    /// Who logged in.
    pub sub: String,
    /// When, Unix seconds.
    pub auth_time: i64,
    /// When the code ends, Unix seconds.
    pub exp: i64,
}

/// Why a token request is refused: error code and text (RFC 6749 §5.2).
pub type Refused = (&'static str, String);

/// Whether a code may be redeemed so. The code is gone either way.
pub fn redeem(
    code: &Code,
    client_id: &str,
    redirect_uri: Option<&str>,
    verifier: Option<&str>,
    now: i64,
) -> Result<(), Refused> {
    let wrong = |text: &str| Err(("invalid_grant", text.to_owned()));
    if code.exp <= now {
        return wrong("The code has expired.");
    }
    if code.asked.client_id != client_id {
        return wrong("The code was given to another service.");
    }
    if redirect_uri != Some(code.asked.redirect_uri.as_str()) {
        return wrong("redirect_uri is not the one that the code was sent to.");
    }
    match verifier {
        Some(verifier) if s256(verifier) == code.asked.challenge => Ok(()),
        Some(_) => wrong("code_verifier does not fit the code_challenge."),
        None => wrong("code_verifier is missing."),
    }
}

/// The S256 transformation of RFC 7636 §4.2.
pub fn s256(verifier: &str) -> String {
    base64url(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_for_one_service_one_address_one_verifier_and_a_short_time() {
        let code = Code {
            asked: Asked {
                client_id: "iam".into(),
                redirect_uri: "https://iam.example/back".into(),
                state: None,
                nonce: None,
                scope: vec!["openid".into()],
                challenge: s256("verifier"),
                login: false,
                max_age: None,
                silent: false,
            },
            sub: "ann".into(),
            auth_time: 0,
            exp: 60,
        };
        let (here, good) = (Some("https://iam.example/back"), Some("verifier"));
        for (client, uri, verifier, now, want) in [
            ("iam", here, good, 59, None),
            ("iam", here, good, 60, Some("expired")),
            ("other", here, good, 0, Some("another service")),
            (
                "iam",
                Some("https://iam.example/"),
                good,
                0,
                Some("redirect_uri"),
            ),
            ("iam", None, good, 0, Some("redirect_uri")),
            ("iam", here, Some("guess"), 0, Some("does not fit")),
            ("iam", here, None, 0, Some("missing")),
        ] {
            let refused = redeem(&code, client, uri, verifier, now).err();
            assert_eq!(
                refused.is_some(),
                want.is_some(),
                "{client} {uri:?} {verifier:?} {now}"
            );
            if let (Some((error, text)), Some(want)) = (refused, want) {
                assert!(error == "invalid_grant" && text.contains(want), "{text}");
            }
        }
    }
}

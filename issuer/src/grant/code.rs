//! `authorization_code` with PKCE (issuer page §2.5).

use aws_lc_rs::digest;
use carnet_profile::jose::base64url;

use super::approved::{Approved, redeem};
use super::{Request, java_null};
use crate::audience::Step;
use crate::errors::Refusal;
use crate::issue::Made;
use crate::issuer::Issuer;
use crate::keys::SigningKey;
use crate::quirks::Quirk;
use crate::store::clients::grants;
use crate::store::{CodeRequest, User};

/// Redeems a code.
pub fn grant(request: &Request<'_>, key: &SigningKey) -> Result<Made, Refusal> {
    let Request { issuer, form, .. } = request;
    let Some(code) = form.get("code") else {
        return Err(if issuer.rules.strict() {
            Refusal::missing("code")
        } else {
            Refusal::bad("invalid_request", "An authorization code must be supplied.")
        });
    };
    let Some(granted) = issuer.pending.take_code(code) else {
        return Err(unknown(request, code));
    };
    check(request, &granted)?;
    let CodeRequest {
        approval,
        user,
        login,
        ..
    } = granted;
    let approved = Approved {
        user,
        login,
        audience: approval.audience,
        resource: approval.resource,
    };
    let scopes = |_: &User| Ok(approval.scopes);
    let made = redeem(
        request,
        Step::Code,
        grants::AUTHORIZATION_CODE,
        approved,
        scopes,
        key,
    )?;
    if !issuer.has(Quirk::Q15) && issuer.pending.redeemed(code, made.refresh, made.access) {
        end(
            issuer,
            made.refresh.into_iter().chain([made.access]).collect(),
        );
        return Err(unknown(request, code));
    }
    Ok(made)
}

fn unknown(request: &Request<'_>, code: &str) -> Refusal {
    let issuer = request.issuer;
    if let Some(ids) = issuer.pending.given_by(code) {
        end(issuer, ids);
    }
    if issuer.rules.strict() {
        Refusal::bad("invalid_grant", "The code is unknown, used or expired.")
    } else {
        Refusal::bad(
            "invalid_grant",
            format!("JpaAuthorizationCodeRepository: no authorization code found for value {code}"),
        )
    }
}

/// RFC 6749 §4.1.2: used twice, so what came of it ends.
fn end(issuer: &Issuer, ids: Vec<u128>) {
    for id in ids {
        issuer.tokens.revoke_refresh(id, true);
        issuer.tokens.revoke_access_digest(id);
    }
    issuer
        .actor
        .note("an authorization code was used twice: the tokens of its first use end");
}

fn check(request: &Request<'_>, granted: &CodeRequest) -> Result<(), Refusal> {
    let Request {
        issuer,
        client,
        form,
        now,
        ..
    } = request;
    let strict = issuer.rules.strict();
    if !issuer.has(Quirk::Q16) && granted.exp <= *now {
        return Err(Refusal::bad(
            "invalid_grant",
            "The code is unknown, used or expired.",
        ));
    }
    let approval = &granted.approval;
    let repeated = form.get("redirect_uri");
    if (approval.redirect_given || repeated.is_some())
        && repeated != Some(approval.redirect_uri.as_str())
    {
        return Err(Refusal::bad("invalid_grant", "Redirect URI mismatch."));
    }
    if approval.client != client.id {
        return Err(if strict {
            Refusal::bad("invalid_grant", "The code was given to another client.")
        } else {
            Refusal::new(401, "invalid_client", "Client ID mismatch")
        });
    }
    let verifier = form.get("code_verifier");
    let Some((challenge, method)) = &approval.challenge else {
        return if strict && verifier.is_some() {
            // RFC 9700 §2.1.1: somebody may have taken the challenge away.
            let text =
                "There is a code_verifier, but the authorization request had no code_challenge.";
            Err(Refusal::bad("invalid_grant", text))
        } else {
            Ok(())
        };
    };
    if strict && verifier.is_some_and(|verifier| !pkce_text(verifier)) {
        let text = "code_verifier must be 43 to 128 letters, digits, or any of - . _ ~.";
        return Err(Refusal::bad("invalid_grant", text));
    }
    let wrong = if issuer.has(Quirk::Q17) {
        "invalid_request"
    } else {
        "invalid_grant"
    };
    let mismatch = || {
        Err(Refusal::bad(
            wrong,
            "Code challenge and verifier do not match",
        ))
    };
    match method.as_str() {
        "S256" => match verifier {
            None if issuer.has(Quirk::Q17) => Err(java_null(
                issuer,
                r#"Cannot invoke "String.getBytes(java.nio.charset.Charset)" because "verifier" is null"#,
            )),
            Some(verifier) if s256(verifier) == *challenge => Ok(()),
            _ => mismatch(),
        },
        "plain" if verifier == Some(challenge.as_str()) => Ok(()),
        "plain" => mismatch(),
        // Q-46: nothing is checked.
        _ => Ok(()),
    }
}

/// The form of a verifier (RFC 7636 §4.1).
fn pkce_text(text: &str) -> bool {
    let one = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    (43..=128).contains(&text.len()) && text.bytes().all(one)
}

/// The S256 transformation of RFC 7636 §4.2.
pub fn s256(verifier: &str) -> String {
    base64url(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn rfc_7636_appendix_b() {
        let challenge = super::s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}

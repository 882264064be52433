//! Rucio's door for tokens of the issuer: judged, then matched with an account (rucio page §1.3).

use carnet_profile::jose::Token;
use carnet_profile::judge::{
    Demand, Diagnosis, Refusal, Rules, TrustedIssuer, judge as judge_token,
};

use crate::account::{IdentityType, oidc_identity};
use crate::review::Further;
use crate::server::Rucio;

/// Somebody who came in with a token.
pub(crate) struct Visitor {
    /// The account the identity opens.
    pub(crate) account: String,
    /// `SUB=…, ISS=…`.
    pub(crate) identity: String,
    /// When the token ends, Unix seconds.
    pub(crate) expires: i64,
    /// The token's audience.
    pub(crate) audience: String,
    /// The token's scope.
    pub(crate) scope: String,
}

/// Judges a token at the door and tells the journal; nothing when it does not open.
///
/// Every audience and every scope expected must be there, and the identity must be an account's.
pub(crate) async fn judge(rucio: &Rucio, text: &str) -> Option<Visitor> {
    let (config, actor) = (rucio.config(), rucio.actor());
    let expected = config.door_audience(&actor.base_url());
    let now = actor.clock().seconds();
    if let Ok(token) = Token::parse(text)
        && token.claims.iss() == Some(config.issuer.as_str())
    {
        rucio
            .issuer()
            .ready(token.header.kid.as_deref().unwrap_or_default())
            .await;
    }
    let mut rules = Rules::new(
        actor.host(),
        expected.split_whitespace().next().unwrap_or_default(),
    );
    rules.issuers = vec![TrustedIssuer::new(&config.issuer, "/")];
    rules.accept_any_audience = false;
    rules.max_validity = Some(i64::MAX);
    let verdict = judge_token(
        &rules,
        Some(text),
        rucio.issuer().keys(),
        &Demand::Identity,
        now,
    );
    let mut further = Further::default();
    let claims = verdict.claims.clone();
    let (mut account, mut identity) = (None, String::new());
    if let Some(claims) = &claims {
        let (have, scope) = (claims.aud(), claims.scope().unwrap_or_default());
        let lacks =
            |wanted: &str, have: &dyn Fn(&str) -> bool| wanted.split_whitespace().any(|w| !have(w));
        if expected.split_whitespace().count() > 1 {
            further.check(
                !lacks(&expected, &|w| have.iter().any(|h| h == w)),
                "audience.all",
                have.join(" "),
                &expected,
                || Refusal::invalid_token(Diagnosis::AudMismatch, "the token lacks an audience"),
            );
        }
        let wanted = &config.expected_scope;
        further.check(
            !lacks(wanted, &|w| scope.split_whitespace().any(|s| s == w)),
            "scope",
            scope,
            wanted,
            || {
                Refusal::insufficient(
                    Diagnosis::MissingScope,
                    format!("the token lacks one of the scopes {wanted}"),
                )
            },
        );
        identity = oidc_identity(
            claims.sub().unwrap_or_default(),
            claims.iss().unwrap_or_default(),
        );
        account = rucio.read(|c| {
            let first = c
                .identity(IdentityType::Oidc, &identity)?
                .accounts
                .first()?;
            c.accounts
                .get(first)
                .filter(|a| a.status() == "ACTIVE")
                .map(|a| a.name.clone())
        });
        further.check(
            account.is_some(),
            "identity",
            &identity,
            "an identity of an account",
            || Refusal::insufficient(Diagnosis::SubjectNotListed, "no account has this identity"),
        );
    }
    let verdict = further.add_to(verdict, "Rucio's door".to_owned());
    actor.judged(verdict.jti(), &verdict);
    if !verdict.granted {
        return None;
    }
    let claims = claims?;
    Some(Visitor {
        account: account?,
        identity,
        expires: claims.exp()?,
        audience: claims.aud().join(" "),
        scope: claims.scope().unwrap_or_default().to_owned(),
    })
}

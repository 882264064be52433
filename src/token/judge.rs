//! `carnet token verify` and `why`: the judge of the storage elements and services, at the command line.

use anyhow::{Context as _, anyhow};
use carnet_profile::jose::{Algorithm, Jwks, Token};
use carnet_profile::judge::{Demand, Rules, StorageAction, TrustedIssuer, Verdict, judge};
use carnet_profile::keys::FixedKeys;
use carnet_profile::path::RequestPath;
use carnet_profile::testing::{Draft, SigningKey, Way};

use super::{given, now};
use crate::args::VerifyOptions;
use crate::{Outcome, output};

/// Name of the key that stands in for the issuer's when the signature is not looked at.
const STAND_IN: &str = "not looked at (`carnet token verify --jwks FILE` does)";

/// The `kid` of that key.
const STAND_IN_KID: &str = "stand-in";

pub(crate) fn verify(options: &VerifyOptions) -> anyhow::Result<Outcome> {
    let token = given(options.token.clone())?;
    let file = options.jwks.as_deref().ok_or_else(|| {
        anyhow!("--jwks FILE is needed: the issuer's keys (`carnet token why` judges without the signature)")
    })?;
    let document =
        std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let jwks = Jwks::parse(&document)
        .map_err(|fault| anyhow!("{} is no JWKS: {fault}", file.display()))?;
    let issuer = issuer_of(options, &token)?;
    let mut keys = FixedKeys::new();
    for unusable in keys.add(&issuer, &jwks) {
        output::complain(&format!("note: {unusable}"));
    }
    let verdict = judge(
        &rules(options, &issuer)?,
        Some(&token),
        &keys,
        &demand(&options.demand)?,
        at(options),
    );
    Ok(tell(&verdict))
}

pub(crate) fn why(options: &VerifyOptions) -> anyhow::Result<Outcome> {
    let token = given(options.token.clone())?;
    let parsed = Token::parse(&token).map_err(|fault| anyhow!("not a token: {fault}"))?;
    let issuer = issuer_of(options, &token)?;
    let rules = rules(options, &issuer)?;
    let algorithm = parsed.header.alg.as_str();
    let accepted = Algorithm::named(algorithm).is_some_and(|own| rules.algorithms.contains(&own));
    let mut keys = FixedKeys::new();
    let judged = if accepted {
        // The same header and claims under a key of our own: everything but the signature is judged as it stands.
        let key = SigningKey::p256(STAND_IN_KID)?;
        let mut draft = Draft::new(parsed.claims.members().clone());
        for (name, value) in &parsed.header.members {
            draft = draft.header(name, value.clone());
        }
        let draft = draft.header("alg", "ES256").header("kid", STAND_IN_KID);
        let jwks = Jwks {
            keys: vec![key.jwk()],
        };
        keys.add(&issuer, &jwks);
        draft.sign(&key, Way::Usual)?
    } else {
        // Refused for its algorithm, whatever the key.
        token
    };
    let demand = demand(&options.demand)?;
    let mut verdict = judge(&rules, Some(&judged), &keys, &demand, at(options));
    for check in verdict.checks.iter_mut().filter(|_| accepted) {
        match check.name.as_ref() {
            "algorithm" => check.saw = algorithm.to_owned().into(),
            "key" | "signature" => check.saw = STAND_IN.into(),
            _ => {}
        }
    }
    Ok(tell(&verdict))
}

fn at(options: &VerifyOptions) -> i64 {
    options.at.unwrap_or_else(now)
}

fn issuer_of(options: &VerifyOptions, token: &str) -> anyhow::Result<String> {
    if let Some(issuer) = &options.issuer {
        return Ok(issuer.clone());
    }
    let parsed = Token::parse(token).map_err(|fault| anyhow!("not a token: {fault}"))?;
    parsed
        .claims
        .iss()
        .map(str::to_owned)
        .ok_or_else(|| anyhow!("the token has no `iss`: --issuer URL says whom to trust"))
}

fn rules(options: &VerifyOptions, issuer: &str) -> anyhow::Result<Rules> {
    let (audience, more) = options
        .audience
        .split_first()
        .ok_or_else(|| anyhow!("--audience is needed: the name that the judge answers to, for example https://se1.example"))?;
    let mut rules = Rules::new(audience, audience);
    rules.audiences.extend(more.iter().cloned());
    rules.issuers.push(TrustedIssuer::new(issuer, "/"));
    Ok(rules)
}

/// `storage.read:/path` and its like are storage demands; anything else is a scope that must be there.
fn demand(text: &str) -> anyhow::Result<Demand> {
    let Some((name, path)) = text
        .split_once(':')
        .filter(|(name, _)| name.starts_with("storage."))
    else {
        anyhow::ensure!(
            !text.starts_with("storage."),
            "--demand {text}: a path is missing; for example `{text}:/example/file`"
        );
        return Ok(Demand::scope(text));
    };
    let action = match name {
        "storage.read" => StorageAction::Read,
        "storage.list" => StorageAction::List,
        "storage.stat" => StorageAction::Stat,
        "storage.create" => StorageAction::Create,
        "storage.modify" => StorageAction::Replace,
        "storage.delete" => StorageAction::Delete,
        "storage.stage" => StorageAction::Stage,
        "storage.poll" => StorageAction::Poll,
        _ => anyhow::bail!(
            "--demand {text}: no such action; there are storage.read, list, stat, create, modify, delete, stage and poll"
        ),
    };
    let path = RequestPath::parse(path).map_err(|fault| anyhow!("--demand {text}: {fault}"))?;
    Ok(Demand::storage(action, path))
}

fn tell(verdict: &Verdict) -> Outcome {
    output::tell(&carnet_report::token::verdict(verdict, &super::options()));
    if verdict.granted {
        Outcome::Held
    } else {
        Outcome::Broken
    }
}

//! `carnet token verify` and `why`: the judge of the storage elements and services, at the command line.

use std::fmt::Write as _;

use anyhow::{Context as _, anyhow};
use carnet_profile::jose::{Jwks, Token};
use carnet_profile::judge::{Demand, Rules, StorageAction, TrustedIssuer, Verdict, judge};
use carnet_profile::keys::FixedKeys;
use carnet_profile::path::RequestPath;
use carnet_profile::testing::{Draft, SigningKey, Way};

use super::{given, now};
use crate::args::VerifyOptions;
use crate::{Outcome, output};

/// Name of the key that stands in for the issuer's when the signature is not looked at.
const STAND_IN: &str = "not looked at";

pub(crate) fn verify(options: &VerifyOptions) -> anyhow::Result<Outcome> {
    let token = given(options.token.clone())?;
    let file = options.jwks.as_deref().ok_or_else(|| {
        anyhow!("--jwks FILE is needed: the issuer's keys (`carnet token why` judges without the signature)")
    })?;
    let document = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let jwks = Jwks::parse(&document).map_err(|fault| anyhow!("{} is no JWKS: {fault}", file.display()))?;
    let issuer = issuer_of(options, &token)?;
    let mut keys = FixedKeys::new();
    for unusable in keys.add(&issuer, &jwks) {
        output::complain(&format!("note: {unusable}"));
    }
    let verdict = judge(&rules(options, &issuer)?, Some(&token), &keys, &demand(&options.demand)?, at(options));
    Ok(tell(&verdict))
}

pub(crate) fn why(options: &VerifyOptions) -> anyhow::Result<Outcome> {
    let token = given(options.token.clone())?;
    let parsed = Token::parse(&token).map_err(|fault| anyhow!("not a token: {fault}"))?;
    let issuer = issuer_of(options, &token)?;
    // The same claims under a key of our own: everything but the signature is judged as it stands.
    let key = SigningKey::p256(STAND_IN)?;
    let mut draft = Draft::new(parsed.claims.members().clone()).header("alg", "ES256").header("kid", STAND_IN);
    if let Some(typ) = &parsed.header.typ {
        draft = draft.header("typ", typ.as_str());
    }
    let stand_in = draft.sign(&key, Way::Usual)?;
    let mut keys = FixedKeys::new();
    keys.add(&issuer, &Jwks { keys: vec![key.jwk()] });
    let verdict = judge(&rules(options, &issuer)?, Some(&stand_in), &keys, &demand(&options.demand)?, at(options));
    output::tell_line("The signature is not looked at: `carnet token verify --jwks FILE` does.");
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
    parsed.claims.iss().map(str::to_owned).ok_or_else(|| anyhow!("the token has no `iss`: --issuer URL says whom to trust"))
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
    let Some((name, path)) = text.split_once(':').filter(|(name, _)| name.starts_with("storage.")) else {
        anyhow::ensure!(!text.starts_with("storage."), "--demand {text}: a path is missing; for example `{text}:/example/file`");
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
    let mut text = format!("{}: {}\n", if verdict.granted { "granted" } else { "REFUSED" }, verdict.demand);
    let name_width = verdict.checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    for check in &verdict.checks {
        let mark = if check.ok { "ok" } else { "NO" };
        let line = if check.ok || check.wanted.is_empty() {
            format!("saw {}", check.saw)
        } else {
            format!("saw {}, wanted {}", check.saw, check.wanted)
        };
        let _cannot_fail = writeln!(text, "  {mark}  {:name_width$}  {line}", check.name);
    }
    if let Some(refusal) = &verdict.refusal {
        let error = refusal.error.map_or("no error code", carnet_profile::judge::ErrorCode::as_str);
        let _cannot_fail = writeln!(text, "answer: {} {error}: {}", refusal.status, refusal.description);
        if let Some(hint) = &refusal.hint {
            let _cannot_fail = writeln!(text, "hint: {hint}");
        }
    }
    for note in &verdict.notes {
        let _cannot_fail = writeln!(text, "note: {}", note.text);
    }
    output::tell(&text);
    if verdict.granted { Outcome::Held } else { Outcome::Broken }
}

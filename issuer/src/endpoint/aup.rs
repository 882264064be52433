//! The acceptable use policy: its page, which nobody gets past unsigned (issuer page §2.5), and `/iam/aup`, where
//! everybody may read it and administrators write it.

use axum::extract::State;
use axum::response::Response;
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::api::{admin, body, caller, problem};
use super::browser::Browser;
use super::{Here, Request};
use crate::answer::Caching;
use crate::config::AupConfig;
use crate::errors::Refusal;
use crate::issuer::Issuer;
use crate::store::aup::{Aup, Standing};
use crate::store::{read, write};

const NONE: &str = "AUP is not defined for this organization";

/// Shows the policy; a POST signs it.
pub async fn serve(State(issuer): Here, request: Request) -> Response {
    let mut browser = Browser::of(&issuer, request.headers());
    let Some(user) = browser.user(&issuer) else {
        return browser.to_login(&issuer, request.uri());
    };
    let now = issuer.now();
    if *request.method() != Method::POST {
        let book = read(&issuer.aup).clone();
        let page = issuer.pages.aup(book.current().map(|aup| {
            let why = reason(&aup.standing(user.aup_signature, now));
            (aup.config.text.as_str(), aup.config.url.as_deref(), why)
        }));
        let response = issuer.answers.page(200, page);
        return browser.keep(&issuer, response);
    }
    issuer.sign_aup(&user.uuid, now);
    issuer.actor.state(
        "issuer.user",
        &user.username,
        "",
        "aup signed",
        "the person accepted the policy",
    );
    // IAM 1.7 forgets where the person wanted to go.
    let saved = browser
        .session
        .saved
        .take()
        .filter(|_| !issuer.rules.then());
    let back = saved.unwrap_or_else(|| "/dashboard".into());
    let response = issuer
        .answers
        .redirect(302, &issuer.url(&back), Caching::Never);
    browser.keep(&issuer, response)
}

/// Why somebody must sign, in words.
fn reason(standing: &Standing) -> String {
    let day = |at: i64| {
        let text = Timestamp::from_second(at).unwrap_or_default().to_string();
        text.chars().take(10).collect::<String>()
    };
    match *standing {
        Standing::Good => "You have accepted these rules.".into(),
        Standing::Never => "You have not accepted these rules yet.".into(),
        Standing::Lapsed { signed_at, days } => {
            let s = if days == 1 { "" } else { "s" };
            let on = day(signed_at);
            format!(
                "You accepted these rules on {on}. That was good for {days} day{s}: please accept them again."
            )
        }
        Standing::Changed {
            signed_at,
            changed_at,
        } => format!(
            "These rules changed on {}. You accepted the rules before them on {}: please read the new ones.",
            day(changed_at),
            day(signed_at)
        ),
    }
}

/// `/iam/aup`: everybody may read the policy, administrators make, change and delete it.
pub async fn policy(State(issuer): Here, request: Request) -> Response {
    if *request.method() == Method::GET {
        return match read(&issuer.aup).current() {
            Some(aup) => issuer.answers.plain_json(200, &shown(&issuer, aup)),
            None => problem(&issuer, 404, NONE),
        };
    }
    if let Err(refusal) = admin(&issuer, request.method(), request.headers()) {
        return issuer.refuse(&refusal, Caching::Never);
    }
    let method = request.method().clone();
    let old = read(&issuer.aup).current().map(|aup| aup.config.clone());
    match (method, old) {
        (Method::POST, Some(_)) => problem(&issuer, 409, "AUP already exists"),
        (Method::POST, None) => match policy_of(request, None).await {
            Ok(config) => {
                put(&issuer, config, true);
                issuer.answers.bare(201, Caching::Never)
            }
            Err(why) => problem(&issuer, 400, why),
        },
        (Method::DELETE | Method::PATCH, None) => problem(&issuer, 404, NONE),
        (Method::DELETE, Some(_)) => {
            issuer.clear_aup();
            issuer.answers.bare(204, Caching::Never)
        }
        (Method::PATCH, Some(old)) => match policy_of(request, Some(&old)).await {
            Ok(config) => {
                // In IAM only `touch` makes people sign again; otherwise other rules do.
                let renew = issuer.rules.strict() && other_rules(&old, &config);
                put(&issuer, config, renew);
                answer_shown(&issuer)
            }
            Err(why) => problem(&issuer, 400, why),
        },
        _ => issuer.refuse(&Refusal::method("GET,POST,PATCH,DELETE"), Caching::Never),
    }
}

/// `POST /iam/aup/touch`: everybody must sign again.
pub async fn touch(State(issuer): Here, request: Request) -> Response {
    if let Err(refusal) = admin(&issuer, request.method(), request.headers()) {
        return issuer.refuse(&refusal, Caching::Never);
    }
    if *request.method() != Method::POST {
        return issuer.refuse(&Refusal::method("POST"), Caching::Never);
    }
    let config = read(&issuer.aup).current().map(|aup| aup.config.clone());
    match config {
        Some(config) => {
            put(&issuer, config, true);
            answer_shown(&issuer)
        }
        None => problem(&issuer, 404, NONE),
    }
}

/// Whether people would agree to something else.
pub(crate) fn other_rules(old: &AupConfig, new: &AupConfig) -> bool {
    (&old.text, &old.url) != (&new.text, &new.url)
}

/// Puts a policy in force and tells it.
pub(crate) fn put(issuer: &Issuer, config: AupConfig, renew: bool) {
    write(&issuer.aup).put(config, renew, issuer.now());
    issuer.actor.note(if renew {
        "an administrator puts an acceptable use policy in force, which everybody must sign"
    } else {
        "an administrator changes the acceptable use policy; signatures go on counting"
    });
}

fn answer_shown(issuer: &Issuer) -> Response {
    match read(&issuer.aup).current() {
        Some(aup) => issuer.answers.plain_json(200, &shown(issuer, aup)),
        None => problem(issuer, 404, NONE),
    }
}

/// In IAM's JSON; since the text became a URL, 1.12 shows none.
fn shown(issuer: &Issuer, aup: &Aup) -> Value {
    let moment = |at| super::scim::moment(at);
    let text = (!issuer.rules.today()).then_some(aup.config.text.as_str());
    let mut shown = json!({
        "url": aup.config.url, "text": text, "description": null, "signatureValidityInDays": aup.config.validity_days,
        "creationTime": moment(aup.created_at), "lastUpdateTime": moment(aup.changed_at),
    });
    if !issuer.rules.then() {
        shown["aupRemindersInDays"] = "30,15,1".into();
    }
    shown
}

/// A policy in IAM's JSON; what it leaves out stays as it was.
async fn policy_of(request: Request, old: Option<&AupConfig>) -> Result<AupConfig, &'static str> {
    let value = body(request)
        .await
        .ok_or("Invalid AUP: the body is not JSON")?;
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let words = text("text")
        .or(text("description"))
        .or(old.map(|old| old.text.clone()));
    let validity_days = match value.get("signatureValidityInDays") {
        None => old.map_or(0, |old| old.validity_days),
        Some(days) => days
            .as_i64()
            .filter(|days| *days >= 0)
            .ok_or("Invalid AUP: signatureValidityInDays must be >= 0")?,
    };
    Ok(AupConfig {
        text: words.unwrap_or_else(|| "Read the policy and accept it.".into()),
        url: text("url").or(old.and_then(|old| old.url.clone())),
        validity_days,
    })
}

/// `GET /iam/aup/signature`: one's own.
pub async fn signature(State(issuer): Here, request: Request) -> Response {
    let user = match caller(&issuer, request.headers()) {
        Ok(user) => user,
        Err(refusal) => return issuer.refuse(&refusal, Caching::Never),
    };
    let there = read(&issuer.aup).current().is_some() || issuer.rules.then();
    let signed = user.as_ref().and_then(|user| user.aup_signature);
    match (there, signed, user) {
        (false, _, _) => problem(&issuer, 404, NONE),
        (true, Some(signature), Some(user)) => issuer.answers.plain_json(
            200,
            &json!({ "account": { "uuid": &*user.uuid }, "signatureTime": signature.at * 1000 }),
        ),
        (true, _, user) => {
            let name = user.map_or_else(String::new, |user| user.username.to_string());
            let text = format!("AUP signature not found for user '{name}'");
            problem(&issuer, 404, &text)
        }
    }
}

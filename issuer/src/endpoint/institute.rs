//! `/openid_connect_login`: out to a home institute and back (OpenID Connect Core §3.1; IAM's path), and the page for
//! those whom the institute knows and this organisation does not.

use axum::extract::State;
use axum::response::Response;

use super::browser::Browser;
use super::{Here, Request, read};
use crate::answer::Caching;
use crate::errors::Refusal;
use crate::form::Form;
use crate::institute::{Journey, Line, Stranger};
use crate::issuer::Issuer;
use crate::routes::{INSTITUTE, STRANGER};
use crate::store::people::External;

/// Begins (`?iss=…`) or ends (`?code=…`, `?error=…`) a sign-in with a home institute.
pub async fn serve(State(issuer): Here, request: Request) -> Response {
    let method = request.method().clone();
    let (parts, form) = match read(request).await {
        Ok(read) => read,
        Err(refusal) => return issuer.refuse(&refusal, Caching::Never),
    };
    if method != http::Method::GET {
        return issuer.refuse(&Refusal::method("GET"), Caching::Never);
    }
    if issuer.institutes.is_empty() {
        return issuer.refuse(&Refusal::page(404, "Not Found"), Caching::Never);
    }
    let browser = Browser::of(&issuer, &parts.headers);
    let returns = ["code", "error", "state"]
        .iter()
        .any(|name| form.get(name).is_some());
    if returns {
        come_back(&issuer, browser, &form).await
    } else {
        go(&issuer, browser, &form).await
    }
}

/// Sends the browser to the institute of `iss`, or to the only one.
async fn go(issuer: &Issuer, mut browser: Browser, form: &Form) -> Response {
    let line = match form.filled("iss") {
        Some(iss) => issuer
            .institutes
            .iter()
            .find(|line| line.provider.issuer == iss),
        None => issuer
            .institutes
            .first()
            .filter(|_| issuer.institutes.len() == 1),
    };
    let Some(line) = line else {
        let known: Vec<&str> = issuer
            .institutes
            .iter()
            .map(|line| line.provider.name.as_str())
            .collect();
        let why = format!(
            "That institute is not known here. There is: {}",
            known.join(", ")
        );
        return turn_back(issuer, browser, why);
    };
    let metadata = match line.metadata(&issuer.actor).await {
        Ok(metadata) => metadata,
        Err(why) => return turn_back(issuer, browser, why),
    };
    let journey = Journey {
        provider: line.provider.issuer.clone(),
        state: issuer.random_text(16),
        nonce: issuer.random_text(16),
        verifier: issuer.random_text(32),
    };
    let Some(to) = journey.begin(&metadata.authorize, &line.provider, &issuer.url(INSTITUTE))
    else {
        let why = format!("{} names no address to sign in at.", line.provider.name);
        return turn_back(issuer, browser, why);
    };
    browser.session.journey = Some(journey);
    let response = issuer.answers.redirect(302, &to, Caching::Never);
    browser.keep(issuer, response)
}

/// The browser is back. Whatever it brings, this journey is over.
async fn come_back(issuer: &Issuer, mut browser: Browser, form: &Form) -> Response {
    let journey = browser.session.journey.take();
    let line = journey.as_ref().and_then(|journey| {
        issuer
            .institutes
            .iter()
            .find(|line| line.provider.issuer == journey.provider)
    });
    let name = line.map_or("The institute", |line| line.provider.name.as_str());
    let end = Journey::end(journey.as_ref().filter(|_| line.is_some()), name, form);
    let demand = format!("signing in with {name}");
    let hint = end.outcome.as_ref().err().cloned();
    issuer.judged(None, demand, end.outcome.is_ok(), end.checks, hint);
    let person = match (end.outcome, line, journey) {
        (Ok(code), Some(line), Some(journey)) => vouched(issuer, line, &journey, &code).await,
        (Err(why), ..) => Err(why),
        (Ok(_), ..) => Err("That institute is no longer known here.".to_owned()),
    };
    let stranger = match person {
        Ok(stranger) => stranger,
        Err(why) => return turn_back(issuer, browser, why),
    };
    match issuer
        .people
        .by_external(&stranger.issuer, &stranger.subject)
    {
        External::Member(user) => {
            issuer.actor.note(format!(
                "{} logs in with {}",
                user.username, stranger.institute
            ));
            browser.log_in(issuer, &user, true)
        }
        External::Suspended(user) => {
            let why = format!(
                "The account {} is suspended. Please ask an administrator.",
                user.username
            );
            turn_back(issuer, browser, why)
        }
        External::Unknown => {
            issuer.actor.note(format!(
                "{} vouches for {}, who has no account here",
                stranger.institute, stranger.subject
            ));
            browser.session.stranger = Some(stranger);
            let response = issuer
                .answers
                .redirect(302, &issuer.url(STRANGER), Caching::Never);
            browser.keep(issuer, response)
        }
    }
}

/// Whom the institute vouches for: the code redeemed, the ID token judged.
async fn vouched(
    issuer: &Issuer,
    line: &Line,
    journey: &Journey,
    code: &str,
) -> Result<Stranger, String> {
    let (actor, name) = (&issuer.actor, &line.provider.name);
    let given = line
        .redeem(actor, code, journey, &issuer.url(INSTITUTE))
        .await?;
    let verdict = line.judge(actor, &given, &journey.nonce).await;
    actor.judged(verdict.jti(), &verdict);
    if let Some(refusal) = verdict.refusal {
        return Err(format!(
            "The ID token of {name} does not hold: {}.",
            refusal.description
        ));
    }
    let sub = given.id_token.claims.sub().filter(|sub| !sub.is_empty());
    let subject = sub
        .ok_or_else(|| format!("The ID token of {name} names nobody."))?
        .to_owned();
    let (full_name, email) = line.person(actor, &given, &subject).await;
    Ok(Stranger {
        institute: name.clone(),
        issuer: line.provider.issuer.clone(),
        subject,
        name: full_name,
        email,
    })
}

/// Back to the login page, which says what went wrong.
fn turn_back(issuer: &Issuer, mut browser: Browser, why: String) -> Response {
    browser.session.problem = Some(why);
    let response = issuer
        .answers
        .redirect(302, &issuer.url("login?error=true"), Caching::Never);
    browser.keep(issuer, response)
}

/// `/start-registration`: who was vouched for and is not known here reads what is missing, to the letter.
pub async fn stranger(State(issuer): Here, request: Request) -> Response {
    let browser = Browser::of(&issuer, request.headers());
    let Some(stranger) = browser.session.stranger.clone() else {
        return issuer
            .answers
            .redirect(302, &issuer.url("login"), Caching::Never);
    };
    // IAM shows its registration form with 200; here nothing can be filled in.
    let status = if issuer.rules.strict() { 403 } else { 200 };
    let response = issuer
        .answers
        .page(status, issuer.pages.stranger(&stranger));
    browser.keep(&issuer, response)
}

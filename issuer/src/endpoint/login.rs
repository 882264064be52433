//! Login, logout, and the page where people land (issuer page §2.5).

use axum::extract::State;
use axum::response::Response;
use http::Method;

use super::browser::Browser;
use super::{Here, Request, read};
use crate::answer::Caching;
use crate::auth::same;
use crate::errors::Refusal;
use crate::pages::Login;

/// The login page, and its form's target.
pub async fn serve(State(issuer): Here, request: Request) -> Response {
    let method = request.method().clone();
    if !matches!(method, Method::GET | Method::HEAD | Method::POST) {
        return issuer.refuse(&Refusal::method("GET,POST"), Caching::Never);
    }
    let (parts, form) = match read(request).await {
        Ok(read) => read,
        Err(refusal) => return issuer.refuse(&refusal, Caching::Never),
    };
    let mut browser = Browser::of(&issuer, &parts.headers);
    if method != Method::POST {
        let failed = form.get("error").is_some();
        let problem = browser.session.problem.take();
        let page = issuer.pages.login(&Login {
            problem: problem
                .as_deref()
                .or(failed.then_some("Invalid username or password.")),
            logged_out: form.get("logout").is_some(),
            institutes: issuer
                .institutes
                .iter()
                .map(|line| &line.provider)
                .collect(),
        });
        let response = issuer.answers.page(200, page);
        return browser.keep(&issuer, response);
    }
    let (name, password) = (
        form.get("username").unwrap_or_default(),
        form.get("password").unwrap_or_default(),
    );
    let user = issuer
        .people
        .by_name(name)
        .filter(|user| same(&user.password, password) && user.active);
    let Some(user) = user else {
        let response =
            issuer
                .answers
                .redirect(302, &issuer.url("login?error=failure"), Caching::Never);
        let response = issuer.answers.early(response);
        return browser.keep(&issuer, response);
    };
    issuer.actor.note(format!("{} logs in", user.username));
    browser.log_in(&issuer, &user, false)
}

/// Ends the session.
pub async fn logout(State(issuer): Here, request: Request) -> Response {
    let browser = Browser::of(&issuer, request.headers());
    issuer.pending.drop_session(&browser.id);
    let response = issuer
        .answers
        .redirect(302, &issuer.url("login?logout"), Caching::Never);
    issuer.answers.early(response)
}

/// Where people land after login.
pub async fn dashboard(State(issuer): Here, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return issuer.refuse(&Refusal::method("GET"), Caching::Never);
    }
    let browser = Browser::of(&issuer, request.headers());
    let Some(user) = browser.user(&issuer) else {
        return browser.to_login(&issuer, request.uri());
    };
    let groups: Vec<&str> = user.memberships.all.iter().map(|g| &**g).collect();
    let response = issuer.answers.page(
        200,
        issuer.pages.dashboard(&user.name, &user.username, &groups),
    );
    browser.keep(&issuer, response)
}

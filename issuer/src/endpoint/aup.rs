//! The acceptable use policy's page: nobody gets on before signing it (issuer page §2.5).

use axum::extract::State;
use axum::response::Response;
use http::Method;

use super::browser::Browser;
use super::{Here, Request};
use crate::answer::Caching;

/// Shows the policy; a POST signs it.
pub async fn serve(State(issuer): Here, request: Request) -> Response {
    let mut browser = Browser::of(&issuer, request.headers());
    let Some(user) = browser.user(&issuer) else {
        return browser.to_login(&issuer, request.uri());
    };
    if *request.method() != Method::POST {
        let aup = crate::store::read(&issuer.aup).clone();
        let text = aup
            .as_ref()
            .map_or("There is no policy to sign.", |aup| aup.text.as_str());
        let page = issuer
            .pages
            .aup(text, aup.as_ref().and_then(|aup| aup.url.as_deref()));
        let response = issuer.answers.page(200, page);
        return browser.keep(&issuer, response);
    }
    let now = issuer.now();
    issuer
        .people
        .change(&user.uuid, |user| user.aup_signed_at = Some(now));
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

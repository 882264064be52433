//! `/authorize`: the request, the consent, the code (RFC 6749 §4.1, RFC 7636, OIDC Core §3.1.2; issuer page §2.5).

use axum::extract::State;
use axum::response::Response;
use http::Method;
use http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::browser::Browser;
use super::{Here, Request, read};
use crate::answer::Caching;
use crate::audience::Step;
use crate::errors::{Refusal, Shape};
use crate::form::Form;
use crate::grant::{
    check_groups, check_scopes, first_filter, in_place_of_none, parse_scope, stumbled, target,
};
use crate::issuer::Issuer;
use crate::order;
use crate::quirks::Quirk;
use crate::store::holder::Login;
use crate::store::{Approval, Client, CodeRequest, User};

mod request;
use request::{challenge, client_of, has_broken_escape, not_supported, redirect_uri, wants_login};

/// What stays as it is in a query.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'\'')
    .remove(b':')
    .remove(b'/')
    .remove(b'(')
    .remove(b')');

/// Answers a request or an approval.
pub async fn serve(State(issuer): Here, request: Request) -> Response {
    let method = request.method().clone();
    if issuer.rules.strict() && !matches!(method, Method::GET | Method::HEAD | Method::POST) {
        return issuer.refuse(&Refusal::method("GET,POST"), Caching::Never);
    }
    let (parts, form) = match read(request)
        .await
        .and_then(|(parts, form)| Ok((parts, form.settle(&issuer.rules)?)))
    {
        Ok(read) => read,
        Err(refusal) => return issuer.refuse(&refusal.dressed(Shape::OAuthPage), Caching::Never),
    };
    if method == Method::POST && form.get("client_id").is_none() {
        approve(&issuer, &parts, &form)
    } else {
        ask(&issuer, &parts, &form)
    }
}

/// Where an answer of this endpoint goes, and what it carries along.
struct Return {
    uri: String,
    state: Option<String>,
}

impl Return {
    fn to(&self, issuer: &Issuer, params: &[(&str, &str)], fragment: bool) -> Response {
        let mut all: Vec<(&str, &str)> = params.to_vec();
        if let Some(state) = &self.state {
            all.push(("state", state));
        }
        let iss = issuer.iss.to_string();
        if issuer.rules.strict() {
            all.push(("iss", &iss));
        }
        let pair =
            |(name, value): &(&str, &str)| format!("{name}={}", utf8_percent_encode(value, QUERY));
        let query = all.iter().map(pair).collect::<Vec<_>>().join("&");
        let mark = if fragment {
            '#'
        } else if self.uri.contains('?') {
            '&'
        } else {
            '?'
        };
        // IAM's filter for prompt=none comes before the endpoint and redirects the old way.
        let early = params
            .first()
            .is_some_and(|(_, value)| *value == "login_required");
        let early = early && !issuer.rules.strict();
        let status = if issuer.rules.then() || early {
            302
        } else {
            303
        };
        let given = params.first().is_some_and(|(name, _)| *name == "code");
        let caching = match (issuer.rules.strict(), issuer.rules.then(), given) {
            (true, ..) => Caching::NoStore,
            (false, false, true) => Caching::Approval,
            _ if early => Caching::Unsaid,
            _ => Caching::Never,
        };
        let to = format!("{}{mark}{query}", self.uri);
        let response = issuer.answers.redirect(status, &to, caching);
        if early {
            issuer.answers.early(response)
        } else {
            response
        }
    }

    fn error(&self, issuer: &Issuer, error: &str, text: &str, fragment: bool) -> Response {
        self.to(
            issuer,
            &[("error", error), ("error_description", text)],
            fragment,
        )
    }
}

fn ask(issuer: &Issuer, parts: &Parts, form: &Form) -> Response {
    let page = |refusal: Refusal| issuer.refuse(&refusal.dressed(Shape::OAuthPage), Caching::Never);
    if !issuer.rules.strict() && has_broken_escape(parts.uri.query().unwrap_or_default()) {
        let refusal = Refusal::page(500, "Internal Server Error");
        return issuer.refuse(&refusal, Caching::Never);
    }
    let mut browser = Browser::of(issuer, &parts.headers);
    let user = browser.user(issuer);
    let prompt = form.get("prompt").unwrap_or_default();
    let none = prompt.split(' ').any(|p| p == "none");
    if user.is_none() && !none {
        return browser.to_login(issuer, &parts.uri);
    }
    if let Some(user) = &user
        && issuer.must_sign(user, issuer.now())
    {
        return browser.to_aup(issuer, &parts.uri);
    }
    let client = match client_of(issuer, form) {
        Ok(client) => client,
        Err(refusal) => return page(refusal),
    };
    if form.filled("request").is_some() && !issuer.rules.strict() {
        return page(Refusal::new(
            401,
            "invalid_client",
            "Client is not registered for unsigned request objects (no request_object_signing_alg registered)",
        ));
    }
    let back = match redirect_uri(issuer, &client, form) {
        Ok(uri) => Return {
            uri,
            state: form.get("state").map(str::to_owned),
        },
        Err(refusal) => return page(refusal),
    };
    let Some(user) = user.filter(|_| !none || !issuer.has(Quirk::Q45)) else {
        return back.to(issuer, &[("error", "login_required")], false);
    };
    if issuer.rules.strict()
        && let Some((error, text)) = not_supported(form)
    {
        return back.error(issuer, error, text, false);
    }
    if issuer.rules.strict() && wants_login(issuer, &browser, form) {
        let this = parts.uri.path_and_query().map(ToString::to_string);
        if none {
            return back.to(issuer, &[("error", "login_required")], false);
        }
        if browser.session.anew.take() != this {
            browser.session.anew = this;
            browser.session.user = None;
            return browser.to_login(issuer, &parts.uri);
        }
    }
    if form.get("response_type") != Some("code") {
        let text = if issuer.rules.then() {
            format!(
                "Unsupported response types: [{}]",
                form.get("response_type").unwrap_or_default()
            )
        } else {
            "Unsupported response types".into()
        };
        // IAM answers this for the request that the session has already.
        let earlier = browser.session.pending.filter(|_| issuer.has(Quirk::Q54));
        let back = earlier.map_or(back, |earlier| Return {
            uri: earlier.redirect_uri,
            state: earlier.state,
        });
        return back.error(issuer, "unsupported_response_type", &text, false);
    }
    let approval = match approval(issuer, &client, &user, form, &back) {
        Ok(approval) => approval,
        // An exception inside, which IAM answers with a page.
        Err(refusal) if refusal.status == 500 => {
            let refusal = Refusal::page(500, "Internal Server Error");
            let caching = if issuer.rules.then() {
                Caching::Never
            } else {
                Caching::Unsaid
            };
            return issuer.refuse(&refusal, caching);
        }
        Err(refusal) => {
            let fragment = issuer.has(Quirk::Q54) && browser.session.pending.is_some();
            return back.error(issuer, refusal.error, &refusal.description, fragment);
        }
    };
    let known = issuer
        .pending
        .consented(&user.uuid, &client.id, &approval.scopes, issuer.now());
    let asks = prompt.split(' ').any(|p| p == "consent");
    if known && !asks && !approval.none_left {
        let response = give_code(issuer, &browser, &user, approval);
        return browser.keep(issuer, response);
    }
    if none {
        return back.to(issuer, &[("error", "consent_required")], false);
    }
    let html = issuer.pages.consent(
        &client.name,
        &user.name,
        &approval.scopes,
        issuer.rules.then(),
    );
    browser.session.pending = Some(approval);
    let caching = if issuer.rules.then() {
        Caching::Never
    } else {
        Caching::Approval
    };
    let response = issuer.answers.small_page(html, caching);
    browser.keep(issuer, response)
}

/// The request as the person will see it; a refusal goes back to the client.
fn approval(
    issuer: &Issuer,
    client: &Client,
    user: &User,
    form: &Form,
    back: &Return,
) -> Result<Approval, Refusal> {
    let target = target(form);
    if let Err(fault) = target.check_resource(&issuer.rules) {
        return Err(if issuer.has(Quirk::Q43) {
            Refusal::page(500, "Internal Server Error")
        } else {
            Refusal::bad("invalid_target", fault.to_string())
        });
    }
    let parsed = parse_scope(issuer, client, form.get("scope"));
    let unfiltered = parsed.clone().unwrap_or_default();
    let (shown, none_left) = if issuer.rules.strict() {
        let asked = parsed.unwrap_or_else(|| in_place_of_none(issuer, client));
        check_scopes(issuer, client, &asked)?;
        check_groups(issuer, user, &asked)?;
        (first_filter(issuer, client, user, &asked)?, false)
    } else {
        let kept = issuer
            .scope_policies()
            .filter(&unfiltered, &user.person(), true, !issuer.rules.then())
            .map_err(|stumble| stumbled(issuer, &stumble))?
            .kept;
        check_scopes(issuer, client, &order::sorted(kept.clone()))?;
        if kept.is_empty() {
            (in_place_of_none(issuer, client), true)
        } else {
            (kept, false)
        }
    };
    let substituted = unfiltered.is_empty();
    let unfiltered = if substituted {
        shown.clone()
    } else {
        unfiltered
    };
    let challenge = challenge(issuer, client, form)?;
    Ok(Approval {
        client: client.id.clone(),
        redirect_uri: back.uri.clone(),
        redirect_given: form.filled("redirect_uri").is_some(),
        state: back.state.clone(),
        scopes: shown,
        unfiltered,
        substituted,
        none_left: none_left && issuer.has(Quirk::Q55),
        audience: target.wish(Step::First, &issuer.rules).map(str::to_owned),
        resource: target
            .resource
            .filter(|r| !r.is_empty() && !issuer.rules.then())
            .map(str::to_owned),
        challenge,
        nonce: form.get("nonce").map(str::to_owned),
        max_age: form.get("max_age").is_some(),
    })
}

/// The person's answer.
fn approve(issuer: &Issuer, parts: &Parts, form: &Form) -> Response {
    let page = |refusal: Refusal| issuer.refuse(&refusal.dressed(Shape::OAuthPage), Caching::Never);
    let mut browser = Browser::of(issuer, &parts.headers);
    let Some(user) = browser.user(issuer) else {
        return browser.to_login(issuer, &parts.uri);
    };
    let Some(mut approval) = browser.session.pending.take() else {
        return page(Refusal::bad(
            "invalid_request",
            "Cannot approve uninitialized authorization request.",
        ));
    };
    if approval.none_left {
        let text = "Changes were detected from the original authorization request.";
        let response = page(Refusal::bad("invalid_request", text));
        return browser.keep(issuer, response);
    }
    let back = Return {
        uri: approval.redirect_uri.clone(),
        state: approval.state.clone(),
    };
    if form.get("user_oauth_approval") != Some("true") || form.get("deny").is_some() {
        issuer.actor.note(format!(
            "{} refuses what client {} asks",
            user.username, approval.client
        ));
        let response = back.error(issuer, "access_denied", "User denied access", false);
        return browser.keep(issuer, response);
    }
    let ticked = |scope: &String| {
        form.get(&format!("scope.{scope}")).is_some()
            || form.get(&format!("scope_{scope}")).is_some()
    };
    let any = form
        .pairs()
        .iter()
        .any(|(name, _)| name.starts_with("scope.") || name.starts_with("scope_"));
    if any {
        let dropped: Vec<String> = approval
            .scopes
            .iter()
            .filter(|scope| !ticked(scope))
            .cloned()
            .collect();
        approval.scopes.retain(|scope| !dropped.contains(scope));
        approval.unfiltered.retain(|scope| !dropped.contains(scope));
    }
    let until = match form.get("remember") {
        Some("one-hour") => Some(Some(issuer.now() + 3600)),
        Some("until-revoked") => Some(None),
        _ => None,
    };
    if let Some(until) = until {
        issuer
            .pending
            .remember(&user.uuid, &approval.client, approval.scopes.clone(), until);
    }
    let response = give_code(issuer, &browser, &user, approval);
    browser.keep(issuer, response)
}

fn give_code(issuer: &Issuer, browser: &Browser, user: &User, mut approval: Approval) -> Response {
    let mut code = issuer.random_text(16);
    if issuer.rules.then() {
        code = code.replace(['-', '_'], "x");
    }
    if issuer.rules.then() {
        approval.scopes = std::mem::take(&mut approval.unfiltered);
    }
    // The client's scopes in place of none keep the order they have.
    if !approval.substituted {
        approval.scopes = in_token_order(issuer, approval.scopes);
    }
    let (_, at) = browser.session.user.clone().unwrap_or_default();
    let login = Login {
        at,
        browser: true,
        external: browser.session.external,
        tell_time: approval.max_age,
        nonce: approval.nonce.as_deref().map(Into::into),
    };
    issuer.actor.note(format!(
        "{} approves what client {} asks: {}",
        user.username,
        approval.client,
        approval.scopes.join(" ")
    ));
    let back = Return {
        uri: approval.redirect_uri.clone(),
        state: approval.state.clone(),
    };
    let exp = issuer.now() + issuer.config.lifetimes.code;
    issuer.pending.put_code(
        code.clone(),
        CodeRequest {
            approval,
            user: user.uuid.clone(),
            login,
            exp,
        },
    );
    back.to(issuer, &[("code", &code)], false)
}

/// The order in which approved scopes come to the token step: system scopes first, the rest sorted, through two
/// tables (issuer page §2.0).
fn in_token_order(issuer: &Issuer, scopes: Vec<String>) -> Vec<String> {
    if !issuer.has(Quirk::Q06) {
        return scopes;
    }
    let system = issuer.catalogue.system();
    let (mut known, rest): (Vec<String>, Vec<String>) =
        scopes.into_iter().partition(|s| system.contains(s));
    known.sort_by_key(|scope| system.iter().position(|s| s == scope));
    known.extend(order::sorted(rest));
    let capacity = if issuer.rules.then() {
        order::copy_capacity(known.len())
    } else {
        16
    };
    order::hashed_by_count(order::hashed(known, capacity))
}

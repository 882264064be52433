//! The pages of the device flow: type the code, approve it (RFC 8628 §3.3; issuer page §2.8).

use axum::extract::State;
use axum::response::Response;
use http::Method;

use super::browser::Browser;
use super::{Here, Request, failed_inside, read};
use crate::answer::Caching;
use crate::audience::Asked;
use crate::grant::{device::approved, in_place_of_none};
use crate::issuer::Issuer;
use crate::store::holder::Login;
use crate::store::{DeviceRequest, DeviceState};

/// `GET /device`: asks for the code, or goes straight to the approval when the link has it.
pub async fn show(State(issuer): Here, request: Request) -> Response {
    let uri = request.uri().clone();
    let (parts, form) = match read(request).await {
        Ok(read) => read,
        Err(refusal) => return issuer.refuse(&refusal, Caching::Never),
    };
    let browser = Browser::of(&issuer, &parts.headers);
    let Some(user) = browser.user(&issuer) else {
        return browser.to_login(&issuer, &uri);
    };
    if issuer.must_sign(&user, issuer.now()) {
        return browser.to_aup(&issuer, &uri);
    }
    if let Some(code) = form.filled("user_code") {
        return verified(&issuer, browser, code);
    }
    let response = issuer
        .answers
        .small_page(issuer.pages.device(None), Caching::Never);
    browser.keep(&issuer, response)
}

/// `POST /device/verify`: looks the code up and asks for approval.
pub async fn verify(State(issuer): Here, request: Request) -> Response {
    let uri = request.uri().clone();
    let (parts, form) = match read(request).await {
        Ok(read) => read,
        Err(refusal) => return issuer.refuse(&refusal, Caching::Never),
    };
    let browser = Browser::of(&issuer, &parts.headers);
    if browser.user(&issuer).is_none() {
        return browser.to_login(&issuer, &uri);
    }
    verified(&issuer, browser, form.get("user_code").unwrap_or_default())
}

fn look_up(issuer: &Issuer, user_code: &str) -> Result<(String, DeviceRequest), &'static str> {
    let found = issuer
        .pending
        .device_code_of(user_code)
        .and_then(|code| issuer.pending.device(&code).map(|d| (code, d)));
    let (code, device) = found.ok_or("The code that you entered was not found.")?;
    if device.exp <= issuer.now() {
        return Err("The code that you entered has expired.");
    }
    if device.state != DeviceState::Pending {
        return Err("The code that you entered has already been used.");
    }
    Ok((code, device))
}

fn verified(issuer: &Issuer, mut browser: Browser, user_code: &str) -> Response {
    // People group letters as they like (RFC 8628 §6.1); IAM's codes have strokes of their own.
    let letters = |c: &char| c.is_ascii_alphanumeric() || !issuer.rules.strict();
    let user_code: String = user_code.chars().filter(letters).collect();
    let page = match look_up(issuer, &user_code) {
        Err(why) => issuer.pages.device(Some(why)),
        Ok((_, device)) => {
            browser.session.user_code = Some(device.user_code.clone());
            let client = issuer.clients.get(&device.client);
            let name = client
                .as_ref()
                .map_or_else(String::new, |client| client.name.clone());
            let scopes = match (&device.scopes, client) {
                (Some(scopes), _) => scopes.clone(),
                (None, Some(client)) => in_place_of_none(issuer, &client),
                (None, None) => Vec::new(),
            };
            issuer
                .pages
                .approve_device(&name, &scopes, &device.user_code, issuer.rules.then())
        }
    };
    let response = issuer.answers.small_page(page, Caching::Never);
    browser.keep(issuer, response)
}

/// `POST /device/approve`: the person's answer.
pub async fn approve(State(issuer): Here, request: Request) -> Response {
    let uri = request.uri().clone();
    if *request.method() != Method::POST {
        return issuer.refuse(&crate::errors::Refusal::method("POST"), Caching::Never);
    }
    let (parts, form) = match read(request).await {
        Ok(read) => read,
        Err(refusal) => return issuer.refuse(&refusal, Caching::Never),
    };
    let mut browser = Browser::of(&issuer, &parts.headers);
    let Some(user) = browser.user(&issuer) else {
        return browser.to_login(&issuer, &uri);
    };
    let user_code = form
        .get("user_code")
        .unwrap_or_default()
        .to_ascii_uppercase();
    if browser.session.user_code.as_deref() != Some(user_code.as_str()) {
        return if issuer.rules.strict() {
            let page = issuer.pages.device(Some("Please enter the code first."));
            let response = issuer.answers.small_page(page, Caching::Never);
            browser.keep(&issuer, response)
        } else {
            issuer.refuse(&failed_inside(&issuer), Caching::Never)
        };
    }
    browser.session.user_code = None;
    let (device_code, device) = match look_up(&issuer, &user_code) {
        Ok(found) => found,
        Err(why) => {
            let response = issuer
                .answers
                .small_page(issuer.pages.device(Some(why)), Caching::Never);
            return browser.keep(&issuer, response);
        }
    };
    let Some(client) = issuer.clients.get(&device.client) else {
        return issuer.refuse(&failed_inside(&issuer), Caching::Never);
    };
    let yes = form.get("user_oauth_approval") == Some("true") && form.get("deny").is_none();
    if yes {
        let resource = Asked {
            resource: device.resource.as_deref(),
            ..Asked::default()
        };
        if resource.check_resource(&issuer.rules).is_err() {
            return issuer.refuse(&failed_inside(&issuer), Caching::Never);
        }
        let scopes = match &device.scopes {
            Some(asked) => approved(&issuer, &client, &user, asked),
            None => Ok(None),
        };
        let Ok(scopes) = scopes else {
            return issuer.refuse(&failed_inside(&issuer), Caching::Never);
        };
        let at = browser.session.user.as_ref().map_or(0, |(_, at)| *at);
        let login = Login {
            at,
            ..Login::default()
        };
        issuer.pending.change_device(&device_code, |device| {
            device.state = DeviceState::Approved(user.uuid.clone(), login);
            device.scopes = scopes;
        });
        issuer.actor.state(
            "issuer.device",
            &user_code,
            "pending",
            "approved",
            &format!("by {}", user.username),
        );
    } else {
        issuer
            .pending
            .change_device(&device_code, |device| device.state = DeviceState::Denied);
        issuer.actor.state(
            "issuer.device",
            &user_code,
            "pending",
            "denied",
            &format!("by {}", user.username),
        );
    }
    let response = issuer
        .answers
        .small_page(issuer.pages.device_done(yes), Caching::Never);
    browser.keep(&issuer, response)
}

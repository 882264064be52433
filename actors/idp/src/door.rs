//! Where people come in: the authorization endpoint, the login form, the way out.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use carnet_stage::Body;
use carnet_stage::body::read_limited;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, SET_COOKIE};
use http::{HeaderName, HeaderValue, Method, StatusCode};

use crate::code::Code;
use crate::people;
use crate::provider::{COOKIE_NAME, Provider, Session};
use crate::request::{self, Asked, Back, Fault};

/// The shared provider, as axum hands it over.
pub(crate) type Here = State<Arc<Provider>>;

/// A request with its body.
pub(crate) type Request = http::Request<Body>;

/// Longest form that is read: a request is kept until its visitor logs in, and anybody may be one.
const LIMIT: usize = 16 << 10;

/// The parameters of a query or of a form.
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// From a query string.
    pub(crate) fn of_query(query: Option<&str>) -> Self {
        Self::parse(query.unwrap_or_default().as_bytes())
    }

    /// From a posted form. What is too long or breaks off has no parameters.
    pub(crate) async fn of_body(request: Request) -> Self {
        let body = read_limited(request.into_body(), LIMIT).await;
        Self::parse(&body.unwrap_or_default())
    }

    fn parse(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// A parameter that is there more than once, which none may be (RFC 6749 §3.1, §3.2).
    pub(crate) fn repeated(&self) -> Option<&str> {
        let mut names: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let pairs = names.iter().zip(names.iter().skip(1));
        pairs
            .into_iter()
            .find(|(a, b)| a == b)
            .map(|(name, _)| *name)
    }

    /// The value, when it is not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(n, _)| n == name);
        found.map(|(_, v)| v.as_str()).filter(|v| !v.is_empty())
    }
}

/// A page, or any other small answer.
pub(crate) fn answer(status: u16, kind: &'static str, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
        (HeaderName::from_static("x-frame-options"), "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn page(status: u16, html: String) -> Response {
    answer(status, "text/html;charset=UTF-8", html)
}

/// Puts the session's cookie on an answer.
fn with_cookie(mut response: Response, id: &str) -> Response {
    let cookie = format!("{COOKIE_NAME}={id}; Path=/; Secure; HttpOnly; SameSite=Lax");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// `/authorize`: a service sends a person here.
pub(crate) async fn authorize(State(provider): Here, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let form = if parts.method == Method::POST {
        Form::of_body(Request::new(body)).await
    } else {
        Form::of_query(parts.uri.query())
    };
    if let Some(name) = form.repeated() {
        let text = format!("The request names {name} more than once.");
        return page(400, provider.pages.problem(&text));
    }
    let asked = match request::check(&provider.config, |name| form.get(name)) {
        Ok(asked) => asked,
        Err(Fault::Page(text)) => return page(400, provider.pages.problem(&text)),
        Err(Fault::Back(back, error, text)) => {
            return back_with(
                &provider,
                &back,
                &[("error", error), ("error_description", &text)],
            );
        }
    };
    let (id, session) = provider.session(&parts.headers).unzip();
    let known = session.and_then(|session: Session| session.user);
    if let Some((sub, since)) = known.clone()
        && asked.takes_login_of(since, provider.now())
        && people::by_subject(&provider.config.users, &sub).is_some_and(|user| user.active)
    {
        return give_code(&provider, asked, sub, since);
    }
    if asked.silent {
        let text = "Nobody is logged in here.";
        return back_with(
            &provider,
            &asked.back(),
            &[("error", "login_required"), ("error_description", text)],
        );
    }
    let html = login_page(&provider, &asked, false);
    let session = Session {
        user: known,
        pending: Some(asked),
    };
    with_cookie(page(200, html), &provider.renew(id.as_deref(), session))
}

fn login_page(provider: &Provider, asked: &Asked, failed: bool) -> String {
    let client = request::client(&provider.config, &asked.client_id);
    let service = client.map_or(asked.client_id.as_str(), |client| client.shown_name());
    provider.pages.login(service, failed)
}

/// `POST /login`: name and password, or a change of mind.
pub(crate) async fn login(State(provider): Here, request: Request) -> Response {
    let found = provider.session(request.headers());
    let form = Form::of_body(request).await;
    let Some((
        id,
        Session {
            pending: Some(asked),
            user,
        },
    )) = found
    else {
        let text = "Nobody has sent you here. Begin at the service that you want to use.";
        return page(400, provider.pages.problem(text));
    };
    if form.get("cancel").is_some() {
        let session = Session {
            user,
            pending: None,
        };
        let said = [
            ("error", "access_denied"),
            ("error_description", "The person did not want to log in."),
        ];
        let response = back_with(&provider, &asked.back(), &said);
        return with_cookie(response, &provider.renew(Some(&id), session));
    }
    let (name, password) = (
        form.get("username").unwrap_or_default(),
        form.get("password").unwrap_or_default(),
    );
    let Some(user) = people::log_in(&provider.config.users, name, password) else {
        return page(200, login_page(&provider, &asked, true));
    };
    let (sub, now) = (user.subject().to_owned(), provider.now());
    provider.actor.note(format!(
        "{} logs in at {}",
        user.username, provider.config.organisation
    ));
    let session = Session {
        user: Some((sub.clone(), now)),
        pending: None,
    };
    let id = provider.renew(Some(&id), session);
    with_cookie(give_code(&provider, asked, sub, now), &id)
}

/// Sends the person back with a code.
fn give_code(provider: &Provider, asked: Asked, sub: String, auth_time: i64) -> Response {
    let back = asked.back();
    let exp = provider.now() + provider.config.code_lifetime;
    let code = provider.give(Code {
        asked,
        sub,
        auth_time,
        exp,
    });
    back_with(provider, &back, &[("code", &code)])
}

/// Sends the person back to the service, with its state and with who says this (RFC 9207).
fn back_with(provider: &Provider, back: &Back, said: &[(&str, &str)]) -> Response {
    let Ok(mut url) = url::Url::parse(&back.redirect_uri) else {
        let text = format!("{} is no address.", back.redirect_uri);
        return page(400, provider.pages.problem(&text));
    };
    url.query_pairs_mut()
        .extend_pairs(said)
        .extend_pairs(back.state.as_deref().map(|state| ("state", state)))
        .append_pair("iss", &provider.issuer());
    let mut response = answer(303, "text/plain;charset=UTF-8", String::new());
    if let Ok(to) = HeaderValue::from_str(url.as_str()) {
        response.headers_mut().insert(LOCATION, to);
    }
    response
}

/// `/logout`: ends the session here; sessions at services go on.
pub(crate) async fn logout(State(provider): Here, request: Request) -> Response {
    if let Some((id, _)) = provider.session(request.headers()) {
        provider.forget(&id);
    }
    page(200, provider.pages.logged_out())
}

/// Paths that nobody serves.
pub(crate) async fn nothing_here(State(provider): Here, _request: Request) -> Response {
    page(
        404,
        provider.pages.problem("There is nothing at this address."),
    )
}

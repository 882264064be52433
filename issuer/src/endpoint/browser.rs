//! What the pages share: the session cookie and who is logged in.

use std::sync::Arc;

use axum::response::Response;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

use crate::answer::Caching;
use crate::issuer::Issuer;
use crate::store::{Session, User};

/// The session cookie's name, as a servlet container has it.
pub const COOKIE_NAME: &str = "JSESSIONID";

/// A browser's session with its id.
pub struct Browser {
    /// The id in the cookie.
    pub id: String,
    /// What is known.
    pub session: Session,
    fresh: bool,
}

impl Browser {
    /// The session of a request; a new one when it has none.
    pub fn of(issuer: &Issuer, headers: &HeaderMap) -> Self {
        let cookies = headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok());
        let id = cookies.flat_map(|all| all.split(';')).find_map(|one| {
            let (name, value) = one.trim().split_once('=')?;
            (name == COOKIE_NAME).then(|| value.to_owned())
        });
        match id.and_then(|id| issuer.pending.session(&id).map(|session| (id, session))) {
            Some((id, session)) => Self {
                id,
                session,
                fresh: false,
            },
            None => Self {
                id: issuer.random_text(24),
                session: Session::default(),
                fresh: true,
            },
        }
    }

    /// Who is logged in.
    pub fn user(&self, issuer: &Issuer) -> Option<Arc<User>> {
        let (uuid, _) = self.session.user.as_ref()?;
        issuer.people.by_uuid(uuid).filter(|user| user.active)
    }

    /// Gives the session a new id, so that one known before login is worth nothing after it.
    pub fn renew(&mut self, issuer: &Issuer) {
        issuer.pending.drop_session(&self.id);
        self.id = issuer.random_text(24);
        self.fresh = true;
    }

    /// Logs a person in and sends the browser on: to the acceptable use policy, to where the person wanted to go, or
    /// home. `external`: at a home institute.
    pub fn log_in(mut self, issuer: &Issuer, user: &User, external: bool) -> Response {
        self.renew(issuer);
        self.session.user = Some((user.uuid.clone(), issuer.now()));
        self.session.external = external;
        self.session.stranger = None;
        let back = if issuer.must_sign(user, issuer.now()) {
            "/iam/aup/sign".to_owned()
        } else {
            let saved = self.session.saved.take();
            saved.unwrap_or_else(|| "/dashboard".into())
        };
        let response = issuer
            .answers
            .redirect(302, &issuer.url(&back), Caching::Never);
        self.keep(issuer, issuer.answers.early(response))
    }

    /// Keeps the session and puts the cookie on the answer.
    pub fn keep(self, issuer: &Issuer, mut response: Response) -> Response {
        if self.fresh && self.session.is_empty() {
            return response;
        }
        issuer.pending.put_session(&self.id, self.session);
        if self.fresh
            && let Ok(cookie) = HeaderValue::from_str(&format!(
                "{COOKIE_NAME}={}; Path=/; Secure; HttpOnly; SameSite=Lax",
                self.id
            ))
        {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }

    /// Sends the browser to the login page, to come back here.
    pub fn to_login(mut self, issuer: &Issuer, back: &http::Uri) -> Response {
        self.session.saved = Some(
            back.path_and_query()
                .map_or_else(|| "/".to_owned(), ToString::to_string),
        );
        let mut response = issuer
            .answers
            .redirect(302, &issuer.url("login"), Caching::Never);
        if matches!(back.path(), "/" | "/device") {
            response = issuer.answers.early(response);
        }
        self.keep(issuer, response)
    }

    /// Sends the browser to the acceptable use policy, to come back here.
    pub fn to_aup(mut self, issuer: &Issuer, back: &http::Uri) -> Response {
        self.session.saved = Some(
            back.path_and_query()
                .map_or_else(|| "/".to_owned(), ToString::to_string),
        );
        let response = issuer
            .answers
            .redirect(302, &issuer.url("iam/aup/sign"), Caching::Never);
        self.keep(issuer, issuer.answers.early(response))
    }
}

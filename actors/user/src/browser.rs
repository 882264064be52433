//! A person in front of a browser: cookies, redirects, and pages that are understood by their forms.

use std::collections::HashMap;

use carnet_stage::{Actor, Body};
use http::header::{COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderValue, Request, StatusCode};
use indexmap::IndexMap;
use url::Url;

use crate::config::{Config, HomeLogin};
use crate::error::UserError;
use crate::html::{self, Field, Form, Html};
use crate::web;

/// Pages and redirects that a person goes through before giving up.
const PATIENCE: usize = 20;

/// Characters of a page's text that go into an error.
const GLIMPSE: usize = 200;

/// Where a visit ended.
pub(crate) enum Arrival {
    /// At the agent's own address: the URL with what the issuer says.
    Redirected(Url),
    /// At a page that asks nothing more.
    Page(Page),
}

/// A page that is shown.
pub(crate) struct Page {
    pub(crate) url: Url,
    pub(crate) status: StatusCode,
    pub(crate) html: Html,
}

impl Page {
    /// The page as an error: there is no way on.
    pub(crate) fn dead_end(&self) -> UserError {
        UserError::Page {
            url: self
                .url
                .as_str()
                .split('?')
                .next()
                .unwrap_or_default()
                .to_owned(),
            status: self.status.as_u16(),
            title: self.html.title.clone(),
            text: self.html.text.chars().take(GLIMPSE).collect(),
        }
    }
}

/// What a person does with a page.
#[derive(Debug, PartialEq, Eq)]
enum Deed {
    /// Sign in with the home institute.
    GoHome,
    /// Type name and password.
    LogIn,
    /// Sign the usage policy.
    Sign,
    /// Type the user code.
    TypeCode,
    /// Agree, or not.
    Decide,
}

/// A browser with its cookies.
pub(crate) struct Browser<'a> {
    actor: &'a Actor,
    config: &'a Config,
    cookies: HashMap<String, IndexMap<String, String>>,
    went_home: bool,
    logged_in: bool,
    signed: bool,
}

impl<'a> Browser<'a> {
    /// A browser without cookies.
    pub(crate) fn new(actor: &'a Actor, config: &'a Config) -> Self {
        Self {
            actor,
            config,
            cookies: HashMap::new(),
            went_home: false,
            logged_in: false,
            signed: false,
        }
    }

    /// Visits a page and does what each page asks for, until the agent's own address or a page that asks nothing.
    pub(crate) async fn visit(
        &mut self,
        start: &str,
        user_code: Option<&str>,
    ) -> Result<Arrival, UserError> {
        let first = Url::parse(start)
            .map_err(|e| UserError::Unreachable(format!("'{start}' is no address: {e}")))?;
        let mut arrival = self.open(first.clone()).await?;
        let mut decided = false;
        for _ in 0..PATIENCE {
            let page = match arrival {
                Arrival::Redirected(url) => return Ok(Arrival::Redirected(url)),
                Arrival::Page(page) => page,
            };
            let Some((form, deed)) = page
                .html
                .forms
                .iter()
                .find_map(|form| self.goes_home(form).then_some((form, Deed::GoHome)))
                .or_else(|| {
                    let mut forms = page.html.forms.iter();
                    forms.find_map(|form| deed(form).map(|deed| (form, deed)))
                })
            else {
                if decided || page.status.is_client_error() || page.status.is_server_error() {
                    return Ok(Arrival::Page(page));
                }
                if self.logged_in || self.signed {
                    // The issuer forgot where the person came from: start again, now with a session.
                    decided = true;
                    arrival = self.open(first.clone()).await?;
                    continue;
                }
                return Err(page.dead_end());
            };
            decided = decided || deed == Deed::Decide;
            arrival = self.act(&page, form, &deed, user_code).await?;
        }
        Err(UserError::Unwilling(format!(
            "{} gave up after {PATIENCE} pages",
            self.config.username
        )))
    }

    /// Whether a form leads to the person's home institute.
    fn goes_home(&self, form: &Form) -> bool {
        let home = self.config.home.as_ref();
        home.is_some_and(|home| form.field("iss").is_some_and(|f| f.value == home.provider))
    }

    /// The home institute, when a page is one of its own.
    fn home_of(&self, page: &Page) -> Option<&'a HomeLogin> {
        let home = self.config.home.as_ref()?;
        let own = Url::parse(&home.provider).ok()?;
        (own.origin() == page.url.origin()).then_some(home)
    }

    async fn act(
        &mut self,
        page: &Page,
        form: &Form,
        deed: &Deed,
        user_code: Option<&str>,
    ) -> Result<Arrival, UserError> {
        let config = self.config;
        match deed {
            Deed::GoHome => {
                if self.went_home {
                    let provider = form.field("iss").map(|f| f.value.clone());
                    let text = page.html.text.as_str();
                    return Err(UserError::Home {
                        provider: provider.unwrap_or_default(),
                        why: text.chars().take(GLIMPSE).collect(),
                    });
                }
                self.went_home = true;
                let button = form.fields.iter().find(|f| f.is_button());
                self.submit(page, form, &[], button).await
            }
            Deed::LogIn => {
                let home = self.home_of(page);
                let (username, password) = match home {
                    Some(home) => (home.username.as_str(), home.password.as_str()),
                    None => (config.username.as_str(), config.password.as_str()),
                };
                if self.logged_in || page.url.query().is_some_and(|q| q.contains("error")) {
                    return Err(UserError::Password {
                        username: username.to_owned(),
                        home: home.map(|home| home.provider.clone()),
                    });
                }
                self.logged_in = true;
                let name = form
                    .fields
                    .iter()
                    .find(|f| f.is_typed() && f.kind != "password")
                    .map_or("username", |f| f.name.as_str());
                let secret = form
                    .fields
                    .iter()
                    .find(|f| f.kind == "password")
                    .map_or("password", |f| f.name.as_str());
                let filled = [(name, username), (secret, password)];
                self.submit(
                    page,
                    form,
                    &filled,
                    form.fields.iter().find(|f| f.is_button()),
                )
                .await
            }
            Deed::Sign if config.signs_aup && !self.signed => {
                self.signed = true;
                let boxes: Vec<(&str, &str)> = form
                    .fields
                    .iter()
                    .filter(|f| f.kind == "checkbox")
                    .map(|f| (f.name.as_str(), f.value.as_str()))
                    .collect();
                self.submit(
                    page,
                    form,
                    &boxes,
                    form.fields.iter().find(|f| f.is_button()),
                )
                .await
            }
            Deed::Sign => Err(UserError::Unwilling(format!(
                "{} does not sign the usage policy",
                config.username
            ))),
            Deed::TypeCode => {
                let code = user_code.ok_or_else(|| page.dead_end())?;
                if page.html.text.contains("not found") || page.html.text.contains("expired") {
                    return Err(page.dead_end());
                }
                self.submit(
                    page,
                    form,
                    &[("user_code", code)],
                    form.fields.iter().find(|f| f.is_button()),
                )
                .await
            }
            Deed::Decide => {
                let says = if config.consents { "true" } else { "false" };
                let button = decision(form, config.consents);
                self.submit(
                    page,
                    form,
                    &[("user_oauth_approval", says), ("remember", "none")],
                    button,
                )
                .await
            }
        }
    }

    /// Sends a form as a browser does.
    async fn submit(
        &mut self,
        page: &Page,
        form: &Form,
        filled: &[(&str, &str)],
        button: Option<&Field>,
    ) -> Result<Arrival, UserError> {
        let mut target = page.url.join(&form.action).map_err(|e| {
            UserError::Unreachable(format!("the form's address '{}': {e}", form.action))
        })?;
        let pairs = form.submission(filled, button);
        if !form.post {
            target.set_query(Some(&web::encode(&pairs)));
            return self.open(target).await;
        }
        let request = web::post_form(target.as_str(), &pairs)?;
        self.follow(target, request).await
    }

    async fn open(&mut self, url: Url) -> Result<Arrival, UserError> {
        let request = web::get(url.as_str())?;
        self.follow(url, request).await
    }

    /// Sends a request and follows redirects, but not to the agent's own address: that one is caught.
    async fn follow(
        &mut self,
        mut url: Url,
        mut request: Request<Body>,
    ) -> Result<Arrival, UserError> {
        for _ in 0..PATIENCE {
            self.show_cookies(&url, &mut request);
            let answer = web::ask(self.actor, request).await?;
            self.keep_cookies(&url, answer.headers.get_all(SET_COOKIE).iter());
            let location = answer
                .status
                .is_redirection()
                .then(|| answer.header(LOCATION.as_str()))
                .flatten();
            let Some(location) = location else {
                let html = html::read(&answer.text());
                return Ok(Arrival::Page(Page {
                    url,
                    status: answer.status,
                    html,
                }));
            };
            let next = url
                .join(location)
                .map_err(|e| UserError::Redirect(format!("'{location}' is no address: {e}")))?;
            if same_address(&next, &self.config.redirect_uri) {
                return Ok(Arrival::Redirected(next));
            }
            request = web::get(next.as_str())?;
            url = next;
        }
        Err(UserError::Redirect(format!(
            "{} sends the browser round in circles",
            url.host_str().unwrap_or_default()
        )))
    }

    fn show_cookies(&self, url: &Url, request: &mut Request<Body>) {
        let Some(cookies) = self.cookies.get(&site(url)).filter(|c| !c.is_empty()) else {
            return;
        };
        let line = cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("; ");
        if let Ok(line) = HeaderValue::from_str(&line) {
            request.headers_mut().insert(COOKIE, line);
        }
    }

    fn keep_cookies<'h>(&mut self, url: &Url, set: impl Iterator<Item = &'h HeaderValue>) {
        let jar = self.cookies.entry(site(url)).or_default();
        for line in set.filter_map(|v| v.to_str().ok()) {
            let mut parts = line.split(';');
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
                continue;
            };
            let gone = parts.any(|p| {
                p.trim()
                    .to_ascii_lowercase()
                    .strip_prefix("max-age=")
                    .is_some_and(|age| age.parse::<i64>().is_ok_and(|a| a <= 0))
            });
            if gone || value.is_empty() {
                jar.shift_remove(name.trim());
            } else {
                jar.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
    }
}

/// Cookies belong to a host and port.
fn site(url: &Url) -> String {
    format!(
        "{}:{}",
        url.host_str().unwrap_or_default(),
        url.port_or_known_default().unwrap_or_default()
    )
}

/// Whether a redirect goes to the agent: scheme, host, port and path are those registered.
fn same_address(url: &Url, registered: &str) -> bool {
    Url::parse(registered).is_ok_and(|own| {
        own.scheme() == url.scheme()
            && own.host_str() == url.host_str()
            && own.port_or_known_default() == url.port_or_known_default()
            && own.path() == url.path()
    })
}

/// What a form is there for; nothing when it is none of a person's business here (a log-out button).
fn deed(form: &Form) -> Option<Deed> {
    let action = form.action.to_ascii_lowercase();
    if action.contains("logout") {
        return None;
    }
    if form.fields.iter().any(|f| f.kind == "password") {
        return Some(Deed::LogIn);
    }
    if action.contains("aup") {
        return Some(Deed::Sign);
    }
    if form
        .fields
        .iter()
        .any(|f| f.name == "user_code" && f.is_typed())
    {
        return Some(Deed::TypeCode);
    }
    let approves = form.field("user_oauth_approval").is_some() || decision(form, true).is_some();
    approves.then_some(Deed::Decide)
}

/// The button that agrees or declines.
fn decision(form: &Form, agree: bool) -> Option<&Field> {
    let words: &[&str] = if agree {
        &["authorize", "approve", "allow", "accept", "consent"]
    } else {
        &["deny", "decline", "cancel", "reject"]
    };
    let says = |f: &&Field| {
        let (name, value) = (f.name.to_ascii_lowercase(), f.value.to_ascii_lowercase());
        words.iter().any(|w| name.contains(w) || value.contains(w))
    };
    form.fields.iter().filter(|f| f.is_button()).find(says)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_understood_by_what_they_ask() {
        for (page, want) in [
            (
                r#"<form action="/login" method="post"><input type="text" name="username"><input name="password" type="password"></form>"#,
                Some(Deed::LogIn),
            ),
            (
                r#"<form action="/iam/aup/sign" method="post"><input type="submit" value="I agree with the AUP terms"></form>"#,
                Some(Deed::Sign),
            ),
            (
                r#"<form action="/device/verify" method="POST"><input type="text" name="user_code"><input name="approve" value="Submit" type="submit"></form>"#,
                Some(Deed::TypeCode),
            ),
            (
                r#"<form action="/device/approve" method="post"><input type="hidden" name="user_code" value="7DTIF6"><input name="user_oauth_approval" value="true" type="hidden"><input name="authorize" value="Authorize" type="submit"><input name="deny" value="Deny" type="submit"></form>"#,
                Some(Deed::Decide),
            ),
            (
                r#"<form action="/authorize" method="post"><button name="deny">No</button><button name="authorize">Yes</button></form>"#,
                Some(Deed::Decide),
            ),
            (
                r#"<form action="/logout" method="POST"><input type="submit" value="Log out"></form>"#,
                None,
            ),
            (r#"<form action="/search"><input name="q"></form>"#, None),
        ] {
            let html = html::read(page);
            assert_eq!(html.forms.iter().find_map(deed), want, "{page}");
        }
    }

    #[test]
    fn the_right_button_is_pressed() {
        let html = html::read(
            r#"<form><input name="authorize" value="Authorize" type="submit"><input name="deny" value="Deny" type="submit"></form>"#,
        );
        let press = |agree| decision(&html.forms[0], agree).map(|f| f.name.as_str());
        assert_eq!(
            (press(true), press(false)),
            (Some("authorize"), Some("deny"))
        );
    }

    #[test]
    fn only_the_agents_own_address_is_caught() {
        for (url, want) in [
            ("http://localhost:4242/?code=1&state=2", true),
            ("http://localhost:4242/#error=invalid_scope", true),
            ("http://localhost:4243/?code=1", false),
            ("https://localhost:4242/?code=1", false),
            ("http://localhost:4242/other?code=1", false),
            ("http://evil.example:4242/?code=1", false),
        ] {
            assert_eq!(
                same_address(&Url::parse(url).expect("a URL"), "http://localhost:4242/"),
                want,
                "{url}"
            );
        }
    }
}

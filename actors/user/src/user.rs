//! A person with an agent: the grants of RFC 6749, 7636 and 8628, played as a person plays them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest;
use carnet_profile::id_token::{self, Wanted};
use carnet_profile::jose::{Token, base64url};
use carnet_stage::Actor;
use rand::RngCore as _;
use serde_json::Value;
use url::Url;

use crate::browser::{Arrival, Browser};
use crate::config::Config;
use crate::error::UserError;
use crate::issuer::Issuer;
use crate::tokens::{Agent, Tokens};

/// A person. All that it does are real requests of its actor.
pub struct User {
    actor: Actor,
    config: Config,
    issuer: Issuer,
    agent: Mutex<Agent>,
}

impl User {
    /// A person without tokens; nothing is asked yet.
    pub fn new(actor: Actor, config: Config) -> Self {
        Self {
            issuer: Issuer::new(actor.clone(), &config),
            actor,
            config,
            agent: Mutex::default(),
        }
    }

    /// What the person stands on.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// What the scenario says about the person.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The authorization code flow with PKCE S256, `state` and `nonce` (RFC 6749 §4.1, RFC 7636; issuer page §2.5).
    ///
    /// The browser part is real: log in, agree, and the redirect with the code is caught.
    pub async fn get_token_authorization_code(
        &self,
        scope: &str,
        audience: &str,
    ) -> Result<Tokens, UserError> {
        let endpoints = self.issuer.endpoints().await?;
        let authorize = endpoints
            .authorize
            .as_deref()
            .ok_or_else(|| senseless("its discovery names no authorization_endpoint"))?;
        let (state, nonce, verifier) = (self.draw(16), self.draw(16), self.draw(32));
        let challenge = base64url(digest::digest(&digest::SHA256, verifier.as_bytes()));
        let mut query = vec![
            ("response_type", "code"),
            ("client_id", &self.config.client_id),
            ("redirect_uri", &self.config.redirect_uri),
            ("scope", scope),
            ("state", &state),
            ("nonce", &nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        if !audience.is_empty() {
            query.push(("audience", audience));
        }
        let mut url = Url::parse(authorize)
            .map_err(|e| senseless(format!("authorization_endpoint '{authorize}': {e}")))?;
        url.query_pairs_mut().extend_pairs(&query);
        let mut browser = Browser::new(&self.actor, &self.config);
        let back = match browser.visit(url.as_str(), None).await? {
            Arrival::Redirected(back) => back,
            Arrival::Page(page) => return Err(page.dead_end()),
        };
        let code = code_of(&back, &state, &endpoints.issuer)?;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", &self.config.redirect_uri),
            ("code_verifier", &verifier),
        ];
        let tokens = self.issuer.token(&form).await?;
        self.keep(scope, audience, tokens, Some(&nonce)).await
    }

    /// The device code flow (RFC 8628; issuer page §2.8): code, verification page in a browser, polling.
    pub async fn get_token_device_code(
        &self,
        scope: &str,
        audience: &str,
    ) -> Result<Tokens, UserError> {
        let endpoints = self.issuer.endpoints().await?;
        let device = endpoints
            .device
            .as_deref()
            .ok_or_else(|| senseless("its discovery names no device_authorization_endpoint"))?;
        let mut form = vec![
            ("client_id", self.config.client_id.as_str()),
            ("scope", scope),
        ];
        if !audience.is_empty() {
            form.push(("audience", audience));
        }
        let answer = self.issuer.post(device, &form, true).await?;
        let text = |key: &str| {
            answer
                .get(key)
                .and_then(Value::as_str)
                .ok_or_else(|| senseless(format!("there is no {key} in it")))
        };
        let (device_code, user_code, page) = (
            text("device_code")?,
            text("user_code")?,
            text("verification_uri")?,
        );
        let lives = answer
            .get("expires_in")
            .and_then(Value::as_i64)
            .unwrap_or(600);
        let mut interval = answer
            .get("interval")
            .and_then(Value::as_u64)
            .unwrap_or(self.config.device_interval);

        let mut browser = Browser::new(&self.actor, &self.config);
        match browser.visit(page, Some(user_code)).await? {
            Arrival::Page(shown) if shown.status.is_success() => {}
            Arrival::Page(shown) => return Err(shown.dead_end()),
            Arrival::Redirected(_) => {
                return Err(UserError::Redirect("a device code has no redirect".into()));
            }
        }
        if !self.config.consents {
            return Err(UserError::Refused {
                status: 0,
                error: "access_denied".into(),
                description: "the person declined".into(),
            });
        }
        let mut form = vec![
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("device_code", device_code),
        ];
        if !audience.is_empty() {
            form.push(("audience", audience));
        }
        let until = self.actor.clock().seconds().saturating_add(lives);
        loop {
            match self.issuer.token(&form).await {
                Ok(tokens) => return self.keep(scope, audience, tokens, None).await,
                Err(UserError::Refused { error, .. }) if error == "slow_down" => interval += 5,
                Err(UserError::Refused { error, .. })
                    if error == "authorization_pending" && self.actor.clock().seconds() < until => {
                }
                Err(other) => return Err(other),
            }
            self.actor
                .clock()
                .sleep(Duration::from_secs(interval))
                .await;
        }
    }

    /// The password grant (RFC 6749 §4.3).
    pub async fn get_token_password(
        &self,
        scope: &str,
        audience: &str,
    ) -> Result<Tokens, UserError> {
        let config = &self.config;
        let mut form = vec![
            ("grant_type", "password"),
            ("username", &config.username),
            ("password", &config.password),
            ("scope", scope),
        ];
        if !audience.is_empty() {
            form.push(("audience", audience));
        }
        let tokens = self.issuer.token(&form).await?;
        self.keep(scope, audience, tokens, None).await
    }

    /// The client's own token (RFC 6749 §4.4).
    pub async fn get_token_client_credentials(
        &self,
        scope: &str,
        audience: &str,
    ) -> Result<Tokens, UserError> {
        let mut form = vec![("grant_type", "client_credentials")];
        if !scope.is_empty() {
            form.push(("scope", scope));
        }
        if !audience.is_empty() {
            form.push(("audience", audience));
        }
        let tokens = self.issuer.token(&form).await?;
        self.keep(scope, audience, tokens, None).await
    }

    /// Refreshes the newest set that can be refreshed (RFC 6749 §6); empty scope and audience are not sent.
    pub async fn refresh(&self, scope: &str, audience: &str) -> Result<Tokens, UserError> {
        let refreshable = self.agent().refreshable();
        let (refresh, kept_scope, kept_audience) =
            refreshable.ok_or_else(|| UserError::NoToken(self.config.username.clone()))?;
        let mut form = vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.as_str()),
        ];
        if !scope.is_empty() {
            form.push(("scope", scope));
        }
        if !audience.is_empty() {
            form.push(("audience", audience));
        }
        let mut tokens = self.issuer.token(&form).await?;
        tokens.refresh_token = tokens.refresh_token.or(Some(refresh.clone()));
        let scope = if scope.is_empty() { &kept_scope } else { scope };
        let audience = if audience.is_empty() {
            &kept_audience
        } else {
            audience
        };
        self.keep(scope, audience, tokens, None).await
    }

    /// The newest tokens.
    pub fn tokens(&self) -> Result<Tokens, UserError> {
        self.agent()
            .newest()
            .cloned()
            .ok_or_else(|| UserError::NoToken(self.config.username.clone()))
    }

    /// The newest living tokens for an audience, else the newest of all: what a person would reach for.
    pub fn tokens_for(&self, audience: &str) -> Result<Tokens, UserError> {
        let now = self.actor.clock().seconds();
        let fitting = self.agent().for_audience(audience, now).cloned();
        fitting.map_or_else(|| self.tokens(), Ok)
    }

    /// Validates the ID token when there is one, and keeps the set.
    async fn keep(
        &self,
        scope: &str,
        audience: &str,
        tokens: Tokens,
        nonce: Option<&str>,
    ) -> Result<Tokens, UserError> {
        if let Some(text) = &tokens.id_token {
            let token = Token::parse(text).map_err(|e| UserError::IdToken(e.to_string()))?;
            let keys = self.issuer.keys_for(&token).await;
            let wanted = Wanted {
                issuer: &self.config.issuer,
                client_id: &self.config.client_id,
                nonce,
            };
            let verdict = id_token::judge(&token, keys, &wanted, self.actor.clock().seconds());
            self.actor.judged(verdict.jti(), &verdict);
            if let Some(refusal) = verdict.refusal {
                return Err(UserError::IdToken(refusal.description));
            }
        }
        self.agent().keep(scope, audience, tokens.clone());
        Ok(tokens)
    }

    fn agent(&self) -> MutexGuard<'_, Agent> {
        self.agent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Draws bytes from the person's stream, as base64url.
    fn draw(&self, bytes: usize) -> String {
        let mut drawn = vec![0; bytes];
        self.actor.random(|stream| stream.fill_bytes(&mut drawn));
        base64url(drawn)
    }
}

/// The code in the redirect, once `state` and `iss` (RFC 9207) are what they must be.
fn code_of(back: &Url, state: &str, issuer: &str) -> Result<String, UserError> {
    let fragment = back.fragment().unwrap_or_default();
    let said: Vec<(String, String)> = back
        .query_pairs()
        .into_owned()
        .chain(form_urlencoded::parse(fragment.as_bytes()).into_owned())
        .collect();
    let get = |key: &str| said.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
    if get("state") != Some(state) {
        return Err(UserError::Redirect(
            "its state is not the one that was sent".into(),
        ));
    }
    if let Some(iss) = get("iss").filter(|iss| *iss != issuer) {
        return Err(UserError::Redirect(format!("it is from {iss}")));
    }
    if let Some(error) = get("error") {
        return Err(UserError::Refused {
            status: 0,
            error: error.to_owned(),
            description: get("error_description").unwrap_or_default().to_owned(),
        });
    }
    get("code")
        .map(str::to_owned)
        .ok_or_else(|| UserError::Redirect("there is no code in it".into()))
}

fn senseless(why: impl Into<String>) -> UserError {
    UserError::Senseless {
        who: "the issuer".into(),
        why: why.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_taken_only_from_its_own_redirect() {
        let refused = |error: &str, description: &str| {
            Err(UserError::Refused {
                status: 0,
                error: error.into(),
                description: description.into(),
            })
        };
        let distrusted = |why: &str| Err(UserError::Redirect(why.into()));
        for (tail, want) in [
            ("?code=abc&state=st1", Ok("abc".to_owned())),
            (
                "?code=abc&state=st1&iss=https%3A%2F%2Fiam.example%2F",
                Ok("abc".to_owned()),
            ),
            (
                "?code=abc&state=st1&iss=https%3A%2F%2Fevil.example%2F",
                distrusted("it is from https://evil.example/"),
            ),
            (
                "?code=abc&state=other",
                distrusted("its state is not the one that was sent"),
            ),
            (
                "?code=abc",
                distrusted("its state is not the one that was sent"),
            ),
            ("?state=st1", distrusted("there is no code in it")),
            (
                "?error=access_denied&error_description=User%20denied%20access&state=st1",
                refused("access_denied", "User denied access"),
            ),
            (
                "#error=invalid_scope&error_description=no&state=st1",
                refused("invalid_scope", "no"),
            ),
        ] {
            let back = Url::parse(&format!("http://localhost:4242/{tail}")).expect("a URL");
            assert_eq!(
                code_of(&back, "st1", "https://iam.example/"),
                want,
                "{tail}"
            );
        }
    }
}

//! Ways to ask an issuer that several tests share: each grant, and what a person does in a browser for it.

use super::{Answer, Bench, Browser, DEVICE, EXCHANGE, basic, query};

/// A client: its id and its secret.
pub type By<'a> = (&'a str, &'a str);
/// Parameters, in order.
pub type Form<'a> = &'a [(&'a str, &'a str)];

/// What a person presses on a page of approval.
pub const YES: (&str, &str) = ("user_oauth_approval", "true");

impl Answer {
    /// `200`, or `400 invalid_scope`.
    pub fn told(&self) -> String {
        match self.text("error") {
            error if error.is_empty() => self.status.to_string(),
            error => format!("{} {error}", self.status),
        }
    }
}

impl Bench {
    async fn grant(&self, by: By<'_>, kind: &str, own: Form<'_>, more: Form<'_>) -> Answer {
        let mut form = vec![("grant_type", kind)];
        form.extend(own);
        form.extend(more);
        self.token(by.0, by.1, &form).await
    }

    /// A client's own token.
    pub async fn own(&self, by: By<'_>, more: Form<'_>) -> Answer {
        self.grant(by, "client_credentials", &[], more).await
    }

    /// A person's token, by the password that everybody has here.
    pub async fn password(&self, by: By<'_>, user: &str, more: Form<'_>) -> Answer {
        let own = [("username", user), ("password", "password")];
        self.grant(by, "password", &own, more).await
    }

    /// A refresh.
    pub async fn refresh(&self, by: By<'_>, token: &str, more: Form<'_>) -> Answer {
        let own = [("refresh_token", token)];
        self.grant(by, "refresh_token", &own, more).await
    }

    /// An exchange.
    pub async fn exchange(&self, by: By<'_>, subject: &str, more: Form<'_>) -> Answer {
        self.grant(by, EXCHANGE, &[("subject_token", subject)], more)
            .await
    }

    /// The end of the code grant.
    pub async fn redeem(&self, by: By<'_>, code: &str, more: Form<'_>) -> Answer {
        self.grant(by, "authorization_code", &[("code", code)], more)
            .await
    }

    /// A poll of the device grant.
    pub async fn poll(&self, by: By<'_>, device_code: &str) -> Answer {
        self.grant(by, DEVICE, &[("device_code", device_code)], &[])
            .await
    }

    /// A form that a client posts, with its name and secret by Basic.
    pub async fn post_as(&self, by: By<'_>, path: &str, form: Form<'_>) -> Answer {
        let own = basic(by.0, by.1);
        self.call("POST", path, Some(form), &[("authorization", &own)])
            .await
    }

    /// A GET with a token.
    pub async fn get_as(&self, token: &str, path: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        self.call("GET", path, None, &[("authorization", &bearer)])
            .await
    }

    /// What comes back to a client whose request (a query without client and response type) a person approves.
    pub async fn approved(&self, client: &str, user: &str, request: &str) -> Answer {
        let mut browser = Browser::login(self, user, "password").await;
        let path = format!("/authorize?response_type=code&client_id={client}{request}");
        let asked = browser.get(self, &path).await;
        if asked.status != 200 {
            return asked;
        }
        let fields = super::scope_fields(&asked.body);
        let mut form = vec![YES];
        form.extend(fields.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        browser.post(self, "/authorize", &form).await
    }

    /// The code of the same; empty when there is none.
    pub async fn code(&self, client: &str, user: &str, request: &str) -> String {
        let answer = self.approved(client, user, request).await;
        query(answer.header("location").unwrap_or_default(), "code").unwrap_or_default()
    }

    /// A device request that a person answers (`true`, `false`) or does not; what `/devicecode` said.
    pub async fn device(
        &self,
        by: By<'_>,
        user: &str,
        approval: Option<&str>,
        more: Form<'_>,
    ) -> Answer {
        let mut form = vec![("client_id", by.0)];
        form.extend(more);
        let started = self.post_as(by, "/devicecode", &form).await;
        if let Some(approval) = approval {
            let user_code = started.text("user_code");
            let typed = ("user_code", user_code.as_str());
            let mut browser = Browser::login(self, user, "password").await;
            browser.post(self, "/device/verify", &[typed]).await;
            let answer = [typed, ("user_oauth_approval", approval)];
            browser.post(self, "/device/approve", &answer).await;
        }
        started
    }
}

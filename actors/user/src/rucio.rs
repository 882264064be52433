//! What people ask of Rucio: log in, make a rule, look at it (rucio page §1).

use carnet_stage::{Actor, Body};
use http::Method;
use serde_json::{Value, json};

use crate::error::UserError;
use crate::user::User;
use crate::web::{self, Answer};

/// Header with Rucio's token.
const TOKEN: &str = "X-Rucio-Auth-Token";

/// Somebody who is logged in at a Rucio.
#[derive(Clone)]
pub struct RucioSession {
    actor: Actor,
    url: String,
    account: Option<String>,
    token: String,
}

/// What a rule shall bring about.
#[derive(Debug, Clone)]
pub struct RuleOrder {
    /// Scope of the data identifier.
    pub scope: String,
    /// Its name.
    pub name: String,
    /// Where it shall be.
    pub rse_expression: String,
    /// How often.
    pub copies: u32,
    /// Where it may come from.
    pub source_rse_expression: Option<String>,
    /// How long, in seconds.
    pub lifetime: Option<i64>,
}

impl RuleOrder {
    /// One copy, for ever, from anywhere.
    pub fn new(
        scope: impl Into<String>,
        name: impl Into<String>,
        rse_expression: impl Into<String>,
    ) -> Self {
        Self {
            scope: scope.into(),
            name: name.into(),
            rse_expression: rse_expression.into(),
            copies: 1,
            source_rse_expression: None,
            lifetime: None,
        }
    }
}

/// Where a rule stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleStatus {
    /// `OK`, `REPLICATING`, `STUCK`, `SUSPENDED`, …
    pub state: String,
    /// Locks with their file.
    pub ok: u64,
    /// Locks whose file is on its way.
    pub replicating: u64,
    /// Locks whose file cannot be brought.
    pub stuck: u64,
    /// Why it is stuck.
    pub error: Option<String>,
}

impl RucioSession {
    /// Logs in with user name and password.
    pub async fn with_password(
        actor: &Actor,
        url: &str,
        account: &str,
        username: &str,
        password: &str,
    ) -> Result<Self, UserError> {
        let url = url.trim_end_matches('/').to_owned();
        let headers = [
            ("X-Rucio-Account", account),
            ("X-Rucio-Username", username),
            ("X-Rucio-Password", password),
            ("X-Rucio-VO", "def"),
        ];
        let answer = web::ask(
            actor,
            web::request(
                Method::GET,
                &format!("{url}/auth/userpass"),
                &headers,
                Body::empty(),
            )?,
        )
        .await?;
        if !answer.status.is_success() {
            return Err(refusal(&answer));
        }
        let token = answer
            .header(TOKEN)
            .ok_or_else(|| senseless("it gave no token"))?
            .to_owned();
        Ok(Self {
            actor: actor.clone(),
            url,
            account: Some(account.to_owned()),
            token,
        })
    }

    /// Shows a token of the issuer, as it is, at every call.
    pub fn with_token(actor: &Actor, url: &str, token: &str) -> Self {
        Self {
            actor: actor.clone(),
            url: url.trim_end_matches('/').to_owned(),
            account: None,
            token: token.to_owned(),
        }
    }

    /// Makes a rule; gives its id.
    pub async fn add_rule(&self, order: &RuleOrder) -> Result<String, UserError> {
        let body = json!({
            "dids": [{"scope": order.scope, "name": order.name}],
            "copies": order.copies,
            "rse_expression": order.rse_expression,
            "weight": null,
            "lifetime": order.lifetime,
            "grouping": "DATASET",
            "account": null,
            "locked": false,
            "source_replica_expression": order.source_rse_expression,
            "activity": null,
            "notify": "N",
            "purge_replicas": false,
            "ignore_availability": false,
            "comment": null,
            "ask_approval": false,
            "asynchronous": false,
            "delay_injection": null,
            "priority": 3,
            "meta": null,
        });
        let answer = self.call(Method::POST, "/rules/", Some(&body)).await?;
        let id = answer
            .json()
            .get(0)
            .and_then(Value::as_str)
            .map(str::to_owned);
        id.ok_or_else(|| senseless("it made a rule and gave no id"))
    }

    /// Where a rule stands.
    pub async fn rule(&self, id: &str) -> Result<RuleStatus, UserError> {
        let rule = self
            .call(Method::GET, &format!("/rules/{id}"), None)
            .await?
            .json();
        let count = |key: &str| rule.get(key).and_then(Value::as_u64).unwrap_or_default();
        let text = |key: &str| rule.get(key).and_then(Value::as_str).map(str::to_owned);
        Ok(RuleStatus {
            state: text("state").ok_or_else(|| senseless("the rule has no state"))?,
            ok: count("locks_ok_cnt"),
            replicating: count("locks_replicating_cnt"),
            stuck: count("locks_stuck_cnt"),
            error: text("error"),
        })
    }

    /// Deletes a rule; it lives on for an hour.
    pub async fn delete_rule(&self, id: &str) -> Result<(), UserError> {
        self.call(
            Method::DELETE,
            &format!("/rules/{id}"),
            Some(&json!({"purge_replicas": null})),
        )
        .await
        .map(|_| ())
    }

    /// Registers a file that lies at a storage element already.
    pub async fn add_replica(
        &self,
        rse: &str,
        scope: &str,
        name: &str,
        bytes: u64,
        adler32: &str,
    ) -> Result<(), UserError> {
        let file = json!({"scope": scope, "name": name, "bytes": bytes, "adler32": adler32});
        self.call(
            Method::POST,
            "/replicas",
            Some(&json!({"rse": rse, "files": [file], "ignore_availability": true})),
        )
        .await
        .map(|_| ())
    }

    /// Any other call, with a path such as `/rses/`; gives the answer's JSON, or its lines as a list.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, UserError> {
        let answer = self.call(method, path, body).await?;
        let is_stream = answer
            .header("content-type")
            .is_some_and(|t| t.starts_with("application/x-json-stream"));
        if !is_stream {
            return Ok(answer.json());
        }
        let rows: Result<Vec<Value>, _> = answer.text().lines().map(serde_json::from_str).collect();
        rows.map(Value::Array)
            .map_err(|e| senseless(format!("a line of its list: {e}")))
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, UserError> {
        let mut headers = vec![
            (TOKEN, self.token.as_str()),
            ("X-Rucio-VO", "def"),
            ("Accept", "*/*"),
        ];
        if let Some(account) = &self.account {
            headers.push(("X-Rucio-Account", account));
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let answer = web::ask(
            &self.actor,
            web::request(method, &format!("{}{path}", self.url), &headers, body)?,
        )
        .await?;
        if answer.status.is_success() || answer.status.is_redirection() {
            Ok(answer)
        } else {
            Err(refusal(&answer))
        }
    }
}

impl User {
    /// Shows the person's token for a Rucio at its door.
    pub fn rucio(&self, rucio_url: &str) -> Result<RucioSession, UserError> {
        let tokens = self.tokens_for(rucio_url.trim_end_matches('/'))?;
        Ok(RucioSession::with_token(
            self.actor(),
            rucio_url,
            &tokens.access_token,
        ))
    }

    /// Makes a rule with the person's token; gives its id.
    pub async fn add_rule(&self, rucio_url: &str, order: &RuleOrder) -> Result<String, UserError> {
        self.rucio(rucio_url)?.add_rule(order).await
    }

    /// Looks at a rule with the person's token.
    pub async fn rule(&self, rucio_url: &str, id: &str) -> Result<RuleStatus, UserError> {
        self.rucio(rucio_url)?.rule(id).await
    }
}

/// Rucio's exception, from its headers or its body.
fn refusal(answer: &Answer) -> UserError {
    let body = answer.json();
    let text = |key: &str| {
        let from_body = body.get(key).and_then(Value::as_str).map(str::to_owned);
        from_body
            .or_else(|| answer.header(key).map(str::to_owned))
            .unwrap_or_default()
    };
    UserError::Rucio {
        status: answer.status.as_u16(),
        class: text("ExceptionClass"),
        message: text("ExceptionMessage"),
    }
}

fn senseless(why: impl Into<String>) -> UserError {
    UserError::Senseless {
        who: "Rucio".into(),
        why: why.into(),
    }
}

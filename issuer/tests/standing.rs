//! Suspended people and clients, unsigned policies, people who are gone: what each grant and endpoint answers to tokens,
//! codes and sessions of before, at each level (issuer page §2.4 to §2.10).
#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod common;

use common::asks::By;
use common::{Bench, Browser};
use serde_json::json;

const WORLD: &str = r#"
admin_secret = "open"
users = [{ username = "ann" }]
clients = [
  { client_id = "a", client_secret = "s", grant_types = ["client_credentials", "password", "refresh_token", "authorization_code", "device_code", "token-exchange"], scope = ["openid", "offline_access", "storage.read:/"], redirect_uris = ["https://app.example/cb"] },
]
"#;

/// What ann and the client have when it happens to them.
struct Before {
    bench: Bench,
    browser: Browser,
    access: String,
    refresh: String,
    code: String,
    device: String,
}

const A: By<'_> = ("a", "s");
const ASK: &str = "/authorize?response_type=code&client_id=a&scope=openid";

impl Before {
    async fn at(level: &str) -> Self {
        let bench = Bench::from_toml(&format!("compat = \"{level}\"\n{WORLD}"));
        let all = ("scope", "openid offline_access storage.read:/");
        let given = bench.password(A, "ann", &[all]).await;
        let code = bench.code("a", "ann", "&scope=openid").await;
        let started = bench
            .device(A, "ann", Some("true"), &[("scope", "openid")])
            .await;
        let browser = Browser::login(&bench, "ann", "password").await;
        Self {
            access: given.text("access_token"),
            refresh: given.text("refresh_token"),
            device: started.text("device_code"),
            bench,
            browser,
            code,
        }
    }

    async fn ask(&mut self, what: &str) -> String {
        let bench = &self.bench;
        let answer = match what {
            "password" => bench.password(A, "ann", &[]).await,
            "client_credentials" => bench.own(A, &[]).await,
            "code" => bench.redeem(A, &self.code, &[]).await,
            "device" => bench.poll(A, &self.device).await,
            "refresh" => bench.refresh(A, &self.refresh, &[]).await,
            "exchange" => {
                let scope = ("scope", "storage.read:/");
                bench.exchange(A, &self.access, &[scope]).await
            }
            "devicecode" => bench.post_as(A, "/devicecode", &[("client_id", "a")]).await,
            "introspect" => {
                let form = [("token", self.access.as_str())];
                bench.post_as(A, "/introspect", &form).await
            }
            "revoke" => bench.post_as(A, "/revoke", &[("token", "x")]).await,
            "userinfo" => bench.get_as(&self.access, "/userinfo").await,
            "session" => self.browser.get(bench, ASK).await,
            _ => {
                let form = [("username", "ann"), ("password", "password")];
                self.browser.post(bench, "/login", &form).await
            }
        };
        let error = answer.text("error");
        let to = answer.header("location").unwrap_or_default();
        let to = to.trim_start_matches("https://iam.example");
        let active = answer.json()["active"].as_bool();
        let active = active.map_or(String::new(), |active| format!("active {active}"));
        let status = answer.status.to_string();
        let words = [status.as_str(), &error, to, &active];
        words
            .into_iter()
            .filter(|w| !w.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// `(what is asked, strict, IAM 1.12, IAM 1.7)`.
type Row = (&'static str, &'static str, &'static str, &'static str);

async fn table(method: &str, path: &str, body: &serde_json::Value, rows: &[Row]) {
    for (index, level) in ["strict", "iam-1.12", "iam-1.7"].into_iter().enumerate() {
        let mut before = Before::at(level).await;
        let answer = before.bench.admin(method, path, body.clone()).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        for (what, strict, today, then) in rows {
            let want = [strict, today, then][index];
            assert_eq!(before.ask(what).await, *want, "{level}: {what}");
        }
    }
}

#[tokio::test]
async fn a_suspended_person() {
    let rows = [
        (
            "password",
            "400 invalid_grant",
            "401 unauthorized",
            "401 unauthorized",
        ),
        ("code", "400 invalid_grant", "200", "200"),
        ("device", "400 invalid_grant", "200", "200"),
        ("exchange", "400 invalid_grant", "200", "200"),
        ("refresh", "400 invalid_grant", "401 unauthorized", "200"),
        ("client_credentials", "200", "200", "200"),
        ("session", "302 /login", "302 /login", "302 /login"),
        (
            "login",
            "302 /login?error=failure",
            "302 /login?error=failure",
            "302 /login?error=failure",
        ),
    ];
    table("PATCH", "/users/ann", &json!({ "active": false }), &rows).await;
}

#[tokio::test]
async fn a_suspended_client() {
    let none = "401 invalid_client";
    let rows = [
        ("password", none, none, "200"),
        ("code", none, none, "200"),
        ("device", none, none, "200"),
        ("exchange", none, none, "200"),
        ("client_credentials", none, none, "200"),
        ("introspect", none, "200 active true", "200 active true"),
        ("revoke", none, "200", "200"),
        ("devicecode", none, "200", "200"),
        ("refresh", none, none, "200"),
    ];
    table("PATCH", "/clients/a", &json!({ "active": false }), &rows).await;
}

#[tokio::test]
async fn a_policy_that_is_not_signed() {
    let owes = "400 invalid_grant";
    let sign = "302 /iam/aup/sign";
    let rows = [
        ("password", owes, owes, owes),
        ("code", owes, owes, owes),
        ("device", owes, owes, owes),
        ("exchange", owes, owes, owes),
        ("refresh", owes, owes, owes),
        ("client_credentials", "200", "200", "200"),
        (
            "introspect",
            "200 active true",
            "200 active true",
            "200 active true",
        ),
        ("userinfo", "200", "200", "200"),
        ("session", sign, sign, sign),
    ];
    table("PUT", "/aup", &json!({ "text": "Be kind." }), &rows).await;
}

#[tokio::test]
async fn a_person_who_is_gone() {
    let gone = "400 invalid_grant";
    let rows = [
        ("password", gone, gone, gone),
        ("code", gone, gone, gone),
        ("device", gone, gone, gone),
        (
            "exchange",
            "400 invalid_request",
            "401 invalid_token",
            "401 invalid_token",
        ),
        ("refresh", gone, "401 invalid_token", "401 invalid_token"),
        (
            "introspect",
            "200 active false",
            "200 active false",
            "200 active false",
        ),
        (
            "userinfo",
            "401 invalid_token",
            "401 invalid_token",
            "401 invalid_token",
        ),
        ("session", "302 /login", "302 /login", "302 /login"),
    ];
    table("DELETE", "/users/ann", &json!({}), &rows).await;
}

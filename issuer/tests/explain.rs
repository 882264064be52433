//! The administrator asks why: every answer of `/explain/request` is the one that `/token` gives (issuer page §5.3).

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod common;

use common::{Bench, EXCHANGE};
use serde_json::{Value, json};

const WORLD: &str = r#"
admin_secret = "open"
groups = [{ name = "/vo" }, { name = "/vo/ops", optional = true }]
users = [{ username = "ann", groups = ["/vo", "/vo/ops"] }, { username = "bob", groups = ["/vo"] }, { username = "gone", active = false }]
scope_policies = [
  { rule = "PERMIT", matching = "REGEXP", scopes = ["(openid|offline_access|wlcg\\.groups.*)"] },
  { rule = "PERMIT", matching = "PATH", scopes = ["storage.read:/"] },
  { rule = "DENY", matching = "PATH", scopes = ["storage.read:/secret"] },
  { level = "group", group = "/vo/ops", rule = "PERMIT", matching = "PATH", scopes = ["storage.read:/secret"] },
]
exchange_policies = [
  { rule = "PERMIT", origin = { type = "BY_ID", match = "a" } },
  { rule = "PERMIT", origin = { type = "BY_ID", match = "a" }, destination = { type = "BY_SCOPE", match = "fts" },
    scope_policies = [{ rule = "DENY", type = "PATH", match = "storage.read:/x" }] },
  { rule = "DENY", origin = { type = "BY_ID", match = "c" } },
]
clients = [
  { client_id = "a", client_secret = "s", grant_types = ["client_credentials", "password", "refresh_token"], scope = ["openid", "offline_access", "wlcg.groups", "storage.read:/"] },
  { client_id = "b", client_secret = "s", grant_types = ["client_credentials", "token-exchange", "refresh_token"], scope = ["openid", "offline_access", "fts", "compute.read", "wlcg.groups", "storage.read:/"] },
  { client_id = "c", client_secret = "s", grant_types = ["client_credentials", "password", "token-exchange"], scope = ["openid", "storage.read:/"] },
  { client_id = "off", client_secret = "s", active = false, scope = ["openid"] },
]
"#;

/// What `/token` really answers to the same request.
async fn really(bench: &Bench, question: &Value) -> common::Answer {
    let text = |name: &str| question[name].as_str();
    let mut form = Vec::new();
    let subject;
    if let Some(origin) = text("origin") {
        let mut first = vec![("grant_type", "client_credentials"), ("scope", "openid")];
        if let Some(user) = text("user") {
            first = vec![
                ("grant_type", "password"),
                ("username", user),
                ("password", "password"),
                ("scope", "openid"),
            ];
        }
        subject = bench.token(origin, "s", &first).await.text("access_token");
        form.extend([
            ("grant_type", EXCHANGE),
            ("subject_token", subject.as_str()),
        ]);
    } else if let Some(user) = text("user") {
        form.extend([
            ("grant_type", "password"),
            ("username", user),
            ("password", "password"),
        ]);
    } else {
        form.push(("grant_type", "client_credentials"));
    }
    for name in ["scope", "audience", "resource"] {
        form.extend(text(name).map(|value| (name, value)));
    }
    bench.token(text("client_id").unwrap(), "s", &form).await
}

#[tokio::test]
async fn an_explanation_says_what_the_token_endpoint_does_and_which_check_it_was() {
    for compat in ["strict", "iam-1.12", "iam-1.7"] {
        let bench = Bench::from_toml(&format!("compat = \"{compat}\"\n{WORLD}"));
        for (question, failed) in [
            (json!({ "client_id": "a", "scope": "storage.read:/x" }), ""),
            (
                json!({ "client_id": "a", "scope": "storage.read:/x compute.read" }),
                "client.scope",
            ),
            (
                json!({ "client_id": "b", "user": "ann", "scope": "openid" }),
                "client.grant",
            ),
            (
                json!({ "client_id": "off", "scope": "openid" }),
                if compat == "iam-1.7" {
                    ""
                } else {
                    "client.active"
                },
            ),
            (
                json!({ "client_id": "a", "user": "gone", "scope": "openid" }),
                "user",
            ),
            (
                json!({ "client_id": "a", "user": "ann", "scope": "openid offline_access wlcg.groups:/vo/ops storage.read:/secret/x" }),
                "",
            ),
            (
                json!({ "client_id": "a", "user": "bob", "scope": "openid storage.read:/secret/x" }),
                "scope.policy",
            ),
            (
                json!({ "client_id": "a", "user": "bob", "scope": "wlcg.groups:/vo/ops" }),
                if compat == "strict" { "group" } else { "" },
            ),
            (
                json!({ "client_id": "a", "scope": "openid", "resource": "https://se.example/#x" }),
                if compat == "iam-1.7" { "" } else { "resource" },
            ),
            (
                json!({ "client_id": "b", "origin": "a", "user": "ann", "scope": "storage.read:/y" }),
                "",
            ),
            (
                json!({ "client_id": "b", "origin": "a", "user": "ann", "scope": "storage.read:/x/y" }),
                "exchange.scope",
            ),
            (
                json!({ "client_id": "b", "origin": "a", "scope": "compute.read" }),
                "exchange.scope",
            ),
            (
                json!({ "client_id": "c", "origin": "a", "scope": "storage.read:/x" }),
                "",
            ),
            (
                json!({ "client_id": "b", "origin": "c", "scope": "storage.read:/x" }),
                "exchange.policy",
            ),
            (
                json!({ "client_id": "b", "origin": "b", "scope": "storage.read:/x" }),
                "exchange.policy",
            ),
            (
                json!({ "client_id": "b", "origin": "b", "scope": "offline_access" }),
                if compat == "iam-1.7" {
                    "exchange.policy"
                } else {
                    "exchange.client"
                },
            ),
        ] {
            let told = bench
                .admin("POST", "/explain/request", question.clone())
                .await;
            assert_eq!(told.status, 200, "{}", told.body);
            let told = told.json();
            let first = told["checks"]
                .as_array()
                .unwrap()
                .iter()
                .find(|c| c["ok"] == false);
            let first = first.map_or("", |c| c["name"].as_str().unwrap());
            assert_eq!(first, failed, "{compat} {question}: {told}");
            let answer = really(&bench, &question).await;
            assert_eq!(
                told["granted"],
                answer.status == 200,
                "{compat} {question}: {}",
                answer.body
            );
            if answer.status == 200 {
                let scope = answer.claims()["scope"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
                assert_eq!(told["scope"], scope, "{compat} {question}");
                assert_eq!(
                    told["groups"],
                    answer.claims()["wlcg.groups"],
                    "{compat} {question}"
                );
                assert_eq!(
                    told["refresh_token"],
                    answer.json().get("refresh_token").is_some(),
                    "{compat} {question}"
                );
                assert_eq!(
                    told["id_token"],
                    answer.json().get("id_token").is_some(),
                    "{compat} {question}"
                );
            } else {
                let refusal = &told["refusal"];
                assert_eq!(refusal["status"], answer.status, "{compat} {question}");
                for member in ["error", "error_description"] {
                    assert_eq!(
                        refusal[member],
                        answer.json()[member],
                        "{compat} {question}"
                    );
                }
            }
            assert_eq!(
                told["hint"].is_string(),
                !failed.is_empty() && failed != "user" && failed != "resource",
                "{compat} {question}: {told}"
            );
        }
    }
}

#[tokio::test]
async fn ranks_and_losers_are_named_and_the_journal_stays_silent() {
    let bench = Bench::from_toml(WORLD);
    let before = bench.stage.journal().records().len();
    let question = json!({ "origin": "a", "destination": "b", "scope": "storage.read:/y" });
    let told = bench
        .admin("POST", "/explain/exchange", question)
        .await
        .json();
    assert_eq!(
        (&told["granted"], &told["rank"]),
        (&json!(true), &json!(3)),
        "{told}"
    );
    assert!(
        told["policy"]
            .as_str()
            .unwrap()
            .starts_with("policy 2: PERMIT client a to clients with scope fts"),
        "{told}"
    );
    assert_eq!(told["applicable"].as_array().unwrap().len(), 2, "{told}");
    let question =
        json!({ "user": "bob", "client_id": "a", "scope": "openid storage.read:/secret" });
    let told = bench
        .admin("POST", "/explain/scopes", question)
        .await
        .json();
    assert_eq!(told["scope"], "openid");
    let dropped = &told["dropped"][0];
    assert_eq!(
        (&dropped["scope"], &dropped["why"]),
        (
            &json!("storage.read:/secret"),
            &json!("policy 3 for everybody: DENY PATH storage.read:/secret")
        )
    );
    for (question, says) in [
        (
            json!({ "client_id": "nobody" }),
            "There is no client nobody; there are a, b, c, off.",
        ),
        (
            json!({ "client_id": "a", "user": "eve" }),
            "There is no user eve; there are ann, bob, gone.",
        ),
        (
            json!({ "client_id": "a", "grant": "cookies" }),
            "There is no grant cookies",
        ),
        (
            json!({ "client_id": "a", "grant": "token-exchange" }),
            "An exchange has an origin",
        ),
        (
            json!({ "client_id": "b", "origin": "a" }),
            "Name the scopes",
        ),
        (
            json!({ "client_id": "a", "grant": "device_code" }),
            "The grant device_code has a user.",
        ),
    ] {
        let answer = bench
            .admin("POST", "/explain/request", question.clone())
            .await;
        assert_eq!(answer.status, 404, "{question}");
        assert!(
            answer.text("error_description").contains(says),
            "{question}: {}",
            answer.body
        );
    }
    assert_eq!(
        bench.stage.journal().records().len(),
        before,
        "nothing was told"
    );
}

//! Scope policies written where IAM has them, deciding at once (issuer page §2.0).

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod common;
mod people;

use people::World;
use serde_json::{Value, json};

#[tokio::test]
async fn scope_policies_are_written_where_iam_has_them_and_decide_at_once() {
    for compat in ["strict", "iam-1.12"] {
        let world = World::new(compat, "writer").await;
        let list = || world.ask("GET", "/iam/scope_policies", Value::Null);
        let shown = list().await.json();
        assert_eq!(
            shown[1]["group"],
            json!({ "uuid": "g-ops", "name": "vo/ops", "location": "https://iam.example/scim/Groups/g-ops" })
        );
        let deny = json!({ "description": "no fts", "rule": "DENY", "matchingPolicy": "EQ", "account": { "uuid": "u-bob" }, "scopes": ["fts"] });
        assert_eq!(
            world.ann("bob").await.1,
            "fts openid wlcg.groups".to_owned()
        );
        let json = "application/json";
        assert_eq!(
            world
                .ask_as(json, "POST", "/iam/scope_policies", deny.clone())
                .await
                .status,
            201
        );
        assert_eq!(
            world.ann("bob").await.1,
            "openid wlcg.groups".to_owned(),
            "{compat}"
        );
        assert_eq!(
            world
                .ask("GET", "/iam/scope_policies/3", Value::Null)
                .await
                .json()["account"]["username"],
            "bob"
        );
        let permit = json!({ "rule": "PERMIT", "account": { "uuid": "u-bob" } });
        assert_eq!(
            world
                .ask_as(json, "PUT", "/iam/scope_policies/3", permit)
                .await
                .status,
            204
        );
        assert_eq!(
            world.ann("bob").await.1,
            "fts openid wlcg.groups".to_owned(),
            "{compat}"
        );
        assert_eq!(
            world
                .ask("DELETE", "/iam/scope_policies/1", Value::Null)
                .await
                .status,
            204
        );
        assert_eq!(
            world.ann("ann").await.1,
            "openid".to_owned(),
            "{compat}: nobody permits anything any more"
        );
        for (method, path, body, status, says) in [
            (
                "POST",
                "/iam/scope_policies",
                json!({ "rule": "MAYBE" }),
                400,
                "rule must be PERMIT or DENY",
            ),
            (
                "POST",
                "/iam/scope_policies",
                json!({ "rule": "DENY", "matchingPolicy": "NEARLY" }),
                400,
                "matchingPolicy must be",
            ),
            (
                "POST",
                "/iam/scope_policies",
                json!({ "rule": "DENY", "account": { "uuid": "x" } }),
                400,
                "No account found for UUID: x",
            ),
            (
                "POST",
                "/iam/scope_policies",
                json!({ "rule": "DENY", "group": { "uuid": "x" } }),
                400,
                "No group found for UUID: x",
            ),
            (
                "POST",
                "/iam/scope_policies",
                json!({ "rule": "DENY", "account": { "uuid": "u-bob" }, "group": { "uuid": "g-vo" } }),
                400,
                "not both",
            ),
            (
                "POST",
                "/iam/api/exchange/policies",
                json!({ "rule": "PERMIT", "originClient": { "type": "ANY" }, "destinationClient": { "type": "ANY" }, "scopePolicies": "openid" }),
                400,
                "could not parse",
            ),
            (
                "POST",
                "/iam/scope_policies",
                json!([1]),
                400,
                "could not parse",
            ),
            (
                "POST",
                "/iam/scope_policies",
                json!({ "rule": "PERMIT", "account": { "uuid": "u-bob" } }),
                400,
                "Duplicate policy error: equivalent policies [3]",
            ),
            (
                "GET",
                "/iam/scope_policies/9",
                Value::Null,
                404,
                "No scope policy found for id: 9",
            ),
            ("PATCH", "/iam/scope_policies/3", Value::Null, 405, ""),
        ] {
            let answer = world.ask_as(json, method, path, body.clone()).await;
            assert_eq!(
                answer.status, status,
                "{compat} {method} {path} {body}: {}",
                answer.body
            );
            assert!(
                answer.text("error").contains(says),
                "{compat} {method} {path} {body}: {}",
                answer.body
            );
        }
        let reader = World::new(compat, "reader").await;
        assert_eq!(
            reader
                .ask("GET", "/iam/scope_policies", Value::Null)
                .await
                .status,
            200,
            "{compat}"
        );
        assert_eq!(
            reader
                .ask_as(json, "POST", "/iam/scope_policies", deny)
                .await
                .status,
            403,
            "{compat}"
        );
        assert_eq!(
            reader
                .ask("GET", "/iam/api/exchange/policies", Value::Null)
                .await
                .status,
            200,
            "{compat}"
        );
        assert_eq!(
            reader
                .ask("DELETE", "/iam/api/exchange/policies/1", Value::Null)
                .await
                .status,
            403,
            "{compat}"
        );
    }
}

#[tokio::test]
async fn an_expression_that_cannot_be_read_is_refused_wherever_it_is_written() {
    let world = World::new("iam-1.12", "writer").await;
    let policy = json!({ "rule": "PERMIT", "matchingPolicy": "REGEXP", "scopes": ["storage.read:/(?!secret).*"] });
    let json = "application/json";
    let answer = world
        .ask_as(json, "POST", "/iam/scope_policies", policy)
        .await;
    assert_eq!(answer.status, 400);
    assert!(
        answer.text("error").contains("look-around"),
        "{}",
        answer.body
    );
    for (table, why) in [
        (
            r#"scope_policies = [{ rule = "DENY", matching = "REGEXP", scopes = ["a", "b++"] }]"#,
            "scope policy 1: the expression b++ cannot be read: possessive",
        ),
        (
            r#"exchange_policies = [{ rule = "PERMIT", scope_policies = [{ rule = "DENY", type = "PATH", match = "storage.read:/[" }] }]"#,
            "exchange policy 1: the expression storage.read:/[ cannot be read: unclosed",
        ),
        (
            r#"scope_matchers = [{ name = "m", type = "regexp", regexp = "(?<=x)y" }]"#,
            "scope matcher m: the expression (?<=x)y cannot be read: look-around",
        ),
    ] {
        let config = toml::from_str(&format!("compat = \"iam-1.12\"\n{table}")).unwrap();
        let actor = world.bench.started.issuer.actor.clone();
        let refused = carnet_issuer::build(actor, config, None).err().unwrap();
        assert!(refused.to_string().contains(why), "{refused}");
    }
}

//! Rules by the REST interface, from an upload to the copy and to their end (rucio page §1.4, §1.5).

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod common;

use carnet_rucio::config::Lfn2Pfn;
use common::calls::{ERROR, HTML, JSON, STREAM, play};
use common::{World, config};
use serde_json::{Value, json};

#[tokio::test]
async fn upload_rule_and_download_as_the_client_does_them() {
    let world = World::start({
        let mut config = config();
        config.rses["SE1"].lfn2pfn = Lfn2Pfn::Hash;
        config
    })
    .await;
    let token = world.login().await;
    let file = |state: &str| {
        json!({"rse": "SE1", "files": [{"scope": "test", "name": "up9.dat", "bytes": 1000, "adler32": "d530f484", "md5": "a6387e3c3fc7433c0746a776440152bd",
               "meta": {"guid": "6049715a65794f87b89ac389bae2b309"}, "state": state}], "ignore_availability": true})
    };
    let rule = |rse: &str| json!({"dids": [{"scope": "test", "name": "up9.dat"}], "copies": 1, "rse_expression": rse, "grouping": null, "notify": null});
    play(&world, &token, vec![
        ("POST", "/accounts/root/scopes/test", None, 201, HTML, "Created"),
        ("GET", "/accounts/root/scopes/", None, 200, JSON, "test"),
        ("GET", "/dids/test/up9.dat/meta?plugin=DID_COLUMN", None, 404, ERROR, "Data identifier 'test:up9.dat' not found"),
        ("POST", "/replicas", Some(file("C")), 201, HTML, "Created"),
        ("POST", "/rules/", Some(rule("SE1")), 201, HTML, "[\""),
        ("POST", "/traces/", Some(json!({"eventType": "upload"})), 201, HTML, "Created"),
        ("PUT", "/replicas", Some(file("A")), 200, HTML, ""),
        ("GET", "/accounts/root/rules", None, 200, STREAM, "\"state\":\"OK\""),
        ("GET", "/dids/test/up9.dat/meta?plugin=DID_COLUMN", None, 200, JSON, "\"did_type\":\"FILE\""),
        ("GET", "/dids/test/up9.dat?dynamic_depth=FILE", None, 200, JSON, r#""bytes":1000,"length":1"#),
        ("GET", "/scopes/", None, 200, JSON, "\"test\""),
        (
            "GET",
            "/dids/test/dids/search?type=all&filters=%5B%7B%27name%27%3A+%27up9.dat%27%7D%5D&long=True&recursive=False",
            None,
            200,
            STREAM,
            r#"{"scope":"test","name":"up9.dat","did_type":"FILE","bytes":1000,"length":null}"#,
        ),
        ("POST", "/replicas/list", Some(json!({"dids": [{"scope": "test", "name": "up9.dat"}], "domain": null})), 200, STREAM, r#""rses":{"SE1":["https://se1.example/test/ad/da/up9.dat"]},"states":{"SE1":"AVAILABLE"}"#),
        ("GET", "/dids/test/up9.dat/rules", None, 200, STREAM, "\"rse_expression\":\"SE1\""),
    ])
    .await;
    let headers = [
        ("X-Rucio-Auth-Token", token.as_str()),
        ("Accept", "application/metalink4+xml"),
    ];
    let metalink = world
        .ask(
            "POST",
            "/replicas/list",
            &headers,
            Some(json!({"dids": [{"scope": "test", "name": "up9.dat"}], "resolve_parents": true})),
        )
        .await;
    assert_eq!(metalink.header("content-type"), "application/metalink4+xml");
    assert!(
        metalink
            .text
            .contains("<hash type=\"adler32\">d530f484</hash>"),
        "{}",
        metalink.text
    );
    assert!(
        metalink
            .text
            .contains(">davs://se1.example/test/ad/da/up9.dat</url>"),
        "{}",
        metalink.text
    );
}

#[tokio::test]
async fn rules_from_birth_to_death() {
    let world = World::start(config()).await;
    let token = world.login().await;
    let made = world.rule(&token).await;
    let id = made.json()[0].as_str().unwrap().to_owned();
    assert!(
        id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()),
        "{id}"
    );
    assert_eq!(world.settled(&id).await.0, "OK");
    let headers = [("X-Rucio-Auth-Token", token.as_str())];
    let rule = world
        .ask("GET", &format!("/rules/{id}"), &headers, None)
        .await
        .json();
    for (key, want) in [
        ("state", json!("OK")),
        ("locks_ok_cnt", json!(1)),
        ("activity", json!("User Subscriptions")),
        ("grouping", json!("DATASET")),
        ("notification", json!("NO")),
        ("did_type", json!("FILE")),
        ("error", Value::Null),
    ] {
        assert_eq!(rule[key], want, "{key}");
    }
    let locks = world
        .ask("GET", &format!("/rules/{id}/locks"), &headers, None)
        .await
        .rows();
    assert_eq!(
        (&locks[0]["rse"], &locks[0]["state"]),
        (&json!("SE2"), &json!("OK"))
    );
    let analysis = world
        .ask("GET", &format!("/rules/{id}/analysis"), &headers, None)
        .await
        .json();
    assert_eq!(
        analysis,
        json!({"rule_error": "This replication rule is OK", "transfers": []})
    );
    let history = world.ask("GET", "/requests/history/list?src_rse=SE1&dst_rse=SE2&request_states=Q,S,D,F&offset=0&limit=100", &headers, None).await.rows();
    assert_eq!(
        (&history[0]["state"], &history[0]["rule_id"]),
        (&json!("DONE"), &json!(id))
    );
    assert!(history[0]["attributes"].is_string());

    let again = world.rule(&token).await;
    assert_eq!(
        (again.status, again.header("ExceptionClass")),
        (409, "DuplicateRule")
    );
    for (path, status, class) in [
        ("/rules/nope", 500, "RucioException"),
        (
            "/rules/00000000000000000000000000000000",
            404,
            "RuleNotFound",
        ),
    ] {
        let answer = world.ask("GET", path, &headers, None).await;
        assert_eq!(
            (answer.status, answer.header("ExceptionClass")),
            (status, class),
            "{path}"
        );
    }

    let alice = world.token(|_| {});
    let refused = world
        .ask(
            "DELETE",
            &format!("/rules/{id}"),
            &[("X-Rucio-Auth-Token", &alice)],
            None,
        )
        .await;
    assert_eq!(
        (refused.status, refused.header("ExceptionMessage")),
        (401, "Account alice can not delete replication rule.")
    );
    assert_eq!(
        world
            .ask(
                "DELETE",
                &format!("/rules/{id}"),
                &headers,
                Some(json!({"purge_replicas": null}))
            )
            .await
            .status,
        200
    );
    let rule = world
        .ask("GET", &format!("/rules/{id}"), &headers, None)
        .await
        .json();
    assert!(
        rule["expires_at"].is_string(),
        "a deleted rule lives on for an hour"
    );
}

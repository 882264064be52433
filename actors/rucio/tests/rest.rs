//! The REST interface, call by call, as the official client uses it (rucio page §1).

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod common;

use common::calls::{ERROR, HTML, JSON, STREAM, play};
use common::{World, config};
use serde_json::{Value, json};

#[tokio::test]
async fn logins() {
    let world = World::start(config()).await;
    let ping = world.ask("GET", "/ping", &[], None).await;
    assert_eq!(
        (ping.status, ping.text.as_str()),
        (200, r#"{"version":"41.5.1"}"#)
    );

    let headers = [
        ("X-Rucio-Account", "root"),
        ("X-Rucio-Username", "ddmlab"),
        ("X-Rucio-Password", "secret"),
    ];
    let answer = world.ask("GET", "/auth/userpass", &headers, None).await;
    let token = answer.header("X-Rucio-Auth-Token").to_owned();
    assert!(
        token.starts_with("root-ddmlab-unknown-") && token.len() == 52,
        "{token}"
    );
    assert!(
        answer
            .header("X-Rucio-Auth-Token-Expires")
            .ends_with(" UTC")
    );
    assert_eq!(answer.header("X-Rucio-Auth-Account"), "root");

    for (case, headers) in [
        (
            "a wrong password",
            vec![
                ("X-Rucio-Account", "root"),
                ("X-Rucio-Username", "ddmlab"),
                ("X-Rucio-Password", "no"),
            ],
        ),
        (
            "another account",
            vec![
                ("X-Rucio-Account", "alice"),
                ("X-Rucio-Username", "ddmlab"),
                ("X-Rucio-Password", "secret"),
            ],
        ),
        ("nothing", vec![]),
    ] {
        let answer = world.ask("GET", "/auth/userpass", &headers, None).await;
        assert_eq!(
            (answer.status, answer.header("ExceptionClass")),
            (401, "CannotAuthenticate"),
            "{case}"
        );
    }
    for (case, token, status, class) in [
        ("none", "", 400, "ValueError"),
        ("unknown", "root-x", 401, "CannotAuthenticate"),
    ] {
        let answer = world
            .ask("GET", "/rses/", &[("X-Rucio-Auth-Token", token)], None)
            .await;
        assert_eq!(
            (answer.status, answer.header("ExceptionClass")),
            (status, class),
            "{case}"
        );
    }
    let whoami = world
        .ask(
            "GET",
            "/accounts/whoami",
            &[("X-Rucio-Auth-Token", &token)],
            None,
        )
        .await;
    assert_eq!((whoami.status, whoami.header("location")), (303, "root"));
    let valid = world
        .ask(
            "GET",
            "/auth/validate",
            &[("X-Rucio-Auth-Token", &token)],
            None,
        )
        .await;
    assert!(
        valid.text.starts_with(
            "{'account': 'root', 'identity': 'ddmlab', 'lifetime': datetime.datetime("
        ),
        "{}",
        valid.text
    );
    let invalid = world
        .ask(
            "GET",
            "/auth/validate",
            &[("X-Rucio-Auth-Token", "x")],
            None,
        )
        .await;
    assert_eq!(
        (invalid.status, invalid.header("ExceptionClass")),
        (500, "CannotAuthenticate")
    );
}

#[tokio::test]
async fn s22_tokens_at_the_door() {
    let world = World::start(config()).await;
    type Change = fn(&mut Value);
    let table: &[(&str, Change, u16, Option<&str>)] = &[
        ("good", |_| {}, 303, None),
        (
            "wrong audience",
            |c| c["aud"] = json!("https://fts.example"),
            401,
            Some("audience"),
        ),
        (
            "any audience is not Rucio's",
            |c| c["aud"] = json!("https://wlcg.cern.ch/jwt/v1/any"),
            401,
            Some("audience"),
        ),
        (
            "scope missing",
            |c| c["scope"] = json!("wlcg.groups"),
            401,
            Some("scope"),
        ),
        (
            "unknown subject",
            |c| c["sub"] = json!("mallory"),
            401,
            Some("identity"),
        ),
        (
            "expired",
            |c| c["exp"] = json!(c["iat"].as_i64().unwrap() - 600),
            401,
            Some("time.exp"),
        ),
        (
            "issuer without its slash",
            |c| c["iss"] = json!("https://iam.example"),
            401,
            Some("issuer"),
        ),
    ];
    for (case, change, status, failed) in table {
        let token = world.token(change);
        let answer = world
            .ask(
                "GET",
                "/accounts/whoami",
                &[("X-Rucio-Auth-Token", &token)],
                None,
            )
            .await;
        assert_eq!(answer.status, *status, "{case}: {}", answer.text);
        assert_eq!(
            world.judged().last().unwrap().1.as_deref(),
            *failed,
            "{case}"
        );
    }
    let bearer = format!("Bearer {}", world.token(|_| {}));
    assert_eq!(
        world
            .ask(
                "GET",
                "/accounts/whoami",
                &[("X-Rucio-Auth-Token", &bearer)],
                None
            )
            .await
            .status,
        401,
        "a prefix is not a token"
    );
}

#[tokio::test]
async fn storage_elements() {
    let world = World::start(config()).await;
    let token = world.login().await;
    let protocol = json!({"hostname": "127.0.0.1", "scheme": "davs", "port": 28443, "impl": "rucio.rse.protocols.gfal.Default", "prefix": "/data/SRC/",
        "domains": {"wan": {"read": 2, "write": 2, "delete": 2, "third_party_copy_read": 1, "third_party_copy_write": 1}, "lan": {"read": 2}}});
    play(
        &world,
        &token,
        vec![
            (
                "GET",
                "/rses/?expression=SE1",
                None,
                200,
                STREAM,
                "{\"rse\":\"SE1\"}\n",
            ),
            (
                "GET",
                "/rses/?expression=istape%3Dtrue",
                None,
                400,
                ERROR,
                "RSE Expression resulted in an empty set.",
            ),
            (
                "GET",
                "/rses/NOPE",
                None,
                404,
                ERROR,
                "RSE 'NOPE' cannot be found in vo 'def'",
            ),
            (
                "GET",
                "/rses/SE1",
                None,
                200,
                JSON,
                "\"lfn2pfn_algorithm\":\"identity\"",
            ),
            ("GET", "/rses/SE1/attr/", None, 200, JSON, "\"SE1\":true"),
            (
                "POST",
                "/rses/SRC",
                Some(json!({"deterministic": true})),
                201,
                HTML,
                "Created",
            ),
            (
                "POST",
                "/rses/SRC",
                Some(json!({})),
                409,
                ERROR,
                "already exists",
            ),
            (
                "POST",
                "/rses/SRC/attr/fts",
                Some(json!({"value": "https://fts.example"})),
                201,
                HTML,
                "Created",
            ),
            (
                "POST",
                "/rses/SRC/attr/fts",
                Some(json!({"value": "x"})),
                409,
                ERROR,
                "Duplicate",
            ),
            (
                "GET",
                "/rses/SRC/attr/",
                None,
                200,
                JSON,
                r#"{"SRC":true,"fts":"https://fts.example"}"#,
            ),
            (
                "POST",
                "/rses/SRC/protocols/davs",
                Some(protocol),
                201,
                HTML,
                "Created",
            ),
            (
                "GET",
                "/rses/SRC/lfns2pfns?lfn=ddmlab%3Af1.dat",
                None,
                200,
                JSON,
                r#"{"ddmlab:f1.dat":"davs://127.0.0.1:28443/data/SRC/ddmlab/ac/1b/f1.dat"}"#,
            ),
            (
                "PUT",
                "/rses/SRC",
                Some(json!({"availability_read": false})),
                201,
                HTML,
                "",
            ),
            ("GET", "/rses/SRC", None, 200, JSON, "\"availability\":3"),
            (
                "GET",
                "/rses/SRC/distances/SE1",
                None,
                200,
                JSON,
                "\"distance\":1",
            ),
            ("DELETE", "/rses/SRC/distances/SE1", None, 200, HTML, ""),
            ("GET", "/rses/SRC/distances/SE1", None, 200, JSON, "[]"),
            (
                "POST",
                "/rses/SRC/distances/SE1",
                Some(json!({"distance": 3, "bidirectional": false})),
                201,
                HTML,
                "Created",
            ),
            ("GET", "/rses/SE1/usage", None, 200, STREAM, "\"used\":5"),
            ("GET", "/rses/SE1/limits", None, 200, JSON, "{}"),
            ("GET", "/nowhere", None, 404, HTML, "404 Not Found"),
        ],
    )
    .await;
}

#[tokio::test]
async fn datasets() {
    let world = World::start(config()).await;
    let token = world.login().await;
    let content = json!({"dids": [{"scope": "example", "name": "file"}]});
    play(
        &world,
        &token,
        vec![
            (
                "POST",
                "/dids/example/ds",
                Some(json!({"type": "DATASET", "statuses": {"monotonic": false}})),
                201,
                HTML,
                "Created",
            ),
            (
                "POST",
                "/dids/example/ds",
                Some(json!({"type": "DATASET"})),
                409,
                ERROR,
                "Data Identifier already exists!",
            ),
            (
                "POST",
                "/dids/nosuch/ds",
                Some(json!({"type": "DATASET"})),
                404,
                ERROR,
                "Scope not found!",
            ),
            (
                "POST",
                "/dids/example/ds/dids",
                Some(content.clone()),
                201,
                HTML,
                "Created",
            ),
            (
                "POST",
                "/dids/example/ds/dids",
                Some(content.clone()),
                409,
                ERROR,
                "FileAlreadyExists",
            ),
            (
                "GET",
                "/dids/example/ds/dids",
                None,
                200,
                STREAM,
                "\"name\":\"file\"",
            ),
            (
                "GET",
                "/dids/example/ds/files",
                None,
                200,
                STREAM,
                "\"bytes\":5",
            ),
            (
                "GET",
                "/dids/example/file/parents",
                None,
                200,
                STREAM,
                "\"name\":\"ds\"",
            ),
            (
                "GET",
                "/dids/example/ds?dynamic_depth=DATASET",
                None,
                200,
                JSON,
                r#""length":1,"bytes":5"#,
            ),
            (
                "GET",
                "/replicas/example/ds/datasets",
                None,
                200,
                STREAM,
                "\"available_length\":1",
            ),
            (
                "PUT",
                "/dids/example/ds/status",
                Some(json!({"open": false})),
                200,
                HTML,
                "",
            ),
            (
                "POST",
                "/dids/example/ds/dids",
                Some(content.clone()),
                409,
                ERROR,
                "Data identifier 'example:ds' is closed",
            ),
            (
                "DELETE",
                "/dids/example/ds/dids",
                Some(content),
                200,
                HTML,
                "",
            ),
            ("GET", "/dids/example/ds/dids", None, 200, STREAM, ""),
        ],
    )
    .await;
}

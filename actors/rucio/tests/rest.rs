//! The REST interface, call by call, as the official client uses it (rucio page §1).

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod common;

use carnet_rucio::config::Lfn2Pfn;
use common::{World, config};
use serde_json::{Value, json};

const JSON: &str = "application/json";
const STREAM: &str = "application/x-json-stream";
const HTML: &str = "text/html; charset=utf-8";
const ERROR: &str = "application/octet-stream";

/// One call and what must come back: status, content type, and a piece of the body.
type Line = (
    &'static str,
    &'static str,
    Option<Value>,
    u16,
    &'static str,
    &'static str,
);

async fn play(world: &World, token: &str, lines: Vec<Line>) {
    for (method, path, body, status, content_type, piece) in lines {
        let answer = world
            .ask(
                method,
                path,
                &[("X-Rucio-Auth-Token", token), ("X-Rucio-VO", "def")],
                body,
            )
            .await;
        let seen = (answer.status, answer.header("content-type"));
        assert_eq!(
            seen,
            (status, content_type),
            "{method} {path}: {}",
            answer.text
        );
        assert!(
            answer.text.contains(piece),
            "{method} {path}: {}",
            answer.text
        );
        if content_type == ERROR {
            assert_eq!(
                answer.json()["ExceptionClass"],
                answer.header("ExceptionClass"),
                "{method} {path}"
            );
        }
    }
}

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

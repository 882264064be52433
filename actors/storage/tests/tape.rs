//! The tape interface (storage page §6) and macaroons (§3.7).

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod stage;

use std::time::Duration;

use carnet_stage::{Clock, Event};
use serde_json::{Value, json};
use stage::{TestStage, config};

const API: &str = "https://se1.example/api/v1";

#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_from_tape_when_asked() {
    let clock = Clock::manual("2026-11-24T12:00:00Z".parse().unwrap());
    let text = "tape = { stage_seconds = 600 }\nfiles = { \"/t\" = { size = \"1 KiB\", tape = true }, \"/d\" = \"1 KiB\", \"/empty\" = \"0\" }";
    let test = TestStage::with_clock(clock, &[("se1", config(text))]).await;
    let read = test.token("storage.read:/");
    let stager = test.token("storage.stage:/");
    let found = test
        .ask(
            "GET",
            "https://se1.example/.well-known/wlcg-tape-rest-api",
            "",
            &[],
            "",
        )
        .await;
    let written = "https://se1.example/.well-known/wlcg-tape-rest-api";
    let written = test.ask("POST", written, "", &[], "").await;
    assert_eq!((written.status, written.header("allow")), (405, "GET,HEAD"));
    let found: Value = serde_json::from_slice(&found.body).unwrap();
    assert_eq!(
        (&found["sitename"], &found["endpoints"][0]["uri"]),
        (&json!("se1"), &json!(API))
    );
    assert_eq!(
        test.ask("GET", "https://se1.example/t", &read, &[], "")
            .await
            .status,
        409
    );
    let info = test
        .ask(
            "POST",
            &format!("{API}/archiveinfo"),
            &stager,
            &[],
            "{\"paths\":[\"/t\",\"//d\",\"/none\"]}",
        )
        .await;
    assert_eq!(
        serde_json::from_slice::<Value>(&info.body).unwrap(),
        json!([{ "path": "/t", "locality": "TAPE" }, { "path": "//d", "locality": "DISK" },
               { "path": "/none", "error": "file does not exist" }])
    );
    let ask = "{\"files\":[{\"path\":\"/t\",\"diskLifetime\":\"PT1H\",\"targetedMetadata\":{}},{\"path\":\"/none\"},\
               {\"path\":\"/empty\"}]}";
    assert_eq!(
        test.ask("POST", &format!("{API}/stage"), &read, &[], ask)
            .await
            .status,
        403
    );
    let made = test
        .ask("POST", &format!("{API}/stage"), &stager, &[], ask)
        .await;
    assert_eq!(made.status, 201);
    let id = serde_json::from_slice::<Value>(&made.body).unwrap()["requestId"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(made.header("location"), format!("{API}/stage/{id}"));
    let state = async || -> Value {
        let answer = test
            .ask("GET", &format!("{API}/stage/{id}"), &stager, &[], "")
            .await;
        serde_json::from_slice(&answer.body).unwrap()
    };
    let files = json!([{ "path": "/t", "onDisk": false }, { "path": "/none", "error": "file does not exist" },
                       { "path": "/empty", "error": "a file of 0 bytes is not on tape" }]);
    assert_eq!(state().await["files"], files);
    let foreign = test
        .ask(
            "POST",
            &format!("{API}/stage/{id}/cancel"),
            &stager,
            &[],
            "{\"paths\":[\"/d\"]}",
        )
        .await;
    assert_eq!(foreign.status, 400);
    let other = test.mint(json!({ "scope": "storage.stage:/", "sub": "bob" }));
    assert_eq!(
        test.ask("GET", &format!("{API}/stage/{id}"), &other, &[], "")
            .await
            .status,
        404
    );
    test.stage.clock().advance(Duration::from_secs(601));
    let done = |event: &Event| matches!(event, Event::State(state) if state.entity == "storage.stage" && state.to == "COMPLETED");
    while !test.records().iter().any(|record| done(&record.event)) {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        state().await["files"][0],
        json!({ "path": "/t", "onDisk": true })
    );
    assert_eq!(
        test.ask("GET", "https://se1.example/t", &read, &[], "")
            .await
            .status,
        200
    );
    let release = test
        .ask(
            "POST",
            &format!("{API}/release/{id}"),
            &stager,
            &[],
            "{\"paths\":[\"/t\"]}",
        )
        .await;
    assert_eq!(release.status, 200);
    assert_eq!(
        test.ask("GET", "https://se1.example/t", &read, &[], "")
            .await
            .status,
        409
    );
    assert_eq!(
        test.ask("DELETE", &format!("{API}/stage/{id}"), &stager, &[], "")
            .await
            .status,
        200
    );
    assert_eq!(
        test.ask("GET", &format!("{API}/stage/{id}"), &stager, &[], "")
            .await
            .status,
        404
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_macaroon_opens_what_its_holder_could_open() {
    let clock = Clock::manual("2026-11-24T12:00:00Z".parse().unwrap());
    let test = TestStage::with_clock(
        clock,
        &[(
            "se1",
            config(
                "macaroons = true\nfiles = { \"/d/f\" = { text = \"f\" } }\n\
                 policies = [{ paths = [\"/open\"], anonymous = true, actions = [\"read\"] }]",
            ),
        )],
    )
    .await;
    let token = test.token("storage.read:/d storage.modify:/d");
    let kind = ("content-type", "application/macaroon-request");
    for (what, body, status) in [
        (
            "good",
            "{\"caveats\":[\"activity:DOWNLOAD,UPLOAD,DELETE,LIST\"],\"validity\":\"PT30M\"}",
            200,
        ),
        ("no validity", "{\"caveats\":[]}", 400),
        (
            "other caveat",
            "{\"caveats\":[\"path:/x\"],\"validity\":\"PT30M\"}",
            400,
        ),
        (
            "unknown activity",
            "{\"caveats\":[\"activity:FLY\"],\"validity\":\"PT30M\"}",
            400,
        ),
        ("no JSON", "caveats", 400),
    ] {
        assert_eq!(
            test.ask("POST", "https://se1.example/d", &token, &[kind], body)
                .await
                .status,
            status,
            "{what}"
        );
    }
    assert_eq!(
        test.ask("POST", "https://se1.example/d", &token, &[], "x")
            .await
            .status,
        415
    );
    let body = "{\"caveats\":[\"activity:DOWNLOAD,LIST\"],\"validity\":\"PT30M\"}";
    // Nobody in particular is given one, not even for what is open to all (storage page §3.2).
    let nobody = test
        .ask("POST", "https://se1.example/open", "", &[kind], body)
        .await;
    assert_eq!(nobody.status, 401);
    let answer = test
        .ask("POST", "https://se1.example/d", &token, &[kind], body)
        .await;
    let macaroon = serde_json::from_slice::<Value>(&answer.body).unwrap()["macaroon"]
        .as_str()
        .unwrap()
        .to_owned();
    for (method, path, status) in [
        ("GET", "/d/f", 200),
        ("GET", "/d/none", 404),
        ("GET", "/e", 403),
        ("PUT", "/d/g", 403),
        ("DELETE", "/d/f", 403),
    ] {
        let answer = test
            .ask(
                method,
                &format!("https://se1.example{path}"),
                &macaroon,
                &[],
                "",
            )
            .await;
        assert_eq!(answer.status, status, "{method} {path}");
    }
    let forged = format!("{macaroon}x");
    assert_eq!(
        test.ask("GET", "https://se1.example/d/f", &forged, &[], "")
            .await
            .status,
        401
    );
    test.stage.clock().advance(Duration::from_secs(1801));
    assert_eq!(
        test.ask("GET", "https://se1.example/d/f", &macaroon, &[], "")
            .await
            .status,
        401
    );
}

/// Whatever the request names, it is somebody's; what is refused is a problem (RFC 7807; storage page §6).
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_served_without_a_token_and_refusals_are_problems() {
    let text =
        "tape = {}\nfiles = { \"/t\" = { size = \"1 KiB\", tape = true }, \"/api/v10/f\" = \"1\" }";
    let test = TestStage::new(&[("se1", config(text))]).await;
    let (stager, reader) = (test.token("storage.stage:/"), test.token("storage.read:/"));
    let many = format!(
        "{{\"files\":[{}{{\"path\":\"/t\"}}]}}",
        "{\"path\":\"/t\"},".repeat(10_000)
    );
    for (case, token, path, body, status) in [
        (
            "stage",
            "",
            "/stage",
            "{\"files\":[{\"path\":\"/t\"}]}",
            401,
        ),
        (
            "stage what cannot be read",
            "",
            "/stage",
            "{\"files\":[{\"path\":\"t\"}]}",
            401,
        ),
        ("stage nothing", &stager, "/stage", "{\"files\":[]}", 400),
        (
            "stage without the scope",
            &reader,
            "/stage",
            "{\"files\":[{\"path\":\"/t\"}]}",
            403,
        ),
        ("stage too much", &stager, "/stage", &many, 413),
        ("info", "", "/archiveinfo", "{\"paths\":[\"/t\"]}", 401),
        (
            "info of what cannot be read",
            "",
            "/archiveinfo",
            "{\"paths\":[\"t\"]}",
            401,
        ),
        ("info of nothing", "", "/archiveinfo", "{\"paths\":[]}", 401),
        ("release", "", "/release/x", "{\"paths\":[\"/t\"]}", 401),
        ("release nothing", "", "/release/x", "{\"paths\":[]}", 401),
        (
            "no such request",
            &stager,
            "/stage/x/cancel",
            "{\"paths\":[]}",
            404,
        ),
        ("no JSON", &stager, "/stage", "x", 400),
    ] {
        let answer = test
            .ask("POST", &format!("{API}{path}"), token, &[], body.to_owned())
            .await;
        assert_eq!(answer.status, status, "{case}: {}", answer.text());
        assert_eq!(
            answer.header("content-type"),
            "application/problem+json",
            "{case}"
        );
        let problem: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(problem["status"], status, "{case}");
        assert_eq!(
            answer.header("www-authenticate").is_empty(),
            status != 401 && status != 403,
            "{case}"
        );
    }
    let made = test
        .ask(
            "POST",
            &format!("{API}/stage"),
            &stager,
            &[],
            "{\"files\":[{\"path\":\"t\"}]}",
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    let state = test
        .ask("GET", made.header("location"), &stager, &[], "")
        .await;
    let state: Value = serde_json::from_slice(&state.body).unwrap();
    assert_eq!(
        state["files"],
        json!([{ "path": "t", "error": "malformed path" }])
    );
    let file = test
        .ask("GET", "https://se1.example/api/v10/f", &reader, &[], "")
        .await;
    assert_eq!(
        file.status, 200,
        "a name that only begins like the interface is a file's"
    );
    test.stage.stop().await;
}

/// Bytes that are on tape only, or lost, leave by no way (storage page §6).
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_on_disk_is_not_read() {
    for (dialect, get, put) in [("default", 409, 204), ("storm", 415, 415)] {
        let text = format!(
            "dialect = \"{dialect}\"\ntape = {{ archive_seconds = 0 }}\nfiles = {{ \"/t\" = {{ size = \"1 KiB\", tape = true }} }}"
        );
        let test = TestStage::new(&[("se1", config(&text))]).await;
        let token = test.token("storage.read:/ storage.modify:/");
        let at = |path: &str| format!("https://se1.example{path}");
        for (method, headers, body, status) in [
            ("HEAD", vec![], "", 200),
            ("GET", vec![], "", get),
            ("COPY", vec![("destination", at("/copy"))], "", get),
            ("PUT", vec![], "new", put),
        ] {
            let headers: Vec<(&str, &str)> = headers
                .iter()
                .map(|(name, value)| (*name, &**value))
                .collect();
            let answer = test.ask(method, &at("/t"), &token, &headers, body).await;
            assert_eq!(
                answer.status,
                status,
                "{dialect} {method}: {}",
                answer.text()
            );
        }
        test.stage.stop().await;
    }
}

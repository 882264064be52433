//! Who is let in, and how a refusal looks (storage page §3, issuer page §1).

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod stage;

use std::time::Duration;

use carnet_stage::{Clock, Event};
use serde_json::json;
use stage::{TestStage, config};

const WORLD: &str = r#"
files = { "/wlcg/file" = { text = "x" }, "/wlcg/protected/file" = { text = "x" }, "/open/file" = { text = "x" } }
issuers = [{ url = "https://iam.example/", base_path = "/wlcg" }]
policies = [
  { paths = ["/wlcg/protected"], group = "/wlcg/test" },
  { paths = ["/wlcg/protected"], group = "/wlcg", actions = ["create", "modify"], deny = true },
  { paths = ["/wlcg"], group = "/wlcg" },
  { paths = ["/open"], anonymous = true, actions = ["read"] },
]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn capabilities_groups_and_bad_tokens() {
    let test = TestStage::new(&[("se1", config(WORLD))]).await;
    let now = test.stage.clock().seconds();
    for (what, claims, method, path, status) in [
        (
            "base path",
            json!({ "scope": "storage.read:/" }),
            "GET",
            "/wlcg/file",
            200,
        ),
        (
            "relative to it",
            json!({ "scope": "storage.read:/wlcg" }),
            "GET",
            "/wlcg/file",
            403,
        ),
        (
            "outside it",
            json!({ "scope": "storage.read:/" }),
            "GET",
            "/other",
            403,
        ),
        (
            "B3 group reads",
            json!({ "wlcg.groups": ["/wlcg"] }),
            "GET",
            "/wlcg/missing",
            404,
        ),
        (
            "B4 group writes",
            json!({ "wlcg.groups": ["/wlcg"] }),
            "PUT",
            "/wlcg/new",
            201,
        ),
        (
            "B14 default group reads",
            json!({ "wlcg.groups": ["/wlcg"] }),
            "GET",
            "/wlcg/protected/none",
            404,
        ),
        (
            "B14 default group",
            json!({ "wlcg.groups": ["/wlcg"] }),
            "PUT",
            "/wlcg/protected/new",
            403,
        ),
        (
            "B15 optional group",
            json!({ "wlcg.groups": ["/wlcg/test"] }),
            "PUT",
            "/wlcg/protected/new",
            201,
        ),
        (
            "no inheritance",
            json!({ "wlcg.groups": ["/wlcg/xfers"] }),
            "GET",
            "/wlcg/file",
            403,
        ),
        (
            "scopes come first",
            json!({ "scope": "storage.read:/none", "wlcg.groups": ["/wlcg"] }),
            "GET",
            "/wlcg/file",
            403,
        ),
        (
            "A2 audience",
            json!({ "scope": "storage.read:/", "aud": "https://se9.example" }),
            "GET",
            "/wlcg/file",
            401,
        ),
        (
            "A4 several",
            json!({ "scope": "storage.read:/", "aud": ["x", "https://se1.example"] }),
            "GET",
            "/wlcg/file",
            200,
        ),
        (
            "bare host",
            json!({ "scope": "storage.read:/", "aud": "se1.example" }),
            "GET",
            "/wlcg/file",
            401,
        ),
        (
            "expired",
            json!({ "scope": "storage.read:/", "iat": now - 3600, "nbf": now - 3600, "exp": now - 120 }),
            "GET",
            "/wlcg/file",
            401,
        ),
        (
            "within leeway",
            json!({ "scope": "storage.read:/", "iat": now - 3600, "nbf": now - 3600, "exp": now - 30 }),
            "GET",
            "/wlcg/file",
            200,
        ),
        (
            "not yet",
            json!({ "scope": "storage.read:/", "nbf": now + 600 }),
            "GET",
            "/wlcg/file",
            401,
        ),
        (
            "unknown issuer",
            json!({ "scope": "storage.read:/", "iss": "https://evil.example/" }),
            "GET",
            "/wlcg/file",
            401,
        ),
        (
            "no slash",
            json!({ "scope": "storage.read:/", "iss": "https://iam.example" }),
            "GET",
            "/wlcg/file",
            401,
        ),
        (
            "no path",
            json!({ "scope": "storage.read" }),
            "GET",
            "/wlcg/file",
            401,
        ),
        (
            "parent segment",
            json!({ "scope": "storage.read:/a/../b" }),
            "GET",
            "/wlcg/file",
            401,
        ),
    ] {
        let answer = test
            .ask(
                method,
                &format!("https://se1.example{path}"),
                &test.mint(claims),
                &[],
                if method == "PUT" { "x" } else { "" },
            )
            .await;
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        let challenge = answer.header("www-authenticate");
        match status {
            401 => assert!(
                challenge.contains("error=\"invalid_token\""),
                "{what}: {challenge}"
            ),
            403 => assert!(
                challenge.contains("error=\"insufficient_scope\""),
                "{what}: {challenge}"
            ),
            _ => assert_eq!(challenge, "", "{what}"),
        }
    }
    let judged = test
        .records()
        .iter()
        .filter(|record| matches!(record.event, Event::Judged(_)))
        .count();
    assert_eq!(judged, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_foreign_signature_and_public_files() {
    let test = TestStage::new(&[("se1", config(WORLD))]).await;
    let file = "https://se1.example/wlcg/file";
    let none = test.ask("GET", file, "", &[], "").await;
    assert_eq!(
        (none.status, none.header("www-authenticate")),
        (401, "Bearer realm=\"se1.example\"")
    );
    assert_eq!(
        test.ask("GET", "https://se1.example/open/file", "", &[], "")
            .await
            .status,
        200
    );
    let token = test.token("storage.read:/");
    let (signed, _) = token.rsplit_once('.').unwrap();
    for broken in [
        format!("{signed}."),
        format!("{signed}.AAAA"),
        "nonsense".into(),
        token.replace('.', ""),
    ] {
        assert_eq!(
            test.ask("GET", file, &broken, &[], "").await.status,
            401,
            "{broken}"
        );
    }
    let lower = format!("bearer {token}");
    assert_eq!(
        test.ask("GET", file, "", &[("authorization", &*lower)], "")
            .await
            .status,
        200
    );
    assert_eq!(
        test.ask(
            "GET",
            &format!("{file}?authz=Bearer%20{token}"),
            "",
            &[],
            ""
        )
        .await
        .status,
        200
    );
    // One connection, two tokens: every request is judged for itself.
    assert_eq!(
        test.ask("GET", file, &test.token("storage.read:/none"), &[], "")
            .await
            .status,
        403
    );
}

/// What the profile leaves open, where a scenario asks for more: a token is good once, and it must be good to the end.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_are_used_twice_or_expire_on_the_way() {
    let start = "2026-11-24T12:00:00Z".parse().unwrap();
    let source = || {
        let clock = std::sync::Arc::new(std::sync::OnceLock::<Clock>::new());
        let seen = clock.clone();
        let route = axum::Router::new().fallback(axum::routing::any(move || async move {
            // Time passes while the source is asked.
            if let Some(clock) = seen.get() {
                clock.advance(Duration::from_secs(4000));
            }
            "content"
        }));
        (clock, route)
    };
    for (case, tokens, put, copied, again) in [
        (
            "V-048 V-059 as the profile has it",
            "",
            201,
            "success: Created",
            204,
        ),
        (
            "V-048",
            "tokens = { recheck_on_completion = true }",
            401,
            "failure: 401 Unauthorized: ",
            204,
        ),
        (
            "V-059",
            "tokens = { one_time_jti = true }",
            201,
            "success: Created",
            401,
        ),
    ] {
        let test = TestStage::with_clock(Clock::manual(start), &[("se1", config(tokens))]).await;
        let clock = test.stage.clock().clone();
        let token = test.token("storage.modify:/");
        let slow = axum::body::Body::from_stream(futures_util::stream::once({
            let (clock, journal) = (clock.clone(), test.stage.journal().clone());
            async move {
                let judged =
                    |record: &carnet_stage::Record| matches!(record.event, Event::Judged(_));
                journal
                    .wait_for(Duration::from_secs(10), judged)
                    .await
                    .unwrap();
                clock.advance(Duration::from_secs(4000));
                Ok::<_, std::io::Error>("content")
            }
        }));
        let at = |path: &str| format!("https://se1.example{path}");
        let answer = test.ask("PUT", &at("/put"), &token, &[], slow).await;
        assert_eq!(answer.status, put, "{case}: {}", answer.text());
        let read = test.token("storage.read:/");
        let left = test.ask("HEAD", &at("/put"), &read, &[], "").await.status;
        assert_eq!(left, if put == 201 { 200 } else { 404 }, "{case}");
        let (passing, route) = source();
        test.serve_routes("source", route).await;
        passing.set(clock).unwrap();
        let token = test.token("storage.modify:/");
        let from = [("source", "https://source.example/f")];
        let told = test
            .ask("COPY", &at("/pulled"), &token, &from, "")
            .await
            .text();
        assert!(
            told.lines().last().unwrap().starts_with(copied),
            "{case}: {told}"
        );
        let token = test.token("storage.modify:/");
        for (turn, status) in [(1, 201), (2, again)] {
            let answer = test.ask("PUT", &at("/twice"), &token, &[], "x").await;
            assert_eq!(answer.status, status, "{case}, {turn}: {}", answer.text());
        }
        test.stage.stop().await;
    }
}

//! Who is let in, and how a refusal looks (storage page §3, issuer page §1).

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod stage;

use carnet_stage::Event;
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

//! What dCache does otherwise than others (storage page §1.1, §2, §3.2, §3.3), asked of the `dcache` dialect.

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod stage;

use serde_json::json;
use stage::{TestStage, config};

const WORLD: &str = r#"
dialect = "dcache"
quota   = "1 KiB"
files   = { "/d/f" = { text = "f" }, "/d/e/g" = { text = "g" } }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn scopes_and_statuses() {
    let test = TestStage::new(&[("se1", config(WORLD))]).await;
    let at = |path: &str| format!("https://se1.example{path}");
    for (case, scope, method, path, headers, status) in [
        (
            "§3.2 stage reads",
            "storage.stage:/d",
            "GET",
            "/d/f",
            vec![],
            302,
        ),
        (
            "§3.2 poll looks",
            "storage.poll:/d",
            "HEAD",
            "/d/f",
            vec![],
            200,
        ),
        (
            "§3.2 poll does not read",
            "storage.poll:/d",
            "GET",
            "/d/f",
            vec![],
            403,
        ),
        (
            "§3.2 modify lists",
            "storage.modify:/d",
            "GET",
            "/d/",
            vec![],
            200,
        ),
        (
            "§3.2 create does not list",
            "storage.create:/d",
            "GET",
            "/d/",
            vec![],
            403,
        ),
        (
            "§3.2 an ancestor is listed",
            "storage.read:/d/e",
            "PROPFIND",
            "/d/",
            vec![("depth", "1")],
            207,
        ),
        (
            "§3.2 an ancestor is looked at",
            "storage.create:/d/e",
            "HEAD",
            "/d",
            vec![],
            200,
        ),
        (
            "§3.2 MKCOL is judged at the parent",
            "storage.create:/d/n",
            "MKCOL",
            "/d/n",
            vec![],
            403,
        ),
        (
            "§3.2 MKCOL is judged at the parent",
            "storage.create:/d",
            "MKCOL",
            "/d/n",
            vec![],
            201,
        ),
        (
            "§3.2 MOVE is judged at both parents",
            "storage.modify:/d/f storage.modify:/d/e/f",
            "MOVE",
            "/d/f",
            vec![("destination", "https://se1.example/d/e/f")],
            403,
        ),
        (
            "§3.2 replacing by MOVE is deleting",
            "storage.create:/d",
            "MOVE",
            "/d/f",
            vec![("destination", "https://se1.example/d/e/g")],
            403,
        ),
        (
            "§3.2 MOVE is judged at both parents",
            "storage.create:/d",
            "MOVE",
            "/d/f",
            vec![("destination", "https://se1.example/d/e/f")],
            201,
        ),
        (
            "§1.1 GET of a collection",
            "storage.read:/",
            "GET",
            "/d/e",
            vec![],
            302,
        ),
        (
            "§1.1 LOCK is said to work",
            "storage.modify:/",
            "LOCK",
            "/d/f",
            vec![],
            200,
        ),
        (
            "§1.1 partial PUT",
            "storage.modify:/",
            "PUT",
            "/d/p",
            vec![("content-range", "bytes 0-0/9")],
            501,
        ),
        (
            "§1.1 MKCOL with a body",
            "storage.modify:/",
            "MKCOL",
            "/d/b",
            vec![("content-length", "1")],
            415,
        ),
        (
            "§2.2 COPY that is refused",
            "storage.read:/",
            "COPY",
            "/d/c",
            vec![("source", "https://se2.example/f")],
            401,
        ),
        (
            "§2.2 parent missing",
            "storage.modify:/",
            "COPY",
            "/no/c",
            vec![("source", "https://se2.example/f")],
            400,
        ),
        (
            "§2.2 Overwrite: F",
            "storage.modify:/",
            "COPY",
            "/d/e/g",
            vec![("source", "https://se2.example/f"), ("overwrite", "F")],
            500,
        ),
    ] {
        let body = if headers.contains(&("content-length", "1")) {
            "x"
        } else {
            ""
        };
        let answer = test
            .ask(method, &at(path), &test.token(scope), &headers, body)
            .await;
        assert_eq!(
            answer.status,
            status,
            "{case}: {method} {path}: {}",
            answer.text()
        );
    }
    let slash = test
        .ask("GET", &at("/d/e"), &test.token("storage.read:/"), &[], "")
        .await;
    assert_eq!(slash.header("location"), "/d/e/");
    let late = test.mint(json!({ "scope": "storage.read:/", "exp": test.stage.clock().seconds() }));
    let refused = test.ask("HEAD", &at("/d/f"), &late, &[], "").await;
    assert_eq!(
        (refused.status, refused.header("www-authenticate")),
        (401, "Basic realm=\"se1.example\""),
        "§3.3"
    );
    let full = test
        .ask(
            "PUT",
            &at("/d/large"),
            &test.token("storage.modify:/"),
            &[],
            "x".repeat(2000),
        )
        .await;
    assert_eq!(
        (full.status, full.header("content-type")),
        (507, "application/xml"),
        "§1.1"
    );
    assert!(full.text().contains("<quota-not-exceeded/>"));
    test.stage.stop().await;
}

/// A client is sent on with a ticket that opens one file, for a while, and nothing else; also where any other
/// dialect is told to (storage page §1.1, §1.3, §2.9).
#[tokio::test(flavor = "multi_thread")]
async fn clients_are_sent_on_with_a_ticket() {
    for (dialect, get) in [("dcache", 302), ("default", 307)] {
        let world = WORLD.replace("\"dcache\"", &format!("\"{dialect}\"\nredirects = true"));
        let test = TestStage::new(&[("se1", config(&world))]).await;
        let at = |path: &str| format!("https://se1.example{path}");
        let token = test.token("storage.read:/d storage.create:/d");
        let sent = test.ask("GET", &at("/d/f"), &token, &[], "").await;
        assert_eq!(sent.status, get, "{dialect}");
        let place = sent.header("location").to_owned();
        assert!(!place.contains(&token), "the token stays out of the URL");
        let plain = async |method: &str, url: &str, body: &str| {
            let request = http::Request::builder().method(method).uri(url);
            let request = request
                .body(axum::body::Body::from(body.to_owned()))
                .unwrap();
            test.user
                .client()
                .http1()
                .send(request)
                .await
                .unwrap()
                .status()
                .as_u16()
        };
        assert_eq!(plain("GET", &place, "").await, 200);
        assert_eq!(plain("DELETE", &place, "").await, 403);
        assert_eq!(
            plain("GET", &place.replace("/d/f?", "/d/e/g?"), "").await,
            403
        );
        // A client that sends its token along is not sent round in circles.
        assert_eq!(test.ask("GET", &place, &token, &[], "").await.status, 200);
        let new = test
            .ask(
                "PUT",
                &at("/d/new"),
                &token,
                &[("expect", "100-continue")],
                "",
            )
            .await;
        assert_eq!(new.status, 307, "{dialect}");
        let place = new.header("location").to_owned();
        assert_eq!(plain("PUT", &place, "new").await, 201);
        assert_eq!(
            plain("PUT", &place, "newer").await,
            403,
            "create does not replace"
        );
        assert_eq!(
            test.ask("PUT", &at("/d/other"), &token, &[], "x")
                .await
                .status,
            201
        );
        test.stage.stop().await;
    }
}

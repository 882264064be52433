//! The plain methods of a storage element over HTTPS (storage page §1.1, §5.1).

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod stage;

use stage::{TestStage, config};

const ALL: &str = "storage.read:/ storage.modify:/";

#[tokio::test(flavor = "multi_thread")]
async fn what_the_compliance_suite_asks() {
    let test = TestStage::new(&[(
        "se1",
        config("files = { \"/d/f\" = { text = \"wlcg-suite-content-file\" } }"),
    )])
    .await;
    let at = |path: &str| format!("https://se1.example{path}");
    for (name, scope, method, path, status) in [
        ("A3 missing file", "storage.read:/", "GET", "/missing", 404),
        ("B1 no privilege", "openid", "GET", "/missing", 403),
        ("B2 no privilege", "openid", "PUT", "/new", 403),
        ("B5 modify writes", ALL, "PUT", "/m/new", 201),
        ("B6 modify deletes", ALL, "DELETE", "/m/new", 204),
        ("B7 modify makes a collection", ALL, "MKCOL", "/m2", 201),
        (
            "B9 read does not write",
            "storage.read:/",
            "PUT",
            "/new",
            403,
        ),
        (
            "B10 modify does not read",
            "storage.modify:/",
            "GET",
            "/d/f",
            403,
        ),
        (
            "B11 create does not read",
            "storage.create:/",
            "GET",
            "/d/f",
            403,
        ),
        (
            "B12 create does not replace",
            "storage.create:/",
            "PUT",
            "/d/f",
            403,
        ),
        (
            "B13 create does not delete",
            "storage.create:/",
            "DELETE",
            "/d/f",
            403,
        ),
        ("P1 outside", "storage.read:/d", "GET", "/e/f", 403),
        ("P1 inside", "storage.read:/d", "GET", "/d/none", 404),
        ("P3 inside", "storage.read:/d", "GET", "/d/f", 200),
        (
            "P5 create makes a collection",
            "storage.create:/p/dir",
            "MKCOL",
            "/p/dir/foobar",
            403,
        ),
        (
            "P6 not by letters",
            "storage.create:/p/di",
            "MKCOL",
            "/p/dir/foobar",
            403,
        ),
        ("P7 not by letters", "storage.read:/", "GET", "/d/f", 200),
    ] {
        if name.starts_with("P5") {
            assert_eq!(
                test.ask("MKCOL", &at("/p"), &test.token(scope), &[], "")
                    .await
                    .status,
                201,
                "{name}"
            );
            assert_eq!(
                test.ask("MKCOL", &at("/p/dir"), &test.token(scope), &[], "")
                    .await
                    .status,
                201,
                "{name}"
            );
            assert_eq!(
                test.ask(method, &at(path), &test.token(scope), &[], "")
                    .await
                    .status,
                201,
                "{name}"
            );
            continue;
        }
        let answer = test
            .ask(
                method,
                &at(path),
                &test.token(scope),
                &[("content-length", "0")],
                "",
            )
            .await;
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
    }
}

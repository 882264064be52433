//! Third-party copies as XRootD 5.5.3 answered them, and where 6.2.1 does otherwise.

use super::stage::{Answer, TestStage, config};
use super::{ALL, WORLD, token};

/// A COPY at se1 with a token by its name and header lines.
async fn copy(test: &TestStage, path: &str, with: &str, lines: &[&str]) -> Answer {
    let headers: Vec<(&str, &str)> = lines
        .iter()
        .filter_map(|line| line.split_once(": "))
        .collect();
    let url = format!("https://se1.example{path}");
    test.ask("COPY", &url, &token(test, with), &headers, "")
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_as_recorded() {
    let test = TestStage::new(&[("se1", config(WORLD)), ("se2", config(WORLD))]).await;
    let from = "Source: https://se2.example/lab/f1";
    let none = "Source: https://se2.example/lab/nope";
    let bearer = format!(
        "TransferHeaderAuthorization: Bearer {}",
        token(&test, "storage.read:/")
    );
    for (case, path, with, headers, status, last) in [
        (
            "source 403",
            "/lab/x1",
            ALL,
            vec![from],
            201,
            "failure: Remote side failed with status code 403; error message: \"Unable to open /lab/f1; permission denied \"",
        ),
        (
            "source 404",
            "/lab/x2",
            ALL,
            vec![none, &bearer],
            201,
            "failure: Remote side failed with status code 404; error message: \"Unable to open /lab/nope; no such file or directory \"",
        ),
        (
            "source connection refused",
            "/lab/x2",
            ALL,
            vec!["Source: https://127.0.0.1:1/f"],
            201,
            "failure: Couldn't connect to server",
        ),
        (
            "without Authorization",
            "/lab/x3",
            "",
            vec![from, &bearer],
            401,
            "Unable to create /lab/x3; permission denied",
        ),
        (
            "read-only token",
            "/lab/x4",
            "storage.read:/",
            vec![from, &bearer],
            401,
            "Unable to create /lab/x4; permission denied",
        ),
        (
            "onto existing with create only",
            "/lab/pull1",
            "storage.create:/",
            vec![from, &bearer],
            401,
            "Unable to create /lab/pull1; permission denied",
        ),
        (
            "Overwrite: F",
            "/lab/pull1",
            ALL,
            vec![from, &bearer, "Overwrite: F"],
            412,
            "Unable to create /lab/pull1; file exists",
        ),
        (
            "Overwrite: T",
            "/lab/pull1",
            ALL,
            vec![from, &bearer, "Overwrite: T"],
            201,
            "success: Created",
        ),
        (
            "Credential: gridsite",
            "/lab/x5",
            ALL,
            vec![from, &bearer, "Credential: gridsite"],
            400,
            "COPY requestd an unsupported Credential type",
        ),
        (
            "Credential: none and more",
            "/lab/x6",
            ALL,
            vec![from, &bearer, "Credential: none", "X-No-Delegate: true"],
            201,
            "success: Created",
        ),
        (
            "into missing dir",
            "/lab/newdir/sub/x7",
            ALL,
            vec![from, &bearer],
            400,
            "Unable to create /lab/newdir/sub/x7; no such file or directory",
        ),
        (
            "both",
            "/lab/x8",
            ALL,
            vec![from, &bearer, "Destination: https://se2.example/lab/z"],
            201,
            "success: Created",
        ),
        (
            "neither",
            "/lab/x9",
            ALL,
            vec![&bearer],
            400,
            "No Source or Destination specified",
        ),
        (
            "push to forbidden dest",
            "/lab/f1",
            ALL,
            vec!["Destination: https://se2.example/lab/z2", &bearer],
            201,
            "failure: Remote side failed with status code 403",
        ),
        (
            "push, source missing",
            "/lab/nope",
            ALL,
            vec!["Destination: https://se2.example/lab/z3", &bearer],
            400,
            "Unable to open /lab/nope; no such file or directory",
        ),
        (
            "davs Source",
            "/lab/xa",
            ALL,
            vec!["Source: davs://se2.example/lab/f1", &bearer],
            201,
            "success: Created",
        ),
    ] {
        let answer = copy(&test, path, with, &headers).await;
        let text = answer.text();
        assert_eq!(answer.status, status, "{case}: {text}");
        assert_eq!(text.lines().last(), Some(last), "{case}: {text}");
        assert!(!text.ends_with('\n'), "{case}: {text}");
        let kind = if status == 201 { "text/plain" } else { "" };
        assert_eq!(answer.header("content-type"), kind, "{case}");
    }
    test.stage.stop().await;
}

/// What 6.2.1 answers otherwise: the source is asked first, and both sides are named (storage page §1.1, §2.2, §2.4).
#[tokio::test(flavor = "multi_thread")]
async fn version_6_names_both_sides() {
    let world = WORLD.replace("xrootd-5.5", "xrootd-6");
    let test = TestStage::new(&[("se1", config(&world)), ("se2", config(&world))]).await;
    let from = "Source: https://se2.example/lab/f1";
    let bearer = format!(
        "TransferHeaderAuthorization: Bearer {}",
        token(&test, "storage.read:/")
    );
    for (case, path, with, headers, status, last) in [
        (
            "good",
            "/lab/new/x1",
            ALL,
            vec![from, &bearer],
            202,
            "success: Created",
        ),
        (
            "no right here",
            "/lab/x2",
            "storage.read:/",
            vec![from, &bearer],
            403,
            "failure: Unable to create /lab/x2; permission denied, local=/lab/x2, remote=https://se2.example/lab/f1",
        ),
        (
            "create over a file",
            "/lab/pull1",
            "storage.create:/",
            vec![from, &bearer],
            500,
            "failure: Unable to create /lab/pull1; permission denied, local=/lab/pull1, remote=https://se2.example/lab/f1",
        ),
        (
            "Overwrite: F",
            "/lab/pull1",
            ALL,
            vec![from, &bearer, "Overwrite: F"],
            409,
            "failure: Unable to create /lab/pull1; file exists, local=/lab/pull1, remote=https://se2.example/lab/f1",
        ),
        (
            "source missing",
            "/lab/x3",
            ALL,
            vec!["Source: https://se2.example/lab/nope", &bearer],
            404,
            "failure: HTTP response code said error: remote host returned '404 Not Found' while fetching file size, \
             local=/lab/x3, remote=https://se2.example/lab/nope",
        ),
        (
            "nobody listens",
            "/lab/x4",
            ALL,
            vec!["Source: https://127.0.0.1:1/f?authz=secret"],
            500,
            "failure: Internal transfer failure, local=/lab/x4, remote=https://127.0.0.1:1/f, HTTP library \
             failure=Couldn't connect to server",
        ),
        (
            "push of nothing",
            "/lab/nope",
            ALL,
            vec!["Destination: https://se2.example/lab/z", &bearer],
            404,
            "Unable to open /lab/nope; no such file or directory",
        ),
    ] {
        let answer = copy(&test, path, with, &headers).await;
        let text = answer.text();
        assert_eq!(answer.status, status, "{case}: {text}");
        assert_eq!(text.lines().last(), Some(last), "{case}: {text}");
    }
    test.stage.stop().await;
}

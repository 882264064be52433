//! Third-party copies between two storage elements over HTTPS (storage page §2).

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod stage;

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use http::Response;
use stage::{Answer, TestStage, config};

const SOURCE: &str = "https://se1.example/example/file";
const TARGET: &str = "https://se2.example/example/file";

async fn world(se1: &str, se2: &str) -> TestStage {
    TestStage::new(&[("se1", config(se1)), ("se2", config(se2))]).await
}

async fn digest(test: &TestStage, url: &str) -> (u16, String, String) {
    let token = test.token("storage.read:/");
    let found = test
        .ask("HEAD", url, &token, &[("want-digest", "adler32")], "")
        .await;
    (
        found.status,
        found.header("content-length").to_owned(),
        found.header("digest").to_owned(),
    )
}

async fn pull(test: &TestStage, more: &[(&str, &str)]) -> Answer {
    let bearer = format!("Bearer {}", test.token("storage.read:/"));
    let mut headers = vec![
        ("source", SOURCE),
        ("transferheaderauthorization", &*bearer),
    ];
    headers.extend_from_slice(more);
    test.ask(
        "COPY",
        TARGET,
        &test.token("storage.modify:/"),
        &headers,
        "",
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_brings_the_file_with_markers_and_a_last_line() {
    let test = world("files = { \"/example/file\" = \"8 MiB\" }", "").await;
    let answer = pull(&test, &[]).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "text/plain");
    let report = answer.text();
    assert!(report.starts_with("Perf Marker\nTimestamp: "), "{report}");
    assert!(report.contains("Stripe Bytes Transferred: 0\n"), "{report}");
    assert!(
        report.contains("Stripe Bytes Transferred: 8388608\n"),
        "{report}"
    );
    assert!(
        report.contains("RemoteConnections: tcp:127.0.0.1:"),
        "{report}"
    );
    assert!(report.ends_with("End\nsuccess: Created\n"), "{report}");
    assert_eq!(digest(&test, SOURCE).await, digest(&test, TARGET).await);
    assert_eq!(
        test.states("se2", "/example/file"),
        ["absent>being written", "being written>available"]
    );
    let read = test
        .ask("GET", TARGET, &test.token("storage.read:/"), &[], "")
        .await;
    assert_eq!(read.body.len(), 8 << 20);
    assert_eq!(
        read.body,
        test.ask("GET", SOURCE, &test.token("storage.read:/"), &[], "")
            .await
            .body
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_and_ways() {
    let files = "files = { \"/f/0\" = \"0\", \"/f/1\" = \"1\", \"/f/2\" = \"16383\", \"/f/3\" = \"16384\", \"/f/4\" = \"1 MiB\", \
                 \"/f/5\" = \"10000001\", \"/f/6\" = { text = \"123456789\" } }";
    let test = world(files, "").await;
    let bearer = format!("Bearer {}", test.token("storage.read:/ storage.modify:/"));
    let token = test.token("storage.read:/ storage.modify:/");
    for index in 0..7 {
        let (from, pulled, pushed) = (
            format!("https://se1.example/f/{index}"),
            format!("https://se2.example/l/{index}"),
            format!("https://se2.example/s/{index}"),
        );
        for streams in ["0", "4"] {
            let more = [
                ("source", &*from),
                ("transferheaderauthorization", &*bearer),
                ("x-number-of-streams", streams),
            ];
            let answer = test.ask("COPY", &pulled, &token, &more, "").await;
            assert!(
                answer.text().ends_with("success: Created\n"),
                "pull {index}: {}",
                answer.text()
            );
        }
        let more = [
            ("destination", &*pushed),
            ("transferheaderauthorization", &*bearer),
        ];
        let answer = test.ask("COPY", &from, &token, &more, "").await;
        assert!(
            answer.text().ends_with("success: Created\n"),
            "push {index}: {}",
            answer.text()
        );
        let original = digest(&test, &from).await;
        assert_eq!(digest(&test, &pulled).await, original, "pull {index}");
        assert_eq!(digest(&test, &pushed).await, original, "push {index}");
        if index == 6 {
            assert_eq!(original.2, "adler32=091e01de");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_transfer_header_the_copy_is_accepted_and_fails_and_nothing_is_left() {
    let test = world("files = { \"/example/file\" = \"1 MiB\" }", "").await;
    let answer = test
        .ask(
            "COPY",
            TARGET,
            &test.token("storage.create:/"),
            &[("source", SOURCE)],
            "",
        )
        .await;
    assert_eq!(answer.status, 202);
    assert!(
        answer
            .text()
            .ends_with("failure: rejected HEAD: 401 Unauthorized\n"),
        "{}",
        answer.text()
    );
    assert_eq!(digest(&test, TARGET).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_before_is_a_status() {
    let test = world(
        "files = { \"/example/file\" = \"1 MiB\" }",
        "files = { \"/there\" = \"1\" }\nquota = \"2 MiB\"",
    )
    .await;
    let bearer = format!("Bearer {}", test.token("storage.read:/"));
    let auth = ("transferheaderauthorization", &*bearer);
    let there = "https://se2.example/there";
    for (what, scope, url, headers, status) in [
        ("no token", "", TARGET, vec![("source", SOURCE), auth], 401),
        (
            "read only",
            "storage.read:/",
            TARGET,
            vec![("source", SOURCE), auth],
            403,
        ),
        (
            "create over a file",
            "storage.create:/",
            there,
            vec![("source", SOURCE), auth],
            403,
        ),
        (
            "overwrite false",
            "storage.modify:/",
            there,
            vec![("source", SOURCE), auth, ("overwrite", "F")],
            412,
        ),
        (
            "own file",
            "storage.modify:/",
            there,
            vec![("source", there), auth],
            403,
        ),
        (
            "credential",
            "storage.modify:/",
            TARGET,
            vec![("source", SOURCE), auth, ("credential", "gridsite")],
            400,
        ),
        (
            "a name with a final slash",
            "storage.modify:/",
            "https://se2.example/new/",
            vec![("source", SOURCE), auth],
            409,
        ),
        (
            "push of nothing",
            "storage.read:/",
            "https://se1.example/none",
            vec![("destination", TARGET), auth],
            404,
        ),
    ] {
        let token = if scope.is_empty() {
            String::new()
        } else {
            test.token(scope)
        };
        let answer = test.ask("COPY", url, &token, &headers, "").await;
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_keep_the_code_and_leave_the_old_file() {
    let test = world(
        "files = { \"/example/file\" = { size = \"1 MiB\", adler32 = \"00000bad\" } }",
        "files = { \"/there\" = { text = \"old\" } }",
    )
    .await;
    let bearer = format!("Bearer {}", test.token("storage.read:/"));
    let there = "https://se2.example/there";
    for (source, wanted) in [
        (
            SOURCE,
            "failure: checksum mismatch: adler32 remote=00000bad local=",
        ),
        (
            "https://se1.example/none",
            "failure: rejected HEAD: 404 Not Found\n",
        ),
        (
            "https://nowhere.invalid/f",
            "failure: could not connect to nowhere.invalid",
        ),
        ("http://se1.example/example/file", "failure: "),
    ] {
        let more = [
            ("source", source),
            ("transferheaderauthorization", &*bearer),
        ];
        let answer = test
            .ask("COPY", there, &test.token("storage.modify:/"), &more, "")
            .await;
        assert_eq!(answer.status, 202, "{source}");
        assert!(
            answer.text().contains(wanted),
            "{source}: {}",
            answer.text()
        );
        assert_eq!(
            answer
                .text()
                .lines()
                .filter(|line| line.starts_with("failure:"))
                .count(),
            1
        );
        let old = test
            .ask("GET", there, &test.token("storage.read:/"), &[], "")
            .await;
        assert_eq!(old.text(), "old");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_do_not_follow_to_another_host() {
    let test = world("", "").await;
    let moved = Router::new().fallback(any(|| async {
        Response::builder()
            .status(307)
            .header("location", "https://pool.example/data")
            .body(Body::empty())
            .unwrap()
    }));
    let pool = Router::new().fallback(any(|request: axum::extract::Request| async move {
        let seen = request.headers();
        let clean = !seen.contains_key("authorization") && seen.contains_key("x-flow");
        Response::builder()
            .status(if clean { 200 } else { 400 })
            .body(Body::from("123456789"))
            .unwrap()
    }));
    test.serve_routes("door", moved).await;
    test.serve_routes("pool", pool).await;
    let more = [
        ("source", "https://door.example/data"),
        ("transferheaderauthorization", "Bearer secret"),
        ("transferheaderx-flow", "1"),
    ];
    let answer = test
        .ask("COPY", TARGET, &test.token("storage.create:/"), &more, "")
        .await;
    assert!(
        answer.text().ends_with("success: Created\n"),
        "{}",
        answer.text()
    );
    assert_eq!(digest(&test, TARGET).await.2, "adler32=091e01de");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_body_is_never_a_file() {
    let test = world("", "").await;
    let cut = Router::new().fallback(any(|request: axum::extract::Request| async move {
        let head = request.method() == http::Method::HEAD;
        let answer =
            Response::builder().header("content-length", if head { "100000" } else { "9" });
        answer
            .body(if head {
                Body::empty()
            } else {
                Body::from("123456789")
            })
            .unwrap()
    }));
    test.serve_routes("short", cut).await;
    let answer = test
        .ask(
            "COPY",
            TARGET,
            &test.token("storage.create:/"),
            &[("source", "https://short.example/f")],
            "",
        )
        .await;
    assert!(
        answer
            .text()
            .contains("failure: the source has 9 bytes now, it had 100000"),
        "{}",
        answer.text()
    );
    assert_eq!(digest(&test, TARGET).await.0, 404);
}

/// What three servers answered to the same COPYs (storage page §2.2, §9.4): status, then the last line of an
/// accepted one, then what a HEAD of the target finds.
#[tokio::test(flavor = "multi_thread")]
async fn each_dialect_copies_as_its_server_does() {
    const REFUSED: u16 = 0;
    for (dialect, cases) in [
        (
            "xrootd-5.5",
            [
                ("good", 201, "success: Created", 200),
                ("no token", 401, "", 404),
                ("read only", 401, "", 404),
                ("create over", 401, "", 200),
                ("overwrite F", 412, "", 200),
                ("gridsite", 400, "", 404),
                ("neither", 400, "", 404),
                ("missing parent", 400, "", 404),
                (
                    "no transfer header",
                    201,
                    "failure: Remote side failed with status code 403",
                    200,
                ),
                (
                    "source missing",
                    201,
                    "failure: Remote side failed with status code 404",
                    200,
                ),
                ("push missing", 400, "", REFUSED),
            ],
        ),
        (
            "xrootd-6",
            [
                ("good", 202, "success: Created", 200),
                ("no token", 403, "", 404),
                ("read only", 403, "", 404),
                ("create over", 500, "", 200),
                ("overwrite F", 409, "", 200),
                ("gridsite", 400, "", 404),
                ("neither", 400, "", 404),
                ("missing parent", 202, "success: Created", 200),
                ("no transfer header", 403, "", 404),
                ("source missing", 404, "", 404),
                ("push missing", 404, "", REFUSED),
            ],
        ),
        (
            "storm",
            [
                ("good", 202, "success: Created", 200),
                ("no token", 401, "", 404),
                ("read only", 403, "", 404),
                ("create over", 403, "", 200),
                ("overwrite F", 412, "", 200),
                ("gridsite", 400, "", 404),
                ("neither", 500, "", 404),
                ("missing parent", 409, "", 404),
                (
                    "no transfer header",
                    202,
                    "failure: Error fetching https://se1.example/example/file: 401",
                    200,
                ),
                (
                    "source missing",
                    202,
                    "failure: Error fetching https://se1.example/none: 404",
                    200,
                ),
                ("push missing", 404, "", REFUSED),
            ],
        ),
    ] {
        let place = format!(
            "dialect = \"{dialect}\"\ndirectories = [\"/d\"]\nfiles = {{ \"/d/there\" = \"1\" }}"
        );
        let source =
            format!("dialect = \"{dialect}\"\nfiles = {{ \"/example/file\" = \"20 KiB\" }}");
        let test = world(&source, &place).await;
        let bearer = format!("Bearer {}", test.token("storage.read:/"));
        for (what, status, line, left) in cases {
            let (scope, target, from) = match what {
                "no token" => ("", "/d/a", SOURCE),
                "read only" => ("storage.read:/", "/d/a", SOURCE),
                "create over" => ("storage.create:/", "/d/there", SOURCE),
                "overwrite F" => ("storage.modify:/", "/d/there", SOURCE),
                "missing parent" => ("storage.modify:/", "/n/p/f", SOURCE),
                "source missing" => ("storage.modify:/", "/d/c", "https://se1.example/none"),
                "good" => ("storage.modify:/", "/d/good", SOURCE),
                "no transfer header" => ("storage.modify:/", "/d/b", SOURCE),
                "push missing" => ("storage.read:/", "/d/none", SOURCE),
                _ => ("storage.modify:/", "/d/a", SOURCE),
            };
            let mut headers = match what {
                "neither" => Vec::new(),
                "push missing" => vec![("destination", "https://se1.example/pushed")],
                _ => vec![("source", from)],
            };
            match what {
                "no transfer header" => {}
                _ => headers.push(("transferheaderauthorization", &*bearer)),
            }
            match what {
                "overwrite F" => headers.push(("overwrite", "F")),
                "gridsite" => headers.push(("credential", "gridsite")),
                _ => {}
            }
            let token = if scope.is_empty() {
                String::new()
            } else {
                test.token(scope)
            };
            let url = format!("https://se2.example{target}");
            let answer = test.ask("COPY", &url, &token, &headers, "").await;
            let text = answer.text();
            assert_eq!(answer.status, status, "{dialect}, {what}: {text}");
            if !line.is_empty() {
                assert!(
                    text.lines().last().unwrap().starts_with(line),
                    "{dialect}, {what}: {text}"
                );
                assert!(!text.ends_with('\n'), "{dialect}, {what}: {text}");
            }
            if left != REFUSED {
                assert_eq!(digest(&test, &url).await.0, left, "{dialect}, {what}");
            }
        }
    }
}

/// After a push, the other side is asked what it has: who may not look is believed, a file that is not there is not
/// (storage page §2.8). And bytes that are sent once more after a redirect count once.
#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_not_a_success_when_the_file_is_not_there() {
    let test = world("files = { \"/example/file\" = \"1 MiB\" }", "").await;
    let odd = Router::new().fallback(any(|request: axum::extract::Request| async move {
        let status: u16 = request.uri().path()[1..].parse().unwrap();
        let moved = request.uri().query().is_none();
        let put = request.method() == http::Method::PUT;
        let _read = carnet_stage::body::read_limited(request.into_body(), 1 << 21).await;
        let answer = match (put, moved) {
            (true, true) => Response::builder()
                .status(307)
                .header("location", format!("/{status}?there")),
            (true, false) => Response::builder().status(201),
            (false, _) => Response::builder().status(status),
        };
        answer.body(Body::empty()).unwrap()
    }));
    test.serve_routes("odd", odd).await;
    for (status, line) in [
        (401, "success: Created"),
        (403, "success: Created"),
        (405, "success: Created"),
        (404, "failure: rejected HEAD: 404 Not Found"),
        (500, "failure: rejected HEAD: 500 Internal Server Error"),
        (503, "failure: rejected HEAD: 503 Service Unavailable"),
    ] {
        let to = format!("https://odd.example/{status}");
        let token = test.token("storage.read:/");
        let told = test
            .ask("COPY", SOURCE, &token, &[("destination", &to)], "")
            .await
            .text();
        assert_eq!(told.lines().last(), Some(line), "{told}");
        let counted = told.contains("Stripe Bytes Transferred: 1048576\n");
        assert_eq!(counted, line.starts_with("success"), "{told}");
        assert!(
            !told.contains("Stripe Bytes Transferred: 2097152\n"),
            "{told}"
        );
    }
}

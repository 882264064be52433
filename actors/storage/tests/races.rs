//! Two who write at once: whatever the order, nobody replaces what he may not, no condition is overtaken, and the
//! quota holds (storage page §1.3, §2.7, §3.2; RFC 9110 §13.2).

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod stage;

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use stage::{Answer, TestStage, config};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

const AT: &str = "https://se1.example/f";
fn at(path: &str) -> String {
    format!("https://se1.example{path}")
}

const ALL: &str = "storage.read:/ storage.modify:/";

/// An upload that begins like this and waits for more.
fn slow(first: &'static str) -> (UnboundedSender<&'static str>, Body) {
    let (chunks, body) = unbounded_channel();
    chunks.send(first).unwrap();
    let body = futures_util::stream::unfold(body, |mut body| async move {
        let chunk = body.recv().await?;
        Some((Ok::<_, std::io::Error>(chunk), body))
    });
    (chunks, Body::from_stream(body))
}

/// Waits until so many files have begun to come in.
async fn begun(test: &TestStage, path: &str, times: usize) {
    let writing = || {
        let states = test.states("se1", path);
        states
            .iter()
            .filter(|s| s.ends_with(">being written"))
            .count()
    };
    while writing() < times {
        tokio::task::yield_now().await;
    }
}

/// What the slow one is told when another was faster.
async fn overtaken(test: &TestStage, scope: &str, headers: &[(&str, &str)]) -> Answer {
    let (chunks, body) = slow("slow ");
    let token = test.token(scope);
    let last = async {
        begun(test, "/f", 1).await;
        let quick = test.ask("PUT", AT, &test.token(ALL), &[], "quick").await;
        assert!(quick.status < 300, "{}", quick.text());
        chunks.send("and late").unwrap();
        drop(chunks);
    };
    let (late, ()) = tokio::join!(test.ask("PUT", AT, &token, headers, body), last);
    late
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_upload_replaces_only_what_it_may() {
    for (case, scope, headers, there, status, left) in [
        ("B12 create", "storage.create:/", vec![], "", 403, "quick"),
        ("modify", ALL, vec![], "", 204, "slow and late"),
        (
            "only if new",
            ALL,
            vec![("if-none-match", "*")],
            "",
            412,
            "quick",
        ),
        (
            "only this one",
            ALL,
            vec![("if-match", "ETAG")],
            "old",
            412,
            "quick",
        ),
    ] {
        let files = match there {
            "" => String::new(),
            text => format!("files = {{ \"/f\" = {{ text = \"{text}\" }} }}"),
        };
        let test = TestStage::new(&[("se1", config(&files))]).await;
        let read = test.token("storage.read:/");
        let etag = test.ask("HEAD", AT, &read, &[], "").await;
        let etag = etag.header("etag").to_owned();
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|&(name, value)| (name, if value == "ETAG" { &*etag } else { value }))
            .collect();
        let late = overtaken(&test, scope, &headers).await;
        assert_eq!(late.status, status, "{case}: {}", late.text());
        let found = test.ask("GET", AT, &read, &[], "").await;
        assert_eq!(found.text(), left, "{case}");
        test.stage.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_pull_replaces_only_what_it_may() {
    for (case, scope, overwrite, line, left) in [
        ("create", "storage.create:/", "T", "failure: 403 ", "quick"),
        (
            "modify",
            "storage.modify:/",
            "T",
            "success",
            "slow and late",
        ),
        (
            "Overwrite: F",
            "storage.modify:/",
            "F",
            "failure: target file exists",
            "quick",
        ),
    ] {
        let test = TestStage::new(&[("se1", config(""))]).await;
        let (chunks, body) = slow("slow ");
        let body = std::sync::Mutex::new(Some(body));
        let body = std::sync::Arc::new(body);
        let source =
            Router::new().fallback(any(move |request: axum::extract::Request| async move {
                let head = request.method() == http::Method::HEAD;
                let answer = http::Response::builder().header("content-length", "13");
                let body = if head {
                    None
                } else {
                    body.lock().unwrap().take()
                };
                answer.body(body.unwrap_or_default()).unwrap()
            }));
        test.serve_routes("source", source).await;
        let token = test.token(scope);
        let headers = [
            ("source", "https://source.example/f"),
            ("overwrite", overwrite),
        ];
        let last = async {
            begun(&test, "/f", 1).await;
            let quick = test.ask("PUT", AT, &test.token(ALL), &[], "quick").await;
            assert_eq!(quick.status, 201, "{}", quick.text());
            chunks.send("and late").unwrap();
            drop(chunks);
        };
        let (copied, ()) = tokio::join!(test.ask("COPY", AT, &token, &headers, ""), last);
        let told = copied.text();
        assert!(
            told.lines().last().unwrap().starts_with(line),
            "{case}: {told}"
        );
        let found = test.ask("GET", AT, &test.token(ALL), &[], "").await;
        assert_eq!(found.text(), left, "{case}");
        test.stage.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_uploads_that_fit_one_by_one_do_not_fit_together() {
    let test = TestStage::new(&[("se1", config("quota = \"100\""))]).await;
    let token = test.token(ALL);
    for (slow_one, begins, quick_one, length, status) in [
        ("/f", "slow ", "/g", 60, 201),
        ("/h", "28 bytes of what is to come.", "/i", 10, 507),
    ] {
        let (chunks, body) = slow(begins);
        let quick = async {
            begun(&test, slow_one, 1).await;
            let quick = test
                .ask("PUT", &at(quick_one), &token, &[], "x".repeat(length))
                .await;
            assert_eq!(quick.status, 201, "{quick_one}: {}", quick.text());
            drop(chunks);
        };
        let url = at(slow_one);
        let (late, ()) = tokio::join!(test.ask("PUT", &url, &token, &[], body), quick);
        assert_eq!(late.status, status, "{slow_one}: {}", late.text());
    }
    for (path, status) in [("/g", 200), ("/i", 200), ("/h", 404)] {
        let found = test
            .ask(
                "HEAD",
                &format!("https://se1.example{path}"),
                &token,
                &[],
                "",
            )
            .await;
        assert_eq!(found.status, status, "{path}");
    }
    test.stage.stop().await;
}

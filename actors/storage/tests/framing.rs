//! Requests that two servers in a row could read differently, sent byte by byte over TLS to a storage element
//! of every dialect: each is refused, the connection ends, and what would have been a second request is none
//! (storage page §1.0; RFC 9112 §11.2).

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod stage;

use stage::{TestStage, config};

const DIALECTS: [&str; 6] = [
    "default",
    "strict",
    "xrootd-5.5",
    "xrootd-6",
    "storm",
    "dcache",
];

/// The statuses of the answers in what was heard.
fn statuses(heard: &str) -> Vec<u16> {
    let lines = heard.split("HTTP/1.1 ").skip(1);
    lines.map(|line| line[..3].parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ambiguous_requests_are_refused_and_smuggle_nothing() {
    for dialect in DIALECTS {
        let text = format!("dialect = \"{dialect}\"\nfiles = {{ \"/f\" = {{ text = \"f\" }} }}");
        let test = TestStage::new(&[("se1", config(&text))]).await;
        let token = test.token("storage.read:/ storage.modify:/");
        let good = format!("Host: se1.example\r\nAuthorization: Bearer {token}\r\n");
        let second = format!("PUT /smuggled HTTP/1.1\r\n{good}Content-Length: 0\r\n\r\n");
        let long = if dialect == "storm" || dialect == "strict" {
            431
        } else {
            400
        };
        for (case, head, body, status) in [
            (
                "length and chunked",
                "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                "0\r\n\r\n",
                400,
            ),
            (
                "chunked and length",
                "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                "0\r\n\r\n",
                400,
            ),
            (
                "lengths that differ",
                "Content-Length: 0\r\nContent-Length: 9\r\n",
                "",
                400,
            ),
            ("a list of lengths", "Content-Length: 0, 9\r\n", "", 400),
            ("negative length", "Content-Length: -1\r\n", "", 400),
            ("signed length", "Content-Length: +0\r\n", "", 400),
            ("no number", "Content-Length: zero\r\n", "", 400),
            ("hexadecimal length", "Content-Length: 0x0\r\n", "", 400),
            (
                "beyond 64 bits",
                "Content-Length: 99999999999999999999\r\n",
                "",
                400,
            ),
            (
                "chunked is not last",
                "Transfer-Encoding: chunked, identity\r\n",
                "0\r\n\r\n",
                400,
            ),
            (
                "another word",
                "Transfer-Encoding: xchunked\r\n",
                "0\r\n\r\n",
                400,
            ),
            (
                "chunked twice",
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                "0\r\n\r\n",
                400,
            ),
            (
                "unknown coding",
                "Transfer-Encoding: gzip, chunked\r\n",
                "0\r\n\r\n",
                501,
            ),
            (
                "blank before the colon",
                "Transfer-Encoding : chunked\r\n",
                "0\r\n\r\n",
                400,
            ),
            (
                "folded",
                "Transfer-Encoding:\r\n chunked\r\n",
                "0\r\n\r\n",
                400,
            ),
            (
                "bare line feed",
                "X: y\nTransfer-Encoding: chunked\r\n",
                "0\r\n\r\n",
                400,
            ),
            (
                "bare carriage return",
                "X: y\rTransfer-Encoding: chunked\r\n",
                "0\r\n\r\n",
                400,
            ),
            ("NUL", "X: y\0z\r\nContent-Length: 0\r\n", "", 400),
            (
                "a second host",
                "Host: se2.example\r\nContent-Length: 0\r\n",
                "",
                400,
            ),
        ] {
            let request = format!("PUT /n HTTP/1.1\r\n{good}{head}\r\n{body}{second}");
            let heard = test.tell("se1", request.as_bytes()).await;
            assert_eq!(statuses(&heard), [status], "{dialect}: {case}: {heard}");
        }
        for (case, request, status) in [
            ("no host", format!("GET /f HTTP/1.1\r\n\r\n{second}"), 400),
            (
                "two blanks",
                format!("GET  /f HTTP/1.1\r\n{good}\r\n{second}"),
                400,
            ),
            (
                "blank in the target",
                format!("GET /f /n HTTP/1.1\r\n{good}\r\n{second}"),
                400,
            ),
            (
                "control in the target",
                format!("GET /f\x01 HTTP/1.1\r\n{good}\r\n{second}"),
                400,
            ),
            ("no version", format!("GET /f\r\n{good}\r\n{second}"), 400),
            (
                "a version to come",
                format!("GET /f HTTP/1.9\r\n{good}\r\n{second}"),
                505,
            ),
            (
                "no token for a method",
                format!("G(T /f HTTP/1.1\r\n{good}\r\n{second}"),
                400,
            ),
            (
                "line feeds only",
                "GET /f HTTP/1.1\nHost: se1.example\n\n".to_owned(),
                400,
            ),
            (
                "a head that is too long",
                format!("GET /f HTTP/1.1\r\n{good}X: {}\r\n\r\n", "x".repeat(70_000)),
                long,
            ),
            (
                "a head without end",
                format!("GET /f HTTP/1.1\r\n{good}X: {}", "x".repeat(300_000)),
                431,
            ),
        ] {
            let heard = test.tell("se1", request.as_bytes()).await;
            assert_eq!(statuses(&heard), [status], "{dialect}: {case}: {heard}");
        }
        for (case, chunks) in [
            ("no size", "x\r\nabc\r\n0\r\n\r\n"),
            ("prefixed size", "0x3\r\nabc\r\n0\r\n\r\n"),
            ("negative size", "-1\r\nabc\r\n0\r\n\r\n"),
            (
                "size beyond 64 bits",
                "10000000000000003\r\nabc\r\n0\r\n\r\n",
            ),
            ("line feed after the size", "3\nabc\r\n0\r\n\r\n"),
            ("line feed in an extension", "3;a\nabc\r\n0\r\n\r\n"),
            ("longer than its size", "3\r\nabcd\r\n0\r\n\r\n"),
            ("line feed in the trailer", "3\r\nabc\r\n0\r\nX: y\n\r\n"),
        ] {
            let head = format!("PUT /n HTTP/1.1\r\n{good}Transfer-Encoding: chunked\r\n\r\n");
            let heard = test
                .tell("se1", format!("{head}{chunks}{second}").as_bytes())
                .await;
            let told = statuses(&heard);
            assert!(
                told.len() <= 1 && told.iter().all(|status| *status >= 400),
                "{dialect}: {case}: {heard}"
            );
        }
        let full = |path: &str| format!("https://se1.example{path}");
        for (path, status) in [("/f", 200), ("/smuggled", 404)] {
            let answer = test.ask("HEAD", &full(path), &token, &[], "").await;
            assert_eq!(answer.status, status, "{dialect}: {path}");
        }
        test.stage.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_well_framed_passes() {
    let test = TestStage::new(&[("se1", config("files = { \"/f\" = { text = \"f\" } }"))]).await;
    let token = test.token("storage.read:/ storage.modify:/");
    let good = format!("Host: se1.example\r\nAuthorization: Bearer {token}\r\n");
    let last = "Connection: close\r\n";
    for (case, requests, wanted) in [
        (
            "several on one connection, one behind the other",
            format!(
                "PUT /a HTTP/1.1\r\n{good}Content-Length: 3\r\n\r\nabc\
                 \r\nPUT /b HTTP/1.1\r\n{good}Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nX: y\r\n\r\n\
                 GET /a HTTP/1.1\r\n{good}{last}\r\n"
            ),
            vec![201, 201, 200],
        ),
        (
            "an equal length twice",
            format!(
                "PUT /c HTTP/1.1\r\n{good}Content-Length: 1\r\nContent-Length: 1\r\n{last}\r\nc"
            ),
            vec![201],
        ),
        (
            "a refusal after answers",
            format!("GET /f HTTP/1.1\r\n{good}\r\nGET /f HTTP/1.1\r\n{good}X : y\r\n\r\n"),
            vec![200, 400],
        ),
        (
            "a GET that announces chunks and sends none",
            format!("GET /f HTTP/1.1\r\n{good}Transfer-Encoding: chunked\r\n\r\n"),
            vec![200],
        ),
    ] {
        let heard = test.tell("se1", requests.as_bytes()).await;
        assert_eq!(statuses(&heard), wanted, "{case}: {heard}");
    }
    test.stage.stop().await;
}

//! Whatever is sent, there is an end to it: of waiting, of length, of depth (storage page §1.0, §2.7; RFC 4918
//! §9.2.1).

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod stage;

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use futures_util::StreamExt as _;
use stage::{TestStage, config};

const ALL: &str = "storage.read:/ storage.modify:/";

fn at(path: &str) -> String {
    format!("https://se1.example{path}")
}

/// Who stops in the middle of a body is told so, and the connection ends.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_waited_for_without_end() {
    let patient = "copies = { stall_seconds = 1 }";
    let test = TestStage::new(&[("se1", config(patient))]).await;
    let token = test.token(ALL);
    let head = format!("HTTP/1.1\r\nHost: se1.example\r\nAuthorization: Bearer {token}\r\n");
    let ((), (), ()) = tokio::join!(
        async {
            for (case, framing) in [
                ("length", "Content-Length: 9\r\n\r\n123"),
                ("chunks", "Transfer-Encoding: chunked\r\n\r\n3\r\n123\r\n"),
            ] {
                let heard = test
                    .tell("se1", format!("PUT /f {head}{framing}").as_bytes())
                    .await;
                assert_eq!(&heard[9..12], "408", "{case}: {heard}");
                assert_eq!(
                    test.ask("HEAD", &at("/f"), &token, &[], "").await.status,
                    404,
                    "{case}"
                );
            }
        },
        async {
            let ask = format!("PROPFIND / {head}Content-Length: 9\r\n\r\n<a");
            let heard = test.tell("se1", ask.as_bytes()).await;
            assert_eq!(&heard[9..12], "408", "{heard}");
        },
        async {
            // A source that stops in the middle of a range.
            let source =
                Router::new().fallback(any(|request: axum::extract::Request| async move {
                    let head = request.method() == http::Method::HEAD;
                    let answer = http::Response::builder();
                    let range = request
                        .headers()
                        .get("range")
                        .map(|range| range.to_str().unwrap());
                    if head {
                        return answer
                            .header("content-length", "9000000")
                            .body(Body::empty())
                            .unwrap();
                    }
                    let range = range.unwrap().replace("bytes=", "bytes ");
                    let first = futures_util::stream::iter([Ok::<_, std::io::Error>("123")]);
                    let body = Body::from_stream(first.chain(futures_util::stream::pending()));
                    let answer = answer
                        .status(206)
                        .header("content-range", format!("{range}/9000000"));
                    answer.body(body).unwrap()
                }));
            test.serve_routes("source", source).await;
            let headers = [
                ("source", "https://source.example/f"),
                ("x-number-of-streams", "4"),
            ];
            let told = test
                .ask("COPY", &at("/c"), &token, &headers, "")
                .await
                .text();
            let last = told.lines().last().unwrap();
            assert!(last.contains("nothing came for 1 seconds"), "{told}");
        }
    );
    test.stage.stop().await;
}

/// A tree as deep as paths can be is made, walked, moved and deleted.
#[tokio::test(flavor = "multi_thread")]
async fn paths_are_as_long_as_file_systems_have_them() {
    let text = "recursive_delete = true\nfiles = { \"/g\" = \"1\" }";
    let test = TestStage::new(&[("se1", config(text))]).await;
    let token = test.token(ALL);
    let deep = "/d".repeat(512);
    let deeper = "/d".repeat(30_000);
    let long = format!("/{}", "longer/".repeat(600));
    let to = at("/moved");
    let other = at("/copied");
    for (case, method, path, to, status) in [
        ("deep", "PUT", &*deep, None, 201),
        ("too deep", "PUT", &*deeper, None, 414),
        ("too long", "PUT", &*long, None, 414),
        ("too long", "GET", &*long, None, 414),
        ("moved", "MOVE", "/d", Some(&to), 201),
        ("copied", "COPY", "/moved", Some(&other), 201),
        ("deleted", "DELETE", "/moved", None, 204),
        ("deleted", "DELETE", "/copied", None, 204),
    ] {
        let mut headers = vec![("content-length", "0")];
        headers.extend(to.map(|to| ("destination", &**to)));
        let answer = test.ask(method, &at(path), &token, &headers, "").await;
        assert_eq!(answer.status, status, "{case}: {}", answer.text());
    }
    test.stage.stop().await;
}

/// Properties of one resource take so much, and what does not fit changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn properties_do_not_grow_without_end() {
    let test = TestStage::new(&[("se1", config("files = { \"/f\" = \"1\" }"))]).await;
    let token = test.token(ALL);
    let mut statuses = Vec::new();
    for number in 0..6 {
        let value = "x".repeat(50_000);
        let patch = format!(
            "<D:propertyupdate xmlns:D=\"DAV:\"><D:set><D:prop><p{number} xmlns=\"urn:x\">{value}</p{number}>\
             </D:prop></D:set></D:propertyupdate>"
        );
        statuses.push(
            test.ask("PROPPATCH", &at("/f"), &token, &[], patch)
                .await
                .status,
        );
    }
    assert_eq!(statuses, [207, 207, 207, 207, 207, 507]);
    let all = test
        .ask("PROPFIND", &at("/f"), &token, &[("depth", "0")], "")
        .await
        .text();
    assert!(all.contains("p4") && !all.contains("p5"));
    test.stage.stop().await;
}

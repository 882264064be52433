//! Requests as real clients write them, oddities included, and abuses of a COPY (storage page §1.0, §2.1, §8.3): byte by
//! byte over TLS, each held to its status.

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod stage;

use serde_json::json;
use stage::{TestStage, config};

const WORLD: &str = "files = { \"/d/f\" = { text = \"f\" }, \"/d/a+b\" = { text = \"+\" } }";

#[tokio::test(flavor = "multi_thread")]
async fn oddities_are_put_up_with_and_abuses_are_not() {
    let test = TestStage::new(&[("se1", config(WORLD)), ("se2", config(WORLD))]).await;
    let token = test.token("storage.read:/ storage.modify:/");
    let other = test.token("storage.read:/");
    let large = test.mint(json!({ "scope": "storage.read:/", "pad": "x".repeat(12 << 10) }));
    assert!(large.len() > 16 << 10);
    let plain = test.serve_plainly("without TLS").await;
    let auth = format!("Authorization: Bearer {token}\r\n");
    let source = "Source: https://se2.example/d/f\r\n";
    let transfer = format!("TransferHeaderAuthorization: Bearer {token}\r\n");
    let gfal = format!(
        "User-Agent: gfal2-util/1.8.0 gfal2/2.21.3 neon/0.0.29\r\nTE: trailers\r\nKeep-Alive:\r\n{source}\
         X-Number-Of-Streams: 0\r\nSecure-Redirection: 1\r\n{transfer}Credential: none\r\n{auth}Credential: none\r\n\
         X-No-Delegate: true\r\nCopy-Flags: NoHead\r\nClientInfo: job-id=1;file-id=2;retry=0\r\n\
         RequireChecksumVerification: false\r\n"
    );
    for (case, line, fields, status) in [
        ("what gfal-copy sends", "COPY /d/g1", gfal.clone(), 202),
        (
            "a query on the source",
            "COPY /d/g2",
            gfal.replace("/d/f\r\n", "/d/f?copy_mode=pull\r\n"),
            202,
        ),
        (
            "small letters",
            "COPY /d/g3",
            gfal.replace("TransferHeader", "transferheader"),
            202,
        ),
        (
            "dav and davs",
            "COPY /d/g4",
            gfal.replace("https://", "davs://"),
            202,
        ),
        (
            "a source without TLS",
            "COPY /d/g7",
            format!("{auth}Source: http://localhost:{plain}/f\r\n"),
            202,
        ),
        (
            "the legacy field",
            "COPY /d/g5",
            format!("{auth}{source}Copy-Header: Authorization: Bearer {token}\r\n"),
            202,
        ),
        (
            "Credential that differs",
            "COPY /d/n",
            gfal.replacen("none", "gridsite", 1),
            400,
        ),
        (
            "Credential that is unknown",
            "COPY /d/n",
            gfal.replace("Credential: none", "Credential: oidc"),
            400,
        ),
        (
            "both sides",
            "COPY /d/f",
            format!("{gfal}Destination: https://se2.example/d/n\r\n"),
            400,
        ),
        ("no side", "COPY /d/f", auth.clone(), 400),
        (
            "another scheme",
            "COPY /d/n",
            gfal.replace("https://", "gsiftp://"),
            400,
        ),
        (
            "too many streams",
            "COPY /d/n",
            gfal.replace("Streams: 0", "Streams: 101"),
            400,
        ),
        (
            "streams in words",
            "COPY /d/n",
            gfal.replace("Streams: 0", "Streams: two"),
            400,
        ),
        (
            "Overwrite in words",
            "COPY /d/n",
            format!("{gfal}Overwrite: yes\r\n"),
            400,
        ),
        (
            "verification in words",
            "COPY /d/n",
            gfal.replace("Verification: false", "Verification: no"),
            400,
        ),
        (
            "the target is there",
            "COPY /d/f",
            format!("{gfal}Overwrite: F\r\n"),
            412,
        ),
        (
            "onto itself",
            "COPY /d/f",
            gfal.replace("se2.example", "se1.example"),
            403,
        ),
        (
            "a carriage return to pass on",
            "COPY /d/n",
            format!("{gfal}TransferHeaderX: a\rHost: b\r\n"),
            400,
        ),
        (
            "Host to pass on",
            "COPY /d/n",
            format!("{gfal}TransferHeaderHost: b\r\n"),
            400,
        ),
        (
            "Range to pass on",
            "COPY /d/n",
            format!("{gfal}TransferHeaderRange: bytes=0-0\r\n"),
            400,
        ),
        (
            "a length to pass on",
            "COPY /d/n",
            format!("{gfal}TransferHeaderContent-Length: 1\r\n"),
            400,
        ),
        (
            "a folder to copy away",
            "COPY /d",
            format!("{auth}{transfer}Destination: https://se2.example/n\r\n"),
            400,
        ),
        (
            "nothing to copy away",
            "COPY /no",
            format!("{auth}{transfer}Destination: https://se2.example/n\r\n"),
            404,
        ),
        (
            "SciTag out of range",
            "COPY /d/g6",
            format!("{gfal}SciTag: 7\r\n"),
            202,
        ),
        (
            "small scheme",
            "GET /d/f",
            auth.replace("Bearer", "bearer"),
            200,
        ),
        (
            "a token of 16 KiB",
            "GET /d/f",
            format!("Authorization: Bearer {large}\r\n"),
            200,
        ),
        (
            "the same field twice",
            "GET /d/f",
            format!("{auth}{auth}"),
            200,
        ),
        (
            "two different fields",
            "GET /d/f",
            format!("{auth}Authorization: Bearer {other}\r\n"),
            400,
        ),
        ("authz", "GET /d/f?authz=TOKEN", String::new(), 200),
        (
            "authz with the scheme",
            "GET /d/f?authz=Bearer%20TOKEN",
            String::new(),
            200,
        ),
        (
            "the field goes before authz",
            "GET /d/f?authz=rubbish",
            auth.clone(),
            200,
        ),
        (
            "Depth on GET",
            "GET /d/f",
            format!("{auth}Depth: 0\r\nTE: trailers\r\n"),
            200,
        ),
        ("slashes in a row", "GET //d///f", auth.clone(), 200),
        ("a dot", "GET /d/./f", auth.clone(), 200),
        ("an escape", "GET /%64/f", auth.clone(), 200),
        ("a plus is a plus", "GET /d/a+b", auth.clone(), 200),
        (
            "an absolute target",
            "GET https://se1.example/d/f",
            auth.clone(),
            200,
        ),
        ("two dots", "GET /d/../d/f", auth.clone(), 400),
        (
            "two dots in disguise",
            "GET /d/%2e%2E/d/f",
            auth.clone(),
            400,
        ),
        ("NUL", "GET /d/f%00", auth.clone(), 400),
        ("half an escape", "GET /d/f%4", auth.clone(), 400),
        (
            "never 404 before 403",
            "GET /no",
            format!("Authorization: Bearer {}\r\n", test.token("openid")),
            403,
        ),
    ] {
        let line = line.replace("TOKEN", &token);
        let request =
            format!("{line} HTTP/1.1\r\nHost: se1.example\r\n{fields}Connection: close\r\n\r\n");
        let heard = test.tell("se1", request.as_bytes()).await;
        let (head, body) = heard.split_once("\r\n\r\n").unwrap();
        assert_eq!(head[9..12], status.to_string(), "{case}: {heard}");
        if status >= 400 {
            let fields = head.to_ascii_lowercase();
            assert!(
                fields.contains("content-type: text/plain; charset=utf-8"),
                "{case}: {head}"
            );
            assert!(
                fields.contains(&format!("content-length: {}", body.len())),
                "{case}: {head}"
            );
            assert_eq!(body.matches('\n').count(), 1, "{case}: {body}");
            assert!(
                body.ends_with('\n') && !body.contains(&token),
                "{case}: {body}"
            );
        } else if line.starts_with("COPY") {
            assert!(body.contains("success: Created"), "{case}: {body}");
        }
    }
    test.stage.stop().await;
}

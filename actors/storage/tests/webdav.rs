//! WebDAV as its clients use it (storage page §1): PUT, GET with ranges and conditions, MOVE, COPY, PROPFIND,
//! PROPPATCH.

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod stage;

use stage::{TestStage, config};

const ALL: &str = "storage.read:/ storage.modify:/";

async fn world(text: &str) -> (TestStage, String) {
    let test = TestStage::new(&[("se1", config(text))]).await;
    let token = test.token(ALL);
    (test, token)
}

fn at(path: &str) -> String {
    format!("https://se1.example{path}")
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_and_conditions() {
    let (test, token) = world("files = { \"/f\" = { text = \"0123456789abc\" } }").await;
    let whole = test
        .ask("GET", &at("/f"), &token, &[("want-digest", "adler32")], "")
        .await;
    assert_eq!((whole.status, &*whole.text()), (200, "0123456789abc"));
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert_eq!(whole.header("content-type"), "application/octet-stream");
    assert!(whole.header("digest").starts_with("adler32="));
    let etag = whole.header("etag").to_owned();
    for (what, headers, status, body, range) in [
        (
            "first",
            vec![("range", "bytes=0-3")],
            206,
            "0123",
            "bytes 0-3/13",
        ),
        (
            "suffix",
            vec![("range", "bytes=-3")],
            206,
            "abc",
            "bytes 10-12/13",
        ),
        (
            "open",
            vec![("range", "bytes=10-")],
            206,
            "abc",
            "bytes 10-12/13",
        ),
        (
            "beyond",
            vec![("range", "bytes=99-")],
            416,
            "",
            "bytes */13",
        ),
        (
            "not bytes",
            vec![("range", "lines=1-2")],
            200,
            "0123456789abc",
            "",
        ),
        ("unchanged", vec![("if-none-match", &*etag)], 304, "", ""),
        (
            "other",
            vec![("if-match", "\"other\"")],
            412,
            "precondition failed\n",
            "",
        ),
        (
            "range of another",
            vec![("range", "bytes=0-1"), ("if-range", "\"other\"")],
            200,
            "0123456789abc",
            "",
        ),
        (
            "range of this",
            vec![("range", "bytes=0-1"), ("if-range", &*etag)],
            206,
            "01",
            "bytes 0-1/13",
        ),
    ] {
        let answer = test.ask("GET", &at("/f"), &token, &headers, "").await;
        assert_eq!((answer.status, &*answer.text()), (status, body), "{what}");
        assert_eq!(answer.header("content-range"), range, "{what}");
    }
    let many = test
        .ask("GET", &at("/f"), &token, &[("range", "bytes=0-1,4-5")], "")
        .await;
    assert_eq!(many.status, 206);
    assert!(
        many.header("content-type")
            .starts_with("multipart/byteranges; boundary=")
    );
    let text = many.text();
    assert!(
        text.contains("Content-Range: bytes 0-1/13\r\n\r\n01\r\n")
            && text.contains("bytes 4-5/13\r\n\r\n45\r\n"),
        "{text}"
    );
    assert_eq!(many.header("content-length"), text.len().to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_appears_whole_or_not_at_all() {
    let (test, token) = world("quota = \"1 KiB\"").await;
    for (what, path, headers, body, status) in [
        (
            "new, parents made",
            "/a/b/f",
            vec![("want-digest", "adler32")],
            "123456789",
            201,
        ),
        ("over", "/a/b/f", vec![], "12345", 204),
        ("on a collection", "/a/b", vec![], "x", 405),
        ("below a file", "/a/b/f/g", vec![], "x", 409),
        (
            "only if new",
            "/a/b/f",
            vec![("if-none-match", "*")],
            "x",
            412,
        ),
        (
            "part of a file",
            "/a/b/f",
            vec![("content-range", "bytes 0-0/5")],
            "x",
            400,
        ),
        (
            "right digest",
            "/d",
            vec![("repr-digest", "adler=:CR4B3g==:")],
            "123456789",
            201,
        ),
        (
            "wrong digest",
            "/e",
            vec![("digest", "adler32=00000001")],
            "123456789",
            412,
        ),
        (
            "wrong md5",
            "/e",
            vec![("digest", "md5=AAAAAAAAAAAAAAAAAAAAAA==")],
            "123456789",
            412,
        ),
        (
            "right Content-MD5",
            "/d",
            vec![("content-md5", "JfnnlDI7RTiF9RgfG2JNCw==")],
            "123456789",
            204,
        ),
        (
            "right Content-MD5 in hexadecimal",
            "/d",
            vec![("content-md5", "25f9e794323b453885f5181f1b624d0b")],
            "123456789",
            204,
        ),
        (
            "wrong Content-MD5",
            "/e",
            vec![("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")],
            "123456789",
            400,
        ),
        ("a file is no collection", "/d/", vec![], "x", 409),
    ] {
        let answer = test.ask("PUT", &at(path), &token, &headers, body).await;
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        if what == "new, parents made" {
            assert_eq!(answer.header("digest"), "adler32=091e01de");
        }
    }
    assert_eq!(
        test.ask("GET", &at("/a/b/f"), &token, &[], "").await.text(),
        "12345"
    );
    assert_eq!(
        test.ask("GET", &at("/e"), &token, &[], "").await.status,
        404
    );
    let full = test
        .ask("PUT", &at("/big"), &token, &[], vec![0_u8; 2000])
        .await;
    assert_eq!(full.status, 507, "{}", full.text());
    assert_eq!(
        test.ask("HEAD", &at("/big"), &token, &[], "").await.status,
        404
    );
    let chunks: Vec<Result<&[u8], std::io::Error>> = vec![Ok(b"123"), Ok(b"456"), Ok(b"789")];
    let body = axum::body::Body::from_stream(futures_util::stream::iter(chunks));
    assert_eq!(
        test.ask("PUT", &at("/chunked"), &token, &[], body)
            .await
            .status,
        201
    );
    assert_eq!(
        test.ask("GET", &at("/chunked"), &token, &[], "")
            .await
            .text(),
        "123456789"
    );
    let chunks: Vec<Result<&[u8], std::io::Error>> =
        vec![Ok(b"123"), Err(std::io::Error::other("gone"))];
    let broken = http::Request::put(at("/broken"))
        .header("authorization", format!("Bearer {token}"))
        .body(axum::body::Body::from_stream(futures_util::stream::iter(
            chunks,
        )))
        .unwrap();
    assert!(test.user.client().http1().send(broken).await.is_err());
    assert_eq!(
        test.ask("HEAD", &at("/broken"), &token, &[], "")
            .await
            .status,
        404
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_checksum() {
    let (test, token) = world("files = { \"/f\" = { text = \"123456789\" } }").await;
    for (want, digest) in [
        ("ADLER32", "adler32=091e01de"),
        ("md5", "md5=JfnnlDI7RTiF9RgfG2JNCw=="),
        (
            "sha-256",
            "sha-256=FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
        ),
        ("crc32c", "crc32c=e3069283"),
        ("adler32,md5;q=0.3", "adler32=091e01de"),
        ("unheard-of", ""),
    ] {
        let answer = test
            .ask("HEAD", &at("/f"), &token, &[("want-digest", want)], "")
            .await;
        assert_eq!(
            (answer.header("digest"), answer.header("content-length")),
            (digest, "9"),
            "{want}"
        );
    }
    let both = test
        .ask(
            "HEAD",
            &at("/f"),
            &token,
            &[("want-repr-digest", "adler=5")],
            "",
        )
        .await;
    assert_eq!(both.header("repr-digest"), "adler=:CR4B3g==:");
}

#[tokio::test(flavor = "multi_thread")]
async fn moving_copying_and_deleting() {
    let (test, token) = world("files = { \"/f\" = { text = \"f\" }, \"/g\" = { text = \"g\" }, \"/d/h\" = { text = \"h\" } }").await;
    let here = |path: &str| at(path);
    for (what, method, path, to, overwrite, status) in [
        ("rename", "MOVE", "/f", here("/f2"), "", 201),
        ("back, bare path", "MOVE", "/f2", "/f".into(), "", 201),
        ("target exists", "MOVE", "/f", here("/g"), "F", 412),
        ("replace", "MOVE", "/f", here("/g"), "T", 204),
        ("missing source", "MOVE", "/f", here("/x"), "", 404),
        (
            "missing source, full target",
            "MOVE",
            "/f",
            here("/d"),
            "",
            404,
        ),
        ("full target", "MOVE", "/g", here("/d"), "", 409),
        ("onto what holds it", "MOVE", "/d/h", here("/d"), "", 409),
        ("missing parent", "MOVE", "/g", here("/no/x"), "", 409),
        ("onto itself", "MOVE", "/g", here("/g"), "", 403),
        (
            "another server",
            "MOVE",
            "/g",
            "https://se9.example/g".into(),
            "",
            502,
        ),
        ("into itself", "MOVE", "/d", here("/d/e"), "", 403),
        ("copy", "COPY", "/g", here("/c"), "", 201),
        ("copy over", "COPY", "/g", here("/c"), "", 204),
        ("copy, not over", "COPY", "/g", here("/c"), "F", 412),
        ("copy a collection", "COPY", "/d", here("/d2"), "", 201),
        ("full collection", "DELETE", "/d", String::new(), "", 409),
        ("file", "DELETE", "/d/h", String::new(), "", 204),
        ("empty collection", "DELETE", "/d", String::new(), "", 204),
        ("gone", "DELETE", "/d", String::new(), "", 404),
    ] {
        let mut headers = Vec::new();
        if !to.is_empty() {
            headers.push(("destination", &*to));
        }
        if !overwrite.is_empty() {
            headers.push(("overwrite", overwrite));
        }
        let answer = test.ask(method, &at(path), &token, &headers, "").await;
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
    }
    // Only if it is what the client thinks it is (RFC 9110 §13.1.1).
    let etag = test.ask("HEAD", &at("/c"), &token, &[], "").await;
    let etag = etag.header("etag").to_owned();
    for (method, to, tag, status) in [
        ("MOVE", "/e", "\"other\"", 412),
        ("COPY", "/e", "\"other\"", 412),
        ("COPY", "/e", &*etag, 201),
    ] {
        let to = here(to);
        let headers = [("destination", &*to), ("if-match", tag)];
        let answer = test.ask(method, &at("/c"), &token, &headers, "").await;
        assert_eq!(answer.status, status, "{method} {tag}: {}", answer.text());
    }
    assert_eq!(
        test.ask("GET", &at("/d2/h"), &token, &[], "").await.text(),
        "h"
    );
    assert_eq!(
        test.ask("GET", &at("/c"), &token, &[], "").await.text(),
        "f"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn propfind_and_proppatch() {
    let (test, token) =
        world("files = { \"/d/a file\" = { text = \"123456789\" }, \"/d/e/f\" = \"5\" }").await;
    let one = test
        .ask("PROPFIND", &at("/d"), &token, &[("depth", "1")], "")
        .await;
    assert_eq!(one.status, 207);
    let text = one.text();
    let hrefs: Vec<&str> = text
        .split("<D:href>")
        .skip(1)
        .map(|part| part.split('<').next().unwrap())
        .collect();
    assert_eq!(hrefs, ["/d/", "/d/a%20file", "/d/e/"]);
    assert!(
        text.contains("<D:getcontentlength>9</D:getcontentlength>"),
        "{text}"
    );
    let asked = "<propfind xmlns=\"DAV:\"><prop><getetag/><mode xmlns=\"LCGDM:\"/>\
                 <Checksum xmlns=\"http://storm.italiangrid.org/2014/webdav\"/></prop></propfind>";
    let named = test
        .ask(
            "PROPFIND",
            &at("/d/a%20file"),
            &token,
            &[("depth", "0")],
            asked,
        )
        .await
        .text();
    assert!(
        named.contains(">091e01de<") && named.find("200 OK") < named.find("404 Not Found"),
        "{named}"
    );
    for (depth, path, body, status) in [
        ("infinity", "/d", "", 403),
        ("1", "/none", "", 404),
        ("0", "/d", "<not xml", 400),
        ("1", "/d/a%20file", "", 207),
    ] {
        let answer = test
            .ask("PROPFIND", &at(path), &token, &[("depth", depth)], body)
            .await;
        assert_eq!(answer.status, status, "{depth} {path} {body}");
    }
    let patch = "<D:propertyupdate xmlns:D=\"DAV:\"><D:set><D:prop><mood xmlns=\"urn:x\">good</mood></D:prop></D:set></D:propertyupdate>";
    assert_eq!(
        test.ask("PROPPATCH", &at("/d/e/f"), &token, &[], patch)
            .await
            .status,
        207
    );
    let all = test
        .ask("PROPFIND", &at("/d/e/f"), &token, &[("depth", "0")], "")
        .await
        .text();
    assert!(
        all.contains("<x:mood xmlns:x=\"urn:x\">good</x:mood>"),
        "{all}"
    );
    let live = patch.replace(
        "<mood xmlns=\"urn:x\">good</mood>",
        "<D:getetag>1</D:getetag>",
    );
    assert!(
        test.ask("PROPPATCH", &at("/d/e/f"), &token, &[], live)
            .await
            .text()
            .contains("403 Forbidden")
    );
    let options = test.ask("OPTIONS", &at("/"), "", &[], "").await;
    assert_eq!((options.status, options.header("dav")), (200, "1"));
    assert!(
        options
            .header("allow")
            .split(',')
            .any(|method| method == "COPY")
    );
}

//! What XRootD 5.5.3 answered to requests that few clients send.

use super::ALL;
use super::stage::{TestStage, config};

/// Requests that nobody sends by mistake, as an XRootD 5.5.3 answered them: it knows no conditions, holds no upload
/// against its digest, renames as rename(2) does, and finds nothing below a file.
#[tokio::test(flavor = "multi_thread")]
async fn odd_requests_as_answered() {
    let text = "dialect = \"xrootd-5.5\"\ndirectories = [\"/lab/dir\"]\n\
                files = { \"/lab/f\" = { text = \"0123456789\" }, \"/lab/full/x\" = { text = \"x\" }, \
                \"/lab/g\" = { text = \"g\" } }";
    let test = TestStage::new(&[("se1", config(text))]).await;
    let token = test.token(ALL);
    let to = |path: &str| format!("https://se1.example/lab/{path}");
    let (onto_f, onto_full, below, inside) = (to("f"), to("full"), to("f/x"), to("full/in"));
    let (away, deep) = (to("moved"), to("no/such/x"));
    let long = "n".repeat(300);
    let no_room = format!("Unable to open /lab/{long}; file name too long\n");
    let same = &*away;
    for (case, method, path, header, body, status, told) in [
        (
            "a condition on PUT",
            "PUT",
            "f",
            ("if-none-match", "*"),
            "abc",
            200,
            ":-)",
        ),
        (
            "stored all the same",
            "GET",
            "f",
            ("if-match", "\"x\""),
            "",
            200,
            "abc",
        ),
        (
            "not new",
            "GET",
            "f",
            ("if-modified-since", "Sat, 01 Jan 2050 00:00:00 GMT"),
            "",
            200,
            "abc",
        ),
        (
            "too new",
            "GET",
            "f",
            ("if-unmodified-since", "Sat, 01 Jan 2000 00:00:00 GMT"),
            "",
            200,
            "abc",
        ),
        (
            "a wrong MD5",
            "PUT",
            "m",
            ("content-md5", "AAAAAAAAAAAAAAAAAAAAAA=="),
            "ab",
            200,
            ":-)",
        ),
        (
            "a wrong digest",
            "PUT",
            "m",
            ("digest", "adler32=00000000"),
            "ab",
            200,
            ":-)",
        ),
        (
            "another",
            "PUT",
            "m",
            ("repr-digest", "adler=:AAAAAA==:"),
            "ab",
            200,
            ":-)",
        ),
        ("stored", "GET", "m", ("", ""), "", 200, "ab"),
        (
            "PUT with a slash",
            "PUT",
            "new/",
            ("", ""),
            "ab",
            409,
            "Unable to create /lab/new/; is a directory\n",
        ),
        (
            "PUT below a file",
            "PUT",
            "f/x",
            ("", ""),
            "ab",
            500,
            "Unable to create /lab/f/x; not a directory\n",
        ),
        (
            "DELETE with a slash",
            "DELETE",
            "f/",
            ("", ""),
            "",
            500,
            "Unable to locate /lab/f/; not a directory\n",
        ),
        (
            "GET below a file",
            "GET",
            "f/x",
            ("", ""),
            "",
            500,
            "Unable to open /lab/f/x; not a directory\n",
        ),
        ("HEAD below a file", "HEAD", "f/x", ("", ""), "", 500, ""),
        (
            "DELETE below a file",
            "DELETE",
            "f/x",
            ("", ""),
            "",
            500,
            "Unable to locate /lab/f/x; not a directory\n",
        ),
        (
            "PROPFIND below a file",
            "PROPFIND",
            "f/x",
            ("", ""),
            "",
            500,
            "Unable to locate /lab/f/x; not a directory\n",
        ),
        (
            "MKCOL below a file",
            "MKCOL",
            "f/x",
            ("", ""),
            "",
            500,
            "Unable to mkdir /lab/f/x; not a directory\n",
        ),
        (
            "MKCOL of a file",
            "MKCOL",
            "f",
            ("", ""),
            "",
            405,
            "Method is not allowed; resource already exists.",
        ),
        (
            "a file with a slash",
            "GET",
            "f/",
            ("", ""),
            "",
            500,
            "Unable to open /lab/f/; not a directory\n",
        ),
        (
            "a full collection",
            "DELETE",
            "full",
            ("", ""),
            "",
            500,
            "Unable to remove /lab/full; directory not empty\n",
        ),
        ("a long name", "GET", &long, ("", ""), "", 500, &no_room),
        (
            "no Destination",
            "MOVE",
            "g",
            ("", ""),
            "",
            501,
            "Cannot parse destination url.",
        ),
        (
            "a bare path",
            "MOVE",
            "g",
            ("destination", "/lab/h"),
            "",
            501,
            "Cannot parse destination url.",
        ),
        (
            "no parent",
            "MOVE",
            "g",
            ("destination", &deep),
            "",
            404,
            "Unable to rename /lab/g; no such file or directory\n",
        ),
        (
            "onto a file",
            "MOVE",
            "full",
            ("destination", &onto_f),
            "",
            500,
            "Unable to rename /lab/full; not a directory\n",
        ),
        (
            "below one",
            "MOVE",
            "full",
            ("destination", &below),
            "",
            500,
            "Unable to rename /lab/full; not a directory\n",
        ),
        (
            "onto a collection",
            "MOVE",
            "f",
            ("destination", &onto_full),
            "",
            409,
            "Unable to rename /lab/f; is a directory\n",
        ),
        (
            "into itself",
            "MOVE",
            "full",
            ("destination", &inside),
            "",
            500,
            "Unable to rename /lab/full; invalid argument\n",
        ),
        (
            "a host of another name",
            "MOVE",
            "g",
            ("destination", "https://other.example/lab/moved"),
            "",
            201,
            ":-)",
        ),
        (
            "onto itself",
            "MOVE",
            "moved",
            ("destination", same),
            "",
            201,
            ":-)",
        ),
        ("everything is there", "GET", "f", ("", ""), "", 200, "abc"),
        ("and this", "GET", "full/x", ("", ""), "", 200, "x"),
        ("LOCK", "LOCK", "f", ("", ""), "", 400, "Request unknown"),
        (
            "PROPPATCH",
            "PROPPATCH",
            "f",
            ("", ""),
            "",
            400,
            "Request unknown",
        ),
        ("FOO", "FOO", "f", ("", ""), "", 400, "Request unknown"),
        (
            "PATCH",
            "PATCH",
            "f",
            ("", ""),
            "",
            501,
            "Request not supported yet.",
        ),
        (
            "two ranges that overlap",
            "GET",
            "f",
            ("range", "bytes=0-1,1-2"),
            "",
            206,
            "\r\n--123456\r\nContent-type: text/plain; charset=UTF-8\r\nContent-range: bytes 0-1/3\r\n\r\nab\
             \r\n--123456\r\nContent-type: text/plain; charset=UTF-8\r\nContent-range: bytes 1-2/3\r\n\r\nbc\
             \r\n--123456--\r\n",
        ),
    ] {
        let headers: Vec<_> = [header]
            .into_iter()
            .filter(|(name, _)| !name.is_empty())
            .collect();
        let answer = test
            .ask(method, &to(path), &token, &headers, body.to_owned())
            .await;
        assert_eq!((answer.status, &*answer.text()), (status, told), "{case}");
    }
    let all = test.tell(
        "se1",
        b"OPTIONS * HTTP/1.1\r\nHost: se1.example\r\nConnection: close\r\n\r\n",
    );
    let all = all.await.to_ascii_lowercase();
    assert!(
        all.contains("allow: head,get,put,propfind,delete,options,copy\r\n"),
        "{all}"
    );
    test.stage.stop().await;
}

/// A digest that is not the file's: the older version does not know the field, the newer one asks the source before it
/// begins (storage page §2.1, §4.4).
#[tokio::test(flavor = "multi_thread")]
async fn a_pull_with_a_wrong_digest() {
    for (dialect, status, last, kept) in [
        ("xrootd-5.5", 201, "success: Created", 200),
        (
            "xrootd-6",
            412,
            "failure: checksum mismatch: adler32 remote=091e01de local=00000000",
            404,
        ),
    ] {
        let source = config("files = { \"/lab/f\" = { text = \"123456789\" } }");
        let own = config(&format!(
            "dialect = \"{dialect}\"\ndirectories = [\"/lab\"]"
        ));
        let test = TestStage::new(&[("se1", own), ("se2", source)]).await;
        let token = test.token(ALL);
        let bearer = format!("Bearer {token}");
        let headers = [
            ("source", "https://se2.example/lab/f"),
            ("transferheaderauthorization", &*bearer),
            ("repr-digest", "adler=:AAAAAA==:"),
        ];
        let to = "https://se1.example/lab/copy";
        let answer = test.ask("COPY", to, &token, &headers, "").await;
        let text = answer.text();
        assert_eq!(
            (answer.status, text.lines().last()),
            (status, Some(last)),
            "{dialect}"
        );
        assert_eq!(
            test.ask("HEAD", to, &token, &[], "").await.status,
            kept,
            "{dialect}"
        );
        test.stage.stop().await;
    }
}

/// Where the newer version differs: the table of errors (storage page §1.1), and the digest's name (§4.1).
#[tokio::test(flavor = "multi_thread")]
async fn version_6_answers_some_in_its_own_way() {
    let text = "dialect = \"xrootd-6\"\nfiles = { \"/lab/f\" = { text = \"123456789\" } }";
    let test = TestStage::new(&[("se1", config(text))]).await;
    let token = test.token(ALL);
    let told = "Unable to open /lab/f/x; not a directory\n";
    for (case, method, path, header, status, digest, body) in [
        ("below a file", "GET", "f/x", ("", ""), 409, "", told),
        (
            "its own name",
            "HEAD",
            "f",
            ("want-digest", "adler"),
            200,
            "adler=091e01de",
            "",
        ),
        (
            "the usual name",
            "HEAD",
            "f",
            ("want-digest", "ADLER32"),
            200,
            "adler32=091e01de",
            "",
        ),
        (
            "a weight",
            "HEAD",
            "f",
            ("want-digest", "adler32;q=0.1,md5"),
            200,
            "adler32=091e01de",
            "",
        ),
        (
            "a condition",
            "GET",
            "f",
            ("if-none-match", "*"),
            200,
            "",
            "123456789",
        ),
        (
            "no bytes",
            "GET",
            "f",
            ("range", "bytes=-0"),
            200,
            "",
            "123456789",
        ),
    ] {
        let headers: Vec<_> = [header]
            .into_iter()
            .filter(|(name, _)| !name.is_empty())
            .collect();
        let url = format!("https://se1.example/lab/{path}");
        let answer = test.ask(method, &url, &token, &headers, "").await;
        let heard = (answer.status, answer.header("digest"), &*answer.text());
        assert_eq!(heard, (status, digest, body), "{case}");
    }
    test.stage.stop().await;
}

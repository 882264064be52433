//! What XRootD 5.5.3 answered, recorded and reduced to facts, asked of its dialect: status, length, the fields that
//! matter, and its short texts to the letter (storage page §1.1, §2.2, §3.8).

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod stage;

use serde_json::json;
use stage::{TestStage, config};

const WORLD: &str =
    "dialect = \"xrootd-5.5\"\nfiles = { \"/lab/f1\" = \"5000000\", \"/lab/pull1\" = \"1\" }";
const ALL: &str = "storage.read:/ storage.modify:/";

/// A token by the name that the recording has for it.
fn token(test: &TestStage, name: &str) -> String {
    let now = test.stage.clock().seconds();
    let mut claims = json!({ "scope": "storage.read:/" });
    match name {
        "" => return String::new(),
        "garbage" => return "garbage".into(),
        "expired" => claims["exp"] = json!(now - 60),
        "wrong aud" => claims["aud"] = json!("https://other.example"),
        "aud=endpoint" => claims["aud"] = json!("https://se1.example"),
        "aud list" => claims["aud"] = json!(["https://other.example", "https://se1.example"]),
        "unknown issuer" => claims["iss"] = json!("https://other.example/"),
        "no version" => claims["wlcg.ver"] = json!(null),
        "version 2.0" => claims["wlcg.ver"] = json!("2.0"),
        scope => claims["scope"] = json!(scope),
    }
    test.mint(claims)
}

#[tokio::test(flavor = "multi_thread")]
async fn webdav_as_recorded() {
    let test = TestStage::new(&[("se1", config(WORLD))]).await;
    let read = "storage.read:/";
    let create = "storage.create:/";
    for (case, method, path, with, header, status, length, body) in [
        ("HEAD dir", "HEAD", "/lab", read, "", 200, 4096, ""),
        ("HEAD missing", "HEAD", "/lab/nope", read, "", 404, 0, ""),
        (
            "GET range",
            "GET",
            "/lab/f1",
            read,
            "Range: bytes=0-9",
            206,
            10,
            "…",
        ),
        (
            "GET Want-Digest",
            "GET",
            "/lab/f1",
            read,
            "Want-Digest: adler32",
            200,
            5_000_000,
            "…",
        ),
        (
            "PROPFIND missing",
            "PROPFIND",
            "/lab/nope",
            read,
            "Depth: 0",
            404,
            54,
            "Unable to locate /lab/nope; no such file or directory\n",
        ),
        ("MKCOL", "MKCOL", "/lab/d1", create, "", 201, 3, ":-)"),
        ("MKCOL again", "MKCOL", "/lab/d1", create, "", 201, 3, ":-)"),
        (
            "MKCOL missing parent",
            "MKCOL",
            "/lab/x/y",
            create,
            "",
            201,
            3,
            ":-)",
        ),
        (
            "MKCOL read token",
            "MKCOL",
            "/lab/d2",
            read,
            "",
            403,
            43,
            "Unable to mkdir /lab/d2; permission denied\n",
        ),
        (
            "PUT new storage.create",
            "PUT",
            "/lab/p1",
            create,
            "",
            200,
            3,
            ":-)",
        ),
        (
            "PUT existing storage.create",
            "PUT",
            "/lab/p1",
            create,
            "",
            403,
            44,
            "Unable to create /lab/p1; permission denied\n",
        ),
        (
            "PUT existing storage.modify",
            "PUT",
            "/lab/p1",
            "storage.modify:/",
            "",
            200,
            3,
            ":-)",
        ),
        (
            "PUT auto mkdir",
            "PUT",
            "/lab/a/b/c",
            create,
            "",
            200,
            3,
            ":-)",
        ),
        (
            "PUT read token",
            "PUT",
            "/lab/p2",
            read,
            "",
            403,
            44,
            "Unable to create /lab/p2; permission denied\n",
        ),
        (
            "MOVE",
            "MOVE",
            "/lab/p1",
            ALL,
            "Destination: https://se1.example/lab/p1b",
            201,
            3,
            ":-)",
        ),
        (
            "DELETE create-only token",
            "DELETE",
            "/lab/p1b",
            create,
            "",
            403,
            45,
            "Unable to locate /lab/p1b; permission denied\n",
        ),
        ("DELETE", "DELETE", "/lab/p1b", ALL, "", 200, 3, ":-)"),
        (
            "DELETE missing",
            "DELETE",
            "/lab/p1b",
            ALL,
            "",
            404,
            53,
            "Unable to locate /lab/p1b; no such file or directory\n",
        ),
        ("DELETE dir", "DELETE", "/lab/d1", ALL, "", 200, 3, ":-)"),
        (
            "authz query",
            "HEAD",
            "/lab/f1?authz=Bearer%20TOKEN",
            "",
            "",
            200,
            5_000_000,
            "",
        ),
        (
            "authz query raw",
            "HEAD",
            "/lab/f1?authz=TOKEN",
            "",
            "",
            200,
            5_000_000,
            "",
        ),
        (
            "access_token query",
            "HEAD",
            "/lab/f1?access_token=TOKEN",
            "",
            "",
            403,
            0,
            "",
        ),
        ("expired", "HEAD", "/lab/f1", "expired", "", 403, 0, ""),
        ("wrong aud", "HEAD", "/lab/f1", "wrong aud", "", 403, 0, ""),
        (
            "aud=endpoint",
            "HEAD",
            "/lab/f1",
            "aud=endpoint",
            "",
            200,
            5_000_000,
            "",
        ),
        (
            "aud list", "HEAD", "/lab/f1", "aud list", "", 200, 5_000_000, "",
        ),
        (
            "unknown issuer",
            "HEAD",
            "/lab/f1",
            "unknown issuer",
            "",
            403,
            0,
            "",
        ),
        (
            "garbage token",
            "HEAD",
            "/lab/f1",
            "garbage",
            "",
            403,
            0,
            "",
        ),
        (
            "path scope other",
            "HEAD",
            "/lab/f1",
            "storage.read:/other",
            "",
            403,
            0,
            "",
        ),
        (
            "path scope storage.read:/la",
            "HEAD",
            "/lab/f1",
            "storage.read:/la",
            "",
            200,
            5_000_000,
            "",
        ),
        (
            "lower-case bearer",
            "HEAD",
            "/lab/f1",
            "",
            "Authorization: bearer TOKEN",
            403,
            0,
            "",
        ),
        (
            "wlcg.ver missing",
            "HEAD",
            "/lab/f1",
            "no version",
            "",
            403,
            0,
            "",
        ),
        (
            "wlcg.ver 2.0",
            "HEAD",
            "/lab/f1",
            "version 2.0",
            "",
            403,
            0,
            "",
        ),
        (
            ".well-known",
            "GET",
            "/.well-known/wlcg-tape-rest-api",
            "",
            "",
            403,
            66,
            "Unable to open /.well-known/wlcg-tape-rest-api; permission denied\n",
        ),
        (
            "macaroon request",
            "POST",
            "/lab/f1",
            read,
            "Content-Type: application/macaroon-request",
            501,
            22,
            "Request not supported.",
        ),
    ] {
        let good = token(&test, read);
        let with = token(&test, with);
        let header = header.replace("TOKEN", &good);
        let headers: Vec<(&str, &str)> = header.split_once(": ").into_iter().collect();
        let url = format!("https://se1.example{}", path.replace("TOKEN", &good));
        let content = if method == "PUT" { "content" } else { "" };
        let answer = test.ask(method, &url, &with, &headers, content).await;
        assert_eq!(answer.status, status, "{case}: {}", answer.text());
        assert_eq!(
            answer.header("content-length"),
            length.to_string(),
            "{case}"
        );
        assert_eq!(answer.header("content-type"), "", "{case}");
        if body != "…" {
            assert_eq!(answer.text(), body, "{case}");
        }
    }
    test.stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn checksums_and_properties_as_recorded() {
    let text = "dialect = \"xrootd-5.5\"\ndirectories = [\"/lab/d\"]\n\
                files = { \"/lab/f1\" = \"5000000\", \"/lab/nine\" = { text = \"123456789\" } }";
    let test = TestStage::new(&[("se1", config(text))]).await;
    let read = test.token("storage.read:/");
    for (want, digest) in [
        ("adler32", "adler32=091e01de"),
        ("md5", "md5=JfnnlDI7RTiF9RgfG2JNCw=="),
        ("crc32c", "crc32c=4waSgw=="),
        ("md5;q=0.1,adler32", "md5=JfnnlDI7RTiF9RgfG2JNCw=="),
        ("unheard-of", "adler32=091e01de"),
    ] {
        let headers = [("want-digest", want), ("want-repr-digest", "adler=5")];
        let answer = test
            .ask("HEAD", "https://se1.example/lab/nine", &read, &headers, "")
            .await;
        assert_eq!(
            (answer.header("digest"), answer.header("repr-digest")),
            (digest, ""),
            "{want}"
        );
    }
    let asked = "<propfind xmlns=\"DAV:\"><prop><getetag/></prop></propfind>";
    let listed = test
        .ask(
            "PROPFIND",
            "https://se1.example/lab",
            &read,
            &[("depth", "1")],
            asked,
        )
        .await;
    assert_eq!(listed.status, 207);
    assert_eq!(listed.header("content-type"), "text/xml; charset=\"utf-8\"");
    let listed = listed.text();
    for wanted in [
        "<D:href>/lab</D:href><D:propstat><D:prop><D:getcontentlength>4096</D:getcontentlength>",
        "<D:href>/lab/d</D:href>",
        "<D:resourcetype><D:collection/></D:resourcetype><D:iscollection>1</D:iscollection><D:executable>T</D:executable>",
        "<D:getcontentlength>5000000</D:getcontentlength>",
        "<D:iscollection>0</D:iscollection><D:executable>F</D:executable>",
    ] {
        assert!(listed.contains(wanted), "{wanted} in {listed}");
    }
    assert!(!listed.contains("getetag"), "{listed}");
    test.stage.stop().await;
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
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .filter_map(|line| line.split_once(": "))
            .collect();
        let url = format!("https://se1.example{path}");
        let answer = test
            .ask("COPY", &url, &token(&test, with), &headers, "")
            .await;
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
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .filter_map(|line| line.split_once(": "))
            .collect();
        let url = format!("https://se1.example{path}");
        let answer = test
            .ask("COPY", &url, &token(&test, with), &headers, "")
            .await;
        let text = answer.text();
        assert_eq!(answer.status, status, "{case}: {text}");
        assert_eq!(text.lines().last(), Some(last), "{case}: {text}");
    }
    test.stage.stop().await;
}

/// What gfal2 2.21.3, davix 0.8.4 and a copying XRootD sent to two XRootD 5.5.3, in its order: each request gets the
/// status, the length and the fields that it got then.
#[tokio::test(flavor = "multi_thread")]
async fn real_clients_are_answered_as_recorded() {
    let source = "dialect = \"xrootd-5.5\"\nfiles = { \"/lab/f1\" = \"5000000\", \"/lab/big\" = \"200000000\" }";
    let target = "dialect = \"xrootd-5.5\"\ndirectories = [\"/lab\"]";
    let test = TestStage::new(&[("se1", config(source)), ("se2", config(target))]).await;
    let token = test.token(ALL);
    let names = "<propfind xmlns=\"DAV:\"><prop><displayname/><getlastmodified/><creationdate/><getcontentlength/>\
                 <quota-used-bytes/><resourcetype><collection/></resourcetype></prop></propfind>";
    let facts = include_str!("recorded/clients.jsonl");
    for (number, line) in facts.lines().enumerate() {
        let fact: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| fact[name].as_str().unwrap();
        let case = format!(
            "{} {} {} {}",
            number + 1,
            text("who"),
            text("method"),
            text("path")
        );
        let url = format!("https://{}.example{}", text("at"), text("path"));
        let headers: Vec<(String, String)> = fact["headers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pair| {
                let value = pair[1].as_str().unwrap().replace("<JWT>", &token);
                (pair[0].as_str().unwrap().to_owned(), value)
            })
            .collect();
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        let body = match fact["length"].as_u64() {
            Some(length) => "x".repeat(usize::try_from(length).unwrap()),
            None if fact["names"] == true => names.to_owned(),
            None => String::new(),
        };
        let bearer = if fact["token"] == true { &*token } else { "" };
        let answer = test.ask(text("method"), &url, bearer, &headers, body).await;
        assert_eq!(
            Some(u64::from(answer.status)),
            fact["status"].as_u64(),
            "{case}: {}",
            answer.text()
        );
        for (name, wanted) in fact["answer"].as_object().unwrap() {
            let wanted = wanted.as_str().unwrap();
            let ours = match &**name {
                "digest" => answer.header(name).split('=').next().unwrap(),
                _ => answer.header(name),
            };
            assert_eq!(ours, wanted, "{case}: {name}");
        }
        if text("method") == "COPY" && answer.status == 201 {
            assert!(
                answer.text().ends_with("success: Created"),
                "{case}: {}",
                answer.text()
            );
        }
    }
    test.stage.stop().await;
}

//! Files, folders, checksums and properties as XRootD 5.5.3 answered them.

use super::stage::{TestStage, config};
use super::{ALL, WORLD, token};

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
        // A weight makes it a name that nobody knows.
        ("md5;q=0.1,adler32", "adler32=091e01de"),
        ("adler32;q=0.1,md5", "md5=JfnnlDI7RTiF9RgfG2JNCw=="),
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

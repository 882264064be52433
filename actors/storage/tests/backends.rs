//! The backends: a directory that survives a restart, terabytes that are stored nowhere, temporary files
//! without a name.

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod stage;

use stage::{TestStage, config};

const ALL: &str = "storage.read:/ storage.modify:/";

/// A directory of the test's own below the target directory.
fn directory(name: &str) -> std::path::PathBuf {
    let place = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _absent = std::fs::remove_dir_all(&place);
    place
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_keeps_files_under_their_names_and_survives_a_restart() {
    let place = directory("disk");
    let text = format!(
        "backend = {{ disk = {{ directory = {:?} }} }}\nquota = \"10 MiB\"",
        place.display().to_string()
    );
    let first = TestStage::new(&[("se1", config(&text))]).await;
    let token = first.token(ALL);
    let at = |path: &str| format!("https://se1.example{path}");
    assert_eq!(
        first
            .ask("PUT", &at("/d/f"), &token, &[], "123456789")
            .await
            .status,
        201
    );
    assert_eq!(
        first
            .ask("PUT", &at("/d/g"), &token, &[], vec![7_u8; 3_000_000])
            .await
            .status,
        201
    );
    assert_eq!(
        first
            .ask(
                "MOVE",
                &at("/d/g"),
                &token,
                &[("destination", &at("/d/h"))],
                ""
            )
            .await
            .status,
        201
    );
    assert_eq!(
        first
            .ask(
                "COPY",
                &at("/d/f"),
                &token,
                &[("destination", &at("/d/c"))],
                ""
            )
            .await
            .status,
        201
    );
    assert_eq!(
        first.ask("MKCOL", &at("/e"), &token, &[], "").await.status,
        201
    );
    assert_eq!(
        first
            .ask("PUT", &at("/d/big"), &token, &[], vec![0_u8; 11 << 20])
            .await
            .status,
        507
    );
    assert_eq!(
        first
            .ask("PUT", &at("/.carnet/x"), &token, &[], "x")
            .await
            .status,
        403
    );
    first.stage.stop().await;
    assert_eq!(std::fs::read(place.join("d/f")).unwrap(), b"123456789");
    std::fs::write(place.join(".carnet/coming/left"), b"half").unwrap();
    let second = TestStage::new(&[("se1", config(&text))]).await;
    let token = second.token(ALL);
    for (path, size, digest) in [
        ("/d/f", "9", "adler32=091e01de"),
        ("/d/c", "9", "adler32=091e01de"),
        ("/d/h", "3000000", ""),
    ] {
        let found = second
            .ask("HEAD", &at(path), &token, &[("want-digest", "adler32")], "")
            .await;
        assert_eq!(
            (found.status, found.header("content-length")),
            (200, size),
            "{path}"
        );
        assert!(
            found.header("digest").starts_with("adler32=")
                && (digest.is_empty() || found.header("digest") == digest)
        );
    }
    assert_eq!(
        second.ask("HEAD", &at("/e"), &token, &[], "").await.status,
        200
    );
    assert_eq!(
        second
            .ask("HEAD", &at("/d/big"), &token, &[], "")
            .await
            .status,
        404
    );
    assert!(!place.join(".carnet/coming/left").exists());
    assert_eq!(
        second
            .ask("DELETE", &at("/d/f"), &token, &[], "")
            .await
            .status,
        204
    );
    assert!(!place.join("d/f").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn terabytes_take_no_room() {
    let test = TestStage::new(&[(
        "se1",
        config("backend = { synthetic = {} }\nfiles = { \"/t\" = \"2 TiB\" }"),
    )])
    .await;
    let token = test.token(ALL);
    let found = test
        .ask(
            "HEAD",
            "https://se1.example/t",
            &token,
            &[("want-digest", "adler32")],
            "",
        )
        .await;
    assert_eq!(found.header("content-length"), (2_u64 << 40).to_string());
    assert!(found.header("digest").starts_with("adler32="));
    let end = test
        .ask(
            "GET",
            "https://se1.example/t",
            &token,
            &[("range", "bytes=-100")],
            "",
        )
        .await;
    assert_eq!((end.status, end.body.len()), (206, 100));
    let start = test
        .ask(
            "GET",
            "https://se1.example/t",
            &token,
            &[("range", "bytes=0-4999")],
            "",
        )
        .await
        .body;
    assert_eq!(
        test.ask(
            "PUT",
            "https://se1.example/start",
            &token,
            &[],
            start.clone()
        )
        .await
        .status,
        201
    );
    assert_eq!(
        test.ask("GET", "https://se1.example/start", &token, &[], "")
            .await
            .body,
        start
    );
    assert_eq!(
        test.ask(
            "PUT",
            "https://se1.example/foreign",
            &token,
            &[],
            vec![1_u8; 5000]
        )
        .await
        .status,
        201
    );
    assert_eq!(
        test.ask("HEAD", "https://se1.example/foreign", &token, &[], "")
            .await
            .status,
        200
    );
    assert_eq!(
        test.ask("GET", "https://se1.example/foreign", &token, &[], "")
            .await
            .status,
        500
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_come_back_as_they_went_in() {
    let text = "backend = { memory = { largest = \"1 KiB\" } }\nfiles = { \"/seeded\" = { size = \"3 MiB\", seed = 5 } }";
    let test = TestStage::new(&[("se1", config(text))]).await;
    let token = test.token(ALL);
    let seeded = test
        .ask("GET", "https://se1.example/seeded", &token, &[], "")
        .await
        .body;
    assert_eq!(seeded.len(), 3 << 20);
    let mut changed = seeded.clone();
    changed[2_500_000] ^= 1;
    let foreign: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    for (name, content) in [
        ("same", &seeded),
        ("changed", &changed),
        ("foreign", &foreign),
        ("short", &seeded[..70].to_vec()),
        // Around what is read and written at once, and around a piece.
        ("at once", &foreign[..65_536].to_vec()),
        ("in pieces", &foreign[..65_537].to_vec()),
        ("a piece", &foreign[..131_072].to_vec()),
        ("a piece and one", &foreign[..131_073].to_vec()),
        ("two and one", &foreign[..262_145].to_vec()),
    ] {
        let url = format!("https://se1.example/{}", name.replace(' ', "-"));
        assert_eq!(
            test.ask("PUT", &url, &token, &[], content.clone())
                .await
                .status,
            201,
            "{name}"
        );
        assert!(
            test.ask("GET", &url, &token, &[], "").await.body == *content,
            "{name}"
        );
        let part = test
            .ask("GET", &url, &token, &[("range", "bytes=10-59")], "")
            .await;
        assert_eq!(part.body, content[10..60], "{name}");
    }
}

/// On one thread: an md5 of terabytes, computed on demand, leaves others their turn.
#[tokio::test]
async fn a_long_checksum_holds_nobody_up() {
    let text = "backend = { synthetic = {} }\nfiles = { \"/big\" = \"8 TiB\", \"/small\" = \"9\" }";
    let test = TestStage::new(&[("se1", config(text))]).await;
    let token = test.token(ALL);
    let want = [("want-digest", "md5")];
    tokio::select! {
        _summed = test.ask("HEAD", "https://se1.example/big", &token, &want, "") => panic!("8 TiB in no time"),
        small = async {
            let asked = |record: &carnet_stage::Record| {
                matches!(&record.event, carnet_stage::Event::Judged(_))
            };
            test.stage.journal().wait_for(std::time::Duration::from_secs(10), asked).await.unwrap();
            test.ask("HEAD", "https://se1.example/small", &token, &want, "").await
        } => assert_eq!((small.status, small.header("content-length")), (200, "9")),
    }
}

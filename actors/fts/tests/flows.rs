//! Flows A and B on FTS's side of the wire, with a scripted issuer and scripted storage elements
//! (flows page A4-A12, B4-B7).

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod common;

use carnet_fts::Config;
use carnet_fts::config::{IssuerConfig, StorageTokens};
use common::{Answer, ISSUER, World, one_file};
use serde_json::json;

fn anybody() -> Vec<IssuerConfig> {
    vec![IssuerConfig {
        url: ISSUER.into(),
        client_id: "fts.example".into(),
        client_secret: "secret".into(),
        ..Default::default()
    }]
}

#[tokio::test]
async fn a4_to_a12_in_the_order_of_the_recording() {
    let world = World::start(Config::default()).await;
    let token = world.token(&json!({}));
    let job = world.submit(&token, &one_file()).await;
    assert_eq!(world.end(&job).await, "FINISHED");
    assert_eq!(
        world.lines(),
        [
            "POST iam /token",
            "POST iam /token",
            "COPY se2 /example/file",
            "HEAD se1 /example/file",
            "HEAD se2 /example/file",
        ]
    );
    let got = world.got();
    assert_eq!(
        got[0].body,
        format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token={token}\
             &audience=https%3A%2F%2Fse1.example+https%3A%2F%2Fse2.example\
             &scope=storage.read%3A%2F+storage.create%3A%2F+offline_access"
        )
    );
    assert!(
        got[1]
            .body
            .starts_with("grant_type=refresh_token&refresh_token=")
    );
    assert!(
        !got[1].body.contains("scope"),
        "the refresh keeps what was granted"
    );
    let copy = &got[2];
    assert_eq!(
        copy.header("source"),
        Some("https://se1.example/example/file")
    );
    assert_eq!(
        copy.header("authorization"),
        copy.header("transferheaderauthorization")
    );
    assert_eq!(got[3].header("want-digest"), Some("adler32"));
    assert_eq!(got[3].header("authorization"), copy.header("authorization"));
    assert_eq!(
        world.changes("fts.file"),
        [
            ">TOKEN_PREP",
            "TOKEN_PREP>SUBMITTED",
            "SUBMITTED>READY",
            "READY>ACTIVE",
            "ACTIVE>FINISHED"
        ]
    );
    assert_eq!(
        world.changes("fts.job"),
        [">SUBMITTED", "SUBMITTED>ACTIVE", "ACTIVE>FINISHED"]
    );
    assert_eq!(
        world.changes("fts.token"),
        [
            ">WAITING",
            "WAITING>EXCHANGING",
            "EXCHANGING>READY",
            "READY>REFRESHING",
            "REFRESHING>READY"
        ]
    );
    let files = world.json(&format!("/jobs/{job}/files"), &token).await;
    assert_eq!(files[0]["filesize"], json!(1_048_576));
    assert_eq!(files[0]["transferred"], json!(1_048_576));
    world.stop().await;
}

#[tokio::test]
async fn a10_with_two_separate_tokens() {
    let config = Config {
        storage_tokens: StorageTokens::Two,
        ..Config::default()
    };
    let world = World::start(config).await;
    let token = world.token(&json!({}));
    let job = world.submit(&token, &one_file()).await;
    assert_eq!(world.end(&job).await, "FINISHED");
    let got = world.got();
    let exchanges: Vec<&str> = got
        .iter()
        .filter(|got| got.body.contains("subject_token"))
        .filter_map(|got| got.body.split_once("&audience=").map(|(_, rest)| rest))
        .collect();
    assert_eq!(
        exchanges,
        [
            "https%3A%2F%2Fse1.example&scope=storage.read%3A%2F+offline_access",
            "https%3A%2F%2Fse2.example&scope=storage.create%3A%2F+offline_access",
        ]
    );
    let copy = got.iter().find(|got| got.method == "COPY").unwrap();
    assert_ne!(
        copy.header("authorization"),
        copy.header("transferheaderauthorization")
    );
    let head = |to: &str| {
        got.iter()
            .find(|got| got.to == to && got.method == "HEAD")
            .unwrap()
            .header("authorization")
    };
    assert_eq!(head("se2"), copy.header("authorization"));
    assert_eq!(head("se1"), copy.header("transferheaderauthorization"));
    world.stop().await;
}

#[tokio::test]
async fn b4_to_b7_keep_the_scopes_of_the_user() {
    let world = World::start(Config {
        issuers: anybody(),
        ..Config::default()
    })
    .await;
    let token = world.token(
        &json!({"sub": "user-1", "scope": "openid offline_access wlcg.groups",
        "wlcg.groups": ["/wlcg", "/wlcg/xfers"]}),
    );
    let job = world.submit(&token, &one_file()).await;
    assert_eq!(world.end(&job).await, "FINISHED");
    let exchange = &world.got()[0];
    assert!(
        exchange
            .body
            .ends_with("&scope=openid+wlcg.groups+offline_access"),
        "{}",
        exchange.body
    );
    let shown = world.json(&format!("/jobs/{job}"), &token).await;
    assert_eq!(
        (&shown["user_dn"], &shown["vo_name"]),
        (&json!("user-1"), &json!("wlcg"))
    );
    world.stop().await;
}

#[tokio::test]
async fn a10_what_the_storage_says_is_what_the_user_reads() {
    let marker = "Perf Marker\nStripe Index: 0\nStripe Bytes Transferred: 0\nEnd\n";
    let cases = [
        (
            Answer::new(403, "failure: HTTP response code said error"),
            "FAILED",
            "TRANSFER [1] TRANSFER ERROR: Copy failed (3rd pull). Last attempt: copy HTTP 403 : Permission refused ",
        ),
        (
            Answer::new(
                202,
                format!("{marker}failure: Remote side failed with status code 403\n"),
            ),
            "FAILED",
            "TRANSFER [5] TRANSFER ERROR: Copy failed (3rd pull). Last attempt: Transfer failure: Remote side failed with status code 403",
        ),
        (
            Answer::new(202, marker),
            "FAILED",
            "TRANSFER [5] TRANSFER ERROR: Copy failed (3rd pull). Last attempt: Connection terminated abruptly; Status of TPC request unknown",
        ),
        (
            Answer::new(202, "aborted\n"),
            "CANCELED",
            "TRANSFER [125] TRANSFER ERROR: Copy failed (3rd pull). Last attempt: Transfer aborted in the remote end",
        ),
        (
            Answer::new(307, "").with("location", "https://se2.example/elsewhere"),
            "FINISHED",
            "",
        ),
    ];
    for (answer, state, reason) in cases {
        let world = World::start(Config::default()).await;
        let told = answer.clone();
        world.script(move |_, got| {
            (got.method == "COPY" && got.path == "/example/file").then(|| told.clone())
        });
        world.put("se2", "/example/file", 1_048_576);
        let token = world.token(&json!({}));
        let job = world.submit(&token, &one_file()).await;
        assert_eq!(world.end(&job).await, state, "{answer:?}");
        assert_eq!(world.reasons(&job, &token).await, [reason], "{answer:?}");
        world.stop().await;
    }
}

#[tokio::test]
async fn a10_without_the_transfer_header_when_the_fault_is_installed() {
    let world = World::start(Config {
        drop_transfer_header: true,
        ..Config::default()
    })
    .await;
    let token = world.token(&json!({}));
    let job = world.submit(&token, &one_file()).await;
    world.end(&job).await;
    let got = world.got();
    let copy = got.iter().find(|got| got.method == "COPY").unwrap();
    assert_eq!(copy.header("transferheaderauthorization"), None);
    assert!(copy.header("authorization").is_some());
    let told =
        |record: &carnet_stage::Record| matches!(record.event, carnet_stage::Event::Fault(_));
    assert_eq!(
        world.records().iter().filter(|record| told(record)).count(),
        1
    );
    world.stop().await;
}

#[tokio::test]
async fn a12_checksums_and_sizes_are_compared() {
    let wrong_user = {
        let mut body = one_file();
        body["files"][0]["checksum"] = json!("ADLER32:12345678");
        body
    };
    let cases = [
        (
            wrong_user,
            Answer::new(200, "")
                .with("content-length", "1048576")
                .with("digest", "adler32=348049b0"),
            "SOURCE [5] Source and user-defined ADLER32 checksum do not match (348049b0 != 12345678)",
        ),
        (
            one_file(),
            Answer::new(200, "")
                .with("content-length", "1048575")
                .with("digest", "adler32=348049b0"),
            "DESTINATION [22] Source and destination file size mismatch",
        ),
        (
            one_file(),
            Answer::new(200, "")
                .with("content-length", "1048576")
                .with("digest", "adler32=deadbeef"),
            "DESTINATION [5] User-defined and destination ADLER32 checksum do not match (348049b0 != deadbeef)",
        ),
        (
            one_file(),
            Answer::new(200, "").with("content-length", "1048576"),
            "DESTINATION [38] checksum calculation for ADLER32 not supported for https://se2.example/example/file",
        ),
    ];
    for (body, answer, reason) in cases {
        let world = World::start(Config::default()).await;
        let told = answer.clone();
        world.script(move |_, got| (got.to == "se2" && got.method == "HEAD").then(|| told.clone()));
        let token = world.token(&json!({}));
        let job = world.submit(&token, &body).await;
        assert_eq!(world.end(&job).await, "FAILED");
        assert_eq!(world.reasons(&job, &token).await, [reason]);
        world.stop().await;
    }
}

#[tokio::test]
async fn push_goes_to_the_source() {
    let world = World::start(Config {
        mode: carnet_fts::reason::CopyMode::Push,
        ..Config::default()
    })
    .await;
    world.put("se2", "/example/file", 1_048_576);
    let token = world.token(&json!({}));
    let job = world.submit(&token, &one_file()).await;
    assert_eq!(world.end(&job).await, "FINISHED");
    let got = world.got();
    let copy = got.iter().find(|got| got.method == "COPY").unwrap();
    assert_eq!(
        (copy.to.as_str(), copy.header("destination")),
        ("se1", Some("https://se2.example/example/file"))
    );
    world.stop().await;
}

#[tokio::test]
async fn a_running_copy_shows_its_progress_and_can_be_cancelled() {
    let world = World::start(Config::default()).await;
    world.script(|_, got| {
        (got.method == "COPY").then(|| Answer {
            hang: true,
            ..Answer::new(
                202,
                "Perf Marker\nStripe Index: 0\nStripe Bytes Transferred: 77\nEnd\n",
            )
        })
    });
    let token = world.token(&json!({}));
    let job = world.submit(&token, &one_file()).await;
    world.until("fts.file", None, &["ACTIVE"]).await;
    // The marker is on its way once COPY was answered; a poll sees it as soon as it has arrived.
    for polls in 0.. {
        let files = world.json(&format!("/jobs/{job}/files"), &token).await;
        if files[0]["transferred"] == json!(77) {
            break;
        }
        assert!(polls < 10_000, "no progress: {files}");
    }
    let (status, _, body) = world
        .ask("DELETE", &format!("/jobs/{job}"), Some(&token), None)
        .await;
    assert_eq!(status, 200);
    assert!(body.contains("\"Job canceled by the user\""), "{body}");
    assert_eq!(world.end(&job).await, "CANCELED");
    world.stop().await;
}

#[tokio::test]
async fn operators_choose_who_moves_the_bytes() {
    let world = World::start(Config::default()).await;
    world.put("se2", "/example/file", 1_048_576);
    let token = world.token(&json!({}));
    let set = json!({"https://se2.example": {"se_info": {"tpc_support": "PUSH", "inbound_max_active": 5}}});
    assert_eq!(
        world
            .ask("POST", "/config/se", Some(&token), Some(&set))
            .await
            .0,
        200
    );
    assert_eq!(world.json("/config/se", &token).await, set);
    let job = world.submit(&token, &one_file()).await;
    assert_eq!(world.end(&job).await, "FINISHED");
    assert!(
        world.lines().contains(&"COPY se1 /example/file".to_owned()),
        "{:?}",
        world.lines()
    );
    let link = json!({"symbolicname": "l", "source": "https://se1.example", "destination": "https://se2.example",
        "min_active": 1, "max_active": 2});
    assert_eq!(
        world
            .ask("POST", "/config/links", Some(&token), Some(&link))
            .await
            .0,
        201
    );
    assert_eq!(world.json("/config/links/l", &token).await, link);
    let none = json!({"https://se1.example": {"se_info": {"tpc_support": "PULL"}}});
    world
        .ask("POST", "/config/se", Some(&token), Some(&none))
        .await;
    let job = world.submit(&token, &one_file()).await;
    assert_eq!(world.end(&job).await, "FAILED");
    assert!(world.reasons(&job, &token).await[0].contains("STREAMED DISABLED"));
    world.stop().await;
}

/// The last line is the last word (FTS page §4.3): a storage element that then leaves the connection open keeps nobody.
#[tokio::test]
async fn nothing_is_waited_for_after_the_last_line() {
    for (line, state) in [
        ("success: Created\n", "FINISHED"),
        ("failed: no more room\n", "FAILED"),
    ] {
        let world = World::start(Config {
            copy_silence: 5,
            ..Config::default()
        })
        .await;
        world.put("se2", "/example/file", 1_048_576);
        world.script(move |_, got| {
            (got.method == "COPY").then(|| Answer {
                hang: true,
                ..Answer::new(202, line)
            })
        });
        let token = world.token(&json!({}));
        let job = world.submit(&token, &one_file()).await;
        assert_eq!(world.end(&job).await, state, "{line}");
        let reasons = world.reasons(&job, &token).await.join(" ");
        assert_eq!(
            reasons.contains("Transfer failure: no more room"),
            state == "FAILED",
            "{line}: {reasons}"
        );
        world.stop().await;
    }
}

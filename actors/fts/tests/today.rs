//! FTS as it is today: the submission brings storage tokens, FTS adds refresh tokens to them and looks before and after
//! the copy (FTS page §3, §4.1).

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod common;

use carnet_fts::Config;
use carnet_fts::config::TokenModel;
use common::{Answer, START, World, one_file};
use serde_json::{Value, json};

fn today() -> Config {
    Config {
        tokens: TokenModel::Today,
        ..Config::default()
    }
}

/// A submission with a token for each side, valid for `lifetime` seconds.
fn with_tokens(world: &World, lifetime: i64, params: &Value) -> Value {
    let exp = START + lifetime;
    let source = world.token(&json!({"aud": "https://se1.example", "scope": "offline_access storage.read:/", "exp": exp}));
    let destination = world.token(
        &json!({"aud": "https://se2.example", "scope": "offline_access storage.modify:/ storage.read:/", "exp": exp}),
    );
    let mut body = one_file();
    body["files"][0]["sources"] = json!(["davs://se1.example/example/file"]);
    body["files"][0]["destinations"] = json!(["davs://se2.example/example/file"]);
    body["files"][0]["checksum"] = json!("ADLER32");
    body["files"][0]["source_tokens"] = json!([source]);
    body["files"][0]["destination_tokens"] = json!([destination]);
    body["params"] = params.clone();
    body
}

#[tokio::test]
async fn managed_tokens_are_exchanged_and_the_agent_looks_at_both_sides() {
    let world = World::start(today()).await;
    let token = world.token(&json!({}));
    let job = world
        .submit(
            &token,
            &with_tokens(&world, 3600, &json!({"verify_checksum": "both"})),
        )
        .await;
    assert_eq!(world.end(&job).await, "FINISHED");
    assert_eq!(
        world.lines(),
        [
            "POST iam /token",
            "POST iam /token",
            "PROPFIND se1 /example/file",
            "HEAD se1 /example/file",
            "PROPFIND se2 /example/file",
            "PROPFIND se2 /example",
            "COPY se2 /example/file",
            "PROPFIND se2 /example/file",
            "HEAD se2 /example/file",
        ]
    );
    let got = world.got();
    assert!(
        got[0]
            .body
            .contains("&scope=offline_access storage.read:/&audience=https://se1.example")
    );
    assert!(
        got[0]
            .body
            .contains("requested_token_type=urn:ietf:params:oauth:token-type:refresh_token")
    );
    let copy = &got[6];
    let info = format!("job-id={job};file-id=1;retry=0");
    for (name, value) in [
        ("credential", "none"),
        ("x-number-of-streams", "0"),
        ("secure-redirection", "1"),
        ("requirechecksumverification", "false"),
        ("source", "https://se1.example/example/file"),
        ("clientinfo", info.as_str()),
    ] {
        assert_eq!(copy.header(name), Some(value), "{name}");
    }
    assert_ne!(
        copy.header("authorization"),
        copy.header("transferheaderauthorization")
    );
    let files = world.json(&format!("/jobs/{job}/files"), &token).await;
    assert_eq!(
        files[0]["internal_file_params"],
        "nostreams:0,timeout:602,buffersize:0"
    );
    world.stop().await;
}

#[tokio::test]
async fn unmanaged_tokens_cost_the_issuer_nothing() {
    let world = World::start(today()).await;
    let token = world.token(&json!({}));
    let body = with_tokens(&world, 3600, &json!({"unmanaged_tokens": true}));
    let job = world.submit(&token, &body).await;
    assert_eq!(world.end(&job).await, "FINISHED");
    assert!(
        world.lines().iter().all(|line| !line.contains("iam")),
        "{:?}",
        world.lines()
    );
    assert_eq!(world.changes("fts.file")[0], ">SUBMITTED");
    world.stop().await;
}

#[tokio::test]
async fn a_token_with_less_than_300_seconds_is_refreshed_once_for_each_side() {
    let world = World::start(today()).await;
    world.grant_for(299);
    let once = std::sync::atomic::AtomicBool::new(false);
    world.script(move |world, got| {
        if got.body.starts_with("grant_type=refresh_token")
            && !once.swap(true, std::sync::atomic::Ordering::SeqCst)
        {
            world.grant_for(3600);
        }
        None
    });
    let token = world.token(&json!({}));
    let job = world
        .submit(&token, &with_tokens(&world, 3600, &json!({})))
        .await;
    assert_eq!(world.end(&job).await, "FINISHED");
    let refreshes: Vec<String> = world
        .got()
        .into_iter()
        .filter(|got| got.body.starts_with("grant_type=refresh_token"))
        .map(|got| got.body.rsplit('=').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(refreshes, ["https://se1.example", "https://se2.example"]);
    world.stop().await;
}

#[tokio::test]
async fn tokens_that_live_no_longer_than_the_margin_never_work() {
    let world = World::start(today()).await;
    world.grant_for(300 - 1);
    let token = world.token(&json!({}));
    let job = world
        .submit(&token, &with_tokens(&world, 3600, &json!({})))
        .await;
    assert_eq!(world.end(&job).await, "FAILED");
    assert_eq!(
        world.reasons(&job, &token).await,
        ["SOURCE [14] Failed to obtain refresh token for source"]
    );
    world.stop().await;
}

#[tokio::test]
async fn a_destination_that_exists_is_kept_or_replaced() {
    for (overwrite, state, reason, removed) in [
        (
            false,
            "FAILED",
            "DESTINATION [17] Destination file exists and overwrite is not enabled",
            false,
        ),
        (true, "FINISHED", "", true),
    ] {
        let world = World::start(today()).await;
        world.put("se2", "/example/file", 5);
        let token = world.token(&json!({}));
        let job = world
            .submit(
                &token,
                &with_tokens(&world, 3600, &json!({"overwrite": overwrite})),
            )
            .await;
        assert_eq!(world.end(&job).await, state);
        assert_eq!(world.reasons(&job, &token).await, [reason]);
        assert_eq!(
            world
                .lines()
                .contains(&"DELETE se2 /example/file".to_owned()),
            removed
        );
        world.stop().await;
    }
}

#[tokio::test]
async fn what_a_broken_copy_left_is_removed() {
    let world = World::start(today()).await;
    world.script(|world, got| {
        (got.method == "COPY").then(|| {
            world.put("se2", "/example/file", 0);
            Answer::new(201, "failure: Remote side failed with status code 403\n")
        })
    });
    let token = world.token(&json!({}));
    let job = world
        .submit(&token, &with_tokens(&world, 3600, &json!({})))
        .await;
    assert_eq!(world.end(&job).await, "FAILED");
    let lines = world.lines();
    assert_eq!(
        lines[lines.len() - 2..],
        ["PROPFIND se2 /example/file", "DELETE se2 /example/file"]
    );
    world.stop().await;
}

/// Step 10: a copy whose size or checksum differs from its source is removed, unless the job keeps it.
#[tokio::test]
async fn a_copy_that_differs_is_removed() {
    for (case, size, sum, params, reason, removed) in [
        ("size", 7, "0a0b0c0d", json!({}), "DESTINATION [22]", true),
        (
            "checksum",
            1_048_576,
            "0bad0bad",
            json!({"verify_checksum": "both"}),
            "checksum do not match",
            true,
        ),
        (
            "kept",
            7,
            "0a0b0c0d",
            json!({"disable_cleanup": true}),
            "DESTINATION [22]",
            false,
        ),
        (
            "equal",
            1_048_576,
            "0a0b0c0d",
            json!({"verify_checksum": "both"}),
            "",
            false,
        ),
    ] {
        let world = World::start(today()).await;
        world.script(move |world, got| match (&*got.method, &*got.to) {
            ("COPY", _) => {
                world.put("se2", "/example/file", size);
                Some(Answer::new(202, "success: Created\n"))
            }
            ("HEAD", to) => {
                let sum = if to == "se2" { sum } else { "0a0b0c0d" };
                Some(Answer::new(200, "").with("digest", format!("adler32={sum}")))
            }
            _ => None,
        });
        let token = world.token(&json!({}));
        let job = world
            .submit(&token, &with_tokens(&world, 3600, &params))
            .await;
        let state = world.end(&job).await;
        assert_eq!(state == "FINISHED", reason.is_empty(), "{case}");
        let reasons = world.reasons(&job, &token).await.join(" ");
        assert!(reasons.contains(reason), "{case}: {reasons}");
        let lines = world.lines();
        let last = &lines[lines.len() - 2..];
        let cleaned = last == ["PROPFIND se2 /example/file", "DELETE se2 /example/file"];
        assert_eq!(cleaned, removed, "{case}: {lines:?}");
        world.stop().await;
    }
}

#[tokio::test]
async fn missing_folders_are_made() {
    let world = World::start(today()).await;
    let token = world.token(&json!({}));
    let mut body = with_tokens(&world, 3600, &json!({}));
    body["files"][0]["destinations"] = json!(["davs://se2.example/example/a/b/file"]);
    let job = world.submit(&token, &body).await;
    assert_eq!(world.end(&job).await, "FINISHED");
    let made: Vec<String> = world
        .lines()
        .into_iter()
        .filter(|line| line.starts_with("MKCOL"))
        .collect();
    assert_eq!(made, ["MKCOL se2 /example/a", "MKCOL se2 /example/a/b"]);
    world.stop().await;
}

#[tokio::test]
async fn a_recoverable_error_is_tried_again_on_the_clock() {
    let world = World::start(today()).await;
    let left = std::sync::atomic::AtomicU32::new(1);
    world.script(move |_, got| {
        let first = || left.swap(0, std::sync::atomic::Ordering::SeqCst) == 1;
        (got.to == "se1" && got.method == "PROPFIND" && first()).then(|| Answer::new(503, ""))
    });
    let token = world.token(&json!({}));
    let job = world
        .submit(&token, &with_tokens(&world, 3600, &json!({"retry": 2})))
        .await;
    world.until_change("fts.file", "ACTIVE", "SUBMITTED").await;
    world.clock().advance(std::time::Duration::from_secs(120));
    assert_eq!(world.end(&job).await, "FINISHED");
    let retries = world
        .json(&format!("/jobs/{job}/files/1/retries"), &token)
        .await;
    assert_eq!(
        retries[0]["reason"],
        "SOURCE [5] Result HTTP 503 : Unexpected server error: 503  after 1 attempts"
    );
    world.stop().await;
}

#[tokio::test]
async fn storage_tokens_are_checked_at_the_door() {
    let world = World::start(Config {
        allow_unmanaged_tokens: false,
        ..today()
    })
    .await;
    let token = world.token(&json!({}));
    let good = json!({"aud": "https://se1.example", "scope": "storage.read:/"});
    let with = |claims: Value| {
        let mut all = good.clone();
        all.as_object_mut()
            .unwrap()
            .extend(claims.as_object().unwrap().clone());
        let mut body = one_file();
        body["files"][0]["source_tokens"] = json!([world.token(&all)]);
        body["files"][0]["destination_tokens"] = json!([world.token(&good)]);
        body
    };
    let mut unmanaged = with(json!({}));
    unmanaged["params"] = json!({"unmanaged_tokens": true});
    let mut tape = with(json!({}));
    tape["params"] = json!({"archive_timeout": 10});
    let cases = [
        (
            with(json!({"iss": null})),
            "Token does not contain an iss claim",
        ),
        (
            with(json!({"exp": null})),
            "Token does not contain an exp claim",
        ),
        (
            with(json!({"scope": null})),
            "Token does not contain a scope claim",
        ),
        (
            with(json!({"aud": null})),
            "Token does not contain an aud claim",
        ),
        (
            with(json!({"exp": START - 1})),
            "Failed to validate access-token",
        ),
        (
            with(json!({"iss": "https://other.example/"})),
            "Failed to validate access-token",
        ),
        (unmanaged, "Unmanaged tokens are not allowed!"),
        (
            tape,
            "Requests to archive to tape using token authentication are not supported",
        ),
    ];
    for (body, message) in cases {
        let (status, _, answer) = world.ask("POST", "/jobs", Some(&token), Some(&body)).await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!((status, &answer["message"]), (400, &json!(message)));
    }
    world.stop().await;
}

#[tokio::test]
async fn without_storage_tokens_the_submit_token_stands_in_and_is_exchanged_as_it_is() {
    let world = World::start(today()).await;
    let token = world.token(&json!({"aud": ["https://fts.example", "https://se1.example"]}));
    let job = world.submit(&token, &one_file()).await;
    world.end(&job).await;
    let got = world.got();
    let exchanges: Vec<&str> = got
        .iter()
        .filter(|got| got.body.contains("subject_token="))
        .map(|got| got.body.as_str())
        .collect();
    assert_eq!(exchanges.len(), 1);
    assert!(exchanges[0].ends_with(
        "&scope=fts:submit-transfer offline_access&audience=https://fts.example https://se1.example"
    ));
    world.stop().await;
}

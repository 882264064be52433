//! Exchanges and refreshes at a scripted issuer: how many, when, and what becomes of a job when one is refused (flows page
//! A6, A7, A9; FTS page §3).

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod common;

use carnet_fts::Config;
use carnet_fts::config::IssuerUnreachable;
use common::{Answer, ISSUER, START, World, one_file};
use jiff::SignedDuration;
use serde_json::json;

#[tokio::test]
async fn a7_without_a_policy_the_job_ends_with_the_issuers_reason() {
    let world = World::start(Config::default()).await;
    world.script(|_, got| {
        got.body.contains("subject_token").then(|| {
            Answer::new(
                403,
                r#"{"error":"access_denied","error_description":"No policy found authorizing this exchange"}"#,
            )
        })
    });
    let token = world.token(&json!({}));
    let job = world.submit(&token, &one_file()).await;
    assert_eq!(world.end(&job).await, "FAILED");
    assert_eq!(
        world.reasons(&job, &token).await,
        [
            "[TokenExchange] Failed to get refresh token for source token: [access_denied]: No policy found authorizing this exchange"
        ]
    );
    assert_eq!(
        world.lines(),
        ["POST iam /token"],
        "nothing went to the storage"
    );
    world.stop().await;
}

#[tokio::test]
async fn a9_a_token_that_expires_in_the_queue_needs_a_refresh_token() {
    for (refresh, copied_with_a_live_token) in [(true, true), (false, false)] {
        let config = Config {
            refresh,
            start_after: Some(SignedDuration::from_mins(90)),
            ..Config::default()
        };
        let world = World::start(config).await;
        let token = world.token(&json!({}));
        let job = world.submit(&token, &one_file()).await;
        world.until("fts.token", None, &["READY"]).await;
        assert_eq!(
            world.changes("fts.file").last().unwrap(),
            "TOKEN_PREP>SUBMITTED"
        );
        let now = world.clock().seconds();
        world.clock().advance(std::time::Duration::from_secs(5400));
        world.end(&job).await;
        let got = world.got();
        assert_eq!(got[0].body.contains("offline_access"), refresh);
        let copy = got.iter().find(|got| got.method == "COPY").unwrap();
        let token = copy
            .header("authorization")
            .unwrap()
            .trim_start_matches("Bearer ")
            .to_owned();
        let exp = carnet_profile::jose::Token::parse(&token)
            .unwrap()
            .claims
            .exp()
            .unwrap();
        assert_eq!(
            exp > now + 5400,
            copied_with_a_live_token,
            "refresh = {refresh}"
        );
        world.stop().await;
    }
}

#[tokio::test]
async fn a9_a_refused_refresh_ends_the_job_with_the_issuers_reason() {
    let world = World::start(Config::default()).await;
    world.script(|_, got| {
        got.body.starts_with("grant_type=refresh_token").then(|| {
            Answer::new(
                401,
                r#"{"error":"unauthorized","error_description":"User u is not active."}"#,
            )
        })
    });
    let token = world.token(&json!({}));
    let job = world.submit(&token, &one_file()).await;
    assert_eq!(world.end(&job).await, "FAILED");
    assert_eq!(
        world.reasons(&job, &token).await,
        [
            "SOURCE [14] Failed to obtain refresh token for source: [unauthorized]: User u is not active."
        ]
    );
    world.stop().await;
}

#[tokio::test]
async fn many_files_with_one_token_pair_are_one_exchange() {
    let world = World::start(Config::default()).await;
    for n in 0..100 {
        world.put("se1", &format!("/f/{n}"), 1_048_576);
    }
    let files: Vec<_> = (0..100)
        .map(|n| {
            json!({"sources": [format!("https://se1.example/f/{n}")],
                "destinations": [format!("https://se2.example/f/{n}")]})
        })
        .collect();
    let token = world.token(&json!({}));
    let job = world
        .submit(
            &token,
            &json!({"files": files, "params": {"verify_checksum": "both"}}),
        )
        .await;
    assert_eq!(world.end(&job).await, "FINISHED");
    let exchanges = world
        .got()
        .iter()
        .filter(|got| got.body.contains("subject_token"))
        .count();
    assert_eq!(exchanges, 1);
    assert_eq!(
        world
            .got()
            .iter()
            .filter(|got| got.method == "COPY")
            .count(),
        100
    );
    world.stop().await;
}

#[tokio::test]
async fn a_cancel_during_the_refresh_leaves_the_token_usable() {
    let world = World::start(Config::default()).await;
    world.script(|_, got| {
        got.body
            .starts_with("grant_type=refresh_token")
            .then(|| Answer {
                hang: true,
                ..Answer::new(200, "{")
            })
    });
    let token = world.token(&json!({}));
    let job = world.submit(&token, &one_file()).await;
    world.until("fts.token", None, &["REFRESHING"]).await;
    world
        .ask("DELETE", &format!("/jobs/{job}"), Some(&token), None)
        .await;
    assert_eq!(world.end(&job).await, "CANCELED");
    world.stop().await;
}

#[tokio::test]
async fn an_unreachable_issuer_fails_the_files_or_only_holds_them() {
    for mode in [IssuerUnreachable::Fail, IssuerUnreachable::CrashLoop] {
        let world = World::start(Config {
            issuer_unreachable: mode,
            ..Config::default()
        })
        .await;
        let away = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
        let flag = std::sync::Arc::clone(&away);
        world.script(move |_, got| {
            let moved =
                flag.load(std::sync::atomic::Ordering::SeqCst) && got.path.contains("well-known");
            moved.then(|| {
                let metadata = json!({"issuer": ISSUER, "jwks_uri": "https://iam.example/jwk",
                    "token_endpoint": "https://nowhere.example/token"});
                Answer::new(200, metadata.to_string())
            })
        });
        let token = world.token(&json!({}));
        let job = world.submit(&token, &one_file()).await;
        world.until("fts.token", None, &["FAILED"]).await;
        if mode == IssuerUnreachable::Fail {
            assert_eq!(world.end(&job).await, "FAILED");
            assert!(
                world.reasons(&job, &token).await[0]
                    .contains("could not connect to nowhere.example")
            );
        } else {
            assert_eq!(world.changes("fts.file"), [">TOKEN_PREP"]);
            away.store(false, std::sync::atomic::Ordering::SeqCst);
            world.clock().advance(std::time::Duration::from_secs(70));
            assert_eq!(world.end(&job).await, "FINISHED");
        }
        world.stop().await;
    }
}

#[tokio::test]
async fn real_rounds_are_kept_on_the_clock_when_asked_for() {
    let world = World::start(Config {
        realistic_rounds: true,
        ..Config::default()
    })
    .await;
    let token = world.token(&json!({}));
    let job = world.submit(&token, &one_file()).await;
    assert_eq!(world.changes("fts.token"), [">WAITING"]);
    let mut rounds = 0;
    while !world.has("fts.job", "FINISHED").await {
        world.clock().advance(std::time::Duration::from_secs(2));
        rounds += 1;
        assert!(rounds < 1000);
    }
    let exchanging = world.told_at("fts.token", "EXCHANGING").unwrap();
    assert!(
        exchanging >= START + 30,
        "the exchange came {} s after the start",
        exchanging - START
    );
    assert_eq!(world.end(&job).await, "FINISHED");
    world.stop().await;
}

#[tokio::test]
async fn sixty_submit_tokens_are_sixty_exchanges() {
    let world = World::start(Config::default()).await;
    let mut jobs = Vec::new();
    for _ in 0..60 {
        let token = world.token(&json!({}));
        let job = world.submit(&token, &one_file()).await;
        jobs.push(job);
    }
    for job in &jobs {
        assert_eq!(world.end(job).await, "FINISHED");
    }
    let exchanges = world
        .got()
        .iter()
        .filter(|got| got.body.contains("subject_token"))
        .count();
    assert_eq!(exchanges, 60);
    world.stop().await;
}

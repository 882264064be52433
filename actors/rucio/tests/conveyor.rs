//! From a rule to its end: which tokens Rucio gets, what FTS is told, and what becomes of refusals.

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod common;

use carnet_rucio::Config;
use carnet_rucio::config::{StorageAudience, Strategy};
use common::{World, claims, config};
use serde_json::json;

fn with(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = config();
    change(&mut config);
    config
}

async fn rule_by_root(world: &World) -> (String, String) {
    let token = world.login().await;
    let answer = world.rule(&token).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (201, "text/html; charset=utf-8"),
        "{}",
        answer.text
    );
    world.settled(answer.json()[0].as_str().unwrap()).await
}

#[tokio::test]
async fn a1_to_a4_rucio_submits_in_its_own_name() {
    let world = World::start(config()).await;
    world.next_poll("SUBMITTED", "SUBMITTED", "");
    world.next_poll("ACTIVE", "ACTIVE", "");
    world.next_poll("FINISHED", "FINISHED", "");
    assert_eq!(
        rule_by_root(&world).await,
        ("OK".into(), "1 of 1 locks have their file".into())
    );

    let got = world.got();
    let line: Vec<String> = got
        .iter()
        .map(|g| format!("{} {} {}", g.method, g.to, g.path))
        .collect();
    let poll = "GET fts /jobs/6f1cd8c2-ea10-11f0-9c33-0242ac110002";
    assert_eq!(
        line,
        ["POST iam /token", "POST fts /jobs", poll, poll, poll]
    );

    // A1: Basic, and the parameters of the seed in their order.
    assert_eq!(
        got[0].headers["authorization"],
        "Basic cnVjaW8uZXhhbXBsZTpydWNpby1zZWNyZXQ="
    );
    assert_eq!(
        got[0].body,
        "grant_type=client_credentials&scope=fts%3Asubmit-transfer&audience=https%3A%2F%2Ffts.example"
    );
    // A3: the token is looked into before it is used.
    assert!(
        world
            .judged()
            .contains(&("fts:submit-transfer for https://fts.example".into(), None))
    );
    // A4: it is what FTS gets.
    let bearer = got[1].bearer().unwrap();
    assert_eq!(
        (&bearer["sub"], &bearer["aud"], &bearer["scope"]),
        (
            &json!("rucio.example"),
            &json!("https://fts.example"),
            &json!("fts:submit-transfer")
        )
    );
    let file = &got[1].json()["files"][0];
    assert_eq!(file["sources"], json!(["https://se1.example/example/file"]));
    assert_eq!(
        file["destinations"],
        json!(["https://se2.example/example/file"])
    );
    assert_eq!(
        (&file["filesize"], &file["checksum"]),
        (&json!(5), &json!("ADLER32:0cc602d9"))
    );
    assert!(file.get("source_tokens").is_none());
    assert!(got[2].query.starts_with("files=file_state,dest_surl,finish_time,start_time,staging_start,staging_finished,reason,source_surl,file_metadata"));
    assert_eq!(
        world.states("rucio.rule"),
        ["→INJECT", "INJECT→REPLICATING", "REPLICATING→OK"]
    );
    assert_eq!(
        world.states("rucio.request"),
        [
            "→QUEUED",
            "QUEUED→SUBMITTING",
            "SUBMITTING→SUBMITTED",
            "SUBMITTED→DONE"
        ]
    );
    assert_eq!(
        world.states("rucio.replica"),
        ["→COPYING", "COPYING→AVAILABLE"]
    );
}

#[tokio::test]
async fn b2_to_b4_rucio_exchanges_the_users_token() {
    let world = World::start(with(|c| {
        c.strategy = Strategy::UserExchange;
        c.expected_scope = "openid wlcg.groups".into();
    }))
    .await;
    let token = world.token(|_| {});
    let answer = world.rule(&token).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(
        world.settled(answer.json()[0].as_str().unwrap()).await.0,
        "OK"
    );

    let got = world.got();
    let form: Vec<_> = got[0]
        .form()
        .into_iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect();
    assert_eq!(
        form,
        [
            "grant_type=urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token=<token>",
            "audience=https://fts.example",
            "scope=openid wlcg.groups offline_access",
        ]
    );
    let bearer = world.jobs()[0].bearer().unwrap();
    assert_eq!(
        (&bearer["sub"], &bearer["aud"]),
        (&json!("alice-sub"), &json!("https://fts.example"))
    );
    assert_eq!(world.judged()[0], ("Rucio's door".into(), None));
}

#[tokio::test]
async fn a_user_who_has_left_is_still_served() {
    let world = World::start(with(|c| c.strategy = Strategy::UserExchange)).await;
    let token = world.token(|_| {});
    assert_eq!(world.rule(&token).await.status, 201);
    let first = world.jobs().len();
    let ids = world
        .ask(
            "GET",
            "/accounts/alice/rules",
            &[("X-Rucio-Auth-Token", &token)],
            None,
        )
        .await
        .rows();
    world.settled(ids[0]["id"].as_str().unwrap()).await;
    // Three hours later the user's token is long over; root puts the file into a dataset on SE2's behalf.
    world
        .clock()
        .advance(std::time::Duration::from_secs(3 * 3600));
    let root = world.login().await;
    let headers = [("X-Rucio-Auth-Token", root.as_str())];
    let replica = json!({"rse": "SE1", "files": [{"scope": "example", "name": "late", "bytes": 5, "adler32": "0cc602d9"}]});
    assert_eq!(
        world
            .ask("POST", "/replicas", &headers, Some(replica))
            .await
            .status,
        201
    );
    let rule = json!({"dids": [{"scope": "example", "name": "late"}], "copies": 1, "rse_expression": "SE2", "account": "alice"});
    let answer = world.ask("POST", "/rules/", &headers, Some(rule)).await;
    assert_eq!(
        world.settled(answer.json()[0].as_str().unwrap()).await.0,
        "OK"
    );
    assert!(world.jobs().len() > first);
    let refresh = world.got().into_iter().rfind(|g| g.to == "iam").unwrap();
    assert_eq!(refresh.form()[0].1, "refresh_token");
}

#[tokio::test]
async fn today_every_side_has_a_token_of_its_own() {
    let world = World::start(with(|c| c.strategy = Strategy::Today)).await;
    assert_eq!(rule_by_root(&world).await.0, "OK");
    let bodies: Vec<_> = world
        .got()
        .iter()
        .filter(|g| g.to == "iam")
        .map(|g| g.body.clone())
        .collect();
    assert_eq!(
        bodies,
        [
            "grant_type=client_credentials&audience=fts.example&scope=fts",
            "grant_type=client_credentials&audience=se1.example&scope=offline_access+storage.read%3A%2F",
            "grant_type=client_credentials&audience=se2.example&scope=offline_access+storage.modify%3A%2F+storage.read%3A%2F",
        ]
    );
    let file = &world.jobs()[0].json()["files"][0];
    assert_eq!(file["sources"], json!(["davs://se1.example/example/file"]));
    assert_eq!(
        claims(file["source_tokens"][0].as_str().unwrap())["aud"],
        "se1.example"
    );
    assert_eq!(
        claims(file["destination_tokens"][0].as_str().unwrap())["scope"],
        "offline_access storage.modify:/ storage.read:/"
    );
}

#[tokio::test]
async fn today_refusals_of_the_issuer_show_only_in_what_is_missing() {
    // S7: storage scopes denied: nulls. S6: everything denied: no token at all.
    for (denied, bearer, tokens) in [("storage", true, Some(json!([null]))), ("", false, None)] {
        let world = World::start(with(|c| {
            c.strategy = Strategy::Today;
            c.storage_audience = StorageAudience::Url;
        }))
        .await;
        world.mood(move |form, _| {
            let scope = form
                .iter()
                .find(|(k, _)| k == "scope")
                .map(|(_, v)| v.as_str())
                .unwrap_or_default();
            scope.contains(denied).then(|| {
                (
                    400,
                    json!({"error": "invalid_scope", "error_description": "no"}),
                )
            })
        });
        assert_eq!(rule_by_root(&world).await.0, "OK");
        let job = &world.jobs()[0];
        assert_eq!(job.bearer().is_some(), bearer);
        assert_eq!(job.json()["files"][0].get("source_tokens"), tokens.as_ref());
        assert_eq!(
            job.json()["files"][0].get("destination_tokens"),
            tokens.as_ref()
        );
    }
}

#[tokio::test]
async fn refusals_end_in_a_stuck_rule_that_says_why() {
    type Setting = fn(&World);
    let table: &[(&str, Setting, &str)] = &[
        (
            "FTS refuses the submission",
            |w| {
                w.next_submission(
                    403,
                    r#"{"status": "403 Forbidden", "message": "Not enough permissions"}"#,
                );
            },
            "RequestErrMsg.SUBMISSION_FAILED:FTS answered 403: Not enough permissions",
        ),
        (
            "the issuer refuses the submit token",
            |w| {
                w.mood(|_, _| Some((400, json!({"error": "invalid_scope", "error_description": "Scope 'fts:submit-transfer' not allowed for client 'rucio.example'"}))));
            },
            "RequestErrMsg.SUBMISSION_FAILED:no token for FTS: the issuer answered 400 invalid_scope: Scope 'fts:submit-transfer' not allowed for client 'rucio.example'",
        ),
        (
            "A3: the token is for somebody else too",
            |w| {
                w.mood(|_, claims| {
                    claims["aud"] = json!(["https://fts.example", "https://se1.example"]);
                    None
                });
            },
            "audience.only",
        ),
        (
            "A3: the scope was not granted",
            |w| {
                w.mood(|_, claims| {
                    claims["scope"] = json!("fts:submit-job");
                    None
                });
            },
            "scope.granted",
        ),
        (
            "A3: the token lives too long",
            |w| {
                w.mood(|_, claims| {
                    claims["exp"] = json!(claims["exp"].as_i64().unwrap() + 86_400);
                    None
                });
            },
            "is not what was asked for",
        ),
        (
            "the transfer fails",
            |w| {
                w.next_poll(
                    "FAILED",
                    "FAILED",
                    "SOURCE [1] HTTP 403 : Permission refused ",
                );
            },
            "RequestErrMsg.TRANSFER_FAILED:SOURCE [1] HTTP 403 : Permission refused ",
        ),
        (
            "the job is lost",
            |w| w.next_poll("LOST", "", ""),
            "RequestErrMsg.TRANSFER_FAILED:Transfer job on FTS is lost",
        ),
        (
            "the job is cancelled",
            |w| w.next_poll("CANCELED", "CANCELED", "Job canceled by the user"),
            "RequestErrMsg.TRANSFER_FAILED:Job canceled by the user",
        ),
    ];
    for (case, set, want) in table {
        let world = World::start(config()).await;
        set(&world);
        let (state, why) = rule_by_root(&world).await;
        assert_eq!(state, "STUCK", "{case}");
        assert!(why.contains(want), "{case}: {why}");
        assert_eq!(
            world.states("rucio.replica"),
            ["→COPYING", "COPYING→UNAVAILABLE"],
            "{case}"
        );
    }
}

#[tokio::test]
async fn a_failed_transfer_is_tried_again_as_often_as_configured() {
    let world = World::start(with(|c| c.retries = 3)).await;
    world.next_poll("FAILED", "FAILED", "SOURCE CHECKSUM MISMATCH x");
    assert_eq!(rule_by_root(&world).await.0, "STUCK");
    assert_eq!(world.jobs().len(), 4);
    // One submit token serves all attempts: it lives long enough.
    assert_eq!(world.got().iter().filter(|g| g.to == "iam").count(), 1);
}

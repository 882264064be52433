//! The REST interface as clients of the real server know it (FTS page §1), compared with what REST 3.13.4 answered.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod common;

use carnet_fts::Config;
use carnet_fts::config::{IssuerConfig, Profile};
use common::{ISSUER, START, World, one_file};
use serde_json::{Value, json};

/// Members of a job object, as the real server answers them.
const JOB_MEMBERS: &[&str] = &[
    "source_spacetoken",
    "cancel_job",
    "max_time_in_queue",
    "target_qos",
    "verify_checksum",
    "submit_host",
    "internal_job_params",
    "user_dn",
    "dst_file_report",
    "job_metadata",
    "job_id",
    "cred_id",
    "overwrite_flag",
    "retry",
    "source_se",
    "vo_name",
    "job_finished",
    "retry_delay",
    "destination_spacetoken",
    "dest_se",
    "reason",
    "copy_pin_lifetime",
    "os_project_id",
    "job_state",
    "submit_time",
    "bring_online",
    "job_type",
    "priority",
    "archive_timeout",
    "http_status",
];

/// Members of a file object, as the real server answers them.
const FILE_MEMBERS: &[&str] = &[
    "hashed_id",
    "file_state",
    "finish_time",
    "tx_duration",
    "selection_strategy",
    "file_index",
    "transfer_host",
    "start_time",
    "throughput",
    "bringonline_token",
    "job_id",
    "source_surl",
    "archive_start_time",
    "retry",
    "log_file",
    "dest_surl_uuid",
    "dest_surl",
    "archive_finish_time",
    "user_filesize",
    "activity",
    "log_debug",
    "vo_name",
    "staging_host",
    "internal_file_params",
    "file_metadata",
    "scitag",
    "recoverable",
    "source_se",
    "reason",
    "pid",
    "staging_metadata",
    "src_token_id",
    "dest_se",
    "filesize",
    "archive_metadata",
    "staging_finished",
    "dst_token_id",
    "file_id",
    "priority",
    "checksum",
    "staging_start",
    "file_state_initial",
];

/// What Rucio's poller asks of every file.
const POLLED: &str = "file_state,dest_surl,finish_time,start_time,staging_start,staging_finished,reason,\
                      source_surl,file_metadata";

fn held() -> Config {
    Config {
        start_after: Some(jiff::SignedDuration::from_hours(1)),
        ..Config::default()
    }
}

fn names(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[tokio::test]
async fn objects_have_the_members_that_clients_read() {
    let world = World::start(held()).await;
    let token = world.token(&json!({}));
    let job = world.submit(&token, &one_file()).await;
    let shown = world.json(&format!("/jobs/{job}"), &token).await;
    assert_eq!(names(&shown), JOB_MEMBERS);
    assert_eq!(shown["source_se"], "https://se1.example");
    assert_eq!(shown["submit_time"], "2026-11-18T11:06:40");
    assert_eq!(shown["job_metadata"], json!({"auth_method": "oauth2"}));
    assert_eq!(
        (&shown["verify_checksum"], &shown["job_type"]),
        (&json!("b"), &json!("N"))
    );
    assert_eq!(shown["cred_id"], "cdf216500d1cf952");
    let files = world.json(&format!("/jobs/{job}/files"), &token).await;
    assert_eq!(
        names(&files[0])[..FILE_MEMBERS.len()].len(),
        FILE_MEMBERS.len()
    );
    for name in FILE_MEMBERS {
        assert!(files[0].get(*name).is_some(), "{name} is missing");
    }
    assert!(!files.to_string().contains("eyJ"), "tokens are never shown");
    let polled = world
        .json(&format!("/jobs/{job}?files={POLLED}"), &token)
        .await;
    assert_eq!(names(&polled["files"][0]).join(","), POLLED);
    assert_eq!(polled["files"][0]["file_metadata"]["request_id"], "r1");
    assert_eq!(
        world.json(&format!("/jobs/{job}/dm"), &token).await,
        json!([])
    );
    assert_eq!(
        world.json(&format!("/jobs/{job}/job_state"), &token).await,
        json!("SUBMITTED")
    );
    world.stop().await;
}

#[tokio::test]
async fn several_jobs_are_answered_together() {
    let world = World::start(held()).await;
    let token = world.token(&json!({}));
    let (a, b) = (
        world.submit(&token, &one_file()).await,
        world.submit(&token, &one_file()).await,
    );
    let nobody = "00000000-0000-0000-0000-000000000000";
    let missing = json!({"job_id": nobody, "http_status": "404 Not Found",
        "http_message": format!("No job with the id \"{nobody}\" has been found")});
    let cases = [
        (
            format!("/jobs/{a},{b}"),
            200,
            vec![json!("200 Ok"), json!("200 Ok")],
        ),
        (
            format!("/jobs/{a},{nobody}"),
            207,
            vec![json!("200 Ok"), json!("404 Not Found")],
        ),
    ];
    for (path, status, statuses) in cases {
        let (got, _, body) = world.ask("GET", &path, Some(&token), None).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        let all: Vec<Value> = body
            .as_array()
            .unwrap()
            .iter()
            .map(|job| job["http_status"].clone())
            .collect();
        assert_eq!((got, all), (status, statuses), "{path}");
    }
    let (status, _, body) = world
        .ask("GET", &format!("/jobs/{nobody}"), Some(&token), None)
        .await;
    assert_eq!(
        (status, serde_json::from_str::<Value>(&body).unwrap()),
        (404, missing)
    );
    let (status, _, body) = world
        .ask("GET", &format!("/jobs/{nobody}/files"), Some(&token), None)
        .await;
    assert_eq!(status, 404);
    assert_eq!(
        serde_json::from_str::<Value>(&body).unwrap(),
        json!({"status": "404 Not Found",
            "message": format!("No job with the id \"{nobody}\" has been found")})
    );
    world.stop().await;
}

#[tokio::test]
async fn slashes_are_merged_without_a_redirect() {
    let world = World::start(held()).await;
    let token = world.token(&json!({}));
    let (status, _, body) = world
        .ask("POST", "//jobs", Some(&token), Some(&one_file()))
        .await;
    assert_eq!(status, 200, "{body}");
    for path in ["//whoami", "//", "///jobs"] {
        assert_eq!(
            world.ask("GET", path, Some(&token), None).await.0,
            200,
            "{path}"
        );
    }
    world.stop().await;
}

#[tokio::test]
async fn the_root_and_whoami_serve_the_real_client() {
    let world = World::start(Config::default()).await;
    let token = world.token(&json!({}));
    let root = world.json("/", &token).await;
    assert_eq!(root["api"], json!({"major": 3, "minor": 14, "patch": 4}));
    let who = world.json("/whoami", &token).await;
    let wanted = json!({"user_dn": "rucio.example", "dn": ["rucio.example"],
        "base_id": "01874efb-4735-4595-bc9c-591aef8240c9", "voms_cred": [], "vos": ["wlcg"],
        "vos_id": ["f158662a-ba09-5272-8876-ed0070256bc3"], "roles": [],
        "level": {"transfer": "vo", "datamanagement": "all"}, "delegation_id": "cdf216500d1cf952",
        "method": "oauth2", "is_root": false, "oauth2_scope": "fts:submit-transfer", "wlcg_profile": true});
    assert_eq!(who, wanted);
    assert_eq!(world.ask("GET", "/", None, None).await.0, 200);
    world.stop().await;
}

/// A5: what a submitter reads whose token does not do. One row: claims over those of a good token, then the answers of
/// 3.14 and of 3.13 (`anon`: the caller is nobody).
#[tokio::test]
async fn a5_bad_submit_tokens_are_refused_with_their_reason() {
    let scope = "Invalid scope: &#39;fts:submit-transfer&#39; scope required";
    let cases: Vec<(&str, Value, &str, &str)> = vec![
        (
            "another audience",
            json!({"aud": "https://se1.example"}),
            "Audience doesn&#39;t match",
            "anon",
        ),
        (
            "no audience",
            json!({"aud": null}),
            "Token is missing the &#34;aud&#34; claim",
            "anon",
        ),
        (
            "expired",
            json!({"exp": START - 10, "iat": START - 20, "nbf": START - 20}),
            "Signature has expired",
            "anon",
        ),
        (
            "not yet",
            json!({"nbf": START + 900}),
            "The token is not yet valid (nbf)",
            "anon",
        ),
        (
            "another issuer",
            json!({"iss": "https://other.example/"}),
            "TokenProvider not supported",
            "anon",
        ),
        (
            "without its scope",
            json!({"scope": "openid wlcg.groups"}),
            scope,
            "Invalid OAuth2 credentials",
        ),
        (
            "without any scope",
            json!({"scope": null}),
            scope,
            "Invalid OAuth2 credentials",
        ),
    ];
    for profile in [Profile::V3_14, Profile::V3_13] {
        let world = World::start(Config {
            profile,
            ..Config::default()
        })
        .await;
        for (name, claims, newer, older) in &cases {
            let wanted = if profile == Profile::V3_14 {
                newer
            } else {
                older
            };
            let token = world.token(claims);
            let (status, headers, body) = world
                .ask("POST", "/jobs", Some(&token), Some(&one_file()))
                .await;
            assert_eq!(status, 403, "{name}: {body}");
            assert!(headers.get("www-authenticate").is_none());
            if *wanted == "anon" {
                assert_eq!(
                    body, r#"{"status":"403 Forbidden","message":"Not enough permissions"}"#,
                    "{name}"
                );
                assert_eq!(
                    world.json("/whoami", &token).await["user_dn"],
                    "anon",
                    "{name}"
                );
            } else {
                assert_eq!(headers["content-type"], "text/html; charset=utf-8");
                let head = if profile == Profile::V3_14 {
                    "<!doctype html>\n<html lang=en>"
                } else {
                    "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 3.2 Final//EN\">"
                };
                let page = format!(
                    "{head}\n<title>403 Forbidden</title>\n<h1>Forbidden</h1>\n\
                     <p>Invalid credentials ({wanted})</p>\n"
                );
                assert_eq!(body, page, "{name}");
                assert_eq!(
                    world.ask("GET", "/whoami", Some(&token), None).await.0,
                    403,
                    "{name}"
                );
            }
        }
        let mut altered = world.token(&json!({}));
        altered.replace_range(altered.len() - 6.., "AAAAAA");
        assert_eq!(
            world
                .ask("POST", "/jobs", Some(&altered), Some(&one_file()))
                .await
                .0,
            403
        );
        assert_eq!(
            world.ask("POST", "/jobs", None, Some(&one_file())).await.0,
            403
        );
        assert!(
            world.lines().is_empty(),
            "nothing was asked of the issuer but its keys"
        );
        world.stop().await;
    }
}

#[tokio::test]
async fn every_judgement_on_a_submit_token_is_told() {
    let world = World::start(held()).await;
    let (good, bad) = (
        world.token(&json!({})),
        world.token(&json!({"scope": "openid"})),
    );
    world.submit(&good, &one_file()).await;
    world
        .ask("POST", "/jobs", Some(&bad), Some(&one_file()))
        .await;
    let judged: Vec<(bool, String)> = world
        .records()
        .iter()
        .filter_map(|record| match &record.event {
            carnet_stage::Event::Judged(judged) => Some((judged.granted, judged.demand.clone())),
            _ => None,
        })
        .collect();
    let demand = || "fts:submit-transfer".to_owned();
    assert_eq!(judged, [(true, demand()), (false, demand())]);
    world.stop().await;
}

#[tokio::test]
async fn only_authorised_vos_get_in() {
    let config = Config {
        authorized_vos: vec!["cms".into()],
        issuers: vec![IssuerConfig {
            url: ISSUER.into(),
            ..Default::default()
        }],
        ..Config::default()
    };
    let world = World::start(config).await;
    let cms = world.token(&json!({"wlcg.groups": ["/cms", "/cms/uscms"]}));
    let atlas = world.token(&json!({"wlcg.groups": ["/atlas"]}));
    assert_eq!(
        world.json("/whoami", &cms).await["vos"],
        json!(["cms", "cms/uscms"])
    );
    let (status, _, body) = world.ask("GET", "/whoami", Some(&atlas), None).await;
    assert_eq!(status, 403);
    assert!(
        body.contains("The user does not belong to any authorized vo"),
        "{body}"
    );
    world.stop().await;
}

#[tokio::test]
async fn bad_bodies_are_refused_before_anything_happens() {
    let world = World::start(Config {
        max_body: 2000,
        ..Config::default()
    })
    .await;
    let token = world.token(&json!({}));
    let long = json!({"files": [], "x": "y".repeat(3000)});
    let cases = [
        (json!([]), 400, "Expecting a dictionary"),
        (json!({"files": []}), 400, "No valid pairs available"),
        (
            json!({"delete": ["davs://a/x"]}),
            405,
            "Deletion jobs are no longer supported by FTS",
        ),
        (
            long,
            413,
            "The data value transmitted exceeds the capacity limit of 2000 bytes.",
        ),
    ];
    for (body, status, message) in cases {
        let (got, _, answer) = world.ask("POST", "/jobs", Some(&token), Some(&body)).await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!((got, &answer["message"]), (status, &json!(message)));
    }
    let other = [
        ("GET", "/nowhere", 404),
        ("PATCH", "/jobs", 405),
        ("GET", "/whoami/certificate", 403),
    ];
    for (method, path, status) in other {
        assert_eq!(
            world.ask(method, path, Some(&token), None).await.0,
            status,
            "{method} {path}"
        );
    }
    world.stop().await;
}

#[tokio::test]
async fn orders_on_jobs_answer_as_clients_expect() {
    let world = World::start(held()).await;
    let token = world.token(&json!({}));
    let job = world.submit(&token, &one_file()).await;
    let path = format!("/jobs/{job}");
    let order = json!({"params": {"priority": 5}});
    let (status, _, body) = world.ask("POST", &path, Some(&token), Some(&order)).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (
            status,
            &body["priority"],
            &body["http_status"],
            &body["http_message"]
        ),
        (200, &json!(5), &json!("200 Ok"), &Value::Null)
    );
    let list = world
        .json("/jobs?vo_name=wlcg&fields=job_id,job_state", &token)
        .await;
    assert_eq!(list, json!([{"job_id": job, "job_state": "SUBMITTED"}]));
    let (_, _, body) = world.ask("DELETE", &path, Some(&token), None).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (&body["job_state"], &body["cancel_job"]),
        (&json!("CANCELED"), &json!(true))
    );
    assert_eq!(
        (&body["reason"], &body["http_message"]),
        (&json!("Job canceled by the user"), &Value::Null)
    );
    let (status, _, body) = world.ask("DELETE", &path, Some(&token), None).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &body["http_status"]),
        (200, &json!("304 Not Modified"))
    );
    assert_eq!(body["http_message"], "The job is in a terminal state");
    assert_eq!(
        world.json("/jobs", &token).await,
        json!([]),
        "an ended job is not listed"
    );
    let ended = world.json("/jobs?state_in=CANCELED&limit=5", &token).await;
    assert_eq!(ended.as_array().map(Vec::len), Some(1));
    let refused = [
        (
            "/jobs?limit=501",
            400,
            "The limit must be positive and less or equal than 500",
        ),
        (
            "/jobs?dlg_id=x",
            403,
            "The provided delegation id does not match your delegation id",
        ),
        (
            "/jobs?user_dn=x",
            400,
            "The provided DN and delegation id do not correspond to the same user",
        ),
    ];
    for (path, status, message) in refused {
        let (got, _, body) = world.ask("GET", path, Some(&token), None).await;
        assert_eq!(got, status, "{path}");
        assert!(body.contains(message), "{body}");
    }
    assert_eq!(
        world.ask("DELETE", "/jobs/all", Some(&token), None).await.0,
        403
    );
    assert_eq!(
        world
            .ask("DELETE", "/jobs/nobody", Some(&token), None)
            .await
            .0,
        404
    );
    world.stop().await;
}

#[tokio::test]
async fn a_deterministic_id_is_the_one_rucio_computes() {
    let world = World::start(held()).await;
    let token = world.token(&json!({}));
    let mut body = one_file();
    body["params"] = json!({"id_generator": "deterministic", "sid": "rucio-request-1"});
    let id = world.submit(&token, &body).await;
    let vo = carnet_fts::tokens::uuid5(carnet_fts::auth::BASE_ID, "wlcg");
    assert_eq!(
        id,
        carnet_fts::tokens::uuid5(vo, "rucio-request-1").to_string()
    );
    let (status, _, _) = world.ask("POST", "/jobs", Some(&token), Some(&body)).await;
    assert_eq!(status, 409);
    world.stop().await;
}

#[tokio::test]
async fn a_banned_storage_element_takes_no_jobs() {
    let world = World::start(held()).await;
    let token = world.token(&json!({}));
    let job = world.submit(&token, &one_file()).await;
    let ban = json!({"storage": "https://se2.example", "status": "wait", "message": "maintenance"});
    let (status, _, body) = world.ask("POST", "/ban/se", Some(&token), Some(&ban)).await;
    assert_eq!((status, body), (200, json!([job]).to_string()));
    let (status, _, body) = world
        .ask("POST", "/jobs", Some(&token), Some(&one_file()))
        .await;
    assert_eq!(status, 403);
    assert!(body.contains("https://se2.example is banned"), "{body}");
    let (status, _, _) = world
        .ask(
            "DELETE",
            "/ban/se?storage=https%3A%2F%2Fse2.example",
            Some(&token),
            None,
        )
        .await;
    assert_eq!(status, 204);
    world.submit(&token, &one_file()).await;
    world.stop().await;
}

//! The issuer vectors I-01 to I-30 (issuer page §4.9): one line each, the status and the error of `strict`, of IAM 1.12
//! and of IAM 1.7.
#![allow(clippy::unwrap_used, reason = "a test reads its own data")]

mod common;

use common::asks::By;
use common::{Answer, Bench};

const WORLD: &str = r#"
groups = [{ name = "wlcg" }, { name = "wlcg/alarm", optional = true }]
users = [{ username = "ann", groups = ["wlcg"] }]
clients = [
  { client_id = "a", client_secret = "s", grant_types = ["client_credentials", "password", "refresh_token", "authorization_code", "device_code", "token-exchange"], scope = ["openid", "profile", "offline_access", "wlcg.groups", "storage.read:/", "storage.create:/foo", "compute.create"], redirect_uris = ["https://app.example/cb"] },
  { client_id = "b", client_secret = "s", grant_types = ["token-exchange", "refresh_token"], scope = ["openid", "offline_access", "wlcg.groups", "storage.read:/", "storage.modify:/"] },
  { client_id = "c", client_secret = "s", grant_types = ["client_credentials", "token-exchange"], scope = ["openid", "storage.read:/"], access_token_validity_seconds = 4 },
]
scope_policies = [{ rule = "PERMIT" }, { rule = "DENY", scopes = ["compute.create"] }]
"#;

fn bench(compat: &str, more: &str) -> Bench {
    Bench::from_toml(&format!(
        "compat = \"{compat}\"\nalgorithm = \"ES256\"\n{more}\n{WORLD}"
    ))
}

const A: By<'_> = ("a", "s");

async fn password(bench: &Bench, scope: &str) -> Answer {
    bench.password(A, "ann", &[("scope", scope)]).await
}

/// What the second of two polls says of a device request.
async fn device(bench: &Bench, approval: Option<&str>) -> Answer {
    let started = bench
        .device(A, "ann", approval, &[("scope", "openid")])
        .await;
    let code = started.text("device_code");
    let first = bench.poll(A, &code).await;
    if approval.is_some() {
        return first;
    }
    bench.poll(A, &code).await
}

async fn ask(bench: &Bench, id: &str) -> String {
    let client = |more: &'static [(&'static str, &'static str)]| {
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(more);
        form
    };
    let basic = common::basic("a", "s");
    let answer = match id {
        "I-01" => bench.own(("a", "s"), &[]).await,
        "I-02" => bench.own(("a", "s"), &[("scope", "nope")]).await,
        "I-03" => bench.token("a", "wrong", &client(&[])).await,
        "I-04" => {
            let form = client(&[("client_id", "a"), ("client_secret", "wrong")]);
            bench.call("POST", "/token", Some(&form), &[]).await
        }
        "I-05" => bench.token("b", "s", &client(&[("scope", "openid")])).await,
        "I-06" => bench.token("a", "s", &[("grant_type", "magic")]).await,
        "I-07" => bench.token("a", "s", &[("scope", "openid")]).await,
        "I-08" => {
            bench
                .call("GET", "/token", None, &[("authorization", &basic)])
                .await
        }
        "I-09" => {
            bench
                .call(
                    "POST",
                    "/token",
                    None,
                    &[
                        ("authorization", &basic),
                        ("content-type", "application/json"),
                    ],
                )
                .await
        }
        "I-10" => {
            bench
                .token(
                    "a",
                    "s",
                    &[("grant_type", "refresh_token"), ("refresh_token", "x")],
                )
                .await
        }
        "I-11" | "I-12" | "I-13" => {
            let first = password(bench, "openid offline_access storage.create:/foo").await;
            let refresh = first.text("refresh_token");
            let mut form = vec![
                ("grant_type", "refresh_token"),
                ("refresh_token", refresh.as_str()),
            ];
            form.push(match id {
                "I-11" => ("scope", "storage.read:/"),
                "I-12" => ("scope", "storage.create:/foobar"),
                _ => ("audience", "https://other.example"),
            });
            bench.token("a", "s", &form).await
        }
        "I-14" | "I-16" | "I-18" | "I-25" | "I-17" => {
            let subject = password(bench, "openid storage.read:/")
                .await
                .text("access_token");
            let more: &[(&str, &str)] = match id {
                "I-14" => &[],
                "I-16" => &[("scope", "storage.modify:/")],
                "I-18" => &[("scope", "openid"), ("actor_token", "x")],
                _ => &[("scope", "openid storage.read:/")],
            };
            let answer = bench.exchange(("b", "s"), &subject, more).await;
            if id == "I-25" {
                let again = bench
                    .exchange(
                        ("c", "s"),
                        &answer.text("access_token"),
                        &[("scope", "openid")],
                    )
                    .await;
                let act = &again.claims()["act"];
                assert_eq!(act.to_string(), r#"{"sub":"c","act":{"sub":"b"}}"#);
                again
            } else {
                answer
            }
        }
        "I-15" => {
            let subject = bench
                .own(("c", "s"), &[("scope", "storage.read:/")])
                .await
                .text("access_token");
            bench.advance(4);
            bench
                .exchange(("b", "s"), &subject, &[("scope", "storage.read:/")])
                .await
        }
        "I-19" => {
            let subject = password(bench, "openid").await.text("access_token");
            bench
                .exchange(("a", "s"), &subject, &[("scope", "openid offline_access")])
                .await
        }
        "I-20" => device(bench, Some("false")).await,
        "I-21" => device(bench, None).await,
        "I-22" => {
            let code = bench.code("a", "ann", "&scope=openid").await;
            let first = bench.redeem(A, &code, &[]).await;
            assert_eq!(first.status, 200);
            let again = bench.redeem(A, &code, &[]).await;
            let bearer = format!("Bearer {}", first.text("access_token"));
            let after = bench
                .call("GET", "/userinfo", None, &[("authorization", &bearer)])
                .await
                .status;
            assert_eq!(
                after == 401,
                bench.started.issuer.rules.strict(),
                "tokens of the first use"
            );
            again
        }
        "I-23" => {
            let code = bench
                .code(
                    "a",
                    "ann",
                    "&scope=openid&code_challenge=abc&code_challenge_method=S256",
                )
                .await;
            bench.redeem(A, &code, &[("code_verifier", "wrong")]).await
        }
        "I-24" => {
            bench
                .own(("a", "s"), &[("scope", "openid"), ("resource", "foo")])
                .await
        }
        "I-26" => {
            let token = password(bench, "openid profile storage.read:/")
                .await
                .text("access_token");
            let basic = common::basic("c", "s");
            let answer = bench
                .call(
                    "POST",
                    "/introspect",
                    Some(&[("token", &token)]),
                    &[("authorization", &basic)],
                )
                .await;
            return answer.text("scope");
        }
        "I-27" => {
            let token = password(bench, "openid").await.text("access_token");
            let basic = common::basic("b", "s");
            let answer = bench
                .call(
                    "POST",
                    "/revoke",
                    Some(&[("token", &token)]),
                    &[("authorization", &basic)],
                )
                .await;
            let bearer = format!("Bearer {token}");
            let after = bench
                .call("GET", "/userinfo", None, &[("authorization", &bearer)])
                .await;
            assert_eq!(after.status, 200, "untouched");
            answer
        }
        "I-28" => {
            bench
                .own(("a", "s"), &[("scope", "storage.read:/a/../b")])
                .await
        }
        "I-29" => {
            let answer = password(bench, "openid compute.create").await;
            assert_eq!(answer.text("scope"), "openid");
            answer
        }
        "I-30" => password(bench, "openid wlcg.groups:/wlcg/alarm").await,
        other => unreachable!("{other}"),
    };
    answer.told()
}

#[tokio::test]
async fn issuer_vectors() {
    let mut wrong = Vec::new();
    for (id, strict, today, then) in [
        ("I-01", "200", "200", "200"),
        (
            "I-02",
            "400 invalid_scope",
            "400 invalid_scope",
            "400 invalid_scope",
        ),
        (
            "I-03",
            "401 invalid_client",
            "401 unauthorized",
            "401 unauthorized",
        ),
        (
            "I-04",
            "401 invalid_client",
            "401 invalid_client",
            "401 invalid_client",
        ),
        (
            "I-05",
            "400 unauthorized_client",
            "401 invalid_client",
            "401 invalid_client",
        ),
        (
            "I-06",
            "400 unsupported_grant_type",
            "400 unsupported_grant_type",
            "400 unsupported_grant_type",
        ),
        (
            "I-07",
            "400 invalid_request",
            "500 server_error",
            "400 invalid_request",
        ),
        (
            "I-08",
            "405 invalid_request",
            "405 method_not_allowed",
            "405 method_not_allowed",
        ),
        (
            "I-09",
            "400 invalid_request",
            "500 server_error",
            "400 invalid_request",
        ),
        (
            "I-10",
            "400 invalid_grant",
            "401 invalid_token",
            "401 invalid_token",
        ),
        ("I-11", "400 invalid_scope", "400 invalid_scope", "200"),
        ("I-12", "400 invalid_scope", "400 invalid_scope", "200"),
        ("I-13", "200", "200", "200"),
        ("I-14", "200", "400 invalid_request", "400 invalid_scope"),
        (
            "I-15",
            "400 invalid_request",
            "401 invalid_token",
            "401 invalid_token",
        ),
        (
            "I-16",
            "400 invalid_scope",
            "400 invalid_scope",
            "400 invalid_scope",
        ),
        (
            "I-18",
            "400 invalid_request",
            "400 invalid_request",
            "400 invalid_request",
        ),
        ("I-19", "400 invalid_request", "403 access_denied", "200"),
        (
            "I-20",
            "400 access_denied",
            "400 authorization_pending",
            "400 authorization_pending",
        ),
        (
            "I-21",
            "400 slow_down",
            "400 authorization_pending",
            "400 authorization_pending",
        ),
        (
            "I-22",
            "400 invalid_grant",
            "400 invalid_grant",
            "400 invalid_grant",
        ),
        (
            "I-23",
            "400 invalid_grant",
            "400 invalid_request",
            "400 invalid_request",
        ),
        ("I-24", "400 invalid_target", "400 invalid_target", "200"),
        ("I-25", "200", "200", "200"),
        (
            "I-26",
            "openid profile storage.read:/",
            "openid storage.read:/",
            "openid storage.read:/",
        ),
        ("I-27", "200", "403", "403"),
        (
            "I-28",
            "400 invalid_scope",
            "500 server_error",
            "500 server_error",
        ),
        ("I-29", "200", "200", "200"),
        ("I-30", "400 access_denied", "200", "200"),
    ] {
        for (compat, want) in [("strict", strict), ("iam-1.12", today), ("iam-1.7", then)] {
            let have = ask(&bench(compat, ""), id).await;
            if have != want {
                wrong.push(format!("{id} {compat}: want {want}, have {have}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn i_17_no_policy() {
    for (compat, want) in [
        ("strict", "400 unauthorized_client"),
        ("iam-1.12", "403 access_denied"),
        ("iam-1.7", "403 access_denied"),
    ] {
        assert_eq!(
            ask(&bench(compat, "exchange_policies = []"), "I-17").await,
            want,
            "{compat}"
        );
    }
}

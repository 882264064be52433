//! One test per quirk (issuer page §2.12): what the issuer shows with the switch on, and with it off.
#![allow(clippy::unwrap_used, reason = "a test reads its own data")]

#[path = "../common/mod.rs"]
mod common;
mod table;

use carnet_issuer::config::Algorithm;
use carnet_issuer::keys::SigningKey;
use carnet_issuer::quirks::{Compat, Quirk};
use common::asks::{By, Form};
use common::{Answer, Bench, Browser, EXCHANGE, claims, query};
use serde_json::json;
use table::SHOWN;

const WORLD: &str = r#"
algorithm = "ES256"
issuer = "https://iam.example"
admin_secret = "open"
groups = [{ name = "wlcg" }]
users = [
  { username = "ann", groups = ["wlcg"], email = "ann@example.org" },
  { username = "root", admin = true },
  { username = "part" },
]
clients = [
  { client_id = "a", client_secret = "s", grant_types = ["client_credentials", "password", "refresh_token", "authorization_code", "device_code", "token-exchange"], scope = ["openid", "profile", "offline_access", "wlcg.groups", "storage.read:/", "storage.modify:/x/y"], redirect_uris = ["https://app.example/cb"] },
  { client_id = "b", client_secret = "s", grant_types = ["token-exchange", "refresh_token"], scope = ["openid", "offline_access", "storage.read:/"] },
  { client_id = "cms", client_secret = "s", scope = ["openid", "storage.read:/cms"] },
  { client_id = "sys", client_secret = "s", scope = ["storage.create:/cms"] },
  { client_id = "pub", token_endpoint_auth_method = "none", scope = ["openid"] },
  { client_id = "rot", client_secret = "s", grant_types = ["password", "refresh_token"], scope = ["openid", "offline_access"], reuse_refresh_token = false },
]
system_scopes = [{ scope = "openid" }, { scope = "offline_access" }, { scope = "storage.read:/" }, { scope = "storage.modify:/x/yz" }, { scope = "storage.create:/cms" }]
scope_matchers = [{ type = "path", prefix = "storage.read", path = "/" }, { type = "path", prefix = "storage.modify", path = "/" }, { type = "path", prefix = "storage.create", path = "/cms" }]
scope_policies = [{ rule = "PERMIT" }, { level = "account", account = "part", rule = "DENY", scopes = ["profile"] }]
exchange_policies = [
  { rule = "PERMIT", scope_policies = [{ rule = "PERMIT", match = "openid" }] },
  { rule = "PERMIT", origin = { type = "BY_ID", match = "rot" }, scope_policies = [{ rule = "DENY", match = "openid" }] },
  { rule = "PERMIT", origin = { type = "BY_ID", match = "rot" } },
]
"#;

fn bench(quirk: &str, on: bool) -> Bench {
    let also = if quirk == "Q-41" {
        "\"Q-50\" = true"
    } else {
        ""
    };
    Bench::from_toml(&format!(
        "compat = \"iam-1.12\"\n{WORLD}\n[quirks]\n\"{quirk}\" = {on}\n{also}"
    ))
}

const A: By<'_> = ("a", "s");
const B: By<'_> = ("b", "s");

/// What two polls say of a device request that a person answers or not.
async fn device(
    bench: &Bench,
    user: &str,
    approval: Option<&str>,
    more: Form<'_>,
) -> (Answer, Answer) {
    let started = bench.device(A, user, approval, more).await;
    let code = started.text("device_code");
    (bench.poll(A, &code).await, bench.poll(A, &code).await)
}

async fn authorize(bench: &Bench, browser: &mut Browser, more: &str) -> Answer {
    browser
        .get(
            bench,
            &format!("/authorize?response_type=code&client_id=a&state=1{more}"),
        )
        .await
}

/// A client that signs its assertions, twice the same one.
async fn assertion_twice(bench: &Bench) -> String {
    let key = SigningKey::make(Algorithm::Es256, "mine").unwrap();
    let config = json!({
        "client_id": "signer", "token_endpoint_auth_method": "private_key_jwt", "scope": ["openid"],
        "jwks": { "keys": [key.jwk(true)] },
    });
    let admin = bench.admin("POST", "/clients", config).await;
    assert_eq!(admin.status, 201, "{}", admin.body);
    let now = bench.started.issuer.now();
    let payload = json!({"iss": "signer", "sub": "signer", "aud": "https://iam.example/token", "exp": now + 60, "jti": "1"});
    let assertion = key.sign(payload.to_string().as_bytes()).unwrap();
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let form = [
        ("grant_type", "client_credentials"),
        ("scope", "openid"),
        ("client_assertion_type", kind),
        ("client_assertion", assertion.as_str()),
    ];
    let first = bench.call("POST", "/token", Some(&form), &[]).await;
    let second = bench.call("POST", "/token", Some(&form), &[]).await;
    format!("{} then {}", first.told(), second.told())
}

async fn show(bench: &Bench, quirk: &str) -> String {
    let answer = match quirk {
        "Q-01" => {
            let form = [
                ("grant_type", "client_credentials"),
                ("client_id", "a"),
                ("client_secret", "s"),
            ];
            bench.call("POST", "/token", Some(&form), &[]).await
        }
        "Q-02" => return assertion_twice(bench).await,
        "Q-03" => {
            bench
                .call(
                    "POST",
                    "/token",
                    Some(&[("grant_type", "client_credentials"), ("client_id", "pub")]),
                    &[],
                )
                .await
        }
        "Q-04" => {
            bench
                .own(A, &[("scope", "openid"), ("scope", "profile")])
                .await
        }
        "Q-05" => bench.own(A, &[("scope", "storage.read:/a+b")]).await,
        "Q-06" => {
            return bench
                .own(A, &[("scope", "storage.read:/b openid")])
                .await
                .claims()["scope"]
                .to_string();
        }
        "Q-07" => {
            bench
                .own(("cms", "s"), &[("scope", "storage.read:/cms/x")])
                .await
        }
        "Q-08" => {
            bench
                .own(("sys", "s"), &[("scope", "storage.create:/cmsfoo")])
                .await
        }
        "Q-09" => bench.own(A, &[("scope", "storage.read:/a/../b")]).await,
        "Q-10" => return bench.own(A, &[]).await.json()["expires_in"].to_string(),
        "Q-11" => {
            return claims(
                &bench
                    .password(A, "ann", &[("scope", "openid")])
                    .await
                    .text("id_token"),
            )["kid"]
                .to_string();
        }
        "Q-12" => bench.own(A, &[("resource", "roots://se1.example")]).await,
        "Q-13" => {
            let more = [
                ("scope", "openid offline_access"),
                ("audience", "https://a.example"),
            ];
            let token = bench.password(A, "ann", &more).await.text("refresh_token");
            bench
                .refresh(A, &token, &[("audience", "https://b.example")])
                .await
        }
        "Q-14" => return bench.own(("cms", "s"), &[]).await.claims()["scope"].to_string(),
        "Q-15" => {
            let code = bench.code("a", "ann", "&scope=openid").await;
            let token = bench.redeem(A, &code, &[]).await.text("access_token");
            bench.redeem(A, &code, &[]).await;
            bench.get_as(&token, "/userinfo").await
        }
        "Q-16" => {
            let code = bench.code("a", "ann", "&scope=openid").await;
            bench.advance(301);
            bench.redeem(A, &code, &[]).await
        }
        "Q-17" => {
            let code = bench
                .code(
                    "a",
                    "ann",
                    "&scope=openid&code_challenge=x&code_challenge_method=S256",
                )
                .await;
            bench.redeem(A, &code, &[("code_verifier", "y")]).await
        }
        "Q-18" => {
            return bench
                .admin("POST", "/clients", json!({"client_id": "new"}))
                .await
                .json()["reuse_refresh_token"]
                .to_string();
        }
        "Q-19" => {
            let token = bench
                .password(("rot", "s"), "ann", &[("scope", "openid offline_access")])
                .await
                .text("refresh_token");
            bench.refresh(("rot", "s"), &token, &[]).await;
            bench.refresh(("rot", "s"), &token, &[]).await
        }
        "Q-20" | "Q-47" => {
            let client = if quirk == "Q-20" { "a" } else { "rot" };
            let token = bench
                .password((client, "s"), "ann", &[("scope", "openid offline_access")])
                .await
                .text("refresh_token");
            let (one, two) = tokio::join!(
                bench.refresh((client, "s"), &token, &[]),
                bench.refresh((client, "s"), &token, &[])
            );
            let mut both = [one.told(), two.told()];
            both.sort();
            return both.join(" and ");
        }
        "Q-21" => bench.refresh(A, "x", &[]).await,
        "Q-23" | "Q-24" => {
            let token = bench
                .password(A, "ann", &[("scope", "openid")])
                .await
                .text("access_token");
            bench
                .exchange(B, &token, &[("scope", "storage.read:/")])
                .await
        }
        "Q-25" => {
            let token = bench
                .password(
                    A,
                    "ann",
                    &[("scope", "openid"), ("audience", "https://x.example")],
                )
                .await
                .text("access_token");
            bench.exchange(B, &token, &[("scope", "openid")]).await
        }
        "Q-26" => {
            let subject = bench.password(A, "ann", &[("scope", "openid")]).await;
            bench.advance(1000);
            let answer = bench
                .exchange(B, &subject.text("access_token"), &[("scope", "openid")])
                .await;
            let longer = answer.claims()["exp"].as_i64() > subject.claims()["exp"].as_i64();
            return format!("longer: {longer}");
        }
        "Q-27" => {
            let token = bench
                .password(A, "ann", &[("scope", "openid")])
                .await
                .text("access_token");
            return bench
                .exchange(B, &token, &[("scope", "openid")])
                .await
                .text("issued_token_type");
        }
        "Q-28" => {
            bench
                .call(
                    "POST",
                    "/devicecode",
                    Some(&[("client_id", "a"), ("scope", "openid")]),
                    &[],
                )
                .await
        }
        "Q-29" => {
            return bench
                .post_as(A, "/devicecode", &[("client_id", "a")])
                .await
                .json()["interval"]
                .to_string();
        }
        "Q-30" => {
            return bench
                .post_as(A, "/devicecode", &[("client_id", "a")])
                .await
                .text("verification_uri");
        }
        "Q-31" => {
            device(bench, "ann", Some("false"), &[("scope", "openid")])
                .await
                .0
        }
        "Q-32" => device(bench, "ann", None, &[("scope", "openid")]).await.1,
        "Q-33" => {
            bench
                .token("a", "wrong", &[("grant_type", "client_credentials")])
                .await
        }
        "Q-34" => bench.token("a", "s", &[("scope", "openid")]).await,
        "Q-35" | "Q-37" => {
            let more = [
                ("scope", "openid storage.read:/ profile"),
                ("audience", "x y"),
            ];
            let token = bench.password(A, "ann", &more).await.text("access_token");
            let answer = bench
                .post_as(B, "/introspect", &[("token", &token)])
                .await
                .json();
            return answer[if quirk == "Q-35" { "scope" } else { "aud" }].to_string();
        }
        "Q-36" => {
            return bench
                .call("GET", "/.well-known/openid-configuration", None, &[])
                .await
                .text("issuer");
        }
        "Q-38" => {
            let token = bench
                .password(A, "ann", &[("scope", "openid")])
                .await
                .text("access_token");
            bench.post_as(B, "/revoke", &[("token", &token)]).await
        }
        "Q-39" => bench.admin("POST", "/keys", json!({"now": true})).await,
        "Q-40" => {
            let document = bench
                .call("GET", "/.well-known/openid-configuration", None, &[])
                .await
                .json();
            return format!(
                "none: {}",
                document["id_token_signing_alg_values_supported"]
                    .to_string()
                    .contains("none")
            );
        }
        "Q-41" | "Q-50" => {
            let token = bench
                .own(A, &[("scope", "openid")])
                .await
                .text("access_token");
            bench.post_as(A, "/introspect", &[("token", &token)]).await
        }
        "Q-42" => {
            let token = bench
                .password(A, "ann", &[("scope", "openid offline_access")])
                .await
                .text("refresh_token");
            let answer = bench
                .refresh(A, &token, &[("scope", "offline_access")])
                .await;
            return format!("id token: {}", answer.json()["id_token"].is_string());
        }
        "Q-43" => {
            let mut browser = Browser::login(bench, "ann", "password").await;
            authorize(bench, &mut browser, "&scope=openid&resource=foo").await
        }
        "Q-44" => {
            let more = [("scope", "openid"), ("audience", "https://se1.example")];
            return device(bench, "ann", Some("true"), &more).await.0.claims()["aud"].to_string();
        }
        "Q-45" => {
            let mut browser = Browser::login(bench, "ann", "password").await;
            authorize(bench, &mut browser, "&scope=openid").await;
            browser
                .post(
                    bench,
                    "/authorize",
                    &[
                        ("user_oauth_approval", "true"),
                        ("remember", "until-revoked"),
                    ],
                )
                .await;
            let answer = authorize(bench, &mut browser, "&scope=openid&prompt=none").await;
            return query(answer.header("location").unwrap(), "error")
                .unwrap_or_else(|| "code".into());
        }
        "Q-46" => {
            let mut browser = Browser::login(bench, "ann", "password").await;
            authorize(
                bench,
                &mut browser,
                "&scope=openid&code_challenge=x&code_challenge_method=magic",
            )
            .await
        }
        "Q-48" => {
            bench
                .token("b", "s", &[("grant_type", EXCHANGE), ("scope", "openid")])
                .await
        }
        "Q-49" => {
            bench
                .own(A, &[("scope", "openid"), ("audience", &"x".repeat(2049))])
                .await
        }
        "Q-51" => {
            let form = [("client_id", "a"), ("client_secret", "s"), ("token", "x")];
            bench.call("POST", "/revoke", Some(&form), &[]).await
        }
        "Q-52" => bench.own(A, &[("scope", "storage.modify:/other")]).await,
        "Q-53" => return bench.own(A, &[("audience", " ")]).await.claims()["aud"].to_string(),
        "Q-54" => {
            let mut browser = Browser::login(bench, "ann", "password").await;
            authorize(bench, &mut browser, "&scope=openid").await;
            let answer = authorize(bench, &mut browser, "&scope=nope").await;
            let fragment = answer.header("location").unwrap().contains('#');
            return format!("fragment: {fragment}");
        }
        "Q-55" => return format!("code: {}", !bench.code("a", "ann", "").await.is_empty()),
        "Q-56" => {
            let token = bench
                .password(("rot", "s"), "ann", &[("scope", "openid")])
                .await
                .text("access_token");
            bench.exchange(B, &token, &[("scope", "openid")]).await
        }
        "Q-57" => {
            let answer = device(bench, "part", Some("true"), &[("scope", "profile")])
                .await
                .0;
            return format!(
                "scopes: {}",
                answer.text("scope").split_whitespace().count()
            );
        }
        "Q-58" => {
            let token = bench
                .password(A, "ann", &[("scope", "openid profile")])
                .await
                .text("access_token");
            return format!(
                "email: {}",
                bench.get_as(&token, "/userinfo").await.json()["email"].is_string()
            );
        }
        other => unreachable!("{other}"),
    };
    answer.told()
}

#[tokio::test]
async fn every_quirk_shows_when_on_and_not_when_off() {
    let listed: Vec<&str> = SHOWN.iter().map(|(id, ..)| *id).collect();
    assert_eq!(
        listed,
        Quirk::ALL
            .iter()
            .map(|quirk| quirk.id())
            .collect::<Vec<_>>(),
        "one line each"
    );
    let mut wrong = Vec::new();
    for (id, on, off) in SHOWN {
        for (switch, want) in [(true, on), (false, off)] {
            let have = show(&bench(id, switch), id).await;
            if have != want {
                wrong.push(format!(
                    "{id} {}: want {want}, have {have}",
                    if switch { "on" } else { "off" }
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn strict_has_only_what_the_seed_flows_need() {
    let on: Vec<&str> = Quirk::ALL
        .iter()
        .filter(|q| q.default_at(Compat::Strict))
        .map(|q| q.id())
        .collect();
    assert_eq!(on, ["Q-13", "Q-24", "Q-25", "Q-26"]);
}

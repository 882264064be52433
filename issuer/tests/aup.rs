//! The acceptable use policy: accepted before the first login, again when the signature lapses, and again when the rules
//! change; until then nobody gets anything (issuer page §2.5, §2.6, §2.9).

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod common;

use common::{Answer, Bench, Browser};
use http::Request;
use serde_json::{Value, json};

const DAY: u64 = 86_400;

const WORLD: &str = r#"
admin_secret = "open"
users = [{ username = "ann" }, { username = "boss", admin = true, aup_signed = true }]
aup = { text = "Be good.", validity_days = 30 }
clients = [{ client_id = "app", client_secret = "secret", grant_types = ["authorization_code", "password", "refresh_token", "token-exchange"],
             redirect_uris = ["https://app.example/"], scope = ["openid", "offline_access"], refresh_token_validity_seconds = 0 }]
"#;
const ASK: &str = "/authorize?response_type=code&client_id=app&redirect_uri=https://app.example/&scope=openid&state=s";

async fn password(bench: &Bench) -> Answer {
    let form = [
        ("grant_type", "password"),
        ("username", "ann"),
        ("password", "password"),
        ("scope", "openid offline_access"),
    ];
    bench.token("app", "secret", &form).await
}

/// Where the browser is sent, without the host; empty when it is shown a page.
fn sent(answer: &Answer) -> &str {
    let to = answer.header("location").unwrap_or_default();
    to.strip_prefix("https://iam.example").unwrap_or(to)
}

/// Signs, after looking at what the page says.
async fn sign(bench: &Bench, browser: &mut Browser, says: &str) -> Answer {
    let page = browser.get(bench, "/iam/aup/sign").await;
    assert!(page.body.contains(says), "{says} in {}", page.body);
    browser.post(bench, "/iam/aup/sign", &[]).await
}

async fn administer(bench: &Bench, method: &str, path: &str, body: Value) -> (u16, Value) {
    let answer = bench.admin(method, path, body).await;
    (answer.status, answer.json())
}

#[tokio::test]
async fn it_stands_before_everything_until_it_is_signed_and_again_when_it_lapses_or_changes() {
    for compat in ["strict", "iam-1.12", "iam-1.7"] {
        let bench = Bench::from_toml(&format!("compat = \"{compat}\"\n{WORLD}"));
        assert_eq!(
            password(&bench).await.text("error"),
            "invalid_grant",
            "{compat}: never signed"
        );
        let mut browser = Browser::default();
        browser.get(&bench, ASK).await;
        let login = [("username", "ann"), ("password", "password")];
        assert_eq!(
            sent(&browser.post(&bench, "/login", &login).await),
            "/iam/aup/sign",
            "{compat}"
        );
        assert_eq!(
            sent(&browser.get(&bench, ASK).await),
            "/iam/aup/sign",
            "{compat}: there is no way around it"
        );
        let back = sign(
            &bench,
            &mut browser,
            "You have not accepted these rules yet.",
        )
        .await;
        // June 2021 forgets what the person came for.
        assert_eq!(
            sent(&back),
            if compat == "iam-1.7" {
                "/dashboard"
            } else {
                ASK
            },
            "{compat}"
        );
        assert_eq!(
            browser.get(&bench, ASK).await.status,
            200,
            "{compat}: consent"
        );
        let tokens = password(&bench).await;
        assert_eq!(tokens.status, 200, "{compat}");

        // Lapsed: thirty days later, to the second.
        bench.advance(30 * DAY - 1);
        assert_eq!(browser.get(&bench, ASK).await.status, 200, "{compat}");
        bench.advance(1);
        assert_eq!(
            sent(&browser.get(&bench, ASK).await),
            "/iam/aup/sign",
            "{compat}"
        );
        let refresh = [
            ("grant_type", "refresh_token"),
            ("refresh_token", &tokens.text("refresh_token")),
        ];
        if compat == "iam-1.12" {
            let refused = bench.token("app", "secret", &refresh).await;
            assert!(
                refused
                    .text("error_description")
                    .contains("needs to sign AUP"),
                "{}",
                refused.body
            );
        }
        let says = "You accepted these rules on 2027-01-15. That was good for 30 days: please accept them again.";
        sign(&bench, &mut browser, says).await;
        assert_eq!(browser.get(&bench, ASK).await.status, 200, "{compat}");

        // Another validity lets signatures be; other rules do not.
        let (status, shown) = administer(
            &bench,
            "PUT",
            "/aup",
            json!({ "text": "Be good.", "validity_days": 60 }),
        )
        .await;
        assert_eq!((status, &shown["edition"]), (200, &json!(1)), "{compat}");
        assert_eq!(browser.get(&bench, ASK).await.status, 200, "{compat}");
        let (_, shown) = administer(
            &bench,
            "PUT",
            "/aup",
            json!({ "text": "Be better.", "validity_days": 60 }),
        )
        .await;
        assert_eq!(shown["edition"], json!(2), "{compat}");
        assert_eq!(
            password(&bench).await.text("error"),
            "invalid_grant",
            "{compat}"
        );
        assert_eq!(
            sent(&browser.get(&bench, ASK).await),
            "/iam/aup/sign",
            "{compat}"
        );
        let page = browser.get(&bench, "/iam/aup/sign").await;
        assert!(page.body.contains("Be better."), "{compat}");
        sign(&bench, &mut browser, "These rules changed on 2027-02-14.").await;
        assert_eq!(password(&bench).await.status, 200, "{compat}");

        // Without a policy nobody must sign, and a later one is signed anew.
        assert_eq!(
            administer(&bench, "DELETE", "/aup", Value::Null).await.0,
            200
        );
        assert_eq!(administer(&bench, "GET", "/aup", Value::Null).await.0, 404);
        assert_eq!(password(&bench).await.status, 200, "{compat}");
        administer(&bench, "PUT", "/aup", json!({ "text": "Be better." })).await;
        assert_eq!(
            password(&bench).await.text("error"),
            "invalid_grant",
            "{compat}"
        );
        let (status, _) =
            administer(&bench, "PATCH", "/users/ann", json!({ "aup_signed": true })).await;
        assert_eq!(
            (status, password(&bench).await.status),
            (200, 200),
            "{compat}"
        );
    }
}

#[tokio::test]
async fn administrators_write_it_where_iam_has_it() {
    let bench = Bench::from_toml(&format!("compat = \"iam-1.12\"\n{WORLD}"));
    let mut boss = Browser::login(&bench, "boss", "password").await;
    let mut ann = Browser::login(&bench, "ann", "password").await;
    let session = |browser: &Browser| format!("JSESSIONID={}", browser.session());
    for (who, method, path, body, status, says) in [
        (
            &boss,
            "POST",
            "/iam/aup",
            json!({ "url": "https://vo.example/aup" }),
            409,
            "AUP already exists",
        ),
        (
            &ann,
            "PATCH",
            "/iam/aup",
            json!({}),
            403,
            "Access is denied",
        ),
        (
            &boss,
            "PATCH",
            "/iam/aup",
            json!({ "signatureValidityInDays": -1 }),
            400,
            "must be >= 0",
        ),
        (
            &boss,
            "PATCH",
            "/iam/aup",
            json!({ "signatureValidityInDays": 7 }),
            200,
            "\"signatureValidityInDays\":7",
        ),
        (
            &ann,
            "GET",
            "/iam/aup",
            Value::Null,
            200,
            "\"signatureValidityInDays\":7",
        ),
        (
            &ann,
            "DELETE",
            "/iam/aup",
            Value::Null,
            403,
            "Access is denied",
        ),
        (
            &ann,
            "POST",
            "/iam/aup/touch",
            Value::Null,
            403,
            "Access is denied",
        ),
        (
            &boss,
            "POST",
            "/iam/aup/touch",
            Value::Null,
            200,
            "lastUpdateTime",
        ),
        (&boss, "DELETE", "/iam/aup", Value::Null, 204, ""),
        (
            &boss,
            "DELETE",
            "/iam/aup",
            Value::Null,
            404,
            "AUP is not defined",
        ),
        (
            &boss,
            "POST",
            "/iam/aup/touch",
            Value::Null,
            404,
            "AUP is not defined",
        ),
        (
            &boss,
            "PATCH",
            "/iam/aup",
            json!({}),
            404,
            "AUP is not defined",
        ),
        (
            &boss,
            "POST",
            "/iam/aup",
            json!({ "url": "https://vo.example/aup" }),
            201,
            "",
        ),
        (&boss, "PUT", "/iam/aup", Value::Null, 405, ""),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("cookie", session(who))
            .header("content-type", "application/json")
            .body(carnet_stage::Body::from(body.to_string()))
            .unwrap();
        let answer = bench.send(request).await;
        assert_eq!(
            answer.status, status,
            "{method} {path} {body}: {}",
            answer.body
        );
        assert!(
            answer.body.contains(says),
            "{method} {path} {body}: {}",
            answer.body
        );
    }
    // The new one is for everybody, who signed the old one too.
    assert_eq!(sent(&boss.get(&bench, ASK).await), "/iam/aup/sign");
    assert_eq!(sent(&ann.get(&bench, ASK).await), "/iam/aup/sign");
    assert_eq!(boss.get(&bench, "/iam/aup/signature").await.status, 404);
    boss.post(&bench, "/iam/aup/sign", &[]).await;
    assert_eq!(boss.get(&bench, "/iam/aup/signature").await.status, 200);
}

//! Rules of a real IAM that no recorded row holds: which fault is told when there are two, and what an exception inside
//! looks like (issuer page §2.0, §2.5, §2.6, §2.10).
#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod common;

use common::{Answer, Bench, Browser, basic};

const WORLD: &str = r#"
token_profile = "wlcg"
clients = [
  { client_id = "short", client_secret = "s", grant_types = ["password", "refresh_token"], scope = ["openid", "offline_access", "storage.read:/"], refresh_token_validity_seconds = 10 },
  { client_id = "other", client_secret = "s", grant_types = ["refresh_token"], scope = ["openid"] },
  { client_id = "never", client_secret = "s", grant_types = ["password"], scope = ["openid"] },
  { client_id = "web", client_secret = "s", grant_types = ["authorization_code"], scope = ["openid", "storage.read:/"], redirect_uris = ["https://web.example/cb"] },
  { client_id = "odd", client_secret = "s", grant_types = ["password"], scope = ["openid", "a..b"] },
  { client_id = "old", client_secret = "s", scope = ["iam", "storage.read:/"] },
]
users = [{ username = "ann" }]
scope_policies = [{ rule = "PERMIT" }, { rule = "DENY", matching = "PATH", scopes = ["storage.modify:/"] }]
"#;

fn world(compat: &str) -> Bench {
    Bench::from_toml(&format!("compat = \"{compat}\"\n{WORLD}"))
}

const PERSON: [(&str, &str); 3] = [
    ("grant_type", "password"),
    ("username", "ann"),
    ("password", "password"),
];

fn told(answer: &Answer) -> (u16, String, String) {
    let text = answer.text("error_description");
    let text = text.split(':').next().unwrap_or_default();
    (answer.status, answer.text("error"), text.to_owned())
}

#[tokio::test]
async fn q_21_an_expired_refresh_token_is_told_after_scope_and_grant_and_before_its_owner() {
    for compat in ["iam-1.12", "iam-1.7"] {
        for (client, scope, want) in [
            (
                "short",
                "nope",
                (
                    400,
                    "invalid_scope",
                    "Scope 'nope' not allowed for client 'short'",
                ),
            ),
            (
                "never",
                "",
                (401, "invalid_client", "Unauthorized grant type"),
            ),
            ("other", "", (401, "invalid_token", "Invalid refresh token")),
            ("short", "", (401, "invalid_token", "Invalid refresh token")),
        ] {
            let bench = world(compat);
            let form = [PERSON.as_slice(), &[("scope", "openid offline_access")]].concat();
            let given = bench.token("short", "s", &form).await.text("refresh_token");
            bench.advance(11);
            let form = [
                ("grant_type", "refresh_token"),
                ("refresh_token", given.as_str()),
                ("scope", scope),
            ];
            let (status, error, text) = told(&bench.token(client, "s", &form).await);
            assert_eq!(
                (status, error.as_str(), text.as_str()),
                want,
                "{compat} {client} {scope}"
            );
        }
    }
}

#[tokio::test]
async fn q_09_two_dots_at_authorize_are_an_exception_which_a_page_tells() {
    for compat in ["iam-1.12", "iam-1.7"] {
        let bench = Bench::from_toml(&format!(
            "compat = \"{compat}\"\n{}",
            WORLD.replace(
                r#", { rule = "DENY", matching = "PATH", scopes = ["storage.modify:/"] }"#,
                ""
            )
        ));
        let mut browser = Browser::login(&bench, "ann", "password").await;
        let path = "/authorize?response_type=code&client_id=web&redirect_uri=https://web.example/cb&scope=storage.read:/x/..";
        let answer = browser.get(&bench, path).await;
        assert_eq!(answer.status, 500, "{compat}");
        assert_eq!(answer.header("location"), None);
        assert!(
            answer
                .header("content-type")
                .unwrap()
                .starts_with("text/html")
        );
    }
}

#[tokio::test]
async fn a_scope_that_breaks_a_path_policy_has_a_word_of_its_own_since_1_12() {
    for (compat, want) in [
        (
            "iam-1.12",
            (400, "invalid_scope", "Misspelled storage.modify"),
        ),
        (
            "iam-1.7",
            (
                500,
                "server_error",
                "Scope contains relative path references",
            ),
        ),
    ] {
        let bench = world(compat);
        let form = [PERSON.as_slice(), &[("scope", "openid a..b")]].concat();
        let (status, error, text) = told(&bench.token("odd", "s", &form).await);
        assert_eq!((status, error.as_str(), text.as_str()), want, "{compat}");
    }
}

#[tokio::test]
async fn a_token_that_fits_no_header_is_told_in_the_body_only() {
    let bench = world("iam-1.12");
    for length in [100, 10_000] {
        let token = "x".repeat(length);
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token.as_str()),
        ];
        let answer = bench.token("short", "s", &form).await;
        assert_eq!(answer.status, 401);
        assert!(answer.text("error_description").contains(&token));
        let challenge = answer.header("www-authenticate").unwrap();
        assert_eq!(challenge.contains(&token), length == 100);
        assert!(challenge.starts_with(r#"Bearer error="invalid_token""#));
        assert!(challenge.len() < 8_192);
    }
}

#[tokio::test]
async fn q_50_is_about_the_wlcg_claim_set_only() {
    for compat in ["iam-1.12", "iam-1.7"] {
        let bench = world(compat);
        let form = [
            ("grant_type", "client_credentials"),
            ("scope", "storage.read:/"),
        ];
        let token = bench.token("old", "s", &form).await.text("access_token");
        let own = basic("old", "s");
        let answer = bench
            .call(
                "POST",
                "/introspect",
                Some(&[("token", token.as_str())]),
                &[("authorization", &own)],
            )
            .await;
        assert_eq!(
            (answer.status, answer.json()["active"].as_bool()),
            (200, Some(true)),
            "{compat}"
        );
        assert_eq!(answer.json()["sub"], "old");
    }
}

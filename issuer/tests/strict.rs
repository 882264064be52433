//! What the RFCs say and IAM does not do: a strict issuer's answers, one line a case.
#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod common;

use common::{Answer, Bench, Browser, EXCHANGE, basic, claims, query};
use serde_json::Value;

const WORLD: &str = r#"
compat = "strict"
clients = [
  { client_id = "web", client_secret = "secret", grant_types = ["authorization_code", "refresh_token", "client_credentials", "password", "token-exchange"], scope = ["openid", "offline_access", "storage.read:/"], redirect_uris = ["https://web.example/cb"] },
]
users = [{ username = "ann", uuid = "ann-1" }]
"#;

async fn person(bench: &Bench, scope: &str) -> Value {
    let form = [
        ("grant_type", "password"),
        ("username", "ann"),
        ("password", "password"),
        ("scope", scope),
    ];
    bench.token("web", "secret", &form).await.json()
}

fn told(answer: &Answer) -> (u16, String, String) {
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    (
        answer.status,
        answer.text("error"),
        challenge.split(',').next().unwrap_or_default().to_owned(),
    )
}

#[tokio::test]
async fn rfc_6749_client_authentication_at_the_token_endpoint() {
    let bench = Bench::from_toml(WORLD);
    let own = basic("web", "secret");
    for (source, form, want) in [
        (
            "2.3 two ways",
            "client_id=web&client_secret=secret",
            (400, "invalid_request", ""),
        ),
        (
            "2.3 two ways, another secret",
            "client_secret=x",
            (400, "invalid_request", ""),
        ),
        (
            "5.2 another client",
            "client_id=x",
            (401, "invalid_client", r#"Basic realm="iam.example""#),
        ),
        (
            "3.3 a tab in a scope",
            "scope=storage.read:/%09openid",
            (400, "invalid_scope", ""),
        ),
        (
            "3.3 two blanks between scopes",
            "scope=openid++storage.read:/",
            (200, "", ""),
        ),
    ] {
        let pairs: Vec<(String, String)> = form_urlencoded::parse(form.as_bytes())
            .into_owned()
            .collect();
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        let answer = bench
            .call("POST", "/token", Some(&form), &[("authorization", &own)])
            .await;
        let (status, error, challenge) = told(&answer);
        assert_eq!(
            (status, error.as_str(), challenge.as_str()),
            want,
            "{source}"
        );
    }
}

#[tokio::test]
async fn rfc_6750_a_token_at_userinfo() {
    let bench = Bench::from_toml(WORLD);
    let good = person(&bench, "openid").await["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let poor = person(&bench, "storage.read:/").await["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let realm = r#"Bearer realm="openidconnect""#;
    for (source, path, token, want) in [
        ("2.1", String::new(), good.as_str(), (200, "", "")),
        (
            "2 two ways",
            format!("?access_token={good}"),
            good.as_str(),
            (400, "invalid_request", ""),
        ),
        (
            "3.1 nothing sent",
            String::new(),
            "",
            (401, "unauthorized", realm),
        ),
        (
            "3.1 unusable",
            String::new(),
            "x",
            (401, "invalid_token", realm),
        ),
        (
            "3.1 not enough",
            String::new(),
            poor.as_str(),
            (403, "insufficient_scope", realm),
        ),
    ] {
        let bearer = format!("Bearer {token}");
        let sent = [("authorization", bearer.as_str())];
        let sent = if token.is_empty() {
            &sent[..0]
        } else {
            &sent[..]
        };
        let answer = bench
            .call("GET", &format!("/userinfo{path}"), None, sent)
            .await;
        let (status, error, challenge) = told(&answer);
        assert_eq!(
            (status, error.as_str(), challenge.as_str()),
            want,
            "{source}"
        );
        let whole = answer.header("www-authenticate").unwrap_or_default();
        assert_eq!(
            whole.contains("error="),
            want.0 == 403 || error == "invalid_token",
            "{source}"
        );
    }
}

#[tokio::test]
async fn rfc_7662_and_7009_tokens_go_in_bodies_and_members_are_the_rfcs() {
    let bench = Bench::from_toml(WORLD);
    let given = person(&bench, "openid offline_access").await;
    let own = basic("web", "secret");
    let refresh = given["refresh_token"].as_str().unwrap();
    for path in ["/introspect", "/revoke"] {
        let get = format!("{path}?token={refresh}");
        let answer = bench
            .call("GET", &get, None, &[("authorization", &own)])
            .await;
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, Some("POST")),
            "{path}"
        );
    }
    let answer = bench
        .call(
            "POST",
            "/introspect",
            Some(&[("token", refresh)]),
            &[("authorization", &own)],
        )
        .await;
    let body = answer.json();
    let names: Vec<&str> = body
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        names.join(" "),
        "active scope client_id username exp sub iss"
    );
}

#[tokio::test]
async fn rfc_8693_types_of_tokens() {
    let bench = Bench::from_toml(WORLD);
    let given = person(&bench, "storage.read:/").await;
    let subject = given["access_token"].as_str().unwrap();
    for (name, kind, status) in [
        ("subject_token_type", "access_token", 200),
        ("subject_token_type", "jwt", 200),
        ("subject_token_type", "saml2", 400),
        ("requested_token_type", "access_token", 200),
        ("requested_token_type", "refresh_token", 400),
    ] {
        let kind = format!("urn:ietf:params:oauth:token-type:{kind}");
        let form = [
            ("grant_type", EXCHANGE),
            ("subject_token", subject),
            ("scope", "storage.read:/"),
            (name, kind.as_str()),
        ];
        let answer = bench.token("web", "secret", &form).await;
        assert_eq!(answer.status, status, "{name} {kind}");
    }
}

#[tokio::test]
async fn oidc_core_3_1_2_1_when_a_person_must_log_in_again() {
    let bench = Bench::from_toml(WORLD);
    let mut browser = Browser::login(&bench, "ann", "password").await;
    let ask = "/authorize?response_type=code&client_id=web&redirect_uri=https://web.example/cb&scope=openid";
    let form = [("username", "ann"), ("password", "password")];
    for (source, more, later, again) in [
        ("nothing asked", "", 0, false),
        ("prompt=login", "&prompt=login", 0, true),
        ("prompt=login, once more", "&prompt=login", 0, true),
        ("max_age that holds", "&max_age=60", 60, false),
        ("max_age that has passed", "&max_age=60", 61, true),
        ("max_age=0", "&max_age=0", 1, true),
    ] {
        bench.advance(later);
        let path = format!("{ask}{more}");
        let answer = browser.get(&bench, &path).await;
        if again {
            assert_eq!(
                answer.header("location"),
                Some("https://iam.example/login"),
                "{source}"
            );
            let answer = browser.post(&bench, "/login", &form).await;
            let back = answer.header("location").unwrap().to_owned();
            assert_eq!(back, format!("https://iam.example{path}"), "{source}");
        }
        assert_eq!(browser.get(&bench, &path).await.status, 200, "{source}");
    }
    bench.advance(100);
    let silent = browser
        .get(&bench, &format!("{ask}&max_age=60&prompt=none"))
        .await;
    let error = query(silent.header("location").unwrap(), "error");
    assert_eq!(error.as_deref(), Some("login_required"));
}

#[tokio::test]
async fn oidc_core_6_request_objects_are_refused_as_the_metadata_says() {
    let bench = Bench::from_toml(WORLD);
    let mut browser = Browser::login(&bench, "ann", "password").await;
    let ask = "/authorize?response_type=code&client_id=web&redirect_uri=https://web.example/cb&scope=openid";
    for (name, want) in [
        ("request", "request_not_supported"),
        ("request_uri", "request_uri_not_supported"),
    ] {
        let answer = browser.get(&bench, &format!("{ask}&{name}=x")).await;
        let error = query(answer.header("location").unwrap(), "error");
        assert_eq!(error.as_deref(), Some(want));
    }
    assert_eq!(bench.call("PUT", ask, None, &[]).await.status, 405);
}

#[tokio::test]
async fn rfc_7591_registrations_that_make_no_sense_are_told_why() {
    let bench = Bench::from_toml(WORLD);
    for (body, error, why) in [
        (
            r#"{"redirect_uris":["javascript:alert(1)"]}"#,
            "invalid_redirect_uri",
            "absolute",
        ),
        (
            r#"{"redirect_uris":"https://x/"}"#,
            "invalid_client_metadata",
            "redirect_uris",
        ),
        (
            r#"{"grant_types":[1]}"#,
            "invalid_client_metadata",
            "grant_types",
        ),
        (r#"{"scope":["a"]}"#, "invalid_client_metadata", "scope"),
        ("[]", "invalid_client_metadata", "JSON object"),
    ] {
        let request = http::Request::post("/iam/api/client-registration")
            .header("content-type", "application/json")
            .body(carnet_stage::Body::from(body.to_owned()));
        let answer = bench.send(request.unwrap()).await;
        assert_eq!(
            (answer.status, answer.text("error").as_str()),
            (400, error),
            "{body}"
        );
        assert!(
            answer.text("error_description").contains(why),
            "{body}: {}",
            answer.body
        );
    }
}

#[tokio::test]
async fn oidc_core_2_auth_time_for_clients_that_require_it() {
    let world = WORLD.replace("scope = [", "require_auth_time = true, scope = [");
    for compat in ["strict", "iam-1.12", "iam-1.7"] {
        let bench = Bench::from_toml(&world.replace("\"strict\"", &format!("\"{compat}\"")));
        let given = person(&bench, "openid").await;
        let time = claims(given["id_token"].as_str().unwrap())["auth_time"].clone();
        assert_eq!(time, 1_800_000_000, "{compat}");
    }
}

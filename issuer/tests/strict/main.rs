//! What the RFCs say and IAM does not do: a strict issuer's answers, one line a case.
#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod browser;
#[path = "../common/mod.rs"]
mod common;

use common::asks::By;
use common::{Answer, Bench, EXCHANGE, basic, claims};
use serde_json::Value;

const WORLD: &str = r#"
compat = "strict"
clients = [
  { client_id = "web", client_secret = "secret", grant_types = ["authorization_code", "refresh_token", "client_credentials", "password", "token-exchange"], scope = ["openid", "offline_access", "storage.read:/"], redirect_uris = ["https://web.example/cb"] },
]
users = [{ username = "ann", uuid = "ann-1" }]
"#;

const WEB: By<'_> = ("web", "secret");

async fn person(bench: &Bench, scope: &str) -> Value {
    bench.password(WEB, "ann", &[("scope", scope)]).await.json()
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
    let twice = [
        ("authorization", own.as_str()),
        ("authorization", own.as_str()),
    ];
    let form = [("grant_type", "client_credentials")];
    let answer = bench.call("POST", "/token", Some(&form), &twice).await;
    assert_eq!(answer.told(), "400 invalid_request", "2.3 two headers");
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
            (400, "invalid_request", realm),
        ),
        (
            "2.3 two in the query",
            format!("?access_token={good}&access_token={good}"),
            "",
            (400, "invalid_request", realm),
        ),
        (
            "2.1 a scheme alone",
            String::new(),
            " ",
            (400, "invalid_request", realm),
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
            want.0 != 200 && error != "unauthorized",
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
        (
            r#"{"scope":["a"],"redirect_uris":["https://x/"]}"#,
            "invalid_client_metadata",
            "scope",
        ),
        ("[]", "invalid_client_metadata", "JSON object"),
        ("{}", "invalid_redirect_uri", "redirect URI"),
        (
            r#"{"client_name":7,"redirect_uris":["https://x/"]}"#,
            "invalid_client_metadata",
            "client_name",
        ),
        (
            r#"{"jwks_uri":"https://x/jwk","redirect_uris":["https://x/"]}"#,
            "invalid_client_metadata",
            "not fetched",
        ),
        (
            r#"{"jwks":{"keys":[]},"jwks_uri":"https://x/jwk","redirect_uris":["https://x/"]}"#,
            "invalid_client_metadata",
            "both",
        ),
        (
            r#"{"token_endpoint_auth_method":"private_key_jwt","redirect_uris":["https://x/"]}"#,
            "invalid_client_metadata",
            "needs jwks",
        ),
        (
            r#"{"jwks":"x","redirect_uris":["https://x/"]}"#,
            "invalid_client_metadata",
            "Key Set",
        ),
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
async fn rfc_7592_what_an_update_may_say_and_what_every_answer_tells() {
    let bench = Bench::from_toml(WORLD);
    let path = "/iam/api/client-registration";
    let send = async |method: &str, path: &str, token: &str, body: &str| {
        let mut request = http::Request::builder().method(method).uri(path);
        request = request.header("content-type", "application/json");
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = carnet_stage::Body::from(body.to_owned());
        bench.send(request.body(body).unwrap()).await
    };
    let good = r#""client_name":"mine","redirect_uris":["https://x/"]"#;
    let made = send("POST", path, "", &format!("{{{good}}}")).await;
    let (id, secret) = (made.text("client_id"), made.text("client_secret"));
    let token = made.text("registration_access_token");
    let own = format!("{path}/{id}");
    let answer = send("GET", &own, "", "").await;
    assert_eq!(
        told(&answer),
        (
            401,
            "unauthorized".into(),
            r#"Bearer realm="openidconnect""#.into()
        ),
        "RFC 6750 3.1: nothing was sent"
    );
    for (more, want) in [
        (String::new(), "200"),
        (
            format!(r#","client_id":"{id}","client_secret":"{secret}""#),
            "200",
        ),
        (
            r#","client_id":"another""#.into(),
            "400 client_id is another",
        ),
        (
            r#","client_secret":"chosen""#.into(),
            "400 client_secret cannot",
        ),
        (
            r#","registration_access_token":"x""#.into(),
            "400 registration_access_token is not",
        ),
        (
            r#","client_id_issued_at":0"#.into(),
            "400 client_id_issued_at is not",
        ),
    ] {
        let answer = send("PUT", &own, &token, &format!("{{{good}{more}}}")).await;
        let text = answer.text("error_description");
        let have = format!("{} {text}", answer.status);
        assert!(have.starts_with(want), "{more}: {have}");
    }
    let read = send("GET", &own, &token, "").await;
    assert_eq!(
        read.text("registration_access_token"),
        token,
        "3: it is told each time"
    );
    let public = format!(r#"{{{good},"token_endpoint_auth_method":"none"}}"#);
    let answer = send("PUT", &own, &token, &public).await.json();
    let said = ["client_secret", "client_secret_expires_at"].map(|name| answer.get(name).is_some());
    assert_eq!(
        said,
        [false, false],
        "RFC 7591 3.2.1: no secret, no end of it"
    );
}

#[tokio::test]
async fn rfc_6749_3_2_an_empty_parameter_is_an_absent_one() {
    let bench = Bench::from_toml(WORLD);
    let form = [
        ("grant_type", "password"),
        ("username", "ann"),
        ("password", "password"),
        ("scope", "openid offline_access"),
        ("audience", "https://se1.example"),
    ];
    let refresh = bench
        .token("web", "secret", &form)
        .await
        .text("refresh_token");
    for (name, value) in [
        ("aud", ""),
        ("audience", ""),
        ("resource", ""),
        ("scope", ""),
    ] {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.as_str()),
            (name, value),
        ];
        let answer = bench.token("web", "secret", &form).await;
        let claims = answer.claims();
        assert_eq!(
            claims["aud"], "https://se1.example",
            "{name}: {}",
            answer.body
        );
        assert_eq!(claims["scope"], "openid offline_access", "{name}");
    }
}

#[tokio::test]
async fn rfc_7662_2_1_who_proves_nothing_cannot_introspect() {
    let world = WORLD.replace(
        "clients = [",
        r#"clients = [{ client_id = "app", token_endpoint_auth_method = "none" },"#,
    );
    let bench = Bench::from_toml(&world);
    let given = person(&bench, "openid").await;
    let token = given["access_token"].as_str().unwrap();
    let own = basic("web", "secret");
    let own: &[(&str, &str)] = &[("authorization", &own)];
    let app = ("client_id", "app");
    let at = ("token", token);
    for (path, form, head, want) in [
        ("/introspect", &[at][..], own, 200),
        ("/introspect", &[at, app], &[], 401),
        ("/introspect", &[at, at], own, 400),
        ("/introspect", &[("token", "")], own, 400),
        ("/revoke", &[at, at], own, 400),
        ("/revoke", &[("token", "")], own, 400),
    ] {
        let answer = bench.call("POST", path, Some(form), head).await;
        assert_eq!(answer.status, want, "{path} {}", answer.body);
    }
}

#[tokio::test]
async fn rfc_3986_paths_in_scopes_have_no_other_characters() {
    let bench = Bench::from_toml(WORLD);
    for (path, want) in [
        ("/a:b@c;d=e,f!g$h&i'(j)*k~l-m.n_o", 200),
        ("/a%20b", 200),
        ("/a?b", 400),
        ("/a#b", 400),
        ("/a[b]", 400),
        ("/a{b}", 400),
        ("/a<b>", 400),
        ("/a|b", 400),
        ("/a^b", 400),
        ("/a`b", 400),
    ] {
        let scope = format!("storage.read:{path}");
        let form = [("grant_type", "client_credentials"), ("scope", &scope)];
        let answer = bench.token("web", "secret", &form).await;
        assert_eq!(answer.status, want, "CAP-3 {path}: {}", answer.body);
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

//! Bad input: a strict issuer answers each with the documented error, never with a 5xx, and repeats no secret.
#![allow(clippy::unwrap_used, reason = "a test reads its own data")]

mod common;

use carnet_stage::Body;
use common::{Bench, Browser, EXCHANGE, basic};
use http::Request;

const WORLD: &str = r#"
algorithm = "ES256"
groups = [{ name = "vo", uuid = "g-vo" }]
users = [{ username = "ann", uuid = "ann-1" }, { username = "boss", admin = true }]
clients = [
  { client_id = "sync", client_secret = "s3cret", scope = ["scim:read", "scim:write"] },
  { client_id = "a", client_secret = "s3cret", grant_types = ["client_credentials", "password", "refresh_token", "authorization_code", "device_code", "token-exchange"], scope = ["openid", "offline_access", "storage.read:/"], redirect_uris = ["https://app.example/cb"] },
]
"#;

const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn malformed_token_requests() {
    let bench = Bench::from_toml(WORLD);
    let auth = basic("a", "s3cret");
    let long = format!(
        "grant_type=client_credentials&scope={}",
        "x".repeat(2 << 20)
    );
    for (name, kind, auth, body, want) in [
        ("empty body", FORM, auth.as_str(), "", "400 invalid_request"),
        (
            "no grant",
            FORM,
            &auth,
            "scope=openid",
            "400 invalid_request",
        ),
        (
            "empty grant",
            FORM,
            &auth,
            "grant_type=",
            "400 invalid_request",
        ),
        (
            "JSON",
            "application/json",
            &auth,
            r#"{"grant_type":"client_credentials"}"#,
            "400 invalid_request",
        ),
        (
            "text",
            "text/plain",
            &auth,
            "grant_type=client_credentials",
            "400 invalid_request",
        ),
        (
            "multipart without boundary",
            "multipart/form-data",
            &auth,
            "--x",
            "400 invalid_request",
        ),
        (
            "repeated grant",
            FORM,
            &auth,
            "grant_type=client_credentials&grant_type=password",
            "400 invalid_request",
        ),
        (
            "repeated scope",
            FORM,
            &auth,
            "grant_type=client_credentials&scope=a&scope=b",
            "400 invalid_request",
        ),
        ("too long", FORM, &auth, &long, "413 invalid_request"),
        (
            "not UTF-8",
            FORM,
            &auth,
            "grant_type=client_credentials&scope=%ff%fe",
            "400 invalid_scope",
        ),
        (
            "NUL in scope",
            FORM,
            &auth,
            "grant_type=client_credentials&scope=%00",
            "400 invalid_scope",
        ),
        (
            "relative path",
            FORM,
            &auth,
            "grant_type=client_credentials&scope=storage.read:a",
            "400 invalid_scope",
        ),
        (
            "no path",
            FORM,
            &auth,
            "grant_type=client_credentials&scope=storage.read",
            "400 invalid_scope",
        ),
        (
            "encoded dots",
            FORM,
            &auth,
            "grant_type=client_credentials&scope=storage.read:/%252e%252e",
            "400 invalid_scope",
        ),
        (
            "resource no URI",
            FORM,
            &auth,
            "grant_type=client_credentials&resource=foo",
            "400 invalid_target",
        ),
        (
            "resource with fragment",
            FORM,
            &auth,
            "grant_type=client_credentials&resource=https://a%23b",
            "400 invalid_target",
        ),
        (
            "no refresh token",
            FORM,
            &auth,
            "grant_type=refresh_token",
            "400 invalid_request",
        ),
        (
            "refresh garbage",
            FORM,
            &auth,
            "grant_type=refresh_token&refresh_token=eyJhbGciOiJub25lIn0.e30.",
            "400 invalid_grant",
        ),
        (
            "no code",
            FORM,
            &auth,
            "grant_type=authorization_code",
            "400 invalid_request",
        ),
        (
            "code garbage",
            FORM,
            &auth,
            "grant_type=authorization_code&code=%00",
            "400 invalid_grant",
        ),
        (
            "no device code",
            FORM,
            &auth,
            "grant_type=urn:ietf:params:oauth:grant-type:device_code",
            "400 invalid_request",
        ),
        (
            "an empty code is none",
            FORM,
            &auth,
            "grant_type=authorization_code&code=",
            "400 invalid_request",
        ),
        (
            "an empty refresh token is none",
            FORM,
            &auth,
            "grant_type=refresh_token&refresh_token=",
            "400 invalid_request",
        ),
        (
            "an empty resource is none",
            FORM,
            &auth,
            "grant_type=client_credentials&scope=openid&resource=",
            "200",
        ),
        (
            "no user name",
            FORM,
            &auth,
            "grant_type=password&password=password",
            "400 invalid_request",
        ),
        (
            "no password",
            FORM,
            &auth,
            "grant_type=password&username=ann",
            "400 invalid_request",
        ),
        (
            "Basic not base64",
            FORM,
            "Basic !!!",
            "grant_type=client_credentials",
            "401 invalid_client",
        ),
        (
            "Basic no colon",
            FORM,
            "Basic YQ==",
            "grant_type=client_credentials",
            "401 invalid_client",
        ),
        (
            "Basic empty",
            FORM,
            "Basic ",
            "grant_type=client_credentials",
            "401 invalid_client",
        ),
        (
            "Bearer",
            FORM,
            "Bearer x",
            "grant_type=client_credentials",
            "401 invalid_client",
        ),
        (
            "assertion garbage",
            FORM,
            "",
            "grant_type=client_credentials&client_assertion=x.y.z&client_assertion_type=z",
            "401 invalid_client",
        ),
    ] {
        let mut request = Request::post("/token").header("content-type", kind);
        if !auth.is_empty() {
            request = request.header("authorization", auth);
        }
        let answer = bench
            .send(request.body(Body::from(body.to_owned())).unwrap())
            .await;
        let error = answer.text("error");
        let have = if error.is_empty() {
            answer.status.to_string()
        } else {
            format!("{} {error}", answer.status)
        };
        assert_eq!(have, want, "{name}: {}", answer.body);
        assert!(
            !answer.body.contains("s3cret") && !answer.body.contains("eyJhbGciOiJub25lIn0"),
            "{name}"
        );
        if answer.status == 401 {
            assert!(answer.header("www-authenticate").is_some(), "{name}");
        }
    }
}

#[tokio::test]
async fn malformed_subject_tokens() {
    let bench = Bench::from_toml(WORLD);
    let good = bench
        .token(
            "a",
            "s3cret",
            &[
                ("grant_type", "client_credentials"),
                ("scope", "storage.read:/"),
            ],
        )
        .await;
    let good = good.text("access_token");
    let (head, rest) = good.split_once('.').unwrap();
    for token in [
        String::new(),
        "x".into(),
        "a.b".into(),
        "a.b.c.d".into(),
        format!("{head}.{rest}x"),
        format!("{head}..{}", rest.split_once('.').unwrap().1),
        good.replace('.', "\u{0}"),
        "eyJ".repeat(5000),
    ] {
        let form = [
            ("grant_type", EXCHANGE),
            ("subject_token", token.as_str()),
            ("scope", "storage.read:/"),
        ];
        let answer = bench.token("a", "s3cret", &form).await;
        assert_eq!(
            (answer.status, answer.text("error").as_str()),
            (400, "invalid_request"),
            "{}",
            answer.body
        );
        assert!(
            token.len() < 4 || !answer.body.contains(&token),
            "the token comes back"
        );
    }
}

#[tokio::test]
async fn malformed_registrations() {
    let bench = Bench::from_toml(WORLD);
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    for (body, want) in [
        ("", 400),
        ("{", 400),
        ("[]", 400),
        ("null", 400),
        (deep.as_str(), 400),
        (r#"{"grant_types":"client_credentials"}"#, 400),
        (r#"{"grant_types":["magic"]}"#, 400),
        (r#"{"grant_types":["authorization_code"]}"#, 400),
        (r#"{"redirect_uris":["not a uri"]}"#, 400),
        (r#"{"token_endpoint_auth_method":"mtls"}"#, 400),
        (
            r#"{"client_name":"ok","grant_types":["urn:ietf:params:oauth:grant-type:device_code"]}"#,
            201,
        ),
    ] {
        let request = Request::post("/iam/api/client-registration")
            .header("content-type", "application/json");
        let answer = bench
            .send(request.body(Body::from(body.to_owned())).unwrap())
            .await;
        assert_eq!(answer.status, want, "{body:.60}: {}", answer.body);
    }
}

/// A small generator of pseudo-random numbers, so that a failure repeats.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

#[tokio::test]
async fn whatever_is_sent_a_strict_issuer_never_fails() {
    let bench = Bench::from_toml(WORLD);
    let paths = [
        "/token",
        "/authorize",
        "/devicecode",
        "/device",
        "/device/verify",
        "/device/approve",
        "/introspect",
        "/revoke",
        "/userinfo",
        "/jwk",
        "/login",
        "/iam/aup/sign",
        "/iam/api/client-registration",
        "/iam/api/client-registration/x",
        "/scim/Me",
        "/scim/Users",
        "/scim/Users/ann-1",
        "/scim/Groups",
        "/scim/Groups/g-vo",
        "/scim/Groups/g-vo/members",
        "/iam/aup",
        "/iam/scope_policies",
        "/iam/scope_policies/1",
        "/iam/api/exchange/policies",
        "/iam/api/exchange/policies/1",
        "/iam/api/clients",
        "/iam/api/clients/a/disable",
        "/openid_connect_login",
        "/start-registration",
        "/.well-known/webfinger",
        "/.well-known/openid-configuration",
        "/token;x=y",
        "//token",
        "/%00",
        "/nothing",
    ];
    let seeds = [
        "grant_type=client_credentials&scope=storage.read:/a&audience=https://a.example",
        "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token=eyJhbGciOiJub25lIn0.e30.&scope=openid",
        "response_type=code&client_id=a&redirect_uri=https://app.example/cb&scope=openid&state=x&code_challenge=y",
        "token=eyJhbGciOiJub25lIn0.eyJqdGkiOiIwMCJ9.&token_type_hint=access_token",
        "username=ann&password=password",
        r#"{"client_name":"x","redirect_uris":["https://a/"],"scope":"openid"}"#,
        r#"{"operations":[{"op":"add","path":"members","value":[{"value":"ann-1"}]}]}"#,
        r#"{"userName":"eve","name":{"givenName":"E","familyName":"L"},"emails":[{"value":"e@x"}],"active":false}"#,
        r#"{"rule":"DENY","matchingPolicy":"REGEXP","scopes":["(a+)+$"],"account":{"uuid":"ann-1"}}"#,
        r#"{"rule":"PERMIT","originClient":{"type":"ANY"},"destinationClient":{"type":"BY_ID","matchParam":"a"},"scopePolicies":[{"rule":"DENY","type":"PATH","matchParam":"storage.read:/"}]}"#,
        "filter=userName eq \"ann\"&count=-1&startIndex=99999999999999999999",
        "client_assertion=eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJhIiwiZXhwIjoxZTQwMH0.AA&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&grant_type=client_credentials",
    ];
    let kinds = [
        FORM,
        "application/json",
        "application/scim+json",
        "multipart/form-data; boundary=x",
        "text/plain",
        "",
    ];
    let methods = ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"];
    let sync = bench.own(("sync", "s3cret"), &[]).await;
    let sync = format!("Bearer {}", sync.text("access_token"));
    let boss = Browser::login(&bench, "boss", "password").await;
    let cookies = [
        format!("JSESSIONID={}", boss.session()),
        "JSESSIONID=x; y".to_owned(),
    ];
    let auths = [
        sync,
        basic("a", "s3cret"),
        "Basic".into(),
        "Bearer".into(),
        "Bearer a.b.c".into(),
        String::new(),
    ];
    let mut chance = Chance(7);
    for round in 0..6000 {
        let mut body = seeds[chance.below(seeds.len())].as_bytes().to_vec();
        for _ in 0..chance.below(6) {
            let at = chance.below(body.len());
            match chance.below(4) {
                0 => body[at] = chance.below(256) as u8,
                1 => body.insert(at, b"%&=+ \0\"\\.:/"[chance.below(11)]),
                2 => body.truncate(at.max(1)),
                _ => body.extend_from_within(at..),
            }
        }
        let (method, path) = (
            methods[chance.below(methods.len())],
            paths[chance.below(paths.len())],
        );
        let mut request = Request::builder()
            .method(method)
            .header("cookie", &cookies[chance.below(2)]);
        let query =
            percent_encoding::percent_encode(&body, percent_encoding::NON_ALPHANUMERIC).to_string();
        request = if chance.below(3) == 0 {
            request.uri(format!("{path}?{query}"))
        } else {
            request.uri(path)
        };
        let auth = &auths[chance.below(auths.len())];
        if !auth.is_empty() {
            request = request.header("authorization", auth);
        }
        let kind = kinds[chance.below(kinds.len())];
        if !kind.is_empty() {
            request = request.header("content-type", kind);
        }
        let shown = format!(
            "{method} {path} {kind} {:?}",
            String::from_utf8_lossy(&body)
        );
        let answer = bench.send(request.body(Body::from(body)).unwrap()).await;
        assert!(
            answer.status < 500,
            "round {round}: {} for {shown}",
            answer.status
        );
    }
}

//! A person and a service at a home institute's identity provider: the way through, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

use std::net::SocketAddr;

use axum::Router;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use carnet_certs::Authority;
use carnet_idp::code::s256;
use carnet_idp::config::{ClientConfig, Config, UserConfig};
use carnet_profile::id_token::{Wanted, judge};
use carnet_profile::jose::{Jwks, Token};
use carnet_profile::keys::FixedKeys;
use carnet_stage::{
    Body, Chance, Clock, JournalOptions, Place, ServerOptions, Stage, StageOptions,
};
use http::Request;
use http_body_util::BodyExt as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tower_service::Service as _;

const IDP: &str = "https://idp.example";
const BACK: &str = "https://iam.example/back";
const VERIFIER: &str = "a-verifier-that-nobody-guesses";

struct Answer {
    status: u16,
    location: Option<url::Url>,
    cookie: Option<String>,
    challenge: Option<String>,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// What the redirect says.
    fn said(&self, name: &str) -> Option<String> {
        let url = self.location.as_ref()?;
        url.query_pairs()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.into_owned())
    }
}

struct Bench {
    router: Router,
    stage: Stage,
}

impl Bench {
    async fn new() -> Self {
        let user = |username: &str, active| UserConfig {
            username: username.into(),
            password: "right".into(),
            sub: Some(format!("{username}@institute.example")),
            given_name: Some("Ann".into()),
            family_name: Some("Lee".into()),
            email: Some("ann@institute.example".into()),
            active,
        };
        let client = |id: &str| ClientConfig {
            client_id: id.into(),
            client_secret: "secret".into(),
            client_name: Some("The organisation".into()),
            redirect_uris: vec![BACK.into()],
        };
        let config = Config {
            users: vec![user("ann", true), user("gone", false)],
            clients: vec![client("iam"), client("other")],
            ..Config::default()
        };
        let stage = Stage::new(StageOptions {
            chance: Chance::from_seed(1),
            unpredictable: false,
            clock: Clock::manual(Timestamp::from_second(1_800_000_000).unwrap()),
            journal: JournalOptions::default(),
            authority: Authority::new("test").unwrap(),
            extra_roots: Vec::new(),
            server: ServerOptions::default(),
        })
        .unwrap();
        let place = Place {
            name: "institute".into(),
            kind: "idp".into(),
            host: "idp.example".into(),
            port: None,
            addr: SocketAddr::from(([127, 0, 0, 1], 1)),
            external: false,
        };
        let actor = stage.actor(&place, SignedDuration::ZERO);
        let router = carnet_idp::start(actor, config).await.unwrap();
        Self { router, stage }
    }

    async fn ask(
        &self,
        method: &str,
        path: &str,
        form: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Answer {
        let encoded = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let (uri, body) = if method == "GET" && !form.is_empty() {
            (format!("{path}?{encoded}"), Body::empty())
        } else {
            (path.to_owned(), Body::from(encoded))
        };
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response: Response = self
            .router
            .clone()
            .call(request.body(body).unwrap())
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        let header = |name: &str| {
            parts
                .headers
                .get(name)
                .map(|v| v.to_str().unwrap().to_owned())
        };
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status.as_u16(),
            location: header("location").map(|to| url::Url::parse(&to).unwrap()),
            cookie: header("set-cookie").map(|c| c.split(';').next().unwrap().to_owned()),
            challenge: header("www-authenticate"),
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    async fn authorize(&self, change: &[(&str, &str)], cookie: &str) -> Answer {
        let challenge = s256(VERIFIER);
        let mut asked = vec![
            ("response_type", "code"),
            ("client_id", "iam"),
            ("redirect_uri", BACK),
            ("scope", "openid profile email"),
            ("state", "st"),
            ("nonce", "no"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in change {
            asked.retain(|(n, _)| n != name);
            asked.push((name, value));
        }
        self.ask("GET", "/authorize", &asked, &[("cookie", cookie)])
            .await
    }

    async fn log_in(&self, cookie: &str, name: &str, password: &str) -> Answer {
        let form = [("username", name), ("password", password)];
        self.ask("POST", "/login", &form, &[("cookie", cookie)])
            .await
    }

    /// A fresh code, and the cookie of the session that gave it.
    async fn code(&self) -> (String, String) {
        let cookie = self.authorize(&[], "").await.cookie.unwrap();
        let back = self.log_in(&cookie, "ann", "right").await;
        (back.said("code").unwrap(), back.cookie.unwrap())
    }

    async fn redeem(&self, client: &str, form: &[(&str, &str)]) -> Answer {
        let basic = format!("Basic {}", STANDARD.encode(client));
        self.ask("POST", "/token", form, &[("authorization", &basic)])
            .await
    }
}

#[tokio::test]
async fn a_person_logs_in_and_the_service_learns_who_it_is() {
    let bench = Bench::new().await;
    let page = bench.authorize(&[], "").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("The organisation") && page.body.contains("name=\"password\""));
    let before = page.cookie.unwrap();
    let back = bench.log_in(&before, "ann", "right").await;
    let to = back.location.clone().unwrap();
    assert_eq!((back.status, &to.as_str()[..BACK.len()]), (303, BACK));
    assert_eq!(back.said("state").as_deref(), Some("st"));
    assert_eq!(back.said("iss").as_deref(), Some(IDP), "RFC 9207");
    let code = back.said("code").unwrap();
    assert_ne!(
        back.cookie.as_deref(),
        Some(before.as_str()),
        "a login renews the session"
    );

    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", BACK),
        ("code_verifier", VERIFIER),
    ];
    let answer = bench.redeem("iam:secret", &form).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let given = answer.json();
    let token = Token::parse(given["id_token"].as_str().unwrap()).unwrap();
    let jwks = bench.ask("GET", "/jwks", &[], &[]).await;
    let mut keys = FixedKeys::new();
    assert!(
        keys.add(IDP, &Jwks::parse(jwks.body.as_bytes()).unwrap())
            .is_empty()
    );
    let wanted = Wanted {
        issuer: IDP,
        client_id: "iam",
        nonce: Some("no"),
    };
    let verdict = judge(&token, &keys, &wanted, 1_800_000_000);
    assert!(verdict.granted, "{verdict:?}");
    assert_eq!(token.claims.sub(), Some("ann@institute.example"));

    let bearer = format!("bearer {}", given["access_token"].as_str().unwrap());
    let info = bench
        .ask("GET", "/userinfo", &[], &[("authorization", &bearer)])
        .await
        .json();
    assert_eq!(info["sub"], "ann@institute.example");
    assert_eq!(
        (&info["name"], &info["email"]),
        (&"Ann Lee".into(), &"ann@institute.example".into())
    );

    // Twice is one time too many, and what the first use gave ends with it.
    let again = bench.redeem("iam:secret", &form).await;
    assert_eq!(
        (again.status, again.json()["error"].as_str()),
        (400, Some("invalid_grant"))
    );
    let info = bench
        .ask("GET", "/userinfo", &[], &[("authorization", &bearer)])
        .await;
    assert_eq!(
        (info.status, info.challenge.as_deref()),
        (401, Some(r#"Bearer error="invalid_token""#))
    );
}

#[tokio::test]
async fn what_a_session_is_good_for() {
    let bench = Bench::new().await;
    let (_, cookie) = bench.code().await;
    assert!(
        bench.authorize(&[], &cookie).await.said("code").is_some(),
        "nobody is asked twice"
    );
    assert!(
        bench
            .authorize(&[("prompt", "none")], &cookie)
            .await
            .said("code")
            .is_some()
    );
    assert_eq!(
        bench
            .authorize(&[("prompt", "login")], &cookie)
            .await
            .status,
        200
    );
    let (_, fresh) = bench.code().await;
    for (age, status) in [("60", 303), ("0", 200)] {
        let answer = bench.authorize(&[("max_age", age)], &fresh).await;
        assert_eq!(answer.status, status, "max_age={age}, at once");
    }
    let silent = bench.authorize(&[("prompt", "none")], "").await;
    assert_eq!(silent.said("error").as_deref(), Some("login_required"));

    let cookie = bench.authorize(&[], "").await.cookie.unwrap();
    for (name, password) in [
        ("ann", "wrong"),
        ("ann", ""),
        ("gone", "right"),
        ("nobody", "right"),
    ] {
        let page = bench.log_in(&cookie, name, password).await;
        assert_eq!(
            (page.status, page.location.is_none()),
            (200, true),
            "{name} {password}"
        );
        assert!(page.body.contains("Invalid username or password."));
    }
    let form = [("username", "ann"), ("cancel", "true")];
    let back = bench
        .ask("POST", "/login", &form, &[("cookie", &cookie)])
        .await;
    assert_eq!(back.said("error").as_deref(), Some("access_denied"));
    assert_eq!(
        bench
            .log_in(&back.cookie.unwrap(), "ann", "right")
            .await
            .status,
        400,
        "nothing waits any more"
    );
    assert_eq!(
        bench.log_in("", "ann", "right").await.status,
        400,
        "a form from elsewhere logs nobody in"
    );

    let (_, cookie) = bench.code().await;
    assert_eq!(
        bench
            .ask("GET", "/logout", &[], &[("cookie", &cookie)])
            .await
            .status,
        200
    );
    assert_eq!(
        bench.authorize(&[], &cookie).await.status,
        200,
        "out is out"
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_request_goes_to_whom_it_may() {
    let bench = Bench::new().await;
    for (change, want) in [
        (("redirect_uri", "https://evil.example/"), None),
        (("client_id", "nobody"), None),
        (
            ("response_type", "token"),
            Some("unsupported_response_type"),
        ),
        (("scope", "profile"), Some("invalid_scope")),
        (("code_challenge_method", "plain"), Some("invalid_request")),
    ] {
        let answer = bench.authorize(&[change], "").await;
        assert_eq!(answer.said("error").as_deref(), want, "{change:?}");
        assert_eq!(
            answer.status,
            if want.is_some() { 303 } else { 400 },
            "{change:?}"
        );
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_token_request() {
    let bench = Bench::new().await;
    let good = [
        ("grant_type", "authorization_code"),
        ("redirect_uri", BACK),
        ("code_verifier", VERIFIER),
    ];
    for (client, change, status, error) in [
        ("iam:wrong", ("x", "x"), 401, "invalid_client"),
        ("nobody:secret", ("x", "x"), 401, "invalid_client"),
        ("other:secret", ("x", "x"), 400, "invalid_grant"),
        (
            "iam:secret",
            ("grant_type", "password"),
            400,
            "unsupported_grant_type",
        ),
        ("iam:secret", ("grant_type", ""), 400, "invalid_request"),
        ("iam:secret", ("code", ""), 400, "invalid_request"),
        ("iam:secret", ("code", "guess"), 400, "invalid_grant"),
        (
            "iam:secret",
            ("redirect_uri", "https://iam.example/"),
            400,
            "invalid_grant",
        ),
        (
            "iam:secret",
            ("code_verifier", "guess"),
            400,
            "invalid_grant",
        ),
        ("iam:secret", ("code_verifier", ""), 400, "invalid_grant"),
        ("iam:secret", ("x", "x"), 200, ""),
    ] {
        let (code, _) = bench.code().await;
        let mut form = good.to_vec();
        form.push(("code", &code));
        form.retain(|(name, _)| *name != change.0);
        form.push(change);
        let answer = bench.redeem(client, &form).await;
        let said = answer.json()["error"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert_eq!(
            (answer.status, said.as_str()),
            (status, error),
            "{client} {change:?}"
        );
        if status == 401 {
            assert_eq!(
                answer.challenge.as_deref(),
                Some(r#"Basic realm="idp.example""#)
            );
        }
    }
    let (code, _) = bench.code().await;
    let mut twice = good.to_vec();
    twice.extend([("code", code.as_str()), ("code", "another")]);
    let answer = bench.redeem("iam:secret", &twice).await;
    assert_eq!(
        (answer.status, answer.json()["error"].as_str()),
        (400, Some("invalid_request")),
        "RFC 6749 3.2: nothing is there twice"
    );
    let again = bench.ask("GET", "/authorize?client_id=iam&client_id=iam", &[], &[]);
    assert!(again.await.body.contains("client_id more than once"));
    bench
        .stage
        .clock()
        .advance(std::time::Duration::from_secs(60));
    let mut form = good.to_vec();
    form.push(("code", &code));
    let late = bench.redeem("iam:secret", &form).await;
    assert_eq!(late.json()["error_description"], "The code has expired.");
}

#[tokio::test]
async fn visitors_who_never_log_in_are_forgotten_the_oldest_first() {
    let bench = Bench::new().await;
    let cookie = |answer: &Answer| {
        let all = answer.cookie.clone().unwrap();
        all.split(';').next().unwrap().to_owned()
    };
    let first = cookie(&bench.authorize(&[], "").await);
    let mut last = String::new();
    for _ in 0..5_000 {
        last = cookie(&bench.authorize(&[], "").await);
    }
    for (cookie, want) in [(first, 400), (last, 303)] {
        let answer = bench.log_in(&cookie, "ann", "right").await;
        assert_eq!(answer.status, want);
    }
}

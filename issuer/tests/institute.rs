//! Signing in with a home institute: the way through, and every answer of an institute that must not be believed
//! (OpenID Connect Core §3.1.3.7, RFC 6749 §10.12, RFC 9207).

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod common;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use carnet_profile::testing::{Draft, SigningKey, Way};
use common::{Answer, Bench, Browser, query};
use serde_json::{Map, Value, json};

const IDP: &str = "https://idp.example";
const BACK: &str = "/openid_connect_login";
const NOW: i64 = 1_800_000_000;

const WORLD: &str = r#"
organisation = "The VO"
users = [
  { username = "ann", uuid = "11111111-1111-4111-8111-111111111111", oidc_ids = [{ issuer = "https://idp.example", subject = "ann@lab" }] },
  { username = "bob", active = false, oidc_ids = [{ issuer = "https://idp.example", subject = "bob@lab" }] },
  { username = "eve", oidc_ids = [{ issuer = "https://other.example", subject = "eve@lab" }] },
]
clients = [{ client_id = "app", client_secret = "secret", grant_types = ["authorization_code"], redirect_uris = ["https://app.example/"],
             scope = ["openid"] }]
identity_providers = [{ name = "the Lab", issuer = "https://idp.example", client_id = "vo", client_secret = "vo secret" }]
"#;

/// What the institute's token endpoint says next.
#[derive(Clone)]
enum Says {
    /// These claims, signed like this.
    Claims(Value, Signed),
    /// This, with that status.
    Plain(u16, &'static str),
}

#[derive(Clone, Copy)]
enum Signed {
    Well,
    ByAnother,
    NotAtAll,
}

struct Institute {
    key: SigningKey,
    another: SigningKey,
    says: Mutex<Says>,
    /// `Authorization` and body of what was sent to its token endpoint.
    asked: Mutex<Vec<(String, String)>>,
}

type Shared = State<Arc<Institute>>;

async fn discovery() -> String {
    let at = |path: &str| format!("{IDP}/{path}");
    json!({ "issuer": IDP, "authorization_endpoint": at("authorize"), "token_endpoint": at("token"), "jwks_uri": at("jwks"),
            "userinfo_endpoint": at("userinfo") })
    .to_string()
}

async fn token(
    State(institute): Shared,
    headers: http::HeaderMap,
    body: String,
) -> (http::StatusCode, String) {
    let basic = headers
        .get("authorization")
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    institute.asked.lock().unwrap().push((basic, body));
    match institute.says.lock().unwrap().clone() {
        Says::Plain(status, text) => (http::StatusCode::from_u16(status).unwrap(), text.to_owned()),
        Says::Claims(claims, signed) => {
            let draft = Draft::new(claims.as_object().unwrap().clone()).header("kid", "k");
            let text = match signed {
                Signed::Well => draft
                    .header("alg", "ES256")
                    .sign(&institute.key, Way::Usual)
                    .unwrap(),
                Signed::ByAnother => draft
                    .header("alg", "ES256")
                    .sign(&institute.another, Way::Usual)
                    .unwrap(),
                Signed::NotAtAll => draft.header("alg", "none").with_signature(""),
            };
            (
                http::StatusCode::OK,
                json!({ "access_token": "opens", "token_type": "Bearer", "id_token": text })
                    .to_string(),
            )
        }
    }
}

async fn jwks(State(institute): Shared) -> String {
    json!({ "keys": [Value::Object(institute.key.jwk().members)] }).to_string()
}

async fn userinfo(State(institute): Shared) -> String {
    let Says::Claims(claims, _) = institute.says.lock().unwrap().clone() else {
        return String::new();
    };
    json!({ "sub": claims["sub"], "name": "Ann of the Lab", "email": "ann@lab.example" })
        .to_string()
}

struct World {
    bench: Bench,
    institute: Arc<Institute>,
}

impl World {
    async fn new(compat: &str) -> Self {
        let bench = Bench::from_toml(&format!("compat = \"{compat}\"\n{WORLD}"));
        let institute = Arc::new(Institute {
            key: SigningKey::p256("k").unwrap(),
            another: SigningKey::p256("k").unwrap(),
            says: Mutex::new(Says::Plain(500, "{}")),
            asked: Mutex::default(),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/token", post(token))
            .route("/jwks", get(jwks))
            .route("/userinfo", get(userinfo))
            .with_state(Arc::clone(&institute));
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let place = bench
            .stage
            .bind("institute", "idp", "idp.example", anywhere, true)
            .await
            .unwrap();
        bench.stage.open(&place, router).unwrap();
        Self { bench, institute }
    }

    fn say(&self, says: Says) {
        *self.institute.says.lock().unwrap() = says;
    }

    /// Goes to the institute: the address that the browser is sent to.
    async fn leave(&self, browser: &mut Browser) -> String {
        let sent = browser.get(&self.bench, &format!("{BACK}?iss={IDP}")).await;
        assert_eq!(sent.status, 302, "{}", sent.body);
        sent.header("location").unwrap().to_owned()
    }

    /// Comes back with a good code.
    async fn come_back(&self, browser: &mut Browser, to: &str) -> Answer {
        let state = query(to, "state").unwrap();
        browser
            .get(
                &self.bench,
                &format!("{BACK}?code=c0de&state={state}&iss={IDP}"),
            )
            .await
    }

    /// What the login page says after a sign-in that failed.
    async fn problem(&self, browser: &mut Browser, answer: &Answer) -> String {
        let to = answer.header("location").unwrap_or_default();
        assert!(to.ends_with("/login?error=true"), "{} {to}", answer.status);
        let page = browser.get(&self.bench, "/login?error=true").await;
        let (_, alert) = page.body.split_once("role=\"alert\">").unwrap();
        let text = alert.split('<').next().unwrap().to_owned();
        text.replace("&#x2f;", "/").replace("&#x27;", "'")
    }
}

fn claims(to: &str, change: &[(&str, Value)]) -> Value {
    let mut claims = Map::new();
    for (name, value) in [
        ("iss", json!(IDP)),
        ("sub", json!("ann@lab")),
        ("aud", json!("vo")),
        ("exp", json!(NOW + 600)),
        ("iat", json!(NOW)),
        ("nonce", json!(query(to, "nonce").unwrap())),
    ] {
        claims.insert(name.into(), value);
    }
    for (name, value) in change {
        claims.insert((*name).into(), value.clone());
    }
    claims.retain(|_, value| !value.is_null());
    Value::Object(claims)
}

#[tokio::test]
async fn a_person_signs_in_where_she_is_known_and_goes_on_where_she_was_going() {
    for compat in ["strict", "iam-1.12", "iam-1.7"] {
        let world = World::new(compat).await;
        let mut browser = Browser::default();
        let request = "/authorize?response_type=code&client_id=app&redirect_uri=https://app.example/&scope=openid&state=s";
        browser.get(&world.bench, request).await;
        let page = browser.get(&world.bench, "/login").await;
        assert!(page.body.contains("Sign in with the Lab"), "{compat}");

        let before = browser.session();
        let to = world.leave(&mut browser).await;
        assert!(to.starts_with("https://idp.example/authorize?"), "{to}");
        for (name, want) in [
            ("response_type", "code"),
            ("client_id", "vo"),
            ("redirect_uri", "https://iam.example/openid_connect_login"),
            ("scope", "openid profile email"),
            ("code_challenge_method", "S256"),
        ] {
            assert_eq!(query(&to, name).as_deref(), Some(want), "{compat} {name}");
        }
        world.say(Says::Claims(claims(&to, &[]), Signed::Well));
        let back = world.come_back(&mut browser, &to).await;
        assert_eq!(
            back.header("location"),
            Some(format!("https://iam.example{request}").as_str()),
            "{compat}"
        );
        assert_ne!(browser.session(), before, "a login renews the session");

        // What was sent for the code: Basic with encoded halves, and the verifier of the challenge.
        let (basic, form) = world.institute.asked.lock().unwrap().pop().unwrap();
        assert_eq!(basic, common::basic("vo", "vo+secret"));
        let form = format!("?{form}");
        let verifier = query(&form, "code_verifier").unwrap();
        let challenge = query(&to, "code_challenge").unwrap();
        assert_eq!(carnet_issuer::grant::code::s256(&verifier), challenge);
        assert_eq!(query(&form, "redirect_uri"), query(&to, "redirect_uri"));

        let consent = browser.get(&world.bench, request).await;
        assert_eq!(consent.status, 200, "{compat}");
        let scopes = common::scope_fields(&consent.body);
        let mut form: Vec<(&str, &str)> = scopes
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        form.push(("user_oauth_approval", "true"));
        let given = browser.post(&world.bench, "/authorize", &form).await;
        let code = query(given.header("location").unwrap(), "code").unwrap();
        let answer = world
            .bench
            .token(
                "app",
                "secret",
                &[
                    ("grant_type", "authorization_code"),
                    ("code", &code),
                    ("redirect_uri", "https://app.example/"),
                ],
            )
            .await;
        let id = common::claims(&answer.text("id_token"));
        assert_eq!(
            id["sub"], "11111111-1111-4111-8111-111111111111",
            "{compat}"
        );
        assert!(
            id.get("amr").is_none(),
            "{compat}: no password was typed here"
        );
    }
}

#[tokio::test]
async fn what_an_institute_says_is_not_believed_before_every_check() {
    let world = World::new("strict").await;
    let with = |change: (&'static str, Value)| (vec![change], Signed::Well);
    for ((change, signed), want) in [
        (
            with(("nonce", json!("another"))),
            "its nonce is not the one that was sent",
        ),
        (
            with(("nonce", Value::Null)),
            "its nonce is not the one that was sent",
        ),
        (
            with(("aud", json!("somebody else"))),
            "it is for another client",
        ),
        (
            with(("aud", json!(["vo", "somebody else"]))),
            "it was asked for by another client",
        ),
        (
            with(("iss", json!("https://evil.example"))),
            "it is from another issuer",
        ),
        (
            with(("iss", json!("https://idp.example/"))),
            "it is from another issuer",
        ),
        (with(("exp", json!(NOW))), "it has expired"),
        (
            with(("iat", json!(NOW + 3600))),
            "it is from the future or has no time",
        ),
        (
            with(("iat", Value::Null)),
            "it is from the future or has no time",
        ),
        (with(("sub", Value::Null)), "names nobody"),
        (with(("sub", json!(""))), "names nobody"),
        ((vec![], Signed::ByAnother), "its signature does not fit"),
        ((vec![], Signed::NotAtAll), "its signature does not fit"),
    ] {
        let mut browser = Browser::default();
        let to = world.leave(&mut browser).await;
        world.say(Says::Claims(claims(&to, &change), signed));
        let back = world.come_back(&mut browser, &to).await;
        let problem = world.problem(&mut browser, &back).await;
        assert!(problem.contains(want), "{change:?}: {problem}");
        let home = browser.get(&world.bench, "/dashboard").await;
        assert_eq!(home.status, 302, "{change:?}: nobody is logged in");
    }
    for (says, want) in [
        (
            Says::Plain(
                400,
                r#"{"error":"invalid_grant","error_description":"used"}"#,
            ),
            "did not take the code: 400 invalid_grant used",
        ),
        (
            Says::Plain(401, r#"{"error":"invalid_client"}"#),
            "did not take the code: 401 invalid_client",
        ),
        (
            Says::Plain(200, r#"{"access_token":"x"}"#),
            "gave an ID token that makes no sense",
        ),
        (
            Says::Plain(200, "<html>busy</html>"),
            "gave an answer that makes no sense",
        ),
        (
            Says::Plain(503, "busy"),
            "gave an answer that makes no sense: status 503",
        ),
    ] {
        let mut browser = Browser::default();
        let to = world.leave(&mut browser).await;
        world.say(says);
        let back = world.come_back(&mut browser, &to).await;
        let problem = world.problem(&mut browser, &back).await;
        assert!(problem.contains(want), "{problem}");
    }
}

#[tokio::test]
async fn a_return_belongs_to_one_browser_and_is_used_once() {
    let world = World::new("strict").await;
    let mut browser = Browser::default();
    let to = world.leave(&mut browser).await;
    world.say(Says::Claims(claims(&to, &[]), Signed::Well));
    let state = query(&to, "state").unwrap();

    // Somebody else's browser, with or without a journey of its own.
    let mut other = Browser::default();
    let back = world.come_back(&mut other, &to).await;
    assert!(
        world
            .problem(&mut other, &back)
            .await
            .contains("did not begin in this browser")
    );
    world.leave(&mut other).await;
    let back = world.come_back(&mut other, &to).await;
    assert!(
        world
            .problem(&mut other, &back)
            .await
            .contains("does not belong")
    );
    assert!(
        world.institute.asked.lock().unwrap().is_empty(),
        "no code was redeemed"
    );

    // The right one; then the same address again.
    let back = world.come_back(&mut browser, &to).await;
    assert!(back.header("location").unwrap().ends_with("/dashboard"));
    let again = world.come_back(&mut browser, &to).await;
    assert!(
        world
            .problem(&mut browser, &again)
            .await
            .contains("already been used")
    );
    assert_eq!(world.institute.asked.lock().unwrap().len(), 1);

    // A state that does not fit ends the journey: the right one comes too late.
    let mut browser = Browser::default();
    let to = world.leave(&mut browser).await;
    let wrong = browser
        .get(&world.bench, &format!("{BACK}?code=c0de&state=x{state}"))
        .await;
    assert!(
        world
            .problem(&mut browser, &wrong)
            .await
            .contains("does not belong")
    );
    let late = world.come_back(&mut browser, &to).await;
    assert!(
        world
            .problem(&mut browser, &late)
            .await
            .contains("did not begin")
    );

    // Another provider's answer (mix-up), and a change of mind.
    for (said, want) in [
        (
            "code=c0de&iss=https://evil.example",
            "not from the Lab but from https://evil.example",
        ),
        (
            "error=access_denied&error_description=no+thanks",
            "the Lab refused: access_denied: no thanks",
        ),
    ] {
        let to = world.leave(&mut browser).await;
        let state = query(&to, "state").unwrap();
        let back = browser
            .get(&world.bench, &format!("{BACK}?state={state}&{said}"))
            .await;
        let problem = world.problem(&mut browser, &back).await;
        assert!(problem.contains(want), "{problem}");
    }
}

#[tokio::test]
async fn whom_the_organisation_does_not_know_reads_what_is_missing() {
    let world = World::new("strict").await;
    for (sub, want) in [
        ("nobody@lab", "You have no account at The VO"),
        ("eve@lab", "You have no account at The VO"),
        ("ANN@lab", "You have no account at The VO"),
        ("bob@lab", "The account bob is suspended"),
    ] {
        let mut browser = Browser::default();
        let to = world.leave(&mut browser).await;
        world.say(Says::Claims(
            claims(&to, &[("sub", json!(sub))]),
            Signed::Well,
        ));
        let back = world.come_back(&mut browser, &to).await;
        if want.contains("suspended") {
            let problem = world.problem(&mut browser, &back).await;
            assert!(problem.contains(want), "{problem}");
            continue;
        }
        assert!(
            back.header("location")
                .unwrap()
                .ends_with("/start-registration")
        );
        let page = browser.get(&world.bench, "/start-registration").await;
        let text = page.body.replace("&#x2f;", "/");
        assert_eq!(page.status, 403);
        for part in [
            want,
            sub,
            IDP,
            "the Lab",
            "Ann of the Lab",
            "ann@lab.example",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert_eq!(
            browser.get(&world.bench, "/dashboard").await.status,
            302,
            "nobody is logged in"
        );
    }
    let page = Browser::default()
        .get(&world.bench, "/start-registration")
        .await;
    assert!(
        page.header("location").unwrap().ends_with("/login"),
        "nobody was vouched for"
    );
}

#[tokio::test]
async fn an_institute_that_is_down_or_unknown_is_said_so() {
    let bench = Bench::from_toml(WORLD);
    let mut browser = Browser::default();
    for (query, want) in [
        ("", "the Lab does not answer"),
        ("?iss=https://idp.example", "the Lab does not answer"),
        (
            "?iss=https://evil.example",
            "That institute is not known here. There is: the Lab",
        ),
    ] {
        let sent = browser.get(&bench, &format!("{BACK}{query}")).await;
        assert!(
            sent.header("location")
                .unwrap()
                .ends_with("/login?error=true"),
            "{query}"
        );
        let page = browser.get(&bench, "/login?error=true").await;
        assert!(page.body.contains(want), "{query}: {}", page.body);
    }
    assert_eq!(
        Bench::from_toml("")
            .call("GET", BACK, None, &[])
            .await
            .status,
        404,
        "no institute, no path"
    );
    assert_eq!(bench.call("POST", BACK, Some(&[]), &[]).await.status, 405);
}

//! A stage for one person: an issuer with the pages and answers recorded from INDIGO IAM 1.12, reduced to facts.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "every test file takes what it needs"
)]
#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use carnet_stage::body::read_limited;
use carnet_stage::{Body, Chance, Clock, JournalOptions, ServerOptions, Stage, StageOptions};
use carnet_user::{Config, User};
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

pub const ISSUER: &str = "https://iam.example/";
const CODE: &str = "Tfa9T2iFV6Dk5c-d6DbdnU";
const DEVICE: &str = "e069c95b-4211-4ee7-b500-45c73601f25e";

/// What the issuer does differently from what it should.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Slip {
    /// Nothing.
    #[default]
    None,
    /// The usage policy must be signed first.
    Aup,
    /// The redirect carries another state.
    State,
    /// The ID token carries another nonce.
    Nonce,
    /// The ID token is for another client.
    Audience,
    /// The ID token is signed with a key that the issuer does not publish.
    Signature,
    /// The scope is refused at the authorization endpoint.
    Scope,
}

/// What the issuer remembers of a browser and a client.
#[derive(Default)]
struct Session {
    logged_in: bool,
    signed: bool,
    saved: Option<String>,
    query: Vec<(String, String)>,
    approved: Option<bool>,
}

struct Shared {
    stage: Stage,
    signer: EcdsaKeyPair,
    other: EcdsaKeyPair,
    slip: Slip,
    session: Mutex<Session>,
    seen: Mutex<Vec<(String, String)>>,
}

/// A person and the recorded issuer.
#[derive(Clone)]
pub struct World {
    shared: Arc<Shared>,
}

impl World {
    pub async fn start(slip: Slip) -> Self {
        let stage = Stage::new(StageOptions {
            chance: Chance::from_seed(3),
            unpredictable: false,
            clock: Clock::wall(),
            journal: JournalOptions::default(),
            authority: carnet_certs::Authority::new("user-test").unwrap(),
            extra_roots: Vec::new(),
            server: ServerOptions::default(),
        })
        .unwrap();
        let key = || {
            let document = EcdsaKeyPair::generate_pkcs8(
                &ECDSA_P256_SHA256_FIXED_SIGNING,
                &SystemRandom::new(),
            )
            .unwrap();
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref()).unwrap()
        };
        let shared = Shared {
            stage,
            signer: key(),
            other: key(),
            slip,
            session: Mutex::default(),
            seen: Mutex::default(),
        };
        let world = Self {
            shared: Arc::new(shared),
        };
        let stage = &world.shared.stage;
        let place = stage
            .bind(
                "iam",
                "issuer",
                "iam.example",
                SocketAddr::from(([127, 0, 0, 1], 0)),
                true,
            )
            .await
            .unwrap();
        let actor = stage.actor(&place, SignedDuration::ZERO);
        stage
            .open(
                actor.place(),
                Router::new().fallback(answer).with_state(world.clone()),
            )
            .unwrap();
        world
    }

    /// A person of this world.
    pub fn user(&self, change: impl FnOnce(&mut Config)) -> User {
        let mut config = Config {
            username: "test_100".into(),
            password: "password".into(),
            client_id: "lab-wlcg".into(),
            client_secret: Some("secret".into()),
            redirect_uri: "http://localhost:9999/cb".into(),
            ..Config::default()
        };
        change(&mut config);
        User::new(self.shared.stage.person("user"), config)
    }

    /// Requests that the issuer got: method and path, and the form or query.
    pub fn seen(&self) -> Vec<String> {
        self.shared
            .seen
            .lock()
            .unwrap()
            .iter()
            .map(|(line, _)| line.clone())
            .collect()
    }

    /// The last form that was sent to a path.
    pub fn form(&self, line: &str) -> Vec<(String, String)> {
        let seen = self.shared.seen.lock().unwrap();
        let body = seen
            .iter()
            .rev()
            .find(|(l, _)| l == line)
            .map(|(_, body)| body.clone())
            .unwrap_or_default();
        form_urlencoded::parse(body.as_bytes())
            .into_owned()
            .collect()
    }

    fn sign(claims: &Value, key: &EcdsaKeyPair) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!(
            "{}.{}",
            encode(&json!({"kid": "ec1", "alg": "ES256"})),
            encode(claims)
        );
        let signature = key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    fn tokens(&self, nonce: Option<&str>, scope: &str, audience: &str) -> (u16, String) {
        let slip = self.shared.slip;
        let now = self.shared.stage.clock().seconds();
        let access = json!({"wlcg.ver": "1.0", "sub": "f2ce8cb2", "aud": audience, "nbf": now, "scope": scope, "iss": ISSUER, "exp": now + 3600,
                            "iat": now, "jti": "a1", "client_id": "lab-wlcg"});
        let mut id = json!({"wlcg.ver": "1.0", "sub": "f2ce8cb2", "aud": "lab-wlcg", "kid": "ec1", "iss": ISSUER, "exp": now + 600, "iat": now, "jti": "i1"});
        if let Some(nonce) = nonce {
            id["nonce"] = json!(if slip == Slip::Nonce {
                "another"
            } else {
                nonce
            });
        }
        if slip == Slip::Audience {
            id["aud"] = json!("somebody-else");
        }
        let key = if slip == Slip::Signature {
            &self.shared.other
        } else {
            &self.shared.signer
        };
        let mut answer = json!({"access_token": Self::sign(&access, &self.shared.signer), "token_type": "Bearer", "expires_in": 3599, "scope": scope});
        if scope.contains("openid") {
            answer["id_token"] = json!(Self::sign(&id, key));
        }
        if scope.contains("offline_access") {
            answer["refresh_token"] = json!("eyJhbGciOiJub25lIn0.eyJqdGkiOiJyMSJ9.");
        }
        (200, answer.to_string())
    }

    fn token(&self, form: &[(String, String)]) -> (u16, String) {
        let get = |key: &str| {
            form.iter()
                .find(|(k, _)| k == key)
                .map_or("", |(_, v)| v.as_str())
        };
        let session = self.shared.session.lock().unwrap();
        let asked = |key: &str| {
            session
                .query
                .iter()
                .find(|(k, _)| k == key)
                .map_or("", |(_, v)| v.as_str())
        };
        let refuse = |error: &str, text: &str| {
            (
                400,
                json!({"error": error, "error_description": text}).to_string(),
            )
        };
        match get("grant_type") {
            "authorization_code" => {
                let challenge = URL_SAFE_NO_PAD.encode(digest::digest(
                    &digest::SHA256,
                    get("code_verifier").as_bytes(),
                ));
                if get("code") != CODE {
                    return refuse("invalid_grant", "no authorization code found");
                }
                if challenge != asked("code_challenge") || asked("code_challenge_method") != "S256"
                {
                    return refuse(
                        "invalid_request",
                        "Code challenge and verifier do not match",
                    );
                }
                if get("redirect_uri") != asked("redirect_uri") {
                    return refuse("invalid_grant", "Redirect URI mismatch.");
                }
                self.tokens(Some(asked("nonce")), asked("scope"), asked("audience"))
            }
            "urn:ietf:params:oauth:grant-type:device_code" if get("device_code") != DEVICE => {
                refuse("invalid_grant", "Invalid device code")
            }
            "urn:ietf:params:oauth:grant-type:device_code" if session.approved != Some(true) => {
                refuse("authorization_pending", "Authorization pending")
            }
            "urn:ietf:params:oauth:grant-type:device_code" => {
                self.tokens(None, asked("scope"), get("audience"))
            }
            "password" if get("password") != "password" => (
                401,
                json!({"error": "unauthorized", "error_description": "Bad credentials"})
                    .to_string(),
            ),
            "refresh_token" => self.tokens(None, "openid offline_access", get("audience")),
            _ => self.tokens(None, get("scope"), get("audience")),
        }
    }
}

const LOGIN: &str = r#"<title>Log in</title><form id="login-form" action="/login" method="post"><input id="username" type="text" value="" name="username">
<input id="password" name="password" type="password"><input type="hidden" name="" value=""><input id="login-submit" type="submit" value="Sign in" name="submit"></form>"#;
const LOGOUT: &str = r#"<form action="https://iam.example/logout" method="POST" id="logoutForm"><input type="hidden" name="" value="" /></form>"#;
const AUP: &str = r#"<title>Sign</title><form id="sign-aup-form" action="/iam/aup/sign" method="post"><input id="sign-aup-btn" type="submit" value="I agree with the AUP terms"></form>"#;
const CODE_FORM: &str = r#"<title>Enter Code</title><form action="https://iam.example/device/verify" method="POST"><input type="text" name="user_code" value="" />
<input type="hidden" name="" value="" /><input name="approve" value="Submit" type="submit" /></form>"#;

fn consent(action: &str, code: &str) -> String {
    format!(
        r#"<title>Approve Access</title>{LOGOUT}<form name="confirmationForm" action="{action}" method="post"><input type="hidden" name="scope.openid" value="true">
<input type="radio" name="remember" value="until-revoked" checked="checked"><input type="radio" name="remember" value="none" >
<input name="user_oauth_approval" value="true" type="hidden" />{code}
<input name="authorize" value="Authorize" type="submit" /><input name="deny" value="Deny" type="submit" /></form>"#
    )
}

async fn answer(State(world): State<World>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = String::from_utf8(read_limited(body, 1 << 20).await.unwrap().to_vec()).unwrap();
    let line = format!("{} {}", head.method, head.uri.path());
    let query = head.uri.query().unwrap_or_default().to_owned();
    world.shared.seen.lock().unwrap().push((
        line.clone(),
        if body.is_empty() {
            query.clone()
        } else {
            body.clone()
        },
    ));
    let (status, location, text) = respond(
        &world,
        &line,
        &query,
        &body,
        head.headers.contains_key("cookie"),
    );
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    if let Some(location) = location {
        response
            .headers_mut()
            .insert("location", location.parse().unwrap());
    }
    if !head.headers.contains_key("cookie") {
        response.headers_mut().insert(
            "set-cookie",
            "JSESSIONID=EE274C; Path=/; HttpOnly".parse().unwrap(),
        );
    }
    response
}

/// The issuer's side of one request: status, redirect, body.
fn respond(
    world: &World,
    line: &str,
    query: &str,
    body: &str,
    has_session: bool,
) -> (u16, Option<String>, String) {
    let form: Vec<(String, String)> = form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    let get = |key: &str| {
        form.iter()
            .find(|(k, _)| k == key)
            .map_or("", |(_, v)| v.as_str())
    };
    let page = |text: String| (200, None, text);
    let go = |status: u16, to: &str| (status, Some(to.to_owned()), String::new());
    let slip = world.shared.slip;
    match line {
        "GET /.well-known/openid-configuration" => {
            return page(
                json!({"issuer": ISSUER, "authorization_endpoint": format!("{ISSUER}authorize"), "token_endpoint": format!("{ISSUER}token"),
                       "device_authorization_endpoint": format!("{ISSUER}devicecode"), "jwks_uri": format!("{ISSUER}jwk")})
                .to_string(),
            );
        }
        "GET /jwk" => {
            let point = world.shared.signer.public_key().as_ref();
            let (x, y) = (
                URL_SAFE_NO_PAD.encode(&point[1..33]),
                URL_SAFE_NO_PAD.encode(&point[33..]),
            );
            return page(
                json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "ec1", "x": x, "y": y}]})
                    .to_string(),
            );
        }
        "POST /token" => {
            let (status, text) = world.token(&form);
            return (status, None, text);
        }
        _ => {}
    }
    let mut session = world.shared.session.lock().unwrap();
    let here = format!("{}?{query}", line.trim_start_matches("GET "))
        .trim_end_matches('?')
        .to_owned();
    match line {
        "POST /devicecode" => {
            session.query = form;
            page(json!({"user_code": "7DTIF6", "device_code": DEVICE, "verification_uri": format!("{ISSUER}device"), "expires_in": 600}).to_string())
        }
        "GET /authorize" | "GET /device" if !session.logged_in || !has_session => {
            session.saved = Some(here);
            go(302, "https://iam.example/login")
        }
        "GET /login" => page(LOGIN.to_owned()),
        "POST /login" if get("password") != "password" => {
            go(302, "https://iam.example/login?error=failure")
        }
        "POST /login" => {
            session.logged_in = true;
            let saved = session.saved.clone().unwrap_or_default();
            go(302, &format!("https://iam.example{saved}"))
        }
        "GET /authorize" if slip == Slip::Aup && !session.signed => {
            go(302, "https://iam.example/iam/aup/sign")
        }
        "GET /iam/aup/sign" => page(AUP.to_owned()),
        "POST /iam/aup/sign" => {
            session.signed = true;
            go(302, "https://iam.example/dashboard")
        }
        "GET /dashboard" => page(format!("<title>Dashboard</title>{LOGOUT}")),
        "GET /authorize" => {
            session.query = form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect();
            let state = session
                .query
                .iter()
                .find(|(k, _)| k == "state")
                .unwrap()
                .1
                .clone();
            if slip == Slip::Scope {
                return go(
                    303,
                    &format!(
                        "http://localhost:9999/cb#error=invalid_scope&error_description=Scope%20'nope'%20not%20allowed&state={state}"
                    ),
                );
            }
            page(consent("/authorize", ""))
        }
        "POST /authorize" => {
            let state = session
                .query
                .iter()
                .find(|(k, _)| k == "state")
                .unwrap()
                .1
                .clone();
            let state = if slip == Slip::State {
                "another".to_owned()
            } else {
                state
            };
            if get("user_oauth_approval") == "true" {
                return go(
                    303,
                    &format!("http://localhost:9999/cb?code={CODE}&state={state}"),
                );
            }
            go(
                303,
                &format!(
                    "http://localhost:9999/cb?error=access_denied&error_description=User%20denied%20access&state={state}"
                ),
            )
        }
        "GET /device" => page(format!("{LOGOUT}{CODE_FORM}")),
        "POST /device/verify" if get("user_code") != "7DTIF6" => page(format!(
            "{CODE_FORM}<p>The code that you entered was not found.</p>"
        )),
        "POST /device/verify" => page(consent(
            "/device/approve",
            r#"<input type="hidden" name="user_code" value="7DTIF6" />"#,
        )),
        "POST /device/approve" => {
            session.approved = Some(get("user_oauth_approval") == "true");
            page(format!(
                "<title>Approve Access</title>{LOGOUT}<p>The device has been approved.</p>"
            ))
        }
        _ => (404, None, "<title>Not found</title>".into()),
    }
}

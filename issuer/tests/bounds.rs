//! What strangers can send does not pile up, break or win a race: tables that forget their oldest, requests that come
//! twice at once, times and lists beyond all measure.
#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod common;

use carnet_issuer::store::pending::DEVICES;
use carnet_issuer::store::{
    Approval, Client, CodeRequest, DeviceRequest, DeviceState, Login, Pending, Session,
};
use common::{Bench, DEVICE, basic};

const WORLD: &str = r#"
compat = "strict"
clients = [
  { client_id = "c", client_secret = "s", grant_types = ["device_code", "client_credentials"], scope = ["storage.read:/"] },
  { client_id = "j", client_secret = "s", token_endpoint_auth_method = "client_secret_jwt", scope = ["storage.read:/"] },
]
users = [{ username = "ann", uuid = "ann-1" }]
"#;

fn device(user_code: String, state: DeviceState) -> DeviceRequest {
    DeviceRequest {
        client: "c".into(),
        user_code,
        scopes: None,
        resource: None,
        audience: None,
        state,
        exp: 2_000_000_000,
        polled: None,
        interval: 5,
    }
}

#[test]
fn device_requests_of_strangers_forget_the_oldest_with_its_user_code() {
    let pending = Pending::default();
    for n in 0..=DEVICES {
        let request = device(format!("USER{n}"), DeviceState::Pending);
        pending.put_device(format!("device-{n}"), request);
    }
    assert!(pending.device("device-0").is_none());
    assert!(pending.device_code_of("USER0").is_none());
    assert!(pending.device("device-1").is_some());
    assert_eq!(pending.device_code_of("user1").as_deref(), Some("device-1"));
}

#[test]
fn sessions_of_visitors_go_before_those_of_people() {
    let pending = Pending::default();
    let person = Session {
        user: Some(("ann-1".into(), 0)),
        ..Session::default()
    };
    pending.put_session("person", person);
    let visitor = || Session {
        saved: Some("/device".into()),
        ..Session::default()
    };
    for n in 0..20_000 {
        pending.put_session(&format!("visitor-{n}"), visitor());
    }
    assert!(pending.session("visitor-0").is_none());
    assert!(pending.session("visitor-19999").is_some());
    assert!(pending.session("person").is_some());
}

#[tokio::test]
async fn a_page_with_nothing_to_remember_begins_no_session() {
    let bench = Bench::from_toml(WORLD);
    let answer = bench.call("GET", "/login", None, &[]).await;
    assert_eq!((answer.status, answer.header("set-cookie")), (200, None));
    let answer = bench.call("PUT", "/login", None, &[]).await;
    assert_eq!(
        (answer.status, answer.header("allow")),
        (405, Some("GET,POST"))
    );
    let answer = bench.call("GET", "/device", None, &[]).await;
    assert_eq!(answer.status, 302);
    assert!(answer.header("set-cookie").is_some());
}

#[test]
fn rfc_6749_4_1_2_a_code_that_comes_again_before_it_has_given_anything_gives_nothing() {
    let pending = Pending::default();
    let request = CodeRequest {
        approval: Approval::default(),
        user: "ann-1".into(),
        login: Login::default(),
        exp: 2_000_000_000,
    };
    pending.put_code("once".into(), request.clone());
    assert!(pending.take_code("once").is_some());
    assert!(!pending.redeemed("once", None, 7), "nobody else came");
    assert_eq!(pending.given_by("once"), Some(vec![7]));
    pending.put_code("twice".into(), request);
    assert!(pending.take_code("twice").is_some());
    assert!(pending.take_code("twice").is_none());
    assert_eq!(pending.given_by("twice"), None, "nothing was given yet");
    assert!(pending.redeemed("twice", None, 8), "it must end now");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn of_polls_that_come_at_once_one_gets_the_tokens() {
    let bench = std::sync::Arc::new(Bench::from_toml(WORLD));
    for round in 0..300 {
        let state = DeviceState::Approved("ann-1".into(), Login::default());
        let code = format!("device-{round}");
        let request = device(format!("U{round}"), state);
        bench
            .started
            .issuer
            .pending
            .put_device(code.clone(), request);
        let start = std::sync::Arc::new(tokio::sync::Barrier::new(8));
        let polls = (0..8).map(|_| {
            let (bench, start, code) = (bench.clone(), start.clone(), code.clone());
            tokio::spawn(async move {
                start.wait().await;
                let form = [("grant_type", DEVICE), ("device_code", code.as_str())];
                bench.token("c", "s", &form).await.status
            })
        });
        let polls: Vec<_> = polls.collect();
        let mut good = 0;
        for poll in polls {
            good += usize::from(poll.await.unwrap() == 200);
        }
        assert_eq!(good, 1, "round {round}");
    }
}

#[tokio::test]
async fn of_clients_that_register_themselves_there_are_5000() {
    let bench = Bench::from_toml(WORLD);
    let register = async || {
        let body = r#"{"client_name":"mine","redirect_uris":["https://app.example/cb"]}"#;
        let request = http::Request::post("/iam/api/client-registration")
            .header("content-type", "application/json")
            .body(carnet_stage::Body::from(body));
        bench.send(request.unwrap()).await
    };
    let first = register().await;
    let clients = &bench.started.issuer.clients;
    let first = clients.get(&first.text("client_id")).unwrap();
    for n in 1..4_999 {
        let mut another = Client::clone(&first);
        another.id = format!("another-{n}").into();
        clients.put(another);
    }
    assert_eq!(register().await.status, 201, "the 5,000th");
    let full = register().await;
    assert_eq!(
        (full.status, full.text("error").as_str()),
        (503, "temporarily_unavailable")
    );
    assert!(
        full.text("error_description").contains("5000"),
        "{}",
        full.body
    );
    let mut known = Client::clone(&first);
    known.id = "registered-by-the-administrator".into();
    known.registration_token = None;
    clients.put(known);
    clients.remove("another-1");
    assert_eq!(
        register().await.status,
        201,
        "one has left, and others do not count"
    );
}

#[tokio::test]
async fn times_and_lists_beyond_measure_are_refused() {
    use base64::Engine as _;
    let bench = Bench::from_toml(WORLD);
    let part = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    for times in [
        format!(r#""exp":{}"#, i64::MAX),
        format!(r#""exp":2000000000,"nbf":{}"#, i64::MIN),
        format!(r#""exp":2000000000,"iat":{}"#, i64::MIN),
    ] {
        let payload = format!(
            r#"{{"iss":"j","sub":"j","aud":"https://iam.example/token","jti":"1",{times}}}"#
        );
        let assertion = format!(
            "{}.{}.{}",
            part(r#"{"alg":"HS256"}"#),
            part(&payload),
            part("x")
        );
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", kind),
            ("client_assertion", assertion.as_str()),
        ];
        let answer = bench.call("POST", "/token", Some(&form), &[]).await;
        assert_eq!(
            (answer.status, answer.text("error").as_str()),
            (401, "invalid_client"),
            "{times}"
        );
    }
    let many = (0..2001)
        .map(|n| format!("storage.read:/{n}"))
        .collect::<Vec<_>>();
    let form = [
        ("grant_type", "client_credentials"),
        ("scope", &many.join(" ")),
    ];
    let answer = bench.token("c", "s", &form).await;
    assert_eq!(
        (answer.status, answer.text("error").as_str()),
        (400, "invalid_scope")
    );
    let long = format!("storage.read:/{}", "x".repeat(9_000));
    let form = [("client_id", "c"), ("scope", long.as_str())];
    let own = basic("c", "s");
    let answer = bench
        .call(
            "POST",
            "/devicecode",
            Some(&form),
            &[("authorization", &own)],
        )
        .await;
    assert_eq!(answer.status, 413);
}

//! A person gets tokens from an issuer with the recorded pages and answers of INDIGO IAM 1.12.

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod common;

use carnet_user::UserError;
use common::{Slip, World};

const SCOPE: &str = "openid offline_access storage.read:/";
const AUDIENCE: &str = "https://se1.example";

#[tokio::test]
async fn the_authorization_code_flow_goes_through_every_page() {
    let world = World::start(Slip::None).await;
    let user = world.user(|_| {});
    let tokens = user
        .get_token_authorization_code(SCOPE, AUDIENCE)
        .await
        .unwrap();
    assert_eq!(tokens.scope, SCOPE);
    assert_eq!(tokens.claims().unwrap().aud(), [AUDIENCE]);
    let discovery = "GET /.well-known/openid-configuration";
    let pages = [
        "GET /authorize",
        "GET /login",
        "POST /login",
        "GET /authorize",
        "POST /authorize",
    ];
    assert_eq!(
        world.seen(),
        [&[discovery][..], &pages, &["POST /token", "GET /jwk"]].concat()
    );

    let query: Vec<String> = world
        .form("GET /authorize")
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    let want = [
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "audience",
    ];
    assert_eq!(query, want);
    let consent: Vec<String> = world
        .form("POST /authorize")
        .into_iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect();
    assert_eq!(
        consent,
        [
            "scope.openid=true",
            "remember=none",
            "user_oauth_approval=true",
            "authorize=Authorize"
        ]
    );
    let login: Vec<String> = world
        .form("POST /login")
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    assert_eq!(login, ["username", "password", "submit"]);
}

#[tokio::test]
async fn the_device_code_flow_types_the_code_and_agrees() {
    let world = World::start(Slip::None).await;
    let user = world.user(|_| {});
    let tokens = user.get_token_device_code(SCOPE, AUDIENCE).await.unwrap();
    assert!(tokens.refresh_token.is_some());
    let pages = [
        "GET /device",
        "GET /login",
        "POST /login",
        "GET /device",
        "POST /device/verify",
        "POST /device/approve",
    ];
    let start = ["GET /.well-known/openid-configuration", "POST /devicecode"];
    assert_eq!(
        world.seen(),
        [&start[..], &pages, &["POST /token", "GET /jwk"]].concat()
    );
}

#[tokio::test]
async fn a_policy_is_signed_and_the_request_taken_up_again() {
    let world = World::start(Slip::Aup).await;
    assert!(
        world
            .user(|_| {})
            .get_token_authorization_code(SCOPE, "")
            .await
            .is_ok()
    );
    assert!(world.seen().contains(&"POST /iam/aup/sign".to_owned()));
    let refused = World::start(Slip::Aup)
        .await
        .user(|c| c.signs_aup = false)
        .get_token_authorization_code(SCOPE, "")
        .await;
    assert_eq!(
        refused.unwrap_err().to_string(),
        "test_100 does not sign the usage policy"
    );
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    for (slip, want) in [
        (
            Slip::State,
            "the redirect from the issuer cannot be trusted: its state is not the one that was sent",
        ),
        (
            Slip::Nonce,
            "the ID token does not hold: its nonce is not the one that was sent",
        ),
        (
            Slip::Audience,
            "the ID token does not hold: it is for another client",
        ),
        (
            Slip::Signature,
            "the ID token does not hold: its signature does not fit",
        ),
        (
            Slip::Scope,
            "the issuer refused: invalid_scope: Scope 'nope' not allowed",
        ),
    ] {
        let error = World::start(slip)
            .await
            .user(|_| {})
            .get_token_authorization_code(SCOPE, AUDIENCE)
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), want, "{slip:?}");
    }
    let world = World::start(Slip::None).await;
    let wrong = world.user(|c| c.password = "guess".into());
    assert_eq!(
        wrong
            .get_token_authorization_code(SCOPE, "")
            .await
            .unwrap_err(),
        UserError::Password {
            username: "test_100".into(),
            home: None
        }
    );
    assert_eq!(
        wrong.get_token_device_code(SCOPE, "").await.unwrap_err(),
        UserError::Password {
            username: "test_100".into(),
            home: None
        }
    );
    let unwilling = world.user(|c| c.consents = false);
    let error = unwilling
        .get_token_authorization_code(SCOPE, "")
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the issuer refused: access_denied: User denied access"
    );
    let error = wrong.get_token_password(SCOPE, "").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the issuer refused: unauthorized: Bad credentials"
    );
    let nobody = world.user(|c| c.issuer = "https://nowhere.example/".into());
    assert!(matches!(
        nobody.get_token_password(SCOPE, "").await.unwrap_err(),
        UserError::Unreachable(_)
    ));
}

#[tokio::test]
async fn the_agent_keeps_and_refreshes() {
    let world = World::start(Slip::None).await;
    let user = world.user(|_| {});
    assert_eq!(
        user.tokens().unwrap_err().to_string(),
        "test_100 has no token for that yet"
    );
    user.get_token_password(SCOPE, AUDIENCE).await.unwrap();
    user.get_token_client_credentials("storage.read:/", "https://se2.example")
        .await
        .unwrap();
    assert_eq!(
        user.tokens_for(AUDIENCE).unwrap().claims().unwrap().aud(),
        [AUDIENCE]
    );
    assert_eq!(
        user.tokens().unwrap().claims().unwrap().aud(),
        ["https://se2.example"]
    );
    let refreshed = user.refresh("", "https://se3.example").await.unwrap();
    assert_eq!(refreshed.claims().unwrap().aud(), ["https://se3.example"]);
    let form: Vec<String> = world
        .form("POST /token")
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    assert_eq!(form, ["grant_type", "refresh_token", "audience"]);
    assert!(
        !format!("{refreshed:?}").contains("eyJ"),
        "a token is never shown"
    );
}

#[tokio::test]
async fn a_public_client_names_itself() {
    let world = World::start(Slip::None).await;
    world
        .user(|c| c.client_secret = None)
        .get_token_authorization_code(SCOPE, "")
        .await
        .unwrap();
    assert!(
        world
            .form("POST /token")
            .contains(&("client_id".into(), "lab-wlcg".into()))
    );
}

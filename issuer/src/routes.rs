//! The issuer's paths, each with its source, and nothing else.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::any;
use carnet_stage::Handler;
use http::Method;

use crate::endpoint as at;
use crate::issuer::Issuer;

/// The token endpoint (RFC 6749 §3.2).
pub const TOKEN: &str = "/token";
/// The authorization endpoint (RFC 6749 §3.1).
pub const AUTHORIZE: &str = "/authorize";
/// The device authorization endpoint (RFC 8628 §3.1).
pub const DEVICE_CODE: &str = "/devicecode";
/// Where people type a user code (RFC 8628 §3.3).
pub const DEVICE: &str = "/device";
/// The form's target (issuer page §2.8).
pub const DEVICE_VERIFY: &str = "/device/verify";
/// The approval's target (issuer page §2.8).
pub const DEVICE_APPROVE: &str = "/device/approve";
/// Introspection (RFC 7662).
pub const INTROSPECT: &str = "/introspect";
/// Revocation (RFC 7009).
pub const REVOKE: &str = "/revoke";
/// User information (OIDC Core §5.3).
pub const USERINFO: &str = "/userinfo";
/// The key set (RFC 7517).
pub const JWK: &str = "/jwk";
/// Discovery (OIDC Discovery §4).
pub const OPENID_CONFIGURATION: &str = "/.well-known/openid-configuration";
/// Metadata (RFC 8414); IAM has none.
pub const AUTHORIZATION_SERVER: &str = "/.well-known/oauth-authorization-server";
/// Login page (issuer page §2.5).
pub const LOGIN: &str = "/login";
/// Signing in with a home institute: the way out and the way back (OpenID Connect Core §3.1; IAM's path).
pub const INSTITUTE: &str = "/openid_connect_login";
/// For those whom only their institute knows (IAM's path).
pub const STRANGER: &str = "/start-registration";
/// End of the session (issuer page §2.5).
pub const LOGOUT: &str = "/logout";
/// Where people land (issuer page §2.5).
pub const DASHBOARD: &str = "/dashboard";
/// The acceptable use policy (issuer page §2.5).
pub const AUP_SIGN: &str = "/iam/aup/sign";

/// Client registration (RFC 7591; issuer page §2.10).
pub const REGISTRATION: &str = "/iam/api/client-registration";
/// Client registration in June 2021 (issuer page §2.10).
pub const REGISTER: &str = "/register";
/// Oneself (RFC 7644 §3.11).
pub const SCIM_ME: &str = "/scim/Me";
/// People (RFC 7644 §3.2).
pub const SCIM_USERS: &str = "/scim/Users";
/// Groups (RFC 7644 §3.2).
pub const SCIM_GROUPS: &str = "/scim/Groups";

/// Token exchange policies (issuer page §2.10).
pub const EXCHANGE_POLICIES: &str = "/iam/api/exchange/policies";
/// Scope policies (issuer page §2.10).
pub const SCOPE_POLICIES: &str = "/iam/scope_policies";
/// Clients, for administrators (issuer page §2.10).
pub const CLIENTS: &str = "/iam/api/clients";
/// WebFinger (RFC 7033).
pub const WEBFINGER: &str = "/.well-known/webfinger";
/// The acceptable use policy itself (issuer page §2.5).
pub const AUP: &str = "/iam/aup";

/// What answers the public paths: the table of routes, what browsers are told of other origins, and before both the way of most
/// requests, which is short.
pub fn public(issuer: Arc<Issuer>) -> Handler {
    let table = Handler::from(table(Arc::clone(&issuer)));
    let for_tokens = Arc::clone(&issuer);
    let routed = Handler::with(move |mut request: at::Request| {
        if request.uri().path() == TOKEN && request.method() == Method::POST {
            return Box::pin(at::token::serve(State(Arc::clone(&for_tokens)), request));
        }
        match at::container::before(&for_tokens, &mut request) {
            Some(response) => Box::pin(std::future::ready(response)),
            None => table.call(request),
        }
    });
    Handler::with(move |request| at::cors::before(&issuer, request, &routed))
}

fn table(issuer: Arc<Issuer>) -> Router {
    let registration = format!("/{}", at::registration::path(&issuer));
    debug_assert!(registration == REGISTRATION || registration == REGISTER);
    Router::new()
        .route(&registration, any(at::registration::create))
        .route(
            &format!("{registration}/{{id}}"),
            any(at::registration::manage),
        )
        .route(SCIM_ME, any(at::scim::users::me))
        .route(SCIM_USERS, any(at::scim::users::users))
        .route(&format!("{SCIM_USERS}/{{id}}"), any(at::scim::users::user))
        .route(SCIM_GROUPS, any(at::scim::groups::groups))
        .route(
            &format!("{SCIM_GROUPS}/{{id}}"),
            any(at::scim::groups::group),
        )
        .route(
            &format!("{SCIM_GROUPS}/{{id}}/members"),
            any(at::scim::groups::members),
        )
        .route(
            &format!("{SCIM_GROUPS}/{{id}}/subgroups"),
            any(at::scim::groups::subgroups),
        )
        .route(TOKEN, any(at::token::serve))
        .route(AUTHORIZE, any(at::authorize::serve))
        .route(DEVICE_CODE, any(at::devicecode::serve))
        .route(DEVICE, any(at::device::show))
        .route(DEVICE_VERIFY, any(at::device::verify))
        .route(DEVICE_APPROVE, any(at::device::approve))
        .route(INTROSPECT, any(at::introspect::serve))
        .route(REVOKE, any(at::revoke::serve))
        .route(USERINFO, any(at::userinfo::serve))
        .route(JWK, any(at::jwk::serve))
        .route(OPENID_CONFIGURATION, any(at::discovery::serve))
        // The SciTokens library puts the path after the issuer's final slash; IAM merges the two.
        .route(
            &format!("/{OPENID_CONFIGURATION}"),
            any(at::discovery::serve),
        )
        .route(AUTHORIZATION_SERVER, any(at::discovery::serve_rfc8414))
        .route(LOGIN, any(at::login::serve))
        .route(INSTITUTE, any(at::institute::serve))
        .route(STRANGER, any(at::institute::stranger))
        .route(LOGOUT, any(at::login::logout))
        .route(DASHBOARD, any(at::login::dashboard))
        .route("/", any(at::login::dashboard))
        .route(AUP_SIGN, any(at::aup::serve))
        .route(WEBFINGER, any(at::webfinger::serve))
        .route(AUP, any(at::aup::policy))
        .route(&format!("{AUP}/signature"), any(at::aup::signature))
        .route(&format!("{AUP}/touch"), any(at::aup::touch))
        .route(EXCHANGE_POLICIES, any(at::policies::exchange_policies))
        .route(
            &format!("{EXCHANGE_POLICIES}/{{id}}"),
            any(at::policies::exchange_policy),
        )
        .route(SCOPE_POLICIES, any(at::policies::scope_policies))
        .route(
            &format!("{SCOPE_POLICIES}/{{id}}"),
            any(at::policies::scope_policy),
        )
        .route(CLIENTS, any(at::api::clients))
        .route(
            &format!("{CLIENTS}/{{id}}/{{to}}"),
            any(at::api::switch_client),
        )
        .fallback(at::unknown)
        .with_state(issuer)
}

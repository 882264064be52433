//! The metadata documents (OIDC Discovery §4, RFC 8414; issuer page §2.10).

use axum::extract::State;
use axum::response::Response;
use http::Method;
use serde_json::{Value, json};

use super::{Here, Request};
use crate::answer::Caching;
use crate::errors::Refusal;
use crate::issuer::Issuer;
use crate::order;
use crate::quirks::Quirk;

/// Answers with the discovery document.
pub async fn serve(State(issuer): Here, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return issuer.refuse(&Refusal::method("GET"), Caching::Never);
    }
    let caching = if issuer.rules.then() {
        Caching::Unsaid
    } else {
        Caching::Never
    };
    issuer.answers.json(200, &document(&issuer), caching)
}

/// The same at RFC 8414's path, which IAM does not serve.
pub async fn serve_rfc8414(State(issuer): Here, request: Request) -> Response {
    if !issuer.rules.strict() {
        return issuer.refuse(&Refusal::page(404, "Not Found"), Caching::Unsaid);
    }
    serve(State(issuer), request).await
}

const SIGNING: [&str; 12] = [
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256",
    "PS384", "PS512",
];
const KEY_ENCRYPTION: [&str; 5] = [
    "RSA-OAEP-512",
    "RSA-OAEP",
    "RSA-OAEP-256",
    "RSA1_5",
    "RSA-OAEP-384",
];
const ENCRYPTION: [&str; 9] = [
    "XC20P",
    "A256CBC+HS512",
    "A256GCM",
    "A192GCM",
    "A128GCM",
    "A128CBC-HS256",
    "A192CBC-HS384",
    "A256CBC-HS512",
    "A128CBC+HS256",
];

/// The document. IAM writes its members in the order of a hash table.
pub fn document(issuer: &Issuer) -> Value {
    let (strict, then) = (issuer.rules.strict(), issuer.rules.then());
    let base = format!("{}/", issuer.base);
    let at = |path: &str| Value::String(format!("{base}{path}"));
    let iss = if issuer.has(Quirk::Q36) {
        issuer.iss_with_slash()
    } else {
        issuer.iss.to_string()
    };
    let mut doc: Vec<(String, Value)> = vec![("issuer".into(), iss.into())];
    let mut put = |name: &str, value: Value| doc.push((name.to_owned(), value));
    let registration = if then {
        "register"
    } else {
        "iam/api/client-registration"
    };
    let flags = |put: &mut dyn FnMut(&str, Value)| {
        put("claims_parameter_supported", json!(!then && !strict));
    };
    if then {
        flags(&mut put);
    }
    for (name, path) in [
        ("authorization_endpoint", "authorize"),
        ("token_endpoint", "token"),
        ("userinfo_endpoint", "userinfo"),
        ("jwks_uri", "jwk"),
        ("registration_endpoint", registration),
        ("introspection_endpoint", "introspect"),
        ("revocation_endpoint", "revoke"),
        ("device_authorization_endpoint", "devicecode"),
    ] {
        put(name, at(path));
    }
    if then {
        put("service_documentation", at("about"));
    } else {
        put("op_policy_uri", at("about"));
        put("op_tos_uri", at("about"));
        put("scim_endpoint", at("scim"));
    }
    let either = |here: Value, iam: Value| if strict { here } else { iam };
    put(
        "response_types_supported",
        either(json!(["code"]), json!(["code", "token"])),
    );
    put("grant_types_supported", grants(issuer));
    put(
        "subject_types_supported",
        either(json!(["public"]), json!(["public", "pairwise"])),
    );
    algorithms(issuer, &mut put);
    put("claim_types_supported", json!(["normal"]));
    put("claims_supported", claims(then));
    if then {
        put("op_policy_uri", at("about"));
        put("op_tos_uri", at("about"));
    } else {
        flags(&mut put);
    }
    put("request_parameter_supported", json!(!strict));
    put("request_uri_parameter_supported", json!(false));
    put("require_request_uri_registration", json!(false));
    put(
        "code_challenge_methods_supported",
        either(json!(["S256"]), json!(["plain", "S256"])),
    );
    put("scopes_supported", scopes(issuer));
    if strict {
        put("response_modes_supported", json!(["query"]));
        put(
            "authorization_response_iss_parameter_supported",
            json!(true),
        );
    } else {
        let mask = (order::buckets(16, doc.len()) - 1) as u32;
        doc.sort_by_cached_key(|(name, _)| order::spread_hash(name) & mask);
    }
    Value::Object(doc.into_iter().collect())
}

fn grants(issuer: &Issuer) -> Value {
    let mut all = vec!["authorization_code"];
    if !issuer.rules.strict() {
        all.push("implicit");
    }
    all.extend(["refresh_token", "client_credentials", "password"]);
    if issuer.rules.then() {
        all.push("urn:ietf:params:oauth:grant-type:jwt-bearer");
        all.push("urn:ietf:params:oauth:grant_type:redelegate");
    }
    all.push("urn:ietf:params:oauth:grant-type:token-exchange");
    all.push("urn:ietf:params:oauth:grant-type:device_code");
    json!(all)
}

fn algorithms(issuer: &Issuer, put: &mut impl FnMut(&str, Value)) {
    if issuer.has(Quirk::Q40) {
        let with_none: Vec<&str> = SIGNING.into_iter().chain(["none"]).collect();
        put("id_token_signing_alg_values_supported", json!(with_none));
    } else {
        put(
            "id_token_signing_alg_values_supported",
            json!(["RS256", "ES256"]),
        );
    }
    if !issuer.rules.strict() {
        put("userinfo_signing_alg_values_supported", json!(SIGNING));
        put(
            "request_object_signing_alg_values_supported",
            json!(SIGNING),
        );
        // What was invented since June 2021 stands at the ends of the lists.
        let (keys, content) = if issuer.rules.then() {
            (&KEY_ENCRYPTION[1..4], &ENCRYPTION[1..])
        } else {
            (&KEY_ENCRYPTION[..], &ENCRYPTION[..])
        };
        for what in ["userinfo", "id_token", "request_object"] {
            put(
                &format!("{what}_encryption_alg_values_supported"),
                json!(keys),
            );
            put(
                &format!("{what}_encryption_enc_values_supported"),
                json!(content),
            );
        }
    }
    if issuer.rules.then() {
        put(
            "token_endpoint_auth_methods_supported",
            json!(["client_secret_post", "client_secret_basic", "none"]),
        );
        put(
            "token_endpoint_auth_signing_alg_values_supported",
            json!(SIGNING),
        );
    } else {
        let methods = json!([
            "client_secret_basic",
            "client_secret_post",
            "client_secret_jwt",
            "private_key_jwt",
            "none"
        ]);
        put("token_endpoint_auth_methods_supported", methods);
        let signing = if issuer.rules.strict() {
            json!(["RS256", "ES256", "HS256"])
        } else {
            json!(SIGNING)
        };
        put("token_endpoint_auth_signing_alg_values_supported", signing);
    }
}

fn claims(then: bool) -> Value {
    let mut all = vec![
        "sub",
        "name",
        "preferred_username",
        "given_name",
        "family_name",
        "middle_name",
        "nickname",
        "profile",
        "picture",
    ];
    if then {
        all.extend(["website", "gender"]);
    }
    all.extend(["zoneinfo", "locale", "updated_at"]);
    if then {
        all.push("birthdate");
    }
    all.extend(["email", "email_verified"]);
    if then {
        all.extend(["phone_number", "phone_number_verified", "address"]);
    }
    all.extend(["organisation_name", "groups"]);
    if !then {
        all.push("wlcg.groups");
    }
    all.push("external_authn");
    json!(all)
}

fn scopes(issuer: &Issuer) -> Value {
    let configured = issuer.config.system_scopes.clone();
    let all =
        configured.unwrap_or_else(|| crate::config::stock_system_scopes(issuer.config.compat));
    let open = all
        .iter()
        .filter(|s| !s.restricted || (issuer.rules.strict() && s.scope.starts_with("storage.")));
    json!(open.map(|s| s.scope.as_str()).collect::<Vec<_>>())
}

//! People, groups and memberships by SCIM, and the policies where IAM has them: written over the same store that tokens
//! are made from (RFC 7644; issuer page §2.10).

#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "a test fails loudly, and its tables own what they say"
)]

mod common;
mod people;

use common::Browser;
use people::World;
use serde_json::{Value, json};

fn person(username: &str, email: &str) -> Value {
    json!({ "userName": username, "name": { "givenName": "Eve", "familyName": "Lee" }, "emails": [{ "value": email, "primary": true }] })
}

fn patch(op: &str, path: Value, value: Value) -> Value {
    json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "operations": [{ "op": op, "path": path, "value": value }] })
}

#[tokio::test]
async fn people_are_made_changed_and_deleted() {
    for compat in ["strict", "iam-1.12", "iam-1.7"] {
        let world = World::new(compat, "sync").await;
        let made = world
            .ask("POST", "/scim/Users", person("eve", "eve@vo.example"))
            .await;
        assert_eq!(made.status, 201, "{compat}: {}", made.body);
        assert_eq!(
            made.header("content-type"),
            Some("application/scim+json;charset=UTF-8")
        );
        let at = format!("/scim/Users/{}", made.text("id"));
        assert_eq!(
            made.json()["meta"]["location"],
            format!("https://iam.example{at}")
        );
        let shown = world.ask("GET", &at, Value::Null).await.json();
        assert_eq!(
            (
                &shown["userName"],
                &shown["active"],
                &shown["name"]["formatted"]
            ),
            (&json!("eve"), &json!(true), &json!("Eve Lee"))
        );

        // A part at a time, then whole.
        let change = json!({ "userName": "evelyn", "active": false, "urn:indigo-dc:scim:schemas:IndigoUser": { "oidcIds": [{ "issuer": "https://idp.example", "subject": "eve" }] } });
        assert_eq!(
            world
                .ask("PATCH", &at, patch("replace", Value::Null, change.clone()))
                .await
                .status,
            204,
            "{compat}"
        );
        let shown = world.ask("GET", &at, Value::Null).await.json();
        assert_eq!(
            (
                &shown["userName"],
                &shown["active"],
                &shown["emails"][0]["value"]
            ),
            (&json!("evelyn"), &json!(false), &json!("eve@vo.example"))
        );
        let ids = |shown: &Value| {
            shown["urn:indigo-dc:scim:schemas:IndigoUser"]["oidcIds"]
                .as_array()
                .map_or(0, Vec::len)
        };
        assert_eq!(ids(&shown), 1, "{compat}");
        let remove = patch("remove", Value::Null, change);
        assert_eq!(
            world.ask("PATCH", &at, remove).await.status,
            204,
            "{compat}"
        );
        let shown = world.ask("GET", &at, Value::Null).await.json();
        assert_eq!(
            (ids(&shown), &shown["userName"]),
            (0, &json!("evelyn")),
            "{compat}: remove takes away what it names and no more"
        );
        let put = world
            .ask("PUT", &at, person("eve", "eve@lab.example"))
            .await;
        assert_eq!(
            (put.status, &put.json()["emails"][0]["value"]),
            (200, &json!("eve@lab.example")),
            "{compat}"
        );

        assert_eq!(
            world.ask("DELETE", &at, Value::Null).await.status,
            204,
            "{compat}"
        );
        assert_eq!(
            world.ask("GET", &at, Value::Null).await.status,
            404,
            "{compat}"
        );
        // Another name is another login, and policies follow.
        let renamed = patch("replace", Value::Null, json!({ "userName": "anna" }));
        assert_eq!(
            world
                .ask("PATCH", "/scim/Users/u-ann", renamed)
                .await
                .status,
            204
        );
        assert_eq!(
            world.ann("anna").await.0,
            json!(["/vo", "/vo/ops"]),
            "{compat}"
        );
        assert_eq!(world.ann("ann").await.0, Value::Null, "{compat}");
    }
}

#[tokio::test]
async fn groups_are_made_renamed_filled_and_deleted() {
    for compat in ["strict", "iam-1.12", "iam-1.7"] {
        let world = World::new(compat, "sync").await;
        assert_eq!(
            world.ann("ann").await,
            (json!(["/vo", "/vo/ops"]), "openid wlcg.groups".into()),
            "{compat}"
        );
        let made = world.ask("POST", "/scim/Groups", json!({ "displayName": "night", "urn:indigo-dc:scim:schemas:IndigoGroup": { "parentGroup": { "value": "g-ops" } } })).await;
        assert_eq!(
            (made.status, made.text("displayName")),
            (201, "vo/ops/night".into()),
            "{compat}: {}",
            made.body
        );
        let at = format!("/scim/Groups/{}", made.text("id"));
        let people = json!([{ "value": "u-ann" }, { "value": "u-bob" }]);
        assert_eq!(
            world
                .ask("PATCH", &at, patch("add", json!("members"), people))
                .await
                .status,
            204,
            "{compat}"
        );
        let members = world
            .ask("GET", &format!("{at}/members"), Value::Null)
            .await
            .json();
        assert_eq!(members["totalResults"], 2, "{compat}");
        let below = world
            .ask("GET", "/scim/Groups/g-ops/subgroups", Value::Null)
            .await
            .json();
        assert_eq!(below["Resources"][0]["display"], "vo/ops/night", "{compat}");
        assert_eq!(
            world.ann("ann").await.0,
            json!(["/vo", "/vo/ops", "/vo/ops/night"]),
            "{compat}"
        );
        // Everything below follows a renamed group, and so do memberships and policies.
        let renamed = world
            .ask(
                "PUT",
                "/scim/Groups/g-ops",
                json!({ "displayName": "operators" }),
            )
            .await;
        assert_eq!(renamed.status, 200, "{compat}: {}", renamed.body);
        let groups = json!(["/vo", "/vo/operators", "/vo/operators/night"]);
        assert_eq!(
            world.ann("ann").await,
            (groups, "openid wlcg.groups".into()),
            "{compat}"
        );
        assert_eq!(
            world
                .ask(
                    "PATCH",
                    &at,
                    patch("remove", json!("members"), json!([{ "value": "u-ann" }]))
                )
                .await
                .status,
            204
        );
        assert_eq!(
            world.ann("ann").await.0,
            json!(["/vo", "/vo/operators"]),
            "{compat}"
        );
        let refused = world.ask("DELETE", "/scim/Groups/g-ops", Value::Null).await;
        assert_eq!(refused.status, 400, "{compat}: {}", refused.body);
        for path in [&at, "/scim/Groups/g-ops"] {
            assert_eq!(
                world.ask("DELETE", path, Value::Null).await.status,
                204,
                "{compat}"
            );
        }
        assert_eq!(
            world.ann("ann").await,
            (json!(["/vo"]), "fts openid wlcg.groups".into()),
            "{compat}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused_in_scims_own_form() {
    let world = World::new("iam-1.12", "sync").await;
    let all = json!({ "displayName": "x".repeat(51) });
    for (method, path, body, status, says) in [
        (
            "POST",
            "/scim/Users",
            person("ann", "x@vo.example"),
            409,
            "A user with username 'ann' already exists",
        ),
        (
            "POST",
            "/scim/Users",
            person("eve", "ANN@vo.example"),
            409,
            "A user linked with email 'ANN@vo.example' already exists",
        ),
        (
            "POST",
            "/scim/Users",
            json!({ "userName": "eve" }),
            400,
            "Invalid Scim User: name.givenName must not be empty",
        ),
        (
            "PUT",
            "/scim/Users/u-bob",
            person("ann", "bob@vo.example"),
            409,
            "A user with username 'ann' already exists",
        ),
        (
            "PUT",
            "/scim/Users/nobody",
            person("eve", "x@vo.example"),
            404,
            "No user mapped to id 'nobody'",
        ),
        (
            "PATCH",
            "/scim/Users/u-bob",
            json!({}),
            400,
            "Invalid Scim Patch Request: there are no operations",
        ),
        (
            "PATCH",
            "/scim/Users/u-bob",
            patch("paint", Value::Null, json!({})),
            400,
            "op must be add, remove or replace, not 'paint'",
        ),
        (
            "PATCH",
            "/scim/Users/u-bob",
            patch(
                "add",
                Value::Null,
                json!({ "urn:indigo-dc:scim:schemas:IndigoUser": { "oidcIds": [{ "issuer": "https://idp.example", "subject": "ann" }] } }),
            ),
            409,
            "is already bound to a user",
        ),
        (
            "DELETE",
            "/scim/Users/nobody",
            Value::Null,
            404,
            "No user mapped to id 'nobody'",
        ),
        (
            "POST",
            "/scim/Groups",
            json!({ "displayName": "" }),
            400,
            "Group displayName cannot be empty",
        ),
        (
            "POST",
            "/scim/Groups",
            json!({ "displayName": "a/b" }),
            400,
            "Group displayName cannot contain a slash character",
        ),
        (
            "POST",
            "/scim/Groups",
            all,
            400,
            "Group name length cannot exceed 50 characters",
        ),
        (
            "POST",
            "/scim/Groups",
            json!({ "displayName": "vo" }),
            409,
            "Duplicated group 'vo'",
        ),
        (
            "POST",
            "/scim/Groups",
            json!({ "displayName": "a", "urn:indigo-dc:scim:schemas:IndigoGroup": { "parentGroup": { "value": "none" } } }),
            404,
            "Parent group 'none' not found",
        ),
        (
            "PATCH",
            "/scim/Groups/g-vo",
            patch("add", json!("labels"), json!([])),
            400,
            "path value labels is not currently supported",
        ),
        (
            "PATCH",
            "/scim/Groups/g-vo",
            patch("add", Value::Null, json!([])),
            400,
            "empty path value is not currently supported",
        ),
        (
            "PATCH",
            "/scim/Groups/g-vo",
            patch(
                "add",
                json!("members"),
                json!([{ "value": "u-bob" }, { "value": "nobody" }]),
            ),
            404,
            "No user mapped to id 'nobody'",
        ),
        (
            "DELETE",
            "/scim/Groups/g-vo",
            Value::Null,
            400,
            "is not empty",
        ),
    ] {
        let answer = world.ask(method, path, body.clone()).await;
        assert_eq!(
            answer.status, status,
            "{method} {path} {body}: {}",
            answer.body
        );
        let told = answer.json();
        assert_eq!(told["status"], status.to_string(), "{method} {path} {body}");
        assert_eq!(
            told["schemas"],
            json!(["urn:ietf:params:scim:api:messages:2.0:Error"])
        );
        assert!(
            told["detail"].as_str().unwrap().contains(says),
            "{method} {path} {body}: {}",
            answer.body
        );
    }
    assert_eq!(
        world
            .ask("GET", "/scim/Groups/g-vo/members", Value::Null)
            .await
            .json()["totalResults"],
        1,
        "nothing was half done"
    );
    assert_eq!(
        world
            .ask_as("text/plain", "POST", "/scim/Users", json!({}))
            .await
            .status,
        415
    );
    assert_eq!(world.ask("PUT", "/scim/Users", json!({})).await.status, 405);
    assert_eq!(
        world
            .ask("PATCH", "/scim/Groups/g-vo/members", json!({}))
            .await
            .status,
        405
    );

    // Scopes: reading is not writing; an administrator's session needs none, another person's is not enough.
    let reader = World::new("iam-1.12", "reader").await;
    assert_eq!(
        reader.ask("GET", "/scim/Users", Value::Null).await.status,
        200
    );
    let refused = reader
        .ask("POST", "/scim/Users", person("eve", "x@vo.example"))
        .await;
    assert_eq!(
        (refused.status, refused.text("error_description")),
        (403, "Access is denied".into())
    );
    let mut boss = Browser::login(&reader.bench, "boss", "password").await;
    assert_eq!(boss.get(&reader.bench, "/scim/Users").await.status, 200);
    let mut bob = Browser::login(&reader.bench, "bob", "password").await;
    assert_eq!(bob.get(&reader.bench, "/scim/Users").await.status, 403);
}

#[tokio::test]
async fn saml_ids_are_written_like_oidc_ids_and_certificates_are_only_read() {
    let world = World::new("iam-1.12", "sync").await;
    let id = json!({ "idpId": "https://idp", "userId": "ann@lab", "attributeId": "eppn" });
    let own = |what: Value| json!({ "urn:indigo-dc:scim:schemas:IndigoUser": what });
    let patch = |op: &str, what: Value| json!({ "operations": [{ "op": op, "value": own(what) }] });
    let certificate = json!([{ "subjectDn": "CN=Ann" }]);
    for (whom, body, status, there) in [
        ("u-ann", patch("add", json!({ "samlIds": [id] })), 204, true),
        ("u-bob", patch("add", json!({ "samlIds": [id] })), 409, true),
        (
            "u-ann",
            patch("add", json!({ "certificates": certificate })),
            400,
            true,
        ),
        (
            "u-ann",
            patch("remove", json!({ "samlIds": [id] })),
            204,
            false,
        ),
    ] {
        let told = body.to_string();
        let path = format!("/scim/Users/{whom}");
        let answer = world.ask("PATCH", &path, body).await;
        assert_eq!(answer.status, status, "{told}: {}", answer.body);
        let ann = world
            .ask("GET", "/scim/Users/u-ann", Value::Null)
            .await
            .json();
        let ids = &ann["urn:indigo-dc:scim:schemas:IndigoUser"]["samlIds"];
        assert_eq!(ids == &json!([id]), there, "{told}: {ids}");
        assert_eq!(ids.is_null(), !there);
    }
}

#[tokio::test]
async fn people_change_what_is_their_own_and_no_more() {
    const OWN: &str = "urn:indigo-dc:scim:schemas:IndigoUser";
    let ids = |subject: &str| json!({ OWN: { "oidcIds": [{ "issuer": "https://idp.example", "subject": subject }] } });
    for compat in ["strict", "iam-1.12", "iam-1.7"] {
        let world = World::new(compat, "sync").await;
        let form = [
            ("grant_type", "password"),
            ("username", "ann"),
            ("password", "password"),
            ("scope", "openid"),
        ];
        let by_token = world.bench.token("app", "s", &form).await;
        let by_token = format!("Bearer {}", by_token.text("access_token"));
        let session = Browser::login(&world.bench, "ann", "password").await;
        let session = format!("JSESSIONID={}", session.session());
        let ask = async |method: &str, head: (&str, &str), body: &Value| {
            let request = http::Request::builder()
                .method(method)
                .uri("/scim/Me")
                .header("content-type", "application/scim+json")
                .header(head.0, head.1);
            let body = carnet_stage::Body::from(body.to_string());
            world.bench.send(request.body(body).unwrap()).await
        };
        // A session will do, and in IAM any token of one's own.
        for (head, patched) in [
            (("cookie", session.as_str()), 204),
            (
                ("authorization", by_token.as_str()),
                if compat == "strict" { 403 } else { 204 },
            ),
        ] {
            let shown = ask("GET", head, &Value::Null).await;
            assert_eq!(shown.text("userName"), "ann", "{compat}: {}", shown.body);
            let name = json!({ "name": { "givenName": "Anna" } });
            let answer = ask("PATCH", head, &patch("replace", Value::Null, name)).await;
            assert_eq!(answer.status, patched, "{compat}: {}", answer.body);
        }
        let own = ("cookie", session.as_str());
        for (op, value, want) in [
            (
                "replace",
                json!({ "userName": "x" }),
                "Replace user username not supported",
            ),
            (
                "replace",
                json!({ "password": "x" }),
                "Replace user password not supported",
            ),
            (
                "replace",
                json!({ "active": false }),
                "Replace user active status not supported",
            ),
            (
                "add",
                ids("x"),
                "Add OpenID Connect account to user not supported",
            ),
            (
                "replace",
                json!({ "emails": [{ "value": "bob@vo.example" }] }),
                "A user linked with email 'bob@vo.example' already exists",
            ),
            (
                "replace",
                json!({ "emails": [{ "value": "a@vo.example" }] }),
                "",
            ),
            ("remove", ids("ann"), ""),
        ] {
            let answer = ask("PATCH", own, &patch(op, Value::Null, value.clone())).await;
            assert_eq!(answer.text("detail"), want, "{compat}: {op} {value}");
        }
        // All operations or none.
        let half = json!({ "operations": [
            { "op": "replace", "value": { "name": { "familyName": "Half" } } },
            { "op": "replace", "value": { "active": false } },
        ] });
        assert_eq!(ask("PATCH", own, &half).await.status, 400);
        let shown = ask("GET", own, &Value::Null).await.json();
        assert_eq!(
            (
                &shown["name"]["givenName"],
                &shown["emails"][0]["value"],
                shown[OWN].get("oidcIds")
            ),
            (&json!("Anna"), &json!("a@vo.example"), None),
            "{compat}: {shown}"
        );
        assert_ne!(shown["name"]["familyName"], "Half", "{compat}");
        // A client without a person: nobody to show, and nothing without the scope.
        let client = format!("Bearer {}", world.token);
        let answer = ask("GET", ("authorization", &client), &Value::Null).await;
        assert_eq!(answer.status, 400, "{compat}");
        let poor = World::new(compat, "writer").await;
        let answer = poor.ask("GET", "/scim/Me", Value::Null).await;
        assert_eq!(answer.status, 403, "{compat}: {}", answer.body);
    }
}

#[tokio::test]
async fn rfc_7644_3_4_2_2_filters_that_iam_ignores() {
    for (filter, strict, iam) in [
        ("userName eq \"ann\"", "200 1", "200 3"),
        ("userName eq \"nobody\"", "200 0", "200 3"),
        ("emails.value ew \"@vo.example\"", "200 2", "200 3"),
        ("userName like \"a\"", "400 ", "200 3"),
    ] {
        for (compat, want) in [("strict", strict), ("iam-1.12", iam), ("iam-1.7", iam)] {
            let world = World::new(compat, "reader").await;
            let query = form_urlencoded::byte_serialize(filter.as_bytes()).collect::<String>();
            let path = format!("/scim/Users?filter={query}");
            let answer = world.ask("GET", &path, Value::Null).await;
            let total = &answer.json()["totalResults"];
            let total = total.as_u64().map_or(String::new(), |n| n.to_string());
            assert_eq!(
                format!("{} {total}", answer.status),
                want,
                "{compat} {filter}"
            );
        }
    }
}

//! A world of people, groups and clients that may read and write them, and a client's way of asking.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "a test's tools: every test uses its part, fails loudly, and hands over what it says"
)]

use http::Request;
use serde_json::Value;

use crate::common::{Answer, Bench};

const WORLD: &str = r#"
groups = [{ name = "/vo", uuid = "g-vo" }, { name = "/vo/ops", uuid = "g-ops" }]
users = [
  { username = "ann", uuid = "u-ann", groups = ["/vo", "/vo/ops"], email = "ann@vo.example", oidc_ids = [{ issuer = "https://idp.example", subject = "ann" }] },
  { username = "bob", uuid = "u-bob", email = "bob@vo.example" },
  { username = "boss", uuid = "u-boss", admin = true },
]
scope_policies = [{ rule = "PERMIT" }, { level = "group", group = "/vo/ops", rule = "DENY", scopes = ["fts"] }]
clients = [
  { client_id = "sync", client_secret = "s", scope = ["scim:read", "scim:write"] },
  { client_id = "reader", client_secret = "s", scope = ["scim:read", "iam:admin.read"] },
  { client_id = "writer", client_secret = "s", scope = ["iam:admin.read", "iam:admin.write"] },
  { client_id = "app", client_secret = "s", grant_types = ["password"], scope = ["openid", "fts", "wlcg.groups"] },
]
"#;

pub struct World {
    pub bench: Bench,
    pub token: String,
}

impl World {
    pub async fn new(compat: &str, client: &str) -> Self {
        let bench = Bench::from_toml(&format!("compat = \"{compat}\"\n{WORLD}"));
        let token = bench
            .token(client, "s", &[("grant_type", "client_credentials")])
            .await
            .text("access_token");
        Self { bench, token }
    }

    pub async fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        self.ask_as("application/scim+json", method, path, body)
            .await
    }

    pub async fn ask_as(&self, kind: &str, method: &str, path: &str, body: Value) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", kind);
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.bench
            .send(request.body(carnet_stage::Body::from(body)).unwrap())
            .await
    }

    /// Groups and scope that ann's token has.
    pub async fn ann(&self, name: &str) -> (Value, String) {
        let form = [
            ("grant_type", "password"),
            ("username", name),
            ("password", "password"),
            ("scope", "openid fts wlcg.groups"),
        ];
        let answer = self.bench.token("app", "s", &form).await;
        let text = answer.text("scope");
        let mut scope: Vec<&str> = text.split(' ').collect();
        scope.sort_unstable();
        (answer.claims()["wlcg.groups"].clone(), scope.join(" "))
    }
}

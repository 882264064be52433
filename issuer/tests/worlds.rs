//! Worlds that nobody wrote down: drawn clients, groups, people and policies, and drawn requests. Whatever the world, the
//! explanation is the answer, a strict issuer never fails inside, and what a token carries was asked and may be had.

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod common;

use std::collections::BTreeSet;

use common::{Answer, Bench, EXCHANGE};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, IteratorRandom as _};
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

const NAMES: [&str; 4] = [
    "storage.read",
    "storage.create",
    "storage.modify",
    "storage.poll",
];
const PATHS: [&str; 9] = [
    "/", "/a", "/a/b", "/ab", "/a/b/", "/A", "/a.b", "/a%20b", "/é",
];
const PLAIN: [&str; 9] = [
    "openid",
    "profile",
    "offline_access",
    "wlcg.groups",
    "compute.read",
    "compute.cancel",
    "scim:read",
    "custom",
    "registration-token",
];
const GROUPS: [&str; 6] = ["/g", "/g/h", "/g/h/i", "/G", "/z.1_x-y", "/zz"];
const ODD: [&str; 7] = [
    "storage.read",
    "storage.read:a",
    "storage.read:/a/../b",
    "wlcg.groups:g",
    "x..y",
    "",
    "storage.read:/a+b",
];

struct Draw(StdRng);

impl Draw {
    fn one<'t>(&mut self, all: &[&'t str]) -> &'t str {
        all.choose(&mut self.0).unwrap()
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.0.random_range(0..100) < percent
    }

    fn some(&mut self, all: &[&str], most: usize) -> Vec<String> {
        let count = self.0.random_range(0..=most);
        all.iter()
            .map(|s| (*s).to_owned())
            .choose_multiple(&mut self.0, count)
    }

    fn path_scope(&mut self) -> String {
        format!("{}:{}", self.one(&NAMES), self.one(&PATHS))
    }

    fn scope(&mut self) -> String {
        match self.0.random_range(0..10) {
            0..=4 => self.path_scope(),
            5 => format!("wlcg.groups:{}", self.one(&GROUPS)),
            6 if self.chance(40) => self.one(&ODD).to_owned(),
            _ => self.one(&PLAIN).to_owned(),
        }
    }

    fn scopes(&mut self, most: usize) -> Vec<String> {
        (0..self.0.random_range(0..=most))
            .map(|_| self.scope())
            .collect()
    }

    /// How a policy names scopes: its kind, and texts of that kind.
    fn pattern(&mut self) -> (&'static str, String) {
        match self.0.random_range(0..3) {
            0 => ("EQ", self.scope()),
            1 => (
                "REGEXP",
                self.one(&[
                    "storage\\..*:/a.*",
                    "(openid|profile)",
                    "wlcg\\.groups.*",
                    ".*",
                    "compute\\.[a-z]+",
                ])
                .to_owned(),
            ),
            _ if self.chance(10) => ("PATH", "storage.*:/".to_owned()),
            _ => ("PATH", self.path_scope()),
        }
    }

    fn rule(&mut self) -> &'static str {
        if self.chance(60) { "PERMIT" } else { "DENY" }
    }

    fn end(&mut self) -> Value {
        match self.0.random_range(0..3) {
            0 => json!({ "type": "ANY" }),
            1 => json!({ "type": "BY_ID", "match": self.one(&["c0", "c1", "c2", "c3"]) }),
            _ => json!({ "type": "BY_SCOPE", "match": self.scope() }),
        }
    }

    fn world(&mut self, compat: &str) -> Value {
        let grants = [
            "client_credentials",
            "password",
            "refresh_token",
            "token-exchange",
        ];
        let clients: Vec<Value> = (0..4)
            .map(|n| {
                let mut scope = self.scopes(8);
                scope.extend(["openid".to_owned(), "wlcg.groups".to_owned()]);
                let mut may = self.some(&grants, 4);
                if self.chance(80) {
                    may = grants.iter().map(|g| (*g).to_owned()).collect();
                }
                json!({ "client_id": format!("c{n}"), "client_secret": "s", "grant_types": may, "scope": scope, "active": !self.chance(5),
                        "reuse_refresh_token": self.chance(50), "clear_access_tokens_on_refresh": self.chance(50) })
            })
            .collect();
        let groups: Vec<Value> = GROUPS
            .iter()
            .map(|name| json!({ "name": name, "optional": self.chance(40) }))
            .collect();
        let users: Vec<Value> = (0..3)
            .map(|n| json!({ "username": format!("u{n}"), "groups": self.some(&GROUPS, 5), "admin": self.chance(20), "active": !self.chance(5) }))
            .collect();
        let scope_policies: Vec<Value> = (0..self.0.random_range(0..7))
            .map(|_| {
                let (matching, text) = self.pattern();
                let mut policy =
                    json!({ "rule": self.rule(), "matching": matching, "scopes": [text] });
                if self.chance(20) {
                    policy["scopes"] = json!([]);
                }
                let (level, whom) = match self.0.random_range(0..4) {
                    0 => ("group", self.one(&GROUPS)),
                    1 => ("account", self.one(&["u0", "u1", "u2"])),
                    _ => ("default", ""),
                };
                policy["level"] = level.into();
                if !whom.is_empty() {
                    policy[level] = whom.into();
                }
                policy
            })
            .collect();
        let exchange_policies: Vec<Value> = (0..self.0.random_range(0..5))
            .map(|_| {
                let (kind, text) = self.pattern();
                let own = if self.chance(40) { vec![json!({ "rule": self.rule(), "type": kind, "match": text })] } else { vec![] };
                json!({ "rule": self.rule(), "origin": self.end(), "destination": self.end(), "scope_policies": own })
            })
            .collect();
        json!({ "compat": compat, "algorithm": "ES256", "admin_secret": "open", "clients": clients, "groups": groups, "users": users,
                "scope_policies": scope_policies, "exchange_policies": exchange_policies })
    }

    fn question(&mut self, world: &Value) -> Value {
        let client = self.one(&["c0", "c1", "c2", "c3"]);
        let registered: Vec<String> = world["clients"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|one| one["client_id"] == client)
            .map(|one| serde_json::from_value(one["scope"].clone()).unwrap())
            .unwrap();
        let mut question = json!({ "client_id": client });
        if self.chance(90) {
            // Mostly what the client may ask, so that something comes of it.
            let asked = if self.chance(70) {
                let names: Vec<&str> = registered.iter().map(String::as_str).collect();
                self.some(&names, 4)
            } else {
                self.scopes(5)
            };
            question["scope"] = asked.join(" ").into();
        }
        if self.chance(30) {
            question["audience"] = self.one(&["https://se1.example", "a b", " ", ""]).into();
        }
        if self.chance(65) {
            question["user"] = self.one(&["u0", "u1", "u2"]).into();
        }
        if self.chance(50) {
            question["origin"] = self.one(&["c0", "c1", "c2", "c3"]).into();
            question["grant"] = "token-exchange".into();
        } else if question["user"].is_string() {
            question["grant"] = "password".into();
        }
        question
    }
}

/// A token of the origin, if there is one to be had; then the request itself.
async fn really(bench: &Bench, question: &Value) -> Option<Answer> {
    let text = |name: &str| question[name].as_str();
    let person = text("user").map(|user| {
        [
            ("grant_type", "password"),
            ("username", user),
            ("password", "password"),
        ]
    });
    let subject;
    let mut form: Vec<(&str, &str)> = Vec::new();
    if let Some(origin) = text("origin") {
        let mut first = person.map_or_else(
            || vec![("grant_type", "client_credentials")],
            |p| p.to_vec(),
        );
        first.push(("scope", "openid"));
        subject = bench.token(origin, "s", &first).await.text("access_token");
        if subject.is_empty() {
            return None;
        }
        form.extend([
            ("grant_type", EXCHANGE),
            ("subject_token", subject.as_str()),
        ]);
    } else {
        form.extend(person.map_or_else(
            || vec![("grant_type", "client_credentials")],
            |p| p.to_vec(),
        ));
    }
    for name in ["scope", "audience"] {
        form.extend(text(name).map(|value| (name, value)));
    }
    Some(bench.token(text("client_id").unwrap(), "s", &form).await)
}

fn set(text: &str) -> BTreeSet<&str> {
    text.split(' ').filter(|s| !s.is_empty()).collect()
}

#[tokio::test]
async fn in_any_world_the_explanation_is_the_answer() {
    let (mut granted, mut refused) = (0, 0);
    for (seed, compat) in (0..36).zip(["strict", "iam-1.12", "iam-1.7"].iter().cycle()) {
        let mut draw = Draw(StdRng::seed_from_u64(seed));
        let world = draw.world(compat);
        let bench = Bench::new(serde_json::from_value(world.clone()).unwrap());
        for _ in 0..40 {
            let question = draw.question(&world);
            let unsaid = question["scope"]
                .as_str()
                .is_none_or(|scope| scope.trim().is_empty());
            if *compat == "strict" && question["origin"].is_string() && unsaid {
                // The subject token's scope stands in, and an explanation has none.
                continue;
            }
            let Some(answer) = really(&bench, &question).await else {
                continue;
            };
            let told = bench
                .admin("POST", "/explain/request", question.clone())
                .await
                .json();
            let context = || {
                format!(
                    "{compat}, seed {seed}: {question}\n{}\n{told}\n{world}",
                    answer.body
                )
            };
            assert!(answer.status != 500 || *compat != "strict", "{}", context());
            assert_eq!(told["granted"], answer.status == 200, "{}", context());
            if answer.status != 200 {
                refused += 1;
                assert_eq!(told["refusal"]["status"], answer.status, "{}", context());
                assert_eq!(
                    told["refusal"]["error_description"],
                    answer.json()["error_description"],
                    "{}",
                    context()
                );
                continue;
            }
            granted += 1;
            let claims = answer.claims();
            let scope = claims["scope"].as_str().unwrap_or_default();
            assert_eq!(told["scope"], scope, "{}", context());
            assert_eq!(told["groups"], claims["wlcg.groups"], "{}", context());
            assert_eq!(
                told["refresh_token"],
                answer.json().get("refresh_token").is_some(),
                "{}",
                context()
            );
            // S-1: answer and claim name the same scopes, and none that was not asked.
            assert_eq!(set(scope), set(&answer.text("scope")), "{}", context());
            if let Some(asked) = question["scope"]
                .as_str()
                .filter(|asked| !asked.trim().is_empty())
            {
                let asked: BTreeSet<&str> = asked.split([' ', '+']).collect();
                assert!(
                    *compat == "strict" || set(scope).is_subset(&asked),
                    "{}",
                    context()
                );
            }
        }
    }
    assert!(
        granted > 200 && refused > 200,
        "{granted} granted, {refused} refused: the drawn worlds say too little"
    );
}

//! 2,000 random requests that two real IAMs answered, put to this issuer in the same world: every answer must agree.
//!
//! `decisions/rows.jsonl`: a list of words, then one row a line; numbers stand for words except at `s`, `e`, `l`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test reads its own data and says how much agreed"
)]

mod common;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use common::{Bench, Browser, DEVICE, EXCHANGE, basic, claims, query, scope_fields};
use serde_json::{Map, Value, json};

const ROWS: &str = include_str!("decisions/rows.jsonl");
const TODAY: &str = include_str!("../../scenarios/worlds/iam-1.12.toml");
const THEN: &str = include_str!("../../scenarios/worlds/iam-1.7.toml");

/// Members of an answer, by their letter in the file.
const MEMBERS: [(&str, &str); 23] = [
    ("s", "status"),
    ("m", "members"),
    ("o", "scope"),
    ("e", "expires_in"),
    ("c", "claims"),
    ("l", "lifetime"),
    ("u", "sub"),
    ("i", "client_id"),
    ("a", "aud"),
    ("q", "claim_scope"),
    ("g", "groups"),
    ("t", "act"),
    ("r", "refresh_token"),
    ("k", "same_refresh_token"),
    ("d", "id_token"),
    ("n", "id_token_groups"),
    ("x", "error"),
    ("y", "error_description"),
    ("w", "www_authenticate"),
    ("b", "allow"),
    ("h", "content_type"),
    ("f", "failed_at"),
    ("j", "error_in"),
];

type Expected = Option<Map<String, Value>>;

struct Row {
    id: String,
    grant: String,
    client: Option<String>,
    user: String,
    token: Option<(String, String)>,
    params: Vec<(String, String)>,
    start: Vec<(String, String)>,
    ties: Vec<String>,
    today: Expected,
    then: Expected,
}

fn rows() -> Vec<Row> {
    let mut lines = ROWS.lines();
    let words: Vec<String> = serde_json::from_str(lines.next().unwrap()).unwrap();
    lines
        .map(|line| row(&serde_json::from_str(line).unwrap(), &words))
        .collect()
}

fn spell(value: Value, words: &[String]) -> Value {
    match value {
        Value::Number(n) => words[n.as_u64().unwrap() as usize].clone().into(),
        Value::Array(all) => all.into_iter().map(|v| spell(v, words)).collect(),
        Value::Object(all) => Value::Object(
            all.into_iter()
                .map(|(k, v)| {
                    if matches!(k.as_str(), "s" | "e" | "l") {
                        (k, v)
                    } else {
                        (k, spell(v, words))
                    }
                })
                .collect(),
        ),
        other => other,
    }
}

fn row(line: &Value, words: &[String]) -> Row {
    let id = line[0].as_str().unwrap().to_owned();
    let body = spell(line[1].clone(), words);
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    let pairs = |name: &str| -> Vec<(String, String)> {
        let pair = |p: &Value| {
            (
                p[0].as_str().unwrap().to_owned(),
                p[1].as_str().unwrap().to_owned(),
            )
        };
        body[name]
            .as_array()
            .into_iter()
            .flatten()
            .map(pair)
            .collect()
    };
    let named = |answer: &Value| -> Expected {
        let answer = answer.as_object()?;
        let name = |k: &str| {
            MEMBERS
                .iter()
                .find(|(l, _)| *l == k)
                .map_or("body", |(_, n)| n)
                .to_owned()
        };
        Some(answer.iter().map(|(k, v)| (name(k), v.clone())).collect())
    };
    let today = named(&body["v"]);
    let then = match &body["w"] {
        _ if body.get("w").is_none() => today.clone(),
        Value::String(_) => today.clone(),
        Value::Null => None,
        change if today.is_none() => named(change),
        change => {
            let mut answer = today.clone().unwrap();
            for (k, v) in named(change).unwrap() {
                if v.is_null() {
                    answer.remove(&k)
                } else {
                    answer.insert(k, v)
                };
            }
            Some(answer)
        }
    };
    let ties = body["i"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|v| v.as_str().map(str::to_owned))
        .collect();
    Row {
        grant: text("g").unwrap(),
        client: text("c"),
        user: text("u").unwrap_or_default(),
        token: body["t"].as_array().map(|t| {
            (
                t[0].as_str().unwrap().to_owned(),
                t[1].as_str().unwrap().to_owned(),
            )
        }),
        params: pairs("p"),
        start: pairs("b"),
        id,
        ties,
        today,
        then,
    }
}

struct World {
    bench: Bench,
    clients: HashMap<String, (String, String)>,
    users: HashMap<String, String>,
    got: HashMap<String, Value>,
}

impl World {
    fn new(text: &str) -> Self {
        let table: toml::Table = toml::from_str(text).unwrap();
        let issuer = &table["actors"]["iam"]["issuer"];
        let of = |list: &str, a: &str, b: &str, c: &str| -> Vec<(String, String, String)> {
            let get = |t: &toml::Value, n: &str| match t.get(n) {
                Some(toml::Value::String(s)) => s.clone(),
                Some(toml::Value::Array(a)) => a[0].as_str().unwrap().to_owned(),
                _ => String::new(),
            };
            issuer[list]
                .as_array()
                .unwrap()
                .iter()
                .map(|t| (get(t, a), get(t, b), get(t, c)))
                .collect()
        };
        let clients = of(
            "clients",
            "client_id",
            "token_endpoint_auth_method",
            "redirect_uris",
        );
        let users = of("users", "uuid", "username", "username");
        Self {
            bench: Bench::from_toml(text),
            clients: clients
                .into_iter()
                .map(|(id, method, uri)| (id, (method, uri)))
                .collect(),
            users: users
                .into_iter()
                .map(|(uuid, name, _)| (uuid, name))
                .collect(),
            got: HashMap::new(),
        }
    }

    fn named(&self, value: &Value) -> Value {
        match value.as_str().and_then(|uuid| self.users.get(uuid)) {
            Some(name) => name.clone().into(),
            None => value.clone(),
        }
    }

    async fn ask(&mut self, row: &Row) -> Expected {
        let token = match &row.token {
            None => String::new(),
            Some((id, which)) => self.got.get(id)?.get(which)?.as_str()?.to_owned(),
        };
        let mut form: Vec<(String, String)> = Vec::new();
        let mut headers: Vec<(&str, String)> = Vec::new();
        let grant = row.grant.as_str();
        if let Some(client) = &row.client {
            let method = self.clients[client].0.as_str();
            if method == "client_secret_basic" || grant == "introspect" {
                headers.push(("authorization", basic(client, "secret")));
            } else {
                form.push(("client_id".into(), client.clone()));
                if method == "client_secret_post" {
                    form.push(("client_secret".into(), "secret".into()));
                }
            }
        }
        let answer = match grant {
            "userinfo" => {
                let bearer = format!("Bearer {token}");
                self.bench
                    .call("GET", "/userinfo", None, &[("authorization", &bearer)])
                    .await
            }
            "introspect" => {
                let headers: Vec<_> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
                self.bench
                    .call("POST", "/introspect", Some(&[("token", &token)]), &headers)
                    .await
            }
            _ => {
                form.insert(0, ("grant_type".into(), grant.into()));
                match grant {
                    "password" => {
                        form.push(("username".into(), row.user.clone()));
                        form.push(("password".into(), "password".into()));
                    }
                    "refresh_token" => form.push(("refresh_token".into(), token.clone())),
                    EXCHANGE => form.push(("subject_token".into(), token.clone())),
                    DEVICE => match self.device(row).await {
                        Ok(code) => form.push(("device_code".into(), code)),
                        Err(answer) => return Some(answer),
                    },
                    "authorization_code" => match self.code(row).await {
                        Ok((code, uri)) => {
                            form.extend([("code".into(), code), ("redirect_uri".into(), uri)]);
                        }
                        Err(answer) => return Some(answer),
                    },
                    _ => {}
                }
                form.extend(row.params.iter().cloned());
                let form: Vec<_> = form.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
                let headers: Vec<_> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
                self.bench
                    .call("POST", "/token", Some(&form), &headers)
                    .await
            }
        };
        Some(self.reduce(row, &token, &answer))
    }

    async fn device(&self, row: &Row) -> Result<String, Map<String, Value>> {
        let mut form = vec![("client_id", row.client.as_deref().unwrap())];
        form.extend(row.start.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        let answer = self
            .bench
            .call("POST", "/devicecode", Some(&form), &[])
            .await;
        if answer.status != 200 {
            return Err(failed("start", &answer));
        }
        let user_code = answer.text("user_code");
        let mut browser = Browser::login(&self.bench, &row.user, "password").await;
        browser
            .post(&self.bench, "/device/verify", &[("user_code", &user_code)])
            .await;
        let yes = [
            ("user_code", user_code.as_str()),
            ("user_oauth_approval", "true"),
            ("remember", "none"),
        ];
        let approved = browser.post(&self.bench, "/device/approve", &yes).await;
        if approved.status != 200 {
            let mut out = failed("approve", &approved);
            out.retain(|k, _| !k.starts_with("error"));
            return Err(out);
        }
        Ok(answer.text("device_code"))
    }

    async fn code(&self, row: &Row) -> Result<(String, String), Map<String, Value>> {
        let client = row.client.as_deref().unwrap();
        let uri = self.clients[client].1.as_str();
        let mut pairs = vec![
            ("response_type", "code"),
            ("client_id", client),
            ("redirect_uri", uri),
            ("state", "s1"),
        ];
        pairs.extend(row.start.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        let query_text = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        let mut browser = Browser::login(&self.bench, &row.user, "password").await;
        let mut answer = browser
            .get(&self.bench, &format!("/authorize?{query_text}"))
            .await;
        if answer.status == 200 {
            let fields = scope_fields(&answer.body);
            let mut form = vec![
                ("user_oauth_approval", "true"),
                ("remember", "none"),
                ("authorize", "Authorize"),
            ];
            form.extend(fields.iter().map(|(n, v)| (n.as_str(), v.as_str())));
            answer = browser.post(&self.bench, "/authorize", &form).await;
        }
        let location = answer.header("location").unwrap_or_default().to_owned();
        if let Some(code) = query(&location, "code") {
            return Ok((code, uri.to_owned()));
        }
        let mut out = Map::new();
        out.insert("status".into(), answer.status.into());
        out.insert("failed_at".into(), "start".into());
        if location.starts_with(uri) {
            out.insert("error".into(), query(&location, "error").into());
            out.insert(
                "error_description".into(),
                query(&location, "error_description").into(),
            );
            out.insert(
                "error_in".into(),
                if location.contains('#') {
                    "fragment"
                } else {
                    "query"
                }
                .into(),
            );
        } else {
            out.insert("content_type".into(), content_type(&answer).into());
            if let Some((_, rest)) = answer.body.split_once("error=&quot;") {
                let (error, rest) = rest.split_once("&quot;, error_description=&quot;").unwrap();
                out.insert("error".into(), error.into());
                out.insert(
                    "error_description".into(),
                    rest.split("&quot;").next().unwrap().into(),
                );
            }
        }
        Err(out)
    }

    fn reduce(&mut self, row: &Row, sent: &str, answer: &common::Answer) -> Map<String, Value> {
        let mut out = Map::new();
        out.insert("status".into(), answer.status.into());
        let body = answer.json();
        let names = |value: &Value| -> String {
            value
                .as_object()
                .map(|m| m.keys().map(String::as_str).collect::<Vec<_>>().join(","))
                .unwrap_or_default()
        };
        if !body.is_object() {
            if !answer.body.is_empty() {
                out.insert("content_type".into(), content_type(answer).into());
            }
            out.insert("allow".into(), answer.header("allow").into());
        } else if body.get("error").is_some() {
            out.insert("error".into(), body["error"].clone());
            out.insert(
                "error_description".into(),
                mask(body["error_description"].as_str().unwrap_or_default()).into(),
            );
        } else if matches!(row.grant.as_str(), "introspect" | "userinfo") {
            out.insert("members".into(), names(&body).into());
            let skip = ["exp", "iat", "expires_at", "updated_at", "jti", "nbf"];
            let shown = body
                .as_object()
                .unwrap()
                .iter()
                .filter(|(k, _)| !skip.contains(&k.as_str()));
            let shown = shown.map(|(k, v)| {
                (
                    k.clone(),
                    if k == "iss" {
                        "<iss>".into()
                    } else {
                        self.named(v)
                    },
                )
            });
            out.insert("body".into(), Value::Object(shown.collect()));
        } else if body.get("access_token").is_some() {
            let payload = answer.claims();
            for name in ["scope", "expires_in"] {
                out.insert(name.into(), body[name].clone());
            }
            out.insert("members".into(), names(&body).into());
            out.insert("claims".into(), names(&payload).into());
            out.insert(
                "lifetime".into(),
                (payload["exp"].as_i64().unwrap() - payload["iat"].as_i64().unwrap()).into(),
            );
            out.insert("sub".into(), self.named(&payload["sub"]));
            for (to, from) in [
                ("client_id", "client_id"),
                ("aud", "aud"),
                ("claim_scope", "scope"),
                ("groups", "wlcg.groups"),
                ("act", "act"),
            ] {
                out.insert(to.into(), payload[from].clone());
            }
            if let Some(refresh) = body["refresh_token"].as_str() {
                out.insert("refresh_token".into(), names(&claims(refresh)).into());
                if row.grant == "refresh_token" {
                    out.insert("same_refresh_token".into(), json!(refresh == sent));
                }
            }
            if let Some(id) = body["id_token"].as_str() {
                let id = claims(id);
                out.insert("id_token".into(), names(&id).into());
                out.insert("id_token_groups".into(), id["wlcg.groups"].clone());
            }
            self.got.insert(row.id.clone(), body);
        }
        if let Some(challenge) = answer.header("www-authenticate") {
            out.insert("www_authenticate".into(), mask(challenge).into());
        }
        out
    }
}

fn failed(at: &str, answer: &common::Answer) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("status".into(), answer.status.into());
    out.insert("failed_at".into(), at.into());
    match answer.json() {
        Value::Object(body) => {
            out.insert("error".into(), body["error"].clone());
            out.insert(
                "error_description".into(),
                body["error_description"].clone(),
            );
        }
        _ => {
            out.insert("content_type".into(), content_type(answer).into());
        }
    }
    out
}

fn content_type(answer: &common::Answer) -> String {
    answer
        .header("content-type")
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// Puts `<token>` in place of every compact token, as the rows have it.
fn mask(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("eyJ") {
        out.push_str(&rest[..at]);
        let token: usize = rest[at..]
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
            .unwrap_or(rest.len() - at);
        out.push_str("<token>");
        rest = &rest[at + token..];
    }
    out + rest
}

fn filled(answer: &Map<String, Value>) -> BTreeMap<&String, &Value> {
    answer
        .iter()
        .filter(|(_, v)| !v.is_null() && v.as_str() != Some(""))
        .collect()
}

fn differences(want: &Map<String, Value>, have: &Map<String, Value>) -> Vec<String> {
    let (want, have) = (filled(want), filled(have));
    let names: std::collections::BTreeSet<_> = want.keys().chain(have.keys()).collect();
    let near = |name: &str, a: Option<&&Value>, b: Option<&&Value>| {
        matches!(name, "lifetime" | "expires_in")
            && a.zip(b).is_some_and(|(a, b)| {
                (a.as_i64().unwrap_or(0) - b.as_i64().unwrap_or(9)).abs() <= 1
            })
    };
    let differs =
        |n: &&&&String| want.get(**n) != have.get(**n) && !near(n, want.get(**n), have.get(**n));
    names
        .iter()
        .filter(differs)
        .map(|n| format!("{n}: want {:?} have {:?}", want.get(**n), have.get(**n)))
        .collect()
}

async fn replay(world: &str, version: &str) {
    let mut world = World::new(world);
    let (mut all, mut equal, mut report) = (0, 0, String::new());
    for row in rows() {
        let have = world.ask(&row).await;
        let want = if version == "1.12.0" {
            &row.today
        } else {
            &row.then
        };
        let Some(want) = want else { continue };
        all += 1;
        let found = if row.ties.iter().any(|v| v == version) {
            Vec::new()
        } else {
            differences(want, &have.unwrap_or_default())
        };
        if found.is_empty() {
            equal += 1;
        } else {
            let _ = writeln!(
                report,
                "{} {} {:?} start {:?} params {:?}\n    {}",
                row.id,
                row.grant,
                row.client,
                row.start,
                row.params,
                found.join("\n    ")
            );
        }
    }
    println!("{version}: {equal} of {all} answers agree");
    assert!(
        report.is_empty(),
        "{version}: {equal} of {all} answers agree\n{report}"
    );
}

#[tokio::test]
async fn iam_1_12_agrees() {
    replay(TODAY, "1.12.0").await;
}

#[tokio::test]
async fn iam_1_7_agrees() {
    replay(THEN, "1.7.0pre").await;
}

//! Dialogues recorded with two running IAMs, put to this issuer in their order; `N of M equal` by file.
//!
//! `dialogues/recorded.jsonl` holds one dialogue a line, reduced to request and facts of the answer. `{{3.access_token}}`
//! is a value of the answer to dialogue 3 of the same file, `{{p0.…}}` of a token that was fetched beforehand (`n`),
//! `{{s0:admin.cookie}}` the session of somebody logged in. `dialogues/differs.txt` gives the reason of every difference.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test reads its own data and says how much agreed"
)]

mod common;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use carnet_issuer::Config;
use carnet_stage::Body;
use common::{Answer, Bench, Browser, basic, query};
use http::Request;
use serde_json::{Map, Value};

const RECORDED: &str = include_str!("dialogues/recorded.jsonl");
const WORLD: &str = include_str!("dialogues/world.toml");
const DIFFERS: &str = include_str!("dialogues/differs.txt");

/// The scope policies in force while dialogues 31 to 35 of the password files were recorded.
const POLICIES: &str = r#"[
    {"rule": "PERMIT"},
    {"rule": "DENY", "matching": "EQ", "scopes": ["compute.create"]},
    {"rule": "DENY", "matching": "PATH", "scopes": ["storage.modify:/"]},
    {"level": "group", "group": "wlcg/pilots", "rule": "PERMIT", "matching": "EQ", "scopes": ["compute.create"]}
]"#;

struct Replay {
    bench: Bench,
    values: HashMap<String, String>,
    at: i64,
}

impl Replay {
    fn new(file: &str) -> Self {
        let compat = if file.starts_with("iam-1.12") {
            "iam-1.12"
        } else {
            "iam-1.7"
        };
        let mut table: toml::Table = toml::from_str(WORLD).unwrap();
        table.insert("compat".into(), compat.into());
        let config: Config = toml::Value::Table(table).try_into().unwrap();
        Self {
            bench: Bench::new(config),
            values: HashMap::new(),
            at: 0,
        }
    }

    /// Fetches the tokens that a dialogue needs and the record does not show being fetched.
    async fn prepare(&mut self, needs: &Value) {
        for need in needs.as_array().into_iter().flatten() {
            let text = |name: &str| need[name].as_str();
            let client = text("client").unwrap_or("lab-wlcg");
            let id = need["id"].as_str().unwrap();
            if need["code"].is_array() {
                self.fetch_code(id, client, need).await;
                continue;
            }
            if let Some(how) = text("device") {
                let mut form = vec![("client_id", client), ("scope", text("scope").unwrap())];
                let start = need["start"].as_array().into_iter().flatten();
                form.extend(start.map(|p| (p[0].as_str().unwrap(), p[1].as_str().unwrap())));
                let answer = self
                    .bench
                    .call("POST", "/devicecode", Some(&form), &[])
                    .await;
                self.learn(id, &answer);
                if how != "start" {
                    let cookie =
                        format!("JSESSIONID={}", self.fill("{{s0:test_100.cookie}}").await);
                    let user_code = answer.text("user_code");
                    let form = [("user_code", user_code.as_str())];
                    self.bench
                        .call(
                            "POST",
                            "/device/verify",
                            Some(&form),
                            &[("cookie", &cookie)],
                        )
                        .await;
                    if how == "approve" {
                        let form = [
                            ("user_code", user_code.as_str()),
                            ("user_oauth_approval", "true"),
                            ("remember", "none"),
                        ];
                        self.bench
                            .call(
                                "POST",
                                "/device/approve",
                                Some(&form),
                                &[("cookie", &cookie)],
                            )
                            .await;
                    }
                }
                continue;
            }
            let mut form = match text("user") {
                Some(user) => vec![
                    ("grant_type", "password"),
                    ("username", user),
                    ("password", "password"),
                ],
                None => vec![("grant_type", "client_credentials")],
            };
            form.push(("scope", text("scope").unwrap_or_default()));
            for name in ["audience", "resource"] {
                if let Some(value) = text(name) {
                    form.push((name, value));
                }
            }
            let answer = self.bench.token(client, "secret", &form).await;
            self.learn(id, &answer);
        }
    }

    /// A code, approved in a browser session that the record does not show.
    async fn fetch_code(&mut self, id: &str, client: &str, need: &Value) {
        let uri = "http://localhost:9999/cb";
        let scope = need["scope"].as_str().unwrap();
        let mut pairs = vec![
            ("response_type", "code"),
            ("client_id", client),
            ("redirect_uri", uri),
            ("scope", scope),
        ];
        let extra = need["code"].as_array().unwrap();
        pairs.extend(
            extra
                .iter()
                .map(|p| (p[0].as_str().unwrap(), p[1].as_str().unwrap())),
        );
        let text = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        let mut browser =
            Browser::login(&self.bench, need["user"].as_str().unwrap(), "password").await;
        let page = browser
            .get(&self.bench, &format!("/authorize?{text}"))
            .await;
        let fields = common::scope_fields(&page.body);
        let mut form = vec![
            ("user_oauth_approval", "true"),
            ("remember", "none"),
            ("authorize", "Authorize"),
        ];
        form.extend(fields.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        let answer = browser.post(&self.bench, "/authorize", &form).await;
        self.learn(id, &answer);
    }

    /// What happened between two dialogues and is not in the record.
    fn act(&mut self, action: &str, dialogue: &Value) {
        let issuer = &self.bench.started.issuer;
        match action.split_once(' ') {
            Some(("advance", seconds)) => {
                let seconds: i64 = seconds.parse().unwrap();
                self.bench.advance(seconds as u64);
                self.at += seconds;
            }
            Some(("suspend", name)) => {
                let uuid = issuer.people.by_name(name).unwrap().uuid.clone();
                issuer.people.change(&uuid, |user| user.active = false);
            }
            Some(("suspend-client", id)) => {
                let mut client =
                    carnet_issuer::store::Client::clone(&issuer.clients.get(id).unwrap());
                client.active = false;
                issuer.clients.put(client);
            }
            _ if action == "policies" => {
                let policies: Vec<_> = serde_json::from_str(POLICIES).unwrap();
                let compiled = carnet_issuer::policies::ScopePolicies::new(
                    &policies,
                    &self.bench.started.issuer.rules,
                );
                *issuer.scope_policies.write().unwrap() = std::sync::Arc::new(compiled);
            }
            _ => {
                let need = dialogue["n"][0]["id"].as_str().unwrap_or("p0").to_owned();
                let token = self.values[&format!("{need}.access_token")].clone();
                issuer.tokens.revoke_access(&token);
            }
        }
    }

    fn learn(&mut self, id: &str, answer: &Answer) {
        if let Value::Object(body) = answer.json() {
            for (name, value) in &body {
                if let Some(value) = value.as_str() {
                    self.values.insert(format!("{id}.{name}"), value.to_owned());
                }
            }
        }
        if let Some(code) = answer.header("location").and_then(|l| query(l, "code")) {
            self.values.insert(format!("{id}.code"), code);
        }
        for cookie in answer.headers.get_all("set-cookie") {
            if let Some((_, rest)) = cookie.to_str().unwrap().split_once("JSESSIONID=") {
                let value = rest.split(';').next().unwrap().to_owned();
                self.values.insert(format!("{id}.cookie"), value);
            }
        }
    }

    async fn fill(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) = after.split_once("}}").unwrap();
            out.push_str(before);
            if let Some((_, user)) = name.split_once(':')
                && !self.values.contains_key(name)
            {
                let user = user.trim_end_matches(".cookie");
                let browser = Browser::login(&self.bench, user, "password").await;
                self.values.insert(name.to_owned(), browser.session());
            }
            out.push_str(self.values.get(name).map_or("missing", String::as_str));
            rest = after;
        }
        out + rest
    }

    async fn play(&mut self, dialogue: &Value) -> Vec<String> {
        if let Some(at) = dialogue["at"].as_i64() {
            self.bench.advance(at.saturating_sub(self.at).max(0) as u64);
            self.at = self.at.max(at);
        }
        self.prepare(&dialogue["n"]).await;
        for action in dialogue["x"].as_array().into_iter().flatten() {
            self.act(action.as_str().unwrap(), dialogue);
        }
        let path = self.fill(dialogue["p"].as_str().unwrap()).await;
        let mut request = Request::builder()
            .method(dialogue["m"].as_str().unwrap())
            .uri(path);
        let empty = Map::new();
        let headers = dialogue["h"].as_object().unwrap_or(&empty);
        if !headers.contains_key("accept") {
            request = request.header("accept", "*/*");
        }
        for (name, value) in headers {
            let value = self.fill(value.as_str().unwrap()).await;
            let value = match value
                .strip_prefix("basic ")
                .and_then(|pair| pair.split_once(':'))
            {
                Some((id, secret)) => basic(id, secret),
                None => value,
            };
            request = request.header(name, value);
        }
        let mut body = self.fill(dialogue["b"].as_str().unwrap_or_default()).await;
        if headers
            .get("content-type")
            .and_then(Value::as_str)
            .is_some_and(|kind| kind.starts_with("multipart"))
        {
            body = body.replace('\n', "\r\n");
        }
        let Ok(request) = request.body(Body::from(body)) else {
            return vec!["request: cannot be sent".into()];
        };
        let answer = self.bench.send(request).await;
        self.learn(&dialogue["i"].to_string(), &answer);
        self.renewed(dialogue, &answer);
        self.compare(dialogue, &answer).await
    }

    /// A login renews the session: the name under which the record goes on with it means the new one.
    fn renewed(&mut self, dialogue: &Value, answer: &Answer) {
        let cookie = dialogue["h"]["cookie"].as_str().unwrap_or_default();
        let name = cookie
            .split_once("{{")
            .and_then(|(_, rest)| rest.split_once("}}"))
            .map(|(name, _)| name);
        let fresh = answer
            .header("set-cookie")
            .and_then(|c| c.strip_prefix("JSESSIONID="));
        if let (Some(name), Some(fresh)) = (name, fresh) {
            self.values
                .insert(name.to_owned(), fresh.split(';').next().unwrap().to_owned());
        }
    }

    async fn compare(&mut self, dialogue: &Value, answer: &Answer) -> Vec<String> {
        let mut found = Vec::new();
        let mut same = |what: &str, want: Value, have: Value| {
            if want != have {
                found.push(format!("{what}: want {want} have {have}"));
            }
        };
        same("status", dialogue["s"].clone(), answer.status.into());
        let text = |name: &str| answer.header(name).map_or(Value::Null, Into::into);
        if !answer.body.is_empty() || dialogue["e"].is_string() {
            same("content-type", dialogue["c"].clone(), text("content-type"));
        }
        let want = self.filled(&dialogue["w"]).await;
        same("challenge", want, text("www-authenticate"));
        same("allow", dialogue["a"].clone(), text("allow"));
        let want = self.filled(&dialogue["l"]).await;
        let local = |value: Value| match value.as_str() {
            Some(location) => {
                let location = location.replace("http://localhost:8080", "https://iam.example");
                let location = location.replace("http://localhost:8081", "https://iam.example");
                match location.split_once("code=") {
                    Some((before, after)) => format!(
                        "{before}code=*{}",
                        after.find('&').map_or("", |at| &after[at..])
                    )
                    .into(),
                    None => location.into(),
                }
            }
            None => value,
        };
        same("location", local(want), local(text("location")));
        if dialogue["e"].is_string() {
            let want = self.filled(&dialogue["e"]).await;
            same("body", want, answer.body.clone().into());
        }
        let body = answer.json();
        let names = |value: &Value| {
            value
                .as_object()
                .map(|m| m.keys().map(String::as_str).collect::<Vec<_>>().join(","))
        };
        if dialogue["r"].is_string() {
            same("lines", dialogue["r"].clone(), lines(answer).into());
        }
        if let Some(want) = dialogue["o"].as_object() {
            let claims = answer.claims();
            let life = claims["exp"].as_i64().unwrap_or_default()
                - claims["iat"].as_i64().unwrap_or_default();
            for (name, want) in want {
                let have = match name.as_str() {
                    "members" => names(&body).into(),
                    "scope" => body["scope"].clone(),
                    "claims" => names(&claims).into(),
                    "claim_scope" => claims["scope"].clone(),
                    "groups" => claims["wlcg.groups"].clone(),
                    "life" if (life - want.as_i64().unwrap()).abs() <= 1 => want.clone(),
                    "life" => life.into(),
                    other => claims[other].clone(),
                };
                same(name, want.clone(), have);
            }
        }
        if let Some(want) = dialogue["d"].as_object() {
            let claims = common::claims(&answer.text("id_token"));
            for (name, want) in want {
                let have = if name == "names" {
                    names(&claims).into()
                } else {
                    claims[name].clone()
                };
                same(&format!("id_token {name}"), want.clone(), have);
            }
        }
        if !dialogue["j"].is_null() {
            // As texts: the order of members counts.
            let have = steady(&body, "").to_string();
            same("body", dialogue["j"].to_string().into(), have.into());
        }
        found
    }

    async fn filled(&mut self, value: &Value) -> Value {
        match value.as_str() {
            Some(text) => self.fill(text).await.into(),
            None => Value::Null,
        }
    }
}

/// A body without what is another one each time: ids, moments, secrets.
fn steady(body: &Value, name: &str) -> Value {
    const FRESH: &str = "client_secret user_code registration_access_token n expires_at created lastModified \
        creationTime lastUpdateTime totalResults exp updated_at created_at client_id_issued_at";
    match body {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), steady(value, name)))
            .collect(),
        Value::Array(all) => all.iter().map(|one| steady(one, name)).collect(),
        Value::Null => Value::Null,
        _ if FRESH.split_whitespace().any(|fresh| fresh == name) => "*".into(),
        Value::String(text) => {
            let uuid = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}";
            let fresh = regex::Regex::new(uuid).unwrap();
            let text = fresh.replace_all(text, "*").into_owned();
            match text.split_once("user_code=") {
                Some((before, _)) => format!("{before}user_code=*").into(),
                None => text.into(),
            }
        }
        other => other.clone(),
    }
}

/// The header lines that every answer has or has not, in short: how it is kept, what CORS and browsers are told.
fn lines(answer: &Answer) -> String {
    let all = |name: &str| answer.headers.get_all(name).iter();
    let mut words: Vec<&str> = all("cache-control")
        .map(|value| match value.to_str().unwrap() {
            "no-cache, no-store, max-age=0, must-revalidate" => "never",
            "no-store" => "store",
            "max-age=21600, must-revalidate, no-transform" => "keys",
            _ => "other",
        })
        .collect();
    words.extend(all("pragma").map(|_| "pragma"));
    words.extend(all("expires").map(|_| "expires"));
    let browser = [
        "x-content-type-options",
        "x-xss-protection",
        "x-frame-options",
    ];
    for (word, there) in [
        ("vary", all("vary").count() == 3),
        ("browser", browser.iter().all(|name| all(name).count() == 1)),
        ("close", answer.header("connection") == Some("close")),
        (
            "origin",
            answer.header("access-control-allow-origin") == Some("*"),
        ),
    ] {
        if there {
            words.push(word);
        }
    }
    words.join(" ")
}

#[tokio::test]
async fn recorded_dialogues_agree() {
    let known: BTreeMap<&str, &str> = DIFFERS
        .lines()
        .filter(|l| !l.starts_with('#'))
        .filter_map(|line| line.split_once(" | "))
        .collect();
    let mut by_file: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let (mut token_all, mut token_equal) = (0, 0);
    let (mut report, mut stale) = (String::new(), String::new());
    let mut replay: Option<(String, Replay)> = None;
    for line in RECORDED.lines() {
        let dialogue: Value = serde_json::from_str(line).unwrap();
        let file = dialogue["f"].as_str().unwrap().to_owned();
        if replay.as_ref().is_none_or(|(name, _)| *name != file) {
            replay = Some((file.clone(), Replay::new(&file)));
        }
        let (_, replay) = replay.as_mut().unwrap();
        let found = replay.play(&dialogue).await;
        let count = by_file.entry(file.clone()).or_default();
        let token = dialogue["p"].as_str().unwrap().starts_with("/token");
        count.1 += 1;
        token_all += usize::from(token);
        let id = format!("{file} {}", dialogue["t"].as_str().unwrap());
        let reason = known.get(id.as_str());
        if found.is_empty() {
            count.0 += 1;
            token_equal += usize::from(token);
            if reason.is_some() {
                let _ = writeln!(stale, "listed, but equal: {id}");
            }
        } else if reason.is_none() {
            let _ = writeln!(report, "{id}\n    {}", found.join("\n    "));
        }
    }
    for (file, (equal, all)) in &by_file {
        println!("{file}: {equal} of {all} equal");
    }
    println!("token endpoint: {token_equal} of {token_all} equal");
    assert!(
        report.is_empty() && stale.is_empty(),
        "differences without a reason:\n{report}{stale}"
    );
    assert!(
        token_equal * 100 >= token_all * 95,
        "only {token_equal} of {token_all} at the token endpoint"
    );
}

//! The recorded dialogues of StoRM WebDAV 1.9.0-rc3, reduced to facts, replayed against the `storm` dialect:
//! status, header fields that matter, the machine-readable part of the body. Every difference has its
//! reason in `storm/reasons.tsv`; a reason that is no longer needed is an error too.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails loudly and says how many are equal"
)]

mod peer;
#[path = "../stage/mod.rs"]
mod stage;
mod tokens;

use std::collections::BTreeMap;

use axum::body::Body;
use carnet_stage::Clock;
use http::Response;
use serde_json::{Value, json};
use stage::{TestStage, config};

use peer::peer;
use tokens::token;

const REASONS: &str = include_str!("../storm/reasons.tsv");
const WORLD: &str = r#"
dialect = "storm"
audiences = ["https://se1.example:19443", "https://se1.example"]
issuers = [
  { url = "https://iam.example/", base_path = "/wlcg", strategy = ["capability"] },
  { url = "https://iam.example/", base_path = "/other", strategy = ["group"] },
  { url = "https://iam.example/", base_path = "/fga" },
  { url = "https://iam.example/", base_path = "/tape" },
]
policies = [
  { paths = ["/other"], anyone = true },
  { paths = ["/fga/protected"], group = "/wlcg", deny = true },
  { paths = ["/fga"], group = "/wlcg" },
  { paths = ["/fga/protected"], group = "/wlcg/test" },
  { paths = ["/anon"], anonymous = true, actions = ["read"] },
]
"#;

/// What is different, in words; none when everything is equal.
async fn differs(
    test: &TestStage,
    plain: u16,
    ticket: &mut String,
    fact: &Value,
) -> Option<String> {
    let text = |name: &str| fact[name].as_str().unwrap_or_default();
    let target = text("target").replace("<token: ticket>", ticket);
    let target = match target.split_once("<token: ") {
        Some((before, words)) => {
            before.to_owned() + &token(test, words.trim_end_matches('>')).unwrap()
        }
        None => target,
    };
    let url = if target.starts_with("https://") {
        target
    } else {
        format!("https://se1.example{target}")
    };
    let mut fields = Vec::new();
    let raw = fact["raw"] == true;
    let mut request = http::Request::builder().method(text("method")).uri(&url);
    for header in fact["headers"].as_array().unwrap() {
        let (name, value) = (header[0].as_str().unwrap(), header[1].as_str().unwrap());
        let value = match value.split_once("<token: ").zip(value.split_once('>')) {
            Some(((before, _), (inside, _))) => {
                let words = inside.split_once("<token: ").map_or("", |(_, words)| words);
                match token(test, words) {
                    Some(token) => format!("{before}{token}"),
                    None => return Some(format!("token `{words}` is not made here")),
                }
            }
            None if value.contains("<jwt>") => {
                let token = token(test, "good").unwrap();
                value
                    .split('…')
                    .next()
                    .unwrap_or_default()
                    .replace("<jwt>", &token)
            }
            None => match value
                .strip_suffix(" times y>")
                .and_then(|text| text.strip_prefix('<'))
            {
                Some(times) => "y".repeat(times.parse().unwrap()),
                None => value.to_owned(),
            },
        };
        let value = value.replace("peer.lab:19461", &format!("localhost:{plain}"));
        fields.push((name.to_owned(), value.clone()));
        if !matches!(
            name.to_ascii_lowercase().as_str(),
            "content-length" | "transfer-encoding" | "expect" | "connection"
        ) {
            request = request.header(name, value);
        } else if name.eq_ignore_ascii_case("content-length") && value == "0" {
            request = request.header("content-length", "0");
        }
    }
    let body = Body::from(text("body").to_owned());
    let (parts, body) = if raw {
        let host = fact
            .get("host")
            .map_or("se1.example", |host| host.as_str().unwrap());
        answered(
            &test
                .tell("se1", written(fact, host, &fields).as_bytes())
                .await,
        )
    } else {
        let Ok(request) = request.body(body) else {
            return Some("the client cannot send this".into());
        };
        let answer = match test.user.client().http1().send(request).await {
            Ok(answer) => answer,
            Err(error) => return Some(format!("no answer: {error}")),
        };
        let (parts, body) = answer.into_parts();
        let body = carnet_stage::body::read_limited(body, 1 << 26)
            .await
            .unwrap_or_default();
        (parts, String::from_utf8_lossy(&body).into_owned())
    };
    if Some(u64::from(parts.status.as_u16())) != fact["status"].as_u64() {
        return Some(format!(
            "status {} for {}",
            parts.status.as_u16(),
            fact["status"]
        ));
    }
    for (name, wanted) in fact["answer"].as_object().unwrap() {
        let wanted = wanted.as_str().unwrap();
        let field = parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let mut ours = field.to_owned();
        if name == "allow" {
            let mut methods: Vec<&str> = field.split(',').map(str::trim).collect();
            methods.sort_unstable();
            ours = methods.join(",");
        } else if name == "location" {
            // The pool is this very server.
            let path = field.strip_prefix("https://se1.example").unwrap_or(field);
            let (path, value) = path.split_once('=').unwrap_or((path, ""));
            path.clone_into(&mut ours);
            if path.ends_with("?access_token") {
                value.clone_into(ticket);
            }
        } else if name == "www-authenticate" {
            let error = field
                .split("error=\"")
                .nth(1)
                .and_then(|rest| rest.split('"').next());
            ours = error.map(str::to_owned).unwrap_or_default();
        }
        if ours != wanted {
            return Some(format!("{name} `{ours}` for `{wanted}`"));
        }
    }
    if let Some(wanted) = fact.get("last").and_then(Value::as_str) {
        let ours = body
            .lines()
            .rfind(|line| line.starts_with("success") || line.starts_with("failure"))
            .unwrap_or_default();
        if !ours.starts_with(wanted) {
            return Some(format!("last line `{ours}` for `{wanted}`"));
        }
    }
    if let Some(wanted) = fact
        .get("text")
        .and_then(Value::as_str)
        .filter(|wanted| *wanted != body)
    {
        return Some(format!("content `{body}` for `{wanted}`"));
    }
    if let Some(wanted) = fact.get("hrefs") {
        let ours: Vec<&str> = body
            .split(":href>")
            .enumerate()
            .filter(|(at, _)| at % 2 == 1)
            .map(|(_, part)| part.trim_end_matches("</D"))
            .collect();
        if json!(ours) != *wanted {
            return Some(format!("hrefs {ours:?} for {wanted}"));
        }
    }
    let properties = properties(&body);
    if let Some(wanted) = fact.get("properties")
        && json!(properties) != *wanted
    {
        return Some(format!("properties {properties:?} for {wanted}"));
    }
    None
}

/// The names of the properties that a `multistatus` tells of its first resource, with `=` where there is no value.
fn properties(body: &str) -> Vec<String> {
    let told = body.split(":prop>").nth(1).unwrap_or_default();
    let (mut names, mut depth) = (Vec::new(), 0);
    for tag in told.split('<').skip(1) {
        let closes = tag.starts_with('/');
        let empty = tag.split('>').next().unwrap_or_default().ends_with('/');
        if !closes && depth == 0 {
            let name = tag.split([' ', '/', '>']).next().unwrap_or_default();
            let name = name.rsplit(':').next().unwrap_or_default();
            let bare = empty || tag.ends_with('>') && told.contains(&format!("<{tag}</"));
            names.push(format!("{name}{}", if bare { "=" } else { "" }));
        }
        match (closes, empty) {
            (true, _) => depth -= 1,
            (false, true) => {}
            (false, false) => depth += 1,
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// A request as it goes over the wire, for what no client would send.
fn written(fact: &Value, host: &str, fields: &[(String, String)]) -> String {
    let text = |name: &str| fact[name].as_str().unwrap_or_default();
    let mut request = format!("{} {} HTTP/1.1\r\n", text("method"), text("target"));
    if !host.is_empty() {
        request.push_str(&["Host: ", host, "\r\n"].concat());
    }
    for (name, value) in fields {
        request.push_str(&[name, ": ", value, "\r\n"].concat());
    }
    request.push_str("Connection: close\r\n\r\n");
    request + text("body")
}

/// The answer that came over the wire.
fn answered(heard: &str) -> (http::response::Parts, String) {
    let (head, body) = heard.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let mut answer = Response::builder().status(status);
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        answer = answer.header(name, value);
    }
    (answer.body(()).unwrap().into_parts().0, body.to_owned())
}

async fn replay(name: &str, facts: &str, more: &str) {
    let second = "dialect = \"storm\"\nissuers = [{ url = \"https://iam.example/\", base_path = \"/wlcg\" }]\n";
    // The methods were recorded in one go, and their conditions name its day.
    let clock = match name {
        "methods" => Clock::manual("2026-11-22T14:15:19Z".parse().unwrap()),
        _ => Clock::wall(),
    };
    let xrootd = second.replace("\"storm\"", "\"xrootd-5.5\"");
    let first = if name == "redirector" {
        format!("redirects = true\n{WORLD}")
    } else {
        WORLD.to_owned()
    };
    let elements = [
        ("se1", config(&format!("{first}{more}"))),
        ("se2", config(&format!("{second}{more}"))),
        ("xrd", config(&format!("{xrootd}{more}"))),
    ];
    let test = TestStage::with_clock(clock, &elements).await;
    test.serve_routes("peer", peer()).await;
    let plain = test.serve_plainly("0123456789abcdef").await;
    let reasons: BTreeMap<&str, &str> = REASONS
        .lines()
        .filter_map(|line| {
            line.strip_prefix(name)?
                .strip_prefix('\t')?
                .split_once('\t')
        })
        .collect();
    let (mut equal, mut all, mut wrong) = (0, 0, Vec::new());
    let mut ticket = String::new();
    for line in facts.lines() {
        let fact: Value = serde_json::from_str(line).unwrap();
        let title = fact["title"].as_str().unwrap();
        if fact.get("setup").is_some() {
            assert!(
                differs(&test, plain, &mut ticket, &fact)
                    .await
                    .is_some_and(|why| why.ends_with("for null")),
                "{title}"
            );
            continue;
        }
        all += 1;
        let why = differs(&test, plain, &mut ticket, &fact).await;
        match (why, reasons.get(title)) {
            (None, None) => equal += 1,
            (None, Some(_)) => wrong.push(format!("{title}\tis equal now; take its reason out")),
            (Some(_), Some(_)) => {}
            (Some(why), None) => wrong.push(format!("{title}\t{why}")),
        }
    }
    println!("{name}: {equal} of {all} equal");
    assert!(
        wrong.is_empty(),
        "{name}: {equal} of {all} equal; without reason:\n{}",
        wrong.join("\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn methods() {
    replay(
        "methods",
        include_str!("../storm/methods.jsonl"),
        "directories = [\"/wlcg\", \"/other\"]",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn authz() {
    let files = "files = { \"/wlcg/z/f\" = { text = \"data\" }, \
                 \"/wlcg/z/foobar/f\" = { text = \"data\" }, \"/fga/f\" = { text = \"data\" }, \
                 \"/fga/protected/f\" = { text = \"data\" }, \"/other/z/f\" = { text = \"data\" }, \"/anon/f\" = { text = \"data\" } }";
    replay("authz", include_str!("../storm/authz.jsonl"), files).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paths() {
    let files =
        "files = { \"/wlcg/t/f\" = { text = \"123456789\" } }\ndirectories = [\"/wlcg/t/p2\"]";
    replay("paths", include_str!("../storm/paths.jsonl"), files).await;
}

const COPIES: &str = "files = { \"/wlcg/x/src\" = 3000000, \"/wlcg/x/zero\" = \"0\", \"/wlcg/x/big\" = 30000000 }\n\
                      directories = [\"/wlcg/x/dir\"]";

#[tokio::test(flavor = "multi_thread")]
async fn pull() {
    replay("pull", include_str!("../storm/pull.jsonl"), COPIES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn push() {
    replay("push", include_str!("../storm/push.jsonl"), COPIES).await;
}

/// Documents, own tokens, macaroons, tape, checksums. The recording has a fifth area.
#[tokio::test(flavor = "multi_thread")]
async fn endpoints() {
    let more = "macaroons = true\ntape = {}\n\
                files = { \"/wlcg/l/a.txt\" = { text = \"abc\" }, \"/tape/ondisk\" = { text = \"12345\" }, \
                \"/tape/stub\" = { size = \"4096\", tape = true }, \"/wlcg/l/nosum\" = { path = \"NOSUM\" } }";
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/storm/nosum");
    replay(
        "endpoints",
        include_str!("../storm/endpoints.jsonl"),
        &more.replace("NOSUM", file),
    )
    .await;
}

const MODES: &str = "files = { \"/wlcg/r/f\" = { text = \"hello\\n\" } }\n";

/// The mode in which files are read and written elsewhere (storage page §2.9).
#[tokio::test(flavor = "multi_thread")]
async fn redirector() {
    replay(
        "redirector",
        include_str!("../storm/redirector.jsonl"),
        MODES,
    )
    .await;
}

/// What differs when an nginx stands before it.
#[tokio::test(flavor = "multi_thread")]
async fn nginx() {
    replay("nginx", include_str!("../storm/nginx.jsonl"), MODES).await;
}

/// With a login for browsers, and SciTags.
#[tokio::test(flavor = "multi_thread")]
async fn oidc() {
    replay("oidc", include_str!("../storm/oidc.jsonl"), MODES).await;
}

/// Copies between it and an XRootD 5.5.3, asked of either.
#[tokio::test(flavor = "multi_thread")]
async fn xrootd() {
    let files =
        "files = { \"/wlcg/f5\" = 5000000, \"/wlcg/xr/f5\" = 5000000, \"/wlcg/xr/zero\" = \"0\" }";
    replay("xrootd", include_str!("../storm/xrootd.jsonl"), files).await;
}

/// What davix, gfal2, rclone, litmus and curl are answered, in the order in which they were run.
#[tokio::test(flavor = "multi_thread")]
async fn clients() {
    let files =
        "tape = {}\ndirectories = [\"/wlcg/c\"]\nfiles = { \"/wlcg/s/src\" = { text = \"src\" } }";
    replay("clients", include_str!("../storm/clients.jsonl"), files).await;
}

/// The block of fields on every answer, in its order, and a success that has no length (storage page §9.1).
#[tokio::test(flavor = "multi_thread")]
async fn on_every_answer() {
    let test = TestStage::new(&[("se1", config("dialect = \"storm\""))]).await;
    let token = test.token("storage.modify:/");
    let field = format!("Authorization: Bearer {token}\r\n");
    for (line, field, status) in [
        ("PUT /new", field.as_str(), 201),
        ("GET /new", "", 401),
        ("GET /new", &field, 403),
    ] {
        let request = format!(
            "{line} HTTP/1.1\r\nHost: se1.example\r\n{field}Content-Length: 0\r\nConnection: close\r\n\r\n"
        );
        let heard = test.tell("se1", request.as_bytes()).await;
        assert_eq!(heard[9..12], status.to_string(), "{line}: {heard}");
        let head = heard.split("\r\n\r\n").next().unwrap().to_ascii_lowercase();
        let places = [
            "x-content-type-options: nosniff",
            "x-xss-protection: 0",
            "cache-control: no-cache, no-store, max-age=0, must-revalidate",
            "pragma: no-cache",
            "expires: 0",
            "strict-transport-security: max-age=31536000 ; includesubdomains",
            "x-frame-options: deny",
        ]
        .map(|wanted| {
            head.find(wanted)
                .unwrap_or_else(|| panic!("{line}: no {wanted} in {head}"))
        });
        assert!(places.is_sorted(), "{line}: {head}");
        assert_eq!(
            head.contains("transfer-encoding: chunked"),
            status == 201,
            "{line}: {head}"
        );
    }
    test.stage.stop().await;
}

/// The pages beside the files: status and content of each, without a token and with one (storage page §9.3).
#[tokio::test(flavor = "multi_thread")]
async fn pages() {
    let files = "files = { \"/wlcg/f\" = { text = \"f\" }, \"/anon/f\" = { text = \"f\" } }";
    let test = TestStage::new(&[("se1", config(&format!("{WORLD}{files}")))]).await;
    let token = test.token("storage.read:/");
    let origin = "https://se1.example";
    for (method, path, anonymous, with_token, content) in [
        ("GET", "/", 200, 200, "<a href=\"/wlcg\">wlcg</a>"),
        ("GET", "/", 200, 200, "<a href=\"/other\">other</a>"),
        (
            "GET",
            "/.storm-webdav/authn-info",
            401,
            200,
            "alice @ https://iam.example/",
        ),
        (
            "GET",
            "/.storm-webdav/actuator/health",
            200,
            200,
            "{\"status\":\"UP\"}",
        ),
        ("GET", "/actuator/health", 401, 403, ""),
        ("GET", "/status/metrics", 200, 200, "\"version\":\"4.0.0\""),
        (
            "GET",
            "/.well-known/openid-configuration",
            200,
            200,
            "/.storm-webdav/oauth/token",
        ),
        ("POST", "/.storm-webdav/oauth/token", 401, 403, ""),
        ("GET", "/.storm-webdav/oauth/token", 405, 405, ""),
        ("GET", "/wlcg", 401, 200, "<a href=\"/wlcg/f\">f</a>"),
        ("GET", "/unknown", 401, 403, ""),
    ] {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{origin}{path}"));
        let request = request.body(Body::empty()).unwrap();
        let answer = test.user.client().http1().send(request).await.unwrap();
        assert_eq!(answer.status().as_u16(), anonymous, "{method} {path}");
        let answer = test
            .ask(method, &format!("{origin}{path}"), &token, &[], "")
            .await;
        assert_eq!(answer.status, with_token, "{method} {path}");
        if method == "GET" && with_token == 200 {
            // RFC 9110 §9.3.2.
            let head = test
                .ask("HEAD", &format!("{origin}{path}"), &token, &[], "")
                .await;
            let length = answer.body.len().to_string();
            assert_eq!(head.header("content-length"), length, "HEAD {path}");
        }
        assert!(
            answer.text().contains(content),
            "{method} {path}: {}",
            answer.text()
        );
    }
    test.stage.stop().await;
}

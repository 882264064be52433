//! What XRootD 5.5.3 answered, recorded and reduced to facts, asked of its dialect: status, length, the fields that
//! matter, and its short texts to the letter (storage page §1.1, §2.2, §3.8).

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod copies;
mod odd;
#[path = "../stage/mod.rs"]
mod stage;
mod webdav;

use serde_json::json;
use stage::{TestStage, config};

const WORLD: &str =
    "dialect = \"xrootd-5.5\"\nfiles = { \"/lab/f1\" = \"5000000\", \"/lab/pull1\" = \"1\" }";
const ALL: &str = "storage.read:/ storage.modify:/";

/// A token by the name that the recording has for it.
fn token(test: &TestStage, name: &str) -> String {
    let now = test.stage.clock().seconds();
    let mut claims = json!({ "scope": "storage.read:/" });
    match name {
        "" => return String::new(),
        "garbage" => return "garbage".into(),
        "expired" => claims["exp"] = json!(now - 60),
        "wrong aud" => claims["aud"] = json!("https://other.example"),
        "aud=endpoint" => claims["aud"] = json!("https://se1.example"),
        "aud list" => claims["aud"] = json!(["https://other.example", "https://se1.example"]),
        "unknown issuer" => claims["iss"] = json!("https://other.example/"),
        "no version" => claims["wlcg.ver"] = json!(null),
        "version 2.0" => claims["wlcg.ver"] = json!("2.0"),
        scope => claims["scope"] = json!(scope),
    }
    test.mint(claims)
}

/// What gfal2 2.21.3, davix 0.8.4 and a copying XRootD sent to two XRootD 5.5.3, in its order: each request gets the
/// status, the length and the fields that it got then.
#[tokio::test(flavor = "multi_thread")]
async fn real_clients_are_answered_as_recorded() {
    let source = "dialect = \"xrootd-5.5\"\nfiles = { \"/lab/f1\" = \"5000000\", \"/lab/big\" = \"200000000\" }";
    let target = "dialect = \"xrootd-5.5\"\ndirectories = [\"/lab\"]";
    let test = TestStage::new(&[("se1", config(source)), ("se2", config(target))]).await;
    let token = test.token(ALL);
    let names = "<propfind xmlns=\"DAV:\"><prop><displayname/><getlastmodified/><creationdate/><getcontentlength/>\
                 <quota-used-bytes/><resourcetype><collection/></resourcetype></prop></propfind>";
    let facts = include_str!("../recorded/clients.jsonl");
    for (number, line) in facts.lines().enumerate() {
        let fact: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| fact[name].as_str().unwrap();
        let case = format!(
            "{} {} {} {}",
            number + 1,
            text("who"),
            text("method"),
            text("path")
        );
        let url = format!("https://{}.example{}", text("at"), text("path"));
        let headers: Vec<(String, String)> = fact["headers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pair| {
                let value = pair[1].as_str().unwrap().replace("<JWT>", &token);
                (pair[0].as_str().unwrap().to_owned(), value)
            })
            .collect();
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        let body = match fact["length"].as_u64() {
            Some(length) => "x".repeat(usize::try_from(length).unwrap()),
            None if fact["names"] == true => names.to_owned(),
            None => String::new(),
        };
        let bearer = if fact["token"] == true { &*token } else { "" };
        let answer = test.ask(text("method"), &url, bearer, &headers, body).await;
        assert_eq!(
            Some(u64::from(answer.status)),
            fact["status"].as_u64(),
            "{case}: {}",
            answer.text()
        );
        for (name, wanted) in fact["answer"].as_object().unwrap() {
            let wanted = wanted.as_str().unwrap();
            let ours = match &**name {
                "digest" => answer.header(name).split('=').next().unwrap(),
                _ => answer.header(name),
            };
            assert_eq!(ours, wanted, "{case}: {name}");
        }
        if text("method") == "COPY" && answer.status == 201 {
            assert!(
                answer.text().ends_with("success: Created"),
                "{case}: {}",
                answer.text()
            );
        }
    }
    test.stage.stop().await;
}

//! Every recorded decision of XRootD 5.5.3, XRootD 6.2.1 and StoRM WebDAV, asked of a served storage element
//! in that dialect over HTTPS with minted tokens: allowed or refused, and the exact status (storage page §3.8).

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod stage;

use carnet_storage::path::{CleanPath, Oddity, PathRules};
use stage::{TestStage, config};

const TREE: &str = "files = { \"/x/f\" = { text = \"f\" }, \"/x/y/f\" = { text = \"f\" }, \"/x/y/z/f\" = { text = \"f\" }, \
                    \"/x/yz/f\" = { text = \"f\" }, \"/w/f\" = { text = \"f\" } }";
const FULL: &str = "storage.read:/ storage.modify:/";
const LOOSE: PathRules = PathRules {
    empty_segment: Oddity::Resolve,
    dot_segment: Oddity::Resolve,
    parent_segment: 400,
    encoded_slash: Oddity::Resolve,
    ascii: false,
    refused: &[],
};

fn plain(raw: &str) -> Option<String> {
    CleanPath::parse(raw, LOOSE)
        .ok()
        .map(|path| path.as_str().to_owned())
}

async fn check(dialect: &str, table: &str, column: usize) {
    let test =
        TestStage::new(&[("se1", config(&format!("dialect = \"{dialect}\"\n{TREE}")))]).await;
    let full = test.token(FULL);
    let at = |path: &str| format!("https://se1.example{path}");
    let mut wrong = Vec::new();
    let mut asked = 0;
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let (scopes, operation, path, target) = (fields[0], fields[1], fields[2], fields[3]);
        let recorded: u16 = fields[column].parse().unwrap();
        let url = at(path);
        let destination = at(target);
        let (method, headers): (&str, Vec<(&str, &str)>) = match operation {
            "GET" | "GETDIR" => ("GET", vec![]),
            "HEAD" => ("HEAD", vec![]),
            "PROPFIND" => ("PROPFIND", vec![("depth", "0")]),
            "PUTNEW" | "PUTOVER" => ("PUT", vec![]),
            "DELETE" => ("DELETE", vec![]),
            "MKCOL" => ("MKCOL", vec![]),
            "MOVE" => ("MOVE", vec![("destination", destination.as_str())]),
            other => panic!("unknown operation {other}"),
        };
        let answer = test
            .ask(method, &url, &test.token(scopes), &headers, "")
            .await;
        asked += 1;
        if answer.status != recorded {
            wrong.push(format!(
                "recorded {recorded}, ours {}: {line}",
                answer.status
            ));
        }
        // The tree is as before for the next question.
        if answer.status < 300 {
            match operation {
                "PUTNEW" | "MKCOL" => {
                    let name = plain(path).unwrap();
                    test.ask("DELETE", &at(&name), &full, &[], "").await;
                }
                "DELETE" => {
                    let name = plain(path).unwrap();
                    test.ask("PUT", &at(&name), &full, &[], "f").await;
                }
                "MOVE" => {
                    let (from, to) = (at(&plain(path).unwrap()), at(&plain(target).unwrap()));
                    test.ask("MOVE", &to, &full, &[("destination", &from)], "")
                        .await;
                }
                _ => {}
            }
        }
    }
    assert!(asked > 2000);
    assert!(
        wrong.is_empty(),
        "{dialect}: {} of {asked} differ:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(20)].join("\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn xrootd_5_5() {
    check("xrootd-5.5", include_str!("decisions/xrootd.tsv"), 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn xrootd_6() {
    check("xrootd-6", include_str!("decisions/xrootd.tsv"), 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn storm() {
    check("storm", include_str!("decisions/storm.tsv"), 4).await;
}

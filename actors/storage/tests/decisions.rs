//! Every recorded decision of XRootD 5.5.3, XRootD 6.2.1 and StoRM WebDAV, asked of a served storage element
//! in that dialect over HTTPS with minted tokens: allowed or refused, and the exact status (storage page §3.8).
//! Ours is asked the same questions and as many new ones, and answers as the table's last column has it.

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod stage;

use carnet_storage::path::{CleanPath, Oddity, PathRules};
use stage::{TestStage, config};

const TREE: &str = "files = { \"/x/f\" = { text = \"f\" }, \"/x/y/f\" = { text = \"f\" }, \"/x/y/z/f\" = { text = \"f\" }, \
                    \"/x/yz/f\" = { text = \"f\" }, \"/w/f\" = { text = \"f\" } }";
const FULL: &str = "storage.read:/ storage.modify:/";
const LOOSE: PathRules = PathRules {
    encoded_slash: Oddity::Resolve,
    ..PathRules::OURS
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
            "PUTNEW" | "PUTOVER" => ("PUT", vec![("content-length", "0")]),
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

/// The last column of the table in storage page §3.8, written down once more and apart from the code: the
/// status of a request, and nothing but the table's rows.
fn by_the_table(scopes: &str, operation: &str, path: &str, target: &str) -> u16 {
    let named = |raw: &str| {
        let refused =
            raw.to_ascii_lowercase().contains("%2f") || raw.split('/').any(|part| part == "..");
        (!refused).then(|| plain(raw).unwrap())
    };
    let (Some(path), Some(target)) = (
        named(path),
        named(if target.is_empty() { "/" } else { target }),
    ) else {
        return 400;
    };
    let verbs = [
        "storage.read",
        "storage.create",
        "storage.modify",
        "storage.stage",
        "storage.poll",
    ];
    let mut held = Vec::new();
    for item in scopes.split(' ') {
        let (verb, scope) = item.split_once(':').unwrap_or((item, ""));
        if !verbs.contains(&verb) {
            continue;
        }
        if !scope.starts_with('/') || scope.split('/').any(|part| part == "..") {
            return 401;
        }
        let parts: Vec<&str> = scope
            .split('/')
            .filter(|part| !part.is_empty() && *part != ".")
            .collect();
        held.push((
            verb,
            format!("/{}", parts.join("/")),
            scope.len() > 1 && scope.ends_with('/'),
        ));
    }
    let below = |path: &str, scope: &str| {
        scope == "/" || path == scope || path.starts_with(&format!("{scope}/"))
    };
    let directory = matches!(operation, "GETDIR" | "MKCOL");
    let any = |path: &str, wanted: &[&str]| {
        held.iter().any(|(verb, scope, slash)| {
            wanted.contains(verb)
                && below(path, scope)
                && (!slash || directory || path != scope || scope == "/")
        })
    };
    let above = |path: &str| {
        let look = |verb: &&str| *verb != "storage.poll";
        held.iter()
            .any(|(verb, scope, _)| look(verb) && path != scope && below(scope, path))
    };
    let makes = ["storage.create", "storage.modify"];
    let (allowed, status) = match operation {
        "GET" | "GETDIR" => (any(&path, &["storage.read"]), 200),
        "HEAD" | "PROPFIND" => {
            let status = if operation == "HEAD" { 200 } else { 207 };
            (any(&path, &verbs[..4]) || above(&path), status)
        }
        "PUTNEW" | "MKCOL" => (any(&path, &makes), 201),
        "PUTOVER" | "DELETE" => (any(&path, &["storage.modify"]), 204),
        "MOVE" => (any(&path, &makes) && any(&target, &makes), 201),
        other => panic!("unknown operation {other}"),
    };
    if allowed { status } else { 403 }
}

/// Questions like the recorded ones, from other numbers.
fn questions(seed: u64, count: usize) -> String {
    const VERBS: [&str; 10] = [
        "storage.read",
        "storage.create",
        "storage.modify",
        "storage.stage",
        "storage.poll",
        "storage.write",
        "storage.readx",
        "STORAGE.READ",
        "compute.read",
        "openid",
    ];
    const SCOPED: [&str; 26] = [
        ":/",
        ":/",
        ":/x",
        ":/x/",
        ":/x/y",
        ":/x/y/",
        ":/x/y/f",
        ":/x/y/f/",
        ":/x/y/z",
        ":/x/yz",
        ":/x/yz/f",
        ":/w",
        ":/w/f",
        ":/x//y",
        ":/x/./y",
        "://x",
        ":/x*",
        ":/x/y?",
        ":/X",
        ":/x%2Fy",
        ":/x/y/new",
        ":/x/y/..",
        ":x/y",
        ":",
        "",
        ":/x/../w",
    ];
    const PLACES: [&str; 9] = [
        "/x", "/x/y", "/x/y/z", "/x/yz", "/w", "/x//y", "/x/./y", "/w/../x", "/x%2Fy",
    ];
    const OPERATIONS: [&str; 9] = [
        "GET", "GETDIR", "HEAD", "PROPFIND", "PUTNEW", "PUTOVER", "DELETE", "MKCOL", "MOVE",
    ];
    let mut state = seed;
    let mut draw = |most: usize| {
        // Xorshift: the questions only have to be the same every time.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % most as u64).unwrap()
    };
    let mut table = String::new();
    for number in 0..count {
        let mut scopes = Vec::new();
        for _ in 0..=draw(3) {
            let verbs = if draw(3) > 0 { 5 } else { VERBS.len() };
            scopes.push([VERBS[draw(verbs)], SCOPED[draw(SCOPED.len())]].concat());
        }
        let places = if draw(3) > 0 { 5 } else { PLACES.len() };
        let operation = OPERATIONS[draw(9)];
        let place = PLACES[draw(places)];
        let (path, target) = match operation {
            "GETDIR" => (format!("{place}/"), String::new()),
            "PUTNEW" | "MKCOL" => (format!("{place}/n{number}"), String::new()),
            "MOVE" => (
                format!("{place}/f"),
                format!("{}/t{number}", PLACES[draw(5)]),
            ),
            _ => (format!("{place}/f"), String::new()),
        };
        table.push_str(&[&scopes.join(" "), operation, &path, &target].join("\t"));
        table.push('\n');
    }
    table
}

#[tokio::test(flavor = "multi_thread")]
async fn ours() {
    let recorded =
        include_str!("decisions/xrootd.tsv").to_owned() + include_str!("decisions/storm.tsv");
    let mut table = String::new();
    for line in (recorded + &questions(0x5eed, 3000))
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        let fields: Vec<&str> = line.split('\t').collect();
        let wanted = by_the_table(fields[0], fields[1], fields[2], fields[3]).to_string();
        table.push_str(&[fields[0], fields[1], fields[2], fields[3], &wanted].join("\t"));
        table.push('\n');
    }
    check("default", &table, 4).await;
}

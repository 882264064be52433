//! The views that become files: JUnit, Mermaid, curl lines, HTML.

mod journals;

use carnet_report::{Played, curl, html, junit, mermaid};

macro_rules! played {
    ($journal:ident, $title:expr) => {{
        let (records, outcome) = Box::leak(Box::new(journals::$journal()));
        Played {
            title: $title,
            source: Some("a talk of 2021"),
            records,
            outcome,
        }
    }};
}

#[test]
fn junit_has_a_suite_a_scenario_and_a_case_an_expectation() {
    insta::assert_snapshot!(junit::document(&[
        played!(flow_a, "flow A"),
        played!(refusal, "a slip")
    ]));
}

#[test]
fn junit_stays_well_formed_whatever_it_carries() {
    let document = junit::document(&[played!(hostile, "\u{0}<&\"'>")]);
    let mut reader = quick_xml::Reader::from_str(&document);
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Eof => break,
            quick_xml::events::Event::Start(tag) | quick_xml::events::Event::Empty(tag) => {
                for attribute in tag.attributes() {
                    attribute.unwrap();
                }
            }
            _ => {}
        }
    }
    let forbidden = |ch: char| ch.is_control() && !matches!(ch, '\n' | '\t');
    assert!(!document.contains(forbidden));
}

#[test]
fn mermaid_draws_flow_a() {
    insta::assert_snapshot!(mermaid::diagram(&played!(
        flow_a,
        "Rucio delegates its own identity to FTS"
    )));
}

#[test]
fn mermaid_draws_a_refusal() {
    insta::assert_snapshot!(mermaid::diagram(&played!(
        refusal,
        "An audience; with a slip #1"
    )));
}

#[test]
fn mermaid_draws_several_scenarios_in_one_diagram() {
    let document = mermaid::document(&[played!(flow_a, "A"), played!(refusal, "R")]);
    assert_eq!(document.matches("sequenceDiagram").count(), 1);
    assert_eq!(document.matches("participant ").count(), 6);
    assert!(
        document.contains("Scenario: A") && document.contains("Scenario: R"),
        "{document}"
    );
}

#[test]
fn mermaid_keeps_its_own_letters_to_itself() {
    let diagram = mermaid::diagram(&played!(hostile, "x"));
    insta::assert_snapshot!(diagram);
    for line in diagram.lines().skip(3) {
        let text = line
            .split_once(": ")
            .map_or("", |(_, text)| text)
            .replace("<br/>", "");
        let mut rest = text.as_str();
        while let Some(at) = rest.find(['#', ';']) {
            let code = &rest[at..];
            let end = code.find(';').unwrap_or(0);
            assert!(code.starts_with('#') && end > 1, "{line}");
            assert!(
                code[1..end].bytes().all(|byte| byte.is_ascii_digit()),
                "{line}"
            );
            rest = &code[end + 1..];
        }
        assert!(!text.contains(['<', '>', '"']), "{line}");
    }
}

#[test]
fn curl_lines_of_flow_a() {
    let connect = [("iam.example:443".to_owned(), "127.0.0.1:40001".to_owned())]
        .into_iter()
        .collect();
    let options = curl::Options {
        connect,
        ..curl::Options::default()
    };
    insta::assert_snapshot!(curl::script(
        &played!(flow_a, "Rucio delegates its own identity to FTS"),
        &options
    ));
}

#[test]
fn curl_lines_are_shell_that_only_calls_curl() {
    let script = curl::script(&played!(hostile, "x\nreboot"), &curl::Options::default());
    let dir = std::env::temp_dir().join(format!("carnet-report-curl-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let file = dir.join("script.sh");
    let probe = format!(
        "curl() {{ printf 'called with %s words\\n' \"$#\"; }}\nreboot() {{ echo REBOOT; }}\nalert() {{ echo ALERT; }}\n{script}"
    );
    std::fs::write(&file, probe).unwrap();
    let output = std::process::Command::new("sh")
        .arg(&file)
        .output()
        .unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.lines().count(), 1, "{said}\n{script}");
    assert!(said.starts_with("called with "), "{said}");
}

#[test]
fn no_token_and_no_control_character_in_any_file() {
    let token = |text: &str| {
        text.match_indices("eyJ").any(|(at, _)| {
            let is_base64url =
                |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            let bytes = &text.as_bytes()[at..];
            let end = bytes.iter().take_while(|byte| is_base64url(byte)).count();
            bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(is_base64url)
        })
    };
    for (name, records, outcome) in journals::all() {
        let played = Played {
            title: name,
            source: None,
            records: &records,
            outcome: &outcome,
        };
        for view in [
            junit::document(&[played]),
            mermaid::diagram(&played),
            curl::script(&played, &curl::Options::default()),
            html::page(&[played], html::Options::default()),
        ] {
            assert!(!token(&view), "{name}: {view}");
            assert!(
                !view.contains(|ch: char| ch.is_control() && ch != '\n'),
                "{name}: {view}"
            );
        }
    }
}

#[test]
fn html_shows_a_refusal() {
    insta::assert_snapshot!(html::page(
        &[played!(refusal, "An audience with a slip")],
        html::Options::default()
    ));
}

/// Every tag that is opened is closed, in order; attributes are quoted. Void elements as HTML has them.
fn check_nesting(page: &str) {
    let void = ["meta", "br", "!DOCTYPE"];
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        let tag = &rest[at + 1..];
        let end = tag.find('>').expect("a tag ends");
        let (tag, after) = (&tag[..end], &tag[end + 1..]);
        rest = after;
        let name = tag
            .split_ascii_whitespace()
            .next()
            .expect("a tag has a name");
        if let Some(name) = name.strip_prefix('/') {
            assert_eq!(
                open.pop(),
                Some(name),
                "before {}",
                &after[..after.len().min(80)]
            );
        } else if !void.contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn html_is_well_formed_and_carries_no_foreign_element() {
    let suites = [
        played!(flow_a, "A"),
        played!(flow_b, "B"),
        played!(refusal, "R"),
        played!(hostile, "<script>"),
    ];
    let page = html::page(&suites, html::Options::default());
    check_nesting(&page);
    assert_eq!(page.matches("<article ").count(), suites.len(), "{page}");
    for foreign in [
        "<script",
        "<img",
        "<iframe",
        "http-equiv=\"refresh\"",
        " onload=",
        "src=",
    ] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    let mut ids: Vec<&str> = page
        .split(" id=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    let links: Vec<&str> = page
        .split("href=\"#")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "an id is used twice");
    for link in links {
        assert!(ids.contains(&link), "#{link} leads nowhere");
    }
}

//! The reasons of a real server, case by case.

use super::*;

/// Rebuilds the failure that a recorded case had from its name and, where a storage element spoke, its words.
fn rebuild(name: &str, reason: &str) -> Option<Failure> {
    use NoAnswer::{Closed, NotConnected, NotResolved, NotTrusted, TimedOut};
    use Scope::{Destination, Source, Transfer};
    let number = |prefix: &str| {
        name.strip_prefix(prefix)
            .and_then(|rest| rest.split('-').next()?.parse::<u16>().ok())
    };
    let dir = |end: &str| format!("davs://se4.localhost:31004/{name}{end}");
    let copy = Operation::Copy(CopyMode::Pull);
    let last = reason
        .split_once("Transfer failure: ")
        .map(|(_, words)| words);
    Some(match name {
        "xrd-src-404" => refused(Source, Operation::Stat, 404),
        "xrd-src-scope-elsewhere" | "xrd-src-wrong-audience" => {
            refused(Source, Operation::Stat, 403)
        }
        "xrd-dst-readonly-token"
        | "xrd-dst-modify-without-read"
        | "xrd-dst-create-only"
        | "xrd-dst-wrong-audience"
        | "dst-parent-403" => refused(Destination, Operation::Stat, 403),
        "xrd-dst-exists" | "xrd-dst-exists-report" => crate::verify::exists(),
        "xrd-src-checksum-user-mismatch" => {
            crate::verify::user_against_source("ADLER32", "12345678", "2c4fe010").unwrap_err()
        }
        "xrd-target-checksum-user-mismatch" => {
            crate::verify::user_against_destination("ADLER32", "12345678", "2c4fe010").unwrap_err()
        }
        "post-cksum-mismatch" => {
            crate::verify::user_against_destination("ADLER32", "0a1b2c3d", "deadbeef").unwrap_err()
        }
        "src-cksum-e2e-differs" => {
            crate::verify::source_against_destination("ADLER32", "0a1b2c3d", "deadbeef")
                .unwrap_err()
        }
        "xrd-unknown-algo" => {
            crate::verify::no_checksum(Source, "SHA999", "davs://se1.localhost:31001/src/a")
        }
        "src-cksum-nodigest" => crate::verify::no_checksum(
            Source,
            "ADLER32",
            "davs://se3.localhost:31003/src-cksum-nodigest/src",
        ),
        "post-size-differs" => crate::verify::sizes(5, 4).unwrap_err(),
        "refused-src" => unanswered(Source, Operation::Stat, NotConnected),
        "refused-dst" => unanswered(Destination, Operation::Stat, NotConnected),
        "nohost-src" => unanswered(Source, Operation::Stat, NotResolved),
        "untrusted-src" => unanswered(Source, Operation::Stat, NotTrusted),
        "untrusted-dst" => unanswered(Destination, Operation::Stat, NotTrusted),
        "src-stat-close" => unanswered(Source, Operation::Stat, Closed),
        "src-stat-hang" => unanswered(Source, Operation::Stat, TimedOut),
        "copy-close" => unanswered(Transfer, copy, Closed),
        "copy-201-empty" | "copy-202-nofinal" | "copy-202-cut" => {
            crate::markers::no_final_line(CopyMode::Pull)
        }
        "copy-aborted" => crate::markers::aborted(CopyMode::Pull),
        "copy-hang-timeout20" | "copy-nomarker-timeout20" => unanswered(Transfer, copy, TimedOut),
        "copy-fail-q" => {
            crate::markers::failed(CopyMode::Pull, "GET https://se3/x?authz=abc&b=c HTTP 500")
        }
        "copy-redirect307" => refused(Destination, Operation::Stat, 404),
        _ if last.is_some() => crate::markers::failed(CopyMode::Pull, last?),
        _ => {
            if let Some(status) = number("src-stat-") {
                refused(Source, Operation::Stat, status)
            } else if let Some(status) = number("src-cksum-") {
                refused(Source, Operation::Checksum, status)
            } else if let Some(status) = number("dst-stat-").or(number("post-stat-")) {
                refused(Destination, Operation::Stat, status)
            } else if let Some(status) = number("post-cksum-") {
                refused(Destination, Operation::Checksum, status)
            } else if let Some(status) = number("mk-") {
                refused(Destination, Operation::Mkcol(&dir("")), status)
            } else if let Some(status) = number("del-") {
                refused(Destination, Operation::Unlink(&dir("/src")), status)
            } else {
                refused(Transfer, copy, number("copy-")?)
            }
        }
    })
}

#[test]
fn users_read_what_the_real_server_writes() {
    let table = include_str!("../tests/failure_table.txt");
    let mut seen = 0;
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let mut cells = line.splitn(4, " | ");
        let (name, state, recoverable, reason) = (
            cells.next().unwrap(),
            cells.next().unwrap(),
            cells.next().unwrap(),
            cells.next().unwrap(),
        );
        let failure =
            rebuild(name, reason).unwrap_or_else(|| panic!("no failure is built for {name}"));
        assert_eq!(failure.reason(), reason, "{name}");
        assert_eq!(failure.is_recoverable(), recoverable == "1", "{name}");
        assert_eq!(
            if failure.is_cancel() {
                "CANCELED"
            } else {
                "FAILED"
            },
            state,
            "{name}"
        );
        seen += 1;
    }
    assert!(seen > 80, "{seen} cases");
}

#[test]
fn a_query_never_reaches_a_reason() {
    let cases = [
        (
            "GET https://se3/x?a=b HTTP 500",
            "GET https://se3/x?<redacted> HTTP 500",
        ),
        ("why? because", "why? because"),
        (
            "\"https://a/b?c=d\" and https://e/f",
            "\"https://a/b?<redacted>\" and https://e/f",
        ),
        (
            "ends with https://a/b?c",
            "ends with https://a/b?<redacted>",
        ),
        ("broken ://", "broken ://"),
    ];
    for (text, wanted) in cases {
        assert_eq!(redact_queries(text), wanted);
    }
}

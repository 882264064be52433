//! Every recorded decision of a running server, asked of the pure rules (storage page §3.8).

use super::{DialectName, Doing, decide, demands};
use crate::path::CleanPath;

const XROOTD: &str = include_str!("../../tests/decisions/xrootd.tsv");
const STORM: &str = include_str!("../../tests/decisions/storm.tsv");

fn decided(name: DialectName, fields: &[&str]) -> u16 {
    let dialect = name.switches();
    let allowed = |doing, raw: &str| match CleanPath::parse(raw, dialect.paths) {
        Err(fault) => Err(fault.status),
        Ok(path) => match decide(
            &dialect.scopes,
            fields[0],
            doing,
            path.as_str(),
            path.wants_directory(),
        ) {
            Ok(true) => Ok(()),
            Ok(false) => Err(dialect.refusals.denied),
            Err(_) => Err(dialect.refusals.bad_token),
        },
    };
    let methods = &dialect.methods;
    let (doing, success) = match fields[1] {
        "GET" => (Doing::Read, 200),
        "GETDIR" => (Doing::List, if methods.slash_redirects { 302 } else { 200 }),
        "HEAD" => (Doing::Stat, 200),
        "PROPFIND" => (Doing::Propfind, 207),
        "PUTNEW" => (Doing::PutNew, methods.put_new),
        "PUTOVER" => (Doing::PutOver, methods.put_over),
        "DELETE" => (Doing::Delete, methods.delete),
        "MKCOL" => (Doing::MakeCollection, 201),
        "MOVE" => (Doing::MoveFrom, 201),
        other => panic!("unknown operation {other}"),
    };
    let first = allowed(doing, fields[2]);
    let second = if fields[1] == "MOVE" {
        allowed(Doing::MoveTo, fields[3])
    } else {
        Ok(())
    };
    first.and(second).err().unwrap_or(success)
}

fn check(table: &str, columns: &[DialectName]) {
    let mut asked = 0;
    let mut wrong = Vec::new();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        for (index, name) in columns.iter().enumerate() {
            asked += 1;
            let recorded: u16 = fields[4 + index].parse().unwrap();
            let ours = decided(*name, &fields);
            if ours != recorded {
                wrong.push(format!("{name:?} recorded {recorded}, ours {ours}: {line}"));
            }
        }
    }
    assert!(asked > 2000);
    assert!(
        wrong.is_empty(),
        "{} of {asked} differ:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(20)].join("\n")
    );
}

#[test]
fn xrootd_decides_as_recorded() {
    check(XROOTD, &[DialectName::Xrootd55, DialectName::Xrootd6]);
}

#[test]
fn storm_decides_as_recorded() {
    check(STORM, &[DialectName::Storm]);
}

#[test]
fn ours_goes_by_the_profile() {
    let rules = &DialectName::Default.switches().scopes;
    for (requirement, scopes, doing, path, directory, wanted) in [
        (
            "CAP-read covers itself and below",
            "storage.read:/foo",
            Doing::Read,
            "/foo/x",
            false,
            Ok(true),
        ),
        (
            "CAP-read goes by components",
            "storage.read:/foo",
            Doing::Read,
            "/foobar",
            false,
            Ok(false),
        ),
        (
            "CAP-modify is no read",
            "storage.modify:/",
            Doing::Read,
            "/f",
            false,
            Ok(false),
        ),
        (
            "CAP-create may not replace",
            "storage.create:/",
            Doing::PutOver,
            "/f",
            false,
            Ok(false),
        ),
        (
            "CAP-create may not delete",
            "storage.create:/",
            Doing::Delete,
            "/f",
            false,
            Ok(false),
        ),
        (
            "CAP-modify is create and more",
            "storage.modify:/",
            Doing::PutNew,
            "/f",
            false,
            Ok(true),
        ),
        (
            "CAP-stage may look",
            "storage.stage:/",
            Doing::Stat,
            "/f",
            false,
            Ok(true),
        ),
        (
            "CAP-stage may not read",
            "storage.stage:/",
            Doing::Read,
            "/f",
            false,
            Ok(false),
        ),
        (
            "an ancestor may be looked at",
            "storage.create:/a/b",
            Doing::Stat,
            "/a",
            false,
            Ok(true),
        ),
        (
            "leading collections may be made",
            "storage.create:/a/b",
            Doing::MakeCollection,
            "/a",
            false,
            Ok(true),
        ),
        (
            "but no file there",
            "storage.create:/a/b",
            Doing::PutNew,
            "/a",
            false,
            Ok(false),
        ),
        (
            "final slash: below",
            "storage.create:/a/b/",
            Doing::PutNew,
            "/a/b/c",
            false,
            Ok(true),
        ),
        (
            "final slash: the collection",
            "storage.create:/a/b/",
            Doing::MakeCollection,
            "/a/b",
            true,
            Ok(true),
        ),
        (
            "final slash: no file",
            "storage.create:/a/b/",
            Doing::PutNew,
            "/a/b",
            false,
            Ok(false),
        ),
        (
            "a path is mandatory",
            "storage.read",
            Doing::Read,
            "/f",
            false,
            Err(()),
        ),
        (
            "an absolute one",
            "storage.read:x",
            Doing::Read,
            "/x",
            false,
            Err(()),
        ),
        (
            "in normal form",
            "storage.read:/a/../b",
            Doing::Read,
            "/b",
            false,
            Err(()),
        ),
        (
            "unknown scopes are ignored",
            "openid storage.fly:/ storage.read:/",
            Doing::Read,
            "/b",
            false,
            Ok(true),
        ),
        (
            "names are case-sensitive",
            "STORAGE.READ:/",
            Doing::Read,
            "/b",
            false,
            Ok(false),
        ),
    ] {
        assert_eq!(
            decide(rules, scopes, doing, path, directory).map_err(|_| ()),
            wanted,
            "{requirement}"
        );
    }
    assert_eq!(
        demands(rules, Doing::PutNew).words(),
        "storage.create or storage.modify"
    );
}

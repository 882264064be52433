//! Every recorded decision of a running server, asked of the pure rules (storage page §3.8).

use super::{DialectName, Doing, Slashes, Understanding, decide};
use crate::path::CleanPath;

const XROOTD: &str = include_str!("../../tests/decisions/xrootd.tsv");
const STORM: &str = include_str!("../../tests/decisions/storm.tsv");

fn decided(name: DialectName, fields: &[&str]) -> u16 {
    let dialect = name.switches();
    let Understanding::Own(scopes) = &dialect.scopes else {
        panic!("{name:?} has no rules of its own");
    };
    let allowed = |doing, raw: &str| match CleanPath::parse(raw, dialect.paths) {
        Err(fault) => Err(fault.status),
        Ok(path) => match decide(
            scopes,
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
        "GETDIR" => (
            Doing::Page,
            if methods.slashes == Slashes::Dropped {
                302
            } else {
                200
            },
        ),
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

//! Ctrl-C in the middle of a copy: the run stops, says so, and leaves nothing behind.

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

#[test]
fn an_interrupted_run_stops_and_leaves_nothing() {
    let folder = std::env::temp_dir().join(format!("carnet-interrupt-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_carnet"))
        .args(["run", "delegated-identity", "--set"])
        .arg(r#"actors.se1.storage.files={"/example/file"="1 TiB"}"#)
        .env("TMPDIR", &folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    // A terabyte takes longer than anybody waits: the copy is under way when the interrupt comes.
    let copying = lines.find(|line| line.contains("READY → ACTIVE"));
    assert!(copying.is_some(), "the file's transfer never began");
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    for _rest in lines {}
    let status = child.wait().unwrap();
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(status.code(), Some(130), "{said}");
    assert!(said.contains("interrupted: every actor stopped"), "{said}");
    let left: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .collect();
    assert!(left.is_empty(), "left behind: {left:?}");
    std::fs::remove_dir(&folder).unwrap();
}

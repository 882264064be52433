//! Calls of the REST interface as a table.

use serde_json::Value;

use super::World;

pub const JSON: &str = "application/json";
pub const STREAM: &str = "application/x-json-stream";
pub const HTML: &str = "text/html; charset=utf-8";
pub const ERROR: &str = "application/octet-stream";

/// One call and what must come back: status, content type, and a piece of the body.
pub type Line = (
    &'static str,
    &'static str,
    Option<Value>,
    u16,
    &'static str,
    &'static str,
);

/// Asks one call after the other.
pub async fn play(world: &World, token: &str, lines: Vec<Line>) {
    for (method, path, body, status, content_type, piece) in lines {
        let answer = world
            .ask(
                method,
                path,
                &[("X-Rucio-Auth-Token", token), ("X-Rucio-VO", "def")],
                body,
            )
            .await;
        let seen = (answer.status, answer.header("content-type"));
        assert_eq!(
            seen,
            (status, content_type),
            "{method} {path}: {}",
            answer.text
        );
        assert!(
            answer.text.contains(piece),
            "{method} {path}: {}",
            answer.text
        );
        if content_type == ERROR {
            assert_eq!(
                answer.json()["ExceptionClass"],
                answer.header("ExceptionClass"),
                "{method} {path}"
            );
        }
    }
}

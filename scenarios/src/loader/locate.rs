//! Real addresses: every `https://HOST` of an actor becomes `https://localhost:PORT`.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use toml::Spanned;
use toml::de::{DeArray, DeValue};

use super::check::default_host;
use super::table;
use super::tree::{self, Table, Value};

/// Where actors listen for outside programs.
#[derive(Clone, Debug)]
pub struct Location {
    /// Address to listen on.
    pub ip: IpAddr,
    /// Host that URLs name.
    pub host: String,
    /// First port; the actors take it and those after it, in the file's order. 0 is any.
    pub first_port: u16,
    /// Only these actors; empty is all.
    pub only: Vec<String>,
}

impl Location {
    /// Where the actor with that position among the actors listens.
    pub(super) fn of(&self, position: usize) -> SocketAddr {
        let port = u16::try_from(usize::from(self.first_port) + position).unwrap_or(0);
        SocketAddr::new(self.ip, port)
    }
}

/// Rewrites every URL of an actor, in keys too, and takes actors away that are not wanted.
pub(super) fn locate(root: &mut Table<'_>, location: &Location) {
    let Some(actors) = table(root, "actors") else {
        return;
    };
    let mut moves = Vec::new();
    let is_person = |value: &Value<'_>| {
        value
            .get_ref()
            .as_table()
            .is_some_and(|role| role.contains_key(crate::format::Kind::User.name()))
    };
    for (position, (key, value)) in actors
        .iter()
        .filter(|(_, value)| !is_person(value))
        .enumerate()
    {
        let name: &str = key.get_ref();
        let settings = value
            .get_ref()
            .as_table()
            .and_then(|role| role.values().next())
            .and_then(|v| v.get_ref().as_table());
        let host = settings
            .and_then(|s| tree::text_at(s, &["host"]))
            .map_or_else(|| default_host(name), |(host, _)| host.to_owned());
        moves.push((
            format!("https://{host}"),
            format!("https://{}:{}", location.host, location.of(position).port()),
        ));
    }
    let Some(actors) = root.get_mut("actors") else {
        return;
    };
    let span = actors.span();
    let inner = std::mem::replace(actors.get_mut(), DeValue::Boolean(false));
    *actors = moved(Spanned::new(span, inner), &moves);
}

fn moved<'a>(value: Value<'a>, moves: &[(String, String)]) -> Value<'a> {
    let span = value.span();
    let inner = match value.into_inner() {
        DeValue::String(text) => DeValue::String(rewritten(text, moves)),
        DeValue::Array(items) => {
            let mut array = DeArray::new();
            for item in items {
                array.push(moved(item, moves));
            }
            DeValue::Array(array)
        }
        DeValue::Table(table) => DeValue::Table(
            table
                .into_iter()
                .map(|(key, value)| {
                    let key = Spanned::new(key.span(), rewritten(key.into_inner(), moves));
                    (key, moved(value, moves))
                })
                .collect(),
        ),
        other => other,
    };
    Spanned::new(span, inner)
}

fn rewritten<'a>(text: Cow<'a, str>, moves: &[(String, String)]) -> Cow<'a, str> {
    if !text.contains("https://") {
        return text;
    }
    let mut out = String::new();
    let mut rest: &str = &text;
    'outer: while !rest.is_empty() {
        for (from, to) in moves {
            if let Some(after) = rest.strip_prefix(from.as_str())
                && !after.starts_with(|c: char| {
                    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':')
                })
            {
                out.push_str(to);
                rest = after;
                continue 'outer;
            }
        }
        let mut letters = rest.chars();
        out.extend(letters.next());
        rest = letters.as_str();
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_hosts_move() {
        let moves = vec![(
            "https://se1.example".to_owned(),
            "https://localhost:9446".to_owned(),
        )];
        for (text, wanted) in [
            (
                "https://se1.example/a https://se1.example",
                "https://localhost:9446/a https://localhost:9446",
            ),
            ("https://se1.example.org", "https://se1.example.org"),
            ("se1.example", "se1.example"),
        ] {
            assert_eq!(rewritten(text.into(), &moves), wanted);
        }
    }
}

//! Real addresses: every `https://HOST` of an actor becomes `https://localhost:PORT`, or the URL of the service in its place.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use toml::Spanned;
use toml::de::{DeArray, DeValue};

use super::check::default_host;
use super::lints::is_audience;
use super::tree::{self, Table, Value};
use super::{outside, table};

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

/// A stage name's URL and what takes its place: in general, and where it is an audience.
struct Move {
    from: String,
    to: String,
    audience: String,
}

/// Rewrites the URLs of actors, in keys too: of those that listen at real addresses, when there is a location, and of
/// those whose place a service of somebody else's takes. A service's audience is its origin, without a base path.
pub(super) fn locate(root: &mut Table<'_>, location: Option<&Location>) {
    let moves = moves(root, location);
    if moves.is_empty() {
        return;
    }
    for key in ["actors", "step", "expect"] {
        if let Some(value) = root.get_mut(key) {
            let span = value.span();
            let inner = std::mem::replace(value.get_mut(), DeValue::Boolean(false));
            *value = moved(Spanned::new(span, inner), &moves, false);
        }
    }
}

fn moves(root: &Table<'_>, location: Option<&Location>) -> Vec<Move> {
    let mut moves = Vec::new();
    let mut position = 0;
    for (key, value) in table(root, "actors").into_iter().flatten() {
        let is_person = value
            .get_ref()
            .as_table()
            .is_some_and(|role| role.contains_key(crate::format::Kind::User.name()));
        if is_person {
            continue;
        }
        let settings = outside::settings(value);
        let from = settings
            .and_then(|s| tree::text_at(s, &["host"]))
            .map_or_else(|| default_host(key.get_ref()), |(host, _)| host.to_owned());
        let from = format!("https://{from}");
        if let Some(service) = settings.and_then(outside::named) {
            moves.push(Move {
                from,
                to: service.url(),
                audience: service.origin(),
            });
        } else if let Some(location) = location {
            let to = format!("https://{}:{}", location.host, location.of(position).port());
            position += 1;
            moves.push(Move {
                from,
                audience: to.clone(),
                to,
            });
        }
    }
    moves
}

/// Below a key that names audiences everything is one.
fn moved<'a>(value: Value<'a>, moves: &[Move], audience: bool) -> Value<'a> {
    let span = value.span();
    let inner = match value.into_inner() {
        DeValue::String(text) => DeValue::String(rewritten(text, moves, audience)),
        DeValue::Array(items) => {
            let mut array = DeArray::new();
            for item in items {
                array.push(moved(item, moves, audience));
            }
            DeValue::Array(array)
        }
        DeValue::Table(table) => DeValue::Table(
            table
                .into_iter()
                .map(|(key, value)| {
                    let audience = audience || is_audience(key.get_ref());
                    let key =
                        Spanned::new(key.span(), rewritten(key.into_inner(), moves, audience));
                    (key, moved(value, moves, audience))
                })
                .collect(),
        ),
        other => other,
    };
    Spanned::new(span, inner)
}

fn rewritten<'a>(text: Cow<'a, str>, moves: &[Move], audience: bool) -> Cow<'a, str> {
    if !text.contains("https://") {
        return text;
    }
    let mut out = String::new();
    let mut rest: &str = &text;
    'outer: while !rest.is_empty() {
        for one in moves {
            if let Some(after) = rest.strip_prefix(one.from.as_str())
                && !after.starts_with(|c: char| {
                    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':')
                })
            {
                out.push_str(if audience { &one.audience } else { &one.to });
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
        let moves = vec![
            Move {
                from: "https://se1.example".to_owned(),
                to: "https://localhost:9446".to_owned(),
                audience: "https://localhost:9446".to_owned(),
            },
            Move {
                from: "https://se2.example".to_owned(),
                to: "https://localhost:1094/base".to_owned(),
                audience: "https://localhost:1094".to_owned(),
            },
        ];
        for (text, audience, wanted) in [
            (
                "https://se1.example/a https://se1.example",
                false,
                "https://localhost:9446/a https://localhost:9446",
            ),
            ("https://se1.example.org", false, "https://se1.example.org"),
            ("se1.example", false, "se1.example"),
            (
                "https://se2.example/a",
                false,
                "https://localhost:1094/base/a",
            ),
            (
                "https://se1.example https://se2.example",
                true,
                "https://localhost:9446 https://localhost:1094",
            ),
        ] {
            assert_eq!(rewritten(text.into(), &moves, audience), wanted);
        }
    }
}

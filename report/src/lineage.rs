//! Which token came from which, and what was narrowed or widened on the way.

use crate::{facts, words};
use carnet_profile::scope::ScopeItem;
use carnet_stage::{Event, Issued, Record, Seq};
use std::collections::BTreeMap;

/// The audience that every resource takes for its own (issuer page §1.3).
const ANY_AUDIENCE: &str = "https://wlcg.cern.ch/jwt/v1/any";

/// The tokens of a run, by `jti`, in the order they were issued.
#[derive(Debug, Default, Clone)]
pub struct Lineage {
    order: Vec<String>,
    tokens: BTreeMap<String, Issued>,
    /// Of each refresh token: the access token that was issued with it.
    companions: BTreeMap<String, String>,
    /// The last access token, and the record that led to it.
    last_access: Option<(Option<Seq>, String)>,
}

/// How one property of a token compares with the parent's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shift {
    /// The same.
    Same,
    /// Less than the parent had.
    Narrowed,
    /// Something the parent did not have, and nothing given up.
    Widened,
    /// Something given up, and something gained.
    Moved,
}

impl Shift {
    /// The word in the narration; gains are shouted because they are what a class should notice.
    pub fn word(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Narrowed => "narrowed",
            Self::Widened => "WIDENED",
            Self::Moved => "CHANGED",
        }
    }

    fn of(lost: bool, gained: bool) -> Self {
        match (lost, gained) {
            (false, false) => Self::Same,
            (true, false) => Self::Narrowed,
            (false, true) => Self::Widened,
            (true, true) => Self::Moved,
        }
    }
}

/// One property of a child token beside the parent's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aspect {
    /// `subject`, `audience`, `scope`, `groups` or `lifetime`.
    pub name: &'static str,
    /// How it moved.
    pub shift: Shift,
    /// In words, without the shift: `− fts:submit-transfer + storage.read:/`.
    pub detail: String,
}

impl Lineage {
    /// The tokens that these records tell of.
    pub fn of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut lineage = Self::default();
        for record in records {
            if let Event::Issued(token) = &record.event {
                lineage.add(token, record.cause);
            }
        }
        lineage
    }

    /// Takes one more token in, with the record that led to it; the same `jti` again replaces the first.
    pub fn add(&mut self, token: &Issued, cause: Option<Seq>) {
        match token.kind.as_str() {
            "access" => self.last_access = Some((cause, token.jti.clone())),
            "refresh" => {
                if let Some((with, access)) = &self.last_access
                    && *with == cause
                {
                    self.companions.insert(token.jti.clone(), access.clone());
                }
            }
            _ => {}
        }
        if self
            .tokens
            .insert(token.jti.clone(), token.clone())
            .is_none()
        {
            self.order.push(token.jti.clone());
        }
    }

    /// How many tokens it knows.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The token of this `jti`.
    pub fn get(&self, jti: &str) -> Option<&Issued> {
        self.tokens.get(jti)
    }

    /// The token this one came from, if it was issued in the same run.
    pub fn parent(&self, token: &Issued) -> Option<&Issued> {
        token
            .parent
            .as_deref()
            .filter(|parent| *parent != token.jti)
            .and_then(|parent| self.get(parent))
    }

    /// The token to compare this one with: its parent, or what came along with the refresh token it was made from.
    ///
    /// A refresh token says nothing about itself, its companion does.
    pub fn measure(&self, token: &Issued) -> Option<&Issued> {
        let parent = self.parent(token)?;
        if parent.kind != "refresh" {
            return Some(parent);
        }
        self.companions
            .get(&parent.jti)
            .and_then(|jti| self.get(jti))
            .or(Some(parent))
    }

    /// Tokens without a parent in this run, in order.
    pub fn roots(&self) -> impl Iterator<Item = &Issued> {
        self.all().filter(|token| self.parent(token).is_none())
    }

    /// Tokens made from this one, in order.
    pub fn children<'a>(&'a self, jti: &'a str) -> impl Iterator<Item = &'a Issued> {
        self.all()
            .filter(move |token| token.jti != jti && token.parent.as_deref() == Some(jti))
    }

    /// All tokens, in order.
    pub fn all(&self) -> impl Iterator<Item = &Issued> {
        self.order.iter().filter_map(|jti| self.tokens.get(jti))
    }
}

/// Compares a token with the one it came from: subject, audience, scope, groups, lifetime.
///
/// An opaque parent (a refresh token tells nothing of itself) yields only what can be said.
pub fn compare(parent: &Issued, child: &Issued) -> Vec<Aspect> {
    let mut out = vec![subject(parent, child)];
    if parent.kind == child.kind || !parent.aud.is_empty() || !parent.scope.is_empty() {
        out.push(audience(parent, child));
        out.push(scope(parent, child));
        out.extend(groups(parent, child));
    }
    if parent.kind == child.kind {
        out.extend(lifetime(parent, child));
    }
    out
}

fn subject(parent: &Issued, child: &Issued) -> Aspect {
    let same = parent.sub == child.sub;
    let detail = if same {
        child.sub.clone()
    } else {
        format!("{} → {}", parent.sub, child.sub)
    };
    Aspect {
        name: "subject",
        shift: Shift::of(!same, !same),
        detail,
    }
}

fn audience(parent: &Issued, child: &Issued) -> Aspect {
    let covered = |all: &[String], one: &String| {
        all.iter()
            .any(|other| other == one || other == ANY_AUDIENCE)
    };
    difference("audience", &parent.aud, &child.aud, covered)
}

fn scope(parent: &Issued, child: &Issued) -> Aspect {
    difference(
        "scope",
        &facts::items(&parent.scope),
        &facts::items(&child.scope),
        scope_covered,
    )
}

/// Whether one of these scopes contains the other one, path included: `storage.read:/` holds `storage.read:/a`.
fn scope_covered(all: &[String], one: &String) -> bool {
    all.iter()
        .any(|other| other == one || ScopeItem::parse(other).covers(&ScopeItem::parse(one)))
}

fn groups(parent: &Issued, child: &Issued) -> Option<Aspect> {
    let (before, after) = (
        parent.groups.as_deref().unwrap_or(&[]),
        child.groups.as_deref().unwrap_or(&[]),
    );
    if before.is_empty() && after.is_empty() {
        return None;
    }
    Some(difference("groups", before, after, |all, one| {
        all.contains(one)
    }))
}

/// Compares two sets: what the other side does not cover is lost or gained.
fn difference(
    name: &'static str,
    parent: &[String],
    child: &[String],
    covered: impl Fn(&[String], &String) -> bool,
) -> Aspect {
    let lost: Vec<&str> = parent
        .iter()
        .filter(|one| !covered(child, one))
        .map(String::as_str)
        .collect();
    let gained: Vec<&str> = child
        .iter()
        .filter(|one| !covered(parent, one))
        .map(String::as_str)
        .collect();
    let shift = Shift::of(!lost.is_empty(), !gained.is_empty());
    let mut parts = Vec::new();
    if shift == Shift::Same {
        parts.push(if child.is_empty() {
            "none".to_owned()
        } else {
            child.join(" ")
        });
    }
    if !lost.is_empty() {
        parts.push(format!("− {}", lost.join(" ")));
    }
    if !gained.is_empty() {
        parts.push(format!("+ {}", gained.join(" ")));
    }
    Aspect {
        name,
        shift,
        detail: parts.join("  "),
    }
}

/// The end of the child's life beside the parent's: what outlives its parent was widened.
fn lifetime(parent: &Issued, child: &Issued) -> Option<Aspect> {
    let (parent_end, child_end) = (parent.exp?, child.exp?);
    let later = child_end.saturating_sub(parent_end);
    let span = format!(
        "{}, ",
        words::span_seconds(child_end.saturating_sub(child.iat))
    );
    let detail = match later {
        0 => format!("{span}ends with it"),
        1.. => format!("{span}ends {} after it", words::span_seconds(later)),
        _ => format!("{span}ends {} before it", words::span_seconds(later)),
    };
    Some(Aspect {
        name: "lifetime",
        shift: Shift::of(later < 0, later > 0),
        detail,
    })
}

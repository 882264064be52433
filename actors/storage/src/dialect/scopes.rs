//! The decision of a storage server as a pure function of scopes, operation, path and existence
//! (storage page §3.8). Every difference between servers is a value in `ScopeRules`.

use regex::RegexBuilder;

use crate::path::covers;

/// What a scope name allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// `storage.read`
    Read,
    /// `storage.create`
    Create,
    /// `storage.modify`
    Modify,
    /// `storage.stage`
    Stage,
    /// `storage.poll`
    Poll,
}

impl Verb {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "storage.read" => Self::Read,
            "storage.create" => Self::Create,
            "storage.modify" => Self::Modify,
            "storage.stage" => Self::Stage,
            "storage.poll" => Self::Poll,
            _ => return None,
        })
    }

    /// The scope's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "storage.read",
            Self::Create => "storage.create",
            Self::Modify => "storage.modify",
            Self::Stage => "storage.stage",
            Self::Poll => "storage.poll",
        }
    }
}

/// What a request wants to do, after looking whether the target is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// GET of a file, the reading side of a copy.
    Read,
    /// GET of a collection.
    Page,
    /// PROPFIND of depth 1, COPY of a collection.
    List,
    /// HEAD.
    Stat,
    /// PROPFIND of depth 0.
    Propfind,
    /// PUT where nothing is.
    PutNew,
    /// PUT over a file.
    PutOver,
    /// MKCOL.
    MakeCollection,
    /// DELETE.
    Delete,
    /// MOVE, seen from its source; the target is judged apart.
    MoveFrom,
    /// The same when something will be replaced.
    MoveFromOver,
    /// MOVE, seen from its target, which does not exist.
    MoveTo,
    /// MOVE onto something that exists.
    MoveOver,
    /// PROPPATCH.
    Change,
    /// Stage, cancel, release at the tape interface.
    Stage,
    /// Archive information and staging state.
    Poll,
}

impl Doing {
    /// Storing a file where one is, or is not.
    pub fn storing(over: bool) -> Self {
        if over { Self::PutOver } else { Self::PutNew }
    }
}

/// How a scope's path is compared with the request's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matching {
    /// `/foo` covers `/foo/x`, not `/foobar`.
    Components,
    /// `/foo` covers `/foobar`: plain string prefix.
    Prefix,
    /// The scope's path is a regular expression, anchored at the start only.
    Expression,
}

/// What a scope without a path, or with a path that has no leading slash, means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unrooted {
    /// Taken from the root: `storage.read` is the whole area.
    FromRoot,
    /// Grants nothing.
    Nothing,
    /// The token is refused.
    Refused,
}

/// Conditions of one operation: any of the groups, and of a group every verb.
pub(super) type AnyOf = &'static [&'static [Verb]];

/// The rules of one server.
#[derive(Debug)]
pub struct ScopeRules {
    /// Scope without path or without leading slash.
    pub unrooted: Unrooted,
    /// How paths are compared.
    pub matching: Matching,
    /// Whether `//`, `/./`, `/../` and a final slash of a scope path are resolved. Without it they
    /// are an error of the token (`Components`) or stand literally (`Expression`).
    pub resolves: bool,
    /// GET of a file.
    pub read: AnyOf,
    /// GET of a collection.
    pub list: AnyOf,
    /// HEAD.
    pub stat: AnyOf,
    /// HEAD and PROPFIND 0 of an ancestor of a scope's path.
    pub stat_ancestors: bool,
    /// A list of an ancestor of a scope's path.
    pub list_ancestors: bool,
    /// MKCOL and MOVE are judged at the collection that holds the name, as a change of that one.
    pub manages_parents: bool,
    /// PROPFIND 0.
    pub propfind: AnyOf,
    /// PUT new, MKCOL.
    pub create: AnyOf,
    /// MKCOL of an ancestor of a scope's path.
    pub make_ancestors: bool,
    /// PUT over a file.
    pub replace: AnyOf,
    /// DELETE.
    pub delete: AnyOf,
    /// Source of MOVE.
    pub move_from: AnyOf,
    /// Target of MOVE.
    pub move_to: AnyOf,
}

/// One thing a request must be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Any of these groups of verbs.
    pub any: AnyOf,
    /// Whether a scope below the path is enough.
    pub ancestors: bool,
}

impl Demand {
    /// The demand in words: `storage.create or storage.modify`.
    pub fn words(&self) -> String {
        let groups: Vec<String> = self
            .any
            .iter()
            .map(|group| {
                group
                    .iter()
                    .map(|verb| verb.name())
                    .collect::<Vec<_>>()
                    .join(" and ")
            })
            .collect();
        groups.join(" or ")
    }
}

/// A scope that makes the whole token invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}: {scope}")]
pub struct ScopeFault {
    /// The scope as it stands in the token.
    pub scope: String,
    /// What is wrong with it.
    pub why: &'static str,
}

const STAGE: AnyOf = &[&[Verb::Stage]];
const POLL: AnyOf = &[&[Verb::Stage], &[Verb::Poll], &[Verb::Read]];
const MODIFY: AnyOf = &[&[Verb::Modify]];

/// What an operation demands under these rules.
pub fn demands(rules: &ScopeRules, doing: Doing) -> Demand {
    let (any, ancestors) = match doing {
        Doing::Read => (rules.read, false),
        Doing::Page | Doing::List => (rules.list, rules.list_ancestors),
        Doing::Stat => (rules.stat, rules.stat_ancestors),
        Doing::Propfind => (rules.propfind, rules.stat_ancestors),
        Doing::PutNew => (rules.create, false),
        Doing::MakeCollection => (rules.create, rules.make_ancestors),
        Doing::PutOver => (rules.replace, false),
        Doing::Delete => (rules.delete, false),
        Doing::MoveFrom | Doing::MoveFromOver => (rules.move_from, false),
        Doing::MoveTo => (rules.move_to, false),
        Doing::MoveOver | Doing::Change => (MODIFY, false),
        Doing::Stage => (STAGE, false),
        Doing::Poll => (POLL, false),
    };
    Demand { any, ancestors }
}

/// Whether these scopes allow it. `path` is in normal form, relative to where the issuer's scopes begin;
/// `directory` says whether it was written with a final slash.
pub fn decide(
    rules: &ScopeRules,
    scopes: &str,
    doing: Doing,
    path: &str,
    directory: bool,
) -> Result<bool, ScopeFault> {
    use Doing::{MakeCollection, MoveFrom, MoveFromOver, MoveOver, MoveTo};
    let grants = grants(rules, scopes)?;
    let managing = matches!(
        doing,
        MakeCollection | MoveFrom | MoveFromOver | MoveTo | MoveOver
    );
    if rules.manages_parents && managing {
        let parent = path.rsplit_once('/').map_or("/", |(parent, _)| parent);
        let parent = if parent.is_empty() { "/" } else { parent };
        let may = |path, any: AnyOf, directory| {
            let held = |verb: &Verb| {
                let mut own = grants.iter().filter(|grant| grant.verb == *verb);
                own.any(|grant| grant.covers(rules, path, directory))
            };
            any.iter().any(|group| group.iter().all(held))
        };
        let replaces = doing == MoveOver && !may(path, rules.delete, directory);
        return Ok(may(parent, rules.create, true) && !replaces);
    }
    let demand = demands(rules, doing);
    let held = |verb: Verb| {
        grants.iter().any(|grant| {
            grant.verb == verb
                && (grant.covers(rules, path, directory)
                    || (demand.ancestors && covers(path, &grant.path)))
        })
    };
    Ok(demand
        .any
        .iter()
        .any(|group| group.iter().all(|verb| held(*verb))))
}

struct Grant {
    verb: Verb,
    path: String,
}

impl Grant {
    fn covers(&self, rules: &ScopeRules, path: &str, directory: bool) -> bool {
        match rules.matching {
            Matching::Components if self.path.len() > 1 && self.path.ends_with('/') => {
                let inside = path.starts_with(&self.path);
                inside || (directory && path == self.path.trim_end_matches('/'))
            }
            Matching::Components => covers(&self.path, path),
            Matching::Prefix => path.starts_with(&self.path),
            Matching::Expression => {
                let whole = if directory && path != "/" {
                    format!("{path}/")
                } else {
                    path.to_owned()
                };
                RegexBuilder::new(&format!("^(?:{})", self.path))
                    .size_limit(1 << 16)
                    .build()
                    .is_ok_and(|expression| expression.is_match(&whole))
            }
        }
    }
}

fn grants(rules: &ScopeRules, scopes: &str) -> Result<Vec<Grant>, ScopeFault> {
    let mut grants = Vec::new();
    for scope in scopes.split(' ') {
        let (name, path) = scope.split_once(':').unwrap_or((scope, ""));
        let Some(verb) = Verb::named(name) else {
            continue;
        };
        let refuse = |why| {
            Err(ScopeFault {
                scope: scope.to_owned(),
                why,
            })
        };
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            match rules.unrooted {
                Unrooted::FromRoot => format!("/{path}"),
                Unrooted::Nothing => continue,
                Unrooted::Refused if path.is_empty() => {
                    return refuse("a storage scope needs a path");
                }
                Unrooted::Refused => return refuse("the path of a storage scope is absolute"),
            }
        };
        let path = match (rules.matching, rules.resolves) {
            (Matching::Expression, _) => path,
            (_, true) => resolve(&path),
            (_, false) if path.split('/').any(|segment| segment == "..") => {
                return refuse("the path of a storage scope is in normal form");
            }
            (_, false) => collapse(&path),
        };
        grants.push(Grant { verb, path });
    }
    Ok(grants)
}

/// `//` and `/./` collapsed, `/../` resolved, final slash dropped.
fn resolve(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            name => kept.push(name),
        }
    }
    format!("/{}", kept.join("/"))
}

/// `//` and `/./` collapsed, final slash kept.
fn collapse(path: &str) -> String {
    let kept: Vec<&str> = path
        .split('/')
        .filter(|segment| !segment.is_empty() && *segment != ".")
        .collect();
    let slash = if path.ends_with('/') && !kept.is_empty() {
        "/"
    } else {
        ""
    };
    format!("/{}{slash}", kept.join("/"))
}

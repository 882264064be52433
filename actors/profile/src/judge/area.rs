//! What a token may do at a storage element: area, capabilities or groups, paths (issuer page §1.3 to
//! §1.5), and why not.

use super::{
    Diagnosis, Effect, Grounds, Principal, Refusal, StorageAction, StorageDemand, TrustedIssuer,
    court::Court, known::Known,
};
use crate::{
    path::{RequestPath, ScopePath, encode},
    scope::{Capability, ScopeItem, Scopes, StoragePrivilege},
};

impl Court<'_> {
    /// Whether everybody may do this, without a token.
    pub(super) fn open_to_all(&self, part: &StorageDemand) -> bool {
        let needed = part.action.privileges(self.rules);
        self.rules.anonymous.iter().any(|allowance| {
            part.path.within(&allowance.path).is_some()
                && needed
                    .iter()
                    .any(|privilege| allowance.privileges.contains(privilege))
        })
    }

    /// Decides the parts of a storage demand: every one must be granted.
    pub(super) fn storage_demand(
        &mut self,
        parts: &[StorageDemand],
        known: &Known,
    ) -> Option<Grounds> {
        let rules = self.rules;
        let issuer = known.claims.iss()?;
        let none = Scopes::default();
        let scopes = known.scopes.as_ref().unwrap_or(&none);
        let (mut by_scope, mut by_other, mut refused) = (Vec::new(), None, false);
        for part in parts {
            let issuer = rules.trusting(issuer, part.path.as_str())?;
            let Some(relative) = self.area(part, issuer) else {
                refused = true;
                continue;
            };
            if issuer.capabilities && scopes.has_capability() {
                match self.by_capability(part, relative, scopes) {
                    Some(item) => by_scope.push(item),
                    None => refused = true,
                }
            } else {
                match self.by_policy(part, relative, issuer, known, scopes) {
                    Some(grounds) => by_other = Some(grounds),
                    None => refused = true,
                }
            }
        }
        if refused {
            return None;
        }
        by_other.or(Some(Grounds::Scope(by_scope)))
    }

    /// The path within the issuer's area (CAP-7).
    fn area<'p>(&mut self, part: &'p StorageDemand, issuer: &TrustedIssuer) -> Option<&'p str> {
        let wanted = match &issuer.areas[..] {
            [one] => format!("within {one}"),
            many => format!("within {}", many.join(" or ")),
        };
        let relative = issuer.areas.iter().find_map(|area| part.path.within(area));
        if relative.is_some() {
            self.held("area", part.path.as_str().to_owned(), wanted);
        } else {
            let text = format!("the path is outside the area of {}", issuer.url);
            let refusal = Refusal::insufficient(Diagnosis::OutsideArea, text);
            self.failed("area", part.path.as_str().to_owned(), wanted, refusal);
        }
        relative
    }

    fn by_capability(
        &mut self,
        part: &StorageDemand,
        relative: &str,
        scopes: &Scopes,
    ) -> Option<String> {
        const NAME: &str = "scope.path";
        let needed = part.action.privileges(self.rules);
        let wanted = wanted(needed, relative);
        let granting = scopes.capabilities.iter().find(|capability| {
            needed.contains(&capability.privilege) && self.reaches(capability, part, relative)
        });
        if let Some(capability) = granting {
            let item = capability.to_string();
            self.held(NAME, item.clone(), wanted);
            return Some(item);
        }
        let diagnosis = why_not(scopes, needed, part, relative);
        let refusal = Refusal::insufficient(diagnosis, describe(diagnosis, part, &wanted))
            .with_hint(meant(diagnosis, scopes, relative, &part.path))
            .with_scope(needed.first().map(|first| item(*first, relative)));
        let saw = shorten(scopes.items.iter().map(ScopeItem::to_string));
        self.failed(NAME, saw, wanted, refusal);
        None
    }

    fn reaches(&self, capability: &Capability, part: &StorageDemand, relative: &str) -> bool {
        let rules = self.rules;
        let above = || capability.path.is_below(relative);
        capability.path.covers(relative, part.directory)
            || match part.action {
                StorageAction::MakeDirectory => {
                    rules.version.creates_leading_directories() && above()
                }
                StorageAction::Stat => rules.stat_of_ancestors && above(),
                _ => false,
            }
    }

    fn by_policy(
        &mut self,
        part: &StorageDemand,
        relative: &str,
        issuer: &TrustedIssuer,
        known: &Known,
        scopes: &Scopes,
    ) -> Option<Grounds> {
        const NAME: &str = "group";
        let needed = part.action.privileges(self.rules);
        let no_groups = Vec::new();
        let groups = known.groups.as_ref().unwrap_or(&no_groups);
        let subject = known.claims.sub().unwrap_or_default();
        let (mut denied, mut lacking) = (None, false);
        let service = self.rules.version.knows_hosts() && scopes.contains("host.auth");
        for privilege in needed {
            let first = issuer.policies.iter().find(|policy| {
                let about = match &policy.who {
                    Principal::Group(group) => groups.contains(group),
                    Principal::Subject(name) => name == subject,
                    Principal::Everyone => true,
                };
                let fits = about
                    && policy.privileges.contains(privilege)
                    && part.path.within(&policy.path).is_some();
                lacking |= fits && policy.host_auth && !service;
                fits && (service || !policy.host_auth)
            });
            match first {
                Some(policy) if policy.effect == Effect::Permit => {
                    let (saw, grounds) = match &policy.who {
                        Principal::Group(group) => (group.clone(), Grounds::Group(group.clone())),
                        _ => (subject.to_owned(), Grounds::Subject(subject.to_owned())),
                    };
                    let wanted =
                        format!("permitted to {} below {}", part.action.words(), policy.path);
                    self.held(NAME, saw, wanted);
                    return Some(grounds);
                }
                Some(policy) => denied = Some(policy),
                None => {}
            }
        }
        let saw = if groups.is_empty() {
            "no groups".to_owned()
        } else {
            groups.join(", ")
        };
        let diagnosis = match denied {
            Some(_) => Diagnosis::GroupDenied,
            None if lacking => Diagnosis::HostAuth,
            None if groups.is_empty() => slip(scopes).unwrap_or(Diagnosis::NothingGranted),
            None => Diagnosis::GroupNotPermitted,
        };
        let wanted = format!("permitted to {} {}", part.action.words(), part.path);
        let refusal = Refusal::insufficient(diagnosis, describe(diagnosis, part, &wanted))
            .with_scope(match diagnosis {
                Diagnosis::HostAuth => Some("host.auth".to_owned()),
                _ => needed.first().map(|first| item(*first, relative)),
            });
        self.failed(NAME, saw, wanted, refusal);
        None
    }
}

fn item(privilege: StoragePrivilege, relative: &str) -> String {
    format!("{}:{}", privilege.name(), encode(relative))
}

fn wanted(needed: &[StoragePrivilege], relative: &str) -> String {
    let mut text = String::with_capacity(64);
    for (index, privilege) in needed.iter().enumerate() {
        if index > 0 {
            text.push_str(" or ");
        }
        text.push_str(privilege.name());
    }
    text.push(':');
    text.push_str(relative);
    text
}

/// The first few of many items, so that a token with thousands of them stays readable.
fn shorten(items: impl Iterator<Item = String>) -> String {
    const SHOWN: usize = 12;
    let items: Vec<String> = items.collect();
    match items.len() {
        0 => "no scope".to_owned(),
        few @ ..=SHOWN => items[..few].join(" "),
        many => format!("{} … and {} more", items[..SHOWN].join(" "), many - SHOWN),
    }
}

/// Scope items that look as if they were meant to be storage capabilities and are none.
fn slip(scopes: &Scopes) -> Option<Diagnosis> {
    scopes.items.iter().find_map(|item| {
        if StoragePrivilege::named(&item.name).is_some() {
            None
        } else if StoragePrivilege::named(&item.name.to_ascii_lowercase()).is_some() {
            Some(Diagnosis::Case)
        } else {
            item.name
                .starts_with("storage.")
                .then_some(Diagnosis::UnknownItem)
        }
    })
}

/// Why none of the capabilities is good enough.
fn why_not(
    scopes: &Scopes,
    needed: &[StoragePrivilege],
    part: &StorageDemand,
    relative: &str,
) -> Diagnosis {
    if scopes.capabilities.is_empty() {
        return slip(scopes).unwrap_or(Diagnosis::NoStorageCap);
    }
    let (right, wrong): (Vec<&Capability>, Vec<&Capability>) = scopes
        .capabilities
        .iter()
        .partition(|capability| needed.contains(&capability.privilege));
    let here = |privilege: StoragePrivilege| {
        wrong
            .iter()
            .any(|c| c.privilege == privilege && c.path.covers(relative, part.directory))
    };
    use StorageAction as A;
    use StoragePrivilege::{Create, Modify, Poll, Read, Stage};
    let privilege = match part.action {
        A::Replace | A::Delete | A::MoveOver | A::MoveFromOver | A::Change if here(Create) => {
            Some(Diagnosis::NeedsModify)
        }
        A::Read | A::List if here(Create) || here(Modify) => Some(Diagnosis::NoRead),
        A::Read | A::List if here(Stage) => Some(Diagnosis::StageNoRead),
        A::Stage if here(Read) || here(Create) || here(Modify) => Some(Diagnosis::NeedsStage),
        _ if here(Poll) => Some(Diagnosis::PollOnly),
        _ if StoragePrivilege::ALL.into_iter().any(here) => Some(Diagnosis::WrongPrivilege),
        _ => None,
    };
    if let Some(diagnosis) = privilege {
        return diagnosis;
    }
    let any = |fits: &dyn Fn(&ScopePath) -> bool| right.iter().any(|c| fits(&c.path));
    let same = |path: &ScopePath| path.as_str() == relative;
    type Fits<'f> = &'f dyn Fn(&ScopePath) -> bool;
    let cases: [(Diagnosis, Fits<'_>); 5] = [
        (Diagnosis::DirOnly, &|path| {
            same(path) && path.directory_only()
        }),
        (Diagnosis::AreaPrefix, &|path| {
            path.covers(part.path.as_str(), part.directory)
        }),
        (Diagnosis::Case, &|path| {
            covers_folded(path, relative, &|t| t.to_lowercase())
        }),
        (Diagnosis::Unicode, &|path| {
            covers_folded(path, relative, &letters)
        }),
        (Diagnosis::Boundary, &|path| {
            relative.starts_with(path.as_str())
        }),
    ];
    if let Some((diagnosis, _)) = cases.iter().find(|(_, fits)| any(*fits)) {
        return *diagnosis;
    }
    match part.action {
        A::MoveTo | A::MoveOver => Diagnosis::DestNotCovered,
        _ if any(&|path| path.is_below(relative)) => Diagnosis::Exact,
        _ => slip(scopes).unwrap_or(Diagnosis::NotCovered),
    }
}

fn covers_folded(path: &ScopePath, relative: &str, fold: &dyn Fn(&str) -> String) -> bool {
    let (scope, request) = (fold(path.as_str()), fold(relative));
    request
        .strip_prefix(&scope)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A text with every accented letter, composed or not, made the same: enough to see that two names
/// differ only in their Unicode form.
fn letters(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if ('\u{300}'..='\u{36f}').contains(&c) {
            out.pop();
            out.push('\u{fffd}');
        } else {
            out.push(if c.is_ascii() { c } else { '\u{fffd}' });
        }
    }
    out
}

fn describe(diagnosis: Diagnosis, part: &StorageDemand, wanted: &str) -> String {
    let why = match diagnosis {
        Diagnosis::NeedsModify => "what is there may only be changed with storage.modify",
        Diagnosis::NoRead => "create and modify do not read",
        Diagnosis::StageNoRead => "stage does not read",
        Diagnosis::NeedsStage => "only storage.stage stages",
        Diagnosis::PollOnly => "storage.poll only asks for locality",
        Diagnosis::DirOnly => "a scope path that ends with a slash is not for a file of that name",
        Diagnosis::AreaPrefix => "scope paths are relative to the issuer's area",
        Diagnosis::Boundary => "a scope path ends at a segment's end",
        Diagnosis::Case => "names differ by case only",
        Diagnosis::Unicode => "names differ by their Unicode form only",
        Diagnosis::UnknownItem => "the profile has no such storage scope",
        Diagnosis::NoStorageCap => "the token has capabilities, none of them for storage",
        Diagnosis::NothingGranted => "neither a capability nor a group grants anything here",
        Diagnosis::GroupDenied => "a policy denies it",
        Diagnosis::HostAuth => "the subject may, but the token lacks the scope host.auth",
        Diagnosis::GroupNotPermitted => "no group of the token is permitted this",
        Diagnosis::DestNotCovered => "no scope covers the new name",
        _ => "no scope covers it",
    };
    format!(
        "may not {} {}: {why}; wanted is {wanted}",
        part.action.words(),
        part.path
    )
}

fn meant(
    diagnosis: Diagnosis,
    scopes: &Scopes,
    relative: &str,
    full: &RequestPath,
) -> Option<String> {
    if diagnosis != Diagnosis::AreaPrefix {
        return None;
    }
    let area = full.as_str().strip_suffix(relative.trim_end_matches('/'))?;
    let capability = scopes
        .capabilities
        .iter()
        .find(|c| c.path.covers(full.as_str(), true))?;
    let path = capability.path.as_str().strip_prefix(area).unwrap_or("/");
    let path = if path.is_empty() { "/" } else { path };
    Some(super::hint::did_you_mean(&format!(
        "{}:{}",
        capability.privilege.name(),
        encode(path)
    )))
}

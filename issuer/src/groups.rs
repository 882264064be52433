//! Which groups a token asserts, and in which order (GRP-1 to GRP-7; issuer page §1.4).

use std::sync::Arc;

/// A person's groups, as the issuer asserts them: full names with their leading slash.
#[derive(Clone, Debug, Default)]
pub struct Memberships {
    /// Every group of the person, direct members only.
    pub all: Vec<Arc<str>>,
    /// Those asserted whenever groups are asked for, in order.
    pub defaults: Vec<Arc<str>>,
}

/// What a request for groups gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The claim; `None` when no group scope was asked (GRP-6).
    pub claim: Option<Vec<Arc<str>>>,
    /// Named groups that the person is not in.
    pub missing: Vec<String>,
}

/// Selects groups by the scope items, in their order. A bare `wlcg.groups` stands for the default groups; when only
/// named groups were asked, it stands at the end (GRP-4). No duplicates (GRP-5).
pub fn select<T: AsRef<str>>(scopes: &[T], memberships: &Memberships) -> Selection {
    let mut claim: Vec<Arc<str>> = Vec::new();
    let mut missing = Vec::new();
    let (mut asked, mut bare) = (false, false);
    let push = |claim: &mut Vec<Arc<str>>, group: &Arc<str>| {
        if !claim.contains(group) {
            claim.push(Arc::clone(group));
        }
    };
    for scope in scopes {
        let Some(rest) = scope.as_ref().strip_prefix("wlcg.groups") else {
            continue;
        };
        if rest.is_empty() {
            (asked, bare) = (true, true);
            for group in &memberships.defaults {
                push(&mut claim, group);
            }
        } else if let Some(name) = rest.strip_prefix(':') {
            asked = true;
            match memberships.all.iter().find(|group| ***group == *name) {
                Some(group) => push(&mut claim, group),
                None => missing.push(name.to_owned()),
            }
        }
    }
    if !asked {
        return Selection::default();
    }
    if !bare {
        for group in &memberships.defaults {
            push(&mut claim, group);
        }
    }
    Selection {
        claim: Some(claim),
        missing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worked_examples_of_grp_1_to_6() {
        let names = |list: &[&str]| {
            list.iter()
                .map(|n| Arc::from(*n))
                .collect::<Vec<Arc<str>>>()
        };
        let memberships = Memberships {
            all: names(&["/cms", "/cms/it", "/cms/prod", "/cms/alarm"]),
            defaults: names(&["/cms", "/cms/it"]),
        };
        for (scopes, want) in [
            ("wlcg.groups", Some("/cms /cms/it")),
            ("wlcg.groups:/cms/prod", Some("/cms/prod /cms /cms/it")),
            (
                "wlcg.groups:/cms/prod wlcg.groups",
                Some("/cms/prod /cms /cms/it"),
            ),
            (
                "wlcg.groups wlcg.groups:/cms/prod",
                Some("/cms /cms/it /cms/prod"),
            ),
            ("wlcg.groups:/cms/it", Some("/cms/it /cms")),
            (
                "wlcg.groups:/cms/alarm wlcg.groups:/cms/prod",
                Some("/cms/alarm /cms/prod /cms /cms/it"),
            ),
            ("wlcg.groups:/cms/nothere", Some("/cms /cms/it")),
            ("openid profile", None),
        ] {
            let items: Vec<&str> = scopes.split(' ').collect();
            let got = select(&items, &memberships);
            assert_eq!(
                got.claim,
                want.map(|w| names(&w.split(' ').collect::<Vec<_>>())),
                "{scopes}"
            );
            assert_eq!(got.missing.is_empty(), !scopes.contains("nothere"));
        }
    }
}

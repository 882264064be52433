//! Groups: the grammar of their names, and which of them a request gets (issuer page §1.4).

use crate::scope::ScopeItem;

/// The scope that asks for groups.
pub const SCOPE: &str = "wlcg.groups";

/// Whether a text is a group's name: `("/" name)+`, name = `[a-zA-Z0-9][a-zA-Z0-9_.-]*` (CLM-14).
pub fn is_group_name(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('/') else {
        return false;
    };
    rest.split('/').all(|name| {
        name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
    })
}

/// One wish for groups in a scope string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupRequest {
    /// `wlcg.groups`: the default groups, here.
    Defaults,
    /// `wlcg.groups:/a/b`: this group, here.
    Named(String),
}

/// A group item that is not well formed (GRP-11).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid WLCG group scope: {0}")]
pub struct GroupFault(pub String);

/// The wishes for groups among scope items, in their order.
pub fn requests(items: &[ScopeItem]) -> Result<Vec<GroupRequest>, GroupFault> {
    let asked = items.iter().filter(|item| item.name == SCOPE);
    asked
        .map(|item| match item.path.as_deref() {
            None => Ok(GroupRequest::Defaults),
            Some(name) if is_group_name(name) => Ok(GroupRequest::Named(name.to_owned())),
            Some(_) => Err(GroupFault(item.to_string())),
        })
        .collect()
}

/// What a request for groups came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The groups of the claim, in their order; `None` when no group was asked for (GRP-6).
    pub groups: Option<Vec<String>>,
    /// Groups that were named and are not the user's (GRP-7).
    pub refused: Vec<String>,
}

/// Selects groups by GRP-1 to GRP-7. `defaults` are the user's default groups in the administrator's
/// order, `member` tells whether the user is in a group, default or optional.
pub fn select(
    requests: &[GroupRequest],
    defaults: &[&str],
    member: impl Fn(&str) -> bool,
) -> Selection {
    if requests.is_empty() {
        return Selection::default();
    }
    let (mut groups, mut refused) = (Vec::<String>::new(), Vec::new());
    let mut add = |group: &str| {
        if !groups.iter().any(|known| known == group) {
            groups.push(group.to_owned());
        }
    };
    let mut requests = requests.to_vec();
    if !requests.contains(&GroupRequest::Defaults) {
        requests.push(GroupRequest::Defaults);
    }
    for request in requests {
        match request {
            GroupRequest::Defaults => defaults.iter().for_each(|group| add(group)),
            GroupRequest::Named(group) if member(&group) => add(&group),
            GroupRequest::Named(group) => refused.push(group),
        }
    }
    Selection {
        groups: Some(groups),
        refused,
    }
}

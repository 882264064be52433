//! What a scope item allows, in words (issuer page §1.3).

use carnet_profile::scope::{ScopeItem, StoragePrivilege};

/// What the item allows, as the rest of a sentence: "read what is at and below /wlcg".
pub(super) fn of(item: &ScopeItem) -> String {
    match item.capability() {
        Err(fault) => return format!("nothing, and spoils the whole token: {fault}"),
        Ok(Some(capability)) => {
            let place = match capability.path.to_string().as_str() {
                "/" => "in the whole area of the VO".to_owned(),
                path => format!("at and below {path}"),
            };
            return match capability.privilege {
                StoragePrivilege::Read => format!("read files {place}"),
                StoragePrivilege::Create => {
                    format!("make new files {place}; not overwrite, not delete")
                }
                StoragePrivilege::Modify => {
                    format!("make, overwrite, rename and delete files {place}; not read")
                }
                StoragePrivilege::Stage => format!("bring files {place} from tape to disk"),
                StoragePrivilege::Poll => format!("ask whether files {place} are on disk"),
            };
        }
        Ok(None) => {}
    }
    match (item.name.as_str(), item.path.as_deref()) {
        ("compute.create", _) => "submit jobs".to_owned(),
        ("compute.read", _) => "look at jobs".to_owned(),
        ("compute.modify", _) => "change jobs".to_owned(),
        ("compute.cancel", _) => "cancel jobs".to_owned(),
        ("openid", None) => "tell who logged in (an ID token)".to_owned(),
        ("profile" | "email" | "address" | "phone", None) => {
            "tell more about the person".to_owned()
        }
        ("offline_access", None) => "go on without the user, by a refresh token".to_owned(),
        ("wlcg.groups", None) => "tell the person's default groups".to_owned(),
        ("wlcg.groups", Some(group)) => {
            format!("tell that the person is in {group}, and the default groups")
        }
        ("host.auth", None) => "be recognised as the service that sub names".to_owned(),
        ("scim", Some(_)) => "manage users and groups at the issuer".to_owned(),
        ("fts", _) => "submit transfers to FTS".to_owned(),
        _ => "nothing that the profile knows".to_owned(),
    }
}

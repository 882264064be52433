//! MOVE and COPY within this storage element (RFC 4918 §9.8, §9.9; storage page §1.5).

use url::Url;

use super::{Call, conditions, get};
use crate::answer::{self, Answer};
use crate::area::AreaError;
use crate::authorise::Pass;
use crate::dialect::Doing;
use crate::namespace::{Entry, TreeError};
use crate::path::CleanPath;
use crate::routes::aliased;
use crate::tpc::request::{overwrite, single};

/// MOVE.
pub(crate) async fn rename(call: Call) -> Answer {
    let element = &call.element;
    let methods = &element.dialect.methods;
    let target = match destination(&call) {
        Ok(target) => target,
        Err(refused) => return refused,
    };
    let replace = match overwrite(&call.parts.headers, methods.odd_overwrite) {
        Ok(given) => given
            .filter(|_| methods.move_heeds_overwrite)
            .unwrap_or(methods.move_overwrites),
        Err(fault) => return answer::text(fault.status, &fault.why),
    };
    let over = element.door.peek(&target) && target != call.path;
    let from = match element
        .door
        .admit(
            &call,
            if over {
                Doing::MoveFromOver
            } else {
                Doing::MoveFrom
            },
        )
        .await
    {
        Ok(pass) => pass,
        Err(refused) => return refused,
    };
    if let Some(root) = methods.area_root
        && element.door.is_area_root(&call.path)
    {
        return answer::text(root.rename, "the root of a storage area stays");
    }
    if let Some(status) = methods.across_areas
        && element.door.area_of(&call.path) != element.door.area_of(&target)
    {
        return answer::text(status, "source and target are in different storage areas");
    }
    let doing = if over { Doing::MoveOver } else { Doing::MoveTo };
    if let Err(refused) = element.door.admit_at(&call, doing, &target).await {
        return refused;
    }
    if target == call.path && element.door.peek(&target) {
        let status = if replace { methods.move_same } else { 412 };
        return answer::text(status, "source and target are the same");
    }
    if let Some(refused) = unmet(&call, &from) {
        return refused;
    }
    if methods.move_by_kind
        && over
        && let Some(refused) = other_kind(&call, &target)
    {
        return refused;
    }
    if replace && has_members(&call, &from, &target) {
        return answer::text(methods.move_over_members, MEMBERS);
    }
    match element
        .area(&from)
        .rename(&call.path, &target, replace, call.now())
    {
        Ok(replaced) => {
            element.file_state(
                &call.path,
                "available",
                "absent",
                &format!("moved to {}", target.as_str()),
            );
            element.file_state(
                &target,
                "absent",
                "available",
                &format!("moved from {}", call.path.as_str()),
            );
            let status = if replaced { methods.move_over } else { 201 };
            answer::text(status, if status == 204 { "" } else { methods.smile })
        }
        Err(AreaError::Tree(TreeError::NoParent)) if element.door.peek(&call.path) => {
            answer::text(methods.move_no_parent, "parent collection does not exist")
        }
        Err(error) => element.trouble(&error),
    }
}

/// The refusal of what is moved or copied only if it is as the client thinks (RFC 9110 §13.1).
fn unmet(call: &Call, pass: &Pass) -> Option<Answer> {
    let entry = call.element.area(pass).get(&call.path)?;
    let file = entry.file()?;
    let judged = conditions::judge(
        &call.parts.headers,
        Some(&file.etag()),
        Some(file.modified),
        false,
    );
    let counted = judged.counted(call.element.dialect.methods.move_conditions);
    (counted != conditions::Verdict::Met).then(|| answer::text(412, "precondition failed"))
}

/// The refusal of rename(2) to put a file in the place of a collection, or the other way round.
fn other_kind(call: &Call, target: &CleanPath) -> Option<Answer> {
    let door = &call.element.door;
    let methods = &call.element.dialect.methods;
    match (door.peek_directory(&call.path), door.peek_directory(target)) {
        (true, false) => Some(answer::text(methods.below_file, "not a collection")),
        (false, true) if door.peek(&call.path) => {
            Some(answer::text(methods.put_directory, "is a collection"))
        }
        _ => None,
    }
}

const MEMBERS: &str = "the target is a collection with members, which are not deleted in passing";

/// Whether a collection with members is in the way, and may not be deleted whole (storage page §1.5).
fn has_members(call: &Call, pass: &Pass, target: &CleanPath) -> bool {
    let members = call.element.area(pass).list(target);
    call.element.door.peek(&call.path)
        && !call.element.config.recursive_delete
        && members.is_some_and(|members| !members.is_empty())
}

/// COPY whose destination is here and that carries nothing for another side. A plain answer, no markers.
pub(crate) async fn duplicate(call: Call, raw: &str, replace: Option<bool>) -> Answer {
    let element = &call.element;
    let methods = &element.dialect.methods;
    let target = match CleanPath::parse(raw, element.dialect.paths) {
        Ok(target) => target,
        Err(fault) => return answer::text(fault.status, &fault.why),
    };
    let replace = replace.unwrap_or(methods.copy_overwrites);
    let directory = element.door.peek_directory(&call.path);
    let pass = match element
        .door
        .admit(&call, if directory { Doing::List } else { Doing::Read })
        .await
    {
        Ok(pass) => pass,
        Err(refused) => return refused,
    };
    if let Some(status) = methods.across_areas
        && element.door.area_of(&call.path) != element.door.area_of(&target)
    {
        return answer::text(status, "source and target are in different storage areas");
    }
    let over = element.door.peek(&target) && target != call.path;
    if let Err(refused) = element
        .door
        .admit_at(&call, Doing::storing(over), &target)
        .await
    {
        return refused;
    }
    if target == call.path && element.door.peek(&target) {
        let status = if replace { 403 } else { 412 };
        return answer::text(status, "source and target are the same");
    }
    if let Some(refused) = unmet(&call, &pass) {
        return refused;
    }
    if replace && has_members(&call, &pass, &target) {
        return answer::text(methods.copy_over_members, MEMBERS);
    }
    if let Some(Entry::File(file)) = element.area(&pass).get(&call.path)
        && let Some(refused) = get::unreadable(&call, &file)
    {
        return refused;
    }
    let deep = call.header("depth").map(str::trim) != Some("0")
        || element.dialect.methods.copy_always_deep;
    match element
        .area(&pass)
        .copy(&call.path, &target, deep, replace, call.now())
    {
        Ok(replaced) => {
            element.file_state(
                &target,
                "absent",
                "available",
                &format!("copied from {}", call.path.as_str()),
            );
            answer::text(if replaced { 204 } else { 201 }, "")
        }
        Err(error) => element.trouble(&error),
    }
}

#[allow(
    clippy::result_large_err,
    reason = "a refusal is the answer itself, as at the door"
)]
fn destination(call: &Call) -> Result<CleanPath, Answer> {
    let element = &call.element;
    let methods = &element.dialect.methods;
    let field = match single(&call.parts.headers, "destination") {
        Ok(Some(field)) => field.to_owned(),
        Ok(None) => {
            return Err(answer::text(
                methods.no_destination,
                "MOVE needs a Destination",
            ));
        }
        Err(fault) => return Err(answer::text(fault.status, &fault.why)),
    };
    let raw = if field.starts_with('/') {
        if !methods.loose_destination {
            return Err(answer::text(
                methods.bad_destination,
                "Destination is no absolute URL",
            ));
        }
        field
            .split(['?', '#'])
            .next()
            .unwrap_or_default()
            .to_owned()
    } else {
        let url = match field.split_once("://") {
            Some(("dav", rest)) => Url::parse(&format!("http://{rest}")),
            Some(("davs", rest)) if methods.loose_destination => {
                Url::parse(&format!("https://{rest}"))
            }
            _ => Url::parse(&field),
        };
        let url = match url {
            Ok(url) if matches!(url.scheme(), "http" | "https") => url,
            _ => {
                return Err(answer::text(
                    methods.bad_destination,
                    "Destination is no http URL",
                ));
            }
        };
        if !element.is_here(&url) && methods.move_elsewhere >= 400 {
            return Err(answer::text(
                methods.move_elsewhere,
                "Destination is on another server",
            ));
        }
        // Url has resolved dot segments; the path is judged as it was written.
        let after = field.split_once("://").map_or("", |(_, rest)| rest);
        let path = after.find('/').map_or("/", |at| &after[at..]);
        path.split(['?', '#']).next().unwrap_or("/").to_owned()
    };
    let raw = aliased(&raw, methods.aliases);
    CleanPath::parse(raw, element.dialect.paths)
        .map_err(|fault| answer::text(fault.status, &fault.why))
}

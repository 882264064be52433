//! PROPPATCH (RFC 4918 §9.2): properties of the client's own are kept, live ones are protected.

use std::sync::Arc;

use axum::body::Body;

use super::Call;
use crate::answer::{self, Answer};
use crate::dialect::Doing;
use crate::namespace::{Change, DeadProperties};
use crate::patient;
use crate::xml::{self, DAV, Patch};

const LONGEST: usize = 64 * 1024;
/// Most that the properties of one resource may take (RFC 4918 §9.2.1).
const MOST: usize = 256 * 1024;

/// PROPPATCH: all instructions or none.
pub(crate) async fn answer(call: Call, body: Body) -> Answer {
    let element = &call.element;
    let methods = &element.dialect.methods;
    if let Some(status) = methods.proppatch.filter(|_| call.unscoped().is_none()) {
        return answer::text(status, "PROPPATCH is not supported");
    }
    let pass = match element.door.admit(&call, Doing::Change).await {
        Ok(pass) => pass,
        Err(refused) => return refused,
    };
    let area = element.area(&pass);
    let bytes = match patient::read(body, LONGEST, "the body of a PROPPATCH").await {
        Ok(bytes) => bytes,
        Err(refused) => return refused,
    };
    let patches = match xml::proppatch(&bytes) {
        Ok(patches) => patches,
        Err(malformed) => return answer::text(400, &malformed.to_string()),
    };
    if !area.exists(&call.path) {
        return answer::text(404, "no such file or directory");
    }
    let protected = |patch: &Patch| matches!(patch, Patch::Set((namespace, _), _) | Patch::Remove((namespace, _)) if namespace == DAV);
    let refused = patches.iter().any(protected);
    let mut full = false;
    if !refused {
        area.update(&call.path, |change| {
            let dead = match change {
                Change::Directory(directory) => &mut directory.dead,
                Change::File(file) => &mut file.dead,
            };
            let mut properties: DeadProperties = (**dead).clone();
            for patch in &patches {
                match patch {
                    Patch::Set(name, value) => {
                        properties.insert(name.clone(), value.clone());
                    }
                    Patch::Remove(name) => {
                        properties.remove(name);
                    }
                }
            }
            let length = |((space, name), value): (&(String, String), &String)| {
                space.len() + name.len() + value.len()
            };
            full = properties.iter().map(length).sum::<usize>() > MOST;
            if !full {
                *dead = Arc::new(properties);
            }
        });
    }
    if full {
        return answer::text(507, "the properties of one resource take 256 KiB at most");
    }
    let mut propstats = String::new();
    for patch in &patches {
        let (Patch::Set(name, _) | Patch::Remove(name)) = patch;
        let status = match (refused, protected(patch)) {
            (false, _) => "200 OK",
            (true, true) => "403 Forbidden",
            (true, false) => "424 Failed Dependency",
        };
        propstats.push_str(&xml::propstat(&xml::element(name, ""), status));
    }
    let page = xml::multistatus(&xml::response(&call.path.href(), &propstats));
    answer::typed(207, "application/xml; charset=\"utf-8\"", page)
}

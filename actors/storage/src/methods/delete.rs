//! DELETE (RFC 4918 §9.6; storage page §1.1).

use super::{Call, conditions};
use crate::answer::{self, Answer};
use crate::area::AreaError;
use crate::dialect::Doing;
use crate::namespace::{Entry, TreeError};

/// DELETE of a file, of an empty collection, of a full one when that is switched on.
pub(crate) async fn answer(call: Call) -> Answer {
    let element = &call.element;
    let methods = &element.dialect.methods;
    let pass = match element.door.admit(&call, Doing::Delete).await {
        Ok(pass) => pass,
        Err(refused) => return refused,
    };
    if let Some(root) = methods.area_root
        && element.door.is_area_root(&call.path)
    {
        return answer::text(root.delete, "the root of a storage area stays");
    }
    let area = element.area(&pass);
    if let Some(Entry::File(file)) = area.get(&call.path) {
        let etag = file.etag();
        let judged =
            conditions::judge(&call.parts.headers, Some(&etag), Some(file.modified), false);
        if judged.counted(methods.conditions) != conditions::Verdict::Met {
            return answer::text(412, "precondition failed");
        }
    }
    if let Some(status) = methods.file_with_slash
        && call.path.wants_directory()
        && area
            .get(&call.path)
            .is_some_and(|entry| !entry.is_directory())
    {
        return answer::text(status, "a file, not a collection");
    }
    match area.remove(&call.path, element.config.recursive_delete, call.now()) {
        Ok(files) => {
            for file in files {
                element.file_state(&file, "available", "absent", "deleted");
            }
            answer::text(
                methods.delete,
                if methods.delete == 204 {
                    ""
                } else {
                    methods.smile
                },
            )
        }
        Err(AreaError::Tree(TreeError::NotEmpty)) => answer::text(
            methods.delete_nonempty,
            &format!("Directory is not empty: {}", call.path.name()),
        ),
        Err(AreaError::Tree(TreeError::Missing)) => element.absent(area, &call.path),
        Err(error) => element.trouble(&error),
    }
}

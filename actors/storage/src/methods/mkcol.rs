//! MKCOL (RFC 4918 §9.3; storage page §1.1).

use axum::body::Body;

use super::Call;
use crate::answer::{self, Answer};
use crate::area::AreaError;
use crate::dialect::Doing;
use crate::namespace::TreeError;

/// MKCOL. Any body is refused where the dialect knows no meaning for one.
pub(crate) async fn answer(call: Call, body: Body) -> Answer {
    let element = &call.element;
    let methods = &element.dialect.methods;
    let over = methods.mkcol_judges_over && element.door.peek(&call.path);
    let doing = if over {
        Doing::PutOver
    } else {
        Doing::MakeCollection
    };
    let pass = match element.door.admit(&call, doing).await {
        Ok(pass) => pass,
        Err(refused) => return refused,
    };
    if let Some(status) = methods.mkcol_body
        && carnet_stage::body::read_limited(body, 0).await.is_err()
    {
        return answer::text(status, "MKCOL takes no body");
    }
    match element
        .area(&pass)
        .make_directory(&call.path, methods.mkcol_mkpath, call.now())
    {
        Ok(()) => answer::text(201, methods.smile),
        Err(AreaError::Tree(TreeError::Exists)) => {
            let onto_file = methods
                .mkcol_onto_file
                .filter(|_| !element.door.peek_directory(&call.path));
            let status = onto_file.unwrap_or(methods.mkcol_existing);
            answer::text(status, "something is there already")
        }
        Err(error) => element.trouble(&error),
    }
}

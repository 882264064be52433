//! OPTIONS (storage page §1.1): what there is, for anybody who asks.

use http::{HeaderName, HeaderValue, header};

use super::Call;
use crate::answer::{self, Answer};
use crate::dialect::{Doing, Methods};

/// OPTIONS.
pub(crate) async fn answer(call: Call) -> Answer {
    let methods = &call.element.dialect.methods;
    if methods.options_needs_token
        && call.element.door.area_of(&call.path).is_some()
        && let Err(refused) = call.element.door.admit(&call, Doing::Stat).await
    {
        return refused;
    }
    let file = call.element.door.peek(&call.path) && !call.element.door.peek_directory(&call.path);
    told(
        methods,
        if file {
            methods.allow_file
        } else {
            methods.allow
        },
    )
}

/// OPTIONS of the server as a whole (RFC 9110 §9.3.7).
pub(crate) fn general(methods: &Methods) -> Answer {
    if methods.options_needs_token {
        return answer::empty(404);
    }
    told(methods, methods.allow)
}

fn told(methods: &Methods, allow: &'static str) -> Answer {
    let mut found = answer::empty(200);
    let headers = found.headers_mut();
    headers.insert(header::ALLOW, HeaderValue::from_static(allow));
    for class in methods.dav {
        headers.append(
            HeaderName::from_static("dav"),
            HeaderValue::from_static(class),
        );
    }
    if methods.ms_author_via {
        headers.insert(
            HeaderName::from_static("ms-author-via"),
            HeaderValue::from_static("DAV"),
        );
    }
    found
}

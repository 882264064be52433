//! How XRootD words its short answers: what it could not do with which path, and the system's reason (storage
//! page §1.1, §2.2).

use axum::body::Body;
use http::{HeaderMap, Method, header};

use crate::answer::{Answer, Line};
use crate::dialect::Errnos;

/// The request that is answered.
pub(crate) struct Asked {
    method: Method,
    path: String,
    /// The other side of a COPY, when it is pulled from.
    source: Option<String>,
}

impl Asked {
    /// What of a request the words need.
    pub(crate) fn of(method: &Method, path: &str, headers: &HeaderMap) -> Self {
        let source = headers.get("source").and_then(|value| value.to_str().ok());
        let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
        Self {
            method: method.clone(),
            path: path.into_owned(),
            source: source.map(|url| url.split('?').next().unwrap_or_default().to_owned()),
        }
    }
}

/// Says an answer in XRootD's words, if it is one line of text. It names the type of no page either.
pub(crate) fn reword(found: &mut Answer, asked: &Asked, errnos: Errnos) {
    let kind = found.headers().get(header::CONTENT_TYPE);
    if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html")) {
        found.headers_mut().remove(header::CONTENT_TYPE);
    }
    let Some(Line(line)) = found.extensions_mut().remove::<Line>() else {
        return;
    };
    found.headers_mut().remove(header::CONTENT_TYPE);
    let text = if asked.method == Method::HEAD {
        String::new()
    } else if found.status().as_u16() < 400 {
        ":-)".to_owned()
    } else {
        refusal(found.status().as_u16(), &line, asked, errnos)
    };
    *found.body_mut() = Body::from(text);
}

fn refusal(status: u16, line: &str, asked: &Asked, errnos: Errnos) -> String {
    let copying = asked.method.as_str() == "COPY";
    let doing = match (asked.method.as_str(), &asked.source) {
        ("GET", _) | ("COPY", None) => "open",
        ("PUT" | "COPY", _) => "create",
        ("MKCOL", _) => "mkdir",
        ("MOVE", _) => "rename",
        ("DELETE", _) if line.starts_with("Directory is not empty") => "remove",
        ("DELETE" | "PROPFIND", _) => "locate",
        ("PATCH", _) => return "Request not supported yet.".to_owned(),
        _ if status == 400 => return "Request unknown".to_owned(),
        _ => return "Request not supported.".to_owned(),
    };
    if status == 405 && asked.method.as_str() == "MKCOL" {
        return "Method is not allowed; resource already exists.".to_owned();
    }
    if status == 501 && asked.method.as_str() == "MOVE" {
        return "Cannot parse destination url.".to_owned();
    }
    if line.ends_with("unsupported Credential type") {
        // As it is spelt there.
        return "COPY requestd an unsupported Credential type".to_owned();
    }
    let Some(reason) = reason(status, line) else {
        return line.to_owned() + if copying { "" } else { "\n" };
    };
    let path = &asked.path;
    let said = format!("Unable to {doing} {path}; {reason}");
    match (&asked.source, errnos) {
        (Some(source), Errnos::WithPlaces) if copying => {
            format!("failure: {said}, local={path}, remote={source}")
        }
        _ if copying => said,
        _ => said + "\n",
    }
}

/// What all refusals are.
pub(crate) const DENIED: &str = "permission denied";

/// The system's reason for what our own line says.
fn reason(status: u16, line: &str) -> Option<&'static str> {
    Some(match line {
        "no such file or directory" | "parent collection does not exist" => {
            "no such file or directory"
        }
        "is a collection" | "not a file" | "a name with a final slash is a collection" => {
            "is a directory"
        }
        "not a collection" | "a file, not a collection" => "not a directory",
        "a name is longer than 255 bytes" => "file name too long",
        _ if line.starts_with("a collection does not go below itself") => "invalid argument",
        _ if line.starts_with("the target is a collection with members") => "directory not empty",
        "target exists" | "Target file exists and Overwrite is false" => "file exists",
        DENIED => DENIED,
        _ if line.starts_with("Directory is not empty") => "directory not empty",
        _ => match status {
            401 | 403 => DENIED,
            507 => "no space left on device",
            _ => return None,
        },
    })
}

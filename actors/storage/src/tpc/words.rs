//! How each server words the failure of a copy (storage page §2.4).

use carnet_stage::ClientError;
use http::{Method, StatusCode};
use url::Url;

use super::remote::{reason, shown};
use crate::dialect::DialectName;
use crate::path::CleanPath;

/// The other side answered with a status that ends the copy.
pub(super) fn rejected(
    name: DialectName,
    method: &Method,
    url: &Url,
    status: StatusCode,
) -> String {
    match name {
        DialectName::Default | DialectName::Strict | DialectName::Dcache => {
            format!("rejected {method}: {}", reason(status))
        }
        DialectName::Xrootd55 => format!("Remote side failed with status code {}", status.as_u16()),
        DialectName::Xrootd6 => {
            format!("Remote side failed with status code {}", status.as_u16())
        }
        DialectName::Storm => {
            let doing = if method == Method::PUT {
                "pushing"
            } else {
                "fetching"
            };
            let phrase = status.canonical_reason().unwrap_or("Unknown");
            let code = status.as_u16();
            format!(
                "Error {doing} {}: {code} status code: {code}, reason phrase: {phrase}",
                shown(url)
            )
        }
    }
}

/// What XRootD adds to a failure: what the other side said, and what is copied where.
pub(super) fn adds(name: DialectName, said: &str, local: &str, url: &Url) -> String {
    let said = match said {
        "" => String::new(),
        said => format!("; error message: \"{said}\""),
    };
    match name {
        DialectName::Xrootd55 => said,
        DialectName::Xrootd6 => format!("{said}, local={local}, remote={}", shown(url)),
        _ => String::new(),
    }
}

/// A collection is pushed, where that is noticed late.
pub(super) fn directory(url: &Url, path: &CleanPath) -> String {
    let (url, path) = (shown(url), path.as_str());
    format!("FileNotFoundException while pushing {url}: {path} (Is a directory)")
}

/// No answer came from the other side.
pub(super) fn unanswered(
    name: DialectName,
    method: &Method,
    local: &str,
    url: &Url,
    error: &ClientError,
) -> String {
    match (name, error) {
        (DialectName::Xrootd55, ClientError::Connect { .. }) => {
            "Couldn't connect to server".to_owned()
        }
        (DialectName::Xrootd6, ClientError::Connect { .. }) => format!(
            "Internal transfer failure, local={local}, remote={}, HTTP library failure=Couldn't connect to server",
            shown(url)
        ),
        (DialectName::Storm, error) => {
            let doing = if method == Method::PUT {
                "pushing"
            } else {
                "fetching"
            };
            let place = format!(
                "{}:{}",
                url.host_str().unwrap_or_default(),
                url.port_or_known_default().unwrap_or(443)
            );
            let (class, why) = match error {
                ClientError::Connect { host, why } if why.starts_with("no such host") => (
                    "UnknownHostException",
                    format!("{host}: Name or service not known"),
                ),
                ClientError::Connect { why, .. } => (
                    "HttpHostConnectException",
                    format!("Connect to {}://{place} failed: {why}", url.scheme()),
                ),
                ClientError::Tls { why, .. } => ("SSLHandshakeException", why.clone()),
                ClientError::Protocol { .. } => (
                    "NoHttpResponseException",
                    format!("{place} failed to respond"),
                ),
            };
            format!("{class} while {doing} {}: {why}", shown(url))
        }
        _ => error.to_string(),
    }
}

/// `Overwrite: F` and the file is there.
pub(super) fn exists(name: DialectName, url: &Url) -> String {
    match name {
        DialectName::Storm => {
            format!(
                "TransferError while pushing {}: Remote file exists and overwrite is false",
                shown(url)
            )
        }
        _ => "Remote file exists and overwrite is false".into(),
    }
}

/// `Overwrite: F` and nobody knows whether the file is there.
pub(super) fn unknown(name: DialectName, url: &Url, status: StatusCode) -> String {
    let said = format!("Error checking if remote file exists: {}", reason(status));
    match name {
        DialectName::Storm => format!("TransferError while pushing {}: {said}", shown(url)),
        _ => said,
    }
}

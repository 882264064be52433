//! How each server words the failure of a copy (storage page §2.4).

use http::{Method, StatusCode};
use url::Url;

use super::remote::{reason, shown};
use crate::dialect::DialectName;

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
            format!(
                "Remote side failed with status code {}, remote={}",
                status.as_u16(),
                shown(url)
            )
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

//! The methods of storage page §1, one file each.

pub mod range;

pub(crate) mod body;
pub(crate) mod conditions;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod mkcol;
pub(crate) mod options;
pub(crate) mod propfind;
pub(crate) mod proppatch;
pub(crate) mod put;
pub(crate) mod relocate;

use std::sync::Arc;

use http::request::Parts;

use crate::dialect::Unscoped;
use crate::element::Element;
use crate::faults::NamedFault;
use crate::path::CleanPath;

/// A request whose path has been read.
pub(crate) struct Call {
    /// The storage element asked.
    pub(crate) element: Arc<Element>,
    /// Head of the request.
    pub(crate) parts: Parts,
    /// The path, in normal form.
    pub(crate) path: CleanPath,
    /// Which request it is.
    pub(crate) number: u64,
}

impl Call {
    /// A header field as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    }

    /// A fault that acts inside the handler.
    pub(crate) fn fault(&self) -> Option<&NamedFault> {
        self.parts.extensions.get()
    }

    /// What else holds where scopes do not count, and they do not.
    pub(crate) fn unscoped(&self) -> Option<Unscoped> {
        let unscoped = self.element.dialect.methods.unscoped?;
        (!self.element.door.is_scoped(None, &self.path)).then_some(unscoped)
    }

    /// Milliseconds since the epoch.
    pub(crate) fn now(&self) -> i64 {
        self.element.actor.clock().millis()
    }
}

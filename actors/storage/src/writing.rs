//! The states of a file while it comes in: whatever happens to the request, the journal hears how it ended.

use std::sync::Arc;

use crate::checksum::Checksum;
use crate::element::Element;
use crate::namespace::FileMeta;
use crate::path::CleanPath;

const COMING: &str = "being written";

/// A file that is being written. Dropped unsettled, it was broken off.
pub(crate) struct Writing {
    element: Arc<Element>,
    path: CleanPath,
    settled: bool,
}

impl Writing {
    /// A file begins to come in; `exists` says whether it replaces one.
    pub(crate) fn begin(element: &Arc<Element>, path: &CleanPath, exists: bool, why: &str) -> Self {
        let was = if exists { "available" } else { "absent" };
        element.file_state(path, was, COMING, why);
        Self {
            element: element.clone(),
            path: path.clone(),
            settled: false,
        }
    }

    /// It is complete and in its place.
    pub(crate) fn done(mut self, file: &FileMeta) {
        let sum = file.sums.first().map(Checksum::digest).unwrap_or_default();
        let told = format!("{} bytes, {sum}", file.size);
        self.element
            .file_state(&self.path, COMING, "available", &told);
        self.settled = true;
    }

    /// What is there now is what was there before, or what somebody else has stored meanwhile.
    fn over(&self, why: &str) {
        let left = if self.element.door.peek(&self.path) {
            "available"
        } else {
            "absent"
        };
        self.element.file_state(&self.path, COMING, left, why);
    }

    /// Nothing of it is kept.
    pub(crate) fn failed(mut self, why: &str) {
        self.over(why);
        self.settled = true;
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if !self.settled {
            self.over("broken off: the client went away");
        }
    }
}

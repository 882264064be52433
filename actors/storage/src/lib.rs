//! The storage element: WebDAV, HTTP third-party copy, the judge at the door.

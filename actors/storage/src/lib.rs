//! The storage element: WebDAV, HTTP third-party copy, the judge at the door.

pub mod backend;
pub mod checksum;
pub mod dialect;
pub mod namespace;
pub mod path;
pub mod pattern;
pub mod size;

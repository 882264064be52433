//! PROPFIND (RFC 4918 §9.1; storage page §1.4): the collection first, then its members.

use axum::body::Body;

use super::Call;
use crate::answer::{self, Answer, http_date, iso_date};
use crate::area::Area;
use crate::checksum::{Algorithm, Checksum};
use crate::dialect::{Doing, Infinity, Properties};
use crate::namespace::{DeadProperties, Entry, Locality};
use crate::path::CleanPath;
use crate::patient;
use crate::xml::{self, Asked, DAV, Name, escape};

const DCACHE: &str = "http://www.dcache.org/2013/webdav";
const STORM: &str = "http://storm.italiangrid.org/2014/webdav";
const SRM: &str = "http://srm.lbl.gov/StorageResourceManager";

/// The largest body that names properties.
const LONGEST: usize = 64 * 1024;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    Zero,
    One,
    Infinity,
}

/// PROPFIND.
pub(crate) async fn answer(call: Call, body: Body) -> Answer {
    let element = &call.element;
    let methods = &element.dialect.methods;
    let own = methods.properties == Properties::Xrootd;
    let depth = match call.header("depth").map(str::trim) {
        Some("0") => Depth::Zero,
        Some("1") => Depth::One,
        // XRootD takes every number for one.
        Some(text) if own && text.bytes().all(|byte| byte.is_ascii_digit()) => Depth::One,
        _ => Depth::Infinity,
    };
    let directory = element.door.peek_directory(&call.path);
    let depth = match (depth, methods.infinity) {
        (Depth::Infinity, Infinity::AsZero) => Depth::Zero,
        (Depth::Infinity, Infinity::Refused) if !directory => Depth::Zero,
        (depth, _) => depth,
    };
    let doing = if directory && depth != Depth::Zero {
        Doing::List
    } else {
        Doing::Propfind
    };
    let pass = match element.door.admit(&call, doing).await {
        Ok(pass) => pass,
        Err(refused) => return refused,
    };
    let area = element.area(&pass);
    let bytes = match patient::read(body, LONGEST, "the body of a PROPFIND").await {
        Ok(bytes) => bytes,
        Err(refused) => return refused,
    };
    let milton = methods.properties == Properties::Milton;
    let asked = match xml::propfind(&bytes) {
        // All of them is more than a request without a body gets, and names alone are not told (storage page §1.4).
        Ok(Asked::All) if milton && !bytes.is_empty() => these(MILTON.iter().chain(MILTON_MORE)),
        Ok(Asked::All | Asked::Names) if milton => these(MILTON),
        Ok(asked) => asked,
        Err(malformed) => match methods.propfind_malformed {
            Some(status) => return answer::text(status, &malformed.to_string()),
            None if milton => these(MILTON),
            None => Asked::All,
        },
    };
    let Some(entry) = area.get(&call.path) else {
        return element.absent(area, &call.path);
    };
    if depth == Depth::Infinity && methods.infinity == Infinity::Refused {
        let body = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:error xmlns:D=\"DAV:\"><D:propfind-finite-depth/></D:error>\n";
        return answer::typed(403, "application/xml; charset=\"utf-8\"", body);
    }
    let page = Page {
        call: &call,
        area,
        asked: &asked,
    };
    let mut responses = page.response(&call.path, &entry).await;
    if depth != Depth::Zero {
        page.members(&call.path, depth == Depth::Infinity, &mut responses)
            .await;
    }
    let page = xml::multistatus(&responses);
    let kind = match methods.properties {
        Properties::Asked | Properties::Milton => "application/xml; charset=\"utf-8\"",
        Properties::Xrootd => "text/xml; charset=\"utf-8\"",
    };
    let mut found = answer::typed(207, kind, page);
    if !own {
        answer::set(&mut found, http::HeaderName::from_static("dav"), "1");
    }
    found
}

struct Page<'a> {
    call: &'a Call,
    area: &'a Area,
    asked: &'a Asked,
}

impl Page<'_> {
    async fn members(&self, path: &CleanPath, deep: bool, responses: &mut String) {
        let mut left = vec![path.clone()];
        while let Some(directory) = left.pop() {
            for (name, entry) in self.area.list(&directory).unwrap_or_default() {
                let member = directory.child(&name);
                responses.push_str(&self.response(&member, &entry).await);
                if deep && entry.is_directory() {
                    left.push(member);
                }
            }
        }
    }

    async fn response(&self, path: &CleanPath, entry: &Entry) -> String {
        let own = self.call.element.dialect.methods.properties == Properties::Xrootd;
        let slash = if entry.is_directory() && path.as_str() != "/" && !own {
            "/"
        } else {
            ""
        };
        let base = if self.call.element.dialect.methods.absolute_hrefs {
            self.call.element.actor.base_url()
        } else {
            String::new()
        };
        let href = format!("{base}{}{slash}", path.href());
        let propstats = match self.asked {
            _ if own => xml::propstat(&xrootd(entry), "200 OK"),
            Asked::All => {
                let mut found = String::new();
                for name in live_names(entry) {
                    let name = (DAV.to_owned(), (*name).to_owned());
                    if let Some(value) = self.value(path, entry, &name).await {
                        found.push_str(&xml::element(&name, &value));
                    }
                }
                for (name, value) in dead(entry) {
                    found.push_str(&xml::element(name, value));
                }
                xml::propstat(&found, "200 OK")
            }
            Asked::Names => {
                let live = live_names(entry).iter().map(|name| format!("<D:{name}/>"));
                let names: String = live
                    .chain(dead(entry).keys().map(|name| xml::element(name, "")))
                    .collect();
                xml::propstat(&names, "200 OK")
            }
            Asked::These(names) => {
                let (mut found, mut missing) = (String::new(), String::new());
                for name in names {
                    match self.value(path, entry, name).await {
                        Some(value) => found.push_str(&xml::element(name, &value)),
                        None => missing.push_str(&xml::element(name, "")),
                    }
                }
                let mut propstats = String::new();
                if !found.is_empty() || missing.is_empty() {
                    propstats.push_str(&xml::propstat(&found, "200 OK"));
                }
                if !missing.is_empty() {
                    propstats.push_str(&xml::propstat(&missing, "404 Not Found"));
                }
                propstats
            }
        };
        xml::response(&href, &propstats)
    }

    async fn value(&self, path: &CleanPath, entry: &Entry, name: &Name) -> Option<String> {
        if let Some(value) = dead(entry).get(name) {
            return Some(value.clone());
        }
        let file = entry.file();
        let milton = self.call.element.dialect.methods.properties == Properties::Milton;
        Some(match (name.0.as_str(), name.1.as_str()) {
            (DAV, "displayname") => escape(path.name()),
            (DAV, "getlastmodified") => http_date(match entry {
                Entry::File(file) => file.modified,
                Entry::Directory(directory) => directory.modified,
            }),
            (DAV, "creationdate") => iso_date(match entry {
                Entry::File(file) => file.created,
                Entry::Directory(directory) => directory.created,
            }),
            (DAV, "resourcetype") if entry.is_directory() => "<D:collection/>".into(),
            (DAV, "resourcetype") => String::new(),
            (DAV, "iscollection") => if entry.is_directory() { "1" } else { "0" }.into(),
            (DAV, "getcontentlength" | "getcontenttype") if milton && file.is_none() => {
                String::new()
            }
            (DAV, "getcontenttype") if milton => String::new(),
            (DAV, "name") if milton => escape(path.name()),
            (DAV, "getetag") if milton && file.is_none() => {
                escape(&format!("\"{}\"", path.as_str()))
            }
            (DAV, "getcontentlength") => file?.size.to_string(),
            (DAV, "getetag") => escape(&file?.etag()),
            (DAV, "getcontenttype") => {
                file?;
                "application/octet-stream".into()
            }
            (DAV, "quota-used-bytes") if entry.is_directory() => self.area.space().0.to_string(),
            (DAV, "quota-available-bytes") if entry.is_directory() => {
                self.area.space().1?.to_string()
            }
            (DCACHE, "Checksums") => file?
                .sums
                .iter()
                .map(Checksum::digest)
                .collect::<Vec<_>>()
                .join(","),
            (STORM, "Checksum") if milton && file.is_none() => String::new(),
            (STORM, "Checksum") => self
                .area
                .checksum(path, file?, Algorithm::Adler32)
                .await?
                .value(),
            (SRM, "FileLocality") => match file?.locality {
                Locality::Disk => "ONLINE",
                Locality::Tape => "NEARLINE",
                Locality::DiskAndTape => "ONLINE_AND_NEARLINE",
                Locality::Lost => "LOST",
                Locality::Unavailable => "UNAVAILABLE",
            }
            .into(),
            _ => return None,
        })
    }
}

/// What StoRM tells when nobody asks for anything in particular, in its order.
const MILTON: &[(&str, &str)] = &[
    (DAV, "resourcetype"),
    (DAV, "getcontentlength"),
    (DAV, "getetag"),
    (DAV, "displayname"),
    (DAV, "getcontenttype"),
    (DAV, "getlastmodified"),
    (DAV, "creationdate"),
];

/// What it tells when asked for all.
const MILTON_MORE: &[(&str, &str)] = &[(STORM, "Checksum"), (DAV, "iscollection"), (DAV, "name")];

fn these<'n>(names: impl IntoIterator<Item = &'n (&'n str, &'n str)>) -> Asked {
    let names = names.into_iter();
    let owned = |(space, name): &(&str, &str)| ((*space).to_owned(), (*name).to_owned());
    Asked::These(names.map(owned).collect())
}

/// What XRootD tells of a file or collection.
fn xrootd(entry: &Entry) -> String {
    let (length, modified, collection) = match entry {
        Entry::File(file) => (file.size, file.modified, false),
        Entry::Directory(directory) => (4096, directory.modified, true),
    };
    let kind = if collection {
        "<D:resourcetype><D:collection/></D:resourcetype>"
    } else {
        ""
    };
    format!(
        "<D:getcontentlength>{length}</D:getcontentlength><D:getlastmodified>{}</D:getlastmodified>{kind}\
         <D:iscollection>{}</D:iscollection><D:executable>{}</D:executable>",
        http_date(modified),
        u8::from(collection),
        if collection { "T" } else { "F" }
    )
}

fn live_names(entry: &Entry) -> &'static [&'static str] {
    if entry.is_directory() {
        &[
            "displayname",
            "getlastmodified",
            "creationdate",
            "resourcetype",
        ]
    } else {
        &[
            "displayname",
            "getlastmodified",
            "creationdate",
            "resourcetype",
            "getcontentlength",
            "getetag",
            "getcontenttype",
        ]
    }
}

fn dead(entry: &Entry) -> &DeadProperties {
    match entry {
        Entry::File(file) => &file.dead,
        Entry::Directory(directory) => &directory.dead,
    }
}

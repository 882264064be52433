//! GET and HEAD of files and collections (storage page §1.1, §1.2).

use std::fmt::Write as _;

use axum::body::Body;
use http::{HeaderValue, Method, header};

use super::body::{Multipart, boundary};
use super::range::{self, Wanted};
use super::{Call, conditions};
use crate::answer::{self, Answer, http_date, set};
use crate::area::Area;
use crate::checksum::{Algorithm, first_known, wanted, wanted_repr};
use crate::dialect::{Doing, Ranges, ReprDigest, Slashes};
use crate::namespace::{Entry, FileMeta, Locality};
use crate::xml::escape;

/// GET or HEAD.
pub(crate) async fn answer(call: Call) -> Answer {
    let head = call.parts.method == Method::HEAD;
    let element = &call.element;
    let methods = &element.dialect.methods;
    let looking = element.door.peek_directory(&call.path);
    let doing = match (head, looking) {
        (true, _) => Doing::Stat,
        (false, true) => Doing::Page,
        (false, false) => Doing::Read,
    };
    let pass = match element.door.admit(&call, doing).await {
        Ok(pass) => pass,
        Err(refused) => return refused,
    };
    let area = element.area(&pass);
    let entry = area.get(&call.path);
    let raw = call.parts.uri.path();
    let moved = match methods.slashes {
        Slashes::Dropped if raw.len() > 1 && raw.ends_with('/') => Some(call.path.href()),
        Slashes::Added if looking && !raw.ends_with('/') => Some(call.path.href() + "/"),
        _ => None,
    };
    if let Some(place) = moved.filter(|_| !head) {
        let mut moved = answer::empty(302);
        set(&mut moved, header::LOCATION, &place);
        if let Some(Entry::File(file)) = entry
            && methods.digest_always
        {
            digests(&call, area, &file, &mut moved).await;
        }
        return moved;
    }
    let text = call.path.as_str();
    let odd = text.contains(' ') || (!head && !text.is_ascii());
    match entry {
        Some(Entry::File(file)) if odd && !methods.reads_odd_names => {
            let mut hidden = answer::text(404, "no such file");
            if methods.digest_always {
                digests(&call, area, &file, &mut hidden).await;
            }
            hidden
        }
        None => element.absent(area, &call.path),
        Some(Entry::Directory(_)) if head => {
            let mut found = answer::empty(200);
            found.headers_mut().insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("text/html; charset=utf-8"),
            );
            let length = methods.directory_length;
            let length = length.unwrap_or_else(|| listing(&call, area).len() as u64);
            found
                .headers_mut()
                .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
            if methods.locality {
                found
                    .headers_mut()
                    .insert("locality", HeaderValue::from_static("DISK"));
            }
            found
        }
        Some(Entry::Directory(_)) => {
            answer::typed(200, "text/html; charset=utf-8", listing(&call, area))
        }
        Some(Entry::File(_))
            if call.path.wants_directory() && methods.file_with_slash.is_some() =>
        {
            answer::text(
                methods.file_with_slash.unwrap_or(404),
                "a file, not a collection",
            )
        }
        Some(Entry::File(file)) => {
            if !head && let Some(place) = element.sent_on(&call, &pass) {
                let mut moved = answer::empty(methods.redirect_get);
                set(&mut moved, header::LOCATION, &place);
                return moved;
            }
            serve(&call, area, &file, head).await
        }
    }
}

async fn serve(call: &Call, area: &Area, file: &FileMeta, head: bool) -> Answer {
    let element = &call.element;
    let methods = &element.dialect.methods;
    let headers = &call.parts.headers;
    let etag = file.etag();
    let shown = methods.etag.then_some(etag.as_str());
    let judged = conditions::judge(headers, shown, Some(file.modified), true);
    match judged.counted(methods.conditions) {
        conditions::Verdict::Failed if !methods.etag && headers.contains_key("if-match") => {}
        conditions::Verdict::Met => {}
        conditions::Verdict::NotModified => {
            return describe(call, area, file, answer::empty(304)).await;
        }
        conditions::Verdict::Failed => {
            let mut unmet = answer::text(methods.get_unmet, "precondition failed");
            if methods.digest_always {
                digests(call, area, file, &mut unmet).await;
            }
            return unmet;
        }
    }
    let asked = call
        .header("range")
        .filter(|field| methods.suffix_ranges || !field.contains("=-"))
        .filter(|_| !call.fault().is_some_and(|fault| fault.is("ignore-ranges")))
        .filter(|_| {
            !head
                && (!methods.etag
                    || !methods.conditions
                    || conditions::range_counts(headers, &etag, file.modified))
        });
    let spans =
        match asked.map(|field| range::parse(field, file.size, methods.ranges == Ranges::Listed)) {
            None => None,
            Some(Wanted::Malformed) if methods.range_invalid == 200 => None,
            Some(Wanted::Spans(spans)) => Some(spans),
            Some(Wanted::Nothing | Wanted::Malformed) => {
                let mut outside = answer::empty(416);
                set(
                    &mut outside,
                    header::CONTENT_RANGE,
                    &format!("bytes */{}", file.size),
                );
                if methods.digest_always {
                    digests(call, area, file, &mut outside).await;
                }
                return outside;
            }
        };
    let mut found = if head {
        let mut found = answer::empty(200);
        set(&mut found, header::CONTENT_LENGTH, &file.size.to_string());
        found
    } else {
        if let Some(refused) = unreadable(call, file) {
            return refused;
        }
        let source = match area.open(&call.path, file) {
            Ok(source) => source,
            Err(error) => return answer::text(500, &error.to_string()),
        };
        match spans.as_deref() {
            None => sized(
                answer::empty(200),
                file.size,
                Body::new(source.body(0, file.size)),
            ),
            Some([span]) => {
                let body = Body::new(source.body(span.first, span.length()));
                let mut part = sized(answer::empty(206), span.length(), body);
                set(
                    &mut part,
                    header::CONTENT_RANGE,
                    &span.content_range(file.size),
                );
                part
            }
            Some(spans) => {
                let mut parts = answer::empty(206);
                *parts.body_mut() =
                    Body::new(Multipart::new(&source, spans, file.size, methods.ranges));
                set(
                    &mut parts,
                    header::CONTENT_TYPE,
                    &format!(
                        "multipart/byteranges; boundary={}",
                        boundary(methods.ranges)
                    ),
                );
                parts
            }
        }
    };
    if !found.headers().contains_key(header::CONTENT_TYPE)
        && let Some(kind) = methods.content_type
    {
        found
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    describe(call, area, file, found).await
}

/// The refusal to read a file whose bytes are not on disk.
pub(crate) fn unreadable(call: &Call, file: &FileMeta) -> Option<Answer> {
    let (status, why) = match file.locality {
        Locality::Tape => (
            call.element.dialect.methods.on_tape,
            "file is on tape, stage it first",
        ),
        Locality::Lost => (409, "file is lost"),
        Locality::Disk | Locality::DiskAndTape | Locality::Unavailable => return None,
    };
    Some(answer::text(status, why))
}

fn sized(mut answer: Answer, size: u64, body: Body) -> Answer {
    set(&mut answer, header::CONTENT_LENGTH, &size.to_string());
    *answer.body_mut() = body;
    answer
}

/// Adds what is known of the file: entity tag, dates, digests.
async fn describe(call: &Call, area: &Area, file: &FileMeta, mut found: Answer) -> Answer {
    let methods = &call.element.dialect.methods;
    if methods.etag {
        set(&mut found, header::ETAG, &file.etag());
    }
    if methods.last_modified {
        set(&mut found, header::LAST_MODIFIED, &http_date(file.modified));
    }
    if methods.accept_ranges {
        found
            .headers_mut()
            .insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    }
    if methods.locality && call.parts.method == Method::HEAD {
        let locality = match file.locality {
            Locality::Tape => "TAPE",
            Locality::DiskAndTape => "DISK_AND_TAPE",
            _ => "DISK",
        };
        found
            .headers_mut()
            .insert("locality", HeaderValue::from_static(locality));
    }
    digests(call, area, file, &mut found).await;
    found
}

/// `Digest` and `Repr-Digest`, as wanted (storage page §4.2).
pub(crate) async fn digests(call: &Call, area: &Area, file: &FileMeta, found: &mut Answer) {
    let methods = &call.element.dialect.methods;
    let habits = methods.digests;
    let repr = call
        .header("want-repr-digest")
        .and_then(wanted_repr)
        .filter(|algorithm| match habits.repr {
            ReprDigest::Never => false,
            ReprDigest::Wanted => true,
            ReprDigest::UnlessDigest => call.header("want-digest").is_none(),
            ReprDigest::InsteadOfDigest => {
                matches!(algorithm, Algorithm::Sha256 | Algorithm::Sha512)
            }
        });
    let replaced = habits.repr == ReprDigest::InsteadOfDigest && repr.is_some();
    let want = if methods.digest_always {
        Some(Algorithm::Adler32)
    } else if habits.by_quality {
        call.header("want-digest").and_then(wanted)
    } else {
        call.header("want-digest")
            .map(|field| first_known(field, habits.weighs))
    };
    let want = want.filter(|_| !replaced);
    if let Some(algorithm) = want {
        let known =
            !methods.digest_always || file.sums.iter().any(|sum| sum.algorithm == algorithm);
        if known && let Some(sum) = area.checksum(&call.path, file, algorithm).await {
            let told = if habits.base64_crc && algorithm == Algorithm::Crc32c {
                sum.base64_digest()
            } else {
                sum.digest()
            };
            let asked = call.header("want-digest").unwrap_or_default();
            let echoed = habits.echoes_adler
                && asked
                    .split([',', ';'])
                    .next()
                    .is_some_and(|name| name.trim().eq_ignore_ascii_case("adler"));
            let told = if echoed {
                told.replacen("adler32=", "adler=", 1)
            } else {
                told
            };
            set(found, http::HeaderName::from_static("digest"), &told);
        }
    }
    if let Some(algorithm) = repr
        && let Some(sum) = area.checksum(&call.path, file, algorithm).await
    {
        set(
            found,
            http::HeaderName::from_static("repr-digest"),
            &sum.repr_digest(),
        );
    }
}

fn listing(call: &Call, area: &Area) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<title>{0}</title>\n<h1>{0}</h1>\n<ul>\n",
        escape(call.path.as_str())
    );
    for (name, entry) in area.list(&call.path).unwrap_or_default() {
        let slash = if entry.is_directory() { "/" } else { "" };
        let href = call.path.child(&name).href();
        let _infallible = writeln!(
            page,
            "<li><a href=\"{}{slash}\">{}{slash}</a></li>",
            escape(&href),
            escape(&name)
        );
    }
    page.push_str("</ul>\n");
    page
}

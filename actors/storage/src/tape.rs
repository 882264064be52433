//! The WLCG tape interface, version 1 (storage page §6): files go from tape to disk when asked, and from
//! disk to tape by themselves.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use carnet_stage::Actor;
use http::request::Parts;
use http::{Method, header};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::{self, Answer, set};
use crate::area::Area;
use crate::config;
use crate::dialect::Doing;
use crate::element::Element;
use crate::methods::Call;
use crate::namespace::{Change, Entry, FileMeta, Locality};
use crate::path::CleanPath;
use crate::patient;
use crate::routes::{TAPE_API, TAPE_DISCOVERY};

/// The longest request body: a request names many files.
const LONGEST: usize = 4 << 20;
/// Most files that one request is judged for.
const MOST: usize = 10_000;

/// The tape system behind one storage element.
pub(crate) struct TapeSystem {
    sitename: String,
    stage: Duration,
    archive: Option<Duration>,
    requests: Arc<Mutex<BTreeMap<String, StageRequest>>>,
}

struct StageRequest {
    owner: String,
    created: i64,
    completed: Option<i64>,
    files: Vec<StageFile>,
}

struct StageFile {
    /// As the client wrote it.
    asked: String,
    path: Option<CleanPath>,
    error: Option<String>,
    cancelled: bool,
}

#[derive(Deserialize)]
struct StageBody {
    files: Vec<StageItem>,
}

#[derive(Deserialize)]
struct StageItem {
    path: String,
}

#[derive(Deserialize)]
struct PathsBody {
    paths: Vec<String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TapeSystem {
    pub(crate) fn new(config: &config::Tape, actor: &Actor) -> Self {
        Self {
            sitename: config
                .sitename
                .clone()
                .unwrap_or_else(|| actor.name().to_owned()),
            stage: Duration::from_secs(config.stage_seconds.into()),
            archive: config
                .archive_seconds
                .map(|seconds| Duration::from_secs(seconds.into())),
            requests: Arc::default(),
        }
    }

    /// A file was written: after a while it is on tape too, or lost by a fault.
    pub(crate) fn written(
        &self,
        actor: &Actor,
        area: &Arc<Area>,
        path: &CleanPath,
        file: &FileMeta,
        becomes: Locality,
    ) {
        let Some(wait) = self.archive else { return };
        let (owner, area, path, number) = (actor.clone(), area.clone(), path.clone(), file.number);
        // Counted from now, not from when the task first runs.
        let until = actor.clock().after(wait);
        actor.spawn(async move {
            owner.clock().sleep_until(until).await;
            move_to(&owner, &area, &path, becomes, |file| {
                file.number == number && file.size > 0
            });
        });
    }
}

fn name(locality: Locality) -> &'static str {
    match locality {
        Locality::Disk => "DISK",
        Locality::Tape => "TAPE",
        Locality::DiskAndTape => "DISK_AND_TAPE",
        Locality::Lost => "LOST",
        Locality::Unavailable => "UNAVAILABLE",
    }
}

fn move_to(
    actor: &Actor,
    area: &Area,
    path: &CleanPath,
    to: Locality,
    when: impl FnOnce(&FileMeta) -> bool,
) {
    let from = area.update(path, |change| match change {
        Change::File(file) if file.locality != to && when(file) => {
            Some(std::mem::replace(&mut file.locality, to))
        }
        _ => None,
    });
    if let Some(Some(from)) = from {
        actor.state(
            "storage.locality",
            path.as_str(),
            name(from),
            name(to),
            "tape",
        );
    }
}

/// The content type of what is refused.
const PROBLEM: &str = "application/problem+json";

fn problem(status: u16, title: &str, detail: &str) -> Answer {
    let body = json!({ "type": "about:blank", "status": status, "title": title, "detail": detail });
    answer::typed(status, PROBLEM, body.to_string())
}

fn reply(status: u16, body: &Value) -> Answer {
    answer::typed(status, "application/json", body.to_string())
}

/// Whether a path belongs to the tape interface.
pub(crate) fn serves(path: &str) -> bool {
    let below = path.strip_prefix(TAPE_API);
    path == TAPE_DISCOVERY || below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Answers a request of the tape interface; whatever is refused is told as a problem (RFC 7807).
pub(crate) async fn answer(
    element: &Arc<Element>,
    tape: &TapeSystem,
    parts: Parts,
    body: Body,
) -> Answer {
    let found = resource(element, tape, parts, body).await;
    let told = found.headers().get(header::CONTENT_TYPE);
    if found.status().as_u16() < 400 || told.is_some_and(|kind| kind == PROBLEM) {
        return found;
    }
    let (refused, why) = found.into_parts();
    let why = carnet_stage::body::read_limited(why, LONGEST).await;
    let why = String::from_utf8_lossy(&why.unwrap_or_default()).into_owned();
    let title = refused.status.canonical_reason().unwrap_or("Refused");
    let mut told = problem(refused.status.as_u16(), title, why.trim_end());
    for name in [header::WWW_AUTHENTICATE, header::RETRY_AFTER] {
        if let Some(value) = refused.headers.get(&name) {
            told.headers_mut().insert(name, value.clone());
        }
    }
    told
}

async fn resource(element: &Arc<Element>, tape: &TapeSystem, parts: Parts, body: Body) -> Answer {
    let path = parts.uri.path().to_owned();
    if path == TAPE_DISCOVERY && !matches!(parts.method, Method::GET | Method::HEAD) {
        let mut refused = problem(405, "Method Not Allowed", "this document is only read");
        set(&mut refused, header::ALLOW, "GET,HEAD");
        return refused;
    }
    if path == TAPE_DISCOVERY {
        return reply(
            200,
            &json!({
                "sitename": tape.sitename,
                "description": "tape behind this storage element",
                "endpoints": [{ "uri": format!("{}{TAPE_API}", element.actor.base_url()), "version": "v1", "metadata": {} }],
            }),
        );
    }
    let segments: Vec<String> = path[TAPE_API.len()..]
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(str::to_owned)
        .collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let bytes = match patient::read(body, LONGEST, "a request").await {
        Ok(bytes) => bytes,
        Err(refused) => return refused,
    };
    let method = parts.method.clone();
    let call = Call {
        element: element.clone(),
        parts,
        path: CleanPath::root(),
        number: element.number(),
    };
    match (method, segments.as_slice()) {
        (Method::POST, ["stage"]) => stage(tape, &call, &bytes).await,
        (Method::GET, ["stage", id]) => state(tape, &call, id).await,
        (Method::DELETE, ["stage", id]) => forget(tape, &call, id).await,
        (Method::POST, ["stage", id, "cancel"]) => cancel(tape, &call, id, &bytes).await,
        (Method::POST, ["release", _]) => release(&call, &bytes).await,
        (Method::POST, ["archiveinfo"]) => archive_info(&call, &bytes).await,
        _ => problem(404, "Not found", "no such resource of the tape interface"),
    }
}

fn too_many(names: usize) -> Option<Answer> {
    let told = format!("the request names {names} files; it may name {MOST}");
    (names > MOST).then(|| problem(413, "Too many files", &told))
}

/// Whose request it is, where no path in it could be judged.
async fn anybody(call: &Call) -> Result<String, Answer> {
    let pass = call.element.door.identify(call).await?;
    Ok(pass.owner())
}

fn clean(call: &Call, text: &str) -> Option<CleanPath> {
    CleanPath::parse(text, call.element.dialect.paths).ok()
}

async fn stage(tape: &TapeSystem, call: &Call, bytes: &[u8]) -> Answer {
    let Ok(asked) = serde_json::from_slice::<StageBody>(bytes) else {
        return problem(
            400,
            "Malformed request",
            "a stage request is {\"files\": [{\"path\": …}]}",
        );
    };
    if let Some(refused) = too_many(asked.files.len()) {
        return refused;
    }
    let element = &call.element;
    let mut files = Vec::new();
    let mut owner = None;
    let mut coming = Vec::new();
    for item in asked.files {
        let path = clean(call, &item.path);
        let mut error = None;
        match &path {
            None => error = Some("malformed path".to_owned()),
            Some(path) => match element.door.admit_at(call, Doing::Stage, path).await {
                Err(refused) => return refused,
                Ok(pass) => {
                    owner = Some(pass.owner());
                    match element.area(&pass).get(path) {
                        None => error = Some("file does not exist".into()),
                        Some(Entry::Directory(_)) => error = Some("not a file".into()),
                        // What has no bytes is never on tape (storage page §6).
                        Some(Entry::File(file)) if file.size == 0 => {
                            error = Some("a file of 0 bytes is not on tape".into());
                        }
                        Some(Entry::File(file)) if file.locality == Locality::Lost => {
                            error = Some("file is lost".into());
                        }
                        Some(Entry::File(_)) => {
                            coming.push((element.area(&pass).clone(), path.clone()));
                        }
                    }
                }
            },
        }
        files.push(StageFile {
            asked: item.path,
            path,
            error,
            cancelled: false,
        });
    }
    if files.is_empty() {
        return problem(
            400,
            "Malformed request",
            "a stage request names at least one file",
        );
    }
    let owner = match owner {
        Some(owner) => owner,
        None => match anybody(call).await {
            Ok(owner) => owner,
            Err(refused) => return refused,
        },
    };
    let stuck = call.fault().is_some_and(|fault| fault.is("tape-stuck"));
    if call.fault().is_some_and(|fault| fault.is("tape-fails")) {
        for file in files.iter_mut().filter(|file| file.error.is_none()) {
            file.error = Some("the tape cannot be read".into());
        }
        coming.clear();
    }
    let id = element.actor.uuid().to_string();
    let created = element.actor.clock().seconds();
    lock(&tape.requests).insert(
        id.clone(),
        StageRequest {
            owner,
            created,
            completed: None,
            files,
        },
    );
    element.actor.state(
        "storage.stage",
        &id,
        "",
        "SUBMITTED",
        &format!("{} files", coming.len()),
    );
    let (actor, requests, until, key) = (
        element.actor.clone(),
        tape.requests.clone(),
        element.actor.clock().after(tape.stage),
        id.clone(),
    );
    element.actor.spawn(async move {
        actor.clock().sleep_until(until).await;
        if stuck {
            return;
        }
        for (area, path) in coming {
            let wanted = lock(&requests).get(&key).is_some_and(|request| {
                request
                    .files
                    .iter()
                    .any(|file| !file.cancelled && file.path.as_ref() == Some(&path))
            });
            if wanted {
                move_to(&actor, &area, &path, Locality::DiskAndTape, |file| {
                    file.locality == Locality::Tape
                });
            }
        }
        if let Some(request) = lock(&requests).get_mut(&key) {
            request.completed = Some(actor.clock().seconds());
        }
        actor.state("storage.stage", &key, "SUBMITTED", "COMPLETED", "staged");
    });
    let mut made = reply(201, &json!({ "requestId": id }));
    set(
        &mut made,
        header::LOCATION,
        &format!("{}{TAPE_API}/stage/{id}", element.actor.base_url()),
    );
    made
}

async fn state(tape: &TapeSystem, call: &Call, id: &str) -> Answer {
    let element = &call.element;
    let paths: Vec<CleanPath> = match lock(&tape.requests).get(id) {
        Some(request) => request
            .files
            .iter()
            .filter_map(|file| file.path.clone())
            .collect(),
        None => return problem(404, "Not found", "no such stage request"),
    };
    let mut pass = None;
    for path in &paths {
        match element.door.admit_at(call, Doing::Poll, path).await {
            Ok(given) => pass = Some(given),
            Err(refused) => return refused,
        }
    }
    let pass = match pass {
        Some(pass) => pass,
        None => match element.door.identify(call).await {
            Ok(pass) => pass,
            Err(refused) => return refused,
        },
    };
    let requests = lock(&tape.requests);
    let Some(request) = requests
        .get(id)
        .filter(|request| request.owner == pass.owner())
    else {
        return problem(404, "Not found", "no such stage request");
    };
    let area = element.area(&pass);
    let files: Vec<Value> = request
        .files
        .iter()
        .map(|file| {
            let locality = file
                .path
                .as_ref()
                .and_then(|path| area.get(path))
                .and_then(|entry| entry.file().map(|f| f.locality));
            let on_disk = matches!(locality, Some(Locality::Disk | Locality::DiskAndTape));
            match (&file.error, file.cancelled && !on_disk) {
                (Some(error), _) => json!({ "path": file.asked, "error": error }),
                (None, true) => json!({ "path": file.asked, "error": "cancelled" }),
                (None, false) => json!({ "path": file.asked, "onDisk": on_disk }),
            }
        })
        .collect();
    let mut body = json!({ "id": id, "createdAt": request.created, "startedAt": request.created });
    if let Some(completed) = request.completed {
        body["completedAt"] = json!(completed);
    }
    body["files"] = Value::Array(files);
    reply(200, &body)
}

async fn owned(tape: &TapeSystem, call: &Call, id: &str) -> Result<(), Answer> {
    let first = lock(&tape.requests)
        .get(id)
        .map(|request| request.files.iter().find_map(|file| file.path.clone()));
    let missing = || problem(404, "Not found", "no such stage request");
    let owner = match first.ok_or_else(missing)? {
        Some(path) => {
            let admitted = call.element.door.admit_at(call, Doing::Stage, &path).await;
            admitted?.owner()
        }
        None => anybody(call).await?,
    };
    match lock(&tape.requests).get(id) {
        Some(request) if request.owner == owner => Ok(()),
        _ => Err(missing()),
    }
}

async fn forget(tape: &TapeSystem, call: &Call, id: &str) -> Answer {
    if let Err(refused) = owned(tape, call, id).await {
        return refused;
    }
    lock(&tape.requests).remove(id);
    call.element.actor.state(
        "storage.stage",
        id,
        "SUBMITTED",
        "CANCELLED",
        "deleted by its owner",
    );
    answer::empty(200)
}

async fn cancel(tape: &TapeSystem, call: &Call, id: &str, bytes: &[u8]) -> Answer {
    if let Err(refused) = owned(tape, call, id).await {
        return refused;
    }
    let Ok(asked) = serde_json::from_slice::<PathsBody>(bytes) else {
        return problem(
            400,
            "Malformed request",
            "a cancellation is {\"paths\": […]}",
        );
    };
    let cleaned: Vec<Option<CleanPath>> =
        asked.paths.iter().map(|path| clean(call, path)).collect();
    let mut requests = lock(&tape.requests);
    let Some(request) = requests.get_mut(id) else {
        return problem(404, "Not found", "no such stage request");
    };
    let foreign = cleaned
        .iter()
        .any(|path| path.is_none() || !request.files.iter().any(|file| file.path == *path));
    if foreign {
        return problem(
            400,
            "File missing from stage request",
            "a path is not part of this request; nothing is changed",
        );
    }
    for file in &mut request.files {
        file.cancelled |= cleaned.contains(&file.path);
    }
    answer::empty(200)
}

async fn release(call: &Call, bytes: &[u8]) -> Answer {
    let Ok(asked) = serde_json::from_slice::<PathsBody>(bytes) else {
        return problem(400, "Malformed request", "a release is {\"paths\": […]}");
    };
    if let Some(refused) = too_many(asked.paths.len()) {
        return refused;
    }
    if asked.paths.is_empty()
        && let Err(refused) = anybody(call).await
    {
        return refused;
    }
    for text in &asked.paths {
        let Some(path) = clean(call, text) else {
            return problem(400, "Malformed request", "a path cannot be read");
        };
        match call.element.door.admit_at(call, Doing::Stage, &path).await {
            Err(refused) => return refused,
            Ok(pass) => {
                let area = call.element.area(&pass);
                move_to(&call.element.actor, area, &path, Locality::Tape, |file| {
                    file.locality == Locality::DiskAndTape
                });
            }
        }
    }
    answer::empty(200)
}

async fn archive_info(call: &Call, bytes: &[u8]) -> Answer {
    let Ok(asked) = serde_json::from_slice::<PathsBody>(bytes) else {
        return problem(400, "Malformed request", "the request is {\"paths\": […]}");
    };
    let mut infos = Vec::new();
    if !asked.paths.iter().any(|path| clean(call, path).is_some())
        && let Err(refused) = anybody(call).await
    {
        return refused;
    }
    // Of too many, a part is answered: the client asks for the rest again.
    for text in asked.paths.iter().take(MOST) {
        let Some(path) = clean(call, text) else {
            infos.push(json!({ "path": text, "error": "malformed path" }));
            continue;
        };
        let pass = match call.element.door.admit_at(call, Doing::Poll, &path).await {
            Ok(pass) => pass,
            Err(refused) => return refused,
        };
        infos.push(match call.element.area(&pass).get(&path) {
            None => json!({ "path": text, "error": "file does not exist" }),
            Some(Entry::Directory(_)) => json!({ "path": text, "error": "not a file" }),
            Some(Entry::File(file)) => json!({ "path": text, "locality": name(file.locality) }),
        });
    }
    reply(200, &Value::Array(infos))
}

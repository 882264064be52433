//! Tokens of the storage element's own, in the place of macaroons (storage page §3.7): path and activities,
//! signed with a key that lives as long as the run.

use aws_lc_rs::hmac;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use carnet_stage::Actor;
use rand::RngCore as _;
use serde::{Deserialize, Serialize};

use crate::answer::{self, Answer};
use crate::dialect::{Doing, Verb};
use crate::methods::Call;
use crate::path::covers;
use crate::patient;

/// What marks such a token; no JWT begins so.
const MARK: &str = "carnet-macaroon.";
/// How one is asked for.
pub(crate) const MACAROON_REQUEST: &str = "application/macaroon-request";
/// The longest request for one.
const LONGEST: usize = 4096;
/// What RFC 6750 §2.2 would have in a form.
const FORM: &str = "application/x-www-form-urlencoded";
/// The longest form that is searched for a token.
const LONGEST_FORM: usize = 64 << 10;
/// The longest life of one, in seconds.
const LONGEST_LIFE: i64 = 7 * 24 * 3600;

/// Signs and reads them.
pub(crate) struct Macaroons {
    key: hmac::Key,
}

/// What one says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Macaroon {
    /// The path, with everything below.
    pub(crate) path: String,
    /// `DOWNLOAD`, `UPLOAD` …
    pub(crate) activities: Vec<String>,
    /// Seconds since the epoch.
    pub(crate) until: i64,
    /// A name of its own, for the journal.
    pub(crate) id: String,
    /// Who asked for it.
    pub(crate) subject: String,
}

impl Macaroon {
    /// Whether it lets somebody do this.
    pub(crate) fn allows(&self, doing: Doing, path: &str) -> bool {
        let needs: &[&str] = match doing {
            Doing::Read => &["DOWNLOAD"],
            Doing::Page | Doing::List => &["LIST"],
            Doing::Stat | Doing::Propfind | Doing::Poll => {
                &["READ_METADATA", "DOWNLOAD", "UPLOAD", "LIST", "MANAGE"]
            }
            Doing::PutNew => &["UPLOAD"],
            Doing::MakeCollection | Doing::MoveFrom | Doing::MoveTo => &["MANAGE"],
            Doing::PutOver | Doing::Delete | Doing::MoveOver | Doing::MoveFromOver => &["DELETE"],
            Doing::Change => &["UPDATE_METADATA", "MANAGE"],
            Doing::Stage => &["STAGE"],
        };
        let held = needs
            .iter()
            .any(|need| self.activities.iter().any(|activity| activity == need));
        let both =
            doing != Doing::PutOver || self.activities.iter().any(|activity| activity == "UPLOAD");
        held && both && covers(&self.path, path)
    }
}

impl Macaroons {
    pub(crate) fn new(actor: &Actor) -> Self {
        let mut secret = [0_u8; 32];
        actor.random(|random| random.fill_bytes(&mut secret));
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &secret),
        }
    }

    /// Signs one.
    pub(crate) fn seal(&self, macaroon: &Macaroon) -> String {
        let body = serde_json::to_vec(macaroon).unwrap_or_default();
        let tag = hmac::sign(&self.key, &body);
        format!(
            "{MARK}{}.{}",
            URL_SAFE_NO_PAD.encode(&body),
            URL_SAFE_NO_PAD.encode(tag.as_ref())
        )
    }

    /// Reads one. None: it is something else; an error: it is one, but not a good one.
    pub(crate) fn open(&self, text: &str, now: i64) -> Option<Result<Macaroon, &'static str>> {
        let rest = text.strip_prefix(MARK)?;
        let parts = rest.split_once('.');
        let opened = parts.and_then(|(body, tag)| {
            let body = URL_SAFE_NO_PAD.decode(body).ok()?;
            let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
            hmac::verify(&self.key, &body, &tag).ok()?;
            serde_json::from_slice::<Macaroon>(&body).ok()
        });
        Some(match opened {
            None => Err("the macaroon is not one of this server"),
            Some(macaroon) if macaroon.until <= now => Err("the macaroon has expired"),
            Some(macaroon) => Ok(macaroon),
        })
    }
}

#[derive(Deserialize)]
struct Request {
    #[serde(default)]
    caveats: Vec<String>,
    #[serde(default)]
    validity: Option<String>,
}

const ACTIVITIES: [&str; 8] = [
    "READ_METADATA",
    "UPDATE_METADATA",
    "LIST",
    "DOWNLOAD",
    "UPLOAD",
    "MANAGE",
    "DELETE",
    "STAGE",
];

/// POST: a request for a macaroon, or nothing this server knows.
pub(crate) async fn answer(call: Call, body: Body) -> Answer {
    let element = &call.element;
    let kind = call.header("content-type").unwrap_or_default();
    if element.dialect.tokens.looks_in_forms && kind.starts_with(FORM) {
        let bytes = match patient::read(body, LONGEST_FORM, "a form").await {
            Ok(bytes) => bytes,
            Err(refused) => return refused,
        };
        let form = String::from_utf8_lossy(&bytes);
        let refused = element.door.refuse_form(&call, &form);
        return refused.unwrap_or_else(|| unsupported(&call));
    }
    let Some(macaroons) = element.macaroons.clone() else {
        return unsupported(&call);
    };
    let wanted = kind.starts_with(MACAROON_REQUEST);
    if element.dialect.methods.proxies_only {
        // They are for VOMS proxies, and none is ever shown here.
        return match call.header("authorization") {
            Some(_) if wanted => answer::text(500, "a macaroon is for a VOMS proxy"),
            None if wanted => answer::text(403, "a macaroon is for a VOMS proxy"),
            _ => unsupported(&call),
        };
    }
    if !wanted {
        return answer::text(415, "accept: application/macaroon-request");
    }
    let bytes = match patient::read(body, LONGEST, "a macaroon request").await {
        Ok(bytes) => bytes,
        Err(refused) => return refused,
    };
    let Ok(asked) = serde_json::from_slice::<Request>(&bytes) else {
        return answer::text(400, "the macaroon request is not the JSON it should be");
    };
    let mut activities: Option<Vec<String>> = None;
    for caveat in &asked.caveats {
        let Some(list) = caveat.strip_prefix("activity:") else {
            return answer::text(
                400,
                "only caveats of the form activity:LIST,DOWNLOAD are understood",
            );
        };
        let named: Vec<String> = list
            .split(',')
            .map(|name| name.trim().to_uppercase())
            .collect();
        if let Some(unknown) = named
            .iter()
            .find(|name| !ACTIVITIES.contains(&name.as_str()))
        {
            return answer::text(400, &format!("no such activity: {unknown}"));
        }
        activities = Some(match activities {
            None => named,
            Some(held) => held
                .into_iter()
                .filter(|name| named.contains(name))
                .collect(),
        });
    }
    let life = match asked
        .validity
        .as_deref()
        .map(str::parse::<jiff::SignedDuration>)
    {
        Some(Ok(life)) if life.as_secs() > 0 => life.as_secs().min(LONGEST_LIFE),
        _ => return answer::text(400, "validity is an ISO 8601 duration such as PT30M"),
    };
    if element.door.is_nobody(&call) {
        // What is open to everybody is nobody's to pass on.
        return match element.door.identify(&call).await {
            Ok(_) => answer::text(401, "a macaroon is given to somebody"),
            Err(refused) => refused,
        };
    }
    let mut granted = Vec::new();
    let mut subject = String::new();
    let mut refused = None;
    for activity in activities.unwrap_or_else(|| ACTIVITIES.map(str::to_owned).to_vec()) {
        match element.door.admit(&call, doing(&activity)).await {
            Ok(pass) => {
                pass.subject().clone_into(&mut subject);
                granted.push(activity);
            }
            Err(answer) => refused = Some(answer),
        }
    }
    if granted.is_empty() {
        return refused.unwrap_or_else(|| answer::text(403, "nothing to grant"));
    }
    let now = element.actor.clock().seconds();
    let macaroon = Macaroon {
        path: call.path.as_str().to_owned(),
        activities: granted,
        until: now + life,
        id: element.actor.uuid().to_string(),
        subject,
    };
    let sealed = macaroons.seal(&macaroon);
    let target = format!("{}{}", element.actor.base_url(), call.path.href());
    let reply = serde_json::json!({
        "macaroon": sealed,
        "expires_in": life,
        "uri": { "target": target, "base": element.actor.base_url() },
    });
    answer::typed(200, "application/json", reply.to_string())
}

fn unsupported(call: &Call) -> Answer {
    let habit = call.element.dialect.methods.post;
    let status = call.unscoped().map_or(habit, |unscoped| unscoped.post);
    answer::text(status, "POST is not supported here")
}

fn doing(activity: &str) -> Doing {
    match activity {
        "DOWNLOAD" => Doing::Read,
        "LIST" => Doing::List,
        "UPLOAD" => Doing::PutNew,
        "MANAGE" => Doing::MakeCollection,
        "DELETE" => Doing::Delete,
        "UPDATE_METADATA" => Doing::Change,
        "STAGE" => Doing::Stage,
        _ => Doing::Stat,
    }
}

/// Names of the verbs a macaroon's activities stand for, for the verdict.
pub(crate) fn demand(doing: Doing) -> &'static str {
    match doing {
        Doing::Read => "DOWNLOAD",
        Doing::Page | Doing::List => "LIST",
        Doing::Stat | Doing::Propfind | Doing::Poll => "READ_METADATA",
        Doing::PutNew => "UPLOAD",
        Doing::PutOver => "UPLOAD and DELETE",
        Doing::MakeCollection | Doing::MoveFrom | Doing::MoveTo => "MANAGE",
        Doing::Delete | Doing::MoveOver | Doing::MoveFromOver => "DELETE",
        Doing::Change => "UPDATE_METADATA",
        Doing::Stage => Verb::Stage.name(),
    }
}

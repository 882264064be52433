//! The storage element: what its handlers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use carnet_stage::{Actor, StartError};
use url::Url;

use crate::answer::{self, Answer};
use crate::area::{Area, AreaError};
use crate::authorise::{Door, Pass};
use crate::backend::StoreError;
use crate::config::Config;
use crate::dialect::{Dialect, SendsOn};
use crate::macaroon::{Macaroon, Macaroons};
use crate::methods::Call;
use crate::namespace::{Entry, TreeError};
use crate::path::CleanPath;
use crate::tape::TapeSystem;
use crate::tpc::Copier;

/// How long a ticket is good, in seconds.
const TICKET_SECONDS: i64 = 60;

/// What dCache says when a quota is used up (storage page §1.1).
const QUOTA: &str =
    "<?xml version=\"1.0\">\n<error xmlns=\"DAV:\">\n<quota-not-exceeded/>\n</error>\n";

/// One storage element.
pub(crate) struct Element {
    /// What it stands on.
    pub(crate) actor: Actor,
    /// Its settings.
    pub(crate) config: Config,
    /// Its habits.
    pub(crate) dialect: &'static Dialect,
    /// The only way in.
    pub(crate) door: Door,
    /// Third-party copies.
    pub(crate) copier: Copier,
    /// The tape interface, when there is one.
    pub(crate) tape: Option<TapeSystem>,
    /// Tokens of its own, when it gives them out.
    pub(crate) macaroons: Option<Arc<Macaroons>>,
    /// The same, with which GET and PUT are sent on.
    tickets: Option<Arc<Macaroons>>,
    area: Arc<Area>,
    requests: AtomicU64,
}

impl Element {
    /// Sets up a storage element.
    pub(crate) fn new(actor: Actor, config: Config) -> Result<Self, StartError> {
        let dialect = config.dialect.switches();
        let area =
            Area::new(&config, actor.seed(), actor.clock().millis()).map_err(StartError::new)?;
        let area = Arc::new(area);
        let seals = Arc::new(Macaroons::new(&actor));
        let macaroons = config.macaroons.then(|| seals.clone());
        let redirects = config.redirects.unwrap_or(dialect.methods.redirects);
        let tickets = redirects.then_some(seals);
        let known = macaroons.clone().or_else(|| tickets.clone());
        let door = Door::new(&actor, &config, dialect, area.clone(), known)?;
        let copier = Copier::new(&actor, &config, dialect);
        let tape = config
            .tape
            .as_ref()
            .map(|tape| TapeSystem::new(tape, &actor));
        Ok(Self {
            actor,
            config,
            dialect,
            door,
            copier,
            tape,
            macaroons,
            tickets,
            area,
            requests: AtomicU64::new(0),
        })
    }

    /// The data, for somebody who was let in.
    pub(crate) fn area(&self, _pass: &Pass) -> &Arc<Area> {
        &self.area
    }

    /// The number of the next request.
    pub(crate) fn number(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether missing collections are made by PUT and COPY.
    pub(crate) fn mkpath(&self, habit: bool) -> bool {
        self.config.make_parents.unwrap_or(habit)
    }

    /// Whether a URL's authority is this storage element. Any port of our host counts, as does localhost
    /// with our port.
    pub(crate) fn is_here(&self, url: &Url) -> bool {
        let Ok(base) = Url::parse(&self.actor.base_url()) else {
            return false;
        };
        let port = url.port_or_known_default();
        let named = url.host_str() == base.host_str() && port == base.port_or_known_default();
        named
            || (url.host_str() == Some("localhost") && port == Some(self.actor.place().addr.port()))
    }

    /// Whether the `Host` of a request is a name of this storage element.
    pub(crate) fn is_named(&self, parts: &http::request::Parts) -> bool {
        let field = parts.headers.get(http::header::HOST);
        let host = match (parts.uri.authority(), field.map(http::HeaderValue::to_str)) {
            (Some(authority), _) => authority.as_str(),
            (None, Some(Ok(field))) => field,
            (None, None) => return true,
            (None, Some(Err(_))) => return false,
        };
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let own = [self.actor.host(), "localhost", "127.0.0.1", "[::1]"];
        own.iter().any(|own| own.eq_ignore_ascii_case(name))
    }

    /// A file changed its state; the journal hears of it.
    pub(crate) fn file_state(&self, path: &CleanPath, from: &str, to: &str, why: &str) {
        self.actor
            .state("storage.file", path.as_str(), from, to, why);
    }

    /// Where a GET or PUT is sent on to, unless it has been: here again, with a ticket for this file in the URL in
    /// place of the client's token (storage page §2.9).
    pub(crate) fn sent_on(&self, call: &Call, pass: &Pass) -> Option<String> {
        const MARK: &str = "dcache-http-uuid=";
        let tickets = self.tickets.as_ref()?;
        let query = call.parts.uri.query().unwrap_or_default();
        let mut pairs = query.split('&');
        let sends_on = self.dialect.methods.sends_on;
        let put = call.parts.method.as_str() == "PUT";
        let stays = match sends_on {
            SendsOn::Door => {
                let waits = call.parts.headers.contains_key(http::header::EXPECT);
                put && !waits || pairs.any(|pair| pair.starts_with(MARK))
            }
            SendsOn::Redirector => {
                put && !self.door.peek(&call.path)
                    || pairs.any(|pair| {
                        let name = pair.split('=').next().unwrap_or_default();
                        matches!(name, "no_redirect" | "access_token")
                    })
            }
        };
        if stays {
            return None;
        }
        let activities = match call.parts.method.as_str() {
            "PUT" if self.door.peek(&call.path) => &["UPLOAD", "DELETE"][..],
            "PUT" => &["UPLOAD"][..],
            _ => &["DOWNLOAD"][..],
        };
        let id = self.actor.uuid().to_string();
        let ticket = tickets.seal(&Macaroon {
            path: call.path.as_str().to_owned(),
            activities: activities
                .iter()
                .map(|&activity| activity.to_owned())
                .collect(),
            until: self.actor.clock().seconds() + TICKET_SECONDS,
            id: id.clone(),
            subject: pass.subject().to_owned(),
        });
        let (base, path) = (self.actor.base_url(), call.path.href());
        Some(match sends_on {
            SendsOn::Door => format!("{base}{path}?{MARK}{id}&authz={ticket}"),
            SendsOn::Redirector => format!("{base}{path}?access_token={ticket}"),
        })
    }

    /// The refusal to store a file under the name of a collection that is not there.
    pub(crate) fn slash(&self, path: &CleanPath) -> Option<Answer> {
        let status = self.dialect.methods.put_slash?;
        let refused = path.wants_directory() && !self.door.peek_directory(path);
        refused.then(|| answer::text(status, "a name with a final slash is a collection"))
    }

    /// The answer when nothing is at a path.
    pub(crate) fn absent(&self, area: &Area, path: &CleanPath) -> Answer {
        let status = self.dialect.methods.sought_below_file;
        let above = std::iter::successors(path.parent(), CleanPath::parent);
        let mut found = above.filter_map(|above| area.get(&above));
        match found.next() {
            Some(Entry::File(_)) if status != 404 => answer::text(status, "not a collection"),
            _ => answer::text(404, "no such file or directory"),
        }
    }

    /// The answer to an error of the area.
    pub(crate) fn trouble(&self, error: &AreaError) -> Answer {
        let status = self.trouble_status(error);
        if status == 507 && self.dialect.methods.quota_xml {
            return answer::typed(507, "application/xml", QUOTA);
        }
        answer::text(status, &error.to_string())
    }

    /// Its status.
    pub(crate) fn trouble_status(&self, error: &AreaError) -> u16 {
        match error {
            AreaError::Reserved => 403,
            AreaError::Store(StoreError::Full(_)) => 507,
            AreaError::Store(_) => 500,
            AreaError::Tree(tree) => match tree {
                TreeError::Missing => 404,
                TreeError::NoParent | TreeError::NotEmpty => 409,
                TreeError::NotDirectory => self.dialect.methods.below_file,
                TreeError::Exists => 412,
                TreeError::IsDirectory => self.dialect.methods.put_directory,
                TreeError::Overlap => self.dialect.methods.overlap,
            },
        }
    }
}

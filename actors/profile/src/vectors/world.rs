//! The fixture of the vectors: keys, rules, files, and the words in which a vector is written.

use serde_json::{Value, json};

use crate::{
    jose::{Algorithm, Jwks},
    judge::{
        Demand, Diagnosis, Effect, Principal, Rules, StorageAction, StorageDemand, SubjectRule,
        TrustedIssuer,
    },
    keys::{CachePolicy, KeyCache},
    path::{PathFault, RequestPath},
    present::Places,
    scope::StoragePrivilege::{Create, Modify, Poll, Read, Stage},
    testing::{CryptoFault, Draft, SigningKey, Way},
    version::ProfileVersion,
};

/// The issuer of the VO `wlcg`.
pub const IAM: &str = "https://iam.example/";
/// The issuer of the VO `cms`.
pub const CMS: &str = "https://cms.example/";
/// The server.
pub const SE1: &str = "https://se1.example";

/// What the server holds before a vector: a path that ends with `/` is a directory. `/wlcg/tape/t1` is
/// nearline, `/wlcg/tape/t2` online.
pub const NAMESPACE: [&str; 10] = [
    "/wlcg/data/f1",
    "/wlcg/data/up/",
    "/wlcg/database/f",
    "/wlcg/foobar/f",
    "/wlcg/tape/t1",
    "/wlcg/tape/t2",
    "/wlcg/protected/p",
    "/cms/c1",
    "/other/o",
    "/wlcg/a:b",
];

/// Keys, time and rules of the vectors.
#[derive(Debug)]
pub struct Fixture {
    /// The time T of the vectors, in Unix seconds.
    pub now: i64,
    /// iam's RSA key `k1`.
    pub k1: SigningKey,
    /// iam's P-256 key `k2`.
    pub k2: SigningKey,
    /// iam's retired RSA key `k0`, still published.
    pub k0: SigningKey,
    /// iam's key `k9`, published after the server fetched the keys.
    pub k9: SigningKey,
    /// cms's RSA key, also named `k1`.
    pub cms_k1: SigningKey,
}

/// A row of the table.
#[derive(Clone, Debug)]
pub struct Vector {
    /// `V-029`.
    pub id: &'static str,
    /// Which of the row's cases, in words.
    pub case: String,
    /// Differences from the usual rules.
    pub setup: Vec<Setup>,
    /// What the server knows of the issuers' keys.
    pub world: World,
    /// Files (or directories, with a final `/`) that are there besides the namespace.
    pub files: &'static [&'static str],
    /// Values of `Authorization` headers, in order.
    pub authorization: Vec<String>,
    /// The query of the URL.
    pub query: Option<String>,
    /// The form body of a POST.
    pub form: Option<String>,
    /// What is asked, in order, each with what must come of it.
    pub asks: Vec<(Ask, Expect, Diagnosis)>,
}

/// A change to the rules.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Setup {
    Profile(ProfileVersion),
    AcceptQueryToken,
    AcceptAuthzParameter,
    MaxTokenBytes(usize),
    Accept(&'static [Algorithm]),
    RequireAtJwt,
    NotBeforeLeeway(i64),
    MaxLifetime(i64),
    RejectFutureIat,
    RefuseAnyAudience,
    AcceptBareHostAudience,
    /// Lists `host:svc.example` of iam; the flag says whether `host.auth` is wanted too.
    ListSubject(bool),
    Lenient,
}

/// What the server knows of the issuers' keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum World {
    /// Fresh keys: iam's k0, k1, k2 and cms's k1.
    #[default]
    Usual,
    /// The same, and k9 has been published meanwhile.
    NewKeyPublished,
    /// k0 was withdrawn after the server fetched it, less than a refresh period ago.
    KeyWithdrawn,
    /// k0 was withdrawn and the keys were fetched again.
    KeyWithdrawnAndRefreshed,
    /// iam is down, its keys are 20 hours old.
    IssuerDown,
    /// iam is down, its keys are three days old.
    IssuerDownForLong,
    /// iam's metadata name `https://other.example/` as issuer.
    MetadataMismatch,
}

/// One request and what it means to the judge.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The method; for [`Subject::Tape`] the verb of the tape interface.
    pub method: &'static str,
    /// The path as sent.
    pub target: &'static str,
    /// Further headers. `Destination` of a MOVE is a path of the same server.
    pub headers: Vec<(&'static str, &'static str)>,
    /// Which interface is asked.
    pub subject: Subject,
    parts: Vec<(StorageAction, &'static str, bool)>,
}

/// Which interface a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// WebDAV at a storage element.
    Dav,
    /// The tape interface of a storage element.
    Tape,
    /// Something that wants this scope: a computing element, FTS.
    Scope(&'static str),
    /// Something that lists subjects by name.
    Listed,
}

/// What must come of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Allowed; one of these statuses.
    Done(&'static [u16]),
    /// 401 and a challenge without an error.
    Challenge,
    /// 400 `invalid_request`.
    InvalidRequest,
    /// 401 `invalid_token`.
    InvalidToken,
    /// 403 `insufficient_scope`.
    Insufficient,
    /// This status, and no challenge.
    Status(u16),
}

impl Fixture {
    /// Makes the keys.
    pub fn new(now: i64) -> Result<Self, CryptoFault> {
        Ok(Self {
            now,
            k1: SigningKey::rsa("k1")?,
            k2: SigningKey::p256("k2")?,
            k0: SigningKey::rsa("k0")?,
            k9: SigningKey::p256("k9")?,
            cms_k1: SigningKey::rsa("k1")?,
        })
    }

    /// The good token G0, unsigned.
    pub fn good(&self) -> Draft {
        let now = self.now;
        let claims = json!({
            "wlcg.ver": "1.0",
            "iss": IAM,
            "sub": "u-1",
            "aud": SE1,
            "iat": now - 60,
            "nbf": now - 60,
            "exp": now + 3540,
            "jti": "j-1",
            "client_id": "c-1",
            "scope": "storage.read:/data storage.create:/data/up",
        });
        let claims = match claims {
            Value::Object(map) => map,
            _ => serde_json::Map::new(),
        };
        Draft::new(claims)
            .header("alg", "RS256")
            .header("kid", "k1")
    }

    /// Signs with k1, the usual way.
    pub fn sign(&self, draft: &Draft) -> Result<String, CryptoFault> {
        draft.sign(&self.k1, Way::Usual)
    }

    /// The key sets that iam and cms publish in a world, at the time of the judgement.
    pub fn published(&self, world: World) -> (Jwks, Jwks) {
        let mut iam = vec![self.k1.jwk(), self.k2.jwk()];
        if !matches!(world, World::KeyWithdrawn | World::KeyWithdrawnAndRefreshed) {
            iam.push(self.k0.jwk());
        }
        if world == World::NewKeyPublished {
            iam.push(self.k9.jwk());
        }
        (
            Jwks { keys: iam },
            Jwks {
                keys: vec![self.cms_k1.jwk()],
            },
        )
    }

    /// The server's key cache as a world has left it.
    pub fn key_cache(&self, world: World) -> KeyCache {
        let cache = KeyCache::new(CachePolicy::default());
        let age = match world {
            World::IssuerDown => 20 * 3600,
            World::IssuerDownForLong => 3 * 86_400,
            _ => 300,
        };
        let before = match world {
            World::KeyWithdrawnAndRefreshed => world,
            _ => World::Usual,
        };
        let (iam, cms) = self.published(before);
        let stated = match world {
            World::MetadataMismatch => "https://other.example/",
            _ => IAM,
        };
        cache.store(IAM, stated, &iam, None, self.now - age);
        cache.store(CMS, CMS, &cms, None, self.now - age);
        cache
    }

    /// The rules of the server, and where it takes tokens from.
    pub fn rules(&self, setup: &[Setup]) -> (Rules, Places) {
        let mut rules = Rules::new("se1.example", SE1);
        rules
            .audiences
            .push("https://redirector.example".to_owned());
        let (writes, all) = ([Create, Modify, Stage], [Read, Create, Modify, Stage, Poll]);
        let member = || Principal::Group("/wlcg".to_owned());
        rules.issuers = vec![
            TrustedIssuer::new(IAM, "/wlcg")
                .policy(
                    Effect::Permit,
                    Principal::Group("/wlcg/test".to_owned()),
                    "/wlcg",
                    &all,
                )
                .policy(Effect::Deny, member(), "/wlcg/protected", &writes)
                .policy(Effect::Permit, member(), "/wlcg", &all),
            TrustedIssuer::new(CMS, "/cms"),
        ];
        let mut places = Places::default();
        for change in setup {
            change.apply(&mut rules, &mut places);
        }
        (rules, places)
    }
}

impl Setup {
    fn apply(&self, rules: &mut Rules, places: &mut Places) {
        match self {
            Self::Profile(version) => rules.version = *version,
            Self::AcceptQueryToken => places.query = true,
            Self::AcceptAuthzParameter => places.authz = true,
            Self::MaxTokenBytes(bytes) => rules.max_token_bytes = *bytes,
            Self::Accept(algorithms) => rules.algorithms = algorithms.to_vec(),
            Self::RequireAtJwt => rules.require_at_jwt = true,
            Self::NotBeforeLeeway(seconds) => rules.not_before_leeway = *seconds,
            Self::MaxLifetime(seconds) => rules.max_validity = Some(*seconds),
            Self::RejectFutureIat => rules.reject_future_iat = true,
            Self::RefuseAnyAudience => rules.accept_any_audience = false,
            Self::AcceptBareHostAudience => rules.accept_bare_host_audience = true,
            Self::ListSubject(needs_host_auth) => rules.subjects.push(SubjectRule {
                issuer: IAM.to_owned(),
                subject: "host:svc.example".to_owned(),
                needs_host_auth: *needs_host_auth,
            }),
            Self::Lenient => rules.lenient = true,
        }
    }
}

impl Vector {
    /// A token in the `Authorization` header, asked to GET `/wlcg/data/f1`.
    pub fn new(
        id: &'static str,
        case: impl Into<String>,
        token: impl AsRef<str>,
        expect: Expect,
        diagnosis: Diagnosis,
    ) -> Self {
        let header = format!("Bearer {}", token.as_ref());
        Self::bare(id, case)
            .header(header)
            .then(Ask::get("/wlcg/data/f1"), expect, diagnosis)
    }

    /// A vector without credential and without request.
    pub fn bare(id: &'static str, case: impl Into<String>) -> Self {
        Self {
            id,
            case: case.into(),
            setup: Vec::new(),
            world: World::Usual,
            files: &[],
            authorization: Vec::new(),
            query: None,
            form: None,
            asks: Vec::new(),
        }
    }

    /// Adds an `Authorization` header.
    pub fn header(mut self, value: impl Into<String>) -> Self {
        self.authorization.push(value.into());
        self
    }

    /// Sets the URL's query.
    pub fn query(mut self, query: impl Into<String>) -> Self {
        self.query = Some(query.into());
        self
    }

    /// Replaces the request.
    pub fn ask(mut self, ask: Ask) -> Self {
        if let Some(first) = self.asks.first_mut() {
            first.0 = ask;
        }
        self
    }

    /// Adds a request.
    pub fn then(mut self, ask: Ask, expect: Expect, diagnosis: Diagnosis) -> Self {
        self.asks.push((ask, expect, diagnosis));
        self
    }

    /// Changes the rules.
    pub fn with(mut self, setup: Setup) -> Self {
        self.setup.push(setup);
        self
    }

    /// Changes what is known of the keys.
    pub fn world(mut self, world: World) -> Self {
        self.world = world;
        self
    }

    /// Adds files.
    pub fn files(mut self, files: &'static [&'static str]) -> Self {
        self.files = files;
        self
    }

    /// `V-029 five parts`.
    pub fn name(&self) -> String {
        format!("{} {}", self.id, self.case).trim_end().to_owned()
    }
}

impl Ask {
    fn new(
        method: &'static str,
        target: &'static str,
        parts: Vec<(StorageAction, &'static str, bool)>,
    ) -> Self {
        Self {
            method,
            target,
            headers: Vec::new(),
            subject: Subject::Dav,
            parts,
        }
    }

    fn one(method: &'static str, target: &'static str, action: StorageAction) -> Self {
        Self::new(method, target, vec![(action, target, false)])
    }

    /// GET of a file.
    pub fn get(target: &'static str) -> Self {
        Self::one("GET", target, StorageAction::Read)
    }

    /// GET of a directory.
    pub fn list(target: &'static str) -> Self {
        Self::new("GET", target, vec![(StorageAction::List, target, true)])
    }

    /// HEAD of a file.
    pub fn head(target: &'static str) -> Self {
        Self::one("HEAD", target, StorageAction::Stat)
    }

    /// HEAD of a directory.
    pub fn head_directory(target: &'static str) -> Self {
        Self::new("HEAD", target, vec![(StorageAction::Stat, target, true)])
    }

    /// PROPFIND of depth 0 of a file.
    pub fn propfind0(target: &'static str) -> Self {
        Self::one("PROPFIND", target, StorageAction::Stat).with("Depth", "0")
    }

    /// PROPFIND of depth 1 of a directory.
    pub fn propfind1(target: &'static str) -> Self {
        Self::new(
            "PROPFIND",
            target,
            vec![(StorageAction::List, target, true)],
        )
        .with("Depth", "1")
    }

    /// PUT where nothing is.
    pub fn put(target: &'static str) -> Self {
        Self::one("PUT", target, StorageAction::Create)
    }

    /// PUT over a file.
    pub fn put_over(target: &'static str) -> Self {
        Self::one("PUT", target, StorageAction::Replace)
    }

    /// MKCOL.
    pub fn mkcol(target: &'static str) -> Self {
        Self::new(
            "MKCOL",
            target,
            vec![(StorageAction::MakeDirectory, target, true)],
        )
    }

    /// DELETE.
    pub fn delete(target: &'static str) -> Self {
        Self::one("DELETE", target, StorageAction::Delete)
    }

    /// MOVE to where nothing is.
    pub fn rename(from: &'static str, to: &'static str) -> Self {
        let parts = vec![
            (StorageAction::MoveFrom, from, false),
            (StorageAction::MoveTo, to, false),
        ];
        Self::new("MOVE", from, parts).with("Destination", to)
    }

    /// MOVE over a file.
    pub fn rename_over(from: &'static str, to: &'static str) -> Self {
        let parts = vec![
            (StorageAction::MoveFromOver, from, false),
            (StorageAction::MoveOver, to, false),
        ];
        Self::new("MOVE", from, parts).with("Destination", to)
    }

    /// COPY that pulls a new file.
    pub fn pull(target: &'static str) -> Self {
        Self::one("COPY", target, StorageAction::Create)
            .with("Source", "https://se2.example/wlcg/data/f1")
    }

    /// COPY that pulls over a file.
    pub fn pull_over(target: &'static str) -> Self {
        Self::one("COPY", target, StorageAction::Replace)
            .with("Source", "https://se2.example/wlcg/data/f1")
            .with("Overwrite", "T")
    }

    /// COPY that pushes.
    pub fn push(target: &'static str) -> Self {
        Self::one("COPY", target, StorageAction::Read)
            .with("Destination", "https://se2.example/wlcg/data/f1")
    }

    /// A verb of the tape interface (`stage`, `cancel`, `release`, `archiveinfo`) about one file.
    pub fn tape(verb: &'static str, target: &'static str) -> Self {
        let action = match verb {
            "archiveinfo" => StorageAction::Poll,
            _ => StorageAction::Stage,
        };
        Self {
            subject: Subject::Tape,
            ..Self::one(verb, target, action)
        }
    }

    /// Something that wants a scope.
    pub fn scope(item: &'static str) -> Self {
        Self {
            subject: Subject::Scope(item),
            ..Self::new("POST", "/", Vec::new())
        }
    }

    /// Something that lists subjects.
    pub fn listed() -> Self {
        Self {
            subject: Subject::Listed,
            ..Self::new("GET", "/", Vec::new())
        }
    }

    /// Changes the method.
    pub fn method(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }

    /// Adds a header.
    pub fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// What the judge is asked. A path that no request may have is a fault of the request.
    pub fn demand(&self) -> Result<Demand, PathFault> {
        match self.subject {
            Subject::Scope(item) => Ok(Demand::scope(item)),
            Subject::Listed => Ok(Demand::ListedSubject),
            Subject::Dav | Subject::Tape => {
                let parts = self.parts.iter().map(|&(action, raw, directory)| {
                    let path = RequestPath::parse(raw)?;
                    Ok(StorageDemand {
                        action,
                        path,
                        directory,
                    })
                });
                Ok(Demand::Storage(parts.collect::<Result<_, PathFault>>()?))
            }
        }
    }
}

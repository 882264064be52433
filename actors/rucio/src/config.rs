//! What a scenario or a topology says about Rucio: accounts, storage elements, data, and how it gets its tokens.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

/// The Rucio actor as a scenario describes it.
///
/// Every field has a default, so `rucio = {}` is a server with the account `root` and no storage.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Base URL of the token issuer, with its final slash: the `iss` of every token Rucio accepts.
    pub issuer: String,
    /// Client id of Rucio at the issuer.
    pub client_id: String,
    /// Client secret of Rucio at the issuer.
    pub client_secret: String,
    /// URL of the FTS server that carries the transfers.
    pub fts: String,
    /// How Rucio gets the tokens for a transfer.
    pub strategy: Strategy,
    /// Scope asked for the FTS token; left out, the strategy's own.
    pub fts_scope: Option<String>,
    /// Audience asked for the FTS token; left out, the strategy's own.
    pub fts_audience: Option<String>,
    /// Audience a user's token must carry to open Rucio's door; left out, Rucio's own base URL.
    pub expected_audience: Option<String>,
    /// Scopes a user's token must carry, space separated.
    pub expected_scope: String,
    /// Scheme of the transfer URLs given to FTS; left out, the strategy's own.
    pub scheme: Option<Scheme>,
    /// How the audience of a storage token is written (strategy `today` only).
    pub storage_audience: StorageAudience,
    /// Seconds a cached token must still live to be used again.
    pub token_min_lifetime: i64,
    /// Longest lifetime in seconds that Rucio takes from the issuer for an FTS token.
    pub token_max_lifetime: i64,
    /// How often a failed transfer is tried again before its lock is stuck (production: 3).
    pub retries: u32,
    /// Shortest pause between two looks at an FTS job, in milliseconds; it grows with the time waited.
    pub poll_from_ms: u64,
    /// Longest pause between two looks at an FTS job, in milliseconds.
    pub poll_to_ms: u64,
    /// How many transfer jobs may be under way at once.
    pub jobs_in_flight: usize,
    /// Seconds after which a stuck rule is looked at again; 0 never does.
    pub repair_after: u64,
    /// Who may do what.
    pub policy: Policy,
    /// Bytes an account without a limit of its own may hold at each storage element; -1 is without end, 0 nothing.
    pub default_account_limit: i64,
    /// Accounts by name; `root` exists in any case.
    pub accounts: IndexMap<String, AccountConfig>,
    /// Storage elements by RSE name.
    pub rses: IndexMap<String, RseConfig>,
    /// Files known from the start, with the storage elements that hold them.
    pub dids: Vec<DidConfig>,
    /// Pairs of storage elements that have no distance, so that no transfer is possible between them.
    pub no_distance: Vec<(String, String)>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            issuer: "https://iam.example/".into(),
            client_id: "rucio.example".into(),
            client_secret: String::new(),
            fts: "https://fts.example".into(),
            strategy: Strategy::default(),
            fts_scope: None,
            fts_audience: None,
            expected_audience: None,
            expected_scope: "openid".into(),
            scheme: None,
            storage_audience: StorageAudience::default(),
            token_min_lifetime: 300,
            token_max_lifetime: 21_600,
            retries: 0,
            poll_from_ms: 5,
            poll_to_ms: 500,
            jobs_in_flight: 64,
            repair_after: 1800,
            policy: Policy::default(),
            default_account_limit: -1,
            accounts: IndexMap::new(),
            rses: IndexMap::new(),
            dids: Vec::new(),
            no_distance: Vec::new(),
        }
    }
}

/// Who the transfer runs as, and who makes the tokens (rucio page §3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Rucio asks for a submit token in its own name; FTS exchanges it for storage rights (flow A).
    #[default]
    DelegatedIdentity,
    /// Rucio exchanges the token of the rule's owner; the subject stays the user (flow B).
    UserExchange,
    /// Rucio 33 and later: one token for FTS and one for each storage element, all in its own name.
    Today,
}

/// Scheme of a transfer URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// `davs://`, what a production Rucio hands to FTS.
    Davs,
    /// `https://`, as the seed flows write it.
    Https,
}

impl Scheme {
    /// The scheme as it stands in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Davs => "davs",
            Self::Https => "https",
        }
    }
}

/// Spelling of a storage element in the `audience` of a token request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StorageAudience {
    /// The bare host name, as a production Rucio does.
    #[default]
    Host,
    /// The URL of the storage element.
    Url,
}

/// Permission policy of the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// Rucio's `generic` policy: `root` and accounts with the attribute `admin` administer.
    #[default]
    Generic,
    /// Every account may do everything.
    Open,
}

/// One account.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AccountConfig {
    /// Kind of account.
    pub r#type: AccountType,
    /// Mail address shown by the account page.
    pub email: Option<String>,
    /// User names and passwords that open this account.
    pub userpass: IndexMap<String, String>,
    /// Identities at the issuer that open this account, as `SUB=<sub>, ISS=<iss>` or as a bare `sub`
    /// of the configured issuer.
    pub oidc: Vec<String>,
    /// Whether the account administers.
    pub admin: bool,
    /// Bytes this account may hold, by RSE name; -1 is without end.
    pub limits: IndexMap<String, i64>,
    /// Scopes owned by the account.
    pub scopes: Vec<String>,
}

/// Kind of account, as Rucio names it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum AccountType {
    /// A person.
    #[default]
    User,
    /// A group of people.
    Group,
    /// A service.
    Service,
}

impl AccountType {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "USER",
            Self::Group => "GROUP",
            Self::Service => "SERVICE",
        }
    }
}

/// One storage element as Rucio sees it (an RSE).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RseConfig {
    /// Base URL of the storage element, for example `https://se1.example`.
    pub url: String,
    /// Path below which Rucio keeps its files; starts and ends with a slash.
    pub prefix: String,
    /// How a file's path is made from its scope and name.
    pub lfn2pfn: Lfn2Pfn,
    /// Part of the prefix that a storage token's scope leaves out (attribute `oidc_base_path`).
    pub oidc_base_path: Option<String>,
    /// Whether the storage element takes tokens (attribute `oidc_support`).
    pub oidc_support: bool,
    /// Whether FTS compares checksums at this storage element (attribute `verify_checksum`).
    pub verify_checksum: bool,
    /// Whether Rucio may read from it.
    pub availability_read: bool,
    /// Whether Rucio may write to it.
    pub availability_write: bool,
    /// Whether Rucio may delete from it.
    pub availability_delete: bool,
    /// More attributes, for RSE expressions.
    pub attributes: IndexMap<String, String>,
}

impl Default for RseConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            prefix: "/".into(),
            lfn2pfn: Lfn2Pfn::default(),
            oidc_base_path: None,
            oidc_support: true,
            verify_checksum: true,
            availability_read: true,
            availability_write: true,
            availability_delete: true,
            attributes: IndexMap::new(),
        }
    }
}

/// Rucio's algorithm from logical to physical file name (rucio page §2.7).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Lfn2Pfn {
    /// `scope/aa/bb/name`, where `aabb…` is the md5 of `scope:name`: Rucio's default.
    Hash,
    /// `scope/name`.
    #[default]
    Identity,
}

impl Lfn2Pfn {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hash => "hash",
            Self::Identity => "identity",
        }
    }
}

/// A file that Rucio knows from the start.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DidConfig {
    /// Scope of the file.
    pub scope: String,
    /// Name of the file.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Checksum, eight hexadecimal digits.
    pub adler32: Option<String>,
    /// Path at every storage element (below its prefix) instead of the algorithm's, for example `/example/file`.
    pub path: Option<String>,
    /// RSEs that hold it.
    pub rses: Vec<String>,
}

impl Config {
    /// Scope of the FTS token: the seed's for the seed flows, `fts` today (rucio page §2.1).
    pub fn fts_scope(&self) -> &str {
        self.fts_scope.as_deref().unwrap_or(match self.strategy {
            Strategy::Today => "fts",
            Strategy::DelegatedIdentity | Strategy::UserExchange => "fts:submit-transfer",
        })
    }

    /// Audience of the FTS token: its URL for the seed flows, its bare host name today (rucio page §2.1).
    pub fn fts_audience(&self) -> String {
        if let Some(audience) = &self.fts_audience {
            return audience.clone();
        }
        match self.strategy {
            Strategy::Today => host_of(&self.fts),
            Strategy::DelegatedIdentity | Strategy::UserExchange => {
                self.fts.trim_end_matches('/').to_owned()
            }
        }
    }

    /// Scheme of the transfer URLs.
    pub fn scheme(&self) -> Scheme {
        self.scheme.unwrap_or(match self.strategy {
            Strategy::Today => Scheme::Davs,
            Strategy::DelegatedIdentity | Strategy::UserExchange => Scheme::Https,
        })
    }
}

/// Host name of a URL; the text itself when it is none.
pub(crate) fn host_of(text: &str) -> String {
    url::Url::parse(text)
        .ok()
        .and_then(|u| u.host_str().map(str::to_owned))
        .unwrap_or_else(|| text.to_owned())
}

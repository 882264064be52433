//! What a resource server insists on. Made once, from configuration.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{jose::Algorithm, scope::StoragePrivilege, version::ProfileVersion};

/// The audience that means every relying party (CLM-8).
pub const ANY_AUDIENCE: &str = "https://wlcg.cern.ch/jwt/v1/any";

/// The rules of one resource server.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The realm in challenges, usually the host.
    pub realm: String,
    /// The edition of the profile.
    pub version: ProfileVersion,
    /// Whom it trusts. An issuer stands there several times when its areas have different rules.
    pub issuers: Vec<TrustedIssuer>,
    /// Which audiences it is. Compared byte by byte (CLM-7).
    pub audiences: Vec<String>,
    /// Whether the audience "any" is good enough (CLM-8).
    pub accept_any_audience: bool,
    /// Whether `se1.example` is as good as `https://se1.example`.
    pub accept_bare_host_audience: bool,
    /// Signature algorithms it accepts.
    pub algorithms: Vec<Algorithm>,
    /// Seconds that `nbf` may lie in the future (LIFE-3).
    pub not_before_leeway: i64,
    /// Seconds that `exp` may lie in the past; `None`: what the edition says (LIFE-2).
    pub expiry_leeway: Option<i64>,
    /// Longest validity accepted, in seconds; `None`: what the edition says (LIFE-1).
    pub max_validity: Option<i64>,
    /// Whether a token whose `iat` lies in the future is refused.
    pub reject_future_iat: bool,
    /// Whether the header must have `typ` `at+jwt` (RFC 9068).
    pub require_at_jwt: bool,
    /// Longest token, in bytes.
    pub max_token_bytes: usize,
    /// Whether a bad storage item is dropped instead of making the token invalid (CAP-N).
    pub lenient: bool,
    /// Whether `%2F` in a scope's path is a name's characters, which no request has, instead of a fault (CAP-N 3).
    pub literal_slash: bool,
    /// Whether a storage scope that the profile does not define may lack a path (CAP-18 before CAP-2).
    pub unknown_unread: bool,
    /// Whether a token that names no key is verified with the one key of its algorithm that the issuer has, as StoRM
    /// does (storage page §3.3).
    pub nameless_key: bool,
    /// Which privileges list a directory (CAP-15).
    pub listing: Vec<StoragePrivilege>,
    /// Whether `storage.stage` reads; `None`: what the edition says (CAP-12).
    pub stage_reads: Option<bool>,
    /// Whether a directory above a scope's path may be looked at.
    pub stat_of_ancestors: bool,
    /// Subjects that are authorised by name (CAP-17).
    pub subjects: Vec<SubjectRule>,
    /// Which claims a token must have.
    pub claims: ClaimRules,
    /// What needs no token.
    pub anonymous: Vec<Allowance>,
}

/// Which claims a server insists on. The default is the profile's (CLM-2, CLM-11 to CLM-13, TOK-4); real servers
/// ask for more, or for less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimRules {
    /// `iat` is there.
    pub iat: bool,
    /// `nbf` is there.
    pub nbf: bool,
    /// `jti` is there.
    pub jti: bool,
    /// `scope` is there.
    pub scope: bool,
    /// `iat` lies before `exp`.
    pub ordered: bool,
    /// A header with the type `at+jwt` is as good as one with `JWT` (RFC 9068).
    pub at_jwt: bool,
    /// A token without `wlcg.ver` is of no profile, and needs neither `aud`, `exp`, `nbf`, `jti` nor `scope`.
    pub unversioned: bool,
}

impl Default for ClaimRules {
    fn default() -> Self {
        Self {
            iat: true,
            nbf: false,
            jti: true,
            scope: false,
            ordered: false,
            at_jwt: true,
            unversioned: false,
        }
    }
}

/// An issuer that a server trusts, and what its tokens are good for.
#[derive(Clone, Debug)]
pub struct TrustedIssuer {
    /// The issuer, byte for byte as in `iss` (CLM-3).
    pub url: String,
    /// The paths of the server that belong to it: capabilities are relative to them (CAP-7).
    pub areas: Vec<String>,
    /// Whether its capabilities are heeded.
    pub capabilities: bool,
    /// What its groups and subjects may do when a token has no capability; the first that fits decides.
    pub policies: Vec<Policy>,
}

/// Permit or deny.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Effect {
    #[default]
    Permit,
    Deny,
}

/// Whom a policy is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Principal {
    /// Holders of this very group; no inheritance in either direction (GRP-8).
    Group(String),
    /// This subject.
    Subject(String),
    /// Every subject of the issuer.
    Everyone,
}

/// One policy of an issuer's area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Permit or deny.
    pub effect: Effect,
    /// To whom.
    pub who: Principal,
    /// Where: a path of the server, covering what is below it.
    pub path: String,
    /// What.
    pub privileges: Vec<StoragePrivilege>,
    /// Whether the token must also carry `host.auth` (CAP-17).
    pub host_auth: bool,
}

/// A part of the server that is open to everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Where: a path of the server, covering what is below it.
    pub path: String,
    /// What.
    pub privileges: Vec<StoragePrivilege>,
}

/// A subject that is authorised by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectRule {
    /// Its issuer: a subject means nothing without (CLM-21).
    pub issuer: String,
    /// The subject, such as `host:svc.example`.
    pub subject: String,
    /// Whether the token must also carry `host.auth`.
    pub needs_host_auth: bool,
}

impl Rules {
    /// The profile's defaults for a server that answers to `audience`: newest edition, RS256 and ES256,
    /// nobody trusted.
    pub fn new(realm: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            realm: realm.into(),
            version: ProfileVersion::default(),
            issuers: Vec::new(),
            audiences: vec![audience.into()],
            accept_any_audience: true,
            accept_bare_host_audience: false,
            algorithms: Algorithm::PROFILE.to_vec(),
            not_before_leeway: 60,
            expiry_leeway: None,
            max_validity: None,
            reject_future_iat: false,
            require_at_jwt: false,
            max_token_bytes: 8192,
            lenient: false,
            literal_slash: false,
            unknown_unread: false,
            nameless_key: false,
            listing: vec![StoragePrivilege::Read],
            stage_reads: None,
            stat_of_ancestors: false,
            subjects: Vec::new(),
            claims: ClaimRules::default(),
            anonymous: Vec::new(),
        }
    }

    /// The trusted issuer of this exact name.
    pub fn issuer(&self, url: &str) -> Option<&TrustedIssuer> {
        self.issuers.iter().find(|issuer| issuer.url == url)
    }

    /// What is known of this issuer for a path of the server: of several entries the one with the innermost area
    /// around it; the first when it is in none.
    pub fn trusting(&self, url: &str, path: &str) -> Option<&TrustedIssuer> {
        let around = |entry: &&TrustedIssuer| {
            let areas = entry.areas.iter().map(|area| area.trim_end_matches('/'));
            let inside = areas.filter(|area| {
                path.strip_prefix(area)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
            inside.map(|area| area.len() + 1).max().unwrap_or(0)
        };
        let entries = self.issuers.iter().filter(|issuer| issuer.url == url);
        // Of equals the first: `max_by_key` would give the last.
        entries.rev().max_by_key(around)
    }

    /// Whether `storage.stage` lets data be read.
    pub fn stage_reads(&self) -> bool {
        self.stage_reads
            .unwrap_or_else(|| self.version.stage_reads())
    }
}

impl TrustedIssuer {
    /// An issuer whose capabilities hold in one area and that has no policies.
    pub fn new(url: impl Into<String>, area: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            areas: vec![area.into()],
            capabilities: true,
            policies: Vec::new(),
        }
    }

    /// Adds a policy at the end of the list.
    pub fn policy(
        mut self,
        effect: Effect,
        who: Principal,
        path: impl Into<String>,
        privileges: &[StoragePrivilege],
    ) -> Self {
        let (path, privileges) = (path.into(), privileges.to_vec());
        self.policies.push(Policy {
            effect,
            who,
            path,
            privileges,
            host_auth: false,
        });
        self
    }
}

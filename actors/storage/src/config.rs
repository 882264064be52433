//! What a scenario or topology says about a storage element.

use std::borrow::Cow;
use std::path::PathBuf;

use carnet_profile::jose::Algorithm;
use carnet_profile::version::ProfileVersion;
use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize};

use crate::dialect::{DialectName, OnDisconnect};
use crate::size::Size;

/// The settings of a storage element.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whose habits it has.
    pub dialect: DialectName,
    /// Audiences it answers to. When empty: its own base URL. The profile's
    /// `https://wlcg.cern.ch/jwt/v1/any` is always accepted unless `any_audience` is off.
    pub audiences: Vec<String>,
    /// Whether the profile's "any" audience is accepted.
    pub any_audience: AnyAudience,
    /// Issuers it trusts, and where in its tree their scopes begin.
    pub issuers: Vec<IssuerConfig>,
    /// What groups, subjects or anybody may do when a token carries no storage scope. First match wins.
    pub policies: Vec<Policy>,
    /// Files that are there at the start: the path and a size ("64 MiB") or a table.
    pub files: IndexMap<String, FileSpec>,
    /// Collections that are there at the start.
    pub directories: Vec<String>,
    /// Where bytes are kept.
    pub backend: Backend,
    /// Most bytes it holds; beyond, it answers 507.
    pub quota: Option<Size>,
    /// How many seconds a token's times may be off; the dialect decides when not given (ours: 60).
    pub leeway: Option<u32>,
    /// What tokens are taken, and where from.
    pub tokens: Tokens,
    /// The edition of the token profile it goes by.
    pub profile: ProfileVersion,
    /// Checksums computed while bytes pass, beside adler32: `md5`, `sha-256`, `sha-512`, `sha`, `crc32c`.
    pub checksums: Vec<String>,
    /// DELETE takes a collection with all its members.
    pub recursive_delete: bool,
    /// PUT and COPY make missing collections; the dialect decides when not given.
    pub make_parents: Option<bool>,
    /// GET, and PUT that waits for a 100, are sent on to this very server with a ticket in the URL, as by a door
    /// before its pools; the dialect decides when not given (dCache's does). In StoRM's dialect this is its redirector
    /// mode: GET and PUT of files that are there.
    pub redirects: Option<bool>,
    /// Third-party copies.
    pub copies: Copies,
    /// The tape interface.
    pub tape: Option<Tape>,
    /// Macaroons are given out (`application/macaroon-request`).
    pub macaroons: bool,
}

/// Whether `https://wlcg.cern.ch/jwt/v1/any` is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct AnyAudience(pub bool);

impl Default for AnyAudience {
    fn default() -> Self {
        Self(true)
    }
}

/// What tokens are taken, and where from (issuer page §4). The dialect decides what is not given.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tokens {
    /// `?access_token=…` is taken.
    pub access_token_parameter: Option<bool>,
    /// `?authz=…` is taken.
    pub authz_parameter: Option<bool>,
    /// Longest token ("8 KiB").
    pub longest: Option<Size>,
    /// Signature algorithms that are accepted.
    pub algorithms: Vec<Algorithm>,
    /// The header's `typ` must be `at+jwt` (RFC 9068).
    pub require_at_jwt: bool,
    /// Longest time a token may be valid, in seconds.
    pub longest_life: Option<u32>,
    /// A token whose `iat` lies in the future is refused.
    pub refuse_future_iat: bool,
    /// `se1.example` is as good an audience as `https://se1.example`.
    pub bare_host_audience: bool,
    /// A token is good for one request; a second one with the same `jti` is refused.
    pub one_time_jti: bool,
    /// The token of an upload or a pull is judged again when all bytes are there: one that has expired meanwhile
    /// leaves nothing.
    pub recheck_on_completion: bool,
    /// A bad storage scope is dropped instead of making the token invalid.
    pub lenient: Option<bool>,
}

/// One trusted issuer (storage page §3.5).
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IssuerConfig {
    /// Exactly as in the `iss` claim, final slash included.
    pub url: String,
    /// Where the issuer's scope paths begin in this storage element's tree. An issuer that stands here several
    /// times has an area each time, with rules of its own.
    pub base_path: Option<String>,
    /// Further places where they begin, under the same rules.
    pub base_paths: Vec<String>,
    /// Which parts of a token count. Both when empty.
    pub strategy: Vec<Strategy>,
}

/// A part of a token that may open the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// `storage.*` scopes.
    Capability,
    /// `wlcg.groups`, by the policies.
    Group,
}

/// What somebody may do below some paths (storage page §3.6).
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Paths it is about, each with everything below it.
    pub paths: Vec<String>,
    /// What it is about; everything when empty.
    pub actions: Vec<Action>,
    /// A group of `wlcg.groups`, exactly.
    pub group: Option<String>,
    /// A subject.
    pub subject: Option<String>,
    /// Everybody with a valid token.
    pub anyone: bool,
    /// Everybody, without a token too.
    pub anonymous: bool,
    /// The token must carry the scope `host.auth` too, as a service's does (profile 1.3).
    pub host_auth: bool,
    /// Whether it forbids instead of allowing.
    pub deny: bool,
}

/// What a policy is about: the same words as the scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Read files, list collections.
    Read,
    /// Make something new.
    Create,
    /// Make, replace, rename, delete.
    Modify,
    /// Bring from tape.
    Stage,
    /// Ask for the tape state.
    Poll,
}

/// Content of a file that is there at the start.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FileSpec {
    /// Seeded content of this size.
    pub size: Option<Size>,
    /// Seed of the content; by default it follows from the run's seed and the path.
    pub seed: Option<u64>,
    /// This text.
    pub text: Option<String>,
    /// A file of the user's, read where it is.
    pub path: Option<PathBuf>,
    /// It is on tape only and must be staged.
    pub tape: bool,
    /// A checksum that is reported in place of the true adler32 (eight hexadecimal digits).
    pub adler32: Option<String>,
}

/// Content of a file that is there at the start.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct FileTable {
    /// Seeded content of this size.
    size: Option<Size>,
    /// Seed of the content; by default it follows from the run's seed and the path.
    seed: Option<u64>,
    /// This text.
    text: Option<String>,
    /// A file of the user's, read where it is.
    path: Option<PathBuf>,
    /// It is on tape only and must be staged.
    tape: bool,
    /// A checksum that is reported in place of the true adler32 (eight hexadecimal digits).
    adler32: Option<String>,
}

impl<'de> Deserialize<'de> for FileSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = FileSpec;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a size like \"64 MiB\" or a table with size, seed, text, path, tape or adler32")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<FileSpec, E> {
                Size::parse(text)
                    .map(|size| FileSpec {
                        size: Some(size),
                        ..FileSpec::default()
                    })
                    .map_err(E::custom)
            }
            fn visit_u64<E: serde::de::Error>(self, bytes: u64) -> Result<FileSpec, E> {
                Ok(FileSpec {
                    size: Some(Size(bytes)),
                    ..FileSpec::default()
                })
            }
            fn visit_i64<E: serde::de::Error>(self, bytes: i64) -> Result<FileSpec, E> {
                u64::try_from(bytes)
                    .map_err(|_| E::custom("a size is not negative"))
                    .and_then(|bytes| self.visit_u64(bytes))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<FileSpec, A::Error> {
                let table =
                    FileTable::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                let given = [
                    table.size.is_some(),
                    table.text.is_some(),
                    table.path.is_some(),
                ];
                if given.iter().filter(|given| **given).count() != 1 {
                    return Err(serde::de::Error::custom(
                        "a file has one of `size`, `text` and `path`",
                    ));
                }
                Ok(FileSpec {
                    size: table.size,
                    seed: table.seed,
                    text: table.text,
                    path: table.path,
                    tape: table.tape,
                    adler32: table.adler32,
                })
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for FileSpec {
    fn schema_name() -> Cow<'static, str> {
        "FileSpec".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let size = generator.subschema_for::<Size>();
        let table = FileTable::json_schema(generator);
        schemars::json_schema!({
            "description": "Content of a file that is there at the start.",
            "anyOf": [size, table]
        })
    }
}

/// Where bytes are kept.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// Small files in memory, large ones in temporary files without a name, seeded ones nowhere.
    Memory(MemoryConfig),
    /// Below a directory, under their own names; survives a restart.
    Disk(DiskConfig),
    /// Sizes and checksums only; seeded content can be read back.
    Synthetic(SyntheticConfig),
}

impl Default for Backend {
    fn default() -> Self {
        Self::Memory(MemoryConfig::default())
    }
}

/// The memory backend.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MemoryConfig {
    /// Largest file held in memory; 1 MiB when not given.
    pub largest: Option<Size>,
    /// Where temporary files go; the system's directory for that when not given.
    pub scratch: Option<PathBuf>,
}

/// The disk backend.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiskConfig {
    /// The directory; made when it is not there.
    pub directory: PathBuf,
}

/// The synthetic backend.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SyntheticConfig {}

/// Third-party copies.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Copies {
    /// Most copies at a time; more wait, their markers saying 0 bytes.
    pub most: Option<usize>,
    /// Seconds between markers, 1 to 30.
    pub marker_seconds: Option<u8>,
    /// What happens when the client of a COPY goes away.
    pub on_disconnect: Option<OnDisconnect>,
    /// A copy without `RequireChecksumVerification` must be verifiable.
    pub require_checksum: Option<bool>,
    /// Addresses of this machine and link-local ones are not connected to. Off by default: on one stage
    /// everything is on loopback.
    pub refuse_local: bool,
    /// Private networks are not connected to.
    pub refuse_private: bool,
    /// A redirect may lead from https to http.
    pub allow_downgrade: bool,
    /// Hosts that are sent the same credentials after a redirect.
    pub trusted_redirects: Vec<String>,
    /// A push that fails its verification deletes what it made.
    pub push_cleanup: bool,
    /// Seconds without a byte after which a copy fails; 60 when not given. An upload may pause for twice as long.
    pub stall_seconds: Option<u32>,
}

/// The tape interface (storage page §6).
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tape {
    /// The name of the site in the discovery document.
    pub sitename: Option<String>,
    /// Seconds from the request until a file is on disk.
    pub stage_seconds: u32,
    /// Seconds from the end of a write until the file is on tape too; never when not given.
    pub archive_seconds: Option<u32>,
}

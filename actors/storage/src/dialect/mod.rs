//! How one kind of storage server differs from another: a dialect is a set of values for named
//! switches, never a fork in the code (storage page §1-§3, §8.2, §9).

mod dcache;
mod default;
mod scopes;
mod storm;
#[cfg(test)]
mod table;
mod tokens;
mod xrootd;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::path::PathRules;

pub use scopes::{
    Demand, Doing, Matching, ScopeFault, ScopeRules, Unrooted, Verb, decide, demands,
};
pub use tokens::{Malformed, Repeats, Tokens};

/// The dialects there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DialectName {
    /// What the WLCG profile and RFC 4918 ask for.
    #[default]
    #[serde(rename = "default")]
    Default,
    /// The same by the letter of the profile: one token in the `Authorization` header and nowhere else, no
    /// grace after its end, no collection made or looked at that no scope covers.
    #[serde(rename = "strict")]
    Strict,
    /// XRootD 5.5.3, as Debian 12 ships it.
    #[serde(rename = "xrootd-5.5")]
    Xrootd55,
    /// XRootD 6.2.
    #[serde(rename = "xrootd-6")]
    Xrootd6,
    /// StoRM WebDAV 1.9.
    #[serde(rename = "storm")]
    Storm,
    /// dCache.
    #[serde(rename = "dcache")]
    Dcache,
}

impl DialectName {
    /// Its switches.
    pub fn switches(self) -> &'static Dialect {
        match self {
            Self::Default => &default::DIALECT,
            Self::Strict => &default::STRICT,
            Self::Xrootd55 => &xrootd::V5_5,
            Self::Xrootd6 => &xrootd::V6,
            Self::Storm => &storm::DIALECT,
            Self::Dcache => &dcache::DIALECT,
        }
    }
}

/// All switches.
#[derive(Debug)]
pub struct Dialect {
    /// Which one.
    pub name: DialectName,
    /// The `Server` header field.
    pub server: &'static str,
    /// Pages of its own beside the files (storage page §9.3).
    pub pages: bool,
    /// Fields of every answer.
    pub always: &'static [(&'static str, &'static str)],
    /// A success without content is an empty chunked body, never a length of 0 (storage page §9.1).
    pub empty_chunked: bool,
    /// Short answers are said in XRootD's words.
    pub errnos: Option<Errnos>,
    /// How request paths are read.
    pub paths: PathRules,
    /// Where tokens are taken from, and what they must be.
    pub tokens: Tokens,
    /// What scopes allow.
    pub scopes: Understanding,
    /// Statuses of refusals.
    pub refusals: Refusals,
    /// Statuses and habits of the plain methods.
    pub methods: Methods,
    /// Third-party copies.
    pub tpc: Tpc,
}

/// Who says what a token's scopes allow.
#[derive(Debug)]
pub enum Understanding {
    /// The judge of the profile (issuer page §1.3).
    Profile {
        /// HEAD and PROPFIND 0 of an ancestor of a scope's path (storage page §3.2).
        stat_ancestors: bool,
        /// `storage.modify` lists collections, as `storage.read` does.
        modify_lists: bool,
    },
    /// The server's own reading of them (storage page §3.8).
    Own(ScopeRules),
}

/// How much XRootD tells when a COPY cannot begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errnos {
    /// What could not be done, and why.
    Bare,
    /// And both sides of the copy.
    WithPlaces,
}

/// Which of the wanted checksums is told, and how (storage page §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digests {
    /// The best by `q`; else the first that is known, or adler32.
    pub by_quality: bool,
    /// `adler` is told as `adler`, as it was asked for.
    pub echoes_adler: bool,
    /// A name with a `;q=` behind it is a name; else it is none that is known.
    pub weighs: bool,
    /// `crc32c` is base64.
    pub base64_crc: bool,
    /// When `Repr-Digest` is told.
    pub repr: ReprDigest,
}

/// When `Repr-Digest` is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReprDigest {
    /// Whenever it is wanted.
    Wanted,
    /// When `Digest` is not.
    UnlessDigest,
    /// In place of `Digest`, and only SHA-2.
    InsteadOfDigest,
    /// Never.
    Never,
}

/// The properties that PROPFIND tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Properties {
    /// Those asked for.
    Asked,
    /// The same five, whatever is asked for; collections have no final slash (storage page §1.1).
    Xrootd,
    /// StoRM's seven when none is named; a collection has an empty length.
    Milton,
}

/// How a refusal looks (storage page §3.3).
#[derive(Debug)]
pub struct Refusals {
    /// No credential.
    pub anonymous: u16,
    /// A token that does not hold.
    pub bad_token: u16,
    /// A token that holds but does not allow it.
    pub denied: u16,
    /// A COPY that is refused at the destination.
    pub copy_denied: u16,
    /// A COPY over a file without the right to replace it.
    pub copy_over_denied: u16,
    /// When `WWW-Authenticate` is sent.
    pub challenge: Challenge,
    /// Whether policies have a say beside the scopes of a token.
    pub policies: Policies,
}

/// What the policies for groups and subjects mean for a token with storage scopes (storage page §3.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policies {
    /// Nothing: such a token has its scopes.
    Unheard,
    /// They may permit what the scopes do not.
    Permit,
    /// They may deny what the scopes permit.
    Deny,
}

/// When a refusal carries `WWW-Authenticate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// On every 401 and 403 (RFC 6750 §3).
    Always,
    /// `Basic` on every 401, whatever was sent (storage page §3.3).
    Basic,
    /// Only for a token that was read and found bad.
    BadToken,
    /// Never.
    Never,
}

/// Statuses of methods that no scope names, where scopes do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unscoped {
    /// POST.
    pub post: u16,
    /// LOCK and UNLOCK.
    pub lock: u16,
}

/// How long a push waits for its `100 Continue`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// It does not ask for one.
    Never,
    /// For ever: who never says it gets nothing (XRootD).
    UntilTold,
    /// For a while, and sends then (dCache, whose HTTP library is Apache's).
    For(Duration),
}

/// Which digests of a PUT are held against what came (storage page §1.3, §4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutDigests {
    /// `Content-MD5`, `Digest` and `Repr-Digest`.
    All,
    /// `Repr-Digest`.
    Repr,
    /// None.
    None,
}

/// How several ranges are answered (RFC 9110 §14, §15.3.7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ranges {
    /// Overlaps joined; each part with its type.
    Joined,
    /// The same, parts without a type (StoRM).
    Untyped,
    /// Each as it was asked for, parts typed as text, and always the same boundary (XRootD).
    Listed,
}

/// How a client is sent on to where the data is (storage page §1.3, §2.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendsOn {
    /// A door before its pools: every GET, and a PUT that waits for a 100; the ticket is an `authz` beside dCache's mark.
    Door,
    /// StoRM's redirector: GET and PUT of files that are there; the ticket is an `access_token`, and `?no_redirect` keeps
    /// a client here.
    Redirector,
}

/// What GET makes of a final slash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slashes {
    /// Nothing.
    Kept,
    /// It is sent to the form without.
    Dropped,
    /// A collection without one is sent to the form with it.
    Added,
}

/// What an `Overwrite` means that is neither T nor F.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OddOverwrite {
    /// 400.
    Refused,
    /// F.
    False,
    /// Nothing.
    Ignored,
}

/// What may not be done to the root of an area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AreaRoot {
    /// DELETE.
    pub delete: u16,
    /// MOVE.
    pub rename: u16,
    /// A pull onto it.
    pub pull: u16,
}

/// `Depth: infinity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Infinity {
    /// 403 with `propfind-finite-depth` (RFC 4918 §9.1).
    Refused,
    /// Taken as depth 0.
    AsZero,
    /// Served.
    Served,
}

/// Statuses and habits of the methods of storage page §1.1.
#[derive(Debug)]
pub struct Methods {
    /// The `Allow` of OPTIONS.
    pub allow: &'static str,
    /// The `Allow` of OPTIONS on a file.
    pub allow_file: &'static str,
    /// OPTIONS within an area asks for a token with any storage scope.
    pub options_needs_token: bool,
    /// PUT of a new file.
    pub put_new: u16,
    /// PUT over a file.
    pub put_over: u16,
    /// PUT where a collection is.
    pub put_directory: u16,
    /// PUT makes missing collections.
    pub put_mkpath: bool,
    /// PUT with `Content-Range`: the status, or none when the header is ignored.
    pub put_range: Option<u16>,
    /// PUT with neither length nor framing: 411, or taken as empty.
    pub put_needs_length: bool,
    /// MKCOL makes missing parents.
    pub mkcol_mkpath: bool,
    /// MKCOL where something is asks for the right to replace it.
    pub mkcol_judges_over: bool,
    /// MKCOL where something is.
    pub mkcol_existing: u16,
    /// MKCOL with a body: the status, or none when the body is ignored.
    pub mkcol_body: Option<u16>,
    /// DELETE that worked.
    pub delete: u16,
    /// DELETE of a collection with members.
    pub delete_nonempty: u16,
    /// MOVE without `Overwrite` may replace.
    pub move_overwrites: bool,
    /// MOVE that replaced something.
    pub move_over: u16,
    /// MOVE heeds `Overwrite`.
    pub move_heeds_overwrite: bool,
    /// MOVE onto itself, where that may be replaced.
    pub move_same: u16,
    /// MOVE or COPY of a collection into itself.
    pub overlap: u16,
    /// Anything below a file.
    pub below_file: u16,
    /// A new file is stored under a name with a final slash; none: the slash is dropped.
    pub put_slash: Option<u16>,
    /// Something below a file is looked for.
    pub sought_below_file: u16,
    /// MKCOL of a file; none: as of a collection.
    pub mkcol_onto_file: Option<u16>,
    /// MOVE replaces a file by a file and an empty collection by a collection, and nothing else (rename(2)).
    pub move_by_kind: bool,
    /// MOVE into a collection that is not there.
    pub move_no_parent: u16,
    /// A name of more than 255 bytes: to read it.
    pub long_name_read: u16,
    /// The same, to write it.
    pub long_name_write: u16,
    /// MOVE over a collection with members, where collections are not deleted whole (storage page §1.5).
    pub move_over_members: u16,
    /// The same of a local COPY.
    pub copy_over_members: u16,
    /// An `Overwrite` of MOVE that is neither T nor F.
    pub odd_overwrite: OddOverwrite,
    /// An `Expect` that is not `100-continue`; none: ignored (RFC 9110 §10.1.1).
    pub odd_expect: Option<u16>,
    /// `Host` names this server or the request is refused.
    pub host_fits: bool,
    /// MOVE to another host.
    pub move_elsewhere: u16,
    /// Local COPY exists.
    pub copy_local: bool,
    /// Local COPY takes collections whole whatever `Depth` says.
    pub copy_always_deep: bool,
    /// MOVE and local COPY without `Destination`.
    pub no_destination: u16,
    /// `Destination` may be a bare path or have the scheme `davs`.
    pub loose_destination: bool,
    /// `Destination` that cannot be read.
    pub bad_destination: u16,
    /// Local COPY without `Overwrite` may replace.
    pub copy_overwrites: bool,
    /// How several ranges of one file are answered.
    pub ranges: Ranges,
    /// A `Range` that cannot be read: 200 (ignored) or 416.
    pub range_invalid: u16,
    /// `Depth: infinity`.
    pub infinity: Infinity,
    /// hrefs are absolute URLs.
    pub absolute_hrefs: bool,
    /// A PROPFIND body that is not XML: the status, or none when it is taken as no body.
    pub propfind_malformed: Option<u16>,
    /// The properties of PROPFIND.
    pub properties: Properties,
    /// How wanted checksums are told.
    pub digests: Digests,
    /// `Digest: adler32=…` on every GET and HEAD.
    pub digest_always: bool,
    /// `Locality` on HEAD.
    pub locality: bool,
    /// Names with blanks or letters beyond ASCII can be read.
    pub reads_odd_names: bool,
    /// What of an upload's digests is compared.
    pub put_digests: PutDigests,
    /// The answer to PUT tells the digest that was asked for.
    pub put_tells_digest: bool,
    /// Longest head of a request.
    pub max_head: usize,
    /// A longer one.
    pub head_too_long: u16,
    /// Prefixes under which the same tree is found.
    pub aliases: &'static [&'static str],
    /// PATCH.
    pub patch: u16,
    /// POST of what is no macaroon request.
    pub post: u16,
    /// Macaroons are given to VOMS proxies only, and a GET that asks for one is 405 (storage page §3.7).
    pub proxies_only: bool,
    /// `Content-Type` of a file that is got, when there is one.
    pub content_type: Option<&'static str>,
    /// GET and HEAD of a file whose name is written with a final slash: this status; none: the file.
    pub file_with_slash: Option<u16>,
    /// GET and HEAD under a condition that does not hold.
    pub get_unmet: u16,
    /// GET of a file that is on tape only (storage page §6).
    pub on_tape: u16,
    /// PUT over one; none: it is replaced.
    pub put_on_tape: Option<u16>,
    /// `ETag` on GET and HEAD.
    pub etag: bool,
    /// Conditions count (RFC 9110 §13).
    pub conditions: bool,
    /// Those of MOVE and local COPY, too.
    pub move_conditions: bool,
    /// What GET makes of a final slash.
    pub slashes: Slashes,
    /// GET of a file and PUT are sent on with a ticket in the URL, where the scenario does not say (storage page §2.9).
    pub redirects: bool,
    /// What is sent on, and how.
    pub sends_on: SendsOn,
    /// The status with which GET is sent on.
    pub redirect_get: u16,
    /// The status with which PUT is sent on.
    pub redirect_put: u16,
    /// `Content-Length` of HEAD of a collection; none: that of the page that GET gives.
    pub directory_length: Option<u64>,
    /// `Last-Modified` on GET and HEAD.
    pub last_modified: bool,
    /// `Accept-Ranges` on GET and HEAD.
    pub accept_ranges: bool,
    /// `Range: bytes=-5` is understood; else it is ignored.
    pub suffix_ranges: bool,
    /// A 507 says so in XML (RFC 4331 §6).
    pub quota_xml: bool,
    /// The `DAV` fields of OPTIONS.
    pub dav: &'static [&'static str],
    /// `MS-Author-Via` on OPTIONS.
    pub ms_author_via: bool,
    /// Text of a success without content.
    pub smile: &'static str,
    /// PROPPATCH, or none when properties are kept.
    pub proppatch: Option<u16>,
    /// LOCK and UNLOCK.
    pub lock: u16,
    /// The same, POST and PROPPATCH in an area where scopes do not count; none: no different.
    pub unscoped: Option<Unscoped>,
    /// MOVE and local COPY from one area to another, or out of all; none: judged like others.
    pub across_areas: Option<u16>,
    /// DELETE, MOVE and COPY of an area's root; none: judged like others.
    pub area_root: Option<AreaRoot>,
    /// PATCH and names nobody knows.
    pub unknown: u16,
}

/// How the body of a 202 is written (storage page §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkerStyle {
    /// Plain lines with `RemoteConnections`.
    Plain,
    /// Plain lines, no `RemoteConnections`.
    Bare,
    /// Indented, with `State` and stripe times.
    Dcache,
}

/// What a pull does before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prehead {
    /// No HEAD at the source.
    None,
    /// HEAD after the 202: trouble is a failure line.
    Inside,
    /// HEAD first; the source's refusal becomes the status of the COPY.
    Relayed,
    /// HEAD first; its refusal is ignored and the GET decides.
    Ignored,
}

/// What is left where a pull failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partial {
    /// Nothing was ever visible; an old file is as before.
    Hidden,
    /// What arrived stays, an old file is lost.
    Left,
}

/// What happens when the client of a COPY goes away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnDisconnect {
    /// The copy stops.
    #[default]
    Cancel,
    /// The copy goes on to its end.
    Continue,
}

/// What is asked after a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyPush {
    /// Nothing.
    None,
    /// HEAD: size and digest must fit.
    Head,
    /// HEAD; a misfit is followed by DELETE.
    HeadAndDelete,
}

/// Switches of the third-party copy (storage page §8.2).
#[derive(Debug)]
pub struct Tpc {
    /// Status of an accepted COPY.
    pub status: u16,
    /// Status of a COPY that only the failure line ends, for dialects that answer late.
    pub content_type: Option<&'static str>,
    /// When the first marker comes.
    pub first_marker: Duration,
    /// Time between markers.
    pub period: Duration,
    /// How markers look.
    pub style: MarkerStyle,
    /// One more marker with the full count before the last line.
    pub last_marker: bool,
    /// The last line ends in a newline.
    pub terminal_newline: bool,
    /// HEAD before GET.
    pub prehead: Prehead,
    /// What a failed pull leaves.
    pub partial: Partial,
    /// The client leaves.
    pub on_disconnect: OnDisconnect,
    /// A push sends `Expect: 100-continue` and nothing of the file before it is told to (storage page §1.3, §2.5).
    pub push_waits: Waits,
    /// After a push.
    pub verify_push: VerifyPush,
    /// `RequireChecksumVerification` when absent.
    pub require_checksum: bool,
    /// An `Overwrite` that is neither T nor F.
    pub odd_overwrite: OddOverwrite,
    /// Target exists and `Overwrite: F`.
    pub overwrite_false: u16,
    /// `Source` and `Destination` together: the status, or none when `Source` wins.
    pub both: Option<u16>,
    /// Neither.
    pub neither: u16,
    /// A redirect may lead from https to http, also where the scenario does not say so.
    pub allow_downgrade: bool,
    /// `davs` is understood, and connected to without TLS.
    pub davs_is_plain: bool,
    /// A `Source` that is no absolute URL.
    pub relative: u16,
    /// A pull whose parent collection is not there and is not made.
    pub no_parent: u16,
    /// A push of what is not there.
    pub push_missing: u16,
    /// A push of a collection: the status, or none when the copy is accepted and fails.
    pub push_directory: Option<u16>,
    /// A push to this server is judged as an upload too.
    pub own_destination_judged: bool,
    /// A pull onto a collection.
    pub onto_directory: u16,
    /// Digests of the source are compared.
    pub compares: bool,
    /// The `User-Agent` of the active side.
    pub user_agent: &'static str,
    /// Missing parents of a pull's target are made.
    pub mkpath: bool,
}

//! Refusals: the reason code, and how it looks on the wire (RFC 6750 §3, issuer page §1.9).

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// The error code of RFC 6750 §3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// 400: two tokens, an empty one.
    InvalidRequest,
    /// 401: a bad token.
    InvalidToken,
    /// 403: a good token, not enough of it.
    InsufficientScope,
}

impl ErrorCode {
    /// The code on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
        }
    }
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The error code; `None` when there was no credential to be wrong, or no answer was possible.
    pub error: Option<ErrorCode>,
    /// What is wrong, for the client's developer. Says nothing secret.
    pub description: String,
    /// 400, 401 or 403; 431 for an oversized header, 503 when keys cannot be had.
    pub status: u16,
    /// What was probably meant.
    pub hint: Option<String>,
    /// One scope item that would suffice, where there is one.
    pub scope: Option<String>,
    /// The reason code.
    pub diagnosis: Diagnosis,
}

impl Refusal {
    fn new(
        error: Option<ErrorCode>,
        status: u16,
        diagnosis: Diagnosis,
        description: impl Into<String>,
    ) -> Self {
        let description = description.into();
        Self {
            error,
            description,
            status,
            hint: None,
            scope: None,
            diagnosis,
        }
    }

    /// 401 without an error code: no credential (RFC 6750 §3.1, last paragraph).
    pub fn no_credential(diagnosis: Diagnosis, description: impl Into<String>) -> Self {
        Self::new(None, 401, diagnosis, description)
    }

    /// 400 `invalid_request`.
    pub fn bad_request(diagnosis: Diagnosis, description: impl Into<String>) -> Self {
        Self::new(Some(ErrorCode::InvalidRequest), 400, diagnosis, description)
    }

    /// 401 `invalid_token`.
    pub fn invalid_token(diagnosis: Diagnosis, description: impl Into<String>) -> Self {
        Self::new(Some(ErrorCode::InvalidToken), 401, diagnosis, description)
    }

    /// 403 `insufficient_scope`.
    pub fn insufficient(diagnosis: Diagnosis, description: impl Into<String>) -> Self {
        Self::new(
            Some(ErrorCode::InsufficientScope),
            403,
            diagnosis,
            description,
        )
    }

    /// 431: a header that is too large to look at.
    pub fn too_large(description: impl Into<String>) -> Self {
        Self::new(None, 431, Diagnosis::TooLarge, description)
    }

    /// 503: the issuer's keys cannot be had.
    pub fn keys_unavailable(description: impl Into<String>) -> Self {
        Self::new(None, 503, Diagnosis::KeysUnavailable, description)
    }

    /// The same refusal with a guess at what was meant.
    pub fn with_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// The same refusal with a scope item that would suffice.
    pub fn with_scope(mut self, scope: Option<String>) -> Self {
        self.scope = scope;
        self
    }

    /// The `WWW-Authenticate` value; `None` where no challenge belongs (431, 503).
    pub fn www_authenticate(&self, realm: &str) -> Option<String> {
        if !matches!(self.status, 400 | 401 | 403) {
            return None;
        }
        let mut value = format!("Bearer realm=\"{}\"", quoted(realm));
        let Some(error) = self.error else {
            return Some(value);
        };
        // Writing to a string cannot fail.
        let _ = write!(value, ", error=\"{}\"", error.as_str());
        if error == ErrorCode::InsufficientScope {
            if let Some(scope) = &self.scope {
                let _ = write!(value, ", scope=\"{}\"", quoted(scope));
            }
        } else {
            let _ = write!(
                value,
                ", error_description=\"{}\"",
                quoted(&self.description)
            );
        }
        Some(value)
    }

    /// Seconds for `Retry-After`, where waiting helps.
    pub fn retry_after(&self) -> Option<u32> {
        (self.status == 503).then_some(30)
    }
}

/// What may stand between quotes there (RFC 6750 §3); anything else becomes an apostrophe or `?`.
fn quoted(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '"' => '\'',
            '\\' => '/',
            ' '..='~' => c,
            _ => '?',
        })
        .collect()
}

macro_rules! diagnoses {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal),+ $(,)?) => {
        /// The machine-readable reason of a judgement (issuer page §4).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Diagnosis {
            $($(#[doc = $doc])+ $name),+
        }

        impl Diagnosis {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The reason as it is written.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }
        }
    };
}

diagnoses! {
    /// Nothing to say.
    Ok = "ok",
    /// Granted with keys whose refresh is overdue.
    OkStale = "ok_stale",
    /// No credential.
    NoToken = "no_token",
    /// Another scheme than Bearer.
    WrongScheme = "wrong_scheme",
    /// The scheme and nothing after it.
    EmptyToken = "empty_token",
    /// More than one token.
    MultipleTokens = "multiple_tokens",
    /// A token in the query, where it is not taken.
    TokenInQuery = "token_in_query",
    /// A token in the body, where it is not taken.
    TokenInBody = "token_in_body",
    /// A header that is too large.
    TooLarge = "too_large",
    /// A token that is too large.
    TokenTooLarge = "token_too_large",
    /// Not a token.
    Malformed = "malformed",
    /// A member stands there twice.
    DuplicateClaim = "duplicate_claim",
    /// Algorithm `none`.
    AlgNone = "alg_none",
    /// An algorithm that is not accepted.
    AlgNotAllowed = "alg_not_allowed",
    /// The algorithm does not fit the key.
    AlgKeyMismatch = "alg_key_mismatch",
    /// A critical extension.
    CritUnsupported = "crit_unsupported",
    /// Another kind of token.
    WrongTyp = "wrong_typ",
    /// No `kid`.
    KidMissing = "kid_missing",
    /// A `kid` that the issuer does not publish.
    KidUnknown = "kid_unknown",
    /// A published key that is not usable.
    KeyUnusable = "key_unusable",
    /// The signature does not fit.
    BadSignature = "bad_signature",
    /// The issuer's metadata names another issuer.
    MetadataMismatch = "metadata_mismatch",
    /// No keys to verify with.
    KeysUnavailable = "keys_unavailable",
    /// No `iss`.
    MissingIss = "missing_iss",
    /// An issuer that is trusted but for a final slash.
    IssSlash = "iss_slash",
    /// An issuer that is not trusted.
    IssUnknown = "iss_unknown",
    /// A claim is not there that this server wants.
    MissingClaim = "missing_claim",
    /// No `exp`.
    MissingExp = "missing_exp",
    /// No `iat`.
    MissingIat = "missing_iat",
    /// A claim of the wrong type or value.
    MalformedClaim = "malformed_claim",
    /// Past `exp`.
    Expired = "expired",
    /// Before `nbf`.
    NotYetValid = "not_yet_valid",
    /// Valid for too long.
    Lifetime = "lifetime",
    /// Issued in the future.
    IatFuture = "iat_future",
    /// No usable `sub`.
    BadSub = "bad_sub",
    /// No `jti`.
    MissingJti = "missing_jti",
    /// A `jti` that came before, where each is good for one request.
    JtiUsed = "jti_used",
    /// No `wlcg.ver`.
    MissingWlcgVer = "missing_wlcg_ver",
    /// A `wlcg.ver` that is no version.
    VerSyntax = "ver_syntax",
    /// Another major version.
    VerMajor = "ver_major",
    /// Another minor version, where the edition wants its own.
    VerMinor = "ver_minor",
    /// No `aud`.
    MissingAud = "missing_aud",
    /// The audience but for a final slash.
    AudSlash = "aud_slash",
    /// The audience but for its case.
    AudCase = "aud_case",
    /// The audience but for its port.
    AudPort = "aud_port",
    /// The audience's host without the scheme.
    AudBare = "aud_bare",
    /// Several audiences in one string.
    AudSpace = "aud_space",
    /// Another audience.
    AudMismatch = "aud_mismatch",
    /// A storage scope without a path.
    ScopeNoPath = "scope_no_path",
    /// A storage scope with a relative path.
    ScopeRelative = "scope_relative",
    /// `..` in a path.
    DotDot = "dotdot",
    /// An encoded slash in a path.
    EncodedSlash = "encoded_slash",
    /// Bytes that no path may have.
    BadPathBytes = "bad_path_bytes",
    /// A request path that is not acceptable.
    RequestPath = "request_path",
    /// Groups that are no list of group names.
    BadGroups = "bad_groups",
    /// A group that stands there twice.
    GroupTwice = "group_twice",
    /// The token's header brings a key along.
    OwnKey = "own_key",
    /// A path outside the issuer's area.
    OutsideArea = "outside_area",
    /// A scope path that starts like the request's but ends within a name.
    Boundary = "boundary",
    /// A scope path below the request's.
    Exact = "exact",
    /// A scope path for a directory, a request for a file.
    DirOnly = "dir_only",
    /// A path or a name that fits but for its case.
    Case = "case",
    /// A path that looks the same in another Unicode form.
    Unicode = "unicode",
    /// A scope path with the area's prefix, which is not part of it.
    AreaPrefix = "area_prefix",
    /// A scope item that the profile does not know.
    UnknownItem = "unknown_item",
    /// Capabilities, none of them for storage.
    NoStorageCap = "no_storage_cap",
    /// The target of a rename is not covered.
    DestNotCovered = "dest_not_covered",
    /// Only `storage.modify` would do.
    NeedsModify = "needs_modify",
    /// Create and modify do not read.
    NoRead = "no_read",
    /// Stage does not read.
    StageNoRead = "stage_no_read",
    /// Only `storage.stage` would do.
    NeedsStage = "needs_stage",
    /// Poll only asks for locality.
    PollOnly = "poll_only",
    /// Another privilege is needed.
    WrongPrivilege = "wrong_privilege",
    /// No scope covers the path.
    NotCovered = "not_covered",
    /// No scope of the demanded name.
    MissingScope = "missing_scope",
    /// Neither capability nor group says anything here.
    NothingGranted = "nothing_granted",
    /// No group of the token is permitted here.
    GroupNotPermitted = "group_not_permitted",
    /// A policy denies it to a group of the token.
    GroupDenied = "group_denied",
    /// The subject is not listed.
    SubjectNotListed = "subject_not_listed",
    /// The subject is listed, but the token lacks `host.auth`.
    HostAuth = "host_auth",
}

impl std::fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

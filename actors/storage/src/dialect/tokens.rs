//! Where a server takes tokens from and what a token must be, before any scope of it is looked at (storage
//! page §1.0, §3.3, §8.2; issuer page §4.2 to §4.6).

use carnet_profile::jose::Algorithm;
use carnet_profile::judge::ClaimRules;
use carnet_profile::version::ProfileVersion;

/// Switches of presentation and validity. What a scenario sets by itself goes before them.
#[derive(Clone, Copy, Debug)]
pub struct Tokens {
    /// `?access_token=…` is taken (RFC 6750 §2.3).
    pub access_token_parameter: bool,
    /// `?authz=…` is taken.
    pub authz_parameter: bool,
    /// Further `Authorization` fields beside the first.
    pub repeats: Repeats,
    /// The scheme is `Bearer` in just these letters; in others the field is none (RFC 9110 §11.1 has it in any case).
    pub exact_scheme: bool,
    /// A `Bearer` field that is not one scheme, blanks and one token.
    pub malformed: Malformed,
    /// A form that is posted is searched for `access_token`, to say that it is not taken there.
    pub looks_in_forms: bool,
    /// Longest `Authorization` field.
    pub max_field: usize,
    /// Longest token.
    pub max_bytes: usize,
    /// Seconds after which a key that an issuer did not have is looked for again.
    pub key_retry: i64,
    /// Signature algorithms.
    pub algorithms: &'static [Algorithm],
    /// The one edition of the profile it knows; none: as the scenario says.
    pub edition: Option<ProfileVersion>,
    /// Seconds that a token's times may be off, where the scenario does not say.
    pub leeway: u32,
    /// Which claims a token must have.
    pub claims: ClaimRules,
    /// Whether the leeway is granted after `exp` too; if not, what the edition says (LIFE-2).
    pub late: bool,
    /// A token without `kid` is verified with the one key of its algorithm.
    pub nameless_key: bool,
    /// However long it is valid, whatever the edition says.
    pub any_lifetime: bool,
    /// A bad storage scope is dropped and the token stays good (CAP-N).
    pub lenient: bool,
    /// `%2F` in a scope's path is literal (storage page §3.8); else the token is refused (CAP-N).
    pub literal_slash: bool,
    /// `storage.` scopes that the profile does not define are not read; else they need a path too (CAP-2).
    pub unknown_unread: bool,
    /// An answer to a token in the URL is `Cache-Control: private` (RFC 6750 §2.3).
    pub private: bool,
}

/// What more than one credential means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeats {
    /// Every second one is an error (RFC 6750 §2).
    Refused,
    /// Equal fields count once, and a field goes before the URL (storage page §1.0).
    EqualOnce,
    /// Only the first is looked at.
    FirstWins,
}

/// What a `Bearer` field without a token, or with more than one, is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// A bad request (RFC 6750 §3.1).
    BadRequest,
    /// A token that cannot be read.
    BadToken,
    /// The same, and a second blank after the scheme belongs to the token.
    SecondBlank,
}

/// What the profile asks for.
pub(super) const PROFILE: ClaimRules = ClaimRules {
    iat: true,
    nbf: false,
    jti: true,
    scope: false,
    ordered: false,
    at_jwt: true,
    unversioned: false,
};

/// The asymmetric algorithms of storage page §3.3.
pub(super) const ALGORITHMS: &[Algorithm] = &[
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::Es512,
    Algorithm::EdDsa,
];

/// What the storage page asks of ours, and what is not known to be different elsewhere.
pub(super) const USUAL: Tokens = Tokens {
    access_token_parameter: false,
    authz_parameter: true,
    repeats: Repeats::EqualOnce,
    exact_scheme: false,
    nameless_key: false,
    malformed: Malformed::BadRequest,
    looks_in_forms: false,
    max_field: 64 * 1024,
    max_bytes: 32 * 1024,
    key_retry: 30,
    algorithms: ALGORITHMS,
    edition: None,
    leeway: 60,
    claims: PROFILE,
    late: true,
    any_lifetime: false,
    lenient: false,
    literal_slash: true,
    unknown_unread: true,
    private: true,
};

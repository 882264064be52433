//! What a scenario or a topology says about the issuer: its people, clients, policies, keys and habits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quirks::{Compat, QuirkSwitches};

mod defaults;
mod providers;
pub use defaults::{
    stock_exchange_policies, stock_matchers, stock_scope_policies, stock_system_scopes,
};
pub use providers::{IdentityProvider, OidcId, PersonCertificate, SamlId};

/// The issuer as a scenario describes it. Everything has a default: `issuer = {}` is a strict issuer without people.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Issuer string of the tokens, byte for byte; left out, the base URL with a final slash.
    pub issuer: Option<String>,
    /// Version of the WLCG profile it speaks.
    pub profile: ProfileVersion,
    /// Claim set of the tokens of clients that register none of `wlcg`, `iam`, `kc`, `aarc`.
    pub token_profile: TokenProfile,
    /// Whose behaviour it shows.
    pub compat: Compat,
    /// Single departures from `compat`, by number.
    pub quirks: QuirkSwitches,
    /// Name of the organisation, on its pages and in `organisation_name`.
    pub organisation: String,
    /// Signing algorithm.
    pub algorithm: Algorithm,
    /// `kid` of the first signing key.
    pub key_id: String,
    /// When keys change by themselves.
    pub rotation: Rotation,
    /// Lifetimes that clients without their own get.
    pub lifetimes: Lifetimes,
    /// Seconds by which `nbf` lies before `iat`; left out, what `compat` does (60 in strict, 0 in IAM).
    pub nbf_offset: Option<i64>,
    /// Refuse a token request that names no scope (strict only).
    pub require_scope: bool,
    /// Refuse an exchange that does not name `subject_token_type` (RFC 8693 requires it, the seed flows omit it).
    pub require_subject_token_type: bool,
    /// Seconds during which a rotated refresh token may be used again (profile 1.1, REQ-9); not in IAM.
    pub refresh_grace: i64,
    /// Groups, in the administrator's order.
    pub groups: Vec<GroupConfig>,
    /// People.
    pub users: Vec<UserConfig>,
    /// Registered clients.
    pub clients: Vec<ClientConfig>,
    /// Scope policies; left out, one that permits everything to everybody.
    pub scope_policies: Option<Vec<ScopePolicyConfig>>,
    /// Token exchange policies; left out, one that permits any client to any client.
    pub exchange_policies: Option<Vec<ExchangePolicyConfig>>,
    /// System scopes, in the instance's order; left out, those of the stock configuration.
    pub system_scopes: Option<Vec<SystemScope>>,
    /// Scope matchers; left out, those of the stock configuration.
    pub scope_matchers: Option<Vec<MatcherConfig>>,
    /// Acceptable use policy that people must sign before they get in.
    pub aup: Option<AupConfig>,
    /// Home institutes that people may sign in with.
    pub identity_providers: Vec<IdentityProvider>,
    /// Who may register clients.
    pub registration: Registration,
    /// Secret of the admin listener; without one there is none.
    pub admin_secret: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            issuer: None,
            profile: ProfileVersion::default(),
            token_profile: TokenProfile::Wlcg,
            compat: Compat::Strict,
            quirks: QuirkSwitches::default(),
            organisation: "indigo-dc".into(),
            algorithm: Algorithm::Rs256,
            key_id: "rsa1".into(),
            rotation: Rotation::default(),
            lifetimes: Lifetimes::default(),
            nbf_offset: None,
            require_scope: false,
            require_subject_token_type: false,
            refresh_grace: 86_400,
            groups: Vec::new(),
            users: Vec::new(),
            clients: Vec::new(),
            scope_policies: None,
            exchange_policies: None,
            system_scopes: None,
            scope_matchers: None,
            aup: None,
            identity_providers: Vec::new(),
            registration: Registration::Anyone,
            admin_secret: None,
        }
    }
}

/// Editions of the WLCG Common JWT Profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum ProfileVersion {
    /// September 2019.
    #[default]
    #[serde(rename = "wlcg-1.0")]
    V1_0,
    /// September 2025.
    #[serde(rename = "wlcg-1.1")]
    V1_1,
    /// December 2025.
    #[serde(rename = "wlcg-1.2")]
    V1_2,
    /// June 2026.
    #[serde(rename = "wlcg-1.3")]
    V1_3,
}

/// Claim sets that IAM can make (issuer page §2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TokenProfile {
    /// The WLCG profile.
    #[default]
    Wlcg,
    /// IAM's own: no scope, no `nbf`, no groups in access tokens.
    Iam,
    /// Keycloak's look: `roles` holds the groups.
    Kc,
    /// AARC's look: `voperson_id`.
    Aarc,
}

impl TokenProfile {
    /// The scope that selects it on a client.
    pub fn scope(self) -> &'static str {
        match self {
            Self::Wlcg => "wlcg",
            Self::Iam => "iam",
            Self::Kc => "kc",
            Self::Aarc => "aarc",
        }
    }
}

/// Signing algorithms of the profile (TOK-3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
pub enum Algorithm {
    /// RSA with SHA-256.
    #[default]
    #[serde(rename = "RS256")]
    Rs256,
    /// ECDSA on P-256.
    #[serde(rename = "ES256")]
    Es256,
}

impl Algorithm {
    /// Its name in a token's header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }
}

/// When keys change by themselves (TOK-11, TOK-12).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rotation {
    /// Seconds that a key signs; 0: for ever.
    pub every: i64,
    /// Seconds that a key is published before it signs (profile: at least 6 hours, better 2 days).
    pub publish_ahead: i64,
    /// Seconds that a key stays published after it has signed its last token; left out, the longest lifetime.
    pub keep: Option<i64>,
}

impl Default for Rotation {
    fn default() -> Self {
        Self {
            every: 0,
            publish_ahead: 172_800,
            keep: None,
        }
    }
}

/// Lifetimes in seconds.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Lifetimes {
    /// Access tokens.
    pub access: i64,
    /// ID tokens.
    pub id: i64,
    /// Refresh tokens; 0 is without end.
    pub refresh: i64,
    /// Device codes.
    pub device: i64,
    /// Authorization codes.
    pub code: i64,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            access: 3600,
            id: 600,
            refresh: 2_592_000,
            device: 600,
            code: 300,
        }
    }
}

/// A group of people.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupConfig {
    /// Full name, with or without its leading slash: `wlcg/xfers`.
    pub name: String,
    /// Asserted only when named (default groups are asserted whenever groups are asked for).
    #[serde(default)]
    pub optional: bool,
    /// For people.
    #[serde(default)]
    pub description: Option<String>,
    /// The group above; said by its name anyway.
    #[serde(default)]
    pub parent: Option<String>,
    /// `id` at the SCIM interface; left out, one is made.
    #[serde(default)]
    pub uuid: Option<String>,
}

/// A person.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserConfig {
    /// Login name.
    pub username: String,
    /// Password; left out, `password`.
    #[serde(default = "defaults::password")]
    pub password: String,
    /// Subject of this person's tokens; left out, one is made from the run's chance.
    #[serde(default, alias = "sub")]
    pub uuid: Option<String>,
    /// Groups this person is a direct member of.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Who this person is at home institutes.
    #[serde(default)]
    pub oidc_ids: Vec<OidcId>,
    /// Who this person is at SAML identity providers.
    #[serde(default)]
    pub saml_ids: Vec<SamlId>,
    /// This person's certificates; the first is the primary one.
    #[serde(default)]
    pub certificates: Vec<PersonCertificate>,
    /// Administers the issuer.
    #[serde(default)]
    pub admin: bool,
    /// May log in.
    #[serde(default = "defaults::yes")]
    pub active: bool,
    /// Has signed the acceptable use policy (when there is one).
    #[serde(default)]
    pub aup_signed: bool,
    /// First name.
    #[serde(default)]
    pub given_name: Option<String>,
    /// Last name.
    #[serde(default)]
    pub family_name: Option<String>,
    /// Whole name; left out, first and last.
    #[serde(default)]
    pub name: Option<String>,
    /// Mail address.
    #[serde(default)]
    pub email: Option<String>,
    /// Whether the mail address was verified.
    #[serde(default = "defaults::yes")]
    pub email_verified: bool,
}

/// How a client proves who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// HTTP Basic.
    #[default]
    ClientSecretBasic,
    /// `client_id` and `client_secret` in the form.
    ClientSecretPost,
    /// A JWT signed with the client's secret.
    ClientSecretJwt,
    /// A JWT signed with the client's key (RFC 7523).
    PrivateKeyJwt,
    /// Not at all: a public client.
    None,
}

/// A registered client.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientConfig {
    /// Its id.
    pub client_id: String,
    /// Its secret; a confidential client without one gets a random one, to be found in `clients.json` of `serve`.
    #[serde(default)]
    pub client_secret: Option<String>,
    /// Its name for people; left out, the id.
    #[serde(default)]
    pub client_name: Option<String>,
    /// How it proves who it is.
    #[serde(default)]
    pub token_endpoint_auth_method: AuthMethod,
    /// Public keys of a client that signs its assertions (a JWK set).
    #[serde(default)]
    pub jwks: Option<serde_json::Value>,
    /// Grants it may use; short names (`token-exchange`, `device_code`) are understood.
    #[serde(default = "defaults::grants")]
    pub grant_types: Vec<String>,
    /// Scopes it is registered for, in this order.
    #[serde(default)]
    pub scope: Vec<String>,
    /// Scopes it gets when it asks for none (strict only); left out, the registered ones that make sense for the grant.
    #[serde(default)]
    pub default_scope: Option<Vec<String>>,
    /// Gets any scope text it asks for, literally, even a malformed one: for trying out other people's software.
    #[serde(default)]
    pub literal: bool,
    /// Where codes may be sent.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Audiences that mean this client (with Q-25 off, one of them must be in a subject token it exchanges).
    #[serde(default)]
    pub audiences: Vec<String>,
    /// Seconds its access tokens live; left out, the issuer's.
    #[serde(default)]
    pub access_token_validity_seconds: Option<i64>,
    /// Seconds its refresh tokens live, 0 without end; left out, the issuer's.
    #[serde(default)]
    pub refresh_token_validity_seconds: Option<i64>,
    /// Seconds its ID tokens live; left out, the issuer's.
    #[serde(default)]
    pub id_token_validity_seconds: Option<i64>,
    /// Seconds its device codes live; left out, the issuer's.
    #[serde(default)]
    pub device_code_validity_seconds: Option<i64>,
    /// Keeps its refresh token at a refresh; off, the token is rotated.
    #[serde(default = "defaults::yes")]
    pub reuse_refresh_token: bool,
    /// A refresh ends the access tokens issued before from the same refresh token.
    #[serde(default = "defaults::yes")]
    pub clear_access_tokens_on_refresh: bool,
    /// Its ID tokens carry `auth_time`.
    #[serde(default)]
    pub require_auth_time: bool,
    /// May ask about tokens.
    #[serde(default = "defaults::yes")]
    pub allow_introspection: bool,
    /// Not suspended.
    #[serde(default = "defaults::yes")]
    pub active: bool,
}

/// Allow or forbid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verb {
    /// Allow.
    Permit,
    /// Forbid.
    Deny,
}

/// How a policy's scope is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Matching {
    /// The same text.
    #[default]
    Eq,
    /// An expression for the whole text.
    Regexp,
    /// A name and a path.
    Path,
}

/// Whom a scope policy is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// One person.
    Account,
    /// The direct members of a group.
    Group,
    /// Everybody.
    #[default]
    Default,
}

/// A scope policy.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScopePolicyConfig {
    /// Whom it is for.
    #[serde(default)]
    pub level: Level,
    /// The person's login name (level `account`).
    #[serde(default)]
    pub account: Option<String>,
    /// The group's name (level `group`).
    #[serde(default)]
    pub group: Option<String>,
    /// Allow or forbid.
    pub rule: Verb,
    /// How its scopes are compared.
    #[serde(default)]
    pub matching: Matching,
    /// Its scopes; none: all there are.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// For people.
    #[serde(default)]
    pub description: Option<String>,
}

/// How an exchange policy picks clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ClientMatch {
    /// Every client.
    #[default]
    Any,
    /// Clients registered for a scope.
    ByScope,
    /// One client.
    ById,
}

/// The clients at one end of an exchange policy.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyEnd {
    /// How they are picked.
    #[serde(rename = "type", default)]
    pub kind: ClientMatch,
    /// The client id or the scope.
    #[serde(rename = "match", default)]
    pub param: Option<String>,
}

/// A scope rule inside an exchange policy.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExchangeScopeConfig {
    /// Allow or forbid.
    pub rule: Verb,
    /// How it is compared.
    #[serde(rename = "type", default)]
    pub matching: Matching,
    /// The scope.
    #[serde(rename = "match")]
    pub param: String,
}

/// A token exchange policy.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExchangePolicyConfig {
    /// Allow or forbid.
    pub rule: Verb,
    /// The client that the subject token was issued to.
    #[serde(default)]
    pub origin: PolicyEnd,
    /// The client that exchanges.
    #[serde(default)]
    pub destination: PolicyEnd,
    /// Rules for single scopes.
    #[serde(default)]
    pub scope_policies: Vec<ExchangeScopeConfig>,
    /// For people.
    #[serde(default)]
    pub description: Option<String>,
}

/// A system scope.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SystemScope {
    /// Its text.
    pub scope: String,
    /// Given to clients that register none.
    #[serde(default)]
    pub default: bool,
    /// Not to be had by registering for it.
    #[serde(default)]
    pub restricted: bool,
}

/// Kinds of scope matcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MatcherKind {
    /// `prefix:path` and what is below.
    Path,
    /// An expression.
    Regexp,
}

/// A scope matcher of the instance.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatcherConfig {
    /// For people.
    #[serde(default)]
    pub name: String,
    /// Its kind.
    #[serde(rename = "type")]
    pub kind: MatcherKind,
    /// The scope's name (kind `path`).
    #[serde(default)]
    pub prefix: String,
    /// The path (kind `path`).
    #[serde(default)]
    pub path: String,
    /// The expression (kind `regexp`).
    #[serde(default)]
    pub regexp: String,
}

/// The acceptable use policy.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AupConfig {
    /// Its text.
    #[serde(default = "defaults::aup_text")]
    pub text: String,
    /// Where it can be read.
    #[serde(default)]
    pub url: Option<String>,
    /// Days after which it must be signed again; 0: never.
    #[serde(default)]
    pub validity_days: i64,
}

/// Who may register clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// Everybody.
    #[default]
    Anyone,
    /// People who are logged in.
    RegisteredUsers,
    /// Administrators.
    Administrators,
    /// Nobody.
    Off,
}

//! What a scenario or a topology says about FTS: whom it trusts, where storage tokens come from, how it copies.

use indexmap::IndexMap;
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::reason::CopyMode;
use crate::verify::ChecksumMode;

/// The FTS actor as a scenario describes it.
///
/// Every field has a default, so `fts = {}` is a server that trusts nobody yet.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Release line whose behaviour is shown where the two differ.
    pub profile: Profile,
    /// Audiences accepted in a submit token; left out, FTS's own base URL.
    pub audiences: Vec<String>,
    /// Trusted token issuers.
    pub issuers: Vec<IssuerConfig>,
    /// VOs whose members may use the server; `*` is everybody.
    pub authorized_vos: Vec<String>,
    /// Where storage tokens come from.
    pub tokens: TokenModel,
    /// One token for both storage elements, or one for each (token model `seed`).
    pub storage_tokens: StorageTokens,
    /// What the exchange asks for (token model `seed`).
    pub exchange: ExchangeConfig,
    /// Ask for refresh tokens and refresh before a transfer starts.
    pub refresh: bool,
    /// Jobs may say `unmanaged_tokens` (token model `today`).
    pub allow_unmanaged_tokens: bool,
    /// What happens when a token issuer gives no answer at all during an exchange.
    pub issuer_unreachable: IssuerUnreachable,
    /// Who moves the bytes.
    pub mode: CopyMode,
    /// How many transfers may run at once between two storage elements.
    pub concurrency: usize,
    /// How many transfers may run at once into or out of one storage element.
    pub storage_concurrency: usize,
    /// How many transfers may run at once in all.
    pub node_concurrency: usize,
    /// Attempts after the first for jobs that do not say (0 in production).
    pub retry: i64,
    /// Seconds between attempts for jobs that do not say.
    pub retry_delay: i64,
    /// How long every file is held in the queue before it may start, on FTS's clock: `"90m"`, `"2h 5m"`.
    #[schemars(with = "Option<String>")]
    pub start_after: Option<SignedDuration>,
    /// Checksum verification, whatever the job says.
    pub verify_checksum: Option<ChecksumMode>,
    /// Keep the rounds of the real daemons: 2 s between scheduling passes, 30 s between exchange rounds, 15 s between
    /// refresh rounds, on FTS's clock. Off, everything happens at once.
    pub realistic_rounds: bool,
    /// Cancelling a job leaves files that wait for a token alone, as the real server does: they are transferred later.
    pub cancel_spares_token_prep: bool,
    /// Fault: COPY goes out without TransferHeaderAuthorization.
    pub drop_transfer_header: bool,
    /// Longest COPY without a sign of life, in seconds of FTS's clock.
    pub copy_silence: u64,
    /// Longest request body, in bytes.
    pub max_body: usize,
    /// Most files of one job.
    pub max_files: usize,
    /// Most jobs kept; the oldest that ended go first.
    pub max_jobs: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            profile: Profile::default(),
            audiences: Vec::new(),
            issuers: Vec::new(),
            authorized_vos: vec!["*".into()],
            tokens: TokenModel::default(),
            storage_tokens: StorageTokens::default(),
            exchange: ExchangeConfig::default(),
            refresh: true,
            allow_unmanaged_tokens: true,
            issuer_unreachable: IssuerUnreachable::default(),
            mode: CopyMode::default(),
            concurrency: 66,
            storage_concurrency: 200,
            node_concurrency: 400,
            retry: 0,
            retry_delay: 120,
            start_after: None,
            verify_checksum: None,
            realistic_rounds: false,
            cancel_spares_token_prep: false,
            drop_transfer_header: false,
            copy_silence: 300,
            max_body: 16 << 20,
            max_files: 10_000,
            max_jobs: 100_000,
        }
    }
}

/// Release line of the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Profile {
    /// 3.13: a token that cannot be verified makes its bearer anonymous.
    #[serde(rename = "3.13")]
    V3_13,
    /// 3.14: every bad token is refused with its reason.
    #[default]
    #[serde(rename = "3.14")]
    V3_14,
}

/// A trusted issuer, and FTS's registration there.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IssuerConfig {
    /// The issuer's URL as `iss` spells it.
    pub url: String,
    /// Scope that a submit token must carry, word for word; left out, none.
    pub required_scope: Option<String>,
    /// FTS's client id at the issuer.
    pub client_id: String,
    /// FTS's client secret at the issuer.
    pub client_secret: String,
    /// VO of everybody who comes with a token of this issuer; left out, the token's groups or the issuer's host.
    pub vo: Option<String>,
}

/// Where storage tokens come from (FTS page §3.7).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TokenModel {
    /// FTS exchanges the submit token for storage rights (flows A and B of 2021).
    #[default]
    Seed,
    /// The submission brings a token for each storage element; FTS exchanges them only to get refresh tokens.
    Today,
}

/// How many storage tokens a transfer has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StorageTokens {
    /// One for both sides.
    #[default]
    One,
    /// One for the source, one for the destination.
    Two,
}

/// What the exchange of a submit token asks for (flow A6, B5).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExchangeConfig {
    /// Scopes of one token for both sides.
    pub scope: String,
    /// Scopes of the source's own token.
    pub source_scope: String,
    /// Scopes of the destination's own token.
    pub destination_scope: String,
    /// Ask for exactly this audience, whatever the transfer (a slip to show).
    pub audience: Option<String>,
    /// How the audience of a storage element is written, by its host (`"se2.example" = "https://se2.example"`);
    /// left out, `https://` and the host of the transfer's URL.
    pub audiences: IndexMap<String, String>,
}

impl Default for ExchangeConfig {
    fn default() -> Self {
        Self {
            scope: "storage.read:/ storage.create:/ offline_access".into(),
            source_scope: "storage.read:/ offline_access".into(),
            destination_scope: "storage.create:/ offline_access".into(),
            audience: None,
            audiences: IndexMap::new(),
        }
    }
}

/// What an unreachable issuer does to an exchange (FTS page §3.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IssuerUnreachable {
    /// The waiting files fail, as with any other refusal.
    #[default]
    Fail,
    /// Nothing fails: the exchange is tried again every 70 s, as the real daemon does between two crashes.
    CrashLoop,
}

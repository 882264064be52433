//! Steps: what a scenario makes happen.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Duration;

/// One thing that happens.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// A replication rule is asked for at Rucio.
    Replicate(Replicate),
    /// The story waits until a rule, a job or another entity has reached a state.
    Await(Await),
    /// A user or a client gets a token from the issuer.
    GetToken(GetToken),
    /// The stage's clock is moved on.
    Advance(Advance),
    /// One actor's clock is set off from the stage's.
    Skew(Skew),
    /// A user stores a file at a storage element.
    Put(Put),
    /// A user reads a file from a storage element.
    Get(Get),
    /// A third-party copy is asked for without FTS.
    Copy(Copy),
    /// Any HTTP request, right or wrong.
    Request(Request),
    /// Something is made to go wrong, or stops going wrong.
    Fault(Fault),
    /// A sentence for the reader.
    Note(String),
    /// An administrator of the issuer suspends a user.
    SuspendUser(SuspendUser),
    /// An administrator of the issuer takes a user out of a group.
    LeaveGroup(LeaveGroup),
    /// An administrator of the issuer has a new key sign from now on, and the old one taken away.
    RotateKeys(RotateKeys),
}

/// A replication rule: the file is at one storage element and shall be at another one.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replicate {
    /// Path of the file, as the storage elements see it.
    pub file: String,
    /// Storage element that has it.
    pub from: String,
    /// Storage element that shall have it.
    pub to: String,
    /// Name of a saved token the request is made with; left out, Rucio's account `root` asks.
    #[serde(default)]
    pub token: Option<String>,
    /// The user who asks, when a saved token is used; left out, the only user actor.
    #[serde(default, rename = "as")]
    pub user: Option<String>,
    /// Rucio's name, when there are several.
    #[serde(default)]
    pub via: Option<String>,
    /// Name under which the rule's id is saved.
    #[serde(default)]
    pub save: Option<String>,
    /// Whether Rucio's refusal of the request is part of the story; it is written to the journal, and the play goes on.
    #[serde(default)]
    pub may_fail: bool,
}

/// Waiting for a state. Exactly one of `rule`, `job` and `entity` is given.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Await {
    /// State of the rule last asked for: `OK`, `STUCK`, `REPLICATING`.
    #[serde(default)]
    pub rule: Option<String>,
    /// Name under which the rule was saved that is meant; left out, the rule last asked for.
    #[serde(default)]
    pub of: Option<String>,
    /// State of an FTS job: `FINISHED`, `FAILED`, `ACTIVE`, …
    #[serde(default)]
    pub job: Option<String>,
    /// Any entity of the journal's state changes, for example `fts.file`; with `state`.
    #[serde(default)]
    pub entity: Option<String>,
    /// State the entity must reach.
    #[serde(default)]
    pub state: Option<String>,
    /// How long it may take before the play is given up.
    #[serde(default)]
    pub within: Option<Duration>,
}

/// The way a token is obtained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Flow {
    /// Device authorization: a code is shown, the user confirms it in a browser (RFC 8628).
    #[default]
    DeviceCode,
    /// Authorization code with PKCE (RFC 6749 §4.1, RFC 7636).
    AuthorizationCode,
    /// User name and password given to the client (RFC 6749 §4.3).
    Password,
    /// The client in its own name (RFC 6749 §4.4).
    ClientCredentials,
    /// A saved refresh token (RFC 6749 §6).
    Refresh,
    /// A saved token is exchanged (RFC 8693).
    Exchange,
}

/// Getting a token.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetToken {
    /// The user actor who gets it; left out, the only one.
    #[serde(default)]
    pub user: Option<String>,
    /// Client it is asked with, by its id at the issuer; left out, the user's own.
    #[serde(default)]
    pub client: Option<String>,
    /// The way it is obtained.
    #[serde(default)]
    pub flow: Flow,
    /// Scopes, separated by spaces.
    #[serde(default)]
    pub scope: Option<String>,
    /// Audiences, separated by spaces.
    #[serde(default)]
    pub audience: Option<String>,
    /// Name of the saved token to refresh or to exchange.
    #[serde(default)]
    pub from: Option<String>,
    /// Name under which it is saved: `${name}` is the access token, `${name.refresh}` and `${name.id}` the others.
    #[serde(default)]
    pub save: Option<String>,
    /// Issuer's name, when there are several.
    #[serde(default)]
    pub at: Option<String>,
    /// Whether the issuer's refusal is part of the story; it is written to the journal, and the play goes on.
    #[serde(default)]
    pub may_fail: bool,
}

/// Moving the clock.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Advance {
    /// By how much.
    pub clock: Duration,
}

/// Setting one actor's clock off.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Skew {
    /// Whose clock.
    pub actor: String,
    /// By how much it goes ahead of the stage's; negative when it is slow.
    pub by: Duration,
}

/// Storing a file.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Put {
    /// Path at the storage element.
    pub file: String,
    /// The storage element.
    pub at: String,
    /// What is stored: seeded bytes of this size (`"1 MiB"`); left out, 1 KiB.
    #[serde(default)]
    pub size: Option<String>,
    /// Name of the saved token.
    #[serde(default)]
    pub token: Option<String>,
    /// The user who does it; left out, the only one.
    #[serde(default, rename = "as")]
    pub user: Option<String>,
}

/// Reading a file.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Get {
    /// Path at the storage element.
    pub file: String,
    /// The storage element.
    pub at: String,
    /// Name of the saved token.
    #[serde(default)]
    pub token: Option<String>,
    /// The user who does it; left out, the only one.
    #[serde(default, rename = "as")]
    pub user: Option<String>,
}

/// A third-party copy asked for by a user (pull: the destination fetches).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Copy {
    /// Path of the file on both sides.
    pub file: String,
    /// Storage element that has it.
    pub from: String,
    /// Storage element that shall have it, and that is asked.
    pub to: String,
    /// Name of the saved token for the destination.
    #[serde(default)]
    pub token: Option<String>,
    /// Name of the saved token that the destination shows to the source; left out, none is given.
    #[serde(default)]
    pub source_token: Option<String>,
    /// Whether an existing file may be replaced.
    #[serde(default)]
    pub overwrite: Option<bool>,
    /// The user who does it; left out, the only one.
    #[serde(default, rename = "as")]
    pub user: Option<String>,
}

/// An HTTP request. `${name}` in a header, the form or the body stands for something saved.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The actor who sends it; left out, the only user actor.
    #[serde(default)]
    pub by: Option<String>,
    /// HTTP method.
    #[serde(default)]
    pub method: Option<String>,
    /// The URL, on a host of the stage.
    pub url: String,
    /// Header fields.
    #[serde(default)]
    pub header: IndexMap<String, String>,
    /// A form body.
    #[serde(default)]
    pub form: IndexMap<String, String>,
    /// A body as it stands.
    #[serde(default)]
    pub body: Option<String>,
    /// User name and password for HTTP Basic, as `name:password`.
    #[serde(default)]
    pub basic: Option<String>,
    /// Name under which the members of a JSON answer are saved: `${name.member}`.
    #[serde(default)]
    pub save: Option<String>,
}

/// A fault put in place or taken away. Exactly one of `install` and `remove` is given.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The actor it strikes.
    pub at: String,
    /// The fault to put in place.
    #[serde(default)]
    pub install: Option<carnet_stage::Fault>,
    /// Name of the fault to take away.
    #[serde(default)]
    pub remove: Option<String>,
}

/// Suspending a user.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SuspendUser {
    /// User name at the issuer.
    pub user: String,
}

/// Changing the issuer's signing key.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateKeys {
    /// Whether the old key stays in the published set, for tokens that are still on their way.
    #[serde(default = "yes")]
    pub keep_old: bool,
}

fn yes() -> bool {
    true
}

/// Taking a user out of a group.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeaveGroup {
    /// User name at the issuer.
    pub user: String,
    /// The group, for example `/wlcg/xfers`.
    pub group: String,
}

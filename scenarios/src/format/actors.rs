//! Actors: who is on the stage, each with its role's own settings and with what every role has.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::path::PathBuf;

use carnet_certs::{Handshake, LeafKind};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Duration, External};

/// The roles an actor can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Token issuer.
    Issuer,
    /// Rucio.
    Rucio,
    /// FTS.
    Fts,
    /// Storage element.
    Storage,
    /// Identity provider of a home institute.
    Idp,
    /// A user with a browser and a command line.
    User,
}

impl Kind {
    /// All roles.
    pub const ALL: [Self; 6] = [
        Self::Issuer,
        Self::Rucio,
        Self::Fts,
        Self::Storage,
        Self::Idp,
        Self::User,
    ];

    /// The role's name in a scenario file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Issuer => "issuer",
            Self::Rucio => "rucio",
            Self::Fts => "fts",
            Self::Storage => "storage",
            Self::Idp => "idp",
            Self::User => "user",
        }
    }

    /// How a sentence speaks of it.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Issuer => "a token issuer",
            Self::Rucio => "Rucio",
            Self::Fts => "FTS",
            Self::Storage => "a storage element",
            Self::Idp => "an identity provider",
            Self::User => "a user",
        }
    }
}

/// The role of an actor and its settings.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorSpec {
    /// Token issuer.
    Issuer(Box<carnet_issuer::Config>),
    /// Rucio.
    Rucio(Box<carnet_rucio::Config>),
    /// FTS.
    Fts(Box<carnet_fts::Config>),
    /// Storage element.
    Storage(Box<carnet_storage::Config>),
    /// Identity provider of a home institute.
    Idp(Box<carnet_idp::Config>),
    /// A user.
    User(Box<carnet_user::Config>),
}

/// Settings hold secrets; only the role is shown.
impl std::fmt::Debug for ActorSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind().name())
    }
}

impl ActorSpec {
    /// The role.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Issuer(_) => Kind::Issuer,
            Self::Rucio(_) => Kind::Rucio,
            Self::Fts(_) => Kind::Fts,
            Self::Storage(_) => Kind::Storage,
            Self::Idp(_) => Kind::Idp,
            Self::User(_) => Kind::User,
        }
    }
}

/// What every actor has, whatever its role. In the file these stand among the role's own settings.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Common {
    /// Host name under which the others know it; left out, the actor's name under `example`: `se1.example`.
    pub host: Option<String>,
    /// How far its clock is ahead of the stage's; negative when it is slow.
    pub skew: Option<Duration>,
    /// Base URL of a service of somebody else's that takes this actor's place, for example `https://localhost:1094` or
    /// `https://se.example.org:8443/base`. Carnet starts nothing then; the others speak with the service instead.
    pub external: Option<String>,
    /// Certificate authorities, in PEM, that the service's certificate is trusted by, beside the run's own.
    pub ca: Option<PathBuf>,
    /// What is wrong with its certificate, or how little TLS it offers (storage page §7.5, F16).
    pub tls: Option<Tls>,
}

/// What is wrong with an actor's TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tls {
    /// The certificate's last day has passed.
    Expired,
    /// The certificate's first day is still to come.
    NotYetValid,
    /// The certificate names another host.
    WrongHost,
    /// The certificate is signed by its own key.
    SelfSigned,
    /// The certificate is signed by an authority that nobody trusts.
    UnknownAuthority,
    /// TLS 1.2 and nothing newer.
    OnlyTls12,
    /// No session tickets.
    NoTickets,
}

impl Tls {
    /// The certificate.
    pub fn leaf(self) -> LeafKind {
        match self {
            Self::Expired => LeafKind::Expired,
            Self::NotYetValid => LeafKind::NotYetValid,
            Self::WrongHost => LeafKind::WrongHost,
            Self::SelfSigned => LeafKind::SelfSigned,
            Self::UnknownAuthority => LeafKind::UnknownAuthority,
            Self::OnlyTls12 | Self::NoTickets => LeafKind::Good,
        }
    }

    /// What is offered.
    pub fn handshake(self) -> Handshake {
        match self {
            Self::OnlyTls12 => Handshake::OnlyTls12,
            Self::NoTickets => Handshake::NoTickets,
            _ => Handshake::Whole,
        }
    }

    /// In words.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Expired => "its certificate has expired",
            Self::NotYetValid => "its certificate is not valid yet",
            Self::WrongHost => "its certificate names another host",
            Self::SelfSigned => "its certificate is signed by its own key",
            Self::UnknownAuthority => "its certificate is by an authority that nobody trusts",
            Self::OnlyTls12 => "it speaks TLS 1.2 and nothing newer",
            Self::NoTickets => "it gives out no session tickets",
        }
    }
}

/// An actor as the file puts it on the stage: `{ storage = { host = "se1.example", … } }`.
#[derive(Clone, Debug)]
pub struct Placed {
    /// What every actor has.
    pub common: Common,
    /// Its role.
    pub spec: ActorSpec,
    /// Where it listens; left out, on a port of its own choice that only the stage's clients find.
    pub listen: Option<SocketAddr>,
    /// The service of somebody else's in its place.
    pub external: Option<External>,
}

impl JsonSchema for Placed {
    fn schema_name() -> Cow<'static, str> {
        "Actor".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let common = Common::json_schema(generator);
        let roles: Vec<Value> = Kind::ALL
            .into_iter()
            .map(|kind| {
                let mut settings = match kind {
                    Kind::Issuer => carnet_issuer::Config::json_schema(generator),
                    Kind::Rucio => carnet_rucio::Config::json_schema(generator),
                    Kind::Fts => carnet_fts::Config::json_schema(generator),
                    Kind::Storage => carnet_storage::Config::json_schema(generator),
                    Kind::Idp => carnet_idp::Config::json_schema(generator),
                    Kind::User => carnet_user::Config::json_schema(generator),
                };
                add_properties(&mut settings, &common);
                let mut properties = Map::new();
                properties.insert(kind.name().to_owned(), settings.to_value());
                json_schema!({
                    "type": "object",
                    "properties": properties,
                    "required": [kind.name()],
                    "additionalProperties": false
                })
                .to_value()
            })
            .collect();
        json_schema!({ "description": "An actor: its role, and the role's settings.", "oneOf": roles })
    }
}

/// Puts the properties of `more` before those of `settings`.
fn add_properties(settings: &mut Schema, more: &Schema) {
    let mut properties = more
        .get("properties")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    if let Some(own) = settings.get("properties").and_then(Value::as_object) {
        properties.extend(own.clone());
    }
    settings.insert("properties".to_owned(), Value::Object(properties));
}

//! Accounts, their identities, attributes and limits.

use indexmap::{IndexMap, IndexSet};
use jiff::Timestamp;

use crate::config::AccountType;

/// How an identity proves itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IdentityType {
    /// User name and password.
    Userpass,
    /// Subject and issuer of a token.
    Oidc,
    /// Subject of a certificate.
    X509,
    /// Kerberos.
    Gss,
    /// A key.
    Ssh,
    /// SAML.
    Saml,
}

impl IdentityType {
    /// All types.
    pub const ALL: [Self; 6] = [
        Self::Userpass,
        Self::Oidc,
        Self::X509,
        Self::Gss,
        Self::Ssh,
        Self::Saml,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Userpass => "USERPASS",
            Self::Oidc => "OIDC",
            Self::X509 => "X509",
            Self::Gss => "GSS",
            Self::Ssh => "SSH",
            Self::Saml => "SAML",
        }
    }

    /// Reads the name on the wire.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.as_str() == text)
    }
}

/// The identity of a token's subject, as Rucio writes it: `SUB=<sub>, ISS=<iss>`.
pub fn oidc_identity(sub: &str, iss: &str) -> String {
    format!("SUB={sub}, ISS={iss}")
}

/// One identity and the accounts it opens; the first is its default.
#[derive(Debug, Clone)]
pub struct Identity {
    /// How it proves itself.
    pub kind: IdentityType,
    /// User name, or `SUB=…, ISS=…`.
    pub key: String,
    /// Password of a `USERPASS` identity.
    pub password: Option<String>,
    /// Mail address.
    pub email: Option<String>,
    /// Accounts it opens.
    pub accounts: IndexSet<String>,
}

/// One account.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: AccountType,
    /// Mail address.
    pub email: Option<String>,
    /// Attributes; `admin` gives all rights in the generic policy.
    pub attributes: IndexMap<String, String>,
    /// Bytes it may hold, by RSE; -1 is without end.
    pub limits: IndexMap<String, i64>,
    /// When it was suspended.
    pub suspended_at: Option<Timestamp>,
    /// When it was closed.
    pub deleted_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Account {
    /// An active account.
    pub fn new(name: &str, kind: AccountType, email: Option<String>, now: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            email,
            attributes: IndexMap::new(),
            limits: IndexMap::new(),
            suspended_at: None,
            deleted_at: None,
            created_at: now,
            updated_at: now,
        }
    }

    /// `ACTIVE`, `SUSPENDED` or `DELETED`.
    pub fn status(&self) -> &'static str {
        match (self.deleted_at, self.suspended_at) {
            (Some(_), _) => "DELETED",
            (None, Some(_)) => "SUSPENDED",
            (None, None) => "ACTIVE",
        }
    }

    /// Whether the account has the attribute `admin`.
    pub fn is_admin(&self) -> bool {
        self.attributes.get("admin").is_some_and(|v| is_true(v))
    }
}

/// How Rucio reads a boolean that was stored as text.
pub fn is_true(text: &str) -> bool {
    matches!(text, "True" | "true" | "1" | "TRUE")
}

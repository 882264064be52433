//! Home institutes that people may sign in with, and the identities they have there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An OpenID Connect provider that people may sign in with instead of a password here.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentityProvider {
    /// What the button on the login page calls it.
    pub name: String,
    /// Its issuer string, byte for byte; discovery is found below it.
    pub issuer: String,
    /// This issuer's client id there.
    pub client_id: String,
    /// This issuer's secret there.
    pub client_secret: String,
    /// Scopes asked there.
    #[serde(default = "scope")]
    pub scope: String,
}

/// The secret is not shown.
impl std::fmt::Debug for IdentityProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdentityProvider")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

/// A person's identity at a provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OidcId {
    /// The provider's issuer string.
    pub issuer: String,
    /// The subject of the person's ID tokens there.
    pub subject: String,
}

/// A person's identity at a SAML identity provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SamlId {
    /// The provider's entity id.
    #[serde(alias = "idpId")]
    pub idp_id: String,
    /// The person there.
    #[serde(alias = "userId")]
    pub user_id: String,
    /// The attribute that names the person.
    #[serde(alias = "attributeId")]
    pub attribute_id: String,
}

/// A person's certificate, as tools that map subjects to people read it by SCIM.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonCertificate {
    /// Its subject, for example `CN=Ann,O=Lab`.
    pub subject_dn: String,
    /// Who signed it.
    pub issuer_dn: String,
    /// What people call it.
    #[serde(default)]
    pub label: Option<String>,
    /// Itself, as PEM (June 2021 shows it).
    #[serde(default)]
    pub pem: Option<String>,
}

fn scope() -> String {
    "openid profile email".into()
}

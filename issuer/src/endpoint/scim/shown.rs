//! People and groups as SCIM shows them (RFC 7643; issuer page §2.10).

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{GROUP, USER};
use crate::config::PersonCertificate;
use crate::issuer::Issuer;
use crate::membership::{Membership, listed};
use crate::store::User;
use crate::store::people::Group;

/// A moment as Java's JSON library writes it.
pub(crate) fn moment(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .unwrap_or_default()
        .to_string()
        .replace('Z', ".000Z")
}

pub(super) fn user(issuer: &Issuer, user: &User) -> Value {
    let link = |one: &Membership| {
        let uuid = &one.uuid;
        json!({ "display": one.name, "value": uuid, "$ref": issuer.url(&format!("scim/Groups/{uuid}")) })
    };
    let at = moment(user.updated_at);
    let mut indigo = Map::new();
    if !user.oidc_ids.is_empty() {
        indigo.insert("oidcIds".into(), json!(user.oidc_ids));
    }
    if !user.saml_ids.is_empty() {
        let ids = user.saml_ids.iter().map(|id| {
            json!({ "idpId": id.idp_id, "userId": id.user_id, "attributeId": id.attribute_id })
        });
        indigo.insert("samlIds".into(), ids.collect());
    }
    if !issuer.rules.then() {
        indigo.insert("serviceAccount".into(), false.into());
    }
    if !user.certificates.is_empty() {
        let all = user.certificates.iter().enumerate();
        let shown = all.map(|(index, one)| certificate(issuer, one, index == 0, &at));
        indigo.insert("certificates".into(), shown.collect());
    }
    let groups = listed(issuer, user);
    let mut body = json!({
        "id": &*user.uuid,
        "meta": {
            "created": at, "lastModified": at, "location": issuer.url(&format!("scim/Users/{}", user.uuid)), "resourceType": "User"
        },
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", USER],
        "userName": &*user.username,
        "name": { "familyName": user.family_name, "formatted": user.name, "givenName": user.given_name },
        "displayName": &*user.username,
        "active": user.active,
        "emails": [{ "type": "work", "value": user.email, "primary": true }],
    });
    // What is empty is not there.
    if !groups.is_empty() {
        body["groups"] = groups.iter().map(link).collect();
    }
    if !indigo.is_empty() {
        body[USER] = Value::Object(indigo);
    }
    body
}

/// A certificate; since 1.12 without itself.
fn certificate(issuer: &Issuer, one: &PersonCertificate, primary: bool, at: &str) -> Value {
    let mut shown = Map::new();
    let mut put = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    put("primary", primary.into());
    put("subjectDn", one.subject_dn.as_str().into());
    put("issuerDn", one.issuer_dn.as_str().into());
    if let Some(pem) = one.pem.as_deref().filter(|_| issuer.rules.then()) {
        put("pemEncodedCertificate", pem.into());
    }
    if let Some(label) = &one.label {
        put("display", label.as_str().into());
    }
    put("created", at.into());
    put("lastModified", at.into());
    put("hasProxyCertificate", false.into());
    Value::Object(shown)
}

pub(super) fn group(issuer: &Issuer, group: &Group, all: &[Group]) -> Value {
    let parent = group
        .name
        .rsplit_once('/')
        .map(|(parent, _)| parent)
        .filter(|parent| !parent.is_empty());
    let parent = parent.and_then(|name| all.iter().find(|g| *g.name == *name)).map(|g| {
        json!({
            "display": g.name.trim_start_matches('/'), "value": &*g.uuid, "$ref": issuer.url(&format!("scim/Groups/{}", g.uuid))
        })
    });
    let labels = group
        .optional
        .then(|| json!([{ "prefix": null, "name": "wlcg.optional-group", "value": null }]));
    let at = moment(issuer.now());
    json!({
        "id": &*group.uuid,
        "meta": {
            "created": at, "lastModified": at, "location": issuer.url(&format!("scim/Groups/{}", group.uuid)), "resourceType": "Group"
        },
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group", GROUP],
        "displayName": group.name.trim_start_matches('/'),
        GROUP: { "parentGroup": parent, "description": group.description, "labels": labels },
    })
}

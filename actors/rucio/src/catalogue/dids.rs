//! Data identifiers in the catalogue: creating, attaching, closing (rucio page §1.4).

use serde_json::{Value, json};

use super::{Catalogue, FileSpec, Given};
use crate::did::{Did, DidName, DidType};
use crate::errors::RucioError;

/// Metadata that nobody has set: the keys are there all the same.
const UNSET: [&str; 25] = [
    "length",
    "project",
    "task_id",
    "is_archive",
    "datatype",
    "panda_id",
    "constituent",
    "complete",
    "run_number",
    "lumiblocknr",
    "access_cnt",
    "expired_at",
    "stream_name",
    "provenance",
    "phys_group",
    "deleted_at",
    "prod_step",
    "accessed_at",
    "events",
    "version",
    "closed_at",
    "campaign",
    "eol_at",
    "guid",
    "md5",
];

/// What a collection is asked to hold: names, or files with their facts.
pub type Content = Vec<FileSpec>;

impl Catalogue {
    /// Makes a dataset or container.
    pub fn add_collection(
        &mut self,
        name: &DidName,
        kind: DidType,
        account: &str,
        given: &Given<'_>,
    ) -> Result<(), RucioError> {
        if !self.scopes.contains_key(&name.scope) {
            return Err(RucioError::scope_not_found("Scope not found!"));
        }
        if self.dids.contains_key(name) {
            return Err(RucioError::did_already_exists(
                "Data Identifier already exists!",
            ));
        }
        if kind == DidType::File {
            return Err(RucioError::unsupported_operation(
                "Only collection (dataset/container) can be registered.",
            ));
        }
        let name = DidName::checked(&name.scope, &name.name)?;
        self.dids
            .insert(name.clone(), Did::new(name, kind, account, given.now));
        Ok(())
    }

    /// Attaches content to a collection; with an RSE, files that are not known are registered there first.
    ///
    /// Rules on the collection follow at once.
    pub fn attach(
        &mut self,
        parent: &DidName,
        content: &Content,
        rse: Option<&str>,
        account: &str,
        given: &mut Given<'_>,
    ) -> Result<(), RucioError> {
        let collection = self.did(parent)?;
        let kind = collection.kind;
        if kind == DidType::File {
            return Err(RucioError::unsupported_operation(format!(
                "Data identifier '{parent}' is a file"
            )));
        }
        if !collection.open {
            return Err(RucioError::unsupported_operation(format!(
                "Data identifier '{parent}' is closed"
            )));
        }
        if let Some(rse) = rse {
            self.add_replicas(rse, content, account, given)?;
        }
        for file in content {
            let child = self
                .dids
                .get(&file.name)
                .ok_or_else(|| RucioError::no_such_did(&file.name))?;
            let fits = match kind {
                DidType::Dataset => child.kind == DidType::File,
                _ => child.kind != DidType::File,
            };
            if !fits {
                return Err(RucioError::unsupported_operation(format!(
                    "{} can not hold {}",
                    kind.as_str(),
                    child.kind.as_str()
                )));
            }
            if self.dids[parent].children.contains(&file.name) {
                return Err(RucioError::file_already_exists(
                    "Data identifier already added to the destination content",
                ));
            }
        }
        for file in content {
            if let Some(did) = self.dids.get_mut(parent) {
                did.children.insert(file.name.clone());
                did.updated_at = given.now;
            }
            if let Some(child) = self.dids.get_mut(&file.name) {
                child.parents.insert(parent.clone());
            }
        }
        self.evaluate(parent, given);
        Ok(())
    }

    /// Takes content out of a collection.
    pub fn detach(
        &mut self,
        parent: &DidName,
        content: &[DidName],
        given: &Given<'_>,
    ) -> Result<(), RucioError> {
        let collection = self.did(parent)?;
        if collection.monotonic {
            return Err(RucioError::unsupported_operation(format!(
                "Data identifier '{parent}' is monotonic"
            )));
        }
        for child in content {
            if !collection.children.contains(child) {
                return Err(RucioError::did_not_found(format!(
                    "Detach failed: data identifier '{child}' is not attached to '{parent}'"
                )));
            }
        }
        for child in content {
            if let Some(did) = self.dids.get_mut(parent) {
                did.children.shift_remove(child);
                did.updated_at = given.now;
            }
            if let Some(did) = self.dids.get_mut(child) {
                did.parents.shift_remove(parent);
            }
        }
        Ok(())
    }

    /// Opens or closes a collection.
    pub fn set_open(
        &mut self,
        name: &DidName,
        open: bool,
        given: &Given<'_>,
    ) -> Result<(), RucioError> {
        let did = self
            .dids
            .get_mut(name)
            .ok_or_else(|| RucioError::no_such_did(name))?;
        if did.kind == DidType::File || did.open == open {
            return Err(RucioError::unsupported_operation(format!(
                "The status of the data identifier '{name}' cannot be changed"
            )));
        }
        did.open = open;
        did.updated_at = given.now;
        Ok(())
    }

    /// The data identifier as `GET /dids/<s>/<n>` shows it.
    pub fn did_json(&self, name: &DidName, depth: bool) -> Result<Value, RucioError> {
        let did = self.did(name)?;
        if did.kind == DidType::File {
            return Ok(json!({
                "scope": did.name.scope, "name": did.name.name, "type": did.kind.as_str(), "account": did.account,
                "bytes": did.bytes, "length": 1, "md5": did.md5, "adler32": did.adler32,
            }));
        }
        let (length, bytes) = if depth {
            (json!(did.children.len()), json!(self.bytes_of(name)))
        } else {
            (Value::Null, Value::Null)
        };
        Ok(json!({
            "scope": did.name.scope, "name": did.name.name, "type": did.kind.as_str(), "account": did.account,
            "open": did.open, "monotonic": did.monotonic, "expired_at": null, "length": length, "bytes": bytes,
        }))
    }

    /// All metadata: every key must be there, the client indexes them.
    pub fn meta_json(&self, name: &DidName) -> Result<Value, RucioError> {
        let did = self.did(name)?;
        let file = did.kind == DidType::File;
        let mut meta: Value = UNSET
            .iter()
            .map(|key| ((*key).to_owned(), Value::Null))
            .collect();
        let known = json!({
            "hidden": false, "obsolete": false, "md5": did.md5, "name": did.name.name, "adler32": did.adler32, "scope": did.name.scope,
            "is_new": true, "created_at": crate::answers::date(did.created_at), "account": did.account, "availability": "AVAILABLE",
            "purge_replicas": true, "transient": false, "updated_at": crate::answers::date(did.updated_at),
            "did_type": did.kind.as_str(), "suppressed": false, "is_open": (!file).then_some(did.open), "bytes": did.bytes,
            "monotonic": did.monotonic, "guid": did.guid,
        });
        if let (Some(object), Value::Object(known)) = (meta.as_object_mut(), known) {
            object.extend(known);
            object.extend(did.meta.clone());
        }
        Ok(meta)
    }
}

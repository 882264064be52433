//! Accounts and identities in the catalogue, and who may do what (rucio page §1.3, §1.4).

use indexmap::IndexSet;
use jiff::Timestamp;

use super::Catalogue;
use crate::account::{Account, Identity, IdentityType, oidc_identity};
use crate::config::{AccountType, Config, Policy};
use crate::errors::RucioError;

/// The account that always exists.
const ROOT: &str = "root";

impl Catalogue {
    pub(super) fn add_configured_accounts(&mut self, config: &Config, now: Timestamp) {
        self.accounts.insert(
            ROOT.to_owned(),
            Account::new(ROOT, AccountType::Service, None, now),
        );
        for (name, wanted) in &config.accounts {
            let mut account = Account::new(name, wanted.r#type, wanted.email.clone(), now);
            if name == ROOT {
                account.kind = AccountType::Service;
            }
            account.limits.clone_from(&wanted.limits);
            if wanted.admin {
                account.attributes.insert("admin".into(), "True".into());
            }
            self.accounts.insert(name.clone(), account);
            for (user, password) in &wanted.userpass {
                self.map_identity(
                    IdentityType::Userpass,
                    user,
                    Some(password.clone()),
                    wanted.email.clone(),
                    name,
                );
            }
            for identity in &wanted.oidc {
                let key = if identity.starts_with("SUB=") {
                    identity.clone()
                } else {
                    oidc_identity(identity, &config.issuer)
                };
                self.map_identity(IdentityType::Oidc, &key, None, wanted.email.clone(), name);
            }
            for scope in &wanted.scopes {
                self.scopes.insert(scope.clone(), name.clone());
            }
        }
    }

    /// Lets an identity open an account; the first account becomes its default.
    pub fn map_identity(
        &mut self,
        kind: IdentityType,
        key: &str,
        password: Option<String>,
        email: Option<String>,
        account: &str,
    ) {
        let at = self
            .identities
            .iter()
            .position(|i| i.kind == kind && i.key == key)
            .unwrap_or_else(|| {
                self.identities.push(Identity {
                    kind,
                    key: key.to_owned(),
                    password: None,
                    email: None,
                    accounts: IndexSet::new(),
                });
                self.identities.len() - 1
            });
        let identity = &mut self.identities[at];
        if password.is_some() {
            identity.password = password;
        }
        if email.is_some() {
            identity.email = email;
        }
        identity.accounts.insert(account.to_owned());
    }

    /// Takes an identity away from an account.
    pub fn unmap_identity(&mut self, kind: IdentityType, key: &str, account: &str) -> bool {
        let Some(identity) = self
            .identities
            .iter_mut()
            .find(|i| i.kind == kind && i.key == key)
        else {
            return false;
        };
        let was = identity.accounts.shift_remove(account);
        self.identities.retain(|i| !i.accounts.is_empty());
        was
    }

    /// The identity of a kind with that key.
    pub fn identity(&self, kind: IdentityType, key: &str) -> Option<&Identity> {
        self.identities
            .iter()
            .find(|i| i.kind == kind && i.key == key)
    }

    /// An account that must exist.
    pub fn account(&self, name: &str) -> Result<&Account, RucioError> {
        self.accounts.get(name).ok_or_else(|| {
            RucioError::account_not_found(format!("Account with ID '{name}' cannot be found"))
        })
    }

    /// An account that must exist, to change it.
    pub fn account_mut(&mut self, name: &str) -> Result<&mut Account, RucioError> {
        self.accounts.get_mut(name).ok_or_else(|| {
            RucioError::account_not_found(format!("Account with ID '{name}' cannot be found"))
        })
    }

    /// Whether an account administers: `root`, the attribute `admin`, or the policy `open`.
    pub fn is_admin(&self, account: &str) -> bool {
        self.policy == Policy::Open
            || account == ROOT
            || self.accounts.get(account).is_some_and(Account::is_admin)
    }

    /// Refuses unless the account administers; `what` completes "Account alice can not …".
    pub fn only_admin(&self, account: &str, what: &str) -> Result<(), RucioError> {
        if self.is_admin(account) {
            Ok(())
        } else {
            Err(RucioError::access_denied(format!(
                "Account {account} can not {what}."
            )))
        }
    }

    /// Refuses unless the account administers or owns the scope.
    pub fn only_owner_of(&self, account: &str, scope: &str, what: &str) -> Result<(), RucioError> {
        match self.scopes.get(scope) {
            Some(owner) if owner == account => Ok(()),
            _ => self.only_admin(account, what),
        }
    }
}

//! People and groups.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use super::{Signature, read, write};
use crate::config::{GroupConfig, OidcId, PersonCertificate, SamlId, UserConfig};
use crate::groups::Memberships;
use crate::order;
use crate::policies::Person;
use crate::quirks::Rules;

/// A person as the issuer works with it.
#[derive(Clone, Debug)]
pub struct User {
    /// Subject of the person's tokens.
    pub uuid: Arc<str>,
    /// Login name.
    pub username: Arc<str>,
    /// Password.
    pub password: String,
    /// Who this person is at home institutes.
    pub oidc_ids: Vec<OidcId>,
    /// Who this person is at SAML identity providers.
    pub saml_ids: Vec<SamlId>,
    /// Certificates; the first is the primary one.
    pub certificates: Vec<PersonCertificate>,
    /// Administers the issuer.
    pub admin: bool,
    /// May log in.
    pub active: bool,
    /// The acceptable use policy as this person signed it.
    pub aup_signature: Option<Signature>,
    /// First name.
    pub given_name: String,
    /// Last name.
    pub family_name: String,
    /// Whole name.
    pub name: String,
    /// Mail address.
    pub email: String,
    /// Whether it was verified.
    pub email_verified: bool,
    /// Last change, Unix seconds.
    pub updated_at: i64,
    /// Groups.
    pub memberships: Memberships,
}

impl User {
    /// As the scope policies see it.
    pub fn person(&self) -> Person<'_> {
        Person {
            username: &self.username,
            groups: &self.memberships.all,
            admin: self.admin,
        }
    }
}

/// A group.
#[derive(Clone, Debug)]
pub struct Group {
    /// Full name with its leading slash.
    pub name: Arc<str>,
    /// Asserted only when named.
    pub optional: bool,
    /// Its id at the SCIM interface.
    pub uuid: Arc<str>,
    /// For people.
    pub description: Option<String>,
}

/// Whom an institute's subject stands for.
#[derive(Clone, Debug)]
pub enum External {
    /// A person who may come in.
    Member(Arc<User>),
    /// A person who may not.
    Suspended(Arc<User>),
    /// Nobody here.
    Unknown,
}

#[derive(Debug, Default)]
struct Book {
    users: HashMap<Arc<str>, Arc<User>>,
    by_name: HashMap<Arc<str>, Arc<str>>,
    groups: Vec<Group>,
    ranks: HashMap<Arc<str>, (usize, bool)>,
    by_code_unit: bool,
}

/// All people and groups.
#[derive(Debug, Default)]
pub struct People {
    book: RwLock<Book>,
}

/// A group's full name with its leading slash.
pub fn full_name(name: &str) -> String {
    format!("/{}", name.trim_start_matches('/'))
}

impl Book {
    fn rank(&mut self) {
        let ranked = self
            .groups
            .iter()
            .enumerate()
            .map(|(i, g)| (Arc::clone(&g.name), (i, g.optional)));
        self.ranks = ranked.collect();
    }

    fn memberships(&self, given: Vec<Arc<str>>) -> Memberships {
        let mut all: Vec<Arc<str>> = Vec::with_capacity(given.len());
        for name in given {
            if all.contains(&name) {
                continue;
            }
            // Everybody's membership in a group shares the group's own name.
            match self.ranks.get_key_value(&name) {
                Some((shared, _)) => all.push(Arc::clone(shared)),
                None => all.push(name),
            }
        }
        // A group that nobody configured is a default group, after the configured ones.
        let rank = |name: &Arc<str>| self.ranks.get(name).map_or(usize::MAX, |(rank, _)| *rank);
        if self.by_code_unit {
            all.sort_by(|a, b| order::by_utf16(a, b));
        } else {
            all.sort_by_key(rank);
        }
        let optional =
            |name: &Arc<str>| self.ranks.get(name).is_some_and(|(_, optional)| *optional);
        let mut defaults = Vec::with_capacity(all.len());
        defaults.extend(all.iter().filter(|name| !optional(name)).cloned());
        Memberships { all, defaults }
    }
}

impl People {
    /// People and groups of a configuration. IAM sorts default groups by name, strict keeps the administrator's order.
    pub fn new(
        users: &[UserConfig],
        groups: &[GroupConfig],
        rules: &Rules,
        now: i64,
        mut uuid: impl FnMut() -> String,
    ) -> Self {
        let mut book = Book {
            by_code_unit: !rules.strict(),
            ..Book::default()
        };
        for group in groups {
            book.groups.push(Group {
                name: full_name(&group.name).into(),
                optional: group.optional,
                uuid: group.uuid.clone().unwrap_or_else(&mut uuid).into(),
                description: group.description.clone(),
            });
        }
        book.rank();
        let people = Self {
            book: RwLock::new(book),
        };
        for config in users {
            people.add(config, now, &mut uuid);
        }
        people
    }

    /// Adds or replaces a person.
    pub fn add(&self, config: &UserConfig, now: i64, uuid: impl FnOnce() -> String) -> Arc<User> {
        let mut book = write(&self.book);
        let groups = config
            .groups
            .iter()
            .map(|name| full_name(name).into())
            .collect();
        let capital = |text: &str| {
            let mut chars = text.chars();
            chars
                .next()
                .map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
        };
        let given_name = config
            .given_name
            .clone()
            .unwrap_or_else(|| capital(&config.username));
        let family_name = config.family_name.clone().unwrap_or_else(|| "User".into());
        let old = book.by_name.get(config.username.as_str()).cloned();
        let user = User {
            uuid: old.unwrap_or_else(|| config.uuid.clone().unwrap_or_else(uuid).into()),
            username: config.username.as_str().into(),
            password: config.password.clone(),
            oidc_ids: config.oidc_ids.clone(),
            saml_ids: config.saml_ids.clone(),
            certificates: config.certificates.clone(),
            admin: config.admin,
            active: config.active,
            aup_signature: config.aup_signed.then_some(Signature {
                at: now,
                edition: 1,
            }),
            name: config
                .name
                .clone()
                .unwrap_or_else(|| format!("{given_name} {family_name}")),
            given_name,
            family_name,
            email: config
                .email
                .clone()
                .unwrap_or_else(|| format!("{}@example.org", config.username)),
            email_verified: config.email_verified,
            updated_at: now,
            memberships: book.memberships(groups),
        };
        let user = Arc::new(user);
        book.by_name
            .insert(Arc::clone(&user.username), Arc::clone(&user.uuid));
        book.users.insert(Arc::clone(&user.uuid), Arc::clone(&user));
        user
    }

    /// The person of that subject.
    pub fn by_uuid(&self, uuid: &str) -> Option<Arc<User>> {
        read(&self.book).users.get(uuid).cloned()
    }

    /// The person of that login name.
    pub fn by_name(&self, username: &str) -> Option<Arc<User>> {
        let book = read(&self.book);
        book.by_name
            .get(username)
            .and_then(|uuid| book.users.get(uuid))
            .cloned()
    }

    /// The person whom a home institute knows by that subject.
    pub fn by_external(&self, issuer: &str, subject: &str) -> External {
        let book = read(&self.book);
        let linked = |id: &OidcId| id.issuer == issuer && id.subject == subject;
        let user = book
            .users
            .values()
            .find(|user| user.oidc_ids.iter().any(linked));
        match user {
            None => External::Unknown,
            Some(user) if user.active => External::Member(Arc::clone(user)),
            Some(user) => External::Suspended(Arc::clone(user)),
        }
    }

    /// Changes a person.
    pub fn change(&self, uuid: &str, change: impl FnOnce(&mut User)) -> Option<Arc<User>> {
        let mut book = write(&self.book);
        let mut user = User::clone(book.users.get(uuid)?);
        let known_as = Arc::clone(&user.username);
        change(&mut user);
        if user.username != known_as {
            book.by_name.remove(&known_as);
            book.by_name
                .insert(Arc::clone(&user.username), Arc::clone(&user.uuid));
        }
        user.memberships = book.memberships(std::mem::take(&mut user.memberships.all));
        let user = Arc::new(user);
        book.users.insert(Arc::clone(&user.uuid), Arc::clone(&user));
        Some(user)
    }

    /// Removes a person.
    pub fn remove(&self, uuid: &str) -> bool {
        let mut book = write(&self.book);
        match book.users.remove(uuid) {
            Some(user) => book.by_name.remove(&user.username).is_some(),
            None => false,
        }
    }

    /// Everybody, sorted by login name.
    pub fn all(&self) -> Vec<Arc<User>> {
        let mut all: Vec<_> = read(&self.book).users.values().cloned().collect();
        all.sort_by(|a, b| a.username.cmp(&b.username));
        all
    }

    /// All groups, in the administrator's order.
    pub fn groups(&self) -> Vec<Group> {
        read(&self.book).groups.clone()
    }

    /// Adds a group; `None` when there is one of that name.
    pub fn add_group(&self, config: &GroupConfig, uuid: impl FnOnce() -> String) -> Option<Group> {
        let mut book = write(&self.book);
        let name: Arc<str> = full_name(&config.name).into();
        if book.groups.iter().any(|g| g.name == name) {
            return None;
        }
        let group = Group {
            name,
            optional: config.optional,
            uuid: config.uuid.clone().unwrap_or_else(uuid).into(),
            description: config.description.clone(),
        };
        book.groups.push(group.clone());
        book.rank();
        Some(group)
    }

    /// Gives a group another name and description; the groups below it and everybody's memberships follow. False when
    /// another group has that name, or there is no such group.
    pub fn rename_group(&self, uuid: &str, name: &str, description: Option<&str>) -> bool {
        let mut book = write(&self.book);
        let taken = book
            .groups
            .iter()
            .any(|g| *g.name == *name && *g.uuid != *uuid);
        let old = book
            .groups
            .iter()
            .find(|g| *g.uuid == *uuid)
            .map(|g| Arc::clone(&g.name));
        let (Some(old), false) = (old, taken) else {
            return false;
        };
        let renamed = |one: &Arc<str>| match one.strip_prefix(&*old) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                format!("{name}{rest}").into()
            }
            _ => Arc::clone(one),
        };
        for group in &mut book.groups {
            group.name = renamed(&group.name);
            if *group.uuid == *uuid {
                group.description = description.map(str::to_owned);
            }
        }
        book.rank();
        let users: Vec<_> = book.users.values().cloned().collect();
        for user in users {
            let mut user = User::clone(&user);
            user.memberships = book.memberships(user.memberships.all.iter().map(renamed).collect());
            book.users.insert(Arc::clone(&user.uuid), Arc::new(user));
        }
        true
    }

    /// Removes a group and every membership in it.
    pub fn remove_group(&self, uuid: &str) -> bool {
        let mut book = write(&self.book);
        let Some(at) = book.groups.iter().position(|g| *g.uuid == *uuid) else {
            return false;
        };
        let gone = book.groups.remove(at);
        book.rank();
        let users: Vec<_> = book
            .users
            .values()
            .filter(|u| u.memberships.all.contains(&gone.name))
            .cloned()
            .collect();
        for user in users {
            let mut user = User::clone(&user);
            user.memberships = book.memberships(
                user.memberships
                    .all
                    .into_iter()
                    .filter(|g| *g != gone.name)
                    .collect(),
            );
            book.users.insert(Arc::clone(&user.uuid), Arc::new(user));
        }
        true
    }
}

//! The running issuer: its settings, its stores, and its pen for the journal.

use std::sync::{Arc, RwLock};

use carnet_stage::{Actor, Event, Judged, Seq};
use rand::RngCore as _;

pub use carnet_stage::CheckRecord;

use crate::answer::{Answers, Caching};
use crate::config::{
    Config, stock_exchange_policies, stock_matchers, stock_scope_policies, stock_system_scopes,
};
use crate::errors::Refusal;
use crate::exchange::ExchangePolicies;
use crate::institute::Line;
use crate::keys::{Keys, SigningKey};
use crate::pages::Pages;
use crate::policies::ScopePolicies;
use crate::quirks::{Quirk, Rules};
use crate::scopes::Catalogue;
use crate::store::{
    AupBook, Client, Clients, Pending, People, Signature, Standing, Tokens, User, read, write,
};

/// An issuer. One per actor, shared by all its requests.
pub struct Issuer {
    /// The actor it is.
    pub actor: Actor,
    /// Its settings, without the people.
    pub config: Config,
    /// The behaviour in force.
    pub rules: Rules,
    /// The issuer string of its tokens.
    pub iss: Arc<str>,
    /// Its base URL without a final slash.
    pub base: String,
    /// Scope matchers and system scopes.
    pub catalogue: Catalogue,
    /// Clients.
    pub clients: Clients,
    /// People and groups.
    pub people: People,
    /// Tokens.
    pub tokens: Tokens,
    /// What is under way.
    pub pending: Pending,
    /// Scope policies.
    pub scope_policies: RwLock<Arc<ScopePolicies>>,
    /// Exchange policies.
    pub exchange_policies: RwLock<Arc<ExchangePolicies>>,
    /// Policies as configured, for the admin listener.
    pub policy_texts: RwLock<PolicyTexts>,
    /// The acceptable use policy in force.
    pub aup: RwLock<AupBook>,
    /// Lines to home institutes.
    pub(crate) institutes: Vec<Line>,
    /// When it came up, Unix seconds.
    pub started: i64,
    /// Signing keys.
    pub keys: Keys,
    /// Makes answers.
    pub answers: Answers,
    /// Pages for people.
    pub pages: Pages,
}

/// Policies as configured.
#[derive(Clone, Debug, Default)]
pub struct PolicyTexts {
    /// Scope policies.
    pub scope: Vec<crate::config::ScopePolicyConfig>,
    /// Exchange policies.
    pub exchange: Vec<crate::config::ExchangePolicyConfig>,
    /// Their numbers, as the administration interface names them.
    pub exchange_ids: Vec<u64>,
    /// The last number given.
    pub last_id: u64,
    /// The scope policies' numbers.
    pub scope_ids: Vec<u64>,
    /// The last of them given.
    pub last_scope_id: u64,
}

impl PolicyTexts {
    /// Numbers all scope policies anew, after those that were given before.
    pub fn number_scope(&mut self) {
        let first = self.last_scope_id + 1;
        self.last_scope_id += self.scope.len() as u64;
        self.scope_ids = (first..=self.last_scope_id).collect();
    }

    /// Adds a scope policy and gives its number.
    pub fn add_scope(&mut self, policy: crate::config::ScopePolicyConfig) -> u64 {
        self.last_scope_id += 1;
        self.scope.push(policy);
        self.scope_ids.push(self.last_scope_id);
        self.last_scope_id
    }
}

impl Issuer {
    /// Builds the stores; the keys come later.
    pub fn new(actor: Actor, mut config: Config) -> Self {
        let rules = Rules::new(config.compat, &config.quirks);
        let base = actor.base_url();
        let iss: Arc<str> = config
            .issuer
            .clone()
            .unwrap_or_else(|| format!("{base}/"))
            .into();
        let matchers = config
            .scope_matchers
            .clone()
            .unwrap_or_else(|| stock_matchers(config.compat));
        let system = config
            .system_scopes
            .clone()
            .unwrap_or_else(|| stock_system_scopes(config.compat));
        let catalogue = Catalogue::new(
            &matchers,
            system.into_iter().map(|s| s.scope).collect(),
            &rules,
        );
        let clients = Clients::default();
        for client in &config.clients {
            clients.put(Client::new(client, &config.lifetimes, &catalogue, || {
                secret(&actor)
            }));
        }
        let now = actor.clock().seconds();
        // There may be ten thousand people; the store has all that was told of them.
        let users = std::mem::take(&mut config.users);
        let people = People::new(&users, &config.groups, &rules, now, || {
            actor.uuid().to_string()
        });
        drop(users);
        let mut texts = PolicyTexts {
            exchange_ids: Vec::new(),
            last_id: 0,
            scope_ids: Vec::new(),
            last_scope_id: 0,
            scope: config
                .scope_policies
                .clone()
                .unwrap_or_else(stock_scope_policies),
            exchange: config
                .exchange_policies
                .clone()
                .unwrap_or_else(stock_exchange_policies),
        };
        texts.last_id = texts.exchange.len() as u64;
        texts.exchange_ids = (1..=texts.last_id).collect();
        texts.number_scope();
        Self {
            aup: RwLock::new(AupBook::new(config.aup.as_ref(), now)),
            scope_policies: RwLock::new(Arc::new(ScopePolicies::new(&texts.scope, &rules))),
            exchange_policies: RwLock::new(Arc::new(ExchangePolicies::new(
                &texts.exchange,
                &rules,
            ))),
            policy_texts: RwLock::new(texts),
            answers: Answers::new(rules.clone(), actor.host()),
            pages: Pages::new(&config.organisation),
            tokens: Tokens::default(),
            pending: Pending::default(),
            institutes: config
                .identity_providers
                .iter()
                .cloned()
                .map(Line::new)
                .collect(),
            started: now,
            keys: Keys::default(),
            actor,
            config,
            rules,
            iss,
            base,
            catalogue,
            clients,
            people,
        }
    }

    /// The clock's Unix seconds.
    pub fn now(&self) -> i64 {
        self.actor.clock().seconds()
    }

    /// Whether a quirk is on.
    pub fn has(&self, quirk: Quirk) -> bool {
        self.rules.has(quirk)
    }

    /// The scope policies in force.
    pub fn scope_policies(&self) -> Arc<ScopePolicies> {
        Arc::clone(&read(&self.scope_policies))
    }

    /// The exchange policies in force.
    pub fn exchange_policies(&self) -> Arc<ExchangePolicies> {
        Arc::clone(&read(&self.exchange_policies))
    }

    /// The key that signs, after the schedule was looked at.
    pub async fn signer(&self) -> Result<Arc<SigningKey>, Refusal> {
        self.keys.signer().await.map_err(|why| {
            self.actor.note(format!("no signing key: {why}"));
            Refusal::internal()
        })
    }

    /// A refusal as an answer.
    pub fn refuse(&self, refusal: &Refusal, caching: Caching) -> axum::response::Response {
        self.answers.refuse(refusal, caching, &self.pages)
    }

    /// Records a judgement with its checks.
    pub fn judged(
        &self,
        jti: Option<String>,
        demand: String,
        granted: bool,
        checks: Vec<CheckRecord>,
        hint: Option<String>,
    ) -> Seq {
        let by = self.actor.name().to_owned();
        self.actor.record(Event::Judged(Box::new(Judged {
            by,
            jti,
            demand,
            granted,
            checks,
            hint,
            ..Judged::default()
        })))
    }

    /// Whether a person must sign the acceptable use policy before going on.
    pub fn must_sign(&self, user: &User, now: i64) -> bool {
        let book = read(&self.aup);
        let aup = book.current();
        aup.is_some_and(|aup| aup.standing(user.aup_signature, now) != Standing::Good)
    }

    /// A person accepts the policy in force.
    pub fn sign_aup(&self, uuid: &str, now: i64) {
        let edition = read(&self.aup).current().map_or(1, |aup| aup.edition);
        self.people.change(uuid, |user| {
            user.aup_signature = Some(Signature { at: now, edition });
        });
    }

    /// There is no policy any more, and so no signature.
    pub fn clear_aup(&self) {
        write(&self.aup).clear();
        for user in self.people.all() {
            if user.aup_signature.is_some() {
                self.people
                    .change(&user.uuid, |user| user.aup_signature = None);
            }
        }
    }

    /// A path of this issuer as an absolute URL.
    pub fn url(&self, path: &str) -> String {
        format!("{}/{}", self.base, path.trim_start_matches('/'))
    }

    /// The issuer with exactly one final slash, as IAM's metadata has it.
    pub fn iss_with_slash(&self) -> String {
        format!("{}/", self.iss.trim_end_matches('/'))
    }

    /// Random text of the URL-safe alphabet.
    pub fn random_text(&self, bytes: usize) -> String {
        let mut buffer = vec![0; bytes];
        self.actor.random(|random| random.fill_bytes(&mut buffer));
        carnet_profile::jose::base64url(buffer)
    }
}

/// A client secret of 512 bits.
pub(crate) fn secret(actor: &Actor) -> String {
    let mut buffer = [0; 64];
    actor.random(|random| random.fill_bytes(&mut buffer));
    carnet_profile::jose::base64url(buffer)
}

/// One line of a judgement.
pub fn check(
    name: &str,
    ok: bool,
    saw: impl Into<String>,
    wanted: impl Into<String>,
) -> CheckRecord {
    CheckRecord {
        name: name.to_owned().into(),
        ok,
        saw: saw.into().into(),
        wanted: wanted.into().into(),
    }
}

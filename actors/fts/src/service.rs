//! The running server: the book behind a lock, and the tasks that carry out what the book decides.
//!
//! Nothing here waits in a loop: the dispatcher sleeps until the book's next moment or until it is woken, transfers and
//! exchanges are tasks of their own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use carnet_stage::{Actor, Event, FaultEvent, Seq, StateChange, current_cause, with_cause};
use futures_util::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, Semaphore, watch};

use crate::auth::Door;
use crate::book::{Book, Change, Started};
use crate::config::{Config, IssuerUnreachable, TokenModel};
use crate::exchange::{Needs, discreet, real_exchange, seed_exchange, understand};
use crate::issuers::Issuers;
use crate::job::FileId;
use crate::remote::Remote;
use crate::tokens::{Secret, TokenRow};
use crate::transfer::{Orders, carry};

/// Issuer calls in flight during an exchange round (`InternalThreadPool`).
const EXCHANGE_WORKERS: usize = 5;
/// Rows of one exchange round (`TokenExchangeBulkSize`).
const EXCHANGE_BULK: usize = 500;
/// Seconds between two tries while an issuer is unreachable (restart of the real daemon).
const CRASH_LOOP: i64 = 70;
/// Pause between scheduling passes when the real rounds are kept.
const SCHEDULING_ROUND: Duration = Duration::from_secs(2);
/// Pause between exchange rounds when the real rounds are kept.
const EXCHANGE_ROUND: SignedDuration = SignedDuration::from_secs(30);

/// The server.
pub struct Service {
    me: Weak<Self>,
    actor: Actor,
    config: Config,
    book: Mutex<Book>,
    issuers: Issuers,
    door: Door,
    remote: Remote,
    wake: Notify,
    token_moved: Notify,
    issuer_calls: Semaphore,
    agents: Mutex<HashMap<FileId, watch::Sender<bool>>>,
}

impl Service {
    /// A server that does nothing yet; [`Service::dispatch`] gives it life.
    pub fn new(actor: Actor, config: Config) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: me.clone(),
            book: Mutex::new(Book::new(&config, actor.host())),
            issuers: Issuers::new(actor.clone(), &config.issuers, config.tokens),
            door: Door::new(&actor, &config),
            remote: Remote::new(actor.clone(), config.tokens == TokenModel::Today),
            wake: Notify::new(),
            token_moved: Notify::new(),
            issuer_calls: Semaphore::new(EXCHANGE_WORKERS),
            agents: Mutex::default(),
            actor,
            config,
        })
    }

    /// Itself, for tasks that outlive the call.
    pub(crate) fn shared(&self) -> Option<Arc<Self>> {
        self.me.upgrade()
    }

    /// Its footing.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Its configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Its issuers.
    pub fn issuers(&self) -> &Issuers {
        &self.issuers
    }

    /// Its door.
    pub fn door(&self) -> &Door {
        &self.door
    }

    /// Its way to storage elements.
    pub(crate) fn remote(&self) -> &Remote {
        &self.remote
    }

    /// The book. Never held across an await.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.actor.clock().now()
    }

    /// Does something to the book and tells the journal what changed, in one step: no other change comes between.
    pub fn act<R>(&self, deed: impl FnOnce(&mut Book, Timestamp) -> R) -> R {
        self.act_telling(deed).0
    }

    fn act_telling<R>(
        &self,
        deed: impl FnOnce(&mut Book, Timestamp) -> R,
    ) -> (R, Vec<(Change, Seq)>) {
        let now = self.now();
        let mut book = self.book();
        let result = deed(&mut book, now);
        let told = book.take_changes().into_iter().map(|change| {
            let cause = current_cause().or(change.cause);
            let event = Event::State(StateChange {
                entity: change.entity.to_owned(),
                id: change.id.clone(),
                from: change.from.to_owned(),
                to: change.to.to_owned(),
                why: change.why.clone(),
            });
            let seq = self
                .actor
                .journal()
                .record_after(self.actor.name(), cause, event);
            (change, seq)
        });
        (result, told.collect())
    }

    /// A configured fault did something.
    pub(crate) fn told_fault(&self, which: &str, did: &str) {
        self.actor.record(Event::Fault(FaultEvent {
            which: which.into(),
            place: "outgoing".into(),
            did: did.into(),
        }));
    }

    /// Something changed that the dispatcher should look at.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Carries out the book's decisions as they fall due, until the actor stops.
    pub async fn dispatch(self: Arc<Self>) {
        let mut next_round = self.now();
        loop {
            let (started, told) = self.act_telling(|book, now| {
                book.expire(now);
                book.start(now)
            });
            for one in started {
                let cause = one
                    .files
                    .first()
                    .and_then(|file| ready_record(&told, *file));
                let service = Arc::clone(&self);
                with_cause(cause, async { self.actor.spawn(service.run_agent(one)) }).await;
            }
            let now = self.now();
            if !self.config.realistic_rounds {
                self.exchange_now().await;
            } else if now >= next_round {
                self.exchange_round().await;
                next_round = self.now().saturating_add(EXCHANGE_ROUND).unwrap_or(now);
            }
            let next = self.book().next_moment();
            if self.config.realistic_rounds {
                self.actor.clock().sleep(SCHEDULING_ROUND).await;
                continue;
            }
            match next {
                Some(at) => tokio::select! {
                    () = self.wake.notified() => {}
                    () = self.actor.clock().sleep_until(at) => {}
                },
                None => self.wake.notified().await,
            }
        }
    }

    /// Starts the exchanges that are due, each a consequence of what asked for it.
    pub async fn exchange_now(self: &Arc<Self>) {
        let now = self.now().as_second();
        let (rows, told) = self.act_telling(|book, _| book.take_exchanges(now, EXCHANGE_BULK));
        if rows.is_empty() {
            return;
        }
        let cause = told.first().map(|(_, seq)| *seq);
        let service = Arc::clone(self);
        let work = async move { service.exchange_rows(rows).await };
        with_cause(cause, async { self.actor.spawn(work) }).await;
    }

    /// One round of the real daemon: a batch, joined as a whole.
    async fn exchange_round(self: &Arc<Self>) {
        let now = self.now().as_second();
        let rows = self.act(|book, _| book.take_exchanges(now, EXCHANGE_BULK));
        Arc::clone(self).exchange_rows(rows).await;
    }

    async fn exchange_rows(self: Arc<Self>, rows: Vec<TokenRow>) {
        futures_util::stream::iter(rows)
            .for_each_concurrent(EXCHANGE_WORKERS, |row| async {
                self.exchange(row).await;
            })
            .await;
        self.wake();
    }

    /// Flow A6 and B5, or the exchange of the real daemon.
    async fn exchange(&self, row: TokenRow) {
        let (form, needs) = match self.config.tokens {
            TokenModel::Seed => (seed_exchange(&row), Needs::AccessToken),
            TokenModel::Today => (real_exchange(&row), Needs::RefreshToken),
        };
        let answer = {
            // Several submissions share the workers. The semaphore is never closed.
            let _worker = self.issuer_calls.acquire().await;
            self.issuers.post(&row.issuer, form).await
        };
        let client_id = self
            .issuers
            .config(&row.issuer)
            .map(|config| config.client_id.clone())
            .unwrap_or_default();
        let result = match answer {
            Ok((status, body)) => understand(status, &body, needs)
                .map_err(|message| discreet(&message, &[row.access.reveal()], &client_id)),
            Err(silent) if self.config.issuer_unreachable == IssuerUnreachable::CrashLoop => {
                self.act(|book, now| {
                    book.exchange_unanswered(
                        &row.id,
                        &silent.0,
                        now.as_second().saturating_add(CRASH_LOOP),
                    );
                });
                return;
            }
            Err(silent) => Err(silent.0),
        };
        self.act(|book, now| match result {
            Ok(granted) => book.exchanged(&row.id, granted, now),
            Err(message) => book.exchange_refused(&row.id, &message, now),
        });
        self.token_moved.notify_waiters();
        self.wake();
    }

    /// The agent of one unit: its files one after the other, each until it ends or is cancelled.
    async fn run_agent(self: Arc<Self>, unit: Started) {
        for id in &unit.files {
            let (stop, mut stopped) = watch::channel(false);
            self.agents().insert(*id, stop);
            let began = self.act(|book, now| book.agent_began(*id, now));
            if began {
                let orders = {
                    let book = self.book();
                    book.file(*id).and_then(|file| {
                        Some(Orders::new(
                            file,
                            book.job(&file.job)?,
                            self.config.verify_checksum,
                        ))
                    })
                };
                if let Some(orders) = orders {
                    let outcome = tokio::select! {
                        outcome = carry(&self, &orders) => Some(outcome),
                        _ = stopped.wait_for(|stop| *stop) => None,
                    };
                    self.act(|book, now| match outcome {
                        Some(Ok(arrived)) => book.finished(*id, arrived.size, arrived.seconds, now),
                        Some(Err(failure)) => book.failed(*id, &failure, now),
                        None => {}
                    });
                }
            }
            self.agents().remove(id);
        }
        self.act(|book, now| book.agent_ended(unit.unit, &unit.files, now));
        self.wake();
    }

    fn agents(&self) -> MutexGuard<'_, HashMap<FileId, watch::Sender<bool>>> {
        self.agents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops the agents of cancelled files; their connections close, which storage elements notice.
    pub fn stop_agents(&self, files: &[FileId]) {
        let agents = self.agents();
        for file in files {
            if let Some(agent) = agents.get(file) {
                agent.send_replace(true);
            }
        }
    }

    /// The access token of a row as it is now.
    pub(crate) fn access_token(&self, id: &str) -> Secret {
        self.book()
            .tokens()
            .get(id)
            .map_or_else(|| Secret::new(""), |row| row.access.clone())
    }

    /// Waits until a token row changes, unless `ready` says that it has.
    pub(crate) async fn token_moves(&self, mut ready: impl FnMut(&Book) -> bool) {
        loop {
            let moved = self.token_moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            if ready(&self.book()) {
                return;
            }
            moved.await;
        }
    }

    /// A token row changed.
    pub(crate) fn token_has_moved(&self) {
        self.token_moved.notify_waiters();
    }

    /// A marker came.
    pub(crate) fn progress(&self, file: FileId, bytes: u64, seconds: f64) {
        self.book().progress(file, bytes, seconds);
    }

    /// The agent learned size and time limit.
    pub(crate) fn learned(&self, file: FileId, size: Option<u64>, timeout: i64) {
        self.book().learned(file, size, timeout);
    }
}

/// The record that says that a file is READY.
fn ready_record(told: &[(Change, Seq)], file: FileId) -> Option<Seq> {
    let id = file.to_string();
    told.iter()
        .rev()
        .find(|(change, _)| change.entity == "fts.file" && change.id == id)
        .map(|(_, seq)| *seq)
}

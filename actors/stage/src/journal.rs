//! The one ordered journal: numbers every record, keeps it, hands it on in order.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::cause::current_cause;
use crate::clock::Clock;
use crate::event::{Event, Record, Seq};
use crate::redact::redact_event;
use crate::sink::{Lines, write_line};

/// How a journal keeps and shows what it is told.
#[derive(Clone, Debug)]
pub struct JournalOptions {
    /// Records kept in memory; older ones are forgotten (they went to the sinks). `usize::MAX` keeps all.
    pub keep: usize,
    /// Keep tokens and secrets readable. Off unless asked for by name.
    pub reveal: bool,
    /// Longest body text kept, in bytes.
    pub body_limit: usize,
    /// Compute a digest of bodies that are not kept as text.
    pub digests: bool,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self {
            keep: usize::MAX,
            reveal: false,
            body_limit: 64 * 1024,
            digests: true,
        }
    }
}

/// A receiver of finished records, called in the order of their numbers.
pub type Sink = Box<dyn FnMut(&Arc<Record>) + Send>;

/// The journal. Clones write to the same one.
///
/// A record's number is taken when the thing begins ([`Journal::reserve`]) so that consequences can name
/// it, and it is filled in when the thing has ended. Sinks and files see records strictly by number;
/// [`Journal::wait_for`] sees them as soon as they are filled.
#[derive(Clone)]
pub struct Journal {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Clock,
    options: JournalOptions,
    next: AtomicU64,
    /// There are sinks.
    watched: AtomicBool,
    /// There are files.
    lined: AtomicBool,
    inner: Mutex<Inner>,
    filled: watch::Sender<u64>,
    moved: Arc<AtomicU64>,
}

struct Inner {
    /// What is filled and waits for an earlier number.
    waiting: BTreeMap<Seq, Told>,
    /// The next number the sinks and files will see.
    due: Seq,
    /// Records in the order they were filled, the last `keep`.
    kept: VecDeque<Arc<Record>>,
    /// How many were dropped from the front of `kept`.
    forgotten: u64,
    sinks: Vec<Sink>,
    files: Vec<Arc<Lines>>,
    /// Rooms of lines that have waited.
    spare: Vec<Vec<u8>>,
}

/// A filled record as sinks and files want it.
struct Told {
    record: Option<Arc<Record>>,
    line: Vec<u8>,
}

/// Rooms for lines that are kept for later ones, and the largest of them in bytes.
const SPARE: usize = 64;
const LARGE: usize = 64 << 10;

thread_local! {
    /// Where this thread forms its lines.
    static ROOM: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A number taken for something that has begun. Dropped unfilled, it becomes a note that says so.
pub struct Pending {
    journal: Journal,
    seq: Seq,
    at: Timestamp,
    actor: String,
    cause: Option<Seq>,
    done: bool,
}

impl Journal {
    /// An empty journal that reads its times from `clock`.
    pub fn new(clock: Clock, options: JournalOptions) -> Self {
        let inner = Inner {
            waiting: BTreeMap::new(),
            due: 1,
            kept: VecDeque::new(),
            forgotten: 0,
            sinks: Vec::new(),
            files: Vec::new(),
            spare: Vec::new(),
        };
        Self {
            shared: Arc::new(Shared {
                clock,
                options,
                next: AtomicU64::new(1),
                watched: AtomicBool::new(false),
                lined: AtomicBool::new(false),
                inner: Mutex::new(inner),
                filled: watch::channel(0).0,
                moved: Arc::default(),
            }),
        }
    }

    /// Its options.
    pub fn options(&self) -> &JournalOptions {
        &self.shared.options
    }

    /// Whether anything is kept or handed on; when not, nobody need gather what to tell.
    pub fn is_listening(&self) -> bool {
        self.shared.options.keep > 0 || self.is_watched() || self.is_lined()
    }

    /// Adds a receiver of every later record.
    pub fn add_sink(&self, sink: Sink) {
        self.lock().sinks.push(sink);
        self.shared.watched.store(true, Ordering::Release);
    }

    /// Adds a file that every later record is written to.
    pub(crate) fn add_file(&self, file: Arc<Lines>) {
        self.lock().files.push(file);
        self.shared.lined.store(true, Ordering::Release);
    }

    fn is_watched(&self) -> bool {
        self.shared.watched.load(Ordering::Acquire)
    }

    fn is_lined(&self) -> bool {
        self.shared.lined.load(Ordering::Acquire)
    }

    /// Takes the next number for something that begins now, caused by the running task's cause.
    pub fn reserve(&self, actor: &str) -> Pending {
        self.reserve_after(actor, current_cause())
    }

    /// Takes the next number for something that `cause` led to.
    pub fn reserve_after(&self, actor: &str, cause: Option<Seq>) -> Pending {
        let at = self.shared.clock.now();
        Pending {
            journal: self.clone(),
            seq: self.shared.next.fetch_add(1, Ordering::Relaxed),
            at,
            actor: actor.to_owned(),
            cause,
            done: false,
        }
    }

    /// Records something that has happened, caused by the running task's cause.
    pub fn record(&self, actor: &str, event: Event) -> Seq {
        self.reserve(actor).fill(event)
    }

    /// Records something that `cause` led to.
    pub fn record_after(&self, actor: &str, cause: Option<Seq>, event: Event) -> Seq {
        self.reserve_after(actor, cause).fill(event)
    }

    /// Every kept record, by number.
    pub fn records(&self) -> Vec<Arc<Record>> {
        let mut records: Vec<_> = self.lock().kept.iter().cloned().collect();
        records.sort_by_key(|record| record.seq);
        records
    }

    /// Bytes of answers' bodies that have passed so far, those of exchanges under way included: what a reader
    /// sees move while a long copy keeps every later record waiting.
    pub fn moved(&self) -> u64 {
        self.shared.moved.load(Ordering::Relaxed)
    }

    pub(crate) fn moved_counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.shared.moved)
    }

    /// Numbers given out so far.
    pub fn len(&self) -> u64 {
        self.shared.next.load(Ordering::Relaxed) - 1
    }

    /// Whether nothing was recorded yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first record, kept or to come, that `wanted` picks; `None` after `within` of real time.
    pub async fn wait_for(
        &self,
        within: Duration,
        mut wanted: impl FnMut(&Record) -> bool,
    ) -> Option<Arc<Record>> {
        let mut filled = self.shared.filled.subscribe();
        let mut seen = 0_u64;
        let search = async {
            loop {
                {
                    let inner = self.lock();
                    let start = seen.max(inner.forgotten);
                    let skip = usize::try_from(start - inner.forgotten).unwrap_or(usize::MAX);
                    if let Some(found) = inner.kept.iter().skip(skip).find(|record| wanted(record))
                    {
                        return Some(Arc::clone(found));
                    }
                    seen = inner.forgotten + inner.kept.len() as u64;
                }
                if filled.changed().await.is_err() {
                    return None;
                }
            }
        };
        Clock::within_real(within, search).await.flatten()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.shared
            .inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn finish(&self, mut record: Record) {
        redact_event(&mut record.event, self.shared.options.reveal);
        // The line is formed here, where the record was made and is taken apart again: between threads, allocators
        // wait for each other.
        ROOM.with_borrow_mut(|line| {
            line.clear();
            if self.is_lined() {
                write_line(&record, line);
            }
            let seq = record.seq;
            let kept = self.shared.options.keep > 0;
            let record = (kept || self.is_watched()).then(|| Arc::new(record));
            self.tell(seq, record, line);
            if kept {
                self.shared.filled.send_modify(|n| *n += 1);
            }
            line.shrink_to(LARGE);
        });
    }

    fn tell(&self, seq: Seq, record: Option<Arc<Record>>, line: &[u8]) {
        let mut inner = self.lock();
        // Taken apart when nobody waits for the lock any more.
        let mut forgotten = Vec::new();
        if let Some(record) = record.as_ref().filter(|_| self.shared.options.keep > 0) {
            inner.kept.push_back(Arc::clone(record));
            while inner.kept.len() > self.shared.options.keep {
                forgotten.extend(inner.kept.pop_front());
                inner.forgotten += 1;
            }
        }
        if inner.sinks.is_empty() && inner.files.is_empty() {
            inner.due = inner.due.max(seq + 1);
        } else if seq <= inner.due {
            inner.hand_on(record.as_ref(), line);
            inner.due = inner.due.max(seq + 1);
            inner.catch_up();
        } else {
            let mut room = inner.spare.pop().unwrap_or_default();
            room.extend_from_slice(line);
            inner.waiting.insert(seq, Told { record, line: room });
        }
        drop(inner);
        drop(forgotten);
    }
}

impl Inner {
    fn hand_on(&mut self, record: Option<&Arc<Record>>, line: &[u8]) {
        if let Some(record) = record {
            for sink in &mut self.sinks {
                sink(record);
            }
        }
        if !line.is_empty() {
            for file in &self.files {
                file.push(line);
            }
        }
    }

    /// Hands on what has waited for the number that was told last.
    fn catch_up(&mut self) {
        while let Some(Told { record, mut line }) = self.waiting.remove(&self.due) {
            self.hand_on(record.as_ref(), &line);
            self.due += 1;
            if self.spare.len() < SPARE && line.capacity() <= LARGE {
                line.clear();
                self.spare.push(line);
            }
        }
    }
}

impl Pending {
    /// The number taken.
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// Says what happened under the number.
    pub fn fill(mut self, event: Event) -> Seq {
        self.write(event);
        self.seq
    }

    fn write(&mut self, event: Event) {
        self.done = true;
        let actor = std::mem::take(&mut self.actor);
        self.journal.finish(Record {
            seq: self.seq,
            at: self.at,
            actor,
            cause: self.cause,
            event,
        });
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.done {
            self.write(Event::Note(crate::event::Note {
                text: "broke off before it could be told".to_owned(),
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Note;

    fn note(text: &str) -> Event {
        Event::Note(Note {
            text: text.to_owned(),
        })
    }

    #[tokio::test]
    async fn sinks_see_numbers_in_order_whatever_ends_first() {
        let journal = Journal::new(Clock::wall(), JournalOptions::default());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&seen);
        journal.add_sink(Box::new(move |record| {
            sink.lock().unwrap().push(record.seq);
        }));
        let first = journal.reserve("a");
        journal.record("b", note("second"));
        assert!(seen.lock().unwrap().is_empty());
        assert!(
            journal
                .wait_for(Duration::from_secs(5), |r| r.seq == 2)
                .await
                .is_some()
        );
        first.fill(note("first"));
        assert_eq!(*seen.lock().unwrap(), [1, 2]);
        drop(journal.reserve("c"));
        assert_eq!(*seen.lock().unwrap(), [1, 2, 3]);
    }

    #[test]
    fn a_bounded_journal_forgets_the_oldest() {
        let journal = Journal::new(
            Clock::wall(),
            JournalOptions {
                keep: 2,
                ..JournalOptions::default()
            },
        );
        for text in ["one", "two", "three"] {
            journal.record("a", note(text));
        }
        assert_eq!(
            journal.records().iter().map(|r| r.seq).collect::<Vec<_>>(),
            [2, 3]
        );
    }
}

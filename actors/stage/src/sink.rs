//! The journal on disk: JSON Lines, written by one thread, one line a record.

use std::io::{self, BufWriter, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::event::Record;
use crate::journal::Journal;

/// The writing thread of a journal file; [`JsonLines::close`] flushes and tells of any error.
pub struct JsonLines {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// Records that may wait to be written; a teller beyond that waits until the disk has caught up.
const MOST: usize = 16 * 1024;

/// Records that are written at once, and how long the first of them waits for the others: waking the writing
/// thread for each record would cost more than writing it.
const BATCH: usize = 256;
const GATHER: Duration = Duration::from_millis(4);

/// What waits to be written.
#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    /// There is a first record, a full batch, or an end.
    filled: Condvar,
    /// There is room again.
    drained: Condvar,
}

#[derive(Default)]
struct State {
    records: Vec<Arc<Record>>,
    closed: bool,
    /// The writing thread is gone; what is told is no longer kept for it.
    broken: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a record over; a full queue blocks for a moment, a record is never lost.
    fn push(&self, record: Arc<Record>) {
        let mut state = self
            .drained
            .wait_while(self.lock(), |state| {
                state.records.len() >= MOST && !state.broken
            })
            .unwrap_or_else(PoisonError::into_inner);
        if state.broken {
            return;
        }
        state.records.push(record);
        let waiting = state.records.len();
        drop(state);
        if waiting == 1 || waiting == BATCH {
            self.filled.notify_one();
        }
    }

    fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
    }

    /// Waits for records and takes them all, leaving `taken`'s room in their place; `false` at the end.
    fn take(&self, taken: &mut Vec<Arc<Record>>) -> bool {
        let state = self
            .filled
            .wait_while(self.lock(), |state| {
                state.records.is_empty() && !state.closed
            })
            .unwrap_or_else(PoisonError::into_inner);
        let (mut state, _full_or_not) = self
            .filled
            .wait_timeout_while(state, GATHER, |state| {
                state.records.len() < BATCH && !state.closed
            })
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut state.records, taken);
        drop(state);
        self.drained.notify_all();
        !taken.is_empty()
    }
}

/// Says that nobody writes any more, however the thread ends.
struct Broken(Arc<Queue>);

impl Drop for Broken {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.broken = true;
        state.records.clear();
        drop(state);
        self.0.drained.notify_all();
    }
}

/// Writes every later record of `journal` to `out` as one JSON line.
pub fn write_json_lines(journal: &Journal, out: impl Write + Send + 'static) -> JsonLines {
    let queue = Arc::<Queue>::default();
    let source = Broken(Arc::clone(&queue));
    let thread = std::thread::spawn(move || {
        let mut out = BufWriter::with_capacity(256 * 1024, out);
        let mut batch = Vec::new();
        while source.0.take(&mut batch) {
            for record in batch.drain(..) {
                serde_json::to_writer(&mut out, &*record).map_err(io::Error::other)?;
                out.write_all(b"\n")?;
            }
            out.flush()?;
        }
        Ok(())
    });
    let sink = Arc::clone(&queue);
    journal.add_sink(Box::new(move |record| sink.push(Arc::clone(record))));
    JsonLines {
        queue,
        thread: Some(thread),
    }
}

impl JsonLines {
    /// Writes what is left and gives the first error met, if any.
    pub fn close(mut self) -> io::Result<()> {
        self.end()
    }

    fn end(&mut self) -> io::Result<()> {
        self.queue.close();
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(io::Error::other("the journal's writer panicked")),
        }
    }
}

impl Drop for JsonLines {
    fn drop(&mut self) {
        let _reported_by_close = self.end();
    }
}

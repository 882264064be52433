//! The journal on disk: JSON Lines, written by one thread, one line a record.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::event::{Event, Note, Record};
use crate::journal::Journal;

/// The writing thread of a journal file; [`JsonLines::close`] flushes and tells of any error.
pub struct JsonLines {
    lines: Arc<Lines>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// Bytes that may wait to be written; a teller beyond that waits until the disk has caught up.
const MOST: usize = 8 << 20;

/// Bytes that are written at once, and how long the first line of them waits for the others: waking the writing
/// thread for each record would cost more than writing it.
const BATCH: usize = 256 << 10;
const GATHER: Duration = Duration::from_millis(4);

/// Lines that wait to be written.
#[derive(Default)]
pub(crate) struct Lines {
    state: Mutex<State>,
    /// There is a first line, a full batch, or an end.
    filled: Condvar,
    /// There is room again.
    drained: Condvar,
}

#[derive(Default)]
struct State {
    text: Vec<u8>,
    closed: bool,
    /// The writing thread is gone; what is told is no longer kept for it.
    broken: bool,
}

impl Lines {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a line over; a full queue blocks for a moment, a line is never lost.
    pub(crate) fn push(&self, line: &[u8]) {
        let mut state = self
            .drained
            .wait_while(self.lock(), |state| {
                state.text.len() >= MOST && !state.broken
            })
            .unwrap_or_else(PoisonError::into_inner);
        if state.broken {
            return;
        }
        let before = state.text.len();
        state.text.extend_from_slice(line);
        let after = state.text.len();
        drop(state);
        if before == 0 || (before < BATCH && after >= BATCH) {
            self.filled.notify_one();
        }
    }

    fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
    }

    /// Waits for lines and takes them all, leaving `taken`'s room in their place; `false` at the end.
    fn take(&self, taken: &mut Vec<u8>) -> bool {
        let state = self
            .filled
            .wait_while(self.lock(), |state| state.text.is_empty() && !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        let (mut state, _full_or_not) = self
            .filled
            .wait_timeout_while(state, GATHER, |state| {
                state.text.len() < BATCH && !state.closed
            })
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut state.text, taken);
        drop(state);
        self.drained.notify_all();
        !taken.is_empty()
    }
}

/// Says that nobody writes any more, however the thread ends.
struct Broken(Arc<Lines>);

impl Drop for Broken {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.broken = true;
        state.text = Vec::new();
        drop(state);
        self.0.drained.notify_all();
    }
}

/// Adds `record` as a JSON line to `out`.
pub(crate) fn write_line(record: &Record, out: &mut Vec<u8>) {
    let begin = out.len();
    if let Err(error) = serde_json::to_writer(&mut *out, record) {
        out.truncate(begin);
        let text = format!("cannot be told as JSON: {error}");
        let note = Record {
            event: Event::Note(Note { text }),
            actor: record.actor.clone(),
            ..*record
        };
        let _numbers_and_texts = serde_json::to_writer(&mut *out, &note);
    }
    out.push(b'\n');
}

/// Writes every later record of `journal` to `out` as one JSON line.
pub fn write_json_lines(journal: &Journal, mut out: impl Write + Send + 'static) -> JsonLines {
    let lines = Arc::<Lines>::default();
    let source = Broken(Arc::clone(&lines));
    let thread = std::thread::spawn(move || {
        let mut batch = Vec::new();
        while source.0.take(&mut batch) {
            out.write_all(&batch)?;
            out.flush()?;
            batch.clear();
            batch.shrink_to(2 * BATCH);
        }
        Ok(())
    });
    journal.add_file(Arc::clone(&lines));
    JsonLines {
        lines,
        thread: Some(thread),
    }
}

impl JsonLines {
    /// Writes what is left and gives the first error met, if any.
    pub fn close(mut self) -> io::Result<()> {
        self.end()
    }

    fn end(&mut self) -> io::Result<()> {
        self.lines.close();
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

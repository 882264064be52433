//! The journal on disk: JSON Lines, written by one thread, one line a record.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use crate::event::Record;
use crate::journal::Journal;

/// The writing thread of a journal file; [`JsonLines::close`] flushes and tells of any error.
pub struct JsonLines {
    sender: Option<SyncSender<Message>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

enum Message {
    Record(Arc<Record>),
    Close,
}

/// Writes every later record of `journal` to `out` as one JSON line.
pub fn write_json_lines(journal: &Journal, out: impl Write + Send + 'static) -> JsonLines {
    let (sender, receiver) = sync_channel::<Message>(16 * 1024);
    let thread = std::thread::spawn(move || {
        let mut out = BufWriter::with_capacity(256 * 1024, out);
        let mut next = receiver.recv().ok();
        while let Some(message) = next {
            match message {
                Message::Record(record) => {
                    serde_json::to_writer(&mut out, &*record).map_err(io::Error::other)?;
                    out.write_all(b"\n")?;
                }
                Message::Close => break,
            }
            next = if let Ok(message) = receiver.try_recv() {
                Some(message)
            } else {
                out.flush()?;
                receiver.recv().ok()
            };
        }
        out.flush()
    });
    let for_sink = sender.clone();
    journal.add_sink(Box::new(move |record| {
        // A full channel blocks the writer for a moment; a record is never lost.
        if let Err(TrySendError::Full(message)) =
            for_sink.try_send(Message::Record(Arc::clone(record)))
        {
            let _closed = for_sink.send(message);
        }
    }));
    JsonLines {
        sender: Some(sender),
        thread: Some(thread),
    }
}

impl JsonLines {
    /// Writes what is left and gives the first error met, if any.
    pub fn close(mut self) -> io::Result<()> {
        self.end()
    }

    fn end(&mut self) -> io::Result<()> {
        if let Some(sender) = self.sender.take() {
            let _closed = sender.send(Message::Close);
        }
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

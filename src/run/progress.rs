//! A line on the terminal while bytes move and nothing else can be told yet.

use std::io::IsTerminal as _;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use carnet_report::words;
use carnet_stage::Journal;

use crate::output;

/// How often the line is renewed.
const EVERY: Duration = Duration::from_millis(500);

/// Bytes below which a run says nothing.
const WORTH_TELLING: u64 = 32 << 20;

/// The line, from its beginning to [`Progress::end`].
pub(crate) struct Progress {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Progress {
    /// Begins, when someone sits before stderr.
    pub(crate) fn begin(journal: &Journal) -> Option<Self> {
        if !std::io::stderr().is_terminal() {
            return None;
        }
        let journal = journal.clone();
        let (stop, stopped) = channel();
        let thread = std::thread::spawn(move || {
            let mut told = 0;
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                let moved = journal.moved();
                if moved > told && moved >= WORTH_TELLING {
                    output::renew(&format!("  … {} moved", words::bytes(moved)));
                    told = moved;
                }
            }
            if told > 0 {
                output::renew("");
            }
        });
        Some(Self { stop, thread })
    }

    pub(crate) fn end(self) {
        let _ended_already = self.stop.send(());
        let _told = self.thread.join();
    }
}

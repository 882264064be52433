//! Tells a run while it happens: records go to one thread that prints, so that a slow terminal slows no actor.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use carnet_report::{Level, Narrator, Options, Outcome as Told, Palette};
use carnet_stage::{Record, Sink};

use crate::args::RunOptions;
use crate::output;

/// Records that may wait for the terminal before actors wait too.
const BACKLOG: usize = 64 * 1024;

enum Message {
    Record(Arc<Record>),
    End(Box<Told>),
    Abandon,
}

/// The telling of one run.
pub(crate) struct Narration {
    sender: SyncSender<Message>,
    thread: JoinHandle<()>,
}

impl Narration {
    pub(crate) fn begin(options: &RunOptions, title: &str, source: Option<&str>) -> Self {
        let level = match (options.quiet, options.verbose) {
            (true, _) => Level::Quiet,
            (false, true) => Level::Verbose,
            (false, false) => Level::Normal,
        };
        let palette = if output::colour() {
            Palette::colour()
        } else {
            Palette::plain()
        };
        let width = output::width().min(100);
        let mut narrator = Narrator::new(Options {
            level,
            palette,
            width,
            reveal: options.reveal_tokens,
        });
        output::tell(&narrator.open(title, source));
        let (sender, receiver) = sync_channel(BACKLOG);
        let thread = std::thread::spawn(move || tell_all(&mut narrator, &receiver));
        Self { sender, thread }
    }

    /// The journal's way to it.
    pub(crate) fn sink(&self) -> Sink {
        let sender = self.sender.clone();
        Box::new(move |record| {
            let _ended_already = sender.send(Message::Record(Arc::clone(record)));
        })
    }

    /// Tells the end, after every record sent before.
    pub(crate) fn end(self, told: &Told) {
        self.finish(Message::End(Box::new(told.clone())));
    }

    /// Ends without a closing word.
    pub(crate) fn abandon(self) {
        self.finish(Message::Abandon);
    }

    fn finish(self, message: Message) {
        let _ended_already = self.sender.send(message);
        let _told = self.thread.join();
    }
}

fn tell_all(narrator: &mut Narrator, receiver: &Receiver<Message>) {
    while let Ok(message) = receiver.recv() {
        match message {
            Message::Record(record) => output::tell(&narrator.record(&record)),
            Message::End(told) => {
                output::tell(&narrator.close(&told));
                return;
            }
            Message::Abandon => return,
        }
    }
}

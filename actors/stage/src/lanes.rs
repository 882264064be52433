//! Threads that each serve connections of their own. Where an answer is a few dozen microseconds of work, moving it to
//! another thread is a noticeable part of it; a connection on a lane stays on it. Long work, such as a copy, would keep the
//! other connections of its lane waiting, so it belongs where threads share what there is to do.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// How long a lane's work in the background may go on once it ends, in real time.
const END_WITHIN: Duration = Duration::from_millis(200);

/// Some lanes. Dropped, they end: their connections, if there are any left, are cut.
pub(crate) struct Lanes(Vec<Lane>);

struct Lane {
    runtime: Handle,
    /// Held by every connection on this lane.
    open: Arc<()>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Lanes {
    /// So many lanes.
    pub(crate) fn open(count: usize) -> io::Result<Self> {
        (0..count)
            .map(Lane::open)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Adds a connection to `connections`, on the lane that has the fewest.
    pub(crate) fn spawn<F>(&self, connections: &mut JoinSet<()>, connection: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let emptiest = self
            .0
            .iter()
            .min_by_key(|lane| Arc::strong_count(&lane.open));
        match emptiest {
            Some(lane) => {
                let open = Arc::clone(&lane.open);
                let connection = async move {
                    connection.await;
                    drop(open);
                };
                connections.spawn_on(connection, &lane.runtime)
            }
            None => connections.spawn(connection),
        };
    }
}

impl Lane {
    fn open(number: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name(format!("lane-{number}"))
            .spawn(move || {
                let _told_or_dropped = runtime.block_on(ended);
                runtime.shutdown_timeout(END_WITHIN);
            })?;
        Ok(Self {
            runtime: handle,
            open: Arc::default(),
            end: Some(end),
            thread: Some(thread),
        })
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        // All are told before one is waited for.
        for lane in &mut self.0 {
            drop(lane.end.take());
        }
        for lane in &mut self.0 {
            let _ended_or_panicked = lane.thread.take().map(JoinHandle::join);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn connections_are_spread_and_go_where_one_has_ended() {
        let lanes = Lanes::open(3).unwrap();
        let mut connections = JoinSet::new();
        let (tell, mut told) = mpsc::unbounded_channel();
        let mut ends = Vec::new();
        let begin = |connections: &mut JoinSet<()>| {
            let (end, ended) = oneshot::channel::<()>();
            let tell = tell.clone();
            lanes.spawn(connections, async move {
                let name = std::thread::current().name().map(str::to_owned);
                tell.send(name.unwrap()).unwrap();
                let _dropped = ended.await;
            });
            end
        };
        let mut seen = Vec::new();
        for _ in 0..6 {
            ends.push(begin(&mut connections));
            seen.push(told.recv().await.unwrap());
        }
        seen.sort();
        assert_eq!(
            seen,
            ["lane-0", "lane-0", "lane-1", "lane-1", "lane-2", "lane-2"]
        );
        drop(ends.swap_remove(1));
        connections.join_next().await.unwrap().unwrap();
        let last = begin(&mut connections);
        assert_eq!(told.recv().await.unwrap(), "lane-1");
        drop((ends, last));
        while connections.join_next().await.is_some() {}
    }

    #[tokio::test]
    async fn lanes_that_end_cut_what_is_left() {
        let lanes = Lanes::open(2).unwrap();
        let mut connections = JoinSet::new();
        for _ in 0..4 {
            lanes.spawn(&mut connections, std::future::pending());
        }
        drop(lanes);
        while let Some(ended) = connections.join_next().await {
            assert!(ended.unwrap_err().is_cancelled());
        }
    }
}

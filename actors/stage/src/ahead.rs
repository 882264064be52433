//! Reading ahead of the TLS library, which asks for 4 KiB at a time: that would cost a system call for each. The room is
//! lent by the thread and given back as soon as it is read empty, so that thousands of quiet connections hold none.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use crate::passing::pass_writes;

/// Bytes read at once.
const ROOM: usize = 64 * 1024;

/// Most rooms that a thread keeps for later.
const SPARE: usize = 8;

thread_local! {
    static SPARES: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

fn lend() -> Vec<u8> {
    SPARES
        .with_borrow_mut(Vec::pop)
        .unwrap_or_else(|| vec![0; ROOM])
}

fn give_back(room: Vec<u8>) {
    SPARES.with_borrow_mut(|spares| {
        if spares.len() < SPARE {
            spares.push(room);
        }
    });
}

/// A connection read in large pieces. Writes pass as they are.
pub(crate) struct Ahead<S> {
    inner: S,
    /// What has come and was not asked for yet: this part of the room.
    room: Option<Vec<u8>>,
    next: usize,
    end: usize,
}

impl<S> Ahead<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self {
            inner,
            room: None,
            next: 0,
            end: 0,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Ahead<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let room = if let Some(room) = this.room.take() {
            room
        } else {
            if buf.remaining() >= ROOM {
                return Pin::new(&mut this.inner).poll_read(cx, buf);
            }
            let mut room = lend();
            let mut read = ReadBuf::new(&mut room);
            let done = Pin::new(&mut this.inner).poll_read(cx, &mut read);
            let come = read.filled().len();
            if !matches!(done, Poll::Ready(Ok(()))) {
                give_back(room);
                ready!(done)?;
                return Poll::Ready(Ok(()));
            }
            (this.next, this.end) = (0, come);
            room
        };
        let here = (this.end - this.next).min(buf.remaining());
        buf.put_slice(&room[this.next..this.next + here]);
        this.next += here;
        if this.next == this.end {
            give_back(room);
        } else {
            this.room = Some(room);
        }
        Poll::Ready(Ok(()))
    }
}

pass_writes!(Ahead);

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn bytes_come_in_order_whatever_is_asked_for_and_no_room_is_kept() {
        let sent: Vec<u8> = (0..300_000_u32).map(|number| number as u8).collect();
        for step in [1, 7, 4096, ROOM - 1, ROOM, 200_000] {
            let mut ahead = Ahead::new(&sent[..]);
            let mut got = Vec::new();
            let mut piece = vec![0; step];
            loop {
                match ahead.read(&mut piece).await.unwrap() {
                    0 => break,
                    read => got.extend_from_slice(&piece[..read]),
                }
            }
            assert!(got == sent, "asked for {step} at a time");
            assert!(ahead.room.is_none());
        }
    }
}

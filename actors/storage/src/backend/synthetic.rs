//! The synthetic backend: any amount of data, nothing held. Seeded content can be read back, of other
//! content only size and checksums remain.

use bytes::BytesMut;

use super::Blob;
use crate::pattern::{LINE, Pattern};

/// No place at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct SyntheticStore;

impl SyntheticStore {
    pub(super) fn begin() -> SyntheticWriter {
        SyntheticWriter {
            length: 0,
            state: State::Head(BytesMut::new()),
        }
    }
}

#[derive(Debug)]
enum State {
    Head(BytesMut),
    Seeded(Pattern),
    Foreign,
}

/// A file passing by.
#[derive(Debug)]
pub struct SyntheticWriter {
    length: u64,
    state: State,
}

impl SyntheticWriter {
    pub(super) fn write(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Head(head) => {
                head.extend_from_slice(bytes);
                if head.len() >= LINE {
                    self.state =
                        match Pattern::recognise(head).filter(|pattern| pattern.matches(0, head)) {
                            Some(pattern) => State::Seeded(pattern),
                            None => State::Foreign,
                        };
                }
            }
            State::Seeded(pattern) if !pattern.matches(self.length, bytes) => {
                self.state = State::Foreign;
            }
            State::Seeded(_) | State::Foreign => {}
        }
        self.length += bytes.len() as u64;
    }

    pub(super) fn finish(self) -> Blob {
        match self.state {
            State::Head(head) => Blob::Bytes(head.freeze()),
            State::Seeded(pattern) => Blob::Seeded(pattern),
            State::Foreign => Blob::Forgotten,
        }
    }
}

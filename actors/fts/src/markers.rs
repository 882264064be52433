//! The body of a COPY answer: performance markers and the final line, read as they come (FTS page §4.3).

use crate::reason::{CopyMode, Failure, copy_failed, errno};

/// Longest line that is kept; what is longer is cut, not refused.
const LINE_LIMIT: usize = 4096;
/// Most stripes that are told apart.
const STRIPE_LIMIT: usize = 64;

/// What the stream said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A complete marker: bytes moved so far, over all stripes.
    Progress {
        /// Bytes at the destination.
        bytes: u64,
        /// The marker's own clock, Unix seconds.
        timestamp: Option<i64>,
    },
    /// The final line.
    End(End),
}

/// How the remote end ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// `success: …`.
    Success,
    /// `failure: …` or `failed: …`, with its words.
    Failure(String),
    /// `aborted`.
    Aborted,
}

/// Reads a marker stream piece by piece, however the pieces are cut.
#[derive(Debug, Default)]
pub struct Reader {
    line: Vec<u8>,
    in_marker: bool,
    timestamp: Option<i64>,
    stripe: usize,
    bytes: Option<u64>,
    stripes: Vec<u64>,
    ended: bool,
}

impl Reader {
    /// Takes the next bytes and gives what they completed.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Said> {
        let mut said = Vec::new();
        for byte in bytes {
            if *byte == b'\n' {
                said.extend(self.take_line());
            } else if self.line.len() < LINE_LIMIT {
                self.line.push(*byte);
            }
        }
        said
    }

    /// The stream is over: a last line without its line break counts too.
    pub fn finish(&mut self) -> Option<Said> {
        self.take_line()
    }

    fn take_line(&mut self) -> Option<Said> {
        let line = std::mem::take(&mut self.line);
        if self.ended {
            return None;
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim();
        if let Some(end) = end_of(line) {
            self.ended = true;
            return Some(Said::End(end));
        }
        if line.eq_ignore_ascii_case("Perf Marker") {
            self.in_marker = true;
            (self.timestamp, self.stripe, self.bytes) = (None, 0, None);
            return None;
        }
        if !self.in_marker {
            return None;
        }
        if line.eq_ignore_ascii_case("End") {
            self.in_marker = false;
            let bytes = self.bytes.take()?;
            if self.stripe >= self.stripes.len() {
                self.stripes.resize(self.stripe + 1, 0);
            }
            if let Some(stripe) = self.stripes.get_mut(self.stripe) {
                *stripe = bytes;
            }
            let total = self
                .stripes
                .iter()
                .fold(0_u64, |sum, one| sum.saturating_add(*one));
            return Some(Said::Progress {
                bytes: total,
                timestamp: self.timestamp,
            });
        }
        let (name, value) = line.split_once(':')?;
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "timestamp" => self.timestamp = value.parse().ok(),
            "stripe index" => {
                self.stripe = value
                    .parse()
                    .map_or(0, |index: usize| index.min(STRIPE_LIMIT - 1));
            }
            "stripe bytes transferred" => self.bytes = value.parse().ok(),
            _ => {}
        }
        None
    }
}

/// The final line, if this is one.
fn end_of(line: &str) -> Option<End> {
    let starts = |word: &str| {
        line.get(..word.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(word))
    };
    if starts("success") {
        return Some(End::Success);
    }
    if starts("failure") {
        let words = line.get("failure".len()..).unwrap_or_default();
        return Some(End::Failure(
            words.trim_start_matches(':').trim().to_owned(),
        ));
    }
    if starts("failed") {
        let words = line.get("failed".len()..).unwrap_or_default();
        return Some(End::Failure(
            words.trim_start_matches(':').trim().to_owned(),
        ));
    }
    starts("aborted").then_some(End::Aborted)
}

/// The failure that a `failure:` line means.
pub fn failed(mode: CopyMode, words: &str) -> Failure {
    copy_failed(mode, errno::EIO, &format!("Transfer failure: {words}"))
}

/// The failure that an `aborted` line means; it makes the file CANCELED.
pub fn aborted(mode: CopyMode) -> Failure {
    copy_failed(mode, errno::ECANCELED, "Transfer aborted in the remote end")
}

/// The stream ended without a final line.
pub fn no_final_line(mode: CopyMode) -> Failure {
    copy_failed(
        mode,
        errno::EIO,
        "Connection terminated abruptly; Status of TPC request unknown",
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RECORDED: &str = "Perf Marker\nTimestamp: 1795304286\nStripe Index: 0\nStripe Bytes Transferred: 15941632\n\
        Total Stripe Count: 1\nRemoteConnections: tcp:127.0.0.1:12011\nEnd\nsuccess: Created\n";

    fn whole() -> Vec<Said> {
        vec![
            Said::Progress {
                bytes: 15_941_632,
                timestamp: Some(1_795_304_286),
            },
            Said::End(End::Success),
        ]
    }

    #[test]
    fn streams_read_as_they_are_meant() {
        let ends: &[(&str, Option<End>)] = &[
            ("success: Created", Some(End::Success)),
            ("success: Created\r\n", Some(End::Success)),
            (
                "failure: rejected GET: 403 Forbidden\n",
                Some(End::Failure("rejected GET: 403 Forbidden".into())),
            ),
            ("Failure: x", Some(End::Failure("x".into()))),
            ("failed: x", Some(End::Failure("x".into()))),
            ("aborted\n", Some(End::Aborted)),
            ("", None),
            ("Perf Marker\nTimestamp: 1\n", None),
            ("something else\n", None),
        ];
        for (body, wanted) in ends {
            let mut reader = Reader::default();
            let mut said = reader.feed(body.as_bytes());
            said.extend(reader.finish());
            assert_eq!(
                said.into_iter().next(),
                wanted.clone().map(Said::End),
                "{body:?}"
            );
        }
    }

    #[test]
    fn stripes_add_up_and_nothing_follows_the_end() {
        let marker = |stripe: usize, bytes: u64| {
            format!("Perf Marker\nStripe Index: {stripe}\nStripe Bytes Transferred: {bytes}\nEnd\n")
        };
        let mut reader = Reader::default();
        let mut said = reader.feed((marker(0, 10) + &marker(1, 5) + &marker(0, 20)).as_bytes());
        said.extend(reader.feed(b"success\nfailure: late\n"));
        let bytes: Vec<u64> = said
            .iter()
            .filter_map(|one| {
                if let Said::Progress { bytes, .. } = one {
                    Some(*bytes)
                } else {
                    None
                }
            })
            .collect();
        assert_eq!(bytes, [10, 15, 25]);
        assert_eq!(said.last(), Some(&Said::End(End::Success)));
    }

    proptest! {
        #[test]
        fn the_cut_does_not_matter(cuts in proptest::collection::vec(0..RECORDED.len(), 0..8)) {
            let mut cuts = cuts;
            cuts.sort_unstable();
            let mut reader = Reader::default();
            let mut said = Vec::new();
            let mut from = 0;
            for cut in cuts.into_iter().chain([RECORDED.len()]) {
                said.extend(reader.feed(&RECORDED.as_bytes()[from..cut]));
                from = cut;
            }
            said.extend(reader.finish());
            prop_assert_eq!(said, whole());
        }

        #[test]
        fn no_bytes_upset_it(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let mut reader = Reader::default();
            let _ = reader.feed(&bytes);
            let _ = reader.finish();
        }
    }
}

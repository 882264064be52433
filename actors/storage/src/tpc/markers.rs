//! What the body of an accepted COPY says: performance markers and the last line (storage page §2.3, §2.4).

use std::fmt::Write as _;

use crate::dialect::{MarkerStyle, Tpc};

/// The longest line davix reads is 1,023 bytes.
const LONGEST: usize = 900;

/// One marker.
#[derive(Clone, Debug)]
pub struct Marker<'a> {
    /// Seconds since the epoch.
    pub timestamp: i64,
    /// When the copy began.
    pub started: i64,
    /// When bytes last moved.
    pub moved: i64,
    /// Bytes written here (pull) or taken by the connection (push).
    pub bytes: u64,
    /// `tcp:192.0.2.1:443`, as far as known.
    pub connections: &'a [String],
}

impl Marker<'_> {
    /// The lines of it.
    pub fn text(&self, style: MarkerStyle) -> String {
        let mut text = String::with_capacity(160);
        let pad = if style == MarkerStyle::Dcache {
            "    "
        } else {
            ""
        };
        let mut line = |name: &str, value: &dyn std::fmt::Display| {
            let _ = writeln!(text, "{pad}{name}: {value}");
        };
        line("Timestamp", &self.timestamp);
        if style == MarkerStyle::Dcache {
            line("State", &"Running");
            line("State description", &"Mover created");
        }
        line("Stripe Index", &0);
        if style == MarkerStyle::Dcache {
            line("Stripe Start Time", &self.started);
            line("Stripe Last Transferred", &self.moved);
            line(
                "Stripe Transfer Time",
                &(self.timestamp - self.started).max(0),
            );
        }
        line("Stripe Bytes Transferred", &self.bytes);
        if style == MarkerStyle::Dcache {
            line("Stripe Status", &"RUNNING");
        }
        line("Total Stripe Count", &1);
        if style != MarkerStyle::Bare {
            let list = remote_connections(self.connections);
            if !list.is_empty() {
                line("RemoteConnections", &list);
            }
        }
        format!("Perf Marker\n{text}End\n")
    }
}

fn remote_connections(connections: &[String]) -> String {
    let mut list = String::new();
    let mut seen: Vec<&str> = Vec::new();
    for connection in connections {
        if seen.contains(&connection.as_str()) {
            continue;
        }
        if list.len() + connection.len() > LONGEST {
            break;
        }
        if !list.is_empty() {
            list.push(',');
        }
        list.push_str(connection);
        seen.push(connection);
    }
    list
}

/// `success: Created`
pub fn success(tpc: &Tpc) -> String {
    terminal(tpc, "success: Created".to_owned())
}

/// `failure: …` on one line, without anything secret in it.
pub fn failure(tpc: &Tpc, why: &str) -> String {
    terminal(tpc, format!("failure: {}", one_line(why)))
}

fn terminal(tpc: &Tpc, mut line: String) -> String {
    if tpc.terminal_newline {
        line.push('\n');
    }
    line
}

/// Control characters become spaces; the length is bounded.
pub fn one_line(text: &str) -> String {
    let mut line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if line.len() > LONGEST {
        let cut = (0..=LONGEST)
            .rev()
            .find(|at| line.is_char_boundary(*at))
            .unwrap_or(0);
        line.truncate(cut);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::DialectName;

    const HERE: &str = "tcp:127.0.0.1:12011";

    fn marker(connections: &[String]) -> Marker<'_> {
        Marker {
            timestamp: 1_795_304_069,
            started: 1_795_304_064,
            moved: 1_795_304_068,
            bytes: 17_825_700,
            connections,
        }
    }

    #[test]
    fn markers_are_those_recorded_from_xrootd() {
        let connections = [HERE.to_owned(), HERE.to_owned()];
        assert_eq!(
            marker(&connections).text(MarkerStyle::Plain),
            "Perf Marker\nTimestamp: 1795304069\nStripe Index: 0\nStripe Bytes Transferred: 17825700\n\
             Total Stripe Count: 1\nRemoteConnections: tcp:127.0.0.1:12011\nEnd\n"
        );
        assert!(
            !marker(&[])
                .text(MarkerStyle::Plain)
                .contains("RemoteConnections")
        );
        assert!(
            !marker(&connections)
                .text(MarkerStyle::Bare)
                .contains("RemoteConnections")
        );
    }

    #[test]
    fn dcache_indents_and_names_a_state() {
        let text = marker(&[]).text(MarkerStyle::Dcache);
        assert!(text.contains("\n    State: Running\n"), "{text}");
        assert!(text.contains("\n    Stripe Transfer Time: 5\n"), "{text}");
    }

    #[test]
    fn a_failure_is_one_short_line() {
        let ours = &DialectName::Default.switches().tpc;
        let line = failure(
            ours,
            &format!("rejected GET: 404 Not\r\nFound {}", "x".repeat(5000)),
        );
        assert_eq!(line.lines().count(), 1);
        assert!(line.starts_with("failure: rejected GET: 404 Not  Found"));
        assert!(line.len() < 1000 && line.ends_with('\n'));
        assert_eq!(
            success(&DialectName::Xrootd6.switches().tpc),
            "success: Created"
        );
    }
}

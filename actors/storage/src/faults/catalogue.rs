//! The faults that only a storage element has, by name, with the number of the storage page §7.5.

/// Faults for `effect = { named = "…" }`: name, the page's number, what it does.
pub const CATALOGUE: &[(&str, &str, &str)] = &[
    (
        "no-markers",
        "F2",
        "a COPY reports nothing until its last line",
    ),
    ("frozen-markers", "F2", "markers never report a byte"),
    (
        "short-chunked",
        "F3",
        "leaves the length out and ends the file after 64 KiB, as if that were all",
    ),
    (
        "broken-chunked",
        "F3",
        "leaves the length out and breaks the file off after 64 KiB",
    ),
    ("no-digest", "F5", "leaves the digest out"),
    ("wrong-digest", "F5", "reports a wrong adler32"),
    ("upper-digest", "F5", "reports the digest in upper case"),
    (
        "short-digest",
        "F5",
        "reports the digest without leading zeros",
    ),
    ("base64-digest", "F5", "reports the adler32 in base64"),
    (
        "expired-token",
        "F6",
        "answers 401 invalid_token, as for an expired token",
    ),
    (
        "come-back",
        "F9",
        "answers 202 with a page instead of the file",
    ),
    ("redirect-loop", "F10", "answers 307 to the same URL"),
    ("redirect-elsewhere", "F10", "answers 307 to another host"),
    (
        "redirect-plain",
        "F10",
        "answers 307 to the same URL without TLS",
    ),
    (
        "no-continue",
        "F11",
        "neither reads what is sent nor answers",
    ),
    (
        "odd-continue",
        "F11",
        "gives 100 Continue fields of a final answer, a length among them",
    ),
    (
        "broken-continue",
        "F11",
        "puts a line into 100 Continue that is no header field",
    ),
    (
        "drop-after",
        "F12",
        "does what it was asked and closes the connection without an answer",
    ),
    (
        "no-last-line",
        "F13",
        "ends the report of a COPY without a last line",
    ),
    (
        "false-success",
        "F13",
        "says success whatever happened, and leaves what arrived",
    ),
    (
        "junk-lines",
        "F13",
        "puts lines nobody knows into the report",
    ),
    (
        "no-newline",
        "F13",
        "ends the last line without a line break",
    ),
    ("too-many-bytes", "F14", "markers report twice the bytes"),
    (
        "no-connections",
        "F14",
        "markers leave RemoteConnections out",
    ),
    (
        "long-line",
        "F14",
        "puts a line of 2,000 bytes into the report",
    ),
    ("falling-bytes", "F14", "markers count down"),
    (
        "slow",
        "F15",
        "moves 64 KiB and then rests for 50 ms of stage time",
    ),
    ("disk-full", "F18", "says 507 in place of taking a file"),
    ("read-only", "F18", "says 403 in place of changing anything"),
    ("full-midway", "F18", "has no space left after 64 KiB"),
    (
        "leave-partial",
        "F19",
        "leaves what arrived of a copy that failed",
    ),
    (
        "lose-file",
        "F19",
        "loses the file right after it said success",
    ),
    (
        "target-appears",
        "F19",
        "lets somebody else store the target just before it is put in place",
    ),
    (
        "ignore-ranges",
        "F20",
        "answers a range with the whole file",
    ),
    (
        "tape-stuck",
        "F22",
        "takes a stage request and never brings the files",
    ),
    (
        "tape-fails",
        "F22",
        "takes a stage request and fails its files",
    ),
    (
        "tape-loses",
        "F22",
        "loses a copied file when it should be on tape",
    ),
];

/// What a named fault does, in words.
pub(super) fn does(name: &str) -> String {
    CATALOGUE
        .iter()
        .find(|(known, ..)| *known == name)
        .map_or_else(
            || format!("{name}: no such fault here"),
            |(_, number, does)| format!("{number}: {does}"),
        )
}

//! The only place that writes to the terminal: people's words to stdout, diagnostics to stderr.
//!
//! Colour follows the terminal and `NO_COLOR`; a reader that has gone (`| head`) ends the writing quietly.

use std::io::Write as _;

/// Words for people, on stdout.
pub(crate) fn tell(text: &str) {
    let mut out = anstream::stdout().lock();
    let _reader_gone = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// A line for people, on stdout.
pub(crate) fn tell_line(line: &str) {
    tell(&format!("{line}\n"));
}

/// A diagnostic, on stderr.
pub(crate) fn complain(text: &str) {
    let mut out = anstream::stderr().lock();
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    let _reader_gone = write!(out, "{text}{newline}");
}

/// Whether stdout shows colour.
pub(crate) fn colour() -> bool {
    !matches!(
        anstream::AutoStream::choice(&std::io::stdout()),
        anstream::ColorChoice::Never
    )
}

/// Whether stderr shows colour.
pub(crate) fn colour_on_stderr() -> bool {
    !matches!(
        anstream::AutoStream::choice(&std::io::stderr()),
        anstream::ColorChoice::Never
    )
}

/// Columns of the terminal; 100 when there is none.
pub(crate) fn width() -> usize {
    terminal_size::terminal_size().map_or(100, |(width, _)| usize::from(width.0))
}

/// A line on stderr that the next one replaces.
pub(crate) fn renew(line: &str) {
    let mut out = anstream::stderr().lock();
    let _reader_gone = write!(out, "\r\x1b[2K{line}").and_then(|()| out.flush());
}

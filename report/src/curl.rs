//! Every exchange as a curl command that can be pasted into a POSIX shell.
//!
//! Tokens and secrets stand as shell variables (`$TOKEN_1`, `$RUCIO_SECRET`), explained at the top, unless
//! the journal kept them and they are asked for.

use crate::{facts, lineage::Lineage, mask, mask::short_jti, suite::Played, text, why, words};
use carnet_stage::{Event, Exchange, Record};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// What the commands need to know that the journal does not hold.
#[derive(Debug, Clone)]
pub struct Options {
    /// File of the certificate authority, for `--cacert`.
    pub ca: String,
    /// Where a host of the scenario really listens: `iam.example:443` to `127.0.0.1:40123`, for `--connect-to`.
    pub connect: BTreeMap<String, String>,
    /// Write tokens out, when the journal kept them.
    pub reveal: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ca: "ca.pem".to_owned(),
            connect: BTreeMap::new(),
            reveal: false,
        }
    }
}

/// Headers that curl sends by itself, or that only make sense for the connection that was recorded.
const OWN_HEADERS: &[&str] = &[
    "host",
    "content-length",
    "connection",
    "transfer-encoding",
    "accept-encoding",
    "user-agent",
];

/// A shell script: the variables, then a command an exchange, each with a comment of who asked whom for what.
///
/// A poll that was repeated with the same answer stands there once.
pub fn script(played: &Played<'_>, options: &Options) -> String {
    let mut shell = Shell {
        options,
        lineage: Lineage::of(played.records.iter().map(AsRef::as_ref)),
        variables: Vec::new(),
    };
    let mut commands = String::new();
    let mut polled = BTreeSet::new();
    for record in played.records {
        if let Event::Exchange(exchange) = &record.event {
            let poll = why::is_poll(exchange);
            if !poll
                || polled.insert((
                    &exchange.from,
                    &exchange.method,
                    &exchange.url,
                    exchange.status,
                ))
            {
                shell.command(&mut commands, record, exchange);
            }
        }
    }
    let mut out = format!("#!/bin/sh\n# {}\n", comment(played.title, options.reveal));
    if !shell.variables.is_empty() {
        out.push_str("#\n# Set these first (tokens and secrets are kept out of the journal):\n");
    }
    for (name, _, meaning) in &shell.variables {
        let _ = writeln!(out, "#   {name}  {}", comment(meaning, options.reveal));
    }
    out + &commands
}

/// The command for one exchange alone; its variables are named as [`script`] would name the first ones.
pub fn command(record: &Record, options: &Options) -> Option<String> {
    let Event::Exchange(exchange) = &record.event else {
        return None;
    };
    let mut out = String::new();
    Shell {
        options,
        lineage: Lineage::default(),
        variables: Vec::new(),
    }
    .command(&mut out, record, exchange);
    Some(out)
}

/// The variables met so far: (name, what it stands for in the journal, meaning).
struct Shell<'a> {
    options: &'a Options,
    lineage: Lineage,
    variables: Vec<(String, String, String)>,
}

impl Shell<'_> {
    fn command(&mut self, out: &mut String, record: &Record, exchange: &Exchange) {
        let why = why::purpose(exchange)
            .map(|why| format!(", {why}"))
            .unwrap_or_default();
        let says = format!(
            "{}: {} → {}{why}; answered {}",
            record.seq, exchange.from, exchange.to, exchange.status
        );
        let _ = writeln!(out, "\n# {}", comment(&says, self.options.reveal));
        out.push_str("curl --silent --show-error --include --globoff --path-as-is --cacert ");
        out.push_str(&quote(&self.options.ca));
        if let Some(place) = self.connect_to(&exchange.url) {
            let _ = write!(out, " \\\n  --connect-to {}", quote(&place));
        }
        if exchange.version == "HTTP/1.1" {
            out.push_str(" \\\n  --http1.1");
        }
        match exchange.method.as_str() {
            "HEAD" => out.push_str(" \\\n  --head"),
            method => {
                let _ = write!(out, " \\\n  --request {}", quote(method));
            }
        }
        for (name, value) in &exchange.request_headers {
            // curl takes `@…` for the name of a file to read.
            if name.starts_with('@') || OWN_HEADERS.iter().any(|own| name.eq_ignore_ascii_case(own))
            {
                continue;
            }
            if let Some(credentials) = self.basic(name, value) {
                let _ = write!(out, " \\\n  --user {credentials}");
                continue;
            }
            let place = format!("{name} of {} → {}", exchange.from, exchange.to);
            let value = self.filled(value, &place, name);
            let _ = write!(
                out,
                " \\\n  --header {}",
                double(&format!("{}: ", escape(name)), &value)
            );
        }
        self.body(out, exchange);
        if exchange.response_body.text.is_none()
            && exchange.response_body.bytes > 0
            && exchange.method != "HEAD"
        {
            out.push_str(" \\\n  --output /dev/null");
        }
        let url = self.filled(&exchange.url, "URL", "url");
        let _ = writeln!(out, " \\\n  --url {}", double("", &url));
    }

    fn connect_to(&self, url: &str) -> Option<String> {
        let authority = facts::authority(url)?;
        let with_port = if authority.contains(':') {
            authority.to_owned()
        } else {
            format!("{authority}:443")
        };
        self.options
            .connect
            .get(&with_port)
            .map(|place| format!("{with_port}:{place}"))
    }

    /// `Basic <rucio.example:…>` as `--user "rucio.example:$RUCIO_EXAMPLE_SECRET"`.
    fn basic(&mut self, name: &str, value: &str) -> Option<String> {
        let user = value.strip_prefix("Basic <")?.strip_suffix(":…>")?;
        if !name.eq_ignore_ascii_case("authorization") {
            return None;
        }
        let variable = format!("{}_SECRET", variable_name(user));
        self.note(&variable, value, &format!("the secret of {user}"));
        Some(format!("\"{}:${{{variable}}}\"", escape(user)))
    }

    fn body(&mut self, out: &mut String, exchange: &Exchange) {
        let body = &exchange.request_body;
        match &body.text {
            Some(text) if text.is_empty() => {}
            Some(text)
                if !text.trim_start().starts_with(['{', '['])
                    && text.contains('=')
                    && !text.contains('\n') =>
            {
                for pair in text.split('&') {
                    let name = pair.split('=').next().unwrap_or_default();
                    let place =
                        format!("form member {name} of {} → {}", exchange.from, exchange.to);
                    let pair = self.filled(pair, &place, name);
                    let _ = write!(out, " \\\n  --data-raw {}", double("", &pair));
                }
            }
            Some(text) => {
                let text = self.filled(
                    text,
                    &format!("body of {} → {}", exchange.from, exchange.to),
                    "body",
                );
                let _ = write!(out, " \\\n  --data-raw {}", double("", &text));
            }
            None if body.bytes > 0 => {
                let variable = format!(
                    "FILE_{}",
                    body.digest
                        .as_deref()
                        .map_or_else(|| "BODY".to_owned(), variable_name)
                );
                let meaning = format!("a file of {}", words::bytes(body.bytes));
                self.note(&variable, &variable.clone(), &meaning);
                let option = if exchange.method == "PUT" {
                    "--upload-file \""
                } else {
                    "--data-binary \"@"
                };
                let _ = write!(out, " \\\n  {option}${{{variable}}}\"");
            }
            None => {}
        }
    }

    /// The text inside double quotes, with what was redacted as variables.
    fn filled(&mut self, text: &str, place: &str, name: &str) -> String {
        // A journal that kept its tokens is treated as if it had not, unless they are asked for.
        let redacted = if self.options.reveal {
            text.into()
        } else {
            carnet_stage::redact_text(text)
        };
        let redacted = mask::shown(&redacted, self.options.reveal);
        let mut out = String::new();
        let mut rest = redacted.as_str();
        while let Some(at) = rest.find('…') {
            let (before, after) = (&rest[..at], &rest[at + '…'.len_utf8()..]);
            if let Some(before) = before.strip_suffix("eyJ") {
                let is_jti = |ch: char| ch.is_ascii_alphanumeric() || "-_.#:".contains(ch);
                let end = after.find(|ch| !is_jti(ch)).unwrap_or(after.len());
                let variable = self.token(&after[..end]);
                let _ = write!(out, "{}${{{variable}}}", escape(before));
                rest = &after[end..];
            } else {
                let variable = variable_name(name);
                self.note(&variable, place, place);
                let _ = write!(out, "{}${{{variable}}}", escape(before));
                rest = after;
            }
        }
        out + &escape(rest)
    }

    fn token(&mut self, jti: &str) -> String {
        let known = self
            .variables
            .iter()
            .find(|(name, what, _)| what == jti && name.starts_with("TOKEN_"));
        if let Some((name, _, _)) = known {
            return name.clone();
        }
        let number = self
            .variables
            .iter()
            .filter(|(name, _, _)| name.starts_with("TOKEN_"))
            .count()
            + 1;
        let name = format!("TOKEN_{number}");
        let meaning = match self.lineage.get(jti) {
            Some(token) => {
                format!(
                    "{} token {} of {}, {}",
                    token.kind,
                    short_jti(jti),
                    token.sub,
                    facts::rights(token)
                )
            }
            None => format!("token {}", short_jti(jti)),
        };
        self.variables.push((name.clone(), jti.to_owned(), meaning));
        name
    }

    fn note(&mut self, variable: &str, what: &str, meaning: &str) {
        if !self.variables.iter().any(|(name, _, _)| name == variable) {
            self.variables
                .push((variable.to_owned(), what.to_owned(), meaning.to_owned()));
        }
    }
}

/// A name a shell takes: `rucio.example` becomes `RUCIO_EXAMPLE`.
fn variable_name(text: &str) -> String {
    let name: String = text
        .chars()
        .map(|ch| {
            if ch.is_ascii_alphanumeric() {
                ch.to_ascii_uppercase()
            } else {
                '_'
            }
        })
        .take(40)
        .collect();
    if name.starts_with(|ch: char| ch.is_ascii_alphabetic()) {
        name
    } else {
        format!("X_{name}")
    }
}

/// One line that stays a comment.
fn comment(line: &str, reveal: bool) -> String {
    text::clean(&mask::shown(line, reveal))
}

/// What double quotes leave alone in a POSIX shell (XCU 2.2.3): `$`, `` ` ``, `"`, `\` are escaped.
///
/// Control characters other than tab and line end are dropped: a pasted line must not drive the terminal.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for ch in text.chars() {
        match ch {
            '$' | '`' | '"' | '\\' => out.extend(['\\', ch]),
            '\n' | '\t' => out.push(ch),
            ch if text::clean(ch.encode_utf8(&mut [0; 4])).starts_with('\\') => {}
            ch => out.push(ch),
        }
    }
    out
}

fn double(before: &str, escaped: &str) -> String {
    format!("\"{before}{escaped}\"")
}

/// A word in single quotes, unless it needs none.
fn quote(word: &str) -> String {
    let word = text::clean(word);
    let plain = |ch: char| ch.is_ascii_alphanumeric() || "-_./:@%+=,".contains(ch);
    if !word.is_empty() && word.chars().all(plain) {
        word
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

//! Why a transfer failed: scope, error number and the text that users of the real server read, and whether the
//! error is worth another attempt (FTS page §4.3, §4.5, §4.6).

/// Whose fault it is; the first word of a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The source storage element.
    Source,
    /// The destination storage element.
    Destination,
    /// The copy between them.
    Transfer,
    /// None of these.
    General,
}

impl Scope {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "SOURCE",
            Self::Destination => "DESTINATION",
            Self::Transfer => "TRANSFER",
            Self::General => "GENERAL_FAILURE",
        }
    }
}

/// Error numbers, as Linux counts them.
pub mod errno {
    #![allow(missing_docs)]
    pub const EPERM: i32 = 1;
    pub const ENOENT: i32 = 2;
    pub const EIO: i32 = 5;
    pub const E2BIG: i32 = 7;
    pub const EACCES: i32 = 13;
    pub const EFAULT: i32 = 14;
    pub const EEXIST: i32 = 17;
    pub const ENOTDIR: i32 = 20;
    pub const EISDIR: i32 = 21;
    pub const EINVAL: i32 = 22;
    pub const EFBIG: i32 = 27;
    pub const ENOSPC: i32 = 28;
    pub const EROFS: i32 = 30;
    pub const ENAMETOOLONG: i32 = 36;
    pub const ENOSYS: i32 = 38;
    pub const EPROTONOSUPPORT: i32 = 93;
    pub const ETIMEDOUT: i32 = 110;
    pub const EHOSTDOWN: i32 = 112;
    pub const EHOSTUNREACH: i32 = 113;
    pub const ECANCELED: i32 = 125;
}

/// One failed operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Whose fault.
    pub scope: Scope,
    /// Error number.
    pub errno: i32,
    /// What happened, query strings already taken out.
    pub text: String,
}

impl Failure {
    /// A failure with its text as it is.
    pub fn new(scope: Scope, errno: i32, text: impl AsRef<str>) -> Self {
        Self {
            scope,
            errno,
            text: redact_queries(text.as_ref()),
        }
    }

    /// The `reason` of the file: `SCOPE [errno] text`.
    pub fn reason(&self) -> String {
        format!("{} [{}] {}", self.scope.as_str(), self.errno, self.text)
    }

    /// A remote abort makes the file CANCELED instead of FAILED.
    pub fn is_cancel(&self) -> bool {
        self.errno == errno::ECANCELED
    }

    /// Whether another attempt may help (FTS page §4.5, rules in their order).
    pub fn is_recoverable(&self) -> bool {
        use errno::{
            E2BIG, EACCES, ECANCELED, EEXIST, EFAULT, EFBIG, EISDIR, ENAMETOOLONG, ENOENT, ENOSPC,
            ENOTDIR, EPERM, EPROTONOSUPPORT, EROFS, ETIMEDOUT,
        };
        if RETRIED_TEXTS.iter().any(|text| self.text.contains(text)) || self.errno == ETIMEDOUT {
            return true;
        }
        if self.errno == ECANCELED || FINAL_TEXTS.iter().any(|text| self.text.contains(text)) {
            return false;
        }
        let finals: &[i32] = match self.scope {
            Scope::Source => &[
                ENOENT,
                EPERM,
                EACCES,
                EISDIR,
                ENAMETOOLONG,
                E2BIG,
                ENOTDIR,
                EPROTONOSUPPORT,
            ],
            Scope::Destination => &[
                EPERM,
                EACCES,
                EISDIR,
                E2BIG,
                EROFS,
                EFAULT,
                ENAMETOOLONG,
                EPROTONOSUPPORT,
                EEXIST,
            ],
            Scope::Transfer => &[
                ENOSPC,
                EPERM,
                EACCES,
                EEXIST,
                EFBIG,
                EROFS,
                ENAMETOOLONG,
                EPROTONOSUPPORT,
            ],
            Scope::General => &[],
        };
        !finals.contains(&self.errno)
    }
}

const RETRIED_TEXTS: &[&str] = &[
    "performance marker",
    "Name or service not known",
    "Connection timed out",
    "end-of-file was reached",
    "end of file occurred",
    "SRM_INTERNAL_ERROR",
    "was forcefully killed",
    "operation timeout",
];

const FINAL_TEXTS: &[&str] = &[
    "proxy expired",
    "with an error 550 File not found",
    "File exists and overwrite",
    "No such file or directory",
    "SRM_INVALID_PATH",
    "The certificate has expired",
    "The available CRL has expired",
    "SRM Authentication failed",
    "SRM_DUPLICATION_ERROR",
    "SRM_AUTHENTICATION_FAILURE",
    "SRM_NO_FREE_SPACE",
    "digest too big for rsa key",
    "Can not determine address of local host",
    "Permission denied",
    "System error in write into HDFS",
    "File exists",
    "checksum do not match",
    "CHECKSUM MISMATCH",
    "The source file is not ONLINE",
];

/// What was asked of the storage element when it refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation<'a> {
    /// PROPFIND, or HEAD in its place.
    Stat,
    /// HEAD with `Want-Digest`.
    Checksum,
    /// MKCOL of this URL.
    Mkcol(&'a str),
    /// DELETE of this URL.
    Unlink(&'a str),
    /// COPY in this mode.
    Copy(CopyMode),
}

/// Who moves the bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CopyMode {
    /// The destination fetches from the source.
    #[default]
    Pull,
    /// The source sends to the destination.
    Push,
}

impl CopyMode {
    /// Its name in a reason.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pull => "3rd pull",
            Self::Push => "3rd push",
        }
    }
}

/// Name and error number that the client library gives a refusing status.
pub fn status_name(status: u16) -> (i32, String) {
    use errno::{EACCES, EEXIST, EHOSTDOWN, EIO, ENOENT, EPERM, ETIMEDOUT};
    match status {
        401 | 402 | 407 => (EACCES, "Authentication Error".into()),
        403 | 423 => (EPERM, "Permission refused".into()),
        404 | 410 => (ENOENT, "File not found".into()),
        405 => (EPERM, "Method Not Allowed, Permission refused".into()),
        408 | 504 => (ETIMEDOUT, "Operation timeout".into()),
        409 => (EEXIST, "Conflict, File Exist".into()),
        400 | 411..=415 | 424 | 501 => (EHOSTDOWN, "Server Error".into()),
        507 => (EIO, "Insufficient Storage".into()),
        other => (EIO, format!("Unexpected server error: {other}")),
    }
}

/// What the client library says of a refusing status, without wrapping: `HTTP 403 : Permission refused `.
pub fn status_text(status: u16) -> String {
    format!("HTTP {status} : {} ", status_name(status).1)
}

/// Statuses whose text the library passes on without saying how many attempts it made, or where.
fn is_plain(status: u16) -> bool {
    matches!(status, 403 | 405 | 408 | 423 | 504)
}

/// The failure of an operation that the storage element answered with `status`.
pub fn refused(scope: Scope, operation: Operation<'_>, status: u16) -> Failure {
    let (mut number, name) = status_name(status);
    let mut plain = format!("HTTP {status} : {name} ");
    let text = match operation {
        Operation::Stat if is_plain(status) => plain,
        Operation::Stat => format!("Result {plain} after 1 attempts"),
        Operation::Checksum => plain,
        Operation::Mkcol(url) => {
            if status == 409 {
                number = errno::ENOENT;
                plain = "HTTP 409 : Conflict, File not Found ".into();
            }
            if is_plain(status) {
                plain
            } else {
                format!("{plain} with url {url}")
            }
        }
        Operation::Unlink(_) if is_plain(status) => format!("DavPosix::unlink  {plain}"),
        Operation::Unlink(url) => format!("DavPosix::unlink  {plain} with url {url}"),
        Operation::Copy(mode) => return copy_failed(mode, number, &format!("copy {plain}")),
    };
    Failure::new(scope, number, text)
}

/// A copy that failed, with the library's last words.
pub fn copy_failed(mode: CopyMode, number: i32, last: &str) -> Failure {
    let text = format!(
        "TRANSFER ERROR: Copy failed ({}). Last attempt: {last}",
        mode.name()
    );
    Failure::new(Scope::Transfer, number, text)
}

/// No answer came at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswer {
    /// Nothing listens there.
    NotConnected,
    /// The name is not known.
    NotResolved,
    /// The certificate is not from a trusted authority, or not for this host.
    NotTrusted,
    /// The connection ended before an answer.
    Closed,
    /// The bound on the operation passed.
    TimedOut,
}

/// The failure of an operation that nobody answered.
pub fn unanswered(scope: Scope, operation: Operation<'_>, what: NoAnswer) -> Failure {
    let (number, words) = match what {
        NoAnswer::NotConnected => (errno::EHOSTDOWN, "Could not connect to server"),
        NoAnswer::NotResolved => (errno::EHOSTUNREACH, "Domain name resolution failed"),
        NoAnswer::NotTrusted => (
            errno::EHOSTDOWN,
            "(Neon): Server certificate verification failed: issuer is not trusted",
        ),
        NoAnswer::Closed => (
            errno::EHOSTDOWN,
            "(Neon): Could not read status line: SSL error: unexpected eof while reading",
        ),
        NoAnswer::TimedOut => (errno::ETIMEDOUT, "timeout of 300s"),
    };
    match operation {
        Operation::Copy(mode) if what == NoAnswer::TimedOut => {
            copy_failed(mode, number, "Request cancellation was requested.")
        }
        Operation::Copy(mode) => copy_failed(mode, number, &format!("copy {words}")),
        _ if what == NoAnswer::TimedOut => Failure::new(scope, number, words),
        Operation::Checksum => Failure::new(scope, number, words),
        _ => Failure::new(scope, number, format!("Result {words} after 1 attempts")),
    }
}

/// Takes the query out of every URL in `text`: `https://se/x?authz=…` becomes `https://se/x?<redacted>`.
pub fn redact_queries(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(scheme) = rest.find("://") {
        let (before, url) = rest.split_at(scheme + 3);
        out.push_str(before);
        let end = url
            .find(|c: char| c.is_whitespace() || matches!(c, '"' | ')' | ','))
            .unwrap_or(url.len());
        match url.get(..end).and_then(|whole| whole.find('?')) {
            Some(query) => {
                out.push_str(url.get(..query).unwrap_or_default());
                out.push_str("?<redacted>");
            }
            None => out.push_str(url.get(..end).unwrap_or_default()),
        }
        rest = url.get(end..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
#[path = "reason_tests.rs"]
mod tests;

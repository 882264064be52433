//! The header fields of a COPY, read and checked before anything is done (storage page §2.1).

use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::checksum::{Checksum, parse_digest, parse_repr_digest};
use crate::dialect::{Dialect, DialectName, OddOverwrite, PutDigests};

const PREFIX: &str = "transferheader";
const LEGACY: &str = "copy-header";
/// What a client may not set on the request to the other side.
const FORBIDDEN: [&str; 6] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "expect",
    "range",
];

/// Which way the bytes go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From there to here.
    Pull(Url),
    /// From here to there.
    Push(Url),
    /// Within this storage element: the path of the destination, still encoded.
    Local(String),
}

/// A COPY as asked for.
#[derive(Clone, Debug)]
pub struct CopyRequest {
    /// Source or destination.
    pub direction: Direction,
    /// What goes with the request to the other side.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// `Overwrite`, if given.
    pub overwrite: Option<bool>,
    /// `RequireChecksumVerification`, if given.
    pub require_checksum: Option<bool>,
    /// `X-Number-Of-Streams`; 0 and 1 are one stream.
    pub streams: u8,
    /// `SciTag`, 0 when absent or out of range.
    pub scitag: u16,
    /// `ClientInfo`: job, file, retry.
    pub client_info: Option<String>,
    /// Digests the caller knows of the file.
    pub expected: Vec<Checksum>,
}

/// Why a COPY is refused at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyFault {
    /// What to answer.
    pub status: u16,
    /// One line.
    pub why: String,
}

fn fault<T>(status: u16, why: impl Into<String>) -> Result<T, CopyFault> {
    Err(CopyFault {
        status,
        why: why.into(),
    })
}

/// The one value of a field: the same value twice counts once, two different ones are an error (§1.0).
pub fn single<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, CopyFault> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else {
        return Ok(None);
    };
    if values.any(|value| value != first) {
        return fault(400, format!("{name} is given twice with different values"));
    }
    match first.to_str() {
        Ok(text) => Ok(Some(text.trim())),
        Err(_) => fault(400, format!("{name} is not plain text")),
    }
}

/// Reads a COPY. `ours` says whether an authority (`host` or `host:port`) is this storage element.
pub fn parse(
    headers: &HeaderMap,
    dialect: &Dialect,
    ours: impl Fn(&Url) -> bool,
) -> Result<CopyRequest, CopyFault> {
    let source = single(headers, "source")?;
    let destination = single(headers, "destination")?;
    if !matches!(single(headers, "credential")?, None | Some("none")) {
        return fault(400, "COPY requested an unsupported Credential type");
    }
    let transfer = transfer_headers(headers, dialect)?;
    let direction = match (source, destination) {
        (Some(_), Some(_)) if dialect.tpc.both.is_some() => {
            return fault(
                dialect.tpc.both.unwrap_or(400),
                "COPY request contains both Source and Destination",
            );
        }
        (Some(source), _) => Direction::Pull(remote(source, "Source", dialect)?),
        (None, Some(local)) if local.starts_with('/') => {
            let methods = &dialect.methods;
            if !methods.copy_local {
                return fault(dialect.tpc.relative, "Destination is not an absolute URL");
            }
            if !methods.loose_destination {
                return fault(
                    methods.bad_destination,
                    "Destination is not an absolute URL",
                );
            }
            Direction::Local(local.to_owned())
        }
        (None, Some(destination)) => {
            let url = remote(destination, "Destination", dialect)?;
            if dialect.methods.copy_local && ours(&url) && transfer.is_empty() {
                Direction::Local(url.path().to_owned())
            } else {
                Direction::Push(url)
            }
        }
        (None, None) => return fault(dialect.tpc.neither, "No Source or Destination specified"),
    };
    Ok(CopyRequest {
        direction,
        headers: transfer,
        overwrite: overwrite(headers, dialect.tpc.odd_overwrite)?,
        require_checksum: match single(headers, "requirechecksumverification")? {
            None => None,
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some(_) if matches!(dialect.name, DialectName::Xrootd55 | DialectName::Xrootd6) => None,
            Some(_) => return fault(400, "RequireChecksumVerification is true or false"),
        },
        streams: streams(headers, dialect)?,
        scitag: scitag(headers),
        client_info: single(headers, "clientinfo")?.map(str::to_owned),
        expected: expected(headers, dialect.methods.put_digests),
    })
}

/// `Overwrite: T` or `F`, as MOVE and COPY read it.
pub fn overwrite(headers: &HeaderMap, odd: OddOverwrite) -> Result<Option<bool>, CopyFault> {
    match single(headers, "overwrite")? {
        None => Ok(None),
        Some("T" | "t") => Ok(Some(true)),
        Some("F" | "f") => Ok(Some(false)),
        Some(_) => match odd {
            OddOverwrite::Refused => fault(400, "Overwrite is T or F"),
            OddOverwrite::False => Ok(Some(false)),
            OddOverwrite::Ignored => Ok(None),
        },
    }
}

/// A URL of the other side, its scheme brought to http or https.
fn remote(text: &str, field: &str, dialect: &Dialect) -> Result<Url, CopyFault> {
    let renamed = match text.split_once("://") {
        Some((scheme, rest)) => match scheme.to_ascii_lowercase().as_str() {
            "davs" if dialect.tpc.davs_is_plain => format!("http://{rest}"),
            "https" | "davs" => format!("https://{rest}"),
            "http" | "dav" => format!("http://{rest}"),
            _ => {
                return fault(
                    400,
                    format!("COPY rejected: disallowed scheme in {field} URL"),
                );
            }
        },
        None => {
            return fault(
                dialect.tpc.relative,
                format!("{field} is not an absolute URL"),
            );
        }
    };
    if renamed.contains([' ', '<', '>', '"', '{', '}', '|', '\\', '^', '`']) {
        return fault(400, format!("{field} is not a URL"));
    }
    match Url::parse(&renamed) {
        // A password in a URL would be told on by logs and failures.
        Ok(url) if !url.username().is_empty() || url.password().is_some() => fault(
            400,
            format!(
                "{field} carries a user name or password; a TransferHeaderAuthorization is for that"
            ),
        ),
        Ok(mut url) if url.has_host() => {
            url.set_fragment(None);
            Ok(url)
        }
        _ => fault(400, format!("{field} is not a URL")),
    }
}

fn transfer_headers(
    headers: &HeaderMap,
    dialect: &Dialect,
) -> Result<Vec<(HeaderName, HeaderValue)>, CopyFault> {
    let free = dialect.name == DialectName::Storm;
    let own_scitag = headers.contains_key("scitag");
    let mut kept: Vec<(HeaderName, HeaderValue)> = Vec::new();
    for (name, value) in headers {
        let (name, value) = if let Some(rest) = name.as_str().strip_prefix(PREFIX) {
            (rest.to_owned(), value.clone())
        } else if name.as_str() == LEGACY {
            let text = value.to_str().unwrap_or_default();
            let Some((name, value)) = text.split_once(':') else {
                return fault(400, "Copy-Header is no header field");
            };
            let Ok(value) = HeaderValue::from_str(value.trim()) else {
                return fault(400, "Copy-Header is no header field");
            };
            (name.trim().to_ascii_lowercase(), value)
        } else {
            continue;
        };
        if name.is_empty() || (own_scitag && name == "scitag") {
            continue;
        }
        if !free && FORBIDDEN.contains(&name.as_str()) {
            return fault(400, format!("{name} may not be set for the transfer"));
        }
        let Ok(name) = HeaderName::try_from(name) else {
            return fault(400, "a TransferHeader has no proper name");
        };
        if !kept
            .iter()
            .any(|(held, was)| *held == name && (*was == value || free))
        {
            kept.push((name, value));
        }
    }
    Ok(kept)
}

fn streams(headers: &HeaderMap, dialect: &Dialect) -> Result<u8, CopyFault> {
    let Some(text) = single(headers, "x-number-of-streams")? else {
        return Ok(1);
    };
    match text.parse::<u8>() {
        Ok(streams) if streams <= 100 => Ok(streams.max(1)),
        _ if dialect.name == DialectName::Storm => Ok(1),
        _ => fault(400, "X-Number-Of-Streams is a number from 0 to 100"),
    }
}

/// Flow identifiers run from 65 to 65535 (storage page §2.12); anything else marks nothing.
fn scitag(headers: &HeaderMap) -> u16 {
    let value = headers.get("scitag").and_then(|value| value.to_str().ok());
    value
        .and_then(|text| text.trim().parse::<u16>().ok())
        .filter(|flow| *flow >= 65)
        .unwrap_or(0)
}

/// Digests in `Repr-Digest` and `Digest`.
pub fn expected(headers: &HeaderMap, which: PutDigests) -> Vec<Checksum> {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    };
    let mut sums = Vec::new();
    if which != PutDigests::None {
        sums.extend(parse_repr_digest(&text("repr-digest")));
    }
    if which == PutDigests::All {
        sums.extend(parse_digest(&text("digest")));
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(fields: &[(&str, &str)]) -> Result<CopyRequest, CopyFault> {
        copy_in(DialectName::Default, fields)
    }

    fn copy_in(name: DialectName, fields: &[(&str, &str)]) -> Result<CopyRequest, CopyFault> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(
                HeaderName::try_from(*name).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        parse(&headers, name.switches(), |url| {
            url.host_str() == Some("se2.example")
        })
    }

    const SOURCE: (&str, &str) = ("Source", "https://se1.example/example/file");

    #[test]
    fn what_gfal_sends_is_understood() {
        let asked = copy(&[
            ("TE", "trailers"),
            SOURCE,
            ("X-Number-Of-Streams", "0"),
            ("Secure-Redirection", "1"),
            ("TransferHeaderAuthorization", "Bearer x"),
            ("Credential", "none"),
            ("Credential", "none"),
            ("X-No-Delegate", "true"),
            ("RequireChecksumVerification", "false"),
            ("ClientInfo", "job-id=1;file-id=2;retry=0"),
        ])
        .unwrap();
        assert!(matches!(asked.direction, Direction::Pull(ref url) if url.as_str() == SOURCE.1));
        assert_eq!(asked.headers.len(), 1);
        assert_eq!(asked.headers[0].0, "authorization");
        assert_eq!(
            (asked.streams, asked.require_checksum, asked.overwrite),
            (1, Some(false), None)
        );
    }

    #[test]
    fn what_is_wrong_is_refused_before_anything_is_done() {
        let destination = ("Destination", "https://se1.example/x");
        for (what, fields, status) in [
            ("neither", vec![], 400),
            ("both", vec![SOURCE, destination], 400),
            ("scheme", vec![("Source", "ftp://se1.example/x")], 400),
            ("relative", vec![("Source", "/x")], 400),
            ("credential", vec![SOURCE, ("Credential", "gridsite")], 400),
            (
                "credential twice",
                vec![SOURCE, ("Credential", "none"), ("Credential", "oidc")],
                400,
            ),
            ("overwrite", vec![SOURCE, ("Overwrite", "maybe")], 400),
            ("streams", vec![SOURCE, ("X-Number-Of-Streams", "101")], 400),
            (
                "checksum",
                vec![SOURCE, ("RequireChecksumVerification", "TRUE")],
                400,
            ),
            (
                "host",
                vec![SOURCE, ("TransferHeaderHost", "evil.example")],
                400,
            ),
            (
                "range",
                vec![SOURCE, ("TransferHeaderRange", "bytes=0-1")],
                400,
            ),
            ("legacy", vec![SOURCE, ("Copy-Header", "nonsense")], 400),
            (
                "password",
                vec![("Source", "https://me:secret@se1.example/x")],
                400,
            ),
        ] {
            assert_eq!(
                copy(&fields).map(|_| ()).unwrap_err().status,
                status,
                "{what}"
            );
        }
    }

    #[test]
    fn direction_follows_the_fields() {
        for (fields, wanted) in [
            (
                vec![("Source", "davs://se1.example/x")],
                "pull https://se1.example/x",
            ),
            (
                vec![("Source", "dav://se1.example:8080/x?copy_mode=pull")],
                "pull http://se1.example:8080/x?copy_mode=pull",
            ),
            (
                vec![("Destination", "https://se1.example/x")],
                "push https://se1.example/x",
            ),
            (vec![("Destination", "https://se2.example/x")], "local /x"),
            (vec![("Destination", "/x")], "local /x"),
            (
                vec![
                    ("Destination", "https://se2.example/x"),
                    ("TransferHeaderAuthorization", "Bearer y"),
                ],
                "push https://se2.example/x",
            ),
        ] {
            let got = match copy(&fields).unwrap().direction {
                Direction::Pull(url) => format!("pull {url}"),
                Direction::Push(url) => format!("push {url}"),
                Direction::Local(path) => format!("local {path}"),
            };
            assert_eq!(got, wanted);
        }
    }

    #[test]
    fn other_fields() {
        let asked = copy(&[
            SOURCE,
            ("SciTag", "66"),
            ("TransferHeaderSciTag", "99"),
            ("TransferHeader", "nameless"),
            ("transferheaderX-Foo", "bar"),
            ("Copy-Header", "X-Legacy: v"),
            ("Repr-Digest", "adler=:CR4B3g==:"),
            ("Overwrite", "F"),
            ("X-Number-Of-Streams", "4"),
        ])
        .unwrap();
        let names: Vec<_> = asked
            .headers
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(names, ["x-foo", "x-legacy"]);
        assert_eq!(
            (asked.scitag, asked.streams, asked.overwrite),
            (66, 4, Some(false))
        );
        assert_eq!(asked.expected, [Checksum::adler32(0x091e_01de)]);
        for out_of_range in ["64", "65536", "-1", "abc", ""] {
            assert_eq!(copy(&[SOURCE, ("SciTag", out_of_range)]).unwrap().scitag, 0);
        }
        let both = [SOURCE, ("Destination", "https://x.example/")];
        assert!(copy_in(DialectName::Xrootd6, &both).is_ok());
    }
}

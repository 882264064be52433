//! The heads of HTTP/1 requests, read before the HTTP library sees them: what two servers in a row could read
//! differently is refused (RFC 9112 §2.2, §3.2, §5, §6.3, §11.2; storage page §1.0), instead of being settled.

/// Longest head that is looked at, in bytes.
const LONGEST: usize = 256 << 10;

/// Why a head is refused. The connection ends with the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// What to answer.
    pub(crate) status: u16,
    /// One line for the body.
    pub(crate) why: &'static str,
}

/// How long the body of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// So many bytes.
    Length(u64),
    /// As its chunks say.
    Chunked,
    /// What follows is no HTTP/1.
    Other,
}

fn bad<T>(why: &'static str) -> Result<T, Refused> {
    Err(Refused { status: 400, why })
}

/// Where a head that begins at the start of `bytes` ends, if it does; `seen` bytes were looked at before.
/// Empty lines before a request are no part of it (RFC 9112 §2.2).
pub(crate) fn end(bytes: &[u8], seen: usize) -> Result<Option<usize>, Refused> {
    let start = bytes
        .chunks(2)
        .take_while(|pair| *pair == b"\r\n")
        .count()
        .saturating_mul(2);
    let from = seen.saturating_sub(3).max(start);
    for (at, byte) in bytes.iter().enumerate().skip(from) {
        if *byte == b'\n' {
            if at == 0 || bytes[at - 1] != b'\r' {
                return bad("a line of the request's head ends without a carriage return");
            }
            if at >= start + 3 && bytes[at - 3..at] == *b"\r\n\r" {
                return Ok(Some(at + 1));
            }
        }
    }
    if bytes.len() > LONGEST {
        let why = "the head of the request is too long";
        return Err(Refused { status: 431, why });
    }
    Ok(None)
}

/// The request line of a head, as far as it can be told: method and target.
pub(crate) fn asked(head: &[u8]) -> Option<(&str, &str)> {
    let line = begun(head)
        .split(|byte| matches!(byte, b'\r' | b'\n'))
        .next()?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let proper = !method.is_empty() && method.bytes().all(is_token) && target.starts_with('/');
    let plain = target.bytes().all(|byte| byte.is_ascii_graphic());
    (proper && plain).then_some((method, target))
}

/// A head from its request line on.
fn begun(mut head: &[u8]) -> &[u8] {
    while let Some(rest) = head.strip_prefix(b"\r\n") {
        head = rest;
    }
    head
}

/// Reads a whole head.
pub(crate) fn examine(head: &[u8]) -> Result<Framing, Refused> {
    let mut lines = begun(head)
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r"));
    let Some(Some(first)) = lines.next() else {
        return bad("the request has no request line");
    };
    let Some(minor) = request_line(first)? else {
        return Ok(Framing::Other);
    };
    let (mut hosts, mut length, mut codings) = (0, None, Vec::new());
    for line in lines {
        let Some(line) = line.filter(|line| !line.is_empty()) else {
            break;
        };
        let (name, value) = field(line)?;
        if name.eq_ignore_ascii_case(b"host") {
            hosts += 1;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            for one in value.split(|byte| *byte == b',') {
                let one = digits(one.trim_ascii())?;
                if length.is_some_and(|known| known != one) {
                    return bad("two Content-Length fields differ");
                }
                length = Some(one);
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            let several = value.split(|byte| *byte == b',');
            codings.extend(several.map(|coding| coding.trim_ascii().to_ascii_lowercase()));
        }
    }
    if hosts > 1 || (hosts == 0 && minor == 1) {
        return bad("a request has one Host field");
    }
    if codings.is_empty() {
        return Ok(Framing::Length(length.unwrap_or(0)));
    }
    if length.is_some() {
        return bad("Content-Length and Transfer-Encoding together");
    }
    if minor == 0 {
        return bad("HTTP/1.0 has no Transfer-Encoding");
    }
    let chunked = codings
        .iter()
        .filter(|coding| **coding == b"chunked")
        .count();
    if chunked != 1 || codings.last().is_none_or(|last| *last != b"chunked") {
        return bad("the last transfer coding of a request is chunked, once");
    }
    if codings.len() > 1 {
        let why = "no transfer coding but chunked is known here";
        return Err(Refused { status: 501, why });
    }
    Ok(Framing::Chunked)
}

/// The minor version; none for HTTP/2.
fn request_line(line: &[u8]) -> Result<Option<u8>, Refused> {
    if line == b"PRI * HTTP/2.0" {
        return Ok(None);
    }
    let mut words = line.split(|byte| *byte == b' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    let (Some(method), Some(target), Some(version), None) = (method, target, version, words.next())
    else {
        return bad("a request line is a method, a target and a version, one blank between them");
    };
    if method.is_empty() || !method.iter().copied().all(is_token) {
        return bad("the method is no token");
    }
    if target.is_empty() || target.iter().any(|byte| *byte < b' ' || *byte == 0x7f) {
        return bad("the request target is empty or has control characters");
    }
    match version {
        b"HTTP/1.1" => Ok(Some(1)),
        b"HTTP/1.0" => Ok(Some(0)),
        other if other.starts_with(b"HTTP/") && other.len() == 8 => Err(Refused {
            status: 505,
            why: "no such version of HTTP is spoken here",
        }),
        _ => bad("the request line has no HTTP version"),
    }
}

fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Refused> {
    if line.starts_with(b" ") || line.starts_with(b"\t") {
        return bad("a header field is folded over two lines");
    }
    let Some(colon) = line.iter().position(|byte| *byte == b':') else {
        return bad("a header field has no colon");
    };
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if name.last().is_some_and(u8::is_ascii_whitespace) {
        return bad("blanks stand between a field's name and its colon");
    }
    if name.is_empty() || !name.iter().copied().all(is_token) {
        return bad("the name of a header field is no token");
    }
    if value
        .iter()
        .any(|byte| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f)
    {
        return bad("a header field has control characters");
    }
    Ok((name, value.trim_ascii()))
}

fn digits(text: &[u8]) -> Result<u64, Refused> {
    let number = std::str::from_utf8(text)
        .ok()
        .filter(|_| text.iter().all(u8::is_ascii_digit));
    match number.and_then(|number| number.parse().ok()) {
        Some(length) => Ok(length),
        None => bad("Content-Length is no number of bytes"),
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// How far a chunked body (RFC 9112 §7.1) has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// At the first digit of a size.
    #[default]
    Start,
    /// Within a size.
    Size(u64),
    /// Within an extension.
    Extension(u64),
    /// After the carriage return of a size line.
    SizeEnd(u64),
    /// Within data, so many bytes to come.
    Data(u64),
    /// After the data.
    DataEnd,
    /// After the carriage return after the data.
    DataLine,
    /// At the start of a trailer line.
    Trailer,
    /// Within a trailer line.
    TrailerText,
    /// After the carriage return of a trailer line.
    TrailerEnd,
    /// After the carriage return of the last line.
    LastEnd,
}

/// How far some bytes bring a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chunks {
    /// All of them belong to it.
    Within(Chunk),
    /// It ends after so many of them.
    Ended(usize),
    /// The one at this place is not what has to stand there.
    Broken(usize),
}

/// Follows a chunked body.
pub(crate) fn follow(mut state: Chunk, bytes: &[u8]) -> Chunks {
    let mut at = 0;
    while let Some(byte) = bytes.get(at).copied() {
        state = match (state, byte) {
            (Chunk::Data(left), _) => {
                let here = u64::try_from(bytes.len() - at)
                    .unwrap_or(u64::MAX)
                    .min(left);
                at += usize::try_from(here).unwrap_or(usize::MAX);
                state = match left - here {
                    0 => Chunk::DataEnd,
                    rest => Chunk::Data(rest),
                };
                continue;
            }
            (Chunk::Start, _) if byte.is_ascii_hexdigit() => Chunk::Size(hex(byte)),
            (Chunk::Size(size), _) if byte.is_ascii_hexdigit() && size < 1 << 56 => {
                Chunk::Size(size << 4 | hex(byte))
            }
            (Chunk::Size(size), b';' | b' ' | b'\t') => Chunk::Extension(size),
            (Chunk::Size(size) | Chunk::Extension(size), b'\r') => Chunk::SizeEnd(size),
            (Chunk::Extension(_) | Chunk::TrailerText, b' '..=b'~' | b'\t' | 0x80..) => state,
            (Chunk::SizeEnd(0) | Chunk::TrailerEnd, b'\n') => Chunk::Trailer,
            (Chunk::SizeEnd(size), b'\n') => Chunk::Data(size),
            (Chunk::DataEnd, b'\r') => Chunk::DataLine,
            (Chunk::DataLine, b'\n') => Chunk::Start,
            (Chunk::Trailer, b'\r') => Chunk::LastEnd,
            (Chunk::Trailer, b'!'..=b'~') => Chunk::TrailerText,
            (Chunk::TrailerText, b'\r') => Chunk::TrailerEnd,
            (Chunk::LastEnd, b'\n') => return Chunks::Ended(at + 1),
            _ => return Chunks::Broken(at),
        };
        at += 1;
    }
    Chunks::Within(state)
}

fn hex(digit: u8) -> u64 {
    (digit as char).to_digit(16).unwrap_or(0).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(fields: &str) -> Result<Framing, u16> {
        let text = format!("PUT /f HTTP/1.1\r\n{fields}\r\n");
        match end(text.as_bytes(), 0) {
            Ok(Some(length)) => {
                assert_eq!(length, text.len());
                examine(text.as_bytes()).map_err(|refused| refused.status)
            }
            Ok(None) => panic!("{fields:?} does not end"),
            Err(refused) => Err(refused.status),
        }
    }

    #[test]
    fn bodies_are_framed_in_one_way_only() {
        const HOST: &str = "Host: se1.example\r\n";
        for (rfc9112, fields, wanted) in [
            ("§6.3 none", "", Ok(Framing::Length(0))),
            (
                "§6.3 length",
                "Content-Length: 5\r\n",
                Ok(Framing::Length(5)),
            ),
            (
                "§6.3 equal ones",
                "Content-Length: 5\r\nContent-length:5 \r\n",
                Ok(Framing::Length(5)),
            ),
            (
                "§6.3 differing ones",
                "Content-Length: 5\r\nContent-Length: 6\r\n",
                Err(400),
            ),
            (
                "§6.3 a differing list",
                "Content-Length: 5, 6\r\n",
                Err(400),
            ),
            ("§6.3 negative", "Content-Length: -1\r\n", Err(400)),
            ("§6.3 signed", "Content-Length: +5\r\n", Err(400)),
            ("§6.3 hexadecimal", "Content-Length: 0x5\r\n", Err(400)),
            ("§6.3 empty", "Content-Length:\r\n", Err(400)),
            (
                "§6.3 beyond 64 bits",
                "Content-Length: 18446744073709551616\r\n",
                Err(400),
            ),
            (
                "§6.1 chunked",
                "Transfer-Encoding: Chunked\r\n",
                Ok(Framing::Chunked),
            ),
            (
                "§6.1 with a length",
                "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                Err(400),
            ),
            (
                "§6.1 after a length",
                "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                Err(400),
            ),
            (
                "§6.1 not last",
                "Transfer-Encoding: chunked, identity\r\n",
                Err(400),
            ),
            (
                "§6.1 not last, apart",
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n",
                Err(400),
            ),
            (
                "§6.1 twice",
                "Transfer-Encoding: chunked, chunked\r\n",
                Err(400),
            ),
            (
                "§6.1 another word",
                "Transfer-Encoding: xchunked\r\n",
                Err(400),
            ),
            (
                "§6.1 quoted",
                "Transfer-Encoding: \"chunked\"\r\n",
                Err(400),
            ),
            ("§6.1 identity", "Transfer-Encoding: identity\r\n", Err(400)),
            ("§6.1 empty", "Transfer-Encoding:\r\n", Err(400)),
            (
                "§6.1 compressed",
                "Transfer-Encoding: gzip, chunked\r\n",
                Err(501),
            ),
            (
                "§5.1 blank before the colon",
                "Transfer-Encoding : chunked\r\n",
                Err(400),
            ),
            ("§5.2 folded", "X: a\r\n b\r\n", Err(400)),
            ("§5.2 folded by a tab", "X: a\r\n\tb\r\n", Err(400)),
            ("§5 no colon", "X\r\n", Err(400)),
            ("§5 no name", ": x\r\n", Err(400)),
            ("§5.1 not a token", "X(y): x\r\n", Err(400)),
            ("§2.2 bare LF", "X: a\nContent-Length: 5\r\n", Err(400)),
            ("§2.2 bare CR", "X: a\rContent-Length: 5\r\n", Err(400)),
            ("RFC 9110 §5.5 NUL", "X: a\0b\r\n", Err(400)),
            (
                "RFC 9110 §5.5 bytes beyond ASCII",
                "X: \u{e9}\r\n",
                Ok(Framing::Length(0)),
            ),
            ("§3.2 a second host", "Host: se2.example\r\n", Err(400)),
        ] {
            assert_eq!(head(&format!("{HOST}{fields}")), wanted, "{rfc9112}");
        }
        assert_eq!(head("X: y\r\n"), Err(400), "§3.2 no host");
    }

    #[test]
    fn request_lines_are_read_in_one_way_only() {
        for (line, wanted) in [
            ("GET / HTTP/1.1", Ok(Framing::Length(0))),
            ("GET / HTTP/1.0", Ok(Framing::Length(0))),
            ("\r\nGET / HTTP/1.1", Ok(Framing::Length(0))),
            ("VERSION-CONTROL /a?b HTTP/1.1", Ok(Framing::Length(0))),
            ("PRI * HTTP/2.0", Ok(Framing::Other)),
            ("GET / HTTP/1.2", Err(505)),
            ("GET / HTTP/2.0", Err(505)),
            ("GET /", Err(400)),
            ("GET  / HTTP/1.1", Err(400)),
            ("GET / HTTP/1.1 ", Err(400)),
            ("GET /a b HTTP/1.1", Err(400)),
            ("GET\t/ HTTP/1.1", Err(400)),
            ("G(T / HTTP/1.1", Err(400)),
            ("GET /\0 HTTP/1.1", Err(400)),
            ("GET / http/1.1", Err(400)),
            ("GET / HTTP/11", Err(400)),
            ("GET http://a/ HTTPS/1.1", Err(400)),
        ] {
            let got = examine(format!("{line}\r\nHost: a\r\n\r\n").as_bytes());
            assert_eq!(got.map_err(|refused| refused.status), wanted, "{line}");
        }
    }

    #[test]
    fn chunks_are_followed_to_their_end() {
        for (rfc9112, body, wanted) in [
            ("§7.1 empty", "0\r\n\r\n", Chunks::Ended(5)),
            ("§7.1 one", "3\r\nabc\r\n0\r\n\r\nGET", Chunks::Ended(13)),
            (
                "§7.1 large",
                "FfF\r\nabc",
                Chunks::Within(Chunk::Data(4092)),
            ),
            (
                "§7.1.1 extension",
                "3;a=b\r\nabc\r\n0\r\n\r\n",
                Chunks::Ended(17),
            ),
            (
                "§7.1.2 trailer",
                "0\r\nDigest: x\r\n\r\n",
                Chunks::Ended(16),
            ),
            ("§7.1 no number", "x\r\n", Chunks::Broken(0)),
            ("§7.1 prefixed", "0x3\r\nabc\r\n", Chunks::Broken(1)),
            ("§7.1 negative", "-3\r\nabc\r\n", Chunks::Broken(0)),
            (
                "§7.1 too large",
                "10000000000000000\r\n",
                Chunks::Broken(15),
            ),
            ("§7.1 bare LF", "3\nabc\r\n", Chunks::Broken(1)),
            (
                "§7.1 longer than it says",
                "3\r\nabcd\r\n",
                Chunks::Broken(6),
            ),
            (
                "§7.1 shorter than it says",
                "4\r\nabc\r\n0\r\n\r\n",
                Chunks::Broken(7),
            ),
        ] {
            assert_eq!(follow(Chunk::Start, body.as_bytes()), wanted, "{rfc9112}");
            // The same however it is cut.
            for cut in 0..body.len() {
                let (first, second) = body.as_bytes().split_at(cut);
                if let Chunks::Within(state) = follow(Chunk::Start, first) {
                    let moved = match follow(state, second) {
                        Chunks::Ended(at) => Chunks::Ended(at + cut),
                        Chunks::Broken(at) => Chunks::Broken(at + cut),
                        within @ Chunks::Within(_) => within,
                    };
                    assert_eq!(moved, wanted, "{rfc9112} cut at {cut}");
                }
            }
        }
    }

    #[test]
    fn a_head_ends_where_its_empty_line_is() {
        for (bytes, wanted) in [
            ("GET / HTTP/1.1\r\n\r\nrest", Ok(Some(18))),
            ("\r\n\r\nGET / HTTP/1.1\r\n\r\n", Ok(Some(22))),
            ("GET / HTTP/1.1\r\n\r", Ok(None)),
            ("", Ok(None)),
            ("\r\n", Ok(None)),
            ("GET / HTTP/1.1\n\n", Err(400)),
            ("\n", Err(400)),
        ] {
            let got = end(bytes.as_bytes(), 0).map_err(|refused| refused.status);
            assert_eq!(got, wanted, "{bytes:?}");
        }
        let endless = vec![b'a'; LONGEST + 1];
        assert_eq!(end(&endless, 0).map_err(|refused| refused.status), Err(431));
    }
}

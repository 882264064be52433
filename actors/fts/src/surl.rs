//! A site URL of a transfer: what a job names as source or destination (FTS page §1.3, `files[]`).

use std::fmt;

/// An accepted source or destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surl {
    raw: String,
    scheme: String,
    host: String,
    port: Option<u16>,
    path: String,
}

impl Surl {
    /// Takes a URL as a job writes it. The error is the text that a client reads after
    /// `Invalid value within the request: `.
    pub fn parse(text: &str) -> Result<Self, String> {
        let raw = text.trim().to_owned();
        let scheme_end = raw
            .find(':')
            .filter(|end| is_scheme(raw.get(..*end).unwrap_or_default()));
        let Some(scheme_end) = scheme_end else {
            return Err(format!("Missing scheme ({raw})"));
        };
        let scheme = raw
            .get(..scheme_end)
            .unwrap_or_default()
            .to_ascii_lowercase();
        if scheme == "file" {
            return Err(format!("Can not transfer local files ({raw})"));
        }
        let rest = raw.get(scheme_end + 1..).unwrap_or_default();
        let (authority, tail) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len())),
            None => ("", rest),
        };
        let tail = tail.split('#').next().unwrap_or_default();
        let (path, query) = tail
            .split_once('?')
            .map_or((tail, None), |(path, query)| (path, Some(query)));
        if path.is_empty() || (path == "/" && query.is_none_or(str::is_empty)) {
            return Err(format!("Missing path ({raw})"));
        }
        let place = authority
            .rsplit_once('@')
            .map_or(authority, |(_, place)| place);
        let (host, port) = split_port(place);
        if host.is_empty() {
            return Err(format!("Missing host ({raw})"));
        }
        let port = match port {
            None | Some("") => None,
            Some(text) => Some(
                text.parse()
                    .map_err(|_| format!("Port could not be cast to integer value as '{text}'"))?,
            ),
        };
        Ok(Self {
            scheme,
            host: host.to_ascii_lowercase(),
            port,
            path: tail.to_owned(),
            raw,
        })
    }

    /// As the job wrote it.
    pub fn as_str(&self) -> &str {
        &self.raw
    }

    /// `scheme://host`, without the port: the storage element as FTS counts them.
    pub fn storage(&self) -> String {
        format!("{}://{}", self.scheme, self.host)
    }

    /// Its scheme, lower case.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Host and port, the port left out when it is HTTPS's own.
    pub fn place(&self) -> String {
        match self.port.filter(|port| *port != 443) {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    /// `https://host[:port]`: the audience that stands for this storage element when nothing else is said.
    pub fn audience(&self) -> String {
        format!("https://{}", self.place())
    }

    /// The URL that goes on the wire, `https` for `davs`; `None` for a protocol that is not HTTP over TLS.
    pub fn http_url(&self) -> Option<String> {
        matches!(self.scheme.as_str(), "https" | "davs")
            .then(|| format!("https://{}{}", self.place(), self.path))
    }

    /// The folder above, as an absolute URL in this URL's scheme, and its https form; `None` at the root.
    pub fn parent(&self) -> Option<Self> {
        let path = self
            .path
            .split('?')
            .next()
            .unwrap_or_default()
            .trim_end_matches('/');
        let cut = path.rfind('/').filter(|cut| *cut > 0)?;
        let path = path.get(..cut)?.to_owned();
        let authority = match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        };
        Some(Self {
            raw: format!("{}://{authority}{path}", self.scheme),
            path,
            ..self.clone()
        })
    }
}

impl fmt::Display for Surl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.raw)
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

fn split_port(place: &str) -> (&str, Option<&str>) {
    if let Some(end) = place.strip_prefix('[').and_then(|_| place.find(']')) {
        let (host, rest) = place.split_at(end + 1);
        return (host, rest.strip_prefix(':'));
    }
    place
        .split_once(':')
        .map_or((place, None), |(host, port)| (host, Some(port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_may_name_what_the_real_server_takes() {
        let cases: &[(&str, Result<&str, &str>)] = &[
            ("davs://se1.example:443/p/f", Ok("davs://se1.example")),
            ("  https://SE1.example/p/f ", Ok("https://se1.example")),
            ("https://localhost:9444/f?x=1", Ok("https://localhost")),
            ("https://[::1]:9444/f", Ok("https://[::1]")),
            ("root://eos.example//eos/f", Ok("root://eos.example")),
            ("/just/a/path", Err("Missing scheme (/just/a/path)")),
            ("", Err("Missing scheme ()")),
            (
                "https://se1.example",
                Err("Missing path (https://se1.example)"),
            ),
            (
                "https://se1.example/",
                Err("Missing path (https://se1.example/)"),
            ),
            ("https:///p/f", Err("Missing host (https:///p/f)")),
            ("https:p/f", Err("Missing host (https:p/f)")),
            (
                "file:///etc/passwd",
                Err("Can not transfer local files (file:///etc/passwd)"),
            ),
            (
                "https://se1:99999/f",
                Err("Port could not be cast to integer value as '99999'"),
            ),
        ];
        for (text, wanted) in cases {
            let got = Surl::parse(text).map(|surl| surl.storage());
            assert_eq!(got.as_deref().map_err(String::as_str), *wanted, "{text}");
        }
    }

    #[test]
    fn the_wire_speaks_https() {
        let cases = [
            (
                "davs://se1.example:443/p/f",
                Some("https://se1.example/p/f"),
                "https://se1.example",
            ),
            (
                "https://localhost:9444/f?x=1",
                Some("https://localhost:9444/f?x=1"),
                "https://localhost:9444",
            ),
            ("root://eos.example//eos/f", None, "https://eos.example"),
        ];
        for (text, url, audience) in cases {
            let surl = Surl::parse(text).unwrap();
            assert_eq!(surl.http_url().as_deref(), url);
            assert_eq!(surl.audience(), audience);
        }
    }

    #[test]
    fn parents_go_up_to_the_root() {
        let surl = Surl::parse("davs://se4.localhost:31004/mk/a/dst").unwrap();
        let parent = surl.parent().unwrap();
        assert_eq!(parent.as_str(), "davs://se4.localhost:31004/mk/a");
        assert_eq!(
            parent.http_url().as_deref(),
            Some("https://se4.localhost:31004/mk/a")
        );
        assert_eq!(
            parent
                .parent()
                .unwrap()
                .parent()
                .map(|top| top.as_str().to_owned()),
            None
        );
    }
}

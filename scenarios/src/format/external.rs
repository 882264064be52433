//! A service of somebody else's that takes an actor's place: where it is, and whom its certificate is trusted by.

use std::path::PathBuf;

use url::Url;

/// A service in an actor's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct External {
    url: Url,
    /// Certificate authorities, in PEM, trusted beside the run's own.
    pub ca: Option<PathBuf>,
}

impl External {
    /// Reads the service's base URL; the error says what would be right.
    pub fn parse(text: &str, ca: Option<PathBuf>) -> Result<Self, String> {
        let right =
            "write its base URL: `https://localhost:1094` or `https://se.example.org:8443/base`";
        match Url::parse(text) {
            Ok(url)
                if url.scheme() == "https"
                    && url.has_host()
                    && url.query().is_none()
                    && url.fragment().is_none()
                    && url.username().is_empty()
                    && url.password().is_none() =>
            {
                Ok(Self { url, ca })
            }
            Ok(url) if url.scheme() != "https" => {
                Err(format!("it must be reached over https; {right}"))
            }
            _ => Err(right.to_owned()),
        }
    }

    /// The host as URLs name it.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The port as URLs name it; none is 443.
    pub fn port(&self) -> Option<u16> {
        self.url.port()
    }

    /// Scheme, host and port: what tokens for it carry as their audience.
    pub fn origin(&self) -> String {
        match self.port() {
            Some(port) => format!("https://{}:{port}", self.host()),
            None => format!("https://{}", self.host()),
        }
    }

    /// The path below which it has what the scenario speaks of; no slash at its end.
    pub fn base(&self) -> &str {
        self.url.path().trim_end_matches('/')
    }

    /// Origin and base path.
    pub fn url(&self) -> String {
        format!("{}{}", self.origin(), self.base())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_has_an_origin_and_perhaps_a_path() {
        for (text, origin, base) in [
            ("https://localhost:1094", "https://localhost:1094", ""),
            ("https://localhost:1094/", "https://localhost:1094", ""),
            (
                "https://se.example.org/data/",
                "https://se.example.org",
                "/data",
            ),
            (
                "https://se.example.org:443/a/b",
                "https://se.example.org",
                "/a/b",
            ),
        ] {
            let read = External::parse(text, None).expect(text);
            assert_eq!(
                (read.origin().as_str(), read.base()),
                (origin, base),
                "{text}"
            );
            assert_eq!(read.url(), format!("{origin}{base}"), "{text}");
        }
        for text in [
            "",
            "localhost:1094",
            "http://localhost",
            "https://a:b@host",
            "https://host/?q",
            "root://host//x",
        ] {
            assert!(External::parse(text, None).is_err(), "{text}");
        }
    }
}

//! What is sent along after a redirect: credentials stay with the host they were meant for (storage page §2.9).

use http::{HeaderName, HeaderValue};
use url::Url;

/// Most redirects followed.
pub const MOST: usize = 10;

/// How redirects are followed.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// From https to http.
    pub allow_downgrade: bool,
    /// Hosts that may see the credentials too.
    pub trusted: Vec<String>,
}

/// Where a redirect leads. The error is the reason not to follow.
pub fn target(from: &Url, location: &str, rules: &Rules) -> Result<Url, String> {
    let to = from
        .join(location)
        .map_err(|_| "redirect to something that is no URL".to_owned())?;
    match (from.scheme(), to.scheme()) {
        (_, "https") | ("http", "http") => Ok(to),
        ("https", "http") if rules.allow_downgrade => Ok(to),
        ("https", "http") => Err("redirect from https to http refused".into()),
        (_, scheme) => Err(format!("redirect to scheme {scheme} refused")),
    }
}

fn secret(name: &HeaderName) -> bool {
    ["auth", "token", "cookie", "secret"]
        .iter()
        .any(|part| name.as_str().contains(part))
}

/// The headers for the next hop.
pub fn headers(
    headers: &[(HeaderName, HeaderValue)],
    from: &Url,
    to: &Url,
    rules: &Rules,
) -> Vec<(HeaderName, HeaderValue)> {
    let same = from.origin() == to.origin();
    let trusted = to.scheme() == "https"
        && to
            .host_str()
            .is_some_and(|host| rules.trusted.iter().any(|known| known == host));
    headers
        .iter()
        .filter(|(name, _)| same || trusted || !secret(name))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_stay_with_their_host() {
        let all = [
            (
                HeaderName::from_static("authorization"),
                HeaderValue::from_static("Bearer x"),
            ),
            (
                HeaderName::from_static("x-auth-token"),
                HeaderValue::from_static("y"),
            ),
            (
                HeaderName::from_static("x-foo"),
                HeaderValue::from_static("z"),
            ),
        ];
        let from = Url::parse("https://se1.example/f").unwrap();
        for (to, trusted, kept) in [
            ("https://se1.example/pool", false, 3),
            ("https://se1.example:443/pool", false, 3),
            ("https://se1.example:8443/pool", false, 1),
            ("https://pool.example/f", false, 1),
            ("https://pool.example/f", true, 3),
            ("http://se1.example/f", false, 1),
        ] {
            let rules = Rules {
                trusted: if trusted {
                    vec!["pool.example".into()]
                } else {
                    Vec::new()
                },
                ..Rules::default()
            };
            let to = Url::parse(to).unwrap();
            assert_eq!(headers(&all, &from, &to, &rules).len(), kept, "{to}");
        }
    }

    #[test]
    fn a_redirect_does_not_lose_the_encryption() {
        let from = Url::parse("https://se1.example/f").unwrap();
        let rules = Rules::default();
        assert!(target(&from, "http://se1.example/f", &rules).is_err());
        assert!(target(&from, "file:///etc/passwd", &rules).is_err());
        assert!(
            target(
                &from,
                "http://se1.example/f",
                &Rules {
                    allow_downgrade: true,
                    ..rules.clone()
                }
            )
            .is_ok()
        );
        assert_eq!(
            target(&from, "/g?ticket=1", &rules).unwrap().as_str(),
            "https://se1.example/g?ticket=1"
        );
    }
}

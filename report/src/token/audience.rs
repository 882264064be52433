//! Audiences that are not written as the profile wants them (CLM-10), with what was probably meant.

/// What is odd about an audience, and what was probably meant. Servers compare audiences letter by
/// letter (CLM-7), so every one of these is a refusal waiting to happen.
pub(super) fn slip(audience: &str) -> Option<String> {
    let meant =
        |why: &str, meant: &str| Some(format!("audience {audience} {why}; did you mean {meant}?"));
    if audience.is_empty() {
        return Some("an audience is empty".to_owned());
    }
    if audience.contains(char::is_whitespace) {
        return Some(format!(
            "audience {audience:?} has a blank: several audiences are a list, one string each"
        ));
    }
    let Some((scheme, rest)) = audience.split_once("://") else {
        return match audience {
            name if name.contains(':') => None,
            name if name.contains('.') => meant("has no scheme", &format!("https://{name}")),
            _ => Some(format!(
                "audience {audience} is a name, not a URL: names of sites are discouraged"
            )),
        };
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host_only = format!(
        "{}://{}",
        scheme.to_ascii_lowercase(),
        authority.to_ascii_lowercase()
    );
    match (scheme.to_ascii_lowercase().as_str(), path) {
        ("http", "" | "/") => meant("is not https", &host_only.replacen("http:", "https:", 1)),
        (_, "/") => meant("ends in a slash", &host_only),
        ("https", "") if authority.ends_with(":443") => {
            meant("names the default port", host_only.trim_end_matches(":443"))
        }
        (_, "") if host_only != audience => meant("has capital letters", &host_only),
        (_, "") => None,
        // `https://se2/example`, a slip of the pen for `https://se2.example`.
        (_, path) if !authority.contains('.') && path.matches('/').count() == 1 => meant(
            "has a path",
            &format!("{host_only}{}", path.replace('/', ".")),
        ),
        _ => meant("has a path", &host_only),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clm_10_audiences_are_normalised() {
        for (audience, meant) in [
            ("https://se1.example", None),
            ("https://se1.example:8443", None),
            ("condor://ce.example", None),
            ("urn:example:se", None),
            ("https://se2/example", Some("https://se2.example")),
            ("https://se2.example/", Some("https://se2.example")),
            ("https://se2.example:443", Some("https://se2.example")),
            ("https://SE2.example", Some("https://se2.example")),
            ("http://se2.example", Some("https://se2.example")),
            ("https://se2.example/webdav/", Some("https://se2.example")),
            ("se1.example", Some("https://se1.example")),
        ] {
            let found = slip(audience);
            assert_eq!(found.is_some(), meant.is_some(), "{audience}: {found:?}");
            if let (Some(found), Some(meant)) = (found, meant) {
                assert!(
                    found.ends_with(&format!("did you mean {meant}?")),
                    "{audience}: {found}"
                );
            }
        }
        assert!(slip("CERN-PROD").unwrap().contains("discouraged"));
        assert!(
            slip("https://a.example https://b.example")
                .unwrap()
                .contains("a list")
        );
    }
}

//! Guesses at what was meant, for refusals that a small slip caused.

use super::{ANY_AUDIENCE, Diagnosis};

/// Why an issuer is not trusted, and which one was probably meant.
pub(super) fn issuer(issuer: &str, trusted: &[&str]) -> (Diagnosis, Option<String>) {
    let slash = trusted
        .iter()
        .find(|t| t.trim_end_matches('/') == issuer.trim_end_matches('/'));
    if let Some(meant) = slash {
        return (Diagnosis::IssSlash, Some(did_you_mean(meant)));
    }
    let near = trusted
        .iter()
        .find(|t| same_but_for_form(issuer, t) || few_edits(issuer, t));
    (Diagnosis::IssUnknown, near.map(|meant| did_you_mean(meant)))
}

/// Why no audience fits, and which one was probably meant.
pub(super) fn audience(
    audiences: &[&str],
    accepted: &[String],
    accept_any: bool,
) -> (Diagnosis, Option<String>) {
    for audience in audiences {
        for meant in accepted {
            if let Some(diagnosis) = audience_slip(audience, meant) {
                let text = match diagnosis {
                    Diagnosis::AudSpace => "several audiences are a list, one string each".into(),
                    _ => did_you_mean(meant),
                };
                return (diagnosis, Some(text));
            }
        }
    }
    let near = |audience: &str| {
        let spelt = accepted.iter().find(|meant| {
            let differently = dots(audience) == dots(meant);
            differently || same_but_for_form(audience, meant) || few_edits(audience, meant)
        });
        let any = matches!(audience, "any" | "ANY" | "Any" | "*")
            || audience.trim_end_matches('/') == ANY_AUDIENCE;
        match spelt {
            Some(meant) => Some(did_you_mean(meant)),
            None if any && accept_any => Some(did_you_mean(ANY_AUDIENCE)),
            None => None,
        }
    };
    (
        Diagnosis::AudMismatch,
        audiences.iter().find_map(|audience| near(audience)),
    )
}

fn audience_slip(audience: &str, meant: &str) -> Option<Diagnosis> {
    if audience.contains(' ') {
        return audience
            .split(' ')
            .any(|part| part == meant)
            .then_some(Diagnosis::AudSpace);
    }
    if audience.trim_end_matches('/') == meant.trim_end_matches('/') {
        return Some(Diagnosis::AudSlash);
    }
    if audience.eq_ignore_ascii_case(meant) {
        return Some(Diagnosis::AudCase);
    }
    if without_scheme(meant).is_some_and(|host| host == audience) {
        return Some(Diagnosis::AudBare);
    }
    (without_port(audience) == without_port(meant)).then_some(Diagnosis::AudPort)
}

/// `did you mean …?`
pub(super) fn did_you_mean(meant: &str) -> String {
    format!("did you mean `{meant}`?")
}

fn without_scheme(url: &str) -> Option<&str> {
    url.split_once("://")
        .map(|(_, rest)| rest.trim_end_matches('/'))
}

fn without_port(url: &str) -> &str {
    match url.rsplit_once(':') {
        Some((rest, port))
            if !port.is_empty()
                && port
                    .trim_end_matches('/')
                    .bytes()
                    .all(|b| b.is_ascii_digit()) =>
        {
            rest
        }
        _ => url,
    }
}

/// The same URL in another form: case, scheme http, port, final slash.
fn same_but_for_form(one: &str, other: &str) -> bool {
    let bare = |url: &str| {
        let url = url.trim_end_matches('/').to_ascii_lowercase();
        let url = without_port(&url);
        without_scheme(url).unwrap_or(url).to_owned()
    };
    bare(one) == bare(other)
}

/// A slash written for a dot in a host name, as `https://se2/example` for `https://se2.example`.
fn dots(url: &str) -> String {
    url.replace("://", "\u{0}")
        .trim_end_matches('/')
        .replace('/', ".")
}

/// Whether at most two letters differ. Short texts are near everything, so they are never near.
fn few_edits(one: &str, other: &str) -> bool {
    one.len() > 8
        && one.len() < 256
        && one.len().abs_diff(other.len()) <= 2
        && host(one).split('.').next() == host(other).split('.').next()
        && distance(one.as_bytes(), other.as_bytes()) <= 2
}

fn host(url: &str) -> &str {
    without_scheme(url).unwrap_or(url)
}

fn distance(one: &[u8], other: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_slips_are_guessed() {
        let se2 = [
            "https://se2.example".to_owned(),
            "https://localhost:9443".to_owned(),
        ];
        let meant = Some("did you mean `https://se2.example`?");
        let cases = [
            ("https://se2/example", Diagnosis::AudMismatch, meant),
            ("https://se2.example/", Diagnosis::AudSlash, meant),
            ("https://SE2.example", Diagnosis::AudCase, meant),
            ("https://se2.example:443", Diagnosis::AudPort, meant),
            ("http://se2.example", Diagnosis::AudMismatch, meant),
            ("https://se2.exmaple", Diagnosis::AudMismatch, meant),
            ("se2.example", Diagnosis::AudBare, meant),
            ("https://se1.example", Diagnosis::AudMismatch, None),
            ("https://fts.example", Diagnosis::AudMismatch, None),
            (
                "https://localhost",
                Diagnosis::AudPort,
                Some("did you mean `https://localhost:9443`?"),
            ),
            (
                "*",
                Diagnosis::AudMismatch,
                Some("did you mean `https://wlcg.cern.ch/jwt/v1/any`?"),
            ),
        ];
        for (given, diagnosis, wanted) in cases {
            let (seen, hint) = audience(&[given], &se2, true);
            assert_eq!((seen, hint.as_deref()), (diagnosis, wanted), "{given}");
        }
    }
}

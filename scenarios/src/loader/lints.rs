//! Addresses, audiences and scopes that lead nowhere or mean something else than they seem to.

use std::ops::Range;

use url::Url;

use super::check::{OnStage, inner};
use super::tree;
use crate::problem::Problem;

pub(super) fn is_audience(key: &str) -> bool {
    matches!(key, "aud" | "audiences") || key.ends_with("audience")
}

pub(super) fn is_scope(key: &str) -> bool {
    matches!(key, "scope" | "scopes") || key.ends_with("_scope") || key.ends_with("_scopes")
}

/// Addresses in an actor's settings: those of peers must lead to somebody on the stage.
pub(super) fn addresses(
    key: &str,
    text: &str,
    span: &Range<usize>,
    cast: &[OnStage<'_>],
    problems: &mut Vec<Problem>,
) {
    if is_audience(key) {
        audience(text, span, cast, problems);
    } else if matches!(key, "issuer" | "issuers" | "fts" | "rucio" | "url") {
        address(text, span, cast, problems);
    } else if is_scope(key) {
        scope(text, span, problems);
    }
}

/// A URL that must lead to an actor.
pub(super) fn address(
    text: &str,
    span: &Range<usize>,
    cast: &[OnStage<'_>],
    problems: &mut Vec<Problem>,
) {
    if text.contains("${") || text.is_empty() {
        return;
    }
    let url = match Url::parse(text) {
        Ok(url) if url.has_host() => url,
        _ => {
            let mut problem =
                Problem::error(span.clone(), format!("`{text}` is not a URL"), "not a URL");
            if cast
                .iter()
                .any(|actor| text.starts_with(&actor.host) || actor.name == text)
            {
                let host = cast
                    .iter()
                    .find(|actor| actor.name == text)
                    .map_or(text, |actor| &actor.host);
                problem = problem.fix(inner(span, text), format!("https://{host}"));
            } else {
                problem = problem.help("write it whole: `https://se1.example/…`");
            }
            problems.push(problem);
            return;
        }
    };
    let host = url.host_str().unwrap_or_default();
    if cast
        .iter()
        .any(|actor| actor.host.eq_ignore_ascii_case(host))
    {
        return;
    }
    let problem = Problem::error(
        span.clone(),
        format!("nobody on the stage has the host `{host}`"),
        "leads nowhere",
    );
    let whole = inner(span, text);
    let at = text.find(host).map_or(whole.clone(), |at| {
        whole.start + at..whole.start + at + host.len()
    });
    let known: Vec<&str> = cast.iter().map(|actor| actor.host.as_str()).collect();
    problems.push(tree::suggest(problem, host, &at, known, "there are"));
}

/// An audience is any text, and taken literally; one that is nearly an actor's URL is probably a slip.
pub(super) fn audience(
    text: &str,
    span: &Range<usize>,
    cast: &[OnStage<'_>],
    problems: &mut Vec<Problem>,
) {
    let whole = inner(span, text);
    for word in text.split_whitespace() {
        let exact = |actor: &OnStage<'_>| word == format!("https://{}", actor.host);
        if word.contains(['*', '$']) || cast.iter().any(exact) {
            continue;
        }
        let at = word.as_ptr() as usize - text.as_ptr() as usize;
        let at = whole.start + at..whole.start + at + word.len();
        let Some(meant) = meant_host(word, cast) else {
            continue;
        };
        let wanted = format!("https://{meant}");
        problems.push(
            Problem::warning(
                span.clone(),
                format!("the audience `{word}` is no actor's"),
                format!("`{wanted}` is one, and audiences are compared literally"),
            )
            .fix(at, wanted),
        );
    }
}

/// The host a misspelt audience probably meant: scheme left out, a slash at the end, a slash for a dot, a wrong letter.
fn meant_host<'t>(word: &str, cast: &'t [OnStage<'_>]) -> Option<&'t str> {
    let bare = word
        .trim_start_matches("https://")
        .trim_start_matches("http://")
        .trim_end_matches('/');
    let dotted = bare.replace('/', ".");
    let hosts = || cast.iter().map(|actor| actor.host.as_str());
    if let Some(host) = hosts().find(|host| *host == bare || *host == dotted) {
        return Some(host);
    }
    let near = |host: &&str| strsim::damerau_levenshtein(host, bare) == 1;
    // `se3.example` beside `se1.example` is another host, not a slip of the pen.
    let digits = |text: &str| {
        text.chars()
            .filter(char::is_ascii_digit)
            .collect::<String>()
    };
    hosts()
        .filter(near)
        .find(|host| digits(host) == digits(bare))
}

/// Scopes: the profile's storage scopes need a path.
pub(super) fn scope(text: &str, span: &Range<usize>, problems: &mut Vec<Problem>) {
    const STORAGE: [&str; 5] = [
        "storage.read",
        "storage.create",
        "storage.modify",
        "storage.stage",
        "storage.poll",
    ];
    let whole = inner(span, text);
    for word in text.split_whitespace() {
        let at = word.as_ptr() as usize - text.as_ptr() as usize;
        let at = whole.start + at..whole.start + at + word.len();
        let (name, path) = word
            .split_once(':')
            .map_or((word, None), |(name, path)| (name, Some(path)));
        if !name.starts_with("storage.") || word.contains(['*', '$']) {
            continue;
        }
        if !STORAGE.contains(&name) {
            let at = at.start..at.start + name.len();
            let problem = Problem::warning(
                at.clone(),
                format!("the profile has no scope `{name}`"),
                "unknown scope",
            );
            problems.push(tree::suggest(problem, name, &at, STORAGE, "there are"));
        } else if path.is_none() {
            problems.push(
                Problem::warning(
                    at.clone(),
                    format!("`{name}` opens nothing without a path"),
                    "a path is missing",
                )
                .fix(at, format!("{name}:/")),
            );
        } else if path.is_some_and(|path| !path.starts_with('/')) {
            problems.push(
                Problem::warning(
                    at.clone(),
                    format!("the path of `{word}` must begin with `/`"),
                    "not an absolute path",
                )
                .fix(at, format!("{name}:/{}", path.unwrap_or_default())),
            );
        }
    }
}

//! Small rules about words: patterns with `*`, lists for people, and the nearest name to a misspelt one.

/// Whether `text` fits `pattern`, where `*` stands for any run of characters and everything else for itself.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

/// The name among `known` that was probably meant, if one is near enough.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['-', '_', ' ', '.'], "");
    let wanted = plain(word);
    known
        .into_iter()
        .map(|name| {
            let name_plain = plain(name);
            let within = wanted.len() >= 3
                && (name_plain.starts_with(&wanted) || wanted.starts_with(&name_plain));
            let score = strsim::damerau_levenshtein(&wanted, &name_plain);
            (if within { score.min(1) } else { score }, name)
        })
        .filter(|(score, name)| {
            *score <= 1.max(name.len().min(word.len()) / 3) && *score < name.len().max(word.len())
        })
        .min_by_key(|(score, _)| *score)
        .map(|(_, name)| name)
}

/// "`a`, `b` or `c`".
pub(crate) fn choice<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|n| format!("`{n}`")).collect();
    match quoted.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [many @ .., last] => format!("{} or {last}", many.join(", ")),
    }
}

/// The text cut to `limit` characters, the cut marked.
pub(crate) fn shortened(text: &str, limit: usize) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if one_line.chars().count() <= limit {
        return one_line;
    }
    let mut cut: String = one_line.chars().take(limit.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_run() {
        for (pattern, text, fits) in [
            ("Bearer *", "Bearer eyJ…", true),
            ("Bearer *", "Basic x", false),
            ("*", "", true),
            ("", "", true),
            ("", "x", false),
            ("a*b*c", "a--b--c", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("*Created*", "success: Created\n", true),
            ("exact", "exactly", false),
        ] {
            assert_eq!(glob(pattern, text), fits, "{pattern:?} against {text:?}");
        }
    }

    #[test]
    fn a_misspelt_name_finds_the_one_meant() {
        let known = ["replicate", "await", "get_token", "advance"];
        assert_eq!(nearest("replcate", known), Some("replicate"));
        assert_eq!(nearest("gettoken", known), Some("get_token"));
        assert_eq!(nearest("frobnicate_all", known), None);
        assert_eq!(nearest("se", ["se1", "se2"]), Some("se1"));
        assert_eq!(nearest("x", ["a", "b"]), None);
    }

    #[test]
    fn names_are_listed_as_in_a_sentence() {
        assert_eq!(choice(["a", "b", "c"]), "`a`, `b` or `c`");
        assert_eq!(choice(["a"]), "`a`");
        assert_eq!(shortened("a  b\nc", 3), "a …");
    }
}

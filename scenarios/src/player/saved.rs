//! What steps have saved for later ones: tokens, ids, members of answers.

use std::collections::BTreeMap;

/// Saved values by name; `token`, `token.refresh`, `answer.member`.
#[derive(Debug, Default)]
pub(super) struct Saved {
    values: BTreeMap<String, String>,
}

impl Saved {
    /// Saves a value.
    pub(super) fn put(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.values.insert(name.into(), value.into());
    }

    /// A saved value; the reason when there is none.
    pub(super) fn get(&self, name: &str) -> Result<&str, String> {
        self.values.get(name).map(String::as_str).ok_or_else(|| {
            let known = crate::words::choice(self.values.keys().map(String::as_str));
            format!("nothing was saved as `{name}`; saved so far: {known}")
        })
    }

    /// The text with every `${name}` replaced.
    pub(super) fn filled(&self, text: &str) -> Result<String, String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after
                .split_once('}')
                .ok_or_else(|| format!("`{text}` has `${{` without `}}`"))?;
            out.push_str(before);
            out.push_str(self.get(name)?);
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::Saved;

    #[test]
    fn names_in_braces_stand_for_what_was_saved() {
        let mut saved = Saved::default();
        saved.put("t", "eyJ");
        saved.put("a.id", "7");
        assert_eq!(
            saved.filled("Bearer ${t}/${a.id}").as_deref(),
            Ok("Bearer eyJ/7")
        );
        assert_eq!(saved.filled("plain").as_deref(), Ok("plain"));
        assert!(
            saved
                .filled("${x}")
                .is_err_and(|e| e.contains("`a.id` or `t`"))
        );
        assert!(saved.filled("${t").is_err());
    }
}

//! Tokens in text: the short name a view gives them, and the net that catches any that slipped through.

/// How views name a token: `eyJ…7c216092`, the first group of its `jti`.
pub fn short_jti(jti: &str) -> String {
    let jti = crate::text::clean(jti);
    let head: String = match jti.split_once('-') {
        Some((head, _)) if head.len() >= 6 => head.to_owned(),
        _ => jti.chars().take(12).collect(),
    };
    format!("eyJ…{head}")
}

/// Replaces every compact JWS or JWE (RFC 7515 §3.1) in a text by `eyJ…`.
///
/// The journal redacts by itself; this is the second lock, for sentences that others wrote.
pub fn hide(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("eyJ") {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        if let Some(length) = jws_length(from) {
            out.push_str("eyJ…");
            rest = &from[length..];
        } else {
            out.push_str("eyJ");
            rest = &from[3..];
        }
    }
    out.push_str(rest);
    out
}

/// Length of the JWT-like string that the text begins with: `eyJ`, base64url, and at least one more part.
fn jws_length(text: &str) -> Option<usize> {
    let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let part = |from: usize| {
        text.as_bytes()[from..]
            .iter()
            .take_while(|byte| is_base64url(**byte))
            .count()
    };
    let mut end = part(0);
    let mut parts = 1;
    while text.as_bytes().get(end) == Some(&b'.') && parts < 5 {
        let length = part(end + 1);
        if parts == 1 && length == 0 {
            return None;
        }
        end += 1 + length;
        parts += 1;
    }
    (parts > 1).then_some(end)
}

/// The text, with tokens hidden unless they are to be seen.
pub(crate) fn shown(text: &str, reveal: bool) -> String {
    if reveal { text.to_owned() } else { hide(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_named_by_their_jti() {
        assert_eq!(
            short_jti("7c216092-c9e5-49f8-9403-c888ad5ded9d"),
            "eyJ…7c216092"
        );
        assert_eq!(short_jti("abc"), "eyJ…abc");
        assert_eq!(short_jti("\x1b[2J-oops"), "eyJ…\\x1b[2J");
    }

    #[test]
    fn a_token_in_a_sentence_is_hidden() {
        for (text, hidden) in [
            (
                "token eyJhbGciOiJub25lIn0.eyJqdGkiOiJ4In0.sig-_ was not found",
                "token eyJ… was not found",
            ),
            ("eyJhbGciOiJub25lIn0.eyJqdGkiOiJ4In0.", "eyJ…"),
            ("eyJhbGciOiJub25lIn0.eyJqdGkiOiJ4In0", "eyJ…"),
            ("a=eyJa.b.c&d=eyJa.b.c", "a=eyJ…&d=eyJ…"),
            ("eyJ…7c216092 and eyJra", "eyJ…7c216092 and eyJra"),
            ("sentence eyJ. Next", "sentence eyJ. Next"),
        ] {
            assert_eq!(hide(text), hidden);
        }
    }
}

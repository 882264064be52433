//! Java's regular expressions in the words of the library that is used here: what means something else is translated,
//! what has no counterpart is refused (`java.util.regex.Pattern`).

use std::iter::Peekable;
use std::str::Chars;

/// Digits, letters and white space as Java has them when no flag is set: ASCII.
fn class(letter: char) -> Option<&'static str> {
    Some(match letter {
        'd' => "0-9",
        'w' => "a-zA-Z_0-9",
        's' => " \\t\\n\\x0B\\f\\r",
        _ => return None,
    })
}

/// Anything but what ends a line.
const DOT: &str = "[^\\n\\r\\x{85}\\x{2028}\\x{2029}]";

/// Translates an expression, or says what has no counterpart.
pub(super) fn translated(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text.chars().peekable();
    let mut depth = 0_usize;
    // With the flag `s` a dot is any character in both.
    let dot_is_all = text.split("(?").skip(1).any(has_flag_s);
    let mut after_quantifier = false;
    while let Some(c) = rest.next() {
        let quantifies = depth == 0 && matches!(c, '*' | '+' | '?' | '}');
        if quantifies && c == '+' && after_quantifier {
            return Err("possessive quantifiers are Java's alone".into());
        }
        // The question mark that a group begins with is no quantifier.
        after_quantifier = quantifies && !out.ends_with('(');
        match c {
            '\\' => match rest.next() {
                None => return Err("it ends with a backslash".into()),
                Some('Q') => quote(&mut rest, &mut out),
                Some(letter) => escape(letter, depth > 0, &mut out)?,
            },
            '[' => {
                depth += 1;
                out.push(c);
            }
            ']' => {
                depth = depth.saturating_sub(1);
                out.push(c);
            }
            '.' if depth == 0 && !dot_is_all => out.push_str(DOT),
            _ => out.push(c),
        }
    }
    Ok(out)
}

/// Whether what follows `(?` sets the flag `s`.
fn has_flag_s(group: &str) -> bool {
    let flags = group.split([')', ':', '-']).next().unwrap_or_default();
    flags.chars().all(|c| c.is_ascii_alphabetic()) && flags.contains('s')
}

/// What stands between `\\Q` and `\\E` means itself, to the end when nothing ends it.
fn quote(rest: &mut Peekable<Chars<'_>>, out: &mut String) {
    while let Some(c) = rest.next() {
        if c == '\\' && rest.peek() == Some(&'E') {
            rest.next();
            return;
        }
        out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
    }
}

fn escape(letter: char, in_class: bool, out: &mut String) -> Result<(), String> {
    if let Some(members) = class(letter) {
        let (open, close) = if in_class { ("", "") } else { ("[", "]") };
        out.extend([open, members, close]);
        return Ok(());
    }
    let other = class(letter.to_ascii_lowercase()).filter(|_| letter.is_ascii_uppercase());
    if let Some(members) = other {
        out.extend(["[^", members, "]"]);
        return Ok(());
    }
    if (letter.is_ascii_digit() && letter != '0') || letter == 'k' {
        return Err("backreferences have no counterpart here".into());
    }
    out.push('\\');
    out.push(letter);
    Ok(())
}

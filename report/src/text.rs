//! Text for a terminal: foreign bytes made harmless, columns counted, long lines folded with an indent.

/// Makes text that came from outside safe to print: control characters (so every ANSI escape),
/// direction overrides and invisible characters are written as `\x1b` or `\u{202e}`.
///
/// Line ends and tabs are control characters too. Whoever wants lines splits first ([`lines_of`]).
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for ch in text.chars() {
        match ch {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ch if ch.is_control() && (ch as u32) < 0x100 => {
                hex(&mut out, ch);
            }
            ch if ch.is_control() || is_invisible(ch) => {
                out.extend(ch.escape_unicode());
            }
            ch => out.push(ch),
        }
    }
    out
}

/// `\x1b`, two digits.
fn hex(out: &mut String, ch: char) {
    let digit = |value: u32| char::from_digit(value & 0xf, 16).unwrap_or('?');
    out.extend(['\\', 'x', digit(ch as u32 >> 4), digit(ch as u32)]);
}

/// Characters that draw nothing, or turn the direction of what follows.
fn is_invisible(ch: char) -> bool {
    matches!(ch,
        '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// The lines of a text from outside, each one safe to print; a tab becomes two blanks.
pub fn lines_of(text: &str) -> impl Iterator<Item = String> + '_ {
    text.lines()
        .map(|line| clean(&line.trim_end_matches('\r').replace('\t', "  ")))
}

/// Columns that a text takes on a terminal; East Asian wide characters and emoji take two.
///
/// Our own colour sequences (`ESC [ … m`) take none. Foreign ones never get here: see [`clean`].
pub fn columns(text: &str) -> usize {
    pieces(text).map(|(_, _, columns)| columns).sum()
}

/// The text piece by piece, (start, end, columns): characters, and whole colour sequences of no width.
fn pieces(text: &str) -> impl Iterator<Item = (usize, usize, usize)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = &text[at..];
        let ch = rest.chars().next()?;
        let start = at;
        let style = if ch == '\x1b' { rest.find('m') } else { None };
        let columns = if let Some(end) = style {
            at += end + 1;
            0
        } else {
            at += ch.len_utf8();
            char_columns(ch)
        };
        Some((start, at, columns))
    })
}

fn char_columns(ch: char) -> usize {
    let wide = matches!(ch as u32,
        0x1100..=0x115f | 0x231a..=0x231b | 0x2329..=0x232a | 0x23e9..=0x23ec | 0x25fd..=0x25fe
        | 0x2614..=0x2615 | 0x2648..=0x2653 | 0x26aa..=0x26ab | 0x26bd..=0x26be | 0x2705 | 0x270a..=0x270b
        | 0x2728 | 0x274c | 0x2753..=0x2755 | 0x2795..=0x2797
        | 0x2e80..=0x303e | 0x3041..=0xa4cf | 0xa960..=0xa97f | 0xac00..=0xd7a3 | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1faff | 0x20000..=0x3fffd);
    let combining =
        matches!(ch as u32, 0x300..=0x36f | 0x1ab0..=0x1aff | 0x20d0..=0x20ff | 0xfe20..=0xfe2f);
    if combining {
        0
    } else if wide {
        2
    } else {
        1
    }
}

/// Folds one line to `width` columns: the first line carries `first` in front, the others `rest`.
///
/// Breaks at blanks; a word that is too long for a line of its own is broken where the line ends
/// (after `/`, `,`, `&` or `;` when there is one in the second half of the line).
pub fn fold(first: &str, rest: &str, text: &str, width: usize) -> Vec<String> {
    let mut out = Vec::new();
    let mut line = first.to_owned();
    let mut used = columns(first);
    let mut empty = true;
    for word in text.split(' ') {
        let mut word = word;
        let wanted = columns(word) + usize::from(!empty);
        if !empty && used + wanted > width {
            out.push(std::mem::replace(&mut line, rest.to_owned()));
            used = columns(rest);
            empty = true;
        }
        if !empty {
            line.push(' ');
            used += 1;
        }
        while used + columns(word) > width {
            let room = width.saturating_sub(used).max(8);
            let cut = cut_at(word, room);
            line.push_str(&word[..cut]);
            out.push(std::mem::replace(&mut line, rest.to_owned()));
            used = columns(rest);
            word = &word[cut..];
        }
        line.push_str(word);
        used += columns(word);
        empty = false;
    }
    out.push(line);
    for line in &mut out {
        line.truncate(line.trim_end().len());
    }
    out
}

/// Byte position after at most `room` columns of `word`, at a friendly place if there is one.
fn cut_at(word: &str, room: usize) -> usize {
    let mut used = 0;
    let mut end = 0;
    let mut friendly = 0;
    for (start, after, columns) in pieces(word) {
        used += columns;
        if used > room && end > 0 {
            break;
        }
        end = after;
        if matches!(&word[start..after], "/" | "," | "&" | ";") && used * 2 > room {
            friendly = end;
        }
    }
    if friendly > 0 { friendly } else { end }
}

/// Shortens to at most `max` columns, with `…` in place of the tail.
pub fn clip(text: &str, max: usize) -> String {
    if columns(text) <= max {
        return text.to_owned();
    }
    let end = cut_hard(text, max.saturating_sub(1));
    format!("{}…", &text[..end])
}

fn cut_hard(text: &str, room: usize) -> usize {
    let mut used = 0;
    for (start, _, columns) in pieces(text) {
        used += columns;
        if used > room {
            return start;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_drive_the_terminal() {
        for (input, shown) in [
            ("plain, naïve text ✻", "plain, naïve text ✻"),
            ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
            ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
            ("a\rb\nc\td", "a\\rb\\nc\\td"),
            ("\u{9b}2J", "\\x9b2J"),
            ("\u{7f}", "\\x7f"),
            ("abc\u{202e}gnp.exe", "abc\\u{202e}gnp.exe"),
            ("zero\u{200b}width", "zero\\u{200b}width"),
        ] {
            assert_eq!(clean(input), shown);
        }
    }

    #[test]
    fn lines_are_folded_at_blanks_and_long_words_where_the_line_ends() {
        assert_eq!(
            fold("- ", "  ", "one two three", 9),
            ["- one two", "  three"]
        );
        assert_eq!(
            fold("", "  ", "abcdefghijklmnop", 10),
            ["abcdefghij", "  klmnop"]
        );
        assert_eq!(
            fold("", "  ", "see https://se1.example/example/file", 24),
            ["see", "  https://se1.example/", "  example/file"]
        );
        assert_eq!(fold("x", "", "", 10), ["x"]);
    }

    #[test]
    fn columns_are_what_the_terminal_shows() {
        assert_eq!(columns("abc…"), 4);
        assert_eq!(columns("世界"), 4);
        assert_eq!(clip("abcdef", 4), "abc…");
        assert_eq!(clip("abcd", 4), "abcd");
    }
}

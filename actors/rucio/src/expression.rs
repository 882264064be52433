//! RSE expressions: `*`, a name, `attribute=value`, joined by `|`, `&`, `\` and parentheses (rucio page §1.4).

use indexmap::IndexSet;

use crate::rse::Rse;

/// What an expression is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    Or,
    And,
    Minus,
    Word(String),
}

/// The RSEs that an expression names, in the order of the catalogue.
///
/// Returns nothing when the text is no expression. An unknown name is an empty set, as in Rucio.
pub fn resolve<'a>(
    expression: &str,
    rses: impl IntoIterator<Item = &'a Rse>,
) -> Option<IndexSet<String>> {
    let all: Vec<&Rse> = rses.into_iter().collect();
    let tokens = tokens(expression)?;
    let mut reader = Reader {
        tokens: &tokens,
        at: 0,
        rses: &all,
    };
    let set = reader.sum()?;
    if reader.at != tokens.len() {
        return None;
    }
    Some(
        all.iter()
            .filter(|r| set.contains(&r.name))
            .map(|r| r.name.clone())
            .collect(),
    )
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        let token = match c {
            '(' => Token::Open,
            ')' => Token::Close,
            '|' => Token::Or,
            '&' => Token::And,
            '\\' => Token::Minus,
            c if c.is_whitespace() => continue,
            c if c.is_ascii_alphanumeric() || "_-=<>*.:/".contains(c) => {
                word.push(c);
                continue;
            }
            _ => return None,
        };
        if !word.is_empty() {
            tokens.push(Token::Word(std::mem::take(&mut word)));
        }
        tokens.push(token);
    }
    if !word.is_empty() {
        tokens.push(Token::Word(word));
    }
    (!tokens.is_empty()).then_some(tokens)
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    rses: &'a [&'a Rse],
}

impl Reader<'_> {
    /// Operators have one strength and are read from left to right, as Rucio does.
    fn sum(&mut self) -> Option<IndexSet<String>> {
        let mut left = self.term()?;
        while let Some(operator @ (Token::Or | Token::And | Token::Minus)) =
            self.tokens.get(self.at)
        {
            self.at += 1;
            let right = self.term()?;
            match operator {
                Token::Or => left.extend(right),
                Token::And => left.retain(|name| right.contains(name)),
                _ => left.retain(|name| !right.contains(name)),
            }
        }
        Some(left)
    }

    fn term(&mut self) -> Option<IndexSet<String>> {
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        match token {
            Token::Open => {
                let inner = self.sum()?;
                (self.tokens.get(self.at) == Some(&Token::Close)).then(|| self.at += 1)?;
                Some(inner)
            }
            Token::Word(word) => Some(self.named(word)),
            _ => None,
        }
    }

    fn named(&self, word: &str) -> IndexSet<String> {
        let matches = |rse: &&&Rse| -> bool {
            if word == "*" || rse.name == word {
                return true;
            }
            for operator in ['=', '<', '>'] {
                let Some((key, value)) = word.split_once(operator) else {
                    continue;
                };
                let Some(have) = rse.attributes.get(key) else {
                    return false;
                };
                return match operator {
                    '=' => same_value(have, value),
                    _ => have
                        .parse::<f64>()
                        .ok()
                        .zip(value.parse::<f64>().ok())
                        .is_some_and(|(h, v)| if operator == '<' { h < v } else { h > v }),
                };
            }
            false
        };
        self.rses
            .iter()
            .filter(matches)
            .map(|r| r.name.clone())
            .collect()
    }
}

/// Booleans are stored as text in several spellings and compare equal.
fn same_value(have: &str, wanted: &str) -> bool {
    have == wanted || (crate::account::is_true(have) && crate::account::is_true(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn world() -> Vec<Rse> {
        [("SE1", "CH", "1"), ("SE2", "IT", "2"), ("SE3", "IT", "3")]
            .into_iter()
            .map(|(name, country, tier)| {
                let mut rse = Rse::new(name, String::new(), Timestamp::UNIX_EPOCH);
                rse.attributes.insert("country".into(), country.into());
                rse.attributes.insert("tier".into(), tier.into());
                rse
            })
            .collect()
    }

    #[test]
    fn expressions_select() {
        let rses = world();
        for (expression, want) in [
            ("SE1", Some("SE1")),
            ("*", Some("SE1 SE2 SE3")),
            ("SE1|SE2", Some("SE1 SE2")),
            ("country=IT", Some("SE2 SE3")),
            ("country=IT&tier=3", Some("SE3")),
            ("*\\SE1", Some("SE2 SE3")),
            ("(SE1|SE2)&country=IT", Some("SE2")),
            ("tier>1", Some("SE2 SE3")),
            ("tier<2", Some("SE1")),
            ("SE1=true", Some("SE1")),
            ("NOPE", Some("")),
            ("istape=true", Some("")),
            ("", None),
            ("SE1|", None),
            ("(SE1", None),
            ("SE1)", None),
            ("SE1 && SE2", None),
            ("SE1;SE2", None),
        ] {
            let got =
                resolve(expression, &rses).map(|set| set.into_iter().collect::<Vec<_>>().join(" "));
            assert_eq!(got.as_deref(), want, "{expression}");
        }
    }
}

//! The `Range` of a GET (RFC 9110 §14; storage page §1.1).

/// Most members looked at; more are taken as a request for the whole.
const MOST: usize = 256;

/// A stretch of a file: first and last byte, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub first: u64,
    /// Last byte.
    pub last: u64,
}

impl Span {
    /// How many bytes it has.
    pub fn length(self) -> u64 {
        self.last - self.first + 1
    }

    /// `bytes 0-9/100`
    pub fn content_range(self, size: u64) -> String {
        format!("bytes {}-{}/{size}", self.first, self.last)
    }
}

/// What a `Range` asks of a file of this size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Not a byte range that can be read.
    Malformed,
    /// These stretches, in order.
    Spans(Vec<Span>),
    /// Nothing of what is asked for exists.
    Nothing,
}

/// Reads a `Range` field. XRootD lists ranges as they were asked for, and takes the last no bytes for an error.
pub fn parse(field: &str, size: u64, listed: bool) -> Wanted {
    let Some(list) = field.trim().strip_prefix("bytes=") else {
        return Wanted::Malformed;
    };
    let mut spans: Vec<Span> = Vec::new();
    let mut members = 0;
    for member in list
        .split(',')
        .map(str::trim)
        .filter(|member| !member.is_empty())
    {
        members += 1;
        if members > MOST {
            return Wanted::Malformed;
        }
        let Some((first, last)) = member.split_once('-') else {
            return Wanted::Malformed;
        };
        let number = |text: &str| {
            if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
                Some(text.parse::<u64>().unwrap_or(u64::MAX))
            } else {
                None
            }
        };
        let span = match (first, last) {
            ("", tail) => {
                let Some(tail) = number(tail) else {
                    return Wanted::Malformed;
                };
                if tail == 0 && listed {
                    return Wanted::Malformed;
                }
                if tail == 0 || size == 0 {
                    continue;
                }
                Span {
                    first: size.saturating_sub(tail),
                    last: size - 1,
                }
            }
            (first, "") => {
                let Some(first) = number(first) else {
                    return Wanted::Malformed;
                };
                if first >= size {
                    continue;
                }
                Span {
                    first,
                    last: size - 1,
                }
            }
            (first, last) => {
                let (Some(first), Some(last)) = (number(first), number(last)) else {
                    return Wanted::Malformed;
                };
                if last < first {
                    return Wanted::Malformed;
                }
                if first >= size {
                    continue;
                }
                Span {
                    first,
                    last: last.min(size - 1),
                }
            }
        };
        match spans
            .iter_mut()
            .find(|held| !listed && span.first <= held.last && held.first <= span.last)
        {
            Some(held) => {
                held.first = held.first.min(span.first);
                held.last = held.last.max(span.last);
            }
            None => spans.push(span),
        }
    }
    match (members, spans.is_empty()) {
        (0, _) => Wanted::Malformed,
        (_, true) => Wanted::Nothing,
        (_, false) => Wanted::Spans(spans),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(list: &[(u64, u64)]) -> Wanted {
        Wanted::Spans(
            list.iter()
                .map(|(first, last)| Span {
                    first: *first,
                    last: *last,
                })
                .collect(),
        )
    }

    #[test]
    fn ranges_of_a_file_of_thirteen_bytes() {
        for (field, wanted) in [
            ("bytes=0-9", spans(&[(0, 9)])),
            ("bytes=-5", spans(&[(8, 12)])),
            ("bytes=-50", spans(&[(0, 12)])),
            ("bytes=5-", spans(&[(5, 12)])),
            ("bytes=11-13", spans(&[(11, 12)])),
            ("bytes=1-3,20-24", spans(&[(1, 3)])),
            ("bytes=0-1, 4-5", spans(&[(0, 1), (4, 5)])),
            ("bytes=0-5,3-8", spans(&[(0, 8)])),
            ("bytes=99999999-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=99999999999999999999-", Wanted::Nothing),
            ("lines=0-1", Wanted::Malformed),
            ("bytes=5-2", Wanted::Malformed),
            ("bytes=a-b", Wanted::Malformed),
            ("bytes=", Wanted::Malformed),
            ("bytes=+1-2", Wanted::Malformed),
        ] {
            assert_eq!(parse(field, 13, false), wanted, "{field}");
        }
        assert_eq!(parse("bytes=0-0", 0, false), Wanted::Nothing);
        let listed = |field| parse(field, 13, true);
        assert_eq!(listed("bytes=0-5,3-8"), spans(&[(0, 5), (3, 8)]));
        assert_eq!(listed("bytes=-0"), Wanted::Malformed);
    }
}

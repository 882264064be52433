//! Paths as they come in a request line, made safe to judge and to look up (storage page §1.0, §3.8).

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// What is encoded in an href: everything that is not plainly a path character.
const HREF: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Longest path, as file systems have it.
const LONGEST: usize = 4096;
/// Most names in one, so that no tree is too deep to walk.
const DEEPEST: usize = 512;

/// What a dialect does with a path that is not in normal form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oddity {
    /// Made normal: `//` and `/./` collapsed, escapes decoded.
    Resolve,
    /// Answered with this status before anything is judged.
    Refuse(u16),
}

/// How request paths are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathRules {
    /// `//`
    pub empty_segment: Oddity,
    /// `/./`
    pub dot_segment: Oddity,
    /// The status for any `..` segment; it is never resolved.
    pub parent_segment: u16,
    /// `%2F`
    pub encoded_slash: Oddity,
    /// A byte beyond ASCII that is not percent-encoded is answered with 400.
    pub ascii: bool,
    /// What may not stand in a path as sent, answered with 400.
    pub refused: &'static [&'static str],
}

impl PathRules {
    /// Ours: what can be made normal is, what could be read in two ways is refused (storage page §1.0).
    pub const OURS: Self = Self {
        empty_segment: Oddity::Resolve,
        dot_segment: Oddity::Resolve,
        parent_segment: 400,
        encoded_slash: Oddity::Refuse(400),
        ascii: false,
        refused: &[],
    };
}

/// A path that can be looked up: absolute, decoded, no empty, `.` or `..` segment, no control character.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CleanPath {
    text: String,
    directory: bool,
}

/// Why a path is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct PathFault {
    /// What to answer.
    pub status: u16,
    /// One line for the body.
    pub why: String,
}

fn fault<T>(status: u16, why: &str) -> Result<T, PathFault> {
    Err(PathFault {
        status,
        why: why.to_owned(),
    })
}

impl CleanPath {
    /// The root.
    pub fn root() -> Self {
        Self {
            text: "/".into(),
            directory: true,
        }
    }

    /// Reads the path of a request target (without its query).
    pub fn parse(raw: &str, rules: PathRules) -> Result<Self, PathFault> {
        if !raw.starts_with('/') {
            return fault(400, "path is not absolute");
        }
        if raw.to_ascii_lowercase().contains("%2f")
            && let Oddity::Refuse(status) = rules.encoded_slash
        {
            return fault(status, "encoded slash in path");
        }
        if rules.ascii && !raw.is_ascii() {
            return fault(400, "a byte beyond ASCII in path");
        }
        let lower = raw.to_ascii_lowercase();
        if let Some(refused) = rules.refused.iter().find(|text| lower.contains(**text)) {
            return fault(400, &format!("{refused} in path"));
        }
        if has_bad_escape(raw) {
            return fault(400, "malformed percent escape in path");
        }
        let Ok(decoded) = percent_decode_str(raw).decode_utf8() else {
            return fault(400, "path is not UTF-8");
        };
        if decoded.chars().any(char::is_control) {
            return fault(400, "control character in path");
        }
        let mut text = String::with_capacity(decoded.len());
        let segments: Vec<&str> = decoded[1..].split('/').collect();
        let last = segments.len() - 1;
        for (index, segment) in segments.iter().enumerate() {
            match *segment {
                "" if index == last => {}
                "" => {
                    if let Oddity::Refuse(status) = rules.empty_segment {
                        return fault(status, "empty segment in path");
                    }
                }
                "." => {
                    if let Oddity::Refuse(status) = rules.dot_segment {
                        return fault(status, "dot segment in path");
                    }
                }
                ".." => return fault(rules.parent_segment, "parent segment in path"),
                name if name.len() > 255 => return fault(414, "a name is longer than 255 bytes"),
                name => {
                    text.push('/');
                    text.push_str(name);
                }
            }
        }
        if text.len() > LONGEST {
            return fault(414, "the path is longer than 4096 bytes");
        }
        if text.bytes().filter(|byte| *byte == b'/').count() > DEEPEST {
            return fault(414, "the path is more than 512 names deep");
        }
        let directory = text.is_empty() || matches!(segments[last], "" | ".");
        if text.is_empty() {
            text.push('/');
        }
        Ok(Self { text, directory })
    }

    /// The path, `/` or without a final slash.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it was written with a final slash.
    pub fn wants_directory(&self) -> bool {
        self.directory
    }

    /// The segments.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.text.split('/').filter(|segment| !segment.is_empty())
    }

    /// The last segment; empty for the root.
    pub fn name(&self) -> &str {
        self.text.rsplit('/').next().unwrap_or("")
    }

    /// The containing collection; none for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.text == "/" {
            return None;
        }
        let (parent, _) = self.text.rsplit_once('/')?;
        Some(Self {
            text: if parent.is_empty() {
                "/".into()
            } else {
                parent.into()
            },
            directory: true,
        })
    }

    /// A member of this collection. The name is one that already passed `parse`.
    pub fn child(&self, name: &str) -> Self {
        let text = if self.text == "/" {
            format!("/{name}")
        } else {
            format!("{}/{name}", self.text)
        };
        Self {
            text,
            directory: false,
        }
    }

    /// Whether `other` is this path or below it.
    pub fn covers(&self, other: &Self) -> bool {
        covers(&self.text, &other.text)
    }

    /// The path as it stands in an href, percent-encoded.
    pub fn href(&self) -> String {
        utf8_percent_encode(&self.text, HREF).to_string()
    }
}

/// Whole-component containment of normal paths: `/foo` covers `/foo/x`, not `/foobar`.
pub fn covers(prefix: &str, path: &str) -> bool {
    prefix == "/"
        || path
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn has_bad_escape(raw: &str) -> bool {
    let bytes = raw.as_bytes();
    bytes.iter().enumerate().any(|(at, byte)| {
        *byte == b'%'
            && !bytes
                .get(at + 1..at + 3)
                .is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn request_paths_are_made_normal_or_refused() {
        for (raw, wanted) in [
            ("/", Ok("/")),
            ("/a/b", Ok("/a/b")),
            ("/a/b/", Ok("/a/b")),
            ("//a///b", Ok("/a/b")),
            ("/a/./b", Ok("/a/b")),
            ("/%61+b", Ok("/a+b")),
            ("/a%20b", Ok("/a b")),
            ("/caf%C3%A9", Ok("/café")),
            ("/a/../b", Err(400)),
            ("/a/%2e%2e/b", Err(400)),
            ("/a%2Fb", Err(400)),
            ("/a%00b", Err(400)),
            ("/a%0d%0ab", Err(400)),
            ("/a%", Err(400)),
            ("/a%zz", Err(400)),
            ("/%ff", Err(400)),
            ("a", Err(400)),
            ("", Err(400)),
        ] {
            let got = CleanPath::parse(raw, PathRules::OURS);
            match wanted {
                Ok(text) => assert_eq!(
                    got.map(|p| p.as_str().to_owned()),
                    Ok(text.to_owned()),
                    "{raw}"
                ),
                Err(status) => assert_eq!(got.unwrap_err().status, status, "{raw}"),
            }
        }
    }

    #[test]
    fn containment_goes_by_whole_components() {
        for (prefix, path, inside) in [
            ("/foo/bar", "/foo/bar", true),
            ("/foo/bar", "/foo/bar/x", true),
            ("/foo/bar", "/foo/bargain", false),
            ("/", "/anything", true),
        ] {
            assert_eq!(covers(prefix, path), inside, "{prefix} {path}");
        }
    }

    proptest! {
        #[test]
        fn a_clean_path_stays_below_the_root(raw in "/([a-z./%2F ]|%2e|%2E|//){0,40}") {
            if let Ok(path) = CleanPath::parse(&raw, PathRules::OURS) {
                prop_assert!(path.as_str().starts_with('/'));
                for segment in path.segments() {
                    prop_assert!(segment != "." && segment != ".." && !segment.is_empty());
                }
                prop_assert_eq!(path.as_str() == "/" , path.segments().next().is_none());
            }
        }

        #[test]
        fn href_reads_back_as_the_same_path(name in "[^/\\x00-\\x1f\\x7f-\\u{9f}]{1,20}") {
            prop_assume!(name != "." && name != ".." );
            let path = CleanPath::root().child(&name);
            let again = CleanPath::parse(&path.href(), PathRules::OURS);
            prop_assert_eq!(again.map(|p| p.as_str().to_owned()), Ok(path.as_str().to_owned()));
        }

        #[test]
        fn reading_twice_changes_nothing(raw in "/[a-c/.]{0,20}") {
            if let Ok(once) = CleanPath::parse(&raw, PathRules::OURS) {
                let twice = CleanPath::parse(&once.href(), PathRules::OURS).unwrap();
                prop_assert_eq!(once.as_str(), twice.as_str());
            }
        }
    }
}

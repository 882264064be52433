//! From a data identifier to the path and URL of its replica (rucio page §2.7).

use md5::{Digest, Md5};

use crate::config::Lfn2Pfn;

/// Path of `scope:name` below an RSE's prefix: no leading slash.
pub fn lfn_to_path(algorithm: Lfn2Pfn, scope: &str, name: &str) -> String {
    let folder = scope_folder(scope);
    match algorithm {
        Lfn2Pfn::Identity => format!("{folder}/{name}"),
        Lfn2Pfn::Hash => {
            let digest = Md5::digest(format!("{scope}:{name}"));
            format!("{folder}/{:02x}/{:02x}/{name}", digest[0], digest[1])
        }
    }
}

/// Scopes of users and groups open their dots into folders: `user.alice` is `user/alice`.
fn scope_folder(scope: &str) -> String {
    if scope.starts_with("user") || scope.starts_with("group") {
        scope.replace('.', "/")
    } else {
        scope.to_owned()
    }
}

/// A prefix as Rucio keeps it: it starts and ends with a slash.
pub fn normal_prefix(prefix: &str) -> String {
    let inner = prefix.trim_matches('/');
    if inner.is_empty() {
        "/".to_owned()
    } else {
        format!("/{inner}/")
    }
}

/// Joins a prefix and the path below it with exactly one slash.
pub fn join(prefix: &str, path: &str) -> String {
    format!("{}{}", normal_prefix(prefix), path.trim_start_matches('/'))
}

/// An adler32 as Rucio keeps it: eight lower-case hexadecimal digits.
///
/// Returns nothing when the text is no such checksum. Leading zeros may be missing in what clients send.
pub fn normal_adler32(text: &str) -> Option<String> {
    (!text.is_empty() && text.len() <= 8 && text.bytes().all(|b| b.is_ascii_hexdigit()))
        .then(|| format!("{:0>8}", text.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_are_those_of_a_production_rucio() {
        for (algorithm, scope, name, want) in [
            (Lfn2Pfn::Hash, "ddmlab", "p1", "ddmlab/60/7c/p1"),
            (Lfn2Pfn::Hash, "ddmlab", "f1.dat", "ddmlab/ac/1b/f1.dat"),
            (Lfn2Pfn::Hash, "ddmlab", "f2.dat", "ddmlab/a6/1e/f2.dat"),
            (Lfn2Pfn::Hash, "test", "up5.dat", "test/11/99/up5.dat"),
            (Lfn2Pfn::Hash, "test", "up9.dat", "test/ad/da/up9.dat"),
            (Lfn2Pfn::Identity, "example", "file", "example/file"),
            (Lfn2Pfn::Identity, "user.alice", "a/b", "user/alice/a/b"),
            (Lfn2Pfn::Identity, "group.phys.top", "x", "group/phys/top/x"),
            (Lfn2Pfn::Identity, "data.24", "x", "data.24/x"),
        ] {
            assert_eq!(lfn_to_path(algorithm, scope, name), want, "{scope}:{name}");
        }
    }

    #[test]
    fn prefixes_join_with_one_slash() {
        for (prefix, path, want) in [
            ("/", "example/file", "/example/file"),
            ("/", "/example/file", "/example/file"),
            ("", "f", "/f"),
            ("/lab/rucio", "test/f", "/lab/rucio/test/f"),
            ("/data/SRC/", "f", "/data/SRC/f"),
            ("//", "f", "/f"),
        ] {
            assert_eq!(join(prefix, path), want);
        }
    }

    #[test]
    fn adler32_is_eight_digits() {
        for (text, want) in [
            ("d068d46d", Some("d068d46d")),
            ("CC602D9", Some("0cc602d9")),
            ("1", Some("00000001")),
            ("", None),
            ("123456789", None),
            ("xyz", None),
        ] {
            assert_eq!(normal_adler32(text).as_deref(), want);
        }
    }

    proptest! {
        #[test]
        fn a_path_ends_with_its_name_and_never_starts_with_a_slash(scope in "[a-zA-Z0-9._-]{1,25}", name in "[A-Za-z0-9][A-Za-z0-9._-]{0,60}") {
            for algorithm in [Lfn2Pfn::Hash, Lfn2Pfn::Identity] {
                let path = lfn_to_path(algorithm, &scope, &name);
                let tail = format!("/{name}");
                prop_assert!(path.ends_with(&tail));
                prop_assert!(!path.starts_with('/'));
            }
        }

        #[test]
        fn two_files_of_a_scope_never_share_a_path(scope in "[a-z]{1,8}", one in "[A-Za-z0-9._-]{1,20}", two in "[A-Za-z0-9._-]{1,20}") {
            prop_assume!(one != two);
            for algorithm in [Lfn2Pfn::Hash, Lfn2Pfn::Identity] {
                prop_assert_ne!(lfn_to_path(algorithm, &scope, &one), lfn_to_path(algorithm, &scope, &two));
            }
        }

        #[test]
        fn a_joined_path_has_no_double_slash_at_the_seam(prefix in "(/[a-z]{1,5}){0,3}/?", path in "[a-z]{1,5}(/[a-z]{1,5}){0,3}") {
            let joined = join(&prefix, &path);
            prop_assert!(joined.starts_with('/'));
            prop_assert!(!joined.contains("//"));
        }
    }
}

//! Path normalisation (CAP-N) and scope containment: tables by requirement, then properties.

#![allow(clippy::unwrap_used)]

use carnet_profile::{
    path::{PathFault, RequestPath, ScopePath},
    scope::{self, ScopeItem, Scopes, StoragePrivilege},
    version::ProfileVersion,
};
use proptest::prelude::*;

/// A path as sent; its text and whether it ends with a slash, or the fault.
type Case = (&'static str, Result<(&'static str, bool), PathFault>);

#[test]
fn scope_paths_are_normalised() {
    use PathFault::{BadBytes, BadEscape, DotDot, EncodedSlash, Relative};
    let cases: &[Case] = &[
        ("/", Ok(("/", false))),
        ("//", Ok(("/", false))),
        ("/.", Ok(("/", false))),
        ("/foo", Ok(("/foo", false))),
        ("/foo/", Ok(("/foo", true))),
        ("//foo///bar", Ok(("/foo/bar", false))),
        ("/./foo/.", Ok(("/foo", false))),
        ("/f%6fo", Ok(("/foo", false))),
        ("/f%256fo", Ok(("/foo", false))),
        ("/a b", Ok(("/a b", false))),
        ("/caf%C3%A9", Ok(("/café", false))),
        ("/a:b", Ok(("/a:b", false))),
        ("/a..b/...", Ok(("/a..b/...", false))),
        ("", Err(Relative)),
        ("foo", Err(Relative)),
        ("/..", Err(DotDot)),
        ("/a/../b", Err(DotDot)),
        ("/a/%2e./b", Err(DotDot)),
        ("/a/%25252e%25252e/b", Err(DotDot)),
        ("/a%2fb", Err(EncodedSlash)),
        ("/a%252fb", Err(EncodedSlash)),
        ("/a%00b", Err(BadBytes)),
        ("/a%0ab", Err(BadBytes)),
        ("/a%5cb", Err(BadBytes)),
        ("/a\\b", Err(BadBytes)),
        ("/a%FFb", Err(BadBytes)),
        ("/100%", Err(BadEscape)),
        ("/100%25", Err(BadEscape)),
        ("/%zz", Err(BadEscape)),
    ];
    for (raw, wanted) in cases {
        let path = ScopePath::parse(raw);
        let seen = path
            .as_ref()
            .map(|path| (path.as_str(), path.directory_only()));
        assert_eq!(seen.map_err(|fault| *fault), *wanted, "{raw}");
    }
}

#[test]
fn request_paths_are_decoded_once() {
    use PathFault::{BadBytes, BadEscape, DotDot, EncodedSlash, Relative};
    let cases: &[Case] = &[
        ("/", Ok(("/", true))),
        ("/wlcg/data/f1", Ok(("/wlcg/data/f1", false))),
        ("//wlcg///data/./f1/", Ok(("/wlcg/data/f1", true))),
        ("/100%25", Ok(("/100%", false))),
        ("/%252e%252e/x", Ok(("/%2e%2e/x", false))),
        ("*", Err(Relative)),
        ("/a/../b", Err(DotDot)),
        ("/a/%2E%2e/b", Err(DotDot)),
        ("/a%2Fb", Err(EncodedSlash)),
        ("/a%00", Err(BadBytes)),
        ("/a%5C", Err(BadBytes)),
        ("/a%FF", Err(BadBytes)),
        ("/a%2", Err(BadEscape)),
    ];
    for (raw, wanted) in cases {
        let path = RequestPath::parse(raw);
        let seen = path
            .as_ref()
            .map(|path| (path.as_str(), path.ends_with_slash()));
        assert_eq!(seen.map_err(|fault| *fault), *wanted, "{raw}");
    }
}

#[test]
fn areas_end_at_segments() {
    let cases = [
        ("/wlcg/data", "/wlcg", Some("/data")),
        ("/wlcg", "/wlcg", Some("/")),
        ("/wlcg/data", "/wlcg/", Some("/data")),
        ("/wlcg/data", "/", Some("/wlcg/data")),
        ("/", "/", Some("/")),
        ("/wlcgx/data", "/wlcg", None),
        ("/", "/wlcg", None),
    ];
    for (path, area, wanted) in cases {
        assert_eq!(
            RequestPath::parse(path).unwrap().within(area),
            wanted,
            "{path} {area}"
        );
    }
}

#[test]
fn coverage_follows_the_profile() {
    // Scope path, request path, whether it is a directory, covered.
    let cases = [
        ("CAP-5", "/foo", "/foo", false, true),
        ("CAP-5", "/foo", "/foo/bar", false, true),
        ("CAP-5", "/foo", "/foobar", false, false),
        ("CAP-5", "/foo/bar", "/foo", true, false),
        ("CAP-6", "/foo/bar/", "/foo/bar", false, false),
        ("CAP-6", "/foo/bar/", "/foo/bar", true, true),
        ("CAP-6", "/foo/bar/", "/foo/bar/x", false, true),
        ("CAP-7", "/", "/", true, true),
        ("CAP-7", "/", "/anything", false, true),
    ];
    for (id, scope, request, directory, wanted) in cases {
        let scope = ScopePath::parse(scope).unwrap();
        assert_eq!(
            scope.covers(request, directory),
            wanted,
            "{id} {scope} {request}"
        );
    }
}

#[test]
fn items_cover_items() {
    let cases = [
        ("storage.read:/a", "storage.read:/a/b", true),
        ("storage.read:/a", "storage.read:/ab", false),
        ("storage.read:/a", "storage.read:/a/", true),
        ("storage.read:/a/", "storage.read:/a", false),
        ("storage.modify:/a", "storage.create:/a", true),
        ("storage.create:/a", "storage.modify:/a", false),
        ("storage.modify:/a", "storage.read:/a", false),
        ("storage.read", "storage.read:/a", false),
        ("wlcg.groups:/a", "wlcg.groups:/a/b", false),
        ("openid", "openid", true),
        ("compute.read", "compute.read", true),
    ];
    for (wide, narrow, wanted) in cases {
        let seen = ScopeItem::parse(wide).covers(&ScopeItem::parse(narrow));
        assert_eq!(seen, wanted, "{wide} {narrow}");
    }
}

#[test]
fn editions_read_scopes_differently() {
    for version in ProfileVersion::ALL {
        let scopes = Scopes::parse("storage.poll:/a storage.read:/b/", version).unwrap();
        let poll = scopes
            .capabilities
            .iter()
            .any(|c| c.privilege == StoragePrivilege::Poll);
        assert_eq!(poll, version >= ProfileVersion::V1_2, "{version}");
        let read = scopes.capabilities.last().unwrap();
        assert_eq!(
            read.path.directory_only(),
            version >= ProfileVersion::V1_1,
            "{version}"
        );
    }
}

#[test]
fn scope_strings_contain_exact_items() {
    let scopes = Scopes::parse("fts fts:submit-transfer a:b:c", ProfileVersion::V1_3).unwrap();
    let cases = [
        ("fts", true),
        ("fts:submit-transfer", true),
        ("fts:submit", false),
        ("a:b:c", true),
        ("a:b", false),
        ("a", false),
        ("", false),
    ];
    for (item, wanted) in cases {
        assert_eq!(scopes.contains(item), wanted, "{item}");
    }
}

fn segment() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-c]{1,2}",
        1 => Just(".".to_owned()),
        1 => Just(String::new()),
        1 => Just("%61".to_owned()),
        1 => Just("%2561".to_owned()),
        1 => "[a-zé:~ ]{1,3}",
    ]
}

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(segment(), 0..4).prop_map(|parts| format!("/{}", parts.join("/")))
}

fn item() -> impl Strategy<Value = ScopeItem> {
    let name = prop::sample::select(vec![
        "storage.read",
        "storage.create",
        "storage.modify",
        "storage.stage",
        "storage.poll",
    ]);
    (name, path()).prop_map(|(name, path)| ScopeItem::parse(&format!("{name}:{path}")))
}

/// Anything between slashes, with what attackers like well represented.
fn wild() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        2 => "[a-c./%\\\\]{0,6}",
        2 => prop::sample::select(vec![
            "..", "%2e", "%2E", "%252e", "%2f", "%252f", "%5c", "%00", "/", "//", "/./", "a", "%",
            "%25", "%c0%ae", "é",
        ]).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| format!("/{}", pieces.concat()))
}

proptest! {
    #[test]
    fn containment_is_reflexive(a in item()) {
        prop_assert!(a.covers(&a));
    }

    #[test]
    fn containment_is_transitive(a in item(), b in item(), c in item()) {
        if a.covers(&b) && b.covers(&c) {
            prop_assert!(a.covers(&c));
        }
    }

    #[test]
    fn containment_is_antisymmetric_up_to_normal_form(a in item(), b in item()) {
        if a.covers(&b) && b.covers(&a) {
            prop_assert_eq!(a.capability().unwrap(), b.capability().unwrap());
        }
    }

    #[test]
    fn what_an_item_covers_it_lets_through(a in item(), b in item(), rest in path()) {
        let (a, b) = (a.capability().unwrap().unwrap(), b.capability().unwrap().unwrap());
        let request = RequestPath::parse(&rest).unwrap();
        if a.path.covers_scope(&b.path) && b.path.covers(request.as_str(), false) {
            prop_assert!(a.path.covers(request.as_str(), false));
        }
    }

    #[test]
    fn scope_paths_are_at_rest_after_one_pass(raw in wild()) {
        if let Ok(path) = ScopePath::parse(&raw) {
            prop_assert_eq!(ScopePath::parse(&path.to_string()), Ok(path));
        }
    }

    #[test]
    fn request_paths_survive_being_written(raw in wild()) {
        if let Ok(path) = RequestPath::parse(&raw) {
            let again = RequestPath::parse(&path.encoded()).unwrap();
            prop_assert_eq!(again.as_str(), path.as_str());
        }
    }

    #[test]
    fn no_path_escapes(raw in wild()) {
        let mut texts = Vec::new();
        texts.extend(ScopePath::parse(&raw).map(|path| path.as_str().to_owned()));
        texts.extend(RequestPath::parse(&raw).map(|path| path.as_str().to_owned()));
        for text in texts {
            prop_assert!(text.starts_with('/'));
            prop_assert!(!text.contains(['\0', '\\']));
            prop_assert!(!text.contains("//"));
            prop_assert!(text.split('/').all(|segment| segment != ".." && segment != "."));
        }
    }

    #[test]
    fn scope_strings_never_panic(text in any::<String>()) {
        for item in scope::parse(&text).unwrap_or_default() {
            let _ = item.capability();
        }
        let _ = Scopes::parse(&text, ProfileVersion::V1_3);
    }
}

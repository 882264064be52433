//! Where tokens are found. What the profile's own rules make of each place is tested by the vectors
//! V-001 to V-009g; here are the servers that put up with more.

use std::borrow::Cow;

use carnet_profile::{
    judge::Diagnosis,
    present::{Places, Presented, find},
};

fn seen(
    places: &Places,
    headers: &[&str],
    query: Option<&str>,
) -> Result<Option<String>, Diagnosis> {
    match find(
        places,
        headers.iter().map(|value| value.as_bytes()),
        query,
        None,
    ) {
        Presented::Nothing => Ok(None),
        Presented::Token(token) | Presented::TokenInQuery(token) => {
            Ok(Some(Cow::into_owned(token)))
        }
        Presented::Refused(refusal) => Err(refusal.diagnosis),
    }
}

#[test]
fn tolerant_servers_take_repetition() {
    let strict = Places {
        authz: true,
        ..Places::default()
    };
    let tolerant = Places {
        tolerant: true,
        ..strict.clone()
    };
    let (a, b) = ("Bearer a.a.a", "Bearer b.b.b");
    let token = || Ok(Some("a.a.a".to_owned()));
    type Seen = Result<Option<String>, Diagnosis>;
    let many = || -> Seen { Err(Diagnosis::MultipleTokens) };
    let cases: [(&[&str], Option<&str>, Seen, Seen); 6] = [
        (&[a], None, token(), token()),
        (&[a, a], None, many(), token()),
        (&[a, b], None, many(), many()),
        (&[a], Some("authz=b.b.b"), many(), token()),
        (&[], Some("x=1&authz=bearer%20a.a.a"), token(), token()),
        (&[], Some("authz=a.a.a&access_token=b.b.b"), many(), many()),
    ];
    for (headers, query, by_strict, by_tolerant) in cases {
        assert_eq!(
            seen(&strict, headers, query),
            by_strict,
            "{headers:?} {query:?}"
        );
        assert_eq!(
            seen(&tolerant, headers, query),
            by_tolerant,
            "{headers:?} {query:?}"
        );
    }
}

#[test]
fn odd_headers_are_refused_and_never_panic() {
    let places = Places::default();
    let cases = [
        ("", Err(Diagnosis::WrongScheme)),
        ("Bearer", Err(Diagnosis::EmptyToken)),
        ("Bearer\t x", Ok(Some("x".to_owned()))),
        ("Bearerx", Err(Diagnosis::WrongScheme)),
        ("Bearer a,ünicode", Ok(Some("a,ünicode".to_owned()))),
        ("Bearer a, bearer b", Err(Diagnosis::MultipleTokens)),
    ];
    for (header, wanted) in cases {
        assert_eq!(seen(&places, &[header], None), wanted, "{header:?}");
    }
    let bytes = find(&places, [&b"Bearer \xff"[..]], None, None);
    assert!(
        matches!(bytes, Presented::Refused(refusal) if refusal.diagnosis == Diagnosis::Malformed)
    );
}

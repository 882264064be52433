//! What an exchange narrowed or widened, one case a line.

mod journals;

use carnet_report::lineage::{Lineage, Shift, compare};
use carnet_stage::Issued;

fn token(jti: &str, parent: Option<&str>, aud: &[&str], scope: &str) -> Issued {
    journals::access(
        jti,
        parent,
        "token-exchange",
        "client",
        "subject",
        aud,
        scope,
    )
}

#[test]
fn an_exchange_is_measured_against_its_subject_token() {
    use Shift::{Moved, Narrowed, Same, Widened};
    let any = "https://wlcg.cern.ch/jwt/v1/any";
    for (parent_aud, parent_scope, aud, scope, audience, rights) in [
        (
            &["a"][..],
            "storage.read:/",
            &["a"][..],
            "storage.read:/",
            Same,
            Same,
        ),
        (
            &["a"],
            "storage.read:/",
            &["a"],
            "storage.read:/sub",
            Same,
            Narrowed,
        ),
        (
            &["a"],
            "storage.read:/sub",
            &["a"],
            "storage.read:/",
            Same,
            Widened,
        ),
        (
            &["a"],
            "storage.read:/one",
            &["a"],
            "storage.read:/two",
            Same,
            Moved,
        ),
        (
            &["a"],
            "storage.modify:/",
            &["a"],
            "storage.create:/",
            Same,
            Narrowed,
        ),
        (
            &["a"],
            "storage.create:/",
            &["a"],
            "storage.modify:/",
            Same,
            Widened,
        ),
        (
            &["a"],
            "openid",
            &["a"],
            "openid offline_access",
            Same,
            Widened,
        ),
        (&["a", "b"], "openid", &["a"], "openid", Narrowed, Same),
        (&["a"], "openid", &["a", "b"], "openid", Widened, Same),
        (&["a"], "fts", &["b"], "storage.read:/", Moved, Moved),
        (&[any], "openid", &["a"], "openid", Narrowed, Same),
        (&["a"], "openid", &[any], "openid", Widened, Same),
    ] {
        let (parent, child) = (
            token("1", None, parent_aud, parent_scope),
            token("2", Some("1"), aud, scope),
        );
        let shift = |name| {
            compare(&parent, &child)
                .into_iter()
                .find(|aspect| aspect.name == name)
                .unwrap()
                .shift
        };
        let case = format!("{parent_aud:?} {parent_scope} → {aud:?} {scope}");
        assert_eq!(
            (shift("audience"), shift("scope"), shift("lifetime")),
            (audience, rights, Same),
            "{case}"
        );
    }
}

#[test]
fn a_refreshed_token_is_measured_against_what_came_with_the_refresh_token() {
    let mut lineage = Lineage::default();
    lineage.add(&token("first", None, &["a"], "storage.read:/"), Some(7));
    lineage.add(
        &Issued {
            kind: "refresh".into(),
            ..token("refresh", None, &[], "")
        },
        Some(7),
    );
    let fresh = token("fresh", Some("refresh"), &["a"], "storage.read:/");
    lineage.add(&fresh, Some(9));
    assert_eq!(lineage.parent(&fresh).unwrap().jti, "refresh");
    assert_eq!(lineage.measure(&fresh).unwrap().jti, "first");
    let orphan = token("orphan", Some("unknown"), &["a"], "");
    assert!(lineage.measure(&orphan).is_none());
}

//! Group names and group selection (GRP-1 to GRP-11).

use carnet_profile::{
    groups::{is_group_name, requests, select},
    scope,
};

const DEFAULTS: [&str; 2] = ["/cms", "/cms/it"];
const MEMBER: [&str; 4] = ["/cms", "/cms/it", "/cms/prod", "/cms/alarm"];

#[test]
fn groups_come_in_the_order_of_the_wishes() {
    // Requirement, scope, claim, refused.
    type Case = (
        &'static str,
        &'static str,
        Option<&'static [&'static str]>,
        &'static [&'static str],
    );
    let cases: &[Case] = &[
        ("GRP-1", "wlcg.groups", Some(&["/cms", "/cms/it"]), &[]),
        (
            "GRP-2",
            "wlcg.groups:/cms/prod",
            Some(&["/cms/prod", "/cms", "/cms/it"]),
            &[],
        ),
        (
            "GRP-3",
            "wlcg.groups:/cms/prod wlcg.groups",
            Some(&["/cms/prod", "/cms", "/cms/it"]),
            &[],
        ),
        (
            "GRP-3",
            "wlcg.groups wlcg.groups:/cms/prod",
            Some(&["/cms", "/cms/it", "/cms/prod"]),
            &[],
        ),
        (
            "GRP-4",
            "wlcg.groups:/cms/alarm wlcg.groups:/cms/prod",
            Some(&["/cms/alarm", "/cms/prod", "/cms", "/cms/it"]),
            &[],
        ),
        (
            "GRP-5",
            "wlcg.groups:/cms/it",
            Some(&["/cms/it", "/cms"]),
            &[],
        ),
        ("GRP-6", "openid profile", None, &[]),
        (
            "GRP-7",
            "wlcg.groups:/cms/nothere",
            Some(&["/cms", "/cms/it"]),
            &["/cms/nothere"],
        ),
    ];
    for (id, scope, claim, refused) in cases {
        let items = scope::parse(scope).expect("a good scope");
        let wishes = requests(&items).expect("good groups");
        let selection = select(&wishes, &DEFAULTS, |group| MEMBER.contains(&group));
        let seen = selection
            .groups
            .as_ref()
            .map(|groups| groups.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(seen.as_deref(), *claim, "{id} {scope}");
        assert_eq!(selection.refused, *refused, "{id} {scope}");
    }
}

#[test]
fn bad_group_scopes_are_told() {
    for scope in [
        "wlcg.groups:",
        "wlcg.groups:example",
        "wlcg.groups://x",
        "wlcg.groups:/a/",
    ] {
        let items = scope::parse(scope).expect("a good scope");
        let fault = requests(&items).expect_err("GRP-11");
        assert_eq!(
            fault.to_string(),
            format!("invalid WLCG group scope: {scope}")
        );
    }
}

#[test]
fn group_names_follow_the_grammar() {
    for good in ["/wlcg", "/wlcg/test", "/Dc/dc.x-1_y", "/0"] {
        assert!(is_group_name(good), "CLM-14 {good}");
    }
    for bad in [
        "", "/", "wlcg", "/wlcg/", "/wlcg//x", "/-x", "/.x", "/wlcg/é", "/a b", "/a:b",
    ] {
        assert!(!is_group_name(bad), "CLM-14 {bad}");
    }
}

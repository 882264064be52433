//! dCache, read from its source (storage page §1.1, §2, §8.2).

use std::time::Duration;

use super::{
    Challenge, Dialect, DialectName, Digests, Malformed, MarkerStyle, Matching, Methods, Prehead,
    Refusals, ReprDigest, ScopeRules, Slashes, Tokens, Tpc, Understanding, Unrooted, Verb,
    VerifyPush, Waits, default, tokens,
};
use crate::path::PathRules;

const ALL: &[&[Verb]] = &[
    &[Verb::Read],
    &[Verb::Create],
    &[Verb::Modify],
    &[Verb::Stage],
    &[Verb::Poll],
];
const CREATE: &[&[Verb]] = &[&[Verb::Create], &[Verb::Modify]];

pub(super) const DIALECT: Dialect = Dialect {
    name: DialectName::Dcache,
    server: "dCache",
    pages: false,
    always: &[],
    empty_chunked: false,
    errnos: None,
    paths: PathRules::OURS,
    tokens: Tokens {
        malformed: Malformed::BadToken,
        late: false,
        lenient: true,
        ..tokens::USUAL
    },
    scopes: Understanding::Own(ScopeRules {
        unrooted: Unrooted::Refused,
        matching: Matching::Components,
        resolves: false,
        read: &[&[Verb::Read], &[Verb::Stage]],
        list: &[&[Verb::Read], &[Verb::Modify], &[Verb::Stage]],
        stat: ALL,
        stat_ancestors: true,
        list_ancestors: true,
        manages_parents: true,
        propfind: ALL,
        create: CREATE,
        make_ancestors: false,
        replace: &[&[Verb::Modify]],
        delete: &[&[Verb::Modify]],
        move_from: CREATE,
        move_to: CREATE,
    }),
    refusals: Refusals {
        copy_denied: 401,
        copy_over_denied: 401,
        challenge: Challenge::Basic,
        ..default::REFUSALS
    },
    methods: Methods {
        put_range: Some(501),
        put_slash: None,
        put_needs_length: false,
        copy_local: false,
        slashes: Slashes::Added,
        redirects: true,
        redirect_get: 302,
        move_conditions: false,
        quota_xml: true,
        lock: 200,
        content_type: None,
        digests: Digests {
            repr: ReprDigest::InsteadOfDigest,
            ..default::METHODS.digests
        },
        ..default::METHODS
    },
    tpc: Tpc {
        content_type: Some("text/perf-marker-stream"),
        first_marker: Duration::from_secs(5),
        style: MarkerStyle::Dcache,
        last_marker: false,
        prehead: Prehead::None,
        push_waits: Waits::For(Duration::from_secs(3)),
        verify_push: VerifyPush::HeadAndDelete,
        require_checksum: true,
        overwrite_false: 500,
        no_parent: 400,
        mkpath: false,
        user_agent: "dCache/10.2",
        ..default::TPC
    },
};

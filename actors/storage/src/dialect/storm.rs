//! StoRM WebDAV 1.9.0 (storage page §3.8 and §9).

use std::time::Duration;

use carnet_profile::jose::Algorithm;
use carnet_profile::judge::ClaimRules;
use carnet_profile::version::ProfileVersion;

use super::{
    AreaRoot, Challenge, Dialect, DialectName, Digests, Infinity, Malformed, MarkerStyle, Matching,
    Methods, OddOverwrite, OnDisconnect, Partial, Policies, Prehead, Properties, PutDigests,
    Ranges, Refusals, Repeats, ReprDigest, ScopeRules, SendsOn, Slashes, Tokens, Tpc,
    Understanding, Unrooted, Unscoped, Verb, VerifyPush, default, tokens,
};
use crate::path::{Oddity, PathRules};

const READ: &[&[Verb]] = &[&[Verb::Read], &[Verb::Stage]];
const CREATE: &[&[Verb]] = &[&[Verb::Create], &[Verb::Modify]];

/// What a browser is told with every answer (storage page §9.1).
const SECURITY: &[(&str, &str)] = &[
    ("x-content-type-options", "nosniff"),
    ("x-xss-protection", "0"),
    (
        "cache-control",
        "no-cache, no-store, max-age=0, must-revalidate",
    ),
    ("pragma", "no-cache"),
    ("expires", "0"),
    (
        "strict-transport-security",
        "max-age=31536000 ; includeSubDomains",
    ),
    ("x-frame-options", "DENY"),
];

pub(super) const DIALECT: Dialect = Dialect {
    name: DialectName::Storm,
    server: "StoRM-WebDAV/unknown-version",
    pages: true,
    always: SECURITY,
    empty_chunked: true,
    errnos: None,
    paths: PathRules {
        empty_segment: Oddity::Refuse(400),
        dot_segment: Oddity::Refuse(400),
        ascii: true,
        refused: &["%25", ";", "%3b", "%5c", "\\", "%2e"],
        ..PathRules::OURS
    },
    tokens: Tokens {
        authz_parameter: false,
        repeats: Repeats::FirstWins,
        malformed: Malformed::SecondBlank,
        algorithms: &[Algorithm::Rs256],
        edition: Some(ProfileVersion::V1_0),
        claims: ClaimRules {
            iat: false,
            nbf: true,
            scope: true,
            ordered: true,
            at_jwt: false,
            unversioned: true,
            ..tokens::PROFILE
        },
        nameless_key: true,
        any_lifetime: true,
        lenient: true,
        private: false,
        ..tokens::USUAL
    },
    scopes: Understanding::Own(ScopeRules {
        unrooted: Unrooted::Nothing,
        matching: Matching::Expression,
        resolves: false,
        read: READ,
        list: READ,
        stat: &[
            &[Verb::Read],
            &[Verb::Stage],
            &[Verb::Create],
            &[Verb::Modify],
        ],
        stat_ancestors: false,
        list_ancestors: false,
        manages_parents: false,
        propfind: READ,
        create: CREATE,
        make_ancestors: true,
        replace: &[&[Verb::Modify]],
        delete: &[&[Verb::Modify]],
        move_from: &[&[Verb::Modify]],
        move_to: CREATE,
    }),
    refusals: Refusals {
        challenge: Challenge::BadToken,
        policies: Policies::Deny,
        ..default::REFUSALS
    },
    methods: Methods {
        allow: "MKCOL, PROPFIND, COPY, OPTIONS, PUT, DELETE, MOVE, PROPPATCH",
        allow_file: "PROPFIND, COPY, OPTIONS, GET, HEAD, DELETE, MOVE, PROPPATCH, GET, HEAD",
        options_needs_token: true,
        put_range: None,
        put_needs_length: false,
        mkcol_judges_over: true,
        mkcol_body: None,
        delete_nonempty: 412,
        move_overwrites: false,
        move_over: 201,
        overlap: 500,
        below_file: 500,
        put_slash: None,
        long_name_read: 404,
        long_name_write: 500,
        move_over_members: 500,
        copy_over_members: 412,
        odd_overwrite: OddOverwrite::Ignored,
        odd_expect: Some(417),
        host_fits: true,
        move_elsewhere: 201,
        copy_always_deep: true,
        no_destination: 500,
        loose_destination: false,
        bad_destination: 403,
        copy_overwrites: false,
        range_invalid: 416,
        infinity: Infinity::Served,
        absolute_hrefs: true,
        propfind_malformed: None,
        digests: Digests {
            repr: ReprDigest::Never,
            ..default::METHODS.digests
        },
        digest_always: true,
        locality: true,
        reads_odd_names: false,
        put_digests: PutDigests::None,
        put_tells_digest: false,
        ranges: Ranges::Untyped,
        max_head: 8 * 1024,
        head_too_long: 431,
        aliases: &["/webdav", "/fileTransfer"],
        post: 403,
        proxies_only: true,
        content_type: None,
        get_unmet: 403,
        on_tape: 415,
        put_on_tape: Some(415),
        etag: false,
        slashes: Slashes::Dropped,
        sends_on: SendsOn::Redirector,
        move_conditions: false,
        properties: Properties::Milton,
        directory_length: None,
        proppatch: Some(500),
        lock: 500,
        unscoped: Some(Unscoped {
            post: 405,
            lock: 501,
        }),
        across_areas: Some(400),
        area_root: Some(AreaRoot {
            delete: 403,
            rename: 500,
            pull: 400,
        }),
        unknown: 405,
        ..default::METHODS
    },
    tpc: Tpc {
        content_type: None,
        first_marker: Duration::from_secs(5),
        style: MarkerStyle::Bare,
        last_marker: false,
        terminal_newline: false,
        prehead: Prehead::None,
        partial: Partial::Left,
        on_disconnect: OnDisconnect::Continue,
        verify_push: VerifyPush::None,
        neither: 500,
        allow_downgrade: true,
        davs_is_plain: true,
        relative: 500,
        push_directory: None,
        own_destination_judged: true,
        onto_directory: 412,
        compares: false,
        user_agent: "Apache-HttpClient/5.4.3 (Java/17.0.15)",
        mkpath: false,
        ..default::TPC
    },
};

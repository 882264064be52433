//! XRootD 5.5.3 and 6.2.1 with the SciTokens and TPC plug-ins (storage page §1.1, §2, §3.8).

use carnet_profile::jose::Algorithm;
use carnet_profile::judge::ClaimRules;
use carnet_profile::version::ProfileVersion;

use super::{
    Challenge, Dialect, DialectName, Digests, Errnos, Infinity, Malformed, Matching, Methods,
    OddOverwrite, Partial, Policies, Prehead, Properties, PutDigests, Ranges, Refusals, ReprDigest,
    ScopeRules, Tokens, Tpc, Understanding, Unrooted, Verb, VerifyPush, Waits, default, tokens,
};
use crate::path::{Oddity, PathRules};

const PATHS: PathRules = PathRules {
    parent_segment: 403,
    encoded_slash: Oddity::Resolve,
    ..PathRules::OURS
};

const READ: &[&[Verb]] = &[&[Verb::Read]];
const CREATE: &[&[Verb]] = &[&[Verb::Create], &[Verb::Modify]];
const ANY: &[&[Verb]] = &[&[Verb::Read], &[Verb::Create], &[Verb::Modify]];

const TOKENS: Tokens = Tokens {
    malformed: Malformed::BadToken,
    algorithms: &Algorithm::PROFILE,
    edition: Some(ProfileVersion::V1_0),
    leeway: 0,
    claims: ClaimRules {
        jti: false,
        ..tokens::PROFILE
    },
    any_lifetime: true,
    lenient: true,
    private: false,
    ..tokens::USUAL
};

const METHODS: Methods = Methods {
    allow: "HEAD,GET,PUT,PROPFIND,DELETE,OPTIONS,COPY",
    allow_file: "HEAD,GET,PUT,PROPFIND,DELETE,OPTIONS,COPY",
    put_over: 201,
    put_directory: 409,
    put_range: None,
    put_needs_length: false,
    mkcol_mkpath: true,
    mkcol_body: None,
    delete: 200,
    move_over: 201,
    move_heeds_overwrite: false,
    move_same: 201,
    odd_overwrite: OddOverwrite::False,
    move_elsewhere: 201,
    move_by_kind: true,
    move_no_parent: 404,
    no_destination: 501,
    loose_destination: false,
    bad_destination: 501,
    overlap: 400,
    sought_below_file: 409,
    file_with_slash: Some(409),
    conditions: false,
    move_conditions: false,
    put_digests: PutDigests::Repr,
    put_tells_digest: false,
    ranges: Ranges::Listed,
    copy_local: false,
    infinity: Infinity::AsZero,
    properties: Properties::Xrootd,
    digests: Digests {
        by_quality: false,
        weighs: true,
        echoes_adler: true,
        base64_crc: false,
        repr: ReprDigest::UnlessDigest,
    },
    propfind_malformed: None,
    max_head: 16 * 1024,
    post: 501,
    content_type: None,
    directory_length: Some(4096),
    last_modified: false,
    dav: &["1", "<http://apache.org/dav/propset/fs/1>"],
    ms_author_via: false,
    smile: ":-)",
    proppatch: Some(501),
    ..default::METHODS
};

const TPC: Tpc = Tpc {
    last_marker: false,
    terminal_newline: false,
    prehead: Prehead::Relayed,
    partial: Partial::Left,
    push_waits: Waits::UntilTold,
    verify_push: VerifyPush::None,
    odd_overwrite: OddOverwrite::False,
    overwrite_false: 409,
    both: None,
    onto_directory: 409,
    user_agent: "xrootd-tpc/v6.2.1",
    ..default::TPC
};

const REFUSALS: Refusals = Refusals {
    anonymous: 403,
    bad_token: 403,
    denied: 403,
    copy_denied: 403,
    copy_over_denied: 500,
    challenge: Challenge::Never,
    policies: Policies::Permit,
};

/// A scope's path opens everything that begins with the same letters, and HEAD needs read: the
/// version in Debian 12.
pub(super) const V5_5: Dialect = Dialect {
    name: DialectName::Xrootd55,
    server: "XrootD/v5.5.3",
    pages: false,
    always: &[],
    empty_chunked: false,
    errnos: Some(Errnos::Bare),
    paths: PATHS,
    tokens: Tokens {
        exact_scheme: true,
        ..TOKENS
    },
    scopes: Understanding::Own(ScopeRules {
        unrooted: Unrooted::FromRoot,
        matching: Matching::Prefix,
        resolves: true,
        read: READ,
        list: READ,
        stat: READ,
        stat_ancestors: false,
        list_ancestors: false,
        manages_parents: false,
        propfind: READ,
        create: CREATE,
        make_ancestors: false,
        replace: &[&[Verb::Modify]],
        delete: &[&[Verb::Modify, Verb::Read]],
        move_from: CREATE,
        move_to: &[&[Verb::Modify], &[Verb::Create, Verb::Read]],
    }),
    refusals: Refusals {
        copy_denied: 401,
        copy_over_denied: 401,
        ..REFUSALS
    },
    methods: Methods {
        put_new: 200,
        put_over: 200,
        mkcol_existing: 201,
        delete_nonempty: 500,
        below_file: 500,
        sought_below_file: 500,
        file_with_slash: Some(500),
        mkcol_onto_file: Some(405),
        overlap: 500,
        long_name_read: 500,
        long_name_write: 500,
        put_digests: PutDigests::None,
        proppatch: Some(400),
        lock: 400,
        unknown: 400,
        digests: Digests {
            by_quality: false,
            weighs: false,
            echoes_adler: false,
            base64_crc: true,
            repr: ReprDigest::Never,
        },
        etag: false,
        accept_ranges: false,
        suffix_ranges: false,
        ..METHODS
    },
    tpc: Tpc {
        status: 201,
        prehead: Prehead::Ignored,
        overwrite_false: 412,
        user_agent: "xrootd-tpc/v5.5.3",
        no_parent: 400,
        push_missing: 400,
        mkpath: false,
        ..TPC
    },
};

/// Whole components; an ancestor of a scope's path may be looked at.
pub(super) const V6: Dialect = Dialect {
    name: DialectName::Xrootd6,
    server: "XRootD",
    pages: false,
    always: &[],
    empty_chunked: false,
    errnos: Some(Errnos::WithPlaces),
    paths: PATHS,
    tokens: TOKENS,
    scopes: Understanding::Own(ScopeRules {
        unrooted: Unrooted::FromRoot,
        matching: Matching::Components,
        resolves: true,
        read: READ,
        list: READ,
        stat: ANY,
        stat_ancestors: true,
        list_ancestors: false,
        manages_parents: false,
        propfind: ANY,
        create: CREATE,
        make_ancestors: true,
        replace: &[&[Verb::Modify]],
        delete: &[&[Verb::Modify]],
        move_from: CREATE,
        move_to: CREATE,
    }),
    refusals: REFUSALS,
    methods: METHODS,
    tpc: TPC,
};

//! Our own dialects: the WLCG profile where it speaks, RFC 4918 and 9110 elsewhere. The usual one puts up
//! with what real clients do (storage page §1 to §4), the strict one goes by the letter (issuer page §1, §4).

use std::time::Duration;

use carnet_profile::jose::Algorithm;

use super::{
    Challenge, Dialect, DialectName, Infinity, MarkerStyle, Methods, OddOverwrite, OnDisconnect,
    Partial, Policies, Prehead, Refusals, Repeats, Slashes, Tokens, Tpc, Understanding, VerifyPush,
    tokens,
};
use crate::path::PathRules;

pub(super) const REFUSALS: Refusals = Refusals {
    anonymous: 401,
    bad_token: 401,
    denied: 403,
    copy_denied: 403,
    copy_over_denied: 403,
    challenge: Challenge::Always,
    policies: Policies::Unheard,
};

pub(super) const METHODS: Methods = Methods {
    allow: "OPTIONS,HEAD,GET,PUT,DELETE,MKCOL,MOVE,COPY,PROPFIND,PROPPATCH,POST",
    allow_file: "OPTIONS,HEAD,GET,PUT,DELETE,MKCOL,MOVE,COPY,PROPFIND,PROPPATCH,POST",
    options_needs_token: false,
    put_new: 201,
    put_over: 204,
    put_directory: 405,
    put_mkpath: true,
    put_range: Some(400),
    put_needs_length: true,
    mkcol_mkpath: false,
    mkcol_judges_over: false,
    mkcol_existing: 405,
    mkcol_body: Some(415),
    delete: 204,
    delete_nonempty: 409,
    move_overwrites: true,
    move_over: 204,
    move_heeds_overwrite: true,
    move_same: 403,
    overlap: 403,
    below_file: 409,
    long_name_read: 414,
    long_name_write: 414,
    move_over_members: 409,
    copy_over_members: 409,
    odd_overwrite: OddOverwrite::Refused,
    odd_expect: None,
    host_fits: false,
    move_elsewhere: 502,
    copy_local: true,
    copy_always_deep: false,
    no_destination: 400,
    loose_destination: true,
    bad_destination: 400,
    copy_overwrites: true,
    range_invalid: 200,
    infinity: Infinity::Refused,
    absolute_hrefs: false,
    propfind_malformed: Some(400),
    digest_always: false,
    locality: false,
    reads_odd_names: true,
    put_digest: true,
    max_head: 64 * 1024,
    head_too_long: 400,
    aliases: &[],
    patch: 501,
    post: 405,
    content_type: Some("application/octet-stream"),
    file_with_slash: None,
    get_unmet: 412,
    etag: true,
    slashes: Slashes::Kept,
    redirects: false,
    redirect_get: 307,
    redirect_put: 307,
    directory_length: 0,
    last_modified: true,
    accept_ranges: true,
    suffix_ranges: true,
    quota_xml: false,
    dav: &["1"],
    ms_author_via: true,
    smile: "",
    proppatch: None,
    lock: 501,
    unscoped: None,
    across_areas: None,
    area_root: None,
    unknown: 501,
};

pub(super) const TPC: Tpc = Tpc {
    status: 202,
    content_type: Some("text/plain"),
    first_marker: Duration::ZERO,
    period: Duration::from_secs(5),
    style: MarkerStyle::Plain,
    last_marker: true,
    terminal_newline: true,
    prehead: Prehead::Inside,
    partial: Partial::Hidden,
    on_disconnect: OnDisconnect::Cancel,
    verify_push: VerifyPush::Head,
    require_checksum: false,
    odd_overwrite: OddOverwrite::Refused,
    overwrite_false: 412,
    both: Some(400),
    neither: 400,
    allow_downgrade: false,
    davs_is_plain: false,
    relative: 400,
    no_parent: 409,
    push_missing: 404,
    onto_directory: 405,
    compares: true,
    user_agent: concat!("carnet-storage/", env!("CARGO_PKG_VERSION")),
    mkpath: true,
};

pub(super) const DIALECT: Dialect = Dialect {
    name: DialectName::Default,
    server: concat!("Carnet/", env!("CARGO_PKG_VERSION")),
    pages: false,
    always: &[],
    empty_chunked: false,
    paths: PathRules::OURS,
    tokens: tokens::USUAL,
    scopes: Understanding::Profile {
        stat_ancestors: true,
        modify_lists: true,
    },
    refusals: REFUSALS,
    methods: METHODS,
    tpc: TPC,
};

pub(super) const STRICT: Dialect = Dialect {
    name: DialectName::Strict,
    tokens: Tokens {
        authz_parameter: false,
        repeats: Repeats::Refused,
        looks_in_forms: true,
        max_field: 16 * 1024,
        max_bytes: 8 * 1024,
        key_retry: 60,
        algorithms: &Algorithm::PROFILE,
        late: false,
        literal_slash: false,
        unknown_unread: false,
        ..tokens::USUAL
    },
    scopes: Understanding::Profile {
        stat_ancestors: false,
        modify_lists: false,
    },
    methods: Methods {
        put_mkpath: false,
        file_with_slash: Some(404),
        head_too_long: 431,
        ..METHODS
    },
    tpc: Tpc {
        mkpath: false,
        ..TPC
    },
    ..DIALECT
};

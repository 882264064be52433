//! What a submission may look like, and the texts that refuse it.

use serde_json::json;

use super::*;

const LIMITS: Limits = Limits {
    files: 100,
    rows: 200,
};

fn parse(body: &Value) -> Result<Submission, (u16, String)> {
    Submission::parse(body, Some("BEARER"), LIMITS)
        .map_err(|refused| (refused.status.as_u16(), refused.message))
}

fn one(extra: &Value) -> Value {
    let mut file = json!({"sources": ["davs://a/x"], "destinations": ["davs://b/x"]});
    file.as_object_mut()
        .unwrap()
        .extend(extra.as_object().unwrap().clone());
    json!({"files": [file]})
}

#[test]
fn refusals_read_as_the_real_ones() {
    let cases: Vec<(Value, u16, &str)> = vec![
        (json!([]), 400, "Expecting a dictionary"),
        (json!({}), 400, "No transfers operations specified"),
        (
            json!({"files": null}),
            400,
            "No transfers operations specified",
        ),
        (
            json!({"delete": ["davs://a/x"]}),
            405,
            "Deletion jobs are no longer supported by FTS",
        ),
        (json!({"files": []}), 400, "No valid pairs available"),
        (
            json!({"files": 3}),
            400,
            "Malformed request: 'int' object is not iterable",
        ),
        (
            json!({"files": ["x"]}),
            400,
            "Malformed request: 'str' object has no attribute 'get'",
        ),
        (json!({"files": [{}]}), 400, "Missing parameter: 'sources'"),
        (
            json!({"files": [{"sources": ["davs://a/x"]}]}),
            400,
            "Missing parameter: 'destinations'",
        ),
        (
            one(&json!({"sources": ["/x"]})),
            400,
            "Invalid value within the request: Missing scheme (/x)",
        ),
        (
            one(&json!({"sources": ["davs://a"]})),
            400,
            "Invalid value within the request: Missing path (davs://a)",
        ),
        (
            one(&json!({"sources": ["file:///x"]})),
            400,
            "Invalid value within the request: Can not transfer local files (file:///x)",
        ),
        (
            one(&json!({"source_tokens": ["S"]})),
            400,
            "Both source_tokens and destination_tokens are required if one of them is present.",
        ),
        (
            one(&json!({"source_tokens": ["S", "T"], "destination_tokens": ["D"]})),
            400,
            "Length of source_tokens should be equal to the length of sources.",
        ),
        (
            one(&json!({"source_tokens": ["S"], "destination_tokens": ["D", "E"]})),
            400,
            "Length of destination_tokens should be equal to the length of destinations.",
        ),
        (
            one(&json!({"source_tokens": [""], "destination_tokens": ["D"]})),
            400,
            "Token for source 'davs://a/x' is missing.",
        ),
        (
            one(&json!({"source_tokens": ["S"], "destination_tokens": [null]})),
            400,
            "Token for destination 'davs://b/x' is missing.",
        ),
        (
            one(&json!({"source_tokens": [5], "destination_tokens": ["D"]})),
            400,
            "Source token is not a string: type(src_token)=<class 'int'>",
        ),
        (
            one(&json!({"metadata": {"a": "x".repeat(1030)}})),
            400,
            "Job Submission Refused, metadata exceeds size limit of 1024",
        ),
        (
            one(&json!({"scitag": 3})),
            400,
            "Invalid value within the request: Invalid SciTag value: 3 (not in [65, 65535] range)",
        ),
        (
            one(&json!({"sources": ["davs://a/x", "davs://c/x"], "selection_strategy": "guess"})),
            400,
            "guess algorithm is not supported by Scheduler",
        ),
        (
            json!({"params": {"multihop": true},
                "files": [{"sources": ["davs://a/x", "davs://c/x"], "destinations": ["davs://b/x"]}]}),
            400,
            "Can not request multiple replica job together with multihop or session reuse at the same time",
        ),
        (
            json!({"files": [
                {"sources": ["davs://a/x", "davs://c/x"], "destinations": ["davs://b/x"]},
                {"sources": ["davs://a/y"], "destinations": ["davs://b/y"]}]}),
            400,
            "Multiple replica jobs must only have one unique file",
        ),
        (
            json!({"params": {"reuse": true}, "files": [
                {"sources": ["davs://a/x"], "destinations": ["davs://b/x"]},
                {"sources": ["davs://c/y"], "destinations": ["davs://b/y"]}]}),
            400,
            "Reuse jobs must only contain transfers for the same source ad destination storage",
        ),
    ];
    for (body, status, wanted) in cases {
        assert_eq!(
            parse(&body).map(|_| ()),
            Err((status, wanted.to_owned())),
            "{body}"
        );
    }
}

#[test]
fn kinds_follow_from_parameters_and_shape() {
    let two = |params: Value| {
        json!({"params": params, "files": [
            {"sources": ["davs://a/x"], "destinations": ["davs://b/x"]},
            {"sources": ["davs://a/y"], "destinations": ["davs://b/y"]}]})
    };
    let cases = [
        (one(&json!({})), JobKind::Normal, 1),
        (two(json!({})), JobKind::Normal, 2),
        (two(json!({"reuse": true})), JobKind::Reuse, 2),
        (two(json!({"multihop": true})), JobKind::Multihop, 2),
        (
            one(&json!({"sources": ["davs://a/x", "davs://c/x"]})),
            JobKind::Replicas,
            2,
        ),
        (
            one(&json!({"destinations": ["davs://a/x", "davs://c/x"]})),
            JobKind::Replicas,
            2,
        ),
    ];
    for (body, kind, rows) in cases {
        let got = parse(&body).unwrap();
        assert_eq!((got.kind, got.rows.len()), (kind, rows), "{body}");
    }
}

#[test]
fn checksum_modes_settle_as_on_the_real_server() {
    let cases = [
        (json!(null), json!(null), ChecksumMode::None),
        (json!(null), json!("ADLER32:1"), ChecksumMode::Target),
        (json!(false), json!("ADLER32"), ChecksumMode::Target),
        (json!(false), json!(""), ChecksumMode::None),
        (json!(true), json!(null), ChecksumMode::Both),
        (json!("both"), json!(null), ChecksumMode::Both),
        (json!("source"), json!(null), ChecksumMode::Source),
        (json!("none"), json!("ADLER32:1"), ChecksumMode::None),
        (json!("xyz"), json!(null), ChecksumMode::None),
    ];
    for (verify, checksum, wanted) in cases {
        let mut body = one(&json!({"checksum": checksum}));
        body["params"] = json!({"verify_checksum": verify});
        assert_eq!(parse(&body).unwrap().verify, wanted, "{body}");
    }
}

#[test]
fn the_bearer_stands_in_only_when_no_file_brings_a_token() {
    let none = parse(&one(&json!({}))).unwrap();
    assert_eq!(none.rows[0].source_token.as_deref(), Some("BEARER"));
    assert_eq!(none.rows[0].destination_token.as_deref(), Some("BEARER"));
    let some = parse(&one(
        &json!({"source_tokens": ["S"], "destination_tokens": ["D"]}),
    ))
    .unwrap();
    assert_eq!(some.rows[0].source_token.as_deref(), Some("S"));
    let mixed = parse(&json!({"files": [
        {"sources": ["davs://a/x"], "destinations": ["davs://b/x"], "source_tokens": ["S"], "destination_tokens": ["D"]},
        {"sources": ["davs://a/y"], "destinations": ["davs://b/y"]}]}))
    .unwrap();
    assert_eq!(mixed.rows[1].source_token, None);
}

#[test]
fn the_payload_of_a_real_rucio_is_taken() {
    let body = json!({"files": [{
        "sources": ["davs://se1:443/p/f"], "destinations": ["davs://se2:443/p/f"],
        "metadata": {"request_id": "r1", "scope": "s", "name": "n", "md5": null, "adler32": "0a1b2c3d"},
        "filesize": 1, "checksum": "ADLER32:0a1b2c3d", "selection_strategy": "orderly", "activity": "User",
        "source_tokens": ["S"], "destination_tokens": ["D"]}],
        "params": {"account": "root", "verify_checksum": "both", "copy_pin_lifetime": null, "bring_online": null,
            "job_metadata": {"issuer": "rucio", "multi_sources": false, "overwrite_when_only_on_disk": false},
            "overwrite": true, "overwrite_when_only_on_disk": false, "priority": 3, "s3alternate": true,
            "max_time_in_queue": 168}});
    let got = parse(&body).unwrap();
    assert_eq!(got.verify, ChecksumMode::Both);
    assert_eq!(got.params.max_time_in_queue, Some(168 * 3600));
    assert_eq!(got.params.job_metadata["auth_method"], "oauth2");
    assert_eq!(got.params.overwrite, Some("Y"));
    assert_eq!(got.rows[0].metadata["request_id"], "r1");
    assert_eq!(
        got.storages(),
        (Some("davs://se1".into()), Some("davs://se2".into()))
    );
}

#[test]
fn a_job_is_bounded() {
    let file = json!({"sources": ["davs://a/x"], "destinations": ["davs://b/x"]});
    let many = json!({"files": vec![file; 101]});
    assert!(
        parse(&many)
            .unwrap_err()
            .1
            .contains("exceeds the limit of 100")
    );
    let wide =
        one(&json!({"sources": vec!["davs://a/x"; 21], "destinations": vec!["davs://b/x"; 21]}));
    assert!(
        parse(&wide)
            .unwrap_err()
            .1
            .contains("exceeds the limit of 200")
    );
}

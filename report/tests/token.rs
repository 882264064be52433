//! What `carnet token show` says, and every finding with its requirement, one case a line.

use carnet_profile::{
    jose::{Token, base64url},
    version::ProfileVersion,
};
use carnet_report::{Palette, text, token};
use serde_json::{Value, json};

const NOW: i64 = 1_600_247_422;

fn claims() -> Value {
    json!({
        "wlcg.ver": "1.0", "sub": "a1b98335-9649-4fb0-961d-5a49ce108d49", "aud": "https://rucio.example",
        "nbf": 1_600_246_822, "scope": "openid wlcg.groups", "iss": "https://wlcg.cloud.cnaf.infn.it/",
        "exp": 1_600_250_422, "iat": 1_600_246_822, "jti": "226ba905-fed3-4d12-9ad5-8f328e2c2d36",
        "client_id": "a0deae4e-3843-4167-b967-5dc0eff7b953", "wlcg.groups": ["/wlcg", "/wlcg/xfers"],
    })
}

fn token(header: &Value, claims: &Value) -> Token {
    let part = |value: &Value| base64url(value.to_string());
    Token::parse(&format!("{}.{}.c2ln", part(header), part(claims))).expect("a token")
}

fn usual_header() -> Value {
    json!({"kid": "rsa1", "alg": "RS256"})
}

/// The rules that the token of flow B breaks after a change.
fn findings(
    version: ProfileVersion,
    change: impl FnOnce(&mut Value, &mut Value),
) -> Vec<&'static str> {
    let (mut header, mut claims) = (usual_header(), claims());
    change(&mut header, &mut claims);
    let token = token(&header, &claims);
    let found = token::lints(
        &token.header,
        &token.claims,
        token.text().len(),
        version,
        NOW,
    );
    found.into_iter().map(|lint| lint.rule).collect()
}

#[test]
fn the_user_token_of_flow_b_reads_like_this() {
    insta::assert_snapshot!(token::show(&token(&usual_header(), &claims()), NOW));
}

#[test]
fn an_exchanged_token_with_slips_reads_like_this() {
    let mut claims = claims();
    claims["aud"] = json!(["https://se1.example", "https://se2/example"]);
    claims["scope"] =
        json!("storage.create:/ offline_access storage.read://example// fts:submit-transfer");
    claims["act"] = json!({"sub": "fts.example", "act": {"sub": "rucio.example"}});
    claims["exp"] = json!(1_600_247_000);
    insta::assert_snapshot!(token::show(&token(&usual_header(), &claims), NOW));
}

#[test]
fn each_claim_is_held_against_its_requirement() {
    type Change = fn(&mut Value, &mut Value);
    let cases: &[(&str, Change)] = &[
        ("", |_, _| {}),
        ("TOK-2", |header, _| header["alg"] = json!("HS256")),
        ("TOK-3", |header, _| header["alg"] = json!("PS256")),
        ("TOK-4", |header, _| *header = json!({"alg": "RS256"})),
        ("TOK-5", |header, _| {
            header["jku"] = json!("https://evil.example/keys");
        }),
        ("TOK-13", |_, claims| {
            claims["padding"] = json!("x".repeat(4_096));
        }),
        ("CLM-1", |_, claims| claims["sub"] = Value::Null),
        ("CLM-3", |_, claims| {
            claims["iss"] = json!("http://iam.example/");
        }),
        ("CLM-4", |_, claims| claims["wlcg.ver"] = json!("WLCG:1.0")),
        ("CLM-4", |_, claims| claims["wlcg.ver"] = json!(1.0)),
        ("CLM-6", |_, claims| claims["aud"] = json!([])),
        ("CLM-8", |_, claims| {
            claims["aud"] = json!("https://wlcg.cern.ch/jwt/v1/any");
        }),
        ("CLM-10", |_, claims| {
            claims["aud"] = json!("https://se2/example");
        }),
        ("CLM-13", |_, claims| claims["jti"] = Value::Null),
        ("CLM-2", |_, claims| claims["exp"] = json!("1600250422")),
        ("CLM-11", |_, claims| claims["iat"] = json!(-1)),
        ("CLM-11", |_, claims| claims["iat"] = json!(NOW + 61)),
        ("CAP-1", |_, claims| claims["scope"] = json!(["openid"])),
        ("CAP-1", |_, claims| {
            claims["scope"] = json!("openid\twlcg.groups");
        }),
        ("CAP-2", |_, claims| {
            *claims = without_groups(claims, "storage.read");
        }),
        ("CAP-2", |_, claims| {
            *claims = without_groups(claims, "storage.read:/a/../b");
        }),
        ("CAP-3", |_, claims| {
            *claims = without_groups(claims, "storage.read://data///");
        }),
        ("CAP-11", |_, claims| {
            *claims = without_groups(claims, "storage.create:/");
        }),
        ("MIX-2", |_, claims| {
            claims["scope"] = json!("wlcg.groups storage.read:/");
        }),
        ("CLM-14", |_, claims| {
            claims["wlcg.groups"] = json!(["wlcg"]);
        }),
        ("GRP-5", |_, claims| {
            claims["wlcg.groups"] = json!(["/wlcg", "/wlcg"]);
        }),
        ("GRP-9", |_, claims| claims["wlcg.groups"] = json!("/wlcg")),
        ("CLM-19", |_, claims| *claims = without_groups(claims, "")),
    ];
    for (rule, change) in cases {
        let wanted: Vec<&str> = if rule.is_empty() { vec![] } else { vec![*rule] };
        assert_eq!(findings(ProfileVersion::V1_3, change), wanted, "{rule}");
    }
}

fn without_groups(claims: &Value, scope: &str) -> Value {
    let mut claims = claims.clone();
    claims
        .as_object_mut()
        .expect("claims")
        .shift_remove("wlcg.groups");
    claims["scope"] = json!(scope);
    claims
}

#[test]
fn lifetimes_are_those_of_the_table() {
    use ProfileVersion::{V1_0, V1_1, V1_3};
    for (version, seconds, rule) in [
        (V1_3, 3_600_i64, None),
        (V1_3, 15 * 60, None),
        (V1_3, 15 * 60 - 1, Some("§1.7")),
        (V1_1, 6 * 3_600, None),
        (V1_1, 6 * 3_600 + 1, Some("§1.7")),
        (V1_0, 20 * 60, None),
        (V1_0, 5 * 60, None),
        (V1_0, 5 * 60 - 1, Some("§1.7")),
        (V1_0, 6 * 3_600 + 1, Some("LIFE-1")),
        (V1_3, -1, Some("§1.7")),
        (V1_3, 1_800_003_540_000, Some("§1.7")),
    ] {
        let found = findings(version, |_, claims| {
            claims["exp"] = json!(1_600_246_822 + seconds);
        });
        assert_eq!(found.first().copied(), rule, "{version} {seconds}");
    }
}

#[test]
fn nothing_in_a_token_drives_the_terminal_or_breaks_the_width() {
    let evil = "\u{1b}[2J\u{9b}31m\u{202e}\r\n".repeat(9);
    let mut claims = claims();
    for name in ["sub", "iss", "aud", "scope", "jti", "client_id", "wlcg.ver"] {
        claims[name] = json!(evil);
    }
    claims["wlcg.groups"] = json!([evil]);
    claims["act"] = json!({"sub": evil});
    claims[&evil] = json!("eyJhbGciOiJub25lIn0.eyJqdGkiOiJ4In0.c2ln");
    let token = token(&json!({"alg": "RS256", "kid": evil}), &claims);
    let shown = token::show(&token, NOW);
    assert!(
        !shown.contains(|ch: char| (ch.is_control() && ch != '\n') || ch == '\u{202e}'),
        "{shown}"
    );
    assert!(!shown.contains("eyJhbGciOiJub25lIn0."), "{shown}");
    let options = token::Options {
        palette: Palette::colour(),
        width: 72,
        version: ProfileVersion::V1_0,
    };
    for line in token::show_with(&token, NOW, &options).lines() {
        assert!(text::columns(line) <= 72, "{line}");
    }
}

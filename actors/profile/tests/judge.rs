//! What a verdict tells its reader, demands that are not about storage, and the memory of verified
//! tokens. The rules themselves are tested by the vectors.

#![allow(clippy::unwrap_used)]

use std::{cell::Cell, collections::BTreeSet, sync::OnceLock};

use carnet_profile::{
    judge::{
        Allowance, Demand, Diagnosis, Grounds, KeyAnswer, KeySource, Rules, StorageAction,
        StorageDemand, Verdict, VerifiedTokens, judge, judge_seen,
    },
    keys::{FixedKeys, KeyCache},
    path::RequestPath,
    scope::StoragePrivilege,
    testing::Way,
    vectors::{Fixture, IAM, Setup, World},
};
use serde_json::json;

const T: i64 = 1_800_000_000;

struct Bench {
    fixture: &'static Fixture,
    rules: Rules,
    keys: KeyCache,
}

impl Bench {
    fn new(setup: &[Setup]) -> Self {
        static FIXTURE: OnceLock<Fixture> = OnceLock::new();
        let fixture = FIXTURE.get_or_init(|| Fixture::new(T).unwrap());
        let (rules, _) = fixture.rules(setup);
        let keys = fixture.key_cache(World::Usual);
        Self {
            fixture,
            rules,
            keys,
        }
    }

    fn judge(&self, token: &str, demand: &Demand) -> Verdict {
        judge(&self.rules, Some(token), &self.keys, demand, T)
    }

    fn with_claim(&self, name: &str, value: serde_json::Value) -> String {
        self.fixture
            .sign(&self.fixture.good().claim(name, value))
            .unwrap()
    }
}

fn at(action: StorageAction, path: &str) -> Demand {
    Demand::storage(action, RequestPath::parse(path).unwrap())
}

fn read_f1() -> Demand {
    at(StorageAction::Read, "/wlcg/data/f1")
}

#[test]
fn a_verdict_lists_every_check_with_what_it_saw_and_wanted() {
    let bench = Bench::new(&[]);
    let draft = bench
        .fixture
        .good()
        .claim("aud", "https://se2/example")
        .claim("exp", T - 10);
    let verdict = bench.judge(
        &bench.fixture.sign(&draft).unwrap(),
        &at(StorageAction::Read, "/wlcg/x"),
    );
    let seen: Vec<(String, bool)> = verdict
        .checks
        .iter()
        .map(|check| (check.name.to_string(), check.ok))
        .collect();
    let wanted = [
        ("form", true),
        ("algorithm", true),
        ("header.crit", true),
        ("header.typ", true),
        ("issuer", true),
        ("key", true),
        ("signature", true),
        ("time.exp", false),
        ("time.nbf", true),
        ("time.iat", true),
        ("version", true),
        ("subject", true),
        ("jti", true),
        ("audience", false),
        ("scope.form", true),
        ("area", true),
        ("scope.path", false),
    ];
    let wanted: Vec<(String, bool)> = wanted
        .iter()
        .map(|(n, ok)| ((*n).to_owned(), *ok))
        .collect();
    assert_eq!(seen, wanted);
    assert_eq!(verdict.demand, "storage.read:/wlcg/x");
    assert_eq!(
        verdict.diagnosis(),
        Diagnosis::Expired,
        "the first failure is the refusal"
    );
    assert_eq!(verdict.first_failed().unwrap().saw, "10 s ago");
    let audience = verdict
        .checks
        .iter()
        .find(|check| check.name == "audience")
        .unwrap();
    assert_eq!(audience.saw, "https://se2/example");
    assert_eq!(
        audience.wanted,
        "https://se1.example or https://redirector.example"
    );
    let path = verdict.checks.last().unwrap();
    assert_eq!(path.saw, "storage.read:/data storage.create:/data/up");
    assert_eq!(path.wanted, "storage.read:/x");
}

#[test]
fn refusals_guess_what_was_meant() {
    let bench = Bench::new(&[]);
    let f1 = "https://se1.example";
    let cases = [
        (
            "aud",
            json!("https://se1/example"),
            Some(format!("did you mean `{f1}`?")),
        ),
        (
            "aud",
            json!("https://se1.example/"),
            Some(format!("did you mean `{f1}`?")),
        ),
        (
            "aud",
            json!("https://se1.example:443"),
            Some(format!("did you mean `{f1}`?")),
        ),
        (
            "aud",
            json!("se1.example"),
            Some(format!("did you mean `{f1}`?")),
        ),
        ("aud", json!("https://fts.example"), None),
        (
            "iss",
            json!("https://iam.example"),
            Some(format!("did you mean `{IAM}`?")),
        ),
        (
            "iss",
            json!("http://iam.example/"),
            Some(format!("did you mean `{IAM}`?")),
        ),
        ("iss", json!("https://evil.example/"), None),
        (
            "scope",
            json!("storage.read:/wlcg/data"),
            Some("did you mean `storage.read:/data`?".into()),
        ),
        (
            "scope",
            json!("storage.read"),
            Some("a storage scope has a path; `:/` is the whole area".into()),
        ),
        (
            "wlcg.groups",
            json!("/wlcg"),
            Some("a list, also for one group: [\"/wlcg\"]".into()),
        ),
    ];
    for (claim, value, wanted) in cases {
        let verdict = bench.judge(&bench.with_claim(claim, value.clone()), &read_f1());
        assert_eq!(verdict.refusal.unwrap().hint, wanted, "{claim} {value}");
    }
}

#[test]
fn refusals_name_a_scope_that_would_do() {
    let bench = Bench::new(&[]);
    let good = bench.with_claim("scope", json!("openid"));
    let cases = [
        (read_f1(), Some("storage.read:/data/f1")),
        (
            at(StorageAction::Create, "/wlcg/a b"),
            Some("storage.create:/a%20b"),
        ),
        (at(StorageAction::Delete, "/wlcg"), Some("storage.modify:/")),
        (
            at(StorageAction::Stage, "/wlcg/t"),
            Some("storage.stage:/t"),
        ),
        (at(StorageAction::Read, "/other"), None),
        (
            Demand::scope("fts:submit-transfer"),
            Some("fts:submit-transfer"),
        ),
    ];
    for (demand, wanted) in cases {
        let refusal = bench.judge(&good, &demand).refusal.unwrap();
        assert_eq!(
            (refusal.status, refusal.scope.as_deref()),
            (403, wanted),
            "{demand}"
        );
        if let Some(scope) = wanted {
            let token = bench.with_claim("scope", json!(scope));
            assert!(
                bench.judge(&token, &demand).granted,
                "{demand} with {scope}"
            );
        }
    }
}

#[test]
fn demands_for_a_scope_take_exactly_that_scope() {
    let bench = Bench::new(&[]);
    let fts = Demand::Scope(vec!["fts:submit-transfer".into(), "fts".into()]);
    let cases = [
        ("fts:submit-transfer", true),
        ("fts", true),
        ("openid fts offline_access", true),
        ("fts:submit", false),
        ("FTS", false),
        ("", false),
    ];
    for (scope, wanted) in cases {
        let verdict = bench.judge(&bench.with_claim("scope", json!(scope)), &fts);
        assert_eq!(verdict.granted, wanted, "{scope:?}");
    }
    let verdict = bench.judge(&bench.with_claim("scope", json!("")), &Demand::Identity);
    assert_eq!(verdict.grounds, Some(Grounds::Identity));
}

#[test]
fn the_proof_comes_from_a_granting_verdict_alone() {
    let bench = Bench::new(&[]);
    let token = bench.fixture.sign(&bench.fixture.good()).unwrap();
    let proof = bench.judge(&token, &read_f1()).authorise().unwrap();
    assert_eq!(proof.principal(), Some((IAM, "u-1")));
    assert_eq!(proof.demand(), "storage.read:/wlcg/data/f1");
    assert_eq!(
        *proof.grounds(),
        Grounds::Scope(vec!["storage.read:/data".into()])
    );
    let mut verdict = bench.judge("nonsense", &read_f1());
    verdict.granted = true;
    assert_eq!(
        verdict.authorise().unwrap_err().diagnosis,
        Diagnosis::Malformed
    );
}

#[test]
fn both_ends_of_a_rename_are_judged() {
    let bench = Bench::new(&[]);
    let part = |action, path| StorageDemand::new(action, RequestPath::parse(path).unwrap());
    let cases = [
        ("storage.create:/a storage.create:/b", true),
        ("storage.modify:/", true),
        ("storage.create:/a", false),
        ("storage.create:/b", false),
    ];
    let demand = Demand::Storage(vec![
        part(StorageAction::MoveFrom, "/wlcg/a/x"),
        part(StorageAction::MoveTo, "/wlcg/b/x"),
    ]);
    for (scope, wanted) in cases {
        let verdict = bench.judge(&bench.with_claim("scope", json!(scope)), &demand);
        assert_eq!(verdict.granted, wanted, "{scope}");
    }
}

#[test]
fn open_areas_need_no_token_and_take_no_bad_one() {
    let mut bench = Bench::new(&[]);
    let privileges = vec![StoragePrivilege::Read];
    bench.rules.anonymous.push(Allowance {
        path: "/wlcg/public".into(),
        privileges,
    });
    let cases = [
        (StorageAction::Read, "/wlcg/public/x", true),
        (StorageAction::Create, "/wlcg/public/x", false),
        (StorageAction::Read, "/wlcg/publicity", false),
    ];
    for (action, path, wanted) in cases {
        let verdict = judge(&bench.rules, None, &bench.keys, &at(action, path), T);
        assert_eq!(verdict.granted, wanted, "{path}");
    }
    let verdict = bench.judge("nonsense", &at(StorageAction::Read, "/wlcg/public/x"));
    assert_eq!(verdict.refusal.unwrap().status, 401);
}

#[test]
fn a_lenient_server_drops_bad_items_alone() {
    let bench = Bench::new(&[Setup::Lenient]);
    let token = bench.with_claim("scope", json!("storage.read:/../x storage.read:/data"));
    let verdict = bench.judge(&token, &read_f1());
    assert!(verdict.granted);
    assert_eq!(verdict.diagnosis(), Diagnosis::DotDot, "noted");
}

#[test]
fn only_tokens_that_need_keys_want_them() {
    let bench = Bench::new(&[]);
    let good = || bench.fixture.good();
    let cases = [
        ("unknown kid", good().header("kid", "nope"), true),
        ("known kid", good(), false),
        (
            "V-049b",
            good().claim("iss", "https://evil.example/"),
            false,
        ),
        (
            "V-013",
            good().header("kid", "nope").header("alg", "HS256"),
            false,
        ),
        ("V-018", good().without_header("kid"), false),
    ];
    for (case, draft, wanted) in cases {
        let verdict = bench.judge(&bench.fixture.sign(&draft).unwrap(), &read_f1());
        assert_eq!(verdict.keys_wanted.is_some(), wanted, "{case}");
    }
}

#[test]
fn reason_codes_are_unique() {
    let codes: BTreeSet<&str> = Diagnosis::ALL.iter().map(|d| d.code()).collect();
    assert_eq!(codes.len(), Diagnosis::ALL.len());
}

/// A key source that counts how often it is asked, and can withdraw everything.
struct Counted(FixedKeys, Cell<bool>);

impl KeySource for Counted {
    fn key(&self, issuer: &str, kid: &str, now: i64) -> KeyAnswer {
        if self.1.get() {
            KeyAnswer::UnknownKid
        } else {
            self.0.key(issuer, kid, now)
        }
    }
}

#[test]
fn a_remembered_token_is_still_judged() {
    let bench = Bench::new(&[]);
    let mut keys = FixedKeys::new();
    keys.add(IAM, &bench.fixture.published(World::Usual).0);
    let keys = Counted(keys, Cell::new(false));
    let seen = VerifiedTokens::new(8);
    let token = bench.fixture.sign(&bench.fixture.good()).unwrap();
    let ask = |demand: &Demand, now| {
        judge_seen(&bench.rules, Some(&token), &keys, Some(&seen), demand, now)
    };
    let saw = |verdict: &Verdict| {
        verdict
            .checks
            .iter()
            .find(|check| check.name == "signature")
            .unwrap()
            .saw
            .to_string()
    };
    assert_eq!(saw(&ask(&read_f1(), T)), "fits");
    let again = ask(&read_f1(), T);
    assert_eq!(
        (again.granted, saw(&again).as_str()),
        (true, "verified before")
    );
    assert_eq!(ask(&read_f1(), T + 3540).diagnosis(), Diagnosis::Expired);
    assert_eq!(
        ask(&at(StorageAction::Read, "/wlcg/x"), T)
            .refusal
            .unwrap()
            .status,
        403
    );
    keys.1.set(true);
    assert_eq!(
        ask(&read_f1(), T).diagnosis(),
        Diagnosis::KidUnknown,
        "a withdrawn key counts at once"
    );
}

#[test]
fn only_verified_tokens_are_remembered_and_not_too_many() {
    let bench = Bench::new(&[]);
    let seen = VerifiedTokens::new(10);
    let ask = |token: &str| {
        judge_seen(
            &bench.rules,
            Some(token),
            &bench.keys,
            Some(&seen),
            &read_f1(),
            T,
        )
        .granted
    };
    let forged = bench
        .fixture
        .good()
        .sign(&bench.fixture.cms_k1, Way::Usual)
        .unwrap();
    assert!(!ask(&forged));
    assert!(seen.is_empty());
    for n in 0..50 {
        assert!(ask(&bench.with_claim("jti", json!(format!("j-{n}")))));
        assert!(seen.len() <= 10);
    }
    assert!(!seen.is_empty());
    seen.clear();
    assert!(seen.is_empty());
}

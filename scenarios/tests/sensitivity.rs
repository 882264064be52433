//! Every expectation is there for a reason: when the behaviour it watches changes, it fails, and it is the one named.

use carnet_scenarios::{Changes, PlayOptions, load, play};

/// Labels and first words of the expectations that fail under a change.
async fn failing(name: &str, file: &str, set: &[&str]) -> Vec<String> {
    let mut all = vec![format!("actors.se1.storage.files.\"{file}\"=1 MiB")];
    all.extend(set.iter().map(|s| (*s).to_owned()));
    let scenario = load(
        name,
        &Changes {
            set: all,
            ..Changes::default()
        },
    )
    .unwrap_or_else(|error| panic!("{error}"));
    let played = play(&scenario, PlayOptions::default())
        .await
        .expect("the flow can be played");
    let failed = played.expectations.iter().filter(|e| !e.held);
    let mut labels: Vec<String> = failed
        .map(|e| e.label.clone().unwrap_or_default())
        .collect();
    labels.dedup();
    labels
}

/// Under each change, the expectations with these labels fail (others may fail too: what follows from them).
const FLOW_A: &[(&str, &str)] = &[
    (
        "actors.rucio.rucio.fts_scope=fts:submit-transfer offline_access",
        "A1 A2",
    ),
    ("actors.iam.issuer.algorithm=ES256", "A2"),
    ("actors.iam.issuer.key_id=rsa2", "A2"),
    ("actors.iam.issuer.lifetimes.access=1200", "A1 A2 A6 A7"),
    ("actors.iam.issuer.quirks.Q-10=false", "A1 A6 A9"),
    ("actors.iam.issuer.compat=strict", "A1"),
    ("actors.rucio.rucio.strategy=today", "A1 A2"),
    (
        "actors.fts.fts.audiences=[\"https://elsewhere.example\"]",
        "A4 A5 A6 A7 A9 A10 A11 A12",
    ),
    ("actors.fts.fts.issuers.0.required_scope=fts", "A4 A5 A6"),
    ("actors.fts.fts.tokens=today", "A6 A7"),
    ("actors.fts.fts.storage_tokens=two", "A6 A7 A9"),
    (
        "actors.fts.fts.exchange.scope=storage.read:/ storage.create:/",
        "A6 A7",
    ),
    (
        "actors.fts.fts.exchange.audience=https://se1.example",
        "A6 A7 A9 A10",
    ),
    ("actors.fts.fts.refresh=false", "A9"),
    (
        "actors.iam.issuer.exchange_policies=[]",
        "A6 A7 A9 A10 A11 A12",
    ),
    ("actors.fts.fts.drop_transfer_header=true", "A10 A11 A12"),
    ("actors.fts.fts.mode=push", "A10 A11"),
    (
        "actors.se2.storage.audiences=[\"https://elsewhere.example\"]",
        "A10 A11 A12",
    ),
    (
        "actors.se1.storage.audiences=[\"https://elsewhere.example\"]",
        "A11 A12",
    ),
    ("actors.se2.storage.skew=-10m", "A10"),
    ("actors.se2.storage.dialect=storm", "A11"),
];

const FLOW_B: &[(&str, &str)] = &[
    ("step.0.get_token.scope=openid wlcg.groups profile", "B1"),
    ("actors.iam.issuer.groups.1.optional=true", "B1 B3 B5"),
    ("actors.iam.issuer.key_id=rsa2", "B1"),
    ("actors.rucio.rucio.strategy=delegated-identity", "B3"),
    (
        "actors.fts.fts.audiences=[\"https://elsewhere.example\"]",
        "B4 B5 B6 B7",
    ),
    (
        "actors.fts.fts.exchange.audience=https://se1.example",
        "B5 B6 B7",
    ),
    ("actors.fts.fts.storage_tokens=two", "B5"),
    ("actors.fts.fts.refresh=false", "B5"),
    (
        "actors.se2.storage.policies.0.group=/wlcg/production",
        "B6 B7",
    ),
    ("actors.se1.storage.policies.0.group=/wlcg/production", "B7"),
    ("actors.iam.issuer.exchange_policies=[]", "B3 B4 B5 B6 B7"),
];

async fn check(name: &str, file: &str, table: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for (set, wanted) in table {
        let failed = failing(name, file, &[set]).await;
        for label in wanted.split_whitespace() {
            if !failed.iter().any(|f| f == label) {
                wrong.push(format!(
                    "--set {set}: {label} held; failed: {}",
                    failed.join(" ")
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_step_of_flow_a_notices_a_change() {
    check("delegated-identity", "/example/file", FLOW_A).await;
    // Together the changes reach every step.
    for step in [
        "A1", "A2", "A4", "A5", "A6", "A7", "A9", "A10", "A11", "A12",
    ] {
        assert!(
            FLOW_A
                .iter()
                .any(|(_, labels)| labels.split(' ').any(|l| l == step)),
            "{step}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_step_of_flow_b_notices_a_change() {
    check("group-based", "/wlcg/file", FLOW_B).await;
    for step in ["B1", "B3", "B4", "B5", "B6", "B7"] {
        assert!(
            FLOW_B
                .iter()
                .any(|(_, labels)| labels.split(' ').any(|l| l == step)),
            "{step}"
        );
    }
}

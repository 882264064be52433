//! What a token costs beyond its signature: the routes without sockets, for both algorithms and for each kind of grant.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench reads its own data"
)]

#[path = "../tests/common/mod.rs"]
mod common;

use carnet_issuer::config::Algorithm;
use carnet_issuer::keys::SigningKey;
use common::{Bench, EXCHANGE};
use criterion::{Criterion, criterion_group, criterion_main};
use tokio::runtime::Runtime;

const WORLD: &str = r#"
users = [{ username = "ann", groups = ["wlcg"] }]
groups = [{ name = "wlcg" }]
clients = [
  { client_id = "a", client_secret = "s", grant_types = ["client_credentials", "password", "refresh_token"], scope = ["openid", "offline_access", "wlcg.groups", "storage.read:/", "storage.create:/"] },
  { client_id = "b", client_secret = "s", grant_types = ["token-exchange", "refresh_token"], scope = ["openid", "offline_access", "wlcg.groups", "storage.read:/", "storage.create:/"] },
]
"#;

fn tokens(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    for algorithm in [Algorithm::Es256, Algorithm::Rs256] {
        let name = algorithm.name();
        let key = SigningKey::make(algorithm, "k").unwrap();
        let payload = vec![b'x'; 300];
        criterion.bench_function(&format!("{name} raw signature"), |b| {
            b.iter(|| key.sign(&payload).unwrap());
        });
        let bench = runtime
            .block_on(async { Bench::from_toml(&format!("algorithm = \"{name}\"\n{WORLD}")) });
        let form = [
            ("grant_type", "client_credentials"),
            ("scope", "storage.read:/"),
            ("audience", "https://se1.example"),
        ];
        criterion.bench_function(&format!("{name} client_credentials"), |b| {
            b.iter(|| runtime.block_on(bench.token("a", "s", &form)).status);
        });
        let login = [
            ("grant_type", "password"),
            ("username", "ann"),
            ("password", "password"),
            ("scope", "offline_access storage.read:/"),
        ];
        let first = runtime.block_on(bench.token("a", "s", &login));
        let (access, refresh) = (first.text("access_token"), first.text("refresh_token"));
        let form = [
            ("grant_type", EXCHANGE),
            ("subject_token", access.as_str()),
            ("scope", "storage.read:/ storage.create:/"),
        ];
        criterion.bench_function(&format!("{name} token exchange"), |b| {
            b.iter(|| runtime.block_on(bench.token("b", "s", &form)).status);
        });
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.as_str()),
        ];
        criterion.bench_function(&format!("{name} refresh"), |b| {
            b.iter(|| runtime.block_on(bench.token("a", "s", &form)).status);
        });
    }
}

criterion_group! { name = benches; config = Criterion::default().sample_size(20); targets = tokens }
criterion_main!(benches);

//! What the stage itself costs: a small exchange, and a large body, over TLS on loopback.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark fails loudly")]

use std::net::SocketAddr;

use axum::Router;
use axum::routing::any;
use bytes::Bytes;
use carnet_certs::Authority;
use carnet_stage::{
    Actor, Body, Chance, Client, Clock, JournalOptions, ServerOptions, Stage, StageOptions,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use http::Request;
use http_body_util::BodyExt as _;
use jiff::SignedDuration;

const CHUNK: usize = 256 * 1024;
const LARGE: u64 = 256 << 20;

async fn actors(keep: usize) -> (Stage, Actor) {
    let stage = Stage::new(StageOptions {
        chance: Chance::from_seed(1),
        unpredictable: false,
        clock: Clock::wall(),
        journal: JournalOptions {
            keep,
            digests: keep > 0,
            ..JournalOptions::default()
        },
        authority: Authority::new("bench").unwrap(),
        extra_roots: Vec::new(),
        server: ServerOptions::default(),
    })
    .unwrap();
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let se1 = stage
        .bind("se1", "storage", "se1.example", loopback, true)
        .await
        .unwrap();
    let fts = stage
        .bind("fts", "fts", "fts.example", loopback, true)
        .await
        .unwrap();
    let chunk = Bytes::from(vec![7_u8; CHUNK]);
    let large = move || {
        let chunk = chunk.clone();
        let chunks = (0..LARGE / CHUNK as u64).map(move |_| Ok::<_, std::io::Error>(chunk.clone()));
        async { Body::from_stream(futures_util::stream::iter(chunks)) }
    };
    let router = Router::new()
        .route("/small", any(|| async { "small" }))
        .route("/large", any(large));
    stage.open(&se1, router).unwrap();
    let fts = stage.actor(&fts, SignedDuration::ZERO);
    (stage, fts)
}

async fn get(client: &Client, path: &str) -> u64 {
    let request = Request::get(format!("https://se1.example{path}"))
        .body(Body::empty())
        .unwrap();
    let mut body = client.send(request).await.unwrap().into_body();
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        bytes += frame
            .unwrap()
            .data_ref()
            .map_or(0, |data| data.len() as u64);
    }
    bytes
}

fn wire(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for (name, keep) in [("journal", 1000), ("no-journal", 0)] {
        let (_stage, fts) = runtime.block_on(actors(keep));
        let mut group = criterion.benchmark_group(name);
        let http1 = fts.client().http1();
        group.bench_function("small, HTTP/2", |b| {
            b.to_async(&runtime).iter(|| get(fts.client(), "/small"));
        });
        group.bench_function("small, HTTP/1.1", |b| {
            b.to_async(&runtime).iter(|| get(&http1, "/small"));
        });
        group.throughput(Throughput::Bytes(LARGE)).sample_size(10);
        group.bench_function("256 MiB, HTTP/1.1", |b| {
            b.to_async(&runtime).iter(|| get(&http1, "/large"));
        });
        group.finish();
    }
}

criterion_group!(benches, wire);
criterion_main!(benches);

//! Signs again and again with one kept key, and nothing else: whoever runs it (the script `benches/issuers`) reads its CPU time.
//!
//!     signatures DIR ES256 100000
//!
//! Without words it signs once with a key of each algorithm.
#![allow(clippy::unwrap_used, reason = "a bench reads its own words")]

use std::path::Path;

use carnet_issuer::config::Algorithm;
use carnet_issuer::keys::load_or_make;

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    for algorithm in [Algorithm::Es256, Algorithm::Rs256] {
        match words.as_slice() {
            [] => sign(None, algorithm, 1),
            [dir, wanted, count] if wanted == algorithm.name() => {
                sign(Some(Path::new(dir)), algorithm, count.parse().unwrap());
            }
            _ => {}
        }
    }
}

fn sign(dir: Option<&Path>, algorithm: Algorithm, count: usize) {
    let key = load_or_make(dir, "signatures", algorithm, "k").unwrap();
    let payload = vec![b'x'; 300];
    for _ in 0..count {
        std::hint::black_box(key.sign(&payload).unwrap());
    }
}

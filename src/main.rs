//! `carnet`: the WLCG token-based data-transfer stack on one stage.
fn main() {}

//! What a catalogue says about a configuration that cannot be.

use indexmap::IndexMap;
use jiff::Timestamp;

use super::{Catalogue, Given};
use crate::config::{Config, DidConfig, RseConfig};

#[test]
fn configuration_mistakes_are_named() {
    for (change, want) in [
        (
            (|c| c.dids[0].rses = vec!["SE9".into()]) as fn(&mut Config),
            "file example:file: there is no storage element SE9",
        ),
        (
            |c| c.dids[0].adler32 = Some("xyz".into()),
            "file example:file: 'xyz' is no adler32",
        ),
        (
            |c| c.rses["SE1"].url = "se1".into(),
            "storage element SE1: url 'se1': relative URL without a base",
        ),
    ] {
        let mut config = Config {
            rses: IndexMap::from([(
                "SE1".into(),
                RseConfig {
                    url: "https://se1.example".into(),
                    ..RseConfig::default()
                },
            )]),
            dids: vec![DidConfig {
                scope: "example".into(),
                name: "file".into(),
                ..DidConfig::default()
            }],
            ..Config::default()
        };
        change(&mut config);
        let mut id = String::new;
        let got = Catalogue::new(
            &config,
            &mut Given {
                now: Timestamp::UNIX_EPOCH,
                id: &mut id,
            },
        )
        .expect_err("refused");
        assert_eq!(got, want);
    }
}

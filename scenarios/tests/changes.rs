//! What changes a scenario from outside its file: the user's own file, a folder to keep the copy in, a seed, real addresses.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use carnet_scenarios::format::ActorSpec;
use carnet_scenarios::{Changes, Location, PlayOptions, Scenario, load, play};

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _was_there = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("the test's own folder");
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn the_users_own_file_is_transferred_and_its_copy_kept() {
    let folder = folder("own-file");
    let own = folder.join("own.dat");
    let content: Vec<u8> = (0..300_001_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    std::fs::write(&own, &content).unwrap();
    let keep = folder.join("kept");
    let changes = Changes {
        file: Some(own),
        keep: Some(keep.clone()),
        ..Changes::default()
    };
    let scenario = load("delegated-identity", &changes).unwrap();
    let played = play(&scenario, PlayOptions::default()).await.unwrap();
    assert!(played.held(), "{:#?}", played.expectations);
    assert_eq!(std::fs::read(keep.join("example/file")).unwrap(), content);
}

#[test]
fn a_file_that_is_not_there_is_told_at_the_step_that_needs_it() {
    let changes = Changes {
        file: Some("/nowhere/at-all".into()),
        ..Changes::default()
    };
    let told = load("delegated-identity", &changes)
        .unwrap_err()
        .to_string();
    assert!(told.contains("cannot read /nowhere/at-all"), "{told}");
    assert!(
        told.contains("scenarios/seed/delegated-identity.toml:13:1"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_gives_the_same_run() {
    let run = |seed| async move {
        let set = vec!["actors.se1.storage.files.\"/example/file\"=64 KiB".to_owned()];
        let scenario = load(
            "delegated-identity",
            &Changes {
                set,
                seed: Some(seed),
                ..Changes::default()
            },
        )
        .unwrap();
        let played = play(&scenario, PlayOptions::default()).await.unwrap();
        assert!(played.held(), "{:#?}", played.expectations);
        let made = |record: &carnet_stage::Record| match &record.event {
            carnet_stage::Event::Issued(issued) => Some(issued.jti.clone()),
            carnet_stage::Event::State(state) if state.entity == "storage.file" => {
                Some(state.why.clone())
            }
            _ => None,
        };
        played
            .records
            .iter()
            .filter_map(|record| made(record))
            .collect::<Vec<_>>()
    };
    let first = run(7).await;
    assert_eq!(first, run(7).await);
    assert_ne!(first, run(8).await);
}

#[test]
fn real_addresses_take_the_place_of_the_stages_names() {
    let world = concat!(env!("CARGO_MANIFEST_DIR"), "/worlds/default.toml");
    let location = Location {
        ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        host: "localhost".to_owned(),
        first_port: 9443,
        only: Vec::new(),
    };
    let scenario = load(
        world,
        &Changes {
            location: Some(location),
            // A setting that is changed moves nobody to another port.
            set: vec!["actors.iam.issuer.organisation=\"lab\"".to_owned()],
            ..Changes::default()
        },
    )
    .unwrap();
    let ports: Vec<u16> = scenario
        .actors
        .values()
        .filter_map(|a| a.listen.map(|at| at.port()))
        .collect();
    assert_eq!(ports, [9443, 9444, 9445, 9446, 9447, 9448]);
    let ActorSpec::Rucio(rucio) = &spec(&scenario, "rucio") else {
        panic!("not Rucio")
    };
    assert_eq!(rucio.issuer, "https://localhost:9443/");
    assert_eq!(rucio.fts, "https://localhost:9445");
    assert_eq!(rucio.rses["SE2"].url, "https://localhost:9447");
    let ActorSpec::Storage(se1) = &spec(&scenario, "se1") else {
        panic!("not a storage element")
    };
    assert_eq!(se1.issuers[0].url, "https://localhost:9443/");
}

fn spec(scenario: &Scenario, name: &str) -> ActorSpec {
    scenario.actors[name].spec.clone()
}

#[test]
fn an_actor_that_shall_be_alone_and_is_not_there_is_told_with_the_one_that_was_meant() {
    let changes = Changes {
        location: Some(Location {
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            host: "localhost".to_owned(),
            first_port: 0,
            only: vec!["iamm".to_owned()],
        }),
        ..Changes::default()
    };
    let told = load("delegated-identity", &changes)
        .unwrap_err()
        .to_string();
    assert!(told.contains("no actor is called `iamm`"), "{told}");
    assert!(told.contains("--only:1:1"), "{told}");
    assert!(told.contains("+ iam"), "{told}");
}

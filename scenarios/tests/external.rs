//! A service that is not ours in an actor's place: a storage element of another stage takes part, what it thinks is not
//! seen and not claimed, and what cannot be is said.

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use carnet_certs::Authority;
use carnet_scenarios::{
    Changes, Location, PlayError, PlayOptions, Played, Running, Scenario, bring_up, load,
};
use carnet_stage::{Event, JournalOptions};

fn location(first_port: u16) -> Location {
    Location {
        ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        host: "localhost".to_owned(),
        first_port,
        only: Vec::new(),
    }
}

/// The first of so many ports in a row that nobody listens on.
fn free_ports(count: u16) -> u16 {
    let free = |first: u16| {
        let held: Vec<_> = (first..first + count)
            .map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)))
            .collect();
        held.iter().all(Result::is_ok)
    };
    // Tests of this file run at the same time; each port is given out once.
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = 20_000 + (std::process::id() % 10_000) as u16;
    loop {
        let first = start + NEXT.fetch_add(count, Ordering::Relaxed);
        if free(first) {
            return first;
        }
    }
}

/// A storage element of somebody else's, which trusts the issuer at a port.
async fn theirs(world: &str, name: &str, issuer: u16, authority: &Authority) -> (Running, u16) {
    let port = free_ports(2);
    let world = format!("{}/worlds/{world}.toml", env!("CARGO_MANIFEST_DIR"));
    let changes = Changes {
        set: vec![
            format!("actors.iam.external=https://localhost:{issuer}"),
            format!("actors.{name}.storage.files={{}}"),
            format!("actors.{name}.storage.audiences=[\"https://localhost:{port}\"]"),
        ],
        location: Some(Location {
            only: vec![name.to_owned(), "iam".to_owned()],
            ..location(port)
        }),
        ..Changes::default()
    };
    let mut scenario = load(&world, &changes).expect("the world is right");
    // Ports are counted in the topology's order; this one is alone.
    scenario.actors.get_mut(name).expect("it is there").listen =
        Some((Ipv4Addr::LOCALHOST, port).into());
    let running = bring_up(
        &scenario,
        copy_of(authority),
        JournalOptions::default(),
        None,
        Box::new(|_| {}),
    )
    .await
    .expect("it comes up");
    (running, port)
}

fn copy_of(authority: &Authority) -> Authority {
    Authority::from_pem(authority.pem(), &authority.key_pem()).expect("its own PEM")
}

async fn play(scenario: &Scenario, authority: &Authority) -> Result<Played, PlayError> {
    let options = PlayOptions {
        authority: Some(copy_of(authority)),
        ..PlayOptions::default()
    };
    carnet_scenarios::play(scenario, options).await
}

fn changed(set: &[String], port: u16) -> Changes {
    Changes {
        set: set.to_vec(),
        location: Some(location(port)),
        ..Changes::default()
    }
}

/// Scenario, its world, the file; who is not ours, how many expectations cannot be seen, and the base path of its files.
const PLAYS: [(&str, &str, &str, &str, usize, &str); 4] = [
    (
        "delegated-identity",
        "flow-a",
        "/example/file",
        "se2",
        1,
        "",
    ),
    (
        "delegated-identity",
        "flow-a",
        "/example/file",
        "se1",
        1,
        "/area/one",
    ),
    ("group-based", "flow-b", "/wlcg/file", "se2", 1, ""),
    ("group-based", "flow-b", "/wlcg/file", "se1", 1, ""),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_seed_flows_go_on_with_a_storage_element_that_is_not_ours() {
    for (name, world, file, who, unseen, base) in PLAYS {
        let authority = Authority::new("external").unwrap();
        let issuer = free_ports(8);
        let (other, port) = theirs(world, who, issuer, &authority).await;
        let set = [
            format!("actors.{who}.external=https://localhost:{port}{base}"),
            format!("actors.se1.storage.files.\"{file}\"=100 KiB"),
        ];
        let scenario = load(name, &changed(&set, issuer)).unwrap_or_else(|error| panic!("{error}"));
        let played = play(&scenario, &authority).await.unwrap();
        assert!(
            played.held(),
            "{name} {who}: {:#?}",
            played
                .expectations
                .iter()
                .filter(|e| !e.held)
                .collect::<Vec<_>>()
        );
        assert_eq!(played.unseen.len(), unseen, "{:#?}", played.unseen);
        assert!(
            played
                .unseen
                .iter()
                .all(|one| one.why == format!("{who} is not ours"))
        );
        assert_eq!(played.expectations.len() + unseen, scenario.expects.len());
        let of_it = |record: &carnet_stage::Record| record.actor == who;
        assert!(
            !played.records.iter().any(|record| of_it(record)),
            "it tells our journal nothing"
        );
        let told = played.records.iter().filter(|record| {
            matches!(&record.event, Event::Note(note) if note.text.starts_with("not visible, "))
        });
        assert_eq!(told.count(), unseen);
        // The token that its files were put there with is no more told than any other.
        for record in &played.records {
            let told = serde_json::to_string(record).expect("a record is JSON");
            assert!(
                !told.contains(".eyJ") && !told.contains("admin-secret"),
                "{told}"
            );
        }
        // The other stage saw strangers: the header that joins exchanges stayed at home.
        let seen = other.stage.journal().records();
        assert!(seen.iter().any(|record| matches!(&record.event, Event::Exchange(e) if e.to == who && e.url.contains(base))));
        other.stage.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_cannot_take_part_is_named_with_the_reason() {
    let authority = Authority::new("external").unwrap();
    let port = free_ports(8);
    let (other, theirs) = theirs("flow-a", "se2", port + 7, &authority).await;
    let nobody = free_ports(1);
    let elsewhere = Authority::new("elsewhere").unwrap();
    let set = |url: String| vec![format!("actors.se2.external={url}")];
    let cases = [
        (
            set(format!("https://localhost:{nobody}")),
            &authority,
            "is it running?",
        ),
        (
            set(format!("https://localhost:{theirs}")),
            &elsewhere,
            "`ca` file",
        ),
        (
            set(format!("https://localhost:{theirs}")),
            &authority,
            "it must trust the issuer of this run",
        ),
        (
            set("https://no-such-host.invalid".to_owned()),
            &authority,
            "no such host",
        ),
    ];
    for (set, authority, why) in cases {
        let scenario = load("delegated-identity", &changed(&set, port)).unwrap();
        let error = play(&scenario, authority).await.expect_err(why).to_string();
        assert!(
            error.starts_with("se2, which is https://") && error.contains(why),
            "{error}"
        );
    }
    other.stage.stop().await;
}

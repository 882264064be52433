//! Installed faults and what a correct storage element makes of them (storage page §7.5); cancelling; the
//! guard against addresses that are nobody's business.

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod stage;

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::any;
use carnet_stage::{Actor, Effect, Event, Fault, FaultPlace};
use futures_util::FutureExt as _;
use http::{StatusCode, header};
use http_body_util::BodyExt as _;
use stage::{TestStage, config};

const TARGET: &str = "https://se2.example/example/file";

async fn world(se2: &str) -> (TestStage, Actor, Actor) {
    let test = TestStage::new(&[]).await;
    let se1 = test
        .serve("se1", config("files = { \"/example/file\" = \"5 MiB\" }"))
        .await;
    let se2 = test.serve("se2", config(se2)).await;
    (test, se1, se2)
}

fn fault(place: FaultPlace, method: &str, effect: Effect) -> Fault {
    Fault {
        name: "test".into(),
        place,
        method: Some(method.into()),
        path: None,
        times: None,
        every: None,
        effect,
    }
}

async fn copy(test: &TestStage) -> (u16, String) {
    let bearer = format!("Bearer {}", test.token("storage.read:/"));
    let headers = [
        ("source", "https://se1.example/example/file"),
        ("transferheaderauthorization", &*bearer),
    ];
    let answer = test
        .ask(
            "COPY",
            TARGET,
            &test.token("storage.create:/"),
            &headers,
            "",
        )
        .await;
    (answer.status, answer.text())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_source_misbehaves_and_nothing_false_is_kept() {
    let (test, se1, se2) = world("copies = { stall_seconds = 1 }").await;
    let named = |name: &str| Effect::Named(name.into());
    for (number, method, effect, wanted) in [
        (
            "F1 stall",
            "GET",
            Effect::StallAfter(100_000),
            "failure: timeout on GET",
        ),
        (
            "F3 cut",
            "GET",
            Effect::CutAfter(100_000),
            "failure: the source broke off after",
        ),
        (
            "F4 flipped byte",
            "GET",
            Effect::FlipByte(3_000_000),
            "failure: checksum mismatch: adler32",
        ),
        (
            "F5 wrong digest",
            "GET",
            named("wrong-digest"),
            "failure: checksum mismatch",
        ),
        (
            "F5 upper case",
            "GET",
            named("upper-digest"),
            "success: Created",
        ),
        ("F5 short", "GET", named("short-digest"), "success: Created"),
        (
            "F5 base64",
            "GET",
            named("base64-digest"),
            "success: Created",
        ),
        ("F5 none", "GET", named("no-digest"), "success: Created"),
        (
            "F6 expired",
            "GET",
            named("expired-token"),
            "failure: rejected GET: 401 Unauthorized",
        ),
        (
            "F8 503",
            "HEAD",
            Effect::Status(503),
            "failure: rejected HEAD: 503 Service Unavailable",
        ),
        (
            "F8 507",
            "GET",
            Effect::Status(507),
            "failure: rejected GET: 507 Insufficient Storage",
        ),
        (
            "F9 come back",
            "GET",
            named("come-back"),
            "failure: rejected GET: 202 Accepted",
        ),
        (
            "F10 loop",
            "GET",
            named("redirect-loop"),
            "failure: GET: more than 10 redirects",
        ),
        (
            "F10 downgrade",
            "GET",
            named("redirect-plain"),
            "failure: redirect from https to http refused",
        ),
        ("F12 reset", "GET", Effect::Drop, "failure: "),
    ] {
        se1.faults()
            .install(fault(FaultPlace::Handler, method, effect));
        let (status, text) = copy(&test).await;
        assert!(se1.faults().remove("test"));
        assert_eq!(status, 202, "{number}");
        assert!(text.contains(wanted), "{number}: {text}");
        let token = test.token("storage.read:/ storage.modify:/");
        let there = test.ask("HEAD", TARGET, &token, &[], "").await.status;
        assert_eq!(
            there,
            if wanted.starts_with("success") {
                200
            } else {
                404
            },
            "{number}"
        );
        test.ask("DELETE", TARGET, &token, &[], "").await;
    }
    se1.faults()
        .install(fault(FaultPlace::Handler, "GET", Effect::CutAfter(100_000)));
    se2.faults().install(fault(
        FaultPlace::Handler,
        "COPY",
        Effect::Named("leave-partial".into()),
    ));
    assert!(copy(&test).await.1.contains("failure: "), "F19");
    let token = test.token("storage.read:/ storage.modify:/");
    assert_eq!(
        test.ask("HEAD", TARGET, &token, &[], "")
            .await
            .header("content-length"),
        "100000",
        "F19"
    );
    test.ask("DELETE", TARGET, &token, &[], "").await;
    assert!(se1.faults().remove("test") && se2.faults().remove("test"));
    se2.faults().install(fault(
        FaultPlace::Handler,
        "COPY",
        Effect::Named("lose-file".into()),
    ));
    assert!(copy(&test).await.1.ends_with("success: Created\n"), "F19");
    assert!(se2.faults().remove("test"));
    assert_eq!(
        test.ask("HEAD", TARGET, &token, &[], "").await.status,
        404,
        "F19"
    );
    se1.faults().install(fault(
        FaultPlace::Handler,
        "GET",
        Effect::Named("ignore-ranges".into()),
    ));
    let url = "https://se1.example/example/file";
    assert_eq!(
        test.ask("GET", url, &token, &[("range", "bytes=0-9")], "")
            .await
            .status,
        200,
        "F20"
    );
    let bearer = format!("Bearer {token}");
    let streams = [
        ("source", url),
        ("transferheaderauthorization", &*bearer),
        ("x-number-of-streams", "4"),
    ];
    let text = test.ask("COPY", TARGET, &token, &streams, "").await.text();
    assert!(
        text.contains("failure: ") && !text.contains("success"),
        "F20: {text}"
    );
    assert!(se1.faults().remove("test"));
    se2.faults()
        .install(fault(FaultPlace::Outgoing, "GET", Effect::FlipByte(5)));
    assert!(copy(&test).await.1.contains("failure: checksum mismatch"));
    let told = test
        .records()
        .iter()
        .filter(|record| matches!(record.event, Event::Fault(_)))
        .count();
    assert!(told >= 16, "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_destination_misreports() {
    let (test, _, se2) = world("").await;
    for (number, name, wanted, absent) in [
        ("F2", "no-markers", "success: Created\n", "Perf Marker"),
        ("F13", "no-last-line", "Perf Marker", "success"),
        ("F13", "false-success", "success: Created\n", "failure"),
        ("F13", "junk-lines", "Stripe Weather", "failure"),
        (
            "F14",
            "too-many-bytes",
            "Stripe Bytes Transferred: 10485760",
            "failure",
        ),
        ("F14", "no-connections", "success", "RemoteConnections"),
        ("F14", "long-line", "tcp:192.0.2.1:1,tcp", "failure"),
    ] {
        se2.faults().install(fault(
            FaultPlace::Handler,
            "COPY",
            Effect::Named(name.into()),
        ));
        let (_, text) = copy(&test).await;
        assert!(se2.faults().remove("test"));
        assert!(
            text.contains(wanted) && !text.contains(absent),
            "{number} {name}: {text}"
        );
        test.ask("DELETE", TARGET, &test.token("storage.modify:/"), &[], "")
            .await;
    }
    for (effect, status) in [
        (Effect::Status(429), 429),
        (Effect::Named("disk-full".into()), 507),
    ] {
        se2.faults()
            .install(fault(FaultPlace::Handler, "COPY", effect));
        assert_eq!(copy(&test).await.0, status);
        assert!(se2.faults().remove("test"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_takes_its_copy_with_it() {
    let (test, se1, _) = world("").await;
    se1.faults()
        .install(fault(FaultPlace::Handler, "GET", Effect::StallAfter(1000)));
    let bearer = format!("Bearer {}", test.token("storage.read:/"));
    let headers = [
        ("source", "https://se1.example/example/file"),
        ("transferheaderauthorization", &*bearer),
    ];
    let answer = test
        .send(
            "COPY",
            TARGET,
            &test.token("storage.create:/"),
            &headers,
            "",
        )
        .await;
    let mut body = answer.into_body();
    assert!(body.frame().await.is_some());
    drop(body);
    let ended = || {
        test.states("se2", "/example/file")
            .last()
            .map(String::as_str)
            == Some("being written>absent")
    };
    while !ended() {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        test.ask("HEAD", TARGET, &test.token("storage.read:/"), &[], "")
            .await
            .status,
        404
    );
}

/// A name that leads elsewhere once it has been looked at (DNS rebinding), one with several addresses, and one that is
/// only met on the way: nobody connects to an address that was not looked at (storage page §2.10).
#[tokio::test(flavor = "multi_thread")]
async fn a_name_cannot_lead_a_careful_storage_element_elsewhere() {
    let careful = "copies = { refuse_local = true, refuse_private = true }";
    let test = TestStage::new(&[("se2", config(careful))]).await;
    let token = test.token("storage.create:/");
    let trap = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = trap.local_addr().unwrap().port();
    let here = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let public = std::net::SocketAddr::from(([192, 0, 2, 1], port));
    let asked = AtomicUsize::new(0);
    test.stage.names().look_up_with(move |host, _| {
        let first = asked.fetch_add(1, Ordering::Relaxed) == 0;
        match host {
            "turns.example" => Ok(vec![if first { public } else { here }]),
            "both.example" => Ok(vec![public, here]),
            _ => Err(std::io::ErrorKind::NotFound.into()),
        }
    });
    for (case, name, status, text) in [
        ("turns", "turns.example", 202, "failure: connection to"),
        ("turned", "turns.example", 403, "connection to"),
        ("one of two", "both.example", 403, "connection to"),
    ] {
        let source = format!("https://{name}:{port}/f");
        let headers = [("source", &*source)];
        let answer = test.ask("COPY", TARGET, &token, &headers, "").await;
        let told = answer.text();
        assert_eq!(answer.status, status, "{case}: {told}");
        let last = told.lines().last().unwrap();
        let wanted = format!("{text} local/private addresses is forbidden");
        assert_eq!(last, wanted, "{case}");
    }
    let nobody = trap.accept().now_or_never();
    assert!(nobody.is_none(), "somebody connected to {here}");

    let test = TestStage::new(&[("se2", config("copies = { refuse_private = true }"))]).await;
    let door = Router::new().fallback(any(|| async {
        (
            StatusCode::TEMPORARY_REDIRECT,
            [(header::LOCATION, "https://inside.example/f")],
        )
    }));
    test.serve_routes("door", door).await;
    let inside = std::net::SocketAddr::from(([10, 0, 0, 1], 443));
    let names = test.stage.names();
    names.look_up_with(move |_, _| Ok(vec![inside]));
    let headers = [("source", "https://door.example/f")];
    let token = test.token("storage.create:/");
    let told = test.ask("COPY", TARGET, &token, &headers, "").await.text();
    let wanted = "failure: connection to local/private addresses is forbidden";
    assert_eq!(told.lines().last(), Some(wanted));
    test.stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_careful_storage_element_does_not_connect_to_its_own_machine() {
    let (test, ..) = world("copies = { refuse_local = true, refuse_private = true }").await;
    let (status, text) = copy(&test).await;
    assert_eq!(
        (status, &*text),
        (403, "connection to local/private addresses is forbidden\n")
    );
    let create = test.token("storage.create:/");
    let read = test.token("storage.read:/");
    let put = test.ask("PUT", "https://se2.example/here", &create, &[], "x");
    assert_eq!(put.await.status, 201);
    let here = "https://se2.example/here";
    for (case, url, token, field, other, status) in [
        (
            "metadata",
            TARGET,
            &*create,
            "source",
            "https://169.254.169.254/latest/meta-data",
            403,
        ),
        (
            "this machine",
            TARGET,
            &*create,
            "source",
            "https://127.0.0.1:1/f",
            403,
        ),
        (
            "in one number",
            TARGET,
            &*create,
            "source",
            "https://2130706433:1/f",
            403,
        ),
        (
            "in hexadecimal",
            TARGET,
            &*create,
            "source",
            "http://0x7f.1:1/f",
            403,
        ),
        ("IPv6", TARGET, &*create, "source", "https://[::1]:1/f", 403),
        (
            "mapped",
            TARGET,
            &*create,
            "source",
            "https://[::ffff:127.0.0.1]:1/f",
            403,
        ),
        (
            "unspecified",
            TARGET,
            &*create,
            "source",
            "https://0.0.0.0:1/f",
            403,
        ),
        (
            "private",
            TARGET,
            &*create,
            "source",
            "https://10.0.0.1/f",
            403,
        ),
        (
            "by name",
            TARGET,
            &*create,
            "source",
            "https://localhost:1/f",
            403,
        ),
        (
            "a push",
            here,
            &*read,
            "destination",
            "https://127.0.0.1:1/f",
            403,
        ),
        (
            "nobody of that name",
            TARGET,
            &*create,
            "source",
            "https://nowhere.invalid/f",
            202,
        ),
        // Who may not write is not told which addresses exist.
        (
            "no right to",
            TARGET,
            &*read,
            "source",
            "https://127.0.0.1:1/f",
            403,
        ),
        (
            "no token",
            TARGET,
            "",
            "source",
            "https://127.0.0.1:1/f",
            401,
        ),
    ] {
        let answer = test.ask("COPY", url, token, &[(field, other)], "").await;
        let text = answer.text();
        assert_eq!(answer.status, status, "{case}: {text}");
        let guarded = text == "connection to local/private addresses is forbidden\n";
        assert_eq!(
            guarded,
            status == 403 && case != "no right to",
            "{case}: {text}"
        );
        if status == 202 {
            assert!(
                text.contains("failure: could not connect to nowhere.invalid"),
                "{case}: {text}"
            );
        }
    }
    test.stage.stop().await;
}

/// F22: what is lost on its way to tape is not read, not copied and not sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_file_leaves_by_no_way() {
    let (test, _, se2) = world("tape = { archive_seconds = 0 }").await;
    let effect = Effect::Named("tape-loses".into());
    se2.faults()
        .install(fault(FaultPlace::Handler, "COPY", effect));
    let (_, told) = copy(&test).await;
    assert!(told.ends_with("success: Created\n"), "{told}");
    let lost = |event: &Event| matches!(event, Event::State(state) if state.to == "LOST");
    while !test.records().iter().any(|record| lost(&record.event)) {
        tokio::task::yield_now().await;
    }
    let token = test.token("storage.read:/ storage.modify:/");
    for (case, method, destination, status, line) in [
        ("GET", "GET", "", 409, "file is lost"),
        (
            "local copy",
            "COPY",
            "https://se2.example/copy",
            409,
            "file is lost",
        ),
        (
            "push",
            "COPY",
            "https://se1.example/copy",
            202,
            "failure: file is lost",
        ),
    ] {
        let headers = [("destination", destination)];
        let headers = &headers[usize::from(destination.is_empty())..];
        let answer = test.ask(method, TARGET, &token, headers, "").await;
        let text = answer.text();
        assert_eq!(
            (answer.status, text.lines().last()),
            (status, Some(line)),
            "{case}: {text}"
        );
    }
    test.stage.stop().await;
}

/// F8, F11: who sends at once is told the status all the same, never only that the connection broke.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_push_is_told_the_status() {
    let (test, se1, _) = world("files = { \"/large\" = \"32 MiB\" }").await;
    se1.faults()
        .install(fault(FaultPlace::Handler, "PUT", Effect::Status(403)));
    let token = test.token("storage.read:/");
    for turn in 0..10 {
        let to = [("destination", "https://se1.example/pushed")];
        let answer = test
            .ask("COPY", "https://se2.example/large", &token, &to, "")
            .await;
        let text = answer.text();
        let last = text.lines().last();
        assert_eq!(
            last,
            Some("failure: rejected PUT: 403 Forbidden"),
            "{turn}: {text}"
        );
    }
    test.stage.stop().await;
}

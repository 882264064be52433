//! Two actors on one stage: an exchange over real HTTPS is told once, with its consequences below it.

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::any;
use carnet_certs::Authority;
use carnet_stage::{
    Actor, Body, Chance, Clock, Event, JournalOptions, ServerOptions, Stage, StageOptions,
    expecting,
};
use http::{Request, StatusCode};
use jiff::SignedDuration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const TOKEN: &str = "eyJhbGciOiJub25lIn0.eyJqdGkiOiI0MiJ9.c2ln";

fn stage() -> Stage {
    stage_with(ServerOptions::default())
}

fn stage_with(server: ServerOptions) -> Stage {
    Stage::new(StageOptions {
        chance: Chance::from_seed(1),
        unpredictable: false,
        clock: Clock::wall(),
        journal: JournalOptions::default(),
        authority: Authority::new("test").unwrap(),
        extra_roots: Vec::new(),
        server,
    })
    .unwrap()
}

async fn place(stage: &Stage, name: &str) -> Actor {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let host = format!("{name}.example");
    let place = stage
        .bind(name, "fts", &host, loopback, true)
        .await
        .unwrap();
    stage.actor(&place, SignedDuration::ZERO)
}

#[tokio::test]
async fn an_exchange_is_told_once_and_its_consequences_name_it() {
    let stage = stage();
    let se1 = place(&stage, "se1").await;
    let fts = place(&stage, "fts").await;
    let teller = se1.clone();
    let router = Router::new().route(
        "/file",
        any(move || {
            teller.note("looked at it");
            async { (StatusCode::CREATED, "hello") }
        }),
    );
    stage.open(se1.place(), router).unwrap();
    for client in [fts.client().clone(), fts.client().http1()] {
        let request = Request::builder()
            .method("PUT")
            .uri("https://se1.example/file")
            .header("authorization", format!("Bearer {TOKEN}"))
            .body(Body::from("data"))
            .unwrap();
        let answer = client.send(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
        let body = carnet_stage::body::read_limited(answer.into_body(), 100)
            .await
            .unwrap();
        assert_eq!(&body[..], b"hello");
    }
    let last = stage
        .journal()
        .wait_for(Duration::from_secs(5), |record| record.seq == 3)
        .await;
    assert!(last.is_some());
    let records = stage.journal().records();
    assert_eq!(records.len(), 4, "{records:#?}");
    for (pair, version) in records.chunks(2).zip(["HTTP/2", "HTTP/1.1"]) {
        let Event::Exchange(exchange) = &pair[0].event else {
            panic!("{:?}", pair[0])
        };
        assert_eq!(
            (
                exchange.from.as_str(),
                exchange.to.as_str(),
                exchange.status
            ),
            ("fts", "se1", 201)
        );
        assert_eq!(exchange.version, version);
        assert_eq!(
            exchange.request_header("Authorization"),
            Some("Bearer eyJ…42")
        );
        assert_eq!(exchange.tokens[0].jti, "42");
        assert_eq!(
            (exchange.request_body.bytes, exchange.response_body.bytes),
            (4, 5)
        );
        assert_eq!(exchange.response_body.text.as_deref(), Some("hello"));
        assert_eq!(pair[1].cause, Some(pair[0].seq));
    }
    stage.stop().await;
}

#[tokio::test]
async fn nobody_listening_is_an_error_with_the_host_in_it() {
    let stage = stage();
    let fts = place(&stage, "fts").await;
    let request = Request::get("https://localhost:1/x")
        .body(Body::empty())
        .unwrap();
    let error = fts.client().send(request).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("could not connect to localhost"),
        "{error}"
    );
    stage.stop().await;
}

/// Tells when it is gone: a body's hold on what is behind it.
struct Hold(Option<tokio::sync::oneshot::Sender<()>>);

impl Drop for Hold {
    fn drop(&mut self) {
        let _told = self.0.take().map(|tell| tell.send(()));
    }
}

/// A client that asks for a large file and reads none of it keeps nothing open (storage page §2.7), neither by leaving
/// the connection full nor, over HTTP/2, by giving a stream no room (RFC 9113 §5.2).
#[tokio::test]
async fn a_client_that_stops_reading_is_not_waited_for() {
    let stage = stage_with(ServerOptions {
        read_within: Duration::from_millis(50),
        ..ServerOptions::default()
    });
    let se1 = place(&stage, "se1").await;
    let (gone, mut was_gone) = tokio::sync::mpsc::unbounded_channel();
    let router = Router::new().route(
        "/file",
        any(move || {
            let (tell, told) = tokio::sync::oneshot::channel();
            let _awaited = gone.send(told);
            let hold = Hold(Some(tell));
            let pieces = futures_util::stream::repeat_with(move || {
                let _held = &hold;
                Ok::<_, std::io::Error>(vec![0_u8; 1 << 20])
            });
            async { Body::from_stream(pieces) }
        }),
    );
    stage.open(se1.place(), router).unwrap();
    let fts = place(&stage, "fts").await;
    for (version, client) in [
        ("HTTP/1.1", fts.client().http1()),
        ("HTTP/2", fts.client().clone()),
    ] {
        let request = Request::get("https://se1.example/file")
            .body(Body::empty())
            .unwrap();
        let unread = client.send(request).await.unwrap();
        let told = was_gone.recv().await.unwrap();
        let ended = Clock::within_real(Duration::from_secs(10), told).await;
        assert!(ended.is_some(), "{version}: the file is still held open");
        drop(unread);
    }
    stage.stop().await;
}

/// RFC 9110 §10.1.1: what was not asked for is not sent.
#[tokio::test]
async fn a_body_that_waits_leaves_when_a_100_asks_for_it() {
    let stage = stage();
    let se1 = place(&stage, "se1").await;
    let fts = place(&stage, "fts").await;
    let router = Router::new()
        .route("/wanted", any(|body: bytes::Bytes| async move { body }))
        .route("/refused", any(|| async { StatusCode::FORBIDDEN }));
    stage.open(se1.place(), router).unwrap();
    for (path, status, body) in [("wanted", 200, "data"), ("refused", 403, "")] {
        let asked = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&asked);
        let data = futures_util::stream::once(async move {
            told.store(true, Ordering::Relaxed);
            Ok::<_, std::io::Error>("data")
        });
        let request = Request::put(format!("https://se1.example/{path}"))
            .header("content-length", "4")
            .body(Body::from_stream(data))
            .unwrap();
        let answer = fts
            .client()
            .http1()
            .send(expecting(request, None))
            .await
            .unwrap();
        assert_eq!(answer.status(), status, "{path}");
        let said = carnet_stage::body::read_limited(answer.into_body(), 100);
        assert_eq!(said.await.unwrap(), body, "{path}");
        assert_eq!(asked.load(Ordering::Relaxed), status == 200, "{path}");
    }
    stage.stop().await;
}

/// A server that never says 100 gets the body all the same from a client that waits only for a while, as Apache's
/// HttpClient and curl do (RFC 9110 §10.1.1).
#[tokio::test]
async fn a_body_that_waits_for_a_while_leaves_unasked() {
    let stage = stage();
    let fts = place(&stage, "fts").await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let heard = async {
        let (mut tcp, _) = silent.accept().await.unwrap();
        let mut heard = Vec::new();
        while !heard.ends_with(b"data") {
            assert!(tcp.read_buf(&mut heard).await.unwrap() > 0);
        }
        let answer = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
        tcp.write_all(answer).await.unwrap();
    };
    let request = Request::put(format!("http://127.0.0.1:{port}/"))
        .body(Body::from("data"))
        .unwrap();
    let client = fts.client().http1().plain_too();
    let waiting = expecting(request, Some(Duration::from_millis(1)));
    let (answer, ()) = tokio::join!(client.send(waiting), heard);
    assert_eq!(answer.unwrap().status(), 201);
    stage.stop().await;
}

/// A client that closes its side while it waits (RFC 9112 §9.6) is still answered, but by a storage element, which takes it
/// for gone and ends what is under way for it (storage page §2.6).
#[tokio::test]
async fn a_client_that_closes_its_side_is_answered_where_nothing_is_to_be_cancelled() {
    let stage = stage();
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    for (kind, answered) in [("storage", false), ("fts", true)] {
        let host = format!("{kind}.example");
        let place = stage.bind(kind, kind, &host, any_port, true).await.unwrap();
        let (begun, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
        let router = Router::new().route(
            "/",
            any(move || {
                let (tell, told) = tokio::sync::oneshot::channel::<()>();
                let (go_on, may_go_on) = tokio::sync::oneshot::channel::<()>();
                let _awaited = begun.send((told, go_on));
                let hold = Hold(Some(tell));
                async move {
                    let _held = hold;
                    let _told = may_go_on.await;
                    "here"
                }
            }),
        );
        stage.open(&place, router).unwrap();
        let roots = [stage.authority().der().clone()];
        let config = carnet_certs::client_config(&roots, &["http/1.1"]).unwrap();
        let tcp = tokio::net::TcpStream::connect(place.addr).await.unwrap();
        let name = rustls_pki_types::ServerName::try_from(host).unwrap();
        let tls = tokio_rustls::TlsConnector::from(config);
        let mut tls = tls.connect(name, tcp).await.unwrap();
        tls.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        let (over, go_on) = has_begun.recv().await.unwrap();
        tls.shutdown().await.unwrap();
        if answered {
            go_on.send(()).unwrap();
        } else {
            let ended = Clock::within_real(Duration::from_secs(10), over).await;
            assert!(ended.is_some(), "{kind}: goes on for nobody");
        }
        let mut answer = Vec::new();
        let _ended_or_cut = tls.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        assert_eq!(answer.ends_with("here"), answered, "{kind}: {answer}");
    }
    stage.stop().await;
}

/// The version that is spoken is the one that the client names (RFC 7301 §3.2): storage elements like HTTP/1.1 best, the
/// others HTTP/2, and `curl --http1.0` names nothing else.
#[tokio::test]
async fn every_version_of_http_is_offered() {
    let stage = stage();
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    for (kind, all) in [("storage", "http/1.1"), ("fts", "h2")] {
        let host = format!("{kind}.example");
        let place = stage.bind(kind, kind, &host, any_port, true).await.unwrap();
        let router = Router::new().route("/", any(|| async { "here" }));
        stage.open(&place, router).unwrap();
        for (offered, spoken) in [
            (&["h2", "http/1.1"][..], all),
            (&["http/1.1"], "http/1.1"),
            (&["h2"], "h2"),
            (&["http/1.0"], "http/1.0"),
        ] {
            let roots = [stage.authority().der().clone()];
            let config = carnet_certs::client_config(&roots, offered).unwrap();
            let tcp = tokio::net::TcpStream::connect(place.addr).await.unwrap();
            let name = rustls_pki_types::ServerName::try_from(host.clone()).unwrap();
            let tls = tokio_rustls::TlsConnector::from(config);
            let tls = tls.connect(name, tcp).await.unwrap();
            let chosen = tls.get_ref().1.alpn_protocol();
            assert_eq!(chosen, Some(spoken.as_bytes()), "{kind}: {offered:?}");
        }
    }
    stage.stop().await;
}

/// Issuers and identity providers are served on lanes when there are any; a copy would hold up the others of its lane.
#[tokio::test]
async fn brief_roles_are_served_on_lanes_and_stop_as_the_others_do() {
    let stage = stage_with(ServerOptions {
        lanes: 2,
        ..ServerOptions::default()
    });
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    let asking = place(&stage, "asking").await;
    for (kind, on_a_lane) in [
        ("issuer", true),
        ("idp", true),
        ("storage", false),
        ("fts", false),
    ] {
        let host = format!("{kind}.example");
        let place = stage.bind(kind, kind, &host, any_port, true).await.unwrap();
        let actor = stage.actor(&place, SignedDuration::ZERO);
        let router = Router::new()
            .route(
                "/thread",
                any(move || {
                    actor.note("looked at it");
                    async { std::thread::current().name().unwrap_or_default().to_owned() }
                }),
            )
            .route("/never", any(std::future::pending::<()>));
        stage.open(&place, router).unwrap();
        let client = asking.client();
        let thread = Request::get(format!("https://{host}/thread"))
            .body(Body::empty())
            .unwrap();
        let answer = client.send(thread).await.unwrap();
        let body = carnet_stage::body::read_limited(answer.into_body(), 100)
            .await
            .unwrap();
        assert_eq!(body.starts_with(b"lane-"), on_a_lane, "{kind}: {body:?}");
        let never = Request::get(format!("https://{host}/never"))
            .body(Body::empty())
            .unwrap();
        let client = client.clone();
        tokio::spawn(async move { client.send(never).await });
    }
    let records = stage.journal().records();
    for told in records
        .iter()
        .filter(|record| matches!(record.event, Event::Note(_)))
    {
        assert!(told.cause.is_some(), "{told:?}");
    }
    stage.stop().await;
}

//! Handshakes in memory: which certificates a client takes, and that sessions are resumed.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use carnet_certs::{Authority, LeafKind, client_config, server_config};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, Error, HandshakeKind, ServerConfig,
    ServerConnection,
};

fn shake(
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    host: &str,
) -> Result<(ClientConnection, ServerConnection), Error> {
    let mut client = ClientConnection::new(client, host.to_owned().try_into().unwrap())?;
    let mut server = ServerConnection::new(server)?;
    while client.is_handshaking() || server.is_handshaking() || server.wants_write() {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        let mut read = &wire[..];
        while !read.is_empty() {
            server.read_tls(&mut read).unwrap();
            server.process_new_packets()?;
        }
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        let mut read = &wire[..];
        while !read.is_empty() {
            client.read_tls(&mut read).unwrap();
            client.process_new_packets()?;
        }
    }
    Ok((client, server))
}

#[test]
fn good_certificates_are_taken_and_sessions_resumed() {
    let authority = Authority::new("t").unwrap();
    let leaf = authority.leaf(&["se1.example", "localhost"]).unwrap();
    let server = server_config(&leaf, &["h2", "http/1.1"]).unwrap();
    let client = client_config([authority.der()], &["h2"]).unwrap();
    for host in ["se1.example", "localhost", "127.0.0.1", "::1"] {
        let (first, _) = shake(client.clone(), server.clone(), host).unwrap();
        assert_eq!(first.handshake_kind(), Some(HandshakeKind::Full), "{host}");
        assert_eq!(first.alpn_protocol(), Some(&b"h2"[..]));
        let (second, _) = shake(client.clone(), server.clone(), host).unwrap();
        assert_eq!(
            second.handshake_kind(),
            Some(HandshakeKind::Resumed),
            "{host}"
        );
    }
}

#[test]
fn bad_certificates_are_refused_for_their_own_reason() {
    let authority = Authority::new("t").unwrap();
    type Fits = fn(&CertificateError) -> bool;
    let cases: [(LeafKind, Fits); 5] = [
        (LeafKind::Expired, |e| {
            matches!(e, CertificateError::ExpiredContext { .. })
        }),
        (LeafKind::NotYetValid, |e| {
            matches!(e, CertificateError::NotValidYetContext { .. })
        }),
        (LeafKind::WrongHost, |e| {
            matches!(e, CertificateError::NotValidForNameContext { .. })
        }),
        (LeafKind::SelfSigned, |e| {
            matches!(e, CertificateError::UnknownIssuer)
        }),
        (LeafKind::UnknownAuthority, |e| {
            matches!(e, CertificateError::UnknownIssuer)
        }),
    ];
    for (kind, fits) in cases {
        let leaf = authority.leaf_of(kind, &["se1.example"]).unwrap();
        let server = server_config(&leaf, &["http/1.1"]).unwrap();
        let client = client_config([authority.der()], &["http/1.1"]).unwrap();
        match shake(client, server, "se1.example") {
            Err(Error::InvalidCertificate(error)) => assert!(fits(&error), "{kind:?}: {error:?}"),
            other => panic!("{kind:?}: {:?}", other.map(|_| ())),
        }
    }
}

#[test]
fn a_client_of_two_runs_tells_their_authorities_apart() {
    let (one, two) = (
        Authority::new("one").unwrap(),
        Authority::new("two").unwrap(),
    );
    let client = client_config([one.der(), two.der()], &["http/1.1"]).unwrap();
    for authority in [&one, &two] {
        let leaf = authority.leaf(&["fts.example"]).unwrap();
        let server = server_config(&leaf, &["http/1.1"]).unwrap();
        shake(client.clone(), server, "fts.example").unwrap();
    }
}

#[test]
fn names_that_are_no_names_are_errors() {
    assert!(Authority::new("t").unwrap().leaf(&["ünïcode"]).is_err());
}

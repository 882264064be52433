//! TLS settings of servers and clients. The crypto provider is given explicitly: nothing depends on
//! a process-wide default.

use std::sync::{Arc, OnceLock};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
};
use rustls_pki_types::CertificateDer;

use crate::{CertError, Leaf};

/// The one crypto provider (aws-lc-rs). AES-128 comes first: it costs a tenth less than AES-256 and is as good for
/// tokens that live for hours.
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER
        .get_or_init(|| {
            let mut provider = aws_lc_rs::default_provider();
            provider.cipher_suites.sort_by_key(|suite| {
                let name = suite.suite().as_str().unwrap_or_default();
                !name.contains("AES_128_GCM")
            });
            Arc::new(provider)
        })
        .clone()
}

/// What a server offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Handshake {
    /// TLS 1.2 and 1.3, session tickets on.
    #[default]
    Whole,
    /// TLS 1.2 only.
    OnlyTls12,
    /// No session tickets: every connection is negotiated whole.
    NoTickets,
}

/// The same as [`server_config`], with less on offer.
pub fn server_config_offering(
    leaf: &Leaf,
    alpn: &[&str],
    handshake: Handshake,
) -> Result<Arc<ServerConfig>, CertError> {
    let builder = ServerConfig::builder_with_provider(provider());
    let builder = match handshake {
        Handshake::OnlyTls12 => builder.with_protocol_versions(&[&rustls::version::TLS12])?,
        _ => builder.with_safe_default_protocol_versions()?,
    };
    let mut config = builder
        .with_no_client_auth()
        .with_single_cert(leaf.chain.clone(), leaf.key.clone_key())?;
    config.alpn_protocols = alpn
        .iter()
        .map(|protocol| protocol.as_bytes().to_vec())
        .collect();
    config.ignore_client_order = true;
    if handshake == Handshake::NoTickets {
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    } else {
        config.ticketer = aws_lc_rs::Ticketer::new()?;
        config.send_tls13_tickets = 1;
    }
    Ok(Arc::new(config))
}

/// A server's settings: TLS 1.2 and 1.3, session tickets on, `alpn` in order of preference, for
/// example `&["h2", "http/1.1"]`.
pub fn server_config(leaf: &Leaf, alpn: &[&str]) -> Result<Arc<ServerConfig>, CertError> {
    server_config_offering(leaf, alpn, Handshake::Whole)
}

/// A client's settings: trusts exactly `roots`, resumes sessions.
pub fn client_config<'r>(
    roots: impl IntoIterator<Item = &'r CertificateDer<'static>>,
    alpn: &[&str],
) -> Result<Arc<ClientConfig>, CertError> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store
            .add(root.clone())
            .map_err(|error| CertError::Root(error.to_string()))?;
    }
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(store)
        .with_no_client_auth();
    config.alpn_protocols = alpn
        .iter()
        .map(|protocol| protocol.as_bytes().to_vec())
        .collect();
    Ok(Arc::new(config))
}

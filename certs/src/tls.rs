//! TLS settings of servers and clients. The crypto provider is given explicitly: nothing depends on
//! a process-wide default.

use std::sync::{Arc, OnceLock};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
};
use rustls_pki_types::CertificateDer;

use crate::{CertError, Leaf};

/// The one crypto provider (aws-lc-rs).
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER
        .get_or_init(|| Arc::new(aws_lc_rs::default_provider()))
        .clone()
}

/// A server's settings: TLS 1.2 and 1.3, session tickets on, `alpn` in order of preference, for
/// example `&["h2", "http/1.1"]`.
pub fn server_config(leaf: &Leaf, alpn: &[&str]) -> Result<Arc<ServerConfig>, CertError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(leaf.chain.clone(), leaf.key.clone_key())?;
    config.alpn_protocols = alpn
        .iter()
        .map(|protocol| protocol.as_bytes().to_vec())
        .collect();
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    config.send_tls13_tickets = 1;
    Ok(Arc::new(config))
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

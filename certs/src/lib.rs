//! The run's certificate authority, good and deliberately bad certificates, and the TLS settings
//! made of them.
//!
//! Certificates carry fixed, wide validity dates, so that nothing here needs a clock and a run whose
//! clock is moved by years still has working TLS. Keys are P-256: made in microseconds.

mod authority;
mod leaf;
mod name_hash;
mod tls;

pub use authority::Authority;
pub use leaf::{Leaf, LeafKind};
pub use name_hash::subject_hash;
pub use tls::{Handshake, client_config, provider, server_config, server_config_offering};

/// What can go wrong while certificates or TLS settings are made.
#[derive(Debug, thiserror::Error)]
pub enum CertError {
    /// The certificate or key could not be made.
    #[error("failed to make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// rustls did not take the settings.
    #[error("failed to set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// A root certificate is not usable.
    #[error("not a usable root certificate: {0}")]
    Root(String),
    /// Stored PEM is not an authority that this crate made.
    #[error("not a stored certificate authority: {0}")]
    Stored(&'static str),
}

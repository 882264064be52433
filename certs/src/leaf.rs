//! Server certificates, good ones and ones that are wrong in exactly one way.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, KeyUsagePurpose, SanType,
    date_time_ymd,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::CertError;

/// In which way a certificate is wrong, if it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeafKind {
    /// Nothing is wrong.
    Good,
    /// Its last day was in January 2020.
    Expired,
    /// Its first day is in December 2049.
    NotYetValid,
    /// It names a host that nobody asked for.
    WrongHost,
    /// It is signed by its own key.
    SelfSigned,
    /// It is signed by an authority that nobody trusts.
    UnknownAuthority,
}

/// A server certificate with its key.
pub struct Leaf {
    /// The certificate as PEM.
    pub cert_pem: String,
    /// Its private key as PKCS#8 PEM.
    pub key_pem: String,
    /// What the server sends: the certificate alone, its issuer is a root.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its private key.
    pub key: PrivateKeyDer<'static>,
}

impl Leaf {
    pub(crate) fn make(
        issuer: &Issuer<'_, KeyPair>,
        kind: LeafKind,
        names: &[&str],
    ) -> Result<Self, CertError> {
        let key = KeyPair::generate()?;
        let params = params(kind, names)?;
        let certificate = match kind {
            LeafKind::SelfSigned => params.self_signed(&key)?,
            _ => params.signed_by(&key, issuer)?,
        };
        Ok(Self {
            cert_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            chain: vec![certificate.der().clone()],
            key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        })
    }
}

impl Clone for Leaf {
    fn clone(&self) -> Self {
        Self {
            cert_pem: self.cert_pem.clone(),
            key_pem: self.key_pem.clone(),
            chain: self.chain.clone(),
            key: self.key.clone_key(),
        }
    }
}

impl std::fmt::Debug for Leaf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Leaf")
            .field("chain", &self.chain.len())
            .finish_non_exhaustive()
    }
}

fn params(kind: LeafKind, names: &[&str]) -> Result<CertificateParams, CertError> {
    let names: Vec<String> = match kind {
        LeafKind::WrongHost => vec!["somebody-else.invalid".to_owned()],
        _ => names.iter().map(|&name| name.to_owned()).collect(),
    };
    let common_name = names
        .first()
        .cloned()
        .unwrap_or_else(|| "localhost".to_owned());
    let mut params = CertificateParams::new(names)?;
    if kind != LeafKind::WrongHost {
        let loopback = [
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ];
        params
            .subject_alt_names
            .extend(loopback.map(SanType::IpAddress));
    }
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::OrganizationName, "Carnet");
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    params.use_authority_key_identifier_extension = true;
    let (from, until) = match kind {
        LeafKind::Expired => ((2020, 1, 1), (2020, 1, 31)),
        LeafKind::NotYetValid => ((2049, 12, 1), (2049, 12, 31)),
        _ => ((2020, 1, 1), (2049, 12, 31)),
    };
    params.not_before = date_time_ymd(from.0, from.1, from.2);
    params.not_after = date_time_ymd(until.0, until.1, until.2);
    Ok(params)
}

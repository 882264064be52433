//! The certificate authority of a run.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls_pki_types::{CertificateDer, pem::PemObject};

use crate::{CertError, Leaf, LeafKind, name_hash};

const ORGANISATION: &str = "Carnet";
const COMMON_NAME: &str = "Carnet run authority ";

/// A certificate authority with a P-256 key. Its name holds the run's id: two authorities of the
/// same name in one trust store would make a client try the wrong key.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    run_id: String,
    der: CertificateDer<'static>,
    pem: String,
}

impl Authority {
    /// A fresh authority for the run `run_id`.
    pub fn new(run_id: &str) -> Result<Self, CertError> {
        let key = KeyPair::generate()?;
        let certificate = params(run_id).self_signed(&key)?;
        Ok(Self {
            der: certificate.der().clone(),
            pem: certificate.pem(),
            issuer: Issuer::new(params(run_id), key),
            run_id: run_id.to_owned(),
        })
    }

    /// The authority that [`Authority::pem`] and [`Authority::key_pem`] were kept of.
    pub fn from_pem(certificate: &str, key: &str) -> Result<Self, CertError> {
        let der = CertificateDer::from_pem_slice(certificate.as_bytes())
            .map_err(|_| CertError::Stored("the certificate is not PEM"))?;
        let key = KeyPair::from_pem(key)?;
        let run_id = name_hash::common_name(&der)
            .and_then(|name| name.strip_prefix(COMMON_NAME).map(str::to_owned))
            .ok_or(CertError::Stored(
                "the certificate was made by another program",
            ))?;
        let public = key.public_key_raw();
        if !der.windows(public.len()).any(|window| window == public) {
            return Err(CertError::Stored(
                "the key does not belong to the certificate",
            ));
        }
        Ok(Self {
            der,
            pem: certificate.to_owned(),
            issuer: Issuer::new(params(&run_id), key),
            run_id,
        })
    }

    /// The run id in the authority's name.
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// The authority's certificate as PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The authority's certificate as DER: the root that clients trust.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// The authority's private key as PKCS#8 PEM. A secret: keep it in a file of mode 0600 or not at all.
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// The OpenSSL subject hash of the authority (eight hex digits): a directory of certificates as
    /// `X509_CERT_DIR` names it holds the certificate as `<hash>.0`.
    pub fn hash_name(&self) -> String {
        // The subject is one that `params` wrote: it is always there to read.
        name_hash::subject_hash(&self.der).unwrap_or_default()
    }

    /// A good certificate for these DNS names, and for 127.0.0.1 and ::1.
    pub fn leaf(&self, names: &[&str]) -> Result<Leaf, CertError> {
        self.leaf_of(LeafKind::Good, names)
    }

    /// A certificate for these names, good or bad in one way.
    pub fn leaf_of(&self, kind: LeafKind, names: &[&str]) -> Result<Leaf, CertError> {
        match kind {
            LeafKind::UnknownAuthority => {
                let other = Self::new(&format!("{} impostor", self.run_id))?;
                Leaf::make(&other.issuer, kind, names)
            }
            _ => Leaf::make(&self.issuer, kind, names),
        }
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority")
            .field("run_id", &self.run_id)
            .finish_non_exhaustive()
    }
}

fn params(run_id: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, ORGANISATION);
    name.push(DnType::CommonName, format!("{COMMON_NAME}{run_id}"));
    params.distinguished_name = name;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 12, 31);
    params
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_survives_storage() {
        let first = Authority::new("r7").unwrap();
        let again = Authority::from_pem(first.pem(), &first.key_pem()).unwrap();
        assert_eq!(again.run_id(), "r7");
        assert_eq!(again.der(), first.der());
        let leaf = again.leaf(&["se1.example"]).unwrap();
        assert_eq!(leaf.chain.len(), 1);
    }

    #[test]
    fn foreign_pem_is_refused() {
        let (a, b) = (Authority::new("a").unwrap(), Authority::new("b").unwrap());
        assert!(matches!(
            Authority::from_pem("x", &a.key_pem()),
            Err(CertError::Stored(_))
        ));
        assert!(matches!(
            Authority::from_pem(a.pem(), &b.key_pem()),
            Err(CertError::Stored(_))
        ));
        assert!(matches!(
            Authority::from_pem(a.pem(), "x"),
            Err(CertError::Make(_))
        ));
    }
}

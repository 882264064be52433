//! The subject hash against values that `openssl x509 -noout -hash` (3.0.19) printed.

use carnet_certs::{Authority, subject_hash};
use rustls_pki_types::{CertificateDer, pem::PemObject};

const SPACES_CASE_UTF8: &str = "\
-----BEGIN CERTIFICATE-----
MIICIDCCAcWgAwIBAgIUHwT7l2eoMYuXQYxWBW6bMDRJ0twwCgYIKoZIzj0EAwIw
ZDELMAkGA1UEBhMCQ0gxGzAZBgNVBAoMEiAgQ2FybmV0ICAgw4QgTGFiIDEUMBIG
A1UECwwLVHJhbnMgIEZFUlMxIjAgBgNVBAMMGUNhcm5ldCBSdW4gYXV0aG9yaXR5
ICBSNDIwIBcNMjYxMTI0MTcwODA5WhgPMjA1NDA0MTAxNzA4MDlaMGQxCzAJBgNV
BAYTAkNIMRswGQYDVQQKDBIgIENhcm5ldCAgIMOEIExhYiAxFDASBgNVBAsMC1Ry
YW5zICBGRVJTMSIwIAYDVQQDDBlDYXJuZXQgUnVuIGF1dGhvcml0eSAgUjQyMFkw
EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAETgdKIuhlaK9ET4hA4dk3SDbhx/p34eOo
6K5nNc0ASUsmDDDVUP5YGaQEqPLqyhfmQW3H2Z0IETfnz8TzNjZ0P6NTMFEwHQYD
VR0OBBYEFLNm8VSEcLBRvho71epePBfOjv+xMB8GA1UdIwQYMBaAFLNm8VSEcLBR
vho71epePBfOjv+xMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSQAwRgIh
ALkz9FzCaRn+dB1fqSMvTNqjnvJV/qetJRBeq62buDHxAiEA4lKEda76LvByHGwQ
2vCfXUlg9wklTzuIFytfn+0R5kc=
-----END CERTIFICATE-----
";

const MULTIVALUED: &str = "\
-----BEGIN CERTIFICATE-----
MIIB+DCCAZ+gAwIBAgIUINSG33x/tTUPdOCqw0G8IIbjjU8wCgYIKoZIzj0EAwIw
UTESMBAGCgmSJomT8ixkARkWAmNoMRQwEgYKCZImiZPyLGQBGRYEY2VybjElMAwG
A1UECwwFTXVsdGkwFQYDVQQDDA5Tb21lIEF1dGhvcml0eTAgFw0yNjExMjQxNzA4
MDlaGA8yMDU0MDQxMDE3MDgwOVowUTESMBAGCgmSJomT8ixkARkWAmNoMRQwEgYK
CZImiZPyLGQBGRYEY2VybjElMAwGA1UECwwFTXVsdGkwFQYDVQQDDA5Tb21lIEF1
dGhvcml0eTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABFiTwKWMiBlhVjb3xk49
VEjeDzjaW+YYRv4mkC5Awi0gjfCBA17JGobHpz83IYYec+IFto19AZUwQ74CC8ip
Tz+jUzBRMB0GA1UdDgQWBBRUmh6O+jqcf86OkNLFSuK77QDfATAfBgNVHSMEGDAW
gBRUmh6O+jqcf86OkNLFSuK77QDfATAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49
BAMCA0cAMEQCIF0Y5Zc7ga4xs+6bp3o06gzfsDq5KgaBfN11hUOX4GkXAiB2JdXM
cLyHkRQRG1eVKfjc8hZHtlwH9pW4wJDTwxWJgg==
-----END CERTIFICATE-----
";

#[test]
fn subject_hashes_are_those_of_openssl() {
    let cases = [
        // /C=CH/O=  Carnet   Ä Lab /OU=Trans  FERS/CN=Carnet Run authority  R42
        (SPACES_CASE_UTF8, "63432660"),
        // /DC=ch/DC=cern/CN=Some Authority+OU=Multi
        (MULTIVALUED, "bc1444c9"),
    ];
    for (pem, wanted) in cases {
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        assert_eq!(subject_hash(&der).as_deref(), Some(wanted));
    }
}

#[test]
fn an_authority_knows_its_hash() {
    // CN "Carnet run authority known", O "Carnet": the hash depends on the name alone.
    assert_eq!(Authority::new("known").unwrap().hash_name(), "916253f4");
}

#[test]
fn rubbish_has_no_hash() {
    for rubbish in [
        &b""[..],
        &[0x30],
        &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
        &[0x30, 0x02, 0x30, 0x00],
    ] {
        assert_eq!(subject_hash(rubbish), None);
    }
}

//! OpenSSL's hash of a certificate's subject, computed here so that a directory for
//! `X509_CERT_DIR` can be written without the `openssl` program.
//!
//! It is the first four bytes, little-endian, of SHA-1 over the subject's sets, each DER value
//! brought to a canonical form: UTF8String, ASCII lower case, white space trimmed and collapsed
//! (OpenSSL, `X509_NAME_hash(3)` and `crypto/x509/x_name.c`).

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const EXPLICIT_VERSION: u8 = 0xa0;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const T61_STRING: u8 = 0x14;
const IA5_STRING: u8 = 0x16;
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

/// The OpenSSL subject hash of a DER certificate as eight hex digits, `None` when it is no certificate.
pub fn subject_hash(certificate: &[u8]) -> Option<String> {
    let mut canonical = Vec::new();
    let mut sets = subject(certificate)?;
    while !sets.is_empty() {
        let (tag, mut attributes, rest) = element(sets)?;
        if tag != SET {
            return None;
        }
        let mut set = Vec::new();
        while !attributes.is_empty() {
            let (_, attribute, others) = element(attributes)?;
            let (oid_tag, oid, value) = element(attribute)?;
            let (value_tag, value, _) = element(value)?;
            let mut entry = Vec::new();
            push(&mut entry, oid_tag, oid);
            match value_tag {
                UTF8_STRING | PRINTABLE_STRING | IA5_STRING | T61_STRING => {
                    push(&mut entry, UTF8_STRING, &canonical_text(value));
                }
                other => push(&mut entry, other, value),
            }
            push(&mut set, SEQUENCE, &entry);
            attributes = others;
        }
        push(&mut canonical, SET, &set);
        sets = rest;
    }
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, &canonical);
    let first: [u8; 4] = hash.as_ref().get(..4)?.try_into().ok()?;
    Some(format!("{:08x}", u32::from_le_bytes(first)))
}

/// The subject's common name.
pub(crate) fn common_name(certificate: &[u8]) -> Option<String> {
    let mut sets = subject(certificate)?;
    while !sets.is_empty() {
        let (_, set, rest) = element(sets)?;
        let (_, attribute, _) = element(set)?;
        let (_, oid, value) = element(attribute)?;
        if oid == COMMON_NAME {
            return String::from_utf8(element(value)?.1.to_vec()).ok();
        }
        sets = rest;
    }
    None
}

/// The content of the subject's sequence: version, serial, signature, issuer, validity stand before it.
fn subject(certificate: &[u8]) -> Option<&[u8]> {
    let (_, certificate, _) = element(certificate)?;
    let (_, mut fields, _) = element(certificate)?;
    if fields.first() == Some(&EXPLICIT_VERSION) {
        fields = element(fields)?.2;
    }
    for _ in ["serial", "signature", "issuer", "validity"] {
        fields = element(fields)?.2;
    }
    let (tag, subject, _) = element(fields)?;
    (tag == SEQUENCE).then_some(subject)
}

/// Splits one DER element off: tag, content, what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 {
            return None;
        }
        length = 0;
        for _ in 0..count {
            let (&byte, after) = rest.split_first()?;
            length = length << 8 | usize::from(byte);
            rest = after;
        }
    }
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn push(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    match content.len() {
        short @ 0..0x80 => out.push(short as u8),
        long => {
            let bytes = long.to_be_bytes();
            let bytes = &bytes[bytes.iter().take_while(|&&byte| byte == 0).count()..];
            out.push(0x80 | bytes.len() as u8);
            out.extend_from_slice(bytes);
        }
    }
    out.extend_from_slice(content);
}

fn canonical_text(value: &[u8]) -> Vec<u8> {
    let words = value
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let mut text = Vec::with_capacity(value.len());
    for word in words {
        if !text.is_empty() {
            text.push(b' ');
        }
        text.extend(word.iter().map(u8::to_ascii_lowercase));
    }
    text
}

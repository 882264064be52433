//! Checksums of file content and the header fields that carry them (RFC 3230, RFC 9530; storage page §4).

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};

const MODULUS: u64 = 65_521;

/// The two sums of adler32 in a form that can be joined and taken apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AdlerSum {
    bytes: u64,
    plain: u64,
    weighted: u64,
}

impl AdlerSum {
    /// Sums of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let value = simd_adler32::adler32(&bytes);
        let length = bytes.len() as u64;
        Self {
            bytes: length,
            plain: (u64::from(value & 0xffff) + MODULUS - 1) % MODULUS,
            weighted: (u64::from(value >> 16) + MODULUS - length % MODULUS) % MODULUS,
        }
    }

    /// Sums of these bytes followed by others.
    pub fn then(self, next: Self) -> Self {
        Self {
            bytes: self.bytes + next.bytes,
            plain: (self.plain + next.plain) % MODULUS,
            weighted: (self.weighted + (next.bytes % MODULUS) * self.plain + next.weighted)
                % MODULUS,
        }
    }

    /// Sums of what is left when `front` is cut off the beginning.
    pub fn without_front(self, front: Self) -> Self {
        let bytes = self.bytes - front.bytes;
        let lost = (front.weighted + (bytes % MODULUS) * front.plain) % MODULUS;
        Self {
            bytes,
            plain: (self.plain + MODULUS - front.plain) % MODULUS,
            weighted: (self.weighted + MODULUS - lost) % MODULUS,
        }
    }

    /// The adler32.
    pub fn value(self) -> u32 {
        let low = (1 + self.plain) % MODULUS;
        let high = (self.bytes % MODULUS + self.weighted) % MODULUS;
        ((high << 16) | low) as u32
    }
}

/// An algorithm this storage element can answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// Eight lower-case hexadecimal digits, leading zeros kept.
    Adler32,
    /// Castagnoli CRC, eight hexadecimal digits.
    Crc32c,
    /// Base64 of 16 bytes.
    Md5,
    /// SHA-1, base64 of 20 bytes.
    Sha,
    /// Base64 of 32 bytes.
    Sha256,
    /// Base64 of 64 bytes.
    Sha512,
}

impl Algorithm {
    /// Reads a name in any case; `adler` and `adler32` are the same (storage page §4.1).
    pub fn named(name: &str) -> Option<Self> {
        Some(match name.trim().to_ascii_lowercase().as_str() {
            "adler32" | "adler" => Self::Adler32,
            "crc32c" => Self::Crc32c,
            "md5" => Self::Md5,
            "sha" | "sha-1" => Self::Sha,
            "sha-256" => Self::Sha256,
            "sha-512" => Self::Sha512,
            _ => return None,
        })
    }

    /// The name in `Digest`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Adler32 => "adler32",
            Self::Crc32c => "crc32c",
            Self::Md5 => "md5",
            Self::Sha => "sha",
            Self::Sha256 => "sha-256",
            Self::Sha512 => "sha-512",
        }
    }

    fn repr_name(self) -> &'static str {
        if self == Self::Adler32 {
            "adler"
        } else {
            self.name()
        }
    }
}

/// A checksum: the algorithm and the raw bytes, big-endian.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksum {
    /// What was computed.
    pub algorithm: Algorithm,
    /// The value, big-endian.
    pub bytes: Vec<u8>,
}

impl Checksum {
    /// An adler32.
    pub fn adler32(value: u32) -> Self {
        Self {
            algorithm: Algorithm::Adler32,
            bytes: value.to_be_bytes().to_vec(),
        }
    }

    /// The value as `Digest` writes it: hexadecimal for the sums, base64 for the hashes.
    pub fn value(&self) -> String {
        match self.algorithm {
            Algorithm::Adler32 | Algorithm::Crc32c => hex(&self.bytes),
            _ => STANDARD.encode(&self.bytes),
        }
    }

    /// `adler32=091e01de`, a member of `Digest` (RFC 3230).
    pub fn digest(&self) -> String {
        format!("{}={}", self.algorithm.name(), self.value())
    }

    /// The same with the value in base64, whatever it is.
    pub fn base64_digest(&self) -> String {
        format!("{}={}", self.algorithm.name(), STANDARD.encode(&self.bytes))
    }

    /// `adler=:CR4B3g==:`, a member of `Repr-Digest` (RFC 9530).
    pub fn repr_digest(&self) -> String {
        format!(
            "{}=:{}:",
            self.algorithm.repr_name(),
            STANDARD.encode(&self.bytes)
        )
    }
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
            text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
            text
        })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || text.is_empty() {
        return None;
    }
    let text = if text.len() % 2 == 1 {
        format!("0{text}")
    } else {
        text.to_owned()
    };
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}

/// The algorithm that `Want-Digest` likes best among those known here; ties go to the first listed.
pub fn wanted(field: &str) -> Option<Algorithm> {
    let mut best: Option<(f32, Algorithm)> = None;
    for member in field.split(',') {
        let mut parts = member.split(';');
        let Some(algorithm) = parts.next().and_then(Algorithm::named) else {
            continue;
        };
        let quality = parts
            .filter_map(|part| part.trim().strip_prefix("q=").map(str::to_owned))
            .find_map(|q| q.parse::<f32>().ok())
            .unwrap_or(1.0);
        if quality > 0.0 && best.is_none_or(|(held, _)| quality > held) {
            best = Some((quality, algorithm));
        }
    }
    best.map(|(_, algorithm)| algorithm)
}

/// The first that is known, whatever its quality; adler32 when none is (storage page §4.1).
pub fn first_known(field: &str, weighed: bool) -> Algorithm {
    let members = field.split(',');
    let mut names = members.map(|member| match member.split_once(';') {
        Some((name, _)) if weighed => name,
        _ => member,
    });
    let known = names.find_map(Algorithm::named);
    known.unwrap_or(Algorithm::Adler32)
}

/// The same for `Want-Repr-Digest`: `adler=5,md5=1`. Members without a priority are ignored (§4.1).
pub fn wanted_repr(field: &str) -> Option<Algorithm> {
    let mut best: Option<(u32, Algorithm)> = None;
    for member in field.split(',') {
        let Some((name, priority)) = member.split_once('=') else {
            continue;
        };
        let (Some(algorithm), Ok(priority)) =
            (Algorithm::named(name), priority.trim().parse::<u32>())
        else {
            continue;
        };
        if priority > 0 && best.is_none_or(|(held, _)| priority > held) {
            best = Some((priority, algorithm));
        }
    }
    best.map(|(_, algorithm)| algorithm)
}

/// Reads `Digest: adler32=…,md5=…`. Unknown members are skipped; short adler32 values are padded,
/// upper case and base64 of the four bytes are understood (storage page §7.5, F5).
pub fn parse_digest(field: &str) -> Vec<Checksum> {
    field
        .split(',')
        .filter_map(|member| {
            let (name, value) = member.split_once('=')?;
            let algorithm = Algorithm::named(name)?;
            let value = value.trim();
            let bytes = match algorithm {
                Algorithm::Adler32 | Algorithm::Crc32c => match unhex(value) {
                    Some(bytes) if bytes.len() <= 4 => padded(&bytes),
                    _ => STANDARD
                        .decode(value)
                        .ok()
                        .filter(|bytes| bytes.len() == 4)?,
                },
                Algorithm::Md5 if value.len() == 32 => unhex(value)?,
                _ => STANDARD.decode(value).ok()?,
            };
            Some(Checksum { algorithm, bytes })
        })
        .collect()
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut four = vec![0; 4 - bytes.len()];
    four.extend_from_slice(bytes);
    four
}

/// Reads `Content-MD5`: base64, or hexadecimal digits as some write it (storage page §1.3, §2.5).
pub fn parse_content_md5(field: &str) -> Option<Checksum> {
    let read = parse_digest(&["md5=", field.trim()].concat());
    read.into_iter().find(|sum| sum.bytes.len() == 16)
}

/// Reads `Repr-Digest: adler=:Ejtv3g==:`. Members in another shape are ignored.
pub fn parse_repr_digest(field: &str) -> Vec<Checksum> {
    field
        .split(',')
        .filter_map(|member| {
            let (name, value) = member.split_once('=')?;
            let algorithm = Algorithm::named(name)?;
            let inner = value.trim().strip_prefix(':')?.strip_suffix(':')?;
            Some(Checksum {
                algorithm,
                bytes: STANDARD.decode(inner).ok()?,
            })
        })
        .collect()
}

/// Checksums being computed while bytes pass.
pub struct Summing {
    bytes: u64,
    adler: simd_adler32::Adler32,
    crc32c: Option<u32>,
    md5: Option<Md5>,
    hashes: Vec<(Algorithm, digest::Context)>,
}

impl std::fmt::Debug for Summing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Summing")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl Summing {
    /// Adler32 always, and these.
    pub fn new(algorithms: &[Algorithm]) -> Self {
        let mut summing = Self {
            bytes: 0,
            adler: simd_adler32::Adler32::new(),
            crc32c: None,
            md5: None,
            hashes: Vec::new(),
        };
        for algorithm in algorithms {
            let hash = match algorithm {
                Algorithm::Adler32 => continue,
                Algorithm::Crc32c => {
                    summing.crc32c = Some(0);
                    continue;
                }
                Algorithm::Md5 => {
                    summing.md5 = Some(Md5::new());
                    continue;
                }
                Algorithm::Sha => &digest::SHA1_FOR_LEGACY_USE_ONLY,
                Algorithm::Sha256 => &digest::SHA256,
                Algorithm::Sha512 => &digest::SHA512,
            };
            summing
                .hashes
                .push((*algorithm, digest::Context::new(hash)));
        }
        summing
    }

    /// More bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.adler.write(bytes);
        if let Some(crc) = &mut self.crc32c {
            *crc = crc32c::crc32c_append(*crc, bytes);
        }
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
        for (_, context) in &mut self.hashes {
            context.update(bytes);
        }
    }

    /// How many bytes passed.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The checksums, adler32 first.
    pub fn finish(self) -> Vec<Checksum> {
        let mut sums = vec![Checksum::adler32(self.adler.finish())];
        if let Some(crc) = self.crc32c {
            sums.push(Checksum {
                algorithm: Algorithm::Crc32c,
                bytes: crc.to_be_bytes().to_vec(),
            });
        }
        if let Some(md5) = self.md5 {
            sums.push(Checksum {
                algorithm: Algorithm::Md5,
                bytes: md5.finalize().to_vec(),
            });
        }
        for (algorithm, context) in self.hashes {
            sums.push(Checksum {
                algorithm,
                bytes: context.finish().as_ref().to_vec(),
            });
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adler(content: &[u8]) -> String {
        let mut summing = Summing::new(&[]);
        summing.update(content);
        summing.finish()[0].digest()
    }

    #[test]
    fn adler32_keeps_its_leading_zeros() {
        for (content, digest) in [
            (&b"123456789"[..], "adler32=091e01de"),
            (b"", "adler32=00000001"),
            (b"\0\0\0\0", "adler32=00040001"),
            (b"test123456789", "adler32=1d3b039e"),
        ] {
            assert_eq!(adler(content), digest);
            assert_eq!(
                AdlerSum::of(content).value(),
                u32::from_str_radix(&digest[8..], 16).unwrap()
            );
        }
    }

    #[test]
    fn hashes_are_base64() {
        let mut summing = Summing::new(&[Algorithm::Md5, Algorithm::Sha256, Algorithm::Crc32c]);
        summing.update(b"123456789");
        let fields: Vec<_> = summing.finish().iter().map(Checksum::digest).collect();
        assert_eq!(
            fields,
            [
                "adler32=091e01de",
                "crc32c=e3069283",
                "md5=JfnnlDI7RTiF9RgfG2JNCw==",
                "sha-256=FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="
            ]
        );
    }

    #[test]
    fn want_digest_goes_by_quality_then_order() {
        for (field, algorithm) in [
            ("adler32", Some(Algorithm::Adler32)),
            ("ADLER32", Some(Algorithm::Adler32)),
            ("adler32,md5;q=0.3", Some(Algorithm::Adler32)),
            ("md5;q=0.3, adler32", Some(Algorithm::Adler32)),
            ("md5, adler32", Some(Algorithm::Md5)),
            ("sha-512;q=0, sha-256;q=0.1", Some(Algorithm::Sha256)),
            ("unixsum", None),
            ("", None),
        ] {
            assert_eq!(wanted(field), algorithm, "{field}");
        }
        assert_eq!(wanted_repr("adler=5,md5=1"), Some(Algorithm::Adler32));
        assert_eq!(wanted_repr("adler32"), None);
    }

    #[test]
    fn digests_are_read_in_all_the_shapes_seen() {
        let wanted = Checksum::adler32(0x091e_01de);
        for field in [
            "adler32=091e01de",
            "ADLER32=091E01DE",
            "adler=91e01de",
            "adler32=CR4B3g==",
            "md5=xx,adler32=91e01de",
        ] {
            assert!(parse_digest(field).contains(&wanted), "{field}");
        }
        assert_eq!(
            parse_repr_digest("adler=:CR4B3g==:"),
            std::slice::from_ref(&wanted)
        );
        assert_eq!(wanted.repr_digest(), "adler=:CR4B3g==:");
        assert!(parse_repr_digest("adler=CR4B3g==").is_empty());
        assert!(parse_digest("adler32=zz").is_empty());
    }
}

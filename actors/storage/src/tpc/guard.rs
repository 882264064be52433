//! Addresses a copy may not be made to, when the storage element is told to be careful (storage page §2.10).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use carnet_stage::Client;
use url::{Host, Url};

use crate::config::Copies;
use crate::element::Element;

/// What is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Careful {
    /// This machine, link-local addresses, unspecified ones.
    pub local: bool,
    /// Private networks.
    pub private: bool,
}

/// Whether an address is refused. Mapped and embedded IPv4 addresses count as what they contain.
pub fn refused(address: IpAddr, careful: Careful) -> bool {
    match address {
        IpAddr::V4(v4) => refused_v4(v4, careful),
        IpAddr::V6(v6) => {
            refused_v6(v6, careful) || embedded(v6).is_some_and(|v4| refused_v4(v4, careful))
        }
    }
}

/// The IPv4 address in a mapped, compatible (RFC 4291 §2.5.5), translated (RFC 6052) or 6to4 (RFC 3056) one.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let two = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(two(high, low))
        }
        [0x2002, high, low, ..] => Some(two(high, low)),
        _ => None,
    }
}

fn refused_v4(address: Ipv4Addr, careful: Careful) -> bool {
    let local = address.is_loopback()
        || address.is_link_local()
        || address.octets()[0] == 0
        || address.is_multicast()
        || address.is_broadcast();
    // Private, or shared between a provider and its customers (RFC 1918, RFC 6598).
    let [first, second, ..] = address.octets();
    let private = address.is_private() || (first == 100 && second & 0xc0 == 64);
    (careful.local && local) || (careful.private && private)
}

fn refused_v6(address: Ipv6Addr, careful: Careful) -> bool {
    let local = address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || (address.segments()[0] & 0xffc0) == 0xfe80;
    let private = (address.segments()[0] & 0xfe00) == 0xfc00;
    (careful.local && local) || (careful.private && private)
}

/// What is said of a refused address.
pub(super) const FORBIDDEN: &str = "connection to local/private addresses is forbidden";

/// The client that makes copies. It looks at the addresses it is about to connect to, on every hop: what a name led to
/// a moment before says nothing.
pub(super) fn client(client: &Client, config: &Copies) -> Client {
    let client = client.http1().plain_too();
    let careful = careful(config);
    if careful == Careful::default() {
        return client;
    }
    client.guarded(move |address| check_address(address, careful))
}

/// Resolves a URL's host and refuses it when any of its addresses is refused, so that whoever asks for a copy is told
/// before anything else is done.
pub(super) async fn check(element: &Element, url: &Url) -> Result<(), String> {
    let careful = careful(&element.config.copies);
    if careful == Careful::default() {
        return Ok(());
    }
    let port = url.port_or_known_default().unwrap_or(443);
    let addresses: Vec<IpAddr> = match url.host() {
        Some(Host::Ipv4(address)) => vec![address.into()],
        Some(Host::Ipv6(address)) => vec![address.into()],
        Some(Host::Domain(name)) => match element.actor.names().addresses(name, port).await {
            Ok(found) => found.iter().map(SocketAddr::ip).collect(),
            // Nobody is there to be guarded: the copy says so in its own words.
            Err(_) => return Ok(()),
        },
        None => return Err("no host".into()),
    };
    addresses
        .iter()
        .try_for_each(|address| check_address(*address, careful))
}

fn check_address(address: IpAddr, careful: Careful) -> Result<(), String> {
    if refused(address, careful) {
        return Err(FORBIDDEN.into());
    }
    Ok(())
}

fn careful(copies: &Copies) -> Careful {
    Careful {
        local: copies.refuse_local,
        private: copies.refuse_private,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_careful_storage_element_connects_to_public_addresses_only() {
        let strict = Careful {
            local: true,
            private: true,
        };
        for (text, wanted) in [
            ("127.0.0.1", true),
            ("127.8.8.8", true),
            ("0.0.0.0", true),
            ("169.254.169.254", true),
            ("10.1.2.3", true),
            ("192.168.1.1", true),
            ("::1", true),
            ("::", true),
            ("fe80::1", true),
            ("fd00::1", true),
            ("::ffff:127.0.0.1", true),
            ("::ffff:169.254.169.254", true),
            ("::127.0.0.1", true),
            ("64:ff9b::a9fe:a9fe", true),
            ("2002:7f00:1::", true),
            ("100.64.0.1", true),
            ("100.128.0.1", false),
            ("64:ff9b::bcb8:a01", false),
            ("188.184.10.1", false),
            ("2001:1458::1", false),
        ] {
            assert_eq!(refused(text.parse().unwrap(), strict), wanted, "{text}");
            assert!(
                !refused(text.parse().unwrap(), Careful::default()),
                "{text}"
            );
        }
        assert!(!refused(
            "10.1.2.3".parse().unwrap(),
            Careful {
                local: true,
                private: false
            }
        ));
    }
}

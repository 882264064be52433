//! Names on the stage: which actor answers at which URL, and on which socket.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};

/// An actor's place: its name, its host, and where it listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The actor's name in the scenario (`se1`).
    pub name: String,
    /// The role, as `endpoints.json` calls it (`issuer`, `storage`, …).
    pub kind: String,
    /// Its host as URLs name it (`se1.example`, or `localhost` when served).
    pub host: String,
    /// The port as URLs name it; `None` is 443, which exists only in our own client.
    pub port: Option<u16>,
    /// Where it really listens.
    pub addr: SocketAddr,
    /// Whether it is a service of somebody else's, in place of an actor.
    pub external: bool,
}

impl Place {
    /// `https://host[:port]`, no slash at the end.
    pub fn base_url(&self) -> String {
        match self.port {
            None => format!("https://{}", self.host),
            Some(port) => format!("https://{}:{port}", self.host),
        }
    }
}

/// Finds the addresses of a name that is not on the stage.
type LookUp = Arc<dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync>;

/// The run's topology, shared by all clients.
#[derive(Clone, Default)]
pub struct Names {
    places: Arc<RwLock<Vec<Place>>>,
    look_up: Arc<RwLock<Option<LookUp>>>,
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Names").field(&self.all()).finish()
    }
}

impl Names {
    /// Adds a place; a second one of the same name replaces the first.
    pub fn add(&self, place: Place) {
        let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
        places.retain(|other| other.name != place.name);
        places.push(place);
    }

    /// Every place, in the order they were added.
    pub fn all(&self) -> Vec<Place> {
        self.places
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The place of an actor, by its name.
    pub fn place(&self, name: &str) -> Option<Place> {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        places.iter().find(|place| place.name == name).cloned()
    }

    /// The actor behind a URL's host and port.
    pub fn actor_at(&self, host: &str, port: Option<u16>) -> Option<Place> {
        let port = port.filter(|port| *port != 443);
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        let local = |host: &str| {
            host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        };
        places
            .iter()
            .find(|place| {
                (place.host.eq_ignore_ascii_case(host) && place.port == port)
                    || (local(host.trim_matches(['[', ']'])) && port == Some(place.addr.port()))
            })
            .cloned()
    }

    /// Where to connect for a URL's host and port, when it is on the stage or on loopback.
    pub fn resolve(&self, host: &str, port: u16) -> Option<SocketAddr> {
        if let Some(place) = self.actor_at(host, Some(port)) {
            return Some(place.addr);
        }
        let host = host.trim_matches(['[', ']']);
        if host == "localhost" {
            return Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
        }
        host.parse::<IpAddr>()
            .ok()
            .map(|ip| SocketAddr::new(ip, port))
    }

    /// Every address of a URL's host and port: its place on the stage, or what the system's resolver says now.
    pub async fn addresses(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        if let Some(addr) = self.resolve(host, port) {
            return Ok(vec![addr]);
        }
        if let Some(look_up) = self.own_look_up() {
            return look_up(host, port);
        }
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }

    fn own_look_up(&self) -> Option<LookUp> {
        self.look_up
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Names that are not on the stage are looked up so, in place of the system's resolver: for a resolver that lies.
    pub fn look_up_with(
        &self,
        look_up: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) {
        let mut place = self.look_up.write().unwrap_or_else(PoisonError::into_inner);
        *place = Some(Arc::new(look_up));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_leads_to_its_actor() {
        let names = Names::default();
        let addr: SocketAddr = "127.0.0.1:4711".parse().unwrap();
        names.add(Place {
            name: "se1".into(),
            kind: "storage".into(),
            host: "se1.example".into(),
            port: None,
            addr,
            external: false,
        });
        let cases = [
            ("se1.example", 443, Some(addr)),
            ("SE1.example", 443, Some(addr)),
            ("se1.example", 8443, None),
            ("se2.example", 443, None),
            ("localhost", 4711, Some(addr)),
        ];
        for (host, port, wanted) in cases {
            assert_eq!(names.resolve(host, port), wanted, "{host}:{port}");
        }
    }
}

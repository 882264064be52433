//! Storage elements as Rucio sees them: protocols, attributes, availability, and the URL of a file there.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::config::{Lfn2Pfn, RseConfig, Scheme};
use crate::did::Did;
use crate::path;

/// Implementation names that a Rucio client knows, by scheme.
const GFAL: &str = "rucio.rse.protocols.gfal.Default";
const WEBDAV: &str = "rucio.rse.protocols.webdav.Default";

/// One way to talk to a storage element.
#[derive(Debug, Clone)]
pub struct Protocol {
    /// `davs`, `https`, …
    pub scheme: String,
    /// Host name.
    pub hostname: String,
    /// Port; 0 leaves it out of URLs.
    pub port: u16,
    /// Path below which Rucio keeps its files: starts and ends with a slash.
    pub prefix: String,
    /// Client implementation.
    pub r#impl: String,
    /// Priorities by domain (`lan`, `wan`) and operation; lower wins, nothing or null is "not supported".
    pub domains: Value,
    /// Whatever the client stored with it.
    pub extended_attributes: Value,
}

impl Protocol {
    /// Priority of an operation in a domain; nothing when it is not supported.
    pub fn priority(&self, domain: &str, operation: &str) -> Option<u64> {
        self.domains
            .get(domain)?
            .get(operation)?
            .as_u64()
            .filter(|p| *p > 0)
    }

    /// URL of a path below the prefix.
    pub fn url(&self, below: &str) -> String {
        let port = if self.port == 0 {
            String::new()
        } else {
            format!(":{}", self.port)
        };
        format!(
            "{}://{}{port}{}",
            self.scheme,
            self.hostname,
            path::join(&self.prefix, below)
        )
    }

    /// The protocol as the server shows it.
    pub fn to_json(&self) -> Value {
        json!({
            "hostname": self.hostname,
            "scheme": self.scheme,
            "port": self.port,
            "prefix": self.prefix,
            "impl": self.r#impl,
            "domains": self.domains,
            "extended_attributes": self.extended_attributes,
        })
    }
}

/// One storage element.
#[derive(Debug, Clone)]
pub struct Rse {
    /// Its name.
    pub name: String,
    /// 32 hexadecimal digits.
    pub id: String,
    /// Its protocols.
    pub protocols: Vec<Protocol>,
    /// Attributes; every RSE has its own name as one.
    pub attributes: IndexMap<String, String>,
    /// Whether a file's path follows from its name.
    pub deterministic: bool,
    /// Whether files may vanish without notice.
    pub volatile: bool,
    /// Whether Rucio may read from it.
    pub availability_read: bool,
    /// Whether Rucio may write to it.
    pub availability_write: bool,
    /// Whether Rucio may delete from it.
    pub availability_delete: bool,
    /// Space figures reported from outside, by source.
    pub usage: IndexMap<String, Value>,
    /// Limits, by name.
    pub limits: IndexMap<String, Value>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Rse {
    /// A storage element without protocols.
    pub fn new(name: &str, id: String, now: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            id,
            protocols: Vec::new(),
            attributes: IndexMap::from([(name.to_owned(), "True".to_owned())]),
            deterministic: true,
            volatile: false,
            availability_read: true,
            availability_write: true,
            availability_delete: true,
            usage: IndexMap::new(),
            limits: IndexMap::new(),
            created_at: now,
            updated_at: now,
        }
    }

    /// A storage element as a scenario describes it, with the two protocols every client needs:
    /// `davs` for third-party copies, `https` for people (rucio page §0, fact 7).
    pub fn from_config(
        name: &str,
        id: String,
        config: &RseConfig,
        fts: &str,
        now: Timestamp,
    ) -> Result<Self, url::ParseError> {
        let url = url::Url::parse(&config.url)?;
        let hostname = url.host_str().ok_or(url::ParseError::EmptyHost)?.to_owned();
        let prefix = path::normal_prefix(&format!("{}/{}", url.path(), config.prefix));
        let mut rse = Self::new(name, id, now);
        let protocol = |scheme: &str, r#impl: &str, domains: Value| Protocol {
            scheme: scheme.to_owned(),
            hostname: hostname.clone(),
            port: url.port().unwrap_or(0),
            prefix: prefix.clone(),
            r#impl: r#impl.to_owned(),
            domains,
            extended_attributes: Value::Null,
        };
        rse.protocols = vec![
            protocol(
                "davs",
                GFAL,
                json!({"lan": {"read": 2, "write": 2, "delete": 2},
                       "wan": {"read": 2, "write": 2, "delete": 2, "third_party_copy_read": 1, "third_party_copy_write": 1}}),
            ),
            protocol(
                "https",
                WEBDAV,
                json!({"lan": {"read": 1, "write": 1, "delete": 1},
                       "wan": {"read": 1, "write": 1, "delete": 1, "third_party_copy_read": null, "third_party_copy_write": null}}),
            ),
        ];
        rse.attributes.insert("fts".into(), fts.to_owned());
        rse.attributes
            .insert("lfn2pfn_algorithm".into(), config.lfn2pfn.as_str().into());
        if config.oidc_support {
            rse.attributes.insert("oidc_support".into(), "True".into());
        }
        if let Some(base) = &config.oidc_base_path {
            rse.attributes.insert("oidc_base_path".into(), base.clone());
        }
        if !config.verify_checksum {
            rse.attributes
                .insert("verify_checksum".into(), "False".into());
        }
        for (key, value) in &config.attributes {
            rse.attributes.insert(key.clone(), value.clone());
        }
        rse.availability_read = config.availability_read;
        rse.availability_write = config.availability_write;
        rse.availability_delete = config.availability_delete;
        Ok(rse)
    }

    /// An attribute read as a boolean.
    pub fn flag(&self, attribute: &str, default: bool) -> bool {
        self.attributes
            .get(attribute)
            .map_or(default, |v| crate::account::is_true(v))
    }

    /// The path algorithm: attribute `lfn2pfn_algorithm`, else `hash`.
    pub fn algorithm(&self) -> Lfn2Pfn {
        match self.attributes.get("lfn2pfn_algorithm").map(String::as_str) {
            Some("identity") => Lfn2Pfn::Identity,
            _ => Lfn2Pfn::Hash,
        }
    }

    /// Path of a file below the prefix.
    pub fn path_of(&self, did: &Did) -> String {
        match &did.path {
            Some(path) => path.trim_start_matches('/').to_owned(),
            None => path::lfn_to_path(self.algorithm(), &did.name.scope, &did.name.name),
        }
    }

    /// The protocol with the best priority for an operation.
    pub fn best_protocol(&self, domain: &str, operation: &str) -> Option<&Protocol> {
        self.protocols
            .iter()
            .filter_map(|p| p.priority(domain, operation).map(|priority| (priority, p)))
            .min_by_key(|(priority, _)| *priority)
            .map(|(_, p)| p)
    }

    /// URL of a file for a third-party copy; the scheme is swapped for the wished one of the same family.
    pub fn transfer_url(&self, did: &Did, operation: &str, scheme: Scheme) -> Option<String> {
        let mut protocol = self.best_protocol("wan", operation)?.clone();
        if matches!(protocol.scheme.as_str(), "davs" | "https") {
            scheme.as_str().clone_into(&mut protocol.scheme);
        }
        Some(protocol.url(&self.path_of(did)))
    }

    /// Whether a transfer from or to here may use tokens (rucio page §0, fact 3).
    pub fn takes_tokens(&self) -> bool {
        self.flag("oidc_support", false) && self.protocols.iter().any(|p| p.scheme == "davs")
    }

    /// Whether checksums are to be compared here.
    pub fn verifies_checksums(&self) -> bool {
        self.flag("verify_checksum", true)
    }

    /// Availability as Rucio's bit mask: read 4, write 2, delete 1.
    pub fn availability(&self) -> u8 {
        u8::from(self.availability_read) * 4
            + u8::from(self.availability_write) * 2
            + u8::from(self.availability_delete)
    }

    /// Host names of the `davs` protocols, sorted, without repetition: the audience of a storage token (rucio page §2.1).
    pub fn token_audience(&self) -> String {
        let mut hosts: Vec<&str> = self
            .protocols
            .iter()
            .filter(|p| p.scheme == "davs")
            .map(|p| p.hostname.as_str())
            .collect();
        hosts.sort_unstable();
        hosts.dedup();
        hosts.join(" ")
    }

    /// The same, written as URLs.
    pub fn token_audience_urls(&self) -> String {
        let mut urls: Vec<String> = self
            .protocols
            .iter()
            .filter(|p| p.scheme == "davs")
            .map(|p| {
                if p.port == 0 {
                    format!("https://{}", p.hostname)
                } else {
                    format!("https://{}:{}", p.hostname, p.port)
                }
            })
            .collect();
        urls.sort_unstable();
        urls.dedup();
        urls.join(" ")
    }

    /// Scopes of a storage token: each with each `davs` prefix less `oidc_base_path`, and the extras, sorted (rucio page §2.1).
    pub fn token_scope(&self, scopes: &[&str], extra: &[&str]) -> String {
        let base = self
            .attributes
            .get("oidc_base_path")
            .map_or("", String::as_str);
        let mut all: Vec<String> = self
            .protocols
            .iter()
            .filter(|p| p.scheme == "davs")
            .flat_map(|p| {
                let below = p.prefix.strip_prefix(base).unwrap_or(&p.prefix);
                scopes.iter().map(move |s| format!("{s}:{below}"))
            })
            .chain(extra.iter().map(|s| (*s).to_owned()))
            .collect();
        all.sort_unstable();
        all.dedup();
        all.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rse(url: &str, prefix: &str, base: Option<&str>) -> Rse {
        let config = RseConfig {
            url: url.into(),
            prefix: prefix.into(),
            oidc_base_path: base.map(str::to_owned),
            ..RseConfig::default()
        };
        Rse::from_config(
            "SE1",
            "0".repeat(32),
            &config,
            "https://fts.example",
            Timestamp::UNIX_EPOCH,
        )
        .expect("a good URL")
    }

    #[test]
    fn token_scopes_are_those_of_a_production_rucio() {
        for (prefix, base, scopes, want) in [
            (
                "/data/SRC/",
                None,
                &["storage.read"][..],
                "offline_access storage.read:/data/SRC/",
            ),
            (
                "/data/DST/",
                None,
                &["storage.modify", "storage.read"],
                "offline_access storage.modify:/data/DST/ storage.read:/data/DST/",
            ),
            (
                "/example/rucio/SRC/",
                Some("/example"),
                &["storage.read"],
                "offline_access storage.read:/rucio/SRC/",
            ),
            (
                "/data/SRC/",
                Some("/data/SRC/"),
                &["storage.read"],
                "offline_access storage.read:",
            ),
            (
                "/",
                None,
                &["storage.read"],
                "offline_access storage.read:/",
            ),
        ] {
            assert_eq!(
                rse("https://h:28443", prefix, base).token_scope(scopes, &["offline_access"]),
                want
            );
        }
    }

    #[test]
    fn audiences_have_no_scheme_and_no_port() {
        assert_eq!(rse("https://h:28443", "/", None).token_audience(), "h");
        assert_eq!(
            rse("https://h:28443", "/", None).token_audience_urls(),
            "https://h:28443"
        );
        assert_eq!(
            rse("https://se1.example", "/", None).token_audience_urls(),
            "https://se1.example"
        );
    }

    #[test]
    fn urls_carry_a_port_only_when_one_was_given() {
        use crate::did::{DidName, DidType};
        let did = Did::new(
            DidName::new("example", "file"),
            DidType::File,
            "root",
            Timestamp::UNIX_EPOCH,
        );
        for (url, scheme, want) in [
            (
                "https://se1.example",
                Scheme::Https,
                "https://se1.example/example/file",
            ),
            (
                "https://localhost:9444",
                Scheme::Davs,
                "davs://localhost:9444/example/file",
            ),
        ] {
            assert_eq!(
                rse(url, "/", None)
                    .transfer_url(&did, "third_party_copy_read", scheme)
                    .as_deref(),
                Some(want)
            );
        }
    }
}

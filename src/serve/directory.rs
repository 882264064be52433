//! The folder that `carnet serve --dir` writes: what outside programs and scripts may rely on.
//!
//! | file | what |
//! |---|---|
//! | `ready` | there when every actor answers, gone when not |
//! | `endpoints.json` | `{"iam": {"kind": "issuer", "url": "https://localhost:9443"}, …}` |
//! | `clients.json` | `{"trainee": {"client_id": …, "client_secret": …}, …}`, mode 0600 |
//! | `users.json` | `{"alice": {"password": …}, …}`, mode 0600 |
//! | `admin.json` | `{"iam": {"url": …, "secret": …}}`: the issuers' admin listeners, mode 0600; only with `--admin` |
//! | `ca.pem`, `certificates/` | the certificate authority, and under its OpenSSL hash |
//! | `env.sh` | exports for clients: `. DIR/env.sh` |
//! | `rucio.cfg` | for the Rucio client, mode 0600 |
//! | `journal.jsonl` | every exchange and decision as it happens |
//! | `authority.key` | the authority's key, mode 0600, so that the next `serve` keeps `ca.pem` |

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use carnet_certs::Authority;
use carnet_stage::Place;
use serde_json::{Map, Value, json};

/// A client of the issuer, as `clients.json` tells it.
pub(crate) struct ClientSecret {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) secret: Option<String>,
}

/// A user of the issuer, as `users.json` tells it.
pub(crate) struct UserSecret {
    pub(crate) username: String,
    pub(crate) password: String,
}

/// The account that `rucio.cfg` logs in with.
pub(crate) struct RucioLogin {
    pub(crate) account: String,
    pub(crate) username: String,
    pub(crate) password: String,
}

/// The folder.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Makes the folder, or takes one that is there; says clearly when it cannot be written.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        fs::create_dir_all(path).with_context(|| format!("cannot make the folder {shown}"))?;
        let path = path
            .canonicalize()
            .with_context(|| format!("cannot find the folder {shown}"))?;
        let directory = Self { path };
        directory.not_ready()?;
        directory.write("endpoints.json", "{}\n", 0o644)?;
        Ok(directory)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The authority of an earlier `serve` in this folder, or a new one that later ones will find.
    pub(crate) fn authority(&self) -> anyhow::Result<Authority> {
        let stored = (
            fs::read_to_string(self.file("ca.pem")),
            fs::read_to_string(self.file("authority.key")),
        );
        if let (Ok(certificate), Ok(key)) = stored
            && let Ok(authority) = Authority::from_pem(&certificate, &key)
        {
            return Ok(authority);
        }
        let authority = Authority::new(&fresh_id())?;
        self.write("authority.key", &authority.key_pem(), 0o600)?;
        Ok(authority)
    }

    /// `ca.pem` and the hashed folder.
    pub(crate) fn write_authority(&self, authority: &Authority) -> anyhow::Result<()> {
        self.write("ca.pem", authority.pem(), 0o644)?;
        let hashed = self.file("certificates");
        if hashed.exists() {
            fs::remove_dir_all(&hashed)
                .with_context(|| format!("cannot renew {}", hashed.display()))?;
        }
        fs::create_dir_all(&hashed).with_context(|| format!("cannot make {}", hashed.display()))?;
        self.write(
            &format!("certificates/{}.0", authority.hash_name()),
            authority.pem(),
            0o644,
        )
    }

    pub(crate) fn write_endpoints(&self, places: &[Place]) -> anyhow::Result<()> {
        let mut endpoints = Map::new();
        for place in places {
            endpoints.insert(
                place.name.clone(),
                json!({"kind": place.kind, "url": place.base_url()}),
            );
        }
        self.write_json("endpoints.json", &Value::Object(endpoints), 0o644)
    }

    pub(crate) fn write_clients(&self, clients: &[ClientSecret]) -> anyhow::Result<()> {
        let mut all = Map::new();
        for client in clients {
            let mut entry = json!({"client_id": client.id});
            if let Some(secret) = &client.secret {
                entry["client_secret"] = secret.as_str().into();
            }
            all.insert(client.name.clone(), entry);
        }
        self.write_json("clients.json", &Value::Object(all), 0o600)
    }

    pub(crate) fn write_users(&self, users: &[UserSecret]) -> anyhow::Result<()> {
        let all: Map<_, _> = users
            .iter()
            .map(|user| (user.username.clone(), json!({"password": user.password})))
            .collect();
        self.write_json("users.json", &Value::Object(all), 0o600)
    }

    /// The issuers' admin listeners; without any, there is no such file.
    pub(crate) fn write_admins(
        &self,
        places: &[Place],
        admins: &[(String, String)],
    ) -> anyhow::Result<()> {
        let entry = |(issuer, secret): &(String, String)| {
            let name = carnet_scenarios::admin_name(issuer);
            let place = places.iter().find(|place| place.name == name)?;
            Some((
                issuer.clone(),
                json!({"url": place.base_url(), "secret": secret}),
            ))
        };
        let all: Map<_, _> = admins.iter().filter_map(entry).collect();
        if all.is_empty() {
            let _nothing_to_remove = fs::remove_file(self.file("admin.json"));
            return Ok(());
        }
        self.write_json("admin.json", &Value::Object(all), 0o600)
    }

    pub(crate) fn write_environment(&self, places: &[Place]) -> anyhow::Result<()> {
        let dir = quoted(&self.path.display().to_string());
        let mut text = format!("# For a shell: . {dir}/env.sh\nexport CARNET_DIR={dir}\n");
        for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] {
            writeln!(text, "export {name}=\"$CARNET_DIR/ca.pem\"")?;
        }
        text.push_str("export X509_CERT_DIR=\"$CARNET_DIR/certificates\"\n");
        text.push_str("export BEARER_TOKEN_FILE=\"$CARNET_DIR/token\"\n");
        text.push_str("export RUCIO_CONFIG=\"$CARNET_DIR/rucio.cfg\"\n");
        for place in places {
            let name: String = place
                .name
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
                .collect();
            writeln!(
                text,
                "export {}_URL={}",
                name.to_uppercase(),
                quoted(&place.base_url())
            )?;
        }
        self.write("env.sh", &text, 0o644)
    }

    pub(crate) fn write_rucio(&self, url: &str, login: &RucioLogin) -> anyhow::Result<()> {
        let text = format!(
            "[client]\nrucio_host = {url}\nauth_host = {url}\nca_cert = {}\naccount = {}\nauth_type = userpass\n\
             username = {}\npassword = {}\nrequest_retries = 1\n",
            self.file("ca.pem").display(),
            login.account,
            login.username,
            login.password,
        );
        self.write("rucio.cfg", &text, 0o600)
    }

    /// The journal's file, begun anew.
    pub(crate) fn journal(&self) -> anyhow::Result<File> {
        let path = self.file("journal.jsonl");
        File::create(&path).with_context(|| format!("cannot write {}", path.display()))
    }

    pub(crate) fn ready(&self) -> anyhow::Result<()> {
        self.write("ready", "", 0o644)
    }

    pub(crate) fn not_ready(&self) -> anyhow::Result<()> {
        match fs::remove_file(self.file("ready")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error)
                .with_context(|| format!("cannot write in the folder {}", self.path.display())),
            _ => Ok(()),
        }
    }

    fn write_json(&self, name: &str, value: &Value, mode: u32) -> anyhow::Result<()> {
        self.write(name, &format!("{value:#}\n"), mode)
    }

    /// Writes beside and renames, so that nobody reads half a file.
    pub(crate) fn write(&self, name: &str, text: &str, mode: u32) -> anyhow::Result<()> {
        let path = self.file(name);
        let partial = self.file(&format!("{name}.partial"));
        let write = || -> std::io::Result<()> {
            let _stale = fs::remove_file(&partial);
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(mode)
                .open(&partial)?;
            file.write_all(text.as_bytes())?;
            fs::rename(&partial, &path)
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }
}

/// A word for the shell.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A name for a run that no other has.
pub(crate) fn fresh_id() -> String {
    format!("{:012x}", carnet_stage::Chance::fresh().seed())
}

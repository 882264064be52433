//! The command line's grammar, with the help that people read.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// The WLCG token-based data-transfer stack on one stage.
///
/// Puts a token issuer, Rucio, FTS, storage elements and a user on loopback, lets them talk real HTTPS,
/// plays a scenario, and says of every token what it allowed and of every refusal why.
#[derive(Debug, Parser)]
#[command(
    version,
    propagate_version = true,
    arg_required_else_help = true,
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  \
        carnet run delegated-identity              play a scenario of the library\n  \
        carnet run group-based --file big.root     with a file of your own\n  \
        carnet run my.toml --report run.html       a scenario file of your own, told as a page\n  \
        carnet list                                what there is to play\n  \
        carnet serve --dir ./lab                   keep the actors up for real clients\n  \
        carnet token show < token                  what a token says\n\n\
        Exit codes: 0 all expectations held; 1 some did not; 2 the input was wrong or something was missing."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// Play this scenario (the same as `carnet run NAME`).
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) scenario: Option<String>,
    #[command(flatten)]
    pub(crate) run: RunOptions,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Play scenarios: from the library by name, or from files.
    #[command(after_help = "Examples:\n  \
        carnet run delegated-identity\n  \
        carnet run group-based -q --junit out.xml\n  \
        carnet run delegated-identity --file ~/data.root --keep ./copies\n  \
        carnet run delegated-identity --set actors.se2.storage.audiences='[\"https://other.example\"]'\n  \
        carnet run refusals/ --journal all.jsonl     every scenario below a folder\n  \
        carnet run delegated-identity --set actors.se2.external=https://localhost:1094 --dir ./lab\n  \
        carnet run delegated-identity --repeat 200 -q")]
    Run {
        /// Names of the library, files, or folders of files.
        #[arg(required = true, value_name = "NAME|FILE")]
        scenarios: Vec<String>,
        #[command(flatten)]
        options: RunOptions,
    },
    /// The scenario library, a line each.
    List {
        /// Only what has this in its name, folder or title.
        filter: Option<String>,
    },
    /// Read scenario files and resolve what they name; report every problem, run nothing.
    Check {
        /// Files or folders; without any, the library.
        files: Vec<PathBuf>,
    },
    /// Keep the actors up for real clients, until Ctrl-C.
    #[command(after_help = "Examples:\n  \
        carnet serve                                    the default world on ports 9443 and up\n  \
        carnet serve --dir ./lab                        and everything outside programs need in ./lab\n  \
        carnet serve --topology scenarios/worlds/iam-1.12.toml --dir ./lab\n  \
        carnet serve --only iam                         the issuer alone\n  \
        . ./lab/env.sh && curl --oauth2-bearer \"$(carnet token get --dir ./lab --client trainee --scope storage.read:/)\" \\\n      \
        https://localhost:9446/wlcg/")]
    Serve(ServeOptions),
    /// Look at, make, judge, explain a token; get one from a served issuer.
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// The JSON schema of scenario files, or of the journal.
    Schema {
        /// Which one.
        #[arg(value_enum, default_value = "scenario")]
        which: Schema,
    },
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Schema {
    Scenario,
    Journal,
}

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct RunOptions {
    /// Write the run as a self-contained page.
    #[arg(long, value_name = "F.html")]
    pub(crate) report: Option<PathBuf>,
    /// Write the journal as JSON Lines.
    #[arg(long, value_name = "F.jsonl")]
    pub(crate) journal: Option<PathBuf>,
    /// Write the expectations as JUnit XML.
    #[arg(long, value_name = "F.xml")]
    pub(crate) junit: Option<PathBuf>,
    /// Write a Mermaid sequence diagram.
    #[arg(long, value_name = "F.mmd")]
    pub(crate) diagram: Option<PathBuf>,
    /// Write every exchange as a curl command.
    #[arg(long, value_name = "F.sh")]
    pub(crate) curl: Option<PathBuf>,
    /// Transfer this file instead of seeded data.
    #[arg(long, value_name = "PATH")]
    pub(crate) file: Option<PathBuf>,
    /// Leave the destination's copy in this folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
    /// The seed of everything random; printed by every run.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Change a value of the scenario; may be given several times.
    #[arg(long, value_name = "PATH=VALUE")]
    pub(crate) set: Vec<String>,
    /// Let the actors listen on real ports of localhost, from this one on, for services that take part from outside; a
    /// scenario with such a service does so from 9443 on anyway.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: Option<u16>,
    /// Keep the run's certificate authority here, as `serve` does: services that take part from outside must trust ca.pem.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Show tokens whole, for a class room. They are secrets: mind the projector and the files.
    #[arg(long)]
    pub(crate) reveal_tokens: bool,
    /// Play it so many times in this process.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repeat: u32,
    /// One line a scenario.
    #[arg(short, long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Headers and bodies too.
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ServeOptions {
    /// The world to bring up: a name of the library or a file with an `[actors]` table.
    #[arg(long, value_name = "NAME|FILE", default_value = "default")]
    pub(crate) topology: String,
    /// Write what outside programs need here: ca.pem, env.sh, endpoints.json, clients.json, journal.jsonl …
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// The first port; actors take it and the ones after it, in the order of the topology.
    #[arg(long, value_name = "N", default_value_t = 9443)]
    pub(crate) port: u16,
    /// The address to listen on. Anything but loopback is said loudly.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) listen: IpAddr,
    /// Bring up only these actors.
    #[arg(long, value_name = "ACTOR", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// The seed of everything random; without it, secrets are drawn from the operating system.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Change a value of the topology; may be given several times.
    #[arg(long, value_name = "PATH=VALUE")]
    pub(crate) set: Vec<String>,
    /// Open each issuer's admin listener too, on loopback, guarded by a secret that goes to DIR/admin.json:
    /// `carnet token why --dir`, people, clients, policies, keys, the clock.
    #[arg(long, requires = "dir")]
    pub(crate) admin: bool,
    /// Keep no journal at all: for load.
    #[arg(long)]
    pub(crate) no_journal: bool,
    /// Show tokens whole in the journal.
    #[arg(long)]
    pub(crate) reveal_tokens: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Header, claims and times of a token, in words, with what is odd about it.
    #[command(after_help = "Example:\n  carnet token show < token.txt")]
    Show {
        /// The token; without it, standard input.
        token: Option<String>,
    },
    /// Make a token, signed by a key of your own: to see how others judge it.
    #[command(after_help = "Example:\n  \
        carnet token mint --issuer https://iam.example/ --sub me --audience https://se1.example \\\n      \
        --scope storage.read:/ --lifetime 1h --jwks-out keys.json")]
    Mint(MintOptions),
    /// Judge a token as a storage element would: every check, what it saw and what it wanted.
    #[command(after_help = "Example:\n  \
        carnet token verify --jwks keys.json --issuer https://iam.example/ --audience https://se1.example \\\n      \
        --demand storage.read:/example/file < token.txt")]
    Verify(VerifyOptions),
    /// Say why: of a token, why a demand would be granted or refused; of a request to a served issuer, why it would be
    /// refused or narrowed.
    ///
    /// With a token: every check of a storage element or service, without keys, so the signature is not looked at.
    ///
    /// With --dir: every check of the issuer in its order (client, scopes, grant, person, exchange policies with their
    /// ranks, scope policies), what would be dropped without an error, and the smallest change that would help. Nothing is
    /// issued. The issuer must be served with --admin.
    ///
    /// Exit codes: 0 granted as asked; 1 refused, or something was dropped; 2 the input was wrong.
    #[command(after_help = "Examples:\n  \
        carnet token why --audience https://se1.example --demand storage.read:/data/file < token\n  \
        carnet token why --dir ./lab --client trainee --scope storage.read:/\n  \
        carnet token why --dir ./lab --client trainee --user bob --scope openid --scope wlcg.groups:/wlcg/test\n  \
        carnet token why --dir ./lab --client fts --subject-client rucio --scope storage.read:/ --scope offline_access\n  \
        carnet token why --dir ./lab --client fts --subject-client trainee --user alice --scope compute.read")]
    Why(WhyOptions),
    /// A token from a served issuer, on stdout and nothing else.
    #[command(after_help = "Example:\n  \
        carnet token get --dir ./lab --client trainee --scope storage.read:/ --audience https://localhost:9446")]
    Get(GetOptions),
}

#[derive(Debug, Args)]
pub(crate) struct MintOptions {
    /// `iss`.
    #[arg(long)]
    pub(crate) issuer: String,
    /// `sub`.
    #[arg(long)]
    pub(crate) sub: String,
    /// `aud`; may be given several times.
    #[arg(long)]
    pub(crate) audience: Vec<String>,
    /// An item of `scope`; may be given several times.
    #[arg(long)]
    pub(crate) scope: Vec<String>,
    /// An item of `wlcg.groups`; may be given several times.
    #[arg(long)]
    pub(crate) group: Vec<String>,
    /// How long it lives: `1h`, `300s`, `20m`; a minus sign makes it expired.
    #[arg(long, default_value = "1h", allow_hyphen_values = true)]
    pub(crate) lifetime: String,
    /// An RSA key (RS256) instead of P-256 (ES256).
    #[arg(long)]
    pub(crate) rsa: bool,
    /// `kid` of the header.
    #[arg(long, default_value = "carnet")]
    pub(crate) kid: String,
    /// Write the public key here, as a JWKS.
    #[arg(long, value_name = "F.json")]
    pub(crate) jwks_out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyOptions {
    /// The token; without it, standard input.
    pub(crate) token: Option<String>,
    /// The issuer's keys, a JWKS file.
    #[arg(long, value_name = "F.json")]
    pub(crate) jwks: Option<PathBuf>,
    /// The issuer trusted; without it, the token's own.
    #[arg(long)]
    pub(crate) issuer: Option<String>,
    /// An audience the judge answers to; may be given several times.
    #[arg(long)]
    pub(crate) audience: Vec<String>,
    /// What is asked for: `storage.read:/example/file`, `fts:submit-transfer` …
    #[arg(long)]
    pub(crate) demand: String,
    /// The instant of judgement, Unix seconds; without it, now.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) at: Option<i64>,
}

#[derive(Debug, Args)]
pub(crate) struct WhyOptions {
    /// The token; without it, standard input.
    #[arg(conflicts_with = "dir")]
    pub(crate) token: Option<String>,
    /// The issuer trusted, without it the token's own; with --dir, the issuer's name, without it the first.
    #[arg(long)]
    pub(crate) issuer: Option<String>,
    /// An audience the judge answers to, or one that is asked for; may be given several times.
    #[arg(long)]
    pub(crate) audience: Vec<String>,
    /// What is asked for with the token: `storage.read:/example/file`, `fts:submit-transfer` …
    #[arg(long, required_unless_present = "dir", conflicts_with = "dir")]
    pub(crate) demand: Option<String>,
    /// The instant of judgement, Unix seconds; without it, now.
    #[arg(long, value_name = "SECONDS", conflicts_with = "dir")]
    pub(crate) at: Option<i64>,
    /// The folder that `carnet serve --dir --admin` wrote: explain a request to its issuer.
    #[arg(long, requires = "client")]
    pub(crate) dir: Option<PathBuf>,
    /// The client that would ask: a name of clients.json, or a client id.
    #[arg(long, requires = "dir")]
    pub(crate) client: Option<String>,
    /// The person behind the request.
    #[arg(long, requires = "dir")]
    pub(crate) user: Option<String>,
    /// Token exchange: the client whose token would be exchanged.
    #[arg(long, value_name = "CLIENT", requires = "dir")]
    pub(crate) subject_client: Option<String>,
    /// The grant: client_credentials, password, authorization_code, device_code, token-exchange; without it, what the
    /// rest suggests.
    #[arg(long, requires = "dir")]
    pub(crate) grant: Option<String>,
    /// An item of the scope; may be given several times.
    #[arg(long, requires = "dir")]
    pub(crate) scope: Vec<String>,
    /// A resource (RFC 8707); may be given several times.
    #[arg(long, requires = "dir")]
    pub(crate) resource: Vec<String>,
}

impl WhyOptions {
    /// The options of a judgement of a token.
    pub(crate) fn judging(self) -> anyhow::Result<VerifyOptions> {
        let demand = self.demand;
        Ok(VerifyOptions {
            token: self.token,
            jwks: None,
            issuer: self.issuer,
            audience: self.audience,
            demand: demand.ok_or_else(|| anyhow::anyhow!("--demand is needed"))?,
            at: self.at,
        })
    }
}

#[derive(Debug, Args)]
pub(crate) struct GetOptions {
    /// The folder that `carnet serve --dir` wrote.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// A client of clients.json.
    #[arg(long)]
    pub(crate) client: String,
    /// Act for this user (password grant, with the password of users.json); without it, for the client itself.
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// An item of the scope; may be given several times.
    #[arg(long)]
    pub(crate) scope: Vec<String>,
    /// An audience; may be given several times.
    #[arg(long)]
    pub(crate) audience: Vec<String>,
}

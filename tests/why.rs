//! `carnet token why --dir` against a served issuer: what it prints and its exit code, for every kind of answer.

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const CARNET: &str = env!("CARGO_BIN_EXE_carnet");

/// Policies that decide something, laid over the default world's issuer.
const POLICIES: [&str; 2] = [
    r#"actors.iam.issuer.scope_policies=[{rule="PERMIT"},{rule="DENY",matching="PATH",scopes=["storage.modify:/"]},
       {level="group",group="/wlcg/test",rule="PERMIT",matching="PATH",scopes=["storage.modify:/"]}]"#,
    r#"actors.iam.issuer.exchange_policies=[{rule="PERMIT"},{rule="DENY",origin={type="BY_ID",match="fts"}},
       {rule="PERMIT",origin={type="BY_ID",match="rucio"},destination={type="BY_SCOPE",match="fts"},
        scope_policies=[{rule="DENY",type="PATH",match="storage.read:/secret"}]}]"#,
];

/// A served issuer, stopped with the test.
struct Served {
    child: Child,
    dir: PathBuf,
}

impl Served {
    fn start(name: &str, admin: bool) -> Self {
        let dir = std::env::temp_dir().join(format!("carnet-why-{name}-{}", std::process::id()));
        // Somebody else may take the ports between the look and the start: then another try.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port();
            let mut command = Command::new(CARNET);
            command
                .args([
                    "serve",
                    "--only",
                    "iam",
                    "--port",
                    &port.to_string(),
                    "--dir",
                ])
                .arg(&dir);
            for policies in POLICIES {
                command.args(["--set", &policies.replace('\n', " ")]);
            }
            if admin {
                command.arg("--admin");
            }
            let mut child = command
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let lines = BufReader::new(child.stdout.take().unwrap()).lines();
            if lines.map_while(Result::ok).any(|line| line == "ready") {
                return Self { child, dir };
            }
            child.wait().unwrap();
        }
        panic!("the issuer did not come up");
    }

    fn why(&self, arguments: &str) -> (i32, String) {
        why(&self.dir, arguments)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _stopped = self.child.kill();
        let _waited = self.child.wait();
        let _gone = std::fs::remove_dir_all(&self.dir);
    }
}

fn why(dir: &Path, arguments: &str) -> (i32, String) {
    let mut command = Command::new(CARNET);
    command
        .args(["token", "why", "--dir"])
        .arg(dir)
        .args(arguments.split(' '));
    let output = command
        .env("NO_COLOR", "1")
        .env("COLUMNS", "200")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr]
        .map(|bytes| String::from_utf8(bytes).unwrap())
        .concat();
    (output.status.code().unwrap(), text)
}

#[test]
fn the_issuer_says_which_check_policy_and_rank_it_was_and_what_was_dropped() {
    let served = Served::start("told", true);
    for (arguments, code, says) in [
        (
            "--client trainee --scope storage.read:/",
            0,
            &[
                "granted: trainee asks by client_credentials: storage.read:/",
                "scope given: storage.read:/",
            ][..],
        ),
        (
            "--client trainee --scope openid --scope scim:read",
            1,
            &[
                "REFUSED",
                "answer: 400 invalid_scope",
                "hint: register scim:read for client trainee",
            ],
        ),
        (
            "--client rucio --user alice --scope openid",
            1,
            &[
                "REFUSED: rucio asks by password for alice",
                "answer: 400 unauthorized_client",
                "hint: register the grant password",
            ],
        ),
        // The policies decide by account, group and default; what they drop is said.
        (
            "--client trainee --user alice --scope storage.modify:/x",
            0,
            &[
                "policy 3 for /wlcg/test: PERMIT PATH storage.modify:/",
                "scope given: storage.modify:/x",
            ],
        ),
        (
            "--client trainee --user bob --scope openid --scope storage.modify:/x",
            1,
            &[
                "granted",
                "scope given: openid",
                "dropped without an error: storage.modify:/x: policy 2 for everybody: DENY PATH storage.modify:/",
                "and an ID token",
                "hint: a scope policy",
            ],
        ),
        (
            "--client trainee --user bob --scope wlcg.groups:/wlcg/test",
            1,
            &[
                "REFUSED",
                "answer: 400 access_denied: Not a member of /wlcg/test",
            ],
        ),
        (
            "--client trainee --user alice --grant device_code --scope wlcg.groups:/wlcg/test",
            0,
            &[
                "asks by device_code for alice",
                "groups: /wlcg/test /wlcg /wlcg/xfers",
            ],
        ),
        // Exchange policies by rank.
        (
            "--client fts --subject-client rucio --scope storage.read:/ --scope offline_access",
            0,
            &[
                "exchange policy: policy 3: PERMIT client rucio to clients with scope fts, rank 3",
                "policies that apply:",
                "policy 1: PERMIT any client to any client (rank 0)",
                "and a refresh token",
            ],
        ),
        (
            "--client fts --subject-client rucio --scope storage.read:/secret/x",
            1,
            &[
                "REFUSED",
                "scope exchange not allowed by policy: storage.read:/secret/x",
                "hint: the chosen policy's own rules",
            ],
        ),
        (
            "--client rucio --subject-client fts --scope storage.read:/",
            1,
            &[
                "REFUSED",
                "Token exchange not allowed",
                "policy 2: DENY client fts to any client, rank 2",
                "hint: add an exchange policy",
            ],
        ),
        (
            "--client trainee --subject-client rucio --scope compute.read",
            1,
            &[
                "scope not allowed by origin client configuration: compute.read",
                "hint: register compute.read for client rucio, whose token is exchanged",
            ],
        ),
        // What is wrong with the question.
        (
            "--client nobody",
            2,
            &["error: There is no client nobody; there are fts, rucio, trainee."],
        ),
        (
            "--client trainee --user eve",
            2,
            &["error: There is no user eve; there are admin, alice, bob, mallory."],
        ),
        (
            "--client trainee --grant cookies",
            2,
            &["error: There is no grant cookies"],
        ),
        (
            "--client trainee --issuer other",
            2,
            &["error: there is no issuer `other`; there are iam"],
        ),
    ] {
        let (got, text) = served.why(arguments);
        assert_eq!(got, code, "{arguments}: {text}");
        for part in says {
            assert!(text.contains(part), "{arguments}: {part} in\n{text}");
        }
    }
}

#[test]
fn without_the_admin_listener_it_says_how_to_open_it() {
    let served = Served::start("closed", false);
    let (code, text) = served.why("--client trainee");
    assert_eq!(code, 2, "{text}");
    assert!(
        text.contains("the issuer's admin listener is not open: start `carnet serve --dir"),
        "{text}"
    );
    assert!(
        text.contains("--admin`") && !served.dir.join("admin.json").exists(),
        "{text}"
    );
}

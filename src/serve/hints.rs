//! What to type next, with the very names of this laboratory; a test runs each line as printed.

use std::fmt::Write as _;
use std::path::Path;

use carnet_stage::Place;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::directory::quoted;
use super::lab::Lab;

/// What is told as a code in a path: whatever a URL or a shell could take for something else.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The lines, for a shell in another terminal.
pub(crate) fn lines(places: &[Place], lab: &Lab, dir: &Path) -> String {
    let program = std::env::current_exe()
        .map_or_else(|_| "carnet".to_owned(), |path| path.display().to_string());
    let mut text = String::from("\nIn another terminal:\n");
    let mut line = |command: &str| {
        let _cannot_fail = writeln!(text, "  {command}");
    };
    line(&format!(
        ". {}",
        quoted(&dir.join("env.sh").display().to_string())
    ));
    let storages: Vec<String> = places
        .iter()
        .filter(|place| place.kind == "storage")
        .map(|place| {
            let area = lab.areas.iter().find(|(name, _)| *name == place.name);
            let base = area.map_or("", |(_, base)| base);
            let name = place.name.to_uppercase().replace('-', "_");
            format!("${name}_URL{}", utf8_percent_encode(base, PATH))
        })
        .collect();
    let Some(client) = lab.clients.iter().find(|client| client.name == "trainee") else {
        return text + "\n";
    };
    let get = format!(
        "{} token get --dir \"$CARNET_DIR\" --client {}",
        quoted(&program),
        quoted(&client.name)
    );
    match storages.as_slice() {
        [] => line(&get),
        [first, rest @ ..] => {
            line(&format!(
                "TOKEN=$({get} --scope storage.read:/ --scope storage.modify:/)"
            ));
            for command in curl(first, rest.first())
                .into_iter()
                .chain(gfal(first, rest.first()))
                .chain(davix(first))
                .chain(rclone(first))
            {
                line(&command);
            }
        }
    }
    text + "\n"
}

/// `first` and `second` are the URLs of storage areas.
fn curl(first: &str, second: Option<&String>) -> Vec<String> {
    let me = "curl --oauth2-bearer \"$TOKEN\"";
    let mut lines = vec![
        format!("{me} \"{first}/\""),
        format!("{me} -T \"$CARNET_DIR/env.sh\" \"{first}/hello\""),
    ];
    if let Some(second) = second {
        lines.push(format!(
            "{me} -X COPY -H \"Source: {first}/hello\" \
             -H \"TransferHeaderAuthorization: Bearer $TOKEN\" \"{second}/hello\""
        ));
        lines.push(format!(
            "{me} -I -H \"Want-Digest: adler32\" \"{second}/hello\""
        ));
    }
    lines
}

/// The scripts want the python that has gfal2, the system's.
fn gfal(first: &str, second: Option<&String>) -> Vec<String> {
    let mut lines = vec![
        "export BEARER_TOKEN=\"$TOKEN\" GFAL_PYTHONBIN=/usr/bin/python3".to_owned(),
        format!("gfal-ls -l \"{first}/\""),
        format!("gfal-copy -f \"file://$CARNET_DIR/ca.pem\" \"{first}/gfal\""),
        format!("gfal-sum \"{first}/gfal\" ADLER32"),
    ];
    if let Some(second) = second {
        lines.push(format!(
            "gfal-copy -f -K ADLER32 \"{first}/gfal\" \"{second}/gfal\""
        ));
    }
    lines
}

/// Its tools take the token as a header only.
fn davix(first: &str) -> Vec<String> {
    let me = "-H \"Authorization: Bearer $TOKEN\"";
    vec![
        format!("davix-ls -l {me} \"{first}/\""),
        format!("davix-get {me} \"{first}/hello\""),
    ]
}

fn rclone(first: &str) -> Vec<String> {
    vec![
        format!(
            "export RCLONE_CONFIG_SE_TYPE=webdav RCLONE_CONFIG_SE_VENDOR=other \
             RCLONE_CONFIG_SE_URL=\"{first}\" RCLONE_CONFIG_SE_BEARER_TOKEN=\"$TOKEN\""
        ),
        "rclone --ca-cert \"$CARNET_DIR/ca.pem\" copy \"$CARNET_DIR/certificates\" se:rclone"
            .to_owned(),
        "rclone --ca-cert \"$CARNET_DIR/ca.pem\" check \"$CARNET_DIR/certificates\" se:rclone"
            .to_owned(),
    ]
}

//! What to type next, with the very names of this laboratory; a test runs each line as printed.

use std::fmt::Write as _;
use std::path::Path;

use carnet_stage::Place;

use super::directory::quoted;
use super::lab::Lab;

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
        .map(|place| format!("${}_URL", place.name.to_uppercase().replace('-', "_")))
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
            line(&format!(
                "curl --oauth2-bearer \"$TOKEN\" \"{first}/wlcg/\""
            ));
            line(&format!(
                "curl --oauth2-bearer \"$TOKEN\" -T \"$CARNET_DIR/env.sh\" \"{first}/wlcg/hello\""
            ));
            if let [second, ..] = rest {
                line(&format!(
                    "curl --oauth2-bearer \"$TOKEN\" -X COPY -H \"Source: {first}/wlcg/hello\" \
                     -H \"TransferHeaderAuthorization: Bearer $TOKEN\" \"{second}/wlcg/hello\""
                ));
                line(&format!(
                    "curl --oauth2-bearer \"$TOKEN\" -I -H \"Want-Digest: adler32\" \"{second}/wlcg/hello\""
                ));
            }
        }
    }
    text + "\n"
}

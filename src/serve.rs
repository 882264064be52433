//! `carnet serve`: the actors stay up for outside programs until Ctrl-C.

mod directory;
mod hints;
mod lab;

use std::path::Path;
use std::time::Duration;

use carnet_certs::Authority;
use carnet_scenarios::format::Kind;
use carnet_scenarios::{Changes, LoadError, Location, Running, bring_up, library, load, load_text};
use carnet_stage::{Journal, JournalOptions, JsonLines, is_brief, write_json_lines};

use crate::args::ServeOptions;
use crate::check::tell_load_error;
use crate::{Outcome, output};

pub(crate) use self::directory::Directory;
use self::lab::Lab;

pub(crate) fn serve(options: &ServeOptions) -> anyhow::Result<Outcome> {
    let changes = Changes {
        set: options.set.clone(),
        seed: Some(
            options
                .seed
                .unwrap_or_else(|| carnet_stage::Chance::fresh().seed()),
        ),
        file: None,
        keep: None,
        location: Some(Location {
            ip: options.listen,
            host: "localhost".to_owned(),
            first_port: options.port,
            only: options.only.clone(),
        }),
    };
    // Reading a large topology takes much memory for a moment. A thread that ends leaves its memory to the next one that
    // begins, which will be one that serves.
    let read = std::thread::scope(|scope| {
        let reader = scope.spawn(|| load_topology(&options.topology, &changes));
        reader.join()
    });
    let mut scenario = match read.unwrap_or_else(|panic| std::panic::resume_unwind(panic)) {
        Ok(scenario) => scenario,
        Err(error) => {
            tell_load_error(&error);
            return Ok(Outcome::Wrong);
        }
    };
    if !options.listen.is_loopback() {
        output::complain(&format!(
            "WARNING: listening on {}: whoever reaches this machine can use these actors, whose passwords and \
             keys are made for a laboratory. Loopback is the default.",
            options.listen
        ));
    }
    let directory = options.dir.as_deref().map(Directory::open).transpose()?;
    let authority = match &directory {
        Some(directory) => directory.authority()?,
        None => Authority::new(&directory::fresh_id())?,
    };
    let lab = Lab::of(&mut scenario, options.admin);
    let journal_options = JournalOptions {
        // Nobody looks back at what is served: the file has it.
        keep: 0,
        reveal: options.reveal_tokens,
        digests: false,
        ..JournalOptions::default()
    };
    let journal_file = match &directory {
        Some(directory) if !options.no_journal => Some(directory.journal()?),
        _ => None,
    };
    if let Some(directory) = &directory {
        directory.write_authority(&authority)?;
    }
    // Where all are served on lanes, nothing is left to do but to wait for connections.
    let mut actors = scenario.actors.values().map(|placed| placed.spec.kind());
    let mut runtime = if actors.all(|kind| kind == Kind::User || is_brief(kind.name())) {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    let runtime = runtime
        .max_blocking_threads(crate::DISK_THREADS)
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(async {
        let (send_lines, lines) = std::sync::mpsc::channel::<JsonLines>();
        let on_journal = Box::new(move |journal: &Journal| {
            if let Some(out) = journal_file {
                let _receiver_waits_below = send_lines.send(write_json_lines(journal, out));
            }
        });
        let interrupted = tokio::signal::ctrl_c();
        tokio::pin!(interrupted);
        let mut terminated =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        let keys = carnet_issuer::key_directory();
        let running = bring_up(&scenario, authority, journal_options, keys, on_journal).await?;
        announce(&running, &lab, directory.as_ref())?;
        // The actors have what they need of it.
        drop((scenario, lab));
        tokio::select! {
            interrupted = &mut interrupted => interrupted?,
            _ = terminated.recv() => {}
        }
        if let Some(directory) = &directory {
            directory.not_ready()?;
        }
        running.stage.stop().await;
        if let Ok(lines) = lines.try_recv() {
            lines.close()?;
        }
        output::tell_line("stopped");
        anyhow::Ok(Outcome::Held)
    });
    runtime.shutdown_timeout(Duration::from_millis(200));
    outcome
}

/// A world of the library by name, or a file; a scenario's own cast can be served too.
fn load_topology(name: &str, changes: &Changes) -> Result<carnet_scenarios::Scenario, LoadError> {
    let is_path = name.contains('/')
        || Path::new(name)
            .extension()
            .is_some_and(|extension| extension == "toml");
    match library::world(name) {
        Some(world) if !is_path => load_text(
            &format!("scenarios/{}", world.path),
            world.text,
            None,
            changes,
        ),
        _ => load(name, changes),
    }
}

fn announce(running: &Running, lab: &Lab, directory: Option<&Directory>) -> anyhow::Result<()> {
    let places = running.stage.names().all();
    let width = places
        .iter()
        .map(|place| place.name.len())
        .max()
        .unwrap_or(0);
    for place in &places {
        output::tell_line(&format!(
            "{:width$}  {:8} {}",
            place.name,
            place.kind,
            place.base_url()
        ));
    }
    if let Some(directory) = directory {
        directory.write_endpoints(&places)?;
        directory.write_clients(&lab.clients)?;
        directory.write_users(&lab.users)?;
        directory.write_admins(&places, &lab.admins)?;
        directory.write_environment(&places)?;
        if let (Some(login), Some(rucio)) = (
            &lab.rucio,
            places.iter().find(|place| place.kind == "rucio"),
        ) {
            directory.write_rucio(&rucio.base_url(), login)?;
        }
        output::tell(&hints::lines(&places, lab, directory.path()));
        directory.ready()?;
    } else {
        output::tell_line(
            "(--dir DIR writes the certificate authority, clients and settings that outside programs need)",
        );
    }
    output::tell_line("ready");
    Ok(())
}

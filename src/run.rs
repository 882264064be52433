//! `carnet run`: play scenarios, tell them as they happen, write the views asked for.

mod files;
mod narrate;
mod outside;
mod progress;
mod proof;

use std::time::Duration;

use carnet_report::{Outcome as Told, Played as View};
use carnet_scenarios::{Changes, LoadError, PlayError, PlayOptions, Scenario, library, play};
use carnet_stage::{Journal, JsonLines, write_json_lines};

use crate::args::RunOptions;
use crate::check::{expand, tell_load_error, tell_warnings};
use crate::{Outcome, output};

use self::files::Files;
use self::narrate::Narration;
use self::progress::Progress;

/// A scenario that was played, with all that the whole-file views need.
struct Finished {
    title: String,
    source: Option<String>,
    records: Vec<std::sync::Arc<carnet_stage::Record>>,
    told: Told,
}

pub(crate) fn run(names: &[String], options: &RunOptions) -> anyhow::Result<Outcome> {
    let names = expand(names.iter().cloned())?;
    Files::check_given(options)?;
    let changes = Changes {
        set: options.set.clone(),
        seed: options.seed,
        file: options.file.clone(),
        keep: options.keep.clone(),
        location: options.port.map(outside::location),
    };
    let mut scenarios = Vec::new();
    let mut wrong = false;
    for name in &names {
        match outside::load(name, &changes) {
            Ok(scenario) if scenario.is_world() => {
                wrong = true;
                output::complain(&nothing_to_play(name));
            }
            Ok(scenario) => scenarios.push(scenario),
            Err(LoadError::Unknown { .. }) if library::world(name).is_some() => {
                wrong = true;
                output::complain(&nothing_to_play(name));
            }
            Err(error) => {
                wrong = true;
                tell_load_error(&error);
            }
        }
    }
    if wrong {
        return Ok(Outcome::Wrong);
    }
    if scenarios.iter().any(Scenario::has_external) && options.dir.is_none() {
        output::complain(outside::NEEDS_DIR);
        return Ok(Outcome::Wrong);
    }
    let files = Files::open(options)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(crate::DISK_THREADS)
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = play_all(&scenarios, options, files) => outcome,
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                output::complain("interrupted: every actor stopped");
                Ok(Outcome::Interrupted)
            }
        }
    });
    runtime.shutdown_timeout(Duration::from_millis(200));
    outcome
}

fn nothing_to_play(name: &str) -> String {
    format!(
        "error: {name} is a world without steps: there is nothing to play (`carnet serve --topology {name}` brings it up)"
    )
}

async fn play_all(
    scenarios: &[Scenario],
    options: &RunOptions,
    mut files: Files,
) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::Held;
    let mut finished = Vec::new();
    for _ in 0..options.repeat {
        finished.clear();
        for scenario in scenarios {
            let (one, ended) = play_one(scenario, options, &mut files).await?;
            finished.push(one);
            outcome = outcome.worse(ended);
        }
    }
    let views: Vec<View<'_>> = finished
        .iter()
        .map(|one| View {
            title: &one.title,
            source: one.source.as_deref(),
            records: &one.records,
            outcome: &one.told,
        })
        .collect();
    files.write_views(&views, options.reveal_tokens)?;
    Ok(outcome)
}

async fn play_one(
    scenario: &Scenario,
    options: &RunOptions,
    files: &mut Files,
) -> anyhow::Result<(Finished, Outcome)> {
    if !options.quiet {
        tell_warnings(scenario);
    }
    let narration = Narration::begin(options, &scenario.title, scenario.source.as_deref());
    let to_narration = narration.sink();
    let journal_file = files.journal_writer()?;
    let (send_lines, lines) = std::sync::mpsc::channel::<JsonLines>();
    let (send_progress, progress) = std::sync::mpsc::channel::<Progress>();
    let quiet = options.quiet;
    let on_journal = Box::new(move |journal: &Journal| {
        journal.add_sink(to_narration);
        if let Some(begun) = (!quiet).then(|| Progress::begin(journal)).flatten() {
            let _receiver_waits_below = send_progress.send(begun);
        }
        if let Some(out) = journal_file {
            let _receiver_waits_below = send_lines.send(write_json_lines(journal, out));
        }
    });
    let play_options = PlayOptions {
        reveal_tokens: options.reveal_tokens,
        keys: carnet_issuer::key_directory(),
        authority: options.dir.as_deref().map(outside::authority).transpose()?,
        on_journal: Some(on_journal),
    };
    let played = play(scenario, play_options).await;
    if let Ok(progress) = progress.try_recv() {
        progress.end();
    }
    if let Ok(lines) = lines.try_recv() {
        lines
            .close()
            .map_err(|error| anyhow::anyhow!("the journal could not be written: {error}"))?;
    }
    let (records, failure, ended, millis) = match played {
        Ok(played) => {
            if options.quiet && !played.unseen.is_empty() {
                output::complain(&outside::unseen(&scenario.name, &played.unseen));
            }
            let ended = if played.held() {
                Outcome::Held
            } else {
                Outcome::Broken
            };
            (played.records, None, ended, played.took.as_millis() as u64)
        }
        Err(error @ PlayError::Step { .. }) => {
            (Vec::new(), Some(error.to_string()), Outcome::Broken, 0)
        }
        Err(error) => {
            narration.abandon();
            return Err(error.into());
        }
    };
    let told = Told {
        scenario: scenario.name.clone(),
        copied: proof::copied(&records),
        millis,
        moved: proof::moved_millis(scenario),
        failure,
    };
    narration.end(&told);
    let finished = Finished {
        title: scenario.title.clone(),
        source: scenario.source.clone(),
        records,
        told,
    };
    Ok((finished, ended))
}

//! Waiting for a state: until the journal tells of it, of another final state, or the time is up.

use std::time::Duration;

use carnet_stage::{Event, Journal, Seq};

use crate::format::Await;

/// How long a state is waited for when the step does not say.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a wait ended.
pub(super) enum Waited {
    /// The state was reached.
    Reached,
    /// It was not; the reason.
    InVain(String, Vec<Seq>),
}

/// Waits for the state of a step, counting records after `since`.
pub(super) async fn wait(
    journal: &Journal,
    step: &Await,
    since: Seq,
    rule: Option<&str>,
) -> Waited {
    let (entity, id, wanted) = match (&step.rule, &step.job, &step.entity, &step.state) {
        (Some(state), ..) => ("rucio.rule", rule, state.as_str()),
        (None, Some(state), ..) => ("fts.job", None, state.as_str()),
        (None, None, Some(entity), Some(state)) => (entity.as_str(), None, state.as_str()),
        _ => return Waited::InVain("the step names no state".to_owned(), Vec::new()),
    };
    let within = step
        .within
        .map_or(PATIENCE, crate::format::Duration::unsigned);
    let mut last: Option<(Seq, String, String)> = None;
    let found = journal
        .wait_for(within, |record| {
            let Event::State(state) = &record.event else {
                return false;
            };
            if record.seq <= since || state.entity != entity || id.is_some_and(|id| id != state.id)
            {
                return false;
            }
            let told = (record.seq, state.to.clone(), state.why.clone());
            let reached = state.to.eq_ignore_ascii_case(wanted);
            let over = is_final(entity, &state.to);
            last = Some(told);
            reached || over
        })
        .await;
    match (found, last) {
        (Some(_), Some((_, to, _))) if to.eq_ignore_ascii_case(wanted) => Waited::Reached,
        (Some(record), Some((_, to, why))) => Waited::InVain(
            format!("{entity} became {to} instead of {wanted}: {why}"),
            vec![record.seq],
        ),
        (_, Some((seq, to, why))) => {
            let why = if why.is_empty() {
                String::new()
            } else {
                format!(" ({why})")
            };
            Waited::InVain(
                format!("{entity} was still {to}{why} after {}", seconds(within)),
                vec![seq],
            )
        }
        (_, None) => Waited::InVain(
            format!("there was no {entity} after {}", seconds(within)),
            Vec::new(),
        ),
    }
}

/// States that nothing leaves without being asked.
fn is_final(entity: &str, state: &str) -> bool {
    match entity {
        "rucio.rule" => matches!(state, "OK" | "STUCK"),
        "fts.job" => matches!(state, "FINISHED" | "FAILED" | "FINISHEDDIRTY" | "CANCELED"),
        "fts.file" => matches!(state, "FINISHED" | "FAILED" | "CANCELED" | "NOT_USED"),
        _ => false,
    }
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

//! The steps, one after the other: each is told to the journal, and what follows from it has it as its cause.

use std::time::Duration;

use carnet_stage::{Clock, Event, Expectation, Seq, with_cause};

use super::cast::Running;
use super::saved::Saved;
use super::waits::{Waited, wait};
use super::{PlayError, files, outside, people, requests};
use crate::format::{Fault, Kind, Request, Step};
use crate::loader::{Scenario, Told};

/// Longest a step may take in real time; one that moves very large files has the most to do.
const PATIENCE: Duration = Duration::from_secs(1800);

/// What steps know of each other.
pub(super) struct Story<'s> {
    pub(super) scenario: &'s Scenario,
    pub(super) running: &'s Running,
    pub(super) saved: Saved,
    /// Id of the rule last asked for.
    pub(super) rule: Option<String>,
    /// The record after which states count.
    pub(super) since: Seq,
}

/// Plays every step. Waits that were in vain end the story and are given back.
pub(super) async fn play(
    scenario: &Scenario,
    running: &Running,
) -> Result<Vec<Expectation>, PlayError> {
    let mut story = Story {
        scenario,
        running,
        saved: Saved::default(),
        rule: None,
        since: 0,
    };
    outside::greet(scenario, &running.stage.person("stage")).await?;
    outside::furnish(&story).await?;
    for (index, told) in scenario.steps.iter().enumerate() {
        let asked = in_words(&told.what);
        let event = Event::Step(carnet_stage::Step {
            index: index + 1,
            asked: asked.clone(),
        });
        let seq = running.stage.journal().record_after("stage", None, event);
        if let Step::Await(step) = &told.what {
            let journal = running.stage.journal();
            let (since, rule) = match &step.of {
                Some(name) => (0, story.saved.get(name).ok()),
                None => (story.since, story.rule.as_deref()),
            };
            match wait(journal, step, since, rule).await {
                Waited::Reached => continue,
                Waited::InVain(why, records) => {
                    return Ok(vec![in_vain(scenario, told, asked, why, records)]);
                }
            }
        }
        if acts(&told.what) {
            story.since = seq;
        }
        let done = Box::pin(with_cause(seq, one(&mut story, &told.what)));
        let done = Clock::within_real(PATIENCE, done)
            .await
            .unwrap_or_else(|| Err(format!("it had not ended after {} s", PATIENCE.as_secs())));
        done.map_err(|why| PlayError::Step {
            place: scenario.sources().place(&told.span).to_string(),
            step: asked,
            why,
        })?;
    }
    Ok(Vec::new())
}

fn in_vain(
    scenario: &Scenario,
    told: &Told<Step>,
    asked: String,
    why: String,
    records: Vec<Seq>,
) -> Expectation {
    Expectation {
        label: None,
        expectation: asked,
        place: Some(scenario.sources().place(&told.span).to_string()),
        held: false,
        records,
        why: Some(why),
    }
}

/// Whether states that a later `await` waits for can follow from this step.
fn acts(step: &Step) -> bool {
    matches!(
        step,
        Step::Replicate(_) | Step::Request(_) | Step::Put(_) | Step::Get(_) | Step::Copy(_)
    )
}

async fn one(story: &mut Story<'_>, step: &Step) -> Result<(), String> {
    match step {
        Step::Replicate(step) => people::replicate(story, step).await,
        Step::GetToken(step) => people::get_token(story, step).await,
        Step::SuspendUser(step) => people::suspend(story, &step.user).await,
        Step::LeaveGroup(step) => people::leave_group(story, &step.user, &step.group).await,
        Step::RotateKeys(step) => people::rotate_keys(story, step).await,
        Step::Put(step) => files::put(story, step).await,
        Step::Get(step) => files::get(story, step).await,
        Step::Copy(step) => files::copy(story, step).await,
        Step::Request(step) => request(story, step).await,
        Step::Advance(step) => {
            story.running.stage.clock().advance(step.clock.unsigned());
            Ok(())
        }
        Step::Skew(step) => {
            let member = story.running.of(Kind::User, Some(&step.actor))?;
            member.actor.set_clock_skew(step.by.0);
            Ok(())
        }
        Step::Fault(step) => fault(story, step),
        Step::Note(text) => {
            let text = text.clone();
            story
                .running
                .stage
                .journal()
                .record("stage", Event::Note(carnet_stage::Note { text }));
            Ok(())
        }
        Step::Await(_) => Ok(()),
    }
}

fn fault(story: &Story<'_>, step: &Fault) -> Result<(), String> {
    let member = story.running.of(Kind::User, Some(&step.at))?;
    if let Some(fault) = &step.install {
        member.actor.faults().install(fault.clone());
    }
    if let Some(name) = &step.remove
        && !member.actor.faults().remove(name)
    {
        return Err(format!("{} has no fault `{name}`", step.at));
    }
    Ok(())
}

async fn request(story: &mut Story<'_>, step: &Request) -> Result<(), String> {
    let member = story.running.of(Kind::User, step.by.as_deref())?;
    let mut headers = Vec::new();
    for (name, value) in &step.header {
        headers.push((name.clone(), story.saved.filled(value)?));
    }
    if let Some(credentials) = &step.basic {
        headers.push((
            "authorization".to_owned(),
            requests::basic(&story.saved.filled(credentials)?),
        ));
    }
    let body = if step.form.is_empty() {
        carnet_stage::Body::from(
            story
                .saved
                .filled(step.body.as_deref().unwrap_or_default())?,
        )
    } else {
        let mut fields = Vec::new();
        for (name, value) in &step.form {
            fields.push((name.as_str(), story.saved.filled(value)?));
        }
        let (body, header) = requests::form(fields.iter().map(|(n, v)| (*n, v.as_str())));
        headers.push(header);
        body
    };
    let method =
        step.method
            .as_deref()
            .unwrap_or(if step.form.is_empty() { "GET" } else { "POST" });
    let url = story.saved.filled(&step.url)?;
    let answer = requests::send(&member.actor, method, &url, &headers, body).await?;
    if let Some(name) = &step.save {
        save_members(&mut story.saved, name, &answer.json());
    }
    Ok(())
}

/// Saves the members of a JSON answer; an access token is also saved under the bare name.
pub(super) fn save_members(saved: &mut Saved, name: &str, answer: &serde_json::Value) {
    for (member, value) in answer.as_object().into_iter().flatten() {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        let short = match member.as_str() {
            "access_token" => String::new(),
            "refresh_token" => ".refresh".to_owned(),
            "id_token" => ".id".to_owned(),
            _ => format!(".{member}"),
        };
        saved.put(format!("{name}{short}"), value.as_str());
        saved.put(format!("{name}.{member}"), value);
    }
}

/// A step in words.
pub(super) fn in_words(step: &Step) -> String {
    match step {
        Step::Replicate(s) => format!("replicate {} from {} to {}", s.file, s.from, s.to),
        Step::Await(s) => {
            let (what, state) = match (&s.rule, &s.job, &s.entity, &s.state) {
                (Some(state), ..) => ("the rule", state.as_str()),
                (None, Some(state), ..) => ("the transfer job", state.as_str()),
                (None, None, Some(entity), Some(state)) => (entity.as_str(), state.as_str()),
                _ => ("something", "another state"),
            };
            let within = s
                .within
                .map(|w| format!(" within {:#}", w.0))
                .unwrap_or_default();
            format!("wait until {what} is {state}{within}")
        }
        Step::GetToken(s) => {
            let who = s
                .user
                .as_deref()
                .or(s.client.as_deref())
                .unwrap_or("the user");
            let scope = s
                .scope
                .as_deref()
                .map(|s| format!(" with scope {s}"))
                .unwrap_or_default();
            let audience = s
                .audience
                .as_deref()
                .map(|a| format!(" for {a}"))
                .unwrap_or_default();
            format!("{who} gets a token{scope}{audience}, by {}", flow(s.flow))
        }
        Step::Advance(s) => format!("the clock moves on by {:#}", s.clock.0),
        Step::Skew(s) => {
            let by: Duration = s.by.0.unsigned_abs();
            let way = if s.by.0.is_negative() { "slow" } else { "fast" };
            format!("the clock of {} is {} s {way}", s.actor, by.as_secs_f64())
        }
        Step::Put(s) => format!("{} is stored at {}", s.file, s.at),
        Step::Get(s) => format!("{} is read from {}", s.file, s.at),
        Step::Copy(s) => format!(
            "{} is copied from {} to {} without FTS",
            s.file, s.from, s.to
        ),
        Step::Request(s) => {
            let method =
                s.method
                    .as_deref()
                    .unwrap_or(if s.form.is_empty() { "GET" } else { "POST" });
            format!(
                "{} sends {method} {}",
                s.by.as_deref().unwrap_or("the user"),
                s.url
            )
        }
        Step::Fault(s) => match (&s.install, &s.remove) {
            (Some(fault), _) => format!("{} gets the fault {}", s.at, fault.name),
            (None, name) => format!(
                "{} loses the fault {}",
                s.at,
                name.as_deref().unwrap_or("it had")
            ),
        },
        Step::Note(text) => text.clone(),
        Step::SuspendUser(s) => format!("the issuer's administrator suspends {}", s.user),
        Step::RotateKeys(s) => format!(
            "the issuer's administrator has a new key sign{}",
            if s.keep_old {
                ""
            } else {
                " and takes the old one away"
            }
        ),
        Step::LeaveGroup(s) => format!(
            "the issuer's administrator takes {} out of {}",
            s.user, s.group
        ),
    }
}

fn flow(flow: crate::format::Flow) -> &'static str {
    use crate::format::Flow;
    match flow {
        Flow::DeviceCode => "device code",
        Flow::AuthorizationCode => "authorization code",
        Flow::Password => "password",
        Flow::ClientCredentials => "client credentials",
        Flow::Refresh => "refresh token",
        Flow::Exchange => "token exchange",
    }
}

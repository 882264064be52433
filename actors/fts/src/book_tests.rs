//! The life of jobs and files, event by event (FTS page §2), without clock or network.

#[path = "book_tests/cancel.rs"]
mod cancel;

use serde_json::{Value, json};

use super::*;
use crate::reason::{Failure, Operation, Scope, refused};
use crate::submission::Limits as Bounds;
use crate::tokens::{Granted, TokenState};
use crate::tokens::{Secret, TokenRow};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + seconds).unwrap()
}

fn token(id: &str, state: TokenState) -> TokenRow {
    TokenRow {
        id: id.into(),
        access: Secret::new("access"),
        expiry: None,
        refresh: None,
        issuer: "https://iam.example/".into(),
        scope: "storage.read:/".into(),
        audience: "https://se1.example".into(),
        state,
        attempts: 0,
        retry_at: None,
        message: None,
    }
}

struct Played {
    book: Book,
    job: String,
}

fn play(config: &Config, token_state: TokenState, body: &Value) -> Played {
    let mut played = Played {
        book: Book::new(config, "fts.example"),
        job: "job-1".into(),
    };
    played.book.add_token(token("t", token_state), None, "test");
    submit(&mut played.book, "job-1", body, at(0)).unwrap();
    played
}

fn submit(book: &mut Book, id: &str, body: &Value, now: Timestamp) -> Result<(), Refused> {
    let submission = Submission::parse(
        body,
        None,
        Bounds {
            files: 100,
            rows: 100,
        },
    )?;
    let rows = submission.rows.len();
    let owner = Owner {
        dn: "rucio.example".into(),
        delegation_id: "d".into(),
        vo: "wlcg".into(),
    };
    let new = NewJob {
        id: id.into(),
        owner,
        submission,
        tokens: vec![("t".into(), "t".into()); rows],
        cause: None,
        hashes: vec![0; rows],
    };
    book.submit(new, now)
}

fn files(count: usize, params: &Value) -> Value {
    let files: Vec<Value> = (0..count)
        .map(|n| json!({"sources": [format!("davs://a/{n}")], "destinations": [format!("davs://b/{n}")]}))
        .collect();
    json!({"params": params, "files": files})
}

fn replicas(count: usize) -> Value {
    let sources: Vec<String> = (0..count).map(|n| format!("davs://s{n}/x")).collect();
    json!({"files": [{"sources": sources, "destinations": ["davs://b/x"], "selection_strategy": "orderly"}]})
}

fn gone() -> Failure {
    refused(Scope::Source, Operation::Stat, 404)
}

fn busy() -> Failure {
    refused(Scope::Source, Operation::Stat, 503)
}

impl Played {
    fn states(&self) -> Vec<&'static str> {
        let job = self.book.job(&self.job).unwrap();
        self.book
            .files_of(job)
            .map(|file| file.state.as_str())
            .collect()
    }

    fn job_state(&self) -> &'static str {
        self.book.job(&self.job).unwrap().state.as_str()
    }

    /// Starts what may start and lets each agent end as `end` says.
    fn run(&mut self, now: Timestamp, mut end: impl FnMut(FileId) -> Result<(), Failure>) -> usize {
        let started = self.book.start(now);
        for unit in &started {
            for file in &unit.files {
                assert!(self.book.agent_began(*file, now));
                match end(*file) {
                    Ok(()) => self.book.finished(*file, 1024, 0.5, now),
                    Err(failure) => self.book.failed(*file, &failure, now),
                }
            }
            self.book.agent_ended(unit.unit, &unit.files, now);
        }
        started.len()
    }
}

#[test]
fn a_file_goes_through_its_states_and_each_change_is_told() {
    let mut played = play(
        &Config::default(),
        TokenState::Waiting,
        &files(1, &json!({})),
    );
    assert_eq!(
        (played.states(), played.job_state()),
        (vec!["TOKEN_PREP"], "SUBMITTED")
    );
    assert_eq!(played.book.take_exchanges(at(0).as_second(), 500).len(), 1);
    let granted = Granted {
        access: Some(Secret::new("new")),
        refresh: None,
        expires_in: Some(60),
        scope: None,
    };
    played.book.exchanged("t", granted, at(1));
    assert_eq!(played.states(), ["SUBMITTED"]);
    played.run(at(2), |_| Ok(()));
    assert_eq!(
        (played.states(), played.job_state()),
        (vec!["FINISHED"], "FINISHED")
    );
    let told: Vec<String> = played
        .book
        .take_changes()
        .into_iter()
        .filter(|change| change.entity != "fts.token")
        .map(|change| format!("{} {}>{}", change.entity, change.from, change.to))
        .collect();
    assert_eq!(
        told,
        [
            "fts.job >SUBMITTED",
            "fts.file >TOKEN_PREP",
            "fts.file TOKEN_PREP>SUBMITTED",
            "fts.file SUBMITTED>READY",
            "fts.job SUBMITTED>ACTIVE",
            "fts.file READY>ACTIVE",
            "fts.file ACTIVE>FINISHED",
            "fts.job ACTIVE>FINISHED",
        ]
    );
    let job = played.book.job("job-1").unwrap();
    let shown = played.book.files_of(job).next().unwrap().to_json(job);
    assert_eq!(shown["tx_duration"], json!(0.5));
    assert_eq!(shown["transferred"], json!(1024));
    assert_eq!(job.to_json()["reason"], Value::Null);
}

#[test]
fn the_first_refused_exchange_fails_every_waiting_file_for_good() {
    let body = files(2, &json!({"retry": 3}));
    let mut played = play(&Config::default(), TokenState::Waiting, &body);
    played.book.take_exchanges(at(0).as_second(), 500);
    played.book.exchange_refused(
        "t",
        "[access_denied]: No policy found authorizing this exchange",
        at(1),
    );
    assert_eq!(
        (played.states(), played.job_state()),
        (vec!["FAILED", "FAILED"], "FAILED")
    );
    let job = played.book.job("job-1").unwrap();
    let reasons: Vec<_> = played
        .book
        .files_of(job)
        .filter_map(|file| file.reason.clone())
        .collect();
    let wanted = "[TokenExchange] Failed to get refresh token for source token: [access_denied]: No policy found \
                  authorizing this exchange";
    assert_eq!(reasons, [wanted, wanted]);
    assert_eq!(job.reason.as_deref(), Some(crate::state::SOME_FAILED));
}

#[test]
fn retries_are_counted_delayed_and_logged() {
    let mut played = play(
        &Config::default(),
        TokenState::Ready,
        &files(1, &json!({"retry": 2, "retry_delay": 5})),
    );
    assert_eq!(played.run(at(0), |_| Err(busy())), 1);
    assert_eq!(played.states(), ["SUBMITTED"]);
    assert_eq!(
        played.run(at(4), |_| Err(busy())),
        0,
        "the delay is not over"
    );
    assert_eq!(played.book.next_moment(), Some(at(5)));
    assert_eq!(played.run(at(5), |_| Err(busy())), 1);
    assert_eq!(played.run(at(10), |_| Err(busy())), 1);
    assert_eq!(
        (played.states(), played.job_state()),
        (vec!["FAILED"], "FAILED")
    );
    let job = played.book.job("job-1").unwrap();
    let file = played.book.files_of(job).next().unwrap();
    assert_eq!(
        (file.retry, file.retries.len(), file.recoverable),
        (2, 2, Some(true))
    );
    assert_eq!(file.retries_json()[1]["attempt"], json!(2));
}

#[test]
fn who_is_retried() {
    let server = Config {
        retry: 1,
        ..Config::default()
    };
    let cases: &[(&str, &Config, Value, Failure, &str)] = &[
        (
            "0 means the server's default",
            &server,
            json!({}),
            busy(),
            "SUBMITTED",
        ),
        (
            "which is none when unset",
            &Config::default(),
            json!({}),
            busy(),
            "FAILED",
        ),
        (
            "negative is never",
            &server,
            json!({"retry": -1}),
            busy(),
            "FAILED",
        ),
        (
            "what cannot help is not",
            &server,
            json!({"retry": 3}),
            gone(),
            "FAILED",
        ),
    ];
    for (name, config, params, failure, wanted) in cases {
        let mut played = play(config, TokenState::Ready, &files(1, params));
        played.run(at(0), |_| Err(failure.clone()));
        assert_eq!(played.states(), [*wanted], "{name}");
    }
    let mut body = replicas(1);
    body["params"] = json!({"retry": 3});
    body["files"][0]["sources"] = json!(["davs://s0/x", "davs://s1/x"]);
    let mut played = play(&Config::default(), TokenState::Ready, &body);
    played.run(at(0), |_| Err(busy()));
    assert_eq!(
        played.states(),
        ["FAILED", "SUBMITTED"],
        "R goes on to the next replica instead"
    );
}

#[test]
fn replicas_are_tried_one_after_the_other() {
    let mut played = play(&Config::default(), TokenState::Ready, &replicas(3));
    assert_eq!(played.states(), ["SUBMITTED", "NOT_USED", "NOT_USED"]);
    played.run(at(0), |_| Err(gone()));
    assert_eq!(played.states(), ["FAILED", "SUBMITTED", "NOT_USED"]);
    played.run(at(2), |_| Ok(()));
    assert_eq!(
        (played.states(), played.job_state()),
        (vec!["FAILED", "FINISHED", "NOT_USED"], "FINISHED")
    );
    let mut all_fail = play(&Config::default(), TokenState::Ready, &replicas(2));
    all_fail.run(at(0), |_| Err(gone()));
    all_fail.run(at(1), |_| Err(gone()));
    assert_eq!(all_fail.job_state(), "FAILED");
}

#[test]
fn hops_follow_each_other_and_stop_at_the_first_that_fails() {
    let body = files(2, &json!({"multihop": true}));
    let mut played = play(&Config::default(), TokenState::Ready, &body);
    assert_eq!(played.states(), ["SUBMITTED", "NOT_USED"]);
    played.run(at(0), |_| Ok(()));
    assert_eq!(played.states(), ["FINISHED", "SUBMITTED"]);
    played.run(at(1), |_| Ok(()));
    assert_eq!(played.job_state(), "FINISHED");
    let mut failing = play(&Config::default(), TokenState::Ready, &body);
    failing.run(at(0), |_| Err(gone()));
    assert_eq!(
        (failing.states(), failing.job_state()),
        (vec!["FAILED", "NOT_USED"], "FAILED")
    );
}

#[test]
fn a_session_carries_its_files_with_one_agent() {
    let mut played = play(
        &Config::default(),
        TokenState::Ready,
        &files(3, &json!({"reuse": true})),
    );
    let started = played.book.start(at(0));
    assert_eq!(started.len(), 1);
    assert_eq!(
        (played.states(), played.job_state()),
        (vec!["READY"; 3], "READY")
    );
    for file in started[0].files.clone() {
        played.book.agent_began(file, at(1));
        assert_eq!(played.job_state(), "ACTIVE");
        if file == 2 {
            played.book.failed(file, &gone(), at(1));
        } else {
            played.book.finished(file, 1, 0.1, at(1));
        }
    }
    played
        .book
        .agent_ended(started[0].unit, &started[0].files, at(1));
    assert_eq!(
        (played.states(), played.job_state()),
        (vec!["FINISHED", "FAILED", "FINISHED"], "FINISHEDDIRTY")
    );
}

#[test]
fn the_queue_is_held_as_long_as_configured() {
    let held = Config {
        start_after: Some(SignedDuration::from_mins(90)),
        ..Config::default()
    };
    let mut played = play(&held, TokenState::Ready, &files(1, &json!({})));
    assert_eq!(played.run(at(5399), |_| Ok(())), 0);
    assert_eq!(played.run(at(5400), |_| Ok(())), 1);
}

#[test]
fn an_agent_that_dies_leaves_no_file_active() {
    let mut played = play(&Config::default(), TokenState::Ready, &files(1, &json!({})));
    let started = played.book.start(at(0));
    played.book.agent_began(1, at(0));
    played
        .book
        .agent_ended(started[0].unit, &started[0].files, at(1));
    assert_eq!(played.states(), ["FAILED"]);
}

#[test]
fn priorities_order_the_queue_and_can_change_until_the_end() {
    let one = Config {
        concurrency: 1,
        ..Config::default()
    };
    let mut played = play(&one, TokenState::Ready, &files(1, &json!({"priority": 1})));
    submit(
        &mut played.book,
        "job-2",
        &files(1, &json!({"priority": 2})),
        at(0),
    )
    .unwrap();
    assert_eq!(played.book.set_priority("job-1", 5), Some(true));
    let started = played.book.start(at(1));
    assert_eq!(started[0].files, [1]);
    played.book.failed(1, &gone(), at(2));
    assert_eq!(played.book.set_priority("job-1", 5), Some(false));
    assert_eq!(played.book.set_priority("nobody", 5), None);
}

#[test]
fn a_deterministic_id_is_taken_once() {
    let mut played = play(&Config::default(), TokenState::Ready, &files(1, &json!({})));
    let refusal = submit(&mut played.book, "job-1", &files(1, &json!({})), at(1)).unwrap_err();
    assert_eq!(refusal.status.as_u16(), 409);
    assert_eq!(
        refusal.message,
        "The sid provided by the user is duplicated"
    );
}

#[test]
fn the_memory_is_bounded() {
    let small = Config {
        max_jobs: 10,
        ..Config::default()
    };
    let mut book = Book::new(&small, "fts.example");
    book.add_token(token("t", TokenState::Ready), None, "test");
    for n in 0..100 {
        submit(&mut book, &format!("job-{n}"), &files(1, &json!({})), at(n)).unwrap();
        for unit in book.start(at(n)) {
            for file in &unit.files {
                book.agent_began(*file, at(n));
                book.finished(*file, 1, 0.1, at(n));
            }
            book.agent_ended(unit.unit, &unit.files, at(n));
        }
    }
    assert!(book.jobs().count() <= 11, "{}", book.jobs().count());
    assert!(book.job("job-99").is_some());
    assert!(book.job("job-1").is_none());
}

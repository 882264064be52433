//! What cancels a file: its owner, an operator's ban, time, the other end of a copy.

use super::*;

#[test]
fn cancelling_ends_what_waits_and_stops_what_runs() {
    let mut played = play(
        &Config {
            concurrency: 1,
            ..Config::default()
        },
        TokenState::Ready,
        &files(2, &json!({})),
    );
    let started = played.book.start(at(0));
    played.book.agent_began(1, at(0));
    let (outcome, stop) = played.book.cancel("job-1", at(12));
    assert_eq!((outcome, stop), (Cancelled::Now, vec![1]));
    assert_eq!(
        (played.states(), played.job_state()),
        (vec!["CANCELED", "CANCELED"], "CANCELED")
    );
    assert_eq!(
        played.book.file(1).unwrap().finished,
        None,
        "its agent is not gone yet"
    );
    played.book.finished(1, 5, 1.0, at(13));
    played
        .book
        .agent_ended(started[0].unit, &started[0].files, at(17));
    assert_eq!(played.book.file(1).unwrap().finished, Some(at(17)));
    assert_eq!(
        played.states(),
        ["CANCELED", "CANCELED"],
        "nothing leaves a terminal state"
    );
    assert_eq!(played.book.cancel("job-1", at(20)).0, Cancelled::Terminal);
    assert_eq!(played.book.cancel("nobody", at(20)).0, Cancelled::Unknown);
    assert!(played.book.start(at(20)).is_empty());
}

#[test]
fn a_file_in_token_prep_is_spared_by_a_cancel_of_the_real_server() {
    let quirk = Config {
        cancel_spares_token_prep: true,
        ..Config::default()
    };
    for (config, file, job) in [
        (&Config::default(), "CANCELED", "CANCELED"),
        (&quirk, "FINISHED", "CANCELED"),
    ] {
        let mut played = play(config, TokenState::Waiting, &files(1, &json!({})));
        played.book.cancel("job-1", at(1));
        played.book.take_exchanges(at(1).as_second(), 1);
        let granted = Granted {
            access: None,
            refresh: None,
            expires_in: None,
            scope: None,
        };
        played.book.exchanged("t", granted, at(20));
        played.run(at(21), |_| Ok(()));
        assert_eq!((played.states(), played.job_state()), (vec![file], job));
    }
}

#[test]
fn single_files_are_cancelled_in_jobs_of_kind_n_only() {
    let mut played = play(&Config::default(), TokenState::Ready, &files(2, &json!({})));
    let (answers, _) = played
        .book
        .cancel_files("job-1", &[Some(1), Some(99), None], at(1))
        .unwrap();
    assert_eq!(
        answers,
        [
            FileCancel::State(FileState::Canceled),
            FileCancel::NotOfThisJob,
            FileCancel::NotOfThisJob
        ]
    );
    played.run(at(2), |_| Ok(()));
    assert_eq!(
        (played.states(), played.job_state()),
        (vec!["CANCELED", "FINISHED"], "CANCELED")
    );
    let mut hops = play(
        &Config::default(),
        TokenState::Ready,
        &files(2, &json!({"multihop": true})),
    );
    let refusal = hops
        .book
        .cancel_files("job-1", &[Some(1)], at(1))
        .unwrap_err();
    assert_eq!(
        refusal.message,
        "Multihop or reuse jobs must be cancelled at once (H)"
    );
}

#[test]
fn a_job_that_stays_too_long_is_cancelled_but_not_in_token_prep() {
    let body = files(1, &json!({"max_time_in_queue": "10s"}));
    let held = Config {
        start_after: Some(SignedDuration::from_mins(90)),
        ..Config::default()
    };
    let mut played = play(&held, TokenState::Ready, &body);
    assert_eq!(played.book.next_moment(), Some(at(10)));
    played.book.expire(at(10));
    assert_eq!(
        (played.states(), played.job_state()),
        (vec!["CANCELED"], "CANCELED")
    );
    assert!(
        played
            .book
            .file(1)
            .unwrap()
            .reason
            .as_deref()
            .unwrap()
            .contains("max-time-in-queue")
    );
    let mut waiting = play(&Config::default(), TokenState::Waiting, &body);
    waiting.book.expire(at(10));
    assert_eq!(waiting.states(), ["TOKEN_PREP"]);
}

#[test]
fn a_ban_cancels_or_holds() {
    let wait = Ban {
        status: BanStatus::Wait,
        allow_submit: true,
        message: None,
        vo: "*".into(),
    };
    let mut played = play(&Config::default(), TokenState::Ready, &files(1, &json!({})));
    assert_eq!(played.book.ban("davs://a", wait, at(1)).0, ["job-1"]);
    assert_eq!(played.states(), ["ON_HOLD"]);
    submit(&mut played.book, "job-2", &files(1, &json!({})), at(2)).unwrap();
    assert_eq!(played.book.file(2).unwrap().state, FileState::OnHold);
    assert!(played.book.unban("davs://a", at(3)));
    assert_eq!(played.run(at(4), |_| Ok(())), 2);
    let cancel = Ban {
        status: BanStatus::Cancel,
        allow_submit: false,
        message: None,
        vo: "*".into(),
    };
    let mut played = play(&Config::default(), TokenState::Ready, &files(1, &json!({})));
    played.book.ban("davs://b", cancel, at(1));
    assert_eq!(
        played.book.file(1).unwrap().reason.as_deref(),
        Some("Storage banned")
    );
    let refusal = submit(&mut played.book, "job-2", &files(1, &json!({})), at(2)).unwrap_err();
    assert_eq!(
        (refusal.status.as_u16(), refusal.message.as_str()),
        (403, "davs://b is banned")
    );
}

#[test]
fn a_remote_abort_makes_the_file_canceled() {
    let mut played = play(
        &Config::default(),
        TokenState::Ready,
        &files(1, &json!({"retry": 5})),
    );
    played.run(at(0), |_| {
        Err(crate::markers::aborted(crate::reason::CopyMode::Pull))
    });
    assert_eq!(
        (played.states(), played.job_state()),
        (vec!["CANCELED"], "CANCELED")
    );
    assert_eq!(
        played.book.job("job-1").unwrap().reason.as_deref(),
        Some(crate::state::SOME_FAILED)
    );
}

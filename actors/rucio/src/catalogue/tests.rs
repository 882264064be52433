//! What a catalogue does from a rule to its end, in tables.

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};

use super::{Catalogue, Given, Outcome, Settled};
use crate::config::{AccountConfig, Config, DidConfig, RseConfig};
use crate::did::{DidName, DidType};
use crate::replica::ReplicaState;
use crate::request::RequestState;
use crate::rule::{Grouping, LockCounts, RuleState, RuleWish};

/// A world with three storage elements and one file at SE1.
struct World {
    catalogue: Catalogue,
    now: Timestamp,
    drawn: u64,
}

impl World {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Config)) -> Self {
        let rse = |host: &str| RseConfig {
            url: format!("https://{host}.example"),
            ..RseConfig::default()
        };
        let mut config = Config {
            rses: IndexMap::from([
                ("SE1".into(), rse("se1")),
                ("SE2".into(), rse("se2")),
                ("SE3".into(), rse("se3")),
            ]),
            dids: vec![DidConfig {
                scope: "example".into(),
                name: "file".into(),
                bytes: 5,
                adler32: Some("0cc602d9".into()),
                path: None,
                rses: vec!["SE1".into()],
            }],
            accounts: IndexMap::from([("alice".into(), AccountConfig::default())]),
            ..Config::default()
        };
        change(&mut config);
        let (now, mut drawn) = (Timestamp::from_second(1_795_300_000).expect("a time"), 0);
        let mut id = || {
            drawn += 1;
            format!("{drawn:032x}")
        };
        let catalogue =
            Catalogue::new(&config, &mut Given { now, id: &mut id }).expect("a good configuration");
        Self {
            catalogue,
            now,
            drawn,
        }
    }

    fn given<T>(&mut self, act: impl FnOnce(&mut Catalogue, &mut Given<'_>) -> T) -> T {
        let drawn = &mut self.drawn;
        let mut id = || {
            *drawn += 1;
            format!("{drawn:032x}")
        };
        act(
            &mut self.catalogue,
            &mut Given {
                now: self.now,
                id: &mut id,
            },
        )
    }

    fn rule(&mut self, did: &str, expression: &str) -> Result<String, String> {
        self.rule_with(did, expression, |_| {})
    }

    fn rule_with(
        &mut self,
        did: &str,
        expression: &str,
        change: impl FnOnce(&mut RuleWish),
    ) -> Result<String, String> {
        let mut wish = wish(did, expression);
        change(&mut wish);
        self.given(|c, g| c.add_rule(wish, g))
            .map_err(|e| format!("{} {}", e.status.as_u16(), e.class))
    }

    /// Carries the queued requests to FTS and lets them end so; how often.
    fn carry(&mut self, outcome: &Outcome, retries: u32) -> usize {
        let mut carried = 0;
        loop {
            let queued = self.catalogue.take_queued();
            if queued.is_empty() {
                return carried;
            }
            for id in queued {
                if self
                    .given(|c, g| c.take_up(&id, "https://fts.example", g))
                    .is_none()
                {
                    continue;
                }
                carried += 1;
                self.catalogue.submitted(&id, "job", self.now);
                self.given(|c, g| c.settle(&id, outcome, retries, g));
            }
        }
    }

    fn state(&self, rule: &str) -> (RuleState, LockCounts) {
        let rule = &self.catalogue.rules[rule];
        (rule.state, rule.counts)
    }
}

fn wish(did: &str, expression: &str) -> RuleWish {
    let (scope, name) = did.split_once(':').expect("scope:name");
    RuleWish {
        did: DidName::new(scope, name),
        account: "root".into(),
        copies: 1,
        rse_expression: expression.into(),
        grouping: Grouping::Dataset,
        lifetime: None,
        locked: false,
        source_replica_expression: None,
        activity: "User Subscriptions".into(),
        notify: None,
        purge_replicas: false,
        ignore_availability: false,
        comment: None,
        ask_approval: false,
        priority: 3,
        meta: None,
    }
}

const fn counts(ok: usize, replicating: usize, stuck: usize) -> LockCounts {
    LockCounts {
        ok,
        replicating,
        stuck,
    }
}

fn done() -> Outcome {
    Outcome::Done {
        bytes: Some(5),
        adler32: Some("0cc602d9".into()),
    }
}

#[test]
fn a_rule_goes_from_inject_to_ok_and_tells_every_step() {
    let mut world = World::new();
    let rule = world.rule("example:file", "SE2").expect("a rule");
    assert_eq!(
        world.state(&rule),
        (RuleState::Replicating, counts(0, 1, 0))
    );
    assert_eq!(world.carry(&done(), 0), 1);
    assert_eq!(world.state(&rule), (RuleState::Ok, counts(1, 0, 0)));
    let told: Vec<_> = world
        .catalogue
        .take_changes()
        .into_iter()
        .map(|c| (c.entity, c.from, c.to))
        .collect();
    assert_eq!(
        told,
        [
            ("rucio.rule", "", "INJECT"),
            ("rucio.replica", "", "COPYING"),
            ("rucio.request", "", "QUEUED"),
            ("rucio.rule", "INJECT", "REPLICATING"),
            ("rucio.request", "QUEUED", "SUBMITTING"),
            ("rucio.request", "SUBMITTING", "SUBMITTED"),
            ("rucio.request", "SUBMITTED", "DONE"),
            ("rucio.replica", "COPYING", "AVAILABLE"),
            ("rucio.rule", "REPLICATING", "OK"),
        ]
    );
}

#[test]
fn a_rule_on_what_is_there_is_ok_at_once() {
    let mut world = World::new();
    let rule = world.rule("example:file", "SE1").expect("a rule");
    assert_eq!(world.state(&rule), (RuleState::Ok, counts(1, 0, 0)));
    assert!(world.catalogue.take_queued().is_empty());
}

#[test]
fn outcomes_decide_lock_rule_and_replica() {
    let failed = Outcome::Failed("SOURCE CHECKSUM MISMATCH x".into());
    for (case, outcome, retries, attempts, state, replica, error) in [
        (
            "done",
            done(),
            0,
            1,
            RuleState::Ok,
            ReplicaState::Available,
            None,
        ),
        (
            "failed, no retry",
            failed.clone(),
            0,
            1,
            RuleState::Stuck,
            ReplicaState::Unavailable,
            Some("RequestErrMsg.TRANSFER_FAILED:SOURCE CHECKSUM MISMATCH x"),
        ),
        (
            "failed, three retries",
            failed,
            3,
            4,
            RuleState::Stuck,
            ReplicaState::Unavailable,
            Some("RequestErrMsg.TRANSFER_FAILED:SOURCE CHECKSUM MISMATCH x"),
        ),
        (
            "lost",
            Outcome::Lost,
            1,
            2,
            RuleState::Stuck,
            ReplicaState::Unavailable,
            Some("RequestErrMsg.TRANSFER_FAILED:Transfer job on FTS is lost"),
        ),
        (
            "another size",
            Outcome::Done {
                bytes: Some(6),
                adler32: None,
            },
            0,
            1,
            RuleState::Stuck,
            ReplicaState::Unavailable,
            Some("RequestErrMsg.TRANSFER_FAILED:size differs: Rucio knows 5 bytes, FTS saw 6"),
        ),
        (
            "another checksum",
            Outcome::Done {
                bytes: Some(5),
                adler32: Some("1".into()),
            },
            0,
            1,
            RuleState::Stuck,
            ReplicaState::Unavailable,
            Some(
                "RequestErrMsg.TRANSFER_FAILED:adler32 differs: Rucio knows 0cc602d9, FTS saw 00000001",
            ),
        ),
        (
            "a checksum without its zeros",
            Outcome::Done {
                bytes: None,
                adler32: Some("CC602D9".into()),
            },
            0,
            1,
            RuleState::Ok,
            ReplicaState::Available,
            None,
        ),
    ] {
        let mut world = World::new();
        let rule = world.rule("example:file", "SE2").expect("a rule");
        assert_eq!(world.carry(&outcome, retries), attempts, "{case}");
        assert_eq!(world.catalogue.rules[&rule].state, state, "{case}");
        assert_eq!(
            world.catalogue.rules[&rule].error.as_deref(),
            error,
            "{case}"
        );
        assert_eq!(
            world.catalogue.replicas[&DidName::new("example", "file")]["SE2"].state,
            replica,
            "{case}"
        );
        assert_eq!(world.catalogue.history.len(), attempts, "{case}");
    }
}

#[test]
fn a_retry_knows_the_attempt_before_and_the_source_loses_rank() {
    let mut world = World::new();
    world.rule("example:file", "SE2").expect("a rule");
    let first = world.catalogue.take_queued().remove(0);
    world
        .given(|c, g| c.take_up(&first, "https://fts.example", g))
        .expect("a plan");
    world.catalogue.submitted(&first, "job", world.now);
    let settled = world
        .given(|c, g| c.settle(&first, &Outcome::Failed("no".into()), 3, g))
        .expect("settled");
    let Settled::Again(second) = settled else {
        panic!("another attempt, not {settled:?}")
    };
    let again = &world.catalogue.requests[&second];
    assert_eq!(
        (again.retry_count, again.previous_attempt_id.as_deref()),
        (1, Some(first.as_str()))
    );
    assert_eq!(
        world.catalogue.replicas[&DidName::new("example", "file")]["SE1"].ranking,
        -1
    );
}

#[test]
fn a_refused_submission_sticks_with_its_reason() {
    let mut world = World::new();
    let rule = world.rule("example:file", "SE2").expect("a rule");
    let id = world.catalogue.take_queued().remove(0);
    world
        .given(|c, g| c.take_up(&id, "https://fts.example", g))
        .expect("a plan");
    assert_eq!(
        world.given(|c, g| c.submission_failed(&id, "FTS answered 403: no", 0, g)),
        Some(Settled::Stuck)
    );
    assert_eq!(
        world.catalogue.rules[&rule].error.as_deref(),
        Some("RequestErrMsg.SUBMISSION_FAILED:FTS answered 403: no")
    );
    assert_eq!(
        world.catalogue.history[0].state,
        RequestState::SubmissionFailed
    );
}

#[test]
fn no_source_is_no_transfer() {
    let mut blocked = World::with(|c| c.rses["SE1"].availability_read = false);
    let rule = blocked.rule("example:file", "SE2").expect("a rule");
    assert_eq!(blocked.carry(&done(), 3), 0);
    assert_eq!(
        blocked.catalogue.rules[&rule].error.as_deref(),
        Some("RequestErrMsg.NO_SOURCES:RequestState.NO_SOURCES")
    );

    let mut far = World::with(|c| c.no_distance = vec![("SE1".into(), "SE2".into())]);
    let rule = far.rule("example:file", "SE2").expect("a rule");
    assert_eq!(far.carry(&done(), 3), 0);
    assert_eq!(far.state(&rule).0, RuleState::Stuck);

    let mut nowhere = World::with(|c| c.dids[0].rses.clear());
    let rule = nowhere.rule("example:file", "SE2").expect("a rule");
    assert_eq!(
        nowhere.catalogue.rules[&rule].error.as_deref(),
        Some("MissingSourceReplica")
    );
    assert!(nowhere.catalogue.take_queued().is_empty());
}

#[test]
fn wishes_are_refused_in_rucios_words() {
    for (case, did, expression, change, want) in [
        (
            "unknown file",
            "example:nope",
            "SE2",
            (|_| {}) as fn(&mut RuleWish),
            "404 DataIdentifierNotFound",
        ),
        (
            "unknown RSE",
            "example:file",
            "NOPE",
            |_| {},
            "409 InvalidRSEExpression",
        ),
        (
            "nonsense",
            "example:file",
            "SE1|",
            |_| {},
            "409 InvalidRSEExpression",
        ),
        (
            "too many copies",
            "example:file",
            "SE1|SE2",
            |w| w.copies = 5,
            "409 InsufficientTargetRSEs",
        ),
        (
            "no copies",
            "example:file",
            "SE2",
            |w| w.copies = 0,
            "409 InvalidReplicationRule",
        ),
        (
            "nobody's account",
            "example:file",
            "SE2",
            |w| w.account = "bob".into(),
            "404 AccountNotFound",
        ),
        (
            "no quota",
            "example:file",
            "SE2",
            |w| w.account = "alice".into(),
            "409 InsufficientAccountLimit",
        ),
    ] {
        let mut world = World::with(|c| c.default_account_limit = 0);
        assert_eq!(
            world.rule_with(did, expression, change),
            Err(want.to_owned()),
            "{case}"
        );
    }
    let mut world = World::new();
    world.rule("example:file", "SE2").expect("a rule");
    assert_eq!(
        world.rule("example:file", "SE2"),
        Err("409 DuplicateRule".to_owned())
    );
    let mut blocked = World::with(|c| c.rses["SE2"].availability_write = false);
    assert_eq!(
        blocked.rule("example:file", "SE2"),
        Err("409 RSEWriteBlocked".to_owned())
    );
    assert!(
        blocked
            .rule_with("example:file", "SE2", |w| w.ignore_availability = true)
            .is_ok()
    );
}

#[test]
fn two_rules_share_one_transfer() {
    let mut world = World::new();
    let one = world.rule("example:file", "SE2").expect("a rule");
    let two = world
        .rule_with("example:file", "SE2", |w| w.account = "alice".into())
        .expect("a rule");
    assert_eq!(world.carry(&done(), 0), 1);
    assert_eq!(
        (world.state(&one).0, world.state(&two).0),
        (RuleState::Ok, RuleState::Ok)
    );
    assert_eq!(
        world.catalogue.replicas[&DidName::new("example", "file")]["SE2"].lock_count,
        2
    );
}

#[test]
fn what_is_attached_later_follows_the_rule() {
    let mut world = World::new();
    let dataset = DidName::new("example", "ds");
    world
        .given(|c, g| c.add_collection(&dataset, DidType::Dataset, "root", g))
        .expect("a dataset");
    let rule = world.rule("example:ds", "SE2|SE3").expect("a rule");
    assert_eq!(world.state(&rule), (RuleState::Ok, counts(0, 0, 0)));
    let content = vec![super::FileSpec {
        name: DidName::new("example", "file"),
        bytes: None,
        adler32: None,
        md5: None,
        guid: None,
        pfn: None,
        state: None,
    }];
    world
        .given(|c, g| c.attach(&dataset, &content, None, "root", g))
        .expect("attached");
    assert_eq!(
        world.state(&rule),
        (RuleState::Replicating, counts(0, 1, 0))
    );
    assert_eq!(world.carry(&done(), 0), 1);
    assert_eq!(world.state(&rule), (RuleState::Ok, counts(1, 0, 0)));
}

#[test]
fn a_deleted_rule_lives_one_more_hour_and_then_frees_its_replica() {
    let mut world = World::new();
    let rule = world.rule("example:file", "SE2").expect("a rule");
    world.carry(&done(), 0);
    world
        .catalogue
        .delete_rule(&rule, None, world.now)
        .expect("deleted");
    world
        .catalogue
        .clean(world.now + SignedDuration::from_mins(59));
    assert!(world.catalogue.rules.contains_key(&rule));
    world
        .catalogue
        .clean(world.now + SignedDuration::from_mins(61));
    assert!(!world.catalogue.rules.contains_key(&rule));
    let replica = &world.catalogue.replicas[&DidName::new("example", "file")]["SE2"];
    assert_eq!((replica.lock_count, replica.tombstone.is_some()), (0, true));
}

#[test]
fn a_locked_rule_is_not_deleted() {
    let mut world = World::new();
    let rule = world
        .rule_with("example:file", "SE1", |w| w.locked = true)
        .expect("a rule");
    let refused = world
        .catalogue
        .delete_rule(&rule, None, world.now)
        .expect_err("refused");
    assert_eq!(
        (refused.class, refused.status.as_u16()),
        ("UnsupportedOperation", 409)
    );
}

#[test]
fn a_stuck_rule_is_repaired_or_given_up() {
    let mut world = World::new();
    let rule = world.rule("example:file", "SE2").expect("a rule");
    world.carry(&Outcome::Failed("no".into()), 0);
    assert_eq!(
        world.catalogue.stuck_rules(world.now),
        std::slice::from_ref(&rule)
    );
    world.given(|c, g| c.repair(&rule, g));
    assert_eq!(
        world.state(&rule),
        (RuleState::Replicating, counts(0, 1, 0))
    );
    world.carry(&Outcome::Failed("no".into()), 0);
    world.now += SignedDuration::from_hours(14 * 24 + 1);
    world.given(|c, g| c.repair(&rule, g));
    assert_eq!(world.state(&rule).0, RuleState::Suspended);
}

#[test]
fn approval_comes_before_locks() {
    let mut world = World::new();
    let rule = world
        .rule_with("example:file", "SE2", |w| w.ask_approval = true)
        .expect("a rule");
    assert_eq!(
        world.state(&rule),
        (RuleState::WaitingApproval, counts(0, 0, 0))
    );
    world
        .catalogue
        .set_rule_state(&rule, RuleState::Inject, "approved", world.now)
        .expect("approved");
    world.given(|c, g| c.inject(&rule, g));
    assert_eq!(
        world.state(&rule),
        (RuleState::Replicating, counts(0, 1, 0))
    );
}

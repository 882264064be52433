//! Requests in the catalogue: what submitter, poller and finisher do to them (rucio page §2.2 to §2.4).

use std::fmt::Write as _;

use jiff::Timestamp;

use super::{Catalogue, Given};
use crate::did::DidName;
use crate::path;
use crate::replica::ReplicaState;
use crate::request::{Request, RequestState};
use crate::rule::LockState;
use crate::selection::{self, Candidate, Hop, NoHop};

/// Everything the submitter needs for one request.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The request.
    pub request_id: String,
    /// The rule behind it.
    pub rule_id: String,
    /// From where to where.
    pub hop: Hop,
    /// The file.
    pub did: DidName,
    /// Its size.
    pub bytes: Option<u64>,
    /// Its checksum.
    pub adler32: Option<String>,
    /// Its other checksum.
    pub md5: Option<String>,
    /// Ids of the two RSEs.
    pub rse_ids: (String, String),
    /// `both`, `source`, `target` or `none`.
    pub verify_checksum: &'static str,
    /// Account of the rule.
    pub account: String,
    /// Activity of the rule.
    pub activity: String,
    /// Priority of the rule.
    pub priority: u32,
}

/// How a transfer ended, as FTS says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It arrived; size and checksum as far as FTS tells them.
    Done {
        /// Bytes that FTS saw.
        bytes: Option<u64>,
        /// adler32 that FTS compared.
        adler32: Option<String>,
    },
    /// It failed, with FTS's reason.
    Failed(String),
    /// FTS does not know the job.
    Lost,
}

/// What the finisher did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// The replica is available.
    Arrived,
    /// A new attempt is queued.
    Again(String),
    /// The lock is stuck.
    Stuck,
}

impl Catalogue {
    /// Queues a transfer; a retry takes over from the failed attempt.
    pub(super) fn queue(
        &mut self,
        rule_id: &str,
        file: &DidName,
        rse: &str,
        previous: Option<&Request>,
        given: &mut Given<'_>,
    ) {
        let Some(rule) = self.rules.get(rule_id) else {
            return;
        };
        let id = (given.id)();
        let request = Request {
            id: id.clone(),
            did: file.clone(),
            dest_rse: rse.to_owned(),
            source_rse: None,
            rule_id: rule_id.to_owned(),
            account: rule.wish.account.clone(),
            activity: rule.wish.activity.clone(),
            priority: rule.wish.priority,
            state: RequestState::Queued,
            retry_count: previous.map_or(0, |p| p.retry_count + 1),
            previous_attempt_id: previous.map(|p| p.id.clone()),
            external_host: None,
            external_id: None,
            dest_url: None,
            err_msg: None,
            created_at: given.now,
            updated_at: given.now,
            submitted_at: None,
            started_at: None,
            transferred_at: None,
        };
        let why = match previous {
            Some(p) => format!(
                "attempt {} after {}",
                request.retry_count + 1,
                p.state.as_str()
            ),
            None => format!("{file} is to come to {rse}"),
        };
        self.requests.insert(id.clone(), request);
        self.request_of_replica
            .insert((file.clone(), rse.to_owned()), id.clone());
        self.changed(
            "rucio.request",
            id.clone(),
            "",
            RequestState::Queued.as_str(),
            why,
        );
        self.queued.push(id);
    }

    /// Moves a request; an illegal step is refused and changes nothing.
    fn advance(&mut self, id: &str, to: RequestState, why: &str, now: Timestamp) -> bool {
        let Some(request) = self.requests.get_mut(id) else {
            return false;
        };
        let from = request.state;
        if !from.may_become(to) {
            return false;
        }
        request.state = to;
        request.updated_at = now;
        self.changed("rucio.request", id, from.as_str(), to.as_str(), why);
        true
    }

    /// The submitter takes a queued request: a plan, or nothing when there is no way (the request has then failed).
    pub fn take_up(
        &mut self,
        id: &str,
        external_host: &str,
        given: &mut Given<'_>,
    ) -> Option<Plan> {
        let request = self
            .requests
            .get(id)
            .filter(|r| r.state == RequestState::Queued)?
            .clone();
        match self.find_hop(&request) {
            Ok(hop) => {
                let plan = self.plan(&request, hop)?;
                let why = format!("{} gives the file", plan.hop.source);
                self.advance(id, RequestState::Submitting, &why, given.now);
                if let Some(request) = self.requests.get_mut(id) {
                    request.source_rse = Some(plan.hop.source.clone());
                    request.dest_url = Some(plan.hop.destination_url.clone());
                    request.external_host = Some(external_host.to_owned());
                }
                Some(plan)
            }
            Err(no) => {
                let (state, why) = match no {
                    NoHop::NoSources(why) => (RequestState::NoSources, why),
                    NoHop::MismatchScheme(why) => (RequestState::MismatchScheme, why),
                };
                self.advance(id, state, &why, given.now);
                let message = format!("RequestErrMsg.{0}:RequestState.{0}", state.as_str());
                self.finish(id, Some(&message), 0, given);
                None
            }
        }
    }

    fn find_hop(&self, request: &Request) -> Result<Hop, NoHop> {
        let no = |why: &str| NoHop::NoSources(why.to_owned());
        let did = self
            .dids
            .get(&request.did)
            .ok_or_else(|| no("the file is not known"))?;
        let destination = self
            .rses
            .get(&request.dest_rse)
            .ok_or_else(|| no("the destination is not known"))?;
        let wanted = self
            .rules
            .get(&request.rule_id)
            .and_then(|r| r.wish.source_replica_expression.as_deref());
        let wanted = wanted.and_then(|e| crate::expression::resolve(e, self.rses.values()));
        let candidates: Vec<Candidate<'_>> = self
            .replicas
            .get(&request.did)
            .into_iter()
            .flatten()
            .filter(|(rse, replica)| {
                **rse != request.dest_rse && replica.state == ReplicaState::Available
            })
            .filter_map(|(rse, replica)| {
                Some(Candidate {
                    rse: self.rses.get(rse)?,
                    ranking: replica.ranking,
                    distance: self.distance(rse, &request.dest_rse),
                    wanted: wanted.as_ref().is_none_or(|set| set.contains(rse)),
                })
            })
            .collect();
        selection::choose(did, destination, &candidates, self.scheme)
    }

    fn plan(&self, request: &Request, hop: Hop) -> Option<Plan> {
        let did = self.dids.get(&request.did)?;
        let (source, destination) = (
            self.rses.get(&hop.source)?,
            self.rses.get(&hop.destination)?,
        );
        let verify_checksum = match (
            source.verifies_checksums(),
            destination.verifies_checksums(),
        ) {
            _ if did.adler32.is_none() && did.md5.is_none() => "none",
            (true, true) => "both",
            (true, false) => "source",
            (false, true) => "target",
            (false, false) => "none",
        };
        Some(Plan {
            request_id: request.id.clone(),
            rule_id: request.rule_id.clone(),
            rse_ids: (source.id.clone(), destination.id.clone()),
            verify_checksum,
            did: request.did.clone(),
            bytes: did.bytes,
            adler32: did.adler32.clone(),
            md5: did.md5.clone(),
            account: request.account.clone(),
            activity: request.activity.clone(),
            priority: request.priority,
            hop,
        })
    }

    /// FTS has taken the job.
    pub fn submitted(&mut self, id: &str, job: &str, now: Timestamp) {
        if self.advance(id, RequestState::Submitted, &format!("FTS job {job}"), now)
            && let Some(request) = self.requests.get_mut(id)
        {
            request.external_id = Some(job.to_owned());
            request.submitted_at = Some(now);
        }
    }

    /// FTS has not taken the job, or no token for it could be had.
    pub fn submission_failed(
        &mut self,
        id: &str,
        reason: &str,
        retries: u32,
        given: &mut Given<'_>,
    ) -> Option<Settled> {
        self.advance(id, RequestState::SubmissionFailed, reason, given.now)
            .then_some(())?;
        Some(self.finish(
            id,
            Some(&format!("RequestErrMsg.SUBMISSION_FAILED:{reason}")),
            retries,
            given,
        ))
    }

    /// FTS says how the transfer ended; finishing follows at once.
    pub fn settle(
        &mut self,
        id: &str,
        outcome: &Outcome,
        retries: u32,
        given: &mut Given<'_>,
    ) -> Option<Settled> {
        let request = self
            .requests
            .get(id)
            .filter(|r| r.state == RequestState::Submitted)?;
        let failure = match outcome {
            Outcome::Done { bytes, adler32 } => self
                .difference(&request.did.clone(), *bytes, adler32.as_deref())
                .map(|why| (RequestState::Failed, why)),
            Outcome::Failed(reason) => Some((RequestState::Failed, reason.clone())),
            Outcome::Lost => Some((RequestState::Lost, "Transfer job on FTS is lost".to_owned())),
        };
        match failure {
            None => {
                self.advance(id, RequestState::Done, &done_words(outcome), given.now);
                if let Some(request) = self.requests.get_mut(id) {
                    request.transferred_at = Some(given.now);
                }
                Some(self.finish(id, None, retries, given))
            }
            Some((state, reason)) => {
                self.advance(id, state, &reason, given.now);
                Some(self.finish(
                    id,
                    Some(&format!("RequestErrMsg.TRANSFER_FAILED:{reason}")),
                    retries,
                    given,
                ))
            }
        }
    }

    /// What differs between the file as Rucio knows it and as FTS saw it.
    fn difference(
        &self,
        file: &DidName,
        bytes: Option<u64>,
        adler32: Option<&str>,
    ) -> Option<String> {
        let did = self.dids.get(file)?;
        if let (Some(known), Some(seen)) = (did.bytes, bytes)
            && known != seen
        {
            return Some(format!(
                "size differs: Rucio knows {known} bytes, FTS saw {seen}"
            ));
        }
        let seen = adler32.and_then(path::normal_adler32);
        if let (Some(known), Some(seen)) = (&did.adler32, seen)
            && *known != seen
        {
            return Some(format!(
                "adler32 differs: Rucio knows {known}, FTS saw {seen}"
            ));
        }
        None
    }

    /// The finisher: archive, then replica, locks and rules, or another attempt.
    fn finish(
        &mut self,
        id: &str,
        error: Option<&str>,
        retries: u32,
        given: &mut Given<'_>,
    ) -> Settled {
        let Some(mut request) = self.requests.shift_remove(id) else {
            return Settled::Stuck;
        };
        let key = (request.did.clone(), request.dest_rse.clone());
        request.err_msg = error.map(str::to_owned);
        self.request_of_replica.remove(&key);
        let settled = if request.state == RequestState::Done {
            let rse = self
                .rses
                .get(&request.dest_rse)
                .map_or("", |r| r.name.as_str())
                .to_owned();
            self.set_replica(
                &request.did,
                &rse,
                ReplicaState::Available,
                "size and checksum are those of the source",
                given.now,
            );
            self.locks_of_replica(&request.did, &rse, LockState::Ok, None, given.now);
            Settled::Arrived
        } else {
            if let Some(source) = &request.source_rse
                && request.state == RequestState::Failed
                && let Some(replica) = self
                    .replicas
                    .get_mut(&request.did)
                    .and_then(|at| at.get_mut(source))
            {
                replica.ranking -= 1;
            }
            let still_wanted = self.rules.contains_key(&request.rule_id);
            if request.state.is_retried() && request.retry_count < retries && still_wanted {
                self.queue(
                    &request.rule_id.clone(),
                    &request.did,
                    &request.dest_rse,
                    Some(&request),
                    given,
                );
                Settled::Again(self.queued.last().cloned().unwrap_or_default())
            } else {
                let why = error.unwrap_or("the transfer failed");
                self.set_replica(
                    &request.did,
                    &request.dest_rse,
                    ReplicaState::Unavailable,
                    why,
                    given.now,
                );
                self.locks_of_replica(
                    &request.did,
                    &request.dest_rse,
                    LockState::Stuck,
                    error,
                    given.now,
                );
                Settled::Stuck
            }
        };
        self.history.push(request);
        settled
    }

    /// Nobody wants the file there any more: a request that FTS does not hold yet is taken away.
    pub(super) fn cancel(&mut self, key: &(DidName, String), now: Timestamp) {
        let Some(id) = self.request_of_replica.get(key).cloned() else {
            return;
        };
        let cancellable = self
            .requests
            .get(&id)
            .is_some_and(|r| r.state == RequestState::Queued);
        if !cancellable {
            return;
        }
        self.request_of_replica.remove(key);
        if let Some(mut request) = self.requests.shift_remove(&id) {
            request.updated_at = now;
            self.changed(
                "rucio.request",
                id,
                request.state.as_str(),
                "",
                "no rule wants the file there any more",
            );
            self.history.push(request);
        }
    }
}

/// Why a request is done, with the size and checksum that were compared.
fn done_words(outcome: &Outcome) -> String {
    let mut words = "FTS finished the transfer".to_owned();
    if let Outcome::Done { bytes, adler32 } = outcome {
        if let Some(bytes) = bytes {
            let _ = write!(words, ", {bytes} bytes");
        }
        if let Some(adler32) = adler32.as_deref().and_then(path::normal_adler32) {
            let _ = write!(words, ", adler32 {adler32}");
        }
    }
    words
}

//! `GET /jobs`: jobs that match.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Uri};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::{named, ok, query};
use crate::errors::Refused;
use crate::job::Job;
use crate::service::Service;

/// What the query asks for.
struct Filter {
    user_dn: Option<String>,
    vo: Option<String>,
    delegation: Option<String>,
    states: Option<Vec<String>>,
    source: Option<String>,
    destination: Option<String>,
    limit: Option<usize>,
    finished_after: Option<Timestamp>,
}

impl Filter {
    fn matches(&self, job: &Job) -> bool {
        let same = |wanted: &Option<String>, have: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == have)
        };
        let in_time = match (&self.states, self.limit, self.finished_after) {
            (None, ..) | (Some(_), None, None) => job.finished.is_none(),
            (Some(_), None, Some(after)) => job.finished.is_some_and(|finished| finished >= after),
            (Some(_), Some(_), _) => true,
        };
        in_time
            && self
                .states
                .as_ref()
                .is_none_or(|states| states.iter().any(|state| state == job.state.as_str()))
            && same(&self.user_dn, &job.owner.dn)
            && same(&self.vo, &job.owner.vo)
            && same(&self.delegation, &job.owner.delegation_id)
            && same(&self.source, job.source_se.as_deref().unwrap_or_default())
            && same(
                &self.destination,
                job.dest_se.as_deref().unwrap_or_default(),
            )
    }
}

/// `GET /jobs?state_in=…&vo_name=…&limit=…&fields=…`.
pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let user = named(&service, &headers, false).await?;
    let mut query = query(uri.query());
    let mut take = |name: &str| query.remove(name).filter(|value| !value.is_empty());
    let delegation = take("dlg_id");
    if delegation.is_some() && delegation != user.delegation_id {
        return Err(Refused::forbidden(
            "The provided delegation id does not match your delegation id",
        ));
    }
    let user_dn = take("user_dn");
    if user_dn.as_ref().is_some_and(|dn| *dn != user.dn) {
        return Err(Refused::bad(
            "The provided DN and delegation id do not correspond to the same user",
        ));
    }
    let limit = take("limit").and_then(|limit| limit.trim().parse::<i64>().ok());
    if limit.is_some_and(|limit| !(0..=500).contains(&limit)) {
        return Err(Refused::bad(
            "The limit must be positive and less or equal than 500",
        ));
    }
    let now = service.actor().clock().now();
    let filter = Filter {
        user_dn,
        vo: take("vo_name"),
        delegation,
        states: take("state_in").map(|states| states.split(',').map(str::to_owned).collect()),
        source: take("source_se"),
        destination: take("dest_se"),
        limit: limit.and_then(|limit| usize::try_from(limit).ok()),
        finished_after: take("time_window").and_then(|window| before(now, &window)),
    };
    let fields = take("fields");
    let book = service.book();
    let matching = book.jobs().rev().filter(|job| filter.matches(job));
    let matching: Vec<&Job> = match filter.limit.filter(|limit| *limit > 0) {
        Some(limit) => matching.take(limit).collect(),
        None => matching.collect(),
    };
    let shown = matching.into_iter().map(|job| {
        let mut whole = job.to_json();
        match &fields {
            None => Value::Object(whole),
            Some(fields) => {
                let some: Map<String, Value> = fields
                    .split(',')
                    .filter_map(|name| whole.remove(name).map(|value| (name.to_owned(), value)))
                    .collect();
                Value::Object(some)
            }
        }
    });
    Ok(ok(&Value::Array(shown.collect())))
}

/// `H:M` before now; what is not a time is no limit.
fn before(now: Timestamp, window: &str) -> Option<Timestamp> {
    let (hours, minutes) = window.split_once(':').unwrap_or((window, "0"));
    let minutes = hours
        .trim()
        .parse::<i64>()
        .ok()?
        .checked_mul(60)?
        .checked_add(minutes.trim().parse().ok()?)?;
    now.checked_sub(SignedDuration::from_secs(minutes.checked_mul(60)?))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_windows() {
        let now = Timestamp::from_second(100_000).unwrap();
        let cases = [
            ("1:30", Some(94_600)),
            ("2", Some(92_800)),
            ("x", None),
            ("1:x", None),
            ("9223372036854775807:1", None),
        ];
        for (window, wanted) in cases {
            assert_eq!(
                before(now, window).map(Timestamp::as_second),
                wanted,
                "{window}"
            );
        }
    }
}

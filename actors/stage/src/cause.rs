//! The record that led to what a task is doing, carried with the task.

use crate::event::Seq;

tokio::task_local! {
    static CAUSE: Option<Seq>;
}

/// The record that the running task's work follows from, if any.
pub fn current_cause() -> Option<Seq> {
    CAUSE.try_with(|cause| *cause).ok().flatten()
}

/// Runs `work` as a consequence of the record `cause`.
pub async fn with_cause<F: Future>(cause: impl Into<Option<Seq>>, work: F) -> F::Output {
    CAUSE.scope(cause.into(), work).await
}

/// Runs a synchronous piece of work as a consequence of the record `cause`.
pub(crate) fn with_cause_sync<T>(cause: Seq, work: impl FnOnce() -> T) -> T {
    CAUSE.sync_scope(Some(cause), work)
}

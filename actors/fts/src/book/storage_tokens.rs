//! Storage tokens and the files that wait for them (FTS page §3.1-§3.4).

use carnet_stage::Seq;
use jiff::Timestamp;

use super::Book;
use crate::exchange::exchange_reason;
use crate::state::FileState;
use crate::tokens::{Granted, Secret, TokenRow, TokenState};

impl Book {
    /// Exchanges that may be tried now.
    pub fn take_exchanges(&mut self, now: i64, limit: usize) -> Vec<TokenRow> {
        let taken = self.tokens.take_exchanges(now, limit);
        for row in &taken {
            let cause = self.cause_of_token(&row.id);
            let why = format!(
                "asks {} for audience {}, scope {}",
                row.issuer,
                spoken(&row.audience),
                row.scope
            );
            self.change(
                cause,
                "fts.token",
                row.id.clone(),
                row.state.as_str(),
                TokenState::Exchanging.as_str(),
                why,
            );
        }
        taken
    }

    /// A new storage token; one of the same key stays.
    pub fn add_token(&mut self, row: TokenRow, cause: Option<Seq>, why: &str) {
        let (id, state) = (row.id.clone(), row.state);
        if self.tokens.insert(row) {
            self.change(cause, "fts.token", id, "", state.as_str(), why.to_owned());
        }
    }

    /// A storage token that FTS makes itself is wanted again: if the last exchange failed, or its product is past its
    /// time and cannot be refreshed, the exchange starts afresh.
    pub fn revive_token(&mut self, id: &str, subject: Secret, cause: Option<Seq>, now: i64) {
        let Some(from) = self.tokens.get(id).map(|row| row.state.as_str()) else {
            return;
        };
        if self.tokens.revive(id, subject, now) {
            let why = "submitted again".to_owned();
            self.change(
                cause,
                "fts.token",
                id.to_owned(),
                from,
                TokenState::Waiting.as_str(),
                why,
            );
        }
    }

    /// An exchange succeeded: files that wait for nothing else enter the queue.
    pub fn exchanged(&mut self, id: &str, granted: Granted, now: Timestamp) {
        let cause = self.cause_of_token(id);
        let why = format!(
            "granted {}{}",
            granted.scope.as_deref().unwrap_or("the scope asked for"),
            if granted.refresh.is_some() {
                ", with a refresh token"
            } else {
                ", without a refresh token"
            }
        );
        self.tokens.exchanged(id, granted, now.as_second());
        self.change(
            cause,
            "fts.token",
            id.to_owned(),
            "EXCHANGING",
            "READY",
            why,
        );
        let waiting = self.waiting_for.remove(id).unwrap_or_default();
        for file in waiting {
            let ready = self.files.get(&file).is_some_and(|file| {
                file.state == FileState::TokenPrep
                    && self.tokens.is_usable(&file.source_token)
                    && self.tokens.is_usable(&file.destination_token)
            });
            if ready {
                let initial = self
                    .files
                    .get(&file)
                    .and_then(|file| file.initial)
                    .unwrap_or(FileState::Submitted);
                if self.set(file, initial, "its storage tokens are there") {
                    self.entered(file, now);
                }
            }
        }
    }

    /// An exchange was refused: every file that waits for it fails.
    pub fn exchange_refused(&mut self, id: &str, message: &str, now: Timestamp) {
        let cause = self.cause_of_token(id);
        self.tokens
            .exchange_failed(id, message, now.as_second(), self.rules.exchanges_again);
        self.change(
            cause,
            "fts.token",
            id.to_owned(),
            "EXCHANGING",
            "FAILED",
            message.to_owned(),
        );
        let reason = exchange_reason(message);
        for file in self.waiting_for.remove(id).unwrap_or_default() {
            if self
                .files
                .get(&file)
                .is_none_or(|file| file.state != FileState::TokenPrep)
            {
                continue;
            }
            self.close(file, FileState::Failed, Some(&reason), Some(false), now);
            self.after(file, now);
        }
    }

    /// Nobody answered an exchange and nothing fails for it: it is tried again at `again_at`.
    pub fn exchange_unanswered(&mut self, id: &str, message: &str, again_at: i64) {
        let cause = self.cause_of_token(id);
        self.tokens.exchange_unanswered(id, again_at);
        self.change(
            cause,
            "fts.token",
            id.to_owned(),
            "EXCHANGING",
            "FAILED",
            message.to_owned(),
        );
    }

    /// A refresh begins. Gives the row as it was, or `None` when there is nothing to refresh or somebody is at it.
    pub fn start_refresh(&mut self, id: &str) -> Option<TokenRow> {
        let row = self.tokens.start_refresh(id)?;
        self.change(
            None,
            "fts.token",
            id.to_owned(),
            "READY",
            "REFRESHING",
            format!("asks {}", row.issuer),
        );
        Some(row)
    }

    /// A refresh ended.
    pub fn refreshed(&mut self, id: &str, result: Result<Granted, String>, now: i64) {
        let why = match result {
            Ok(granted) => {
                let why = format!(
                    "granted {}",
                    granted.scope.as_deref().unwrap_or("the same scope")
                );
                self.tokens.refreshed(id, granted, now);
                why
            }
            Err(message) => {
                self.tokens.refresh_failed(id, &message);
                format!("refresh refused: {message}")
            }
        };
        self.change(None, "fts.token", id.to_owned(), "REFRESHING", "READY", why);
    }

    fn cause_of_token(&self, id: &str) -> Option<Seq> {
        let file = self.waiting_for.get(id)?.first()?;
        self.file_and_job(*file)?.1.cause
    }
}

fn spoken(audience: &str) -> &str {
    if audience.is_empty() {
        "none"
    } else {
        audience
    }
}

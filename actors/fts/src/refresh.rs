//! Refresh of storage tokens: always before a start in the flows (A9), only when less than 300 s are left as the real
//! server does it (FTS page §3.4).

use std::time::Duration;

use crate::book::Book;
use crate::exchange::{Needs, discreet, real_refresh, seed_refresh, understand};
use crate::reason::{Failure, Scope, errno};
use crate::service::Service;
use crate::tokens::{Granted, REFRESH_MARGIN, Secret, TokenRow, TokenState, is_stale};

/// How long the agent asks for a fresh token before it gives up, in attempts of a minute each.
const ATTEMPTS: u32 = 5;
/// Time between two rounds of the real refresh daemon, and of the poller that hands its results out.
const ROUND: Duration = Duration::from_secs(15);
/// Pause between two attempts of the agent.
const AGAIN: Duration = Duration::from_secs(60);

impl Service {
    /// Flow A9: the token is refreshed before the transfer starts, if there is a refresh token.
    pub(crate) async fn refresh_for_start(&self, id: &str, scope: Scope) -> Result<(), Failure> {
        if !self.config().refresh {
            return Ok(());
        }
        let has_refresh = self
            .book()
            .tokens()
            .get(id)
            .is_some_and(|row| row.refresh.is_some());
        if !has_refresh {
            return Ok(());
        }
        match self.refresh(id, |_, refresh| seed_refresh(refresh)).await {
            Ok(()) => Ok(()),
            Err(message) => Err(could_not(scope, Some(&message))),
        }
    }

    /// The token for the next operation on a storage element, refreshed if it is about to expire.
    pub(crate) async fn fresh_token(&self, id: &str, scope: Scope) -> Result<Secret, Failure> {
        let now = || self.actor().clock().seconds();
        let stale = |service: &Self| {
            let book = service.book();
            book.tokens().get(id).is_some_and(|row| {
                row.state != TokenState::Unmanaged && is_stale(row.expiry, now())
            })
        };
        if !self.config().refresh || !stale(self) {
            return Ok(self.access_token(id));
        }
        let attempts = if self.config().realistic_rounds {
            ATTEMPTS
        } else {
            1
        };
        for attempt in 0..attempts {
            if self.config().realistic_rounds {
                self.actor()
                    .clock()
                    .sleep(if attempt == 0 { ROUND } else { AGAIN })
                    .await;
            }
            let asked = self.refresh(id, real_refresh).await;
            if self.config().realistic_rounds && asked.is_ok() {
                self.actor().clock().sleep(ROUND).await;
            }
            if asked.is_ok() && !stale(self) {
                return Ok(self.access_token(id));
            }
            if asked.is_ok() {
                // A new token that lives no longer than the margin is never handed out.
                self.actor().note(format!(
                    "the refreshed token lives less than {REFRESH_MARGIN} s: FTS does not hand it to the transfer"
                ));
                break;
            }
        }
        Err(could_not(scope, None))
    }

    /// Refreshes a row; if somebody is at it already, waits for what he gets. The request goes on when the caller
    /// does not: a cancelled transfer must not leave the row to nobody.
    async fn refresh(
        &self,
        id: &str,
        form: fn(&TokenRow, &Secret) -> String,
    ) -> Result<(), String> {
        let row = self.act(|book, _| book.start_refresh(id));
        if let (Some(row), Some(service)) = (row, self.shared()) {
            self.actor().spawn(async move {
                let result = match row.refresh.clone() {
                    Some(refresh) => {
                        service
                            .ask_refresh(&row, &refresh, form(&row, &refresh))
                            .await
                    }
                    None => Err("there is no refresh token".into()),
                };
                service.act(|book, now| book.refreshed(&row.id, result, now.as_second()));
                service.token_has_moved();
            });
        }
        let settled = |book: &Book| {
            book.tokens()
                .get(id)
                .is_none_or(|row| row.state != TokenState::Refreshing)
        };
        self.token_moves(settled).await;
        match self
            .book()
            .tokens()
            .get(id)
            .and_then(|row| row.message.clone())
        {
            Some(message) => Err(message),
            None => Ok(()),
        }
    }

    async fn ask_refresh(
        &self,
        row: &TokenRow,
        refresh: &Secret,
        form: String,
    ) -> Result<Granted, String> {
        let (status, body) = self
            .issuers()
            .post(&row.issuer, form)
            .await
            .map_err(|silent| silent.0)?;
        let client_id = self
            .issuers()
            .config(&row.issuer)
            .map(|config| config.client_id.clone())
            .unwrap_or_default();
        understand(status, &body, Needs::AccessToken).map_err(|message| {
            discreet(
                &message,
                &[refresh.reveal(), row.access.reveal()],
                &client_id,
            )
        })
    }
}

/// The real server does not say why; the flows' server adds the issuer's words.
fn could_not(scope: Scope, why: Option<&str>) -> Failure {
    let side = if scope == Scope::Source {
        "source"
    } else {
        "destination"
    };
    let text = format!("Failed to obtain refresh token for {side}");
    let text = why.map_or(text.clone(), |why| format!("{text}: {why}"));
    Failure::new(scope, errno::EFAULT, text)
}

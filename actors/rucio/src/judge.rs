//! The judge: takes away rules whose time is over and looks again at stuck ones (rucio page §2.6).

use std::time::Duration;

use jiff::SignedDuration;

use crate::server::Rucio;

/// How often the judge looks round on the stage's clock.
const ROUND: Duration = Duration::from_secs(60);

/// Starts the judge; it ends with the actor.
pub(crate) fn start(rucio: &Rucio) {
    let judge = rucio.clone();
    rucio.actor().spawn(async move {
        loop {
            judge.actor().clock().sleep(ROUND).await;
            round(&judge);
        }
    });
}

/// One round: cleaner, then repairer.
fn round(rucio: &Rucio) {
    let now = rucio.actor().clock().now();
    if rucio.read(|c| c.next_expiry().is_some_and(|at| at <= now)) {
        rucio.with(|c, g| c.clean(g.now));
    }
    let Ok(after) = i64::try_from(rucio.config().repair_after) else {
        return;
    };
    if after == 0 {
        return;
    }
    let since = now
        .saturating_sub(SignedDuration::from_secs(after))
        .unwrap_or(now);
    for id in rucio.read(|c| c.stuck_rules(since)) {
        rucio.with(|c, g| c.repair(&id, g));
    }
}

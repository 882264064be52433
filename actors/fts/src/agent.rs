//! The agent as it is today: looks at both sides before and after the COPY, refreshes a token before each look, cleans
//! up after itself (FTS page §4.1, steps 1-10).

use crate::reason::{Failure, Operation, Scope, errno};
use crate::remote::Trouble;
use crate::service::Service;
use crate::surl::Surl;
use crate::tokens::Secret;
use crate::transfer::{Arrived, Orders, Sides, copy, told_checksums};
use crate::verify::{
    digest_value, exists, no_checksum, sizes, source_against_destination, user_against_destination,
    user_against_source,
};

/// Deepest path that is made folder by folder.
const DEEPEST: usize = 64;

/// Carries one file.
pub(crate) async fn carry(
    service: &Service,
    orders: &Orders,
    sides: &Sides,
) -> Result<Arrived, Failure> {
    let (algorithm, user) = (
        orders.expected.algorithm.as_str(),
        orders.expected.value.as_deref(),
    );
    if orders.strict {
        let (source, destination) = (
            source_token(service, orders).await?,
            destination_token(service, orders).await?,
        );
        let seconds = copy(service, orders, sides, &source, &destination).await?;
        return Ok(Arrived { size: 0, seconds });
    }
    // 1, 2: the source's size, and the time limit that follows from it.
    let token = source_token(service, orders).await?;
    let size = stat(
        service,
        &orders.source,
        &sides.source,
        &token,
        &orders.info,
        Scope::Source,
    )
    .await?;
    let computed = 600
        + i64::try_from(size.unwrap_or_default().saturating_mul(2).div_ceil(1 << 20))
            .unwrap_or(i64::MAX / 4);
    service.learned(
        orders.file,
        size,
        if orders.timeout > 0 {
            orders.timeout
        } else {
            computed
        },
    );
    // 3, 4: the source's checksum.
    let mut at_source = None;
    if orders.verify.source() {
        let token = source_token(service, orders).await?;
        let value = checksum(
            service,
            orders,
            &orders.source,
            &sides.source,
            &token,
            Scope::Source,
        )
        .await?;
        if let Some(user) = user {
            user_against_source(algorithm, user, &value)?;
        }
        at_source = Some(value);
    }
    // 5, 6: room at the destination.
    let token = destination_token(service, orders).await?;
    make_room(service, orders, sides, &token).await?;
    // 7, 10: the copy, and what is left of it when it fails.
    let source = source_token(service, orders).await?;
    let destination = destination_token(service, orders).await?;
    let seconds = match copy(service, orders, sides, &source, &destination).await {
        Ok(seconds) => seconds,
        Err(failure) => {
            let by_itself = matches!(failure.errno, errno::ETIMEDOUT | errno::EEXIST);
            if orders.cleanup && !by_itself {
                clean_up(service, orders, sides, &destination).await;
            }
            return Err(failure);
        }
    };
    // 8, 9: the destination's size and checksum.
    let token = destination_token(service, orders).await?;
    let arrived = stat(
        service,
        &orders.destination,
        &sides.destination,
        &token,
        &orders.info,
        Scope::Destination,
    )
    .await?;
    let compared = sizes(size.unwrap_or_default(), arrived.unwrap_or_default());
    unless_it_differs(service, orders, sides, compared).await?;
    let mut at_destination = None;
    if orders.verify.target() {
        let token = destination_token(service, orders).await?;
        let value = checksum(
            service,
            orders,
            &orders.destination,
            &sides.destination,
            &token,
            Scope::Destination,
        )
        .await?;
        let mut compared = Ok(());
        if let Some(user) = user {
            compared = user_against_destination(algorithm, user, &value);
        }
        if let Some(at_source) = &at_source {
            compared =
                compared.and_then(|()| source_against_destination(algorithm, at_source, &value));
        }
        unless_it_differs(service, orders, sides, compared).await?;
        at_destination = Some(value);
    }
    let size = arrived.unwrap_or_default();
    told_checksums(
        service,
        size,
        algorithm,
        at_source.as_deref(),
        at_destination.as_deref(),
    );
    Ok(Arrived { size, seconds })
}

async fn source_token(service: &Service, orders: &Orders) -> Result<Secret, Failure> {
    service
        .fresh_token(&orders.source_token, Scope::Source)
        .await
}

async fn destination_token(service: &Service, orders: &Orders) -> Result<Secret, Failure> {
    service
        .fresh_token(&orders.destination_token, Scope::Destination)
        .await
}

/// A stat; an `https://` URL that is not found is asked for a second time, by HEAD.
async fn look(
    service: &Service,
    surl: &Surl,
    url: &str,
    token: &Secret,
    info: &str,
) -> Result<Option<u64>, Trouble> {
    let found = service.remote().stat(url, token.reveal(), info).await;
    if found == Err(Trouble::Status(404)) && surl.scheme() == "https" {
        return service
            .remote()
            .head(url, token.reveal(), None, info)
            .await
            .map(|seen| seen.size);
    }
    found
}

async fn stat(
    service: &Service,
    surl: &Surl,
    url: &str,
    token: &Secret,
    info: &str,
    scope: Scope,
) -> Result<Option<u64>, Failure> {
    look(service, surl, url, token, info)
        .await
        .map_err(|trouble| trouble.at(scope, Operation::Stat))
}

async fn checksum(
    service: &Service,
    orders: &Orders,
    surl: &Surl,
    url: &str,
    token: &Secret,
    scope: Scope,
) -> Result<String, Failure> {
    let algorithm = orders.expected.algorithm.as_str();
    let seen = service
        .remote()
        .head(url, token.reveal(), Some(algorithm), &orders.info)
        .await
        .map_err(|trouble| trouble.at(scope, Operation::Checksum))?;
    seen.digest
        .and_then(|digest| digest_value(&digest, algorithm))
        .ok_or_else(|| no_checksum(scope, algorithm, surl.as_str()))
}

/// Removes what stands in the way, or makes the folders that are missing.
async fn make_room(
    service: &Service,
    orders: &Orders,
    sides: &Sides,
    token: &Secret,
) -> Result<(), Failure> {
    let there = is_there(
        service,
        &orders.destination,
        &sides.destination,
        token,
        &orders.info,
    )
    .await?;
    if there && !orders.overwrite {
        return Err(exists());
    }
    if there {
        let _seen = service
            .remote()
            .stat(&sides.destination, token.reveal(), &orders.info)
            .await;
        let operation = Operation::Unlink(orders.destination.as_str());
        return service
            .remote()
            .simple("DELETE", &sides.destination, token.reveal(), &orders.info)
            .await
            .map_err(|trouble| trouble.at(Scope::Destination, operation));
    }
    let mut missing: Vec<(Surl, String)> = Vec::new();
    let mut folder = orders.destination.parent();
    while let Some(surl) = folder {
        let Some(url) = surl.http_url() else { break };
        if missing.len() >= DEEPEST || is_there(service, &surl, &url, token, &orders.info).await? {
            break;
        }
        folder = surl.parent();
        missing.push((surl, url));
    }
    for (surl, url) in missing.into_iter().rev() {
        match service
            .remote()
            .simple("MKCOL", &url, token.reveal(), &orders.info)
            .await
        {
            // 405: somebody else made it in the meantime.
            Ok(()) | Err(Trouble::Status(405)) => {}
            Err(trouble) => {
                return Err(trouble.at(Scope::Destination, Operation::Mkcol(surl.as_str())));
            }
        }
    }
    Ok(())
}

async fn is_there(
    service: &Service,
    surl: &Surl,
    url: &str,
    token: &Secret,
    info: &str,
) -> Result<bool, Failure> {
    match look(service, surl, url, token, info).await {
        Ok(_) => Ok(true),
        Err(Trouble::Status(404 | 410)) => Ok(false),
        Err(trouble) => Err(trouble.at(Scope::Destination, Operation::Stat)),
    }
}

/// A copy that is not what its source is, is removed (step 10).
async fn unless_it_differs(
    service: &Service,
    orders: &Orders,
    sides: &Sides,
    compared: Result<(), Failure>,
) -> Result<(), Failure> {
    if compared.is_err()
        && orders.cleanup
        && let Ok(token) = destination_token(service, orders).await
    {
        clean_up(service, orders, sides, &token).await;
    }
    compared
}

/// Removes a broken copy, if there is one. What goes wrong here changes nothing any more.
async fn clean_up(service: &Service, orders: &Orders, sides: &Sides, token: &Secret) {
    if service
        .remote()
        .stat(&sides.destination, token.reveal(), &orders.info)
        .await
        .is_ok()
    {
        let _gone = service
            .remote()
            .simple("DELETE", &sides.destination, token.reveal(), &orders.info)
            .await;
    }
}

//! Fetch: ranges of log files go from the page cache to the socket.
//!
//! ```text
//! request -> plan (sessions, KIP-227) -> collect -> enough? -> encode -> header bytes | file range | ...
//!                                           ^         |
//!                                           └ notified by a partition, or max_wait_ms is over
//! ```
//!
//! All of it runs on the connection's thread, which others share, and so with what is in memory. Where that does not
//! do, [`cold`] does the same on a blocking pool.

mod cold;
mod collect;
mod encode;
mod plan;
mod session;
mod sessions;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::FetchRequest;
use kafka_protocol::protocol::Decodable;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::api::Shared;
use crate::server::{Answer, Fault, Reply, ReplyHeader};
use crate::storage::Reach;
use collect::{Collected, Limits, PartitionAnswer};
use plan::Plan;

pub(crate) use sessions::FetchSessions;

pub(crate) fn handle(shared: &Arc<Shared>, header: ReplyHeader, mut body: Bytes) -> Result<Answer, Fault> {
    let request = FetchRequest::decode(&mut body, header.version)
        .map_err(|error| Fault::Malformed(header.api_key, header.version, error.to_string()))?;
    let limits = Limits::of(&request, &shared.settings);
    let mut plan = match plan::plan(shared, &request, header.version) {
        Ok(plan) => plan,
        Err(error) => {
            shared.counters.failed(header.api_key, error.code());
            return encode::refuse(header, error).map(Answer::Ready);
        }
    };
    let collected = plan.collect(&limits, Reach::Cache);
    if collected.is_enough(&limits) || request.max_wait_ms <= 0 {
        return finish(shared, header, plan, limits, collected);
    }
    let shared = Arc::clone(shared);
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    Ok(Answer::Waiting(Box::pin(async move {
        let collected = wait_for_data(&mut plan, &limits, Instant::now() + wait).await;
        match finish(&shared, header, plan, limits, collected)? {
            Answer::Ready(reply) => Ok(reply),
            Answer::Waiting(reply) => reply.await,
            Answer::None => Ok(Reply::default()),
        }
    })))
}

/// Waits for one of the partitions to advance, until there is enough or the time is over.
async fn wait_for_data(plan: &mut Plan, limits: &Limits, deadline: Instant) -> Collected {
    let advanced = Arc::new(Notify::new());
    let timeout = tokio::time::sleep_until(deadline);
    tokio::pin!(timeout);
    loop {
        plan.notify_on_advance(&advanced);
        // Looked at after registering: an advance in between is not missed.
        let collected = plan.collect(limits, Reach::Cache);
        if collected.is_enough(limits) {
            return collected;
        }
        tokio::select! {
            () = advanced.notified() => {}
            () = &mut timeout => return plan.collect(limits, Reach::Cache),
        }
    }
}

/// Encodes what was collected, unless some of it has to come from the disk. Then the fetch is answered with what there is,
/// be it less than the client would have waited for.
fn finish(
    shared: &Arc<Shared>,
    header: ReplyHeader,
    mut plan: Plan,
    limits: Limits,
    collected: Collected,
) -> Result<Answer, Fault> {
    if collected.is_cold() {
        let shared = Arc::clone(shared);
        return Ok(Answer::Waiting(Box::pin(async move {
            let (session_id, answers) = cold::collect(plan, limits).await?;
            count(&shared, header, &answers);
            encode::encode(header, session_id, &answers)
        })));
    }
    let session_id = plan.session_id();
    let answers = plan.select(collected);
    count(shared, header, &answers);
    encode::encode(header, session_id, &answers).map(Answer::Ready)
}

/// For metrics: what goes out, and what went wrong.
fn count(shared: &Shared, header: ReplyHeader, answers: &[PartitionAnswer]) {
    for answer in answers {
        shared.counters.failed(header.api_key, answer.error);
        if let Some(partition) = &answer.partition {
            partition.traffic().fetched(answer.len());
        }
    }
}

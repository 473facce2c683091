//! Fetch: ranges of log files go from the page cache to the socket.
//!
//! ```text
//! request -> plan (sessions, KIP-227) -> collect -> enough? -> encode -> header bytes | file range | ...
//!                                           ^         |
//!                                           └ notified by a partition, or max_wait_ms is over
//! ```

mod cold;
mod collect;
mod encode;
mod plan;
mod session;
mod sessions;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::FetchRequest;
use kafka_protocol::protocol::Decodable;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::api::Shared;
use crate::server::{Answer, Fault, Reply, ReplyHeader};
use collect::{Collected, Limits};
use plan::Plan;

pub(crate) use sessions::FetchSessions;

pub(crate) fn handle(shared: &Arc<Shared>, header: ReplyHeader, mut body: Bytes) -> Result<Answer, Fault> {
    let request = FetchRequest::decode(&mut body, header.version)
        .map_err(|error| Fault::Malformed(header.api_key, header.version, error.to_string()))?;
    let limits = Limits::of(&request, &shared.settings);
    let mut plan = match plan::plan(shared, &request, header.version) {
        Ok(plan) => plan,
        Err(error) => return encode::refuse(header, error).map(Answer::Ready),
    };
    let collected = plan.collect(&limits);
    if collected.is_enough(&limits) || request.max_wait_ms <= 0 {
        return finish(header, plan, collected);
    }
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    Ok(Answer::Waiting(Box::pin(async move {
        let collected = wait_for_data(&mut plan, &limits, Instant::now() + wait).await;
        match finish(header, plan, collected)? {
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
        let collected = plan.collect(limits);
        if collected.is_enough(limits) {
            return collected;
        }
        tokio::select! {
            () = advanced.notified() => {}
            () = &mut timeout => return plan.collect(limits),
        }
    }
}

/// Encodes what was collected; ranges that are not in memory are read first, off this thread.
fn finish(header: ReplyHeader, mut plan: Plan, collected: Collected) -> Result<Answer, Fault> {
    let session_id = plan.session_id();
    let answers = plan.select(collected);
    if answers.iter().any(|answer| cold::is_cold(&answer.ranges)) {
        return Ok(Answer::Waiting(Box::pin(async move {
            let answers = cold::read(answers).await;
            encode::encode(header, session_id, &answers)
        })));
    }
    encode::encode(header, session_id, &answers).map(Answer::Ready)
}

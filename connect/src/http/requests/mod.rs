//! Records on their way to a server that takes them by request: how many at once, in which order, how often.

mod hearing;
mod plan;

use std::future::Future;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::FuturesUnordered;

pub(crate) use self::hearing::Hearing;
use self::plan::{Plan, Step};
use crate::{Outcome, TaskError};

/// How much is sent at once, and how often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Operations in a request.
    pub(crate) records: usize,
    /// Bytes in a request that holds more than one.
    pub(crate) bytes: usize,
    /// Requests under way.
    pub(crate) in_flight: usize,
    /// How often an operation is sent again.
    pub(crate) retries: u32,
    /// The wait before the first of these tries.
    pub(crate) backoff: Duration,
    /// No try begins later than this after the start.
    pub(crate) patience: Duration,
}

/// What became of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Done.
    Done,
    /// Done before: it is there in this version or a newer one.
    Replayed,
    /// To be sent again.
    Again(String),
    /// The same, for no fault of its own: the server was too busy, or not all of it is there.
    Away(String),
    /// It will never be taken.
    Refused(String),
}

/// What became of a request as a whole.
#[derive(Debug)]
pub(crate) enum Answered {
    /// Each operation has its fate.
    Each(Vec<Fate>),
    /// None has: the server failed.
    None {
        /// How long it wants to be left alone.
        after: Option<Duration>,
        why: String,
    },
    /// None has, and no other request would have done: the server could not be asked, or was too busy.
    Away {
        /// How long it wants to be left alone.
        after: Option<Duration>,
        why: String,
    },
    /// The request was refused for something in it, or for its size.
    Refused(String),
}

/// What became of all operations.
pub(crate) struct Sent {
    /// In order.
    pub(crate) outcomes: Vec<Outcome>,
    /// How many were done before.
    pub(crate) replayed: u64,
    /// What to say instead if the server took nothing, for no fault of any operation: then none counts as tried.
    pub(crate) away: Option<TaskError>,
}

/// Sends operations, given by lane and size, with `send`, which takes their indices; ends when each has its outcome. Operations
/// of one lane are applied in their order.
///
/// # Errors
/// What `send` finds that no later try will mend.
pub(crate) async fn send_all<E, F: Future<Output = Result<Answered, E>>>(
    operations: impl IntoIterator<Item = (Option<u64>, usize)>,
    limits: Limits,
    mut send: impl FnMut(Vec<usize>) -> F,
) -> Result<Sent, E> {
    let mut plan = Plan::new(operations, limits, Instant::now());
    let mut under_way = FuturesUnordered::new();
    loop {
        let pause = match plan.next(Instant::now()) {
            Step::Finished => break,
            Step::Send(request) => {
                let answer = send(request.clone());
                under_way.push(async move { (answer.await, request) });
                continue;
            }
            Step::Wait(until) => Some(until),
            Step::Listen => None,
        };
        tokio::select! {
            Some((answer, request)) = under_way.next() => plan.answered(request, answer?, Instant::now()),
            () = wait(pause) => {}
        }
    }
    let (replayed, away) = (plan.replayed, plan.hearing.away());
    Ok(Sent { outcomes: plan.outcomes().collect(), replayed, away })
}

async fn wait(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until.into()).await,
        None => std::future::pending().await,
    }
}

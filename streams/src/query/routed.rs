//! Asking wherever the tasks are: this process, and through HTTP the others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::owners::{Question, Told};
use super::{Owners, QueryError};
use crate::runtime::{Host, Hosts, Role};
use crate::store::chunk::Page;
use crate::task::TaskId;

/// How long one instance may take at most: one that hangs must leave time to ask another, or it again.
const ATTEMPT: Duration = Duration::from_secs(3);

/// The wait after the first round that did not find everything; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// How many tasks a sub-topology has, once the group has said so, and how many partitions say where a key of the store is, if
/// that is known.
pub(super) async fn width(
    owners: &Owners,
    question: &Question,
    deadline: Instant,
) -> Result<(i32, Option<i32>), QueryError> {
    let mut pause = FIRST_PAUSE;
    loop {
        let hosts = owners.known_hosts.last();
        if let Some(width) = hosts.widths.get(&question.part) {
            let stores = &owners.topology.part(question.part).stores;
            let index = stores.iter().position(|store| store.name == *question.store);
            return Ok((*width, index.and_then(|index| hosts.width_of_store(question.part, index))));
        }
        if Instant::now() + pause > deadline {
            return Err(QueryError::Rebalancing { store: question.store.to_string() });
        }
        sleep(pause).await;
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
}

/// Asks the tasks that the question names until all have answered or the time is over. What one instance has answered is kept
/// while others are asked again.
pub(super) async fn ask(owners: &Owners, question: &Question, deadline: Instant) -> Result<Told, QueryError> {
    let mut missing = question.tasks.clone().unwrap_or_default();
    let (mut told, mut pause) = (Vec::new(), FIRST_PAUSE);
    for attempt in 0.. {
        let hosts = owners.known_hosts.last();
        let Plan { targets, rounds, nowhere } =
            plan(&hosts, owners.known_hosts.process, question, &missing, attempt);
        let mut failure = nowhere;
        let patience = patience(deadline.saturating_duration_since(Instant::now()), attempt, rounds);
        let asked =
            targets.into_iter().map(|(host, tasks)| ask_host(owners, question, host, tasks, patience));
        for (tasks, answer) in join_all(asked).await {
            match answer {
                Ok(answer) => {
                    told.push(answer);
                    missing.retain(|task| !tasks.contains(task));
                }
                Err(error) if error.is_retriable() => failure = Some(error),
                Err(error) => return Err(error),
            }
        }
        let Some(failure) = failure else { break };
        // Whoever else has a copy is asked at once.
        if (attempt + 1) % rounds == 0 {
            if Instant::now() + pause > deadline {
                return Err(failure);
            }
            tracing::debug!(%failure, "a query is tried again");
            sleep(pause).await;
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }
    Ok(Told::merge(told, &question.page))
}

/// How long the n-th attempt may take of the time that is left: as long as each that is still to come in its round.
fn patience(left: Duration, attempt: usize, rounds: usize) -> Duration {
    let to_come = rounds - attempt % rounds;
    (left / u32::try_from(to_come).unwrap_or(u32::MAX)).min(ATTEMPT)
}

async fn ask_host(
    owners: &Owners,
    question: &Question,
    host: &Host,
    tasks: Vec<i32>,
    patience: Duration,
) -> (Vec<i32>, Result<Told, QueryError>) {
    let question = Question { tasks: Some(tasks.clone()), ..question.clone() };
    if host.process != owners.known_hosts.process {
        let answer = owners.peers.ask(&host.endpoint, &question, patience).await;
        return (tasks, answer.and_then(|told| check(told, &question.page, &host.endpoint)));
    }
    let store = question.store.to_string();
    let here = timeout(patience, owners.ask(&Arc::new(question))).await;
    (tasks, here.unwrap_or(Err(QueryError::Rebalancing { store })))
}

/// A peer that did not get on would be asked for ever.
fn check(told: Told, page: &Page, endpoint: &str) -> Result<Told, QueryError> {
    let Some(after) = &page.after else { return Ok(told) };
    let gets_on = |key: &Vec<u8>| if page.reverse { key < after } else { key > after };
    let mut keys = told.value.entries.iter().map(|(key, _)| key).chain(&told.value.behind);
    if keys.all(gets_on) {
        return Ok(told);
    }
    let message = "it says again what it was asked to go on behind".to_owned();
    Err(QueryError::Failed { endpoint: endpoint.to_owned(), message })
}

/// Whom to ask.
struct Plan<'a> {
    targets: Vec<(&'a Host, Vec<i32>)>,
    /// Attempts until everybody who has a copy of a task has been asked.
    rounds: usize,
    /// Why some of the tasks cannot be asked for at the moment.
    nowhere: Option<QueryError>,
}

/// Whom to ask for each task at the n-th attempt: who runs it, then, if standbys will do, each that has a copy, then again.
fn plan<'a>(hosts: &'a Hosts, me: Uuid, question: &Question, tasks: &[i32], attempt: usize) -> Plan<'a> {
    let mut targets: BTreeMap<_, (&Host, Vec<i32>)> = BTreeMap::new();
    let (mut rounds, mut nowhere) = (1, None);
    let reachable = |host: &&Host| host.process == me || !host.endpoint.is_empty();
    for partition in tasks.iter().copied() {
        let task = TaskId { subtopology: question.part, partition };
        let with = |role| hosts.hosts.iter().filter(move |host| host.tasks.get(&task) == Some(&role));
        let standbys = with(Role::Standby).filter(|_| question.stale.is_some());
        let all: Vec<&Host> = with(Role::Active).chain(standbys).collect();
        let can_be_asked: Vec<&Host> = all.iter().copied().filter(reachable).collect();
        let store = question.store.to_string();
        match can_be_asked.get(attempt % can_be_asked.len().max(1)) {
            Some(host) => targets.entry(host.process).or_insert((host, Vec::new())).1.push(partition),
            None if all.is_empty() => nowhere = Some(QueryError::Rebalancing { store }),
            None => nowhere = Some(QueryError::NotHere { store, at: Vec::new() }),
        }
        rounds = rounds.max(can_be_asked.len());
    }
    Plan { targets: targets.into_values().collect(), rounds, nowhere }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::chunk::{Chunk, Read};

    fn host(process: u128, endpoint: &str, tasks: &[(i32, Role)]) -> Host {
        let task =
            |(partition, role): &(i32, Role)| (TaskId { subtopology: 0, partition: *partition }, *role);
        Host {
            process: Uuid::from_u128(process),
            endpoint: endpoint.to_owned(),
            tasks: tasks.iter().map(task).collect(),
        }
    }

    /// Who is asked for what, and why something cannot be.
    fn planned(
        hosts: Vec<Host>,
        stale: Option<u64>,
        attempt: usize,
    ) -> (Vec<(String, Vec<i32>)>, Option<&'static str>) {
        let page = Page { after: None, reverse: false, limit: 1 };
        let question = Question { store: "s".into(), part: 0, tasks: None, stale, read: Read::Count, page };
        let hosts = Hosts { widths: [(0, 3)].into(), hosts, ..Hosts::default() };
        let plan = plan(&hosts, Uuid::from_u128(9), &question, &[0, 1, 2], attempt);
        let targets = plan.targets.into_iter().map(|(host, tasks)| (host.endpoint.clone(), tasks));
        (targets.collect(), plan.nowhere.map(|error| error.code()))
    }

    #[test]
    fn owners_are_asked_first_and_standbys_only_if_they_will_do() {
        use Role::{Active, Standby};
        let hosts = || {
            vec![
                host(1, "a:1", &[(0, Active), (1, Active)]),
                host(2, "b:1", &[(2, Active), (0, Standby)]),
                host(3, "c:1", &[(1, Standby)]),
            ]
        };
        let owners = vec![("a:1".to_owned(), vec![0, 1]), ("b:1".to_owned(), vec![2])];
        assert_eq!(planned(hosts(), None, 0), (owners.clone(), None));
        assert_eq!(planned(hosts(), None, 1), (owners.clone(), None));
        assert_eq!(planned(hosts(), Some(0), 0), (owners, None));
        let copies = vec![("b:1".to_owned(), vec![0, 2]), ("c:1".to_owned(), vec![1])];
        assert_eq!(planned(hosts(), Some(0), 1), (copies, None));
    }

    #[test]
    fn a_peer_that_does_not_get_on_has_failed() {
        let checked = |behind: &[u8], reverse| {
            let value = Chunk { behind: Some(behind.to_vec()), ..Chunk::default() };
            let page = Page { after: Some(b"b".to_vec()), reverse, limit: 1 };
            check(Told { value, ..Told::default() }, &page, "a:1").map_err(|error| error.code()).map(|_| ())
        };
        assert_eq!([checked(b"c", false), checked(b"a", true)], [Ok(()), Ok(())]);
        for (behind, reverse) in [(b"b", false), (b"a", false), (b"b", true), (b"c", true)] {
            assert_eq!(checked(behind, reverse), Err("store_failed"));
        }
    }

    #[test]
    fn what_nobody_has_is_moving_and_what_cannot_be_asked_for_is_elsewhere() {
        let rest = host(1, "a:1", &[(0, Role::Active), (1, Role::Active)]);
        assert_eq!(planned(vec![rest.clone()], None, 0).1, Some("rebalancing"));
        let mute = host(2, "", &[(2, Role::Active)]);
        assert_eq!(
            planned(vec![rest, mute], None, 0),
            (vec![("a:1".to_owned(), vec![0, 1])], Some("not_here"))
        );
    }
}

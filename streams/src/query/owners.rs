use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::join_all;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::peers::Peers;
use super::{Answer, QueryError, Staleness};
use crate::runtime::{
    KnownHosts, LocalTasks, Mail, Mailbox, Mailboxes, StandbyStore, StandbyTask, TopicPartition,
};
use crate::store::chunk::{Chunk, MAX_BYTES, Page, Read};
use crate::store::error::StoreError;
use crate::task::TaskId;
use crate::topology::Topology;

/// The stream threads of an application: whoever owns the tasks.
#[derive(Clone)]
pub struct Owners {
    pub(crate) threads: Arc<Mailboxes>,
    /// The thread that fills the global tables.
    pub(crate) global: Arc<Mailboxes>,
    pub(crate) topology: Topology,
    pub(crate) known_hosts: Arc<KnownHosts>,
    /// The way to other processes.
    pub(crate) peers: Peers,
    /// Where they are asked.
    pub(crate) runtime: Handle,
}

/// What is asked of the tasks of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) store: Arc<str>,
    /// The sub-topology that has the store.
    pub(crate) part: u32,
    /// The tasks that are to answer, by their partitions; `None`: all that are here.
    pub(crate) tasks: Option<Vec<i32>>,
    /// How many records behind a standby may be to answer; `None`: standbys are not asked.
    pub(crate) stale: Option<u64>,
    pub(crate) read: Read,
    pub(crate) page: Page,
}

/// A part of an answer, and how far the tasks had come that have given it.
pub(crate) type Told = Answer<Chunk>;

/// What one thread says.
#[derive(Default)]
struct OfThread {
    /// Whether the group has told it what is its own.
    settled: bool,
    /// Its tasks of the sub-topology that cannot answer yet.
    restoring: Vec<i32>,
    told: Vec<OfTask>,
}

/// What one task says.
struct OfTask {
    partition: i32,
    chunk: Result<Chunk, StoreError>,
    /// How far it has come.
    reached: Vec<(TopicPartition, i64)>,
    /// How far a copy is behind; `None`: the task runs here.
    behind: Option<Staleness>,
}

impl Owners {
    /// Whether a sub-topology fills a global table.
    pub(super) fn is_global(&self, part: u32) -> bool {
        self.topology.globals().iter().any(|global| global.id == part)
    }

    /// The names of all stores.
    pub(super) fn stores(&self) -> Vec<String> {
        let parts = self.topology.subtopologies().iter().chain(self.topology.globals());
        parts.flat_map(|part| &part.stores).map(|spec| spec.name.clone()).collect()
    }

    /// Asks every thread here, each between two of its batches.
    pub(crate) async fn ask(&self, question: &Arc<Question>) -> Result<Told, QueryError> {
        let threads = if self.is_global(question.part) { &self.global } else { &self.threads };
        let asked = threads.all();
        let answers = asked.iter().map(|thread| ask_thread(thread, Arc::clone(question)));
        let answers = join_all(answers).await.into_iter();
        // A thread that takes no mail has died, and its tasks are on their way to others.
        let answers = answers.map(|answer| match answer {
            None if self.threads.is_stopped() => Err(QueryError::Stopped),
            answer => Ok(answer.unwrap_or_default()),
        });
        let answers = answers.collect::<Result<Vec<_>, _>>()?;
        let here = self.known_hosts.running_here(question.part);
        settle(question, answers, &here).map_err(|unsettled| match unsettled {
            Unsettled::Moving => QueryError::Rebalancing { store: question.store.to_string() },
            Unsettled::Absent => {
                let at = self.known_hosts.elsewhere(question.part, question.tasks.as_deref());
                QueryError::NotHere { store: question.store.to_string(), at }
            }
            Unsettled::Failed(error) => error.into(),
        })
    }
}

/// `None`: the thread has ended.
async fn ask_thread(thread: &Mailbox, question: Arc<Question>) -> Option<OfThread> {
    let (reply, answer) = oneshot::channel();
    let query = move |tasks: &LocalTasks<'_>| {
        // Nobody listens any more when the query was given up.
        if !reply.is_closed() {
            let _ = reply.send(visit(tasks, &question));
        }
    };
    thread.send(Mail::Query(Box::new(query))).await.ok()?;
    answer.await.ok()
}

/// What a thread does with a question.
fn visit(tasks: &LocalTasks<'_>, question: &Question) -> OfThread {
    let Question { store, part, tasks: wanted, stale, read, page } = question;
    let asked = |task: TaskId| {
        task.subtopology == *part && wanted.as_ref().is_none_or(|wanted| wanted.contains(&task.partition))
    };
    let restoring = tasks.restoring.iter().filter(|task| asked(**task)).map(|task| task.partition).collect();
    let running: Vec<_> = tasks.running.iter().filter(|local| asked(local.id)).collect();
    let copies: Vec<_> = match stale {
        Some(max) => {
            tasks.standbys.iter().filter_map(|standby| fresh(standby, store, *max, tasks.now)).collect()
        }
        None => Vec::new(),
    };
    let copies: Vec<_> = copies.into_iter().filter(|(_, status)| asked(status.task)).collect();
    let max_bytes = MAX_BYTES / (running.len() + copies.len()).max(1);
    let copies = copies.into_iter().filter_map(|(standby, status)| {
        let chunk = standby.stores().answer(store, read, page, max_bytes)?;
        let behind = Some(Staleness { records: status.lag().unsigned_abs(), age: status.age });
        let (partition, reached) = (status.task.partition, vec![(status.changelog, status.position)]);
        Some(OfTask { partition, chunk, reached, behind })
    });
    let running = running.into_iter().filter_map(|local| {
        let chunk = local.stores.answer(store, read, page, max_bytes)?;
        Some(OfTask { partition: local.id.partition, chunk, reached: (local.position)(), behind: None })
    });
    OfThread { settled: tasks.settled, restoring, told: copies.chain(running).collect() }
}

/// A copy of a store that is at most so many records behind, and how far it has come.
fn fresh<'a>(
    standby: &&'a StandbyTask,
    store: &str,
    max: u64,
    now: i64,
) -> Option<(&'a StandbyTask, StandbyStore)> {
    let status = standby.status(now).find(|status| status.store == store)?;
    (status.lag().unsigned_abs() <= max).then_some((*standby, status))
}

/// Why what the threads say is no answer.
#[derive(Debug)]
enum Unsettled {
    /// A task is on its way, or not complete.
    Moving,
    /// No task here has it.
    Absent,
    Failed(StoreError),
}

/// Half an answer would look like a whole one: while a task that was asked is not ready there is none. `here` has the tasks that
/// the group believes in this process: one that no thread has said anything of is between two threads.
fn settle(question: &Question, threads: Vec<OfThread>, here: &BTreeSet<i32>) -> Result<Told, Unsettled> {
    let settled = threads.iter().all(|thread| thread.settled);
    let restoring = threads.iter().any(|thread| !thread.restoring.is_empty());
    // A task that has moved from thread to thread, or from a copy to where it runs, may have answered twice.
    let mut told: Vec<OfTask> = threads.into_iter().flat_map(|thread| thread.told).collect();
    told.sort_by_key(|told| std::cmp::Reverse(told.behind));
    let told: BTreeMap<i32, OfTask> = told.into_iter().map(|told| (told.partition, told)).collect();
    let absent = |task: &&i32| !told.contains_key(task);
    match &question.tasks {
        None if !settled || restoring || here.iter().any(|task| absent(&task)) => {
            return Err(Unsettled::Moving);
        }
        None if told.is_empty() => return Err(Unsettled::Absent),
        None => {}
        Some(wanted) => match wanted.iter().find(absent) {
            Some(task) if !settled || restoring || here.contains(task) => return Err(Unsettled::Moving),
            Some(_) => return Err(Unsettled::Absent),
            None => {}
        },
    }
    let told = told.into_values().map(|OfTask { chunk, reached, behind: staleness, .. }| {
        let mut told = Told { value: chunk.map_err(Unsettled::Failed)?, staleness, ..Told::default() };
        told.position.extend(reached);
        Ok(told)
    });
    Ok(Told::merge(told.collect::<Result<Vec<_>, _>>()?, &question.page))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(tasks: Option<Vec<i32>>) -> Question {
        let page = Page { after: None, reverse: false, limit: 1 };
        Question { store: "counts".into(), part: 0, tasks, stale: None, read: Read::Count, page }
    }

    fn thread(settled: bool, restoring: &[i32], running: &[i32]) -> OfThread {
        let told = running.iter().map(|task| {
            let chunk = Chunk { count: 1, ..Chunk::default() };
            let reached = vec![(TopicPartition::new("in", *task), i64::from(*task))];
            OfTask { partition: *task, chunk: Ok(chunk), reached, behind: None }
        });
        OfThread { settled, restoring: restoring.to_vec(), told: told.collect() }
    }

    /// How many tasks have answered; or whether it is to be asked again (`true`) or elsewhere.
    fn asked(tasks: Option<Vec<i32>>, threads: Vec<OfThread>, here: &[i32]) -> Result<u64, bool> {
        let here = here.iter().copied().collect();
        match settle(&question(tasks), threads, &here) {
            Ok(told) => Ok(told.value.count),
            Err(Unsettled::Moving) => Err(true),
            Err(Unsettled::Absent) => Err(false),
            Err(Unsettled::Failed(error)) => panic!("{error}"),
        }
    }

    #[test]
    fn all_tasks_here_answer_or_none() {
        assert_eq!(asked(None, vec![thread(true, &[], &[0, 1]), thread(true, &[], &[2])], &[0, 1, 2]), Ok(3));
        assert_eq!(asked(None, vec![thread(true, &[], &[0]), thread(false, &[], &[])], &[]), Err(true));
        assert_eq!(asked(None, vec![thread(true, &[1], &[0])], &[]), Err(true));
        // Between two threads, or twice on the way.
        assert_eq!(asked(None, vec![thread(true, &[], &[0])], &[0, 1]), Err(true));
        assert_eq!(asked(None, vec![thread(true, &[], &[0]), thread(true, &[], &[0])], &[0]), Ok(1));
        assert_eq!(asked(None, vec![thread(true, &[], &[])], &[]), Err(false));
    }

    #[test]
    fn a_task_that_is_asked_is_here_on_its_way_or_elsewhere() {
        assert_eq!(
            asked(Some(vec![1]), vec![thread(true, &[0], &[1])], &[0]),
            Ok(1),
            "no other task matters"
        );
        assert_eq!(asked(Some(vec![1, 3]), vec![thread(true, &[3], &[1])], &[]), Err(true));
        assert_eq!(asked(Some(vec![3]), vec![thread(true, &[], &[])], &[3]), Err(true));
        assert_eq!(asked(Some(vec![3]), vec![thread(false, &[], &[])], &[]), Err(true));
        assert_eq!(asked(Some(vec![3]), vec![thread(true, &[], &[])], &[]), Err(false));
    }

    #[test]
    fn who_runs_a_task_is_believed_before_a_copy_of_it() {
        let age = Some(std::time::Duration::from_millis(9));
        let with = |behind: Option<u64>| {
            let mut thread = thread(true, &[], &[0]);
            thread.told[0].behind = behind.map(|records| Staleness { records, age });
            thread.told[0].chunk = Ok(Chunk { count: behind.unwrap_or(100), ..Chunk::default() });
            thread
        };
        let settled = |threads| settle(&question(Some(vec![0])), threads, &BTreeSet::new()).unwrap();
        let running = settled(vec![with(None), with(Some(3))]);
        assert_eq!((running.value.count, running.staleness), (100, None));
        let copies = settled(vec![with(Some(3)), with(Some(7))]);
        assert_eq!((copies.value.count, copies.staleness), (3, Some(Staleness { records: 3, age })));
    }

    #[test]
    fn an_answer_says_how_far_every_task_had_come() {
        let told = settle(&question(None), vec![thread(true, &[], &[3, 4])], &BTreeSet::new()).unwrap();
        assert_eq!((told.position.of("in", 3), told.position.of("in", 4)), (Some(3), Some(4)));
        assert_eq!(told.position.of("in", 5), None);
    }
}

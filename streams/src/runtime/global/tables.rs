//! The global tables themselves, as a state machine: fetched ranges in, stores filled. It waits for nothing.

use std::collections::BTreeMap;
use std::rc::Rc;

use hashbrown::HashMap;

use super::super::input::{PartitionQueue, RunError};
use super::super::link::{FetchedRange, TopicPartition};
use super::super::mailbox::{LocalTask, LocalTasks};
use super::super::worker::{Backends, WorkerError, at_source, raw};
use crate::errors::{ErrorCounters, Policies};
use crate::metrics::{RestoreMetrics, TaskMetrics};
use crate::store::backend::Position;
use crate::store::cache::CacheBudget;
use crate::store::shared::Globals;
use crate::task::{InputId, Nowhere, Task, TaskEnv, TaskId, Unlimited};
use crate::topology::Topology;

/// One task a table, each fed with all partitions of its topic.
pub(super) struct Tables {
    tasks: Vec<Task>,
    partitions: HashMap<TopicPartition, Partition>,
}

/// A partition of a table's topic.
struct Partition {
    /// The index of its table.
    table: usize,
    queue: PartitionQueue,
    /// The first offset that is not in the store.
    next_offset: i64,
    /// Where the partition ended when the application started: before that is read nothing else runs.
    end: i64,
}

impl Tables {
    /// The tables of `topology` over their stores, in the order of [`Topology::globals`]. They write no topic and have no place
    /// to wait: a record that fails is skipped, whether or not it is to be a dead letter, and is not tried again.
    pub(super) fn new(
        topology: &Topology,
        stores: Vec<Backends>,
        cache_bytes: usize,
        policies: &Policies,
        counters: &ErrorCounters,
        now: i64,
    ) -> Result<Self, WorkerError> {
        let policies = policies.of_global();
        let cache = Rc::new(CacheBudget::new(cache_bytes));
        let task = |(part, backends): (&crate::topology::Subtopology, Backends)| {
            let id = TaskId { subtopology: part.id, partition: 0 };
            let env = TaskEnv { backends, sink: &mut Nowhere, cache: Rc::clone(&cache) };
            let mut task = Task::with_globals(topology, id, env, &Globals::default());
            task.handle_errors(policies.clone(), counters.clone());
            task.init(now, Rc::new(Unlimited), &mut Nowhere)?;
            Ok(task)
        };
        let tasks = topology.globals().iter().zip(stores).map(task);
        Ok(Self { tasks: tasks.collect::<Result<_, WorkerError>>()?, partitions: HashMap::new() })
    }

    /// Has a table read a partition from `next_offset`; it is complete when it has come to `end`.
    pub(super) fn read(&mut self, table: usize, partition: TopicPartition, next_offset: i64, end: i64) {
        self.partitions
            .insert(partition, Partition { table, queue: PartitionQueue::at(None), next_offset, end });
    }

    /// Puts fetched records into their table's store; `position` is where the partition is read next.
    /// Returns the table's index.
    pub(super) fn fetched(
        &mut self,
        range: FetchedRange,
        position: i64,
        now: i64,
    ) -> Result<Option<usize>, WorkerError> {
        let Some(partition) = self.partitions.get_mut(&range.source) else { return Ok(None) };
        let task = &mut self.tasks[partition.table];
        partition.queue.push(range.offset, range.bytes);
        loop {
            let process = |record: millstream_wire::batch::Record<'_>| {
                task.process(InputId(0), raw(&record), &mut Nowhere)
            };
            match partition.queue.run(i64::MAX, usize::MAX, process) {
                Ok(0) => break,
                Ok(_) => {}
                Err(RunError::Process { error, .. }) => return Err(error.into()),
                Err(RunError::Batch(offset, error)) => {
                    return Err(at_source(task, &range.source, offset, &error));
                }
            }
        }
        task.flush(&mut Nowhere)?;
        task.write(|_| Position::Unchanged)?;
        task.end_turn(now);
        partition.next_offset = partition.next_offset.max(position);
        Ok(Some(partition.table))
    }

    /// What has passed each table.
    pub(super) fn metrics(&self) -> impl Iterator<Item = TaskMetrics> {
        self.tasks.iter().map(Task::metrics)
    }

    /// How far those have come that are not complete.
    pub(super) fn restores(&self) -> impl Iterator<Item = RestoreMetrics> {
        let of_table = |(table, task): (usize, &Task)| {
            let partitions = self.partitions.values().filter(|partition| partition.table == table);
            let missing = partitions.map(|partition| (partition.end - partition.next_offset).max(0));
            let remaining = missing.sum::<i64>().unsigned_abs();
            let metrics = task.metrics();
            let store = metrics.stores.first().map_or_else(String::new, |store| store.store.clone());
            let restored = metrics.records;
            (remaining > 0).then(|| RestoreMetrics { task: task.id(), store, remaining, restored })
        };
        self.tasks.iter().enumerate().filter_map(of_table)
    }

    /// Tells the processors that fill global stores that they end.
    pub(super) fn close(&mut self) -> Result<(), WorkerError> {
        self.tasks.iter_mut().try_for_each(|task| task.close().map_err(WorkerError::from))
    }

    /// Whether all is read that was there at the start.
    pub(super) fn are_complete(&self) -> bool {
        self.partitions.values().all(|partition| partition.next_offset >= partition.end)
    }

    /// How far a table has come in each of its partitions.
    pub(super) fn positions(&self, table: usize) -> BTreeMap<i32, i64> {
        let of_table = self.partitions.iter().filter(|(_, partition)| partition.table == table);
        of_table.map(|(source, partition)| (source.partition, partition.next_offset)).collect()
    }

    /// Puts a table on disk.
    pub(super) fn flush(&mut self, table: usize, name: &str) -> Result<(), WorkerError> {
        let task = &mut self.tasks[table];
        let mut flushed = Ok(());
        task.with_backend(name, |backend| flushed = backend.flush());
        flushed.map_err(|source| WorkerError::Store { task: task.id(), source })
    }

    /// Empties a table that is to be read anew.
    pub(super) fn clear(&mut self, table: usize, name: &str) -> Result<(), WorkerError> {
        let task = &mut self.tasks[table];
        let mut cleared = Ok(());
        task.with_backend(name, |backend| cleared = backend.clear());
        cleared.map_err(|source| WorkerError::Store { task: task.id(), source })
    }

    /// What queries see. Until all is read that was there at the start, half a table would look like a whole one.
    pub(super) fn local_tasks(&self) -> LocalTasks<'_> {
        let local = |table: usize| LocalTask {
            id: self.tasks[table].id(),
            stores: self.tasks[table].stores(),
            position: Box::new(move || {
                let of_table = self.partitions.iter().filter(|(_, partition)| partition.table == table);
                of_table.map(|(source, partition)| (source.clone(), partition.next_offset)).collect()
            }),
        };
        LocalTasks {
            // There are no copies whose age could matter.
            now: 0,
            running: (0..self.tasks.len()).map(local).collect(),
            restoring: Vec::new(),
            standbys: Vec::new(),
            settled: self.are_complete(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;
    use crate::store::memory;

    #[test]
    fn a_table_answers_once_all_is_read_that_was_there_at_the_start() {
        let builder = StreamsBuilder::new();
        let _cities = builder.global_table(Topic::<String, String>::new("cities"));
        let topology = builder.build().unwrap();
        let backends = topology.globals()[0].stores.iter().map(memory::open).collect();
        let (policies, counters) = (Policies::default(), ErrorCounters::default());
        let mut tables = Tables::new(&topology, vec![backends], 1 << 20, &policies, &counters, 0).unwrap();
        let partition = TopicPartition::new("cities", 0);
        tables.read(0, partition.clone(), 3, 5);
        assert!(!tables.local_tasks().settled);
        tables.read(0, partition, 5, 5);
        assert!(tables.local_tasks().settled);
    }
}

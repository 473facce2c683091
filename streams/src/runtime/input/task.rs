use std::sync::Arc;

use bytes::Bytes;
use millstream_wire::batch::Record;

use super::partition::{PartitionQueue, RunError};
use crate::task::InputId;

/// How soon (ms) is asked again how much a partition has that is waited for: a fetch that finds nothing wakes nobody.
const ASK_AGAIN_MS: i64 = 20;

/// The partition with the earliest record, and the time (ms) of the earliest record of the others.
type Earliest = (usize, i64);

/// The inputs of one task: a queue per partition, read in the order of the records' timestamps.
#[derive(Debug, Default)]
pub(crate) struct TaskInputs {
    inputs: Vec<Input>,
}

/// What came of reading an input; a failure names the input by its index.
type AtInput<T, E> = Result<T, (usize, RunError<E>)>;

/// One partition that a task reads.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) id: InputId,
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) queue: PartitionQueue,
    /// Whether fetching has been stopped until the queue drains.
    pub(crate) paused: bool,
    /// Since when (ms) it has had nothing, and the broker neither; `None`: one of them has, or may have.
    dry_since: Option<i64>,
}

/// Whether a task may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// It has records to choose from.
    Ready,
    /// It has none.
    Empty,
    /// It has some, but an empty partition may still deliver earlier ones: until it does, or until this time (ms).
    Until(i64),
}

/// `max.task.idle.ms`: how long the order of timestamps is worth waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MaxIdle {
    /// -1: do not wait at all.
    Never,
    /// 0 and more: wait for what the broker is known to have, and this many milliseconds for what it has not.
    Millis(i64),
}

impl TaskInputs {
    /// Adds a partition, of which everything before `stands_at` has been processed, if that is known.
    pub(crate) fn add(&mut self, id: InputId, topic: Arc<str>, partition: i32, stands_at: Option<i64>) {
        let queue = PartitionQueue::at(stands_at);
        self.inputs.push(Input { id, topic, partition, queue, paused: false, dry_since: None });
    }

    pub(crate) fn get(&self, index: usize) -> &Input {
        &self.inputs[index]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Input> {
        self.inputs.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Input> {
        self.inputs.iter_mut()
    }

    /// Adds what a fetch of one of the partitions returned; `None`: it is none of this task's.
    pub(crate) fn push(
        &mut self,
        topic: &str,
        partition: i32,
        fetch_offset: i64,
        chunk: Bytes,
    ) -> Option<&mut Input> {
        let mut inputs = self.inputs.iter_mut();
        let input = inputs.find(|input| input.partition == partition && *input.topic == *topic)?;
        input.queue.push(fetch_offset, chunk);
        Some(input)
    }

    /// Whether to process now. `lag` is asked how much the broker is known to have of partitions that have run dry; `None`: that
    /// is not known yet. The rules are those of KIP-695: what is known to be there is waited for without end, and each dry
    /// partition is then given its time, which begins when it is seen to have nothing more, whether or not others have.
    pub(crate) fn wait<E>(
        &mut self,
        now: i64,
        max_idle: MaxIdle,
        lag: impl Fn(&Input) -> Option<i64>,
    ) -> AtInput<Wait, E> {
        let (mut filled, mut until) = (false, now);
        for index in 0..self.inputs.len() {
            let drained = self.is_drained(index)?;
            filled |= !drained;
            if self.inputs.len() > 1
                && let MaxIdle::Millis(idle) = max_idle
            {
                let input = &mut self.inputs[index];
                if !drained {
                    input.dry_since = None;
                } else if lag(input) == Some(0) {
                    until = until.max(input.dry_since.get_or_insert(now).saturating_add(idle));
                } else {
                    input.dry_since = None;
                    until = until.max(now.saturating_add(ASK_AGAIN_MS));
                }
            }
        }
        Ok(match filled {
            false => Wait::Empty,
            true if until <= now => Wait::Ready,
            true => Wait::Until(until),
        })
    }

    /// Passes up to `limit` records to `process`, earliest first, and stops when a partition runs dry: what comes next is then
    /// for [`wait`](Self::wait) to decide. Records of equal time go in the order of the inputs.
    pub(crate) fn run<E>(
        &mut self,
        limit: usize,
        mut process: impl FnMut(InputId, Record<'_>) -> Result<(), E>,
    ) -> AtInput<usize, E> {
        let mut passed = 0;
        while passed < limit {
            let Some((index, until)) = self.earliest()? else { break };
            let Input { id, queue, .. } = &mut self.inputs[index];
            let id = *id;
            let run = queue.run(until, limit - passed, |record| process(id, record));
            passed += run.map_err(|error| (index, error.after(passed)))?;
            if self.inputs.len() > 1 && self.is_drained(index)? {
                break;
            }
        }
        Ok(passed)
    }

    /// The partition with the earliest record, and the time of the earliest record of the others.
    fn earliest<E>(&mut self) -> Result<Option<Earliest>, (usize, RunError<E>)> {
        if self.inputs.len() == 1 {
            let drained = self.is_drained(0)?;
            return Ok((!drained).then_some((0, i64::MAX)));
        }
        let mut first: Option<(i64, usize)> = None;
        let mut second = i64::MAX;
        for index in 0..self.inputs.len() {
            let Some(head) = self.head(index)? else { continue };
            match first {
                Some((time, _)) if head >= time => second = second.min(head),
                Some((time, _)) => {
                    second = time;
                    first = Some((head, index));
                }
                None => first = Some((head, index)),
            }
        }
        Ok(first.map(|(_, index)| (index, second)))
    }

    fn is_drained<E>(&mut self, index: usize) -> AtInput<bool, E> {
        Ok(self.head(index)?.is_none())
    }

    fn head<E>(&mut self, index: usize) -> AtInput<Option<i64>, E> {
        let queue = &mut self.inputs[index].queue;
        let offset = queue.next_offset().unwrap_or(-1);
        queue.head_timestamp().map_err(|error| (index, RunError::Batch(offset, error)))
    }
}

#[cfg(test)]
mod tests {
    use millstream_wire::compression::Compression;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::partition::tests::batch;
    use super::*;

    fn inputs(partitions: &[Vec<Vec<i64>>]) -> TaskInputs {
        let mut inputs = TaskInputs::default();
        for (index, batches) in partitions.iter().enumerate() {
            let topic: Arc<str> = format!("t{index}").into();
            inputs.add(InputId(index), Arc::clone(&topic), 0, None);
            let mut next = 0;
            for timestamps in batches {
                inputs.push(&topic, 0, next, batch(Compression::None, next, timestamps));
                next += timestamps.len() as i64;
            }
        }
        inputs
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// At every step the chosen record is the earliest of the heads, as Kafka's `PartitionGroup` has it.
        #[test]
        fn the_earliest_head_goes_first(partitions in vec(vec(vec(0i64..20, 1..5), 0..4), 1..4), limit in 1usize..9) {
            let mut heads: Vec<std::collections::VecDeque<i64>> =
                partitions.iter().map(|batches| batches.iter().flatten().copied().collect()).collect();
            let mut inputs = inputs(&partitions);
            loop {
                let ran = inputs.run(limit, |id, record| {
                    let earliest = heads.iter().filter_map(|queue| queue.front()).min().copied();
                    let expected = heads[id.0].pop_front();
                    if expected == Some(record.timestamp) && expected == earliest { Ok(()) } else { Err((id, record.timestamp)) }
                });
                let passed = ran.map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
                prop_assert!(passed <= limit);
                if passed == 0 {
                    break;
                }
            }
            prop_assert!(heads.iter().all(std::collections::VecDeque::is_empty));
        }
    }

    fn wait(inputs: &mut TaskInputs, now: i64, max_idle: MaxIdle, lag: fn(&Input) -> Option<i64>) -> Wait {
        inputs.wait::<()>(now, max_idle, lag).unwrap()
    }

    #[test]
    fn a_dry_partition_is_waited_for() {
        let mut inputs = inputs(&[vec![vec![1]], vec![]]);
        let (unknown, caught_up, behind) = (|_: &Input| None, |_: &Input| Some(0), |_: &Input| Some(5));
        assert_eq!(wait(&mut inputs, 0, MaxIdle::Never, unknown), Wait::Ready);
        assert_eq!(wait(&mut inputs, 0, MaxIdle::Millis(0), unknown), Wait::Until(ASK_AGAIN_MS));
        assert_eq!(wait(&mut inputs, 0, MaxIdle::Millis(0), behind), Wait::Until(ASK_AGAIN_MS));
        assert_eq!(wait(&mut inputs, 0, MaxIdle::Millis(0), caught_up), Wait::Ready);
        // The time does not begin anew while it runs, and does once the broker has something.
        assert_eq!(wait(&mut inputs, 7, MaxIdle::Millis(10), caught_up), Wait::Until(10));
        assert_eq!(wait(&mut inputs, 8, MaxIdle::Millis(10), behind), Wait::Until(8 + ASK_AGAIN_MS));
        assert_eq!(wait(&mut inputs, 9, MaxIdle::Millis(10), caught_up), Wait::Until(19));
        assert_eq!(wait(&mut inputs, 19, MaxIdle::Millis(10), caught_up), Wait::Ready);
        assert_eq!(wait(&mut inputs, 20, MaxIdle::Millis(10), caught_up), Wait::Ready);
    }

    #[test]
    fn each_partition_has_a_time_of_its_own_and_silence_counts() {
        let mut inputs = inputs(&[vec![], vec![], vec![]]);
        let caught_up = |_: &Input| Some(0);
        assert_eq!(wait(&mut inputs, 0, MaxIdle::Millis(10), caught_up), Wait::Empty);
        // All have been silent for long when one speaks.
        inputs.push("t0", 0, 0, batch(Compression::None, 0, &[1]));
        assert_eq!(wait(&mut inputs, 50, MaxIdle::Millis(10), caught_up), Wait::Ready);
        // One that has just run dry is waited for, the others are not.
        inputs.push("t1", 0, 0, batch(Compression::None, 0, &[0]));
        assert_eq!(wait(&mut inputs, 60, MaxIdle::Millis(10), caught_up), Wait::Ready);
        assert_eq!(inputs.run(9, |_, _| Ok::<_, ()>(())).unwrap(), 1);
        assert_eq!(wait(&mut inputs, 61, MaxIdle::Millis(10), caught_up), Wait::Until(71));
    }

    #[test]
    fn nothing_to_choose_from_is_empty() {
        assert_eq!(inputs(&[vec![], vec![]]).wait::<()>(0, MaxIdle::Never, |_| None).unwrap(), Wait::Empty);
        assert_eq!(inputs(&[vec![]]).wait::<()>(0, MaxIdle::Millis(0), |_| None).unwrap(), Wait::Empty);
    }
}

//! A task that ends and is made anew, between any two records: nobody can tell from its windows.

use std::rc::Rc;

use millstream::prelude::*;
use millstream::processor::Headers;
use millstream::serde::{Native, Serde, TimeWindowedSerde};
use millstream::store::backend::Position;
use millstream::store::cache::CacheBudget;
use millstream::store::memory;
use millstream::store::shared::SharedBackend;
use millstream::task::{
    InputId, RawRecord, RecordSink, SinkError, Task, TaskEnv, TaskId, TopicHandle, Unlimited,
};
use millstream::topology::TopicName;
use proptest::prelude::*;

use super::closing::{Final, expected, topology};

/// What the topics have got.
#[derive(Default)]
struct Told {
    topics: Vec<String>,
    finals: Vec<Final>,
    late: Vec<(u8, i64)>,
    /// How long a window is (ms).
    size: u64,
}

impl RecordSink for Told {
    fn topic(&mut self, name: &TopicName) -> TopicHandle {
        self.topics.push(name.to_string());
        TopicHandle(self.topics.len() as u32 - 1)
    }

    fn send(
        &mut self,
        topic: TopicHandle,
        _partition: Option<i32>,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        _headers: &Headers,
    ) -> Result<(), SinkError> {
        match &*self.topics[topic.0 as usize] {
            "out" => {
                let serde = TimeWindowedSerde::new(Native, millis(self.size));
                let Windowed { key, window } = serde.decode(key).unwrap();
                let count = i64::from_be_bytes(value.unwrap().try_into().unwrap());
                self.finals.push((key, window.start, count, timestamp));
            }
            "late" => self.late.push((key.unwrap()[0], timestamp)),
            _ => {}
        }
        Ok(())
    }
}

/// What the group and the disk have after a commit.
struct Committed {
    offset: usize,
    partition_time: i64,
    notes: Vec<(String, i64)>,
}

const INPUT: InputId = InputId(0);

fn start(topology: &Topology, disk: &SharedBackend, committed: &Committed, told: &mut Told) -> Task {
    let env = TaskEnv {
        backends: vec![Box::new(disk.clone())],
        sink: &mut *told,
        cache: Rc::new(CacheBudget::new(1 << 20)),
    };
    let mut task = Task::new(topology, TaskId { subtopology: 0, partition: 0 }, env);
    let notes = committed.notes.iter().map(|(name, value)| (name.as_str(), *value));
    task.resume(INPUT, committed.partition_time, notes);
    task.init(0, Rc::new(Unlimited), told).unwrap();
    task
}

fn commit(task: &mut Task, offset: usize, told: &mut Told) -> Committed {
    task.flush(told).unwrap();
    task.write(|_| Position::Unchanged).unwrap();
    let notes = task.notes().map(|(name, value)| (name.to_owned(), value)).collect();
    Committed { offset, partition_time: task.partition_time(INPUT), notes }
}

/// What happens after a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Nothing,
    Commit,
    /// A commit, and a new task.
    Move,
    /// A new task that knows the last commit.
    Crash,
}

fn run(windows: TimeWindows, inputs: &[(u8, i64)], then: impl Fn(usize) -> Then) -> Told {
    let topology = topology(windows, Emit::OnClose);
    let disk = SharedBackend::new(memory::open(&topology.subtopologies()[0].stores[0]));
    let mut told = Told { size: windows.size().as_millis() as u64, ..Told::default() };
    let mut committed = Committed { offset: 0, partition_time: -1, notes: Vec::new() };
    let mut task = start(&topology, &disk, &committed, &mut told);
    let (mut next, mut crashed) = (0, None);
    while let Some((key, time)) = inputs.get(next) {
        let (key, value) = (Some(std::slice::from_ref(key)), Some([0; 8].as_slice()));
        let headers = Headers::default();
        let record = RawRecord { offset: next as i64, timestamp: *time, key, value, headers };
        task.process(INPUT, record, &mut told).unwrap();
        let then = then(next);
        next += 1;
        if matches!(then, Then::Commit | Then::Move) {
            committed = commit(&mut task, next, &mut told);
        }
        // It crashes once at each place, or it would never get on.
        let crashes = then == Then::Crash && crashed < Some(next);
        if crashes {
            crashed = Some(next);
            next = committed.offset;
        }
        if crashes || then == Then::Move {
            task = start(&topology, &disk, &committed, &mut told);
        }
    }
    told
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) })]

    #[test]
    fn windows_outlive_their_task(
        (size, grace, advance) in (1_u64..40, 0_u64..40, 1_u64..40),
        inputs in proptest::collection::vec((0_u8..3, 0_i64..300), 0..40),
        thens in proptest::collection::vec(0_u8..6, 40),
    ) {
        let advance = advance.min(size);
        let windows = TimeWindows::of(millis(size)).grace(millis(grace)).advance_by(millis(advance));
        let (finals, late) = expected(size as i64, grace as i64, advance as i64, &inputs);
        let in_order = |index: usize| match thens[index] {
            0 => Then::Move,
            1 => Then::Commit,
            _ => Then::Nothing,
        };
        let told = run(windows, &inputs, in_order);
        prop_assert_eq!(&told.finals, &finals);
        prop_assert_eq!(told.late, late);

        // A crash may repeat, and neither lose nor change.
        let with_crashes = |index: usize| if thens[index] == 2 { Then::Crash } else { in_order(index) };
        let told = run(windows, &inputs, with_crashes);
        let mut seen = Vec::new();
        for window in told.finals {
            if !seen.contains(&window) {
                seen.push(window);
            }
        }
        prop_assert_eq!(seen, finals);
    }
}

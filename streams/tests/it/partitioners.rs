//! Partitioners, over a sink that tells partitions apart.

use std::rc::Rc;

use millstream::prelude::*;
use millstream::processor::Headers;
use millstream::store::cache::CacheBudget;
use millstream::task::{InputId, RawRecord, RecordSink, SinkError, Task, TaskEnv, TaskId, TopicHandle};
use millstream::topology::TopicName;

const IN: Topic<String, String> = Topic::new("in");
const OUT: Topic<String, String> = Topic::new("out");

/// Topics of four partitions that remember where records were put.
#[derive(Default)]
struct Four {
    topics: Vec<String>,
    sent: Vec<Sent>,
}

impl RecordSink for Four {
    fn topic(&mut self, name: &TopicName) -> TopicHandle {
        self.topics.push(name.to_string());
        TopicHandle(self.topics.len() as u32 - 1)
    }

    fn partitions(&mut self, _topic: TopicHandle) -> i32 {
        4
    }

    fn send(
        &mut self,
        topic: TopicHandle,
        partition: Option<i32>,
        _timestamp: i64,
        _key: Option<&[u8]>,
        _value: Option<&[u8]>,
        _headers: &Headers,
    ) -> Result<(), SinkError> {
        self.sent.push((self.topics[topic.0 as usize].clone(), partition));
        Ok(())
    }
}

/// A topic and the partition that was chosen, if one was.
type Sent = (String, Option<i32>);

/// Where the records of these values go, how many were dropped, and what stopped the task.
fn run(draw: impl Fn(KStream<String, String>), values: &[&str]) -> (Vec<Sent>, u64, Option<String>) {
    let builder = StreamsBuilder::new();
    draw(builder.stream(IN));
    let mut sink = Four::default();
    let env = TaskEnv { backends: vec![], sink: &mut sink, cache: Rc::new(CacheBudget::new(0)) };
    let id = TaskId { subtopology: 0, partition: 0 };
    let mut task = Task::new(&builder.build().unwrap(), id, env);
    let mut failure = None;
    for value in values {
        let (key, value) = (Some(b"k".as_slice()), Some(value.as_bytes()));
        let record = RawRecord { offset: 0, timestamp: 0, key, value, headers: Headers::default() };
        failure = failure.or(task.process(InputId(0), record, &mut sink).err());
    }
    (sink.sent, task.dropped_records(), failure.map(|failure| failure.to_string()))
}

fn sent(topic: &str, partitions: &[Option<i32>]) -> Vec<Sent> {
    partitions.iter().map(|partition| (topic.to_owned(), *partition)).collect()
}

#[test]
fn a_partitioner_chooses_one_several_none_or_leaves_it_to_the_key() {
    let choose = |_: &String, value: &String, partitions: i32| match value.as_str() {
        "last" => Partitions::One(partitions - 1),
        "all" => Partitions::Each((0..partitions).collect()),
        "none" => Partitions::Each(vec![]),
        _ => Partitions::Default,
    };
    let values = ["last", "all", "none", "else"];
    let (there, dropped, _) = run(|stream| drop(stream.to(OUT).partitioned_by(choose)), &values);
    assert_eq!(there, sent("out", &[Some(3), Some(0), Some(1), Some(2), Some(3), None]));
    assert_eq!(dropped, 1);
}

#[test]
fn dynamic_sinks_and_repartitions_have_partitioners_too() {
    let first = |_: &String, _: &String, _: i32| 1;
    let (there, ..) = run(|stream| drop(stream.to_dynamic(|_| "named").partitioned_by(first)), &["a", "b"]);
    assert_eq!(there, sent("named", &[Some(1), Some(1)]));
    let by_length = |_: &String, value: &String, _: i32| (value.len() < 3).then_some(value.len() as i32);
    let through = |stream: KStream<String, String>| {
        drop(stream.repartition(Repartitioned::from("through").partitioned_by(by_length)));
    };
    let (there, ..) = run(through, &["a", "bb", "ccc"]);
    assert_eq!(there, sent("through-repartition", &[Some(1), Some(2), None]));
}

#[test]
fn a_partition_that_is_not_there_stops_the_task() {
    let (there, _, failure) =
        run(|stream| drop(stream.to(OUT).partitioned_by(|_, _, partitions| partitions)), &["a"]);
    assert_eq!(there, []);
    let text = "task 0_0, in-0 at offset 0, node KSTREAM-SINK-0000000001: the partitioner chose partition 4 of a topic that has 4";
    assert_eq!(failure.unwrap(), text);
}

//! kafka-python as a judge.

use anyhow::Result;
use millstream_tests::cluster::{Cluster, unique};
use millstream_tests::python::Python;

/// As its users write it; only the port differs from run to run.
const FIRST_PROGRAM: &str = "
from kafka import KafkaProducer, KafkaConsumer
producer = KafkaProducer(bootstrap_servers=['localhost:9092'])
producer.send('test-topic', b'Hello, Kafka!')
producer.send('test-topic', value=b'Message 1', key=b'key1')
producer.flush()
consumer = KafkaConsumer('test-topic', bootstrap_servers=['localhost:9092'], auto_offset_reset='earliest', group_id='g')
for message in consumer: print(message.value)
";

#[test]
fn the_first_program_that_anyone_writes_runs() -> Result<()> {
    let cluster = Cluster::start()?;
    let Some(python) = Python::find()? else { return Ok(()) };
    let program = FIRST_PROGRAM
        .replace("localhost:9092", cluster.bootstrap())
        .replace("'test-topic'", &format!("'{}'", unique("test-topic")))
        .replace("'g'", &format!("'{}'", unique("g")));
    let running = python.start(&program, &[])?;
    assert_eq!(running.wait_for_lines(2, |_| true)?, ["b'Hello, Kafka!'", "b'Message 1'"]);
    Ok(())
}

#[test]
fn every_codec_goes_in_and_comes_out() -> Result<()> {
    const PROGRAM: &str = "
import sys
from kafka import KafkaProducer, KafkaConsumer, TopicPartition
bootstrap, topic, codec = sys.argv[1:]
producer = KafkaProducer(bootstrap_servers=bootstrap, compression_type=None if codec == 'none' else codec, linger_ms=50)
sent = [(b'key %d' % i, b'value %d ' % i * 20, [('n', b'%d' % i), ('n', b'again')]) for i in range(1000)]
for key, value, headers in sent:
    producer.send(topic, value, key, headers=headers, partition=0)
producer.flush()
consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset='earliest', consumer_timeout_ms=60000)
consumer.assign([TopicPartition(topic, 0)])
for offset, (expected, record) in enumerate(zip(sent, consumer)):
    assert record.offset == offset, record
    assert (record.key, record.value, list(record.headers)) == expected, record
assert offset == 999
print('equal')
";
    let cluster = Cluster::start()?;
    let Some(python) = Python::find()? else { return Ok(()) };
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let topic = unique(codec);
        assert_eq!(python.run(PROGRAM, &[cluster.bootstrap(), &topic, codec])?, ["equal"], "{codec}");
    }
    Ok(())
}

#[test]
fn a_group_goes_on_where_it_committed() -> Result<()> {
    const PROGRAM: &str = "
import sys
from kafka import KafkaProducer, KafkaConsumer
bootstrap, topic, group = sys.argv[1:]
producer = KafkaProducer(bootstrap_servers=bootstrap)
for i in range(6):
    producer.send(topic, b'%d' % i)
producer.flush()
for half in range(2):
    consumer = KafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=group, auto_offset_reset='earliest',
                             enable_auto_commit=False, max_poll_records=1)
    for _ in range(3):
        print(half, next(consumer).value.decode())
    consumer.commit()
    consumer.close()
";
    let cluster = Cluster::start()?;
    let Some(python) = Python::find()? else { return Ok(()) };
    let lines = python.run(PROGRAM, &[cluster.bootstrap(), &unique("halves"), &unique("halves")])?;
    assert_eq!(lines, ["0 0", "0 1", "0 2", "1 3", "1 4", "1 5"]);
    Ok(())
}

#[test]
fn offsets_are_found_by_time() -> Result<()> {
    // Recent times: what is older than retention.ms may go at any moment.
    const PROGRAM: &str = "
import sys, time
from kafka import KafkaProducer, KafkaConsumer, TopicPartition
bootstrap, topic = sys.argv[1:]
producer = KafkaProducer(bootstrap_servers=bootstrap)
begin = int(time.time()) * 1000 - 60000
for i in range(10):
    producer.send(topic, b'%d' % i, timestamp_ms=begin + 1000 * i, partition=0).get(60)
partition = TopicPartition(topic, 0)
consumer = KafkaConsumer(bootstrap_servers=bootstrap, consumer_timeout_ms=60000)
consumer.assign([partition])
def find(after): return consumer.offsets_for_times({partition: begin + after})[partition]
for after in (-1, 0, 3000, 3001, 9000, 9001):
    found = find(after)
    print(after, (found.offset, found.timestamp - begin) if found else found)
print(consumer.beginning_offsets([partition])[partition], consumer.end_offsets([partition])[partition])
consumer.seek(partition, find(6500).offset)
print(next(consumer).value.decode())
";
    let cluster = Cluster::start()?;
    let Some(python) = Python::find()? else { return Ok(()) };
    let lines = python.run(PROGRAM, &[cluster.bootstrap(), &unique("times")])?;
    let found = ["-1 (0, 0)", "0 (0, 0)", "3000 (3, 3000)", "3001 (4, 4000)", "9000 (9, 9000)", "9001 None"];
    assert_eq!(lines, [found.as_slice(), &["0 10", "7"]].concat());
    Ok(())
}

#[test]
fn the_partitions_of_a_killed_member_move_to_the_other() -> Result<()> {
    const MEMBER: &str = "
import sys
from kafka import KafkaConsumer
from kafka.consumer.subscription_state import ConsumerRebalanceListener
bootstrap, topic, group = sys.argv[1:]
class Say(ConsumerRebalanceListener):
    def on_partitions_revoked(self, revoked): pass
    def on_partitions_assigned(self, assigned): print('assigned', len(assigned))
consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=group, session_timeout_ms=6000, heartbeat_interval_ms=200)
consumer.subscribe([topic], listener=Say())
for record in consumer: pass
";
    const TOPIC: &str = "
import sys
from kafka.admin import KafkaAdminClient, NewTopic
bootstrap, topic = sys.argv[1:]
KafkaAdminClient(bootstrap_servers=bootstrap).create_topics([NewTopic(topic, 2, 1)])
";
    let cluster = Cluster::start()?;
    let Some(python) = Python::find()? else { return Ok(()) };
    let (topic, group) = (unique("members"), unique("members"));
    python.run(TOPIC, &[cluster.bootstrap(), &topic])?;
    let member = || python.start(MEMBER, &[cluster.bootstrap(), &topic, &group]);
    let assigned = |line: &str| line.starts_with("assigned ");

    let survivor = member()?;
    survivor.wait_for_newest(assigned, |line| line.ends_with(" 2"))?;
    let other = member()?;
    survivor.wait_for_newest(assigned, |line| line.ends_with(" 1"))?;
    other.wait_for_newest(assigned, |line| line.ends_with(" 1"))?;
    other.kill()?;
    survivor.wait_for_newest(assigned, |line| line.ends_with(" 2"))
}

//! Apache Kafka's own tools and Kafka Streams for Java as judges.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::{Context, Result, ensure};
use millstream_tests::cluster::{Cluster, unique};
use millstream_tests::java::Java;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tempfile::NamedTempFile;

const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";
const CONFIGS: &str = "kafka.admin.ConfigCommand";
const PRODUCER: &str = "org.apache.kafka.tools.ConsoleProducer";
const CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";
const GROUPS: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
const OFFSETS: &str = "org.apache.kafka.tools.GetOffsetShell";
const DELETE_RECORDS: &str = "org.apache.kafka.tools.DeleteRecordsCommand";

#[test]
fn every_codec_goes_in_and_comes_out() -> Result<()> {
    let cluster = Cluster::start()?;
    let Some(java) = Java::find(cluster.bootstrap()) else { return Ok(()) };
    let sent: Vec<String> = (0..1_000).map(|i| format!("key {i}\tthe value of record {i} {i} {i}")).collect();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let topic = unique(codec);
        let keys = "--reader-property parse.key=true";
        java.run(PRODUCER, &format!("--topic {topic} --compression-codec {codec} {keys}"), &sent.join("\n"))?;
        let keys = "--formatter-property print.key=true";
        let all = format!("--topic {topic} --from-beginning --max-messages {} {keys}", sent.len());
        assert_eq!(java.run(CONSUMER, &all, "")?, sent, "{codec}");
    }
    Ok(())
}

#[test]
fn topics_are_created_described_altered_and_deleted() -> Result<()> {
    let cluster = Cluster::start()?;
    let Some(java) = Java::find(cluster.bootstrap()) else { return Ok(()) };
    let topic = unique("administered");
    java.run(TOPICS, &format!("--create --topic {topic} --partitions 3 --config retention.ms=123456"), "")?;
    let described = java.run(TOPICS, &format!("--describe --topic {topic}"), "")?.join("\n");
    ensure!(
        described.contains("PartitionCount: 3") && described.contains("retention.ms=123456"),
        "{described}"
    );

    java.run(CONFIGS, &format!("--alter --topic {topic} --add-config cleanup.policy=compact"), "")?;
    java.run(CONFIGS, &format!("--alter --topic {topic} --delete-config retention.ms"), "")?;
    let configs = java.run(CONFIGS, &format!("--describe --topic {topic}"), "")?.join("\n");
    ensure!(
        configs.contains("cleanup.policy=compact") && !configs.contains("retention.ms=123456"),
        "{configs}"
    );

    java.run(TOPICS, &format!("--delete --topic {topic}"), "")?;
    let listed = java.run(TOPICS, "--list", "")?;
    ensure!(!listed.contains(&topic), "{listed:?}");
    Ok(())
}

#[test]
fn records_are_deleted_up_to_an_offset() -> Result<()> {
    let cluster = Cluster::start()?;
    let Some(java) = Java::find(cluster.bootstrap()) else { return Ok(()) };
    let topic = unique("shortened");
    java.run(PRODUCER, &format!("--topic {topic}"), "a\nb\nc\nd\n")?;
    let mut file = NamedTempFile::new()?;
    write!(file, r#"{{"partitions": [{{"topic": "{topic}", "partition": 0, "offset": 3}}], "version": 1}}"#)?;
    java.run(DELETE_RECORDS, &format!("--offset-json-file {}", file.path().display()), "")?;
    let offset_at = |time| java.run(OFFSETS, &format!("--topic {topic} --time {time}"), "");
    assert_eq!(offset_at("earliest")?, [format!("{topic}:0:3")]);
    assert_eq!(offset_at("latest")?, [format!("{topic}:0:4")]);
    assert_eq!(java.run(CONSUMER, &format!("--topic {topic} --from-beginning --max-messages 1"), "")?, ["d"]);
    Ok(())
}

#[test]
fn groups_are_listed_described_reset_and_deleted() -> Result<()> {
    let cluster = Cluster::start()?;
    let Some(java) = Java::find(cluster.bootstrap()) else { return Ok(()) };
    let (topic, group) = (unique("read"), unique("readers"));
    java.run(PRODUCER, &format!("--topic {topic}"), "a\nb\nc\n")?;
    let read = |count| {
        java.run(
            CONSUMER,
            &format!("--topic {topic} --group {group} --from-beginning --max-messages {count}"),
            "",
        )
    };
    assert_eq!(read(3)?, ["a", "b", "c"]);
    ensure!(java.run(GROUPS, "--list", "")?.contains(&group));
    let committed = |offset: u64| -> Result<()> {
        let described = java.run(GROUPS, &format!("--describe --group {group}"), "")?;
        let row = described.iter().find(|line| line.contains(&topic)).context("no row for the topic")?;
        let columns: Vec<&str> = row.split_whitespace().collect();
        ensure!(columns[3] == offset.to_string() && columns[4] == "3", "{row}");
        Ok(())
    };
    committed(3)?;
    java.run(
        GROUPS,
        &format!("--reset-offsets --to-offset 1 --execute --group {group} --topic {topic}"),
        "",
    )?;
    committed(1)?;
    assert_eq!(read(2)?, ["b", "c"]);
    java.run(GROUPS, &format!("--delete --group {group}"), "")?;
    ensure!(!java.run(GROUPS, "--list", "")?.contains(&group));
    Ok(())
}

#[test]
fn the_partitions_of_a_killed_member_move_to_the_other() -> Result<()> {
    let cluster = Cluster::start()?;
    let Some(java) = Java::find(cluster.bootstrap()) else { return Ok(()) };
    let (topic, group) = (unique("shared"), unique("members"));
    java.run(TOPICS, &format!("--create --topic {topic} --partitions 2"), "")?;
    let timing = "--command-property session.timeout.ms=6000 --command-property heartbeat.interval.ms=200";
    let member =
        || java.start(CONSUMER, &format!("--topic {topic} --group {group} --from-beginning {timing}"));
    let survivor = member()?;
    let mut other = member()?;

    // Keys spread over both partitions; once each member has printed something, each owns one of them.
    let mut producer = java.start(PRODUCER, &format!("--topic {topic} --reader-property parse.key=true"))?;
    let mut sent = 0;
    let mut send = |count| -> Result<()> {
        for _ in 0..count {
            producer.write(&format!("key {sent}\trecord {sent}\n"))?;
            sent += 1;
        }
        Ok(())
    };
    while !survivor.has_output() || !other.has_output() {
        ensure!(other.is_running(), "a member has ended");
        send(1)?;
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    other.kill()?;
    send(100)?;
    let last: Vec<String> = (sent - 100..sent).map(|i| format!("record {i}")).collect();
    survivor.wait_for_lines(100, |line| last.iter().any(|wanted| wanted == line))?;
    Ok(())
}

#[test]
fn kafka_streams_for_java_counts_words_right() -> Result<()> {
    const LINES: usize = 5_000;
    let cluster = Cluster::start()?;
    let Some(java) = Java::find(cluster.bootstrap()) else { return Ok(()) };
    let (file, expected) = random_text(LINES)?;
    let (input, output) = (unique("lines"), unique("counts"));
    java.program("peers.Load", &[&input, "lines", &file.path().to_string_lossy(), "1"])?;
    java.program("peers.WordCount", &[&input, &LINES.to_string(), &output, "commit.interval.ms=100"])?;

    let end = java.run(OFFSETS, &format!("--topic {output}"), "")?;
    let end = end[0].rsplit(':').next().context("no offset")?;
    let deserializer = "org.apache.kafka.common.serialization.LongDeserializer";
    let format = format!("--formatter-property print.key=true --value-deserializer {deserializer}");
    let updates =
        java.run(CONSUMER, &format!("--topic {output} --from-beginning --max-messages {end} {format}"), "")?;
    let mut counts = BTreeMap::new();
    for update in updates {
        let (word, count) = update.split_once('\t').context("no key")?;
        counts.insert(word.to_owned(), count.parse()?);
    }
    assert_eq!(counts, expected);
    Ok(())
}

/// A text of random words, and how often it holds each.
fn random_text(lines: usize) -> Result<(NamedTempFile, BTreeMap<String, u64>)> {
    let mut random = StdRng::seed_from_u64(7);
    let mut file = NamedTempFile::new()?;
    let mut counts = BTreeMap::new();
    for _ in 0..lines {
        for _ in 0..random.random_range(1..10) {
            let word = ["and", "Call", "me", "Ishmael", "whale", "sea"][random.random_range(0..6)];
            write!(file, "{word}, ")?;
            *counts.entry(word.to_lowercase()).or_default() += 1;
        }
        writeln!(file)?;
    }
    file.flush()?;
    Ok((file, counts))
}

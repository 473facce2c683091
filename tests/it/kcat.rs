//! librdkafka as a judge.

use anyhow::{Context, Result};
use millstream_tests::cluster::{Cluster, unique};
use millstream_tests::kcat::Kcat;
use millstream_tests::process::Process;

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

/// Lines `key:value` that compress, each different.
fn lines(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("key-{i}:the value of the record {i} {i} {i}")).collect()
}

#[test]
fn every_codec_goes_in_and_comes_out() -> Result<()> {
    let cluster = Cluster::start()?;
    let Some(kcat) = Kcat::find(cluster.bootstrap()) else { return Ok(()) };
    let sent = lines(1_000);
    for codec in CODECS {
        let topic = unique(codec);
        kcat.run(
            &format!("-P -t {topic} -p 0 -z {codec} -K: -H codec={codec} -H codec=again"),
            &sent.join("\n"),
        )?;
        let received = kcat.run(&format!("-C -t {topic} -o beginning -e -q -f %o|%h|%k:%s\\n"), "")?;
        let expected: Vec<String> = sent
            .iter()
            .enumerate()
            .map(|(offset, line)| format!("{offset}|codec={codec},codec=again|{line}"))
            .collect();
        assert_eq!(received, expected, "{codec}");
    }
    Ok(())
}

#[test]
fn an_idempotent_producer_is_served() -> Result<()> {
    let cluster = Cluster::start()?;
    let Some(kcat) = Kcat::find(cluster.bootstrap()) else { return Ok(()) };
    let (topic, sent) = (unique("idempotent"), lines(5_000));
    kcat.run(
        &format!("-P -t {topic} -p 0 -X enable.idempotence=true -X batch.num.messages=10"),
        &sent.join("\n"),
    )?;
    assert_eq!(kcat.run(&format!("-C -t {topic} -o beginning -e -q"), "")?, sent);
    Ok(())
}

#[test]
fn every_acks_is_served() -> Result<()> {
    let cluster = Cluster::start()?;
    let Some(kcat) = Kcat::find(cluster.bootstrap()) else { return Ok(()) };
    let topic = unique("acks");
    for acks in ["0", "1", "all"] {
        kcat.run(&format!("-P -t {topic} -p 0 -X acks={acks}"), &format!("acks {acks}"))?;
    }
    // With acks=0 nobody says when the record is there, so its reader waits for it.
    let reader = kcat.start(&format!("-C -t {topic} -o beginning -u -q"))?;
    reader.wait_for_lines(3, |line| line.starts_with("acks "))?;
    Ok(())
}

#[test]
fn a_reader_starts_where_a_time_says() -> Result<()> {
    let cluster = Cluster::start()?;
    let Some(kcat) = Kcat::find(cluster.bootstrap()) else { return Ok(()) };
    let topic = unique("by-time");
    for round in ["early", "late"] {
        kcat.run(&format!("-P -t {topic} -p 0"), &format!("{round} 1\n{round} 2\n"))?;
    }
    let stamped = kcat.run(&format!("-C -t {topic} -o beginning -e -q -f %T:%s\\n"), "")?;
    let (late, _) = stamped[2].split_once(':').context("no timestamp")?;
    let from_late = kcat.run(&format!("-C -t {topic} -p 0 -o s@{late} -e -q"), "")?;
    assert_eq!(from_late, ["late 1", "late 2"], "{stamped:?}");

    let after_all = kcat.run(&format!("-Q -t {topic}:0:99999999999999"), "")?;
    assert_eq!(after_all, [format!("{topic} [0] offset -1")]);
    Ok(())
}

#[test]
fn metadata_names_topics_and_partitions() -> Result<()> {
    let cluster = Cluster::start()?;
    let Some(kcat) = Kcat::find(cluster.bootstrap()) else { return Ok(()) };
    let topic = unique("listed");
    kcat.run(&format!("-P -t {topic} -p 0"), "one")?;
    let listed = kcat.run(&format!("-L -J -t {topic}"), "")?;
    let listed: serde_json::Value = serde_json::from_str(&listed.join("\n"))?;
    assert_eq!(listed["topics"][0]["topic"], topic);
    assert_eq!(listed["topics"][0]["partitions"][0]["partition"], 0);
    assert_eq!(listed["brokers"][0]["name"], cluster.bootstrap());
    Ok(())
}

#[test]
fn the_partitions_of_a_killed_member_move_to_the_other() -> Result<()> {
    let cluster = Cluster::start()?;
    let Some(kcat) = Kcat::find(cluster.bootstrap()) else { return Ok(()) };
    let (group, topics) = (unique("members"), [unique("shared-a"), unique("shared-b")]);
    let to_each =
        |value| topics.iter().try_for_each(|topic| kcat.run(&format!("-P -t {topic}"), value).map(drop));
    to_each("first")?;

    let member = || {
        let timing = "-X session.timeout.ms=6000 -X heartbeat.interval.ms=200 -X auto.offset.reset=earliest";
        let strategy = "-X partition.assignment.strategy=roundrobin";
        kcat.start(&format!("-G {group} {timing} {strategy} -u -f %t:%s\\n {}", topics.join(" ")))
    };
    let survivor = member()?;
    survivor.wait_for_lines(2, |line| line.ends_with(":first"))?;
    let other = member()?;
    wait_for_assignment(&survivor, 1)?;
    wait_for_assignment(&other, 1)?;
    other.kill()?;

    wait_for_assignment(&survivor, 2)?;
    to_each("second")?;
    let received = survivor.wait_for_lines(2, |line| line.ends_with(":second"))?;
    assert_ne!(received[0], received[1], "one from each topic");
    Ok(())
}

/// Waits until the newest assignment of `member` has `count` partitions.
fn wait_for_assignment(member: &Process, count: usize) -> Result<()> {
    member.wait_for_newest(|line| line.contains("assigned: "), |line| line.matches(" [").count() == count)
}

use anyhow::Context;
use millstream_client::{Admin, ErrorCode, NewTopic, Offset, Producer, ProducerRecord, TopicPartition};
use millstream_examples::word_count::{LINES, TOTALS};

/// Creates the topics that the program itself needs, unless they are there.
pub(crate) async fn create_topics(admin: &Admin, partitions: i32) -> anyhow::Result<()> {
    let topics = [LINES.name(), TOTALS.name()].map(|topic| NewTopic::new(topic, partitions));
    for (topic, created) in admin.create_topics(topics).await? {
        match created {
            Err(error) if error.code() != Some(ErrorCode::TopicAlreadyExists) => {
                return Err(error).with_context(|| format!("creating topic {topic}"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Sends what of the text is not in the topic yet. Line `i` belongs to partition `i` modulo the partitions, so the ends of the
/// logs say where a run that was killed had got to.
pub(crate) async fn feed(admin: &Admin, bootstrap: &str, text: &str) -> anyhow::Result<()> {
    let lines = LINES;
    let ends = ends(admin, lines.name()).await?;
    let producer = Producer::builder().bootstrap(bootstrap).build().await?;
    for (number, line) in text.lines().enumerate() {
        let partition = number % ends.len();
        if (number / ends.len()) as i64 >= ends[partition].0 {
            let record = ProducerRecord::to(lines.name()).partition(partition as i32).value(line.as_bytes());
            // What the broker refuses shows in the flush.
            drop(producer.send(record).await?);
        }
    }
    producer.flush().await?;
    producer.close().await?;
    Ok(())
}

/// Whether everything that was fed has been counted and committed.
pub(crate) async fn is_counted(admin: &Admin, group: &str) -> anyhow::Result<bool> {
    let committed = admin.group_offsets(group).await?;
    for topic in [LINES.name(), &format!("{group}-word-counts-repartition")] {
        for (partition, end) in (0..).zip(ends(admin, topic).await?) {
            let partition = TopicPartition::new(topic, partition);
            let reached = committed.get(&partition).map_or(0, |committed| committed.offset);
            if reached < end.0 {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

async fn ends(admin: &Admin, topic: &str) -> anyhow::Result<Vec<Offset>> {
    const END: i64 = -1;
    let (_, described) = admin.describe_topics([topic]).await?.pop().context("no answer about a topic")?;
    let partitions = (0..described?.partitions.len() as i32).map(|index| TopicPartition::new(topic, index));
    let found = admin.list_offsets(partitions.clone().map(|partition| (partition, END))).await?;
    let end =
        |partition| found.get(&partition).copied().flatten().map_or(Offset(0), |found| Offset(found.offset));
    Ok(partitions.map(end).collect())
}

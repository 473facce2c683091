//! One partition's part of a fetch answer.

use bytes::Bytes;
use kafka_protocol::messages::fetch_response::PartitionData;
use millstream_wire::batch::Batches;

use super::session::Ask;
use crate::consumer::Fetched;
use crate::consumer::fetched::corrupt;
use crate::{Error, Result, TopicPartition};

/// The whole batches that came for `partition`, checked; `None` where there were none.
pub(super) fn fetched(
    partition: TopicPartition,
    ask: Ask,
    generation: u64,
    data: &PartitionData,
    check_crcs: bool,
) -> Result<Option<Fetched>> {
    let bytes = data.records.clone().unwrap_or_default();
    let mut next_offset = ask.offset;
    let mut leader_epoch = -1;
    let mut batches = Batches::new(&bytes);
    for batch in &mut batches {
        let checked =
            batch.and_then(|batch| if check_crcs { batch.verify_crc().map(|()| batch) } else { Ok(batch) });
        let header = checked.map_err(|error| corrupt(&partition, next_offset, &error))?.header;
        next_offset = next_offset.max(header.next_offset().0);
        leader_epoch = header.leader_epoch.0;
    }
    let whole = batches.position();
    if whole == 0 {
        return if bytes.is_empty() { Ok(None) } else { Err(cut_short(&partition, ask, &bytes)) };
    }
    let mut aborted: Vec<(i64, i64)> = data
        .aborted_transactions
        .iter()
        .flatten()
        .map(|transaction| (transaction.first_offset, transaction.producer_id.0))
        .collect();
    aborted.sort_unstable();
    Ok(Some(Fetched {
        partition,
        topic_id: ask.topic_id,
        bytes: bytes.slice(..whole),
        offset: ask.offset,
        next_offset,
        high_watermark: data.high_watermark,
        log_start_offset: data.log_start_offset,
        leader_epoch,
        aborted: aborted.into(),
        generation,
    }))
}

/// A broker returns at least one whole batch, however long (KIP-74).
fn cut_short(partition: &TopicPartition, ask: Ask, bytes: &Bytes) -> Error {
    Error::CorruptBatch {
        topic: partition.topic.clone(),
        partition: partition.partition,
        offset: ask.offset,
        reason: format!("{} bytes came that hold no whole batch", bytes.len()).into(),
    }
}

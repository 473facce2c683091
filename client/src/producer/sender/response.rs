//! What a produce answer says about each batch of its request.

use std::sync::Arc;

use hashbrown::HashMap;
use kafka_protocol::messages::ProduceResponse;
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use millstream_wire::ids::Offset;
use uuid::Uuid;

use crate::ErrorCode;
use crate::producer::completion::Written;
use crate::producer::flow::Answer;
use crate::producer::topic::Slot;

/// A batch that is on its way, and where its answer belongs.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) slot: Slot,
    pub(super) number: u64,
    pub(super) topic: Arc<str>,
    pub(super) topic_id: Uuid,
    pub(super) partition: i32,
}

/// The answer to each flight. One that the broker forgot is answered as unknown, so that it is sent again.
pub(super) fn answers(response: ProduceResponse, flights: Vec<Flight>) -> Vec<(Flight, Answer)> {
    let mut by_name: HashMap<(String, Uuid, i32), PartitionProduceResponse> = HashMap::new();
    for topic in response.responses {
        for partition in topic.partition_responses {
            by_name.insert((topic.name.to_string(), topic.topic_id, partition.index), partition);
        }
    }
    let mut find = |flight: &Flight| {
        let name = (flight.topic.to_string(), Uuid::nil(), flight.partition);
        let id = (String::new(), flight.topic_id, flight.partition);
        by_name.remove(&name).or_else(|| by_name.remove(&id))
    };
    let answer = |flight: Flight| {
        let answer = find(&flight).map_or(Answer::Refused(ErrorCode::NetworkException, None), answer);
        (flight, answer)
    };
    flights.into_iter().map(answer).collect()
}

fn answer(partition: PartitionProduceResponse) -> Answer {
    match ErrorCode::try_from_code(partition.error_code) {
        Some(code) => {
            // A batch is refused for one of its records: the broker says which and why.
            let of_record =
                partition.record_errors.first().and_then(|error| error.batch_index_error_message.clone());
            let message = of_record.or(partition.error_message);
            Answer::Refused(code, message.map(|text| text.to_string()))
        }
        None => Answer::Written(Written {
            base_offset: (partition.base_offset >= 0).then_some(Offset(partition.base_offset)),
            append_time: (partition.log_append_time_ms >= 0).then_some(partition.log_append_time_ms),
        }),
    }
}

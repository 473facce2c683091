//! Leader epochs that clients send along, so that one with old metadata is told so (KIP-320).

use kafka_protocol::ResponseError;

use crate::log::Partition;

/// Compares the epoch a client believes in with the one in force; -1 believes in none.
pub(crate) fn check_leader_epoch(partition: &Partition, believed: i32) -> Result<(), ResponseError> {
    let current = partition.leader_epoch().0;
    match believed {
        -1 => Ok(()),
        believed if believed < current => Err(ResponseError::FencedLeaderEpoch),
        believed if believed > current => Err(ResponseError::UnknownLeaderEpoch),
        _ => Ok(()),
    }
}

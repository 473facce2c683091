//! Answers that may ask the client to be quiet for a while (KIP-219).

use kafka_protocol::messages::*;

/// An answer with, or without, a `throttle_time_ms`.
pub(crate) trait Throttled {
    /// Milliseconds during which nothing more may be sent on this connection.
    fn throttle_time_ms(&self) -> i32;
}

macro_rules! throttled {
    ($($response:ident)*) => {
        $(impl Throttled for $response {
            fn throttle_time_ms(&self) -> i32 {
                self.throttle_time_ms
            }
        })*
    };
}

throttled! {
    ApiVersionsResponse CreatePartitionsResponse CreateTopicsResponse DeleteGroupsResponse DeleteRecordsResponse
    DeleteTopicsResponse DescribeClusterResponse DescribeConfigsResponse DescribeGroupsResponse
    DescribeLogDirsResponse FetchResponse FindCoordinatorResponse HeartbeatResponse IncrementalAlterConfigsResponse
    InitProducerIdResponse JoinGroupResponse LeaveGroupResponse ListGroupsResponse ListOffsetsResponse
    MetadataResponse OffsetCommitResponse OffsetDeleteResponse OffsetFetchResponse OffsetForLeaderEpochResponse
    ProduceResponse SyncGroupResponse
}

//! The error codes in a response, for metrics; 0 is none.

use kafka_protocol::messages::*;

/// A response that has error codes.
pub(crate) trait Failures {
    /// Tells all of them.
    fn failures(&self, tell: impl FnMut(i16));
}

macro_rules! failures {
    ($( $response:ident, $this:ident => $codes:expr; )*) => {
        $(
            impl Failures for $response {
                fn failures(&self, tell: impl FnMut(i16)) {
                    let $this = self;
                    $codes.into_iter().for_each(tell);
                }
            }
        )*
    };
}

/// The codes of all that is in a list.
macro_rules! of {
    ($list:expr) => {
        $list.iter().map(|of| of.error_code)
    };
    ($list:expr, $inner:ident) => {
        $list.iter().flat_map(|of| of.$inner.iter().map(|of| of.error_code))
    };
}

failures! {
    ListOffsetsResponse, it => of!(it.topics, partitions);
    MetadataResponse, it => of!(it.topics).chain([it.error_code]);
    OffsetCommitResponse, it => of!(it.topics, partitions);
    OffsetFetchResponse, it => {
        let groups = it.groups.iter().flat_map(|group| of!(group.topics, partitions).chain([group.error_code]));
        of!(it.topics, partitions).chain([it.error_code]).chain(groups)
    };
    FindCoordinatorResponse, it => of!(it.coordinators).chain([it.error_code]);
    JoinGroupResponse, it => [it.error_code];
    HeartbeatResponse, it => [it.error_code];
    LeaveGroupResponse, it => of!(it.members).chain([it.error_code]);
    SyncGroupResponse, it => [it.error_code];
    DescribeGroupsResponse, it => of!(it.groups);
    ListGroupsResponse, it => [it.error_code];
    ApiVersionsResponse, it => [it.error_code];
    CreateTopicsResponse, it => of!(it.topics);
    DeleteTopicsResponse, it => of!(it.responses);
    DeleteRecordsResponse, it => of!(it.topics, partitions);
    InitProducerIdResponse, it => [it.error_code];
    OffsetForLeaderEpochResponse, it => of!(it.topics, partitions);
    DescribeConfigsResponse, it => of!(it.results);
    AlterConfigsResponse, it => of!(it.responses);
    DescribeLogDirsResponse, it => of!(it.results).chain([it.error_code]);
    CreatePartitionsResponse, it => of!(it.results);
    DeleteGroupsResponse, it => of!(it.results);
    IncrementalAlterConfigsResponse, it => of!(it.responses);
    OffsetDeleteResponse, it => of!(it.topics, partitions).chain([it.error_code]);
    DescribeClusterResponse, it => [it.error_code];
    DescribeProducersResponse, it => of!(it.topics, partitions);
    ListConfigResourcesResponse, it => [it.error_code];
    DescribeTopicPartitionsResponse, it => of!(it.topics).chain(of!(it.topics, partitions));
}

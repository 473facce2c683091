//! The table of what is served: API, versions, handler. One row says all three.

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::ApiKey;
use kafka_protocol::protocol::Decodable;

use crate::api::failures::Failures;
use crate::api::{self, Peer, RequestContext, Shared};
use crate::server::{Answer, Fault, ReplyHeader, RequestHeader};

/// Versions of an API that are served. A version is the newest stable one that Kafka and the message crate know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Served {
    pub(crate) api_key: ApiKey,
    pub(crate) min: i16,
    pub(crate) max: i16,
}

macro_rules! served {
    ($( $key:ident $min:literal ..= $max:literal => $handler:path; )*) => {
        /// Every API that is served by decoding its request, in the order of the keys; Produce and Fetch come first.
        pub(crate) static SERVED: &[Served] = &[
            Served { api_key: ApiKey::Produce, min: 3, max: 13 },
            Served { api_key: ApiKey::Fetch, min: 4, max: 18 },
            $( Served { api_key: ApiKey::$key, min: $min, max: $max }, )*
        ];

        fn serve_decoded(api_key: ApiKey, context: RequestContext, mut body: Bytes) -> Result<Answer, Fault> {
            let header = reply_header(api_key, &context.header);
            match api_key {
                $( ApiKey::$key => {
                    let request = Decodable::decode(&mut body, header.version)
                        .map_err(|error| Fault::Malformed(api_key, header.version, error.to_string()))?;
                    Ok(Answer::Waiting(Box::pin(async move {
                        let response = $handler(&context, request).await;
                        response.failures(|code| context.broker.counters.failed(api_key, code));
                        header.encode(&response)
                    })))
                } )*
                _ => Err(Fault::NotServed { api_key: context.header.api_key, version: header.version }),
            }
        }
    };
}

served! {
    ListOffsets 1..=10 => api::list_offsets::handle;
    Metadata 0..=13 => api::metadata::handle;
    OffsetCommit 2..=9 => api::offset_commit::handle;
    OffsetFetch 1..=9 => api::offset_fetch::handle;
    FindCoordinator 0..=6 => api::find_coordinator::handle;
    JoinGroup 0..=9 => api::join_group::handle;
    Heartbeat 0..=4 => api::heartbeat::handle;
    LeaveGroup 0..=5 => api::leave_group::handle;
    SyncGroup 0..=5 => api::sync_group::handle;
    DescribeGroups 0..=6 => api::describe_groups::handle;
    ListGroups 0..=5 => api::list_groups::handle;
    ApiVersions 0..=4 => api::api_versions::handle;
    CreateTopics 2..=7 => api::create_topics::handle;
    DeleteTopics 1..=6 => api::delete_topics::handle;
    DeleteRecords 0..=2 => api::delete_records::handle;
    InitProducerId 0..=5 => api::init_producer_id::handle;
    OffsetForLeaderEpoch 2..=4 => api::offset_for_leader_epoch::handle;
    DescribeConfigs 1..=4 => api::describe_configs::handle;
    AlterConfigs 0..=2 => api::alter_configs::handle;
    DescribeLogDirs 1..=4 => api::describe_log_dirs::handle;
    CreatePartitions 0..=3 => api::create_partitions::handle;
    DeleteGroups 0..=2 => api::delete_groups::handle;
    IncrementalAlterConfigs 0..=1 => api::incremental_alter_configs::handle;
    OffsetDelete 0..=0 => api::offset_delete::handle;
    DescribeCluster 0..=2 => api::describe_cluster::handle;
    DescribeProducers 0..=0 => api::describe_producers::handle;
    ListConfigResources 0..=1 => api::list_config_resources::handle;
    DescribeTopicPartitions 0..=0 => api::describe_topic_partitions::handle;
}

/// Serves one request as far as that goes without waiting.
pub(crate) fn serve(
    shared: &Arc<Shared>,
    peer: Peer,
    header: RequestHeader,
    body: Bytes,
) -> Result<Answer, Fault> {
    let Some(api_key) = served_key(&header) else { return unserved(&header) };
    if let Err(error) = millstream_wire::walk::walk_request(header.api_key, header.version, &body) {
        return Err(Fault::Malformed(api_key, header.version, error.to_string()));
    }
    let reply = reply_header(api_key, &header);
    match api_key {
        ApiKey::Produce => api::produce::handle(shared, reply, header.client_id(), body),
        ApiKey::Fetch => api::fetch::handle(shared, reply, body),
        _ => serve_decoded(api_key, RequestContext { broker: shared.clone(), peer, header }, body),
    }
}

fn reply_header(api_key: ApiKey, header: &RequestHeader) -> ReplyHeader {
    ReplyHeader { api_key, version: header.version, correlation_id: header.correlation_id }
}

fn served_key(header: &RequestHeader) -> Option<ApiKey> {
    let api_key = ApiKey::try_from(header.api_key).ok()?;
    let row = SERVED.iter().find(|row| row.api_key == api_key)?;
    (row.min..=row.max).contains(&header.version).then_some(api_key)
}

/// A client that is newer than we are learns from the answer to its first request what we know; any other
/// request that was not advertised ends its connection, as in Kafka.
fn unserved(header: &RequestHeader) -> Result<Answer, Fault> {
    if header.api_key != ApiKey::ApiVersions as i16 {
        return Err(Fault::NotServed { api_key: header.api_key, version: header.version });
    }
    let reply =
        ReplyHeader { api_key: ApiKey::ApiVersions, version: 0, correlation_id: header.correlation_id };
    reply.encode(&api::api_versions::unsupported()).map(Answer::Ready)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_served_version_is_known_to_the_message_crate() {
        for row in SERVED {
            let known = row.api_key.valid_versions();
            assert!(known.min <= row.min && row.max <= known.max, "{row:?}: the crate knows {known}");
        }
    }

    #[test]
    fn api_versions_of_the_future_is_answered() {
        let frame = Bytes::from_static(b"\x00\x12\x00\x63\x00\x00\x00\x01\xff\xff\x00");
        let (mut header, _) = RequestHeader::split(&frame).unwrap();
        assert!(matches!(unserved(&header), Ok(Answer::Ready(_))));
        header.api_key = 3;
        assert!(matches!(unserved(&header), Err(Fault::NotServed { api_key: 3, .. })));
    }
}

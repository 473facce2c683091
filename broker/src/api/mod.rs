//! The requests that are served, one file each.
//!
//! A handler takes the decoded request and gives the response: `handle(context, request) -> response`. Produce and
//! Fetch are written by hand, for their batches are neither copied nor looked at.

mod context;
mod served;

pub(crate) mod alter_configs;
pub(crate) mod api_versions;
pub(crate) mod config_resource;
pub(crate) mod create_partitions;
pub(crate) mod create_topics;
pub(crate) mod delete_groups;
pub(crate) mod delete_records;
pub(crate) mod delete_topics;
pub(crate) mod describe_cluster;
pub(crate) mod describe_configs;
pub(crate) mod describe_groups;
pub(crate) mod describe_log_dirs;
pub(crate) mod describe_producers;
pub(crate) mod describe_topic_partitions;
pub(crate) mod failures;
pub(crate) mod fetch;
pub(crate) mod find_coordinator;
pub(crate) mod heartbeat;
pub(crate) mod incremental_alter_configs;
pub(crate) mod init_producer_id;
pub(crate) mod join_group;
pub(crate) mod leader_epoch;
pub(crate) mod leave_group;
pub(crate) mod list_config_resources;
pub(crate) mod list_groups;
pub(crate) mod list_offsets;
pub(crate) mod metadata;
pub(crate) mod offset_commit;
pub(crate) mod offset_delete;
pub(crate) mod offset_fetch;
pub(crate) mod offset_for_leader_epoch;
pub(crate) mod operations;
pub(crate) mod produce;
pub(crate) mod sync_group;

pub(crate) use context::{Peer, RequestContext, Shared};
pub(crate) use fetch::FetchSessions;
pub(crate) use served::{SERVED, Served, serve};

use kafka_protocol::protocol::StrBytes;

/// No error.
pub(crate) const NONE: i16 = 0;

/// A text for a response.
pub(crate) fn text(text: impl std::fmt::Display) -> StrBytes {
    StrBytes::from_string(text.to_string())
}

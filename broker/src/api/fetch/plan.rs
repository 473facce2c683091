//! Which partitions a fetch reads: those it names, or those of its session.

use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::FetchRequest;
use tokio::sync::Notify;

use crate::api::Shared;
use crate::api::fetch::collect::{Collected, Limits, PartitionAnswer, TopicKey, Wanted};
use crate::api::fetch::sessions::Lease;
use crate::log::Partition;
use crate::metadata::Metadata;
use crate::storage::Reach;

/// Since this version a fetch may belong to a session.
const SESSIONS: i16 = 7;
/// Since this version topics are named by id.
const TOPIC_IDS: i16 = 13;

/// `session_epoch` of a fetch that wants no session, or ends one.
const NO_SESSION: i32 = -1;
/// `session_epoch` of a fetch that asks for a new session.
const NEW_SESSION: i32 = 0;

/// The partitions of one fetch.
pub(super) struct Plan {
    metadata: Arc<Metadata>,
    source: Source,
}

enum Source {
    /// All of them are answered.
    Named(Vec<(Wanted, Option<Arc<Partition>>)>),
    /// Those with something new are answered. The session is this connection's while it is fetched from.
    Session(Lease),
}

/// Finds the partitions of a request.
pub(super) fn plan(shared: &Shared, request: &FetchRequest, version: i16) -> Result<Plan, ResponseError> {
    let metadata = shared.metadata.clone();
    let sessions = &shared.fetch_sessions;
    let source = match (version, request.session_epoch) {
        (..SESSIONS, _) => Source::Named(named(&metadata, request, version)),
        (_, NO_SESSION) => {
            sessions.remove(request.session_id);
            Source::Named(named(&metadata, request, version))
        }
        (_, NEW_SESSION) => {
            sessions.remove(request.session_id);
            let wanted = named(&metadata, request, version);
            match sessions.create(&wanted, version >= TOPIC_IDS) {
                Some(session) => Source::Session(session),
                None => Source::Named(wanted),
            }
        }
        (_, epoch) => {
            let mut session = sessions.resume(request.session_id, epoch, version >= TOPIC_IDS)?;
            session.forget(request);
            let added = named(&metadata, request, version);
            if !session.update(added) {
                drop(session);
                sessions.remove(request.session_id);
                return Err(ResponseError::FetchSessionIdNotFound);
            }
            Source::Session(session)
        }
    };
    Ok(Plan { metadata, source })
}

fn named(metadata: &Metadata, request: &FetchRequest, version: i16) -> Vec<(Wanted, Option<Arc<Partition>>)> {
    let count = request.topics.iter().map(|topic| topic.partitions.len()).sum();
    let mut wanted = Vec::with_capacity(count);
    for topic in &request.topics {
        let (key, found) = if version >= TOPIC_IDS {
            (TopicKey::Id(topic.topic_id), metadata.topic_by_id(topic.topic_id))
        } else {
            (TopicKey::Name(topic.topic.as_str().into()), metadata.topic(&topic.topic))
        };
        for partition in &topic.partitions {
            let open = found.as_ref().and_then(|found| found.partition(partition.partition)).cloned();
            wanted.push((Wanted::new(key.clone(), partition), open));
        }
    }
    wanted
}

impl Plan {
    /// The id under which the client goes on; 0 for none.
    pub(super) fn session_id(&self) -> i32 {
        match &self.source {
            Source::Named(_) => 0,
            Source::Session(session) => session.id(),
        }
    }

    /// Reads every partition, from where the last answer stopped having room.
    pub(super) fn collect(&mut self, limits: &Limits, reach: Reach) -> Collected {
        let mut collected = Collected::default();
        match &mut self.source {
            Source::Named(wanted) => {
                for (wanted, partition) in wanted {
                    collected.add(wanted, partition.as_ref(), limits, reach);
                }
            }
            Source::Session(session) => session.collect(&self.metadata, limits, reach, &mut collected),
        }
        collected
    }

    pub(super) fn notify_on_advance(&self, advanced: &Arc<Notify>) {
        match &self.source {
            Source::Named(wanted) => {
                for partition in wanted.iter().filter_map(|(_, partition)| partition.as_ref()) {
                    partition.notify_on_advance(advanced);
                }
            }
            Source::Session(session) => session.notify_on_advance(advanced),
        }
    }

    /// The answers that are sent: an incremental fetch leaves out those that say nothing new.
    pub(super) fn select(&mut self, collected: Collected) -> Vec<PartitionAnswer> {
        match &mut self.source {
            Source::Named(_) => collected.answers,
            Source::Session(session) => session.select(collected),
        }
    }
}

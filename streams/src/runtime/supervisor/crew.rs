use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::runtime::assignment::{ApplicationShutdown, KnownHosts};
use crate::runtime::config::StreamsConfig;
use crate::runtime::mailbox::{Mailboxes, mailbox};
use crate::runtime::offset_sums::OffsetSums;
use crate::runtime::shared::Shared;
use crate::runtime::stores::Stores;
use crate::runtime::stream_thread::{StreamThread, ThreadEnd};
use crate::runtime::topics::InternalTopic;
use crate::runtime::uncaught::Uncaught;
use crate::runtime::{StateDirectory, StreamsError};
use crate::store::shared::Globals;
use crate::topology::Topology;

/// What every stream thread of an application is given, so that there can be more of them.
pub(super) struct Crew {
    pub(super) config: Arc<StreamsConfig>,
    pub(super) topology: Topology,
    /// As they were in the cluster at the start.
    pub(super) internal_topics: Arc<[InternalTopic]>,
    pub(super) directory: Arc<StateDirectory>,
    pub(super) offset_sums: Arc<OffsetSums>,
    pub(super) stores: Stores,
    pub(super) globals: Globals,
    pub(super) shared: Arc<Shared>,
    pub(super) known_hosts: Arc<KnownHosts>,
    pub(super) shutdown: Arc<ApplicationShutdown>,
    pub(super) uncaught: Arc<Uncaught>,
    pub(super) mailboxes: Arc<Mailboxes>,
    pub(super) network: Handle,
    pub(super) ended: mpsc::UnboundedSender<ThreadEnd>,
}

impl Crew {
    pub(super) fn name(&self, index: usize) -> String {
        format!("{}-{}", self.config.application_id, index + 1)
    }

    /// Starts the thread of that index, or one in its place.
    pub(super) fn spawn(&self, index: usize) -> Result<JoinHandle<()>, StreamsError> {
        let (mailbox, inbox) = mailbox();
        let thread = StreamThread {
            index,
            name: self.name(index),
            config: Arc::clone(&self.config),
            topology: self.topology.clone(),
            internal_topics: Arc::clone(&self.internal_topics),
            offset_sums: Arc::clone(&self.offset_sums),
            stores: self.stores.clone(),
            globals: self.globals.clone(),
            shared: Arc::clone(&self.shared),
            known_hosts: Arc::clone(&self.known_hosts),
            shutdown: Arc::clone(&self.shutdown),
            uncaught: Arc::clone(&self.uncaught),
            inbox,
            network: self.network.clone(),
        };
        self.shared.thread_started(index);
        let handle = thread.spawn(self.ended.clone())?;
        self.mailboxes.put(index, mailbox);
        Ok(handle)
    }

    /// A thread has gone for good.
    pub(super) fn dismiss(&self, index: usize) {
        self.mailboxes.remove(index);
        self.shared.thread_removed(index);
    }
}

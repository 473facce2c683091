//! The serdes that records came with, for the topics that they pass on their way.

use std::any::Any;
use std::sync::Arc;

use super::{Graph, NodeId};
use crate::data::Data;
use crate::serde::SerdeHandle;

/// What the records that leave a node were read with, as far as the node has left them as they were: a `SerdeHandle` each.
#[derive(Clone, Default)]
pub(super) struct Serdes {
    key: Option<Arc<dyn Any + Send + Sync>>,
    value: Option<Arc<dyn Any + Send + Sync>>,
}

/// What an operator puts in the place of what it is given: Kafka Streams gives up the serde of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changes {
    Nothing,
    Keys,
    Values,
    Both,
}

impl Changes {
    pub(crate) fn keys(self) -> bool {
        matches!(self, Self::Keys | Self::Both)
    }

    pub(crate) fn values(self) -> bool {
        matches!(self, Self::Values | Self::Both)
    }
}

impl Graph {
    /// The records of a source are read with these.
    pub(crate) fn read_with<K, V>(&mut self, source: NodeId, key: &SerdeHandle<K>, value: &SerdeHandle<V>) {
        let serdes = Serdes { key: Some(Arc::new(key.clone())), value: Some(Arc::new(value.clone())) };
        self.serdes.insert(source, serdes);
    }

    /// The records of `child` are those of `parent`, but for what it changes.
    pub(crate) fn pass_serdes(&mut self, parent: NodeId, child: NodeId, changes: Changes) {
        self.node_mut(child).changes = changes;
        let Some(Serdes { key, value }) = self.serdes.get(&parent).cloned() else { return };
        let serdes =
            Serdes { key: key.filter(|_| !changes.keys()), value: value.filter(|_| !changes.values()) };
        self.serdes.insert(child, serdes);
    }

    /// How the keys of a node's records are written: as they were read, or as their type writes them.
    pub(crate) fn key_serde<K: Data>(&self, node: NodeId) -> SerdeHandle<K> {
        native_unless(self.serdes.get(&node).and_then(|serdes| serdes.key.as_deref()))
    }

    /// How the values of a node's records are written.
    pub(crate) fn value_serde<V: Data>(&self, node: NodeId) -> SerdeHandle<V> {
        native_unless(self.serdes.get(&node).and_then(|serdes| serdes.value.as_deref()))
    }
}

fn native_unless<T: Data>(known: Option<&(dyn Any + Send + Sync)>) -> SerdeHandle<T> {
    let known = known.and_then(|known| known.downcast_ref::<SerdeHandle<T>>());
    known.cloned().unwrap_or_else(SerdeHandle::native)
}

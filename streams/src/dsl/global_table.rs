//! Tables that every task has whole.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::processor::ProcessError;
use crate::serde::SerdeHandle;
use crate::store::backend::KeyValueBackend;
use crate::store::shared::SharedBackend;
use crate::store::typed::decode_timestamped;
use crate::task::Assembly;
use crate::topology::{NodeId, StoreId};

use super::table::View;
use super::{Element, SharedGraph};

/// A table of all partitions of its topic, the same on every instance: any record can look up any key in it
/// ([`join_global`](super::KStream::join_global)). Made by [`global_table`](super::StreamsBuilder::global_table).
pub struct GlobalKTable<K: 'static, V: 'static> {
    pub(super) graph: SharedGraph,
    node: NodeId,
    lookup: Lookup<K, V>,
}

/// How a task reads the table.
pub(super) struct Lookup<K: 'static, V: 'static> {
    pub(super) store: StoreId,
    pub(super) key: SerdeHandle<K>,
    pub(super) value: SerdeHandle<V>,
}

impl<K: Element, V: Element> GlobalKTable<K, V> {
    pub(super) fn new(graph: SharedGraph, node: NodeId, lookup: Lookup<K, V>) -> Self {
        Self { graph, node, lookup }
    }

    /// Names the node that fills the table, and its source `<name>-source` (Kafka's `Consumed.as`).
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// builder.stream(Topic::<String, String>::new("in")).for_each(|_, _| {});
    /// let _users = builder.global_table(Topic::<String, String>::new("users")).named("users");
    /// assert!(builder.build()?.describe().to_string().contains("Source: users-source (topics: [users])"));
    /// # Ok(()) }
    /// ```
    pub fn named(self, name: &str) -> Self {
        self.graph.borrow_mut().rename(self.node, name);
        self
    }

    /// Makes the view of a task.
    pub(super) fn view(&self) -> impl Fn(&Assembly<'_>) -> Rc<dyn View<K, V>> + Send + Sync + use<K, V> {
        let lookup = self.lookup.clone();
        move |assembly| {
            let (name, backend) = assembly.global(lookup.store);
            let (lookup, buffers) = (lookup.clone(), RefCell::default());
            Rc::new(Global { name, backend, lookup, buffers })
        }
    }
}

impl<K, V> Clone for Lookup<K, V> {
    fn clone(&self) -> Self {
        Self { store: self.store, key: self.key.clone(), value: self.value.clone() }
    }
}

impl<K, V> Clone for GlobalKTable<K, V> {
    fn clone(&self) -> Self {
        Self { graph: self.graph.clone(), node: self.node, lookup: self.lookup.clone() }
    }
}

/// The whole table, filled by another thread.
struct Global<K: 'static, V: 'static> {
    name: Arc<str>,
    backend: SharedBackend,
    lookup: Lookup<K, V>,
    /// Key and value in bytes.
    buffers: RefCell<(Vec<u8>, Vec<u8>)>,
}

impl<K, V> View<K, V> for Global<K, V> {
    fn read(&self, key: &K, read: &mut dyn FnMut(Option<&V>)) -> Result<(), ProcessError> {
        let (key_bytes, value_bytes) = &mut *self.buffers.borrow_mut();
        key_bytes.clear();
        let encoded = self.lookup.key.encode(key, key_bytes);
        encoded.map_err(|source| ProcessError::encode("key", &self.name, source))?;
        if self.backend.get(key_bytes, value_bytes)? {
            let (value, _) = decode_timestamped(&self.name, &self.lookup.value, value_bytes)?;
            read(Some(&value));
        } else {
            read(None);
        }
        Ok(())
    }
}

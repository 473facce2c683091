//! The stores of a graph.

use std::any::TypeId;
use std::rc::Rc;
use std::sync::Arc;

use super::{Graph, NodeId, StoreId};
use crate::processing::Declared;
use crate::store::typed::TaskStore;
use crate::task::StoreParts;
use crate::topology::{StoreSpec, TopologyError};

/// Puts the typed store in front of a task's bytes.
#[derive(Clone)]
pub(crate) struct StoreFactory {
    pub(crate) types: StoreTypes,
    make: Arc<dyn Fn(StoreParts) -> Rc<dyn TaskStore> + Send + Sync>,
}

/// The types of a store's keys and values, and what they are called.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoreTypes {
    pub(crate) id: TypeId,
    pub(crate) key: &'static str,
    pub(crate) value: &'static str,
}

impl std::fmt::Display for StoreTypes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "keys {} and values {}", self.key, self.value)
    }
}

impl StoreFactory {
    pub(crate) fn new(
        types: StoreTypes,
        make: impl Fn(StoreParts) -> Rc<dyn TaskStore> + Send + Sync + 'static,
    ) -> Self {
        Self { types, make: Arc::new(make) }
    }

    pub(crate) fn make(&self, parts: StoreParts) -> Rc<dyn TaskStore> {
        (self.make)(parts)
    }
}

impl Graph {
    pub(crate) fn add_store(&mut self, spec: StoreSpec, factory: StoreFactory) -> StoreId {
        self.check_name(&spec.name);
        self.stores.push((spec, factory));
        StoreId(self.stores.len() as u32 - 1)
    }

    pub(crate) fn connect_store(&mut self, node: NodeId, store: StoreId) {
        if !self.node(node).stores.contains(&store) {
            self.node_mut(node).stores.push(store);
        }
    }

    /// Gives a processor a store that it opens: the one of that name, or a new one.
    pub(crate) fn open_store(&mut self, node: NodeId, wanted: Declared) {
        let name = wanted.spec.name.clone();
        if wanted.is_read {
            return self.read_store(node, &wanted);
        }
        let store = self.share_store(wanted);
        let (spec, _) = self.store(store);
        let of_node = self.nodes.iter().any(|other| other.stores.contains(&store));
        let is_filled = self.is_global(store) || self.is_of_processors(store) && spec.changelog_is_source;
        if is_filled && of_node {
            self.mistake.get_or_insert(TopologyError::ReadOnlyStoreOpened(name));
        }
        self.connect_store(node, store);
    }

    /// Every task has the global stores at hand; the others make one part of who writes and who reads.
    fn read_store(&mut self, node: NodeId, wanted: &Declared) {
        let Some(store) = self.store_named(&wanted.spec.name) else {
            self.mistake.get_or_insert(TopologyError::UnknownStore(wanted.spec.name.clone()));
            return;
        };
        self.check_types(store, wanted);
        if !self.is_global(store) {
            self.connect_store(node, store);
        }
    }

    fn share_store(&mut self, wanted: Declared) -> StoreId {
        let Some(id) = self.store_named(&wanted.spec.name) else {
            let Declared { spec, types, factory, .. } = wanted;
            if spec.windows.is_some_and(|windows| windows.size_ms == 0) {
                let name = &spec.name;
                self.report_windows(format!(
                    "store {name:?} is opened by a processor before anything says what its windows are: `.windows(TimeWindows::of(...))` does"
                ));
            }
            let id = self.add_store(spec, factory);
            self.of_processors.insert(id, types);
            return id;
        };
        self.check_types(id, &wanted);
        if self.is_of_processors(id) && self.store(id).0 != wanted.spec {
            let is_filled = self.store(id).0.changelog_is_source;
            let mistake =
                if is_filled { TopologyError::ReadOnlyStoreOpened } else { TopologyError::ConflictingStores };
            self.mistake.get_or_insert(mistake(wanted.spec.name));
        }
        id
    }

    fn check_types(&mut self, store: StoreId, wanted: &Declared) {
        if self.store(store).1.types.id != wanted.types {
            self.mistake.get_or_insert(TopologyError::ConflictingStores(wanted.spec.name.clone()));
        }
    }

    /// Whether one task a process fills it, and all read it.
    pub(crate) fn is_global(&self, store: StoreId) -> bool {
        self.nodes.iter().any(|node| node.global && node.stores.contains(&store))
    }

    pub(crate) fn store_named(&self, name: &str) -> Option<StoreId> {
        let found = self.stores.iter().position(|(spec, _)| spec.name == name)?;
        Some(StoreId(found as u32))
    }

    pub(crate) fn is_of_processors(&self, store: StoreId) -> bool {
        self.of_processors.contains_key(&store)
    }

    pub(crate) fn store_spec_mut(&mut self, id: StoreId) -> &mut StoreSpec {
        &mut self.stores[id.0 as usize].0
    }

    pub(crate) fn store(&self, id: StoreId) -> &(StoreSpec, StoreFactory) {
        &self.stores[id.0 as usize]
    }
}

//! The stores of one task, with or without the nodes that write them.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::metrics::StoreMetrics;
use crate::store::backend::{KeyValueBackend, Position};
use crate::store::cache::CacheBudget;
use crate::store::chunk::{Chunk, Page, Read};
use crate::store::error::StoreError;
use crate::store::typed::{Accesses, TaskStore, TypedStore};
use crate::topology::{StoreId, StoreSpec, Topology};

use super::assembly::changelog;
use super::{RecordSink, StoreParts, TaskId};

/// How far the stores of a task have come: sums of the changelog offsets that they stand at (KIP-441).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Of all stores.
    pub offset_sum: i64,
    /// Of those that outlive the process.
    pub on_disk: i64,
}

impl Standing {
    /// Counts a store that has a changelog.
    pub(crate) fn add(&mut self, backend: &dyn KeyValueBackend) {
        let offset = backend.position().map_or(0, |position| position.next_offset);
        self.offset_sum += offset;
        self.on_disk += if backend.is_on_disk() { offset } else { 0 };
    }
}

/// The typed stores of a task, in the order of [`Subtopology::stores`](crate::topology::Subtopology::stores).
pub struct TaskStores(Vec<(StoreSpec, Rc<dyn TaskStore>)>);

impl TaskStores {
    /// Gives the bytes of a task's stores their types. The sub-topology must have as many stores as there are backends.
    pub(crate) fn open(
        topology: &Topology,
        task: TaskId,
        backends: Vec<Box<dyn KeyValueBackend>>,
        cache: &Rc<CacheBudget>,
        sink: &mut dyn RecordSink,
    ) -> Self {
        let part = topology.part(task.subtopology);
        assert_eq!(part.stores.len(), backends.len(), "a backend for every store");
        let open = |(id, backend): (&StoreId, Box<dyn KeyValueBackend>)| {
            let (spec, factory) = topology.graph().store(*id);
            let changelog = changelog(spec, task, sink);
            let parts = StoreParts { spec: spec.clone(), backend, changelog, budget: Rc::clone(cache) };
            (spec.clone(), factory.make(parts))
        };
        Self(part.store_ids.iter().zip(backends).map(open).collect())
    }

    /// The same by what the nodes of the sub-topology know them by.
    pub(super) fn by_id(&self, ids: &[StoreId]) -> HashMap<StoreId, Rc<dyn TaskStore>> {
        ids.iter().copied().zip(self.0.iter().map(|(_, store)| Rc::clone(store))).collect()
    }

    /// The typed store of that name; `None` where there is none or its types differ.
    pub fn store<K: 'static, V: 'static>(&self, name: &str) -> Option<Rc<RefCell<TypedStore<K, V>>>> {
        let (_, store) = self.0.iter().find(|(spec, _)| spec.name == name)?;
        let any: Rc<dyn Any> = Rc::clone(store).into_any();
        any.downcast().ok()
    }

    /// Answers a query of the store of that name with about so many bytes at most; `None`: it has none.
    pub(crate) fn answer(
        &self,
        store: &str,
        read: &Read,
        page: &Page,
        max_bytes: usize,
    ) -> Option<Result<Chunk, StoreError>> {
        let (_, store) = self.0.iter().find(|(spec, _)| spec.name == store)?;
        Some(store.answer(read, page, max_bytes))
    }

    /// Runs `with` on the bytes of the store of that name, below its cache.
    pub(crate) fn with_backend(&self, name: &str, mut with: impl FnMut(&mut dyn KeyValueBackend)) {
        for (_, store) in self.0.iter().filter(|(spec, _)| spec.name == name) {
            store.with_backend(&mut with);
        }
    }

    /// Writes what is staged; `position` says for a store how far its changelog is acknowledged.
    pub(super) fn write(&self, mut position: impl FnMut(&StoreSpec) -> Position) -> Result<(), StoreError> {
        self.0.iter().try_for_each(|(spec, store)| store.write(position(spec)))
    }

    /// How each is used.
    pub(super) fn metrics(&self) -> Vec<StoreMetrics> {
        let metrics = |(spec, store): &(StoreSpec, Rc<dyn TaskStore>)| {
            let Accesses { hits, misses } = store.accesses();
            StoreMetrics { store: spec.name.clone(), cache_hits: hits, cache_misses: misses }
        };
        self.0.iter().map(metrics).collect()
    }

    /// How far they have come.
    pub(crate) fn standing(&self) -> Standing {
        let mut standing = Standing::default();
        for (_, store) in self.0.iter().filter(|(spec, _)| spec.changelog.is_some()) {
            store.with_backend(&mut |backend| standing.add(backend));
        }
        standing
    }

    /// The bytes again, still open. Whoever else holds a store finds it empty.
    pub(crate) fn into_backends(self) -> Vec<Box<dyn KeyValueBackend>> {
        self.0.into_iter().map(|(_, store)| store.take_backend()).collect()
    }

    /// Drops cached values until the budget's use is at most `target`.
    pub(super) fn evict(&self, target: usize) {
        self.0.iter().for_each(|(_, store)| store.evict(target));
    }
}

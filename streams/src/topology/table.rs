//! Where the values of a table lie, and who is told of the old ones.

use super::{Graph, NodeId, StoreId};

/// What a graph knows of a node that makes a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table {
    pub(crate) values: Values,
    /// Whether the updates carry the old value too: only if something below asked (Kafka's `enableSendingOldValues`).
    pub(crate) sends_old: bool,
}

/// Where the current values of a table are found.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Values {
    /// In a store of its own.
    Stored(StoreId),
    /// In this store, should anything need them: a table of a topic, or of a stream.
    Latent(StoreId),
    /// Computed from those of the table above.
    Derived(NodeId),
}

impl Graph {
    /// Says that a node makes a table.
    pub(crate) fn add_values(&mut self, node: NodeId, values: Values) {
        if let Values::Stored(store) = values {
            self.connect_store(node, store);
        }
        self.node_mut(node).table = Some(Table { values, sends_old: false });
    }

    /// Where the values of a table lie.
    pub(crate) fn values(&self, node: NodeId) -> Option<Values> {
        self.node(node).table.map(|table| table.values)
    }

    pub(crate) fn sends_old(&self, node: NodeId) -> bool {
        self.node(node).table.is_some_and(|table| table.sends_old)
    }

    /// The store that answers for a table; from now on its values are kept there.
    pub(crate) fn materialize(&mut self, node: NodeId) -> Option<StoreId> {
        match self.values(node)? {
            Values::Stored(store) => Some(store),
            Values::Latent(store) => {
                self.connect_store(node, store);
                self.set_values(node, Values::Stored(store));
                Some(store)
            }
            Values::Derived(above) => self.materialize(above),
        }
    }

    /// Asks a table for the old values of its updates. With `force` a table that nothing keeps yet is kept for that; without,
    /// the answer may be no.
    pub(crate) fn send_old(&mut self, node: NodeId, force: bool) -> bool {
        let Some(Table { values, sends_old: false }) = self.node(node).table else { return true };
        let can = match values {
            Values::Stored(_) => true,
            Values::Latent(_) => force && self.materialize(node).is_some(),
            Values::Derived(above) => self.send_old(above, force),
        };
        if let Some(table) = &mut self.node_mut(node).table {
            table.sends_old |= can;
        }
        can
    }

    /// Takes the table that `node` makes out of the tasks; returns its store.
    pub(crate) fn make_global(&mut self, node: NodeId) -> StoreId {
        self.node_mut(node).global = true;
        self.node(node).stores[0]
    }

    fn set_values(&mut self, node: NodeId, values: Values) {
        if let Some(table) = &mut self.node_mut(node).table {
            table.values = values;
        }
    }
}

//! The nodes that run processors, however they were asked for.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use super::Element;
use crate::processing::{Attended, Declared, Opening, Processor, ProcessorNode, Stores};
use crate::task::{Assembly, erase};
use crate::topology::{Graph, NodeId, NodeKind, ProcessorFactory};

/// A node that is not in the graph yet, and the stores that it is to be given.
pub(super) struct Made {
    pub(super) kind: NodeKind,
    pub(super) stores: Vec<Declared>,
}

/// Makes a processor once, to learn which stores it opens.
pub(super) fn make<K: Element, V: Element, P: Processor<K, V>>(
    make: impl Fn(&mut Stores<'_>) -> P + Send + Sync + 'static,
) -> Made {
    let mut stores: Vec<Declared> = Vec::new();
    drop(make(&mut Stores::declare(&mut stores)));
    Made { kind: NodeKind::Processor { factory: factory(make) }, stores }
}

impl Made {
    pub(super) fn add(self, graph: &mut Graph, name: String, parents: &[NodeId]) -> NodeId {
        let node = graph.add(name, self.kind, parents);
        graph.node_mut(node).remembers = true;
        for store in self.stores {
            graph.open_store(node, store);
        }
        node
    }

    /// Adds a node that fills a store which all tasks read.
    pub(super) fn add_global(self, graph: &mut Graph, name: String, source: NodeId) {
        let node = graph.add(name, self.kind, &[source]);
        graph.node_mut(node).global = true;
        for store in self.stores {
            graph.open_store(node, store);
        }
    }
}

fn factory<K: Element, V: Element, P: Processor<K, V>>(
    make: impl Fn(&mut Stores<'_>) -> P + Send + Sync + 'static,
) -> ProcessorFactory {
    Arc::new(move |assembly: &mut Assembly<'_>, id| {
        let time = Rc::new(Cell::new(-1));
        let by_name = |name: &str| assembly.store_named(name);
        let mut opened = Vec::new();
        let opening = Opening { node: id, by_name: &by_name, opened: &mut opened };
        let processor = make(&mut Stores::of_task(opening, Rc::clone(&time)));
        for (name, flush) in opened {
            assembly.flushes_store(id, &name, flush);
        }
        let node = Rc::new(ProcessorNode::new(assembly, id, processor, time));
        assembly.attends(id, Rc::clone(&node) as Rc<dyn Attended>);
        erase::<K, V>(node)
    })
}

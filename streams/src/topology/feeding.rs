//! Which topics a store is made of.

use std::collections::BTreeSet;

use super::{Graph, NodeId, NodeKind, StoreId, TopicName, Topology};

impl Topology {
    /// The topics whose records come, by whatever way within the part, to nodes that have its store of that index.
    pub(crate) fn topics_of_store(&self, part: u32, index: usize) -> BTreeSet<TopicName> {
        let graph = self.graph();
        let Some(store) = self.part(part).store_ids.get(index) else { return BTreeSet::new() };
        let mut above: Vec<NodeId> = graph.ids().filter(|id| has(graph, *id, *store)).collect();
        let (mut seen, mut found) = (BTreeSet::new(), BTreeSet::new());
        while let Some(id) = above.pop() {
            if !seen.insert(id) {
                continue;
            }
            let node = graph.node(id);
            above.extend(&node.parents);
            if let NodeKind::Source { topics, .. } = &node.kind {
                found.extend(topics.iter().cloned());
            }
        }
        found
    }
}

fn has(graph: &Graph, node: NodeId, store: StoreId) -> bool {
    graph.node(node).stores.contains(&store)
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn a_store_is_of_the_topics_above_it_and_of_no_other() {
        let builder = StreamsBuilder::new();
        let users = builder.table_in(Topic::<String, String>::new("users"), "users");
        let clicks = builder.stream(Topic::<String, String>::new("clicks"));
        let taps = builder.stream(Topic::<String, String>::new("taps"));
        let _both = clicks.merge(&taps).map_values(|text| text).group_by_key().count("both");
        let joined = clicks.join_table(&users, |click, _| click);
        let _known = joined.group_by_key().count("known");
        let topology = builder.build().unwrap();
        let part = &topology.subtopologies()[0];
        let of = |name: &str| -> Vec<String> {
            let index = part.stores.iter().position(|store| store.name == name).unwrap();
            topology.topics_of_store(part.id, index).iter().map(ToString::to_string).collect()
        };
        assert_eq!(of("both"), ["clicks", "taps"]);
        assert_eq!(of("known"), ["clicks"]);
        // A join has the store that it looks into.
        assert_eq!(of("users"), ["clicks", "users"]);
    }
}

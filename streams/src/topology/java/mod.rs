//! Two Java collections whose order shows in Kafka's topology text.

mod hash_set;
mod tree_set;

pub(super) use hash_set::iteration_order;
pub(super) use tree_set::TreeSet;

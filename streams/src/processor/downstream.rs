//! The edge between two nodes of a task.

use std::rc::Rc;

use super::{Context, ProcessError, Record};

/// A node as the nodes above it see it: one virtual call a hop, records moved, nothing boxed.
pub trait Downstream<K, V> {
    /// Takes one record.
    fn process(&self, record: Record<K, V>, cx: &mut Context<'_>) -> Result<(), ProcessError>;
}

/// Several nodes below one: every one but the last gets a clone.
pub(crate) struct FanOut<K, V> {
    pub(crate) first: Vec<Rc<dyn Downstream<K, V>>>,
    pub(crate) last: Rc<dyn Downstream<K, V>>,
}

impl<K: Clone, V: Clone> Downstream<K, V> for FanOut<K, V> {
    fn process(&self, record: Record<K, V>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        for node in &self.first {
            cx.pass(&**node, record.clone())?;
        }
        cx.pass(&*self.last, record)
    }
}

/// Below a node that nothing was attached to.
pub(crate) struct Discard;

impl<K, V> Downstream<K, V> for Discard {
    fn process(&self, _record: Record<K, V>, _cx: &mut Context<'_>) -> Result<(), ProcessError> {
        Ok(())
    }
}

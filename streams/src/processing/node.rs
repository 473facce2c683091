//! The node that runs a processor.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;

use super::{Context, Forwarded, Processor, Punctuation};
use crate::processor::{Context as TaskContext, Downstream, ProcessError, Record};
use crate::task::Assembly;
use crate::topology::NodeId;

/// A node that is called beside its records.
pub(crate) trait Attended {
    fn init(&self, cx: &mut TaskContext<'_>) -> Result<(), ProcessError>;
    fn punctuate(&self, at: Punctuation, cx: &mut TaskContext<'_>) -> Result<(), ProcessError>;
    fn close(&self);
}

/// The nodes below a processor.
pub(crate) struct Below<K, V> {
    pub(super) all: Rc<dyn Downstream<K, V>>,
    pub(super) by_name: Vec<(String, Rc<dyn Downstream<K, V>>)>,
}

pub(crate) struct ProcessorNode<P: Processor<K, V>, K, V> {
    node: NodeId,
    /// Only its node calls it, and a topology has no cycles: it is never borrowed twice.
    processor: RefCell<P>,
    /// The time at which its stores take updates; they hold the same cell.
    time: Rc<Cell<i64>>,
    below: Below<<P::Out as Forwarded>::Key, <P::Out as Forwarded>::Value>,
}

impl<P: Processor<K, V>, K, V> ProcessorNode<P, K, V> {
    pub(crate) fn new(assembly: &Assembly<'_>, node: NodeId, processor: P, time: Rc<Cell<i64>>) -> Self {
        let children = assembly.children(node).iter();
        let by_name =
            children.map(|child| (assembly.name(*child).to_owned(), assembly.child(*child))).collect();
        let below = Below { all: assembly.downstream(node), by_name };
        Self { node, processor: RefCell::new(processor), time, below }
    }

    fn call(
        &self,
        task: &mut TaskContext<'_>,
        punctuation: Option<Punctuation>,
        call: impl FnOnce(&mut P, &mut Context<'_, P::Out>) -> Result<(), ProcessError>,
    ) -> Result<(), ProcessError> {
        task.return_to(self.node);
        let mut cx = Context {
            task: TaskContext { sink: &mut *task.sink, state: &mut *task.state, origin: task.origin },
            node: self.node,
            below: &self.below,
            running: punctuation.map(|punctuation| punctuation.id),
            failed: None,
        };
        let is_lenient = cx.task.is_lenient();
        let run = || call(&mut self.processor.borrow_mut(), &mut cx);
        let outcome = if is_lenient { panic::catch_unwind(AssertUnwindSafe(run)) } else { Ok(run()) };
        match (cx.failed, outcome) {
            // Also before a panic: what has been decided below is not the processor's to decide on again.
            (Some(failed), _) => Err(failed),
            (None, Ok(outcome)) => outcome,
            (None, Err(panicked)) => panic::resume_unwind(panicked),
        }
    }
}

impl<P: Processor<K, V>, K: 'static, V: 'static> Downstream<K, V> for Rc<ProcessorNode<P, K, V>> {
    fn process(&self, record: Record<K, V>, cx: &mut TaskContext<'_>) -> Result<(), ProcessError> {
        cx.enter(self.node);
        self.time.set(record.timestamp);
        self.call(cx, None, |processor, cx| processor.process(record, cx))
    }
}

impl<P: Processor<K, V>, K: 'static, V: 'static> Attended for ProcessorNode<P, K, V> {
    fn init(&self, cx: &mut TaskContext<'_>) -> Result<(), ProcessError> {
        self.time.set(cx.state.wall_clock);
        self.call(cx, None, |processor, cx| processor.init(cx))
    }

    fn punctuate(&self, at: Punctuation, cx: &mut TaskContext<'_>) -> Result<(), ProcessError> {
        self.time.set(at.time);
        self.call(cx, Some(at), |processor, cx| processor.punctuate(at, cx))
    }

    fn close(&self) {
        self.processor.borrow_mut().close();
    }
}

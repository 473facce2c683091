//! What a task does with the outlets at its end.

use super::{At, RecordSink, Task, TaskError};
use crate::errors::{Origin, guard};
use crate::metrics::OutletMetrics;
use crate::processor::Context;
use crate::topology::NodeId;

impl Task {
    /// Whether its outlets have room for what its next records may come to.
    pub(crate) fn has_room(&mut self) -> Result<bool, TaskError> {
        if self.drains.is_empty() {
            return Ok(true);
        }
        let Self { drains, state, .. } = self;
        let mut room = true;
        let outcome = guard(|| {
            for (node, drain) in drains.iter() {
                state.node = *node;
                room &= drain.has_room()?;
            }
            Ok(())
        });
        outcome.map_err(|failure| self.failed(failure, |node| At::Outlet { node }))?;
        Ok(room)
    }

    /// Asks for all that its outlets were given to be made safe. `true`: it is, and the dead letters of what was refused are sent.
    pub(crate) fn settle(&mut self, sink: &mut dyn RecordSink) -> Result<bool, TaskError> {
        if self.drains.is_empty() {
            return Ok(true);
        }
        let Self { drains, state, .. } = self;
        state.input = None;
        let (mut settled, time) = (true, state.stream_time);
        let outcome = guard(|| {
            for (node, drain) in drains.iter() {
                state.node = *node;
                settled &= drain.settle(&mut Context { sink, state, origin: Origin::Call(time) })?;
            }
            Ok(())
        });
        outcome.map_err(|failure| self.failed(failure, |node| At::Outlet { node }))?;
        Ok(settled)
    }

    /// Whether it ends in outlets, not in topics alone.
    pub(crate) fn has_outlets(&self) -> bool {
        !self.drains.is_empty()
    }

    pub(super) fn outlet_metrics(&self) -> Vec<OutletMetrics> {
        let name = |node: &NodeId| self.topology.graph().node(*node).name.clone();
        self.drains.iter().map(|(node, drain)| OutletMetrics::new(name(node), drain.counts())).collect()
    }
}

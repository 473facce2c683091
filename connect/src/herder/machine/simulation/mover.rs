use super::super::Movable;
use super::cluster::{Cluster, Fault};
use crate::herder::TargetState;
use crate::herder::records::ConfigRecord;

/// Whoever wants to change positions waits for so long.
const MOVE_MS_MAX: u64 = 30_000;

/// Somebody who has stopped a connector and wants to change its positions.
pub(super) struct Mover {
    node: usize,
    connector: String,
    until_ms: u64,
}

impl Cluster {
    /// Stops a connector as a user of this node, and changes its positions as soon as it is allowed.
    pub(super) fn stop_and_move(&mut self, node: usize, connector: &str) {
        self.target(node, connector, TargetState::Stopped);
        let until_ms = self.now.ms + MOVE_MS_MAX;
        self.movers.push(Mover { node, connector: connector.to_owned(), until_ms });
    }

    pub(super) fn move_positions(&mut self) {
        for mover in std::mem::take(&mut self.movers) {
            let Some(machine) = &self.nodes[mover.node].machine else { continue };
            match machine.may_move_positions(&mover.connector, self.now) {
                Ok(Movable::NotYet(_)) if self.fault != Fault::NoWait && self.now.ms < mover.until_ms => {
                    self.movers.push(mover);
                }
                // It has not read yet that it is stopped, or that is over already.
                Err(_) if self.now.ms < mover.until_ms => self.movers.push(mover),
                Ok(Movable::NotYet(_)) if self.fault != Fault::NoWait => {}
                Err(_) => {}
                Ok(_) => {
                    self.moved += 1;
                    self.nobody_runs(&mover);
                }
            }
        }
    }

    /// Whoever runs a task now stores a position afterwards. That a connector has been resumed meanwhile, unseen, is its
    /// users' doing.
    fn nobody_runs(&self, mover: &Mover) {
        let connector = &mover.connector;
        let told = self.logs[0].iter().enumerate().rev().find_map(|(offset, write)| {
            let value = write.bytes.value.as_ref().map(String::as_bytes);
            match ConfigRecord::read(&write.bytes.key, value)? {
                ConfigRecord::Target(name, target) if name == *connector => Some((offset, target)),
                _ => None,
            }
        });
        let read = self.nodes[mover.node].cursors[0];
        if told.is_none_or(|(offset, target)| target != Some(TargetState::Stopped) || offset >= read) {
            return;
        }
        let running = self.running().into_iter().find(|(task, _)| task.connector == *connector);
        if let Some((task, node)) = running {
            panic!("positions are changed on w{} while {task} runs on w{node}", mover.node);
        }
    }
}

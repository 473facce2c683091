//! From nothing to serving, and what an idle broker holds.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use millstream_broker::{Broker, BrokerConfig};

use crate::figures::Figures;
use crate::node::{Node, Side};

/// How long a broker is left alone before its memory is read.
const SETTLE: Duration = Duration::from_secs(2);

pub(crate) fn run(side: Side, figures: &mut Figures) -> Result<()> {
    let node = Node::start(side)?;
    figures.add(side, "ms from the start of the process to serving", millis(node.started_in));
    thread::sleep(SETTLE);
    figures.add(side, "MiB resident when idle", node.pid.memory_mib()?);
    figures.add(side, "CPU s spent until idle", node.pid.cpu_seconds()?);
    if side != Side::Peer {
        let begun = Instant::now();
        let broker = Broker::start_blocking(BrokerConfig::ephemeral())?;
        figures.add(side, "ms until an embedded broker serves", millis(begun.elapsed()));
        drop(broker);
    }
    Ok(())
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

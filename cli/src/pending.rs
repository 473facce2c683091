//! Records that were sent and are not yet known to be written.

use std::collections::VecDeque;

use anyhow::Result;
use millstream_client::Delivery;

/// How many are remembered before the oldest is waited for; far more than fit into `buffer.memory` by default are not.
const MOST: usize = 1 << 20;

/// What is on its way. Nothing is lost silently: the first record that could not be written ends the command.
#[derive(Default)]
pub(crate) struct Pending(VecDeque<Delivery>);

impl Pending {
    /// Remembers one more.
    pub(crate) async fn push(&mut self, delivery: Delivery) -> Result<()> {
        self.0.push_back(delivery);
        if self.0.len() > MOST
            && let Some(oldest) = self.0.pop_front()
        {
            oldest.await?;
        }
        Ok(())
    }

    /// Waits until all are written.
    pub(crate) async fn settle(self) -> Result<()> {
        for delivery in self.0 {
            delivery.await?;
        }
        Ok(())
    }
}

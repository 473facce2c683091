//! Numbers of a running application.

mod counts;
mod spread;
mod task;

pub(crate) use counts::Counts;
pub use spread::Spread;
pub use task::{NodeMetrics, StoreMetrics, TaskMetrics};

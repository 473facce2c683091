//! What herders answer, in the JSON of Kafka Connect's REST entities.

mod connector;
mod offsets;
mod status;
mod task;

pub use connector::{ActiveTopics, Config, ConnectorInfo, ConnectorType, Created, TargetState};
pub use offsets::{ConnectorOffset, ConnectorOffsets};
pub use status::{ConnectorStatus, State, StateInfo, TaskStatus};
pub use task::{TaskId, TaskInfo};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How far a connector has come, partition by partition of what it reads.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConnectorOffsets {
    /// One a partition.
    #[serde(default)]
    pub offsets: Vec<ConnectorOffset>,
}

/// One position. A sink's partition is `kafka_topic` and `kafka_partition`, its offset `kafka_offset`; those of a
/// source are its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConnectorOffset {
    /// Of what.
    pub partition: Map<String, Value>,
    /// How far; none where it is to be forgotten.
    pub offset: Option<Map<String, Value>>,
}

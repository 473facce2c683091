//! What a table tells the nodes below it.

/// An update of one key of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<V> {
    /// The value from now on; `None`: the key is gone.
    pub new: Option<V>,
    /// The value before; `None` also where nobody below asked for it (Kafka's `enableSendingOldValues`).
    pub old: Option<V>,
}

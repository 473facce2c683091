//! What came to an outlet.

use super::{TestDriver, TestError};
use crate::processor::Record;

impl TestDriver {
    /// The records that came to the [outlet](crate::outlet) of this name and were not read yet, oldest first.
    ///
    /// # Errors
    /// There is none of this name and these types, or the driver writes to the [real ones](super::TestDriverBuilder::real_outlets).
    pub fn outlet<K: 'static, V: 'static>(&self, node: &str) -> Result<Vec<Record<K, V>>, TestError> {
        let captured = self.bus.captured.as_ref().and_then(|captured| captured.get::<K, V>(node));
        let captured = captured.ok_or_else(|| TestError::UnknownOutlet(node.to_owned()))?;
        let records = captured.borrow_mut().drain(..).collect();
        Ok(records)
    }
}

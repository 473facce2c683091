use super::kind::Configured;
use super::{Target, Transform, TransformError};
use crate::options::{Fault, NoOptions};
use crate::record::Record;

/// Kafka's `Filter`: drops what it is applied to, which is what its predicate says.
#[derive(Debug)]
pub(super) struct DropAll;

impl Configured for DropAll {
    type Options = NoOptions;

    fn new(_: NoOptions, _: Target) -> Result<Self, Fault> {
        Ok(DropAll)
    }
}

impl Transform for DropAll {
    fn apply(&self, _: Record) -> Result<Option<Record>, TransformError> {
        Ok(None)
    }
}

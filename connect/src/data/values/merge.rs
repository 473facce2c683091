use crate::data::{Schema, Type};
use std::sync::Arc;

/// The schema that all elements have in common, as far as they are known.
#[derive(Default)]
pub(super) struct Merged {
    common: Option<Arc<Schema>>,
    /// Two had nothing in common.
    broken: bool,
}

impl Merged {
    pub(super) fn add(&mut self, schema: Option<Arc<Schema>>) {
        let Some(schema) = schema.filter(|_| !self.broken) else { return };
        self.common = match self.common.take() {
            None => Some(schema),
            Some(common) => merge(common, schema),
        };
        self.broken = self.common.is_none();
    }

    pub(super) fn schema(self) -> Option<Arc<Schema>> {
        self.common
    }
}

fn merge(one: Arc<Schema>, two: Arc<Schema>) -> Option<Arc<Schema>> {
    if one.kind() == two.kind() {
        return Some(if one.is_optional() { one } else { two });
    }
    let width = |schema: &Schema| match schema.kind() {
        Type::Int8 => Some(1),
        Type::Int16 => Some(2),
        Type::Int32 => Some(3),
        Type::Int64 => Some(4),
        Type::Float32 => Some(5),
        Type::Float64 => Some(6),
        _ => None,
    };
    Some(if width(&one)? < width(&two)? { two } else { one })
}

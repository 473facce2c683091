use super::{DataError, Schema, Type, Value};
use std::sync::Arc;

/// A value for each field of a schema: Kafka Connect's `Struct`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Struct {
    schema: Arc<Schema>,
    /// One for each field, in the schema's order; null where none was put.
    values: Vec<Value>,
}

impl Struct {
    /// All fields null.
    ///
    /// # Errors
    /// [`DataError::Schema`] if the schema is not a struct's.
    pub fn new(schema: Arc<Schema>) -> Result<Self, DataError> {
        if schema.kind() != Type::Struct {
            return Err(DataError::Schema { of: schema.kind(), what: "has no fields: only a STRUCT does" });
        }
        let values = vec![Value::Null; schema.fields().len()];
        Ok(Struct { schema, values })
    }

    /// A struct of values in the order of the schema's fields.
    ///
    /// # Errors
    /// As [`put`](Self::put), and when there are more or fewer values than fields.
    pub fn of(schema: Arc<Schema>, values: Vec<Value>) -> Result<Self, DataError> {
        if schema.kind() != Type::Struct || schema.fields().len() != values.len() {
            return Err(DataError::Schema { of: schema.kind(), what: "has another number of fields" });
        }
        for (field, value) in schema.fields().zip(&values) {
            field.schema.validate_field(&field.name, value)?;
        }
        Ok(Struct { schema, values })
    }

    /// What it is made to.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Sets a field.
    ///
    /// # Errors
    /// [`DataError`] if there is no such field or the value is none of its schema's.
    pub fn put(&mut self, field: &str, value: impl Into<Value>) -> Result<(), DataError> {
        let index = self.schema.index_of(field).ok_or_else(|| DataError::NoField(field.to_owned()))?;
        let value = value.into();
        if let Some(field) = self.schema.field(field) {
            // Null is refused even where a default would stand for it: only leaving a field out is not.
            field.schema.validate_as(&field.name, &value)?;
        }
        self.values[index] = value;
        Ok(())
    }

    /// The struct with a field set.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Result<Self, DataError> {
        self.put(field, value)?;
        Ok(self)
    }

    /// A field's value, its default for null; nothing if there is no such field.
    pub fn get(&self, field: &str) -> Option<&Value> {
        let index = self.schema.index_of(field)?;
        match &self.values[index] {
            Value::Null => Some(self.schema.field(field)?.schema.default_value().unwrap_or(&Value::Null)),
            value => Some(value),
        }
    }

    /// A field's value as it was put; nothing if there is no such field.
    pub fn get_without_default(&self, field: &str) -> Option<&Value> {
        self.schema.index_of(field).map(|index| &self.values[index])
    }

    /// The values as they were put, in the schema's order.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// Taken apart: the schema and what its fields hold in order, defaults for nulls if that is wanted.
    pub fn into_filled(mut self, defaults: bool) -> (Arc<Schema>, Vec<Value>) {
        if defaults {
            for (field, value) in self.schema.fields().zip(&mut self.values) {
                if let (Value::Null, Some(default)) = (&*value, field.schema.default_value()) {
                    *value = default.clone();
                }
            }
        }
        (self.schema, self.values)
    }

    /// Fields and their values, defaults for nulls.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&super::Field, &Value)> {
        self.schema.fields().zip(&self.values).map(|(field, value)| match value {
            Value::Null => (field, field.schema.default_value().unwrap_or(&Value::Null)),
            value => (field, value),
        })
    }

    /// Checks that every required field was put.
    ///
    /// # Errors
    /// [`DataError`] naming the first field that was not.
    pub fn validate(&self) -> Result<(), DataError> {
        for (field, value) in self.schema.fields().zip(&self.values) {
            field.schema.validate_field(&field.name, value)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Arc<Schema> {
        let retries = Schema::builder(Type::Int32).default_value(3).build().unwrap();
        Schema::structure().field("id", Schema::int64()).field("retries", retries).build().unwrap()
    }

    #[test]
    fn a_default_stands_for_null() {
        let value = Struct::new(schema()).unwrap().with("id", 7_i64).unwrap();
        assert_eq!(value.get("retries"), Some(&Value::Int32(3)));
        assert_eq!(value.get_without_default("retries"), Some(&Value::Null));
        assert_eq!(value.get("other"), None);
        value.validate().unwrap();
    }

    #[test]
    fn a_field_takes_only_its_own_type_and_a_required_one_no_null() {
        let mut value = Struct::new(schema()).unwrap();
        assert!(matches!(value.put("id", 7_i32), Err(DataError::Mismatch { .. })));
        assert!(matches!(value.put("id", Value::Null), Err(DataError::Null { .. })));
        assert!(matches!(value.put("other", 1), Err(DataError::NoField(_))));
        assert!(matches!(value.validate(), Err(DataError::Null { .. })));
    }
}

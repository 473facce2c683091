use super::schema::Parts;
use super::{DataError, Logical, Schema, Type, Value};

impl Schema {
    /// Checks a value: Kafka Connect's `ConnectSchema.validateValue`.
    ///
    /// # Errors
    /// [`DataError`] saying what does not fit, and where.
    pub fn validate(&self, value: &Value) -> Result<(), DataError> {
        self.validate_as("the value", value)
    }

    pub(super) fn validate_as(&self, field: &str, value: &Value) -> Result<(), DataError> {
        match (&self.parts, value) {
            (_, Value::Null) if self.optional => Ok(()),
            (_, Value::Null) => Err(DataError::Null { field: field.to_owned(), of: self.kind }),
            (Parts::Array(elements), Value::Array(values)) => {
                values.iter().try_for_each(|value| elements.validate_as(field, value))
            }
            (Parts::Map(keys, values), Value::Map(map)) => map.iter().try_for_each(|(key, value)| {
                keys.validate_as(field, key)?;
                values.validate_as(field, value)
            }),
            (Parts::Struct(_), Value::Struct(inner))
                if !std::ptr::eq(&**inner.schema(), self) && **inner.schema() != *self =>
            {
                Err(DataError::StructSchema(field.to_owned()))
            }
            (Parts::Struct(_), Value::Struct(inner)) => inner.validate(),
            _ if self.takes(value) => Ok(()),
            _ => Err(DataError::Mismatch {
                field: field.to_owned(),
                expected: self.described(),
                found: value.kind_name(),
            }),
        }
    }

    /// As a field of a struct: null is well where a default stands for it.
    pub(super) fn validate_field(&self, field: &str, value: &Value) -> Result<(), DataError> {
        if value.is_null() && self.default.is_some() { Ok(()) } else { self.validate_as(field, value) }
    }

    fn takes(&self, value: &Value) -> bool {
        match self.logical {
            Some(Logical::Decimal) => matches!(value, Value::Decimal(_)),
            Some(Logical::Date) => matches!(value, Value::Date(_)),
            Some(Logical::Time) => matches!(value, Value::Time(_)),
            Some(Logical::Timestamp) => matches!(value, Value::Timestamp(_)),
            None => matches!(
                (self.kind, value),
                (Type::Int8, Value::Int8(_))
                    | (Type::Int16, Value::Int16(_))
                    | (Type::Int32, Value::Int32(_))
                    | (Type::Int64, Value::Int64(_))
                    | (Type::Float32, Value::Float32(_))
                    | (Type::Float64, Value::Float64(_))
                    | (Type::Boolean, Value::Boolean(_))
                    | (Type::String, Value::String(_))
                    | (Type::Bytes, Value::Bytes(_))
            ),
        }
    }

    fn described(&self) -> String {
        match &self.name {
            Some(name) => format!("{} ({name})", self.kind),
            None => self.kind.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Map, Struct};
    use super::*;

    #[test]
    fn elements_keys_and_fields_are_checked() {
        let list = Schema::array(Schema::int8()).build().unwrap();
        list.validate(&Value::Array(vec![Value::Int8(1)])).unwrap();
        assert!(list.validate(&Value::Array(vec![Value::Int16(1)])).is_err());
        assert!(list.validate(&Value::Array(vec![Value::Null])).is_err());
        let map = Schema::map(Schema::string(), Schema::optional_int8()).build().unwrap();
        map.validate(&Map::new().with("a", Value::Null).into()).unwrap();
        assert!(map.validate(&Map::new().with(1, Value::Null).into()).is_err());
    }

    #[test]
    fn a_logical_type_takes_only_its_own_value() {
        let day = Schema::date().build().unwrap();
        day.validate(&Value::Date(1)).unwrap();
        assert!(day.validate(&Value::Int32(1)).is_err());
        assert!(Schema::int32().validate(&Value::Date(1)).is_err());
    }

    #[test]
    fn a_struct_of_another_schema_is_refused() {
        let one = Schema::structure().field("a", Schema::optional_int8()).build().unwrap();
        let two = Schema::structure().field("b", Schema::optional_int8()).build().unwrap();
        let value = Value::Struct(Struct::new(one.clone()).unwrap());
        one.validate(&value).unwrap();
        assert_eq!(two.validate(&value), Err(DataError::StructSchema("the value".into())));
    }
}

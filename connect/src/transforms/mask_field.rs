use super::headers::not_empty;
use super::kind::Configured;
use super::target::{map_of, struct_of};
use super::{Target, Transform, TransformError};
use crate::data::values::{to_f64, to_i64};
use crate::data::{Decimal, Map, SchemaAndValue, Struct, Value};
use crate::options::{Fault, Options};
use crate::record::Record;
use std::sync::Arc;

#[derive(Options, Clone, Debug)]
pub(super) struct MaskOptions {
    /// The fields to mask.
    #[option(importance = "high", check = not_empty)]
    fields: Vec<String>,
    /// What numbers and strings become instead of 0 and nothing.
    #[option(importance = "low", check = not_blank)]
    replacement: Option<String>,
    /// Whether the default stands for a field's null.
    #[option(name = "replace.null.with.default", default = true)]
    defaults: bool,
}

fn not_blank(text: &Option<String>) -> Result<(), String> {
    if text.as_deref() == Some("") { Err("String must be non-empty".to_owned()) } else { Ok(()) }
}

/// Puts nothing, or a replacement, in place of fields' values.
#[derive(Debug)]
pub(super) struct MaskField {
    target: Target,
    fields: Vec<Arc<str>>,
    replacement: Option<Value>,
    defaults: bool,
}

impl Configured for MaskField {
    type Options = MaskOptions;

    fn new(options: MaskOptions, target: Target) -> Result<Self, Fault> {
        let fields = options.fields.into_iter().map(Arc::from).collect();
        Ok(MaskField {
            target,
            fields,
            replacement: options.replacement.map(Value::from),
            defaults: options.defaults,
        })
    }
}

const WHAT: &str = "masking fields";

impl Transform for MaskField {
    fn apply(&self, record: Record) -> Result<Option<Record>, TransformError> {
        self.target.change(record, |SchemaAndValue { schema, value }| {
            let value = match schema {
                None => self.of_map(map_of(value, WHAT)?)?.into(),
                Some(_) => self.of_struct(struct_of(value, WHAT)?)?.into(),
            };
            Ok(SchemaAndValue { schema, value })
        })
    }
}

impl MaskField {
    /// A field that is not there is null afterwards, as in Kafka.
    fn of_map(&self, mut map: Map) -> Result<Map, TransformError> {
        for name in &self.fields {
            let masked = map.get(name).map_or(Ok(Value::Null), |value| self.masked(value))?;
            map.insert(Arc::clone(name), masked);
        }
        Ok(map)
    }

    fn of_struct(&self, value: Struct) -> Result<Struct, TransformError> {
        let (schema, values) = value.into_filled(self.defaults);
        let mut masked = Struct::new(Arc::clone(&schema))?;
        for (field, value) in schema.fields().zip(values) {
            let value = if self.fields.contains(&field.name) { self.masked(&value)? } else { value };
            masked.put(&field.name, value)?;
        }
        Ok(masked)
    }

    fn masked(&self, value: &Value) -> Result<Value, TransformError> {
        let masked = match (value, &self.replacement) {
            (Value::Null, _) => Some(Value::Null),
            (value, Some(replacement)) => replaced(value, replacement),
            (value, None) => nothing(value),
        };
        masked.ok_or_else(|| TransformError::Value(format!("{} cannot be masked so", value.kind_name())))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "as Java casts")]
fn replaced(value: &Value, replacement: &Value) -> Option<Value> {
    Some(match value {
        Value::String(_) => replacement.clone(),
        Value::Int8(_) => Value::Int8(to_i64(replacement)? as i8),
        Value::Int16(_) => Value::Int16(to_i64(replacement)? as i16),
        Value::Int32(_) => Value::Int32(to_i64(replacement)? as i32),
        Value::Int64(_) => Value::Int64(to_i64(replacement)?),
        Value::Float32(_) => Value::Float32(to_f64(replacement)? as f32),
        Value::Float64(_) => Value::Float64(to_f64(replacement)?),
        Value::Decimal(_) => replacement.as_str()?.parse::<Decimal>().ok()?.into(),
        _ => return None,
    })
}

fn nothing(value: &Value) -> Option<Value> {
    Some(match value {
        Value::Boolean(_) => Value::Boolean(false),
        Value::Int8(_) => Value::Int8(0),
        Value::Int16(_) => Value::Int16(0),
        Value::Int32(_) => Value::Int32(0),
        Value::Int64(_) => Value::Int64(0),
        Value::Float32(_) => Value::Float32(0.0),
        Value::Float64(_) => Value::Float64(0.0),
        Value::Decimal(_) => Decimal::new(0, 0).into(),
        Value::Date(_) => Value::Date(0),
        Value::Time(_) => Value::Time(0),
        Value::Timestamp(_) => Value::Timestamp(0),
        Value::String(_) => Value::from(""),
        Value::Array(_) => Value::Array(Vec::new()),
        Value::Map(_) => Map::new().into(),
        _ => return None,
    })
}

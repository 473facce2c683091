use super::kind::Configured;
use super::schema_cache::SchemaCache;
use super::target::{map_of, struct_of};
use super::{Target, Transform, TransformError};
use crate::data::simple_date::SimpleDate;
use crate::data::{Logical, Map, Schema, SchemaAndValue, SchemaBuilder, Struct, Type, Value};
use crate::options::{Choice, Fault, Options};
use crate::record::Record;
use std::sync::Arc;

#[derive(Options, Clone, Debug)]
#[options(check = has_format)]
pub(super) struct ConverterOptions {
    /// The field that is a time, or nothing if the whole is.
    #[option(default = "", importance = "high")]
    field: String,
    /// What it becomes: string, unix, Date, Time or Timestamp.
    #[option(name = "target.type", importance = "high")]
    to: Form,
    /// How a time is written as text: a pattern of Java's SimpleDateFormat, in UTC.
    #[option(default = "", check = is_pattern)]
    format: String,
    /// What a number counts since 1970.
    #[option(name = "unix.precision", default = "milliseconds", importance = "low")]
    precision: Precision,
    /// Whether the default stands for a field's null.
    #[option(name = "replace.null.with.default", default = true)]
    defaults: bool,
}

/// What a time can be.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    #[choice("string")]
    String,
    #[choice("unix")]
    Unix,
    #[choice("Date")]
    Date,
    #[choice("Time")]
    Time,
    #[choice("Timestamp")]
    Timestamp,
}

#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
enum Precision {
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

fn is_pattern(pattern: &str) -> Result<(), String> {
    SimpleDate::new(pattern).map(|_| ())
}

fn has_format(options: &ConverterOptions) -> Result<(), Fault> {
    if options.to == Form::String && options.format.trim().is_empty() {
        return Err(Fault::new("format", "format must say how times are written when target.type is string"));
    }
    Ok(())
}

/// Converts times between texts, numbers and Connect's types.
#[derive(Debug)]
pub(super) struct TimestampConverter {
    target: Target,
    field: String,
    to: Form,
    format: Option<SimpleDate>,
    precision: Precision,
    defaults: bool,
    schemas: SchemaCache,
}

impl Configured for TimestampConverter {
    type Options = ConverterOptions;

    fn new(options: ConverterOptions, target: Target) -> Result<Self, Fault> {
        let pattern = Some(&options.format).filter(|pattern| !pattern.trim().is_empty());
        let format = pattern.map(|pattern| SimpleDate::new(pattern)).transpose();
        Ok(TimestampConverter {
            target,
            field: options.field,
            to: options.to,
            format: format.map_err(|why| Fault::invalid("format", &options.format, &why))?,
            precision: options.precision,
            defaults: options.defaults,
            schemas: SchemaCache::default(),
        })
    }
}

const WHAT: &str = "converting times";
const DAY_MS: i64 = 86_400_000;

impl Transform for TimestampConverter {
    fn apply(&self, record: Record) -> Result<Option<Record>, TransformError> {
        self.target.change(record, |SchemaAndValue { schema, value }| match (schema, value) {
            (None, Value::Null) => Ok(SchemaAndValue::NULL),
            (None, value) if self.field.is_empty() => Ok(SchemaAndValue::schemaless(self.convert(&value)?)),
            (None, value) => Ok(SchemaAndValue::schemaless(self.of_map(map_of(value, WHAT)?)?)),
            (Some(schema), value) if self.field.is_empty() => {
                is_time(&schema)?;
                Ok(SchemaAndValue::new(self.schema_of(schema.is_optional())?, self.convert(&value)?))
            }
            (Some(schema), Value::Null) => Ok(SchemaAndValue::new(self.schema(&schema)?, Value::Null)),
            (Some(schema), value) => {
                let updated = self.schema(&schema)?;
                let value = self.of_struct(Arc::clone(&updated), struct_of(value, WHAT)?)?;
                Ok(SchemaAndValue::new(updated, value))
            }
        })
    }
}

/// A schema whose values can be times.
fn is_time(schema: &Schema) -> Result<(), TransformError> {
    match (schema.logical(), schema.kind()) {
        (Some(Logical::Date | Logical::Time | Logical::Timestamp), _) => Ok(()),
        (_, Type::String | Type::Int64) => Ok(()),
        (_, other) => Err(TransformError::Form {
            what: WHAT,
            expected: "a STRING, an INT64 or a time",
            found: other.name(),
        }),
    }
}

impl TimestampConverter {
    fn of_map(&self, mut map: Map) -> Result<Map, TransformError> {
        let converted = map.get(&self.field).map_or(Ok(Value::Null), |value| self.convert(value))?;
        map.insert(self.field.as_str(), converted);
        Ok(map)
    }

    fn of_struct(&self, schema: Arc<Schema>, value: Struct) -> Result<Struct, TransformError> {
        let mut converted = Struct::new(schema)?;
        let (old, values) = value.into_filled(self.defaults);
        for (field, value) in old.fields().zip(values) {
            let value = if *field.name == *self.field {
                is_time(&field.schema)?;
                self.convert(&value)?
            } else {
                value
            };
            converted.put(&field.name, value)?;
        }
        Ok(converted)
    }

    fn schema(&self, schema: &Arc<Schema>) -> Result<Arc<Schema>, TransformError> {
        if schema.kind() != Type::Struct {
            let expected = "a STRUCT where there is a schema";
            return Err(TransformError::Form { what: WHAT, expected, found: schema.kind().name() });
        }
        self.schemas.get_or_make(schema, |schema| {
            let mut builder = SchemaBuilder::like(schema);
            for field in schema.fields() {
                let schema = if *field.name == *self.field {
                    self.schema_of(field.schema.is_optional())?
                } else {
                    Arc::clone(&field.schema)
                };
                builder = builder.field(Arc::clone(&field.name), schema);
            }
            let builder = builder.optional_if(schema.is_optional());
            let Some(default) = schema.default_value().and_then(Value::as_struct) else {
                return Ok(builder.build()?);
            };
            let default = self.of_struct(builder.clone().build()?, default.clone())?;
            Ok(builder.default_value(default).build()?)
        })
    }

    fn schema_of(&self, optional: bool) -> Result<Arc<Schema>, TransformError> {
        let builder = match self.to {
            Form::String => Schema::builder(Type::String),
            Form::Unix => Schema::builder(Type::Int64),
            Form::Date => Schema::date(),
            Form::Time => Schema::time(),
            Form::Timestamp => Schema::timestamp(),
        };
        Ok(builder.optional_if(optional).build()?)
    }

    fn convert(&self, value: &Value) -> Result<Value, TransformError> {
        let ms = match value {
            Value::Null => return Ok(Value::Null),
            Value::Date(days) => i64::from(*days) * DAY_MS,
            Value::Time(ms) => (*ms).into(),
            Value::Timestamp(ms) => *ms,
            Value::Int64(unix) => self.ms_of(*unix),
            Value::String(text) => self.parse(text)?,
            other => {
                let expected = "a STRING, an INT64 or a time";
                return Err(TransformError::Form { what: WHAT, expected, found: other.kind_name() });
            }
        };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a day in milliseconds has 27 bits; days beyond 32 wrap as in Java"
        )]
        Ok(match (self.to, &self.format) {
            (Form::String, Some(format)) => format.format(ms).into(),
            (Form::String, None) => {
                return Err(TransformError::Value("no format says how a time is written".to_owned()));
            }
            (Form::Unix, _) => Value::Int64(self.unix_of(ms)),
            (Form::Date, _) => Value::Date(ms.div_euclid(DAY_MS) as i32),
            (Form::Time, _) => Value::Time(ms.rem_euclid(DAY_MS) as i32),
            (Form::Timestamp, _) => Value::Timestamp(ms),
        })
    }

    fn parse(&self, text: &str) -> Result<i64, TransformError> {
        let format = self
            .format
            .as_ref()
            .ok_or_else(|| TransformError::Value("no format says how to read a text as a time".into()))?;
        format
            .parse(text)
            .ok_or_else(|| TransformError::Value("a text that is no time of the format".to_owned()))
    }

    /// Too far away is as far as can be.
    fn ms_of(&self, unix: i64) -> i64 {
        match self.precision {
            Precision::Seconds => unix.saturating_mul(1_000),
            Precision::Milliseconds => unix,
            Precision::Microseconds => unix / 1_000,
            Precision::Nanoseconds => unix / 1_000_000,
        }
    }

    fn unix_of(&self, ms: i64) -> i64 {
        match self.precision {
            Precision::Seconds => ms / 1_000,
            Precision::Milliseconds => ms,
            Precision::Microseconds => ms.saturating_mul(1_000),
            Precision::Nanoseconds => ms.saturating_mul(1_000_000),
        }
    }
}

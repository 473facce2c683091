//! What a column that is read becomes.

use std::sync::Arc;

use tokio_postgres::types::Type as SqlType;
use tokio_postgres::{Error, Row};

use crate::data::{Schema, Value};

/// How a column is read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Boolean,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    Decimal,
    Bytes,
    Date,
    Time,
    Timestamp,
    Text,
}

impl Kind {
    pub(super) fn of(kind: &SqlType) -> Self {
        match *kind {
            SqlType::BOOL => Self::Boolean,
            SqlType::INT2 => Self::Int16,
            SqlType::INT4 => Self::Int32,
            SqlType::INT8 => Self::Int64,
            SqlType::FLOAT4 => Self::Float32,
            SqlType::FLOAT8 => Self::Float64,
            SqlType::NUMERIC => Self::Decimal,
            SqlType::BYTEA => Self::Bytes,
            SqlType::DATE => Self::Date,
            SqlType::TIME => Self::Time,
            SqlType::TIMESTAMP | SqlType::TIMESTAMPTZ => Self::Timestamp,
            _ => Self::Text,
        }
    }

    /// What is asked for, of a column whose name is quoted.
    pub(super) fn select(self, name: &str) -> String {
        match self {
            Self::Date => format!("CASE WHEN isfinite({name}) THEN {name} - date '1970-01-01' END"),
            // The server's day has 24:00 in it, and Kafka Connect's ends before.
            Self::Time => format!(
                "CASE WHEN {name} < '24:00' THEN floor(extract(epoch FROM {name}) * 1000)::int WHEN {name} = '24:00' THEN 86399999 END"
            ),
            Self::Timestamp => {
                format!(
                    "CASE WHEN isfinite({name}) THEN floor(extract(epoch FROM {name}) * 1000)::bigint END"
                )
            }
            Self::Decimal | Self::Text => format!("{name}::text"),
            _ => name.to_owned(),
        }
    }

    /// Of a column that may be null.
    pub(super) fn schema(self) -> Result<Arc<Schema>, crate::data::DataError> {
        Ok(match self {
            Self::Boolean => Schema::optional_boolean(),
            Self::Int16 => Schema::optional_int16(),
            Self::Int32 => Schema::optional_int32(),
            Self::Int64 => Schema::optional_int64(),
            Self::Float32 => Schema::optional_float32(),
            Self::Float64 => Schema::optional_float64(),
            Self::Bytes => Schema::optional_bytes(),
            // A number knows its digits itself: text keeps them, as every column may have its own.
            Self::Text | Self::Decimal => Schema::optional_string(),
            Self::Date => Schema::date().optional().build()?,
            Self::Time => Schema::time().optional().build()?,
            Self::Timestamp => Schema::timestamp().optional().build()?,
        })
    }

    pub(super) fn read(self, row: &Row, at: usize) -> Result<Value, Error> {
        fn value<'a, T: tokio_postgres::types::FromSql<'a>>(
            row: &'a Row,
            at: usize,
            make: impl Fn(T) -> Value,
        ) -> Result<Value, Error> {
            Ok(row.try_get::<_, Option<T>>(at)?.map_or(Value::Null, make))
        }
        match self {
            Self::Boolean => value(row, at, Value::Boolean),
            Self::Int16 => value(row, at, Value::Int16),
            Self::Int32 => value(row, at, Value::Int32),
            Self::Int64 => value(row, at, Value::Int64),
            Self::Float32 => value(row, at, Value::Float32),
            Self::Float64 => value(row, at, Value::Float64),
            Self::Bytes => value(row, at, |bytes: Vec<u8>| Value::bytes(bytes)),
            Self::Date => value(row, at, Value::Date),
            Self::Time => value(row, at, Value::Time),
            Self::Timestamp => value(row, at, Value::Timestamp),
            Self::Decimal | Self::Text => value(row, at, |text: &str| Value::string(text)),
        }
    }
}
